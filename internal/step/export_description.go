package step

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// descriptionLanes is how many descriptions are read at a time.
const descriptionLanes = 4

// describe reads the descriptions that are missing.
func (x *exporting) describe(ctx context.Context) error {
	var batch []closing.Asset
	flush := func() error {
		err := clock.Each(ctx, descriptionLanes, batch, x.describeOne)
		if err == nil {
			x.Described.Next, batch = x.Described.Next+len(batch), nil
		}
		return err
	}
	for e, err := range x.rest(ctx, x.Described) {
		if err != nil {
			return err
		}
		if len(batch) == 0 && clock.Remaining(ctx) < exportReserve {
			return nil
		}
		if batch = append(batch, e.Asset); len(batch) == 4*descriptionLanes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// describeOne reads and keeps one description, or says how QuickSight refused.
func (x *exporting) describeOne(ctx context.Context, a closing.Asset) error {
	if a.Kind == kindPeople {
		return x.describePeople(ctx)
	}
	body, err := describedAt(ctx, x.target, x.plan.AccountID, a.Region, descriptionPath(x.plan.AccountID, a))
	if refused, err := x.refusedDescription(err, a); err != nil || refused {
		return err
	}
	name := path.Join("backup", a.Region, a.Kind+"."+resourceOf(a.ARN)+".json")
	object, err := x.store(ctx, name, "application/json", func(w io.Writer) error {
		_, err := io.Copy(w, bytes.NewReader(body))
		return err
	})
	if err != nil {
		return err
	}
	object.Region, object.N = a.Region, 1
	return x.saved(object, closing.InDescription, a)
}

// refusedDescription tells whether QuickSight would not describe assets, and notes it.
func (x *exporting) refusedDescription(err error, assets ...closing.Asset) (bool, error) {
	switch r := refusalOf(err); r.kind {
	case accepted:
		return false, nil
	case deniedByIdentity, otherwise:
		return true, unreadable(err, "quicksight:Describe… of "+assets[0].ARN, assets[0].Region)
	default:
		return true, x.failed(r.code, err.Error(), assets...)
	}
}

// kindPeople stands for users, groups and who is in which, which are saved as one description.
const kindPeople = "people"

// person is one line of it: a user, or a group with its members.
type person struct {
	Namespace string   `json:"namespace"`
	User      string   `json:"user,omitempty"`
	Role      string   `json:"role,omitempty"`
	Group     string   `json:"group,omitempty"`
	Members   []string `json:"members,omitempty"`
}

// describePeople saves the users and groups of the plan, with a call for each group and page of its members. A group that QuickSight will not
// describe fails alone.
func (x *exporting) describePeople(ctx context.Context) error {
	const name = "backup/people.jsonl"
	n := 0
	object, err := x.store(ctx, name, "application/jsonl", func(w io.Writer) error {
		lines := json.NewEncoder(w)
		for a, err := range x.assets(ctx) {
			if err != nil {
				return err
			}
			if a.Kind != kindUser && a.Kind != kindGroup {
				continue
			}
			p := person{Namespace: idParts(a.ARN)[0], User: a.Name, Role: a.Role}
			if a.Kind == kindGroup {
				p.User, p.Group = "", a.Name
				p.Members, err = x.members(ctx, a.Region, p.Namespace, p.Group)
				if refused, err := x.refusedDescription(err, a); err != nil {
					return err
				} else if refused {
					continue
				}
			}
			n++
			if err := lines.Encode(p); err != nil {
				return err
			}
			if err := x.backups.Add(closing.Backup{ARN: a.ARN, Kind: a.Kind, Region: a.Region, As: closing.InDescription, Object: name}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	object.Region, object.N = x.plan.IdentityRegion, n
	return x.saved(object, closing.InDescription)
}

// members are the members of a group.
func (x *exporting) members(ctx context.Context, region, namespace, name string) ([]string, error) {
	members := []string{}
	pages := quicksight.NewListGroupMembershipsPaginator(quickSightIn(x.target, region), &quicksight.ListGroupMembershipsInput{
		AwsAccountId: &x.plan.AccountID, Namespace: &namespace, GroupName: &name, MaxResults: &mostPerPage,
	})
	err := readPages(ctx, pages, func(p *quicksight.ListGroupMembershipsOutput) {
		for _, m := range p.GroupMemberList {
			members = append(members, aws.ToString(m.MemberName))
		}
	})
	return members, err
}

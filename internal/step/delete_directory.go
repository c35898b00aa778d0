package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	directory "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

const opDeleteDirectory = "ds:DeleteDirectory"

// DeleteDirectory deletes the Simple AD directory that the plan names, once the subscription is gone. It is done when the
// directory, its interfaces and its security group are gone, whoever deleted them.
func DeleteDirectory(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		p, err := env.begin(ctx, in, "delete-directory")
		if err != nil {
			return Result{}, err
		}
		if p.plan.Directory.Fate != closing.FateDelete {
			return p.done()
		}
		d := &undirecting{pass: p}
		if d.target, err = p.looking(ctx); err != nil {
			return Result{}, err
		}
		if err := d.look(ctx); err != nil {
			return Result{}, err
		}
		if len(d.left) == 0 {
			return p.done()
		}
		if d.now != nil && d.now.Stage != directory.DirectoryStageDeleting && !d.asked(opDeleteDirectory, d.plan.Directory.ID) {
			if err := check(ctx, env, d, beforeDirectory); err != nil {
				return Result{}, err
			}
			if err := d.delete(ctx); err != nil {
				return Result{}, err
			}
		}
		return p.wait(ctx, time.Minute, 5*time.Minute, env.Config.DirectoryBudget, d.left...)
	}
}

// undirecting is one pass of the step, with what it sees.
type undirecting struct {
	*pass
	target aws.Config
	now    *directory.DirectoryDescription // nil: gone
	left   []string                        // in words
}

// look reads the directory and what Directory Service made for it, and settles what earlier passes left open.
func (d *undirecting) look(ctx context.Context) error {
	planned := d.plan.Directory
	var err error
	if d.now, err = directoryIn(ctx, d.target, planned.Region, planned.ID); err != nil {
		return stopped(err, "ds:DescribeDirectories", planned.Region)
	}
	if d.now != nil {
		d.left = append(d.left, fmt.Sprintf("directory %s (%s)", planned.ID, d.now.Stage))
	}
	err = d.settle(ctx, func(a closing.Act) string {
		switch {
		case d.now == nil || d.now.Stage == directory.DirectoryStageDeleting:
			return outcomeDone
		case clock.Now(ctx).Sub(a.Intended) < lag:
			return ""
		default:
			return outcomeNoTrace
		}
	})
	if err != nil || d.now != nil {
		return err // while the directory lives, its interfaces do too
	}
	leftovers, err := d.leftovers(ctx)
	d.left = append(d.left, leftovers...)
	return err
}

// leftovers are the directory's interfaces and security group. Directory Service removes them with the caller's rights, and they
// can outlive the directory for a while.
func (d *undirecting) leftovers(ctx context.Context) ([]string, error) {
	planned := d.plan.Directory
	api := ec2In(d.target, planned.Region)
	var left []string
	if ids := planned.Interfaces; len(ids) > 0 {
		err := readPages(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: aws.String("network-interface-id"), Values: ids}}}),
			func(p *ec2.DescribeNetworkInterfacesOutput) {
				for _, e := range p.NetworkInterfaces {
					left = append(left, fmt.Sprintf("interface %s of the directory (%s)", aws.ToString(e.NetworkInterfaceId), e.Status))
				}
			})
		if err != nil {
			return nil, stopped(err, "ec2:DescribeNetworkInterfaces", planned.Region)
		}
	}
	if id := planned.SecurityGroup; id != "" {
		err := readPages(ctx, ec2.NewDescribeSecurityGroupsPaginator(api, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{{Name: aws.String("group-id"), Values: []string{id}}}}),
			func(p *ec2.DescribeSecurityGroupsOutput) {
				for _, g := range p.SecurityGroups {
					left = append(left, fmt.Sprintf("security group %s of the directory", aws.ToString(g.GroupId)))
				}
			})
		if err != nil {
			return nil, stopped(err, "ec2:DescribeSecurityGroups", planned.Region)
		}
	}
	return left, nil
}

// delete asks Directory Service to delete the directory.
func (d *undirecting) delete(ctx context.Context) error {
	planned := d.plan.Directory
	hands, err := d.sessions(grant{planned.ID, d.directoryPolicy()})
	if err != nil {
		return err
	}
	err = d.act(ctx, change{opDeleteDirectory, planned.Region, planned.ID, func(ctx context.Context) error {
		cfg, err := hands.of(ctx, planned.ID)
		if err != nil {
			return err
		}
		_, err = directoriesIn(cfg, planned.Region).DeleteDirectory(ctx, &directoryservice.DeleteDirectoryInput{DirectoryId: &planned.ID})
		return err
	}})
	var refused *directory.ClientException
	if !errors.As(err, &refused) {
		if err != nil {
			return stopped(err, opDeleteDirectory, planned.Region)
		}
		return nil
	}
	switch message := refused.ErrorMessage(); {
	case strings.Contains(message, "authorized applications"):
		return d.authorized(ctx, refused)
	case strings.Contains(message, "already being deleted"):
		return nil
	default:
		return closing.Errorf(closing.Blocked, "Directory Service refuses to delete %s: %w; the directory was not touched", planned.ID, refused).
			WithHint("remove what it names, then redrive this execution")
	}
}

// authorized waits for QuickSight's authorization of the directory to go, which takes AWS 30 to 60 minutes after unsubscribing.
// What is still authorized then is not QuickSight, and no API names it.
// https://docs.aws.amazon.com/workspaces/latest/adminguide/delete-workspaces-directory.html
func (d *undirecting) authorized(ctx context.Context, refusal error) error {
	if clock.Now(ctx).Sub(d.in.since()) < d.Config.AuthorizedApplicationsWait {
		d.left = append(d.left, "its authorized applications")
		return nil
	}
	return closing.Errorf(closing.Overrun, "the directory %s still has authorized applications after %s; it was not touched: %w",
		d.plan.Directory.ID, d.Config.AuthorizedApplicationsWait, refusal).
		WithHint("see which of WorkSpaces, WorkMail, WorkDocs, FSx, RDS, Connect, Client VPN and console access uses it, and redrive this execution when none does; " +
			"or leave the directory to its users: the subscription is gone")
}

// directoryPolicy is what deleting the directory needs: Directory Service removes its interfaces and its group with the caller's
// rights. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsdirectoryservice.html
func (p *pass) directoryPolicy() Policy {
	planned := p.plan.Directory
	policy := Policy{
		{Actions: []string{opDeleteDirectory}, Resources: []string{p.arn("ds", planned.Region, "directory/"+planned.ID)}},
		{Actions: []string{"ec2:DescribeNetworkInterfaces"}, Regions: []string{planned.Region}},
	}
	if id := planned.SecurityGroup; id != "" {
		policy = append(policy, Statement{
			Actions:   []string{"ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"},
			Resources: []string{p.arn("ec2", planned.Region, "security-group/"+id)},
		})
	}
	if len(planned.Interfaces) > 0 {
		interfaces := Statement{Actions: []string{"ec2:DeleteNetworkInterface"}}
		for _, id := range planned.Interfaces {
			interfaces.Resources = append(interfaces.Resources, p.arn("ec2", planned.Region, "network-interface/"+id))
		}
		policy = append(policy, interfaces)
	}
	return policy
}

// unsubscribed is the guard "subscription-gone". A directory of an account that QuickSight still has would lock its users out.
func (d *undirecting) unsubscribed(ctx context.Context) error {
	region := cmp.Or(d.plan.IdentityRegion, d.plan.Directory.Region)
	now, err := subscriptionIn(ctx, d.target, d.plan.AccountID, region)
	if refusalOf(err).kind == otherIdentityRegion {
		now, err = condition{lifeActive, "a subscription whose identity region is " + refusalOf(err).region}, nil
	}
	if err != nil {
		return stopped(err, "quicksight:DescribeAccountSubscription", region)
	}
	if now.life != lifeGone {
		return closing.Errorf(closing.Stale, "account %s is subscribed to QuickSight again (%s); the directory %s was not touched", d.plan.AccountID, now.status, d.plan.Directory.ID).
			WithHint("start a fresh run if this subscription is to be closed too")
	}
	return nil
}

// simpleAD is the guard "simple-ad".
func (d *undirecting) simpleAD(context.Context) error {
	if d.now.Type != directory.DirectoryTypeSimpleAd {
		return closing.Errorf(closing.Blocked, "the directory %s is a %s, not a Simple AD; it was not touched", d.plan.Directory.ID, d.now.Type).
			WithHint("leave it to its users; the subscription is gone")
	}
	return nil
}

// unused is the guard "directory-in-use". Who began to use the directory since the plan was made would lose it.
func (d *undirecting) unused(ctx context.Context) error {
	n, err := readCandidates(ctx, d.target, d.plan.Directory.Region, d.plan.VPC.ID)
	if err != nil {
		return stillStopped(err, d.plan.Directory.Region)
	}
	uses := surroundings{own: belongingsOf(d.plan)}.examine(n, *d.now).uses
	if len(uses) == 0 {
		return nil
	}
	return closing.Errorf(closing.Blocked, "the directory %s is in use: %s; it was not touched", d.plan.Directory.ID, ListOf(uses...)).
		WithHint("move it to another directory and redrive this execution, or leave the directory to its users: the subscription is gone")
}

// directoriesIn is Directory Service in a region.
func directoriesIn(target aws.Config, region string) *directoryservice.Client {
	return directoryservice.NewFromConfig(target, func(o *directoryservice.Options) { o.Region = region })
}

// directoryIn looks for a directory among all of the region, as Directory Service calls it an error to ask for one that is gone;
// nil where it is.
func directoryIn(ctx context.Context, target aws.Config, region, id string) (found *directory.DirectoryDescription, err error) {
	pages := directoryservice.NewDescribeDirectoriesPaginator(directoriesIn(target, region), &directoryservice.DescribeDirectoriesInput{})
	err = readPages(ctx, pages, func(p *directoryservice.DescribeDirectoriesOutput) {
		for i := range p.DirectoryDescriptions {
			if d := &p.DirectoryDescriptions[i]; aws.ToString(d.DirectoryId) == id && d.Stage != directory.DirectoryStageDeleted {
				found = d
			}
		}
	})
	return found, err
}

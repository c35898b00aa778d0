package step

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/closing"
)

// reference is a rule of one security group that names another.
type reference struct {
	to         string
	egress     bool
	permission types.IpPermission // the rule, with that one group
}

// references are the rules by which a group names other groups.
func (d *dismantling) references(group string) []reference {
	for _, g := range d.network.Groups {
		if aws.ToString(g.GroupId) == group {
			return referencesOf(g)
		}
	}
	return nil
}

// referencesOf are the rules of a group that name others.
func referencesOf(g types.SecurityGroup) []reference {
	id := aws.ToString(g.GroupId)
	return append(referencesIn(g.IpPermissions, id, false), referencesIn(g.IpPermissionsEgress, id, true)...)
}

func referencesIn(permissions []types.IpPermission, group string, egress bool) []reference {
	var found []reference
	for _, p := range permissions {
		for _, pair := range p.UserIdGroupPairs {
			if to := aws.ToString(pair.GroupId); to != group {
				found = append(found, reference{to, egress, types.IpPermission{
					IpProtocol: p.IpProtocol, FromPort: p.FromPort, ToPort: p.ToPort,
					UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: pair.GroupId, UserId: pair.UserId}},
				}})
			}
		}
	}
	return found
}

// groups deletes the security groups that nothing uses. EC2 refuses a group that another one names, so groups that name each
// other are first separated: one of them loses its rules that name the others. The default group, which goes with the VPC alone,
// loses those that name what is deleted before.
func (d *dismantling) groups(ctx context.Context) error {
	for {
		deleted, err := d.deleteUnnamed(ctx)
		if err != nil {
			return err
		}
		if deleted {
			continue
		}
		if separated, err := d.separate(ctx); err != nil || !separated {
			return err
		}
	}
}

// deleteUnnamed deletes the groups that no interface uses and no other group names, and tells whether there was one.
func (d *dismantling) deleteUnnamed(ctx context.Context) (deleted bool, err error) {
	before := len(d.contents.Resources)
	free := func(group string) bool {
		return !d.used(group) && !d.named(group) && !slices.Contains(d.held, closing.Resource{Kind: "sg", ID: group})
	}
	err = d.together(ctx, d.every("sg", free, deletion{operation: "ec2:DeleteSecurityGroup", call: func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}}))
	return len(d.contents.Resources) < before, err
}

// separate revokes the rules by which one group names others, and tells whether there was one. It does so only where the plan
// names both groups and no interface uses either, so that no traffic of anybody depends on the rules.
func (d *dismantling) separate(ctx context.Context) (bool, error) {
	groups := slices.Clone(d.network.Groups)
	// The default group first, whose rules must go in any case: what they tied may then need no revoking of its own.
	slices.SortStableFunc(groups, func(a, b types.SecurityGroup) int {
		switch {
		case isDefaultGroup(a) == isDefaultGroup(b):
			return 0
		case isDefaultGroup(a):
			return -1
		default:
			return 1
		}
	})
	for _, g := range groups {
		group := aws.ToString(g.GroupId)
		if !d.plan.Names(group) || d.used(group) {
			continue
		}
		separated := false
		for _, egress := range []bool{false, true} {
			var rules []types.IpPermission
			for _, r := range d.references(group) {
				if r.egress == egress && d.has(r.to) && !d.used(r.to) {
					rules = append(rules, r.permission)
				}
			}
			if len(rules) == 0 {
				continue
			}
			if err := d.revoke(ctx, group, egress, rules); err != nil {
				return false, err
			}
			separated = true
		}
		if separated {
			return true, nil
		}
	}
	return false, nil
}

func (d *dismantling) revoke(ctx context.Context, group string, egress bool, rules []types.IpPermission) error {
	operation := "ec2:RevokeSecurityGroupIngress"
	if egress {
		operation = "ec2:RevokeSecurityGroupEgress"
	}
	err := d.call(ctx, operation, group, func(ctx context.Context, api *ec2.Client, id string) (err error) {
		if egress {
			_, err = api.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &id, IpPermissions: rules})
		} else {
			_, err = api.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &id, IpPermissions: rules})
		}
		return err
	})
	if err != nil {
		return err
	}
	for i := range d.network.Groups {
		if g := &d.network.Groups[i]; aws.ToString(g.GroupId) == group {
			permissions := &g.IpPermissions
			if egress {
				permissions = &g.IpPermissionsEgress
			}
			*permissions = without(*permissions, rules)
		}
	}
	if len(d.references(group)) == 0 {
		d.forget(closing.Resource{Kind: closing.KindGroupRules, ID: group})
	}
	return nil
}

// without takes the groups that rules name out of permissions.
func without(permissions, rules []types.IpPermission) []types.IpPermission {
	var kept []types.IpPermission
	for _, p := range permissions {
		p.UserIdGroupPairs = slices.DeleteFunc(slices.Clone(p.UserIdGroupPairs), func(pair types.UserIdGroupPair) bool {
			return slices.ContainsFunc(rules, func(r types.IpPermission) bool {
				return aws.ToString(r.IpProtocol) == aws.ToString(p.IpProtocol) && aws.ToInt32(r.FromPort) == aws.ToInt32(p.FromPort) &&
					aws.ToInt32(r.ToPort) == aws.ToInt32(p.ToPort) && aws.ToString(r.UserIdGroupPairs[0].GroupId) == aws.ToString(pair.GroupId)
			})
		})
		kept = append(kept, p)
	}
	return kept
}

// used tells whether an interface uses a group.
func (d *dismantling) used(group string) bool {
	return slices.ContainsFunc(d.network.Interfaces, func(e types.NetworkInterface) bool {
		return slices.ContainsFunc(e.Groups, func(g types.GroupIdentifier) bool { return aws.ToString(g.GroupId) == group })
	})
}

// named tells whether another group names a group.
func (d *dismantling) named(group string) bool {
	return slices.ContainsFunc(d.network.Groups, func(g types.SecurityGroup) bool { return namesGroup(g, group) })
}

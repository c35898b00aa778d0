package step

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// DeleteVPC deletes the VPC that the plan names and what the plan names in it, in an order in which EC2 lets it: what has
// interfaces first, then gateways, subnets, tables, groups and the VPC. Anything else in the VPC stops the pass.
func DeleteVPC(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		p, err := env.begin(ctx, in, "delete-vpc")
		if err != nil {
			return Result{}, err
		}
		if p.plan.VPC.Fate != closing.FateDelete {
			return p.done()
		}
		d := &dismantling{pass: p}
		if err := d.look(ctx); err != nil {
			return Result{}, err
		}
		if d.contents.Found {
			if err := check(ctx, env, d, beforeVPC); err != nil {
				return Result{}, err
			}
		}
		left, err := d.dismantle(ctx)
		if err != nil {
			return Result{}, err
		}
		if len(left) == 0 {
			return p.done()
		}
		return p.wait(ctx, 2*time.Minute, 5*time.Minute, env.Config.VPCBudget, left...)
	}
}

// dismantling is one pass over a VPC: what EC2 shows of it, from which each act takes away what it deletes.
type dismantling struct {
	*pass
	network  *network
	contents vpcContents
	hands    *sessions
	held     []closing.Resource // what EC2 said is in use, in this pass
}

func (d *dismantling) region() string { return d.plan.VPC.Region }

// look reads the VPC, one describe for each kind, and settles what earlier passes left open.
func (d *dismantling) look(ctx context.Context) error {
	target, err := d.looking(ctx)
	if err != nil {
		return err
	}
	if d.network, err = readNetwork(ctx, target, d.region(), d.plan.VPC.ID); err != nil {
		return stillStopped(err, d.region())
	}
	d.contents = d.network.classify(d.plan.VPC.ID, belongingsOf(d.plan))
	return d.settle(ctx, func(a closing.Act) string {
		there := d.has(a.Resource)
		switch {
		case a.Resource == d.plan.VPC.ID:
			there = d.contents.Found
		case a.Operation == "ec2:DeleteInternetGateway":
			there = true // once detached it is in no list; asking again is answered with "not found" if it is gone
		case a.Operation == "ec2:RevokeSecurityGroupIngress":
			there = slices.ContainsFunc(d.references(a.Resource), func(r reference) bool { return !r.egress })
		case a.Operation == "ec2:RevokeSecurityGroupEgress":
			there = slices.ContainsFunc(d.references(a.Resource), func(r reference) bool { return r.egress })
		}
		switch {
		case !there:
			return outcomeDone
		case clock.Now(ctx).Sub(a.Intended) < lag:
			return ""
		default:
			return outcomeNoTrace
		}
	})
}

// has tells whether the VPC still holds something that a closing may delete.
func (d *dismantling) has(id string) bool {
	return slices.ContainsFunc(d.contents.Resources, func(r closing.Resource) bool { return r.ID == id })
}

// unused is the guard "foreign-workload".
func (d *dismantling) unused(ctx context.Context) error {
	if len(d.contents.Foreign) == 0 {
		return nil
	}
	var names []string
	for _, f := range d.contents.Foreign {
		names = append(names, f.String())
	}
	request, err := d.folder.Request(ctx)
	if err != nil {
		return err
	}
	return closing.Errorf(closing.Blocked, "the VPC %s is in use: %s; this pass changed nothing", d.plan.VPC.ID, ListOf(names...)).
		WithHint("move it out of the VPC and redrive this execution, or keep the VPC and start a fresh run with %s",
			paste(request, func(r *closing.Request) { r.VPC = closing.Keep }))
}

// asPlanned is the guard "outside-plan".
func (d *dismantling) asPlanned(context.Context) error {
	var names []string
	for _, r := range d.contents.Resources {
		if !d.plan.Names(r.ID) {
			names = append(names, r.String())
		}
	}
	if len(names) == 0 {
		return nil
	}
	return closing.Errorf(closing.Stale, "the VPC %s holds what nobody approved deleting: %s; this pass changed nothing", d.plan.VPC.ID, ListOf(names...)).
		WithHint("delete it yourself and redrive this execution, or start a fresh run, which asks again")
}

// dismantle deletes what can be deleted now and returns what is left. What is independent of each other is deleted side by side: what
// has interfaces, then what those held, then what that held in turn.
func (d *dismantling) dismantle(ctx context.Context) ([]string, error) {
	var err error
	if d.hands, err = d.sessions(d.grants()...); err != nil {
		return nil, err
	}
	for _, wave := range []func() []deletion{d.interfaceHolders, d.subnetsAndGateways, d.tables} {
		if err := d.together(ctx, wave()); err != nil {
			return nil, err
		}
	}
	if err := d.groups(ctx); err != nil {
		return nil, err
	}
	if err := d.theVPC(ctx); err != nil {
		return nil, err
	}
	var left []string
	for _, r := range d.inside() {
		left = append(left, r.String())
	}
	if d.contents.Found {
		left = append(left, "VPC "+d.plan.VPC.ID)
	}
	return left, nil
}

// inside is what is still in the VPC, or of it: a detached internet gateway is shown by no list of the VPC.
func (d *dismantling) inside() []closing.Resource {
	left := slices.Concat(d.contents.Resources, d.contents.Going)
	for _, r := range d.held {
		if !slices.Contains(left, r) {
			left = append(left, r)
		}
	}
	return left
}

// theVPC deletes the VPC when nothing is left in it. Its default group, default ACL and main route table go with it.
func (d *dismantling) theVPC(ctx context.Context) error {
	if !d.contents.Found || len(d.inside()) > 0 {
		return nil
	}
	err := d.call(ctx, "ec2:DeleteVpc", d.plan.VPC.ID, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &id})
		return err
	})
	if err != nil && !inUse(err) {
		return err
	}
	return nil // the next pass sees whether it is gone
}

// grants are what deleting the VPC and what the plan names in it needs.
func (d *dismantling) grants() []grant {
	name := func(kind, id string) string { return d.arn("ec2", d.region(), kind+"/"+id) }
	vpc := name("vpc", d.plan.VPC.ID)
	grants := []grant{{d.plan.VPC.ID, Policy{{Actions: []string{"ec2:DeleteVpc"}, Resources: []string{vpc}}}}}
	for _, r := range d.plan.VPC.Resources {
		var s Statement
		switch r.Kind {
		case "vpce":
			s = Statement{Actions: []string{"ec2:DeleteVpcEndpoints"}, Resources: []string{name("vpc-endpoint", r.ID)}}
		case "nat":
			s = Statement{Actions: []string{"ec2:DeleteNatGateway"}, Resources: []string{name("natgateway", r.ID)}}
		case "eigw":
			s = Statement{Actions: []string{"ec2:DeleteEgressOnlyInternetGateway"}, Resources: []string{name("egress-only-internet-gateway", r.ID)}}
		case "igw": // detaching needs the permission on both
			s = Statement{Actions: []string{"ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"}, Resources: []string{name("internet-gateway", r.ID), vpc}}
		case "eni":
			s = Statement{Actions: []string{"ec2:DeleteNetworkInterface"}, Resources: []string{name("network-interface", r.ID)}}
		case "subnet":
			s = Statement{Actions: []string{"ec2:DeleteSubnet"}, Resources: []string{name("subnet", r.ID)}}
		case "rtbassoc": // the permission is on the table
			s = Statement{Actions: []string{"ec2:DisassociateRouteTable"}, Resources: []string{name("route-table", "*")}}
		case "rtb":
			s = Statement{Actions: []string{"ec2:DeleteRouteTable"}, Resources: []string{name("route-table", r.ID)}}
		case "acl":
			s = Statement{Actions: []string{"ec2:DeleteNetworkAcl"}, Resources: []string{name("network-acl", r.ID)}}
		case "sg":
			s = Statement{
				Actions:   []string{"ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"},
				Resources: []string{name("security-group", r.ID)},
			}
		case closing.KindGroupRules:
			s = Statement{Actions: []string{"ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"}, Resources: []string{name("security-group", r.ID)}}
		default:
			continue
		}
		grants = append(grants, grant{r.ID, Policy{s}})
	}
	return grants
}

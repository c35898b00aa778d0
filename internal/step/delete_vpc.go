package step

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

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
	held     []string // what EC2 said is in use, in this pass
	left     []string // in words, beside what contents holds
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
			names = append(names, r.Kind+" "+r.ID)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return closing.Errorf(closing.Stale, "the VPC %s holds what nobody approved deleting: %s; this pass changed nothing", d.plan.VPC.ID, ListOf(names...)).
		WithHint("delete it yourself and redrive this execution, or start a fresh run, which asks again")
}

// dismantle deletes what can be deleted now and returns what is left.
func (d *dismantling) dismantle(ctx context.Context) ([]string, error) {
	var err error
	if d.hands, err = d.sessions(d.grants()...); err != nil {
		return nil, err
	}
	for _, stage := range []func(context.Context) error{
		d.endpoints, d.natGateways, d.interfaces, d.egressGateways, d.internetGateways,
		d.subnets, d.associations, d.routeTables, d.acls, d.groups, d.theVPC,
	} {
		if err := stage(ctx); err != nil {
			return nil, err
		}
	}
	return d.remaining(), nil
}

// remaining is what is still there, in words.
func (d *dismantling) remaining() []string {
	left := d.left
	for _, r := range slices.Concat(d.contents.Resources, d.contents.Going) {
		left = append(left, r.Kind+" "+r.ID)
	}
	if d.contents.Found {
		left = append(left, "VPC "+d.plan.VPC.ID)
	}
	return left
}

// each calls delete for every resource of a kind that is still there and that delete's own condition lets go.
func (d *dismantling) each(ctx context.Context, kind, operation string, ready func(id string) bool, call func(context.Context, *ec2.Client, string) error) error {
	for _, r := range slices.Clone(d.contents.Resources) {
		if r.Kind != kind || ready != nil && !ready(r.ID) {
			continue
		}
		if _, err := d.delete(ctx, operation, r.ID, call); err != nil {
			return err
		}
	}
	return nil
}

// delete makes one call on one resource, and takes the resource out of what is left where it is gone. What EC2 says is still in
// use stays for a later pass.
func (d *dismantling) delete(ctx context.Context, operation, id string, call func(context.Context, *ec2.Client, string) error) (gone bool, err error) {
	if slices.Contains(d.held, id) {
		return false, nil
	}
	switch err := d.call(ctx, operation, id, call); {
	case inUse(err):
		d.held = append(d.held, id)
		return false, nil
	case err != nil:
		return false, err
	}
	d.contents.Resources = slices.DeleteFunc(slices.Clone(d.contents.Resources), func(r closing.Resource) bool { return r.ID == id })
	return true, nil
}

func (d *dismantling) call(ctx context.Context, operation, id string, call func(context.Context, *ec2.Client, string) error) error {
	err := d.act(ctx, change{operation, d.region(), id, func(ctx context.Context) error {
		cfg, err := d.hands.of(ctx, id)
		if err != nil {
			return err
		}
		return call(ctx, ec2In(cfg, d.region()), id)
	}})
	if err != nil && !inUse(err) {
		return stopped(err, operation, d.region())
	}
	return err
}

// inUse tells whether EC2 refuses a deletion because something else still depends on the resource.
func inUse(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains([]string{"DependencyViolation", "IncorrectState", "InvalidGroup.InUse", "InvalidNetworkInterface.InUse"}, api.ErrorCode())
}

func (d *dismantling) endpoints(ctx context.Context) error {
	return d.slow(ctx, "vpce", "ec2:DeleteVpcEndpoints", func(ctx context.Context, api *ec2.Client, id string) error {
		out, err := api.DeleteVpcEndpoints(ctx, &ec2.DeleteVpcEndpointsInput{VpcEndpointIds: []string{id}})
		if err != nil {
			return err
		}
		for _, u := range out.Unsuccessful { // EC2 answers 200 all the same
			if u.Error != nil {
				return &smithy.GenericAPIError{Code: aws.ToString(u.Error.Code), Message: aws.ToString(u.Error.Message)}
			}
		}
		return nil
	})
}

func (d *dismantling) natGateways(ctx context.Context) error {
	return d.slow(ctx, "nat", "ec2:DeleteNatGateway", func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &id})
		return err
	})
}

// slow is each for what takes minutes to go, with interfaces that hold the subnets until then.
func (d *dismantling) slow(ctx context.Context, kind, operation string, call func(context.Context, *ec2.Client, string) error) error {
	for _, r := range slices.Clone(d.contents.Resources) {
		if r.Kind != kind {
			continue
		}
		// EC2 may go on showing the old state for a moment: one call is enough.
		gone := d.asked(operation, r.ID)
		if !gone {
			var err error
			if gone, err = d.delete(ctx, operation, r.ID, call); err != nil {
				return err
			}
		}
		if gone {
			d.contents.Resources = slices.DeleteFunc(d.contents.Resources, func(o closing.Resource) bool { return o == r })
			d.contents.Going = append(d.contents.Going, r)
		}
	}
	return nil
}

func (d *dismantling) egressGateways(ctx context.Context) error {
	return d.each(ctx, "eigw", "ec2:DeleteEgressOnlyInternetGateway", nil, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteEgressOnlyInternetGateway(ctx, &ec2.DeleteEgressOnlyInternetGatewayInput{EgressOnlyInternetGatewayId: &id})
		return err
	})
}

// internetGateways detaches and deletes internet gateways. EC2 refuses to detach one while the VPC has public addresses mapped.
// A gateway that an earlier pass detached is in no list of the VPC any more: the record knows it.
func (d *dismantling) internetGateways(ctx context.Context) error {
	vpc := d.plan.VPC.ID
	for _, r := range d.plan.VPC.Resources {
		if r.Kind != "igw" {
			continue
		}
		if d.has(r.ID) { // it is still attached
			if d.mapsPublicAddresses() {
				continue
			}
			switch err := d.call(ctx, "ec2:DetachInternetGateway", r.ID, func(ctx context.Context, api *ec2.Client, id string) error {
				_, err := api.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &id, VpcId: &vpc})
				return err
			}); {
			case inUse(err):
				continue
			case err != nil:
				return err
			}
		}
		if a, ok := d.lastAct("ec2:DeleteInternetGateway", r.ID); ok && (a.Outcome == outcomeDone || a.Outcome == outcomeGone) {
			continue
		}
		if !d.detached(r.ID) {
			continue // somebody else has detached it: it is no longer the VPC's
		}
		gone, err := d.delete(ctx, "ec2:DeleteInternetGateway", r.ID, func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id})
			return err
		})
		if err != nil {
			return err
		}
		if !gone && !d.has(r.ID) {
			d.left = append(d.left, "igw "+r.ID)
		}
	}
	return nil
}

// detached tells whether this run has detached a gateway.
func (d *dismantling) detached(id string) bool {
	a, ok := d.lastAct("ec2:DetachInternetGateway", id)
	return ok && (a.Outcome == outcomeDone || a.Outcome == outcomeGone)
}

// mapsPublicAddresses tells whether an interface or a NAT gateway in the VPC still has a public address.
func (d *dismantling) mapsPublicAddresses() bool {
	isNAT := func(r closing.Resource) bool { return r.Kind == "nat" }
	return slices.ContainsFunc(d.contents.Resources, isNAT) || slices.ContainsFunc(d.contents.Going, isNAT) ||
		slices.ContainsFunc(d.network.Interfaces, func(e types.NetworkInterface) bool {
			return e.Association != nil && aws.ToString(e.VpcId) == d.plan.VPC.ID
		})
}

func (d *dismantling) interfaces(ctx context.Context) error {
	for _, r := range slices.Clone(d.contents.Resources) {
		if r.Kind != "eni" {
			continue
		}
		gone, err := d.delete(ctx, "ec2:DeleteNetworkInterface", r.ID, func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &id})
			return err
		})
		if err != nil {
			return err
		}
		if gone {
			d.network.Interfaces = slices.DeleteFunc(d.network.Interfaces, func(e types.NetworkInterface) bool { return aws.ToString(e.NetworkInterfaceId) == r.ID })
		}
	}
	return nil
}

func (d *dismantling) subnets(ctx context.Context) error {
	empty := func(subnet string) bool {
		return !slices.ContainsFunc(d.network.Interfaces, func(e types.NetworkInterface) bool { return aws.ToString(e.SubnetId) == subnet })
	}
	return d.each(ctx, "subnet", "ec2:DeleteSubnet", empty, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
		return err
	})
}

// associations ends those of route tables with gateways. One with a subnet has gone with the subnet.
func (d *dismantling) associations(ctx context.Context) error {
	return d.each(ctx, "rtbassoc", "ec2:DisassociateRouteTable", nil, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &id})
		return err
	})
}

func (d *dismantling) routeTables(ctx context.Context) error {
	free := func(table string) bool {
		for _, t := range d.network.RouteTables {
			for _, a := range t.Associations {
				if aws.ToString(t.RouteTableId) == table && (d.has(aws.ToString(a.RouteTableAssociationId)) || d.has(aws.ToString(a.SubnetId))) {
					return false
				}
			}
		}
		return true
	}
	return d.each(ctx, "rtb", "ec2:DeleteRouteTable", free, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id})
		return err
	})
}

func (d *dismantling) acls(ctx context.Context) error {
	free := func(acl string) bool {
		for _, a := range d.network.ACLs {
			if aws.ToString(a.NetworkAclId) == acl && slices.ContainsFunc(a.Associations, func(s types.NetworkAclAssociation) bool { return d.has(aws.ToString(s.SubnetId)) }) {
				return false
			}
		}
		return true
	}
	return d.each(ctx, "acl", "ec2:DeleteNetworkAcl", free, func(ctx context.Context, api *ec2.Client, id string) error {
		_, err := api.DeleteNetworkAcl(ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &id})
		return err
	})
}

// theVPC deletes the VPC when nothing is left in it. Its default group, default ACL and main route table go with it.
func (d *dismantling) theVPC(ctx context.Context) error {
	if !d.contents.Found || len(d.contents.Resources)+len(d.contents.Going)+len(d.left) > 0 {
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
		default:
			continue
		}
		grants = append(grants, grant{r.ID, Policy{s}})
	}
	return grants
}

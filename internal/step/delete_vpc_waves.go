package step

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// deletion is one call on one resource, after which the VPC is rid of it.
type deletion struct {
	closing.Resource
	operation string
	call      ec2Call
	slow      bool // EC2 takes minutes, and interfaces hold the subnets until then
}

// ec2Call is a call of EC2 on the resource with an id.
type ec2Call func(ctx context.Context, api *ec2.Client, id string) error

// deletionLanes is how many resources are deleted at a time: few enough for EC2's limits on changes.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
const deletionLanes = 4

// together makes the calls side by side, and then takes what is gone out of what EC2 showed. What EC2 says is still in use stays for a
// later pass.
func (d *dismantling) together(ctx context.Context, deletions []deletion) error {
	gone := make([]bool, len(deletions))
	numbers := make([]int, len(deletions))
	for i := range numbers {
		numbers[i] = i
	}
	err := clock.Each(ctx, deletionLanes, numbers, func(ctx context.Context, i int) error {
		x := deletions[i]
		if x.slow && d.asked(x.operation, x.ID) {
			gone[i] = true // EC2 may go on showing the old state for a moment: one call is enough
			return nil
		}
		err := d.call(ctx, x.operation, x.ID, x.call)
		gone[i] = err == nil
		if inUse(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, x := range deletions {
		if !gone[i] {
			d.held = append(d.held, x.Resource)
			continue
		}
		d.forget(x.Resource)
		if x.slow {
			d.contents.Going = append(d.contents.Going, x.Resource)
		}
	}
	return nil
}

// forget takes a resource out of what EC2 showed.
func (d *dismantling) forget(r closing.Resource) {
	d.contents.Resources = slices.DeleteFunc(slices.Clone(d.contents.Resources), func(o closing.Resource) bool { return o == r })
	switch r.Kind {
	case "eni":
		d.network.Interfaces = slices.DeleteFunc(d.network.Interfaces, func(e types.NetworkInterface) bool { return aws.ToString(e.NetworkInterfaceId) == r.ID })
	case "sg":
		d.network.Groups = slices.DeleteFunc(d.network.Groups, func(g types.SecurityGroup) bool { return aws.ToString(g.GroupId) == r.ID })
	}
}

// call makes one mutating call of EC2.
func (d *dismantling) call(ctx context.Context, operation, id string, call ec2Call) error {
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

// every is a deletion of each resource of a kind that is still there and ready; nil: all are.
func (d *dismantling) every(kind string, ready func(id string) bool, of deletion) []deletion {
	var all []deletion
	for _, r := range d.contents.Resources {
		if r.Kind == kind && (ready == nil || ready(r.ID)) {
			x := of
			x.Resource = r
			all = append(all, x)
		}
	}
	return all
}

// interfaceHolders are what has interfaces, the interfaces that nothing has, and what hangs on nothing.
func (d *dismantling) interfaceHolders() []deletion {
	return slices.Concat(
		d.every("vpce", nil, deletion{operation: "ec2:DeleteVpcEndpoints", call: deleteEndpoint, slow: true}),
		d.every("nat", nil, deletion{operation: "ec2:DeleteNatGateway", slow: true, call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: &id})
			return err
		}}),
		d.every("eni", nil, deletion{operation: "ec2:DeleteNetworkInterface", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &id})
			return err
		}}),
		d.every("eigw", nil, deletion{operation: "ec2:DeleteEgressOnlyInternetGateway", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteEgressOnlyInternetGateway(ctx, &ec2.DeleteEgressOnlyInternetGatewayInput{EgressOnlyInternetGatewayId: &id})
			return err
		}}),
	)
}

func deleteEndpoint(ctx context.Context, api *ec2.Client, id string) error {
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
}

// subnetsAndGateways are what interfaces hold, and the associations of route tables with gateways. One with a subnet goes with the
// subnet. EC2 refuses to detach an internet gateway while the VPC has public addresses mapped.
func (d *dismantling) subnetsAndGateways() []deletion {
	vpc := d.plan.VPC.ID
	empty := func(subnet string) bool {
		return !slices.ContainsFunc(d.network.Interfaces, func(e types.NetworkInterface) bool { return aws.ToString(e.SubnetId) == subnet })
	}
	unmapped := func(string) bool { return !d.mapsPublicAddresses() }
	return slices.Concat(
		d.every("igw", unmapped, deletion{operation: "ec2:DetachInternetGateway", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &id, VpcId: &vpc})
			return err
		}}),
		d.every("subnet", empty, deletion{operation: "ec2:DeleteSubnet", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &id})
			return err
		}}),
		d.every("rtbassoc", nil, deletion{operation: "ec2:DisassociateRouteTable", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &id})
			return err
		}}),
	)
}

// mapsPublicAddresses tells whether an interface or a NAT gateway in the VPC still has a public address.
func (d *dismantling) mapsPublicAddresses() bool {
	isNAT := func(r closing.Resource) bool { return r.Kind == "nat" }
	return slices.ContainsFunc(d.contents.Resources, isNAT) || slices.ContainsFunc(d.contents.Going, isNAT) ||
		slices.ContainsFunc(d.network.Interfaces, func(e types.NetworkInterface) bool {
			return e.Association != nil && aws.ToString(e.VpcId) == d.plan.VPC.ID
		})
}

// tables are what subnets use, and the internet gateways that are detached.
func (d *dismantling) tables() []deletion {
	unused := func(table string) bool {
		return !slices.ContainsFunc(d.network.RouteTables, func(t types.RouteTable) bool {
			return aws.ToString(t.RouteTableId) == table && slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool {
				return d.has(aws.ToString(a.RouteTableAssociationId)) || d.has(aws.ToString(a.SubnetId))
			})
		})
	}
	free := func(acl string) bool {
		return !slices.ContainsFunc(d.network.ACLs, func(a types.NetworkAcl) bool {
			return aws.ToString(a.NetworkAclId) == acl && slices.ContainsFunc(a.Associations, func(s types.NetworkAclAssociation) bool { return d.has(aws.ToString(s.SubnetId)) })
		})
	}
	return slices.Concat(
		d.every("rtb", unused, deletion{operation: "ec2:DeleteRouteTable", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &id})
			return err
		}}),
		d.every("acl", free, deletion{operation: "ec2:DeleteNetworkAcl", call: func(ctx context.Context, api *ec2.Client, id string) error {
			_, err := api.DeleteNetworkAcl(ctx, &ec2.DeleteNetworkAclInput{NetworkAclId: &id})
			return err
		}}),
		d.detachedGateways(),
	)
}

// detachedGateways are deletions of the internet gateways that this run has detached: no list of the VPC shows them any more, so that the
// record has to know them. One that somebody else has detached is no longer the VPC's.
func (d *dismantling) detachedGateways() []deletion {
	const operation = "ec2:DeleteInternetGateway"
	var all []deletion
	for _, r := range d.plan.VPC.Resources {
		if r.Kind == "igw" && !d.has(r.ID) && d.achieved("ec2:DetachInternetGateway", r.ID) && !d.achieved(operation, r.ID) {
			all = append(all, deletion{Resource: r, operation: operation, call: func(ctx context.Context, api *ec2.Client, id string) error {
				_, err := api.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &id})
				return err
			}})
		}
	}
	return all
}

// achieved tells whether this run's last act of an operation on a resource had its effect.
func (d *dismantling) achieved(operation, id string) bool {
	a, ok := d.lastAct(operation, id)
	return ok && (a.Outcome == outcomeDone || a.Outcome == outcomeGone)
}

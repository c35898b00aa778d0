package step

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/closing"
)

// inspect asks AWS what of a committed plan is gone.
func (r *reporting) inspect(ctx context.Context, role Role) {
	if r.Plan == nil {
		return
	}
	target, err := r.AWS.Target(ctx, Access{Account: r.AccountID, Role: role, Policy: ReadPolicy()})
	if err != nil {
		r.doubt("account", r.AccountID, "", "sts:AssumeRole", err)
		return
	}
	i := &inspection{reporting: r, target: target, plan: r.Plan.Material}
	i.subscription(ctx)
	i.directory(ctx)
	i.vpc(ctx)
	i.remains(ctx)
}

// inspectSubscription asks AWS about the subscription alone.
func (r *reporting) inspectSubscription(ctx context.Context, role Role) {
	target, err := r.AWS.Target(ctx, Access{Account: r.AccountID, Role: role, Policy: ReadPolicy()})
	if err != nil {
		r.doubt("account", r.AccountID, "", "sts:AssumeRole", err)
		return
	}
	region := cmp.Or(r.Plan.Material.IdentityRegion, regionsLike(r.Config.Region)[0])
	r.askSubscription(ctx, target, region)
}

func (r *reporting) gone(kind, id, region, shown, why string) {
	r.Gone = append(r.Gone, closing.Check{Kind: kind, ID: id, Region: region, Shown: shown, Why: why})
}

func (r *reporting) left(kind, id, region, shown, why string) {
	r.Left = append(r.Left, closing.Check{Kind: kind, ID: id, Region: region, Shown: shown, Why: why})
}

func (r *reporting) doubt(kind, id, region, operation string, err error) {
	r.Unknown = append(r.Unknown, closing.Check{Kind: kind, ID: id, Region: region, Shown: operation, Why: err.Error()})
}

// stopReason is why something that was to go is still there.
func (r *reporting) stopReason() string {
	if r.Failure != nil {
		return "the run stopped: " + r.Failure.Message
	}
	return "it was there again when the run had ended"
}

// askSubscription asks one region, and tells whether the subscription is gone.
func (r *reporting) askSubscription(ctx context.Context, target aws.Config, region string) bool {
	now, err := subscriptionIn(ctx, target, r.AccountID, region)
	if err != nil {
		r.doubt("subscription", r.AccountID, region, "quicksight:DescribeAccountSubscription", err)
		return false
	}
	r.subscription = &now
	if now.life == lifeGone {
		r.gone("subscription", r.AccountID, region, now.shown(), "")
		return true
	}
	r.left("subscription", r.AccountID, region, now.shown(), r.stopReason())
	return false
}

// inspection is the inspection of one plan.
type inspection struct {
	*reporting
	target aws.Config
	plan   closing.Material
}

// subscription inspects the subscription. What it held is gone with it, and no call shows it any more.
func (i *inspection) subscription(ctx context.Context) {
	if i.plan.Subscription == nil || !i.askSubscription(ctx, i.target, i.plan.IdentityRegion) {
		return
	}
	shown := i.reporting.subscription.shown()
	const with = "with the subscription; no call shows it any more"
	for _, n := range i.plan.Namespaces {
		i.gone("namespace", n.Name, i.plan.IdentityRegion, shown, with)
	}
	for _, c := range i.plan.VPCConnections {
		i.gone("VPC connection", c.ARN, c.Region, shown, with)
	}
}

func (i *inspection) directory(ctx context.Context) {
	planned := i.plan.Directory
	if planned.ID == "" {
		return
	}
	now, err := directoryIn(ctx, i.target, planned.Region, planned.ID)
	switch {
	case err != nil:
		i.doubt("directory", planned.ID, planned.Region, "ds:DescribeDirectories", err)
	case now == nil:
		i.gone("directory", planned.ID, planned.Region, "ds:DescribeDirectories: no such directory", "")
	case planned.Fate == closing.FateDelete:
		i.left("directory", planned.ID, planned.Region, fmt.Sprintf("ds:DescribeDirectories: %s", now.Stage), i.stopReason())
	default:
		i.left("directory", planned.ID, planned.Region, fmt.Sprintf("ds:DescribeDirectories: %s", now.Stage), "kept: "+planned.Why)
	}
}

// vpc inspects the VPC and what the plan names in it. EC2 deletes no VPC that still holds anything, so what was inside needs no
// call of its own once the VPC is gone; gateways, addresses, DHCP options and flow logs can outlive it.
func (i *inspection) vpc(ctx context.Context) {
	planned := i.plan.VPC
	if planned.ID == "" {
		return
	}
	there, err := i.there(ctx, "vpc", []string{planned.ID})
	switch {
	case err != nil:
		i.doubt("VPC", planned.ID, planned.Region, "ec2:DescribeVpcs", err)
	case planned.Fate != closing.FateDelete && there[planned.ID]:
		i.left("VPC", planned.ID, planned.Region, "ec2:DescribeVpcs: it is there", "kept: "+planned.Why)
		return // and everything in it
	case there[planned.ID]:
		i.left("VPC", planned.ID, planned.Region, "ec2:DescribeVpcs: it is there", i.stopReason())
	default:
		i.gone("VPC", planned.ID, planned.Region, "ec2:DescribeVpcs: no such VPC", "")
	}
	gone := err == nil && !there[planned.ID]
	resources := slices.Clone(planned.Resources)
	if d := i.plan.Directory; d.Fate == closing.FateDelete && d.VPC == planned.ID {
		for _, id := range d.Interfaces {
			resources = append(resources, closing.Resource{Kind: "eni", ID: id})
		}
		if d.SecurityGroup != "" {
			resources = append(resources, closing.Resource{Kind: "sg", ID: d.SecurityGroup})
		}
	}
	for _, kind := range kindsOf(resources) {
		ids := idsOf(resources, kind)
		if gone && kind != "igw" {
			for _, id := range ids {
				i.gone(kind, id, planned.Region, "ec2:DescribeVpcs: no such VPC", "EC2 deletes no VPC that still holds anything")
			}
			continue
		}
		i.resources(ctx, kind, ids, i.left, i.stopReason())
	}
	for _, kind := range kindsOf(planned.Left) {
		i.resources(ctx, kind, idsOf(planned.Left, kind), func(kind, id, region, shown, why string) {
			i.LeftBehind = append(i.LeftBehind, closing.Check{Kind: kind, ID: id, Region: region, Shown: shown, Why: why, Do: cleanUp(kind, id, region)})
		}, "it is not the VPC's own, and may cost or matter: look at it")
	}
}

// remains inspects what is outside of QuickSight: its service roles and their policies by asking IAM again, everything else by what named
// it before the closing, since nothing of the target's that may be asked knows it any more.
func (i *inspection) remains(ctx context.Context) {
	if i.plan.Subscription == nil {
		return
	}
	i.listed(closing.RemainingRole, "iam:ListRoles", func() ([]string, error) { return serviceRoles(ctx, i.target) })
	i.listed(closing.RemainingPolicy, "iam:ListPolicies", func() ([]string, error) { return servicePolicies(ctx, i.target) })
	for _, r := range i.Plan.Observed.Remains {
		if r.Kind == closing.RemainingRole || r.Kind == closing.RemainingPolicy {
			continue
		}
		if r.Refused != "" {
			i.Unknown = append(i.Unknown, closing.Check{Kind: string(r.Kind), ID: i.AccountID, Shown: r.Shown + ": " + r.Refused, Why: r.What()})
		}
		for _, name := range r.Names {
			i.remainder(r, name, r.Shown+": named before the closing; it was not asked again")
		}
		if more := r.N - len(r.Names); more > 0 {
			i.LeftBehind = append(i.LeftBehind, closing.Check{Kind: string(r.Kind), ID: fmt.Sprintf("%d more", more), Shown: r.Shown, Why: r.Why()})
		}
	}
}

// listed asks for what remains of one kind.
func (i *inspection) listed(kind closing.RemainderKind, operation string, ask func() ([]string, error)) {
	there, err := ask()
	if err != nil {
		i.doubt(string(kind), i.AccountID, "", operation, err)
		return
	}
	slices.Sort(there)
	for _, name := range there {
		i.remainder(closing.Remainder{Kind: kind}, name, operation+": it is there")
	}
	for _, r := range i.Plan.Observed.Remains {
		for _, name := range r.Names {
			if r.Kind == kind && !slices.Contains(there, name) {
				i.gone(string(kind), name, "", operation+": it is not there", "not by this workflow")
			}
		}
	}
}

func (i *inspection) remainder(r closing.Remainder, name, shown string) {
	i.LeftBehind = append(i.LeftBehind, closing.Check{Kind: string(r.Kind), ID: name, Shown: shown, Why: r.Why(), Do: r.CleanUp(name)})
}

// cleanUp are the commands that remove what EC2 keeps when a VPC goes.
func cleanUp(kind, id, region string) []string {
	command := map[string]string{"eipalloc": "release-address --allocation-id", "dopt": "delete-dhcp-options --dhcp-options-id", "fl": "delete-flow-logs --flow-log-ids"}[kind]
	if command == "" {
		return nil
	}
	return []string{"aws ec2 " + command + " " + id + " --region " + region}
}

// resources asks once for all resources of a kind; left notes those that are there.
func (i *inspection) resources(ctx context.Context, kind string, ids []string, left func(kind, id, region, shown, why string), why string) {
	describe, known := describes()[kind]
	if !known {
		return // an association goes with its table
	}
	there, err := i.there(ctx, kind, ids)
	for _, id := range ids {
		switch {
		case err != nil:
			i.doubt(kind, id, i.plan.VPC.Region, "ec2:"+describe.operation, err)
		case there[id]:
			left(kind, id, i.plan.VPC.Region, "ec2:"+describe.operation+": it is there", why)
		default:
			i.gone(kind, id, i.plan.VPC.Region, "ec2:"+describe.operation+": it is not there", "")
		}
	}
}

// there tells which of the resources of a kind EC2 shows.
func (i *inspection) there(ctx context.Context, kind string, ids []string) (map[string]bool, error) {
	d := describes()[kind]
	there := map[string]bool{}
	err := d.read(ctx, ec2In(i.target, i.plan.VPC.Region), []types.Filter{{Name: &d.filter, Values: ids}}, func(id *string) {
		if slices.Contains(ids, aws.ToString(id)) {
			there[aws.ToString(id)] = true
		}
	})
	return there, err
}

// description is how EC2 is asked for the resources of a kind, by the ids that a plan names.
type description struct {
	operation string
	filter    string
	read      func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error
}

// describes lists the descriptions by kind. It is a function because a map in a variable is made when the package is initialized,
// and so would bring EC2 into the binary of every function.
func describes() map[string]description {
	return map[string]description{
		"vpc": {"DescribeVpcs", "vpc-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeVpcsPaginator(api, &ec2.DescribeVpcsInput{Filters: by}), func(p *ec2.DescribeVpcsOutput) {
				for _, v := range p.Vpcs {
					see(v.VpcId)
				}
			})
		}},
		"subnet": {"DescribeSubnets", "subnet-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: by}), func(p *ec2.DescribeSubnetsOutput) {
				for _, s := range p.Subnets {
					see(s.SubnetId)
				}
			})
		}},
		"rtb": {"DescribeRouteTables", "route-table-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeRouteTablesPaginator(api, &ec2.DescribeRouteTablesInput{Filters: by}), func(p *ec2.DescribeRouteTablesOutput) {
				for _, t := range p.RouteTables {
					see(t.RouteTableId)
				}
			})
		}},
		"acl": {"DescribeNetworkAcls", "network-acl-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeNetworkAclsPaginator(api, &ec2.DescribeNetworkAclsInput{Filters: by}), func(p *ec2.DescribeNetworkAclsOutput) {
				for _, a := range p.NetworkAcls {
					see(a.NetworkAclId)
				}
			})
		}},
		"sg": {"DescribeSecurityGroups", "group-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeSecurityGroupsPaginator(api, &ec2.DescribeSecurityGroupsInput{Filters: by}), func(p *ec2.DescribeSecurityGroupsOutput) {
				for _, g := range p.SecurityGroups {
					see(g.GroupId)
				}
			})
		}},
		"eni": {"DescribeNetworkInterfaces", "network-interface-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: by}), func(p *ec2.DescribeNetworkInterfacesOutput) {
				for _, e := range p.NetworkInterfaces {
					see(e.NetworkInterfaceId)
				}
			})
		}},
		"igw": {"DescribeInternetGateways", "internet-gateway-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeInternetGatewaysPaginator(api, &ec2.DescribeInternetGatewaysInput{Filters: by}), func(p *ec2.DescribeInternetGatewaysOutput) {
				for _, g := range p.InternetGateways {
					see(g.InternetGatewayId)
				}
			})
		}},
		"eigw": {"DescribeEgressOnlyInternetGateways", "", func(ctx context.Context, api *ec2.Client, _ []types.Filter, see func(*string)) error { // it has no filter for ids
			return readPages(ctx, ec2.NewDescribeEgressOnlyInternetGatewaysPaginator(api, &ec2.DescribeEgressOnlyInternetGatewaysInput{}), func(p *ec2.DescribeEgressOnlyInternetGatewaysOutput) {
				for _, g := range p.EgressOnlyInternetGateways {
					see(g.EgressOnlyInternetGatewayId)
				}
			})
		}},
		"nat": {"DescribeNatGateways", "nat-gateway-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeNatGatewaysPaginator(api, &ec2.DescribeNatGatewaysInput{Filter: by}), func(p *ec2.DescribeNatGatewaysOutput) {
				for _, g := range p.NatGateways {
					if g.State != types.NatGatewayStateDeleted { // shown for an hour more
						see(g.NatGatewayId)
					}
				}
			})
		}},
		"vpce": {"DescribeVpcEndpoints", "vpc-endpoint-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeVpcEndpointsPaginator(api, &ec2.DescribeVpcEndpointsInput{Filters: by}), func(p *ec2.DescribeVpcEndpointsOutput) {
				for _, e := range p.VpcEndpoints {
					if !strings.EqualFold(string(e.State), string(types.StateDeleted)) {
						see(e.VpcEndpointId)
					}
				}
			})
		}},
		"eipalloc": {"DescribeAddresses", "allocation-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			out, err := api.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: by})
			if err != nil {
				return err
			}
			for _, a := range out.Addresses {
				see(a.AllocationId)
			}
			return nil
		}},
		"dopt": {"DescribeDhcpOptions", "dhcp-options-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeDhcpOptionsPaginator(api, &ec2.DescribeDhcpOptionsInput{Filters: by}), func(p *ec2.DescribeDhcpOptionsOutput) {
				for _, o := range p.DhcpOptions {
					see(o.DhcpOptionsId)
				}
			})
		}},
		"fl": {"DescribeFlowLogs", "flow-log-id", func(ctx context.Context, api *ec2.Client, by []types.Filter, see func(*string)) error {
			return readPages(ctx, ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{Filter: by}), func(p *ec2.DescribeFlowLogsOutput) {
				for _, f := range p.FlowLogs {
					see(f.FlowLogId)
				}
			})
		}},
	}
}

func kindsOf(resources []closing.Resource) []string {
	var kinds []string
	for _, r := range resources {
		kinds = append(kinds, r.Kind)
	}
	return distinct(kinds)
}

func idsOf(resources []closing.Resource, kind string) []string {
	var ids []string
	for _, r := range resources {
		if r.Kind == kind {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

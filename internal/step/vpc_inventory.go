package step

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	directory "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/clock"
)

// network is what EC2 and Directory Service say about a region: all its VPCs and directories, and the insides of some VPCs.
type network struct {
	Region      string
	Directories []directory.DirectoryDescription
	VPCs        []types.Vpc

	Subnets           []types.Subnet
	RouteTables       []types.RouteTable
	ACLs              []types.NetworkAcl
	Groups            []types.SecurityGroup
	GroupAssociations []types.SecurityGroupVpcAssociation
	Interfaces        []types.NetworkInterface
	Instances         []types.Instance
	InternetGateways  []types.InternetGateway
	EgressGateways    []types.EgressOnlyInternetGateway
	NATGateways       []types.NatGateway
	Endpoints         []types.VpcEndpoint
	Peerings          []types.VpcPeeringConnection
	VPNGateways       []types.VpnGateway
	VPNConnections    []types.VpnConnection
	Attachments       []types.TransitGatewayVpcAttachment
	CarrierGateways   []types.CarrierGateway
	ConnectEndpoints  []types.Ec2InstanceConnectEndpoint
	ClientVPNs        []types.ClientVpnEndpoint
	FlowLogs          []types.FlowLog
	DHCPOptions       []types.DhcpOptions
	Exclusions        []types.VpcBlockPublicAccessExclusion
	Controls          []types.VpcEncryptionControl
	LocalGateways     []types.LocalGatewayRouteTableVpcAssociation
	References        []types.SecurityGroupReference
	Workloads         []workload
}

// readNetwork reads a region's directories and VPCs, and everything inside the named VPCs that classify has to know: one call per
// kind and page, however many VPCs are named. An error is AWS's own, wrapped by unreadable.
func readNetwork(ctx context.Context, target aws.Config, region string, vpcs ...string) (*network, error) {
	n, err := scanNetwork(ctx, target, region)
	if err != nil {
		return nil, err
	}
	return n, n.readInside(ctx, target, vpcs)
}

// scanNetwork reads a region's directories and VPCs.
func scanNetwork(ctx context.Context, target aws.Config, region string) (*network, error) {
	n := &network{Region: region}
	ds := directoryservice.NewFromConfig(target, func(o *directoryservice.Options) { o.Region = region })
	err := readPages(ctx, directoryservice.NewDescribeDirectoriesPaginator(ds, &directoryservice.DescribeDirectoriesInput{}),
		func(p *directoryservice.DescribeDirectoriesOutput) {
			n.Directories = append(n.Directories, p.DirectoryDescriptions...)
		})
	if err != nil {
		return nil, unreadable(err, "ds:DescribeDirectories", region)
	}
	err = readPages(ctx, ec2.NewDescribeVpcsPaginator(ec2In(target, region), &ec2.DescribeVpcsInput{}),
		func(p *ec2.DescribeVpcsOutput) { n.VPCs = append(n.VPCs, p.Vpcs...) })
	if err != nil {
		return nil, unreadable(err, "ec2:DescribeVpcs", region)
	}
	return n, nil
}

// readInside reads what is inside those VPCs that are there. Where EC2 has no filter for a kind's VPC, all of the kind is read.
func (n *network) readInside(ctx context.Context, target aws.Config, vpcs []string) error {
	vpcs = slices.DeleteFunc(distinct(vpcs), func(id string) bool { return n.vpc(id) == nil })
	if len(vpcs) == 0 {
		return nil
	}
	api := ec2In(target, n.Region)
	in := func(filter string) []types.Filter { return []types.Filter{{Name: &filter, Values: vpcs}} }
	byVPC := in("vpc-id")
	all := true // also what a service manages for the account and hides from its lists
	reads := []networkRead{
		{"ec2:DescribeSubnets", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeSubnetsPaginator(api, &ec2.DescribeSubnetsInput{Filters: byVPC}),
				func(p *ec2.DescribeSubnetsOutput) { n.Subnets = append(n.Subnets, p.Subnets...) })
		}},
		{"ec2:DescribeRouteTables", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeRouteTablesPaginator(api, &ec2.DescribeRouteTablesInput{Filters: byVPC}),
				func(p *ec2.DescribeRouteTablesOutput) { n.RouteTables = append(n.RouteTables, p.RouteTables...) })
		}},
		{"ec2:DescribeNetworkAcls", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeNetworkAclsPaginator(api, &ec2.DescribeNetworkAclsInput{Filters: byVPC}),
				func(p *ec2.DescribeNetworkAclsOutput) { n.ACLs = append(n.ACLs, p.NetworkAcls...) })
		}},
		{"ec2:DescribeSecurityGroups", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeSecurityGroupsPaginator(api, &ec2.DescribeSecurityGroupsInput{Filters: byVPC}),
				func(p *ec2.DescribeSecurityGroupsOutput) { n.Groups = append(n.Groups, p.SecurityGroups...) })
		}},
		{"ec2:DescribeSecurityGroupVpcAssociations", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeSecurityGroupVpcAssociationsPaginator(api, &ec2.DescribeSecurityGroupVpcAssociationsInput{}),
				func(p *ec2.DescribeSecurityGroupVpcAssociationsOutput) {
					n.GroupAssociations = append(n.GroupAssociations, p.SecurityGroupVpcAssociations...)
				})
		}},
		{"ec2:DescribeNetworkInterfaces", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeNetworkInterfacesPaginator(api, &ec2.DescribeNetworkInterfacesInput{Filters: byVPC, IncludeManagedResources: &all}),
				func(p *ec2.DescribeNetworkInterfacesOutput) {
					n.Interfaces = append(n.Interfaces, p.NetworkInterfaces...)
				})
		}},
		{"ec2:DescribeInstances", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeInstancesPaginator(api, &ec2.DescribeInstancesInput{Filters: byVPC, IncludeManagedResources: &all}),
				func(p *ec2.DescribeInstancesOutput) {
					for _, r := range p.Reservations {
						n.Instances = append(n.Instances, r.Instances...)
					}
				})
		}},
		{"ec2:DescribeInternetGateways", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeInternetGatewaysPaginator(api, &ec2.DescribeInternetGatewaysInput{Filters: in("attachment.vpc-id")}),
				func(p *ec2.DescribeInternetGatewaysOutput) {
					n.InternetGateways = append(n.InternetGateways, p.InternetGateways...)
				})
		}},
		{"ec2:DescribeEgressOnlyInternetGateways", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeEgressOnlyInternetGatewaysPaginator(api, &ec2.DescribeEgressOnlyInternetGatewaysInput{}),
				func(p *ec2.DescribeEgressOnlyInternetGatewaysOutput) {
					n.EgressGateways = append(n.EgressGateways, p.EgressOnlyInternetGateways...)
				})
		}},
		{"ec2:DescribeNatGateways", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeNatGatewaysPaginator(api, &ec2.DescribeNatGatewaysInput{Filter: byVPC}),
				func(p *ec2.DescribeNatGatewaysOutput) { n.NATGateways = append(n.NATGateways, p.NatGateways...) })
		}},
		{"ec2:DescribeVpcEndpoints", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeVpcEndpointsPaginator(api, &ec2.DescribeVpcEndpointsInput{Filters: byVPC}),
				func(p *ec2.DescribeVpcEndpointsOutput) { n.Endpoints = append(n.Endpoints, p.VpcEndpoints...) })
		}},
		{"ec2:DescribeVpcPeeringConnections", func(ctx context.Context) error { // two filters would be two calls: either side may be ours
			return readPages(ctx, ec2.NewDescribeVpcPeeringConnectionsPaginator(api, &ec2.DescribeVpcPeeringConnectionsInput{}),
				func(p *ec2.DescribeVpcPeeringConnectionsOutput) {
					n.Peerings = append(n.Peerings, p.VpcPeeringConnections...)
				})
		}},
		{"ec2:DescribeVpnGateways", func(ctx context.Context) error {
			out, err := api.DescribeVpnGateways(ctx, &ec2.DescribeVpnGatewaysInput{Filters: in("attachment.vpc-id")})
			if err != nil {
				return err
			}
			n.VPNGateways = out.VpnGateways
			return nil
		}},
		{"ec2:DescribeTransitGatewayVpcAttachments", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeTransitGatewayVpcAttachmentsPaginator(api, &ec2.DescribeTransitGatewayVpcAttachmentsInput{Filters: byVPC}),
				func(p *ec2.DescribeTransitGatewayVpcAttachmentsOutput) {
					n.Attachments = append(n.Attachments, p.TransitGatewayVpcAttachments...)
				})
		}},
		{"ec2:DescribeCarrierGateways", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeCarrierGatewaysPaginator(api, &ec2.DescribeCarrierGatewaysInput{Filters: byVPC}),
				func(p *ec2.DescribeCarrierGatewaysOutput) {
					n.CarrierGateways = append(n.CarrierGateways, p.CarrierGateways...)
				})
		}},
		{"ec2:DescribeInstanceConnectEndpoints", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeInstanceConnectEndpointsPaginator(api, &ec2.DescribeInstanceConnectEndpointsInput{Filters: byVPC}),
				func(p *ec2.DescribeInstanceConnectEndpointsOutput) {
					n.ConnectEndpoints = append(n.ConnectEndpoints, p.InstanceConnectEndpoints...)
				})
		}},
		{"ec2:DescribeClientVpnEndpoints", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeClientVpnEndpointsPaginator(api, &ec2.DescribeClientVpnEndpointsInput{}),
				func(p *ec2.DescribeClientVpnEndpointsOutput) {
					n.ClientVPNs = append(n.ClientVPNs, p.ClientVpnEndpoints...)
				})
		}},
		{"ec2:DescribeVpcBlockPublicAccessExclusions", func(ctx context.Context) error { // it has neither a filter for the VPC nor a paginator
			in := &ec2.DescribeVpcBlockPublicAccessExclusionsInput{}
			for {
				out, err := api.DescribeVpcBlockPublicAccessExclusions(ctx, in)
				if err != nil {
					return err
				}
				n.Exclusions = append(n.Exclusions, out.VpcBlockPublicAccessExclusions...)
				if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
					return nil
				}
			}
		}},
		{"ec2:DescribeLocalGatewayRouteTableVpcAssociations", func(ctx context.Context) error {
			return readPages(ctx, ec2.NewDescribeLocalGatewayRouteTableVpcAssociationsPaginator(api, &ec2.DescribeLocalGatewayRouteTableVpcAssociationsInput{Filters: byVPC}),
				func(p *ec2.DescribeLocalGatewayRouteTableVpcAssociationsOutput) {
					n.LocalGateways = append(n.LocalGateways, p.LocalGatewayRouteTableVpcAssociations...)
				})
		}},
		{"ec2:DescribeVpcEncryptionControls", func(ctx context.Context) error {
			in := &ec2.DescribeVpcEncryptionControlsInput{Filters: byVPC}
			for {
				out, err := api.DescribeVpcEncryptionControls(ctx, in)
				if err != nil {
					return err
				}
				n.Controls = append(n.Controls, out.VpcEncryptionControls...)
				if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
					return nil
				}
			}
		}},
	}
	if err := n.readAll(ctx, reads); err != nil {
		return err
	}
	if err := n.readWorkloads(ctx, target, vpcUsers, vpcs...); err != nil {
		return err
	}
	return n.readAll(ctx, n.readsBehind(api, vpcs))
}

// readsBehind are what lies behind the gateways and connections that were found: most VPCs have none.
func (n *network) readsBehind(api *ec2.Client, vpcs []string) []networkRead {
	var reads []networkRead
	var gateways, groups []string
	for _, g := range n.VPNGateways {
		gateways = append(gateways, aws.ToString(g.VpnGatewayId))
	}
	for _, g := range n.Groups {
		groups = append(groups, aws.ToString(g.GroupId))
	}
	if len(gateways) > 0 {
		reads = append(reads, networkRead{"ec2:DescribeVpnConnections", func(ctx context.Context) error {
			out, err := api.DescribeVpnConnections(ctx, &ec2.DescribeVpnConnectionsInput{
				Filters: []types.Filter{{Name: aws.String("vpn-gateway-id"), Values: gateways}},
			})
			if err != nil {
				return err
			}
			n.VPNConnections = out.VpnConnections
			return nil
		}})
	}
	peered := slices.ContainsFunc(n.Peerings, func(p types.VpcPeeringConnection) bool {
		return isLive(p) && slices.ContainsFunc(vpcs, func(id string) bool { return joins(p, id) })
	})
	if len(groups) > 0 && (peered || len(n.Attachments) > 0) { // groups of other VPCs can name a VPC's groups over both
		reads = append(reads, networkRead{"ec2:DescribeSecurityGroupReferences", func(ctx context.Context) error {
			out, err := api.DescribeSecurityGroupReferences(ctx, &ec2.DescribeSecurityGroupReferencesInput{GroupId: groups})
			if err != nil {
				return err
			}
			n.References = out.SecurityGroupReferenceSet
			return nil
		}})
	}
	return reads
}

// readBeside reads what is not inside a VPC and outlives it, or tells of whoever uses it: flow logs and DHCP options. What may be
// deleted does not depend on it.
func (n *network) readBeside(ctx context.Context, target aws.Config) error {
	api := ec2In(target, n.Region)
	reads := []networkRead{{"ec2:DescribeFlowLogs", func(ctx context.Context) error {
		return readPages(ctx, ec2.NewDescribeFlowLogsPaginator(api, &ec2.DescribeFlowLogsInput{}),
			func(p *ec2.DescribeFlowLogsOutput) { n.FlowLogs = append(n.FlowLogs, p.FlowLogs...) })
	}}}
	if options := n.dhcpOptions(); len(options) > 0 {
		reads = append(reads, networkRead{"ec2:DescribeDhcpOptions", func(ctx context.Context) error {
			out, err := api.DescribeDhcpOptions(ctx, &ec2.DescribeDhcpOptionsInput{DhcpOptionsIds: options})
			if err != nil {
				return err
			}
			n.DHCPOptions = out.DhcpOptions
			return nil
		}})
	}
	return n.readAll(ctx, reads)
}

// networkRead is one kind's read. Each fills a list of its own, so that they may run side by side.
type networkRead struct {
	operation string
	do        func(context.Context) error
}

func (n *network) readAll(ctx context.Context, reads []networkRead) error {
	return clock.Each(ctx, 4, reads, func(ctx context.Context, r networkRead) error {
		if err := r.do(ctx); err != nil {
			return unreadable(err, r.operation, n.Region)
		}
		return nil
	})
}

// dhcpOptions are the option sets of the region's VPCs; "default" is EC2's word for none.
func (n *network) dhcpOptions() []string {
	var ids []string
	for _, v := range n.VPCs {
		if id := aws.ToString(v.DhcpOptionsId); id != "default" {
			ids = append(ids, id)
		}
	}
	return distinct(ids)
}

// ownDHCPOptions tells whether somebody made a set of options: one that says more than Amazon's own in every region does.
// https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html
func (n *network) ownDHCPOptions(id string) bool {
	at := slices.IndexFunc(n.DHCPOptions, func(o types.DhcpOptions) bool { return aws.ToString(o.DhcpOptionsId) == id })
	amazons := map[string][]string{"domain-name-servers": {"AmazonProvidedDNS"}, "domain-name": {"ec2.internal", n.Region + ".compute.internal"}}
	return at >= 0 && slices.ContainsFunc(n.DHCPOptions[at].DhcpConfigurations, func(c types.DhcpConfiguration) bool {
		return slices.ContainsFunc(c.Values, func(v types.AttributeValue) bool {
			return !slices.Contains(amazons[aws.ToString(c.Key)], aws.ToString(v.Value))
		})
	})
}

// vpc finds a VPC of the region; nil where there is none with this id.
func (n *network) vpc(id string) *types.Vpc {
	for i := range n.VPCs {
		if aws.ToString(n.VPCs[i].VpcId) == id {
			return &n.VPCs[i]
		}
	}
	return nil
}

// directory finds a directory of the region that is not gone; nil where there is none with this id.
func (n *network) directory(id string) *directory.DirectoryDescription {
	for i := range n.Directories {
		d := &n.Directories[i]
		if aws.ToString(d.DirectoryId) == id && d.Stage != directory.DirectoryStageDeleted {
			return d
		}
	}
	return nil
}

// vpcOf is where a directory, or the connector to one, has its interfaces; "" where it does not say.
func vpcOf(d directory.DirectoryDescription) string {
	switch {
	case d.VpcSettings != nil:
		return aws.ToString(d.VpcSettings.VpcId)
	case d.ConnectSettings != nil:
		return aws.ToString(d.ConnectSettings.VpcId)
	default:
		return ""
	}
}

package step

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	directory "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"quicksight-unsubscribe/internal/closing"
)

// vpcContents is what a VPC holds, sorted by what a closing may do with it.
type vpcContents struct {
	Found     bool
	CIDR      string
	Resources []closing.Resource // may be deleted: nothing but the VPC's own fabric
	Going     []closing.Resource // goes by itself: with the directory, a gateway, an endpoint or a VPC connection that is deleted
	Left      []closing.Resource // stays behind and costs or matters: addresses, DHCP options, flow logs
	Foreign   []foreign          // somebody else's workload: the VPC must not be touched
}

// foreign is something in a VPC that no closing may touch.
type foreign struct {
	Kind  string // "instance", "interface", …
	ID    string
	Owner string // the likely owner, in words
}

// String is the resource and its likely owner, as blockers and reports name it.
func (f foreign) String() string { return fmt.Sprintf("%s %s (%s)", f.Kind, f.ID, f.Owner) }

// belongings are what in a VPC is QuickSight's, as a plan knows it.
type belongings struct {
	Account     string
	Directory   string // the id of the directory that goes; "" where none does
	Group       string // that directory's security group
	Subscribed  bool   // there is, or was when the plan was made, a subscription whose VPC connections go with it
	Connections []closing.VPCConnection
}

// belongingsOf are those of a plan.
func belongingsOf(m closing.Material) belongings {
	b := belongings{Account: m.AccountID, Subscribed: m.Subscription != nil, Connections: m.VPCConnections}
	if m.Directory.Fate == closing.FateDelete {
		b.Directory, b.Group = m.Directory.ID, m.Directory.SecurityGroup
	}
	return b
}

// with are the belongings where a directory goes, too.
func (b belongings) with(d closing.Directory) belongings {
	b.Directory, b.Group = d.ID, d.SecurityGroup
	return b
}

// classify sorts what the network says of one VPC. It is the guard that is asked when a plan is made and again before each pass
// of deleting: a VPC with anything foreign in it is left alone as a whole. What it does not know is foreign.
func (n *network) classify(vpc string, own belongings) vpcContents {
	v := n.vpc(vpc)
	if v == nil {
		return vpcContents{}
	}
	c := &classifier{network: n, vpc: vpc, own: own}
	c.Found, c.CIDR = true, blocksOf(v)
	c.theVPC(v)
	c.directories()
	c.instances()
	c.gateways()
	c.endpoints()
	c.connections()
	c.routes()
	c.configured()
	c.interfaces()
	c.fabric()
	c.leftBehind(v)
	return c.vpcContents
}

// blocksOf are a VPC's address blocks, the secondary ones behind the first. They go with it.
func blocksOf(v *types.Vpc) string {
	blocks := []string{aws.ToString(v.CidrBlock)}
	for _, b := range v.CidrBlockAssociationSet {
		if b.CidrBlockState == nil || b.CidrBlockState.State == types.VpcCidrBlockStateCodeAssociated {
			blocks = append(blocks, aws.ToString(b.CidrBlock))
		}
	}
	return strings.Join(distinct(blocks), ", ")
}

type classifier struct {
	*network
	vpcContents
	vpc  string
	own  belongings
	ours []string // interfaces of things that are sorted already
}

func (c *classifier) may(kind string, id *string) {
	c.Resources = append(c.Resources, closing.Resource{Kind: kind, ID: aws.ToString(id)})
}

func (c *classifier) goes(kind string, id *string) {
	c.Going = append(c.Going, closing.Resource{Kind: kind, ID: aws.ToString(id)})
}

func (c *classifier) leave(kind, id string) {
	r := closing.Resource{Kind: kind, ID: id}
	if id != "" && !slices.Contains(c.Left, r) {
		c.Left = append(c.Left, r)
	}
}

func (c *classifier) refuse(kind string, id *string, format string, args ...any) {
	c.Foreign = append(c.Foreign, foreign{kind, aws.ToString(id), fmt.Sprintf(format, args...)})
}

// refused tells whether something of this id is foreign.
func (c *classifier) refused(id *string) bool {
	return slices.ContainsFunc(c.Foreign, func(f foreign) bool { return f.ID == aws.ToString(id) })
}

func (c *classifier) isThis(vpc *string) bool { return aws.ToString(vpc) == c.vpc }

// theVPC refuses the default VPC and one that another account shares.
func (c *classifier) theVPC(v *types.Vpc) {
	if aws.ToBool(v.IsDefault) {
		c.refuse("VPC", v.VpcId, "the region's default VPC, which any workload may use")
	}
	if owner := aws.ToString(v.OwnerId); owner != c.own.Account {
		c.refuse("VPC", v.VpcId, "shared by account %s", owner)
	}
	if v.State != types.VpcStateAvailable {
		c.refuse("VPC", v.VpcId, "in the state %q", v.State)
	}
}

// directories refuses every directory in the VPC but the one that goes.
func (c *classifier) directories() {
	for _, d := range c.Directories {
		if vpcOf(d) == c.vpc && aws.ToString(d.DirectoryId) != c.own.Directory && d.Stage != directory.DirectoryStageDeleted {
			c.refuse("directory", d.DirectoryId, "%s %s", d.Type, aws.ToString(d.Name))
		}
	}
}

func (c *classifier) instances() {
	for _, i := range c.Instances {
		if !c.isThis(i.VpcId) || i.State != nil && i.State.Name == types.InstanceStateNameTerminated {
			continue
		}
		state := "state unknown"
		if i.State != nil {
			state = string(i.State.Name)
		}
		c.refuse("instance", i.InstanceId, "%s%s", state, named(i.Tags))
		for _, e := range i.NetworkInterfaces {
			c.ours = append(c.ours, aws.ToString(e.NetworkInterfaceId)) // named by its instance
		}
	}
}

// gateways sorts what joins the VPC to the internet, and what joins it to networks of somebody else.
func (c *classifier) gateways() {
	for _, g := range c.InternetGateways {
		if slices.ContainsFunc(g.Attachments, func(a types.InternetGatewayAttachment) bool { return c.isThis(a.VpcId) }) {
			c.may("igw", g.InternetGatewayId)
		}
	}
	for _, g := range c.EgressGateways {
		if slices.ContainsFunc(g.Attachments, func(a types.InternetGatewayAttachment) bool { return c.isThis(a.VpcId) }) {
			c.may("eigw", g.EgressOnlyInternetGatewayId)
		}
	}
	for _, g := range c.NATGateways {
		if !c.isThis(g.VpcId) || g.State == types.NatGatewayStateDeleted {
			continue
		}
		switch {
		case len(g.AttachedAppliances) > 0:
			c.refuse("NAT gateway", g.NatGatewayId, "with a network appliance attached")
		case g.State == types.NatGatewayStateDeleting, g.State == types.NatGatewayStateFailed: // a failed one vanishes within the hour
			c.goes("nat", g.NatGatewayId)
		default:
			c.may("nat", g.NatGatewayId)
		}
		for _, a := range g.NatGatewayAddresses {
			c.ours = append(c.ours, aws.ToString(a.NetworkInterfaceId))
			c.leave("eipalloc", aws.ToString(a.AllocationId))
		}
	}
	for _, g := range c.CarrierGateways {
		if c.isThis(g.VpcId) && g.State != types.CarrierGatewayStateDeleted {
			c.refuse("carrier gateway", g.CarrierGatewayId, "joins a carrier's network%s", named(g.Tags))
		}
	}
	for _, g := range c.VPNGateways {
		attached := slices.ContainsFunc(g.VpcAttachments, func(a types.VpcAttachment) bool {
			return c.isThis(a.VpcId) && a.State != types.AttachmentStatusDetached
		})
		if !attached || g.State == types.VpnStateDeleted {
			continue
		}
		c.refuse("VPN gateway", g.VpnGatewayId, "joins a network outside AWS%s", named(g.Tags))
		for _, v := range c.VPNConnections {
			if aws.ToString(v.VpnGatewayId) == aws.ToString(g.VpnGatewayId) && v.State != types.VpnStateDeleted {
				c.refuse("VPN connection", v.VpnConnectionId, "%s, to customer gateway %s%s", v.State, aws.ToString(v.CustomerGatewayId), named(v.Tags))
			}
		}
	}
}

// endpoints sorts VPC endpoints: those that the account made itself may go.
func (c *classifier) endpoints() {
	for _, e := range c.Endpoints {
		state := strings.ToLower(string(e.State)) // the API and its model disagree about case
		if !c.isThis(e.VpcId) || state == "deleted" {
			continue
		}
		kind := e.VpcEndpointType
		switch owner := aws.ToString(e.OwnerId); {
		case aws.ToBool(e.RequesterManaged):
			c.refuse("endpoint", e.VpcEndpointId, "managed by the AWS service that made it, for %s", aws.ToString(e.ServiceName))
		case owner != "" && owner != c.own.Account:
			c.refuse("endpoint", e.VpcEndpointId, "of account %s", owner)
		case kind != types.VpcEndpointTypeInterface && kind != types.VpcEndpointTypeGateway:
			c.refuse("endpoint", e.VpcEndpointId, "of type %s, for %s", kind, aws.ToString(e.ServiceName))
		case state == "deleting":
			c.goes("vpce", e.VpcEndpointId)
		default:
			c.may("vpce", e.VpcEndpointId)
		}
		c.ours = append(c.ours, e.NetworkInterfaceIds...)
	}
	for _, e := range c.ConnectEndpoints {
		if c.isThis(e.VpcId) && e.State != types.Ec2InstanceConnectEndpointStateDeleteComplete {
			c.refuse("instance connect endpoint", e.InstanceConnectEndpointId, "people reach instances through it%s", named(e.Tags))
			c.ours = append(c.ours, e.NetworkInterfaceIds...)
		}
	}
	for _, e := range c.ClientVPNs {
		if c.isThis(e.VpcId) && (e.Status == nil || e.Status.Code != types.ClientVpnEndpointStatusCodeDeleted) {
			c.refuse("client VPN endpoint", e.ClientVpnEndpointId, "people reach the VPC through it%s", named(e.Tags))
		}
	}
}

// connections refuses what joins the VPC to other VPCs.
func (c *classifier) connections() {
	for _, p := range c.Peerings {
		if !isLive(p) || !joins(p, c.vpc) {
			continue
		}
		other := p.AccepterVpcInfo
		if p.RequesterVpcInfo == nil || !c.isThis(p.RequesterVpcInfo.VpcId) {
			other = p.RequesterVpcInfo
		}
		if other == nil {
			other = &types.VpcPeeringConnectionVpcInfo{}
		}
		c.refuse("peering", p.VpcPeeringConnectionId, "with %s of account %s%s", aws.ToString(other.VpcId), aws.ToString(other.OwnerId), named(p.Tags))
	}
	for _, a := range c.Attachments {
		if c.isThis(a.VpcId) && a.State != types.TransitGatewayAttachmentStateDeleted && a.State != types.TransitGatewayAttachmentStateRejected &&
			a.State != types.TransitGatewayAttachmentStateFailed {
			c.refuse("transit gateway attachment", a.TransitGatewayAttachmentId, "to %s%s", aws.ToString(a.TransitGatewayId), named(a.Tags))
		}
	}
	for _, r := range c.References {
		if c.holdsGroup(r.GroupId) {
			c.refuse("security group", r.GroupId, "named by a group of %s over %s", aws.ToString(r.ReferencingVpcId), cmp.Or(aws.ToString(r.VpcPeeringConnectionId), aws.ToString(r.TransitGatewayId)))
		}
	}
	for _, a := range c.LocalGateways {
		if state := aws.ToString(a.State); c.isThis(a.VpcId) && state != "disassociated" {
			c.refuse("local gateway association", a.LocalGatewayRouteTableVpcAssociationId, "to %s of an Outpost%s", aws.ToString(a.LocalGatewayId), named(a.Tags))
		}
	}
	for _, a := range c.GroupAssociations {
		if a.State == types.SecurityGroupVpcAssociationStateDisassociated || a.State == types.SecurityGroupVpcAssociationStateAssociationFailed {
			continue
		}
		if c.holdsGroup(a.GroupId) || c.isThis(a.VpcId) {
			c.refuse("security group", a.GroupId, "also used in %s of account %s", aws.ToString(a.VpcId), aws.ToString(a.VpcOwnerId))
		}
	}
}

// isLive tells whether a peering connection joins, or is about to.
func isLive(p types.VpcPeeringConnection) bool {
	return p.Status == nil || !slices.Contains([]types.VpcPeeringConnectionStateReasonCode{
		types.VpcPeeringConnectionStateReasonCodeDeleted, types.VpcPeeringConnectionStateReasonCodeRejected,
		types.VpcPeeringConnectionStateReasonCodeFailed, types.VpcPeeringConnectionStateReasonCodeExpired,
	}, p.Status.Code)
}

// joins tells whether a VPC is one of a peering connection's sides.
func joins(p types.VpcPeeringConnection, vpc string) bool {
	return slices.ContainsFunc([]*types.VpcPeeringConnectionVpcInfo{p.RequesterVpcInfo, p.AccepterVpcInfo}, func(side *types.VpcPeeringConnectionVpcInfo) bool {
		return side != nil && aws.ToString(side.VpcId) == vpc
	})
}

// holdsGroup tells whether a security group is the VPC's own.
func (c *classifier) holdsGroup(id *string) bool {
	return slices.ContainsFunc(c.Groups, func(g types.SecurityGroup) bool {
		return c.isThis(g.VpcId) && aws.ToString(g.GroupId) == aws.ToString(id)
	})
}

// routes refuses a table that leads traffic to a network that no list of the VPC shows: a local gateway, a core network, an Oracle database's.
// What lies behind gateways, peerings and endpoints is sorted with those.
func (c *classifier) routes() {
	for _, t := range c.RouteTables {
		if !c.isThis(t.VpcId) {
			continue
		}
		for _, r := range t.Routes {
			to := cmp.Or(aws.ToString(r.LocalGatewayId), aws.ToString(r.CoreNetworkArn), aws.ToString(r.OdbNetworkArn))
			if to != "" && r.State == types.RouteStateActive && !c.refused(t.RouteTableId) {
				c.refuse("route table", t.RouteTableId, "leads %s to %s%s", cmp.Or(aws.ToString(r.DestinationCidrBlock), aws.ToString(r.DestinationIpv6CidrBlock), aws.ToString(r.DestinationPrefixListId)), to, named(t.Tags))
			}
		}
	}
}

// configured refuses what other services and the account's own settings have in mind for the VPC.
func (c *classifier) configured() {
	inside := func(subnet string) bool {
		return slices.ContainsFunc(c.Subnets, func(s types.Subnet) bool { return c.isThis(s.VpcId) && aws.ToString(s.SubnetId) == subnet })
	}
	for _, w := range c.Workloads {
		if w.VPC == c.vpc || slices.ContainsFunc(w.Subnets, inside) {
			c.refuse(w.Kind, &w.ID, "configured for it, with or without an interface there now")
		}
	}
	for _, e := range c.Exclusions {
		over := e.State == types.VpcBlockPublicAccessExclusionStateDeleteComplete || e.State == types.VpcBlockPublicAccessExclusionStateCreateFailed
		if of := lastPart(aws.ToString(e.ResourceArn)); !over && (of == c.vpc || inside(of)) {
			c.refuse("public access exclusion", e.ExclusionId, "somebody wants %s to reach the internet%s", of, named(e.Tags))
		}
	}
	for _, e := range c.Controls {
		if c.isThis(e.VpcId) && e.State != types.VpcEncryptionControlStateDeleted {
			c.refuse("encryption control", e.VpcEncryptionControlId, "somebody watches over its traffic%s", named(e.Tags))
		}
	}
}

// gatewayInterface matches the description of a NAT gateway's interface, which outlives its mention in the gateway's addresses.
var gatewayInterface = regexp.MustCompile(`^Interface for NAT Gateway (nat-[0-9a-f]+)$`)

// ofGateway tells whether an interface is that of a NAT gateway of this VPC.
func (c *classifier) ofGateway(e types.NetworkInterface) bool {
	m := gatewayInterface.FindStringSubmatch(aws.ToString(e.Description))
	return m != nil && aws.ToBool(e.RequesterManaged) && slices.ContainsFunc(c.NATGateways, func(g types.NatGateway) bool {
		return c.isThis(g.VpcId) && aws.ToString(g.NatGatewayId) == m[1]
	})
}

// directoryInterface matches the description of a directory's interfaces. AWS's guide has the word "directory" in it,
// others have seen it without.
var directoryInterface = regexp.MustCompile(`^AWS created network interface for (?:directory )?(d-[0-9a-f]{10})\b`)

// interfaces sorts what is left of the VPC's interfaces: those of instances, gateways and endpoints are sorted by their owners.
func (c *classifier) interfaces() {
	for _, e := range c.Interfaces {
		id := aws.ToString(e.NetworkInterfaceId)
		ofDirectory := directoryInterface.FindStringSubmatch(aws.ToString(e.Description))
		switch {
		case !c.isThis(e.VpcId) || slices.Contains(c.ours, id) || c.ofGateway(e):
		case ofDirectory != nil && ofDirectory[1] == c.own.Directory:
			c.goes("eni", e.NetworkInterfaceId)
		case ofDirectory != nil && c.directory(ofDirectory[1]) != nil:
			c.refuse("interface", e.NetworkInterfaceId, "of directory %s", ofDirectory[1])
		case c.own.Subscribed && (e.InterfaceType == types.NetworkInterfaceTypeQuicksight || c.ofConnection(id)):
			c.goes("eni", e.NetworkInterfaceId)
		case aws.ToString(e.OwnerId) != c.own.Account || e.Status != types.NetworkInterfaceStatusAvailable || managed(e):
			c.refuse("interface", e.NetworkInterfaceId, "%s", ownerOf(e))
		default:
			c.may("eni", e.NetworkInterfaceId)
		}
	}
}

// ofConnection tells whether an interface is that of a QuickSight VPC connection.
func (c *classifier) ofConnection(id string) bool {
	return slices.ContainsFunc(c.own.Connections, func(v closing.VPCConnection) bool { return slices.Contains(v.Interfaces, id) })
}

// managed tells whether AWS manages an interface for its owner, so that only the service behind it may delete it.
func managed(e types.NetworkInterface) bool {
	return aws.ToBool(e.RequesterManaged) || e.Operator != nil && aws.ToBool(e.Operator.Managed)
}

// fabric is what the VPC is made of. Its default group, default ACL and main route table go with it; the directory's group
// goes with the directory.
func (c *classifier) fabric() {
	for _, s := range c.Subnets {
		if c.isThis(s.VpcId) && !c.refused(s.SubnetId) {
			c.may("subnet", s.SubnetId)
		}
	}
	for _, t := range c.RouteTables {
		if !c.isThis(t.VpcId) || c.refused(t.RouteTableId) || slices.ContainsFunc(t.Associations, func(a types.RouteTableAssociation) bool { return aws.ToBool(a.Main) }) {
			continue
		}
		c.may("rtb", t.RouteTableId)
		for _, a := range t.Associations {
			if a.SubnetId == nil { // with a gateway; one with a subnet goes with the subnet
				c.may("rtbassoc", a.RouteTableAssociationId)
			}
		}
	}
	for _, a := range c.ACLs {
		if c.isThis(a.VpcId) && !aws.ToBool(a.IsDefault) {
			c.may("acl", a.NetworkAclId)
		}
	}
	for _, g := range c.Groups {
		switch {
		case !c.isThis(g.VpcId) || c.refused(g.GroupId):
		case isDefaultGroup(g):
			if c.namesNeighbours(g) {
				c.may(closing.KindGroupRules, g.GroupId)
			}
		case c.isDirectoryGroup(g):
			c.goes("sg", g.GroupId)
		default:
			c.may("sg", g.GroupId)
		}
	}
}

func isDefaultGroup(g types.SecurityGroup) bool { return aws.ToString(g.GroupName) == "default" }

// namesNeighbours tells whether a group's rules name another group of the VPC, which EC2 then refuses to delete.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
func (c *classifier) namesNeighbours(g types.SecurityGroup) bool {
	return slices.ContainsFunc(c.Groups, func(o types.SecurityGroup) bool { return c.isThis(o.VpcId) && namesGroup(g, aws.ToString(o.GroupId)) })
}

// namesGroup tells whether a group's rules name another group.
func namesGroup(g types.SecurityGroup, other string) bool {
	return slices.ContainsFunc(referencesOf(g), func(r reference) bool { return r.to == other })
}

// isDirectoryGroup tells whether a security group is that of the directory that goes.
func (c *classifier) isDirectoryGroup(g types.SecurityGroup) bool {
	id := aws.ToString(g.GroupId)
	return c.own.Directory != "" && (id == c.own.Group || aws.ToString(g.GroupName) == c.own.Directory+"_controllers")
}

// leftBehind is what deleting the VPC leaves, beside addresses.
func (c *classifier) leftBehind(v *types.Vpc) {
	for _, e := range c.Interfaces {
		if c.isThis(e.VpcId) && e.Association != nil {
			c.leave("eipalloc", aws.ToString(e.Association.AllocationId))
		}
	}
	if options := aws.ToString(v.DhcpOptionsId); c.ownDHCPOptions(options) {
		c.leave("dopt", options)
	}
	for _, f := range c.FlowLogs {
		target := aws.ToString(f.ResourceId)
		of := target == c.vpc ||
			slices.ContainsFunc(c.Subnets, func(s types.Subnet) bool { return c.isThis(s.VpcId) && aws.ToString(s.SubnetId) == target }) ||
			slices.ContainsFunc(c.Interfaces, func(e types.NetworkInterface) bool {
				return c.isThis(e.VpcId) && aws.ToString(e.NetworkInterfaceId) == target
			})
		if of {
			c.leave("fl", aws.ToString(f.FlowLogId))
		}
	}
}

// named is what tags say about a resource, to be appended to a description.
func named(tags []types.Tag) string {
	for _, key := range []string{"Name", "aws:autoscaling:groupName", "eks:cluster-name", "aws:cloudformation:stack-name"} {
		for _, t := range tags {
			if aws.ToString(t.Key) == key && aws.ToString(t.Value) != "" {
				return fmt.Sprintf(", %s %q", key, aws.ToString(t.Value))
			}
		}
	}
	return ""
}

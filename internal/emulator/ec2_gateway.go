package emulator

import (
	"slices"
	"time"
)

var ec2GatewayOperations = map[string]op{
	"DescribeInternetGateways":             internetGatewayKind.describe(),
	"DescribeEgressOnlyInternetGateways":   egressOnlyInternetGatewayKind.describe(),
	"DescribeNatGateways":                  natGatewayKind.describe(),
	"DescribeAddresses":                    addressKind.describe(),
	"DescribeVpcPeeringConnections":        peeringKind.describe(),
	"DescribeVpnGateways":                  vpnGatewayKind.describe(),
	"DescribeVpnConnections":               vpnConnectionKind.describe(),
	"DescribeTransitGatewayVpcAttachments": transitGatewayAttachmentKind.describe(),
	"DescribeCarrierGateways":              carrierGatewayKind.describe(),
	"DetachInternetGateway": attachment(internetGatewayKind, func(_ *request, _ *Network, g *InternetGateway) (any, error) {
		g.VPC = ""
		return xmlReturn{true}, nil
	}),
	"DeleteInternetGateway":           internetGatewayKind.remove(xmlReturn{true}),
	"DeleteEgressOnlyInternetGateway": egressOnlyInternetGatewayKind.remove(xmlReturnCode{true}),
	"DeleteNatGateway":                natGatewayKind.act(deleteNATGateway),
	"DeleteVpcPeeringConnection": peeringKind.act(func(_ *request, _ *Network, p *Peering) (any, error) {
		p.State = "deleted"
		return xmlReturn{true}, nil
	}),
	"DetachVpnGateway": attachment(vpnGatewayKind, detachVPNGateway),
	"DeleteVpnGateway": vpnGatewayKind.remove(xmlReturn{true}),
	"DeleteCarrierGateway": carrierGatewayKind.act(func(r *request, n *Network, g *CarrierGateway) (any, error) {
		n.remove(g.ID)
		g.State = "deleted"
		return xmlDeletedCarrierGateway{carrierGatewayKind.wire(r, g)}, nil
	}),
}

// attachment is an operation on a gateway's attachment to a VPC, both named by the request.
func attachment[T resource](k kind[T], do func(*request, *Network, T) (any, error)) op {
	o := k.act(do)
	o.required = append(o.required, "VpcId")
	o.resource = func(r *request) []string {
		return []string{ec2ARN(r, k.arn, r.str(k.id)), ec2ARN(r, vpcKind.arn, r.str("VpcId"))}
	}
	return o
}

// xmlReturnCode is the answer of the one operation that says return differently.
type xmlReturnCode struct {
	Return bool `xml:"returnCode"`
}

type xmlAttachment struct {
	VPC   string `xml:"vpcId"`
	State string `xml:"state"`
}

// attached is the list of attachments of something that can have one.
func attached(vpc, state string) []xmlAttachment {
	if vpc == "" {
		return nil
	}
	return []xmlAttachment{{vpc, state}}
}

var internetGatewayKind = kind[*InternetGateway]{
	arn: "internet-gateway", noun: "internetGateway", id: "InternetGatewayId", notFound: "InvalidInternetGatewayID.NotFound", set: "internetGatewaySet",
	list: func(n *Network) list[*InternetGateway] { return n.InternetGateways },
	filters: func(_ *request, g *InternetGateway) map[string][]string {
		return map[string][]string{
			"attachment.vpc-id":   {g.VPC},
			"internet-gateway-id": {g.ID},
			"owner-id":            {g.Owner},
		}
	},
	wire: func(_ *request, g *InternetGateway) any {
		// An internet gateway's attachment is "available": https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InternetGatewayAttachment.html
		return xmlInternetGateway{g.ID, g.Owner, attached(g.VPC, "available"), xmlTags(g.Tags)}
	},
}

type xmlInternetGateway struct {
	ID          string          `xml:"internetGatewayId"`
	Owner       string          `xml:"ownerId"`
	Attachments []xmlAttachment `xml:"attachmentSet>item"`
	Tags        []xmlTag        `xml:"tagSet>item"`
}

var egressOnlyInternetGatewayKind = kind[*EgressOnlyInternetGateway]{
	arn: "egress-only-internet-gateway", noun: "egressOnlyInternetGateway", id: "EgressOnlyInternetGatewayId", notFound: "InvalidGatewayID.NotFound", set: "egressOnlyInternetGatewaySet",
	list: func(n *Network) list[*EgressOnlyInternetGateway] { return n.EgressOnlyInternetGateways },
	wire: func(_ *request, g *EgressOnlyInternetGateway) any {
		return xmlEgressOnlyInternetGateway{g.ID, attached(g.VPC, "attached"), xmlTags(g.Tags)}
	},
}

type xmlEgressOnlyInternetGateway struct {
	ID          string          `xml:"egressOnlyInternetGatewayId"`
	Attachments []xmlAttachment `xml:"attachmentSet>item"`
	Tags        []xmlTag        `xml:"tagSet>item"`
}

var natGatewayKind = kind[*NATGateway]{
	arn: "natgateway", noun: "NatGateway", id: "NatGatewayId", notFound: "NatGatewayNotFound", set: "natGatewaySet",
	list: func(n *Network) list[*NATGateway] { return n.NATGateways },
	filters: func(_ *request, g *NATGateway) map[string][]string {
		return map[string][]string{
			"vpc-id":         {g.VPC},
			"subnet-id":      {g.Subnet},
			"nat-gateway-id": {g.ID},
			"state":          {g.State},
		}
	},
	wire: func(r *request, g *NATGateway) any {
		out := xmlNATGateway{
			ID: g.ID, VPC: g.VPC, Subnet: g.Subnet, State: g.State, Connectivity: "private", Availability: "zonal",
			Created: ec2Time(g.Created), Deleted: ec2Time(g.Deleted), Tags: xmlTags(g.Tags),
		}
		if g.Subnet == "" {
			out.Availability = "regional"
		}
		if g.Address == "" {
			return out
		}
		out.Connectivity = "public"
		address := xmlNATAddress{Allocation: g.Address}
		if a, ok := r.network().Addresses.find(g.Address); ok {
			address.PublicIP, address.Interface = a.PublicIP, a.Interface
		}
		if e, ok := r.network().NetworkInterfaces.find(address.Interface); ok {
			address.PrivateIP = e.PrivateIP
		}
		out.Addresses = []xmlNATAddress{address}
		return out
	},
}

type xmlNATGateway struct {
	ID           string          `xml:"natGatewayId"`
	VPC          string          `xml:"vpcId"`
	Subnet       string          `xml:"subnetId,omitempty"`
	State        string          `xml:"state"`
	Connectivity string          `xml:"connectivityType"`
	Availability string          `xml:"availabilityMode"`
	Created      string          `xml:"createTime"`
	Deleted      string          `xml:"deleteTime,omitempty"`
	Addresses    []xmlNATAddress `xml:"natGatewayAddressSet>item"`
	Tags         []xmlTag        `xml:"tagSet>item"`
}

type xmlNATAddress struct {
	Allocation string `xml:"allocationId"`
	Interface  string `xml:"networkInterfaceId,omitempty"`
	PrivateIP  string `xml:"privateIp,omitempty"`
	PublicIP   string `xml:"publicIp,omitempty"`
}

type xmlDeletedNATGateway struct {
	ID string `xml:"natGatewayId"`
}

// ec2Time is how EC2 writes a time; nothing for none.
func ec2Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// deleteNATGateway starts what ends minutes later: "Deleting a public NAT gateway disassociates its Elastic IP address, but does not release the address from your account":
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html
func deleteNATGateway(r *request, n *Network, g *NATGateway) (any, error) {
	switch g.State {
	case "deleted":
		return nil, apiError("NatGatewayNotFound", "NatGateway %s was not found", g.ID)
	case "deleting":
	default:
		g.State = "deleting"
		n.later(Change{At: r.now.Add(minutes(n.NATGatewayMinutes, 1)), States: map[string]string{g.ID: "deleted"}})
	}
	return xmlDeletedNATGateway{g.ID}, nil
}

var addressKind = kind[*Address]{
	arn: "elastic-ip", noun: "allocation", id: "AllocationId", notFound: "InvalidAllocationID.NotFound", set: "addressesSet", unpaged: true,
	list: func(n *Network) list[*Address] { return n.Addresses },
	filters: func(_ *request, a *Address) map[string][]string {
		return map[string][]string{
			"allocation-id":        {a.ID},
			"network-interface-id": {a.Interface},
			"public-ip":            {a.PublicIP},
			"domain":               {"vpc"},
		}
	},
	wire: func(r *request, a *Address) any {
		out := xmlAddress{Allocation: a.ID, PublicIP: a.PublicIP, Domain: "vpc", BorderGroup: r.region, Tags: xmlTags(a.Tags)}
		if e, ok := r.network().NetworkInterfaces.find(a.Interface); ok {
			out.Association, out.Interface, out.InterfaceOwner, out.PrivateIP = associationID(a.ID, e.ID), e.ID, e.Owner, e.PrivateIP
			out.Instance = e.instance()
		}
		return out
	},
}

type xmlAddress struct {
	Allocation     string   `xml:"allocationId"`
	Association    string   `xml:"associationId,omitempty"`
	PublicIP       string   `xml:"publicIp"`
	PrivateIP      string   `xml:"privateIpAddress,omitempty"`
	Domain         string   `xml:"domain"`
	Instance       string   `xml:"instanceId,omitempty"`
	Interface      string   `xml:"networkInterfaceId,omitempty"`
	InterfaceOwner string   `xml:"networkInterfaceOwnerId,omitempty"`
	BorderGroup    string   `xml:"networkBorderGroup"`
	Tags           []xmlTag `xml:"tagSet>item"`
}

func associationID(address, eni string) string { return derivedID("eipassoc", address, eni) }

var peeringKind = kind[*Peering]{
	arn: "vpc-peering-connection", noun: "vpcPeeringConnection", id: "VpcPeeringConnectionId", notFound: "InvalidVpcPeeringConnectionID.NotFound", set: "vpcPeeringConnectionSet",
	list: func(n *Network) list[*Peering] { return n.Peerings },
	filters: func(_ *request, p *Peering) map[string][]string {
		return map[string][]string{
			"requester-vpc-info.vpc-id":   {p.Requester.VPC},
			"accepter-vpc-info.vpc-id":    {p.Accepter.VPC},
			"requester-vpc-info.owner-id": {p.Requester.Owner},
			"accepter-vpc-info.owner-id":  {p.Accepter.Owner},
			"status-code":                 {p.State},
			"vpc-peering-connection-id":   {p.ID},
		}
	},
	wire: func(_ *request, p *Peering) any {
		return xmlPeering{p.ID, xmlPeer(p.Requester), xmlPeer(p.Accepter), xmlPeeringStatus{p.State, p.State}, xmlTags(p.Tags)}
	},
}

type xmlPeering struct {
	ID        string           `xml:"vpcPeeringConnectionId"`
	Requester xmlPeer          `xml:"requesterVpcInfo"`
	Accepter  xmlPeer          `xml:"accepterVpcInfo"`
	Status    xmlPeeringStatus `xml:"status"`
	Tags      []xmlTag         `xml:"tagSet>item"`
}

type xmlPeer struct {
	VPC    string `xml:"vpcId"`
	Owner  string `xml:"ownerId"`
	Region string `xml:"region"`
	CIDR   string `xml:"cidrBlock,omitempty"`
}

type xmlPeeringStatus struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

var vpnGatewayKind = kind[*VPNGateway]{
	arn: "vpn-gateway", noun: "vpnGateway", id: "VpnGatewayId", notFound: "InvalidVpnGatewayID.NotFound", set: "vpnGatewaySet", unpaged: true,
	list: func(n *Network) list[*VPNGateway] { return n.VPNGateways },
	filters: func(_ *request, g *VPNGateway) map[string][]string {
		return map[string][]string{
			"attachment.vpc-id": {g.VPC},
			"attachment.state":  {g.Attachment},
			"vpn-gateway-id":    {g.ID},
			"state":             {g.State},
		}
	},
	wire: func(_ *request, g *VPNGateway) any {
		return xmlVPNGateway{g.ID, g.State, "ipsec.1", attached(g.VPC, g.Attachment), xmlTags(g.Tags)}
	},
}

type xmlVPNGateway struct {
	ID          string          `xml:"vpnGatewayId"`
	State       string          `xml:"state"`
	Type        string          `xml:"type"`
	Attachments []xmlAttachment `xml:"attachments>item"`
	Tags        []xmlTag        `xml:"tagSet>item"`
}

// detachVPNGateway starts a detachment: "You must wait for the attachment's state to switch to detached before you can delete the VPC":
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachVpnGateway.html
func detachVPNGateway(r *request, n *Network, g *VPNGateway) (any, error) {
	if g.VPC != r.str("VpcId") || g.Attachment == "detached" {
		return nil, apiError("InvalidVpnGatewayAttachment.NotFound", "The attachment with vpn gateway ID '%s' and vpc ID '%s' does not exist", g.ID, r.str("VpcId"))
	}
	if g.Attachment != "detaching" {
		g.Attachment = "detaching"
		n.later(Change{At: r.now.Add(minutes(n.VPNGatewayMinutes, 2)), States: map[string]string{g.ID: "detached"}})
	}
	return xmlReturn{true}, nil
}

var vpnConnectionKind = kind[*VPNConnection]{
	arn: "vpn-connection", noun: "vpnConnection", id: "VpnConnectionId", notFound: "InvalidVpnConnectionID.NotFound", set: "vpnConnectionSet", unpaged: true,
	list: func(n *Network) list[*VPNConnection] { return n.VPNConnections },
	filters: func(_ *request, v *VPNConnection) map[string][]string {
		return map[string][]string{
			"vpn-gateway-id":     {v.VPNGateway},
			"transit-gateway-id": {v.TransitGateway},
			"vpn-connection-id":  {v.ID},
			"state":              {v.State},
		}
	},
	wire: func(_ *request, v *VPNConnection) any {
		return xmlVPNConnection{v.ID, v.State, "ipsec.1", v.VPNGateway, v.TransitGateway, v.CustomerGateway, xmlTags(v.Tags)}
	},
}

type xmlVPNConnection struct {
	ID              string   `xml:"vpnConnectionId"`
	State           string   `xml:"state"`
	Type            string   `xml:"type"`
	VPNGateway      string   `xml:"vpnGatewayId,omitempty"`
	TransitGateway  string   `xml:"transitGatewayId,omitempty"`
	CustomerGateway string   `xml:"customerGatewayId,omitempty"`
	Tags            []xmlTag `xml:"tagSet>item"`
}

var transitGatewayAttachmentKind = kind[*TransitGatewayAttachment]{
	arn: "transit-gateway-attachment", noun: "transitGatewayAttachment", id: "TransitGatewayAttachmentIds", notFound: "InvalidTransitGatewayAttachmentID.NotFound", set: "transitGatewayVpcAttachments",
	list: func(n *Network) list[*TransitGatewayAttachment] { return n.TransitGatewayAttachments },
	filters: func(_ *request, a *TransitGatewayAttachment) map[string][]string {
		return map[string][]string{
			"vpc-id":                        {a.VPC},
			"transit-gateway-id":            {a.TransitGateway},
			"transit-gateway-attachment-id": {a.ID},
			"state":                         {a.State},
		}
	},
	wire: func(_ *request, a *TransitGatewayAttachment) any {
		return xmlTransitGatewayAttachment{a.ID, a.TransitGateway, a.VPC, a.Owner, a.State, a.Subnets, xmlTags(a.Tags)}
	},
}

type xmlTransitGatewayAttachment struct {
	ID             string   `xml:"transitGatewayAttachmentId"`
	TransitGateway string   `xml:"transitGatewayId"`
	VPC            string   `xml:"vpcId"`
	VPCOwner       string   `xml:"vpcOwnerId"`
	State          string   `xml:"state"`
	Subnets        []string `xml:"subnetIds>item"`
	Tags           []xmlTag `xml:"tagSet>item"`
}

var carrierGatewayKind = kind[*CarrierGateway]{
	arn: "carrier-gateway", noun: "carrierGateway", id: "CarrierGatewayId", notFound: "InvalidCarrierGatewayID.NotFound", set: "carrierGatewaySet",
	list: func(n *Network) list[*CarrierGateway] { return n.CarrierGateways },
	filters: func(_ *request, g *CarrierGateway) map[string][]string {
		return map[string][]string{
			"vpc-id":             {g.VPC},
			"carrier-gateway-id": {g.ID},
			"state":              {g.State},
			"owner-id":           {g.Owner},
		}
	},
	wire: func(_ *request, g *CarrierGateway) any {
		return xmlCarrierGateway{g.ID, g.VPC, g.State, g.Owner, xmlTags(g.Tags)}
	},
}

type xmlCarrierGateway struct {
	ID    string   `xml:"carrierGatewayId"`
	VPC   string   `xml:"vpcId"`
	State string   `xml:"state"`
	Owner string   `xml:"ownerId"`
	Tags  []xmlTag `xml:"tagSet>item"`
}

type xmlDeletedCarrierGateway struct {
	Gateway any `xml:"carrierGateway"`
}

// mapsPublicAddresses reports whether something in a VPC still has a public address.
func (n *Network) mapsPublicAddresses(vpc string) bool {
	return n.NetworkInterfaces.any(func(e *NetworkInterface) bool {
		return e.VPC == vpc && (e.PublicIP != "" || n.Addresses.any(func(a *Address) bool { return a.Interface == e.ID }))
	}) || n.NATGateways.any(func(g *NATGateway) bool {
		return g.VPC == vpc && g.Address != "" && !slices.Contains([]string{"deleted", "failed"}, g.State)
	})
}

package emulator

import (
	"slices"
	"strconv"
	"strings"
)

var ec2VPCOperations = map[string]op{
	"DescribeVpcs":                                  vpcKind.describe(),
	"DescribeVpcAttribute":                          {required: []string{"VpcId", "Attribute"}, run: describeVPCAttribute},
	"DescribeSubnets":                               subnetKind.describe(),
	"DescribeDhcpOptions":                           dhcpOptionsKind.describe(),
	"DescribeVpcBlockPublicAccessExclusions":        publicAccessExclusionKind.describe(),
	"DescribeVpcEncryptionControls":                 encryptionControlKind.describe(),
	"DescribeLocalGatewayRouteTableVpcAssociations": localGatewayAssociationKind.describe(),
	"DeleteSubnet":                                  subnetKind.remove(xmlReturn{true}),
	"DeleteVpc":                                     vpcKind.act(deleteVPC),
}

var vpcKind = kind[*VPC]{
	arn: "vpc", noun: "vpc", id: "VpcId", notFound: "InvalidVpcID.NotFound", set: "vpcSet",
	list: func(n *Network) list[*VPC] { return n.VPCs },
	filters: func(_ *request, v *VPC) map[string][]string {
		return map[string][]string{
			"vpc-id":          {v.ID},
			"state":           {v.State},
			"cidr":            {v.CIDR},
			"is-default":      {strconv.FormatBool(v.Default)},
			"isDefault":       {strconv.FormatBool(v.Default)},
			"owner-id":        {v.Owner},
			"dhcp-options-id": {v.DHCPOptions},
		}
	},
	wire: func(_ *request, v *VPC) any {
		out := xmlVPC{
			ID: v.ID, Owner: v.Owner, State: v.State, CIDR: v.CIDR, DHCPOptions: v.DHCPOptions, Tenancy: "default", Default: v.Default, Tags: xmlTags(v.Tags),
		}
		for _, block := range append([]string{v.CIDR}, v.CIDRs...) {
			out.Blocks = append(out.Blocks, xmlBlock{derivedID("vpc-cidr-assoc", v.ID, block), block, "associated"})
		}
		return out
	},
}

type xmlVPC struct {
	ID          string     `xml:"vpcId"`
	Owner       string     `xml:"ownerId"`
	State       string     `xml:"state"`
	CIDR        string     `xml:"cidrBlock"`
	Blocks      []xmlBlock `xml:"cidrBlockAssociationSet>item"`
	DHCPOptions string     `xml:"dhcpOptionsId"`
	Tenancy     string     `xml:"instanceTenancy"`
	Default     bool       `xml:"isDefault"`
	Tags        []xmlTag   `xml:"tagSet>item"`
}

type xmlBlock struct {
	Association string `xml:"associationId"`
	CIDR        string `xml:"cidrBlock"`
	State       string `xml:"cidrBlockState>state"`
}

// deleteVPC takes the VPC's defaults with it: "When you delete the VPC, it deletes the default security group, network ACL, and route table for the VPC." Flow logs
// "are eventually automatically removed", and so are the peering connections that did not forbid it.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html
// https://docs.aws.amazon.com/vpc/latest/peering/delete-vpc-peering-connection.html
func deleteVPC(_ *request, n *Network, v *VPC) (any, error) {
	ids := []string{v.ID, n.defaultGroup(v.ID)}
	for _, t := range n.RouteTables {
		if t.VPC == v.ID && t.Main {
			ids = append(ids, t.ID)
		}
	}
	for _, acl := range n.NetworkACLs {
		if acl.VPC == v.ID && acl.Default {
			ids = append(ids, acl.ID)
		}
	}
	for _, f := range n.FlowLogs {
		if slices.Contains(ids, f.Target) {
			ids = append(ids, f.ID)
		}
	}
	for _, p := range n.Peerings {
		if p.Requester.VPC == v.ID || p.Accepter.VPC == v.ID {
			p.State = "deleted"
		}
	}
	n.remove(ids...)
	return xmlReturn{true}, nil
}

// describeVPCAttribute answers with the defaults of a VPC, which nothing here changes.
func describeVPCAttribute(r *request) (any, error) {
	vpc, err := vpcKind.find(r, r.str("VpcId"))
	if err != nil {
		return nil, err
	}
	yes := func(value bool) *xmlBool { return &xmlBool{value} }
	out := xmlVPCAttribute{VPC: vpc.ID}
	switch name := r.str("Attribute"); name {
	case "enableDnsSupport":
		out.DNSSupport = yes(true)
	case "enableDnsHostnames":
		out.DNSHostnames = yes(vpc.Default)
	case "enableNetworkAddressUsageMetrics":
		out.UsageMetrics = yes(false)
	default:
		return nil, apiError("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", name)
	}
	return out, nil
}

type xmlBool struct {
	Value bool `xml:"value"`
}

type xmlVPCAttribute struct {
	VPC          string   `xml:"vpcId"`
	DNSSupport   *xmlBool `xml:"enableDnsSupport"`
	DNSHostnames *xmlBool `xml:"enableDnsHostnames"`
	UsageMetrics *xmlBool `xml:"enableNetworkAddressUsageMetrics"`
}

var subnetKind = kind[*Subnet]{
	arn: "subnet", noun: "subnet", id: "SubnetId", notFound: "InvalidSubnetID.NotFound", set: "subnetSet",
	list: func(n *Network) list[*Subnet] { return n.Subnets },
	filters: func(_ *request, s *Subnet) map[string][]string {
		return map[string][]string{
			"vpc-id":            {s.VPC},
			"subnet-id":         {s.ID},
			"state":             {s.State},
			"owner-id":          {s.Owner},
			"availability-zone": {s.Zone},
			"cidr-block":        {s.CIDR},
		}
	},
	wire: func(r *request, s *Subnet) any {
		return xmlSubnet{
			ID: s.ID, ARN: "arn:aws:ec2:" + r.region + ":" + s.Owner + ":subnet/" + s.ID, VPC: s.VPC, Owner: s.Owner, State: s.State, CIDR: s.CIDR, Zone: s.Zone, Tags: xmlTags(s.Tags),
		}
	},
}

type xmlSubnet struct {
	ID    string   `xml:"subnetId"`
	ARN   string   `xml:"subnetArn"`
	VPC   string   `xml:"vpcId"`
	Owner string   `xml:"ownerId"`
	State string   `xml:"state"`
	CIDR  string   `xml:"cidrBlock"`
	Zone  string   `xml:"availabilityZone"`
	Tags  []xmlTag `xml:"tagSet>item"`
}

var dhcpOptionsKind = kind[*DHCPOptions]{
	arn: "dhcp-options", noun: "dhcpOption", id: "DhcpOptionsId", notFound: "InvalidDhcpOptionID.NotFound", set: "dhcpOptionsSet",
	list: func(n *Network) list[*DHCPOptions] { return n.DHCPOptions },
	filters: func(_ *request, d *DHCPOptions) map[string][]string {
		return map[string][]string{
			"dhcp-options-id": {d.ID},
			"owner-id":        {d.Owner},
			"value":           append([]string{d.DomainName}, d.Servers...),
		}
	},
	wire: func(_ *request, d *DHCPOptions) any {
		out := xmlDHCPOptions{ID: d.ID, Owner: d.Owner, Tags: xmlTags(d.Tags)}
		if d.DomainName != "" {
			out.Options = append(out.Options, xmlDHCPOption{"domain-name", []xmlValue{{d.DomainName}}})
		}
		if len(d.Servers) > 0 {
			servers := xmlDHCPOption{Key: "domain-name-servers"}
			for _, server := range d.Servers {
				servers.Values = append(servers.Values, xmlValue{server})
			}
			out.Options = append(out.Options, servers)
		}
		return out
	},
}

type xmlDHCPOptions struct {
	ID      string          `xml:"dhcpOptionsId"`
	Owner   string          `xml:"ownerId"`
	Options []xmlDHCPOption `xml:"dhcpConfigurationSet>item"`
	Tags    []xmlTag        `xml:"tagSet>item"`
}

type xmlDHCPOption struct {
	Key    string     `xml:"key"`
	Values []xmlValue `xml:"valueSet>item"`
}

type xmlValue struct {
	Value string `xml:"value"`
}

var publicAccessExclusionKind = kind[*PublicAccessExclusion]{
	arn: "vpc-block-public-access-exclusion", noun: "exclusion", id: "ExclusionId", notFound: "InvalidVpcBlockPublicAccessExclusionId.NotFound", set: "vpcBlockPublicAccessExclusionSet",
	list: func(n *Network) list[*PublicAccessExclusion] { return n.PublicAccessExclusions },
	wire: func(r *request, e *PublicAccessExclusion) any {
		of, _, _ := strings.Cut(e.Target, "-")
		return xmlPublicAccessExclusion{e.ID, "allow-bidirectional", ec2ARN(r, of, e.Target), e.State, xmlTags(e.Tags)}
	},
}

type xmlPublicAccessExclusion struct {
	ID    string   `xml:"exclusionId"`
	Mode  string   `xml:"internetGatewayExclusionMode"`
	ARN   string   `xml:"resourceArn"`
	State string   `xml:"state"`
	Tags  []xmlTag `xml:"tagSet>item"`
}

var encryptionControlKind = kind[*EncryptionControl]{
	arn: "vpc-encryption-control", noun: "vpcEncryptionControl", id: "VpcEncryptionControlId", notFound: "InvalidVpcEncryptionControlId.NotFound", set: "vpcEncryptionControlSet",
	list: func(n *Network) list[*EncryptionControl] { return n.EncryptionControls },
	filters: func(_ *request, e *EncryptionControl) map[string][]string {
		return map[string][]string{
			"vpc-id": {e.VPC},
			"state":  {e.State},
		}
	},
	wire: func(_ *request, e *EncryptionControl) any {
		return xmlEncryptionControl{e.ID, e.VPC, "monitor", e.State, xmlTags(e.Tags)}
	},
}

type xmlEncryptionControl struct {
	ID    string   `xml:"vpcEncryptionControlId"`
	VPC   string   `xml:"vpcId"`
	Mode  string   `xml:"mode"`
	State string   `xml:"state"`
	Tags  []xmlTag `xml:"tagSet>item"`
}

var localGatewayAssociationKind = kind[*LocalGatewayAssociation]{
	arn: "local-gateway-route-table-vpc-association", noun: "local gateway route table VPC association", id: "LocalGatewayRouteTableVpcAssociationId",
	notFound: "InvalidLocalGatewayRouteTableVpcAssociationID.NotFound", set: "localGatewayRouteTableVpcAssociationSet",
	list: func(n *Network) list[*LocalGatewayAssociation] { return n.LocalGatewayAssociations },
	filters: func(_ *request, a *LocalGatewayAssociation) map[string][]string {
		return map[string][]string{
			"vpc-id":           {a.VPC},
			"local-gateway-id": {a.LocalGateway},
			"state":            {a.State},
		}
	},
	wire: func(_ *request, a *LocalGatewayAssociation) any {
		return xmlLocalGatewayAssociation{a.ID, a.LocalGateway, a.VPC, a.Owner, a.State, xmlTags(a.Tags)}
	},
}

type xmlLocalGatewayAssociation struct {
	ID      string   `xml:"localGatewayRouteTableVpcAssociationId"`
	Gateway string   `xml:"localGatewayId"`
	VPC     string   `xml:"vpcId"`
	Owner   string   `xml:"ownerId"`
	State   string   `xml:"state"`
	Tags    []xmlTag `xml:"tagSet>item"`
}

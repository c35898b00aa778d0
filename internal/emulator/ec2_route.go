package emulator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

var ec2RouteOperations = map[string]op{
	"DescribeRouteTables": routeTableKind.describe(),
	"DescribeNetworkAcls": networkACLKind.describe(),
	"DisassociateRouteTable": {
		required: []string{"AssociationId"}, run: disassociateRouteTable,
		resource: func(r *request) []string {
			if table, _ := associatedTable(r); table != nil {
				return []string{ec2ARN(r, "route-table", table.ID)}
			}
			return []string{ec2ARN(r, "route-table", "*")}
		},
	},
	"DeleteRouteTable": routeTableKind.remove(xmlReturn{true}),
	"DeleteNetworkAcl": networkACLKind.remove(xmlReturn{true}),
}

var routeTableKind = kind[*RouteTable]{
	arn: "route-table", noun: "routeTable", id: "RouteTableId", notFound: "InvalidRouteTableID.NotFound", set: "routeTableSet",
	list: func(n *Network) list[*RouteTable] { return n.RouteTables },
	filters: func(_ *request, t *RouteTable) map[string][]string {
		var ids []string
		for _, a := range t.associations() {
			ids = append(ids, a.ID)
		}
		return map[string][]string{
			"vpc-id":                                 {t.VPC},
			"route-table-id":                         {t.ID},
			"owner-id":                               {t.Owner},
			"association.main":                       {strconv.FormatBool(t.Main)},
			"association.subnet-id":                  t.Subnets,
			"association.route-table-association-id": ids,
			"route.gateway-id":                       t.targets("igw-", "vgw-", "vpce-"),
			"route.nat-gateway-id":                   t.targets("nat-"),
			"route.transit-gateway-id":               t.targets("tgw-"),
			"route.vpc-peering-connection-id":        t.targets("pcx-"),
		}
	},
	wire: func(r *request, t *RouteTable) any {
		out := xmlRouteTable{ID: t.ID, VPC: t.VPC, Owner: t.Owner, Associations: t.associations(), Tags: xmlTags(t.Tags)}
		vpc, _ := r.network().VPCs.find(t.VPC)
		for _, block := range append([]string{vpc.CIDR}, vpc.CIDRs...) {
			out.Routes = append(out.Routes, xmlRoute{CIDR: block, Gateway: "local", State: "active", Origin: "CreateRouteTable"})
		}
		for _, route := range t.Routes {
			out.Routes = append(out.Routes, wireRoute(r.network(), route))
		}
		return out
	},
}

// targets are those of a table's routes whose ids have one of the prefixes.
func (t *RouteTable) targets(prefixes ...string) []string {
	var targets []string
	for _, route := range t.Routes {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(route.Target, p) }) {
			targets = append(targets, route.Target)
		}
	}
	return targets
}

type xmlRouteTable struct {
	ID           string                `xml:"routeTableId"`
	VPC          string                `xml:"vpcId"`
	Owner        string                `xml:"ownerId"`
	Routes       []xmlRoute            `xml:"routeSet>item"`
	Associations []xmlRouteAssociation `xml:"associationSet>item"`
	Tags         []xmlTag              `xml:"tagSet>item"`
}

type xmlRouteAssociation struct {
	ID      string `xml:"routeTableAssociationId"`
	Table   string `xml:"routeTableId"`
	Subnet  string `xml:"subnetId,omitempty"`
	Gateway string `xml:"gatewayId,omitempty"`
	Main    bool   `xml:"main"`
	State   string `xml:"associationState>state"`
}

type xmlRoute struct {
	CIDR           string `xml:"destinationCidrBlock,omitempty"`
	IPv6CIDR       string `xml:"destinationIpv6CidrBlock,omitempty"`
	PrefixList     string `xml:"destinationPrefixListId,omitempty"`
	Gateway        string `xml:"gatewayId,omitempty"`
	NATGateway     string `xml:"natGatewayId,omitempty"`
	TransitGateway string `xml:"transitGatewayId,omitempty"`
	Peering        string `xml:"vpcPeeringConnectionId,omitempty"`
	Interface      string `xml:"networkInterfaceId,omitempty"`
	Instance       string `xml:"instanceId,omitempty"`
	EgressOnly     string `xml:"egressOnlyInternetGatewayId,omitempty"`
	Carrier        string `xml:"carrierGatewayId,omitempty"`
	Local          string `xml:"localGatewayId,omitempty"`
	CoreNetwork    string `xml:"coreNetworkArn,omitempty"`
	State          string `xml:"state"`
	Origin         string `xml:"origin"`
}

// associations are a table's explicit associations and, for the main table, the implicit one of the VPC.
func (t *RouteTable) associations() []xmlRouteAssociation {
	var out []xmlRouteAssociation
	add := func(subnet, gateway string, main bool) {
		id := derivedID("rtbassoc", t.ID, cmp.Or(subnet, gateway, "main"))
		out = append(out, xmlRouteAssociation{id, t.ID, subnet, gateway, main, "associated"})
	}
	if t.Main {
		add("", "", true)
	}
	for _, subnet := range t.Subnets {
		add(subnet, "", false)
	}
	if t.Gateway != "" {
		add("", t.Gateway, false)
	}
	return out
}

// wireRoute shows a route. A route whose target is gone stays as a blackhole: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
func wireRoute(n *Network, route Route) xmlRoute {
	out := xmlRoute{State: "active", Origin: "CreateRoute"}
	switch {
	case strings.HasPrefix(route.Destination, "pl-"):
		out.PrefixList = route.Destination
	case strings.Contains(route.Destination, ":"):
		out.IPv6CIDR = route.Destination
	default:
		out.CIDR = route.Destination
	}
	if strings.HasPrefix(route.Target, "arn:") {
		out.CoreNetwork = route.Target
		return out // it lies outside the network, as transit and local gateways do
	}
	prefix, _, _ := strings.Cut(route.Target, "-")
	switch prefix {
	case "nat":
		out.NATGateway = route.Target
	case "tgw":
		out.TransitGateway = route.Target
		return out
	case "lgw":
		out.Local = route.Target
		return out
	case "pcx":
		out.Peering = route.Target
	case "eni":
		out.Interface = route.Target
	case "i":
		out.Instance = route.Target
	case "eigw":
		out.EgressOnly = route.Target
	case "cagw":
		out.Carrier = route.Target
	default:
		out.Gateway = route.Target
	}
	if target := n.resource(route.Target); target == nil || target.State == "deleted" {
		out.State = "blackhole"
	}
	return out
}

// associatedTable finds the table of the association that a request names.
func associatedTable(r *request) (*RouteTable, xmlRouteAssociation) {
	for _, t := range r.network().RouteTables {
		for _, a := range t.associations() {
			if a.ID == r.str("AssociationId") {
				return t, a
			}
		}
	}
	return nil, xmlRouteAssociation{}
}

func disassociateRouteTable(r *request) (any, error) {
	table, association := associatedTable(r)
	if table == nil {
		return nil, apiError("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", r.str("AssociationId"))
	}
	if association.Gateway != "" {
		table.Gateway = ""
	}
	table.Subnets = slices.DeleteFunc(table.Subnets, func(id string) bool { return id == association.Subnet })
	return xmlReturn{true}, nil
}

var networkACLKind = kind[*NetworkACL]{
	arn: "network-acl", noun: "networkAcl", id: "NetworkAclId", notFound: "InvalidNetworkAclID.NotFound", set: "networkAclSet",
	list: func(n *Network) list[*NetworkACL] { return n.NetworkACLs },
	filters: func(r *request, a *NetworkACL) map[string][]string {
		return map[string][]string{
			"vpc-id":                {a.VPC},
			"network-acl-id":        {a.ID},
			"owner-id":              {a.Owner},
			"default":               {strconv.FormatBool(a.Default)},
			"association.subnet-id": r.network().aclSubnets(a),
		}
	},
	wire: func(r *request, a *NetworkACL) any {
		out := xmlNetworkACL{ID: a.ID, VPC: a.VPC, Owner: a.Owner, Default: a.Default, Tags: xmlTags(a.Tags)}
		for _, egress := range []bool{true, false} {
			out.Entries = append(out.Entries, xmlACLEntry{"0.0.0.0/0", egress, "-1", "deny", 32767})
			if a.Default {
				out.Entries = append(out.Entries, xmlACLEntry{"0.0.0.0/0", egress, "-1", "allow", 100})
			}
		}
		for _, subnet := range r.network().aclSubnets(a) {
			out.Associations = append(out.Associations, xmlACLAssociation{derivedID("aclassoc", subnet), a.ID, subnet})
		}
		return out
	},
}

type xmlNetworkACL struct {
	ID           string              `xml:"networkAclId"`
	VPC          string              `xml:"vpcId"`
	Owner        string              `xml:"ownerId"`
	Default      bool                `xml:"default"`
	Entries      []xmlACLEntry       `xml:"entrySet>item"`
	Associations []xmlACLAssociation `xml:"associationSet>item"`
	Tags         []xmlTag            `xml:"tagSet>item"`
}

type xmlACLEntry struct {
	CIDR     string `xml:"cidrBlock"`
	Egress   bool   `xml:"egress"`
	Protocol string `xml:"protocol"`
	Action   string `xml:"ruleAction"`
	Number   int    `xml:"ruleNumber"`
}

type xmlACLAssociation struct {
	ID     string `xml:"networkAclAssociationId"`
	ACL    string `xml:"networkAclId"`
	Subnet string `xml:"subnetId"`
}

// aclSubnets are the subnets that use an ACL: for the default one, all that no other names.
func (n *Network) aclSubnets(a *NetworkACL) []string {
	if !a.Default {
		return a.Subnets
	}
	var ids []string
	for _, s := range n.Subnets {
		if s.VPC == a.VPC && !n.NetworkACLs.any(func(other *NetworkACL) bool { return slices.Contains(other.Subnets, s.ID) }) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

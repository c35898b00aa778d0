package emulator

import (
	"slices"
	"strconv"
	"strings"
)

var ec2GroupOperations = map[string]op{
	"DescribeSecurityGroups":               securityGroupKind.describe(),
	"DescribeSecurityGroupRules":           groupRuleKind.describe(),
	"DescribeSecurityGroupVpcAssociations": groupAssociationKind.describe(),
	"DescribeSecurityGroupReferences":      {required: []string{"GroupId"}, run: describeGroupReferences},
	"RevokeSecurityGroupIngress":           securityGroupKind.act(revoke(false)),
	"RevokeSecurityGroupEgress":            securityGroupKind.act(revoke(true)),
	"DeleteSecurityGroup": securityGroupKind.act(func(_ *request, n *Network, g *SecurityGroup) (any, error) {
		n.remove(g.ID)
		return xmlDeletedGroup{true, g.ID}, nil
	}),
}

var securityGroupKind = kind[*SecurityGroup]{
	arn: "security-group", noun: "security group", id: "GroupId", notFound: "InvalidGroup.NotFound", set: "securityGroupInfo",
	list: func(n *Network) list[*SecurityGroup] { return n.SecurityGroups },
	filters: func(_ *request, g *SecurityGroup) map[string][]string {
		return map[string][]string{
			"vpc-id":                        {g.VPC},
			"group-id":                      {g.ID},
			"group-name":                    {g.Name},
			"description":                   {g.Description},
			"owner-id":                      {g.Owner},
			"ip-permission.group-id":        g.referenced(false),
			"egress.ip-permission.group-id": g.referenced(true),
		}
	},
	wire: func(r *request, g *SecurityGroup) any {
		return xmlSecurityGroup{
			ID: g.ID, ARN: "arn:aws:ec2:" + r.region + ":" + g.Owner + ":security-group/" + g.ID, Name: g.Name, Description: g.Description, VPC: g.VPC, Owner: g.Owner,
			Ingress: g.permissions(r.network(), false), Egress: g.permissions(r.network(), true), Tags: xmlTags(g.Tags),
		}
	},
}

type xmlSecurityGroup struct {
	ID          string          `xml:"groupId"`
	ARN         string          `xml:"securityGroupArn"`
	Name        string          `xml:"groupName"`
	Description string          `xml:"groupDescription"`
	VPC         string          `xml:"vpcId"`
	Owner       string          `xml:"ownerId"`
	Ingress     []xmlPermission `xml:"ipPermissions>item"`
	Egress      []xmlPermission `xml:"ipPermissionsEgress>item"`
	Tags        []xmlTag        `xml:"tagSet>item"`
}

// xmlPermission holds all sources of one protocol and port range.
type xmlPermission struct {
	Protocol    string          `xml:"ipProtocol"`
	From        *int            `xml:"fromPort"`
	To          *int            `xml:"toPort"`
	Groups      []xmlGroupPair  `xml:"groups>item"`
	Ranges      []xmlRange      `xml:"ipRanges>item"`
	IPv6Ranges  []xmlIPv6Range  `xml:"ipv6Ranges>item"`
	PrefixLists []xmlPrefixList `xml:"prefixListIds>item"`
}

type xmlGroupPair struct {
	Group         string `xml:"groupId"`
	User          string `xml:"userId"`
	VPC           string `xml:"vpcId,omitempty"`
	Peering       string `xml:"vpcPeeringConnectionId,omitempty"`
	PeeringStatus string `xml:"peeringStatus,omitempty"`
}

type xmlRange struct {
	CIDR string `xml:"cidrIp"`
}

type xmlIPv6Range struct {
	CIDR string `xml:"cidrIpv6"`
}

type xmlPrefixList struct {
	ID string `xml:"prefixListId"`
}

type xmlDeletedGroup struct {
	Return bool   `xml:"return"`
	Group  string `xml:"groupId"`
}

// referenced are the groups that a group's rules of one direction name.
func (g *SecurityGroup) referenced(egress bool) []string {
	var ids []string
	for _, rule := range g.Rules {
		if rule.Egress == egress && rule.Group != "" {
			ids = append(ids, rule.Group)
		}
	}
	return ids
}

// permissions are a group's rules of one direction as the older form shows them.
func (g *SecurityGroup) permissions(n *Network, egress bool) []xmlPermission {
	var rules []GroupRule
	for _, rule := range g.Rules {
		if rule.Egress == egress {
			rules = append(rules, rule)
		}
	}
	return permissions(n, rules)
}

func permissions(n *Network, rules []GroupRule) []xmlPermission {
	var out []xmlPermission
	for _, rule := range rules {
		from, to := rule.ports()
		i := slices.IndexFunc(out, func(p xmlPermission) bool {
			return p.Protocol == rule.Protocol && (from == nil || *p.From == *from && *p.To == *to)
		})
		if i < 0 {
			i = len(out)
			out = append(out, xmlPermission{Protocol: rule.Protocol, From: from, To: to})
		}
		p := &out[i]
		switch {
		case rule.Group != "":
			p.Groups = append(p.Groups, rule.pair(n))
		case rule.PrefixList != "":
			p.PrefixLists = append(p.PrefixLists, xmlPrefixList{rule.PrefixList})
		case rule.ipv6():
			p.IPv6Ranges = append(p.IPv6Ranges, xmlIPv6Range{rule.CIDR})
		default:
			p.Ranges = append(p.Ranges, xmlRange{rule.CIDR})
		}
	}
	return out
}

// pair names the group that a rule references.
func (r GroupRule) pair(n *Network) xmlGroupPair {
	pair := xmlGroupPair{Group: r.Group, User: r.GroupOwner}
	if r.Peering != "" {
		pair.Peering, pair.PeeringStatus = r.Peering, "deleted"
		if peering, ok := n.Peerings.find(r.Peering); ok {
			pair.PeeringStatus = peering.State
		}
		if group, ok := n.SecurityGroups.find(r.Group); ok {
			pair.VPC = group.VPC
		}
	}
	return pair
}

func (r GroupRule) ipv6() bool { return strings.Contains(r.CIDR, ":") }

// ports are absent where a rule is for every protocol.
func (r GroupRule) ports() (from, to *int) {
	if r.Protocol == "-1" {
		return nil, nil
	}
	return &r.From, &r.To
}

// memberRule is a rule with the group that holds it, as the newer form of the API sees it.
type memberRule struct {
	Resource
	group SecurityGroup
	rule  GroupRule
}

var groupRuleKind = kind[*memberRule]{
	arn: "security-group-rule", noun: "security group rule", id: "SecurityGroupRuleId", notFound: "InvalidSecurityGroupRuleId.NotFound", set: "securityGroupRuleSet",
	list: func(n *Network) list[*memberRule] {
		var rules list[*memberRule]
		for _, g := range n.SecurityGroups {
			for _, rule := range g.Rules {
				rules = append(rules, &memberRule{Resource{ID: rule.ID}, *g, rule})
			}
		}
		return rules
	},
	filters: func(_ *request, m *memberRule) map[string][]string {
		return map[string][]string{
			"group-id":               {m.group.ID},
			"security-group-rule-id": {m.ID},
		}
	},
	wire: func(r *request, m *memberRule) any {
		out := xmlGroupRule{ID: m.rule.ID, Group: m.group.ID, Owner: m.group.Owner, Egress: m.rule.Egress, Protocol: m.rule.Protocol, From: m.rule.From, To: m.rule.To}
		switch {
		case m.rule.Group != "":
			pair := m.rule.pair(r.network())
			out.Referenced = &pair
		case m.rule.PrefixList != "":
			out.PrefixList = m.rule.PrefixList
		case m.rule.ipv6():
			out.IPv6CIDR = m.rule.CIDR
		default:
			out.CIDR = m.rule.CIDR
		}
		return out
	},
}

type xmlGroupRule struct {
	ID         string        `xml:"securityGroupRuleId"`
	Group      string        `xml:"groupId"`
	Owner      string        `xml:"groupOwnerId"`
	Egress     bool          `xml:"isEgress"`
	Protocol   string        `xml:"ipProtocol"`
	From       int           `xml:"fromPort"`
	To         int           `xml:"toPort"`
	CIDR       string        `xml:"cidrIpv4,omitempty"`
	IPv6CIDR   string        `xml:"cidrIpv6,omitempty"`
	PrefixList string        `xml:"prefixListId,omitempty"`
	Referenced *xmlGroupPair `xml:"referencedGroupInfo"`
}

// groupAssociation is a security group's use in another VPC.
type groupAssociation struct {
	Resource
	group SecurityGroup
	vpc   string
}

var groupAssociationKind = kind[*groupAssociation]{
	set: "securityGroupVpcAssociationSet",
	list: func(n *Network) list[*groupAssociation] {
		var all list[*groupAssociation]
		for _, g := range n.SecurityGroups {
			for _, vpc := range g.VPCs {
				all = append(all, &groupAssociation{Resource{ID: g.ID + "/" + vpc}, *g, vpc})
			}
		}
		return all
	},
	filters: func(_ *request, a *groupAssociation) map[string][]string {
		return map[string][]string{
			"group-id":       {a.group.ID},
			"vpc-id":         {a.vpc},
			"group-owner-id": {a.group.Owner},
			"state":          {"associated"},
		}
	},
	wire: func(_ *request, a *groupAssociation) any {
		return xmlGroupAssociation{a.group.ID, a.group.Owner, a.vpc, a.group.Owner, "associated"}
	},
}

type xmlGroupAssociation struct {
	Group      string `xml:"groupId"`
	GroupOwner string `xml:"groupOwnerId"`
	VPC        string `xml:"vpcId"`
	VPCOwner   string `xml:"vpcOwnerId"`
	State      string `xml:"state"`
}

// describeGroupReferences tells which VPCs on the other side of a peering connection reference groups.
func describeGroupReferences(r *request) (any, error) {
	var out xmlGroupReferences
	for _, id := range r.strs("GroupId") {
		group, err := securityGroupKind.find(r, id)
		if err != nil {
			return nil, err
		}
		for _, other := range r.network().SecurityGroups {
			for _, rule := range other.Rules {
				if rule.Group == id && other.VPC != group.VPC && rule.pair(r.network()).PeeringStatus != "deleted" { // else it is stale
					out.Items = append(out.Items, xmlGroupReference{id, other.VPC, rule.Peering})
				}
			}
		}
	}
	return out, nil
}

type xmlGroupReferences struct {
	Items []xmlGroupReference `xml:"securityGroupReferenceSet>item"`
}

type xmlGroupReference struct {
	Group   string `xml:"groupId"`
	VPC     string `xml:"referencingVpcId"`
	Peering string `xml:"vpcPeeringConnectionId,omitempty"`
}

// revoke removes rules of one direction, named by id or by value. If one is not there, none is removed.
func revoke(egress bool) func(*request, *Network, *SecurityGroup) (any, error) {
	return func(r *request, _ *Network, g *SecurityGroup) (any, error) {
		var ids []string
		for _, id := range r.strs("SecurityGroupRuleId") {
			if !slices.ContainsFunc(g.Rules, func(rule GroupRule) bool { return rule.ID == id && rule.Egress == egress }) {
				return nil, apiError("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
			}
			ids = append(ids, id)
		}
		for _, wanted := range wantedRules(r, egress) {
			i := slices.IndexFunc(g.Rules, wanted.same)
			if i < 0 {
				return nil, apiError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			ids = append(ids, g.Rules[i].ID)
		}
		if len(ids) == 0 {
			return nil, apiError("MissingParameter", "The request must contain the parameter ipPermissions or securityGroupRuleIds")
		}
		kept := []GroupRule{}
		var out xmlRevoked
		for _, rule := range g.Rules {
			if !slices.Contains(ids, rule.ID) {
				kept = append(kept, rule)
				continue
			}
			out.Rules = append(out.Rules, xmlRevokedRule{
				ID: rule.ID, Group: g.ID, Egress: egress, Protocol: rule.Protocol, From: rule.From, To: rule.To, CIDR: rule.CIDR, PrefixList: rule.PrefixList, Referenced: rule.Group,
			})
		}
		g.Rules = kept
		out.Return = true
		return out, nil
	}
}

type xmlRevoked struct {
	Return bool             `xml:"return"`
	Rules  []xmlRevokedRule `xml:"revokedSecurityGroupRuleSet>item"`
}

type xmlRevokedRule struct {
	ID         string `xml:"securityGroupRuleId"`
	Group      string `xml:"groupId"`
	Egress     bool   `xml:"isEgress"`
	Protocol   string `xml:"ipProtocol"`
	From       int    `xml:"fromPort"`
	To         int    `xml:"toPort"`
	CIDR       string `xml:"cidrIpv4,omitempty"`
	PrefixList string `xml:"prefixListId,omitempty"`
	Referenced string `xml:"referencedGroupId,omitempty"`
}

// wantedRules reads IpPermissions.n: each source of a permission is a rule of its own.
func wantedRules(r *request, egress bool) []GroupRule {
	var rules []GroupRule
	for i := 1; r.str("IpPermissions."+strconv.Itoa(i)+".IpProtocol") != ""; i++ {
		prefix := "IpPermissions." + strconv.Itoa(i) + "."
		base := GroupRule{Egress: egress, Protocol: r.str(prefix + "IpProtocol"), From: -1, To: -1}
		if base.Protocol != "-1" {
			base.From, base.To = r.num(prefix+"FromPort", 0), r.num(prefix+"ToPort", 0)
		}
		for j := 1; ; j++ {
			n := "." + strconv.Itoa(j) + "."
			group, cidr, ipv6, list := r.str(prefix+"Groups"+n+"GroupId"), r.str(prefix+"IpRanges"+n+"CidrIp"), r.str(prefix+"Ipv6Ranges"+n+"CidrIpv6"), r.str(prefix+"PrefixListIds"+n+"PrefixListId")
			if group+cidr+ipv6+list == "" {
				break
			}
			for _, rule := range []GroupRule{{Group: group}, {CIDR: cidr}, {CIDR: ipv6}, {PrefixList: list}} {
				if rule.source() != "" {
					rule.Egress, rule.Protocol, rule.From, rule.To = egress, base.Protocol, base.From, base.To
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules
}

// same reports whether two rules let the same traffic through.
func (r GroupRule) same(other GroupRule) bool {
	return r.Egress == other.Egress && r.Protocol == other.Protocol && r.From == other.From && r.To == other.To && r.source() == other.source()
}

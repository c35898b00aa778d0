package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// randomNetwork draws a network of two VPCs in which anything may hang on either. Nothing in it holds a VPC for ever but what holders lists.
func randomNetwork(t *rapid.T) (n *Network, holders map[string]bool) {
	n, holders = &Network{}, map[string]bool{}
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	for _, vpc := range []string{"vpc-1", "vpc-2"} {
		id := func(prefix string) Resource { return Resource{ID: prefix + "-" + vpc} }
		n.VPCs = append(n.VPCs, &VPC{Resource: Resource{ID: vpc}})
		var subnets []string
		for i := range rapid.IntRange(1, 3).Draw(t, "subnets of "+vpc) {
			subnet := fmt.Sprintf("subnet-%s-%d", vpc, i)
			subnets = append(subnets, subnet)
			n.Subnets = append(n.Subnets, &Subnet{Resource: Resource{ID: subnet}, VPC: vpc})
		}
		subnet := rapid.SampledFrom(subnets)
		var groups []string
		for i := range rapid.IntRange(0, 3).Draw(t, "groups of "+vpc) {
			groups = append(groups, fmt.Sprintf("sg-%s-%d", vpc, i))
		}
		for _, group := range groups {
			rules := []GroupRule{}
			for _, other := range groups {
				if yes(group + " references " + other) {
					rules = append(rules, GroupRule{Protocol: "tcp", From: 443, Group: other, Egress: yes("egress")})
				}
			}
			n.SecurityGroups = append(n.SecurityGroups, &SecurityGroup{Resource: Resource{ID: group}, VPC: vpc, Rules: rules})
		}
		if yes("route table") {
			n.RouteTables = append(n.RouteTables, &RouteTable{
				Resource: id("rtb"), VPC: vpc, Subnets: subnets[:rapid.IntRange(0, len(subnets)).Draw(t, "associated")], Routes: []Route{{"0.0.0.0/0", "nat-" + vpc}},
			})
		}
		if yes("network ACL") {
			n.NetworkACLs = append(n.NetworkACLs, &NetworkACL{Resource: id("acl"), VPC: vpc, Subnets: []string{subnet.Draw(t, "subnet of the ACL")}})
		}
		if yes("internet gateway") {
			n.InternetGateways = append(n.InternetGateways, &InternetGateway{Resource: id("igw"), VPC: vpc})
		}
		if yes("egress-only internet gateway") {
			n.EgressOnlyInternetGateways = append(n.EgressOnlyInternetGateways, &EgressOnlyInternetGateway{Resource: id("eigw"), VPC: vpc})
		}
		if yes("NAT gateway") {
			n.Addresses = append(n.Addresses, &Address{Resource: id("eipalloc")})
			gateway := &NATGateway{Resource: id("nat"), VPC: vpc, Address: "eipalloc-" + vpc}
			if yes("zonal") {
				gateway.Subnet = subnet.Draw(t, "subnet of the NAT gateway")
			}
			n.NATGateways = append(n.NATGateways, gateway)
		}
		if yes("gateway endpoint") {
			n.VPCEndpoints = append(n.VPCEndpoints, &VPCEndpoint{Resource: id("vpce"), VPC: vpc, Service: "com.amazonaws.us-east-1.s3"})
		}
		if yes("interface endpoint") {
			n.VPCEndpoints = append(n.VPCEndpoints, &VPCEndpoint{Resource: id("vpce-if"), VPC: vpc, Service: "com.amazonaws.us-east-1.ssm", Subnets: subnets, SecurityGroups: groups})
		}
		if yes("interface") {
			n.NetworkInterfaces = append(n.NetworkInterfaces, &NetworkInterface{Resource: id("eni"), Subnet: subnet.Draw(t, "subnet of the interface"), SecurityGroups: groups})
		}
		if yes("instance") {
			n.Instances = append(n.Instances, &Instance{Resource: id("i"), Subnet: subnet.Draw(t, "subnet of the instance"), SecurityGroups: groups})
			holders[vpc] = true
		}
		if yes("transit gateway attachment") {
			n.TransitGatewayAttachments = append(n.TransitGatewayAttachments, &TransitGatewayAttachment{Resource: id("tgw-attach"), TransitGateway: "tgw-1", VPC: vpc, Subnets: subnets[:1]})
			holders[vpc] = true
		}
	}
	return n, holders
}

// deletes are the calls that would take away what belongs to a VPC, in no sensible order.
func deletes(n *Network, vpc string) (calls []string) {
	add := func(operation string, members ...string) {
		var pairs []string
		for i := 0; i < len(members); i += 2 {
			pairs = append(pairs, fmt.Sprintf("%q: %s", members[i], members[i+1]))
		}
		calls = append(calls, operation+" {"+strings.Join(pairs, ", ")+"}")
	}
	quote := func(id string) string { return `"` + id + `"` }
	add("DeleteVpc", "VpcId", quote(vpc))
	for _, s := range n.Subnets {
		if s.VPC == vpc {
			add("DeleteSubnet", "SubnetId", quote(s.ID))
		}
	}
	for _, g := range n.SecurityGroups {
		if g.VPC != vpc {
			continue
		}
		add("DeleteSecurityGroup", "GroupId", quote(g.ID))
		for _, rule := range g.Rules {
			operation := map[bool]string{false: "RevokeSecurityGroupIngress", true: "RevokeSecurityGroupEgress"}[rule.Egress]
			if rule.Group != "" && g.Name != "default" {
				add(operation, "GroupId", quote(g.ID), "SecurityGroupRuleIds", "["+quote(rule.ID)+"]")
			}
		}
	}
	for _, t := range n.RouteTables {
		if t.VPC == vpc {
			add("DeleteRouteTable", "RouteTableId", quote(t.ID))
			for _, a := range t.associations() {
				add("DisassociateRouteTable", "AssociationId", quote(a.ID))
			}
		}
	}
	for _, a := range n.NetworkACLs {
		if a.VPC == vpc {
			add("DeleteNetworkAcl", "NetworkAclId", quote(a.ID))
		}
	}
	for _, g := range n.InternetGateways {
		if g.VPC == vpc || g.VPC == "" {
			add("DeleteInternetGateway", "InternetGatewayId", quote(g.ID))
			add("DetachInternetGateway", "InternetGatewayId", quote(g.ID), "VpcId", quote(vpc))
		}
	}
	for _, g := range n.EgressOnlyInternetGateways {
		if g.VPC == vpc {
			add("DeleteEgressOnlyInternetGateway", "EgressOnlyInternetGatewayId", quote(g.ID))
		}
	}
	for _, g := range n.NATGateways {
		if g.VPC == vpc {
			add("DeleteNatGateway", "NatGatewayId", quote(g.ID))
		}
	}
	for _, e := range n.VPCEndpoints {
		if e.VPC == vpc {
			add("DeleteVpcEndpoints", "VpcEndpointIds", "["+quote(e.ID)+"]")
		}
	}
	for _, e := range n.NetworkInterfaces {
		if e.VPC == vpc {
			add("DeleteNetworkInterface", "NetworkInterfaceId", quote(e.ID))
		}
	}
	return calls
}

// beside is what a network holds that does not belong to a VPC.
func beside(n *Network, vpc string) []string {
	var ids []string
	for _, l := range n.lists() {
		l.each(func(r resource) {
			data, err := json.Marshal(r)
			if err != nil {
				panic(err)
			}
			if !strings.Contains(string(data), vpc) {
				ids = append(ids, string(data))
			}
		})
	}
	return ids
}

// Whatever a network looks like, trying every delete again and again takes a VPC down unless a workload holds it, takes nothing else, and
// every state on the way is a world.
func TestRandomNetworks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n, holders := randomNetwork(rt)
		data, err := json.Marshal(n)
		if err != nil {
			rt.Fatal(err)
		}
		lab := newNetworkLab(t, `"network": {"us-east-1": `+string(data)+`}`, Options{})
		network := func() *Network { return lab.aws.World().Accounts["111122223333"].Network["us-east-1"] }
		before := beside(network(), "vpc-1")
		there := true
		for round := 0; there && round < 7; round++ {
			calls := deletes(network(), "vpc-1")
			for _, call := range rapid.Permutation(calls).Draw(rt, "order") {
				_, _ = lab.call(t, call) // refusals are the point
			}
			lab.now = lab.now.Add(time.Minute)
			now, again := network(), network()
			_, there = now.VPCs.find("vpc-1")
			if err := again.prepare("111122223333", "us-east-1", lab.now); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(now, again); diff != "" {
				rt.Fatalf("completing a copy changed it (-want +got):\n%s", diff)
			}
		}
		if there != holders["vpc-1"] {
			rt.Errorf("the VPC is there: %v; a workload holds it: %v", there, holders["vpc-1"])
		}
		if after := beside(network(), "vpc-1"); !slices.Equal(before, after) {
			rt.Errorf("what is not the VPC's changed (-want +got):\n%s", cmp.Diff(before, after))
		}
	})
}

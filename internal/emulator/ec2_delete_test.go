package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html: DryRun changes nothing, not even where the call would be refused.
func TestDryRun(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(``), Options{})
	lab.refused(t, `DeleteVpc {"VpcId": "vpc-1", "DryRun": true}`, "DryRunOperation", "Request would have succeeded")
	lab.must(t, `DescribeVpcs {"VpcIds": ["vpc-1"]}`)
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
	lab.refused(t, `DescribeVpcs {"VpcIds": ["vpc-1"]}`, "InvalidVpcID.NotFound", "vpc-1")
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html: the VPC takes its defaults with it, and nothing else.
func TestDeleteVPC(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, `"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}, {"id": "vpc-2"}], "dhcpOptions": [{"id": "dopt-1"}], "flowLogs": [{"target": "vpc-1"}]}}`, Options{})
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
	n := lab.aws.World().Accounts["111122223333"].Network["us-east-1"]
	got := []int{len(n.VPCs), len(n.SecurityGroups), len(n.RouteTables), len(n.NetworkACLs), len(n.FlowLogs), len(n.DHCPOptions)}
	if diff := cmp.Diff([]int{1, 1, 1, 1, 0, 2}, got); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// https://docs.aws.amazon.com/vpc/latest/peering/delete-vpc-peering-connection.html
func TestDeletePeeredVPC(t *testing.T) {
	t.Parallel()
	peered := one(`, "peerings": [{"id": "pcx-1", "requester": {"vpc": "vpc-9"}, "accepter": {"vpc": "vpc-1"}}]`)
	lab := newNetworkLab(t, peered, Options{Assumptions: map[string]string{"active-peering-and-delete-vpc": "deleted-with-it"}})
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
	if p, _ := lab.aws.World().Accounts["111122223333"].Network["us-east-1"].Peerings.find("pcx-1"); p.State != "deleted" {
		t.Errorf("peering connection is %s, want deleted", p.State)
	}

	// "You cannot delete a VPC for which you have a pending-acceptance request from a VPC in another account."
	asked := one(`, "peerings": [{"state": "pending-acceptance", "requester": {"vpc": "vpc-9", "owner": "999988887777"}, "accepter": {"vpc": "vpc-1"}}]`)
	lab = newNetworkLab(t, asked, Options{Assumptions: map[string]string{"active-peering-and-delete-vpc": "deleted-with-it"}})
	lab.refused(t, `DeleteVpc {"VpcId": "vpc-1"}`, "DependencyViolation", "vpc-1")

	// A request of one's own is withdrawn with the VPC.
	asking := one(`, "peerings": [{"state": "pending-acceptance", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-9", "owner": "999988887777"}}]`)
	newNetworkLab(t, asking, Options{}).must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNatGateway.html: minutes pass, the interface goes, the address stays allocated.
func TestDeleteNATGateway(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet+`, "natGatewayMinutes": 10, "addresses": [{"id": "eipalloc-1"}], "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}],
		"natGateways": [{"id": "nat-1", "subnet": "subnet-1", "address": "eipalloc-1"}], "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "routes": [{"destination": "0.0.0.0/0", "target": "nat-1"}]}]`), Options{})
	describe := func() *ec2.DescribeNatGatewaysOutput {
		return lab.must(t, `DescribeNatGateways {"NatGatewayIds": ["nat-1"]}`).(*ec2.DescribeNatGatewaysOutput)
	}
	lab.must(t, `DeleteNatGateway {"NatGatewayId": "nat-1"}`)
	lab.must(t, `DeleteNatGateway {"NatGatewayId": "nat-1"}`) // again, while it is deleting
	lab.now = lab.now.Add(9 * time.Minute)
	if state := describe().NatGateways[0].State; state != ec2types.NatGatewayStateDeleting {
		t.Errorf("after 9 minutes it is %s, want deleting", state)
	}
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "DependencyViolation", "subnet-1")
	lab.refused(t, `DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "DependencyViolation", "mapped public")

	lab.now = lab.now.Add(time.Minute)
	if got := describe().NatGateways[0]; got.State != ec2types.NatGatewayStateDeleted || !got.DeleteTime.Equal(lab.now) {
		t.Errorf("after 10 minutes it is %s since %v, want deleted just now", got.State, got.DeleteTime)
	}
	lab.refused(t, `DeleteNatGateway {"NatGatewayId": "nat-1"}`, "NatGatewayNotFound", "nat-1")
	addresses := lab.must(t, `DescribeAddresses`).(*ec2.DescribeAddressesOutput)
	if len(addresses.Addresses) != 1 || addresses.Addresses[0].AssociationId != nil {
		t.Errorf("addresses: %+v, want one without association", addresses.Addresses)
	}
	tables := lab.must(t, `DescribeRouteTables {"RouteTableIds": ["rtb-1"]}`).(*ec2.DescribeRouteTablesOutput)
	if state := tables.RouteTables[0].Routes[1].State; state != ec2types.RouteStateBlackhole {
		t.Errorf("its route is %s, want blackhole", state)
	}
	lab.must(t, `DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`)
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)

	lab.now = lab.now.Add(time.Hour)
	lab.refused(t, `DescribeNatGateways {"NatGatewayIds": ["nat-1"]}`, "NatGatewayNotFound", "nat-1")
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html: what could not be deleted is told inside a 200.
func TestDeleteVPCEndpoints(t *testing.T) {
	t.Parallel()
	network := one(subnet + `, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "routes": [{"destination": "pl-1", "target": "vpce-1"}]}],
		"vpcEndpoints": [{"id": "vpce-1", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.ssm", "subnets": ["subnet-1"]},
		{"id": "vpce-2", "vpc": "vpc-1", "service": "com.amazonaws.vpce.us-east-1.vpce-svc-1", "requesterManaged": true}, {"id": "vpce-3", "vpc": "vpc-1", "service": "s", "deleteError": "InternalError"}]`)
	call := `DeleteVpcEndpoints {"VpcEndpointIds": ["vpce-1", "vpce-2", "vpce-3", "vpce-9"]}`
	failures := func(out any) (codes []string) {
		for _, item := range out.(*ec2.DeleteVpcEndpointsOutput).Unsuccessful {
			codes = append(codes, *item.ResourceId+" "+*item.Error.Code)
		}
		return codes
	}
	lab := newNetworkLab(t, network, Options{})
	want := []string{"vpce-2 InvalidParameter", "vpce-3 InternalError", "vpce-9 InvalidVpcEndpointId.NotFound"}
	if diff := cmp.Diff(want, failures(lab.must(t, call))); diff != "" {
		t.Errorf("unsuccessful (-want +got):\n%s", diff)
	}
	out := lab.must(t, `DescribeVpcEndpoints {"VpcEndpointIds": ["vpce-1"]}`).(*ec2.DescribeVpcEndpointsOutput)
	if state := string(out.VpcEndpoints[0].State); state != "deleting" {
		t.Errorf("vpce-1 is %s, want deleting", state)
	}
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "DependencyViolation", "subnet-1")
	lab.now = lab.now.Add(2 * time.Minute)
	lab.refused(t, `DescribeVpcEndpoints {"VpcEndpointIds": ["vpce-1"]}`, "InvalidVpcEndpointId.NotFound", "vpce-1")
	if routes := lab.must(t, `DescribeRouteTables {"RouteTableIds": ["rtb-1"]}`).(*ec2.DescribeRouteTablesOutput).RouteTables[0].Routes; len(routes) != 1 {
		t.Errorf("routes left: %+v, want the local one", routes)
	}
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)

	lab = newNetworkLab(t, network, Options{WithoutRules: []string{"requester-managed-endpoint"}})
	if diff := cmp.Diff([]string{"vpce-3 InternalError", "vpce-9 InvalidVpcEndpointId.NotFound"}, failures(lab.must(t, call))); diff != "" {
		t.Errorf("unsuccessful without the rule (-want +got):\n%s", diff)
	}
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachVpnGateway.html: the VPC has to wait for detached.
func TestDetachVPNGateway(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(`, "vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}]`), Options{})
	lab.must(t, `DetachVpnGateway {"VpnGatewayId": "vgw-1", "VpcId": "vpc-1"}`)
	lab.refused(t, `DeleteVpc {"VpcId": "vpc-1"}`, "DependencyViolation", "vpc-1")
	lab.now = lab.now.Add(2 * time.Minute)
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
	lab.must(t, `DeleteVpnGateway {"VpnGatewayId": "vgw-1"}`)
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html: by rule id or by value; all or none.
func TestRevoke(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, full, Options{})
	absent := `{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}`
	present := `{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-1"}], "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}`
	lab.refused(t, `RevokeSecurityGroupIngress {"GroupId": "sg-2", "IpPermissions": [`+present+`, `+absent+`]}`, "InvalidPermission.NotFound", "does not exist")
	lab.refused(t, `RevokeSecurityGroupIngress {"GroupId": "sg-2", "SecurityGroupRuleIds": ["sgr-9"]}`, "InvalidSecurityGroupRuleId.NotFound", "sgr-9")

	out := lab.must(t, `RevokeSecurityGroupIngress {"GroupId": "sg-2", "IpPermissions": [`+present+`]}`).(*ec2.RevokeSecurityGroupIngressOutput)
	if len(out.RevokedSecurityGroupRules) != 2 {
		t.Errorf("revoked %+v, want both sources", out.RevokedSecurityGroupRules)
	}
	rules := lab.must(t, `DescribeSecurityGroupRules {"Filters": [{"Name": "group-id", "Values": ["sg-2"]}]}`).(*ec2.DescribeSecurityGroupRulesOutput).SecurityGroupRules
	if len(rules) != 1 || !*rules[0].IsEgress {
		t.Fatalf("rules left: %+v, want the egress rule", rules)
	}
	lab.must(t, `RevokeSecurityGroupEgress {"GroupId": "sg-2", "SecurityGroupRuleIds": ["`+*rules[0].SecurityGroupRuleId+`"]}`)
	lab.refused(t, `DeleteSecurityGroup {"GroupId": "sg-2"}`, "DependencyViolation", "sg-2") // sg-1 still references it
	// A group whose rules are all revoked stays without rules in a copy of the world.
	world := lab.aws.World()
	if err := world.complete(); err != nil {
		t.Fatal(err)
	}
	if g, _ := world.Accounts["111122223333"].Network["us-east-1"].SecurityGroups.find("sg-2"); len(g.Rules) != 0 {
		t.Errorf("a copy has rules again: %+v", g.Rules)
	}
}

// https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html: a reference over a peering connection does not hold a group.
func TestCrossVPCReference(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, `"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}, {"id": "vpc-2"}], "peerings": [{"id": "pcx-1", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-2"}}],
		"securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}, {"id": "sg-2", "vpc": "vpc-2", "rules": [{"group": "sg-1", "peering": "pcx-1"}]}]}}`, Options{})
	references := lab.must(t, `DescribeSecurityGroupReferences {"GroupId": ["sg-1"]}`).(*ec2.DescribeSecurityGroupReferencesOutput).SecurityGroupReferenceSet
	if len(references) != 1 || *references[0].ReferencingVpcId != "vpc-2" || *references[0].VpcPeeringConnectionId != "pcx-1" {
		t.Errorf("references: %+v, want vpc-2 over pcx-1", references)
	}
	lab.must(t, `DeleteSecurityGroup {"GroupId": "sg-1"}`)
}

// The world says what others do meanwhile; a mistake in it shows when the world is read.
func TestChanges(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet+`, "networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1", "type": "lambda"}], "changes": [
		{"at": "2026-01-01T00:35:00Z", "remove": ["eni-1"]},
		{"at": "2026-01-01T01:00:00Z", "add": {"instances": [{"id": "i-1", "subnet": "subnet-1"}]}},
		{"at": "2026-01-01T02:00:00Z", "states": {"i-1": "terminated"}}]`), Options{})
	held := func() string {
		_, err := lab.call(t, `DeleteSubnet {"SubnetId": "subnet-1", "DryRun": false}`)
		if err == nil {
			return "free"
		}
		return "held"
	}
	var got []string
	for _, minute := range []int{0, 34, 60, 119} {
		lab.now = time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)
		got = append(got, held())
	}
	lab.now = time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)
	instances := lab.must(t, `DescribeInstances`).(*ec2.DescribeInstancesOutput).Reservations
	got = append(got, string(instances[0].Instances[0].State.Name), held())
	if diff := cmp.Diff([]string{"held", "held", "held", "held", "terminated", "free"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for _, network := range []string{
		`"subnets": [{"id": "subnet-1", "vpc": "vpc-9"}]`,
		`"vpcs": [{"id": "vpc-1"}], "changes": [{"at": "2027-01-01T00:00:00Z", "add": {"instances": [{"subnet": "subnet-9"}]}}]`,
	} {
		_, err := ParseWorld([]byte(`{"now": "2026-01-01T00:00:00Z", "accounts": {"111122223333": {"network": {"us-east-1": {` + network + `}}}}}`))
		if err == nil || !strings.Contains(err.Error(), "is not in the network") {
			t.Errorf("%s: %v, want an error that names what is missing", network, err)
		}
	}
	_, err := ParseWorld([]byte(`{"now": "2026-01-01T00:00:00Z", "accounts": {"111122223333": {"network": {"us-east-1": {"vpcs": [{"id": "vpc-1", "cidr": "10.0.0.0/30"}], "subnets": [{"vpc": "vpc-1"}]}}}}}`))
	if err == nil || !strings.Contains(err.Error(), "between /16 and /28") {
		t.Errorf("a VPC of four addresses: %v, want an error that names the limits", err)
	}
}

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html: deletes are authorized per resource, and policies
// may ask for its VPC and tags.
func TestNetworkPermissions(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, `"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}, {"id": "vpc-2"}], "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}], "subnets": [
		{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-2"}, {"id": "subnet-3", "vpc": "vpc-1", "tags": {"keep": "yes"}}]}},
		"scps": [{"Statement": [
			{"Effect": "Allow", "Action": ["ec2:DeleteSubnet", "ec2:DescribeSubnets"], "Resource": "*", "Condition": {"ArnEqualsIfExists": {"ec2:Vpc": "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-1"}}},
			{"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/keep": "yes"}}},
			{"Effect": "Allow", "Action": "ec2:DetachInternetGateway", "Resource": "arn:aws:ec2:us-east-1:111122223333:internet-gateway/igw-1"}]}]`, Options{})
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-2"}`, "UnauthorizedOperation", "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-2 because no service control policy allows")
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-3"}`, "UnauthorizedOperation", "with an explicit deny")
	// Detaching needs both ends.
	lab.refused(t, `DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "UnauthorizedOperation", "vpc/vpc-1")
	if subnets := lab.must(t, `DescribeSubnets`).(*ec2.DescribeSubnetsOutput).Subnets; len(subnets) != 2 {
		t.Errorf("%d subnets are left, want 2", len(subnets))
	}
}

// Whatever hangs on a VPC can be taken down by retrying its deletes in any order, and nothing beside it changes. A copy of
// any state on the way is that state.
func TestTearDown(t *testing.T) {
	t.Parallel()
	teardown := []string{
		`DeleteVpc {"VpcId": "vpc-1"}`, `DeleteSecurityGroup {"GroupId": "sg-1"}`, `DeleteSecurityGroup {"GroupId": "sg-2"}`, `DeleteNetworkAcl {"NetworkAclId": "acl-1"}`,
		`DeleteRouteTable {"RouteTableId": "rtb-1"}`, `DeleteSubnet {"SubnetId": "subnet-1"}`, `DeleteSubnet {"SubnetId": "subnet-2"}`, `DeleteInternetGateway {"InternetGatewayId": "igw-1"}`,
		`DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, `DeleteEgressOnlyInternetGateway {"EgressOnlyInternetGatewayId": "eigw-1"}`, `DeleteNatGateway {"NatGatewayId": "nat-1"}`,
		`DeleteVpcEndpoints {"VpcEndpointIds": ["vpce-1", "vpce-2"]}`, `DeleteDirectory {"DirectoryId": "d-0123456789"}`,
		`RevokeSecurityGroupIngress {"GroupId": "sg-1", "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}]}`,
		`DisassociateRouteTable {"AssociationId": "` + derivedID("rtbassoc", "rtb-1", "subnet-1") + `"}`,
	}
	lab := newNetworkLab(t, `"network": {"us-east-1": {
		"vpcs": [{"id": "vpc-1"}, {"id": "vpc-2", "default": true}],
		"subnets": [{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-1"}, {"id": "subnet-3", "vpc": "vpc-2"}],
		"routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "subnets": ["subnet-1"], "routes": [{"destination": "0.0.0.0/0", "target": "nat-1"}]}],
		"securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "rules": [{"protocol": "tcp", "from": 443, "group": "sg-2"}]}, {"id": "sg-2", "vpc": "vpc-1", "rules": [{"protocol": "tcp", "from": 443, "group": "sg-1"}]}],
		"networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "subnets": ["subnet-2"]}],
		"internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}],
		"egressOnlyInternetGateways": [{"id": "eigw-1", "vpc": "vpc-1"}],
		"natGateways": [{"id": "nat-1", "subnet": "subnet-1", "address": "eipalloc-1"}],
		"addresses": [{"id": "eipalloc-1"}],
		"vpcEndpoints": [{"id": "vpce-1", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.s3"}, {"id": "vpce-2", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.ssm", "subnets": ["subnet-2"], "securityGroups": ["sg-2"]}],
		"instances": [{"id": "i-1", "subnet": "subnet-3"}]
	}}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1"}]`, Options{})
	account := func() *Account { return lab.aws.World().Accounts["111122223333"] }
	for range 20 {
		for _, call := range teardown {
			_, _ = lab.call(t, call) // refusals are the point: the next round tries again
		}
		lab.now = lab.now.Add(time.Minute)
		world := lab.aws.World()
		again := lab.aws.World()
		if err := again.complete(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(world.Accounts["111122223333"].Network, again.Accounts["111122223333"].Network); diff != "" {
			t.Fatalf("completing a copy changed it (-want +got):\n%s", diff)
		}
	}
	var left []string
	for _, l := range account().Network["us-east-1"].lists() {
		l.each(func(r resource) { left = append(left, r.resource().ID) })
	}
	want := []string{
		derivedID("dopt", "111122223333", "us-east-1"), "vpc-2", "subnet-3", derivedID("rtb", "vpc-2"), derivedID("sg", "vpc-2"), derivedID("acl", "vpc-2"), "nat-1", "eipalloc-1", derivedID("eni", "i-1", "subnet-3"), "i-1",
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	if unknown := lab.aws.Unknown(); len(unknown) > 0 {
		t.Errorf("unknown operations: %v", unknown)
	}
}

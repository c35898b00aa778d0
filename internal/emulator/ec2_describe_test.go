package emulator

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// Every describe operation answers the SDK with every resource, page by page or at once.
func TestDescribe(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // by call: the ids, in order
		`DescribeVpcs`:                       "vpc-1 vpc-2",
		`DescribeVpcs {"VpcIds": ["vpc-2"]}`: "vpc-2",
		`DescribeSubnets {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`:                               "subnet-1 subnet-2",
		`DescribeSubnets {"Filters": [{"Name": "availability-zone", "Values": ["*b", "x"]}]}`:                  "subnet-2",
		`DescribeVpcs {"Filters": [{"Name": "tag:Name", "Values": ["quick*"]}]}`:                               "vpc-1",
		`DescribeVpcs {"Filters": [{"Name": "tag-key", "Values": ["Name"]}]}`:                                  "vpc-1",
		`DescribeRouteTables {"Filters": [{"Name": "association.subnet-id", "Values": ["subnet-1"]}]}`:         "rtb-1",
		`DescribeNetworkAcls {"Filters": [{"Name": "association.subnet-id", "Values": ["subnet-1"]}]}`:         "acl-1",
		`DescribeSecurityGroups {"GroupIds": ["sg-1", "sg-2"]}`:                                                "sg-1 sg-2",
		`DescribeSecurityGroups {"Filters": [{"Name": "ip-permission.group-id", "Values": ["sg-1"]}]}`:         "sg-2 sg-3",
		`DescribeSecurityGroupVpcAssociations {"Filters": [{"Name": "vpc-id", "Values": ["vpc-2"]}]}`:          "sg-1",
		`DescribeSecurityGroupReferences {"GroupId": ["sg-1"]}`:                                                "sg-1",
		`DescribeNetworkInterfaces {"Filters": [{"Name": "interface-type", "Values": ["lambda"]}]}`:            "eni-1",
		`DescribeNetworkInterfaces {"Filters": [{"Name": "description", "Values": ["AWS Lambda VPC ENI-*"]}]}`: "eni-1",
		`DescribeInternetGateways {"Filters": [{"Name": "attachment.vpc-id", "Values": ["vpc-1"]}]}`:           "igw-1",
		`DescribeEgressOnlyInternetGateways`:                                                                   "eigw-1",
		`DescribeNatGateways {"Filter": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`:                            "nat-1",
		`DescribeAddresses`: "eipalloc-1",
		`DescribeVpcEndpoints {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`:                            "vpce-1 vpce-2",
		`DescribeInstances {"Filters": [{"Name": "instance-state-name", "Values": ["running"]}]}`:                "i-1",
		`DescribeVpcPeeringConnections {"Filters": [{"Name": "accepter-vpc-info.vpc-id", "Values": ["vpc-2"]}]}`: "pcx-1",
		`DescribeVpnGateways {"Filters": [{"Name": "attachment.vpc-id", "Values": ["vpc-1"]}]}`:                  "vgw-1",
		`DescribeVpnConnections`: "vpn-1",
		`DescribeTransitGatewayVpcAttachments {"Filters": [{"Name": "vpc-id", "Values": ["vpc-2"]}]}`: "tgw-attach-1",
		`DescribeCarrierGateways`:                                                              "cagw-1",
		`DescribeInstanceConnectEndpoints`:                                                     "eice-1",
		`DescribeClientVpnEndpoints`:                                                           "cvpn-endpoint-1",
		`DescribeDhcpOptions {"DhcpOptionsIds": ["dopt-1"]}`:                                   "dopt-1",
		`DescribeVpcBlockPublicAccessExclusions`:                                               "vpcbpa-exclude-1",
		`DescribeVpcEncryptionControls {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`: "vpcec-1",
		`DescribeLocalGatewayRouteTableVpcAssociations {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}`: "lgw-vpc-assoc-1",
		`DescribeFlowLogs {"Filter": [{"Name": "resource-id", "Values": ["vpc-1"]}]}`:                          "fl-1",
		`DescribeVpcAttribute {"VpcId": "vpc-1", "Attribute": "enableDnsSupport"}`:                             "vpc-1",
		`DescribeRegions {"RegionNames": ["eu-west-1"]}`:                                                       "eu-west-1",
		`DescribeDirectories`:                                            "d-0123456789 d-1111111111 d-2222222222",
		`DescribeSnapshots {"DirectoryId": "d-0123456789"}`:              "s-0123456789",
		`DescribeTrusts {"DirectoryId": "d-1111111111"}`:                 derivedID("t", "d-1111111111", "other.example.com")[:12],
		`DescribeSharedDirectories {"OwnerDirectoryId": "d-1111111111"}`: derivedID("d", "d-1111111111", "999988887777")[:12],
		`ListTagsForResource {"ResourceId": "d-0123456789"}`:             "team",
	}
	for call, want := range tests {
		for _, size := range []int{0, 1} {
			t.Run(fmt.Sprint(call, " by ", size), func(t *testing.T) {
				t.Parallel()
				var got []string
				next := ""
				for {
					out := newNetworkLab(t, full, Options{PageSize: size}).must(t, withToken(t, call, next))
					page, token := identities(t, out)
					got = append(got, page...)
					if next = token; next == "" {
						break
					}
				}
				if strings.Join(got, " ") != want {
					t.Errorf("got %v, want %s", got, want)
				}
			})
		}
	}
	for name := range merge(ec2Operations, directoryServiceOperations) {
		tested := false
		for call := range tests {
			tested = tested || strings.HasPrefix(call+" ", name+" ")
		}
		if !tested && strings.HasPrefix(name, "Describe") && name != "DescribeSecurityGroupRules" {
			t.Errorf("%s is not tested", name)
		}
	}
}

func withToken(t *testing.T, call, token string) string {
	t.Helper()
	if token == "" {
		return call
	}
	name, input, _ := strings.Cut(call, " ")
	members := map[string]any{}
	if input != "" {
		if err := json.Unmarshal([]byte(input), &members); err != nil {
			t.Fatal(err)
		}
	}
	members["NextToken"] = token
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return name + " " + string(data)
}

// identities reads the first id or name of each item of an SDK output, and its token.
func identities(t *testing.T, out any) (ids []string, next string) {
	t.Helper()
	v := reflect.ValueOf(out).Elem()
	if token := v.FieldByName("NextToken"); token.IsValid() && !token.IsNil() {
		next = token.Elem().String()
	}
	for i := range v.NumField() {
		list := v.Field(i)
		if list.Kind() != reflect.Slice {
			continue
		}
		for j := range list.Len() {
			item := list.Index(j)
			if nested := item.FieldByName("Instances"); nested.IsValid() {
				item = nested.Index(0)
			}
			ids = append(ids, identity(item))
		}
		return ids, next
	}
	return []string{identity(v)}, next
}

// identity is the member of an SDK struct that names it: its own id before that of anything it refers to.
func identity(v reflect.Value) string {
	own := strings.TrimSuffix(strings.TrimSuffix(v.Type().Name(), "Output"), "Description")
	for _, name := range []string{
		own + "Id", "GroupId", "EgressOnlyInternetGatewayId", "InternetGatewayId", "NatGatewayId", "AllocationId", "VpcEndpointId", "InstanceId", "VpcPeeringConnectionId",
		"VpnConnectionId", "VpnGatewayId", "TransitGatewayAttachmentId", "CarrierGatewayId", "InstanceConnectEndpointId", "ClientVpnEndpointId", "FlowLogId",
		"NetworkInterfaceId", "DhcpOptionsId", "ExclusionId", "VpcEncryptionControlId", "LocalGatewayRouteTableVpcAssociationId", "RegionName", "OwnerDirectoryId", "DirectoryId", "SubnetId", "VpcId", "Key",
	} {
		if field := v.FieldByName(name); field.IsValid() && field.Kind() == reflect.Pointer && !field.IsNil() {
			return field.Elem().String()
		}
	}
	return "?"
}

// What the answers say beside ids.
func TestAnswers(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, full, Options{})
	ctx := t.Context()

	// https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithRouteTables.html: the local route, the main table, blackholes.
	tables, err := lab.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("vpc-id"), Values: []string{"vpc-1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	main := 0
	for _, table := range tables.RouteTables {
		for _, a := range table.Associations {
			if *a.Main {
				main++
			}
		}
		if *table.RouteTableId == "rtb-1" {
			for _, r := range table.Routes {
				routes = append(routes, fmt.Sprint(*r.DestinationCidrBlock, " ", aws.ToString(r.GatewayId), aws.ToString(r.NatGatewayId), " ", r.State))
			}
		}
	}
	if diff := cmp.Diff([]string{"10.0.0.0/16 local active", "0.0.0.0/0 nat-1 active", "10.9.0.0/16 igw-9 blackhole"}, routes); diff != "" || main != 1 {
		t.Errorf("%d main tables, want 1; routes (-want +got):\n%s", main, diff)
	}

	groups, err := lab.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-2"}})
	if err != nil {
		t.Fatal(err)
	}
	// One permission holds all sources of a port range.
	if in, out := groups.SecurityGroups[0].IpPermissions, groups.SecurityGroups[0].IpPermissionsEgress; len(in) != 1 || *in[0].FromPort != 443 || *in[0].UserIdGroupPairs[0].GroupId != "sg-1" ||
		*in[0].IpRanges[0].CidrIp != "10.0.0.0/8" || len(out) != 1 || out[0].FromPort != nil || *out[0].Ipv6Ranges[0].CidrIpv6 != "::/0" {
		t.Errorf("permissions of sg-2: %+v %+v", in, out)
	}
	rules, err := lab.ec2.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{"sg-2"}}}})
	if err != nil || len(rules.SecurityGroupRules) != 3 {
		t.Errorf("rules of sg-2: %v %v, want 3", rules, err)
	}

	interfaces, err := lab.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, e := range interfaces.NetworkInterfaces {
		seen[fmt.Sprint(e.InterfaceType, " ", aws.ToString(e.Description), " ", e.Status, " ", *e.RequesterManaged, " ", e.Association != nil, " ", e.Operator != nil)]++
	}
	want := map[string]int{
		"nat_gateway Interface for NAT Gateway nat-1 in-use true true false":                                    1,
		"lambda AWS Lambda VPC ENI-report/a in-use true false true":                                             1,
		"interface  in-use false false false":                                                                   1,
		"interface AWS created network interface for directory d-0123456789 in-use false false false":           2,
		"interface AWS created network interface for directory d-1111111111 in-use false false false":           2,
		"interface AWS created network interface for directory d-2222222222 in-use false false false":           2,
		"vpc_endpoint VPC Endpoint Interface vpce-2 in-use true false false":                                    2,
		"transit_gateway Network Interface for Transit Gateway Attachment tgw-attach-1 in-use true false false": 1,
		"ec2_instance_connect_endpoint EC2 Instance Connect Endpoint eice-1 in-use true false false":            1,
		"interface ClientVPN Endpoint resource in-use true false false":                                         1,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}

	directories, err := lab.ds.DescribeDirectories(ctx, &directoryservice.DescribeDirectoriesInput{DirectoryIds: []string{"d-0123456789", "d-2222222222"}})
	if err != nil {
		t.Fatal(err)
	}
	simple, connector := directories.DirectoryDescriptions[0], directories.DirectoryDescriptions[1]
	if simple.Type != dstypes.DirectoryTypeSimpleAd || simple.Stage != dstypes.DirectoryStageActive || len(simple.DnsIpAddrs) != 2 || !simple.LaunchTime.Equal(lab.now) ||
		*simple.VpcSettings.VpcId != "vpc-1" || len(simple.VpcSettings.SubnetIds) != 2 || *simple.VpcSettings.SecurityGroupId == "" || *simple.AccessUrl != "d-0123456789.awsapps.com" {
		t.Errorf("Simple AD: %+v", simple)
	}
	if connector.VpcSettings != nil || *connector.ConnectSettings.VpcId != "vpc-1" {
		t.Errorf("AD Connector: %+v", connector)
	}
}

func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, full, Options{})
	for _, test := range []struct{ giveCall, wantCode, wantMessage string }{
		{`DescribeVpcs {"VpcIds": ["vpc-9"]}`, "InvalidVpcID.NotFound", "The vpc ID 'vpc-9' does not exist"},
		{`DescribeVpcs {"Filters": [{"Name": "vpcid", "Values": ["vpc-1"]}]}`, "InvalidParameterValue", "The filter 'vpcid' is invalid"},
		{`DescribeVpcs {"Filters": [{"Name": "vpc-id"}]}`, "InvalidParameterValue", "at least one value"},
		{`DescribeVpcs {"MaxResults": 1}`, "InvalidParameterValue", "Expecting a value between 5 and 1000"},
		{`DescribeVpcs {"NextToken": "x"}`, "InvalidNextToken", "invalid"},
		{`DescribeVpcAttribute {"VpcId": "vpc-1", "Attribute": "enableIpv7"}`, "InvalidParameterValue", "Unknown attribute"},
		{`DeleteSubnet {"SubnetId": "subnet-9"}`, "InvalidSubnetID.NotFound", "subnet-9"},
		{`DeleteSecurityGroup {"GroupId": "sg-9"}`, "InvalidGroup.NotFound", "sg-9"},
		{`DeleteSecurityGroup {}`, "MissingParameter", "GroupId"},
		{`DisassociateRouteTable {"AssociationId": "rtbassoc-9"}`, "InvalidAssociationID.NotFound", "rtbassoc-9"},
		{`DeleteNatGateway {"NatGatewayId": "nat-9"}`, "NatGatewayNotFound", "nat-9"},
		{`DetachVpnGateway {"VpnGatewayId": "vgw-1", "VpcId": "vpc-2"}`, "InvalidVpnGatewayAttachment.NotFound", "vgw-1"},
		{`RevokeSecurityGroupIngress {"GroupId": "sg-1"}`, "MissingParameter", "ipPermissions"},
		{`DescribeDirectories {"DirectoryIds": ["d-9999999999"]}`, "EntityDoesNotExistException", "d-9999999999"},
		{`DescribeDirectories {"DirectoryIds": ["vpc-1"]}`, "ValidationException", "vpc-1"},
		{`DescribeDirectories {"NextToken": "x"}`, "InvalidNextTokenException", "NextToken"},
		{`DeleteDirectory {"DirectoryId": "d-9999999999"}`, "EntityDoesNotExistException", "d-9999999999"},
		{`DescribeTrusts {"DirectoryId": "d-0123456789"}`, "UnsupportedOperationException", "SimpleAD"},
		{`DescribeSharedDirectories {"OwnerDirectoryId": "d-0123456789"}`, "UnsupportedOperationException", "SimpleAD"},
	} {
		lab.refused(t, test.giveCall, test.wantCode, test.wantMessage)
	}
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html: what a service manages may be hidden, and holds its subnet all the same.
func TestHiddenResources(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet+`, "instances": [{"id": "i-1", "subnet": "subnet-1", "operator": "eks.amazonaws.com", "hidden": true}]`), Options{})
	count := func(input string) []int {
		return []int{
			len(lab.must(t, `DescribeInstances `+input).(*ec2.DescribeInstancesOutput).Reservations),
			len(lab.must(t, `DescribeNetworkInterfaces `+input).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces),
		}
	}
	if diff := cmp.Diff([][]int{{0, 0}, {1, 1}}, [][]int{count(``), count(`{"IncludeManagedResources": true}`)}); diff != "" {
		t.Errorf("instances and interfaces (-want +got):\n%s", diff)
	}
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "DependencyViolation", "subnet-1")
}

// The undocumented spellings follow the assumptions, in answers and in filters.
func TestSpellings(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, full, Options{Assumptions: map[string]string{"nat-interface-type": "natGateway", "directory-interface-description": "without-directory"}})
	for call, want := range map[string]int{
		`DescribeNetworkInterfaces {"Filters": [{"Name": "interface-type", "Values": ["natGateway"]}]}`:                                  1,
		`DescribeNetworkInterfaces {"Filters": [{"Name": "description", "Values": ["AWS created network interface for d-0123456789"]}]}`: 2,
	} {
		if got := len(lab.must(t, call).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces); got != want {
			t.Errorf("%s: %d interfaces, want %d", call, got, want)
		}
	}
}

// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html: reads lag behind writes, writes do not.
func TestNetworkEventualConsistency(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet+`, "consistencySeconds": 20`), Options{})
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
	lab.now = lab.now.Add(19 * time.Second)
	lab.must(t, `DescribeSubnets {"SubnetIds": ["subnet-1"]}`)
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "InvalidSubnetID.NotFound", "subnet-1")
	lab.now = lab.now.Add(time.Second)
	lab.refused(t, `DescribeSubnets {"SubnetIds": ["subnet-1"]}`, "InvalidSubnetID.NotFound", "subnet-1")
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
}

// The AWS command line parses by a model of its own, over a socket.
func TestForeignClient(t *testing.T) {
	t.Parallel()
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command line is not installed; the SDK tests cover the same operations")
	}
	server := httptest.NewServer(newNetworkLab(t, full, Options{PageSize: 2}).aws)
	t.Cleanup(server.Close)
	for _, test := range []struct{ giveCommand, want string }{
		{"ec2 describe-network-interfaces --filters Name=vpc-id,Values=vpc-2 --query NetworkInterfaces[].InterfaceType", "interface transit_gateway"},
		{"ec2 describe-subnets --query Subnets[].SubnetId", "subnet-1 subnet-2 subnet-3"},
		{"ec2 delete-vpc --vpc-id vpc-1", "DependencyViolation"},
		{"rds describe-db-instances --query DBInstances[].DomainMemberships[].Domain", "d-0123456789"},
		{"transfer describe-server --server-id s-0123456789abcdef0 --query Server.IdentityProviderDetails.DirectoryId", "d-0123456789"},
		{"network-firewall list-firewalls --query Firewalls[].FirewallName", "wall"},
		{"ecs describe-services --cluster web --services web --query services[].networkConfiguration.awsvpcConfiguration.subnets[]", "subnet-1"},
		{"lambda list-functions --query Functions[].VpcConfig.VpcId", "vpc-1"},
		{"vpc-lattice list-resource-gateways --query items[].vpcIdentifier", "vpc-1"},
		{"ds describe-directories --query DirectoryDescriptions[].DirectoryId", "d-0123456789 d-1111111111 d-2222222222"},
	} {
		t.Run(test.giveCommand, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(test.giveCommand), "--endpoint-url", server.URL, "--region", "us-east-1", "--output", "text")
			command := exec.CommandContext(t.Context(), cli, args...)
			command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIALAB", "AWS_SECRET_ACCESS_KEY="+DefaultSecret, "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null")
			out, _ := command.CombinedOutput() // a refusal's code is in the text
			if !strings.Contains(strings.Join(strings.Fields(string(out)), " "), test.want) {
				t.Errorf("got %s, want %s", out, test.want)
			}
		})
	}
}

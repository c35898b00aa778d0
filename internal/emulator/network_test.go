package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// networkLab is an account with a network, its clients and its clock.
type networkLab struct {
	aws *AWS
	ec2 *ec2.Client
	ds  *directoryservice.Client
	now time.Time
}

// newNetworkLab seeds account 111122223333 with the parts of an account as a world writes them.
func newNetworkLab(t *testing.T, account string, o Options) *networkLab {
	t.Helper()
	world, err := ParseWorld(fmt.Appendf(nil, `{"now": "2026-01-01T00:00:00Z", "accounts": {"111122223333": {
		"principals": [{"accessKeyId": "AKIALAB", "arn": "arn:aws:iam::111122223333:user/lab"}], "users": {"lab": {}}, %s}}}`, account))
	if err != nil {
		t.Fatal(err)
	}
	lab := &networkLab{now: world.Now}
	o.World, o.Now = world, func() time.Time { return lab.now }
	if lab.aws, err = New(o); err != nil {
		t.Fatal(err)
	}
	config := aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: lab.aws}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIALAB", DefaultSecret, ""),
	}
	lab.ec2, lab.ds = ec2.NewFromConfig(config), directoryservice.NewFromConfig(config)
	return lab
}

// call runs an operation of the SDK by its name, with an input written in JSON, such as DeleteVpc {"VpcId": "vpc-1"}.
func (l *networkLab) call(t *testing.T, call string) (any, error) {
	t.Helper()
	name, input, _ := strings.Cut(call, " ")
	client := reflect.ValueOf(l.ec2)
	if _, ok := directoryServiceOperations[name]; ok {
		client = reflect.ValueOf(l.ds)
	}
	method := client.MethodByName(name)
	if !method.IsValid() {
		t.Fatalf("the SDK has no operation %s", name)
	}
	in := reflect.New(method.Type().In(1).Elem())
	if input != "" {
		if err := json.Unmarshal([]byte(input), in.Interface()); err != nil {
			t.Fatalf("%s: %v", call, err)
		}
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

func (l *networkLab) must(t *testing.T, call string) any {
	t.Helper()
	out, err := l.call(t, call)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	return out
}

// refused checks the code and a part of the message of a refusal.
func (l *networkLab) refused(t *testing.T, call, code, message string) {
	t.Helper()
	_, err := l.call(t, call)
	var refusal smithy.APIError
	if !errors.As(err, &refusal) {
		t.Fatalf("%s: got %v, want %s", call, err, code)
	}
	if refusal.ErrorCode() != code || !strings.Contains(refusal.ErrorMessage(), message) {
		t.Fatalf("%s: got %s: %s, want %s: …%s…", call, refusal.ErrorCode(), refusal.ErrorMessage(), code, message)
	}
}

// one is the network of us-east-1 with one VPC, a subnet and more.
func one(more string) string {
	return `"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}] ` + more + `}}`
}

const subnet = `, "subnets": [{"id": "subnet-1", "vpc": "vpc-1"}]`

// Each rule refuses its call with AWS's code, and without the rule the same call goes through.
func TestRefusals(t *testing.T) {
	t.Parallel()
	simpleAD := func(fields string) string {
		return one(subnet) + `, "directories": [{"id": "d-0123456789", "vpc": "vpc-1"` + fields + `}]`
	}
	const deleteVPC, deleteDirectory = `DeleteVpc {"VpcId": "vpc-1"}`, `DeleteDirectory {"DirectoryId": "d-0123456789"}`
	tests := map[string]struct {
		giveAccount string
		giveCall    string
		wantCode    string
		wantMessage string
	}{
		"resource-of-another-account":       {`"network": {"us-east-1": {"vpcs": [{"id": "vpc-1", "owner": "999988887777"}]}}`, deleteVPC, "UnauthorizedOperation", "permission"},
		"vpc-subnets":                       {one(subnet), deleteVPC, "DependencyViolation", "The vpc 'vpc-1' has dependencies and cannot be deleted."},
		"vpc-security-groups":               {one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-route-tables":                  {one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-network-acls":                  {one(`, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-internet-gateways":             {one(`, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-egress-only-internet-gateways": {one(`, "egressOnlyInternetGateways": [{"id": "eigw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-vpn-gateways":                  {one(`, "vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-carrier-gateways":              {one(`, "carrierGateways": [{"id": "cagw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-endpoints":                     {one(`, "vpcEndpoints": [{"id": "vpce-1", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.s3"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-regional-nat-gateways":         {one(`, "natGateways": [{"id": "nat-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-peering-connections":           {one(`, "peerings": [{"id": "pcx-1", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-9"}}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"subnet-interfaces": {
			one(subnet + `, "networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1"}]`), `DeleteSubnet {"SubnetId": "subnet-1"}`,
			"DependencyViolation", "The subnet 'subnet-1' has dependencies and cannot be deleted.",
		},
		"default-security-group": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "name": "default"}]`), `DeleteSecurityGroup {"GroupId": "sg-1"}`, "CannotDelete", `name: "default"`,
		},
		"security-group-interfaces": {
			one(subnet + `, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}], "networkInterfaces": [{"subnet": "subnet-1", "securityGroups": ["sg-1"]}]`),
			`DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "resource sg-1 has a dependent object",
		},
		"security-group-references": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}, {"id": "sg-2", "vpc": "vpc-1", "rules": [{"group": "sg-1"}]}]`),
			`DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "resource sg-1 has a dependent object",
		},
		"security-group-associations": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "vpcs": ["vpc-2"]}]`), `DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "sg-1",
		},
		"main-route-table": {
			one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "main": true}]`), `DeleteRouteTable {"RouteTableId": "rtb-1"}`,
			"DependencyViolation", "The routeTable 'rtb-1' has dependencies and cannot be deleted.",
		},
		"route-table-associations": {
			one(subnet + `, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "subnets": ["subnet-1"]}]`), `DeleteRouteTable {"RouteTableId": "rtb-1"}`, "DependencyViolation", "rtb-1",
		},
		"main-route-table-association": {
			one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "main": true}]`), `DisassociateRouteTable {"AssociationId": "` + derivedID("rtbassoc", "rtb-1", "main") + `"}`,
			"InvalidParameterValue", "main route table association",
		},
		"default-network-acl": {
			one(`, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "default": true}]`), `DeleteNetworkAcl {"NetworkAclId": "acl-1"}`, "InvalidParameterValue", "cannot delete default network ACL acl-1",
		},
		"network-acl-associations": {
			one(subnet + `, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "subnets": ["subnet-1"]}]`), `DeleteNetworkAcl {"NetworkAclId": "acl-1"}`, "DependencyViolation", "acl-1",
		},
		"internet-gateway-not-attached": {
			one(`, "internetGateways": [{"id": "igw-1"}]`), `DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "Gateway.NotAttached", "resource igw-1 is not attached to network vpc-1",
		},
		"mapped-public-addresses": {
			one(subnet + `, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}], "addresses": [{"id": "eipalloc-1"}], "natGateways": [{"subnet": "subnet-1", "address": "eipalloc-1"}]`),
			`DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "DependencyViolation", "Network vpc-1 has some mapped public address(es).",
		},
		"internet-gateway-attached": {
			one(`, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}]`), `DeleteInternetGateway {"InternetGatewayId": "igw-1"}`, "DependencyViolation", "The internetGateway 'igw-1' has dependencies",
		},
		"interface-requester-managed": {
			one(subnet + `, "networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1", "requesterManaged": true, "state": "available"}]`), `DeleteNetworkInterface {"NetworkInterfaceId": "eni-1"}`,
			"OperationNotPermitted", "permission",
		},
		"interface-in-use": {
			one(subnet + `, "instances": [{"id": "i-1", "subnet": "subnet-1"}]`), `DeleteNetworkInterface {"NetworkInterfaceId": "` + derivedID("eni", "i-1", "subnet-1") + `"}`,
			"InvalidParameterValue", "is currently in use",
		},
		"peering-connection-state": {
			one(`, "peerings": [{"id": "pcx-1", "state": "rejected", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-9"}}]`),
			`DeleteVpcPeeringConnection {"VpcPeeringConnectionId": "pcx-1"}`, "InvalidStateTransition", "from rejected to deleting",
		},
		"vpn-gateway-attached": {
			one(`, "vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}]`), `DeleteVpnGateway {"VpnGatewayId": "vgw-1"}`, "IncorrectState", "vgw-1",
		},
		"vpn-gateway-connections": {
			one(`, "vpnGateways": [{"id": "vgw-1"}], "vpnConnections": [{"vpnGateway": "vgw-1"}]`), `DeleteVpnGateway {"VpnGatewayId": "vgw-1"}`, "IncorrectState", "vgw-1",
		},

		"empty-directory-ids":          {simpleAD(``), `DescribeDirectories {"DirectoryIds": []}`, "InvalidParameterException", "Empty list"},
		"directory-is-deleting":        {simpleAD(`, "stage": "Deleting"`), deleteDirectory, "ClientException", "already being deleted"},
		"directory-of-another-account": {`"directories": [{"id": "d-0123456789", "type": "SharedMicrosoftAD", "owner": "999988887777"}]`, deleteDirectory, "ClientException", "shared by account 999988887777"},
		"directory-is-shared":          {simpleAD(`, "type": "MicrosoftAD", "sharedWith": ["999988887777"]`), deleteDirectory, "ClientException", "shared with other accounts"},
		"authorized-applications":      {simpleAD(`, "applications": ["workspaces"]`), deleteDirectory, "ClientException", "Cannot delete the directory because it still has authorized applications."},
		"delete-directory-dependent-actions": {
			simpleAD(``) + `, "scps": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:DeleteNetworkInterface", "Resource": "*"}]}]`,
			deleteDirectory, "AccessDeniedException", "ec2:DeleteNetworkInterface",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newNetworkLab(t, test.giveAccount, Options{}).refused(t, test.giveCall, test.wantCode, test.wantMessage)
			newNetworkLab(t, test.giveAccount, Options{WithoutRules: []string{name}}).must(t, test.giveCall)
		})
	}
	// Ensure that no rule is without its test; one is refused inside an answer of HTTP 200 and has a test of its own.
	for _, rule := range append(ec2Rules, directoryServiceRules...) {
		if _, ok := tests[rule.name]; !ok && rule.name != "requester-managed-endpoint" {
			t.Errorf("rule %s has no test", rule.name)
		}
	}
}

// full is a network with one of everything.
const full = `"network": {"us-east-1": {
	"vpcs": [{"id": "vpc-1", "dhcpOptions": "dopt-1", "tags": {"Name": "quicksight"}}, {"id": "vpc-2", "cidr": "10.1.0.0/16"}],
	"subnets": [{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-1", "zone": "us-east-1b"}, {"id": "subnet-3", "vpc": "vpc-2"}],
	"routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "subnets": ["subnet-1"], "routes": [{"destination": "0.0.0.0/0", "target": "nat-1"}, {"destination": "10.9.0.0/16", "target": "igw-9"}]}],
	"securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "vpcs": ["vpc-2"], "rules": [{"protocol": "tcp", "from": 443, "group": "sg-2"}]},
		{"id": "sg-2", "vpc": "vpc-1", "rules": [{"protocol": "tcp", "from": 443, "group": "sg-1"}, {"protocol": "tcp", "from": 443, "cidr": "10.0.0.0/8"}, {"egress": true, "cidr": "::/0"}]},
		{"id": "sg-3", "vpc": "vpc-2", "rules": [{"group": "sg-1", "peering": "pcx-1"}]}],
	"networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "subnets": ["subnet-1"]}],
	"internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}],
	"egressOnlyInternetGateways": [{"id": "eigw-1", "vpc": "vpc-1"}],
	"natGateways": [{"id": "nat-1", "subnet": "subnet-1", "address": "eipalloc-1"}],
	"addresses": [{"id": "eipalloc-1"}],
	"vpcEndpoints": [{"id": "vpce-1", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.s3", "routeTables": ["rtb-1"]},
		{"id": "vpce-2", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.ssm", "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}],
	"networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1", "type": "lambda", "description": "AWS Lambda VPC ENI-report/a", "requesterManaged": true, "operator": "lambda.amazonaws.com"}],
	"instances": [{"id": "i-1", "subnet": "subnet-3", "tags": {"Name": "web"}}],
	"peerings": [{"id": "pcx-1", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-2"}}],
	"vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}],
	"vpnConnections": [{"id": "vpn-1", "vpnGateway": "vgw-1"}],
	"transitGatewayAttachments": [{"id": "tgw-attach-1", "transitGateway": "tgw-1", "vpc": "vpc-2", "subnets": ["subnet-3"]}],
	"carrierGateways": [{"id": "cagw-1", "vpc": "vpc-1"}],
	"instanceConnectEndpoints": [{"id": "eice-1", "subnet": "subnet-2"}],
	"clientVpnEndpoints": [{"id": "cvpn-endpoint-1", "vpc": "vpc-1", "subnets": ["subnet-2"], "directory": "d-0123456789"}],
	"dhcpOptions": [{"id": "dopt-1", "domainName": "corp.example.com", "servers": ["10.0.0.10", "10.0.1.11"]}],
	"flowLogs": [{"id": "fl-1", "target": "vpc-1", "logGroup": "flows"}]
}}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "snapshots": [{"id": "s-0123456789"}], "tags": {"team": "bi"}},
	{"id": "d-1111111111", "type": "MicrosoftAD", "edition": "Standard", "vpc": "vpc-1", "trusts": ["other.example.com"], "sharedWith": ["999988887777"]},
	{"id": "d-2222222222", "type": "ADConnector", "vpc": "vpc-1"}]`

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
		`DescribeCarrierGateways`:                                                     "cagw-1",
		`DescribeInstanceConnectEndpoints`:                                            "eice-1",
		`DescribeClientVpnEndpoints`:                                                  "cvpn-endpoint-1",
		`DescribeDhcpOptions {"DhcpOptionsIds": ["dopt-1"]}`:                          "dopt-1",
		`DescribeFlowLogs {"Filter": [{"Name": "resource-id", "Values": ["vpc-1"]}]}`: "fl-1",
		`DescribeVpcAttribute {"VpcId": "vpc-1", "Attribute": "enableDnsSupport"}`:    "vpc-1",
		`DescribeRegions {"RegionNames": ["eu-west-1"]}`:                              "eu-west-1",
		`DescribeDirectories`:                                                         "d-0123456789 d-1111111111 d-2222222222",
		`DescribeSnapshots {"DirectoryId": "d-0123456789"}`:                           "s-0123456789",
		`DescribeTrusts {"DirectoryId": "d-1111111111"}`:                              derivedID("t", "d-1111111111", "other.example.com")[:12],
		`DescribeSharedDirectories {"OwnerDirectoryId": "d-1111111111"}`:              derivedID("d", "d-1111111111", "999988887777")[:12],
		`ListTagsForResource {"ResourceId": "d-0123456789"}`:                          "team",
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
		"NetworkInterfaceId", "DhcpOptionsId", "RegionName", "OwnerDirectoryId", "DirectoryId", "SubnetId", "VpcId", "Key",
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
		{`DescribeDirectories {"DirectoryIds": ["vpc-1"]}`, "InvalidParameterException", "vpc-1"},
		{`DescribeDirectories {"NextToken": "x"}`, "InvalidNextTokenException", "NextToken"},
		{`DeleteDirectory {"DirectoryId": "d-9999999999"}`, "EntityDoesNotExistException", "d-9999999999"},
		{`DescribeTrusts {"DirectoryId": "d-0123456789"}`, "UnsupportedOperationException", "SimpleAD"},
		{`DescribeSharedDirectories {"OwnerDirectoryId": "d-0123456789"}`, "UnsupportedOperationException", "SimpleAD"},
	} {
		lab.refused(t, test.giveCall, test.wantCode, test.wantMessage)
	}
}

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

// https://docs.aws.amazon.com/directoryservice/latest/admin-guide/simple_ad_delete.html
func TestDeleteDirectory(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1"}]`, Options{})
	group := *lab.must(t, `DescribeDirectories`).(*directoryservice.DescribeDirectoriesOutput).DirectoryDescriptions[0].VpcSettings.SecurityGroupId
	interfaces := func() int {
		return len(lab.must(t, `DescribeNetworkInterfaces {"Filters": [{"Name": "group-id", "Values": ["`+group+`"]}]}`).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces)
	}
	lab.must(t, `DeleteDirectory {"DirectoryId": "d-0123456789"}`)
	lab.now = lab.now.Add(5*time.Minute - time.Second)
	if stage := lab.must(t, `DescribeDirectories`).(*directoryservice.DescribeDirectoriesOutput).DirectoryDescriptions[0].Stage; stage != dstypes.DirectoryStageDeleting {
		t.Errorf("before five minutes it is %s, want Deleting", stage)
	}
	lab.now = lab.now.Add(time.Second)
	lab.refused(t, `DescribeDirectories {"DirectoryIds": ["d-0123456789"]}`, "EntityDoesNotExistException", "d-0123456789")
	if interfaces() != 1 {
		t.Error("its interface went with it, want it to outlast it")
	}
	lab.refused(t, `DeleteSecurityGroup {"GroupId": "`+group+`"}`, "DependencyViolation", group)
	lab.now = lab.now.Add(2 * time.Minute)
	if interfaces() != 0 {
		t.Error("its interface is still there after seven minutes")
	}
	lab.refused(t, `DescribeSecurityGroups {"GroupIds": ["`+group+`"]}`, "InvalidGroup.NotFound", group)
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
}

// Interfaces that Directory Service leaves behind are the account's to delete.
func TestDeleteDirectoryLeavesInterfaces(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "leavesInterfaces": true}]`, Options{})
	lab.must(t, `DeleteDirectory {"DirectoryId": "d-0123456789"}`)
	lab.now = lab.now.Add(time.Hour)
	left := lab.must(t, `DescribeNetworkInterfaces {"Filters": [{"Name": "status", "Values": ["available"]}]}`).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces
	if len(left) != 1 || *left[0].Description != "AWS created network interface for directory d-0123456789" {
		t.Fatalf("left behind: %+v", left)
	}
	lab.must(t, `DeleteNetworkInterface {"NetworkInterfaceId": "`+*left[0].NetworkInterfaceId+`"}`)
	lab.must(t, `DeleteSecurityGroup {"GroupId": "`+*left[0].Groups[0].GroupId+`"}`)
}

// A directory of QuickSight's cannot be deleted while the subscription lives and for some minutes after.
func TestAuthorizedApplications(t *testing.T) {
	t.Parallel()
	account := func(status string) string {
		return one(subnet) + `, "quickSight": {"status": "` + status + `"}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "applications": ["quicksight"], "authorizedApplicationMinutes": 45}]`
	}
	const call = `DeleteDirectory {"DirectoryId": "d-0123456789"}`
	newNetworkLab(t, account("ACCOUNT_CREATED"), Options{}).refused(t, call, "ClientException", "authorized applications")

	lab := newNetworkLab(t, account("UNSUBSCRIBED"), Options{})
	lab.now = lab.now.Add(44 * time.Minute)
	lab.refused(t, call, "ClientException", "authorized applications")
	lab.now = lab.now.Add(time.Minute)
	lab.must(t, call)

	newNetworkLab(t, account("UNSUBSCRIBED"), Options{Assumptions: map[string]string{"directory-apps-linger": "no"}}).must(t, call)

	// QuickSight may remove the directory itself.
	lab = newNetworkLab(t, account("UNSUBSCRIBED"), Options{Assumptions: map[string]string{"directory-removed-by-quicksight": "yes"}})
	lab.refused(t, call, "ClientException", "already being deleted")
	lab.now = lab.now.Add(5 * time.Minute)
	lab.refused(t, call, "EntityDoesNotExistException", "d-0123456789")
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

// A directory that was already Deleting when the world began goes, and so do its interfaces, later.
func TestDirectoryAlreadyDeleting(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "stage": "Deleting"}]`, Options{})
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "DependencyViolation", "subnet-1")
	lab.now = lab.now.Add(7 * time.Minute)
	lab.refused(t, `DescribeDirectories {"DirectoryIds": ["d-0123456789"]}`, "EntityDoesNotExistException", "d-0123456789")
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
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

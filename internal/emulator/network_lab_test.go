package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
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

// full is a network with one of everything.
const full = `"workloads": [
		{"service": "rds", "id": "orders", "directory": "d-0123456789"}, {"service": "transfer", "id": "s-0123456789abcdef0", "directory": "d-0123456789"},
		{"service": "network-firewall", "id": "wall", "vpc": "vpc-1"}, {"service": "ecs", "id": "web", "subnets": ["subnet-1"]},
		{"service": "lambda", "id": "f", "vpc": "vpc-1", "subnets": ["subnet-1"]}, {"service": "vpc-lattice", "kind": "ListResourceGateways", "id": "rgw-1", "vpc": "vpc-1"}
	], "network": {"us-east-1": {
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
	"publicAccessExclusions": [{"id": "vpcbpa-exclude-1", "target": "subnet-1"}], "encryptionControls": [{"id": "vpcec-1", "vpc": "vpc-1"}],
	"localGatewayAssociations": [{"id": "lgw-vpc-assoc-1", "vpc": "vpc-1", "localGateway": "lgw-1"}],
	"flowLogs": [{"id": "fl-1", "target": "vpc-1", "logGroup": "flows"}]
}}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "snapshots": [{"id": "s-0123456789"}], "tags": {"team": "bi"}},
	{"id": "d-1111111111", "type": "MicrosoftAD", "edition": "Standard", "vpc": "vpc-1", "trusts": ["other.example.com"], "sharedWith": ["999988887777"]},
	{"id": "d-2222222222", "type": "ADConnector", "vpc": "vpc-1"}]`

package step

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// classified reads and sorts the VPC of an account.
func classified(t *testing.T, account string, own belongings) vpcContents {
	t.Helper()
	l := newReading(t, account, emulator.Options{})
	target, err := l.Target(t.Context(), Access{Account: readingTarget, Role: RoleRead, Policy: ReadPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	n, err := readNetwork(t.Context(), target, "us-east-1", previewVPC)
	if err != nil {
		t.Fatal(err)
	}
	own.Account = readingTarget
	return n.classify(previewVPC, own)
}

// Whatever EC2 and Directory Service show of somebody else's workload is found, and named with its likely owner.
func TestClassifyFindsForeignWorkloads(t *testing.T) {
	t.Parallel()
	const subnet = "subnet-0aaa000000000001"
	inVPC := func(lists string) string { return itsVPC + `, ` + lists + closed }
	eni := func(fields string) string {
		return inVPC(`"networkInterfaces": [{"id": "eni-0aaa000000000001", "subnet": "` + subnet + `", ` + fields + `}]`)
	}
	for _, test := range []struct{ name, account, id, owner string }{
		{"a running instance", inVPC(`"instances": [{"id": "i-0aaa000000000001", "subnet": "` + subnet + `", "state": "running", "tags": {"Name": "web"}}]`), "i-0aaa000000000001", `running, Name "web"`},
		{"a stopped instance", inVPC(`"instances": [{"id": "i-0aaa000000000001", "subnet": "` + subnet + `", "state": "stopped"}]`), "i-0aaa000000000001", "stopped"},
		{"a Lambda function", eni(`"state": "in-use", "type": "lambda", "description": "AWS Lambda VPC ENI-orders", "requesterManaged": true`), "eni-0aaa000000000001", "a Lambda function"},
		{"a load balancer", eni(`"state": "in-use", "description": "ELB app/web/1", "requesterManaged": true, "requester": "amazon-elb"`), "eni-0aaa000000000001", "a load balancer"},
		{"a database", eni(`"state": "in-use", "description": "RDSNetworkInterface", "requesterManaged": true, "requester": "amazon-rds"`), "eni-0aaa000000000001", "RDS"},
		{"a service that EC2 names", eni(`"state": "in-use", "operator": "workspaces-web.amazonaws.com"`), "eni-0aaa000000000001", "workspaces-web.amazonaws.com"},
		{"an unattached interface that a service manages", eni(`"state": "available", "description": "AWS Lambda VPC ENI-orders", "requesterManaged": true`), "eni-0aaa000000000001", "a Lambda function, available"},
		{"an unattached interface of another account", eni(`"state": "available", "owner": "999999999999"`), "eni-0aaa000000000001", "999999999999"},
		{"a VPC connection that outlived its subscription", eni(`"state": "in-use", "type": "quicksight"`), "eni-0aaa000000000001", "QuickSight"},
		{"a managed endpoint", inVPC(`"vpcEndpoints": [{"id": "vpce-0aaa000000000001", "vpc": "` + previewVPC + `", "service": "com.amazonaws.us-east-1.rds", "subnets": ["` + subnet + `"], "requesterManaged": true}]`), "vpce-0aaa000000000001", "com.amazonaws.us-east-1.rds"},
		{"a Gateway Load Balancer endpoint", inVPC(`"vpcEndpoints": [{"id": "vpce-0aaa000000000001", "vpc": "` + previewVPC + `", "service": "firewall", "type": "GatewayLoadBalancer", "subnets": ["` + subnet + `"]}]`), "vpce-0aaa000000000001", "GatewayLoadBalancer"},
		{"a peering", inVPC(`"peerings": [{"id": "pcx-0aaa000000000001", "requester": {"vpc": "` + previewVPC + `"}, "accepter": {"vpc": "vpc-0bbb000000000001", "owner": "999999999999"}}]`), "pcx-0aaa000000000001", "999999999999"},
		{"a VPN gateway", inVPC(`"vpnGateways": [{"id": "vgw-0aaa000000000001", "vpc": "` + previewVPC + `"}]`), "vgw-0aaa000000000001", "outside AWS"},
		{"a VPN connection", inVPC(`"vpnGateways": [{"id": "vgw-0aaa000000000001", "vpc": "` + previewVPC + `"}], "vpnConnections": [{"id": "vpn-0aaa000000000001", "vpnGateway": "vgw-0aaa000000000001", "customerGateway": "cgw-1"}]`), "vpn-0aaa000000000001", "cgw-1"},
		{"a transit gateway", inVPC(`"transitGatewayAttachments": [{"id": "tgw-attach-0aaa000000000001", "transitGateway": "tgw-1", "vpc": "` + previewVPC + `", "subnets": ["` + subnet + `"]}]`), "tgw-attach-0aaa000000000001", "tgw-1"},
		{"a local gateway", inVPC(`"localGatewayAssociations": [{"id": "lgw-vpc-assoc-0aaa000000000001", "vpc": "` + previewVPC + `", "localGateway": "lgw-0aaa000000000001"}]`), "lgw-vpc-assoc-0aaa000000000001", "lgw-0aaa000000000001 of an Outpost"},
		{"a group that a peer names", strings.NewReplacer(`"vpcs": [`, `"vpcs": [{"id": "vpc-0bbb0000000000001", "cidr": "10.99.0.0/16"}, `).Replace(
			inVPC(`"peerings": [{"id": "pcx-0aaa000000000001", "requester": {"vpc": "` + previewVPC + `"}, "accepter": {"vpc": "vpc-0bbb0000000000001"}}],
				"securityGroups": [{"id": "sg-0aaa000000000001", "vpc": "` + previewVPC + `"},
				{"id": "sg-0bbb000000000001", "vpc": "vpc-0bbb0000000000001", "rules": [{"group": "sg-0aaa000000000001", "peering": "pcx-0aaa000000000001"}]}]`)),
			"sg-0aaa000000000001", "vpc-0bbb0000000000001 over pcx-0aaa000000000001"},
		{"a route to a local gateway", inVPC(`"routeTables": [{"id": "rtb-0aaa000000000009", "vpc": "` + previewVPC + `", "routes": [{"destination": "192.168.0.0/16", "target": "lgw-0aaa000000000001"}]}]`), "rtb-0aaa000000000009", "leads 192.168.0.0/16 to lgw-0aaa000000000001"},
		{"a main route to a core network", inVPC(`"routeTables": [{"id": "rtb-0aaa000000000009", "vpc": "` + previewVPC + `", "main": true, "routes": [{"destination": "10.0.0.0/8", "target": "arn:aws:networkmanager::999999999999:core-network/core-network-1"}]}]`), "rtb-0aaa000000000009", "core-network-1"},
		{"a Lambda function without an interface", workloadInVPC("lambda", ""), "it", "with or without an interface"},
		{"an ECS service without a task", workloadInVPC("ecs", ""), "it", "with or without an interface"},
		{"a Resolver endpoint", workloadInVPC("route53resolver", ""), "it", "configured for it"},
		{"a Resolver rule", workloadInVPC("route53resolver", "ListResolverRuleAssociations"), "it", "configured for it"},
		{"a DNS firewall", workloadInVPC("route53resolver", "ListFirewallRuleGroupAssociations"), "it", "configured for it"},
		{"a query log", workloadInVPC("route53resolver", "ListResolverQueryLogConfigAssociations"), "it", "configured for it"},
		{"a private hosted zone", workloadInVPC("route53", ""), "it", "configured for it"},
		{"a network firewall", workloadInVPC("network-firewall", ""), "it", "configured for it"},
		{"a service network", workloadInVPC("vpc-lattice", ""), "it", "configured for it"},
		{"a resource gateway", workloadInVPC("vpc-lattice", "ListResourceGateways"), "it", "configured for it"},
		{"a subnet that other accounts share", `"workloads": [{"service": "ram", "id": "` + subnet + `"}], ` + itsVPC + closed, subnet, "configured for it"},
		{"a hidden instance of a service", inVPC(`"instances": [{"id": "i-0aaa000000000001", "subnet": "` + subnet + `", "operator": "eks.amazonaws.com", "hidden": true}]`), "i-0aaa000000000001", "running"},
		{"an exclusion of the VPC", inVPC(`"publicAccessExclusions": [{"id": "vpcbpa-exclude-0aaa000000000001", "target": "` + previewVPC + `"}]`), "vpcbpa-exclude-0aaa000000000001", "internet"},
		{"an exclusion of a subnet", inVPC(`"publicAccessExclusions": [{"id": "vpcbpa-exclude-0aaa000000000001", "target": "` + subnet + `"}]`), "vpcbpa-exclude-0aaa000000000001", "internet"},
		{"an encryption control", inVPC(`"encryptionControls": [{"id": "vpcec-0aaa000000000001", "vpc": "` + previewVPC + `"}]`), "vpcec-0aaa000000000001", "traffic"},
		{"a carrier gateway", inVPC(`"carrierGateways": [{"id": "cagw-0aaa000000000001", "vpc": "` + previewVPC + `"}]`), "cagw-0aaa000000000001", "carrier"},
		{"an instance connect endpoint", inVPC(`"instanceConnectEndpoints": [{"id": "eice-0aaa000000000001", "subnet": "` + subnet + `"}]`), "eice-0aaa000000000001", "people"},
		{"a client VPN", inVPC(`"clientVpnEndpoints": [{"id": "cvpn-endpoint-0aaa000000000001", "vpc": "` + previewVPC + `"}]`), "cvpn-endpoint-0aaa000000000001", "people"},
		{"a group that another VPC uses", strings.Replace(inVPC(`"securityGroups": [{"id": "sg-0aaa000000000001", "vpc": "`+previewVPC+`", "name": "a", "vpcs": ["vpc-0bbb000000000001"]}]`), `"vpcs": [`, `"vpcs": [{"id": "vpc-0bbb000000000001"}, `, 1), "sg-0aaa000000000001", "vpc-0bbb000000000001"},
		{"another directory", strings.Replace(preview, `"name"`, `"type": "MicrosoftAD", "name"`, 1) + `, ` + itsVPC + closed, previewDirectory, "MicrosoftAD"},
		{"an AD Connector", strings.Replace(preview, `"name"`, `"type": "ADConnector", "name"`, 1) + `, ` + itsVPC + closed, previewDirectory, "ADConnector"},
		{"the default VPC", strings.Replace(itsVPC, `"cidr"`, `"default": true, "cidr"`, 1) + closed, previewVPC, "default VPC"},
		{"a VPC that another account shares", strings.Replace(itsVPC, `"cidr"`, `"owner": "999999999999", "cidr"`, 1) + closed, previewVPC, "999999999999"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			contents := classified(t, test.account, belongings{})
			at := slices.IndexFunc(contents.Foreign, func(f foreign) bool { return f.ID == test.id })
			if at < 0 {
				t.Fatalf("foreign %v, want %s", contents.Foreign, test.id)
			}
			if got := contents.Foreign[at].Owner; !strings.Contains(got, test.owner) {
				t.Errorf("the likely owner is %q, want it to mention %q", got, test.owner)
			}
			for _, r := range slices.Concat(contents.Resources, contents.Going) {
				if r.ID == test.id {
					t.Errorf("%s is foreign, and to be deleted", r.ID)
				}
			}
		})
	}
}

// workloadInVPC is an account in which a service is configured for the preview's VPC, without an interface.
func workloadInVPC(service, kind string) string {
	return `"workloads": [{"service": "` + service + `", "kind": "` + kind + `", "id": "it", "vpc": "` + previewVPC + `", "subnets": ["subnet-0aaa000000000001"]},
		{"service": "` + service + `", "kind": "` + kind + `", "id": "elsewhere", "vpc": "vpc-0bbb000000000001", "subnets": ["subnet-0bbb000000000001"]}], ` + itsVPC + closed
}

// A directory that anything else uses is kept, whoever that is and however many pages it takes to find it.
func TestDirectoryUsersAreFound(t *testing.T) {
	t.Parallel()
	for service, says := range map[string]string{
		"workspaces": "WorkSpaces registration", "fsx": "FSx file system it", "rds": "RDS instance it", "workmail": "WorkMail organization it",
		"connect": "Connect instance it", "transfer": "Transfer server it", "pca-connector-ad": "Private CA connector it", "ssm": "domain join of instances it",
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			another := `{"service": "` + service + `", "id": "other", "directory": "d-9067099999"}`
			if service == "connect" { // which does not say which directory it uses
				another = `{"service": "connect", "id": "other"}`
			}
			workloads := func(more string) string {
				return `"quickSight": {}, "workloads": [` + another + more + `], ` + preview + `, ` + itsVPC + closed
			}
			free := newReading(t, workloads(""), emulator.Options{PageSize: 1}).plan(plain)
			if d := free.Material.Directory; d.Fate != closing.FateDelete {
				t.Errorf("of another directory's: %s (%s)", d.Fate, d.Why)
			}
			used := newReading(t, workloads(`, {"service": "`+service+`", "id": "it", "directory": "`+previewDirectory+`"}`), emulator.Options{PageSize: 1}).plan(plain)
			if d := used.Material.Directory; d.Fate != closing.FateKeep || !strings.Contains(d.Why, says) {
				t.Errorf("of this directory's: %s (%s), want it kept for %q", d.Fate, d.Why, says)
			}
		})
	}
}

// Who may not ask does not know: a service that does not answer is never read as unused.
func TestWorkloadsThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]closing.Code{"AccessDeniedException": closing.MissingPermission, "ThrottlingException": ""} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, preview+`, `+itsVPC+closed, emulator.Options{Faults: []emulator.Fault{{
				Match: emulator.Match{Service: "fsx"}, Error: &emulator.APIError{Code: code, Message: "no", Status: 400},
			}}})
			target, err := l.Target(t.Context(), Access{Account: readingTarget, Role: RoleRead, Policy: ReadPolicy()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = readCandidates(t.Context(), target, "us-east-1"); err == nil || closing.CodeOf(err) != want {
				t.Errorf("got the error %v, want the code %q", err, want)
			}
		})
	}
}

// What goes by itself, what is ours, and what is over are told apart.
func TestClassifyTellsOursFromGoing(t *testing.T) {
	t.Parallel()
	const subnet = "subnet-0aaa000000000001"
	contents := classified(t, preview+`, `+itsVPC+`, "instances": [{"id": "i-0aaa000000000001", "subnet": "`+subnet+`", "state": "terminated"}],
		"peerings": [{"id": "pcx-0aaa000000000001", "state": "deleted", "requester": {"vpc": "`+previewVPC+`"}, "accepter": {"vpc": "vpc-0bbb000000000001", "owner": "999999999999"}}],
		"vpnGateways": [{"id": "vgw-0aaa000000000001", "vpc": "`+previewVPC+`", "attachment": "detached"}],
		"natGateways": [{"id": "nat-0aaa000000000001", "subnet": "`+subnet+`", "state": "deleted"}, {"id": "nat-0aaa000000000002", "subnet": "`+subnet+`", "state": "available"}],
		"networkInterfaces": [{"id": "eni-0aaa000000000001", "subnet": "`+subnet+`", "state": "available"}, {"id": "eni-0aaa000000000002", "subnet": "`+subnet+`", "type": "quicksight", "state": "in-use"}],
		"vpcEndpoints": [{"id": "vpce-0aaa000000000001", "vpc": "`+previewVPC+`", "service": "com.amazonaws.us-east-1.sts", "subnets": ["`+subnet+`"]}],
		"egressOnlyInternetGateways": [{"id": "eigw-0aaa000000000001", "vpc": "`+previewVPC+`"}],
		"internetGateways": [{"id": "igw-0aaa000000000001", "vpc": "`+previewVPC+`"}],
		"routeTables": [{"id": "rtb-0aaa000000000001", "vpc": "`+previewVPC+`", "gateway": "igw-0aaa000000000001"}]`+closed,
		belongings{Directory: previewDirectory, Subscribed: true})
	if len(contents.Foreign) > 0 {
		t.Errorf("foreign: %v", contents.Foreign)
	}
	kinds := map[string]int{}
	for _, r := range contents.Resources {
		kinds[r.Kind]++
	}
	if diff := cmp.Diff(map[string]int{"subnet": 2, "nat": 1, "eni": 1, "vpce": 1, "eigw": 1, "igw": 1, "rtb": 1, "rtbassoc": 1}, kinds); diff != "" {
		t.Errorf("resources by kind (-want +got):\n%s", diff)
	}
	going := map[string]int{}
	for _, r := range contents.Going {
		going[r.Kind]++
	}
	// The directory's two interfaces and its group, and the VPC connection's interface.
	if diff := cmp.Diff(map[string]int{"eni": 3, "sg": 1}, going); diff != "" {
		t.Errorf("going by kind (-want +got):\n%s", diff)
	}
}

// What a directory that stays has in the VPC is its own.
func TestClassifyKeepsTheInterfacesOfADirectoryThatStays(t *testing.T) {
	t.Parallel()
	contents := classified(t, preview+`, `+itsVPC+closed, belongings{})
	kinds := map[string]int{}
	for _, f := range contents.Foreign {
		kinds[f.Kind]++
	}
	if diff := cmp.Diff(map[string]int{"directory": 1, "interface": 2}, kinds); diff != "" {
		t.Errorf("foreign by kind (-want +got):\n%s", diff)
	}
}

func TestClassifyOfNoVPC(t *testing.T) {
	t.Parallel()
	if contents := classified(t, `"name": "x"`, belongings{}); contents.Found {
		t.Errorf("a VPC that is not there holds %+v", contents)
	}
}

// A closed list of interface types would lie: what EC2 adds is foreign, with whatever it says of itself.
func TestOwnerOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		give types.NetworkInterface
		want string
	}{
		{"by both spellings of a type", types.NetworkInterface{InterfaceType: "natGateway", Status: "in-use"}, "a NAT gateway, in-use"},
		{"by its type", types.NetworkInterface{InterfaceType: "nat_gateway", Status: "in-use"}, "a NAT gateway, in-use"},
		{"by its requester", types.NetworkInterface{RequesterId: aws.String("amazon-redshift"), Status: "in-use"}, "Redshift, in-use"},
		{"by an unknown requester", types.NetworkInterface{RequesterId: aws.String("AROAX:session"), Status: "in-use"}, "requester AROAX:session, in-use"},
		{"by its instance", types.NetworkInterface{Attachment: &types.NetworkInterfaceAttachment{InstanceId: aws.String("i-1")}, Status: "in-use"}, "instance i-1, in-use"},
		{"a type of the future", types.NetworkInterface{InterfaceType: "teleporter", Status: "in-use", Description: aws.String("hm")}, `owner unknown, in-use, "hm"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := ownerOf(test.give); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBelongingsOf(t *testing.T) {
	t.Parallel()
	m := closing.Material{AccountID: readingTarget, Subscription: &closing.Subscription{}, Directory: closing.Directory{Fate: closing.FateKeep, ID: previewDirectory, SecurityGroup: "sg-1"}}
	if b := belongingsOf(m); b.Directory != "" || b.Group != "" || !b.Subscribed {
		t.Errorf("a directory that stays belongs to the closing: %+v", b)
	}
	m.Directory.Fate = closing.FateDelete
	if b := belongingsOf(m); b.Directory != previewDirectory || b.Group != "sg-1" {
		t.Errorf("a directory that goes does not belong to the closing: %+v", b)
	}
}

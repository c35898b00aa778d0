package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const (
	previewDirectory = "d-9067012345"
	previewVPC       = "vpc-0a1b2c3d4e5f60001"
	// preview is a directory as QuickSight made them in its preview.
	preview = `"directories": [{"id": "` + previewDirectory + `", "name": "quicksight.example.com", "launched": "2016-02-01T10:00:00Z", "vpc": "` + previewVPC + `"}]`
	// itsVPC are the VPC of that directory and its subnets, open at the end for more of the network.
	itsVPC = `"network": {"us-east-1": {"vpcs": [{"id": "` + previewVPC + `", "cidr": "10.42.0.0/16"}], "subnets": [
		{"id": "subnet-0aaa000000000001", "vpc": "` + previewVPC + `", "zone": "us-east-1a"},
		{"id": "subnet-0aaa000000000002", "vpc": "` + previewVPC + `", "zone": "us-east-1b"}]`
	closed = `}}`
)

// besideIt is itsVPC with a VPC of somebody else beside it.
var besideIt = strings.NewReplacer(
	`"vpcs": [`, `"vpcs": [{"id": "vpc-0bbb0000000000001", "cidr": "10.99.0.0/16"}, `,
	`"subnets": [`, `"subnets": [{"id": "subnet-0bbb000000000001", "vpc": "vpc-0bbb0000000000001"}, `,
).Replace(itsVPC)

// blockers are the codes of a plan's blockers.
func blockers(p closing.Plan) []closing.Code {
	var codes []closing.Code
	for _, b := range p.Observed.Blockers {
		codes = append(codes, b.Code)
	}
	return codes
}

func TestTakeInventoryOfAnEarlyAdopter(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {
		"accountName": "acme", "notificationEmail": "bi@example.com", "terminationProtection": true, "namespaces": [{"name": "partners"}],
		"users": [{"userName": "ana", "role": "ADMIN"}, {"userName": "lee"}],
		"regions": {"us-east-1": {"dashboards": ["Sales"], "dataSets": ["orders"], "vpcConnections": [{"name": "lake", "vpcId": "vpc-0bbb0000000000001", "subnetIds": ["subnet-0bbb000000000001"]}]},
			"eu-west-1": {"dashboards": ["EMEA"]}}}, `+preview+`, `+besideIt+`,
		"routeTables": [{"id": "rtb-0aaa000000000001", "vpc": "`+previewVPC+`", "subnets": ["subnet-0aaa000000000001"], "routes": [{"destination": "0.0.0.0/0", "target": "igw-0aaa000000000001"}]}],
		"internetGateways": [{"id": "igw-0aaa000000000001", "vpc": "`+previewVPC+`"}],
		"securityGroups": [{"id": "sg-0aaa000000000001", "vpc": "`+previewVPC+`", "name": "a"}],
		"networkAcls": [{"id": "acl-0aaa000000000001", "vpc": "`+previewVPC+`"}],
		"addresses": [{"id": "eipalloc-0aaa000000000001"}],
		"natGateways": [{"id": "nat-0aaa000000000001", "subnet": "subnet-0aaa000000000001", "address": "eipalloc-0aaa000000000001"}],
		"vpcEndpoints": [{"id": "vpce-0aaa000000000001", "vpc": "`+previewVPC+`", "service": "com.amazonaws.us-east-1.s3", "routeTables": ["rtb-0aaa000000000001"]}],
		"flowLogs": [{"id": "fl-0aaa000000000001", "target": "`+previewVPC+`", "logGroup": "flows"}]`+closed, emulator.Options{})
	plan := l.plan(plain)
	m := plan.Material
	if got := verdictOf(plan); got != Closable {
		t.Fatalf("verdict %s, blockers %+v", got, plan.Observed.Blockers)
	}
	if l.in.Run.Round != 1 || l.in.Run.Digest != plan.Digest || l.in.Run.IdentityRegion != "us-east-1" {
		t.Errorf("run %+v", l.in.Run)
	}
	if diff := cmp.Diff(&closing.Subscription{
		Status: "ACCOUNT_CREATED", AccountName: "acme", Edition: "ENTERPRISE", AuthenticationType: "IDENTITY_POOL", NotificationEmail: "bi@example.com",
		DefaultNamespace: "default", TerminationProtection: true,
	}, m.Subscription); diff != "" {
		t.Errorf("subscription (-want +got):\n%s", diff)
	}
	if len(m.Namespaces) != 2 || m.Count(kindUser) != 2 || m.Assets.N != 5 || len(m.VPCConnections) != 1 || len(m.NotReadable) != 0 {
		t.Errorf("%d namespaces, %d users, %d assets, %d VPC connections, not readable %v", len(m.Namespaces), m.Count(kindUser), m.Assets.N, len(m.VPCConnections), m.NotReadable)
	}
	if d := m.Directory; d.Fate != closing.FateDelete || d.ID != previewDirectory || d.Region != "us-east-1" || d.VPC != previewVPC || d.SecurityGroup == "" || len(d.Interfaces) != 2 {
		t.Errorf("directory %+v", d)
	}
	var ids []string
	for _, r := range m.VPC.Resources {
		ids = append(ids, r.ID)
	}
	if diff := cmp.Diff([]string{
		"acl-0aaa000000000001", "igw-0aaa000000000001", "nat-0aaa000000000001", "rtb-0aaa000000000001", "sg-0aaa000000000001",
		"subnet-0aaa000000000001", "subnet-0aaa000000000002", "vpce-0aaa000000000001",
	}, ids); diff != "" || m.VPC.Fate != closing.FateDelete {
		t.Errorf("VPC %s %s, resources (-want +got):\n%s", m.VPC.Fate, m.VPC.Why, diff)
	}
	if diff := cmp.Diff([]closing.Resource{{Kind: "eipalloc", ID: "eipalloc-0aaa000000000001"}, {Kind: "fl", ID: "fl-0aaa000000000001"}}, m.VPC.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}

	// One list call per kind and region: 15 regions are enabled.
	for operation, want := range map[string]int{"quicksight:ListDashboards": 15, "quicksight:ListVPCConnections": 15, "ec2:DescribeSubnets": 1, "ds:DescribeDirectories": 1} {
		if got := l.calls(operation); got != want {
			t.Errorf("%d calls of %s, want %d", got, operation, want)
		}
	}
	if got := l.calls(""); got > 340 {
		t.Errorf("verifying and one inventory make %d calls, more than 340", got)
	}

	// The same again is the same, byte by byte.
	l.in.Action = ActionRetake
	if again := l.take(); again.Digest != plan.Digest {
		t.Errorf("a second inventory of the unchanged account differs:\n%s", cmp.Diff(plan.Material, again.Material))
	}
}

// An invocation that is too short for the whole inventory goes on in the next one, and reads nothing twice.
func TestTakeInventoryResumes(t *testing.T) {
	t.Parallel()
	account := `"quickSight": {"regions": {"us-east-1": {"dashboards": ["a"]}, "us-west-2": {"topics": ["b"]}}}`
	whole := newReading(t, account, emulator.Options{})
	want := whole.plan(plain)

	slow := newReading(t, account, emulator.Options{Latency: func(string, string) time.Duration { return time.Second }})
	slow.budget = inventoryReserve + usePages*time.Second/2 + 30*time.Second // what it needs to begin the last of its reads
	calls := 0
	if _, err := slow.verify(plain); err != nil {
		t.Fatal(err)
	}
	slow.in.State = "Take Inventory"
	for {
		result, err := TakeInventory(slow.env)(clock.Virtual(t.Context(), slow.start, slow.budget), slow.in)
		if err != nil {
			t.Fatal(err)
		}
		if calls++; calls == 50 {
			t.Fatalf("still not done: %+v", result)
		}
		slow.in.Run, slow.in.Progress = result.Run, result.Progress
		if result.State == Done {
			break
		}
		if result.Remaining.Total == 0 || result.Progress.Wait == 0 {
			t.Fatalf("in progress with nothing remaining or no wait: %+v", result)
		}
	}
	got, err := slow.env.folder(slow.in).Plan(t.Context(), record.PlanName(1), 1)
	if err != nil {
		t.Fatal(err)
	}
	if calls < 2 || got.Digest != want.Digest {
		t.Errorf("%d invocations; plan (-whole +resumed):\n%s", calls, cmp.Diff(want.Material, got.Material))
	}
	if n := slow.calls("quicksight:ListDashboards"); n != 15 {
		t.Errorf("%d calls of ListDashboards, want 15", n)
	}
}

func TestTakeInventoryOverrunsItsBudget(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}`, emulator.Options{})
	if _, err := l.verify(plain); err != nil {
		t.Fatal(err)
	}
	l.in.State, l.in.Progress = "Take Inventory", Progress{State: "Take Inventory", Since: l.start.Add(-l.env.Config.InventoryBudget)}
	_, err := TakeInventory(l.env)(clock.Virtual(t.Context(), l.start, time.Second), l.in)
	if closing.CodeOf(err) != closing.Overrun {
		t.Errorf("error %v, want %s", err, closing.Overrun)
	}
}

// What cannot be read is in the plan, and never counted as none.
func TestTakeInventoryOfAStandardEdition(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {"edition": "STANDARD", "users": [{"userName": "ana", "role": "ADMIN"}], "regions": {"us-east-1": {"folders": ["a"], "dataSets": ["b"]}}}`, emulator.Options{})
	plan := l.plan(plain)
	if got := verdictOf(plan); got != Closable {
		t.Errorf("verdict %s, blockers %+v", got, plan.Observed.Blockers)
	}
	if plan.Material.Count(kindUser) != 1 {
		t.Errorf("users %v, want one", plan.Material.Contents)
	}
	kinds := map[string]string{}
	for _, n := range plan.Material.NotReadable {
		kinds[n.Kind] = n.Region
	}
	for _, kind := range []string{"folder", "theme", "template", "topic", kindVPCConnection} {
		if kinds[kind] != "every region" {
			t.Errorf("%s is not readable in %q, want every region", kind, kinds[kind])
		}
	}
	for _, c := range plan.Material.Contents {
		if kinds[c.Kind] != "" {
			t.Errorf("%s is counted and not readable", c.Kind)
		}
	}
}

// A region that an organization denies may hold assets that nobody would see.
func TestTakeInventoryStopsAtADeniedRegion(t *testing.T) {
	t.Parallel()
	account := `"quickSight": {"identityRegion": "eu-west-1"}, ` + deniesElsewhere(`"eu-central-1", "eu-west-1"`)
	l := newReading(t, account, emulator.Options{})
	plan := l.plan(plain)
	if diff := cmp.Diff([]closing.Code{closing.RegionUnreadable}, blockers(plan)); diff != "" {
		t.Errorf("blockers (-want +got):\n%s", diff)
	}
	governed := newReading(t, account, emulator.Options{})
	governed.env.Config.GovernedRegions = []string{"eu-central-1", "eu-west-1"}
	plan = governed.plan(plain)
	if got := verdictOf(plan); got != Closable {
		t.Errorf("verdict %s, blockers %+v", got, plan.Observed.Blockers)
	}
	if got := governed.calls("quicksight:ListTopics"); got != 2 {
		t.Errorf("%d regions were listed, want the 2 that can be used", got)
	}
}

func TestTakeInventoryKnowsEveryStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[string][]closing.Code{
		"ACCOUNT_CREATED": nil, "OK": nil, "UNSUBSCRIBE_FAILED": nil, "UNSUBSCRIBE_IN_PROGRESS": nil,
		"SIGNUP_ATTEMPT_IN_PROGRESS": {closing.Blocked}, "CREATION_FAILED": {closing.Blocked},
		"SOMETHING_NEW": {closing.UnknownStatus}, "": {closing.UnknownStatus},
	} {
		inv := inventory{Subscription: &closing.Subscription{Status: status}}
		if diff := cmp.Diff(want, blockers(closing.Plan{Observed: closing.Observed{Blockers: inv.blockers(Config{}, closing.Request{AccountID: readingTarget})}})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", status, diff)
		}
	}
}

// One strong candidate goes under auto; with doubt, with somebody else's workload or against the request it is kept, and an id never makes a candidate.
func TestTakeInventoryDecidesAboutDirectoryAndVPC(t *testing.T) {
	t.Parallel()
	const (
		instance = `, "instances": [{"id": "i-0ccc000000000001", "subnet": "subnet-0aaa000000000001", "state": "running", "tags": {"Name": "web"}}]`
		foreign  = "vpc-0bbb000000000001"
	)
	connected := func(vpc, subnet string) string {
		return `"quickSight": {"regions": {"us-east-1": {"vpcConnections": [{"name": "lake", "vpcId": "` + vpc + `", "subnetIds": ["` + subnet + `"]}]}}}, `
	}
	madeIn := func(day string) string {
		return `"quickSight": {"regions": {"us-east-1": {"dashboards": ["Sales"], "dataSets": [{"name": "orders", "created": "` + day + `T10:00:00Z"}]}}}, `
	}
	twoVPCs := strings.Replace(itsVPC, `"vpcs": [`, `"vpcs": [{"id": "`+foreign+`", "cidr": "10.99.0.0/16"}, `, 1)
	request := func(fields string) string { return `{"accountId": "` + readingTarget + `", ` + fields + `}` }
	for _, test := range []struct {
		name, account, request string
		directory, vpc         closing.Fate
		blocked                []closing.Code
		mentions               string // somewhere in the decisions and blockers
	}{
		{"nothing there", `"quickSight": {}`, plain, closing.FateNone, closing.FateNone, nil, ""},
		{"a strong candidate", `"quickSight": {}, ` + preview + `, ` + itsVPC + closed, plain, closing.FateDelete, closing.FateDelete, nil, ""},
		{"kept as asked", `"quickSight": {}, ` + preview + `, ` + itsVPC + closed, request(`"directory": "keep"`), closing.FateKeep, closing.FateKeep, nil, "the request says so"},
		{"the VPC kept as asked", `"quickSight": {}, ` + preview + `, ` + itsVPC + closed, request(`"vpc": "keep"`), closing.FateDelete, closing.FateKeep, nil, "the request says so"},
		{"an instance in the VPC", `"quickSight": {}, ` + preview + `, ` + itsVPC + instance + closed, plain, closing.FateKeep, closing.FateKeep, nil, `i-0ccc000000000001 (running, Name "web")`},
		{"an instance in the named VPC", `"quickSight": {}, ` + preview + `, ` + itsVPC + instance + closed, request(`"vpc": "` + previewVPC + `"`), closing.FateKeep, closing.FateKeep, []closing.Code{closing.Blocked}, "i-0ccc000000000001"},
		{"an instance beside the named directory", `"quickSight": {}, ` + preview + `, ` + itsVPC + instance + closed, request(`"directory": "` + previewDirectory + `"`), closing.FateKeep, closing.FateKeep, []closing.Code{closing.Blocked}, "i-0ccc000000000001"},
		{"named", `"quickSight": {}, ` + preview + `, ` + itsVPC + closed, request(`"directory": "` + previewDirectory + `", "vpc": "` + previewVPC + `"`), closing.FateDelete, closing.FateDelete, nil, ""},
		{"a VPC without a trace of QuickSight", `"quickSight": {}, ` + preview + `, ` + twoVPCs + closed, request(`"vpc": "` + foreign + `"`), closing.FateDelete, closing.FateKeep, []closing.Code{closing.NoEvidence}, "nothing shows"},
		{"a VPC that is not there", `"quickSight": {}, ` + preview + `, ` + itsVPC + closed, request(`"vpc": "vpc-0ccc000000000001"`), closing.FateDelete, closing.FateKeep, []closing.Code{closing.NoEvidence}, "no such VPC"},
		{"a directory that is not there", `"quickSight": {}`, request(`"directory": "d-9067000000"`), closing.FateKeep, closing.FateKeep, []closing.Code{closing.NoEvidence}, "no such directory"},
		{"a directory after the preview", `"quickSight": {}, ` + strings.Replace(preview, "2016-02", "2020-02", 1) + `, ` + itsVPC + closed, plain, closing.FateKeep, closing.FateKeep, nil, "too little"},
		{"a directory after the preview, named", `"quickSight": {}, ` + strings.Replace(preview, "2016-02", "2020-02", 1) + `, ` + itsVPC + closed, request(`"directory": "` + previewDirectory + `"`), closing.FateDelete, closing.FateDelete, nil, ""},
		{"a directory younger than QuickSight", madeIn("2015-11-20") + preview + `, ` + itsVPC + closed, plain, closing.FateKeep, closing.FateKeep, nil, "too little"},
		{"a directory made at sign-up", madeIn("2016-01-20") + preview + `, ` + itsVPC + closed, plain, closing.FateDelete, closing.FateDelete, nil, ""},
		{"a directory whose group another names", `"quickSight": {}, ` + preview + `, ` + itsVPC + `, "securityGroups": [{"id": "sg-0ccc000000000001", "vpc": "` + previewVPC + `", "rules": [{"group": "sg-0ddd000000000001"}]},
			{"id": "sg-0ddd000000000001", "vpc": "` + previewVPC + `", "name": "` + previewDirectory + `_controllers"}]` + closed, plain, closing.FateKeep, closing.FateKeep, nil, "sg-0ccc000000000001"},
		{"a directory with single sign-on", `"quickSight": {}, ` + strings.Replace(preview, `"name"`, `"sso": true, "name"`, 1) + `, ` + itsVPC + closed, plain, closing.FateKeep, closing.FateKeep, nil, "single sign-on"},
		{"a Microsoft AD, named", `"quickSight": {}, ` + strings.Replace(preview, `"name"`, `"type": "MicrosoftAD", "name"`, 1) + `, ` + itsVPC + closed, request(`"directory": "` + previewDirectory + `"`), closing.FateKeep, closing.FateKeep, []closing.Code{closing.NoEvidence}, "MicrosoftAD"},
		{"two directories", `"quickSight": {}, ` + strings.Replace(preview, `[{`, `[{"id": "d-9067054321", "name": "quicksight2", "launched": "2016-03-01T10:00:00Z", "vpc": "`+previewVPC+`"}, {`, 1) + `, ` + itsVPC + closed, plain, closing.FateKeep, closing.FateKeep, nil, "not certain"},
		{"a directory of which only its region speaks, named", `"quickSight": {}, ` + strings.NewReplacer("2016-02", "2020-02", "quicksight.example.com", "corp.example.com").Replace(preview) + `, ` + itsVPC + closed, request(`"directory": "` + previewDirectory + `"`), closing.FateKeep, closing.FateKeep, []closing.Code{closing.NoEvidence}, "nothing shows"},
		{"a VPC that QuickSight only reads from, named", connected(`vpc-0bbb0000000000001`, `subnet-0bbb000000000001`) + preview + `, ` + besideIt + closed, request(`"vpc": "vpc-0bbb0000000000001"`), closing.FateDelete, closing.FateKeep, []closing.Code{closing.NoEvidence}, "nothing shows"},
		{"the directory's VPC, from which QuickSight reads", connected(previewVPC, `subnet-0aaa000000000001`) + preview + `, ` + itsVPC + closed, plain, closing.FateDelete, closing.FateKeep, nil, "connections lead into it"},
		{"the directory's VPC, from which QuickSight reads, named", connected(previewVPC, `subnet-0aaa000000000001`) + preview + `, ` + itsVPC + closed, request(`"vpc": "` + previewVPC + `"`), closing.FateDelete, closing.FateKeep, []closing.Code{closing.Blocked}, "connections lead into it"},
		{"a VPC with a group of a directory that is gone, named", `"quickSight": {}, ` + besideIt + `, "securityGroups": [{"id": "sg-0bbb000000000001", "vpc": "vpc-0bbb0000000000001", "name": "d-9067012345_controllers"}]` + closed, request(`"vpc": "vpc-0bbb0000000000001"`), closing.FateNone, closing.FateDelete, nil, ""},
		{"a VPC with an interface of a directory that is gone, named", `"quickSight": {}, ` + besideIt + `, "networkInterfaces": [{"id": "eni-0bbb000000000001", "subnet": "subnet-0bbb000000000001", "state": "available", "description": "AWS created network interface for directory d-9067012345"}]` + closed, request(`"vpc": "vpc-0bbb0000000000001"`), closing.FateNone, closing.FateDelete, nil, ""},
		{"half done earlier", `"quickSight": {"status": "UNSUBSCRIBED"}, ` + preview + `, ` + itsVPC + closed, plain, closing.FateDelete, closing.FateDelete, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, test.account, emulator.Options{})
			plan := l.plan(test.request)
			d, v := plan.Material.Directory, plan.Material.VPC
			if d.Fate != test.directory || v.Fate != test.vpc {
				t.Errorf("directory %s (%s), VPC %s (%s), want %s and %s", d.Fate, d.Why, v.Fate, v.Why, test.directory, test.vpc)
			}
			if diff := cmp.Diff(test.blocked, blockers(plan)); diff != "" {
				t.Errorf("blockers (-want +got):\n%s", diff)
			}
			text := fmt.Sprint(d.Why, v.Why, plan.Observed.Blockers)
			if !strings.Contains(text, test.mentions) {
				t.Errorf("%q does not mention %q", text, test.mentions)
			}
			for _, b := range plan.Observed.Blockers {
				again, err := closing.ParseRequest([]byte(b.Paste))
				if err != nil || again.AccountID != readingTarget {
					t.Errorf("what to paste is no request: %s: %v", b.Paste, err)
				}
			}
			if closable := len(test.blocked) == 0 && (plan.Material.Subscription != nil || test.directory == closing.FateDelete); closable != (verdictOf(plan) == Closable) {
				t.Errorf("verdict %s", verdictOf(plan))
			}
		})
	}
}

// The directory's age is told beside that of the oldest thing in QuickSight.
func TestTakeInventoryComparesAges(t *testing.T) {
	t.Parallel()
	for made, want := range map[string]closing.Evidence{
		"2015-11-20": {About: previewDirectory, Fact: "it was launched 73 days after QuickSight was in use: dataset orders is of 2015-11-20"},
		"2025-01-20": {About: previewDirectory, For: true, Fact: "it is no younger than what QuickSight has had for longest, dataset orders of 2025-01-20"},
	} {
		account := `"quickSight": {"regions": {"us-east-1": {"dashboards": ["Sales"]}, "eu-west-1": {"dataSets": [{"name": "orders", "created": "` + made + `T10:00:00Z"}]}}}, `
		evidence := newReading(t, account+preview+`, `+itsVPC+closed, emulator.Options{}).plan(plain).Observed.Evidence
		if !slices.Contains(evidence, want) {
			t.Errorf("%s is not among %+v", want.Fact, evidence)
		}
	}
}

// A run that stopped after its directory was gone left a VPC that bears no trace; its committed plan does.
func TestTakeInventoryFindsWhatAnEarlierRunLeft(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, request string }{
		{"by itself", plain},
		{"by the request of that run", `{"accountId": "` + readingTarget + `", "directory": "` + previewDirectory + `", "vpc": "` + previewVPC + `"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, itsVPC+closed, emulator.Options{})
			const earlier = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:earlier"
			folder := l.env.Record.Folder(record.Prefix(readingTarget, "earlier", l.start.Add(-time.Hour)), earlier)
			plan, err := folder.PutPlan(t.Context(), record.PlanName(1), closing.Plan{Round: 1, Material: closing.Material{
				AccountID: readingTarget,
				Directory: closing.Directory{Fate: closing.FateDelete, ID: previewDirectory, Region: "us-east-1", VPC: previewVPC},
				VPC:       closing.VPC{Fate: closing.FateDelete, ID: previewVPC, Region: "us-east-1"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := folder.PutCommit(t.Context(), closing.Commit{Round: 1, Digest: plan.Digest, Execution: earlier}); err != nil {
				t.Fatal(err)
			}
			got := l.plan(test.request)
			if got.Material.Directory.Fate != closing.FateNone || got.Material.VPC.Fate != closing.FateDelete || verdictOf(got) != Closable {
				t.Errorf("directory %+v, VPC %+v, blockers %v", got.Material.Directory, got.Material.VPC, got.Observed.Blockers)
			}
		})
	}
}

// An account in which nothing is left is nothing to close, unless a region that might hold something could not be searched.
func TestTakeInventoryOfNothing(t *testing.T) {
	t.Parallel()
	if got := verdictOf(newReading(t, "", emulator.Options{}).plan(plain)); got != NothingToClose {
		t.Errorf("verdict %s, want %s", got, NothingToClose)
	}
	denied := `"quickSight": {"status": "UNSUBSCRIBED"}, "scps": [{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": ["ds:*", "ec2:DescribeVpcs"], "Resource": "*"}]}]`
	l := newReading(t, denied, emulator.Options{})
	if diff := cmp.Diff([]closing.Code{closing.RegionUnreadable}, blockers(l.plan(plain))); diff != "" {
		t.Errorf("blockers (-want +got):\n%s", diff)
	}
}

func TestTakeInventoryRequiresEvidence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, account, request, starter string
		want                            []closing.Code
	}{
		{"nobody could be meant", `"quickSight": {"users": [{"userName": "lee"}]}`, plain, "", []closing.Code{closing.NoEvidence}},
		{"an administrator may be meant", `"quickSight": {"users": [{"userName": "ana", "role": "ADMIN_PRO"}]}`, plain, "", nil},
		{"the starter is that administrator", `"quickSight": {"users": [{"userName": "ana", "role": "ADMIN_PRO"}]}`, plain, "arn:aws:iam::" + readingTarget + ":user/ana", nil},
		{"the starter is no administrator", `"quickSight": {"users": [{"userName": "ana", "role": "ADMIN"}]}`, plain, "arn:aws:iam::" + readingTarget + ":user/lee", []closing.Code{closing.NoEvidence}},
		{"somebody attests it", `"quickSight": {}`, `{"accountId": "` + readingTarget + `", "attestation": "I did"}`, "", nil},
		{"there is no subscription to have been created", `"name": "x"`, plain, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, test.account, emulator.Options{})
			l.env.Config.RequireStarterEvidence = true
			if _, err := l.verify(test.request); err != nil {
				t.Fatal(err)
			}
			l.in.Run.Starter = test.starter
			if diff := cmp.Diff(test.want, blockers(l.take())); diff != "" {
				t.Errorf("blockers (-want +got):\n%s", diff)
			}
		})
	}
}

// A denial that the preflight found counts where the plan would meet it, and only there.
func TestTakeInventoryHeedsThePreflight(t *testing.T) {
	t.Parallel()
	roles := `"roles": {"` + string(RoleRead) + `": {}, "` + string(RoleClose) + `": {"policies": [{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": ["ec2:DeleteVpc", "ec2:DeleteNatGateway"], "Resource": "*"}]}]}}, `
	l := newReading(t, roles+`"quickSight": {}, `+preview+`, `+itsVPC+closed, emulator.Options{})
	plan := l.plan(plain)
	if v := plan.Material.VPC; v.Fate != closing.FateKeep || !strings.Contains(v.Why, "ec2:DeleteVpc") || strings.Contains(v.Why, "Nat") {
		t.Errorf("VPC %+v, want it kept for ec2:DeleteVpc alone", v)
	}
	if plan.Material.Directory.Fate != closing.FateDelete {
		t.Errorf("directory %+v, want it deleted", plan.Material.Directory)
	}
}

// What was read before a read failed is kept for the retry, and what is too old to go on with is not.
func TestTakeInventoryKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {"regions": {"us-east-1": {"dashboards": ["a"]}}}`, emulator.Options{Faults: []emulator.Fault{{
		Match: emulator.Match{Service: "quicksight", Operation: "ListTopics", Region: "sa-east-1"}, Nth: 1, Times: 1,
		Error: &emulator.APIError{Code: "ThrottlingException", Message: "Rate exceeded", Status: 429},
	}}})
	if _, err := l.verify(plain); err != nil {
		t.Fatal(err)
	}
	l.in.State = "Take Inventory"
	if _, err := TakeInventory(l.env)(clock.Virtual(t.Context(), l.start, l.budget), l.in); err == nil || closing.CodeOf(err) != "" {
		t.Fatalf("error %v, want one that is worth a retry", err)
	}
	l.take()
	if got := l.calls("quicksight:ListDashboards"); got != 15 {
		t.Errorf("%d calls of ListDashboards over both, want 15", got)
	}

	l.start = l.start.Add(l.env.Config.InventoryBudget)
	if _, err := takeInventory(clock.Virtual(t.Context(), l.start, l.budget), l.env, inventoryTask{
		Folder: l.env.folder(l.in), Name: "1", Target: l.Hub(), Request: closing.Request{AccountID: readingHub},
	}); err != nil {
		t.Fatal(err)
	}
	if got := l.calls("ds:DescribeDirectories"); got != 2 {
		t.Errorf("%d looks at the directories, want a second one: the kept inventory is too old", got)
	}
}

// What lives of a directory elsewhere shows in DHCP options and client VPNs.
func TestTakeInventoryKeepsADirectoryInUse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, account, mentions string }{
		{
			"as a name server", strings.Replace(preview, `"name"`, `"dns": ["10.42.0.9"], "name"`, 1) + `, ` + strings.Replace(itsVPC, `"cidr": "10.42.0.0/16"`, `"cidr": "10.42.0.0/16", "dhcpOptions": "dopt-0aaa000000000001"`, 1) +
				`, "dhcpOptions": [{"id": "dopt-0aaa000000000001", "domainName": "corp.example.com", "servers": ["10.42.0.9"]}]` + closed, "dopt-0aaa000000000001",
		},
		{
			"by a client VPN", preview + `, ` + strings.Replace(itsVPC, `"vpcs": [`, `"vpcs": [{"id": "vpc-0bbb000000000001", "cidr": "10.99.0.0/16"}, `, 1) +
				`, "clientVpnEndpoints": [{"id": "cvpn-endpoint-0aaa000000000001", "vpc": "vpc-0bbb000000000001", "directory": "` + previewDirectory + `"}]` + closed, "cvpn-endpoint-0aaa000000000001",
		},
		{"somebody at work on it", strings.Replace(preview, `"name"`, `"stage": "Restoring", "name"`, 1) + `, ` + itsVPC + closed, "Restoring"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newReading(t, `"quickSight": {}, `+test.account, emulator.Options{}).plan(plain).Material.Directory
			if d.Fate != closing.FateKeep || !strings.Contains(d.Why, test.mentions) {
				t.Errorf("directory %s (%s), want it kept for %s", d.Fate, d.Why, test.mentions)
			}
		})
	}
}

// Ensure that a kind which the role may not list is said to be unreadable, and that VPC connections, which must go first, stop the run.
func TestTakeInventoryWithoutPermission(t *testing.T) {
	t.Parallel()
	l := newReading(t, denying(RoleRead, "quicksight:ListTopics"), emulator.Options{})
	want := []closing.NotReadable{{Kind: "topic", Region: "every region", Reason: "denied by IAM, AccessDeniedException"}}
	if diff := cmp.Diff(want, l.plan(plain).Material.NotReadable); diff != "" {
		t.Errorf("not readable (-want +got):\n%s", diff)
	}
	l = newReading(t, denying(RoleRead, "quicksight:ListVPCConnections"), emulator.Options{})
	if _, err := l.verify(plain); err != nil {
		t.Fatal(err)
	}
	_, err := TakeInventory(l.env)(clock.Virtual(t.Context(), l.start, l.budget), l.in)
	if closing.CodeOf(err) != closing.MissingPermission || !strings.Contains(err.Error(), "ListVPCConnections") {
		t.Errorf("got %v, want MissingPermission", err)
	}
}

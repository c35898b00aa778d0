package step

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// emptied is earlyAdopter's account, of which the VPC alone is left.
func emptied(t *testing.T, account string, faults ...emulator.Fault) *deleting {
	t.Helper()
	d := newDeleting(t, account, `{}`, emulator.Options{Faults: faults})
	d.must(d.subscription())
	d.must(d.directory())
	return d
}

func theNetwork(edit func(*emulator.Network)) func(*emulator.Account) {
	return func(a *emulator.Account) { edit(a.Network["us-east-1"]) }
}

// Ensure that a workload which appears before or between passes stops the pass, and that the run goes on when it has gone.
func TestNewWorkloadStopsTheVPC(t *testing.T) {
	t.Parallel()
	instance := func(n *emulator.Network) {
		n.Instances = append(n.Instances, &emulator.Instance{Resource: emulator.Resource{ID: "i-0ccc000000000001", State: "running"}, Subnet: "subnet-0aaa000000000001"})
	}
	d := emptied(t, earlyAdopter)
	before := len(d.mutations())
	d.target(theNetwork(instance))
	d.fails(d.vpc(), closing.Blocked, "i-0ccc000000000001", `"vpc":"keep"`)
	if got := len(d.mutations()); got != before {
		t.Error("the pass changed something")
	}

	d = emptied(t, earlyAdopter)
	if _, err := d.call(DeleteVPC, "Delete VPC"); err != nil { // endpoint and NAT gateway are going
		t.Fatal(err)
	}
	between := len(d.mutations())
	d.target(theNetwork(instance))
	d.now = d.now.Add(10 * time.Minute)
	d.fails(d.vpc(), closing.Blocked, "i-0ccc000000000001")
	if got := len(d.mutations()); got != between {
		t.Error("the pass changed something")
	}
	d.target(theNetwork(func(n *emulator.Network) {
		n.Instances[0].State = "terminated"
		for i, e := range n.NetworkInterfaces {
			if e.For == "i-0ccc000000000001" {
				n.NetworkInterfaces = append(n.NetworkInterfaces[:i], n.NetworkInterfaces[i+1:]...)
				break
			}
		}
	}))
	d.redrive(time.Minute)
	d.must(d.vpc())
	if twice := repeated(d.mutations()); twice != nil {
		t.Errorf("called twice: %v", twice)
	}
}

// Ensure that nothing which nobody approved deleting is deleted.
func TestUnplannedResourceStopsTheVPC(t *testing.T) {
	t.Parallel()
	d := emptied(t, earlyAdopter)
	before := len(d.mutations())
	d.target(theNetwork(func(n *emulator.Network) {
		n.Subnets = append(n.Subnets, &emulator.Subnet{Resource: emulator.Resource{ID: "subnet-0ccc000000000001"}, VPC: "vpc-0aaa0000000000001", CIDR: "10.42.200.0/24"})
	}))
	d.fails(d.vpc(), closing.Stale, "subnet-0ccc000000000001")
	if got := len(d.mutations()); got != before {
		t.Error("the pass changed something")
	}
}

// Ensure that what is gone already is success, whoever deleted it.
func TestVPCGoneAlready(t *testing.T) {
	t.Parallel()
	d := emptied(t, earlyAdopter)
	d.target(func(a *emulator.Account) { a.Network["us-east-1"] = &emulator.Network{} })
	before := len(d.mutations())
	d.must(d.vpc())
	if got := len(d.mutations()); got != before {
		t.Error("the step changed something")
	}
}

// Ensure that DeleteVpcEndpoints is read: it answers 200 for what it did not delete.
func TestUnsuccessfulEndpoint(t *testing.T) {
	t.Parallel()
	d := emptied(t, earlyAdopter)
	p, err := d.env.open(t.Context(), d.in, "delete-vpc")
	d.must(err)
	pass := &dismantling{pass: p}
	d.must(pass.look(t.Context()))
	d.target(theNetwork(func(n *emulator.Network) { n.VPCEndpoints[0].RequesterManaged = true })) // after the guards have looked
	if _, err := pass.dismantle(t.Context()); err == nil || !strings.Contains(err.Error(), "requester-managed") {
		t.Errorf("got the error %v, want what EC2 said of the endpoint", err)
	}
}

// Ensure that groups which name each other are separated with the fewest calls, and a chain without any.
func TestGroupsThatNameEachOther(t *testing.T) {
	t.Parallel()
	group := func(id string, names ...string) string {
		var rules []string
		for _, name := range names {
			rule := `{"group": "sg-0aaa00000000000` + name + `"}`
			if egress, ok := strings.CutPrefix(name, ">"); ok {
				rule = `{"group": "sg-0aaa00000000000` + egress + `", "egress": true}`
			}
			rules = append(rules, rule)
		}
		return `{"id": "sg-0aaa00000000000` + id + `", "vpc": "vpc-0aaa0000000000001", "name": "` + id + `", "rules": [` + strings.Join(rules, ", ") + `]}`
	}
	for _, test := range []struct {
		name    string
		groups  []string
		revokes int
	}{
		{"chain", []string{group("1", "2"), group("2", "3"), group("3")}, 0},
		{"itself", []string{group("1", "1")}, 0},
		{"pair", []string{group("1", "2"), group("2", "1")}, 1},
		{"ring of three", []string{group("1", "2"), group("2", "3"), group("3", "1")}, 1},
		{"both directions", []string{group("1", "2", ">2"), group("2", "1", ">1")}, 2},
		{"named by the default group", []string{group("1"), group("default", "1", ">1")}, 2},
		{"a pair named by the default group", []string{group("1", "2"), group("2", "1"), group("default", "1", "2", "default")}, 2},
		{"naming the default group", []string{group("1", "default"), group("default")}, 0},
		{"two pairs", []string{group("1", "2"), group("2", "1"), group("3", "4"), group("4", "3")}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			begin := strings.Index(earlyAdopter, `"securityGroups": [`)
			end := begin + strings.Index(earlyAdopter[begin:], `"networkAcls"`)
			account := earlyAdopter[:begin] + `"securityGroups": [` + strings.Join(test.groups, ", ") + "],\n" + earlyAdopter[end:]
			d := emptied(t, account)
			d.must(d.vpc())
			revokes := d.count("ec2:RevokeSecurityGroupIngress") + d.count("ec2:RevokeSecurityGroupEgress")
			if revokes != test.revokes {
				t.Errorf("%d calls revoke rules, want %d", revokes, test.revokes)
			}
			for _, refused := range d.refused() {
				if !strings.HasPrefix(refused, "ds:") {
					t.Errorf("refused: %s", refused)
				}
			}
		})
	}
}

// Ensure that in AWS, where calls are made side by side, each is made once and recorded.
func TestSideBySide(t *testing.T) {
	t.Parallel()
	var subnets, groups []string
	for i := range 20 {
		subnets = append(subnets, fmt.Sprintf(`{"id": "subnet-0ccc0000000000%02d", "vpc": "vpc-0aaa0000000000001"}`, i))
		groups = append(groups, fmt.Sprintf(`{"id": "sg-0ccc0000000000%02d", "vpc": "vpc-0aaa0000000000001", "rules": [{"group": "sg-0ccc0000000000%02d"}]}`, i, i/2))
	}
	more := strings.NewReplacer(`"subnets": [
			{`, `"subnets": [`+strings.Join(subnets, ", ")+`, {`, `"securityGroups": [`, `"securityGroups": [`+strings.Join(groups, ", ")+`, `)
	d := emptied(t, more.Replace(earlyAdopter))
	before := len(d.mutations())
	for done := false; !done; d.now = d.now.Add(5 * time.Minute) {
		d.in.State, d.in.Entered = "Delete VPC", clock.Now(t.Context()) // the wall clock's
		result, err := DeleteVPC(d.env)(t.Context(), d.in)
		d.must(err)
		d.in.Run, d.in.Progress, done = result.Run, result.Progress, result.State == Done
	}
	made := d.mutations()[before:]
	if twice := repeated(made); twice != nil || len(d.refused()) > 0 {
		t.Errorf("called twice: %v; refused: %v", twice, d.refused())
	}
	recorded := 0
	for _, a := range d.acts() {
		if a.Step == "delete-vpc" && a.Outcome == outcomeDone {
			recorded++
		}
	}
	if recorded != len(made) || recorded < 45 {
		t.Errorf("%d changes were made, and %d recorded", len(made), recorded)
	}
}

// Ensure that what EC2 calls in use is left for a later pass, and named when it stays.
func TestVPCOverrun(t *testing.T) {
	t.Parallel()
	inUse := emulator.Fault{
		Match: emulator.Match{Service: "ec2", Operation: "DeleteSubnet", Contains: "subnet-0aaa000000000002"}, Times: -1,
		Error: &emulator.APIError{Code: "DependencyViolation", Message: "The subnet has dependencies and cannot be deleted."},
	}
	d := emptied(t, earlyAdopter, inUse)
	d.fails(d.vpc(), closing.Overrun, "subnet subnet-0aaa000000000002", "VPC vpc-0aaa0000000000001")
	if got := d.count("ec2:DeleteVpc"); got != 0 {
		t.Error("DeleteVpc was called although a subnet was left")
	}
}

package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that a fleet of which one account in twenty fails, each in its own way, one is throttled for an hour, and which is stopped in its midst and
// redriven, closes no account that its approvers did not keep, as they saw it, none twice, and loses none from its report.
func TestFleetWithFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the stories of fleets run the same code")
	}
	t.Parallel()
	s := fleetOf(t, faultyAccounts)
	s.Config["FLEET_CANARY"], s.Config["QUORUM"] = "2", "2"
	goWrong(t, s)
	f := &faultyFleet{T: t}
	f.play(s, Options{})
	f.stoppedInItsMidst()
	f.reported()
	f.asApproved()
	f.finished()
	for _, broken := range f.run.Invariants() {
		t.Error(broken)
	}
	if unused := f.run.Unused(); len(unused) > 0 {
		t.Errorf("these never came to pass: %q", unused)
	}
}

const faultyAccounts = 120

func fleetAccount(i int) string { return fmt.Sprintf("2%011d", i) }

// The accounts of the fleet to which something happens. Six of 120 fail. Every tenth, from 9 on, has a directory and a VPC.
var (
	unreachable = fleetAccount(3)  // its role is gone after the approval
	unsaved     = fleetAccount(10) // what was saved cannot be written
	drifting    = fleetAccount(14) // a dashboard appears after the approval
	dying       = fleetAccount(20) // Commit Plan's function does its work and dies, each time
	refused     = fleetAccount(25) // may not be unsubscribed
	kept        = fleetAccount(29) // is unsubscribed, and its directory cannot be reached

	throttled = fleetAccount(41) // for an hour
	unheard   = fleetAccount(45) // is unsubscribed, and nobody hears of it
	taken     = fleetAccount(50) // is being closed by itself when the fleet comes to it
	struck    = []string{fleetAccount(30), fleetAccount(31)}
)

// goWrong makes of a fleet's story the one of the test.
func goWrong(t *testing.T, s *Story) {
	t.Helper()
	match := func(account, service, operation, invocation string) emulator.Match {
		return emulator.Match{Service: service, Operation: operation, Contains: account, Invocation: invocation}
	}
	s.Faults = []emulator.Fault{
		{Match: match(unreachable, "sts", "AssumeRole", "Export Assets"), Times: -1, Denied: true},
		{Match: match(unsaved+"/", "s3", "PutObject", "Export Assets"), Times: -1, Denied: true},
		{Match: match(refused, "quicksight", "DeleteAccountSubscription", ""), Times: -1, Denied: true},
		{Match: match(kept, "sts", "AssumeRole", "Delete Directory"), Times: -1, Denied: true},
		{Match: match(unheard, "quicksight", "DeleteAccountSubscription", ""), Lost: true, AfterEffect: true},
		{Match: match(throttled, "quicksight", "", "Retake Inventory"), For: emulator.Duration(time.Hour), Error: throttling("quicksight")},
		// So that not all accounts come to the same point at the same moment.
		{Match: match(`7"`, "quicksight", "ListDashboards", "Retake Inventory"), Times: -1, Latency: emulator.Duration(time.Minute)},
	}
	s.Failures = []Failure{{State: "Commit Plan", Contains: dying, Times: 1000, Error: "Runtime.ExitError", After: true}}
	patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/accounts/" + drifting + "/quickSight/regions/us-east-1/dashboards/-", "value": map[string]string{"name": "New"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Script[0].Struck = struck[:1]
	second := s.Script[0]
	second.As, second.Struck = "bob", struck[1:]
	s.Script = append(s.Script, second,
		Line{When: When{State: "Commit Fleet"}, Do: Change, Patch: patch},
		Line{When: When{State: "Commit Fleet"}, Do: Start, Event: json.RawMessage(`{"accountId": "` + taken + `"}`)},
		Line{When: When{Call: "quicksight:DeleteAccountSubscription", Nth: 52}, Do: Stop, Run: 1},
		Line{When: When{Ended: true}, After: emulator.Duration(10 * time.Minute), Do: Redrive})
}

// faultyFleet is that story, played.
type faultyFleet struct {
	*testing.T
	run    *Run
	fleet  *Execution
	report closing.FleetReport // its own, at its end
	then   *emulator.World     // at that moment
}

// play plays until the redriven fleet has ended. Then somebody goes on with what it left half done.
func (f *faultyFleet) play(s *Story, o Options) {
	f.Helper()
	ctx := context.Background()
	p, err := newPlayer(s, o)
	if err != nil {
		f.Fatal(err)
	}
	defer p.end()
	if err := p.start(ctx, s.Machine, s.Event, ""); err != nil {
		f.Fatal(err)
	}
	f.run, f.fleet = p.run, p.run.Executions[0]
	p.observe()
	for f.fleet.Status() == asl.Running || f.fleet.RedriveCount() == 0 {
		if more, err := p.step(ctx); err != nil || !more {
			f.Fatalf("the fleet is %s, redriven %d times: %v", f.fleet.Status(), f.fleet.RedriveCount(), err)
		}
	}
	if err := p.run.collectReports(ctx); err != nil || f.fleet.Fleet == nil {
		f.Fatalf("the fleet ended %s (%s) and has no report: %v", f.fleet.Status(), f.fleet.Cause(), err)
	}
	f.report, f.then = *f.fleet.Fleet, p.aws.World()
	for _, a := range f.report.Accounts {
		if e := f.runIn(a.Closing); e != nil && !a.Outcome.Final() && e.Status() != asl.Running {
			if err := p.redrive(ctx, e); err != nil {
				f.Fatal(err)
			}
		}
	}
	if err := p.finishAll(ctx); err != nil {
		f.Fatal(err)
	}
}

func (f *faultyFleet) runIn(folder string) *Execution {
	if folder == "" {
		return nil
	}
	return f.run.fleetIn(folder)
}

// stoppedInItsMidst holds that the stop found accounts at every point of their way, the throttled one on it.
func (f *faultyFleet) stoppedInItsMidst() {
	f.Helper()
	var stop int
	began, committed, through := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, call := range f.run.Calls {
		if call.Operation == "StopExecution" && call.Invocation == "" {
			stop = call.Seq
			break
		}
		account, found := "", false
		if call.Operation == "PutObject" && call.Done {
			_, account, found = strings.Cut(keyOf(call), "closings/")
			account, _, _ = strings.Cut(account, "/")
		}
		switch key := keyOf(call); {
		case !found:
		case strings.Contains(key, "/runs/close/"):
			began[key[strings.LastIndexByte(key, '/')+1:len(key)-len(".json")]] = true
		case strings.HasSuffix(key, "/commit.json"):
			committed[account] = true
		case strings.HasSuffix(key, "/report-1.json") && began[account]:
			through[account] = true
		}
	}
	inFlight := len(committed) - len(through)
	f.Logf("at the stop (call %d) %d had begun, %d were committed, %d through", stop, len(began), len(committed), len(through))
	if stop == 0 || len(through) < 10 || inFlight < 5 || len(began)-len(committed) < 3 || faultyAccounts-len(began) < 10 || !began[throttled] || committed[throttled] {
		f.Errorf("the stop came too early or too late to show anything")
	}
}

// reported holds that the report of the redriven fleet has every account that was asked for, once, with what is true of it in the world.
func (f *faultyFleet) reported() {
	f.Helper()
	var want, got []string
	for i := range faultyAccounts {
		want = append(want, fleetAccount(i))
	}
	f.Logf("the fleet's report: %v", f.report.Counts)
	for _, a := range f.report.Accounts {
		got = append(got, a.AccountID)
		f.isTrue(a.AccountID, a.Outcome, a.Why, f.then)
	}
	if !slices.Equal(got, want) {
		f.Errorf("the report has the accounts %v", got)
	}
}

// isTrue holds an outcome against a world: an account is reported closed if, and only if, its subscription is gone.
func (f *faultyFleet) isTrue(account string, outcome closing.Outcome, why string, w *emulator.World) {
	f.Helper()
	lives := w.Accounts[account].QuickSight.Status != "UNSUBSCRIBED"
	closed := outcome == closing.OutcomeClosed || outcome == closing.OutcomePartlyClosed
	if closed == lives {
		f.Errorf("account %s is reported %q (%s), and lives: %v", account, outcome, why, lives)
	}
}

// asApproved holds that an account was unsubscribed once at most, and only if all approvers kept it, by a run that was committed to what they saw.
func (f *faultyFleet) asApproved() {
	f.Helper()
	if f.fleet.plan == nil || f.fleet.commit == nil || len(f.fleet.commit.Decisions) != 2 {
		f.Fatalf("the fleet's commit is %+v", f.fleet.commit)
	}
	seen := map[string]string{}
	for _, m := range f.fleet.plan.Material.Kept(f.fleet.commit.Decisions) {
		seen[m.AccountID] = m.Digest
	}
	unsubscribed, faults := map[string]bool{}, map[string]int{}
	for _, call := range f.run.Calls {
		if call.Fault != "" {
			faults[executionOf(call.Invocation)]++
		}
		if call.Operation != "DeleteAccountSubscription" || !call.Done {
			continue
		}
		by := f.run.byName(executionOf(call.Invocation))
		switch {
		case unsubscribed[call.Account]:
			f.Errorf("account %s was unsubscribed twice", call.Account)
		case slices.Contains(struck, call.Account) || seen[call.Account] == "":
			f.Errorf("account %s was unsubscribed, and not every approver kept it", call.Account)
		case by == nil || by.plan == nil || by.plan.Digest != seen[call.Account]:
			f.Errorf("account %s was unsubscribed by %s by another plan than was approved", call.Account, call.Invocation)
		case call.Account == throttled && faults[by.Name] < 50:
			f.Errorf("account %s was throttled %d times in the run that closed it: the hour was over before", call.Account, faults[by.Name])
		}
		unsubscribed[call.Account] = true
	}
	for account, a := range f.run.After.Accounts {
		if qs := a.QuickSight; qs != nil && (qs.Status == "UNSUBSCRIBED") != unsubscribed[account] {
			f.Errorf("account %s is %s at the end; unsubscribed by a run: %v", account, qs.Status, unsubscribed[account])
		}
	}
}

// finished holds what became of each account in the end: those to which nothing happened are closed, and so is the one that was throttled.
func (f *faultyFleet) finished() {
	f.Helper()
	want := map[string]closing.Outcome{
		unreachable: closing.OutcomeBlocked, unsaved: closing.OutcomeBlocked, drifting: closing.OutcomeBlocked, dying: closing.OutcomeBlocked, taken: closing.OutcomeBlocked,
		struck[0]: closing.OutcomeRejected, struck[1]: closing.OutcomeRejected,
		refused: closing.OutcomeFailed, kept: closing.OutcomePartlyClosed,
	}
	for _, a := range f.report.Accounts {
		outcome, why := a.Outcome, a.Why
		if e := f.runIn(a.Closing); e != nil { // its own report is the newer one
			outcome = e.Report.Outcome
		}
		expected, known := want[a.AccountID]
		if !known {
			expected = closing.OutcomeClosed
		}
		if outcome != expected {
			f.Errorf("account %s is %s in the end (%s), want %s", a.AccountID, outcome, why, expected)
		}
		f.isTrue(a.AccountID, outcome, why, f.run.After)
	}
}

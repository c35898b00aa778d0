package replay

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// Ensure that a sweep can change nothing: no function of it assumes another role than those that read, nobody is asked, and its record has nothing that
// a closing could rely on.
func TestSweepOnlyLooks(t *testing.T) {
	t.Parallel()
	run := asWritten(t, load(t, "sweep"))
	for _, call := range run.Calls {
		switch {
		case call.Mutating:
			t.Errorf("%s changed %v", operationOf(call), call.Resources)
		case call.Operation == "AssumeRole" && strings.Contains(string(call.Params), string(step.RoleClose)):
			t.Errorf("%s assumes %s", call.Principal, step.RoleClose)
		}
		for _, kind := range []string{"/ask-", "/token.json", "/decisions/", "/seal.json", "/commit.json", "/grants/", "/claims/", "/lock.json", "/acts/"} {
			if call.Operation == "PutObject" && strings.Contains(keyOf(call), kind) {
				t.Errorf("%s writes %s", call.Principal, keyOf(call))
			}
		}
	}
	for _, e := range run.Executions {
		if path := e.Path(); slices.Contains(path, "Request Approval") || slices.Contains(path, "Commit Plan") || slices.Contains(path, "Commit Fleet") {
			t.Errorf("%s went %v", e.Name, path)
		}
	}
}

// Ensure that a sweep asks each account first whether it is subscribed, and takes inventory of those alone that are.
func TestSweepInventoriesSubscribers(t *testing.T) {
	t.Parallel()
	run := asWritten(t, load(t, "sweep"))
	asked, listed := map[string]bool{}, map[string]bool{}
	for _, call := range run.Calls {
		switch {
		case call.Operation == "DescribeAccountSubscription":
			asked[call.Account] = true
		case call.Service == "quicksight" && strings.HasPrefix(call.Operation, "List"), call.Service == "ds", call.Operation == "LookupEvents" && call.Account != run.hub.account:
			listed[call.Account] = true
			if !asked[call.Account] {
				t.Errorf("%s before it is known whether account %s is subscribed", operationOf(call), call.Account)
			}
		}
	}
	for _, account := range []string{"222233334401", "222233334402"} {
		if !listed[account] {
			t.Errorf("account %s is subscribed and was not looked into", account)
		}
	}
	if len(listed) != 2 || !asked["222233334499"] {
		t.Errorf("looked into %v, asked %v", listed, asked)
	}
}

// Ensure that no account is said to cost nothing where the one that reads the organization does not see what the others cost, or the bill knows no
// QuickSight at all.
func TestSweepDoesNotKnowCosts(t *testing.T) {
	t.Parallel()
	delegated, unbilled := load(t, "fleet-of-unit"), load(t, "sweep")
	delegated.Event, delegated.Script = json.RawMessage(`{"unit": "ou-ab12-decommis", "sweep": true}`), nil
	unbilled.World = unbilled.World.Clone()
	for _, account := range unbilled.World.Accounts {
		account.QuickSightCost = ""
	}
	for says, s := range map[string]*Story{"is not its management account": delegated, "may stand under another name": unbilled} {
		s.Expect = Expect{Outcome: closing.OutcomePlanned, Status: []string{"SUCCEEDED"}}
		run := play(t, s, Options{})
		fleet := run.Executions[0].Fleet
		if fleet.Cost == nil || !strings.Contains(fleet.Cost.Unknown, says) {
			t.Errorf("the costs are %+v, want %q", fleet.Cost, says)
		}
		subscribed := 0
		for _, a := range fleet.Accounts {
			if a.Survey == nil {
				continue
			}
			subscribed++
			if a.Cost != "" {
				t.Errorf("account %s cost %q", a.AccountID, a.Cost)
			}
		}
		told := 0
		for _, call := range run.Calls {
			if call.Operation == "Publish" {
				told += strings.Count(string(call.Params), "cost not known")
			}
		}
		if subscribed == 0 || told != subscribed {
			t.Errorf("%d accounts are subscribed, and the mail says of %d that their costs are not known", subscribed, told)
		}
	}
}

// Ensure that the approval of a fleet covers an account whose turn comes days later, and none any more a week after the commit.
func TestFleetApprovalHolds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  Expect
	}{
		{"six days", 6 * 24 * time.Hour, Expect{Outcome: closing.OutcomeClosed, Status: []string{"SUCCEEDED"}, Calls: map[string]int{"quicksight:DeleteAccountSubscription": 3}}},
		{"eight days", 8 * 24 * time.Hour, Expect{
			Outcome: closing.OutcomePartlyClosed, Status: []string{"FAILED"}, Calls: map[string]int{"quicksight:DeleteAccountSubscription": 1},
			Accounts: map[string]closing.Outcome{"222233334401": "CLOSED", "222233334402": "BLOCKED", "222233334403": "BLOCKED"},
			Says:     []string{"Closing.NotInFleet", "and its approval holds for 168h0m0s"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "fleet-redriven")
			s.Script, s.Expect = slices.Clone(s.Script), tt.want
			s.Script[2].After = emulator.Duration(tt.after)
			play(t, s, Options{})
		})
	}
}

// Ensure that of two fleets which name the same accounts one closes each account, and the other lets it be and says so.
func TestTwoFleets(t *testing.T) {
	t.Parallel()
	s := load(t, "fleet-redriven")
	approve := s.Script[0]
	other := approve
	other.When.Run = 2
	s.Script = []Line{{When: When{Started: true}, Do: Start, Machine: ofFleet}, approve, other}
	s.Expect = Expect{Status: []string{"FAILED", "FAILED"}, Outcome: closing.OutcomePartlyClosed}
	run := play(t, s, Options{})
	unsubscribed := map[string]int{}
	for _, call := range run.Calls {
		if call.Operation == "DeleteAccountSubscription" && call.Done {
			unsubscribed[call.Account]++
		}
	}
	closed := map[string]int{}
	for _, fleet := range run.Executions[:2] {
		for _, a := range fleet.Fleet.Accounts {
			switch {
			case a.Outcome == closing.OutcomeClosed:
				closed[a.AccountID]++
			case a.Outcome != closing.OutcomeBlocked || !strings.Contains(a.Why, string(closing.AlreadyRunning)):
				t.Errorf("%s says of account %s: %s, %s", fleet.Name, a.AccountID, a.Outcome, a.Why)
			}
		}
	}
	want := map[string]int{"222233334401": 1, "222233334402": 1, "222233334403": 1}
	if diff := cmp.Diff(want, closed) + cmp.Diff(want, unsubscribed); diff != "" {
		t.Errorf("closed, and unsubscribed (-want +got):\n%s", diff)
	}
}

// Ensure that more failures than a fleet tolerates stop it as it stands, and that it goes on once its accounts are mended.
func TestFleetTolerance(t *testing.T) {
	t.Parallel()
	stopped := load(t, "fleet-canary-fails")
	stopped.Script, stopped.Faults = slices.Clone(stopped.Script), slices.Clone(stopped.Faults)
	stopped.Faults[0].Match.Contains = "222233334402" // not the canary
	mended := *stopped
	stopped.Script = stopped.Script[:1]
	stopped.Expect = Expect{
		Outcome: closing.OutcomePartlyClosed, Status: []string{"FAILED"}, Error: "States.ExceedToleratedFailureThreshold",
		Accounts: map[string]closing.Outcome{"222233334401": "CLOSED", "222233334402": "FAILED", "222233334403": ""},
	}
	play(t, stopped, Options{})
	mended.Script[1].Run = 6 // the account's own
	halfway := mended.Script[1]
	halfway.Run, halfway.After = 7, emulator.Duration(2*time.Hour)
	mended.Script = slices.Insert(mended.Script, 2, halfway) // and that of the other one, which was stopped with the fleet behind its commit
	mended.Expect = Expect{
		Outcome: closing.OutcomeClosed, Status: []string{"SUCCEEDED"},
		Accounts: map[string]closing.Outcome{"222233334401": "CLOSED", "222233334402": "CLOSED", "222233334403": "CLOSED"},
	}
	play(t, &mended, Options{})
}

// Ensure that what became of each account is in S3, too, as Step Functions writes it, of every Map Run.
func TestFleetResults(t *testing.T) {
	t.Parallel()
	run := asWritten(t, load(t, "fleet"))
	objects := run.After.Accounts[run.hub.account].Buckets[run.hub.bucket()].Objects
	read := func(key string, into any) {
		t.Helper()
		if objects[key] == nil {
			t.Fatalf("there is no %s", key)
		}
		versions := objects[key].Versions
		if err := json.Unmarshal(versions[len(versions)-1].Body, into); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	for key := range objects {
		if !strings.HasSuffix(key, "/manifest.json") || !strings.Contains(key, "/results/") {
			continue
		}
		var manifest struct {
			ResultFiles map[string][]struct{ Key string }
		}
		read(key, &manifest)
		_, batch, _ := strings.Cut(key, "/results/")
		batch, _, _ = strings.Cut(batch, "/")
		for kind, files := range manifest.ResultFiles {
			for _, file := range files {
				var results []struct{ Output string }
				read(file.Key, &results)
				for _, r := range results {
					var out struct{ AccountID, Outcome string }
					if kind == "SUCCEEDED" {
						if err := json.Unmarshal([]byte(r.Output), &out); err != nil {
							t.Fatal(err)
						}
					}
					got[strings.TrimSpace(batch+" "+out.AccountID)] = strings.TrimSpace(kind + " " + out.Outcome)
				}
			}
		}
	}
	want := map[string]string{
		"plan 222233334401": "SUCCEEDED PLANNED", "plan 222233334402": "SUCCEEDED PLANNED", "plan 222233334403": "SUCCEEDED PLANNED", "plan 222233334404": "SUCCEEDED PLANNED",
		"plan 222233334499": "SUCCEEDED BLOCKED", "canary 222233334401": "SUCCEEDED CLOSED", "rest 222233334403": "SUCCEEDED CLOSED", "rest 222233334404": "SUCCEEDED CLOSED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// Ensure that a fleet outlasts what passes in each of its states, and would not without the state's retrier.
func TestFleetRetriers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestRemoval takes away everything else that is there for a reason")
	}
	t.Parallel()
	var definition struct {
		States map[string]struct {
			Retry         []any
			ItemProcessor struct {
				States map[string]struct{ Retry []any }
			}
		}
	}
	if err := json.Unmarshal(workflow.FleetDefinition, &definition); err != nil {
		t.Fatal(err)
	}
	for name, state := range definition.States {
		switch {
		case state.ItemProcessor.States[name+": Account"].Retry != nil:
			run := map[string]string{"Plan Accounts": `\"dryRun\":true`, "Close Canary": `\"accountId\":\"222233334401\",\"fleet\"`, "Close Accounts": `\"accountId\":\"222233334403\",\"fleet\"`}[name]
			refused := emulator.Fault{
				Match: emulator.Match{Service: "states", Operation: "StartExecution", Contains: run},
				Error: &emulator.APIError{Code: "ExecutionLimitExceeded", Message: "too many executions run", Status: 400}, // which the SDK does not try again
			}
			testFleetRetrier(t, []string{name, "ItemProcessor", "States", name + ": Account"}, func(s *Story) { s.Faults = []emulator.Fault{refused} })
		case state.Retry != nil:
			testFleetRetrier(t, []string{name}, func(s *Story) { s.Failures = []Failure{{State: name, Error: "Lambda.TooManyRequestsException"}} })
		}
	}
}

// testFleetRetrier plays a fleet in which something fails once, with the retrier of a state and without it.
func testFleetRetrier(t *testing.T, path []string, fails func(*Story)) {
	t.Helper()
	t.Run(path[len(path)-1], func(t *testing.T) {
		t.Parallel()
		for _, with := range []bool{true, false} {
			s := load(t, "fleet-from-list") // of two accounts
			s.Expect.Path = nil
			fails(s)
			p, err := newPlayer(s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !with {
				p.machines[p.run.hub.fleetMachine()] = fleetWithoutRetry(t, path)
			}
			if err := p.start(t.Context(), s.Machine, s.Event, ""); err != nil {
				t.Fatal(err)
			}
			p.observe()
			// Where nobody is asked, nobody can approve: that is no story any more.
			if err := p.finishAll(t.Context()); (err == nil && p.run.Judge().Met) != with {
				t.Errorf("with the retrier: %v; the story comes out otherwise: %v %v", with, err, p.run.Judge().Unmet)
			}
		}
	})
}

func fleetWithoutRetry(t *testing.T, path []string) *asl.Machine {
	t.Helper()
	var definition map[string]any
	if err := json.Unmarshal(workflow.FleetDefinition, &definition); err != nil {
		t.Fatal(err)
	}
	at := definition["States"].(map[string]any)
	for _, name := range path {
		at = at[name].(map[string]any)
	}
	delete(at, "Retry")
	text, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := asl.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return machine
}

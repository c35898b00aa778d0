package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that a fleet in which accounts fail in different ways, one is throttled for an hour, and which is stopped in its midst and redriven, closes
// no account that its approvers did not keep, none twice, and loses none from its report.
func TestFleetWithFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the stories of fleets run the same code")
	}
	t.Parallel()
	const accounts = 60
	id := func(i int) string { return fmt.Sprintf("2%011d", i) }
	unreachable, refused, drifting, throttled, struck := id(3), id(9), id(14), id(21), id(30)
	s := fleetOf(t, accounts)
	s.Config["FLEET_CANARY"] = "2"
	of := func(account, operation, invocation string) emulator.Match {
		return emulator.Match{Operation: operation, Contains: account, Invocation: invocation}
	}
	s.Faults = []emulator.Fault{
		{Match: of(unreachable, "AssumeRole", "Export Assets"), Times: -1, Denied: true},
		{Match: of(refused, "DeleteAccountSubscription", ""), Times: -1, Denied: true},
		{Match: of(throttled, "ListDashboards", "Retake Inventory"), Times: -1, Error: &emulator.APIError{Code: "ThrottlingException", Message: "Rate exceeded", Status: 429}},
	}
	// A dashboard appears after people decided; somebody stops the fleet in the midst of its closings, and redrives it an hour later.
	patch, err := json.Marshal([]any{map[string]any{"op": "add", "path": "/accounts/" + drifting + "/quickSight/regions/us-east-1/dashboards/-", "value": map[string]string{"name": "New"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Script[0].Struck = []string{struck}
	s.Script = append(s.Script,
		Line{When: When{State: "Commit Fleet"}, Do: Change, Patch: patch},
		Line{When: When{Call: "quicksight:DeleteAccountSubscription", Nth: 12}, Do: Stop, Run: 1},
		Line{When: When{Ended: true}, After: emulator.Duration(time.Hour), Do: Redrive})
	run, err := Play(t.Context(), s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range run.Invariants() {
		t.Error(broken)
	}
	fleet := run.Executions[0]
	if fleet.Fleet == nil || fleet.RedriveCount() != 1 || len(fleet.Fleet.Accounts) != accounts {
		t.Fatalf("the fleet was redriven %d times, and its report is %+v", fleet.RedriveCount(), fleet.Fleet)
	}
	unsubscribed := map[string]int{}
	for _, call := range run.Calls {
		if call.Operation == "DeleteAccountSubscription" && call.Done {
			unsubscribed[call.Account]++
		}
	}
	outcomes := map[closing.Outcome]int{}
	for _, a := range fleet.Fleet.Accounts {
		outcomes[a.Outcome]++
		live := run.After.Accounts[a.AccountID].QuickSight.Status != "UNSUBSCRIBED"
		closed := a.Outcome == closing.OutcomeClosed || a.Outcome == closing.OutcomePartlyClosed
		if closed == live || unsubscribed[a.AccountID] > 1 || unsubscribed[a.AccountID] == 1 != closed {
			t.Errorf("account %s is reported %q (%s); it was unsubscribed %d times and lives: %v", a.AccountID, a.Outcome, a.Why, unsubscribed[a.AccountID], live)
		}
		if slices.Contains([]string{unreachable, refused, drifting, throttled, struck}, a.AccountID) && closed {
			t.Errorf("account %s was closed: %s", a.AccountID, a.Outcome)
		}
	}
	if outcomes[closing.OutcomeClosed] < accounts/4 || outcomes[closing.OutcomePartlyClosed] == 0 {
		t.Errorf("the outcomes are %v: the stop came too early or too late to show anything", outcomes)
	}
	t.Logf("outcomes %v, %d calls, %s virtual", outcomes, len(run.Calls), run.Ended.Sub(run.Started))
}

package replay

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that what the README has people paste is understood: the state machine is one, and the event starts a closing.
func TestReadmeSamples(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	machines := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(machines) == 0 {
		t.Error("there is no state machine")
	}
	for _, m := range machines {
		if _, err := asl.Parse(m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	entries := regexp.MustCompile(`(?s)put-events --entries '(.*?)'`).FindSubmatch(readme)
	if entries == nil {
		t.Fatal("there is no event")
	}
	var sent []struct{ Source, DetailType, Detail string }
	if err := json.Unmarshal(entries[1], &sent); err != nil {
		t.Fatal(err)
	}
	for _, s := range sent {
		event, err := json.Marshal(map[string]any{"id": "1", "source": s.Source, "detail-type": s.DetailType, "detail": json.RawMessage(s.Detail)})
		if err != nil {
			t.Fatal(err)
		}
		if start, err := closing.ParseStart(event); err != nil || start.Request.AccountID != "222233334444" {
			t.Errorf("%s: %+v, %v", event, start, err)
		}
	}
}

// Ensure a vending pipeline that waits as the README says goes on where QuickSight is closed, or there was none, and nowhere else.
func TestVendingPipelineWaits(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sample := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(readme)
	if sample == nil {
		t.Fatal("there is no state machine")
	}
	vending, err := asl.Parse(sample[1])
	if err != nil {
		t.Fatal(err)
	}
	decide := func(verdict Deed) []Line {
		return []Line{{When: When{State: "Request Approval", Run: 2}, After: emulator.Duration(time.Hour), Do: verdict, As: "alice", Why: "still in use"}}
	}
	for _, tt := range []struct {
		name, world string
		script      []Line
		want        asl.Status
		outcome     closing.Outcome
	}{
		{"closed", "modern-account", decide(Approve), asl.Succeeded, closing.OutcomeClosed},
		{"never subscribed", "never-subscribed", nil, asl.Succeeded, closing.OutcomeAlreadyClosed},
		{"rejected", "modern-account", decide(Reject), asl.Failed, closing.OutcomeRejected},
		{"nobody decides", "modern-account", nil, asl.Failed, closing.OutcomeExpired},
		{"never closed", "protected-account", nil, asl.Failed, closing.OutcomeBlocked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tt.world)
			s.Event, s.Script, s.Machine = json.RawMessage(`{"accountId": "222233334444"}`), tt.script, ofFleet
			p, err := newPlayer(s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			p.machines[p.run.hub.fleetMachine()] = vending // whose role may start the machine that closes an account
			if err := p.start(t.Context(), s.Machine, s.Event, ""); err != nil {
				t.Fatal(err)
			}
			p.observe()
			if err := p.finishAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			pipeline, run := p.run.Executions[0], p.run.Executions[1]
			if pipeline.Status() != tt.want || run.Report == nil || run.Report.Outcome != tt.outcome {
				t.Errorf("the pipeline is %s after %s, want %s after %s", pipeline.Status(), pipeline.Cause(), tt.want, tt.outcome)
			}
			if pipeline.Stopped().Before(run.Stopped()) {
				t.Error("the pipeline did not wait")
			}
		})
	}
}

// Ensure the README says of each question that AWS leaves open how a sandbox account answers it, and of no other.
func TestReadmeAssumptions(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile("(?s)<!-- assumptions -->(.*)<!-- /assumptions -->").FindSubmatch(readme)
	if table == nil {
		t.Fatal("there is no table")
	}
	var named, known []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllSubmatch(table[1], -1) {
		for _, name := range strings.Split(string(row[1]), ", ") {
			named = append(named, strings.Trim(name, "`"))
		}
	}
	for _, a := range emulator.Assumptions() {
		known = append(known, a.Name)
	}
	slices.Sort(named)
	if diff := cmp.Diff(known, named); diff != "" {
		t.Errorf("the table (-questions +named):\n%s", diff)
	}
}

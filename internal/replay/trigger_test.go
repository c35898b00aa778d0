package replay

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
)

func load(t *testing.T, name string) *Story {
	t.Helper()
	s, err := Load(filepath.Join(events, name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Ensure that a pipeline which waits for ClosingFinished can tell a second delivery of its event, which goes nowhere and names the first run, from a
// closing that failed; and that a schedule which is delivered twice plans once.
func TestSecondDeliveryIsTold(t *testing.T) {
	t.Parallel()
	scheduled := load(t, "scheduled-plan")
	scheduled.Script = []Line{{When: When{Ended: true}, Do: Start}}
	scheduled.Expect = Expect{Outcome: closing.OutcomePlanned, Status: []string{"SUCCEEDED", "FAILED"}}
	for _, tt := range []struct {
		run  *Run
		want map[string]int
	}{
		{asWritten(t, load(t, "event-delivered-twice")), map[string]int{"CLOSED ": 1, "BLOCKED Closing.Delivered": 2}},
		{asWritten(t, load(t, "sweep-delivered-twice")), map[string]int{"PLANNED ": 1, "BLOCKED Closing.Delivered": 1}},
		{play(t, scheduled, Options{}), map[string]int{"PLANNED ": 1, "BLOCKED Closing.Delivered": 1}},
	} {
		told := map[string]int{}
		for _, e := range tt.run.events() {
			var f closing.Finished
			if e.kind != f.Type() {
				continue
			}
			if err := json.Unmarshal([]byte(e.detail), &f); err != nil {
				t.Fatal(err)
			}
			if tt.run.byARN[f.Execution].nested {
				continue
			}
			told[string(f.Outcome)+" "+f.Error]++
			if first := tt.run.Executions[0].ARN; f.Error != "" && !strings.Contains(f.Summary, first) {
				t.Errorf("%q does not name the run %s", f.Summary, first)
			}
		}
		if diff := cmp.Diff(tt.want, told); diff != "" {
			t.Errorf("%s told (-want +got):\n%s", tt.run.Story.Name, diff)
		}
	}
}

// Ensure that the exemption which a report prints lets the closing through, once it stands in the policy of the unit for suspended accounts.
func TestExemptionThatIsPrinted(t *testing.T) {
	t.Parallel()
	s := load(t, "suspended-unit-denies-everything")
	message := asWritten(t, s).Executions[0].Report.Failure.Message
	exemption := regexp.MustCompile(`"Condition": \{"ArnNotLike".*?\}\}`).FindString(message)
	if exemption == "" {
		t.Fatalf("there is no exemption in %s", message)
	}
	text, err := json.Marshal(s.World.Accounts["222233334444"].SCPs)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`"Effect":"Deny"`), []byte(`"Effect":"Deny",`+exemption))
	s.World = s.World.Clone()
	s.World.Accounts["222233334444"].SCPs = nil
	if err := json.Unmarshal(text, &s.World.Accounts["222233334444"].SCPs); err != nil {
		t.Fatal(err)
	}
	s.Script = []Line{{When: When{State: "Request Approval"}, Do: Approve, As: "alice"}}
	s.Expect = Expect{Outcome: closing.OutcomeClosed, Status: []string{"SUCCEEDED"}}
	if run := play(t, s, Options{}); !slices.Contains(run.Executions[0].Path(), "Delete Subscription") {
		t.Errorf("it went %v", run.Executions[0].Path())
	}
}

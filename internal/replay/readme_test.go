package replay

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

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

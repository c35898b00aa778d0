package replay

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
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

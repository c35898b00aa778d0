package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/workflow"
)

// Ensure the recorded history of every story's executions leads the machine the same way again: with retries, callbacks, timeouts,
// redrives and the Stop button.
func TestRetraceEveryStory(t *testing.T) {
	t.Parallel()
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			run := asWritten(t, s)
			for _, e := range run.Executions {
				text, err := json.Marshal(map[string]any{"events": e.History()})
				if err != nil {
					t.Fatal(err)
				}
				history, err := ReadHistory(text)
				if err != nil {
					t.Fatal(err)
				}
				difference, err := Retrace(t.Context(), nil, history)
				if errors.Is(err, ErrFleet) && e.Machine == run.hub.fleetMachine() {
					continue // the runs of its accounts are retraced
				}
				if err != nil {
					t.Fatal(err)
				}
				if difference != "" {
					t.Errorf("%s: %s", e.Name, difference)
				}
			}
		})
	}
}

// Ensure a definition that goes another way is told from the one that ran.
func TestRetraceTellsWhereTheWaysPart(t *testing.T) {
	t.Parallel()
	run := playNamed(t, "rejected")
	history := run.Executions[0].History()
	for _, change := range []struct{ from, to, want string }{
		{`'REJECTED'`, `'REFUSED'`, `after "Decided?" the execution went to "Write Report"; today's definition ends there: States.NoChoiceMatched`},
		{`"Verify Caller"`, `"Check Caller"`, `the execution began with "Verify Caller"; today's definition begins with "Check Caller"`},
	} {
		var compact bytes.Buffer
		if err := json.Compact(&compact, workflow.Definition); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(compact.String(), change.from) {
			t.Fatalf("the definition has no %s", change.from)
		}
		got, err := Retrace(t.Context(), []byte(strings.ReplaceAll(compact.String(), change.from, change.to)), history)
		if err != nil {
			t.Errorf("%s: %v", change.to, err)
			continue
		}
		if !strings.Contains(got, change.want) {
			t.Errorf("%s: got %q, want %q", change.to, got, change.want)
		}
	}
}

func playNamed(t *testing.T, name string) *Run {
	t.Helper()
	s, err := Load(events + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	run, err := Play(t.Context(), s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

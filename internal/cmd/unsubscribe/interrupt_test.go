package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// interrupting is the input of somebody who presses Ctrl-C at the first question.
type interrupting struct{ interrupt func() }

func (i interrupting) Read([]byte) (int, error) {
	i.interrupt()
	select {} // as a terminal does, on which nothing is typed
}

// Ensure an interrupt ends a replay at once, and leaves the journal of what was done until then.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	dir := t.TempDir()
	command := replayCommand{Stories: []string{"early-adopter"}, Events: "../../../events", Progress: "plain", Journal: dir, Approve: "ask"}
	err := command.Run(&surroundings{ctx: ctx, stdin: bufio.NewReader(interrupting{interrupt}), stdout: io.Discard, stderr: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that it was interrupted", err)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "early-adopter.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(journal)), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(string(journal), `"operation":"ListDashboards"`) || !strings.HasSuffix(last, "}") || strings.Contains(string(journal), `"operation":"DeleteAccountSubscription"`) {
		t.Errorf("%d calls in the journal, the last %s: want all until the gate, and whole lines", len(lines), last)
	}
	history, err := os.ReadFile(filepath.Join(dir, "early-adopter.run-1.json"))
	if err != nil || !strings.Contains(string(history), "Request Approval") {
		t.Errorf("the history of the execution does not reach the gate: %v", err)
	}
}

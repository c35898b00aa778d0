package replay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/workflow"
)

// Ensure that a story's journal and history are the same, byte for byte, whether the functions run as handlers within the replay or
// as the binaries that ship, each in a process of its own.
func TestBinaries(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: the binaries are other processes, of which the race detector sees nothing")
	}
	dir, err := filepath.Abs(filepath.Join("..", "..", "build", "native"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Build(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"early-adopter",
		"lost-answers", "throttled-everywhere", "lambda-throttled-once", // what goes wrong on the way
		"region-unreadable",                    // hosts that nobody knows
		"rejected", "cancelled", "no-approver", // decisions
		"stopped-while-its-function-runs", "vpc-fails-redriven", // finish-run, redrives
		"modern-account", "every-kind", "wrong-account", "product-terminated",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story, err := Load(filepath.Join(events, name))
			if err != nil {
				t.Fatal(err)
			}
			within, err := Play(t.Context(), story, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var logs strings.Builder
			beside, err := Play(t.Context(), story, Options{Binaries: dir, Logs: &logs})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(logs.String(), `"msg":"returned"`) {
				t.Error("the processes have logged nothing: they did not run")
			}
			if difference := cmp.Diff(transcript(t, within), transcript(t, beside)); difference != "" {
				t.Errorf("as handlers (-) and as processes (+):\n%.4000s", difference)
			}
		})
	}
}

// Ensure a process that dies is the failure of its invocation, under Lambda's name, and that the next invocation gets a new process.
func TestBinaryDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range workflow.Functions() {
		if err := os.WriteFile(filepath.Join(dir, f.Folder), []byte("#!/bin/sh\necho began >&2\nexit 3\n"), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	story, err := Load(filepath.Join(events, "dry-run"))
	if err != nil {
		t.Fatal(err)
	}
	var logs strings.Builder
	run, err := Play(t.Context(), story, Options{Binaries: dir, Logs: &logs})
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, event := range run.Executions[0].History() {
		if event.Details.Error == "Runtime.ExitError" && strings.Contains(event.Details.Cause, "exit status 3") {
			failed++
		}
	}
	if began := strings.Count(logs.String(), "began"); began < 10 || failed < 10 || run.Executions[0].Status() != asl.Failed {
		t.Errorf("%d processes began, %d invocations failed, the execution is %s", began, failed, run.Executions[0].Status())
	}
}

// transcript is all that a run shows to the outside, a line per call and event.
func transcript(t *testing.T, r *Run) []string {
	t.Helper()
	var lines []string
	add := func(v any) {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	for _, call := range r.Calls {
		add(call)
	}
	for _, e := range r.Executions {
		for _, event := range e.History() {
			add(event)
		}
	}
	add(r.After)
	return lines
}

// Ensure that what the replay builds is what the Makefile builds for Lambda, but for the processor.
func TestBuildFlags(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(BuildFlags[:len(BuildFlags)-1], " ") + ` "` + BuildFlags[len(BuildFlags)-1] + `"`
	if !strings.Contains(string(makefile), "CGO_ENABLED=0 $(GO) build "+want+" ") {
		t.Errorf("the Makefile does not build with %s", want)
	}
}

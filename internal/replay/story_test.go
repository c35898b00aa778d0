package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"quicksight-unsubscribe/internal/emulator"
)

const events = "../../events"

func stories(t *testing.T) []*Story {
	t.Helper()
	all, err := LoadAll(events)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// play runs a story and fails the test where its expectation or an invariant does not hold.
func play(t *testing.T, s *Story, o Options) *Run {
	t.Helper()
	run, err := Play(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	met(t, run)
	return run
}

// met fails the test where a run's expectation or an invariant does not hold.
func met(t *testing.T, run *Run) {
	t.Helper()
	verdict := run.Judge()
	for _, line := range append(verdict.Broken, verdict.Unmet...) {
		t.Error(line)
	}
	if t.Failed() {
		var out bytes.Buffer
		run.Timeline(&out)
		t.Log(out.String())
	}
}

// runs are the runs of the stories as they are written, by name, each played once for all tests that only look.
var runs sync.Map

func asWritten(t *testing.T, s *Story) *Run {
	t.Helper()
	written := *s // whoever changes his story afterwards changes no other test's run
	once, _ := runs.LoadOrStore(s.Name, sync.OnceValues(func() (*Run, error) { return Play(context.Background(), &written, Options{}) }))
	run, err := once.(func() (*Run, error))()
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Ensure every story comes out as it says.
func TestStories(t *testing.T) {
	t.Parallel()
	for _, s := range stories(t) {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			met(t, asWritten(t, s))
		})
	}
}

// Ensure every story comes out as it says under the other answer to each question that AWS leaves open, and with pages so small
// that every list needs several. An answer that a story never depended on cannot change it, and is left out. The numbers of calls
// are those of the default answers; here they are not asked for.
func TestStoriesUnderEveryAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code under the usual answers")
	}
	t.Parallel()
	var runs atomic.Int64
	t.Cleanup(func() { t.Logf("%d replays under other answers", runs.Load()) })
	for _, s := range stories(t) {
		s.Expect.Mutations, s.Expect.Refused, s.Expect.Calls, s.Expect.Reads, s.Expect.Path = nil, nil, nil, 0, nil
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			usual, err := Play(t.Context(), s, Options{PageSize: 1})
			if err != nil {
				t.Fatal(err)
			}
			met(t, usual)
			for _, a := range emulator.Assumptions() {
				if slices.Contains(usual.Consulted(), a.Name) && s.Assumptions[a.Name] == "" {
					t.Run(a.Name+"="+a.Settings[1], func(t *testing.T) {
						runs.Add(1)
						play(t, s, Options{Assumptions: map[string]string{a.Name: a.Settings[1]}})
					})
				}
			}
		})
	}
}

// Ensure equal stories give equal journals and histories, byte for byte, however many processors there are.
func TestDeterminism(t *testing.T) { //nolint:paralleltest // it changes GOMAXPROCS
	for _, name := range []string{"early-adopter", "throttled-everywhere", "same-request-twice"} {
		var first []byte
		for _, processors := range []int{1, 2, 8} {
			before := runtime.GOMAXPROCS(processors)
			s, err := Load(filepath.Join(events, name))
			if err != nil {
				t.Fatal(err)
			}
			run, err := Play(t.Context(), s, Options{Seed: 7})
			runtime.GOMAXPROCS(before)
			if err != nil {
				t.Fatal(err)
			}
			got := trace(t, run)
			if first == nil {
				first = got
			}
			if !bytes.Equal(got, first) {
				t.Errorf("%s: with GOMAXPROCS=%d the journal differs from the one with 1: %s", name, processors, firstDifference(first, got))
			}
		}
	}
}

func trace(t *testing.T, run *Run) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, call := range run.Calls {
		if err := enc.Encode(call); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range run.Executions {
		if err := enc.Encode(e.History()); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func firstDifference(a, b []byte) string {
	left, right := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(left), len(right)) {
		if left[i] != right[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i+1, left[i], right[i])
		}
	}
	return fmt.Sprintf("%d lines, and %d", len(left), len(right))
}

package replay

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that a fleet whose accounts advance at one time, on however many processors, comes to the same journal and report every time, and to
// the report of one whose accounts take turns, with as many transitions.
func TestLeanFleetIsTheSame(t *testing.T) { //nolint:paralleltest // it changes GOMAXPROCS
	play := func(processors int, lean bool) (run *Run, journal []byte) {
		before := runtime.GOMAXPROCS(processors)
		defer runtime.GOMAXPROCS(before)
		run, err := Play(t.Context(), fleetOf(t, 8), Options{Seed: 7, Lean: lean})
		if err != nil {
			t.Fatal(err)
		}
		return run, trace(t, run)
	}
	full, _ := play(1, false)
	first, calls := play(1, true)
	if diff := cmp.Diff(full.Executions[0].Fleet, first.Executions[0].Fleet); diff != "" {
		t.Errorf("the lean fleet's report (-full +lean):\n%s", diff)
	}
	used := func(r *Run) []int { // beside what the audits use, of which a lean run has none
		b := r.Bill()
		return []int{b.Executions, b.Transitions, b.Describes, b.Histories}
	}
	if diff := cmp.Diff(used(full), used(first)); diff != "" {
		t.Errorf("what the lean fleet used (-full +lean):\n%s", diff)
	}
	again, got := play(8, true)
	if !bytes.Equal(got, calls) {
		t.Errorf("with GOMAXPROCS=8 the journal differs from the one with 1: %s", firstDifference(calls, got))
	}
	if diff := cmp.Diff(first.Executions[0].Fleet, again.Executions[0].Fleet); diff != "" {
		t.Errorf("with GOMAXPROCS=8 the report differs from the one with 1:\n%s", diff)
	}
}

// Ensure that executions take turns where something is to go wrong: a fault counts calls.
func TestFaultsTakeTurns(t *testing.T) {
	t.Parallel()
	s := fleetOf(t, 2)
	for _, tt := range []struct {
		name   string
		change func(*Story, *Options)
		want   int
	}{
		{"lean", func(_ *Story, o *Options) { o.Lean = true }, 2},
		{"not lean", func(*Story, *Options) {}, 0},
		{"a fault", func(s *Story, o *Options) {
			o.Lean = true
			s.Faults = []emulator.Fault{{Match: emulator.Match{Operation: "ListDashboards"}, Latency: emulator.Duration(time.Second)}}
		}, 0},
		{"a failure", func(s *Story, o *Options) {
			o.Lean = true
			s.Failures = []Failure{{State: "Retake Inventory", Error: "Lambda.Unknown"}}
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story, o := *s, Options{}
			tt.change(&story, &o)
			p, err := newPlayer(&story, o)
			if err != nil {
				t.Fatal(err)
			}
			child := func() *Execution { return &Execution{nested: true} }
			if got := p.independent([]*Execution{child(), child(), {}, child()}); got != tt.want {
				t.Errorf("%d executions advance at one time, want %d", got, tt.want)
			}
		})
	}
}

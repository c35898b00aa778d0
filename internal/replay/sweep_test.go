package replay

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"strings"
	"testing"
)

// Ensure that whatever goes wrong in a story, each run ends as designed, breaks no invariant, and comes to what the faultless
// one comes to once somebody has redriven it or started afresh. The seed chooses a few mishaps of each story; unsubscribe
// replay --sweep plays them all.
func TestSweepOfEveryStory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code")
	}
	t.Parallel()
	for n, story := range stories(t) {
		if story.Expect.Refusal != "" {
			continue // nothing runs
		}
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			s, err := NewSweep(t.Context(), story, Options{Seed: uint64(n)}) //nolint:gosec // an index
			if err != nil {
				t.Fatal(err)
			}
			rows, err := s.Sample(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			pairs, err := s.Pairs(t.Context(), (n+1)%2)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range append(rows, pairs...) {
				for _, broken := range row.Broken {
					t.Errorf("%v: %s: %s", row.Attempts, row.Outcome, broken)
				}
			}
		})
	}
}

// Ensure that the whole sweep of a small story finds each kind of mishap, lets a shared fate stand only where it is the same, and
// fills the table.
func TestSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code")
	}
	t.Parallel()
	story, err := Load(filepath.Join(events, "protected-account"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSweep(t.Context(), story, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	fates, err := s.Play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen, absorbed := map[Kind]bool{}, 0
	for i, fate := range fates {
		seen[s.Attempts[i].Kind] = true
		if fate.Absorbed {
			absorbed++
		}
		for _, broken := range fate.Broken {
			t.Errorf("%s: %s: %s", s.Attempts[i], fate.Outcome, broken)
		}
		if fate.Final != s.Run.Executions[0].outcome() {
			t.Errorf("%s: came to %s, and to %s after %q", s.Attempts[i], fate.Outcome, fate.Final, fate.Repair)
		}
	}
	if len(seen) != len(Kinds())-1 { // nothing is changed, so that nothing can be stale
		t.Errorf("only these kinds were tried: %v", seen)
	}
	if absorbed == 0 || absorbed == len(fates) {
		t.Errorf("%d of %d mishaps were absorbed", absorbed, len(fates))
	}
	var table, page bytes.Buffer
	rows := s.Rows(fates)
	if err := WriteCSV(&table, rows); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(lines) != len(fates)+1 {
		t.Errorf("%d lines for %d attempts, %v", len(lines), len(fates), err)
	}
	if err := s.WriteHTML(&page, rows); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"access denied", "run-1/Write Report#1.1", "redrive: BLOCKED"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

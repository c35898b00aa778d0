package replay

import (
	"path/filepath"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/closing"
)

// overlapping are the stories in which things happen at once.
var overlapping = []string{
	"same-request-twice", "event-delivered-twice", // two executions for one account, of one request and of one event
	"two-take-over-at-once",                     // of a lock whose holder was stopped
	"superseded", "redriven-beside-a-fresh-run", // a redriven run against a fresh one
	"approved-around-the-reminder",                              // a doorbell that is rung while its state times out
	"approved-between-attempts",                                 // and while the question is asked again
	"rejected-at-the-last-moment", "cancelled-while-committing", // a decision against the commit
}

// ordersPlayed is how many orders of each story a test plays; unsubscribe replay --sweep plays all.
const ordersPlayed = 16

func sweepOf(t *testing.T, name string, o Options) *Sweep {
	t.Helper()
	story, err := Load(filepath.Join(events, name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSweep(t.Context(), story, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Ensure that in whatever order invocations that overlap touch the record, no plan is written over, nothing is committed or deleted
// twice, the lock is respected, and each run ends as designed.
func TestInterleavings(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code")
	}
	t.Parallel()
	for _, name := range overlapping {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, all, err := sweepOf(t, name, Options{Seed: 1}).Interleavings(t.Context(), ordersPlayed)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows) == 0 {
				t.Fatal("nothing overlaps any more")
			}
			outcomes := map[closing.Outcome]int{}
			for _, row := range rows {
				outcomes[row.Outcome]++
				for _, broken := range row.Broken {
					t.Errorf("%s: %s: %s", row.Attempts[0], row.Outcome, broken)
				}
			}
			t.Logf("%d of %d orders played: %v", len(rows), all, outcomes)
		})
	}
}

// Ensure that the orders find what the record's conditions and the guards are for.
func TestInterleavingsWithout(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code with everything in its place")
	}
	t.Parallel()
	for _, missing := range []struct {
		what, story, key, broken string
		options                  Options
	}{
		{"the lock's If-None-Match", "same-request-twice", "/lock.json", "took the lock of 222233334444 from", Options{WithoutRule: "if-none-match"}},
		{"the lock's If-Match", "two-take-over-at-once", "/lock.json", "took the lock of 222233334444 from", Options{WithoutRule: "if-match"}},
		{"the seal's If-None-Match", "cancelled-while-committing", "/seal.json", "/seal.json was written by", Options{WithoutRule: "if-none-match"}},
		{"the look at the lock", "superseded", "/commit.json", "while the lock of 222233334444 was held by", Options{WithoutGuard: "lock"}},
	} {
		t.Run(missing.what, func(t *testing.T) {
			t.Parallel()
			s, played := sweepOf(t, missing.story, missing.options), 0
			for moment := range s.moments {
				orders, err := s.orders(t.Context(), moment, missing.key)
				if err != nil {
					t.Fatal(err)
				}
				for _, order := range orders {
					played++
					fate, err := s.interleave(t.Context(), order)
					if err != nil {
						t.Fatal(err)
					}
					if strings.Contains(strings.Join(fate.Broken, "\n"), missing.broken) {
						return
					}
				}
			}
			t.Errorf("none of %d orders shows what it is for", played)
		})
	}
}

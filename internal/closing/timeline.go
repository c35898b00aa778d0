package closing

import (
	"fmt"
	"slices"
	"time"
)

// Moment is something that happened in a run.
type Moment struct {
	At    time.Time  `json:"at"`
	Until *time.Time `json:"until,omitempty"` // absent where it took no time, or has not ended
	What  string     `json:"what"`
	Times int        `json:"times,omitempty"` // in a row, where it was more than once
}

// Chronicle is what happened in a run, in its order: what its own record says, put between the moments of the state machine's history.
func (r Report) Chronicle(history []Moment, asks []Ask) []Moment {
	all := slices.Clone(history)
	at := func(when time.Time, format string, args ...any) {
		all = append(all, Moment{At: when, What: fmt.Sprintf(format, args...)})
	}
	for _, a := range asks {
		at(a.AskedAt, "asked for approval, round %d, until %s", a.Round, a.Deadline.UTC().Format(time.RFC3339))
	}
	for _, d := range slices.Concat(r.EarlierDecisions, r.Decisions) {
		text := fmt.Sprintf("%s by %s, round %d", d.Verdict, d.Person, d.Round)
		if d.Reason != "" {
			text += ": " + d.Reason
		}
		at(d.At, "%s", text)
	}
	if m := r.Manifest; m != nil {
		at(m.At, "saved what can be saved, round %d", m.Round)
	}
	if c := r.Commit; c != nil {
		at(c.At, "committed to the plan of round %d: no cancelling from here", c.Round)
	}
	for _, a := range r.Acts {
		at(a.Intended, "%s %s in %s: %s", a.Operation, a.Resource, a.Region, a.Result())
	}
	slices.SortStableFunc(all, func(a, b Moment) int { return a.At.Compare(b.At) })
	return all
}

package replay

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
)

// Moment is something that happens in a run: an event of an execution, or a call that was answered.
type Moment struct {
	At        time.Time // virtual
	Since     time.Duration
	Execution string         // "" for a call that no function makes
	Event     *asl.Event     // nil for a call
	Call      *emulator.Call // nil for an event
}

// tell hands a moment to whoever watches.
func (p *player) tell(m Moment) {
	if p.options.Watch != nil {
		m.Since = m.At.Sub(p.run.Started)
		p.options.Watch(m)
	}
}

// Ending prints how a run came out, in ten lines.
func (r *Run) Ending(w io.Writer, s Summary) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s  %s\n", name, fmt.Sprintf(format, args...))
	}
	var waited time.Duration
	irreversible, gone, left, where := "no", map[string]int{}, map[string]int{}, "none"
	for _, e := range r.Executions {
		for _, v := range visits(e.History()) {
			if v.Type == "Wait" || len(v.Attempts) > 0 && v.Attempts[0].Callback {
				waited += v.Left.Sub(v.Entered)
			}
		}
		if e.Report == nil {
			continue
		}
		where = "s3://" + r.hub.bucket() + "/" + e.Report.Closing
		if e.Report.Irreversible {
			irreversible = "yes: the subscription is deleted, for ever"
		}
		for _, check := range e.Report.Gone {
			gone[check.Kind]++
		}
		for _, check := range slices.Concat(e.Report.Left, e.Report.LeftBehind) {
			left[check.Kind]++
		}
	}
	line("outcome", "%s", or(string(s.Outcome), r.Refusal))
	line("irreversible", "%s", irreversible)
	line("gone", "%s", kinds(gone))
	line("kept", "%s", kinds(left))
	line("took", "%s virtual, %s here", virtual(r.Ended.Sub(r.Started)), brief(r.Took))
	line("waited", "%s of it", virtual(waited))
	line("retried", "%s", count(s.Retries, "time", "times"))
	line("calls", "%d, of which %d changed something", len(r.Calls), s.Mutations)
	line("faults", "%d of the story, %d refusals of AWS", s.Faults, s.RefusedCalls)
	line("record", "%s", where)
}

func kinds(n map[string]int) string {
	if len(n) == 0 {
		return "nothing"
	}
	var all []string
	for _, kind := range sorted(n) {
		all = append(all, fmt.Sprintf("%d %s", n[kind], kind))
	}
	return strings.Join(all, ", ")
}

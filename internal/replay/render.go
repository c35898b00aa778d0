package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
)

// Line prints a run as one line, and below it whatever was expected and not met.
func (r *Run) Line(w io.Writer, s Summary) {
	mark := "ok  "
	if !s.Met {
		mark = "FAIL"
	}
	fmt.Fprintf(w, "%s  %-32s %-14s %12s virtual  %4d calls  %3d changes  %2d retries  %6.0f ms\n", mark, s.Story,
		cmp.Or(string(s.Outcome), r.Refusal), virtual(r.Ended.Sub(r.Started)), len(r.Calls), s.Mutations, s.Retries, 1000*s.RealSeconds)
	for _, line := range s.Broken {
		fmt.Fprintf(w, "      broken: %s\n", line)
	}
	for _, line := range s.Unmet {
		fmt.Fprintf(w, "      unmet:  %s\n", line)
	}
}

// Timeline prints what happened: each state's turn with its virtual time, its calls and what they changed.
func (r *Run) Timeline(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", r.Story.Name, r.Story.Title)
	if r.Story.About != "" {
		fmt.Fprintf(w, "%s\n", r.Story.About)
	}
	if r.Refusal != "" {
		fmt.Fprintf(w, "\nStartExecution refused the input: %s\n", r.Refusal)
	}
	for _, e := range r.Executions {
		fmt.Fprintf(w, "\nexecution %s\n", e.Name)
		r.turns(w, e)
		fmt.Fprintf(w, "  %s", e.Status())
		if e.Error() != "" {
			fmt.Fprintf(w, " %s: %s", e.Error(), e.Cause())
		}
		fmt.Fprintln(w)
		if e.Report != nil {
			fmt.Fprintf(w, "\n%s\n", e.Report.FirstLine)
			r.reportLines(w, e)
		}
	}
	fmt.Fprintln(w)
}

// turns prints the states in the order in which they were entered; a loop of one state stands once, with how often it ran.
func (r *Run) turns(w io.Writer, e *Execution) {
	byState := map[string][]emulator.Call{}
	for _, call := range r.Calls {
		if executionOf(call.Invocation) == e.Name {
			byState[stateOf(call.Invocation)] = append(byState[stateOf(call.Invocation)], call)
		}
	}
	type turn struct {
		state  string
		at     time.Time
		visits int
	}
	var turns []turn
	for _, event := range e.History() {
		state := entered(event)
		if state == "" || strings.HasSuffix(state, "?") || strings.HasPrefix(state, "Wait ") {
			continue
		}
		if n := len(turns); n > 0 && turns[n-1].state == state {
			turns[n-1].visits++
			continue
		}
		turns = append(turns, turn{state, event.Timestamp, 1})
	}
	seen := map[string]int{}
	for _, t := range turns {
		var calls []emulator.Call
		for _, call := range byState[t.state] {
			if v := visitOf(call.Invocation); v > seen[t.state] && v <= seen[t.state]+t.visits {
				calls = append(calls, call)
			}
		}
		seen[t.state] += t.visits
		fmt.Fprintf(w, "  +%-11s %-20s %4d calls%s\n", virtual(t.at.Sub(r.Started)), t.state, len(calls), times(t.visits))
		var lines []string
		for _, call := range calls {
			switch {
			case call.Mutating && call.Done:
				lines = append(lines, fmt.Sprintf("changed    %s %s in %s", operationOf(call), strings.Join(call.Resources, " "), call.Region))
			case call.Fault != "":
				lines = append(lines, "fault      "+call.Fault)
			case call.Mutating:
				lines = append(lines, fmt.Sprintf("refused    %s %s: %s: %s", operationOf(call), strings.Join(call.Resources, " "), call.Error, call.Message))
			}
		}
		for len(lines) > 0 {
			n := 1
			for n < len(lines) && lines[n] == lines[0] {
				n++
			}
			fmt.Fprintf(w, "               %s%s\n", lines[0], times(n))
			lines = lines[n:]
		}
	}
}

// times says how often, of what comes more than once.
func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf("  × %d", n)
}

func (r *Run) reportLines(w io.Writer, e *Execution) {
	report := e.Report
	for _, check := range report.Gone {
		fmt.Fprintf(w, "  gone   %s %s (%s)\n", check.Kind, check.ID, check.Shown)
	}
	for _, check := range slices.Concat(report.Left, report.LeftBehind) {
		fmt.Fprintf(w, "  left   %s %s: %s\n", check.Kind, check.ID, cmp.Or(check.Why, check.Shown))
	}
	for _, what := range report.Restored {
		fmt.Fprintf(w, "  restored %s\n", what)
	}
	if report.Failure != nil {
		where := ""
		if report.Failure.State != "" { // finish-run is not told
			where = " in " + report.Failure.State
		}
		fmt.Fprintf(w, "  %s%s: %s\n", report.Failure.Error, where, report.Failure.Message)
	}
	if report.Next != "" {
		fmt.Fprintf(w, "  next   %s\n", report.Next)
	}
}

// PrintAssumptions prints the questions that only AWS can answer, and the answer that was assumed.
func PrintAssumptions(w io.Writer, settings map[string]string) {
	fmt.Fprintln(w, "\nAssumed of AWS, since no documentation says; only an AWS account can confirm it:")
	for _, a := range emulator.Assumptions() {
		fmt.Fprintf(w, "  %-32s %-18s %s\n", a.Name, cmp.Or(settings[a.Name], a.Default()), a.Question)
	}
}

// virtual is a duration as people read it.
func virtual(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	days := seconds / (24 * 60 * 60)
	text := fmt.Sprintf("%02d:%02d:%02d", seconds/3600%24, seconds/60%60, seconds%60)
	if days > 0 {
		return fmt.Sprintf("%dd %s", days, text)
	}
	return text
}

// entered is the state that an event enters, or "".
func entered(event asl.Event) string {
	if strings.HasSuffix(string(event.Type), "StateEntered") {
		return event.Details.Name
	}
	return ""
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

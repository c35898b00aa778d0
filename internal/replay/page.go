package replay

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

var (
	//go:embed page.gohtml
	pageText string
	//go:embed index.gohtml
	indexText string
	//go:embed choice.gohtml
	choiceText string
	//go:embed page.css
	style string

	pages = template.Must(template.Must(template.Must(template.New("page").Funcs(template.FuncMap{
		"style":    func() template.CSS { return template.CSS(style) }, //nolint:gosec // it is ours
		"middle":   func(n *node) int { return n.X + n.W/2 },
		"baseline": func(n *node) int { return n.Y + n.H/2 + 5 },
		"plus":     func(a, b int) int { return a + b },
		"count":    count,
		"short":    short,
	}).Parse(pageText)).New("index").Parse(indexText)).New("choice").Parse(choiceText))
)

// short keeps the end of an ARN, which is what tells it from its neighbours.
func short(id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id[strings.LastIndex(id, ":")+1:]
	}
	return id
}

// count is a number of things, in words.
func count(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// Page writes the run as one HTML file that needs neither network nor scripts.
func (r *Run) Page(w io.Writer, s Summary) error {
	p, err := r.page(s)
	if err != nil {
		return err
	}
	return write(w, "page", p)
}

// LivePage writes the page of a run that somebody watches, in a folder that begins with the choice of stories. While it is under way
// the page asks for itself again every second. The gate is where somebody can decide now, or "".
func (r *Run) LivePage(w io.Writer, gate string) error {
	over := r.Took > 0
	summary := r.Summary()
	if over {
		summary = r.Judge()
	}
	p, err := r.page(summary)
	if err != nil {
		return err
	}
	if !over {
		p.Outcome, p.Tone, p.Refresh = "RUNNING", running, 1
		p.Facts = slices.DeleteFunc(p.Facts, func(f fact) bool { return f.Name == "replayed in" })
	}
	p.Gate, p.Home = gate, "./"
	return write(w, "page", p)
}

func (r *Run) page(s Summary) (page, error) {
	hide := newRedacter(r)
	p := page{
		Title: r.Story.Title, About: r.Story.About, Story: r.Story.Name, Refusal: r.Refusal, Event: hide.json(string(r.Story.Event)),
		Complaints: append(append([]string{}, s.Broken...), s.Unmet...), Outcome: string(cmp.Or(s.Outcome, closing.Outcome(r.Refusal))),
		Tone: tone(s.Outcome), Command: "make replay EVENT=" + r.Story.Name, Home: "index.html",
		Facts: []fact{
			{"virtual time", virtual(r.Ended.Sub(r.Started))}, {"replayed in", brief(r.Took)}, {"AWS calls", strconv.Itoa(len(r.Calls))},
			{"changes", strconv.Itoa(s.Mutations)}, {"retries", strconv.Itoa(s.Retries)}, {"transitions", strconv.Itoa(s.Transitions)}, {"faults", strconv.Itoa(s.Faults)},
		},
	}
	for i, e := range r.Executions {
		var calls []emulator.Call
		for _, call := range r.Calls {
			if call.Invocation != "" && executionOf(call.Invocation) == e.Name {
				calls = append(calls, call)
			}
		}
		definition := DefinitionOf(e.History())
		if r.definition != nil && e.Machine == r.hub.machine() {
			definition = r.definition
		}
		drawn, err := draw(fmt.Sprintf("run%d", i+1), definition, r.Started, e.History(), calls, hide)
		if err != nil {
			return page{}, err
		}
		drawn.Name, drawn.Status = e.Name, string(e.Status())
		if plan := e.shownPlan(); plan != nil {
			drawn.Plan, drawn.PlanDigest = planAgainstDone(*plan, e.Report, calls, r.Started), plan.Digest
		}
		if e.Report != nil {
			drawn.FirstLine, drawn.Next, drawn.Failure = e.Report.FirstLine, hide.text(e.Report.Next), e.Report.Failure
		}
		p.Account = cmp.Or(p.Account, e.account())
		p.Runs = append(p.Runs, drawn)
	}
	p.Belongings, p.Committed = compareWorlds(r.Before, r.AtCommit, r.After, p.Account), r.AtCommit != nil
	return p, nil
}

// shownPlan is the plan that was committed, or the last one that somebody was asked about.
func (e *Execution) shownPlan() *closing.Plan {
	if e.plan == nil && e.Report != nil {
		return e.Report.Plan
	}
	return e.plan
}

// HistoryPage writes the page of a real execution's history. The notes say what else there is to know about it.
func HistoryPage(w io.Writer, name string, definition []byte, history []asl.Event, notes []string) error {
	if len(history) == 0 {
		return fmt.Errorf("execution %s: its history is empty", name)
	}
	start := history[0].Timestamp
	drawn, err := draw("run1", definition, start, history, nil, newRedacter(nil))
	if err != nil {
		return err
	}
	last := history[len(history)-1]
	drawn.Name = name
	transitions, retries := 0, 0
	for _, v := range visits(history) {
		transitions++
		retries += max(0, len(v.Attempts)-1)
	}
	outcome := cmp.Or(drawn.Error, map[status]string{succeeded: "SUCCEEDED", running: "RUNNING", failed: "FAILED", stopped: "ABORTED"}[drawn.Tone])
	p := page{
		Title: "Execution " + name, Outcome: outcome, Tone: drawn.Tone, Runs: []picture{drawn}, Notes: notes, Event: drawn.Input,
		Facts: []fact{
			{"started", start.UTC().Format("2006-01-02 15:04:05Z")}, {"lasted", brief(last.Timestamp.Sub(start))},
			{"events", strconv.Itoa(len(history))}, {"retries", strconv.Itoa(retries)}, {"transitions", strconv.Itoa(transitions)},
		},
	}
	return write(w, "page", p)
}

// Index writes the page that links to those of all stories.
func Index(w io.Writer, runs []*Run) error {
	type line struct {
		Summary
		Title, Took, Ran, Outcome string
		Tone                      status
		Calls                     int
	}
	var lines []line
	met := 0
	for _, r := range runs {
		s := r.Judge()
		if s.Met {
			met++
		}
		lines = append(lines, line{
			Summary: s, Title: r.Story.Title, Took: virtual(r.Ended.Sub(r.Started)), Ran: brief(r.Took),
			Outcome: string(cmp.Or(s.Outcome, closing.Outcome(r.Refusal))), Tone: tone(s.Outcome), Calls: len(r.Calls),
		})
	}
	return write(w, "index", map[string]any{"Lines": lines, "Met": met})
}

func write(w io.Writer, name string, data any) error {
	if err := pages.ExecuteTemplate(w, name, data); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// tone is the colour of an outcome: what ended before anything was touched is no failure of the workflow.
func tone(o closing.Outcome) status {
	switch o {
	case closing.OutcomeClosed, closing.OutcomeAlreadyClosed, closing.OutcomePlanned:
		return succeeded
	case closing.OutcomeBlocked, closing.OutcomeRejected, closing.OutcomeCancelled, closing.OutcomeExpired, "":
		return caught
	}
	return failed
}

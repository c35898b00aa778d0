package replay

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// page is what a run's page shows.
type page struct {
	Title, About string
	Story        string // "" where an execution of AWS is shown
	Refusal      string
	Outcome      string
	Tone         status
	Facts        []fact
	Complaints   []string // what was expected and not met
	Event        string
	Runs         []picture
	Account      string
	Belongings   []fateRow
	Committed    bool
	Notes        []string
	Command      string
	Home         string // the page of all stories
	Refresh      int    // seconds after which the page is asked for again; 0: it is finished
	Gate         string // where somebody can decide now; "" where nobody can
}

// fact is a number, and what it counts.
type fact struct{ Name, Value string }

// picture is one execution.
type picture struct {
	Key        string // begins the ids of its elements
	Name       string
	Status     string
	Tone       status
	Error      string
	Cause      string
	Input      string
	FirstLine  string
	Next       string
	Failure    *closing.Failure
	Chart      *chart
	Walked     map[string]*walked
	Return     int // where the point of no return is drawn; 0: the machine has none
	Rows       []row
	Folds      []fold
	States     []drawer
	Plan       []planRow
	PlanDigest string
	Beside     []shownCall // calls of functions that no state called
	edges      map[*edge]int
}

// walked is what became of a state.
type walked struct {
	Status  status
	Visits  int
	Retries int
	Took    string
	ID      string
}

// row is a turn of a Task state on the timeline.
type row struct {
	State, ID, At, Took string
	Visits, Retries     int
	Tone                status
	Bars                []bar
}

// bar is a stretch of time, in per cent of the timeline.
type bar struct {
	Left, Width float64
	Kind        string // "run", "retry", "wait", "person"
	Title       string
}

// fold is a stretch of time in which nothing happened, drawn shorter than it was.
type fold struct {
	Left float64
	Took string
}

// drawer is everything about one state.
type drawer struct {
	Name, ID, Type string
	Walked         *walked
	Visits         []shownVisit
	Calls          int
}

type shownVisit struct {
	Number                  int
	At, Took                string
	Status                  status
	Input, Output, Assigned string
	Attempts                []shownAttempt
}

type shownAttempt struct {
	Number             int
	At, Took           string
	Parameters, Output string
	Error, Cause       string
	Calls              []shownCall
	Changes            int
}

type shownCall struct {
	At, Operation, Region, Answer string
	Resources, Fault, By          string
	Changed, Refused              bool
	Request, Response             string
}

// planRow is something that the plan speaks of: what it says, what was done, and what AWS says afterwards.
type planRow struct {
	Kind, ID, Planned, Done, Now string
	Tone                         status
}

// drawing makes the picture of one execution.
type drawing struct {
	start   time.Time
	hide    redacter
	calls   []emulator.Call // of this execution
	history []asl.Event
	visits  []*visit
	scale   scale
}

// draw makes the picture of a history.
func draw(key string, definition []byte, start time.Time, history []asl.Event, calls []emulator.Call, hide redacter) (picture, error) {
	chart, err := layOut(definition)
	if err != nil {
		return picture{}, err
	}
	d := drawing{start: start, hide: hide, calls: calls, history: history, visits: visits(history)}
	p := picture{Key: key, Chart: chart, Walked: map[string]*walked{}, edges: map[*edge]int{}, Tone: running}
	for _, n := range chart.Nodes {
		p.Walked[n.Name] = &walked{Status: notReached, ID: key + "-" + slug(n.Name)}
		if n.Name == firstDelete() {
			p.Return = n.Y - rowGap/2
		}
	}
	d.walk(&p)
	d.timeline(&p)
	d.drawers(&p)
	for _, event := range history {
		p.Tone = endOf(event, p.Tone)
		if event.Type == asl.ExecutionStarted {
			p.Input = hide.json(event.Details.Input)
		}
		if ended(event.Type) {
			p.Error, p.Cause = event.Details.Error, hide.text(event.Details.Cause)
		}
	}
	return p, nil
}

// firstDelete is the state that the point of no return stands before.
func firstDelete() string {
	f, _ := workflow.Lookup("delete-subscription")
	return f.States[0]
}

// walk colours states and edges.
func (d *drawing) walk(p *picture) {
	took := map[string]time.Duration{}
	for _, v := range d.visits {
		w := p.Walked[v.State]
		if w == nil { // the history is of another definition
			w = &walked{ID: p.Key + "-" + slug(v.State)}
			p.Walked[v.State] = w
		}
		w.Status, w.Visits = v.Status, w.Visits+1
		w.Retries += max(0, len(v.Attempts)-1)
		took[v.State] += v.Left.Sub(v.Entered)
		if v.from == nil {
			continue
		}
		for _, e := range p.Chart.Edges {
			if e.From.Name == v.from.State && e.To.Name == v.State {
				p.edges[e]++
			}
		}
	}
	for state, d := range took {
		p.Walked[state].Took = brief(d)
	}
}

// Count is how often an edge was walked.
func (p picture) Count(e *edge) int { return p.edges[e] }

// turn is a Task state with the Choice and Wait states that lead back to it.
type turn struct {
	state  string
	visits []*visit
}

func (d *drawing) turns() []turn {
	var turns []turn
	for _, v := range d.visits {
		n := len(turns)
		if n > 0 && (v.Type != "Task" || turns[n-1].state == v.State) {
			turns[n-1].visits = append(turns[n-1].visits, v)
			continue
		}
		turns = append(turns, turn{v.State, []*visit{v}})
	}
	return turns
}

// timeline draws the turns on virtual time, whose long silences are folded.
func (d *drawing) timeline(p *picture) {
	d.scale = newScale(d.history)
	p.Folds = d.scale.folds
	for _, t := range d.turns() {
		first, last := t.visits[0], t.visits[len(t.visits)-1]
		r := row{State: t.state, ID: p.Walked[t.state].ID, At: "+" + virtual(first.Entered.Sub(d.start)), Took: brief(last.Left.Sub(first.Entered)), Tone: first.Status}
		for _, v := range t.visits {
			if v.State == t.state {
				r.Visits++
				r.Retries += max(0, len(v.Attempts)-1)
				r.Tone = v.Status
			}
			if v.Type == "Wait" {
				r.Bars = append(r.Bars, d.bar("wait", v.Entered, v.Left, v.State))
			}
			for i, a := range v.Attempts {
				kind := "run"
				switch {
				case a.Callback:
					kind = "person"
				case a.Error != "":
					kind = "retry"
				}
				title := v.State
				if len(v.Attempts) > 1 {
					title = fmt.Sprintf("%s, attempt %d", v.State, i+1)
				}
				if a.Error != "" {
					title += ": " + a.Error
				}
				r.Bars = append(r.Bars, d.bar(kind, a.Began, a.Ended, title))
			}
		}
		p.Rows = append(p.Rows, r)
	}
}

func (d *drawing) bar(kind string, from, to time.Time, title string) bar {
	left, right := d.scale.at(from), d.scale.at(to)
	width := max(right-left, 0.6)
	return bar{Left: min(left, 100-width), Width: width, Kind: kind, Title: fmt.Sprintf("%s (%s)", title, brief(to.Sub(from)))}
}

// scale maps time to per cent of the timeline.
type scale struct {
	times []time.Time
	place []float64
	folds []fold
}

// unfolded is how long a silence may be before it is folded: from there on it grows with its logarithm.
const unfolded = time.Minute

func newScale(history []asl.Event) scale {
	var s scale
	for _, event := range history {
		s.times = append(s.times, event.Timestamp)
	}
	slices.SortFunc(s.times, time.Time.Compare)
	s.times = slices.CompactFunc(s.times, time.Time.Equal)
	total := 0.0
	var silences []fold
	for i, t := range s.times {
		if i > 0 {
			gap := t.Sub(s.times[i-1])
			length := gap.Seconds()
			if gap > unfolded {
				length = unfolded.Seconds() * (1 + math.Log2(gap.Seconds()/unfolded.Seconds()))
				if gap > 30*time.Minute {
					silences = append(silences, fold{total + length/2, brief(gap)})
				}
			}
			total += length
		}
		s.place = append(s.place, total)
	}
	if total == 0 {
		total = 1
	}
	for i := range s.place {
		s.place[i] *= 100 / total
	}
	for _, f := range silences {
		s.folds = append(s.folds, fold{f.Left * 100 / total, f.Took})
	}
	return s
}

func (s scale) at(t time.Time) float64 {
	i, _ := slices.BinarySearchFunc(s.times, t, time.Time.Compare)
	return s.place[min(i, len(s.place)-1)]
}

// drawers opens every state that was entered.
func (d *drawing) drawers(p *picture) {
	type attemptKey struct {
		state          string
		visit, attempt int
	}
	calls := map[attemptKey][]shownCall{}
	inState := map[string]int{}
	for _, call := range d.calls {
		shown := d.call(call)
		state := stateOf(call.Invocation)
		if p.Walked[state] == nil {
			p.Beside = append(p.Beside, shown)
			continue
		}
		key := attemptKey{state, visitOf(call.Invocation), attemptOf(call.Invocation)}
		calls[key] = append(calls[key], shown)
		inState[state]++
	}
	of := map[string]*drawer{}
	var order []string
	for _, v := range d.visits {
		if of[v.State] == nil {
			of[v.State] = &drawer{Name: v.State, ID: p.Walked[v.State].ID, Type: v.Type, Walked: p.Walked[v.State], Calls: inState[v.State]}
			order = append(order, v.State)
		}
		shown := shownVisit{
			Number: v.Number, At: "+" + virtual(v.Entered.Sub(d.start)), Took: brief(v.Left.Sub(v.Entered)), Status: v.Status,
			Input: d.hide.json(v.Input), Output: d.hide.json(v.Output), Assigned: d.assigned(v.Assigned),
		}
		for i, a := range v.Attempts {
			s := shownAttempt{
				Number: i + 1, At: "+" + virtual(a.Began.Sub(d.start)), Took: brief(a.Ended.Sub(a.Began)),
				Parameters: d.hide.json(a.Parameters), Output: d.hide.json(a.Output), Error: a.Error, Cause: d.hide.json(a.Cause),
				Calls: calls[attemptKey{v.State, v.Number, i + 1}],
			}
			for _, c := range s.Calls {
				if c.Changed {
					s.Changes++
				}
			}
			shown.Attempts = append(shown.Attempts, s)
		}
		of[v.State].Visits = append(of[v.State].Visits, shown)
	}
	for _, state := range order {
		p.States = append(p.States, *of[state])
	}
}

func (d *drawing) assigned(variables map[string]string) string {
	var out strings.Builder
	for _, name := range sorted(variables) {
		fmt.Fprintf(&out, "$%s = %s\n", name, d.hide.json(variables[name]))
	}
	return out.String()
}

func (d *drawing) call(call emulator.Call) shownCall {
	answer := strconv.Itoa(call.Status)
	if call.Status == 0 {
		answer = "no answer"
	}
	if call.Error != "" {
		answer += " " + call.Error
	}
	state, _, _ := strings.Cut(strings.TrimPrefix(call.Invocation, executionOf(call.Invocation)+"/"), "#")
	response := string(call.Response)
	if call.Message != "" {
		response = call.Message
	}
	return shownCall{
		At: "+" + virtual(call.Time.Sub(d.start)), Operation: operationOf(call), Region: call.Region, Answer: answer,
		Resources: strings.Join(call.Resources, " "), Fault: call.Fault, By: state,
		Changed: call.Mutating && call.Done, Refused: call.Error != "" && !isAnswer(call),
		Request: d.hide.json(string(call.Params)), Response: d.hide.json(response),
	}
}

// planAgainstDone sets beside each thing of the plan what was done to it and what AWS says of it now.
func planAgainstDone(plan closing.Plan, report *closing.Report, calls []emulator.Call, start time.Time) []planRow {
	m := plan.Material
	committed := report != nil && report.Commit != nil
	done := func(ids ...string) string {
		var all []string
		for _, call := range calls {
			if call.Mutating && call.Done && slices.ContainsFunc(call.Resources, func(id string) bool { return slices.Contains(ids, id) }) {
				all = append(all, fmt.Sprintf("%s at +%s", call.Operation, virtual(call.Time.Sub(start))))
			}
		}
		return strings.Join(all, ", ")
	}
	now := func(ids ...string) (string, status) {
		if report == nil {
			return "", notReached
		}
		for _, check := range report.Gone {
			if slices.Contains(ids, check.ID) {
				return "gone", succeeded
			}
		}
		for _, check := range slices.Concat(report.Left, report.LeftBehind, report.Unknown) {
			if slices.Contains(ids, check.ID) {
				return "left: " + cmp.Or(check.Why, check.Shown), caught
			}
		}
		return "", notReached
	}
	var rows []planRow
	add := func(kind, planned string, ids ...string) {
		r := planRow{Kind: kind, ID: ids[0], Planned: planned, Done: done(ids...)}
		r.Now, r.Tone = now(ids...)
		rows = append(rows, r)
	}
	if m.Subscription != nil {
		add("subscription", "delete", m.AccountID)
		if n := m.Count("user"); n > 0 {
			rows = append(rows, planRow{Kind: "users", ID: strconv.Itoa(n), Planned: "go with the subscription", Tone: notReached})
		}
		if n := m.Assets.N - m.Count("user"); n > 0 {
			rows = append(rows, planRow{Kind: "assets", ID: strconv.Itoa(n), Planned: "go with the subscription", Tone: notReached})
		}
	}
	for _, n := range m.SecondaryNamespaces() {
		add("namespace", "delete", n.Name)
	}
	for _, c := range m.VPCConnections {
		add("VPC connection", "delete", c.ARN, c.ID)
	}
	if m.Directory.ID != "" {
		add("directory", fate(m.Directory.Fate, m.Directory.Why), m.Directory.ID)
	}
	if m.VPC.ID != "" {
		add("VPC", fate(m.VPC.Fate, m.VPC.Why), m.VPC.ID)
	}
	for _, r := range m.VPC.Resources {
		add(r.Kind, "delete", r.ID)
	}
	for _, r := range m.VPC.Left {
		add(r.Kind, "keep", r.ID)
	}
	for i := range rows {
		if !committed && rows[i].Done == "" && strings.HasPrefix(rows[i].Planned, "delete") && rows[i].Now == "" {
			rows[i].Now = "untouched: nothing was committed"
		}
	}
	return rows
}

func fate(f closing.Fate, why string) string {
	if f == closing.FateKeep && why != "" {
		return "keep: " + why
	}
	return string(f)
}

// brief is a duration in at most two units.
func brief(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d d %02d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// slug makes an element's id of a state's name.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == '?':
			return 'q'
		}
		return '-'
	}, name), "-")
}

// attemptOf is the attempt of "run-1/Delete VPC#3.1": 1.
func attemptOf(invocation string) int {
	_, rest, _ := strings.Cut(invocation, "#")
	_, attempt, _ := strings.Cut(rest, ".")
	n := 0
	if _, err := fmt.Sscan(attempt, &n); err != nil {
		return 0
	}
	return n
}

package asl

import (
	"encoding/json"
	"strings"
	"time"
)

// mapRun is the run of a distributed Map: the child executions that it started and will start.
type mapRun struct {
	id, arn                 string
	machineName, machineARN string // of the child executions
	state                   *state
	outer                   *child // the child execution that the Map is in; nil: the execution itself
	status                  Status
	express                 bool
	keep                    bool
	children                []*child
	started, stopped        int64
	redrives                int
	bucket, prefix          string // of ResultWriter
	forgotten               bool   // what went in and came out
}

func (r *mapRun) end(status Status, at int64) { r.status, r.stopped = status, at }

// mapRunRedrive is the detail of MapRunRedriven.
type mapRunRedrive struct {
	arn   string
	count int
}

// MapRun describes the run of a distributed Map, as DescribeMapRun does.
type MapRun struct {
	ARN              string
	State            string // the Map state
	ExecutionARN     string // that the Map state is in
	StateMachineARN  string // of the child executions
	Status           Status
	Started, Stopped time.Time // the zero time while it runs
	RedriveCount     int
	Children         []Child
}

// Child describes a child execution of a distributed Map.
type Child struct {
	Name, ARN        string // empty where it has not started
	Status           Status // empty where it has not started, PENDING_REDRIVE where it waits to go on
	Input, Output    json.RawMessage
	Error, Cause     string
	Started, Stopped time.Time
	RedriveCount     int
	Length           int     // of its history
	History          []Event // only with Options.ChildHistories
}

// MapRuns describes the runs of distributed Maps so far, in the order in which they started.
func (e *Execution) MapRuns() []MapRun {
	out := make([]MapRun, len(e.runs))
	for i, r := range e.runs {
		out[i] = MapRun{
			ARN: r.arn, State: r.state.name, ExecutionARN: e.identity(r.outer).arn, StateMachineARN: r.machineARN,
			Status: r.status, Started: timeOf(r.started), Stopped: timeOf(r.stopped), RedriveCount: r.redrives,
			Children: make([]Child, len(r.children)),
		}
		for k, c := range r.children {
			out[i].Children[k] = c.describe()
		}
	}
	return out
}

func (c *child) describe() Child {
	d := Child{Status: c.status}
	if !c.run.forgotten {
		d.Input = encode(c.input)
	}
	if c.status == "" {
		return d
	}
	d.Name, d.ARN, d.RedriveCount, d.Length = c.name, c.arn(), c.redrives, c.length
	d.Started, d.Stopped = timeOf(c.started), timeOf(c.stopped)
	if c.status == Succeeded && !c.run.forgotten {
		d.Output = encode(c.output)
	} else if c.failure != nil {
		d.Error, d.Cause = c.failure.name, c.failure.cause
	}
	for i := range c.events {
		d.History = append(d.History, c.events[i].render(i+1))
	}
	return d
}

// timeOf is a time of which 0 means that it has not come.
func timeOf(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}

// childLimit is how many child executions of a distributed Map run at once where MaxConcurrency does not say less.
const childLimit = 10_000

// distribute starts the child executions of a distributed Map state.
func (e *Execution) distribute(b *branch, input any) *failure {
	m := b.state.each
	var items []any
	if m.reader == nil {
		var f *failure
		if items, f = e.items(b, input); f != nil {
			return f
		}
	}
	limit, f := e.concurrency(b, input, childLimit)
	if f != nil {
		return f
	}
	// Recorded: what is yet to be read counts as no items.
	b.last = e.note(b, event{kind: MapStateStarted, previous: b.last, detail: iteration(len(items))})
	tolerate, f := e.see(b, input).tolerance(m)
	if f != nil {
		return f
	}
	if tolerate == nil {
		tolerate = func(int, int) bool { return false }
	}
	run := e.newMapRun(b)
	b.last = e.note(b, event{kind: MapRunStarted, previous: b.last, detail: run.arn})
	fan := &fan{input: input, run: run, started: b.last, last: b.last, tolerate: tolerate, limit: limit}
	b.fan = fan
	if f := e.prepare(b, input, items); f != nil {
		return e.runFailed(b, f)
	}
	if len(run.children) == 0 {
		e.fanSucceeded(b)
		return nil
	}
	e.startChildren(b)
	return nil
}

// newMapRun names the run, and the machine that its child executions are of.
func (e *Execution) newMapRun(b *branch) *mapRun {
	m := b.state.each
	label := m.label
	if label == "" {
		label = b.state.name
	}
	outer := b.execution()
	around := e.identity(outer)
	r := &mapRun{
		id: e.options.UUID(), state: b.state, outer: outer, status: Running, express: m.express, keep: e.options.ChildHistories,
		machineName: around.machineName + "/" + label, machineARN: around.machineARN + "/" + label, started: e.clock,
	}
	r.arn = strings.Replace(r.machineARN, ":stateMachine:", ":mapRun:", 1) + ":" + r.id
	e.runs = append(e.runs, r)
	return r
}

// prepare reads the items, and makes the inputs of the child executions of them.
func (e *Execution) prepare(b *branch, input any, items []any) *failure {
	m, fan := b.state.each, b.fan
	source := "STATE_DATA"
	var f *failure
	if m.writer != nil && m.writer.location != nil {
		if fan.run.bucket, fan.run.prefix, f = e.destination(b, input); f != nil {
			return f
		}
	}
	if m.reader != nil {
		if items, source, f = e.read(b, input); f != nil {
			return f
		}
	}
	if m.selector != nil {
		selected := make([]any, len(items))
		self := *b // sees Map.Item, and otherwise what the Map state sees
		for i, v := range items {
			self.item = &mapItem{index: i, value: v, source: source}
			if selected[i], f = e.see(&self, input).fill(m.selector); f != nil {
				return f
			}
		}
		items = selected
	}
	var sizes []int
	if m.batcher != nil {
		if items, sizes, f = e.batches(b, input, items); f != nil {
			return f
		}
	}
	fan.children, fan.sizes = make([]*branch, len(items)), sizes
	fan.run.children = make([]*child, len(items))
	block := make([]child, len(items))
	for i, v := range items {
		block[i] = child{run: fan.run, index: i, input: v}
		fan.run.children[i] = &block[i]
		fan.total += fan.weight(i)
	}
	return nil
}

// startChildren starts as many child executions as may run now; those first that a redrive goes on with.
func (e *Execution) startChildren(b *branch) {
	fan := b.fan
	for fan.running < fan.limit {
		switch {
		case len(fan.again) > 0:
			top := fan.children[fan.again[0]]
			fan.again = fan.again[1:]
			e.redriveChild(b, top)
		case fan.next < len(fan.children):
			fan.next++
			e.startChild(b, fan.run.children[fan.next-1])
		default:
			return
		}
		fan.running++
	}
}

// refill goes on with a Map Run that was redriven.
func (e *Execution) refill(b *branch) {
	if b.fan.finished == len(b.fan.children) {
		e.fanSucceeded(b)
		return
	}
	e.startChildren(b)
}

// weight is the number of items of a child execution, which is what failures are counted in.
func (f *fan) weight(index int) int {
	if f.sizes == nil {
		return 1
	}
	return f.sizes[index]
}

// childFailed goes on after a child execution that failed: the Map state does, unless it tolerates that.
func (e *Execution) childFailed(b, top *branch) {
	fan := b.fan
	fan.failures += fan.weight(top.index)
	if fan.tolerate(fan.failures, fan.total) {
		e.iterationEnded(top, MapIterationFailed)
		return
	}
	top.settled = true
	fan.running--
	b.generation++
	e.raise(b, e.runFailed(b, failed(errorThreshold, "The specified tolerated failure threshold was exceeded")))
}

// runFailed ends a Map Run, and gives the error that the Map state fails with.
func (e *Execution) runFailed(b *branch, f *failure) *failure {
	fan := b.fan
	fan.failed = true
	for _, top := range fan.children {
		if top != nil && !top.settled {
			e.abort(top, top.last)
		}
	}
	f = f.in(b)
	e.evaluationFailed(b, f)
	fan.run.end(Failed, e.clock)
	if f.name != errorWriter && len(fan.children) > 0 {
		e.write(b) // the first error is the one that counts
	}
	b.last = e.note(b, event{kind: MapRunFailed, previous: fan.started, detail: f})
	return f
}

// runSucceeded completes a distributed Map state.
func (e *Execution) runSucceeded(b *branch) {
	fan := b.fan
	b.last = fan.started
	fan.run.end(Succeeded, e.clock)
	if f := e.write(b); f != nil {
		e.raise(b, e.runFailed(b, f))
		return
	}
	succeeded := e.note(b, event{kind: MapRunSucceeded, previous: fan.started})
	e.note(b, event{kind: MapStateSucceeded, previous: succeeded})
	e.complete(b, fan.run.output(b.state.each.writer))
}

// abortRun ends the Map Run of a state that is over, if it runs. Its results are written, but nobody is left to hear that
// they could not be.
func (e *Execution) abortRun(b *branch) bool {
	if b.fan == nil || b.fan.run == nil || b.fan.run.status != Running {
		return false
	}
	b.fan.run.end(Aborted, e.clock)
	e.write(b)
	return true
}

// forget lets go of the data of child executions that have ended and that nobody will ask for.
func (r *mapRun) forget() {
	if r.keep {
		return
	}
	r.forgotten = true
	for _, c := range r.children {
		c.input, c.output = nil, nil
	}
}

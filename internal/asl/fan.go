package asl

import (
	"encoding/json"
	"math"
	"strings"
)

// inlineLimit is how many iterations of an inline Map run at once.
const inlineLimit = 40

// fork starts the branches of a Parallel state.
func (e *Execution) fork(b *branch, input any) *failure {
	s := b.state
	ev := e.see(b, input)
	for _, t := range []*template{s.parameters, s.arguments} {
		if t == nil {
			continue
		}
		v, f := ev.fill(t)
		if f != nil {
			return f
		}
		input = v
	}
	n := len(s.branches)
	started := e.note(b, event{kind: ParallelStateStarted, previous: b.last})
	b.last = started
	b.fan = &fan{children: make([]*branch, n), results: make([]any, n), started: started}
	for i, g := range s.branches {
		c := b.inside(i, g, input)
		c.last = started
		b.fan.children[i] = c
		b.fan.running++
		e.ready = append(e.ready, c)
	}
	return nil
}

// inside makes a branch inside b.
func (b *branch) inside(index int, g *graph, input any) *branch {
	return &branch{
		graph: g, parent: b, index: index, state: g.start, input: input,
		variables: b.variables.inner(),
	}
}

// iterate starts the iterations of a Map state.
func (e *Execution) iterate(b *branch, input any) *failure {
	m := b.state.each
	if m.distributed {
		return e.distribute(b, input)
	}
	items, f := e.items(b, input)
	if f != nil {
		return f
	}
	limit, f := e.concurrency(b, input, inlineLimit)
	if f != nil {
		return f
	}
	n := len(items)
	b.last = e.note(b, event{kind: MapStateStarted, previous: b.last, detail: iteration(n)})
	tolerate, f := e.see(b, input).tolerance(m)
	if f != nil {
		return f
	}
	fan := &fan{children: make([]*branch, n), items: items, input: input, results: make([]any, n), limit: limit, tolerate: tolerate}
	fan.started, fan.last = b.last, b.last
	b.fan = fan
	if n == 0 {
		e.fanSucceeded(b)
		return nil
	}
	return e.startIterations(b, fan.started)
}

// concurrency is how many iterations or child executions may run at once: MaxConcurrency, of which 0 is no limit, but not
// more than most.
func (e *Execution) concurrency(b *branch, input any, most int) (int, *failure) {
	limit, f := e.see(b, input).quantity(b.state.each.concurrency)
	switch {
	case f != nil:
		return 0, f
	case limit < 0 || limit != math.Trunc(limit):
		return 0, runtimeFailure("MaxConcurrency must be a whole number that is not negative, but was: %s", text(limit))
	case limit == 0:
		return most, nil
	}
	return int(min(limit, float64(most))), nil
}

// items gives the array that a Map state iterates over.
func (e *Execution) items(b *branch, input any) ([]any, *failure) {
	m := b.state.each
	if m.items != nil {
		v, f := e.see(b, input).fill(m.items)
		if f != nil {
			return nil, f
		}
		list, ok := v.([]any)
		if !ok && m.items.expression != nil {
			return nil, queryFailure("Items", "The JSONata expression '%s' specified for the field 'Items' returned an unexpected result type. Expected 'array', but was '%s' for value: %s",
				m.items.expression.source, kindOf(v), text(v))
		}
		if !ok {
			return nil, queryFailure("Items", "Map state input must be an array but was: %s", text(v))
		}
		return list, nil
	}
	v := input
	if m.itemsPath != nil {
		selected, f := e.see(b, input).follow(m.itemsPath)
		if f != nil {
			return nil, f
		}
		v = selected
	}
	list, ok := v.([]any)
	switch {
	case ok:
		return list, nil
	case b.state.jsonata:
		return nil, queryFailure("", "Map state input must be an array but was: %s", text(v))
	}
	source := "$"
	if m.itemsPath != nil {
		source = strings.Replace(m.itemsPath.source, "$$", "$", 1) // recorded: the message loses one of the two
	}
	return nil, runtimeFailure("Reference path \"%s\" must point to array.", source)
}

// startIterations starts as many iterations as may run now.
func (e *Execution) startIterations(b *branch, previous int) *failure {
	fan := b.fan
	for fan.next < len(fan.items) && fan.running < fan.limit {
		i := fan.next
		fan.next++
		c := b.inside(i, b.state.each.graph, fan.items[i])
		c.item = &mapItem{index: i, value: fan.items[i]}
		if t := b.state.each.selector; t != nil {
			self := *b // sees Map.Item, and otherwise what the Map state sees
			self.item = c.item
			v, f := e.see(&self, fan.input).fill(t)
			if f != nil {
				return f
			}
			c.input = v
		}
		fan.children[i] = c
		fan.running++
		c.last = e.note(b, event{kind: MapIterationStarted, previous: previous, name: b.state.name, detail: iteration(i)})
		e.ready = append(e.ready, c)
	}
	return nil
}

// iterationEnded goes on after a branch or iteration that does not end the state.
func (e *Execution) iterationEnded(c *branch, kind EventType) {
	b, fan := c.parent, c.parent.fan
	c.settled = true
	fan.running--
	fan.finished++
	previous := c.last
	switch {
	case b.state.is == parallelState:
		fan.last = c.last
	case !b.state.each.distributed:
		fan.last = e.note(b, event{kind: kind, previous: c.last, name: b.state.name, detail: iteration(c.index)})
	}
	if fan.finished == len(fan.children) {
		e.fanSucceeded(b)
		return
	}
	switch {
	case fan.run != nil:
		e.startChildren(b)
	case b.state.is == mapState:
		if f := e.startIterations(b, previous); f != nil {
			e.raise(b, f)
		}
	}
}

// fanSucceeded completes the Parallel or Map state.
func (e *Execution) fanSucceeded(b *branch) {
	fan := b.fan
	if fan.run != nil {
		e.runSucceeded(b)
		return
	}
	b.last = fan.last
	kind := ParallelStateSucceeded
	if b.state.is == mapState {
		kind = MapStateSucceeded
	}
	e.note(b, event{kind: kind, previous: fan.last})
	e.complete(b, fan.results)
}

// fanFailed ends the Parallel or Map state b because its child c failed, unless the state tolerates that.
func (e *Execution) fanFailed(b, c *branch) {
	fan := b.fan
	if fan.run != nil {
		e.childFailed(b, c)
		return
	}
	f := c.failure
	fan.failures++
	if fan.tolerate != nil {
		if fan.tolerate(fan.failures, len(fan.children)) {
			fan.results[c.index] = f.output()
			e.iterationEnded(c, MapIterationFailed)
			return
		}
		f = failed(errorThreshold, "The specified tolerated failure threshold was exceeded")
	}
	b.generation++
	e.abandon(b, c)
	b.last = c.last
	e.raise(b, f)
}

// abandon records what becomes of the children of b when its child c failed; c is nil when b itself did.
func (e *Execution) abandon(b, c *branch) {
	previous := b.last
	if c != nil {
		previous = c.last
	}
	b.fan.failed = true
	for _, child := range b.fan.children {
		if child == nil || child.settled {
			continue
		}
		if b.state.is == mapState && b.fan.run == nil {
			kind := MapIterationAborted
			if child == c {
				kind = MapIterationFailed
			}
			e.note(b, event{kind: kind, previous: previous, name: b.state.name, detail: iteration(child.index)})
		}
		e.abort(child, previous)
	}
}

// abortedEvents are those of the states that a branch can be stopped in.
var abortedEvents = map[stateType]EventType{
	taskState: TaskStateAborted, waitState: WaitStateAborted, parallelState: ParallelStateAborted, mapState: MapStateAborted,
}

// abort stops a branch and everything inside it.
func (e *Execution) abort(b *branch, previous int) {
	if b.child != nil {
		e.halt(b)
		e.abortChild(b)
		return
	}
	if b.fan != nil && !b.fan.failed {
		for _, child := range b.fan.children {
			if child != nil && !child.settled {
				e.abort(child, previous)
			}
		}
	}
	b.generation++
	b.done = true
	e.stopJob(b)
	if e.abortRun(b) {
		e.note(b, event{kind: MapRunAborted, previous: previous})
	}
	if kind, ok := abortedEvents[b.state.is]; ok {
		e.note(b, event{kind: kind, previous: previous})
	}
}

// quantity evaluates a number of the state; it is 0 when the field is not given.
func (ev *evaluation) quantity(q *quantity) (float64, *failure) {
	switch {
	case q == nil:
		return 0, nil
	case q.path != nil:
		v, f := ev.follow(q.path)
		if f != nil {
			return 0, f
		}
		if s, isString := v.(string); isString { // recorded: a number in a string will do
			v = json.Number(s)
		}
		if q.field == "ToleratedFailurePercentagePath" {
			if n, ok := number(v); ok {
				return n, nil
			}
			return 0, runtimeFailure("The %s field refers to value \"%s\" which is not a valid float: %s", q.field, javaString(v), q.path.source)
		}
		n, ok := integer(v)
		if !ok {
			return 0, runtimeFailure("The %s field refers to value \"%s\" which is not a valid integer: %s", q.field, javaString(v), q.path.source)
		}
		return float64(n), nil
	case q.expression != nil:
		v, f := ev.expression(q.expression, q.field)
		if f != nil {
			return 0, f
		}
		n, ok := number(v)
		if !ok {
			return 0, queryFailure(q.field, "The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected 'number', but was '%s' for value: %s",
				q.expression.source, q.field, kindOf(v), text(v))
		}
		return n, nil
	}
	return q.constant, nil
}

// tolerance gives the rule for failed iterations; nil where none is given. With both a count and a percentage, either
// ends the state.
func (ev *evaluation) tolerance(m *each) (func(failures, total int) bool, *failure) {
	if m.count == nil && m.percentage == nil {
		return nil, nil
	}
	count, f := ev.quantity(m.count)
	if f != nil {
		return nil, f
	}
	percentage, f := ev.quantity(m.percentage)
	if f != nil {
		return nil, f
	}
	switch {
	case count < 0:
		return nil, runtimeFailure("ToleratedFailureCount cannot be negative.")
	case percentage < 0 || percentage > 100:
		return nil, runtimeFailure("ToleratedFailurePercentage must be between 0 and 100.")
	}
	return func(failures, total int) bool {
		return (float64(failures) <= count || m.count == nil && m.percentage != nil) &&
			(float64(failures)*100 <= percentage*float64(total) || m.percentage == nil)
	}, nil
}

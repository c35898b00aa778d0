package asl

import (
	"strings"
	"time"
)

// child is an execution that a distributed Map started. It goes forward as a branch of the execution around it, on the
// same clock and queue; name, history, context object and limits are its own.
type child struct {
	run      *mapRun
	index    int
	name     string
	input    any
	output   any
	status   Status // empty: it has not started
	failure  *failure
	started  int64
	stopped  int64
	redrives int
	redriven int64
	visits   []int   // per state; nil when it has succeeded
	events   []event // only where Options.ChildHistories wants them
	length   int     // of its history
	timer    int     // sequence of the timeout of an Express execution
}

// pendingRedrive is the status of a child execution that a redrive will go on with.
const pendingRedrive Status = "PENDING_REDRIVE"

// expressLimit is how long an Express execution may take.
const expressLimit = 5 * time.Minute

// record appends an event to the history of a child execution and gives its id.
func (c *child) record(v event) int {
	c.length++
	if c.run.keep {
		c.events = append(c.events, v)
	}
	return c.length
}

// identity is what an execution is called, and when it ran.
type identity struct {
	name, arn               string
	machineName, machineARN string
	input                   any
	started, redriven       time.Time
	redrives                int
}

// identity is that of a child execution, or of the execution itself if c is nil.
func (e *Execution) identity(c *child) identity {
	o := &e.options
	if c == nil {
		return identity{
			name: o.Name, arn: o.ARN, machineName: o.StateMachineName, machineARN: o.StateMachineARN,
			input: e.input, started: o.Start, redriven: time.Unix(0, e.redriven), redrives: e.redrives,
		}
	}
	r := c.run
	return identity{
		name: c.name, arn: c.arn(), machineName: r.machineName, machineARN: r.machineARN,
		input: c.input, started: time.Unix(0, c.started), redriven: time.Unix(0, c.redriven), redrives: c.redrives,
	}
}

// arn is the ARN of the child execution, in the form of its type.
func (c *child) arn() string {
	if c.run.express {
		return strings.Replace(c.run.machineARN, ":stateMachine:", ":express:", 1) + ":" + c.name + ":" + c.run.id
	}
	return strings.Replace(c.run.machineARN, ":stateMachine:", ":execution:", 1) + ":" + c.name
}

// visitsIn are the visits of states by a child execution, or by the execution itself.
func (e *Execution) visitsIn(c *child) []int {
	if c == nil {
		return e.visits
	}
	return c.visits
}

// bill counts a state transition, which Express executions do not have.
func (e *Execution) bill(c *child) {
	if c == nil || !c.run.express {
		e.transitions++
	}
}

// startChild starts the next child execution of the Map state that b is in.
func (e *Execution) startChild(b *branch, c *child) {
	*c = child{run: c.run, index: c.index, input: c.input, redrives: c.redrives, redriven: c.redriven, name: e.options.UUID(), status: Running, started: e.clock}
	c.visits = make([]int, len(e.machine.states))
	top := &branch{graph: b.state.each.graph, parent: b, index: c.index, child: c, state: b.state.each.graph.start, input: c.input}
	b.fan.children[c.index] = top
	c.record(event{at: e.clock, kind: ExecutionStarted, value: c.input, detail: e.options.RoleARN})
	e.limitExpress(top)
	if larger(c.input) {
		e.failBranch(top, failed(errorDataLimit, "The input of the execution is larger than 262144 bytes."))
		return
	}
	e.ready = append(e.ready, top)
}

func (e *Execution) limitExpress(top *branch) {
	if top.child.run.express {
		top.child.timer = e.push(e.clock+int64(expressLimit), item{do: lapse, branch: top})
	}
}

// childSucceeded takes the output of a child execution.
func (e *Execution) childSucceeded(top *branch, output any) {
	e.childStopped(top, Succeeded, event{kind: ExecutionSucceeded, previous: top.last, value: output}, nil)
	b := top.parent
	top.child.output, top.child.visits = output, nil
	b.fan.children[top.index] = nil // what it was doing need not be remembered
	top.settled = true
	e.iterationEnded(top, MapIterationSucceeded)
}

// childStopped ends a child execution.
func (e *Execution) childStopped(top *branch, status Status, last event, f *failure) {
	last.at = e.clock
	c := top.child
	c.record(last)
	c.status, c.failure, c.stopped, c.timer = status, f, e.clock, 0
}

// childTimedOut ends an Express child execution that took too long.
func (e *Execution) childTimedOut(top *branch) {
	f := &failure{name: errorTimeout, hasName: true}
	e.halt(top)
	top.generation++
	top.done, top.failure = true, f
	e.childStopped(top, TimedOut, event{kind: ExecutionTimedOut, previous: top.last, detail: f}, f)
	e.push(e.clock, item{do: collapse, branch: top.parent, child: top})
}

// abortChild ends a child execution that runs, because what started it is over.
func (e *Execution) abortChild(top *branch) {
	if top.child.status != Running {
		return
	}
	f := &failure{}
	top.generation++
	top.done, top.failure = true, f
	e.childStopped(top, Aborted, event{kind: ExecutionAborted, previous: top.last, detail: f}, f)
}

// halt ends what is under way inside a branch, without a trace in its own history: the execution that it is in is over.
func (e *Execution) halt(b *branch) {
	e.stopJob(b)
	if b.fan == nil {
		return
	}
	for _, inner := range b.fan.children {
		if inner == nil || inner.settled {
			continue
		}
		e.halt(inner)
		if inner.child != nil {
			e.abortChild(inner)
			continue
		}
		inner.generation++
		inner.done = true
	}
	e.abortRun(b)
}

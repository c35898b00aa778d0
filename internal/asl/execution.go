package asl

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Status is the status of an execution.
type Status string

// The statuses of DescribeExecution.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Options are what StartExecution is given, and the world that the execution runs in.
type Options struct {
	Name, ARN        string // of the execution
	StateMachineName string
	StateMachineARN  string // its region shows in TaskScheduled
	RoleARN          string
	Input            json.RawMessage // empty is {}
	Start            time.Time
	Tasks            Tasks          // may be nil for a machine without Task states
	Executions       Executions     // for startExecution; without it such a task is one of Tasks
	Objects          Objects        // may be nil for a machine without ItemReader and ResultWriter
	Random           func() float64 // in [0,1), for jitter, $random and States.MathRandom; may be nil without them
	UUID             func() string  // for $uuid, States.UUID, request ids, task tokens and the names of child executions
	ChildHistories   bool           // keep what MapRuns tells of child executions when they have ended: histories, inputs, outputs
}

// Task is one attempt at the work of a Task state.
type Task struct {
	Execution    string // name of the execution, which may be a child execution of a distributed Map
	ExecutionARN string
	State        string
	Visit        int // how often the execution has entered the state, from 1
	Attempt      int // within the visit, from 1: it counts retries
	Resource     string
	Function     string          // with lambda:invoke: Arguments.FunctionName; with a function ARN: that ARN
	Payload      json.RawMessage // what the function gets; with any other service all of Arguments
	RoleARN      string          // Credentials.RoleArn, if the state gives one
	Token        string          // with .waitForTaskToken and activities only
	Scheduled    time.Time
	RedriveCount int
}

// Outcome is the answer to a Task. It is virtual: the effect took place at Task.Scheduled, the answer arrives After
// later, or never if the state's timeout comes first.
type Outcome struct {
	// Output is what the function returned; the interpreter adds the envelope of lambda:invoke. With .waitForTaskToken
	// it is the answer of the call that hands the token over, with .sync the result of the job.
	Output json.RawMessage
	// Submitted is the answer of the call that starts a .sync job.
	Submitted json.RawMessage
	// Failed is an error of the task, with the name that Retry and Catch match.
	Failed       bool
	Error, Cause string
	After        time.Duration
	// Worker names the worker that took an activity.
	Worker string
}

// Tasks does the work of Task states. Do is called while the execution advances, one call at a time.
type Tasks interface {
	Do(ctx context.Context, t Task) Outcome
}

// Errors of the calls that answer a task token.
var (
	ErrTaskTimedOut     = errors.New("TaskTimedOut: the task timed out or has been answered already")
	ErrTaskDoesNotExist = errors.New("TaskDoesNotExist: no task has this token")
	ErrInvalidToken     = errors.New("InvalidToken: the token is empty or longer than 2048 characters")
	ErrInvalidOutput    = errors.New("InvalidOutput: the output is not JSON or larger than 256 KiB")
	ErrNotRedrivable    = errors.New("ExecutionNotRedrivable: only an execution that failed, timed out or was aborted in the last 14 days can be redriven")
)

// Execution is one run of a machine. It is a value that time moves: nothing happens unless Advance is called, and
// nothing of it runs on its own. It must not be used by two goroutines at once.
type Execution struct { //nolint:errname // Error is the name of the error, as in DescribeExecution
	machine *Machine
	options Options
	input   any
	root    *branch

	clock    int64 // Unix nanoseconds
	queue    queue
	sequence int
	ready    []*branch // about to enter their state
	tokens   map[string]*ticket
	jobs     map[string][]*branch // by the ARN of the execution that they wait for
	ev       evaluation           // of the state at work; reused

	events      []event
	runs        []*mapRun
	visits      []int // per state
	path        []*state
	transitions int
	retries     int

	status   Status
	output   any
	failure  *failure
	stopped  int64
	timer    int // sequence of the machine's timeout
	redrives int
	redriven int64
}

// maxEvents is the length of a history at which Step Functions fails the execution; a single step may add no more
// than eventsPerStep.
const (
	maxEvents     = 25_000
	eventsPerStep = 2*inlineLimit + 10
)

// Start records ExecutionStarted. The first state is entered by Advance.
func (m *Machine) Start(o Options) *Execution {
	e := &Execution{
		machine: m, options: o, status: Running,
		clock:  o.Start.UnixNano(),
		visits: make([]int, len(m.states)),
		events: make([]event, 0, 32),
		path:   make([]*state, 0, 16),
	}
	if len(o.Input) == 0 {
		o.Input = json.RawMessage("{}")
	}
	input, err := decode(o.Input)
	e.input = input
	e.bind()
	e.root = &branch{graph: m.graph, state: m.graph.start, input: input}
	e.record(event{kind: ExecutionStarted, value: input, detail: o.RoleARN})
	switch {
	case err != nil:
		e.fail(e.root, failed(errorRuntime, "InvalidExecutionInput: "+err.Error()))
		return e
	case larger(input):
		e.fail(e.root, failed(errorDataLimit, "The input of the execution is larger than 262144 bytes."))
		return e
	}
	e.startTimer()
	e.push(e.clock, item{do: begin, branch: e.root})
	return e
}

// bind points the reused evaluation at this execution.
func (e *Execution) bind() {
	e.ev = evaluation{volatile: volatile{now: e.now, random: e.options.Random, uuid: e.options.UUID}, context: e.contextObject}
}

func (e *Execution) now() time.Time { return time.Unix(0, e.clock) }

func (e *Execution) startTimer() {
	if e.machine.timeout > 0 {
		e.timer = e.push(e.clock+seconds(float64(e.machine.timeout)), item{do: expire, branch: e.root})
	}
}

// seconds converts to nanoseconds.
func seconds(s float64) int64 { return int64(s * float64(time.Second)) }

// record appends an event and gives its id.
func (e *Execution) record(v event) int {
	v.at = e.clock
	e.events = append(e.events, v)
	return len(e.events)
}

// note records an event of a branch, in the history of the execution that it is in.
func (e *Execution) note(b *branch, v event) int {
	if c := b.execution(); c != nil {
		v.at = e.clock
		return c.record(v)
	}
	return e.record(v)
}

// Next says when the next thing is due. It is false when the execution has finished, and when it waits for nothing
// but a task token, or an execution that it started, without a timeout.
func (e *Execution) Next() (time.Time, bool) {
	if e.status != Running || !e.prune() {
		return time.Time{}, false
	}
	return time.Unix(0, e.queue[0].at).UTC(), true
}

// Advance runs everything that is due at now or earlier, in the order of time and then of becoming due.
func (e *Execution) Advance(ctx context.Context, now time.Time) {
	until := now.UnixNano()
	e.ev.ctx = ctx
	for e.status == Running && e.prune() && e.queue[0].at <= until {
		i := e.queue.pop()
		e.clock = max(e.clock, i.at)
		if !e.full(i.branch) {
			e.act(i)
		}
		for len(e.ready) > 0 && e.status == Running {
			b := e.ready[0]
			if e.ready = e.ready[1:]; len(e.ready) == 0 {
				e.ready = nil
			}
			if !b.done && !e.full(b) {
				e.enter(b)
			}
		}
	}
}

// full ends the execution whose history has no room for another step: this one, or the child execution that b is in.
func (e *Execution) full(b *branch) bool {
	c := b.execution()
	switch {
	case len(e.events) > maxEvents-eventsPerStep:
		e.fail(e.root, tooLong())
	case c != nil && c.length > maxEvents-eventsPerStep:
		e.failBranch(b.top(), tooLong())
	default:
		return false
	}
	return true
}

// Run advances until nothing is due any more.
func (e *Execution) Run(ctx context.Context) {
	for {
		at, ok := e.Next()
		if !ok {
			return
		}
		e.Advance(ctx, at)
	}
}

// act does what one item of the queue says.
func (e *Execution) act(i item) {
	b := i.branch
	switch i.do {
	case begin:
		e.ready = append(e.ready, b)
	case resume:
		b.generation++
		e.waited(b)
	case repeat:
		b.generation++
		e.perform(b)
	case answer:
		e.answered(b, i.outcome)
	case submit:
		e.submitted(b, i.outcome)
	case missed, overdue:
		e.taskTimedOut(b, i.do == missed)
	case collapse:
		e.fanFailed(b, i.child)
	case refill:
		e.refill(b)
	case lapse:
		e.childTimedOut(b)
	case expire:
		e.finish(TimedOut, event{kind: ExecutionTimedOut, previous: e.root.last}, nil)
	}
}

// finish ends the execution.
func (e *Execution) finish(status Status, last event, f *failure) {
	if status != Succeeded {
		e.halt(e.root)
	}
	e.record(last)
	e.status, e.failure, e.stopped = status, f, e.clock
	e.ready = nil
}

// fail ends the execution with an error that nothing caught in the branch.
func (e *Execution) fail(b *branch, f *failure) {
	e.finish(Failed, event{kind: ExecutionFailed, previous: b.last, detail: f}, f)
}

// Stop ends the execution as StopExecution does: ABORTED, and no Catch runs.
func (e *Execution) Stop(now time.Time, errorName, cause string) {
	if e.status != Running {
		return
	}
	e.clock = max(e.clock, now.UnixNano())
	f := failed(errorName, cause)
	e.finish(Aborted, event{kind: ExecutionAborted, previous: e.root.last, detail: f}, f)
}

// Expire ends the execution as its machine's TimeoutSeconds would if they were over now: TIMED_OUT, and no Catch runs.
func (e *Execution) Expire(now time.Time) {
	if e.status != Running {
		return
	}
	e.clock = max(e.clock, now.UnixNano())
	e.act(item{do: expire, branch: e.root})
}

// Forget lets go of everything but how the execution came out: a history of very many is too much to keep. It must have ended, and can no
// longer be redriven or shown.
func (e *Execution) Forget() {
	if e.status == Running {
		return
	}
	e.events, e.path, e.visits, e.queue, e.ready, e.tokens, e.jobs = nil, nil, nil, nil, nil, nil, nil
	e.root, e.ev, e.input, e.runs = nil, evaluation{}, nil, nil
	e.options = Options{ARN: e.options.ARN, Name: e.options.Name, StateMachineARN: e.options.StateMachineARN, Start: e.options.Start}
}

// Status says where the execution stands.
func (e *Execution) Status() Status { return e.status }

// Output is the output of an execution that succeeded.
func (e *Execution) Output() json.RawMessage {
	if e.status != Succeeded {
		return nil
	}
	return encode(e.output)
}

// Error is the error name of an execution that did not succeed; it may be empty.
func (e *Execution) Error() string {
	if e.failure == nil {
		return ""
	}
	return e.failure.name
}

// Cause is the cause of an execution that did not succeed; it may be empty.
func (e *Execution) Cause() string {
	if e.failure == nil {
		return ""
	}
	return e.failure.cause
}

// Path gives the names of the states in the order in which they were entered.
func (e *Execution) Path() []string {
	names := make([]string, len(e.path))
	for i, s := range e.path {
		names[i] = s.name
	}
	return names
}

// StartTime is when the execution started.
func (e *Execution) StartTime() time.Time { return e.options.Start }

// Stopped is when the execution ended; the zero time while it runs.
func (e *Execution) Stopped() time.Time {
	if e.status == Running {
		return time.Time{}
	}
	return time.Unix(0, e.stopped).UTC()
}

// Transitions counts what Step Functions bills: states entered, and retries.
func (e *Execution) Transitions() int { return e.transitions }

// Retries counts the retries of all states.
func (e *Execution) Retries() int { return e.retries }

// RedriveTime is when the execution was redriven last; the zero time where it never was.
func (e *Execution) RedriveTime() time.Time {
	if e.redrives == 0 {
		return time.Time{}
	}
	return time.Unix(0, e.redriven).UTC()
}

// RedriveCount counts the redrives.
func (e *Execution) RedriveCount() int { return e.redrives }

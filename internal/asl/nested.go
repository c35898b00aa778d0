package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Executions starts and stops the executions that tasks with arn:aws:states:::states:startExecution ask for. Like Tasks
// it is called while the execution advances, one call at a time. With startExecution.sync the task then waits until
// ExecutionEnded says how the execution that it started has ended.
type Executions interface {
	// StartExecution starts an execution. A *ServiceError is the refusal of Step Functions.
	StartExecution(ctx context.Context, c StartCall) (arn string, err error)
	// StopExecution stops an execution whose end a task waited for that is itself over: its execution has ended, or the
	// branch that it is in was aborted. Step Functions tries this once.
	StopExecution(ctx context.Context, c StopCall)
}

// StartCall is the call of StartExecution that a task makes.
type StartCall struct {
	Execution, ExecutionARN string // that the task is in
	State                   string
	At                      time.Time
	RoleARN                 string // Credentials.RoleArn, if the state gives one
	StateMachineARN         string
	Name                    string
	Input                   json.RawMessage
}

// StopCall is the call of StopExecution that ends what a task had started.
type StopCall struct {
	Execution, ExecutionARN string // that the task was in
	State                   string
	At                      time.Time
	ARN                     string // to stop
}

// ServiceError is an answer of Step Functions that refuses a call.
type ServiceError struct {
	Code    string // StateMachineDoesNotExist, ExecutionAlreadyExists, AccessDeniedException, …
	Message string
	Status  int // of HTTP
}

func (e *ServiceError) Error() string { return e.Code + ": " + e.Message }

// Description is what DescribeExecution says of an execution.
type Description struct {
	ARN, Name, StateMachineARN string
	Status                     Status
	Input, Output              json.RawMessage
	Error, Cause               string
	Started, Stopped           time.Time
}

// Describe describes the execution.
func (e *Execution) Describe() Description {
	return Description{
		ARN: e.options.ARN, Name: e.options.Name, StateMachineARN: e.options.StateMachineARN, Status: e.status,
		Input: encode(e.input), Output: e.Output(), Error: e.Error(), Cause: e.Cause(), Started: e.StartTime(), Stopped: e.Stopped(),
	}
}

// ExecutionEnded says that an execution has ended. The task that started it, and waits for it, takes the result when the
// execution advances to now. It must not be called from within Executions.
func (e *Execution) ExecutionEnded(now time.Time, d Description) {
	for _, b := range e.jobs[d.ARN] {
		if b.job != d.ARN || b.done || e.status != Running {
			continue
		}
		b.job = ""
		e.push(max(e.clock, now.UnixNano()), item{do: answer, branch: b, outcome: d.outcome(strings.HasSuffix(b.work.task.action, ":2"))})
	}
	delete(e.jobs, d.ARN)
}

// startsExecution says whether the task starts an execution.
func (t *task) startsExecution() bool {
	name, _, _ := strings.Cut(t.action, ".")
	return t.service == "states" && name == "startExecution"
}

// startExecution does the work of a task that starts an execution.
func (e *Execution) startExecution(b *branch, arguments any) {
	call, f := e.startCall(b, arguments)
	if f != nil {
		e.await(b, Outcome{Failed: true, Error: f.name, Cause: f.cause})
		return
	}
	waits := b.state.task.pattern == syncJob
	if waits {
		e.issue(b, b.work) // recorded: a token answers it too
	}
	arn, err := e.options.Executions.StartExecution(e.ev.ctx, call)
	if err != nil {
		e.await(b, e.refused(err))
		return
	}
	started := objectOf(append([]member{{"ExecutionArn", arn}}, append(e.metadata(), member{"StartDate", milliseconds(call.At)})...)...)
	if !waits {
		e.await(b, Outcome{Output: encode(started)})
		return
	}
	b.last = e.note(b, event{kind: TaskSubmitted, previous: b.last, value: started, detail: b.work})
	b.job, b.handed = arn, true
	if e.jobs == nil {
		e.jobs = map[string][]*branch{}
	}
	e.jobs[arn] = append(e.jobs[arn], b)
	e.startTimers(b)
	if b.early != nil {
		e.push(max(e.clock, b.earlyAt), item{do: answer, branch: b, outcome: b.early})
	}
}

// startCall reads the arguments of startExecution.
func (e *Execution) startCall(b *branch, arguments any) (StartCall, *failure) {
	self := e.identity(b.execution())
	c := StartCall{
		Execution: self.name, ExecutionARN: self.arn, State: b.state.name, At: time.Unix(0, e.clock).UTC(), RoleARN: b.work.role,
		Input: json.RawMessage("{}"),
	}
	o, _ := arguments.(*object)
	if o == nil {
		o = newObject(0)
	}
	c.StateMachineARN, _ = typed[string](o, "StateMachineArn")
	if c.StateMachineARN == "" {
		return c, runtimeFailure("The StateMachineArn of startExecution must be a string.")
	}
	if c.Name, _ = typed[string](o, "Name"); c.Name == "" {
		c.Name = e.options.UUID()
	}
	switch input, _ := o.get("Input"); input := input.(type) {
	case nil: // recorded: null is {}
	case string:
		c.Input = json.RawMessage(input)
	default:
		c.Input = encode(input)
	}
	return c, nil
}

// refused is the outcome of a call that Step Functions refused; name and cause as recorded.
func (e *Execution) refused(err error) Outcome {
	var refusal *ServiceError
	if !errors.As(err, &refusal) {
		refusal = &ServiceError{Code: "AWSStepFunctionsException", Message: err.Error(), Status: 500}
	}
	return Outcome{
		Failed: true, Error: "StepFunctions." + strings.TrimSuffix(refusal.Code, "Exception") + "Exception",
		Cause: fmt.Sprintf("%s (Service: AWSStepFunctions; Status Code: %d; Error Code: %s; Request ID: %s; Proxy: null)",
			refusal.Message, refusal.Status, refusal.Code, e.options.UUID()),
	}
}

// metadata is what an optimized integration says of the answer to its call; order and headers as recorded.
func (e *Execution) metadata() []member {
	id := e.options.UUID()
	headers := []member{
		{"x-amzn-RequestId", id}, {"connection", "keep-alive"}, {"Content-Length", strconv.Itoa(len(id))},
		{"Date", time.Unix(0, e.clock).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}, {"Content-Type", "application/x-amz-json-1.0"},
	}
	all := make([]member, len(headers))
	for i, h := range headers {
		all[i] = member{h.key, []any{h.value}}
	}
	return []member{
		{"SdkHttpMetadata", objectOf(
			member{"AllHttpHeaders", objectOf(all...)}, member{"HttpHeaders", objectOf(headers...)}, member{"HttpStatusCode", float64(200)},
		)},
		{"SdkResponseMetadata", objectOf(member{"RequestId", id})},
	}
}

// milliseconds is a time as the optimized integrations write it.
func milliseconds(t time.Time) float64 { return float64(t.UnixMilli()) }

// outcome is the result of the task that waited for the execution. The error is States.TaskFailed whatever that
// execution's was, and its cause the description; with .sync:2 the data of a success are JSON, not text.
func (d Description) outcome(parsed bool) *outcome {
	data := func(raw json.RawMessage) any {
		if v, err := decode(raw); err == nil && parsed && d.Status == Succeeded {
			return v
		}
		return string(raw)
	}
	o := newObject(12)
	optional := func(key, value string) {
		if value != "" {
			o.set(key, value)
		}
	}
	included := objectOf(member{"Included", true})
	optional("Cause", d.Cause)
	optional("Error", d.Error)
	o.set("ExecutionArn", d.ARN)
	o.set("Input", data(d.Input))
	o.set("InputDetails", included)
	o.set("Name", d.Name)
	if d.Status == Succeeded {
		o.set("Output", data(d.Output))
		o.set("OutputDetails", included)
	}
	o.set("StartDate", milliseconds(d.Started))
	o.set("StateMachineArn", d.StateMachineARN)
	o.set("Status", string(d.Status))
	o.set("StopDate", milliseconds(d.Stopped))
	if d.Status == Succeeded {
		return &outcome{output: o}
	}
	return &outcome{failure: failed(errorTaskFailed, text(o))}
}

// stopJob stops the execution that the task of b waits for.
func (e *Execution) stopJob(b *branch) {
	if b.job == "" {
		return
	}
	self := e.identity(b.execution())
	e.options.Executions.StopExecution(e.ev.ctx, StopCall{
		Execution: self.name, ExecutionARN: self.arn, State: b.state.name, At: time.Unix(0, e.clock).UTC(), ARN: b.job,
	})
	b.job = ""
}

package asl

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// schedule starts the work of a Task state.
func (e *Execution) schedule(b *branch, input any) *failure {
	s, t := b.state, b.state.task
	if t.pattern == callback || t.pattern == activity || t.pattern == syncJob {
		b.token = e.options.UUID()
	}
	ev := e.see(b, input)
	w := &scheduled{task: t, region: region(e.options.StateMachineARN)}
	for _, q := range []struct {
		from *quantity
		to   *int64
	}{{t.timeout, &w.timeout}, {t.heartbeat, &w.heartbeat}} {
		if q.from == nil {
			continue
		}
		n, f := ev.quantity(q.from)
		switch {
		case f != nil:
			return f
		case n < 1 || n > maxTimeout || n != math.Trunc(n):
			return runtimeFailure("The %s field must be a whole number from 1 to %d, but was: %s", q.from.field, maxTimeout, text(n))
		}
		*q.to = int64(n)
	}
	if t.role != nil {
		v, f := ev.fill(t.role)
		if f != nil {
			return f
		}
		o, _ := v.(*object)
		role, ok := typed[string](o, "RoleArn")
		if !ok {
			return runtimeFailure("The RoleArn of the Credentials field must be a string.")
		}
		w.role = role
	}
	arguments := input
	for _, from := range []*template{s.parameters, s.arguments} {
		if from == nil {
			continue
		}
		v, f := ev.fill(from)
		if f != nil {
			return f
		}
		arguments = v
	}
	if !same(arguments, b.input) && larger(arguments) {
		return failed(errorDataLimit, "The state/task '"+s.name+"' was given an input with a size exceeding the maximum number of bytes service limit.")
	}
	b.work, b.handed, b.early = w, false, nil
	names := t.events()
	b.last = e.note(b, event{kind: names.scheduled, previous: b.last, value: arguments, detail: w})
	if t.pattern != activity {
		b.last = e.note(b, event{kind: names.started, previous: b.last, detail: w})
	}
	if t.byToken() {
		e.issue(b, w)
	}
	if t.startsExecution() && e.options.Executions != nil {
		e.startExecution(b, arguments)
		return nil
	}
	attempt := b.generation
	out := e.options.Tasks.Do(ev.ctx, e.assignment(b, arguments))
	if b.generation == attempt { // otherwise somebody has stopped and redriven the execution meanwhile, and nobody waits for this answer
		e.await(b, out)
	}
	return nil
}

// assignment is what the outside sees of the attempt.
func (e *Execution) assignment(b *branch, arguments any) Task {
	t := b.state.task
	c := b.execution()
	self := e.identity(c)
	out := Task{
		Execution: self.name, ExecutionARN: self.arn, State: b.state.name, Visit: e.visitsIn(c)[b.state.index], Attempt: b.attempt,
		Resource: t.resource, Scheduled: time.Unix(0, e.clock).UTC(), RedriveCount: self.redrives,
	}
	out.RoleARN = b.work.role
	if t.byToken() {
		out.Token = b.token
	}
	payload := arguments
	switch {
	case t.pattern == directFunction:
		out.Function = t.resource
	case t.isLambda():
		call, ok := arguments.(*object)
		if !ok {
			break
		}
		out.Function, _ = typed[string](call, "FunctionName")
		b.work.function = out.Function
		if payload, ok = call.get("Payload"); !ok {
			payload = newObject(0)
		}
	}
	out.Payload = encode(payload)
	return out
}

// byToken says whether the result comes by the task token.
func (t *task) byToken() bool { return t.pattern == callback || t.pattern == activity }

// isLambda says whether the result comes in the envelope of lambda:invoke.
func (t *task) isLambda() bool { return t.service == "lambda" && strings.HasPrefix(t.action, "invoke") }

type taskEvents struct{ scheduled, started, succeeded, failed, timedOut EventType }

func (t *task) events() taskEvents {
	switch t.pattern {
	case directFunction:
		return taskEvents{LambdaFunctionScheduled, LambdaFunctionStarted, LambdaFunctionSucceeded, LambdaFunctionFailed, LambdaFunctionTimedOut}
	case activity:
		return taskEvents{ActivityScheduled, ActivityStarted, ActivitySucceeded, ActivityFailed, ActivityTimedOut}
	}
	return taskEvents{TaskScheduled, TaskStarted, TaskSucceeded, TaskFailed, TaskTimedOut}
}

// await queues the answer of a task, and the timers that may come first.
func (e *Execution) await(b *branch, out Outcome) {
	w := b.work
	o := e.outcome(b, out)
	due := e.clock + min(max(0, int64(out.After)), math.MaxInt64-e.clock)
	byToken := w.task.byToken() && o.failure == nil
	switch {
	case byToken:
		e.startTimers(b)
	case w.timeout > 0 && due > e.clock+w.timeout*int64(time.Second):
		e.push(e.clock+w.timeout*int64(time.Second), item{do: overdue, branch: b})
	}
	switch {
	case byToken && w.task.pattern == activity:
		b.handed = true
		b.last = e.note(b, event{kind: ActivityStarted, previous: b.last, detail: out.Worker})
		if b.early != nil {
			e.push(max(due, b.earlyAt), item{do: answer, branch: b, outcome: b.early})
		}
	case byToken:
		e.push(due, item{do: submit, branch: b, outcome: o})
	default:
		if w.task.pattern == syncJob && out.Submitted != nil {
			if v, err := decode(out.Submitted); err == nil {
				b.last = e.note(b, event{kind: TaskSubmitted, previous: b.last, value: v, detail: w})
			}
		}
		e.push(due, item{do: answer, branch: b, outcome: o})
	}
}

// startTimers queues what happens when nobody answers a task in time.
func (e *Execution) startTimers(b *branch) {
	w := b.work
	if w.timeout > 0 {
		e.push(e.clock+w.timeout*int64(time.Second), item{do: overdue, branch: b})
	}
	if w.heartbeat > 0 {
		b.heartbeat = e.push(e.clock+w.heartbeat*int64(time.Second), item{do: missed, branch: b})
	}
}

// outcome reads what the outside answered.
func (e *Execution) outcome(b *branch, out Outcome) *outcome {
	t := b.state.task
	if out.Failed {
		f := failed(out.Error, out.Cause)
		if t.isLambda() { // recorded: through lambda:invoke the cause is compact
			if v, err := decode([]byte(out.Cause)); err == nil {
				f.cause = text(v)
			}
		}
		// A call that was to start a job or hand a token over failed before anything was submitted. A function that
		// fails after it was invoked is not that.
		unsubmitted := t.pattern == syncJob && out.Submitted == nil || t.pattern == callback && !t.isLambda()
		return &outcome{failure: f, unsubmitted: unsubmitted}
	}
	var v any
	if len(out.Output) > 0 {
		var err error
		if v, err = decode(out.Output); err != nil {
			return &outcome{failure: failed(errorRuntime, fmt.Sprintf("The task of the state '%s' did not return JSON: %s", b.state.name, err))}
		}
	}
	if t.isLambda() {
		v = e.envelope(v, len(out.Output), b)
	}
	return &outcome{output: v}
}

// envelope is how lambda:invoke wraps what a function returns; order and headers as recorded.
func (e *Execution) envelope(payload any, size int, b *branch) *object {
	id := e.options.UUID()
	version := "$LATEST"
	name := b.work.function
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 && strings.Trim(name[colon+1:], "0123456789") == "" && strings.Contains(name[:colon], "function:") {
		version = name[colon+1:]
	}
	headers := []member{
		{"X-Amz-Executed-Version", version},
		{"x-amzn-Remapped-Content-Length", "0"},
		{"Connection", "keep-alive"},
		{"x-amzn-RequestId", id},
		{"Content-Length", strconv.Itoa(size)},
		{"Date", time.Unix(0, e.clock).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		{"X-Amzn-Trace-Id", fmt.Sprintf("root=1-%08x-%.24s;sampled=0", e.clock/int64(time.Second), strings.ReplaceAll(id, "-", ""))},
		{"Content-Type", "application/json"},
	}
	all := make([]member, len(headers))
	for i, h := range headers {
		all[i] = member{h.key, []any{h.value}}
	}
	return objectOf(
		member{"ExecutedVersion", version},
		member{"Payload", payload},
		member{"SdkHttpMetadata", objectOf(
			member{"AllHttpHeaders", objectOf(all...)},
			member{"HttpHeaders", objectOf(headers...)},
			member{"HttpStatusCode", float64(200)},
		)},
		member{"SdkResponseMetadata", objectOf(member{"RequestId", id})},
		member{"StatusCode", float64(200)},
	)
}

// answered takes the result of a task.
func (e *Execution) answered(b *branch, o *outcome) {
	b.generation++
	b.job = ""
	w, names := b.work, b.state.task.events()
	f := o.failure
	if f == nil && larger(o.output) {
		name := w.task.service
		if name == "" {
			name = w.task.resource
		}
		f = tooLarge(name)
	}
	if f != nil {
		kind := names.failed
		if o.unsubmitted {
			kind = TaskSubmitFailed
		}
		b.last = e.note(b, event{kind: kind, previous: b.last, detail: taskFailure{w, f}})
		e.raise(b, f)
		return
	}
	b.last = e.note(b, event{kind: names.succeeded, previous: b.last, value: o.output, detail: w})
	e.complete(b, o.output)
}

// submitted records that the call that hands the token over returned.
func (e *Execution) submitted(b *branch, o *outcome) {
	b.last = e.note(b, event{kind: TaskSubmitted, previous: b.last, value: o.output, detail: b.work})
	b.handed = true
	if b.early != nil {
		e.push(max(e.clock, b.earlyAt), item{do: answer, branch: b, outcome: b.early})
	}
}

// taskTimedOut ends an attempt that took too long, or whose heartbeat did not come.
func (e *Execution) taskTimedOut(b *branch, heartbeat bool) {
	b.generation++
	b.job = "" // what it started goes on
	// Recorded: a missed heartbeat shows as States.Timeout too. The name of the documentation matches as well.
	f := &failure{name: errorTimeout, hasName: true, heartbeat: heartbeat}
	b.last = e.note(b, event{kind: b.state.task.events().timedOut, previous: b.last, detail: taskFailure{b.work, f}})
	e.raise(b, f)
}

func region(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

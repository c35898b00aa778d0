package asl

import (
	"math"
	"time"
)

// enter records that the branch enters its state, and does the work of the state.
func (e *Execution) enter(b *branch) {
	s := b.state
	c := b.execution()
	e.visitsIn(c)[s.index]++
	if c == nil {
		e.path = append(e.path, s)
	}
	e.bill(c)
	b.entered, b.before, b.enteredState = e.clock, b.last, s
	b.attempt, b.retryCount = 1, 0
	clear(b.attempts)
	b.last = e.note(b, event{kind: s.entered, previous: b.last, name: s.name, value: b.input})
	b.enteredID = b.last
	e.perform(b)
}

// see points the evaluation at what the state sees as its input.
func (e *Execution) see(b *branch, input any) *evaluation {
	ev := &e.ev
	ev.branch, ev.input, ev.variables = b, input, b.variables
	ev.result, ev.hasResult, ev.errors, ev.hasErrors = nil, false, nil, false
	return ev
}

// perform does the work of the state that the branch is in, for the first time or again.
func (e *Execution) perform(b *branch) {
	input, f := e.effectiveInput(b)
	if f != nil {
		e.raise(b, f)
		return
	}
	switch b.state.is {
	case passState:
		e.pass(b, input)
	case taskState:
		f = e.schedule(b, input)
	case choiceState:
		f = e.choose(b, input)
	case waitState:
		f = e.wait(b, input)
	case succeedState:
		f = e.succeed(b, input)
	case failState:
		e.raise(b, e.failState(b, input))
	case parallelState:
		f = e.fork(b, input)
	case mapState:
		f = e.iterate(b, input)
	}
	if f != nil {
		e.raise(b, f)
	}
}

// effectiveInput applies InputPath.
func (e *Execution) effectiveInput(b *branch) (any, *failure) {
	s := b.state
	if s.inputNone {
		return newObject(0), nil
	}
	if s.inputPath == nil {
		return b.input, nil
	}
	return e.see(b, b.input).follow(s.inputPath)
}

// follow reads the path of a field that selects data, such as InputPath.
func (ev *evaluation) follow(p *path) (any, *failure) {
	v, err := ev.path(p)
	if err != nil {
		return nil, runtimeFailure("Invalid path '%s' : %s", p.source, err)
	}
	return v, nil
}

func (e *Execution) pass(b *branch, input any) {
	s := b.state
	result := input
	if s.parameters != nil {
		v, f := e.see(b, input).fill(s.parameters)
		if f != nil {
			e.raise(b, f)
			return
		}
		result = v
	}
	if s.result != nil {
		result = s.result.constant
	}
	e.complete(b, result)
}

// complete goes on with the result of the state's work: it is shaped, stored, and the branch leaves the state.
func (e *Execution) complete(b *branch, result any) {
	output, assigned, f := e.shape(b, result)
	if f != nil {
		e.raise(b, f)
		return
	}
	e.leave(b, output, assigned, b.state.next)
}

// shape makes the output of the state, and its assignments, of the result of its work.
func (e *Execution) shape(b *branch, result any) (any, *object, *failure) {
	s := b.state
	if s.jsonata {
		ev := e.see(b, b.input)
		ev.result, ev.hasResult = result, s.is&workState != 0
		return ev.outputs(s.output, s.assign, result)
	}
	if s.resultSelector != nil {
		v, f := e.see(b, result).fill(s.resultSelector)
		if f != nil {
			return nil, nil, f
		}
		result = v
	}
	assigned, f := e.see(b, result).assignments(s.assign)
	if f != nil {
		return nil, nil, f
	}
	output, f := store(b.input, result, s.resultPath, s.resultNone)
	if f != nil {
		return nil, nil, f
	}
	output, f = e.outputPath(b, output)
	return output, assigned, f
}

// outputs evaluates Output and Assign, which see the same variables; output is what the state gives without Output.
func (ev *evaluation) outputs(output, assign *template, otherwise any) (any, *object, *failure) {
	if output != nil {
		v, f := ev.fill(output)
		if f != nil {
			return nil, nil, f
		}
		otherwise = v
	}
	assigned, f := ev.assignments(assign)
	return otherwise, assigned, f
}

func (ev *evaluation) assignments(t *template) (*object, *failure) {
	if t == nil {
		return nil, nil
	}
	v, f := ev.fill(t)
	if f != nil {
		return nil, f
	}
	return v.(*object), nil
}

// store applies ResultPath to the raw input.
func store(input, result any, p *path, none bool) (any, *failure) {
	switch {
	case none:
		return input, nil
	case p == nil:
		return result, nil
	}
	out, err := p.replace(input, result)
	if err != nil {
		return nil, failed("States.ResultPathMatchFailure", "Unable to apply ReferencePath "+p.source+" to input "+text(input))
	}
	return out, nil
}

// outputPath applies OutputPath.
func (e *Execution) outputPath(b *branch, output any) (any, *failure) {
	s := b.state
	switch {
	case s.outputNone:
		return newObject(0), nil
	case s.outputPath == nil:
		return output, nil
	}
	return e.see(b, output).follow(s.outputPath)
}

// leave records that the branch leaves its state, and sends it to the next one; without one the branch ends.
func (e *Execution) leave(b *branch, output any, assigned *object, next *state) {
	s := b.state
	if !same(output, b.input) && larger(output) {
		e.raise(b, tooLarge(s.name))
		return
	}
	exited := event{kind: s.exited, previous: b.last, name: s.name, value: output}
	if assigned != nil && len(assigned.members) > 0 {
		exited.detail = &exit{assigned}
		b.variables = b.variables.assign(assigned)
	}
	b.last = e.note(b, exited)
	b.leave()
	b.input = output
	if next != nil {
		b.state = next
		e.ready = append(e.ready, b)
		return
	}
	b.done = true
	if b.parent == nil {
		e.output = output
		e.finish(Succeeded, event{kind: ExecutionSucceeded, previous: b.last, value: output}, nil)
		return
	}
	if b.child != nil {
		e.childSucceeded(b, output)
		return
	}
	b.parent.fan.results[b.index] = output
	e.iterationEnded(b, MapIterationSucceeded)
}

// same says whether two values are one object, whose size has been looked at before.
func same(a, b any) bool {
	x, ok := a.(*object)
	y, ok2 := b.(*object)
	return ok && ok2 && x == y
}

func (e *Execution) choose(b *branch, input any) *failure {
	s := b.state
	ev := e.see(b, input)
	for i := range s.choices {
		rule := &s.choices[i]
		holds, f := rule.holds(ev)
		if f != nil {
			return f
		}
		if holds {
			return e.chosen(b, input, rule.output, rule.assign, rule.next)
		}
	}
	if s.fallback == nil {
		return failed(errorNoChoice, "Failed to transition out of the state '"+s.name+"'. The state machine is missing a Default or its Choices do not match the input.")
	}
	return e.chosen(b, input, s.output, s.assign, s.fallback)
}

func (r *choiceRule) holds(ev *evaluation) (bool, *failure) {
	if r.test != nil {
		return r.test.holds(ev)
	}
	v, f := ev.fill(r.condition)
	if f != nil {
		return false, f
	}
	holds, ok := v.(bool)
	if !ok {
		return false, queryFailure("Condition", "The JSONata expression '%s' specified for the field 'Condition' returned an unexpected result type. Expected 'boolean', but was '%s' for value: %s",
			r.condition.expression.source, kindOf(v), text(v))
	}
	return holds, nil
}

func (e *Execution) chosen(b *branch, input any, output, assign *template, next *state) *failure {
	s := b.state
	ev := e.see(b, input)
	var assigned *object
	var f *failure
	if s.jsonata {
		input, assigned, f = ev.outputs(output, assign, input)
	} else if assigned, f = ev.assignments(assign); f == nil {
		input, f = e.outputPath(b, input)
	}
	if f == nil {
		e.leave(b, input, assigned, next)
	}
	return f
}

func (e *Execution) succeed(b *branch, input any) *failure {
	var output any
	var f *failure
	if b.state.jsonata {
		output, _, f = e.see(b, input).outputs(b.state.output, nil, input)
	} else {
		output, f = e.outputPath(b, input)
	}
	if f == nil {
		e.leave(b, output, nil, nil)
	}
	return f
}

// failState gives the error of a Fail state.
func (e *Execution) failState(b *branch, input any) *failure {
	out := &failure{}
	ev := e.see(b, input)
	for _, part := range []struct {
		field string
		t     *template
		text  *string
		has   *bool
	}{{"Error", b.state.fail.errors, &out.name, &out.hasName}, {"Cause", b.state.fail.cause, &out.cause, &out.hasCause}} {
		if part.t == nil {
			continue
		}
		v, f := ev.fill(part.t)
		if f != nil {
			return f
		}
		s, ok := v.(string)
		switch {
		case ok:
			*part.text, *part.has = s, true
		case part.t.expression != nil:
			return queryFailure(part.field, "The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected 'string', but was '%s' for value: %s",
				part.t.expression.source, part.field, kindOf(v), text(v))
		default:
			return runtimeFailure("The %sPath field refers to value %s which is not a string", part.field, text(v))
		}
	}
	return out
}

// maxWaitDays is where the service says that a Wait is too long; recorded from AWS.
const maxWaitDays = 24_855

func (e *Execution) wait(b *branch, input any) *failure {
	until, f := e.waitUntil(b, input)
	if f != nil {
		return f
	}
	if until <= e.clock {
		e.complete(b, input)
		return nil
	}
	if until-e.clock >= int64(maxWaitDays*24*time.Hour) {
		return runtimeFailure("Wait state delay is too long.")
	}
	e.push(until, item{do: resume, branch: b})
	return nil
}

// waited goes on after a Wait.
func (e *Execution) waited(b *branch) {
	input, f := e.effectiveInput(b)
	if f != nil {
		e.raise(b, f)
		return
	}
	e.complete(b, input)
}

// nanoseconds is t.UnixNano, and the largest number for what that cannot express.
func nanoseconds(t time.Time) int64 {
	if t.Year() > 2261 {
		return math.MaxInt64
	}
	if t.Year() < 1678 {
		return math.MinInt64
	}
	return t.UnixNano()
}

// waitUntil gives the time at which a Wait ends.
func (e *Execution) waitUntil(b *branch, input any) (int64, *failure) {
	w := b.state.wait
	ev := e.see(b, input)
	after := func(n int64) int64 {
		if n > math.MaxInt64/int64(time.Second)-e.clock/int64(time.Second)-1 {
			return math.MaxInt64
		}
		return e.clock + n*int64(time.Second)
	}
	switch {
	case w.secondsPath != nil:
		v, err := ev.path(w.secondsPath)
		source := w.secondsPath.source
		if err != nil {
			return 0, runtimeFailure("The SecondsPath parameter does not reference an input value: %s", source)
		}
		n, ok := integer(v)
		switch {
		case !ok:
			return 0, runtimeFailure("The SecondsPath parameter cannot be parsed as a long value: %s == %s", source, javaString(v))
		case n < 0:
			return 0, runtimeFailure("The SecondsPath parameter references a negative value: %s == %s", source, javaString(v))
		}
		return after(n), nil
	case w.timestampPath != nil:
		v, err := ev.path(w.timestampPath)
		if err != nil {
			return 0, runtimeFailure("The TimestampPath parameter does not reference an input value: %s", w.timestampPath.source)
		}
		t, ok := moment(v)
		if !ok {
			return 0, runtimeFailure("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", w.timestampPath.source, javaString(v))
		}
		return nanoseconds(t), nil
	case w.timestamp != nil:
		v, f := ev.fill(w.timestamp)
		if f != nil {
			return 0, f
		}
		t, ok := moment(v)
		if !ok {
			f := queryFailure("Timestamp", "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: %s", javaString(v))
			f.late = true
			return 0, f
		}
		return nanoseconds(t), nil
	}
	v, f := ev.fill(w.seconds)
	if f != nil {
		return 0, f
	}
	n, ok := integer(v)
	switch _, numeric := number(v); {
	case !numeric:
		return 0, queryFailure("Seconds", "The JSONata expression '%s' specified for the field 'Seconds' returned an unexpected result type. Expected 'number', but was '%s' for value: %s", w.seconds.expression.source, kindOf(v), text(v))
	case !ok || n < 0:
		return 0, queryFailure("Seconds", "The Seconds field must be a whole number that is not negative, but was: %s", text(v))
	}
	return after(n), nil
}

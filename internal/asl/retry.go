package asl

import "math"

// raise handles an error of the state that the branch is in: Retry first, then Catch, and otherwise the branch fails.
func (e *Execution) raise(b *branch, f *failure) {
	f = f.in(b)
	e.evaluationFailed(b, f)
	s := b.state
	if b.fan != nil && !b.fan.failed && b.fan.finished < len(b.fan.children) {
		e.abandon(b, nil)
	}
	for i := range s.retry {
		r := &s.retry[i]
		if !f.matches(r.errors) {
			continue
		}
		// The first retrier that matches owns the error: when it is used up, later ones do not get a turn.
		if b.attempts == nil {
			b.attempts = make([]int, len(s.retry))
		}
		if b.attempts[i] < r.attempts {
			e.retry(b, i)
			return
		}
		break
	}
	if b.fan != nil && b.fan.failed || b.fan == nil && s.is == mapState && f.name == errorQuery {
		kind := ParallelStateFailed
		if s.is == mapState {
			kind = MapStateFailed
		}
		b.last = e.note(b, event{kind: kind, previous: b.last})
	}
	for i := range s.catch {
		if f.matches(s.catch[i].errors) {
			e.caught(b, f, &s.catch[i])
			return
		}
	}
	e.failBranch(b, f)
}

// evaluationFailed records that a JSONata expression failed.
func (e *Execution) evaluationFailed(b *branch, f *failure) {
	if !f.query {
		return
	}
	previous := b.last
	if b.last == b.enteredID && !f.late {
		previous = b.before // recorded: right after entering, the event hangs on the one before
	}
	b.last = e.note(b, event{kind: EvaluationFailed, previous: previous, name: b.state.name, detail: f})
	f.query = false // the branch and states around it pass it on without recording it again
}

// retry tries the state again after the delay of its retrier.
func (e *Execution) retry(b *branch, i int) {
	r := &b.state.retry[i]
	delay := r.delay(b.attempts[i])
	if r.full {
		delay *= e.options.Random()
	}
	b.attempts[i]++
	b.attempt++
	b.retryCount++
	b.generation++
	e.retries++
	e.bill(b.execution())
	b.leave()
	e.push(e.clock+seconds(delay), item{do: repeat, branch: b})
}

// delay is the wait in seconds before the next retry, after the given number of retries, without jitter.
func (r *retrier) delay(used int) float64 {
	d := r.interval * math.Pow(r.backoff, float64(used))
	if r.limit > 0 {
		d = min(d, r.limit)
	}
	return min(d, maxTimeout)
}

// caught goes on at the state that a catcher names.
func (e *Execution) caught(b *branch, f *failure, c *catcher) {
	errors := f.output()
	b.generation++
	var output any
	var assigned *object
	var wrong *failure
	if b.state.jsonata {
		ev := e.see(b, b.input)
		ev.errors, ev.hasErrors = errors, true
		output, assigned, wrong = ev.outputs(c.output, c.assign, errors)
	} else if output, wrong = store(b.input, errors, c.resultPath, c.resultNone); wrong == nil {
		// Recorded: the state's OutputPath does not apply to what a catcher passes on.
		assigned, wrong = e.see(b, errors).assignments(c.assign)
	}
	if wrong != nil {
		wrong = wrong.in(b)
		e.evaluationFailed(b, wrong)
		e.failBranch(b, wrong)
		return
	}
	if larger(output) {
		e.failBranch(b, tooLarge(b.state.name))
		return
	}
	e.leave(b, output, assigned, c.next)
}

// failBranch ends a branch with an error, and the execution if it is the outermost.
func (e *Execution) failBranch(b *branch, f *failure) {
	b.generation++
	b.done, b.failure = true, f
	if b.child != nil {
		e.halt(b)
		e.childStopped(b, Failed, event{kind: ExecutionFailed, previous: b.last, detail: f}, f)
	}
	if b.parent == nil {
		e.fail(b, f)
		return
	}
	// Whatever else happens at this moment comes first, as in the recordings.
	e.push(e.clock, item{do: collapse, branch: b.parent, child: b})
}

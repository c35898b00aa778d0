package asl

import "time"

// Limits of a redrive.
const (
	redrivePeriod = 14 * 24 * time.Hour
	maxRedrives   = 1000
)

// Redrive continues an execution that failed, timed out or was aborted in the last 14 days, with the same definition
// and input: at the step that did not succeed; what succeeded is not run again. Counters of Retry and the machine's
// timeout start anew. A Fail state that ended the run is entered again, and fails again. Otherwise it returns
// ErrNotRedrivable.
//
// AWS: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
func (e *Execution) Redrive(now time.Time) error {
	if e.status == Running || e.status == Succeeded || e.root.enteredID == 0 ||
		now.Sub(time.Unix(0, e.stopped)) > redrivePeriod || e.redrives >= maxRedrives || len(e.events) > maxEvents-3 {
		return ErrNotRedrivable
	}
	e.clock = max(e.clock, now.UnixNano())
	e.redriven = e.clock
	e.redrives++
	e.status, e.failure, e.stopped = Running, nil, 0
	e.root.last = e.record(event{kind: ExecutionRedriven, previous: len(e.events), detail: e.redrives})
	e.startTimer()
	e.redriveBranch(e.root, e.root.last)
	return nil
}

// redriveBranch resumes a branch at the state that it was in.
func (e *Execution) redriveBranch(b *branch, previous int) {
	b.done, b.failure = false, nil
	b.generation++
	b.last = previous
	b.attempt, b.retryCount = 1, 0
	clear(b.attempts)
	switch fan := b.fan; {
	case b.enteredID == 0 || b.state.is == failState || e.pending(b):
		e.push(e.clock, item{do: begin, branch: b})
	case fan == nil || fan.run != nil && !fan.run.redrivable() || fan.run == nil && fan.finished == len(fan.children):
		b.leave()
		e.push(e.clock, item{do: repeat, branch: b})
	case fan.run != nil:
		e.redriveRun(b, previous)
	default:
		fan.failed, fan.failures, fan.running = false, 0, 0
		for _, c := range fan.children {
			if c != nil && !c.settled {
				fan.running++
				e.redriveBranch(c, previous)
			}
		}
	}
}

// redrivable says whether a Map Run can go on. One that succeeded, where only its output was of no use, and one that
// never came to have child executions are started anew.
//
// AWS: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
func (r *mapRun) redrivable() bool { return r.status != Succeeded && len(r.children) > 0 }

// redriveRun goes on with a Map Run: what did not succeed is run again, MaxConcurrency at once, and what never started is
// started. Where nothing of that is left, its results had not been written.
func (e *Execution) redriveRun(b *branch, previous int) {
	fan, run := b.fan, b.fan.run
	run.redrives++
	run.status, run.stopped = Running, 0
	b.last = e.note(b, event{kind: MapRunRedriven, previous: previous, detail: mapRunRedrive{run.arn, run.redrives}})
	fan.started, fan.last = b.last, b.last
	fan.failed, fan.failures, fan.running, fan.finished, fan.again = false, 0, 0, 0, nil
	for i, c := range run.children {
		switch top := fan.children[i]; {
		case c.status == Succeeded:
			fan.finished++
		case top != nil:
			top.settled = false
			c.status, c.stopped = pendingRedrive, 0
			fan.again = append(fan.again, i)
		}
	}
	e.push(e.clock, item{do: refill, branch: b})
}

// redriveChild goes on with a child execution where it stopped; an Express one starts again.
func (e *Execution) redriveChild(b, top *branch) {
	c := top.child
	c.redrives++
	c.redriven = e.clock
	if c.run.express {
		e.startChild(b, c)
		return
	}
	c.status, c.failure = Running, nil
	e.redriveBranch(top, c.record(event{at: e.clock, kind: ExecutionRedriven, previous: c.length, detail: c.redrives}))
}

// pending says whether the branch had left its last state and not entered the next one yet.
func (e *Execution) pending(b *branch) bool { return b.enteredState != b.state }

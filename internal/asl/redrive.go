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
	case fan == nil || fan.finished == len(fan.children):
		b.fan, b.work, b.token = nil, nil, ""
		e.push(e.clock, item{do: repeat, branch: b})
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

// pending says whether the branch had left its last state and not entered the next one yet.
func (e *Execution) pending(b *branch) bool { return b.enteredState != b.state }

package asl

import (
	"encoding/json"
	"time"
)

// ticket is a task token that was given out.
type ticket struct {
	branch     *branch // nil when it is answered
	generation int
	answered   bool
	deadline   int64 // of the timeout; 0 is none
	beat       int64 // of the heartbeat; 0 is none
}

// issue registers the token of an attempt, so that it can be answered from within Tasks.Do already.
func (e *Execution) issue(b *branch, w *scheduled) {
	if e.tokens == nil {
		e.tokens = map[string]*ticket{}
	}
	t := &ticket{branch: b, generation: b.generation}
	if w.timeout > 0 {
		t.deadline = e.clock + w.timeout*int64(time.Second)
	}
	if w.heartbeat > 0 {
		t.beat = e.clock + w.heartbeat*int64(time.Second)
	}
	e.tokens[b.token] = t
}

// maxToken is the length of a token that the API accepts.
const maxToken = 2048

// ticket finds a token that can still be answered.
func (e *Execution) ticket(now time.Time, token string) (*ticket, error) {
	if token == "" || len(token) > maxToken {
		return nil, ErrInvalidToken
	}
	t, ok := e.tokens[token]
	if !ok {
		return nil, ErrTaskDoesNotExist
	}
	at := now.UnixNano()
	if e.status != Running || t.answered || t.generation != t.branch.generation ||
		t.deadline != 0 && at >= t.deadline || t.beat != 0 && at >= t.beat {
		return nil, ErrTaskTimedOut
	}
	return t, nil
}

// SendTaskSuccess answers the task that waits for the token. It takes effect when the execution advances to now.
//
// It returns ErrTaskTimedOut if the task timed out or was answered before, ErrTaskDoesNotExist, ErrInvalidToken, or
// ErrInvalidOutput.
func (e *Execution) SendTaskSuccess(now time.Time, token string, output json.RawMessage) error {
	t, err := e.ticket(now, token)
	if err != nil {
		return err
	}
	v, err := decode(output)
	if err != nil || len(output) > maxData {
		return ErrInvalidOutput
	}
	e.answer(t, now, &outcome{output: v})
	return nil
}

// SendTaskFailure fails the task that waits for the token; error name and cause may be empty. It takes effect, and
// returns errors, like SendTaskSuccess.
func (e *Execution) SendTaskFailure(now time.Time, token, errorName, cause string) error {
	t, err := e.ticket(now, token)
	if err != nil {
		return err
	}
	e.answer(t, now, &outcome{failure: failed(errorName, cause)})
	return nil
}

func (e *Execution) answer(t *ticket, now time.Time, o *outcome) {
	b := t.branch
	t.answered, t.branch = true, nil // a token is remembered for long, and nothing else needs to be
	at := max(e.clock, now.UnixNano())
	if b.handed {
		e.push(at, item{do: answer, branch: b, outcome: o})
		return
	}
	b.early, b.earlyAt = o, at
}

// SendTaskHeartbeat sets the heartbeat of the task back to HeartbeatSeconds. It returns errors like SendTaskSuccess.
func (e *Execution) SendTaskHeartbeat(now time.Time, token string) error {
	t, err := e.ticket(now, token)
	if err != nil {
		return err
	}
	if w := t.branch.work; w.heartbeat > 0 {
		t.beat = now.UnixNano() + w.heartbeat*int64(time.Second)
		t.branch.heartbeat = e.push(t.beat, item{do: missed, branch: t.branch})
	}
	return nil
}

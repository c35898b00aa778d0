package replay

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
)

// Kind is a way in which one call, or the function that makes it, can go wrong.
type Kind string

// The kinds of what happens to a call, and of what happens to the function that makes it.
const (
	Throttled     Kind = "throttled"           // once
	Refusing      Kind = "500"                 // once
	Unavailable   Kind = "500 throughout"      // until the client gives up
	TimeoutBefore Kind = "timeout before"      // no answer, and no effect
	TimeoutAfter  Kind = "timeout after"       // no answer, but it was done
	Reset         Kind = "connection reset"    // at once, and no effect
	Denied        Kind = "access denied"       // once: a permission that comes late
	Stale         Kind = "stale read"          // what was there before the last change
	CrashBefore   Kind = "crash before"        // the function dies before the call …
	CrashAfter    Kind = "crash after"         // … or when it was done
	TimesOut      Kind = "function timeout"    // likewise, and nobody hears of it until the function's time is over
	Duplicate     Kind = "duplicate"           // another invocation with the same input runs at this moment
	Stopped       Kind = "execution stopped"   // while the state is at work
	Expired       Kind = "execution timed out" // likewise
)

// Kinds are all kinds, in the order of the table's columns.
func Kinds() []Kind {
	return []Kind{
		Throttled, Refusing, Unavailable, TimeoutBefore, TimeoutAfter, Reset, Denied, Stale, CrashBefore, CrashAfter, TimesOut, Duplicate,
		Stopped, Expired,
	}
}

// mishap is a kind at a call of an invocation.
type mishap struct {
	kind  Kind
	label string // of the invocation
	call  int    // of that invocation, from 1
}

// noAnswer is how long a client waits for an answer that does not come.
const noAnswer = 20 * time.Second

// fault is the mishap as a fault of the emulator; ok is false for what befalls a function.
func (m mishap) fault(service string) (f emulator.Fault, ok bool) {
	f = emulator.Fault{Match: emulator.Match{Invocation: m.label}, Nth: m.call}
	failed := &emulator.APIError{Code: "InternalFailure", Message: "We encountered an internal error. Please try again.", Status: 500}
	switch m.kind {
	case Throttled:
		f.Error = throttling(service)
	case Refusing:
		f.Error = failed
	case Unavailable:
		f.Error, f.Times = failed, clientAttempts
	case TimeoutBefore, TimeoutAfter:
		f.Lost, f.AfterEffect, f.Latency = true, m.kind == TimeoutAfter, emulator.Duration(noAnswer)
	case Reset:
		f.Lost = true
	case Denied:
		f.Denied = true
	case Stale:
		f.Stale = true
	default:
		return emulator.Fault{}, false
	}
	return f, true
}

// clientAttempts is how often the clients of boot try a call.
const clientAttempts = 5

// throttling is how a service says that it is asked too often.
func throttling(service string) *emulator.APIError {
	code, status := "ThrottlingException", 400
	switch service {
	case "ec2":
		code, status = "RequestLimitExceeded", 503
	case "s3":
		code, status = "SlowDown", 503
	case "sts", "iam", "sns":
		code = "Throttling"
	}
	return &emulator.APIError{Code: code, Message: "Rate exceeded", Status: status}
}

// arm makes a mishap happen when its call comes.
func (p *player) arm(m mishap, service string) error {
	if f, ok := m.fault(service); ok {
		return p.aws.Inject(f)
	}
	p.mishaps = append(p.mishaps, m)
	return nil
}

// deadError is what a function's calls get when it is dead already: nothing reaches AWS any more.
type deadError struct{}

func (deadError) Error() string { return "the function is dead" }

// CanceledError keeps the SDK from trying again.
func (deadError) CanceledError() bool { return true }

var errDead error = deadError{}

// before is asked before each call of an invocation. An error is a function that does not live to make the call.
func (p *player) before(i *invocation, r *http.Request) error {
	if i.died.kind != "" {
		return errDead
	}
	i.calls++
	ctx := r.Context()
	p.holdUp(ctx, i, r)
	m, ok := p.strikes(i, CrashBefore, Duplicate)
	if !ok {
		return nil
	}
	if m.kind == CrashBefore {
		i.died = m
		return errDead
	}
	p.duplicates++
	p.invokeVersion(ctx, i.version, i.folder, fmt.Sprintf("%s~%d", i.label, p.duplicates), i.payload) // nobody waits for its answer
	return nil
}

// after is asked after each call, and tells whether the function died over it.
func (p *player) after(i *invocation) bool {
	m, ok := p.strikes(i, CrashAfter, TimesOut)
	if ok {
		i.died = m
	}
	return ok
}

// strikes finds the mishap of these kinds that waits for the present call, and disarms it.
func (p *player) strikes(i *invocation, kinds ...Kind) (mishap, bool) {
	at := slices.IndexFunc(p.mishaps, func(m mishap) bool {
		return m.label == i.label && m.call == i.calls && slices.Contains(kinds, m.kind)
	})
	if at < 0 {
		return mishap{}, false
	}
	m := p.mishaps[at]
	p.mishaps = slices.Delete(p.mishaps, at, at+1)
	return m, true
}

// death is how the machine sees a function that died. Its name is Lambda.Unknown by Step Functions' documentation, and by Lambda's
// answer Runtime.ExitError: a function that dies before a call dies under the one name here, and after it under the other.
// https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
func (p *player) death(i *invocation, took time.Duration) (asl.Outcome, bool) {
	name := "Lambda.Unknown"
	switch i.died.kind {
	case "":
		return asl.Outcome{}, false
	case TimesOut:
		return timedOut(i), true
	case CrashAfter:
		name = "Runtime.ExitError"
	}
	return asl.Outcome{
		Failed: true, Error: name, After: took,
		Cause: `{"errorType":"Runtime.ExitError","errorMessage":"Error: Runtime exited with error: exit status 2"}`,
	}, true
}

// answered is what an invocation came to.
type answered struct {
	label   string
	outcome asl.Outcome
}

// answers notes what the newest invocation came to. A duplicate's answer is nobody's.
func (p *player) answers(i *invocation, out asl.Outcome) asl.Outcome {
	p.noting.Lock()
	defer p.noting.Unlock()
	p.answered = answered{i.label, out}
	return out
}

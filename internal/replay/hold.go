package replay

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/clock"
)

// order is one in which invocations that overlap touch the record: one is held up before a call, the others go on meanwhile, and
// then it goes on itself.
type order struct {
	label string // of the invocation that is held up …
	call  int    // … before this of its calls, from 1
	until int    // the others go on until one of them stands before so many calls to the record; 0: for as long as something is due
	lost  bool   // the answer of the call before is lost, and this is the client's repetition
}

func (o order) kind() Kind {
	how := "held up"
	if o.lost {
		how = "held up, an answer being lost"
	}
	if o.until > 0 {
		return Kind(fmt.Sprintf("%s, while others get as far as before call %d to the record", how, o.until))
	}
	return Kind(how + ", while others go on")
}

// hold plays an order. What is held up and what goes on take turns, as coroutines: never do two of them run at once, so that equal
// orders give equal journals.
type hold struct {
	order
	ctx        context.Context     // of nobody's invocation
	invocation *invocation         // that is held up, once it is
	execution  *Execution          // that waits for it; nil: no state called it
	resume     func() (bool, bool) // lets the others go on
	pause      func(bool) bool     // what one of the others calls to be paused
	points     int                 // calls to the record that the others have come to meanwhile
	turns      int                 // things that were due for them meanwhile
	over       bool                // what was held up has ended
	err        error               // of the others
}

// longestHold keeps what is held up within the time for which AWS takes its signatures.
const longestHold = 4 * time.Minute

// touchesRecord tells whether a call reads or writes what runs share.
func touchesRecord(r *http.Request) bool { return strings.Contains(r.URL.Host, "s3.") }

// hold is asked before each call of an invocation.
func (p *player) holdUp(ctx context.Context, i *invocation, r *http.Request) {
	h := p.hold
	switch {
	case h == nil || h.over || h.invocation == i:
	case h.invocation != nil:
		if touchesRecord(r) {
			if h.points++; h.points == h.until {
				h.pause(true)
			}
		}
	case i.label == h.label && i.calls == h.call:
		h.invocation, h.execution = i, p.advancing
		began := clock.Now(ctx)
		until := began.Add(min(i.timeout/2, longestHold))
		h.resume, _ = iter.Pull(func(yield func(bool) bool) {
			h.pause = yield
			h.err = p.meanwhile(h.ctx, until)
		})
		h.resume()
		clock.Spend(ctx, max(0, p.now.Sub(began)-clock.Elapsed(ctx)))
	}
}

// meanwhile does what is due beside the invocation that is held up.
func (p *player) meanwhile(ctx context.Context, until time.Time) error {
	p.observe()
	for !p.hold.over {
		at, due := p.next()
		if !due || at.After(until) {
			return nil
		}
		p.hold.turns++
		if err := p.doAt(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// letGo is told when an invocation has ended: whoever was paused by the one that was held up ends what it was at.
func (p *player) letGo(i *invocation) {
	h := p.hold
	if h == nil || h.over || h.invocation != i {
		return
	}
	h.over = true
	h.resume()
	h.execution = nil
}

// held is the execution that waits for the invocation which is held up: it can do nothing else.
func (p *player) held() *Execution {
	if p.hold == nil {
		return nil
	}
	return p.hold.execution
}

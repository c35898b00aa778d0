package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
)

// Interleavings plays the orders in which invocations that overlap can touch the record, and returns what came of each: wherever one of
// the faultless run's invocations is about to read or write the record, it is held up, everything else that is due within its
// time goes on, as far as it gets or up to each of its own calls to the record, and then it goes on itself. Each conditional write is
// also the last thing before, its answer being lost. At most n of the orders are played, chosen by the seed; 0: all. It
// tells, too, how many there are.
func (s *Sweep) Interleavings(ctx context.Context, n int) (rows []Row, all int, err error) {
	found := make([][]Attempt, len(s.moments))
	if err := parallel(len(s.moments), func(moment int) error {
		var err error
		found[moment], err = s.orders(ctx, moment, "")
		return err
	}); err != nil {
		return nil, 0, err
	}
	var attempts []Attempt
	for _, of := range found {
		attempts = append(attempts, of...)
	}
	all = len(attempts)
	if n > 0 && n < all {
		choice := rand.New(rand.NewPCG(s.seed, 5)) //nolint:gosec // a repeatable choice
		choice.Shuffle(all, func(i, j int) { attempts[i], attempts[j] = attempts[j], attempts[i] })
		attempts = attempts[:n]
	}
	rows = make([]Row, len(attempts))
	return rows, all, parallel(len(attempts), func(i int) error {
		rows[i].Attempts = attempts[i : i+1]
		var err error
		rows[i].Fate, err = s.interleave(ctx, attempts[i])
		return err
	})
}

// orders finds the orders of one step of the faultless run in which calls for objects with this part of a key are held up.
func (s *Sweep) orders(ctx context.Context, moment int, key string) ([]Attempt, error) {
	p, err := s.moments[moment].fork()
	if err != nil {
		return nil, err
	}
	before := p.aws.Served()
	if _, err := p.step(ctx); err != nil {
		return nil, err
	}
	byInvocation := map[string][]Attempt{}
	counts := map[string]int{}
	for _, call := range p.aws.JournalSince(before) {
		counts[call.Invocation]++
		if call.Invocation == "" || call.Service != "s3" || !strings.Contains(keyOf(call), key) {
			continue
		}
		at := Attempt{Call: call.Seq, Invocation: call.Invocation, Operation: operationOf(call), moment: moment}
		at.order = order{label: call.Invocation, call: counts[call.Invocation]}
		byInvocation[call.Invocation] = append(byInvocation[call.Invocation], at)
		if conditional(call) {
			at.order.call++
			at.order.lost = true
			byInvocation[call.Invocation] = append(byInvocation[call.Invocation], at)
		}
	}
	var orders []Attempt
	for _, label := range sorted(byInvocation) {
		points := byInvocation[label]
		if h, err := s.tryOrder(ctx, points[len(points)-1]); err != nil || h.turns == 0 { // nothing else is due, here or before
			if err != nil {
				return nil, err
			}
			continue
		}
		for _, at := range points {
			h, err := s.tryOrder(ctx, at)
			if err != nil {
				return nil, err
			}
			if h.turns == 0 {
				continue
			}
			for until := range h.points + 1 {
				if until == 1 { // before its first call nobody has touched the record
					continue
				}
				at.order.until = until
				at.Kind = at.order.kind()
				orders = append(orders, at)
			}
		}
	}
	return orders, nil
}

// tryOrder plays the step of an order.
func (s *Sweep) tryOrder(ctx context.Context, a Attempt) (*hold, error) {
	p, err := s.hold(ctx, a)
	if err != nil {
		return nil, err
	}
	_, err = p.step(ctx)
	return p.hold, err
}

// hold is a fork that will play an order.
func (s *Sweep) hold(ctx context.Context, a Attempt) (*player, error) {
	p, err := s.moments[a.moment].fork()
	if err != nil {
		return nil, err
	}
	p.hold = &hold{order: a.order, ctx: ctx}
	if a.order.lost {
		err = p.arm(mishap{TimeoutAfter, a.order.label, a.order.call - 1}, "s3")
	}
	return p, err
}

// interleave plays an order to its end.
func (s *Sweep) interleave(ctx context.Context, a Attempt) (Fate, error) {
	p, err := s.hold(ctx, a)
	if err != nil {
		return Fate{}, err
	}
	fate := Fate{Played: true}
	if err := p.finishAll(ctx); err != nil {
		fate.Broken = append(fate.Broken, err.Error())
		return fate, nil
	}
	switch {
	case p.hold.invocation == nil:
		return Fate{}, fmt.Errorf("%s did not come to its call %d again: the story is not repeatable", a.order.label, a.order.call)
	case p.hold.err != nil:
		fate.Broken = append(fate.Broken, p.hold.err.Error())
	}
	fate.Outcome = p.run.byName(executionOf(a.Invocation)).outcome()
	fate.Final = fate.Outcome
	fate.Broken = append(fate.Broken, p.run.improper()...)
	return fate, nil
}

// conditional tells whether a call writes only where the record is as its writer knows it.
func conditional(call emulator.Call) bool {
	var params struct{ IfNoneMatch, IfMatch string }
	return call.Operation == "PutObject" && json.Unmarshal(call.Params, &params) == nil && params.IfNoneMatch+params.IfMatch != ""
}

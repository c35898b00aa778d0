// Package clock is time as one invocation sees it.
//
// In AWS that is the wall clock. In a replay it is a virtual clock that stands still while a handler runs: what the handler's
// calls would have taken is added up along its longest chain of calls, and the machine is told that the invocation lasted that
// long. A step asks this package for the time, for what is left of its invocation, for sleeping and for doing things side by
// side, and so reads the same in both worlds.
package clock

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

type key struct{}

// chain is one line of consecutive calls within a virtual invocation.
type chain struct {
	start   time.Time
	budget  time.Duration
	elapsed atomic.Int64 // nanoseconds spent along this line
}

// Virtual returns a context in which time stands still at start, in an invocation that may last as long as budget.
func Virtual(ctx context.Context, start time.Time, budget time.Duration) context.Context {
	return context.WithValue(ctx, key{}, &chain{start: start, budget: budget})
}

func of(ctx context.Context) *chain {
	c, _ := ctx.Value(key{}).(*chain)
	return c
}

// Now is the time, in UTC.
func Now(ctx context.Context) time.Time {
	if c := of(ctx); c != nil {
		return c.start
	}
	return time.Now().UTC()
}

// Remaining is how much longer the invocation may run; a day where nothing bounds it.
func Remaining(ctx context.Context) time.Duration {
	if c := of(ctx); c != nil {
		return c.budget - time.Duration(c.elapsed.Load())
	}
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline)
	}
	return 24 * time.Hour
}

// Elapsed is what a virtual invocation has lasted so far, and zero in AWS.
func Elapsed(ctx context.Context) time.Duration {
	if c := of(ctx); c != nil {
		return time.Duration(c.elapsed.Load())
	}
	return 0
}

// IsVirtual tells whether ctx is within a replay.
func IsVirtual(ctx context.Context) bool { return of(ctx) != nil }

// Spend makes a virtual invocation d longer; in AWS it does nothing, since time passes by itself.
func Spend(ctx context.Context, d time.Duration) {
	if c := of(ctx); c != nil {
		c.elapsed.Add(int64(d))
	}
}

// Sleep pauses for d, or until ctx is done: a client's own retry delay or rate limit. Waiting for AWS belongs to the state
// machine, never here.
func Sleep(ctx context.Context, d time.Duration) error {
	if IsVirtual(ctx) {
		Spend(ctx, d)
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Each calls do for every item, at most limit at a time, and returns the first error. In a replay the calls run one after the
// other, so that equal runs make equal calls in equal order, and the longest of limit lanes is what is counted as spent.
func Each[T any](ctx context.Context, limit int, items []T, do func(context.Context, T) error) error {
	parent := of(ctx)
	if parent == nil {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(limit)
		for _, item := range items {
			group.Go(func() error { return do(ctx, item) })
		}
		return group.Wait()
	}
	started := parent.elapsed.Load()
	lanes := make([]int64, limit) // what each lane has spent; the next item goes to the one that is free first
	var first error
	for _, item := range items {
		free := 0
		for i := range lanes {
			if lanes[i] < lanes[free] {
				free = i
			}
		}
		line := &chain{start: parent.start, budget: parent.budget}
		line.elapsed.Store(started + lanes[free])
		if err := do(context.WithValue(ctx, key{}, line), item); err != nil {
			first = err
		}
		lanes[free] = line.elapsed.Load() - started
		if first != nil {
			break
		}
	}
	longest := int64(0)
	for _, spent := range lanes {
		longest = max(longest, spent)
	}
	parent.elapsed.Store(started + longest)
	return first
}

package clock_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Ensure that a virtual invocation's time stands still while what it spends is added up.
func TestVirtual(t *testing.T) {
	t.Parallel()
	ctx := clock.Virtual(t.Context(), start, time.Minute)
	clock.Spend(ctx, 20*time.Second)
	if err := clock.Sleep(ctx, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if now := clock.Now(ctx); !now.Equal(start) {
		t.Errorf("the clock has moved to %s", now)
	}
	if got := clock.Elapsed(ctx); got != 50*time.Second {
		t.Errorf("%s have elapsed, want 50s", got)
	}
	if got := clock.Remaining(ctx); got != 10*time.Second {
		t.Errorf("%s remain, want 10s", got)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := clock.Sleep(cancelled, time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled sleep returned %v", err)
	}
}

// Ensure that the same calls mean the wall clock in AWS.
func TestWallClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		if now := clock.Now(t.Context()); !now.Equal(before) || now.Location() != time.UTC {
			t.Errorf("it is %s, got %s", before.UTC(), now)
		}
		if got := clock.Remaining(t.Context()); got != 24*time.Hour {
			t.Errorf("%s remain of an invocation without a deadline", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		clock.Spend(ctx, time.Hour) // means nothing here
		if err := clock.Sleep(ctx, 40*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := clock.Remaining(ctx); got != 20*time.Second {
			t.Errorf("%s remain, want 20s", got)
		}
		if err := clock.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a sleep beyond the deadline returned %v", err)
		}
		if got := time.Since(before); got != time.Minute {
			t.Errorf("it took %s, want 1m", got)
		}
		if clock.Elapsed(ctx) != 0 || clock.IsVirtual(ctx) || !clock.IsVirtual(clock.Virtual(ctx, start, 0)) {
			t.Error("the wall clock is taken for a virtual one, or the other way round")
		}
	})
}

// Ensure that a replay counts what side by side would have taken: the longest of the lanes.
func TestEachVirtual(t *testing.T) {
	t.Parallel()
	seconds := []int{5, 1, 1, 1, 4}
	for limit, want := range map[int]time.Duration{1: 12 * time.Second, 2: 7 * time.Second, 3: 5 * time.Second, 5: 5 * time.Second, 9: 5 * time.Second} {
		ctx := clock.Virtual(t.Context(), start, time.Minute)
		clock.Spend(ctx, time.Second)
		var order []int
		err := clock.Each(ctx, limit, seconds, func(ctx context.Context, s int) error {
			order = append(order, s)
			clock.Spend(ctx, time.Duration(s)*time.Second)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(seconds, order); diff != "" {
			t.Errorf("limit %d: out of order: %s", limit, diff)
		}
		if got := clock.Elapsed(ctx); got != time.Second+want {
			t.Errorf("limit %d: %s have elapsed, want %s", limit, got, time.Second+want)
		}
	}
}

func TestEachVirtualStopsAtAnError(t *testing.T) {
	t.Parallel()
	ctx := clock.Virtual(t.Context(), start, time.Minute)
	broken := errors.New("broken")
	var seen []int
	err := clock.Each(ctx, 2, []int{1, 2, 3, 4}, func(ctx context.Context, n int) error {
		seen = append(seen, n)
		clock.Spend(ctx, time.Second)
		if n == 3 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || !slices.Equal(seen, []int{1, 2, 3}) {
		t.Errorf("got %v after %v", err, seen)
	}
	if got := clock.Elapsed(ctx); got != 2*time.Second {
		t.Errorf("%s have elapsed, want 2s: what failed took its time, too", got)
	}
}

// Ensure that an Each within an Each adds up along the longest chain.
func TestEachVirtualNested(t *testing.T) {
	t.Parallel()
	ctx := clock.Virtual(t.Context(), start, time.Minute)
	err := clock.Each(ctx, 2, []int{1, 2}, func(ctx context.Context, n int) error {
		clock.Spend(ctx, time.Second)
		return clock.Each(ctx, 2, []int{n, n, n}, func(ctx context.Context, n int) error {
			clock.Spend(ctx, time.Duration(n)*time.Second)
			if left := clock.Remaining(ctx); left != time.Minute-clock.Elapsed(ctx) {
				t.Errorf("%s remain after %s", left, clock.Elapsed(ctx))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := clock.Elapsed(ctx); got != 5*time.Second {
		t.Errorf("%s have elapsed, want 5s", got)
	}
}

func TestEachSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var running, most atomic.Int32
		err := clock.Each(t.Context(), 2, []int{1, 2, 3, 4}, func(ctx context.Context, _ int) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return clock.Sleep(ctx, time.Second)
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*time.Second || most.Load() != 2 {
			t.Errorf("it took %s with %d at once, want 2s with 2", took, most.Load())
		}
	})
}

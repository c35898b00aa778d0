package boot

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"quicksight-unsubscribe/internal/clock"
)

// attempts is how often a client tries a call before its error reaches the step, and through it the state machine's own Retry.
const attempts = 5

// Retryer is how clients retry in AWS: the SDK's standard mode.
func Retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = attempts })
}

// VirtualRetryer is how clients retry in a replay: as Retryer does, but nobody sleeps. Each delay is spent on the invocation's
// virtual clock; it is always the same, since jitter would make two runs differ, and there is no retry quota, which would make a
// call depend on calls before it.
func VirtualRetryer() aws.Retryer {
	return virtualRetryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.RateLimiter = attempts, ratelimit.None
	})}
}

const virtualDelay = time.Second

type virtualRetryer struct{ *retry.Standard }

// GetRetryToken is asked for right before each retry, and alone is told the call's context.
func (r virtualRetryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	clock.Spend(ctx, virtualDelay)
	return r.Standard.GetRetryToken(ctx, err)
}

// RetryDelay is what the SDK would sleep.
func (virtualRetryer) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

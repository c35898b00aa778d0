package step

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"quicksight-unsubscribe/internal/clock"
)

// perSecond is how often an operation may be called in a region: services throttle each by itself. What is not listed has
// defaultPerSecond.
var perSecond = map[string]int{
	"LookupEvents":                 2, // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
	"StartAssetBundleExportJob":    2,
	"DescribeAssetBundleExportJob": 5,
}

const defaultPerSecond = 10

// pace gives the clients of a configuration a rate limit for each operation and region. It waits by the invocation's clock, so that a
// replay counts the time and does not sleep. Retries have their own delays.
func pace(cfg *aws.Config) {
	p := &pacer{next: map[string]time.Time{}}
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Pace",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				if err := clock.Sleep(ctx, p.delay(ctx, awsmiddleware.GetOperationName(ctx), awsmiddleware.GetRegion(ctx))); err != nil {
					return middleware.InitializeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.After)
	})
}

// pacer hands out the moments at which calls may be made.
type pacer struct {
	mu   sync.Mutex
	next map[string]time.Time
}

// delay is how long a call has to wait for its moment.
func (p *pacer) delay(ctx context.Context, operation, region string) time.Duration {
	rate := perSecond[operation]
	if rate == 0 {
		rate = defaultPerSecond
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := clock.Now(ctx).Add(clock.Elapsed(ctx))
	key := operation + " " + region
	at := p.next[key]
	if at.Before(now) {
		at = now
	}
	p.next[key] = at.Add(time.Second / time.Duration(rate))
	return at.Sub(now)
}

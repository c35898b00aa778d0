package boot

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

type nonceKey struct{}

// withNonces returns a context in which nonce counts from 1.
func withNonces(ctx context.Context) context.Context {
	return context.WithValue(ctx, nonceKey{}, new(atomic.Int64))
}

// nonce names one write of the record: the invocation's request id, and the write's number within it. The request id is unique,
// since nothing invokes our functions asynchronously, where Lambda's own retries would repeat it. In a replay it is repeatable,
// because the replay gives the ids.
func nonce(ctx context.Context) string {
	id := "local"
	if l, ok := lambdacontext.FromContext(ctx); ok {
		id = l.AwsRequestID
	}
	n, ok := ctx.Value(nonceKey{}).(*atomic.Int64)
	if !ok {
		panic("boot: a write of the record outside an invocation")
	}
	return id + "/" + strconv.FormatInt(n.Add(1), 10)
}

package step

import "context"

type executionKey struct{}

// ForExecution returns a context in which AWS.Target names its sessions after an execution, so that CloudTrail tells which run
// made a call. Every step of the machine is called in such a context; a function whose event names the execution in another
// place makes it itself.
func ForExecution(ctx context.Context, arn string) context.Context {
	return context.WithValue(ctx, executionKey{}, arn)
}

// ExecutionOf is the ARN of the execution that ctx acts for, or "".
func ExecutionOf(ctx context.Context) string {
	arn, _ := ctx.Value(executionKey{}).(string)
	return arn
}

package boot

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"quicksight-unsubscribe/internal/closing"
)

// translate makes of any error the one that Lambda reports under its code. It must be returned by value: of any other error,
// wrapped ones too, Lambda reports the Go type's name, which no Retry and no Catch matches.
func translate(err error) messages.InvokeResponse_Error {
	return messages.InvokeResponse_Error{Type: string(classify(err)), Message: redact(err.Error())}
}

// classify finds the code of an error: its own, or whether trying again may help.
func classify(err error) closing.Code {
	if code := closing.CodeOf(err); code != "" {
		return code
	}
	// What the SDK retried and gave up on: throttling, 5xx, connections that broke, timeouts.
	if Retryer().IsErrorRetryable(err) || errors.Is(err, context.DeadlineExceeded) {
		return closing.Transient
	}
	return closing.Internal
}

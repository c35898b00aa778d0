package boot

import (
	"context"
	"io"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/step"
)

// logger writes JSON lines that say which execution and which invocation they belong to, in the invocation's own time.
func logger(to io.Writer) *slog.Logger {
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(contextual{slog.NewJSONHandler(redacted{to}, nil)})
}

type contextual struct{ slog.Handler }

func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.Time = clock.Now(ctx)
	if arn := step.ExecutionOf(ctx); arn != "" {
		r.AddAttrs(slog.String("execution", arn))
	}
	if l, ok := lambdacontext.FromContext(ctx); ok {
		r.AddAttrs(slog.String("requestId", l.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.Handler.WithAttrs(attrs)}
}

func (h contextual) WithGroup(name string) slog.Handler { return contextual{h.Handler.WithGroup(name)} }

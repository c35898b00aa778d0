package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// Host is what a function runs on: Lambda, or a replay.
type Host struct {
	Lookup func(name string) (string, bool) // the function's environment
	AWS    aws.Config                       // of the hub, with the function's role: region, credentials, transport, retryer
	Logs   io.Writer                        // nil: nowhere
	// SkipGuard is the step.Env's, for a replay that shows what a guard is good for.
	SkipGuard string
}

// Function is a step as Lambda invokes it: JSON in, JSON out. Its context must carry Lambda's own (lambdacontext), whose request
// id no other invocation has. Its errors are messages.InvokeResponse_Error, by value, with the code that the state machine
// matches.
type Function func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke makes a Function a lambda.Handler.
func (f Function) Invoke(ctx context.Context, payload []byte) ([]byte, error) { return f(ctx, payload) }

// Handler makes the Function of a step on a host. A host that is not configured for it gives a Function that always says so: an
// error of the function's init would reach the state machine without a name.
func Handler[I, O any](build func(step.Env) func(context.Context, I) (O, error), host Host) Function {
	env, err := environment(host)
	if err != nil {
		return func(context.Context, []byte) ([]byte, error) {
			return nil, translate(fmt.Errorf("the function is not configured; deploy the stack again: %w", err))
		}
	}
	handle := build(env)
	return func(ctx context.Context, payload []byte) (answer []byte, err error) {
		began := clock.Now(ctx)
		ctx = withNonces(ctx)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
				env.Log.ErrorContext(ctx, "panic", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			}
			if err != nil {
				failure := translate(err)
				env.Log.ErrorContext(ctx, "failed", slog.String("error", failure.Type), slog.String("message", err.Error()))
				answer, err = nil, failure
			}
		}()
		in, err := decode[I](payload)
		if err != nil {
			return nil, err
		}
		if in, ok := any(in).(step.Input); ok {
			ctx = step.ForExecution(ctx, in.Execution.ID)
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, err
		}
		env.Log.InfoContext(ctx, "returned", slog.Any("result", out), slog.Duration("took", took(ctx, began)))
		return json.Marshal(out)
	}
}

func took(ctx context.Context, began time.Time) time.Duration {
	return max(clock.Elapsed(ctx), clock.Now(ctx).Sub(began))
}

func environment(host Host) (step.Env, error) {
	config, err := Config(host.Lookup)
	if err != nil {
		return step.Env{}, err
	}
	clients, err := NewAWS(host.AWS, config.Machine)
	if err != nil {
		return step.Env{}, err
	}
	return step.Env{
		Config: config, AWS: clients, Log: logger(host.Logs), SkipGuard: host.SkipGuard,
		Record: record.New(s3.NewFromConfig(host.AWS), config.Bucket, nonce),
	}, nil
}

// decode reads an event. The machine and its functions are deployed together, so that a member which step.Input lacks is a
// mistake; events of others may grow.
func decode[I any](payload []byte) (I, error) {
	var in I
	dec := json.NewDecoder(bytes.NewReader(payload))
	if _, ours := any(in).(step.Input); ours {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(&in); err != nil {
		return in, fmt.Errorf("the event is not one of this function: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return in, errors.New("the event is not one of this function: there is more behind it")
	}
	return in, nil
}

package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// tasks are the functions behind one execution's states.
type tasks struct {
	player    *player
	execution *Execution
}

// Do invokes the function of a task, as Lambda would, at the present virtual moment.
func (t tasks) Do(ctx context.Context, task asl.Task) asl.Outcome {
	if task.Token != "" {
		t.execution.tokens = append(t.execution.tokens, task.Token)
	}
	t.execution.tasks[task.State] = task
	folder, version := workflow.FolderOf(task.Function), t.player.versionOf(task.Function)
	if folder == "" || version == nil {
		return asl.Outcome{Failed: true, Error: "Lambda.ResourceNotFoundException", Cause: "Function not found: " + task.Function, After: invokeLatency}
	}
	hub := t.player.run.hub
	if err := t.player.aws.Authorize(emulator.Act{
		Service: "states.amazonaws.com", Source: t.execution.Machine, Account: hub.account, Role: hub.machineRole(t.execution.Machine),
		Action: "lambda:InvokeFunction", Resource: task.Function,
	}); err != nil {
		return forbidden(err)
	}
	label := fmt.Sprintf("%s/%s#%d.%d", t.execution.Name, task.State, task.Visit, task.Attempt)
	lost := t.player.failure(task)
	if lost != nil && !lost.After {
		return asl.Outcome{Failed: true, Error: lost.Error, Cause: "the story makes Lambda refuse the invocation", After: invokeLatency}
	}
	out := t.player.invokeVersion(ctx, version, folder, label, task.Payload)
	if lost != nil {
		return asl.Outcome{Failed: true, Error: lost.Error, Cause: "the story loses the function's answer", After: out.After}
	}
	return out
}

// invokeLatency is what an invocation takes beside its calls.
const invokeLatency = 20 * time.Millisecond

// invoke runs the newest version of a function.
func (p *player) invoke(ctx context.Context, folder, label string, payload json.RawMessage) asl.Outcome {
	return p.invokeVersion(ctx, p.newest(), folder, label, payload)
}

// invokeVersion runs a function on a clock that stands still, and tells how long its calls took.
func (p *player) invokeVersion(ctx context.Context, v *version, folder, label string, payload json.RawMessage) asl.Outcome {
	f, _ := workflow.Lookup(folder)
	if err := p.aws.Authorize(emulator.Act{Service: "lambda.amazonaws.com", Account: p.run.hub.account, Role: p.run.hub.functionRole(f)}); err != nil {
		return forbidden(err)
	}
	i := &invocation{label: label, version: v, folder: folder, payload: payload, timeout: f.Timeout}
	ctx = lambdacontext.NewContext(context.WithValue(ctx, invocationKey{}, i), &lambdacontext.LambdaContext{AwsRequestID: requestID(label)})
	ctx = clock.Virtual(ctx, p.now, f.Timeout)
	out, err := v.functions[folder](ctx, payload)
	p.letGo(i)
	took := clock.Elapsed(ctx) + invokeLatency
	if died, ok := p.death(i, took); ok {
		return p.answers(i, died)
	}
	answer := p.answers(i, answerOf(i, out, err, took))
	p.charge(folder, answer)
	return answer
}

// requestID is the id of an invocation, in Lambda's form.
func requestID(label string) string {
	sum := sha256.Sum256([]byte(label))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// answerOf is how the machine sees what a function returned.
func answerOf(i *invocation, out []byte, err error, took time.Duration) asl.Outcome {
	if took >= i.timeout {
		return timedOut(i)
	}
	if err != nil {
		var failed messages.InvokeResponse_Error
		if !errors.As(err, &failed) {
			panic(fmt.Sprintf("replay: %s returned an error that Lambda would not name: %v", i.label, err)) // boot's promise
		}
		cause, err := json.Marshal(failed)
		if err != nil {
			panic(fmt.Sprintf("replay: encode the error of %s: %v", i.label, err)) // a struct of strings
		}
		return asl.Outcome{Failed: true, Error: failed.Type, Cause: string(cause), After: took}
	}
	return asl.Outcome{Output: out, After: took}
}

func timedOut(i *invocation) asl.Outcome {
	return asl.Outcome{
		Failed: true, Error: "Sandbox.Timedout", After: i.timeout,
		Cause: fmt.Sprintf(`{"errorType":"Sandbox.Timedout","errorMessage":"Error: Task timed out after %.2f seconds"}`, i.timeout.Seconds()),
	}
}

// forbidden is how Lambda's refusal reaches the machine: as an error of the service, which is retried like the others.
func forbidden(err error) asl.Outcome {
	return asl.Outcome{Failed: true, Error: "Lambda.AWSLambdaException", Cause: err.Error(), After: invokeLatency}
}

// armedFailure counts the invocations that a failure matches.
type armedFailure struct {
	Failure
	seen, fired int
}

// failure is what the story wants to go wrong with this invocation of a state's function, or nil.
func (p *player) failure(task asl.Task) *Failure {
	for i := range p.failures {
		f := &p.failures[i]
		if f.State != task.State || !bytes.Contains(task.Payload, []byte(f.Contains)) {
			continue
		}
		f.seen++
		if first := max(f.Nth, 1); f.seen >= first && f.seen < first+max(f.Times, 1) {
			f.fired++
			return &f.Failure
		}
	}
	return nil
}

// invocation is one invocation of a function, which its calls belong to.
type invocation struct {
	label, folder string
	version       *version
	payload       json.RawMessage
	timeout       time.Duration
	calls         int    // so far
	died          mishap // of what; the zero mishap: it lives
}

type invocationKey struct{}

// transport carries a function's calls to the emulator: it labels them with the invocation, and spends their time.
type transport struct{ player *player }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if clock.Remaining(ctx) <= 0 {
		return nil, context.DeadlineExceeded // Lambda has ended the function by now
	}
	i, ours := ctx.Value(invocationKey{}).(*invocation)
	if ours {
		if err := t.player.before(i, r); err != nil {
			return nil, err
		}
		r = r.Clone(ctx)
		r.Header.Set(emulator.InvocationHeader, i.label)
	}
	resp, err := t.player.aws.RoundTrip(r)
	if ours && t.player.after(i) {
		return nil, errDead
	}
	var lost *emulator.LostError
	if errors.As(err, &lost) {
		clock.Spend(ctx, lost.Latency)
	}
	if err != nil {
		return nil, err
	}
	if nanoseconds, err := strconv.ParseInt(resp.Header.Get(emulator.LatencyHeader), 10, 64); err == nil {
		clock.Spend(ctx, time.Duration(nanoseconds))
	}
	return resp, nil
}

// stateOf and visitOf take the label of an invocation apart: "run-1/Delete VPC#3.1" is state "Delete VPC", visit 3.
func stateOf(invocation string) string {
	_, rest, _ := strings.Cut(invocation, "/")
	state, _, _ := strings.Cut(rest, "#")
	return state
}

func visitOf(invocation string) int {
	_, rest, _ := strings.Cut(invocation, "#")
	visit, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(visit)
	if err != nil {
		return 0
	}
	return n
}

package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"quicksight-unsubscribe/internal/clock"
)

// A replay can run a function's binary instead of its handler. Then the process gets the time of each invocation from the replay, sends all its
// AWS calls there, and tells the replay in the end how long it took on the virtual clock.

// ReplayVariable names the environment variable that holds the replay's address, on loopback.
//
// No deployed function heeds it: where inLambda is set, it is nothing. So neither an event nor the function's configuration can move the
// clock that deadlines and proofs are held against.
const ReplayVariable = "UNSUBSCRIBE_REPLAY"

// inLambda is a variable that Lambda sets for every function, and that no function's configuration can set or take away.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
const inLambda = "AWS_LAMBDA_FUNCTION_NAME"

// What the process and the replay say to each other.
const (
	ReplayInvocation = "X-Replay-Request-Id" // of an AWS call: the request id of the invocation that makes it
	ReplaySpent      = "X-Replay-Spent"      // of its answer: what it took on the virtual clock, in nanoseconds
	ReplayBroken     = "X-Replay-Broken"     // of its answer: there is none; "reset", or "no such host"
	ReplayPath       = "/invocations/"       // of the replay itself, with a request id: GET the ReplayTime, POST the ReplayTime with what was spent
)

// ReplayTime is the time of an invocation.
type ReplayTime struct {
	Now    time.Time     `json:"now"`
	Budget time.Duration `json:"budget"`
	Spent  time.Duration `json:"spent"`
}

// replay is the replay that a process runs in.
type replay struct {
	address string
	client  *http.Client
}

// replayOf finds the replay that the environment names; nil in Lambda, and wherever none is named.
func replayOf(lookup func(string) (string, bool)) (*replay, error) {
	address, named := lookup(ReplayVariable)
	if _, deployed := lookup(inLambda); deployed || !named {
		return nil, nil //nolint:nilnil // none is what there usually is
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("%s is %q, which is not an address on loopback", ReplayVariable, address)
	}
	return &replay{address: address, client: &http.Client{Transport: &http.Transport{}}}, nil
}

// host gives a host the replay's AWS.
func (r *replay) host(h Host) Host {
	h.AWS.HTTPClient, h.AWS.Retryer = &http.Client{Transport: r}, VirtualRetryer
	return h
}

// function lets a function run at the replay's time.
func (r *replay) function(f Function) Function {
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		var at ReplayTime
		if err := r.ask(ctx, http.MethodGet, &at); err != nil {
			return nil, translate(err)
		}
		ctx = clock.Virtual(ctx, at.Now, at.Budget)
		answer, failed := f(ctx, payload)
		at.Spent = clock.Elapsed(ctx)
		if err := r.ask(ctx, http.MethodPost, &at); err != nil {
			return nil, translate(err)
		}
		return answer, failed
	}
}

// ask asks for the time of the invocation, or tells it.
func (r *replay) ask(ctx context.Context, method string, at *ReplayTime) error {
	body, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("the replay: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+r.address+ReplayPath+requestID(ctx), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the replay: %w", err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("the replay: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answers %s", resp.Status)
	}
	if err == nil {
		err = json.Unmarshal(text, at)
	}
	if err != nil {
		return fmt.Errorf("the replay: %w", err)
	}
	return nil
}

// RoundTrip sends a call for AWS to the replay, under AWS's host.
func (r *replay) RoundTrip(call *http.Request) (*http.Response, error) {
	ctx := call.Context()
	if clock.Remaining(ctx) <= 0 {
		return nil, context.DeadlineExceeded // Lambda has ended the function by now
	}
	// The SDK closes a request's body as soon as there is an answer, which can be before the transport is through with it: over plain TCP,
	// unlike TLS, that then breaks the connection. So the transport gets a body of its own.
	sent := call.Clone(ctx)
	if call.Body != nil {
		content, err := io.ReadAll(call.Body)
		if err != nil {
			return nil, fmt.Errorf("the body of the call: %w", err)
		}
		sent.Body = io.NopCloser(bytes.NewReader(content))
	}
	sent.Host, sent.URL.Scheme, sent.URL.Host = call.URL.Host, "http", r.address
	sent.Header.Set(ReplayInvocation, requestID(ctx))
	resp, err := r.client.Transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	spent, err := strconv.ParseInt(resp.Header.Get(ReplaySpent), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the replay does not say how long the call took: %w", err)
	}
	clock.Spend(ctx, time.Duration(spent))
	switch resp.Header.Get(ReplayBroken) {
	case "":
		return resp, nil
	case "no such host":
		err = &net.DNSError{Err: "no such host", Name: call.URL.Hostname(), IsNotFound: true}
	default:
		err = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	_ = resp.Body.Close() // it has none
	return nil, err
}

// requestID is that of the invocation.
func requestID(ctx context.Context) string {
	l, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	return l.AwsRequestID
}

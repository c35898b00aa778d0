package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
)

const (
	run    = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1"
	target = "222233334444"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// required are the variables without which no function starts.
var required = map[string]string{
	"ACCOUNT": "111122223333", "REGION": "us-east-1", "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:111122223333:stateMachine:quicksight-unsubscribe",
	"BUCKET": "record", "TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:notices",
	"APPROVAL_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:approvals", "KILL_SWITCH": "/kill-switch",
}

// with is the required environment and what else a test sets.
func with(pairs ...string) func(string) (string, bool) {
	env := maps.Clone(required)
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) { value, set := env[name]; return value, set }
}

func TestConfig(t *testing.T) {
	t.Parallel()
	want := step.Defaults()
	want.Account, want.Region, want.Machine = required["ACCOUNT"], required["REGION"], required["STATE_MACHINE_ARN"]
	want.Bucket, want.Topic, want.ApprovalTopic, want.Halt = required["BUCKET"], required["TOPIC_ARN"], required["APPROVAL_TOPIC_ARN"], required["KILL_SWITCH"]
	got, err := Config(with())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a deployment that configures nothing: %s", diff)
	}

	want.NeverClose, want.Approvers = []string{"1", "2"}, []closing.Approver{{Person: "ann@example.com", Email: "ann@example.com"}}
	want.RequireStarterEvidence, want.Quorum, want.CoolOff = true, 2, 0
	got, err = Config(with("NEVER_CLOSE", " 1, 2,", "APPROVERS", "ann@example.com", "REQUIRE_STARTER_EVIDENCE", "true", "QUORUM", "2", "COOL_OFF", "0s"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigRefuses(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"BUCKET": " ", "TOPIC_ARN": "", "QUORUM": "0", "APPROVAL_WINDOW": "7 days", "COOL_OFF": "-15m", "REFUSE_UNVERIFIED_STARTER": "maybe",
		"STARTER_WAIT": "", "APPROVERS": "ann",
	} {
		_, err := Config(with(name, value))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: got %v, want an error that names it", name, value, err)
		}
	}
	_, err := Config(func(string) (string, bool) { return "", false })
	for name := range required {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without any environment: got %v, want an error that names %s", err, name)
		}
	}
}

// lab is a hub and a target in the emulator.
type lab struct {
	t    *testing.T
	aws  *emulator.AWS
	host Host
	logs *bytes.Buffer
}

func newLab(t *testing.T, account string, faults ...emulator.Fault) *lab {
	t.Helper()
	world, err := emulator.ParseWorld(fmt.Appendf(nil, `{"now": "2026-03-02T09:00:00Z", "hub": "111122223333", "accounts": {
		"111122223333": {"principals": [{"accessKeyId": "AKIAHUB", "arn": "arn:aws:sts::111122223333:assumed-role/function/function"}], "roles": {"function": {}}, "buckets": {"record": {}}},
		%q: {%s}}}`, target, account))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, logs: &bytes.Buffer{}}
	if l.aws, err = emulator.New(emulator.Options{World: world, Faults: faults}); err != nil {
		t.Fatal(err)
	}
	l.host = Host{Lookup: with(), Logs: l.logs, AWS: aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: l.aws}, Retryer: VirtualRetryer,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
	}}
	return l
}

// ctx is what Lambda, or a replay, calls with.
func (l *lab) ctx() context.Context {
	ctx := lambdacontext.NewContext(l.t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	return clock.Virtual(ctx, start, time.Minute)
}

const input = `{"execution": {"id": "` + run + `", "name": "run-1", "startTime": "2026-03-02T09:00:00Z"}, "state": "Verify Caller",
	"entered": "2026-03-02T09:00:00Z", "run": {}, "progress": {}, "taskToken": "AAAA+secret/token=="}`

// a step that does what a test wants.
func doing(do func(context.Context, step.Env, step.Input) (step.Result, error)) func(step.Env) step.Handler {
	return func(env step.Env) step.Handler {
		return func(ctx context.Context, in step.Input) (step.Result, error) { return do(ctx, env, in) }
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	f := Handler(doing(func(ctx context.Context, env step.Env, in step.Input) (step.Result, error) {
		if env.Config.Bucket != "record" || in.State != "Verify Caller" || step.ExecutionOf(ctx) != run {
			t.Errorf("the step was called with %+v, %+v for %q", env.Config, in, step.ExecutionOf(ctx))
		}
		return step.Result{State: step.Done, Run: step.Run{AccountID: target}}, nil
	}), l.host)
	got, err := f.Invoke(l.ctx(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	var out step.Result
	if err := json.Unmarshal(got, &out); err != nil || out.State != step.Done || out.Run.AccountID != target {
		t.Errorf("got %s, %v", got, err)
	}
}

// Ensure that every error leaves by value, under a name that the state machine can match.
func TestErrorsHaveNames(t *testing.T) {
	t.Parallel()
	throttled := emulator.Fault{Match: emulator.Match{Service: "sts"}, Times: -1, Error: &emulator.APIError{Code: "Throttling", Message: "Rate exceeded"}}
	broken := emulator.Fault{Match: emulator.Match{Service: "sts"}, Times: -1, Error: &emulator.APIError{Code: "InternalFailure", Status: 500}}
	lost := emulator.Fault{Match: emulator.Match{Service: "sts"}, Times: -1, Lost: true}
	unknown := emulator.Fault{Match: emulator.Match{Service: "sts"}, Times: -1, Error: &emulator.APIError{Code: "NotImplemented", Status: 501}}
	call := func(ctx context.Context, env step.Env, _ step.Input) (step.Result, error) {
		_, err := sts.NewFromConfig(env.AWS.Hub()).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return step.Result{}, fmt.Errorf("ask who I am: %w", err)
	}
	failing := func(err error) func(context.Context, step.Env, step.Input) (step.Result, error) {
		return func(context.Context, step.Env, step.Input) (step.Result, error) { return step.Result{}, err }
	}
	for _, tt := range []struct {
		name   string
		do     func(context.Context, step.Env, step.Input) (step.Result, error)
		input  string
		faults []emulator.Fault
		want   closing.Code
		says   string
	}{
		{"an error of ours", failing(closing.Errorf(closing.WrongAccount, "wrong").WithHint("do this")), input, nil, closing.WrongAccount, "wrong; do this"},
		{"wrapped twice", failing(fmt.Errorf("a: %w", fmt.Errorf("b: %w", closing.Errorf(closing.Halted, "halted")))), input, nil, closing.Halted, "a: b: halted"},
		{"joined", failing(errors.Join(errors.New("x"), closing.Errorf(closing.Halted, "halted"))), input, nil, closing.Halted, "halted"},
		{"throttled", call, input, []emulator.Fault{throttled}, closing.Transient, "Rate exceeded"},
		{"5xx", call, input, []emulator.Fault{broken}, closing.Transient, "InternalFailure"},
		{"connection lost", call, input, []emulator.Fault{lost}, closing.Transient, "connection reset"},
		{"a broken connection elsewhere", failing(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), input, nil, closing.Transient, "refused"},
		{"out of time", failing(fmt.Errorf("wait: %w", context.DeadlineExceeded)), input, nil, closing.Transient, "deadline"},
		{"not implemented", call, input, []emulator.Fault{unknown}, closing.Internal, "NotImplemented"},
		{"any other", failing(errors.New("plain")), input, nil, closing.Internal, "plain"},
		{"a panic", func(context.Context, step.Env, step.Input) (step.Result, error) { panic("oh") }, input, nil, closing.Internal, "panic: oh"},
		{"an unknown member", nil, `{"State": "x", "sate": "x"}`, nil, closing.Internal, "sate"},
		{"truncated", nil, `{"state": "x"`, nil, closing.Internal, "not one of this function"},
		{"more behind", nil, input + `{}`, nil, closing.Internal, "more behind"},
		{"a time that is none", nil, `{"entered": "yesterday"}`, nil, closing.Internal, "yesterday"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "", tt.faults...)
			out, err := Handler(doing(tt.do), l.host)(l.ctx(), []byte(tt.input))
			failure, ok := err.(messages.InvokeResponse_Error) //nolint:errorlint // Lambda does not unwrap either
			if !ok || out != nil {
				t.Fatalf("got %s and %#v, want no answer and Lambda's own error by value", out, err)
			}
			if failure.Type != string(tt.want) || !strings.Contains(failure.Message, tt.says) {
				t.Errorf("got %s: %s, want %s that says %q", failure.Type, failure.Message, tt.want, tt.says)
			}
			if !strings.Contains(l.logs.String(), string(tt.want)) {
				t.Errorf("the log does not tell the error: %s", l.logs)
			}
		})
	}
}

// Ensure that a function that is not configured says so under a name, instead of dying nameless in its init.
func TestUnconfigured(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	for _, lookup := range []func(string) (string, bool){with("BUCKET", ""), with("STATE_MACHINE_ARN", "quicksight-unsubscribe")} {
		l.host.Lookup = lookup
		_, err := Handler(doing(nil), l.host)(l.ctx(), []byte(input))
		var failure messages.InvokeResponse_Error
		if !errors.As(err, &failure) || failure.Type != string(closing.Internal) || !strings.Contains(failure.Message, "not configured") {
			t.Errorf("got %v", err)
		}
	}
}

// Ensure that neither the log nor an error's message gives a token or a presigned URL away, however a step handles them.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	const (
		token  = "AAAA+secret/token=="
		signed = "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential=AKIASECRET%2F20260302&X-Amz-Security-Token=sessionsecret&X-Amz-Signature=signaturesecret"
	)
	_, err := Handler(doing(func(ctx context.Context, env step.Env, in step.Input) (step.Result, error) {
		env.Log.InfoContext(ctx, "called", slog.Any("input", in), slog.String("taskToken", in.TaskToken), slog.String("url", signed))
		env.Log.With(slog.Group("g", slog.String("token", in.TaskToken))).ErrorContext(ctx, `{"taskToken": "`+in.TaskToken+`"}`)
		return step.Result{}, fmt.Errorf("send %s: Get %q: broken", `{"taskToken":"`+in.TaskToken+`"}`, signed)
	}), l.host)(l.ctx(), []byte(input))
	for _, text := range []string{l.logs.String(), err.Error()} {
		for _, secret := range []string{token, "AKIASECRET", "sessionsecret", "signaturesecret"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
		if !strings.Contains(text, "REDACTED") {
			t.Errorf("nothing was redacted in %s", text)
		}
	}
	for line := range strings.Lines(l.logs.String()) {
		var record struct{ Execution, RequestID, Time string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Execution != run || record.RequestID != "request-1" || record.Time != start.Format(time.RFC3339Nano) {
			t.Errorf("the line %s: %v", line, err)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"roles": {"QuickSightUnsubscribeRead": {}}, "buckets": {"a": {}, "b": {}}`)
	var identity string
	_, err := Handler(doing(func(ctx context.Context, env step.Env, _ step.Input) (step.Result, error) {
		cfg, err := env.AWS.Target(ctx, step.Access{Account: target, Role: step.RoleRead, Policy: step.Policy{{Actions: []string{"s3:ListBucket"}, Resources: []string{"arn:aws:s3:::a"}}}})
		if err != nil {
			return step.Result{}, err
		}
		out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return step.Result{}, err
		}
		identity = aws.ToString(out.Arn)
		for bucket, allowed := range map[string]bool{"a": true, "b": false} {
			_, err := s3.NewFromConfig(cfg).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
			if (err == nil) != allowed {
				t.Errorf("listing %s: %v", bucket, err)
			}
		}
		return step.Result{}, nil
	}), l.host)(l.ctx(), []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:aws:sts::222233334444:assumed-role/QuickSightUnsubscribeRead/222233334444-feecd9aa4cb6"; identity != want {
		t.Errorf("the session is %s, want %s", identity, want)
	}
	if assumed := string(l.aws.Journal()[0].Params); !strings.Contains(assumed, `"DurationSeconds":"900"`) {
		t.Errorf("the session does not end with the invocation: %s", assumed)
	}
}

// Ensure that an account that cannot be reached says which of role, trust and organization stands in the way.
func TestTargetUnreachable(t *testing.T) {
	t.Parallel()
	refused := func(code, message string) []emulator.Fault {
		return []emulator.Fault{{Match: emulator.Match{Service: "sts"}, Times: -1, Error: &emulator.APIError{Code: code, Message: message, Status: http.StatusForbidden}}}
	}
	roles := `"roles": {"QuickSightUnsubscribeRead": {}}`
	for _, tt := range []struct {
		name    string
		account string
		faults  []emulator.Fault
		want    closing.Code
		says    string
	}{
		{"no role", `"roles": {}`, nil, closing.TargetUnreachable, "does not exist, or its trust policy does not admit"},
		{"a trust that does not admit us", `"roles": {"QuickSightUnsubscribeRead": {"trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "sts:AssumeRole"}]}}}`, nil, closing.TargetUnreachable, "its trust policy does not admit"},
		{"an organization's deny", roles, refused("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y with an explicit deny in a service control policy"), closing.TargetUnreachable, "a policy of the organization denies"},
		{"an explicit deny", roles, refused("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y with an explicit deny in an identity-based policy"), closing.TargetUnreachable, "explicitly denies"},
		{"a function without the permission", roles, refused("AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y because no identity-based policy allows the sts:AssumeRole action"), closing.TargetUnreachable, "own function may not"},
		{"another refusal", roles, refused("RegionDisabledException", "STS is not activated in this region"), closing.TargetUnreachable, "RegionDisabledException"},
		{"throttled", roles, refused("Throttling", "Rate exceeded"), closing.Transient, "Rate exceeded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tt.account, tt.faults...)
			clients, err := NewAWS(l.host.AWS, required["STATE_MACHINE_ARN"])
			if err != nil {
				t.Fatal(err)
			}
			_, err = clients.Target(step.ForExecution(l.ctx(), run), step.Access{Account: target, Role: step.RoleRead})
			if err == nil || classify(err) != tt.want || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %s: %v, want %s that says %q", classify(err), err, tt.want, tt.says)
			}
			var e *closing.Error
			if errors.As(err, &e) && (e.Hint == "" || !strings.Contains(e.Message, "nothing in it was touched") || !strings.Contains(e.Message, target)) {
				t.Errorf("%v does not say where, what was touched, or what to do", err)
			}
		})
	}
	l := newLab(t, roles)
	clients, err := NewAWS(l.host.AWS, required["STATE_MACHINE_ARN"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := clients.Target(l.ctx(), step.Access{Account: target, Role: step.RoleRead}); err == nil || classify(err) != closing.Internal {
		t.Errorf("a session for no execution: got %v", err)
	}
	wide := step.Policy{{Actions: slices.Repeat([]string{"quicksight:ListDashboards"}, 100)}}
	_, err = clients.Target(step.ForExecution(l.ctx(), run), step.Access{Account: target, Role: step.RoleRead, Policy: wide})
	if err == nil || !strings.Contains(err.Error(), "split the session") || len(l.aws.Journal()) != 0 {
		t.Errorf("a policy that is too large: got %v after %d calls", err, len(l.aws.Journal()))
	}
}

// Ensure that in a replay a client's pauses are spent on the virtual clock, and nowhere else.
func TestVirtualRetryer(t *testing.T) {
	t.Parallel()
	throttle := func(times int) emulator.Fault {
		return emulator.Fault{Match: emulator.Match{Service: "sts"}, Times: times, Error: &emulator.APIError{Code: "Throttling"}}
	}
	for times, calls := range map[int]int{0: 1, 1: 2, 4: 5, 5: 5} {
		var faults []emulator.Fault
		if times > 0 {
			faults = append(faults, throttle(times))
		}
		l := newLab(t, "", faults...)
		ctx := l.ctx()
		began := time.Now()
		_, err := sts.NewFromConfig(l.host.AWS).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if (err == nil) != (times < 5) || len(l.aws.Journal()) != calls {
			t.Errorf("throttled %d times: %v after %d calls, want %d", times, err, len(l.aws.Journal()), calls)
		}
		if want := time.Duration(calls-1) * time.Second; clock.Elapsed(ctx) != want {
			t.Errorf("throttled %d times: %s are spent, want %s", times, clock.Elapsed(ctx), want)
		}
		if took := time.Since(began); took > time.Second/2 {
			t.Errorf("throttled %d times: it really took %s", times, took)
		}
	}
	// What a client asks for by itself is kept.
	l := newLab(t, "", throttle(-1))
	_, err := sts.NewFromConfig(l.host.AWS, func(o *sts.Options) { o.RetryMaxAttempts = 2 }).GetCallerIdentity(l.ctx(), &sts.GetCallerIdentityInput{})
	if err == nil || len(l.aws.Journal()) != 2 {
		t.Errorf("a client that tries twice: %v after %d calls", err, len(l.aws.Journal()))
	}
}

// Ensure that no two writes of the record have one nonce, and that equal invocations have equal ones.
func TestNonces(t *testing.T) {
	t.Parallel()
	invocation := func(id string) []string {
		ctx := withNonces(lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: id}))
		return []string{nonce(ctx), nonce(ctx)}
	}
	if diff := cmp.Diff([]string{"a/1", "a/2"}, invocation("a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b/1", "b/2"}, invocation("b")); diff != "" {
		t.Error(diff)
	}
}

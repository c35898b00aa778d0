package step

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const (
	readingHub    = "111122223333"
	readingTarget = "222233334444"
	readingRun    = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1"
)

// optIn are the QuickSight regions that an account begins without.
const optIn = `["af-south-1", "ap-southeast-3", "ap-southeast-5", "eu-central-2", "eu-south-1", "eu-south-2", "il-central-1", "me-central-1"]`

// reading is an account in the emulator and the steps that read it.
type reading struct {
	t       *testing.T
	aws     *emulator.AWS
	env     Env
	in      Input
	start   time.Time
	budget  time.Duration
	running map[string]string // execution ARN to status
}

// newReading seeds a hub and a target account, whose parts are written as in a world.
func newReading(t *testing.T, account string, options emulator.Options, machines ...emulator.Machines) *reading {
	t.Helper()
	world, err := emulator.ParseWorld(fmt.Appendf(nil, `{"now": "2026-03-02T09:00:00Z", "hub": %q, "accounts": {
		%q: {"principals": [{"accessKeyId": "AKIAHUB", "arn": "arn:aws:iam::%s:user/hub"}], "users": {"hub": {}}, "buckets": {"record": {}}},
		%q: {%s}
	}}`, readingHub, readingHub, readingHub, readingTarget, withRoles(account)))
	if err != nil {
		t.Fatal(err)
	}
	l := &reading{t: t, start: world.Now, budget: 10 * time.Minute, running: map[string]string{}}
	options.World, options.Machines = world, l
	for _, m := range machines { // a lab that is built on this one
		options.Machines = m
	}
	if l.aws, err = emulator.New(options); err != nil {
		t.Fatal(err)
	}
	var writes atomic.Int64 // side by side, where time is the wall's
	l.env = Env{Config: Defaults(), AWS: l, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	l.env.Config.Account, l.env.Config.Region = readingHub, "us-east-1"
	l.env.Record = record.New(s3.NewFromConfig(l.Hub()), "record", func(context.Context) string {
		return strconv.FormatInt(writes.Add(1), 10)
	})
	l.in = Input{
		Execution: Execution{ID: readingRun, Name: "run-1", StartTime: l.start}, State: "Verify Caller", Entered: l.start,
		Request: json.RawMessage(`{"accountId": "` + readingTarget + `"}`),
	}
	t.Cleanup(l.close)
	return l
}

// close holds that the emulator knew everything that was asked of it, and lets go of it: a test with thousands of labs ends each
// as soon as it is done with it.
func (l *reading) close() {
	if l.aws == nil {
		return
	}
	if unknown := l.aws.Unknown(); len(unknown) > 0 {
		l.t.Errorf("the emulator does not know %v", unknown)
	}
	l.aws, l.env = nil, Env{}
}

// withRoles adds the target's roles to an account that lists none.
func withRoles(account string) string {
	if strings.Contains(account, `"roles"`) {
		return account
	}
	roles := fmt.Sprintf(`"roles": {%q: {}, %q: {}}`, RoleRead, RoleClose)
	if account == "" {
		return roles
	}
	return account + ", " + roles
}

func (l *reading) Hub() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: spending{l.aws}}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
	}
}

// spending makes the calls of an invocation last as long as the emulator says.
type spending struct{ aws *emulator.AWS }

func (s spending) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.aws.RoundTrip(r)
	if err == nil {
		if n, err := strconv.ParseInt(response.Header.Get(emulator.LatencyHeader), 10, 64); err == nil {
			clock.Spend(r.Context(), time.Duration(n))
		}
	}
	return response, err
}

func (l *reading) Target(ctx context.Context, access Access) (aws.Config, error) {
	return assumed(ctx, l.Hub(), access)
}

// assumed is a session of a role of the target.
func assumed(ctx context.Context, hub aws.Config, access Access) (aws.Config, error) {
	out, err := sts.NewFromConfig(hub).AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + access.Account + ":role/" + string(access.Role)), RoleSessionName: aws.String("test"),
		Policy: aws.String(access.Policy.JSON()),
	})
	if err != nil {
		return aws.Config{}, err
	}
	hub.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return hub, nil
}

// verify calls the step for a request.
func (l *reading) verify(request string) (Result, error) {
	l.in.Request = json.RawMessage(request)
	result, err := VerifyCaller(l.env)(clock.Virtual(l.t.Context(), l.start, l.budget), l.in)
	if err == nil {
		l.in.Run = result.Run
	}
	return result, err
}

// plan verifies, takes the inventory and returns the plan.
func (l *reading) plan(request string) closing.Plan {
	l.t.Helper()
	if _, err := l.verify(request); err != nil {
		l.t.Fatalf("verify: %v", err)
	}
	return l.take()
}

// take takes the inventory, in as many invocations as it needs, and returns the plan.
func (l *reading) take() closing.Plan {
	l.t.Helper()
	name := record.PlanName(1)
	l.in.State, l.in.Entered = "Take Inventory", l.start
	if l.in.Action == ActionRetake {
		name = record.RetakeName(l.in.Run.Round)
	}
	for range 100 {
		result, err := TakeInventory(l.env)(clock.Virtual(l.t.Context(), l.start, l.budget), l.in)
		if err != nil {
			l.t.Fatalf("take: %v", err)
		}
		l.in.Run, l.in.Progress = result.Run, result.Progress
		if result.State == InProgress {
			continue
		}
		plan, err := l.env.folder(l.in).Plan(l.t.Context(), name, l.in.Run.Round)
		if err != nil {
			l.t.Fatal(err)
		}
		if got := verdictOf(plan); got != result.Verdict {
			l.t.Errorf("the step said %s of a plan that is %s", result.Verdict, got)
		}
		return plan
	}
	l.t.Fatal("the inventory does not end")
	return closing.Plan{}
}

// calls counts the target's calls of an operation, such as "quicksight:ListDashboards"; "" counts all reads.
func (l *reading) calls(operation string) int {
	n := 0
	for _, c := range l.aws.Journal() {
		name := c.Service + ":" + c.Operation
		if c.Service != "s3" && (operation == "" || operation == name) {
			n++
		}
		if c.Mutating {
			l.t.Errorf("the target was changed by %s", name)
		}
	}
	return n
}

// The machines of a reading are executions with a status.

func (l *reading) DescribeExecution(arn string) (emulator.Execution, bool) {
	status, ok := l.running[arn]
	return emulator.Execution{ARN: arn, Name: "run", StateMachineARN: "arn:aws:states:us-east-1:" + readingHub + ":stateMachine:x", Status: status, Start: l.start}, ok
}

// ExecutionHistory is that of an execution that only began.
func (l *reading) ExecutionHistory(arn string, _ bool) ([]sfntypes.HistoryEvent, bool) {
	_, ok := l.running[arn]
	return []sfntypes.HistoryEvent{{Id: 1, Timestamp: &l.start, Type: sfntypes.HistoryEventTypeExecutionStarted}}, ok
}

func (l *reading) SendTaskSuccess(string, string) error         { return nil }
func (l *reading) SendTaskFailure(string, string, string) error { return nil }
func (l *reading) SendTaskHeartbeat(string) error               { return nil }
func (l *reading) StartExecution(string, string, string) (string, time.Time, error) {
	return "", l.start, nil
}
func (l *reading) StopExecution(string, string, string) (time.Time, error) { return l.start, nil }
func (l *reading) RedriveExecution(string) (time.Time, error)              { return l.start, nil }

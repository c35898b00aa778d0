package step

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const (
	askingUser = "arn:aws:iam::111122223333:user/"
	askingRole = "arn:aws:sts::111122223333:assumed-role/"
)

// asking is a run with a plan in its first round, and the steps between plan and commit.
type asking struct {
	t    *testing.T
	aws  *emulator.AWS
	env  Env
	in   Input
	now  time.Time
	rung []string // tokens that were rung
	ring error    // what Step Functions answers to a ring

	executions map[string]string // the status of those that Step Functions knows, by ARN
}

func newAsking(t *testing.T, trail string, faults ...emulator.Fault) *asking {
	t.Helper()
	world, err := emulator.ParseWorld(fmt.Appendf(nil, `{"now": "2026-03-02T09:00:00Z", "hub": "111122223333", "accounts": {"111122223333": {
		"principals": [{"accessKeyId": "AKIAHUB", "arn": "arn:aws:iam::111122223333:user/hub"}], "users": {"hub": {}}, "buckets": {"record": {}},
		"topics": [{"arn": "arn:aws:sns:us-east-1:111122223333:notices"}, {"name": "approvals", "subscriptions": [
			{"protocol": "email", "endpoint": "Ann@Example.com"}, {"protocol": "email", "endpoint": "bob@example.com", "pending": true}]}], "trail": [%s]}}}`, trail))
	if err != nil {
		t.Fatal(err)
	}
	l := &asking{t: t, now: world.Now}
	l.aws, err = emulator.New(emulator.Options{World: world, Machines: l, Faults: faults, Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	l.env = Env{Config: Defaults(), AWS: l, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	l.env.Config.Account, l.env.Config.Region, l.env.Config.Topic = "111122223333", "us-east-1", "arn:aws:sns:us-east-1:111122223333:notices"
	l.env.Config.ApprovalTopic = "arn:aws:sns:us-east-1:111122223333:approvals"
	writes := 0
	l.env.Record = record.New(s3.NewFromConfig(l.Hub()), "record", func(context.Context) string { writes++; return strconv.Itoa(writes) })

	deadline := l.now.Add(l.env.Config.ApprovalWindow)
	l.in = Input{Execution: Execution{ID: readingRun, Name: "run-1", StartTime: l.now}, Entered: l.now, TaskToken: "token-1"}
	l.in.Run = Run{Closing: record.Prefix(readingTarget, "run-1", l.now), AccountID: readingTarget, Starter: askingUser + "sam", Round: 1, Deadline: &deadline}
	l.must(l.folder().PutRequest(l.ctx(), closing.Request{AccountID: readingTarget, Reason: "leaver"}))
	l.must(l.folder().PutVerification(l.ctx(), record.Verification{}))
	l.in.Run.Digest = l.plan(record.PlanName(1), func(*facts) {}).Digest
	l.must(l.env.Record.Lock(l.ctx(), readingTarget, readingRun, nil))
	t.Cleanup(func() {
		if unknown := l.aws.Unknown(); len(unknown) > 0 {
			t.Errorf("the emulator does not know %v", unknown)
		}
	})
	return l
}

func (l *asking) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *asking) ctx() context.Context   { return clock.Virtual(l.t.Context(), l.now, time.Minute) }
func (l *asking) folder() *record.Folder { return l.env.folder(l.in) }
func (l *asking) pass(d time.Duration)   { l.now = l.now.Add(d) }
func (l *asking) account() closing.Material {
	return closing.Material{
		AccountID: readingTarget, IdentityRegion: "us-east-1",
		Subscription: &closing.Subscription{Status: "ACCOUNT_CREATED", AccountName: "acme-secret-name", TerminationProtection: true},
		Namespaces:   []closing.Namespace{{Name: "default"}},
		Directory:    closing.Directory{Fate: closing.FateDelete, ID: "d-9067012345", Region: "us-east-1", Type: "SimpleAD"},
		VPC:          closing.VPC{Fate: closing.FateDelete, ID: "vpc-1", Region: "us-east-1", Resources: []closing.Resource{{Kind: "subnet", ID: "subnet-1"}}},
		NotReadable:  []closing.NotReadable{{Kind: "topic", Region: "eu-west-1", Reason: "AccessDeniedException"}},
	}
}

// facts are a plan before its assets are listed.
type facts struct {
	closing.Plan
	listed []closing.Asset
}

// belongings are the account's assets, in order.
func (l *asking) belongings() []closing.Asset {
	updated := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return []closing.Asset{
		{ARN: "arn:dashboard/1", Kind: "dashboard", Region: "us-east-1", Updated: &updated},
		{ARN: "arn:user/ann", Kind: kindUser, Region: "us-east-1"},
		{ARN: "arn:user/bob", Kind: kindUser, Region: "us-east-1"},
	}
}

// plan writes a plan of the account in the run's round, as it is now and as change makes it.
func (l *asking) plan(name string, change func(*facts)) closing.Plan {
	l.t.Helper()
	f := facts{closing.Plan{Round: l.in.Run.Round, Material: l.account(), Observed: closing.Observed{At: l.now}}, l.belongings()}
	change(&f)
	var err error
	f.Material.Assets, err = record.PutList(l.ctx(), l.folder(), f.listed...)
	l.must(err)
	for _, a := range f.listed {
		f.Material.Add(a)
	}
	p, err := l.folder().PutPlan(l.ctx(), name, f.Plan)
	l.must(err)
	if name == record.RetakeName(l.in.Run.Round) {
		var backups []closing.Backup
		for _, a := range l.belongings() {
			backups = append(backups, closing.Backup{ARN: a.ARN, Kind: a.Kind, Region: a.Region, Updated: a.Updated, As: closing.InBundle, Object: "backup/us-east-1/1.qs"})
		}
		l.saved(closing.Manifest{}, backups...)
	}
	return p
}

// saved writes what was saved of the round's plan. The first manifest of a round stands.
func (l *asking) saved(m closing.Manifest, backups ...closing.Backup) {
	l.t.Helper()
	var err error
	m.Backups, err = record.PutList(l.ctx(), l.folder(), backups...)
	l.must(err)
	for _, b := range backups {
		if b.As == closing.NotSaved {
			m.Failed++
		}
	}
	m.Round, m.Digest = l.in.Run.Round, l.in.Run.Digest
	_, err = l.folder().PutManifest(l.ctx(), m)
	l.must(err)
}

// call calls a step in a state. What it returns as the run is the run from then on.
func (l *asking) call(step func(Env) Handler, state string, action Action) (Result, error) {
	l.t.Helper()
	l.in.State, l.in.Action, l.in.Entered = state, action, l.now
	result, err := step(l.env)(l.ctx(), l.in)
	if err == nil {
		l.in.Run, l.in.Progress = result.Run, result.Progress
	}
	return result, err
}

func (l *asking) ask() (Result, error)    { return l.call(RequestApproval, "Request Approval", ActionAsk) }
func (l *asking) read() (Result, error)   { return l.call(RequestApproval, "Read Decision", ActionRead) }
func (l *asking) cool() (Result, error)   { return l.call(RequestApproval, "Cooling Off", ActionCool) }
func (l *asking) commit() (Result, error) { return l.call(CommitPlan, "Commit Plan", "") }

// decide writes a decision as decide-approval does.
func (l *asking) decide(verdict closing.Verdict, name string) {
	l.t.Helper()
	_, err := l.folder().PutDecision(l.ctx(), closing.Decision{
		Round: l.in.Run.Round, Digest: l.in.Run.Digest, Verdict: verdict, Person: askingUser + name, Principal: askingUser + name, At: l.now,
	})
	l.must(err)
}

func (l *asking) cancel() {
	l.t.Helper()
	_, err := l.folder().PutSeal(l.ctx(), closing.Seal{Round: 1, Digest: l.in.Run.Digest, Kind: closing.SealCancel, At: l.now, By: askingUser + "ann"})
	l.must(err)
}

// wants fails the test where a step did not answer with the verdict.
func (l *asking) wants(verdict Verdict, result Result, err error) {
	l.t.Helper()
	if err != nil || result.Verdict != verdict || result.State != Done {
		l.t.Fatalf("got %s %s, %v, want %s", result.State, result.Verdict, err, verdict)
	}
}

// notices are the messages that were published.
func (l *asking) notices() []string {
	var notices []string
	for _, c := range l.aws.Journal() {
		if c.Service == "sns" && c.Operation == "Publish" && c.Error == "" {
			notices = append(notices, string(c.Params))
		}
	}
	return notices
}

func (l *asking) Hub() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: l.aws}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
	}
}

func (l *asking) Target(context.Context, Access) (aws.Config, error) {
	return aws.Config{}, errors.New("no step between plan and commit touches the target")
}

// The machine rings for whoever holds a token.

func (l *asking) SendTaskSuccess(token, output string) error {
	if strings.Contains(output, token) {
		l.t.Errorf("the doorbell repeats its token: %s", output)
	}
	l.rung = append(l.rung, token)
	return l.ring
}
func (l *asking) DescribeExecution(arn string) (emulator.Execution, bool) {
	status, known := l.executions[arn]
	return emulator.Execution{ARN: arn, Name: "run-1", Status: status, Start: l.now, Input: []byte("{}")}, known
}
func (l *asking) SendTaskFailure(string, string, string) error            { return nil }
func (l *asking) SendTaskHeartbeat(string) error                          { return nil }
func (l *asking) StopExecution(string, string, string) (time.Time, error) { return l.now, nil }
func (l *asking) RedriveExecution(string) (time.Time, error)              { return l.now, nil }
func (l *asking) StartExecution(string, string, string) (string, time.Time, error) {
	return readingRun, l.now, nil
}

package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{})
	_, err := sts.NewFromConfig(l.config(hubKey, "us-east-1")).GetSessionToken(background, &sts.GetSessionTokenInput{})
	wantCode(t, err, "NotImplemented")
	_, err = l.target("us-east-1").DescribeDashboard(background, &quicksight.DescribeDashboardInput{AwsAccountId: target, DashboardId: aws.String("d")})
	wantCode(t, err, "NotImplemented")
	_, err = sfn.NewFromConfig(l.config(hubKey, "us-east-1")).DescribeExecution(background, &sfn.DescribeExecutionInput{ExecutionArn: aws.String("arn")})
	wantCode(t, err, "NotImplemented")
	want := []string{"quicksight:GET /accounts/" + targetAccount + "/dashboards/d", "states:DescribeExecution", "sts:GetSessionToken"}
	if got := l.Unknown(); !slices.Equal(got, want) {
		t.Errorf("unknown operations %v, want %v", got, want)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var faults []Fault
	if err := strict([]byte(`[
		{"match": {"service": "quicksight", "operation": "DescribeAccountSubscription"}, "nth": 2, "times": 2, "error": {"code": "ThrottlingException", "message": "Rate exceeded", "status": 429}},
		{"match": {"operation": "PutObject", "contains": "\"Key\":\"a\""}, "lost": true, "afterEffect": true, "latency": "PT40M"},
		{"match": {"operation": "PutObject", "contains": "\"Key\":\"b\""}, "lost": true},
		{"match": {"invocation": "Delete VPC"}, "times": -1, "error": {"code": "ServiceUnavailable"}}
	]`), &faults); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, `"buckets": {"record": {}}`, `"quickSight": {}`, Options{Faults: faults})
	var codes []string
	for range 4 {
		_, err := l.subscription("us-east-1")
		codes = append(codes, code(t, err))
	}
	if want := []string{"", "ThrottlingException", "ThrottlingException", ""}; !slices.Equal(codes, want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
	for _, key := range []string{"a", "b"} {
		_, err := put(l.s3(hubKey), key, "x", plainly)
		var lost *LostError
		if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &lost) || lost.Latency == 0 {
			t.Errorf("%s: %v, want a connection reset", key, err)
		}
	}
	if objects := l.World().Accounts[hubAccount].Buckets["record"].Objects; objects["a"] == nil || objects["b"] != nil {
		t.Errorf("objects %v, want the effect of a alone", objects)
	}
	lost := l.Journal()[4]
	if lost.Status != 0 || lost.Latency < 40*time.Minute || lost.Fault != "lost on :PutObject" || !lost.Done || l.Journal()[5].Done {
		t.Errorf("journal of a lost answer: %+v", lost)
	}
	if unused := l.UnusedFaults(); len(unused) != 1 || unused[0].Match.Invocation != "Delete VPC" {
		t.Errorf("unused faults %+v", unused)
	}
	for _, idle := range []Fault{{}, {Error: &APIError{}}, {Latency: 1, AfterEffect: true}, {Lost: true, Nth: -1}, {Lost: true, Error: &APIError{Code: "X"}}, {Lost: true, For: -1}, {Lost: true, For: 1, Times: 2}} {
		if _, err := New(Options{World: l.World(), Faults: []Fault{idle}}); err == nil {
			t.Errorf("fault %+v was accepted", idle)
		}
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for give, want := range map[string]time.Duration{"PT40M": 40 * time.Minute, "P1DT2H": 26 * time.Hour, "PT1.5S": 1500 * time.Millisecond, "5s": 5 * time.Second} {
		var d Duration
		if err := json.Unmarshal([]byte(`"`+give+`"`), &d); err != nil || time.Duration(d) != want {
			t.Errorf("%s: %v, %v", give, time.Duration(d), err)
		}
	}
	for _, give := range []string{`"PT"`, `"P"`, `"forty"`, `40`, `"P1M"`} {
		if err := json.Unmarshal([]byte(give), new(Duration)); err == nil {
			t.Errorf("%s was accepted", give)
		}
	}
}

// Equal runs give equal bytes, whatever happens in other invocations meanwhile.
func TestJournalIsDeterministic(t *testing.T) {
	t.Parallel()
	run := func(disturb bool) ([]byte, string) {
		l := newLab(t, `"buckets": {"record": {}}`, `"quickSight": {}, "roles": {"QuickSightUnsubscribeRead": {}}`, Options{})
		if disturb {
			_, _ = l.subscription("us-east-1") // its own answer is not looked at
		}
		config := l.config(hubKey, "us-east-1")
		config.HTTPClient = &http.Client{Transport: labelled{l.AWS, "run/Verify Caller/0"}}
		out, err := sts.NewFromConfig(config).AssumeRole(background, &sts.AssumeRoleInput{RoleArn: aws.String(readRole), RoleSessionName: aws.String("one")})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s3.NewFromConfig(config).PutObject(background, &s3.PutObjectInput{Bucket: aws.String("record"), Key: aws.String("k"), Body: strings.NewReader("v")})
		if err != nil {
			t.Fatal(err)
		}
		journal, err := json.Marshal(l.Journal())
		if err != nil {
			t.Fatal(err)
		}
		return journal, *out.Credentials.AccessKeyId
	}
	first, key := run(false)
	second, same := run(false)
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Error(diff)
	}
	if _, other := run(true); key != same || key != other {
		t.Errorf("access keys %s, %s and %s differ", key, same, other)
	}
}

func TestJournalLine(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{})
	if err := l.unprotect(); err != nil {
		t.Fatal(err)
	}
	got := l.last()
	got.RequestID = ""
	want := Call{
		Seq: 1, Time: l.now, Service: "quicksight", Operation: "UpdateAccountSettings", Region: "us-east-1", Account: targetAccount,
		Principal: "arn:aws:iam::" + targetAccount + ":user/ann", Params: json.RawMessage(`{"AwsAccountId":"` + targetAccount + `","DefaultNamespace":"default"}`),
		Resources: []string{targetAccount}, Mutating: true, Done: true, Status: 200, Latency: 150 * time.Millisecond, Response: json.RawMessage(`{}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Ensure a read can show yesterday's world, and that IAM refuses in its own words, both once.
func TestInjectedFaults(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"terminationProtection": false}`, Options{})
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Fatal(err)
	}
	changed, err := l.subscription("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Inject(Fault{Match: Match{Operation: "DescribeAccountSubscription"}, Stale: true}, Fault{Match: Match{Operation: "DescribeAccountSubscription"}, Nth: 2, Denied: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.subscription("us-east-1"); err != nil || got != "ACCOUNT_CREATED" {
		t.Errorf("the read before the change shows %s, %v", got, err)
	}
	_, err = l.subscription("us-east-1")
	wantCode(t, err, "AccessDeniedException")
	if got, err := l.subscription("us-east-1"); err != nil || got != changed {
		t.Errorf("afterwards it shows %s, %v, want %s", got, err, changed)
	}
	if err := l.Inject(Fault{Stale: true, Denied: true}); err == nil {
		t.Error("a fault that is both stale and denied was accepted")
	}
}

// Ensure that a fault that lasts for a time begins with its first hit, whenever that is, and that a copy of it is over when it is.
func TestFaultForATime(t *testing.T) {
	t.Parallel()
	var lasting Fault
	const text = `{"match": {"operation": "DescribeAccountSubscription"}, "nth": 2, "for": "PT1H", "error": {"code": "ThrottlingException", "status": 429}}`
	if err := json.Unmarshal([]byte(text), &lasting); err != nil {
		t.Fatal(err)
	}
	l := newLab(t, "", `"quickSight": {}`, Options{Faults: []Fault{lasting}})
	if _, err := l.subscription("us-east-1"); err != nil {
		t.Errorf("the first call is hit: %v", err)
	}
	l.now = l.now.Add(5 * time.Hour)
	for range 10 {
		_, err := l.subscription("us-east-1")
		wantCode(t, err, "ThrottlingException")
	}
	l.now = l.now.Add(time.Hour - time.Nanosecond)
	_, err := l.subscription("us-east-1")
	wantCode(t, err, "ThrottlingException")
	clone, err := l.Clone(Options{Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(time.Nanosecond)
	for _, aws := range []*AWS{l.AWS, clone} {
		fork := &lab{AWS: aws, now: l.now}
		if _, err := fork.subscription("us-east-1"); err != nil {
			t.Errorf("after an hour: %v", err)
		}
	}
}

func TestCloneIsIndependent(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"terminationProtection": false}`, Options{Faults: []Fault{{Match: Match{Operation: "DeleteAccountSubscription"}, Error: &APIError{Code: "ThrottlingException"}}}})
	clone, err := l.Clone(Options{Now: func() time.Time { return l.now }})
	if err != nil {
		t.Fatal(err)
	}
	fork := &lab{AWS: clone, now: l.now}
	wantCode(t, fork.unsubscribe("us-east-1"), "ThrottlingException")
	if err := fork.unsubscribe("us-east-1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := l.subscription("us-east-1"); got != "ACCOUNT_CREATED" {
		t.Errorf("the original went along: %s", got)
	}
	wantCode(t, l.unsubscribe("us-east-1"), "ThrottlingException")
	if len(fork.UnusedFaults()) != 0 {
		t.Error("the fork's fault counts as unused")
	}
}

// A world that is read back is the same world.
func TestWorldRoundTrip(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {"objects": {"k": "v"}}}, "topics": [{"name": "notices"}], "parameters": {"kill": "off"}`, `"quickSight": {"regions": {"eu-west-1": {"dashboards": ["Sales"]}}},
		"scps": [{"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": false}}}}], "users": {"ann": {"policies": []}}`, Options{})
	data, err := json.Marshal(l.World())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseWorld(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(l.World(), again, cmpopts.IgnoreUnexported(ObjectVersion{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{`{}`, `{"now": "2026-01-01T00:00:00Z", "acounts": {}}`, `{"now": "2026-01-01T00:00:00Z", "accounts": {"1234": {}}}`, `{"now": "2026-01-01T00:00:00Z"} {}`,
		`{"now": "2026-01-01T00:00:00Z", "accounts": {"111122223333": {"principals": [{"accessKeyId": "A", "arn": "arn:aws:iam::444455556666:root"}]}}}`,
		`{"now": "2026-01-01T00:00:00Z", "accounts": {"111122223333": {"quickSight": {"regions": {"eu-west-1": {"dashboards": [{"name": "x", "members": {"Colour": "red"}}]}}}}}}`,
	} {
		if _, err := ParseWorld([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// Every check that is a rule can be switched off, and every rule has a page.
func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Name] {
			t.Errorf("rule %s is there twice", r.Name)
		}
		seen[r.Name] = true
		if r.Page == "" {
			t.Errorf("rule %s has no page", r.Name)
		}
	}
	l := newLab(t, "", `"quickSight": {}`, Options{WithoutRules: []string{"termination-protection"}})
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Errorf("without the rule a protected account is refused: %v", err)
	}
	if _, err := New(Options{World: l.World(), WithoutRules: []string{"termination"}}); err == nil {
		t.Error("an unknown rule was accepted")
	}
}

// The same answers come over a socket, where the SDK's own retries work.
func TestLoopback(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{Faults: []Fault{{Match: Match{Service: "quicksight"}, Lost: true}}})
	server := httptest.NewServer(l.AWS)
	t.Cleanup(server.Close)
	config := l.config(targetKey, "us-east-1")
	config.HTTPClient, config.BaseEndpoint = server.Client(), &server.URL
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	out, err := quicksight.NewFromConfig(config).DescribeAccountSubscription(background, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: target})
	if err != nil || *out.AccountInfo.AccountName != "leaver" {
		t.Fatalf("%+v, %v", out, err)
	}
	if calls := l.Journal(); len(calls) < 2 || calls[0].Status != 0 {
		t.Errorf("the lost call is not in the journal: %+v", calls)
	}
}

func TestNoticesAndParameters(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"topics": [{"name": "notices", "subscriptions": [{"protocol": "email", "endpoint": "a@example.com"}, {"protocol": "email", "endpoint": "b@example.com", "pending": true}]}], "parameters": {"/closer/kill-switch": "off"}`, "", Options{PageSize: 1})
	topic := "arn:aws:sns:us-east-1:" + hubAccount + ":notices"
	notices := sns.NewFromConfig(l.config(hubKey, "us-east-1"))
	publish := func(subject, message string) error {
		_, err := notices.Publish(background, &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &message})
		return err
	}
	if err := publish("Closed", "It is done."); err != nil {
		t.Fatal(err)
	}
	wantCode(t, publish(strings.Repeat("x", 101), "m"), "InvalidParameter")
	wantCode(t, publish("two\nlines", "m"), "InvalidParameter")
	wantCode(t, publish("s", strings.Repeat("x", 256*1024+1)), "InvalidParameter")
	var confirmed []string
	pages := sns.NewListSubscriptionsByTopicPaginator(notices, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(background)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Subscriptions {
			if *s.SubscriptionArn != "PendingConfirmation" {
				confirmed = append(confirmed, *s.Endpoint)
			}
		}
	}
	if !slices.Equal(confirmed, []string{"a@example.com"}) {
		t.Errorf("confirmed %v", confirmed)
	}
	_, err := sns.NewFromConfig(l.config(targetKey, "us-east-1")).Publish(background, &sns.PublishInput{TopicArn: &topic, Message: aws.String("m")})
	wantCode(t, err, "AuthorizationError")

	parameters := ssm.NewFromConfig(l.config(hubKey, "us-east-1"))
	out, err := parameters.GetParameter(background, &ssm.GetParameterInput{Name: aws.String("/closer/kill-switch")})
	if err != nil || *out.Parameter.Value != "off" {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = parameters.GetParameter(background, &ssm.GetParameterInput{Name: aws.String("/closer/other")})
	wantCode(t, err, "ParameterNotFound")
}

// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
func TestLookupEvents(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}, "trail": [
		{"time": "2025-11-01T00:00:00Z", "name": "CreateAccountSubscription", "principal": "arn:aws:iam::`+targetAccount+`:user/old"},
		{"time": "2026-02-01T00:00:00Z", "name": "CreateAccountSubscription", "principal": "arn:aws:sts::`+targetAccount+`:assumed-role/Admin/ann"},
		{"time": "2026-02-02T00:00:00Z", "name": "CreateAccount", "region": "eu-west-1", "service": true}]`, Options{PageSize: 1})
	client := cloudtrail.NewFromConfig(l.config(targetKey, "us-east-1"))
	lookup := func(attributes ...cttypes.LookupAttribute) []string {
		var found []string
		pages := cloudtrail.NewLookupEventsPaginator(client, &cloudtrail.LookupEventsInput{LookupAttributes: attributes})
		for pages.HasMorePages() {
			page, err := pages.NextPage(background)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				var record struct {
					UserIdentity struct{ Type string }
				}
				if err := json.Unmarshal([]byte(*e.CloudTrailEvent), &record); err != nil {
					t.Fatal(err)
				}
				found = append(found, *e.EventName+" "+*e.Username+" "+record.UserIdentity.Type)
			}
		}
		return found
	}
	named := cttypes.LookupAttribute{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("CreateAccountSubscription")}
	if got := lookup(named); !slices.Equal(got, []string{"CreateAccountSubscription ann AssumedRole"}) {
		t.Errorf("create events %v", got)
	}
	_, err := client.LookupEvents(background, &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{named, named}})
	wantCode(t, err, "InvalidLookupAttributesException")
	if err := l.unprotect(); err != nil {
		t.Fatal(err)
	}
	if got := lookup(); len(got) != 1 {
		t.Errorf("events are there at once: %v", got)
	}
	l.pass(5 * time.Minute)
	if got := lookup(); len(got) != 2 || got[0] != "UpdateAccountSettings ann IAMUser" {
		t.Errorf("events later: %v", got)
	}
}

// machines is a Step Functions side with one execution and one token.
type machines struct{}

func (machines) DescribeExecution(arn string) (Execution, bool) {
	return Execution{ARN: arn, Name: "run", StateMachineARN: "arn:machine", Status: "FAILED", Start: time.Unix(100, 0), Stop: time.Unix(200, 0), Error: "Closing.Blocked", RedriveCount: 1, RedriveDate: time.Unix(150, 0)}, strings.HasSuffix(arn, ":run")
}

func (machines) SendTaskSuccess(token, _ string) error {
	if token != "token" {
		return apiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	}
	return nil
}
func (machines) SendTaskFailure(string, string, string) error { return nil }
func (machines) SendTaskHeartbeat(string) error               { return nil }
func (machines) StartExecution(machine, name, _ string) (string, time.Time, error) {
	return machine + ":" + name, time.Unix(100, 0), nil
}
func (machines) StopExecution(string, string, string) (time.Time, error) {
	return time.Unix(200, 0), nil
}
func (machines) RedriveExecution(string) (time.Time, error) { return time.Unix(300, 0), nil }

func (machines) StateMachineOf(token string) (string, bool) { return "arn:machine", token == "token" }

// https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.StateMachine.html#granttaskresponseidentity
func TestCallbackPermission(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": "states:SendTaskSuccess", "Resource": "arn:machine"}}]}}`, "", Options{Machines: machines{}})
	client := sfn.NewFromConfig(l.config(hubKey, "us-east-1"))
	for token, want := range map[string]string{"token": "", "stale": "AccessDeniedException"} {
		_, err := client.SendTaskSuccess(background, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")})
		wantCode(t, err, want)
	}
	_, err := client.SendTaskFailure(background, &sfn.SendTaskFailureInput{TaskToken: aws.String("token")})
	wantCode(t, err, "AccessDeniedException")
}

func TestStepFunctions(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "", Options{Machines: machines{}})
	client := sfn.NewFromConfig(l.config(hubKey, "us-east-1"))
	out, err := client.DescribeExecution(background, &sfn.DescribeExecutionInput{ExecutionArn: aws.String("arn:run")})
	if err != nil || out.Status != sfntypes.ExecutionStatusFailed || !out.StopDate.Equal(time.Unix(200, 0)) || *out.RedriveCount != 1 || out.RedriveStatus != sfntypes.ExecutionRedriveStatusRedrivable {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = client.DescribeExecution(background, &sfn.DescribeExecutionInput{ExecutionArn: aws.String("arn:other")})
	wantCode(t, err, "ExecutionDoesNotExist")
	send := func(token, output string) error {
		_, err := client.SendTaskSuccess(background, &sfn.SendTaskSuccessInput{TaskToken: &token, Output: &output})
		return err
	}
	if err := send("token", `{"ok": true}`); err != nil {
		t.Fatal(err)
	}
	var timedOut *sfntypes.TaskTimedOut
	if err := send("stale", "{}"); !errors.As(err, &timedOut) {
		t.Errorf("a stale token: %v", err)
	}
	wantCode(t, send("token", "not JSON"), "InvalidOutput")
	started, err := client.StartExecution(background, &sfn.StartExecutionInput{StateMachineArn: aws.String("arn:machine"), Name: aws.String("run"), Input: aws.String("{}")})
	if err != nil || *started.ExecutionArn != "arn:machine:run" {
		t.Fatalf("%+v, %v", started, err)
	}
	for _, bad := range []sfn.StartExecutionInput{{Name: aws.String("a b")}, {Name: aws.String(strings.Repeat("x", 81))}, {Input: aws.String("{")}} {
		bad.StateMachineArn = aws.String("arn:machine")
		if _, err := client.StartExecution(background, &bad); code(t, err) != "InvalidName" && code(t, err) != "InvalidExecutionInput" {
			t.Errorf("%v was answered %v", bad, err)
		}
	}
	redriven, err := client.RedriveExecution(background, &sfn.RedriveExecutionInput{ExecutionArn: aws.String("arn:run")})
	if err != nil || !redriven.RedriveDate.Equal(time.Unix(300, 0)) {
		t.Fatalf("%+v, %v", redriven, err)
	}
	_, err = client.ListExecutions(background, &sfn.ListExecutionsInput{StateMachineArn: aws.String("arn:machine")})
	wantCode(t, err, "NotImplemented")
}

// Ensure the world of the package's documentation is one.
func TestDocumentedWorld(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var world strings.Builder
	for line := range strings.Lines(string(source)) {
		if example, ok := strings.CutPrefix(line, "//\t"); ok {
			world.WriteString(example)
		}
	}
	if _, err := ParseWorld([]byte(world.String())); err != nil {
		t.Error(err)
	}
}

// functions is a Lambda side with one function that asks STS who it is before it answers.
type functions struct{ ask func() string }

func (f functions) Invoke(_ context.Context, name string, payload []byte) ([]byte, string, bool) {
	if string(payload) == `"fail"` {
		return []byte(`{"errorType":"Closing.Blocked"}`), "Unhandled", true
	}
	return fmt.Appendf(nil, `{"payload":%s,"as":%q}`, payload, f.ask()), "", name == "decide-approval"
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	var l *lab
	l = newLab(t, "", "", Options{Functions: functions{func() string {
		out, err := sts.NewFromConfig(l.config(hubKey, "us-east-1")).GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
		if err != nil {
			return err.Error()
		}
		return *out.Account
	}}})
	client := lambda.NewFromConfig(l.config(hubKey, "us-east-1"))
	call := func(name, payload string) (*lambda.InvokeOutput, error) {
		return client.Invoke(background, &lambda.InvokeInput{FunctionName: &name, Payload: []byte(payload)})
	}
	out, err := call("arn:aws:lambda:us-east-1:"+hubAccount+":function:decide-approval:7", `{"FunctionName":"other"}`)
	if err != nil || string(out.Payload) != `{"payload":{"FunctionName":"other"},"as":"`+hubAccount+`"}` {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err = call("decide-approval", `"fail"`); err != nil || *out.FunctionError != "Unhandled" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = call("nobody", "{}")
	wantCode(t, err, "ResourceNotFoundException")
	_, err = client.Invoke(background, &lambda.InvokeInput{FunctionName: aws.String("decide-approval"), InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte("{}")})
	wantCode(t, err, "NotImplemented")
	journal := l.Journal()
	if journal[0].Operation != "GetCallerIdentity" || journal[1].Operation != "Invoke" || journal[1].Seq != 2 {
		t.Errorf("journal %+v", journal)
	}
}

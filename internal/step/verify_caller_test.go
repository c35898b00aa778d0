package step

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

const plain = `{"accountId": "` + readingTarget + `"}`

// deniesElsewhere is a service control policy that denies everything but IAM and STS outside of some regions.
func deniesElsewhere(regions string) string {
	return `"scps": [{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
		"Condition": {"StringNotEquals": {"aws:RequestedRegion": [` + regions + `]}}}]}]`
}

func TestVerifyCallerFindsTheIdentityRegion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, account, request, want string
		probes                       int // of DescribeAccountSettings
	}{
		{"where AWS looks first", `"quickSight": {}`, plain, "us-east-1", 1},
		{"by the refusal of another region", `"quickSight": {"identityRegion": "eu-west-2"}`, plain, "eu-west-2", 2},
		{"by the hint", `"quickSight": {"identityRegion": "eu-west-2"}`, `{"accountId": "` + readingTarget + `", "identityRegion": "eu-west-2"}`, "eu-west-2", 1},
		{"by a wrong hint", `"quickSight": {"identityRegion": "eu-west-2"}`, `{"accountId": "` + readingTarget + `", "identityRegion": "sa-east-1"}`, "eu-west-2", 2},
		{
			"though a policy denies where AWS looks first",
			`"quickSight": {"identityRegion": "eu-west-1"}, ` + deniesElsewhere(`"eu-central-1", "eu-west-1"`),
			plain, "eu-west-1", 7, // five more are asked before eu-central-1 names it
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, test.account, emulator.Options{})
			result, err := l.verify(test.request)
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Run.IdentityRegion; got != test.want {
				t.Errorf("identity region %q, want %q", got, test.want)
			}
			if got := l.calls("quicksight:DescribeAccountSettings"); got > test.probes+3 || got < test.probes {
				t.Errorf("%d probes, want about %d", got, test.probes)
			}
		})
	}
}

// That there is no subscription is concluded from UNSUBSCRIBED, or from every region, and from nothing less.
func TestVerifyCallerConcludesThatThereIsNoSubscription(t *testing.T) {
	t.Parallel()
	account, everywhere := `"name": "x"`, `"regions": {"enabled": `+optIn+`}`
	for _, test := range []struct {
		name, account string
		governed      []string
		want          closing.Code
		mentions      string
		probes        int
	}{
		{"unsubscribed and shown", `"quickSight": {"status": "UNSUBSCRIBED"}`, nil, "", "", 1},
		{"never subscribed", account, nil, "", "", 15},
		{"never subscribed, and opt-in regions enabled", everywhere, nil, "", "", 23},
		{"a region denied", deniesElsewhere(`"us-east-1", "eu-west-1"`), nil, closing.RegionUnreadable, "ap-northeast-1", 15},
		{
			"the denied regions not governed", deniesElsewhere(`"us-east-1", "eu-west-1"`),
			[]string{"us-east-1", "eu-west-1"}, "", "", 15,
		},
		{"every region denied", deniesElsewhere(`"nowhere"`), nil, closing.TargetUnreachable, "service control policy", 23},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, test.account, emulator.Options{})
			l.env.Config.GovernedRegions = test.governed
			result, err := l.verify(plain)
			if got := closing.CodeOf(err); got != test.want || (err != nil && test.want == "") {
				t.Fatalf("error %v, want code %q", err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), test.mentions) {
				t.Errorf("error %q does not mention %q", err, test.mentions)
			}
			if result.Run.IdentityRegion != "" {
				t.Errorf("identity region %q of no subscription", result.Run.IdentityRegion)
			}
			if got := l.calls("quicksight:DescribeAccountSettings"); got != test.probes {
				t.Errorf("%d probes, want %d", got, test.probes)
			}
		})
	}
}

// The same where AWS forgets the subscription at once.
func TestVerifyCallerConcludesFromNotFoundEverywhere(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {"status": "UNSUBSCRIBED"}`, emulator.Options{Assumptions: map[string]string{"unsubscribed": "not-found"}})
	result, err := l.verify(plain)
	if err != nil || result.Run.IdentityRegion != "" {
		t.Errorf("identity region %q, error %v", result.Run.IdentityRegion, err)
	}
	if got := l.calls("quicksight:DescribeAccountSubscription"); got != 15 {
		t.Errorf("%d regions were asked for the subscription, want 15", got)
	}
}

func TestVerifyCallerRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, account, request string
		configure              func(*Config)
		want                   closing.Code
		mentions               string
	}{
		{"an account that is never closed", `"quickSight": {}`, plain, func(c *Config) { c.NeverClose = []string{readingTarget} }, closing.ProtectedAccount, "NEVER_CLOSE"},
		{"a name that does not match", `"quickSight": {"accountName": "acme"}`, `{"accountId": "` + readingTarget + `", "quickSightAccountName": "acne"}`, nil, closing.WrongAccount, `"acme"`},
		{"a time too far ahead", `"quickSight": {}`, `{"accountId": "` + readingTarget + `", "notBefore": "2026-06-02T09:00:00Z"}`, nil, closing.BadRequest, "90 days"},
		{"what is no request", `"quickSight": {}`, `{"accountId": "12"}`, nil, closing.BadRequest, "twelve digits"},
		{"a role that may not read", denying(RoleRead, "quicksight:DescribeAccountSettings"), plain, nil, closing.MissingPermission, "quicksight:DescribeAccountSettings"},
		{"a closing role that may not unsubscribe", denying(RoleClose, "quicksight:Unsubscribe"), plain, nil, closing.MissingPermission, "quicksight:Unsubscribe"},
		{"an account without the closing role", `"quickSight": {}, "roles": {"` + string(RoleRead) + `": {}}`, plain, nil, closing.TargetUnreachable, string(RoleClose)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, test.account, emulator.Options{})
			if test.configure != nil {
				test.configure(&l.env.Config)
			}
			_, err := l.verify(test.request)
			if closing.CodeOf(err) != test.want || !strings.Contains(err.Error(), test.mentions) {
				t.Errorf("error %v (%s), want %s that mentions %q", err, closing.CodeOf(err), test.want, test.mentions)
			}
			if holder, err := l.env.Record.Holder(t.Context(), readingTarget); err != nil || holder != "" {
				t.Errorf("a refused run left the lock to %q (%v)", holder, err)
			}
			l.calls("") // nothing may have been changed
		})
	}
}

func TestVerifyCallerRefusesForeignCredentials(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}`, emulator.Options{})
	target, err := l.Target(t.Context(), Access{Account: readingTarget, Role: RoleRead, Policy: ReadPolicy()})
	if err != nil {
		t.Fatal(err)
	}
	if err := proveAccount(t.Context(), target, "999999999999"); closing.CodeOf(err) != closing.WrongAccount {
		t.Errorf("error %v, want %s", err, closing.WrongAccount)
	}
}

func TestVerifyCallerLocks(t *testing.T) {
	t.Parallel()
	const other = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:other"
	for _, test := range []struct {
		name, holder, status, request, want string
		code                                closing.Code
	}{
		{"a free account", "", "", plain, readingRun, ""},
		{"an account of a running run", other, "RUNNING", plain, other, closing.AlreadyRunning},
		{"an account of a run that failed", other, "FAILED", plain, readingRun, ""},
		{"an account of a forgotten run", other, "", plain, readingRun, ""},
		{"nothing for a dry run", other, "RUNNING", `{"accountId": "` + readingTarget + `", "dryRun": true}`, other, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, `"quickSight": {}`, emulator.Options{})
			if test.holder != "" {
				if err := l.env.Record.Lock(t.Context(), readingTarget, test.holder, nil); err != nil {
					t.Fatal(err)
				}
			}
			if test.status != "" {
				l.running[other] = test.status
			}
			_, err := l.verify(test.request)
			if closing.CodeOf(err) != test.code || (err != nil && test.code == "") {
				t.Errorf("error %v, want code %q", err, test.code)
			}
			if holder, err := l.env.Record.Holder(t.Context(), readingTarget); err != nil || holder != test.want {
				t.Errorf("the lock is held by %q (%v), want %q", holder, err, test.want)
			}
		})
	}
}

// A retried invocation finds its own request and lock.
func TestVerifyCallerRunsTwice(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}`, emulator.Options{})
	first, err := l.verify(plain)
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.verify(plain)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second call differs (-first +second):\n%s", diff)
	}
}

func TestVerifyCallerKeepsEvidence(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}, "trail": [
		{"time": "2026-02-01T10:00:00Z", "name": "CreateAccountSubscription", "principal": "arn:aws:iam::`+readingTarget+`:user/ana"},
		{"time": "2026-02-02T10:00:00Z", "name": "CreateAccount", "source": "organizations.amazonaws.com", "principal": "arn:aws:iam::`+readingTarget+`:user/bob"}]`, emulator.Options{})
	if _, err := l.verify(`{"accountId": "` + readingTarget + `", "attestation": "Ana signed us up in 2019"}`); err != nil {
		t.Fatal(err)
	}
	v, err := l.env.folder(l.in).Verification(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []closing.Evidence{
		{About: "starter", For: true, Fact: "attested in the request: Ana signed us up in 2019"},
		{About: "starter", For: true, Fact: "CloudTrail: CreateAccountSubscription by ana on 2026-02-01"},
	}
	if diff := cmp.Diff(want, v.Evidence); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
	if len(v.Advice) > 0 || len(v.Denied) > 0 {
		t.Errorf("roles that may do everything raise doubts: %q, %q", v.Advice, v.Denied)
	}
}

// A doubt of the simulator is shown to the approver and stops nothing.
func TestVerifyCallerShowsDoubts(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}, "roles": {"`+string(RoleRead)+`": {}, "`+string(RoleClose)+`": {"policies": [{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["quicksight:*", "ds:*"], "Resource": "*"},
		{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"},
		{"Effect": "Deny", "Action": "ec2:DeleteVpc", "Resource": "*"},
		{"Effect": "Deny", "Action": "quicksight:DeleteNamespace", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}]}]}}`, emulator.Options{})
	if _, err := l.verify(plain); err != nil {
		t.Fatal(err)
	}
	v, err := l.env.folder(l.in).Verification(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ec2:DeleteVpc"}, v.Denied); diff != "" {
		t.Errorf("denied (-want +got):\n%s", diff)
	}
	if !slices.ContainsFunc(v.Advice, func(s string) bool { return strings.Contains(s, "ec2:DeleteVpc") }) {
		t.Errorf("the advice %q does not name ec2:DeleteVpc", v.Advice)
	}
}

// What a request says and what its raw bytes say is the same, whichever way it came.
func TestVerifyCallerTakesAnOffboardingEvent(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}`, emulator.Options{})
	event, err := json.Marshal(map[string]any{
		"source": closing.EventSource, "detail-type": closing.OffboardingEvent, "detail": map[string]any{"accountId": readingTarget},
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := l.verify(string(event))
	if err != nil {
		t.Fatal(err)
	}
	want := Run{
		Closing:   record.Prefix(readingTarget, "run-1", time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)),
		AccountID: readingTarget, IdentityRegion: "us-east-1",
	}
	if diff := cmp.Diff(want, result.Run); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
}

// A read that gets no answer is worth a retry: it is no verdict about the account.
func TestVerifyCallerLeavesSilenceToARetry(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}`, emulator.Options{Faults: []emulator.Fault{{
		Match: emulator.Match{Service: "quicksight", Operation: "DescribeAccountSettings"}, Nth: 1, Times: -1,
		Error: &emulator.APIError{Code: "ThrottlingException", Message: "Rate exceeded", Status: 429},
	}}})
	_, err := VerifyCaller(l.env)(clock.Virtual(t.Context(), l.start, l.budget), l.in)
	var coded *closing.Error
	if err == nil || errors.As(err, &coded) {
		t.Errorf("error %v, want one without a code", err)
	}
}

// Answers that contradict each other are no answer.
func TestVerifyCallerStopsAtContradictions(t *testing.T) {
	t.Parallel()
	fault := func(operation, region, code, message string) emulator.Fault {
		return emulator.Fault{
			Match: emulator.Match{Service: "quicksight", Operation: operation, Region: region}, Nth: 1, Times: -1,
			Error: &emulator.APIError{Code: code, Message: message, Status: 404},
		}
	}
	for _, test := range []struct {
		name   string
		faults []emulator.Fault
		want   closing.Code
	}{
		{"settings without a subscription", []emulator.Fault{fault("DescribeAccountSubscription", "us-east-1", "ResourceNotFoundException", "no such account")}, closing.UnknownStatus},
		{"a subscription without settings", []emulator.Fault{fault("DescribeAccountSettings", "", "ResourceNotFoundException", "not signed up")}, closing.UnknownStatus},
		{"regions that name each other", []emulator.Fault{
			fault("DescribeAccountSettings", "us-east-1", "AccessDeniedException", "your identity region is eu-west-1."),
			fault("DescribeAccountSettings", "", "AccessDeniedException", "your identity region is us-east-1."),
		}, closing.UnknownStatus},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, `"quickSight": {}`, emulator.Options{Faults: test.faults})
			if _, err := l.verify(plain); closing.CodeOf(err) != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// denying is an account of which one role is denied one action.
func denying(role Role, action string) string {
	other := RoleClose
	if role == RoleClose {
		other = RoleRead
	}
	return `"quickSight": {}, "roles": {"` + string(other) + `": {}, "` + string(role) + `": {"policies": [{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "` + action + `", "Resource": "*"}]}]}}`
}

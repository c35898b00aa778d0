package step

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// Ensure that a round is opened once, that each reminder has a doorbell and a notice of its own, and that the end is Expired.
func TestReminders(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	deadline := *l.in.Run.Deadline
	for n, token := range []string{"token-1", "token-2", "token-3"} {
		l.in.TaskToken = token
		result, err := l.ask()
		l.wants(Pending, result, err)
		hung, err := l.folder().Token(l.ctx())
		if err != nil || hung.Token != token || hung.State != "Request Approval" || len(l.notices()) != n+1 {
			t.Errorf("reminder %d: the doorbell is %+v, %v, with %d notices", n+1, hung, err, len(l.notices()))
		}
		result, err = l.read()
		l.wants(Pending, result, err)
		l.pass(24 * time.Hour)
	}
	ask, err := l.folder().Ask(l.ctx(), 1, l.in.Run.Digest)
	if err != nil || !ask.AskedAt.Equal(l.now.Add(-72*time.Hour)) || !ask.Deadline.Equal(deadline) {
		t.Errorf("the ask is %+v, %v, want the first", ask, err)
	}
	if len(l.rung) != 0 {
		t.Errorf("%v were rung while nothing was decided", l.rung)
	}
	l.now = deadline
	result, err := l.ask()
	l.wants(Expired, result, err)
	if len(l.rung) != 1 || l.rung[0] != "token-3" || len(l.notices()) != 3 {
		t.Errorf("after the deadline %v were rung, with %d notices", l.rung, len(l.notices()))
	}
	result, err = l.read()
	l.wants(Expired, result, err)
}

func TestNotice(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	l.in.TaskToken = "secret-token"
	result, err := l.ask()
	l.wants(Pending, result, err)
	text := l.notices()[0]
	for _, says := range []string{
		readingTarget, "cannot be undone", "2 × user", "1 × dashboard", "the directory d-9067012345", "the VPC vpc-1 in us-east-1 with 1 resources",
		"every topic in eu-west-1, which could not be read", l.in.Run.Digest, "2026-03-09T09:00:00Z", askingUser + "sam", "leaver",
		"unsubscribe approve s3://" + l.env.Config.Bucket + "/" + strings.TrimSuffix(l.in.Run.Closing, "/"),
	} {
		if !strings.Contains(text, says) {
			t.Errorf("the notice lacks %q: %s", says, text)
		}
	}
	for _, secret := range []string{"secret-token", "acme-secret-name"} {
		if strings.Contains(text, secret) {
			t.Errorf("the notice gives %q away: %s", secret, text)
		}
	}
}

// Ensure that a request that is decided before its doorbell hangs rings itself, whatever was decided, and asks nobody.
func TestDecidedBeforeTheDoorbell(t *testing.T) {
	t.Parallel()
	for verdict, decide := range map[Verdict]func(*asking){
		Cooling:   func(l *asking) { l.decide(closing.Approve, "ann") },
		Rejected:  func(l *asking) { l.decide(closing.Reject, "ann") },
		Cancelled: func(l *asking) { l.cancel() },
		Approved:  func(l *asking) { l.decide(closing.Approve, "ann"); l.pass(time.Hour) },
	} {
		l := newAsking(t, "")
		result, err := l.ask()
		l.wants(Pending, result, err)
		decide(l)
		l.in.TaskToken = "token-2"
		result, err = l.ask()
		l.wants(verdict, result, err)
		if len(l.rung) != 1 || l.rung[0] != "token-2" || len(l.notices()) != 1 {
			t.Errorf("%s: %v were rung, with %d notices", verdict, l.rung, len(l.notices()))
		}
		result, err = l.read()
		l.wants(verdict, result, err)
	}
}

// Ensure that a doorbell behind which nobody waits any more is no failure, and that any other refusal to ring is one.
func TestRing(t *testing.T) {
	t.Parallel()
	for code, fails := range map[string]bool{
		"": false, "TaskTimedOut": false, "TaskDoesNotExist": false,
		"InvalidToken": true, "InvalidOutput": true, "KmsAccessDeniedException": true, "KmsInvalidStateException": true, "KmsThrottlingException": true,
	} {
		l := newAsking(t, "")
		result, err := l.ask()
		l.wants(Pending, result, err)
		l.decide(closing.Reject, "ann")
		if code != "" {
			l.ring = &emulator.APIError{Code: code, Message: "no", Status: http.StatusBadRequest}
		}
		_, err = l.ask()
		if (err != nil) != fails || len(l.rung) != 1 {
			t.Errorf("%s: got %v after %d rings", code, err, len(l.rung))
		}
	}
}

func TestCoolingOff(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	_, err := l.ask()
	l.must(err)
	l.pass(time.Hour)
	l.decide(closing.Approve, "ann")
	until := l.now.Add(l.env.Config.CoolOff)
	l.pass(time.Minute)
	result, err := l.read()
	l.wants(Cooling, result, err)
	if got := result.Run.CoolUntil; got == nil || !got.Equal(until) {
		t.Errorf("it cools off until %v, want %s", got, until)
	}
	result, err = l.cool()
	l.wants(Cooling, result, err)
	if len(l.rung) != 0 {
		t.Errorf("%v were rung while it cools off", l.rung)
	}
	l.now = until.Add(-time.Second)
	result, err = l.read()
	l.wants(Cooling, result, err)
	l.now = until
	result, err = l.read()
	l.wants(Approved, result, err)
	result, err = l.cool() // entered late, for example after a retry
	l.wants(Approved, result, err)
	if len(l.rung) != 1 {
		t.Errorf("%d rings, want one: the cooling off is over", len(l.rung))
	}
}

func TestCancelledWhileCoolingOff(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	_, err := l.ask()
	l.must(err)
	l.decide(closing.Approve, "ann")
	l.cancel()
	result, err := l.cool()
	l.wants(Cancelled, result, err)
	if len(l.rung) != 1 {
		t.Errorf("%d rings, want one", len(l.rung))
	}
	result, err = l.read()
	l.wants(Cancelled, result, err)
}

// Ensure that without a cooling off an approval is through at once, and that notBefore holds it in any case.
func TestCoolUntil(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	l.env.Config.CoolOff = 0
	l.in.Run.Round = 2
	notBefore := l.now.Add(48 * time.Hour)
	l.in.Run.Digest = l.plan(record.PlanName(2), func(p *facts) { p.Material.NotBefore = &notBefore }).Digest
	_, err := l.ask()
	l.must(err)
	l.decide(closing.Approve, "ann")
	result, err := l.read()
	l.wants(Cooling, result, err)
	if got := result.Run.CoolUntil; got == nil || !got.Equal(notBefore) {
		t.Errorf("it waits until %v, want %s", got, notBefore)
	}
	l.now = notBefore
	result, err = l.read()
	l.wants(Approved, result, err)
}

// Ensure that a second round shows what has changed since the first.
func TestSecondRoundShowsTheDifference(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	l.in.Run.Round = 2
	l.in.Run.Digest = l.plan(record.PlanName(2), func(p *facts) {
		p.listed = append(p.listed, closing.Asset{ARN: "arn:user/eve", Kind: kindUser, Region: "us-east-1"})
	}).Digest
	result, err := l.ask()
	l.wants(Pending, result, err)
	ask, err := l.folder().Ask(l.ctx(), 2, l.in.Run.Digest)
	if err != nil || ask.Difference.N != 1 || ask.Difference.First[0].ID != "arn:user/eve" {
		t.Errorf("the ask shows %+v, %v", ask.Difference, err)
	}
	if !strings.Contains(l.notices()[0], "new user arn:user/eve") {
		t.Errorf("the notice does not show it: %s", l.notices()[0])
	}
}

// Ensure that nothing is asked or read about a plan that is not the run's.
func TestForeignPlan(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	l.in.Run.Digest = "sha256:" + strings.Repeat("0", 64)
	for _, call := range []func() (Result, error){l.ask, l.read, l.cool, l.commit} {
		if _, err := call(); closing.CodeOf(err) != closing.RecordInvalid {
			t.Errorf("got %v, want RecordInvalid", err)
		}
	}
	l.in.Run.Round = 3
	if _, err := l.read(); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a round without a plan: got %v", err)
	}
	if len(l.rung) != 0 || len(l.notices()) != 0 {
		t.Errorf("%v were rung, with %d notices", l.rung, len(l.notices()))
	}
}

// Ensure that nobody is asked where too few can approve: the starter is not counted, and neither is who has not confirmed his subscription.
func TestWhoCanDecide(t *testing.T) {
	t.Parallel()
	const ann, bob, sam = "ann@example.com", "bob@example.com", "sam <sam@example.com> " + askingUser + "sam"
	for _, tt := range []struct {
		approvers string
		quorum    int
		says      string // "": all are asked
	}{
		{"", 2, ""}, // whoever they are
		{ann, 1, ""},
		{ann + ", " + bob, 1, ""},
		{ann + ", " + bob, 2, "not yet: bob@example.com"},
		{bob, 1, "only 0 of those"},
		{ann + ", " + sam, 2, "only 1 may"},
		{ann + ", eve@example.com", 2, "not yet: eve@example.com"},
	} {
		l := newAsking(t, "")
		approvers, err := closing.ParseApprovers(tt.approvers)
		l.must(err)
		l.env.Config.Quorum = tt.quorum
		l.must(l.folder().PutVerification(l.ctx(), record.Verification{Approvers: approvers}))
		_, err = l.ask()
		_, missing := l.folder().LatestAsk(l.ctx())
		switch {
		case tt.says == "" && (err != nil || missing != nil || len(l.notices()) != max(1, len(approvers))):
			t.Errorf("%q: %v, %v, with %d notices", tt.approvers, err, missing, len(l.notices()))
		case tt.says != "" && (closing.CodeOf(err) != closing.NoApprover || !strings.Contains(err.Error(), tt.says) || !errors.Is(missing, record.ErrNotFound) || len(l.notices()) > 0):
			t.Errorf("%q, %d of them: got %v, %v, with %d notices, want NoApprover that says %q", tt.approvers, tt.quorum, err, missing, len(l.notices()), tt.says)
		}
	}
}

func TestUnknownAction(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	for _, action := range []Action{"", "decide", ActionRetake} {
		if _, err := l.call(RequestApproval, "Request Approval", action); err == nil {
			t.Errorf("the action %q is no error", action)
		}
	}
	l.in.TaskToken = ""
	if _, err := l.ask(); err == nil {
		t.Error("a state that waits without a token is no error")
	}
}

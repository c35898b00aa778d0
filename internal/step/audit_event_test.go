package step

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// audits holds an event against the record, and tells which alarm it raises and why. Each alarm is one mail.
func (l *asking) audits(event string) Audited {
	l.t.Helper()
	mails := func() (n int) {
		for _, call := range l.aws.Journal() {
			if call.Operation == "Publish" && call.Done {
				n++
			}
		}
		return n
	}
	before := mails()
	out, err := AuditEvent(l.env)(l.ctx(), json.RawMessage(event))
	l.must(err)
	want := 0
	if out.Alarm != "" {
		want = 1
	}
	if sent := mails() - before; sent != want {
		l.t.Errorf("%s was told by %d mails", out.Alarm, sent)
	}
	return out
}

func deleteCalled(at time.Time, role string) string {
	return fmt.Sprintf(`{"id": "e-1", "source": "aws.quicksight", "detail-type": "AWS API Call via CloudTrail", "account": %q, "detail": {
		"eventName": "DeleteAccountSubscription", "eventTime": %q, "awsRegion": "us-east-1", "userIdentity": {"type": "AssumedRole",
		"arn": "arn:aws:sts::%s:assumed-role/%s/x", "sessionContext": {"sessionIssuer": {"userName": %q}}}}}`, readingTarget, at.Format(time.RFC3339), readingTarget, role, role)
}

func accountClosed(at time.Time) string {
	return fmt.Sprintf(`{"id": "e-2", "source": "aws.organizations", "detail-type": "AWS Service Event via CloudTrail", "account": "999988887777", "detail": {
		"eventName": "CloseAccountResult", "eventTime": %q, "awsRegion": "us-east-1", "userIdentity": {"invokedBy": "AWS Internal"},
		"serviceEventDetails": {"closeAccountStatus": {"accountId": %q, "state": "SUCCEEDED"}}}}`, at.Format(time.RFC3339), readingTarget)
}

// Ensure that unsubscribing is ours where our role did it, and a committed run had intended it at the time.
func TestAuditUnsubscribed(t *testing.T) {
	t.Parallel()
	committed := func(l *asking) {
		_, err := l.folder().PutCommit(l.ctx(), closing.Commit{Round: 1, Digest: l.in.Run.Digest, At: l.now})
		l.must(err)
	}
	intent := func(l *asking) closing.Act {
		return closing.Act{Digest: l.in.Run.Digest, Step: "delete-subscription", Operation: opUnsubscribe, Resource: readingTarget, Intended: l.now, Seq: 1}
	}
	intended := func(l *asking) { committed(l); l.must(l.folder().PutAct(l.ctx(), intent(l))) }
	for _, tt := range []struct {
		name  string
		given func(*asking)
		after time.Duration // the intent
		role  Role
		why   string // of the alarm; "": none
	}{
		{"at once", intended, 0, RoleClose, ""},
		{"by a clock that is behind", intended, -50 * time.Second, RoleClose, ""},
		{"after all the SDK's attempts", intended, 14 * time.Minute, RoleClose, ""},
		{"with an outcome", func(l *asking) {
			a := intent(l)
			done := l.now.Add(time.Second)
			a.Done, a.Outcome = &done, outcomeDone
			intended(l)
			l.must(l.folder().PutAct(l.ctx(), a))
		}, time.Second, RoleClose, ""},
		{"before it was intended", intended, -2 * time.Minute, RoleClose, "at another time"},
		{"long after", intended, 16 * time.Minute, RoleClose, "at another time"},
		{"by another role", intended, 0, "Admin", "not the role"},
		{"by the reading role", intended, 0, RoleRead, "not the role"},
		{"committed only", committed, 0, RoleClose, "none intended"},
		{"never committed", func(l *asking) { l.must(l.folder().PutAct(l.ctx(), intent(l))) }, 0, RoleClose, "none intended"},
		{"under another plan", func(l *asking) {
			a := intent(l)
			a.Digest = "another"
			committed(l)
			l.must(l.folder().PutAct(l.ctx(), a))
		}, 0, RoleClose, "none intended"},
		{"another call was intended", func(l *asking) {
			a := intent(l)
			a.Operation = opDeleteNamespace
			committed(l)
			l.must(l.folder().PutAct(l.ctx(), a))
		}, 0, RoleClose, "none intended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAsking(t, "")
			l.pass(time.Hour)
			tt.given(l)
			event := deleteCalled(l.now.Add(tt.after), string(tt.role))
			l.pass(30 * time.Minute) // CloudTrail's event comes late
			got := l.audits(event)
			if alarm := tt.why != ""; alarm != (got.Alarm == UnsubscribedWithoutUs) || !strings.Contains(got.Why, tt.why) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Ensure that what counts of an account that is closed is what the record has found out last, whichever run that was.
func TestAuditClosed(t *testing.T) {
	t.Parallel()
	subscription := []closing.Check{{Kind: "subscription", ID: readingTarget}}
	reported := func(l *asking, r closing.Report) {
		l.t.Helper()
		r.Execution, r.WrittenAt = l.in.Execution.ID, l.now
		_, err := l.folder().PutReport(l.ctx(), r)
		l.must(err)
	}
	// another begins a run beside the first, whose plan finds the account as it is.
	another := func(l *asking, request closing.Request, subscribed bool) *asking {
		l.t.Helper()
		second := *l
		second.in.Execution.ID += "-2"
		second.in.Run.Closing = record.Prefix(readingTarget, "run-2", l.now)
		request.AccountID = readingTarget
		l.must(second.folder().PutRequest(l.ctx(), request))
		m := l.account()
		if !subscribed {
			m.Subscription = nil
		}
		_, err := second.folder().PutPlan(l.ctx(), record.PlanName(1), closing.Plan{Round: 1, Material: m, Observed: closing.Observed{At: l.now}})
		l.must(err)
		return &second
	}
	dry := closing.Request{DryRun: true}
	for _, tt := range []struct {
		name  string
		given func(*asking)
		why   string
	}{
		{"it was planned", func(*asking) {}, "it was subscribed to QuickSight on 2026-03-02T09:00:00Z"},
		{"it was closed by us", func(l *asking) { reported(l, closing.Report{Outcome: closing.OutcomeClosed, Gone: subscription}) }, ""},
		{"it was closed already", func(l *asking) { reported(l, closing.Report{Outcome: closing.OutcomeAlreadyClosed}) }, ""},
		{"it was partly closed", func(l *asking) { reported(l, closing.Report{Outcome: closing.OutcomePartlyClosed, Gone: subscription}) }, ""},
		{"it was there again", func(l *asking) { reported(l, closing.Report{Outcome: closing.OutcomeClosed, Left: subscription}) }, "it was subscribed"},
		{"people said no", func(l *asking) {
			plan, err := l.folder().Plan(l.ctx(), record.PlanName(1), 1)
			l.must(err)
			reported(l, closing.Report{Outcome: closing.OutcomeRejected, Plan: &plan})
		}, "it was subscribed"},
		{"a sweep found it subscribed again", func(l *asking) {
			reported(l, closing.Report{Outcome: closing.OutcomeClosed, Gone: subscription})
			l.pass(time.Hour)
			another(l, dry, true)
		}, "it was subscribed to QuickSight on 2026-03-02T11:00:00Z"},
		{"a sweep found it gone", func(l *asking) { l.pass(time.Hour); another(l, dry, false) }, ""},
		{"a sweep began while the run went on", func(l *asking) {
			another(l, dry, true)
			l.pass(time.Hour)
			reported(l, closing.Report{Outcome: closing.OutcomeClosed, Gone: subscription})
		}, ""},
		{"a sweep failed before it looked", func(l *asking) {
			reported(l, closing.Report{Outcome: closing.OutcomeClosed, Gone: subscription})
			l.pass(time.Hour)
			second := *l
			second.in.Execution.ID += "-2"
			second.in.Run.Closing = record.Prefix(readingTarget, "run-2", l.now)
			l.must(second.folder().PutRequest(l.ctx(), closing.Request{AccountID: readingTarget, DryRun: true}))
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newAsking(t, "")
			l.pass(time.Hour)
			tt.given(l)
			l.pass(time.Hour)
			got := l.audits(accountClosed(l.now))
			if alarm := tt.why != ""; alarm != (got.Alarm == ClosedWhileSubscribed) || !strings.Contains(got.Why, tt.why) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Ensure that what QuickSight's console tells by itself is ours where a committed run had intended it at the time, whomever it names.
func TestAuditOfTheConsole(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	event := strings.NewReplacer(closing.APICall, closing.ServiceEvent, "DeleteAccountSubscription", "Unsubscribe").Replace(deleteCalled(l.now, "Admin"))
	if got := l.audits(event); got.Alarm != UnsubscribedWithoutUs {
		t.Errorf("by hand: %+v", got)
	}
	_, err := l.folder().PutCommit(l.ctx(), closing.Commit{Round: 1, Digest: l.in.Run.Digest, At: l.now})
	l.must(err)
	l.must(l.folder().PutAct(l.ctx(), closing.Act{
		Digest: l.in.Run.Digest, Step: "delete-subscription", Operation: opUnsubscribe, Resource: readingTarget, Intended: l.now, Seq: 1,
	}))
	if got := l.audits(event); got.Alarm != "" {
		t.Errorf("by us: %+v", got)
	}
}

// Ensure that an object of the record which is not its writer's accounts for nothing: the event goes to the dead letters.
func TestAuditOfAForgedRecord(t *testing.T) {
	t.Parallel()
	l := newAsking(t, "")
	forged := l.in
	forged.Execution.ID += "-forged"
	_, err := l.env.folder(forged).PutCommit(l.ctx(), closing.Commit{Round: 1, Digest: l.in.Run.Digest, At: l.now})
	l.must(err)
	if _, err := AuditEvent(l.env)(l.ctx(), json.RawMessage(deleteCalled(l.now, string(RoleClose)))); closing.CodeOf(err) != closing.RecordInvalid {
		t.Errorf("it was answered with %v", err)
	}
}

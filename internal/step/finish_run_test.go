package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// end ends the execution with a status, and what failed.
func (d *deleting) end(status, failure string) {
	d.running[readingRun], d.failure = status, failure
	d.stopped = d.now
}

// finish delivers the event of the execution's end, a quarter of an hour later.
func (d *deleting) finish() error {
	d.t.Helper()
	d.now = d.now.Add(15 * time.Minute)
	body := fmt.Sprintf(`{"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail":
		{"executionArn": %q, "stateMachineArn": %q, "name": "run-1", "status": "ABORTED", "startDate": 1772442000000, "input": "{}"}}`, readingRun, deletingMachine)
	_, err := FinishRun(d.env)(clock.Virtual(d.t.Context(), d.now, 5*time.Minute), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "1", Body: body}}})
	return err
}

// protected tells whether the account has termination protection.
func (d *deleting) protected() bool {
	return *d.aws.World().Accounts[readingTarget].QuickSight.TerminationProtection
}

// afterProtectionOff is a run that has switched protection off, and not unsubscribed yet.
func afterProtectionOff(t *testing.T) *deleting {
	t.Helper()
	d := newDeleting(t, modern(""), `{}`, emulator.Options{})
	if _, err := d.call(DeleteSubscription, "Delete Subscription"); err != nil {
		t.Fatal(err)
	}
	if d.protected() {
		t.Fatal("protection is still on")
	}
	return d
}

func (d *deleting) holder() string {
	d.t.Helper()
	holder, err := d.env.Record.Holder(d.t.Context(), readingTarget)
	d.must(err)
	return holder
}

// Ensure that a run which was stopped before its commit releases the lock, and that its report says how to start again.
func TestFinishBeforeCommit(t *testing.T) {
	t.Parallel()
	d := newUncommitted(t, modern(""), `{}`, emulator.Options{})
	d.end("ABORTED", "")
	d.must(d.finish())
	report := d.lastReport(t.Context())
	if report.Outcome != closing.OutcomeFailed || report.Irreversible || report.Failure.Error != "ABORTED" || !strings.Contains(report.Next, "start-execution") {
		t.Errorf("got %+v", report)
	}
	if d.holder() != "" || d.mutations() != nil {
		t.Errorf("the lock is held by %q; changed %v", d.holder(), d.mutations())
	}
	if len(d.notices()) != 1 {
		t.Errorf("notices: %v", d.notices())
	}

	// The queue delivers at least once.
	d.must(d.finish())
	if len(d.notices()) != 1 {
		t.Error("it was announced twice")
	}
}

// Ensure that protection is restored, the lock kept, and that the run goes on with a redrive.
func TestFinishRestoresProtection(t *testing.T) {
	t.Parallel()
	d := afterProtectionOff(t)
	d.end("FAILED", "Closing.Overrun")
	d.must(d.finish())
	report := d.lastReport(t.Context())
	if !d.protected() || len(report.Restored) != 1 || report.Outcome != closing.OutcomeFailed || report.Irreversible {
		t.Errorf("protected %t, %+v", d.protected(), report)
	}
	if d.holder() != readingRun || !strings.Contains(report.Next, "redrive-execution") || !strings.Contains(report.Next, readingRun) {
		t.Errorf("the lock is held by %q, next %q", d.holder(), report.Next)
	}
	if twice := repeated(d.mutations()); len(twice) != 1 || !strings.HasPrefix(twice[0], "quicksight:UpdateAccountSettings") { // off, and on again
		t.Errorf("called twice: %v", twice)
	}

	d.redrive(time.Hour)
	d.must(d.subscription())
}

// Ensure that the kill switch does not keep protection off.
func TestFinishRestoresUnderTheKillSwitch(t *testing.T) {
	t.Parallel()
	d := afterProtectionOff(t)
	d.change(func(w *emulator.World) { w.Accounts[readingHub].Parameters["/kill-switch"] = "on" })
	d.end("FAILED", string(closing.Halted))
	d.must(d.finish())
	if !d.protected() {
		t.Error("protection was not restored")
	}
}

// Ensure that finish-run changes nothing where it must not.
func TestFinishLeavesAlone(t *testing.T) {
	t.Parallel()
	t.Run("running again", func(t *testing.T) {
		t.Parallel()
		d := afterProtectionOff(t)
		d.must(d.finish())
		if d.protected() || len(d.notices()) > 0 {
			t.Error("it did something to a run that is RUNNING")
		}
	})
	t.Run("final report", func(t *testing.T) {
		t.Parallel()
		d := newUncommitted(t, modern(""), `{}`, emulator.Options{})
		_, err := d.report(&closing.Failure{State: "Take Inventory", Error: "Closing.MissingPermission", Message: "not allowed"})
		d.must(err)
		notices := len(d.notices())
		d.end("FAILED", "BLOCKED")
		d.must(d.finish())
		if report := d.lastReport(t.Context()); report.Outcome != closing.OutcomeBlocked || len(d.notices()) != notices {
			t.Errorf("got %s and %d notices", report.Outcome, len(d.notices()))
		}
	})
	t.Run("protection was off before", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(`account "terminationProtection": false`), `{}`, emulator.Options{})
		if _, err := d.call(DeleteSubscription, "Delete Subscription"); err != nil {
			t.Fatal(err)
		}
		d.end("ABORTED", "")
		d.must(d.finish())
		if d.protected() || len(d.lastReport(t.Context()).Restored) > 0 {
			t.Error("it protected an account that was not")
		}
	})
	t.Run("switched off by somebody else", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(""), `{}`, emulator.Options{})
		d.target(func(a *emulator.Account) { a.QuickSight.TerminationProtection = new(false) })
		d.end("ABORTED", "")
		d.must(d.finish())
		if d.protected() {
			t.Error("it protected an account that somebody else had unprotected")
		}
	})
	t.Run("another run holds the lock", func(t *testing.T) {
		t.Parallel()
		d := afterProtectionOff(t)
		d.end("FAILED", "Closing.Overrun")
		other := readingRun + "-2"
		d.must(d.env.Record.Lock(t.Context(), readingTarget, other, executionRuns(d.env)))
		d.must(d.finish())
		report := d.lastReport(t.Context())
		if d.protected() || d.holder() != other {
			t.Error("it changed what the other run needs")
		}
		if !strings.Contains(ids(report.Unknown), readingTarget) || !strings.Contains(report.Next, "describe-execution") || !strings.Contains(report.Next, other) {
			t.Errorf("unknown %v, next %q", report.Unknown, report.Next)
		}
	})
	t.Run("unsubscribing", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, `"quickSight": {"unsubscribeMinutes": 60}`, `{}`, emulator.Options{})
		if _, err := d.call(DeleteSubscription, "Delete Subscription"); err != nil {
			t.Fatal(err)
		}
		d.end("ABORTED", "")
		d.must(d.finish())
		report := d.lastReport(t.Context())
		if d.protected() || report.Outcome != closing.OutcomePartlyClosed || report.FirstLine != "Irreversible step done: yes" {
			t.Errorf("protected %t, %s, %q", d.protected(), report.Outcome, report.FirstLine)
		}
	})
}

// Ensure that protection is restored after UNSUBSCRIBE_FAILED.
func TestFinishAfterUnsubscribeFailed(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`account "unsubscribeFails": true`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.UnsubscribeFailed)
	d.end("FAILED", string(closing.UnsubscribeFailed))
	d.must(d.finish())
	report := d.lastReport(t.Context())
	if !d.protected() || report.Outcome != closing.OutcomeFailed || report.Irreversible {
		t.Errorf("protected %t, %s, irreversible %t", d.protected(), report.Outcome, report.Irreversible)
	}
}

// Ensure that a run which fails behind the subscription is PARTLY_CLOSED, and that a stale one starts again.
func TestFinishPartlyClosed(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{}`, emulator.Options{})
	d.must(d.subscription())
	d.end("FAILED", string(closing.Stale))
	d.must(d.finish())
	report := d.lastReport(t.Context())
	if report.Outcome != closing.OutcomePartlyClosed || !report.Irreversible || !strings.Contains(report.Next, "start-execution") {
		t.Errorf("got %s, irreversible %t, next %q", report.Outcome, report.Irreversible, report.Next)
	}
	if left := ids(report.Left); !strings.Contains(left, "d-9067012345") || !strings.Contains(left, "subnet-0aaa000000000001") {
		t.Errorf("left: %s", left)
	}
	var undone []string
	for _, u := range report.NotDone {
		undone = append(undone, u.ID)
		if u.Why != "not begun" {
			t.Errorf("%s %s was %q", u.Kind, u.ID, u.Why)
		}
	}
	for _, c := range report.Gone {
		if slices.Contains(undone, c.ID) {
			t.Errorf("%s is gone, and not done", c.ID)
		}
	}
	if len(undone) == 0 || undone[0] != "d-9067012345" || undone[len(undone)-1] != report.Plan.Material.VPC.ID {
		t.Errorf("not done: %v", undone)
	}
	if len(report.Timeline) == 0 || report.RunCost == nil || report.MonthlyStopped == nil {
		t.Errorf("%d moments, cost %v, stopped %v", len(report.Timeline), report.RunCost, report.MonthlyStopped)
	}
	if d.holder() != readingRun {
		t.Errorf("the lock is held by %q", d.holder())
	}
}

// Ensure that an unreachable target does not keep the report back, and that what is worth another try is tried again.
func TestFinishCannotReachTheTarget(t *testing.T) {
	t.Parallel()
	d := afterProtectionOff(t)
	d.end("FAILED", "Closing.Overrun")
	d.target(func(a *emulator.Account) { a.Roles = map[string]*emulator.Role{} })
	d.must(d.finish())
	if report := d.lastReport(t.Context()); report.Outcome != closing.OutcomeFailed || len(report.Unknown) == 0 || len(report.Restored) > 0 {
		t.Errorf("got %+v", report)
	}

	throttled := emulator.Fault{
		Match: emulator.Match{Service: "quicksight", Operation: "DescribeAccountSettings"}, Nth: 5,
		Error: &emulator.APIError{Code: "ThrottlingException", Message: "Rate exceeded", Status: 429},
	}
	d = newDeleting(t, modern(""), `{}`, emulator.Options{Faults: []emulator.Fault{throttled}})
	if _, err := d.call(DeleteSubscription, "Delete Subscription"); err != nil {
		t.Fatal(err)
	}
	d.end("FAILED", "Closing.Overrun")
	if err := d.finish(); err == nil || d.protected() || len(d.notices()) > 0 {
		t.Errorf("got %v, protected %t, want an error that the queue delivers again", err, d.protected())
	}
	d.must(d.finish())
	if !d.protected() {
		t.Error("protection was not restored by the second delivery")
	}
}

// Ensure that an event of another kind does nothing, and says so.
func TestFinishRefusesOtherEvents(t *testing.T) {
	t.Parallel()
	d := newUncommitted(t, modern(""), `{}`, emulator.Options{})
	d.end("ABORTED", "")
	good := fmt.Sprintf(`{"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": {"executionArn": %q, "stateMachineArn": %q, "status": "ABORTED"}}`, readingRun, deletingMachine)
	for _, body := range []string{
		"", "[]", "{}", strings.Replace(good, "aws.states", "mine", 1), strings.Replace(good, "Status Change", "Changed", 1),
		strings.Replace(good, `stateMachineArn": "arn`, `stateMachineArn": "other`, 1), strings.Replace(good, "ABORTED", "SUCCEEDED", 1),
		strings.Replace(good, readingRun, "", 1),
	} {
		_, err := FinishRun(d.env)(clock.Virtual(t.Context(), d.now, time.Minute), events.SQSEvent{Records: []events.SQSMessage{{Body: body}}})
		if closing.CodeOf(err) != closing.UnknownEvent {
			t.Errorf("%s: got %v, want UnknownEvent", body, err)
		}
	}
	if d.holder() == "" || len(d.notices()) > 0 {
		t.Error("it did something all the same")
	}
}

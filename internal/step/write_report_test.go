package step

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// report calls Write Report with what was caught, if anything.
func (d *deleting) report(failure *closing.Failure) (Result, error) {
	d.in.Failure = failure
	defer func() { d.in.Failure = nil }()
	return d.call(WriteReport, "Write Report")
}

// notices are the messages that were published.
func (d *deleting) notices() []string {
	var notices []string
	for _, c := range d.aws.Journal() {
		if c.Operation == "Publish" {
			notices = append(notices, string(c.Params))
		}
	}
	return notices
}

func ids(checks []closing.Check) string {
	var ids []string
	for _, c := range checks {
		ids = append(ids, c.ID)
	}
	return strings.Join(ids, " ")
}

// Ensure that the report of a closed account says what AWS showed of everything that the plan names, and of what stays.
func TestReportClosed(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{}`, emulator.Options{})
	d.must(d.subscription())
	d.must(d.directory())
	d.must(d.vpc())
	result, err := d.report(nil)
	d.must(err)
	report := d.lastReport(t.Context())
	if result.Run.Outcome != closing.OutcomeClosed || report.Outcome != closing.OutcomeClosed || report.FirstLine != "Irreversible step done: yes" {
		t.Errorf("got the outcome %s and a report of %s, %q", result.Run.Outcome, report.Outcome, report.FirstLine)
	}
	plan := report.Plan.Material
	for _, r := range plan.VPC.Resources {
		if r.Kind != "rtbassoc" && !strings.Contains(ids(report.Gone), r.ID) {
			t.Errorf("%s is not said to be gone", r.ID)
		}
	}
	for _, id := range []string{readingTarget, plan.Directory.ID, plan.Directory.SecurityGroup, plan.VPC.ID, "partners", plan.VPCConnections[0].ARN} {
		if !strings.Contains(ids(report.Gone), id) {
			t.Errorf("%s is not said to be gone", id)
		}
	}
	if got := ids(report.LeftBehind); got != "eipalloc-0aaa000000000001 arn:aws:iam::222233334444:role/aws-quicksight-vpc-role" || len(report.Left) > 0 {
		t.Errorf("left %s, and %s behind", ids(report.Left), got)
	}
	for _, check := range report.LeftBehind {
		if len(check.Do) == 0 {
			t.Errorf("how to clean up %s is not said", check.ID)
		}
	}
	for _, check := range slices.Concat(report.Gone, report.LeftBehind) {
		if !strings.Contains(check.Shown, ":Describe") && !strings.Contains(check.Shown, ":List") {
			t.Errorf("%s was shown by %q, which is no call", check.ID, check.Shown)
		}
	}
	if len(report.Unknown) > 0 || len(report.Acts) == 0 || report.Commit == nil || report.Next != "" {
		t.Errorf("unknown %v, %d acts, commit %v, next %q", report.Unknown, len(report.Acts), report.Commit, report.Next)
	}
	if holder, err := d.env.Record.Holder(t.Context(), readingTarget); err != nil || holder != "" {
		t.Errorf("the lock is held by %q, %v", holder, err)
	}
	if n := d.notices(); len(n) != 1 || !strings.Contains(n[0], "CLOSED") {
		t.Errorf("notices: %v", n)
	}

	// A retried invocation says the same, in the same report.
	_, err = d.report(nil)
	d.must(err)
	if again := d.lastReport(t.Context()); !again.WrittenAt.Equal(report.WrittenAt) {
		t.Error("there is a second report")
	}
}

// Ensure that what stays is said to stay, and what cannot be asked to be unknown.
func TestReportLeftAndUnknown(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{"directory": "keep"}`, emulator.Options{})
	d.must(d.subscription())
	d.must(d.directory())
	d.must(d.vpc())
	_, err := d.report(nil)
	d.must(err)
	report := d.lastReport(t.Context())
	for _, c := range report.Left {
		if !strings.HasPrefix(c.Why, "kept: ") {
			t.Errorf("%s is left because %q", c.ID, c.Why)
		}
	}
	if got := ids(report.Left); !strings.Contains(got, "d-9067012345") || strings.Contains(ids(report.Gone), "d-9067012345") {
		t.Errorf("left: %s", got)
	}

	d = newDeleting(t, modern(""), `{}`, emulator.Options{})
	d.must(d.subscription())
	d.target(func(a *emulator.Account) { a.Roles = map[string]*emulator.Role{} })
	_, err = d.report(nil)
	d.must(err)
	if report := d.lastReport(t.Context()); report.Outcome != closing.OutcomeClosed || ids(report.Unknown) != readingTarget || report.Gone != nil {
		t.Errorf("got %s, unknown %v, gone %v", report.Outcome, report.Unknown, report.Gone)
	}
}

// Ensure that each end before the commit has its outcome, and that its report touches the target only to ask.
func TestReportOutcomes(t *testing.T) {
	t.Parallel()
	ask := func(d *deleting, decisions ...closing.Verdict) {
		d.t.Helper()
		folder := d.env.folder(d.in)
		_, err := folder.PutAsk(d.t.Context(), closing.Ask{
			Execution: readingRun, Round: 1, Digest: d.in.Run.Digest, AskedAt: d.now, Deadline: d.now.Add(time.Hour), Quorum: 1, People: closing.People{Home: readingHub}, Starter: "unverified",
		})
		d.must(err)
		for _, v := range decisions {
			_, err := folder.PutDecision(d.t.Context(), closing.Decision{Round: 1, Digest: d.in.Run.Digest, Verdict: v, Person: "arn:aws:iam::" + readingHub + ":user/alice", Principal: "arn:aws:iam::" + readingHub + ":user/alice", At: d.now})
			d.must(err)
		}
	}
	for _, test := range []struct {
		name, account, request string
		arrange                func(*deleting)
		failure                *closing.Failure
		want                   closing.Outcome
		says, next             string
	}{
		{name: "dry run", account: modern(""), request: `{"dryRun": true}`, arrange: func(*deleting) {}, want: closing.OutcomePlanned, next: `--input '{"accountId":"222233334444"}'`},
		{name: "nothing to close", account: "", request: `{}`, arrange: func(*deleting) {}, want: closing.OutcomeAlreadyClosed},
		{
			name: "blocked by the plan", account: `"quickSight": {"status": "CREATION_FAILED"}, "roles": {"QuickSightUnsubscribeRead": {}, "QuickSightUnsubscribeClose": {}}`, request: `{"reason": "it's over"}`,
			arrange: func(*deleting) {}, failure: &closing.Failure{State: "Verify Caller", Error: "Closing.UnknownStatus", Message: `{"errorType": "Closing.UnknownStatus", "errorMessage": "no settings"}`},
			want: closing.OutcomeBlocked, says: "Closing.UnknownStatus: no settings", next: `it'\''s over`,
		},
		{name: "rejected", account: modern(""), request: `{}`, arrange: func(d *deleting) { ask(d, closing.Reject) }, want: closing.OutcomeRejected},
		{name: "expired", account: modern(""), request: `{}`, arrange: func(d *deleting) { ask(d); d.now = d.now.Add(time.Hour) }, want: closing.OutcomeExpired},
		{
			name: "cancelled", account: modern(""), request: `{}`, want: closing.OutcomeCancelled,
			arrange: func(d *deleting) {
				ask(d, closing.Approve)
				_, err := d.env.folder(d.in).PutSeal(d.t.Context(), closing.Seal{Round: 1, Digest: d.in.Run.Digest, Kind: closing.SealCancel, At: d.now})
				d.must(err)
			},
		},
		{
			name: "caught", account: modern(""), request: `{}`, arrange: func(*deleting) {},
			failure: &closing.Failure{State: "Take Inventory", Error: "Closing.Overrun", Message: "took too long"}, want: closing.OutcomeBlocked, says: "took too long",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var d *deleting
			if strings.Contains(test.account, "CREATION_FAILED") {
				d = newDeleting(t, modern(""), test.request, emulator.Options{})
			} else {
				d = newUncommitted(t, test.account, test.request, emulator.Options{})
			}
			test.arrange(d)
			result, err := d.report(test.failure)
			d.must(err)
			report := d.lastReport(t.Context())
			if report.Outcome != test.want || result.Run.Outcome != test.want || report.Irreversible || report.FirstLine != "Irreversible step done: no" {
				t.Errorf("got %s and %s, %q", result.Run.Outcome, report.Outcome, report.FirstLine)
			}
			if !strings.Contains(result.Run.Summary, test.says) || !strings.Contains(report.Next, test.next) {
				t.Errorf("summary %q, next %q", result.Run.Summary, report.Next)
			}
			if made := d.mutations(); made != nil {
				t.Errorf("changed %v", made)
			}
			if holder, err := d.env.Record.Holder(t.Context(), readingTarget); err != nil || holder != "" {
				t.Errorf("the lock is held by %q, %v", holder, err)
			}
		})
	}
}

// Ensure that a run which failed before it had a closing folder has a report all the same, under the account if the input tells it.
func TestReportWithoutFolder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ input, folder string }{
		{`{"accountId": "222233334444"}`, "closings/222233334444/20260302T090000Z-run-1/"},
		{`{"accountId": "222233334444", "acountName": 1}`, "closings/222233334444/20260302T090000Z-run-1/"},
		{`{"accountId": "2222"}`, "closings/unknown/20260302T090000Z-run-1/"},
		{`["222233334444"]`, "closings/unknown/20260302T090000Z-run-1/"},
		{`{"accountId": {"../": 1}}`, "closings/unknown/20260302T090000Z-run-1/"},
		{"", "closings/unknown/20260302T090000Z-run-1/"},
	} {
		d := newUncommitted(t, "", `{}`, emulator.Options{})
		d.in.Run = Run{}
		d.input = test.input
		result, err := d.report(&closing.Failure{State: "Verify Caller", Error: "Closing.BadRequest", Message: "the input is not a request"})
		d.must(err)
		report, _, err := d.env.Record.Folder(test.folder, readingRun).LastReport(t.Context())
		d.must(err)
		if report.Outcome != closing.OutcomeBlocked || result.Run.Outcome != closing.OutcomeBlocked || report.Failure.Error != "Closing.BadRequest" {
			t.Errorf("%s: %+v", test.input, report)
		}
	}
}

// Ensure that a part of the record which is not readable is said to be unknown, and that a commit which may be there stops the report.
func TestReportOfSpoiledRecord(t *testing.T) {
	t.Parallel()
	spoil := func(d *deleting, name string) {
		key := d.env.folder(d.in).Key(name)
		d.change(func(w *emulator.World) {
			versions := w.Accounts[readingHub].Buckets["record"].Objects[key].Versions
			versions[len(versions)-1].Body = emulator.Blob(`{"nonce": "1", "content": []}`)
		})
	}
	d := newDeleting(t, modern(""), `{}`, emulator.Options{})
	d.must(d.subscription())
	spoil(d, "request.json")
	_, err := d.report(nil)
	d.must(err)
	if report := d.lastReport(t.Context()); report.Outcome != closing.OutcomeClosed || !strings.Contains(ids(report.Unknown), "request.json") {
		t.Errorf("got %s, unknown %v", report.Outcome, report.Unknown)
	}

	d = newDeleting(t, modern(""), `{}`, emulator.Options{})
	spoil(d, "commit.json")
	_, err = d.report(nil)
	d.fails(err, closing.RecordInvalid, "commit")
	_, _, err = d.env.Record.Folder(d.in.Run.Closing, readingRun).LastReport(clock.Virtual(t.Context(), d.now, time.Minute))
	if err != record.ErrNotFound { //nolint:errorlint // it is returned as it is
		t.Errorf("got %v, want no report", err)
	}
}

package step

import (
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// modern is an account of today, with one secondary namespace and one VPC connection.
func modern(quickSight string) string {
	return `"quickSight": {"notificationEmail": "bi@example.com", "namespaces": [{"name": "partners"` + namespaceKnob(quickSight) + `}],
		"regions": {"us-east-1": {"dashboards": ["Sales"], "vpcConnections": [{"name": "warehouse", "vpcId": "vpc-0bbb0000000000001", "subnetIds": ["subnet-0bbb000000000001"]` + connectionKnob(quickSight) + `}]}}` +
		accountKnob(quickSight) + `},
	"network": {"us-east-1": {"vpcs": [{"id": "vpc-0bbb0000000000001"}], "subnets": [{"id": "subnet-0bbb000000000001", "vpc": "vpc-0bbb0000000000001"}]}}`
}

// The knobs of an account are those of its namespace, of its connection, or its own.
func namespaceKnob(k string) string  { return knob(k, "namespace ") }
func connectionKnob(k string) string { return knob(k, "connection ") }
func accountKnob(k string) string    { return knob(k, "account ") }

func knob(k, of string) string {
	if rest, ok := strings.CutPrefix(k, of); ok {
		return ", " + rest
	}
	return ""
}

// Ensure that no delete step does anything without a commit of its own run, round and digest, whatever its input says.
func TestRefuseWithoutCommit(t *testing.T) {
	t.Parallel()
	steps := map[string]func(Env) Handler{"Delete Subscription": DeleteSubscription, "Delete Directory": DeleteDirectory, "Delete VPC": DeleteVPC}
	for state, handler := range steps {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			d := newUncommitted(t, earlyAdopter, `{}`, emulator.Options{})
			calls := d.calls("")
			refuse := func(why string, code closing.Code) {
				t.Helper()
				_, err := d.call(handler, state)
				if closing.CodeOf(err) != code {
					t.Errorf("%s: got %v, want %s", why, err, code)
				}
			}
			refuse("nothing is committed", closing.NotCommitted)
			d.commit()
			run := d.in.Run
			d.in.Run.Digest = "sha256:0000"
			refuse("another digest", closing.NotCommitted)
			d.in.Run = run
			d.in.Run.Round = 2
			refuse("another round", closing.NotCommitted)
			d.in.Run = run
			d.in.Run.AccountID = readingHub
			refuse("another account", closing.NotCommitted)
			d.in.Run = run
			d.in.Run.Closing = ""
			refuse("no folder", closing.NotCommitted)
			d.in.Run = run
			d.in.Execution.ID = readingRun + "-2"
			refuse("another execution", closing.RecordInvalid)
			d.in.Execution.ID = readingRun
			d.must(d.env.Record.Unlock(t.Context(), readingTarget, readingRun))
			refuse("no lock", closing.Superseded)
			if got := d.calls(""); got != calls {
				t.Errorf("%d calls beside those of the record, want none", got-calls)
			}
		})
	}
}

func TestKillSwitch(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"on", "ON", "maybe"} {
		d := newDeleting(t, modern(""), `{}`, emulator.Options{})
		d.change(func(w *emulator.World) { w.Accounts[readingHub].Parameters["/kill-switch"] = value })
		d.fails(d.subscription(), closing.Halted, value)
		if made := d.mutations(); made != nil {
			t.Errorf("%q: changed %v", value, made)
		}
		d.change(func(w *emulator.World) { w.Accounts[readingHub].Parameters["/kill-switch"] = "off" })
		d.must(d.subscription())
	}
}

// Ensure that every status has its answer, and that one which nobody has seen stops the step.
func TestSubscriptionStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status string
		want   closing.Code // "": it goes on to the end
		made   int          // calls of DeleteAccountSubscription
	}{
		{status: "ACCOUNT_CREATED", made: 1},
		{status: "OK", made: 1},
		{status: "UNSUBSCRIBE_FAILED", made: 1},
		{status: "UNSUBSCRIBE_IN_PROGRESS"},
		{status: "UNSUBSCRIBED"},
		{status: "SIGNUP_ATTEMPT_IN_PROGRESS", want: closing.Stale},
		{status: "CREATION_FAILED", want: closing.Stale},
		{status: "UNSUBSCRIBE_SCHEDULED", want: closing.UnknownStatus},
		{status: "unsubscribed", want: closing.UnknownStatus},
	} {
		t.Run(test.status, func(t *testing.T) {
			t.Parallel()
			d := newDeleting(t, modern(""), `{}`, emulator.Options{})
			d.target(func(a *emulator.Account) { a.QuickSight.Status = test.status })
			err := d.subscription()
			if closing.CodeOf(err) != test.want || test.want == "" && err != nil {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if got := d.count("quicksight:DeleteAccountSubscription"); got != test.made {
				t.Errorf("DeleteAccountSubscription was called %d times, want %d", got, test.made)
			}
			if test.want != "" && d.mutations() != nil {
				t.Errorf("changed %v", d.mutations())
			}
		})
	}
}

// Ensure that a failed unsubscribing stops the run, and that a redrive asks QuickSight again.
func TestUnsubscribeFailed(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`account "unsubscribeFails": true`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.UnsubscribeFailed, "still there")
	d.target(func(a *emulator.Account) { a.QuickSight.UnsubscribeFails = false })
	d.redrive(time.Minute)
	d.must(d.subscription())
	if got := d.count("quicksight:DeleteAccountSubscription"); got != 2 {
		t.Errorf("DeleteAccountSubscription was called %d times, want twice", got)
	}
}

// Ensure that what reads show late neither repeats a call nor goes past protection that reads as on.
func TestLateReads(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`account "consistencySeconds": 90`), `{}`, emulator.Options{})
	d.must(d.subscription())
	if twice, refused := repeated(d.mutations()), d.refused(); twice != nil || refused != nil {
		t.Errorf("called twice: %v; refused: %v", twice, refused)
	}

	d = newDeleting(t, modern(`account "consistencySeconds": 86400`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.ProtectionStuck, "was not touched")
	if got := d.count("quicksight:UpdateAccountSettings"); got != 1 {
		t.Errorf("protection was switched off %d times", got)
	}
	if got := d.count("quicksight:DeleteAccountSubscription"); got != 0 {
		t.Error("the subscription was deleted")
	}
}

// Ensure that switching protection off says so, and takes along what the account has.
func TestExplicitFalse(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(""), `{}`, emulator.Options{})
	d.must(d.subscription())
	for _, c := range d.aws.Journal() {
		if c.Operation != "UpdateAccountSettings" {
			continue
		}
		for _, part := range []string{`"TerminationProtectionEnabled":false`, `"NotificationEmail":"bi@example.com"`, `"DefaultNamespace":"default"`} {
			if !strings.Contains(string(c.Params), part) {
				t.Errorf("%s does not say %s", c.Params, part)
			}
		}
	}
}

func TestConnectionFails(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`connection "deleteFails": true`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.Blocked, "warehouse", "aws-quicksight-vpc-role")
	d.target(func(a *emulator.Account) { a.QuickSight.Regions["us-east-1"].VPCConnections[0].DeleteFails = false })
	d.redrive(time.Minute)
	d.must(d.subscription())
	if got := d.count("quicksight:DeleteVPCConnection"); got != 2 {
		t.Errorf("DeleteVPCConnection was called %d times, want twice", got)
	}
}

func TestNamespaceFails(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`namespace "retryableFailures": 2`), `{}`, emulator.Options{})
	d.must(d.subscription())
	if got := d.count("quicksight:DeleteNamespace"); got != 3 {
		t.Errorf("DeleteNamespace was called %d times, want three times", got)
	}

	d = newDeleting(t, modern(`namespace "undeletable": true`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.Blocked, "partners", "not touched")
	if got := d.count("quicksight:DeleteAccountSubscription"); got != 0 {
		t.Error("the subscription was deleted")
	}
}

// Ensure that a namespace nobody approved deleting is never deleted, where QuickSight lets it stand in the way.
func TestNewNamespaceBlocks(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(""), `{}`, emulator.Options{Assumptions: map[string]string{"leftover-namespace": "blocks"}})
	d.target(func(a *emulator.Account) {
		a.QuickSight.Namespaces = append(a.QuickSight.Namespaces, &emulator.Namespace{Name: "newcomers"})
	})
	d.fails(d.subscription(), closing.Stale, "newcomers")
}

// Ensure that a commit from before a redrive, or older than an hour, is held against the account as it is.
func TestStaleCommit(t *testing.T) {
	t.Parallel()
	newDashboard := func(a *emulator.Account) {
		a.QuickSight.Regions["us-east-1"].Dashboards = append(a.QuickSight.Regions["us-east-1"].Dashboards, &emulator.Asset{ID: "late", Name: "late"})
	}
	switchedOff := func(t *testing.T) *deleting { // and then the function died
		d := newDeleting(t, modern(`account "namespaceMinutes": 600`), `{}`, emulator.Options{})
		result, err := d.call(DeleteSubscription, "Delete Subscription")
		if err != nil || result.Acts.Total != 3 {
			t.Fatalf("got %+v, %v, want three acts", result, err)
		}
		d.target(func(a *emulator.Account) { a.QuickSight.NamespaceMinutes = nil })
		return d
	}

	t.Run("redriven, unchanged but for its own acts", func(t *testing.T) {
		t.Parallel()
		d := switchedOff(t)
		d.redrive(10 * time.Minute)
		d.must(d.subscription())
		if twice := repeated(d.mutations()); twice != nil {
			t.Errorf("called twice: %v", twice)
		}
		lists := d.count("quicksight:ListDashboards")
		if want := 2 * len(regionsOf(d)); lists != want {
			t.Errorf("ListDashboards was called %d times, want %d: for the plan and once more", lists, want)
		}
	})
	t.Run("redriven, changed", func(t *testing.T) {
		t.Parallel()
		d := switchedOff(t)
		d.target(newDashboard)
		made := len(d.mutations())
		d.redrive(10 * time.Minute)
		d.fails(d.subscription(), closing.Stale, "late")
		if got := len(d.mutations()); got != made {
			t.Error("the redriven step changed something")
		}
	})
	t.Run("protection switched on by somebody else is no own act", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(`account "terminationProtection": false`), `{}`, emulator.Options{})
		d.target(func(a *emulator.Account) { a.QuickSight.TerminationProtection = new(true) })
		d.redrive(time.Minute)
		d.fails(d.subscription(), closing.Stale, "terminationProtection")
	})
	t.Run("older than an hour", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(""), `{}`, emulator.Options{})
		d.target(newDashboard)
		d.now = d.now.Add(closing.MaxCommitAge + time.Second)
		d.fails(d.subscription(), closing.Stale, "late")
		if made := d.mutations(); made != nil {
			t.Errorf("changed %v", made)
		}
	})
	t.Run("an hour old at most", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(""), `{}`, emulator.Options{})
		d.target(newDashboard)
		d.now = d.now.Add(50 * time.Minute)
		d.must(d.subscription())
	})
	t.Run("gone already", func(t *testing.T) {
		t.Parallel()
		d := newDeleting(t, modern(""), `{}`, emulator.Options{})
		d.target(func(a *emulator.Account) { a.QuickSight.Status = "UNSUBSCRIBED" })
		d.redrive(48 * time.Hour)
		d.must(d.subscription())
		if made := d.mutations(); made != nil {
			t.Errorf("changed %v", made)
		}
	})
}

// regionsOf are the regions that the account can use.
func regionsOf(d *deleting) []string {
	var enabled []string
	for _, region := range quickSightRegions["aws"] {
		if !strings.Contains(optIn, `"`+region+`"`) {
			enabled = append(enabled, region)
		}
	}
	return enabled
}

// Ensure that a function that outlives its execution does not unsubscribe.
func TestStoppedExecution(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"ABORTED", "FAILED", "TIMED_OUT", "SUCCEEDED"} {
		d := newDeleting(t, `"quickSight": {}`, `{}`, emulator.Options{})
		d.running[readingRun] = status
		d.fails(d.subscription(), closing.NotRunning, status)
		if got := d.count("quicksight:DeleteAccountSubscription"); got != 0 {
			t.Errorf("%s: the subscription was deleted", status)
		}
	}
}

func TestSubscriptionOverrun(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, modern(`account "unsubscribeMinutes": 600`), `{}`, emulator.Options{})
	d.fails(d.subscription(), closing.Overrun, "UNSUBSCRIBE_IN_PROGRESS", "redrive")
	d.redrive(time.Minute)
	d.fails(d.subscription(), closing.Overrun)
	d.redrive(10 * time.Hour)
	d.must(d.subscription())
	if got := d.count("quicksight:DeleteAccountSubscription"); got != 1 {
		t.Errorf("DeleteAccountSubscription was called %d times, want once", got)
	}
}

// Ensure that an account is not unsubscribed while the list of what became of its assets is not the one that the committed manifest names.
func TestUnsubscribingNeedsTheLists(t *testing.T) {
	t.Parallel()
	d := newUncommitted(t, modern(""), `{}`, emulator.Options{})
	backups, err := record.PutList(t.Context(), d.env.folder(d.in), closing.Backup{ARN: "arn:dashboard/1", Kind: "dashboard", Region: "us-east-1", As: closing.NotPossible})
	d.must(err)
	d.commitWith(backups)
	key := d.env.folder(d.in).Key("lists/" + backups.SHA256 + ".jsonl")
	var kept *emulator.Object
	d.change(func(w *emulator.World) {
		objects := w.Accounts[readingHub].Buckets["record"].Objects
		kept = objects[key]
		delete(objects, key)
	})
	d.fails(d.subscription(), closing.RecordInvalid, key)
	if changed := d.mutations(); len(changed) > 0 {
		t.Errorf("the account was changed: %v", changed)
	}
	d.change(func(w *emulator.World) { w.Accounts[readingHub].Buckets["record"].Objects[key] = kept })
	d.must(d.subscription())
}

package record_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// Ensure that people find accounts and runs, and nothing that is neither.
func TestBrowse(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	first, second := record.Prefix(account, "run-1", start), record.Prefix(account, "run-2", start.AddDate(0, 0, 1))
	other := record.Prefix("333344445555", "run-3", start)
	for prefix, execution := range map[string]string{first: run1, second: run2, other: run1} {
		if err := l.store.Folder(prefix, execution).PutRequest(t.Context(), closing.Request{AccountID: account}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.store.Deliver(t.Context(), account, "event-1", run1); err != nil {
		t.Fatal(err)
	}
	accounts, err := l.store.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{account, "333344445555"}, accounts); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	runs, err := l.store.Runs(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{first, second}, runs); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	if got := record.Started(first); !got.Equal(start) {
		t.Errorf("the first was started at %s, not at %s", got, start)
	}
}

// Ensure that people find a run that was refused before it had a request, and that no step takes it for one.
func TestOpen(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	prefix := record.Prefix(account, "run-1", start)
	if _, _, err := l.store.Open(t.Context(), prefix); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a run that has left nothing: %v", err)
	}
	if _, err := l.store.Folder(prefix, run1).PutReport(t.Context(), closing.Report{Execution: run1, Outcome: closing.OutcomeBlocked}); err != nil {
		t.Fatal(err)
	}
	folder, execution, err := l.store.Open(t.Context(), prefix)
	if err != nil || execution != run1 {
		t.Fatalf("%s, %v", execution, err)
	}
	if report, _, err := folder.LastReport(t.Context()); err != nil || report.Outcome != closing.OutcomeBlocked {
		t.Errorf("%+v, %v", report, err)
	}
	if _, _, err := l.store.Find(t.Context(), prefix); !errors.Is(err, record.ErrNotFound) {
		t.Errorf("a step finds it: %v", err)
	}
}

// Ensure that a trigger starts one run of an account, however often it is delivered, and that this run may be told twice.
func TestDeliver(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const schedule = "arn:aws:scheduler:us-east-1:111122223333:schedule/default/monthly 2026-03-02T09:00:00Z"
	for range 2 {
		if err := l.store.Deliver(t.Context(), account, schedule, run1); err != nil {
			t.Fatal(err)
		}
	}
	err := l.store.Deliver(t.Context(), account, schedule, run2)
	if closing.CodeOf(err) != closing.Delivered || !strings.Contains(err.Error(), run1) {
		t.Errorf("the second delivery: %v", err)
	}
	for _, other := range []struct{ account, what string }{{account, schedule + "1"}, {"333344445555", schedule}} {
		if err := l.store.Deliver(t.Context(), other.account, other.what, run2); err != nil {
			t.Error(err)
		}
	}
}

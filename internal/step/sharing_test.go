package step

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

const toEverybody = `"linkSharing": ["arn:aws:quicksight:::publicAnonymousUser/*"]`

// Ensure that each dashboard is asked once whether everybody can open it, as far as the bound goes, and none where the account's public
// sharing is off, or where people have decided already.
func TestTakeInventoryAsksForSharing(t *testing.T) {
	t.Parallel()
	var dashboards []string
	for i := range sharedMost + 5 {
		dashboards = append(dashboards, fmt.Sprintf(`{"name": "board %03d", %s}`, i, toEverybody))
	}
	regions := `"regions": {"us-east-1": {"dashboards": [{"name": "Sales", ` + toEverybody + `}, {"name": "Staff", "linkSharing": ["arn:aws:quicksight:us-east-1:222233334444:namespace/default"]}, "Own"]},
		"eu-west-1": {"dashboards": [` + strings.Join(dashboards, ", ") + `]}}`
	const operation = "quicksight:DescribeDashboardPermissions"

	l := newReading(t, `"quickSight": {"publicSharing": true, `+regions+`}`, emulator.Options{})
	got := l.plan(plain).Observed.Sharing
	want := []closing.Sharing{
		{Region: "us-east-1", Asked: 3, Of: 3, Publics: 1, Public: []string{"Sales"}},
		{Region: "eu-west-1", Asked: sharedMost, Of: sharedMost + 5, Publics: sharedMost},
	}
	for i := range closing.MaxNamed {
		want[1].Public = append(want[1].Public, fmt.Sprintf("board %03d", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sharing (-want +got):\n%s", diff)
	}
	asked := l.calls(operation)
	if asked != sharedMost+3 {
		t.Errorf("%d calls for %d dashboards", asked, sharedMost+3)
	}
	l.in.Action = ActionRetake
	if retaken := l.take(); len(retaken.Observed.Sharing) > 0 || l.calls(operation) != asked {
		t.Errorf("an inventory that is taken again asks again: %v", retaken.Observed.Sharing)
	}

	// It is not begun where the invocation has no time for it.
	l = newReading(t, `"quickSight": {"publicSharing": true, `+regions+`}`, emulator.Options{})
	if _, err := l.verify(plain); err != nil {
		t.Fatal(err)
	}
	short := inventoryReserve + time.Minute
	if result, err := TakeInventory(l.env)(clock.Virtual(t.Context(), l.start, short), l.in); err != nil || result.State != InProgress || l.calls(operation) > 0 {
		t.Errorf("with %s left: %s, %v, %d calls", short, result.State, err, l.calls(operation))
	}

	l = newReading(t, `"quickSight": {`+regions+`}`, emulator.Options{})
	if got := l.plan(plain).Observed.Sharing; got != nil || l.calls(operation) > 0 {
		t.Errorf("public sharing is off, and still: %v", got)
	}
}

// Ensure that what AWS refuses to tell about sharing and about what remains is said, and stops nothing.
func TestTakeInventoryCannotTellWhatFollows(t *testing.T) {
	t.Parallel()
	deny := `[{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Resource": "*",
		"Action": ["quicksight:DescribeDashboardPermissions", "quicksight:DescribeKeyRegistration", "iam:ListRoles", "iam:ListPolicies"]}]}]`
	l := newReading(t, `"quickSight": {"publicSharing": true, "regions": {"us-east-1": {"dashboards": ["Sales"]}}},
		"roles": {"QuickSightUnsubscribeRead": {"policies": `+deny+`}, "QuickSightUnsubscribeClose": {}}`, emulator.Options{})
	plan := l.plan(plain)
	if diff := cmp.Diff([]closing.Sharing{{Region: "us-east-1", Of: 1, Refused: "AccessDeniedException"}}, plan.Observed.Sharing); diff != "" {
		t.Errorf("sharing (-want +got):\n%s", diff)
	}
	want := []closing.Remainder{
		{Kind: closing.RemainingRole, Shown: "iam:ListRoles", Refused: "AccessDenied"},
		{Kind: closing.RemainingPolicy, Shown: "iam:ListPolicies", Refused: "AccessDenied"},
		{Kind: closing.RemainingKey, Shown: "quicksight:DescribeKeyRegistration", Refused: "AccessDeniedException"},
	}
	if diff := cmp.Diff(want, plan.Observed.Remains); diff != "" {
		t.Errorf("remains (-want +got):\n%s", diff)
	}
	if verdictOf(plan) != Closable {
		t.Errorf("the plan is %s", verdictOf(plan))
	}
}

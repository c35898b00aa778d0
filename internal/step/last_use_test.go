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

// Ensure that a plan says who used QuickSight lately, and what was embedded, as far as CloudTrail knows; and that it is silent about
// what CloudTrail forgot and about this workflow's own reads.
func TestTakeInventoryTellsOfLastUse(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {"regions": {"eu-west-1": {"dashboards": ["Sales"]}}}, "trail": [
		{"time": "2025-11-01T09:00:00Z", "name": "GetDashboard", "username": "forgotten", "region": "eu-west-1"},
		{"time": "2026-02-01T09:00:00Z", "name": "GetDashboard", "username": "ana@example.com", "region": "eu-west-1", "service": true},
		{"time": "2026-02-03T09:00:00Z", "name": "UpdateDashboard", "username": "ana@example.com", "region": "eu-west-1"},
		{"time": "2026-02-02T09:00:00Z", "name": "GenerateEmbedUrlForAnonymousUser", "principal": "arn:aws:sts::222233334444:assumed-role/portal/web", "region": "eu-west-1",
			"parameters": {"authorizedResourceArns": ["arn:aws:quicksight:eu-west-1:222233334444:dashboard/sales"], "experienceConfiguration": {"dashboard": {"initialDashboardId": "sales"}}}},
		{"time": "2026-02-04T09:00:00Z", "name": "ListDashboards", "username": "222233334444-run", "region": "eu-west-1", "readOnly": true}
	]`, emulator.Options{})
	want := []closing.Use{
		{
			Region: "eu-west-1", Days: 90, Events: 3, Last: at("2026-02-03T09:00:00Z"), Name: "UpdateDashboard", By: "ana@example.com", Users: 2,
			Latest: []closing.Active{{Name: "ana@example.com", Events: 2, Last: at("2026-02-03T09:00:00Z")}, {Name: "web", Events: 1, Last: at("2026-02-02T09:00:00Z")}},
			Embeds: 1, LastEmbed: at("2026-02-02T09:00:00Z"), Embedded: []string{"sales"},
		},
		{Region: "us-east-1", Days: 90},
	}
	if diff := cmp.Diff(want, l.plan(`{"accountId": "222233334444"}`).Observed.Uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

// Ensure that a refusal of CloudTrail is said, and is no "nobody used it".
func TestTakeInventoryCannotTellOfLastUse(t *testing.T) {
	t.Parallel()
	deny := `[{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]}]`
	l := newReading(t, `"quickSight": {}, "roles": {"QuickSightUnsubscribeRead": {"policies": `+deny+`}, "QuickSightUnsubscribeClose": {}}`, emulator.Options{})
	want := []closing.Use{{Region: "us-east-1", Days: 90, Refused: "AccessDeniedException"}}
	if diff := cmp.Diff(want, l.plan(`{"accountId": "222233334444"}`).Observed.Uses); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}

// at is a moment.
func at(text string) time.Time {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return moment
}

// Ensure that a region with more events than may be read is read in 200 pages, at most two a second, and that every number is then "at least".
func TestLastUseHasALimit(t *testing.T) {
	t.Parallel()
	const perPage = 2
	var trail []string
	first := at("2026-02-01T09:00:00Z")
	for i := range perPage*usePages + 1 {
		trail = append(trail, fmt.Sprintf(`{"time": %q, "name": "GetDashboard", "username": "ana@example.com", "region": "us-east-1"}`, first.Add(time.Duration(i)*time.Minute).Format(time.RFC3339)))
	}
	for _, test := range []struct {
		events int
		more   bool
	}{{perPage * usePages, false}, {perPage*usePages + 1, true}} {
		l := newReading(t, `"quickSight": {}, "trail": [`+strings.Join(trail[:test.events], ",")+`]`, emulator.Options{PageSize: perPage})
		target, err := l.Target(t.Context(), Access{Account: readingTarget, Role: RoleRead})
		if err != nil {
			t.Fatal(err)
		}
		pace(&target)
		ctx := clock.Virtual(t.Context(), l.start, time.Hour)
		u := use{Use: closing.Use{Region: "us-east-1"}}
		if err := u.read(ctx, inventoryTask{Target: target, Request: closing.Request{AccountID: readingTarget}}); err != nil {
			t.Fatal(err)
		}
		if u.Events != perPage*usePages || u.More != test.more || strings.Contains(u.String(), "at least") != test.more {
			t.Errorf("of %d events: %s", test.events, u)
		}
		if n := l.calls("cloudtrail:LookupEvents"); n != usePages {
			t.Errorf("%d pages are read, want %d", n, usePages)
		}
		if least := time.Duration(usePages-1) * time.Second / 2; clock.Elapsed(ctx) < least {
			t.Errorf("%d pages are read in %s, want at least %s: two a second", usePages, clock.Elapsed(ctx), least)
		}
	}
}

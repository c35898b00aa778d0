package closing

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Ensure that a consequence says no more than AWS does: what could not be read, or was read in part, is said to be so.
func TestConsequences(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	of := func(public bool, o Observed) Plan {
		return Plan{Observed: o, Material: Material{Subscription: &Subscription{PublicSharing: public}, Contents: []Content{{Kind: "dashboard", N: 400}}}}
	}
	for _, test := range []struct {
		name string
		plan Plan
		says string
	}{
		{"sharing is off", of(false, Observed{}), "sharing: public sharing is off for the account"},
		{"sharing was not read", of(true, Observed{}), "which of the 400 dashboards that is, was not read"},
		{"sharing cannot be read", of(true, Observed{Sharing: []Sharing{{Region: "eu-west-1", Of: 4, Refused: "AccessDeniedException"}}}), "is not known: QuickSight answers AccessDeniedException"},
		{"sharing was read in part", of(true, Observed{Sharing: []Sharing{{Region: "eu-west-1", Asked: 300, Of: 400, Publics: 1, Public: []string{"Sales"}}}}), "1 of the first 300 dashboards in eu-west-1 can be opened by everybody on the internet, and will no longer; the other 100 were not asked: Sales"},
		{"use cannot be read", of(false, Observed{Uses: []Use{{Region: "eu-west-1", Refused: "AccessDeniedException"}}}), "whether anybody used QuickSight in eu-west-1 lately, or embedded anything from it, is not known: CloudTrail answers AccessDeniedException"},
		{"no use", of(false, Observed{Uses: []Use{{Region: "eu-west-1", Days: 90}, {Region: "us-east-1", Days: 90}}}), "CloudTrail knows of no use of QuickSight in eu-west-1, us-east-1 in the last 90 days"},
		{"nothing embedded", of(false, Observed{Uses: []Use{{Region: "eu-west-1", Days: 90}}}), "CloudTrail knows of nothing that was embedded from eu-west-1 in the last 90 days"},
		{"not all events were read", of(false, Observed{Uses: []Use{{Region: "eu-west-1", Days: 90, Events: 10_000, More: true, Last: day}}}), "among the 10000 events of eu-west-1 that were read, none embeds anything"},
		{"embedded", of(false, Observed{Uses: []Use{{Region: "eu-west-1", Days: 90, Events: 3, Last: day, Embeds: 2, LastEmbed: day, Embedded: []string{"sales"}}}}), "URLs that applications had made in 90 days, to embed QuickSight from eu-west-1: 2, the last on 2026-02-27, for sales"},
		{"what remains cannot be read", of(false, Observed{Remains: []Remainder{{Kind: RemainingRole, Shown: "iam:ListRoles", Refused: "AccessDenied"}}}), "whether a service role remains is not known: iam:ListRoles answers AccessDenied"},
		{"nothing is promised", of(false, Observed{}), "Nothing is promised"},
		{"where to go", of(false, Observed{}), "AWS Support can"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			all := test.plan.Consequences()
			if !slices.ContainsFunc(all, func(c Consequence) bool { return strings.Contains(c.String(), test.says) }) {
				t.Errorf("nothing says %q: %v", test.says, all)
			}
		})
	}
}

// Ensure that a name that somebody chose cannot become more than one word of a command.
func TestCleanUpQuotes(t *testing.T) {
	t.Parallel()
	for _, kind := range []RemainderKind{RemainingRole, RemainingPolicy, RemainingSourceRole, RemainingKey, RemainingSecret, RemainingBucket, RemainingApplication} {
		commands := Remainder{Kind: kind}.CleanUp("arn:aws:x:r;reboot:1:a/b; reboot 'now")
		if len(commands) == 0 {
			t.Errorf("how to clean up a %s is not said", kind)
		}
		for _, c := range commands {
			if strings.Contains(strings.ReplaceAll(c, `'\''`, ""), "; reboot") && !strings.Contains(c, `b; reboot '\''now'`) {
				t.Errorf("the command is more than one: %s", c)
			}
		}
	}
}

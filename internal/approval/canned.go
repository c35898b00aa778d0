package approval

import (
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// Canned is the page in every state that it has, from data that nobody's account is in: what people look at who change the page.
func Canned() map[string]string {
	at := func(hours float64) time.Time {
		return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).Add(time.Duration(hours * float64(time.Hour)))
	}
	alice, bob := "arn:aws:iam::111122223333:user/alice", "bob@example.com"
	plan := cannedPlan(at(0))
	open := view{
		closing: "closings/222233334444/20260302T090000Z-run-1/", coolOff: 15 * time.Minute,
		request: closing.Request{AccountID: "222233334444", Reason: "The product is retired"},
		ballot: ballot{
			now: at(3), plan: plan,
			ask: closing.Ask{
				Execution: "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1", Round: 1, Digest: plan.Digest, AskedAt: at(1),
				Deadline: at(169), Quorum: 2, Approvers: []closing.Approver{{Person: alice}, {Person: bob}}, People: closing.People{Home: "111122223333"},
				Starter: "arn:aws:iam::111122223333:user/sam",
			},
		},
	}
	open.execution = open.ask.Execution
	decided := func(person string, verdict closing.Verdict, when time.Time, reason string) closing.Decision {
		principal := person
		if person == bob {
			principal = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_PlatformAdmin_0123456789abcdef/" + bob
		}
		return closing.Decision{
			Execution: open.execution, Round: 1, Digest: plan.Digest, Verdict: verdict, Person: person, Principal: principal, At: when, Reason: reason,
		}
	}
	pages := map[string]string{}
	add := func(name string, change func(*view)) {
		v := open
		change(&v)
		pages[name] = v.render()
	}
	approved := []closing.Decision{decided(alice, closing.Approve, at(2), ""), decided(bob, closing.Approve, at(2.9), "agreed with the owners")}
	add("open", func(*view) {})
	add("open-one-of-two", func(v *view) { v.decisions = approved[:1] })
	add("asked-again", func(v *view) {
		v.ask.Difference = closing.Differences{N: 1, First: []closing.Difference{{What: "dashboard", ID: "arn:aws:quicksight:us-east-1:222233334444:dashboard/board-pack"}}}
	})
	add("not-before", func(v *view) { when := at(240); v.plan.Material.NotBefore, v.decisions = &when, approved })
	add("nothing-saved", func(v *view) {
		v.plan.Material.NotSaved = "everything is in version control"
		v.plan.Material.NotReadable = []closing.NotReadable{{Kind: "topic", Region: "eu-west-1", Reason: "AccessDeniedException"}}
	})
	add("account-without-name", func(v *view) {
		subscription := *v.plan.Material.Subscription
		subscription.AccountName = ""
		v.plan.Material.Subscription = &subscription
	})
	add("cooling-off", func(v *view) { v.decisions = approved })
	add("rejected", func(v *view) {
		v.decisions = []closing.Decision{decided(bob, closing.Reject, at(2), "still in use by finance")}
	})
	add("expired", func(v *view) { v.now = at(200) })
	add("cancelled", func(v *view) {
		v.decisions, v.seal = approved, &closing.Seal{Kind: closing.SealCancel, At: at(3), By: alice}
	})
	add("committed", func(v *view) {
		v.decisions, v.seal = approved, &closing.Seal{Kind: closing.SealCommit, At: at(3.2)}
	})
	add("just-approved", func(v *view) {
		v.decisions, v.answer = approved[:1], &Answer{Message: "approved by " + alice + "; 1 of 2 approvals"}
	})
	add("just-refused", func(v *view) { v.refusal = refuse("what was typed is not the name of the QuickSight account").Error() })
	fleet := cannedFleet(at(0))
	ofFleet := func(v *view) {
		v.closing, v.plan, v.ask.Digest = "closings/fleet/20260302T090000Z-run-1/", fleet, fleet.Digest
		v.request = closing.Request{Reason: "The subsidiary is sold"}
	}
	add("fleet", ofFleet)
	add("fleet-one-of-two", func(v *view) {
		ofFleet(v)
		first := decided(alice, closing.Approve, at(2), "")
		first.Digest, first.Struck = fleet.Digest, []string{"222233334402"}
		v.decisions = []closing.Decision{first}
	})
	pages["no-such-closing"] = notice("There is no such closing", "The address is wrong, or the run has not begun.")
	return pages
}

func cannedPlan(at time.Time) closing.Plan {
	m := closing.Material{
		AccountID: "222233334444", IdentityRegion: "us-east-1",
		Subscription: &closing.Subscription{Status: "ACCOUNT_CREATED", AccountName: "acme-analytics", Edition: "ENTERPRISE", TerminationProtection: true},
		Namespaces:   []closing.Namespace{{Name: "default", CapacityRegion: "us-east-1"}, {Name: "partners", CapacityRegion: "us-east-1"}},
		Directory:    closing.Directory{Fate: closing.FateDelete, ID: "d-9067012345", Region: "us-east-1", Type: "SimpleAD", Name: "quicksight.acme-analytics.example"},
		VPC: closing.VPC{
			Fate: closing.FateDelete, ID: "vpc-0a1b2c3d4e5f60001", Region: "us-east-1", CIDR: "10.0.0.0/16",
			Resources: []closing.Resource{{Kind: "subnet", ID: "subnet-0aaa000000000001"}, {Kind: "igw", ID: "igw-0aaa000000000001"}},
			Left:      []closing.Resource{{Kind: "eipalloc", ID: "eipalloc-0aaa000000000001"}},
		},
	}
	for _, a := range []closing.Asset{
		{Region: "eu-west-1", Kind: "dashboard", Name: "EMEA revenue <b>2026</b>"},
		{Region: "us-east-1", Kind: "analysis", Name: "Sales draft"},
		{Region: "us-east-1", Kind: "dashboard", Name: "Churn of acme-analytics"},
		{Region: "us-east-1", Kind: "dashboard", Name: "Sales"},
		{Region: "us-east-1", Kind: "dataset", Name: "orders"},
		{Region: "us-east-1", Kind: "datasource", Name: "warehouse"},
		{Region: "us-east-1", Kind: "user", Role: "ADMIN", Name: "ana@example.com"},
		{Region: "us-east-1", Kind: "user", Role: "AUTHOR", Name: "raj@example.com"},
	} {
		m.Add(a)
		m.Assets.N++
	}
	m.Sort()
	day := at.AddDate(0, 0, -3)
	return closing.Plan{
		Version: 1, Round: 1, Digest: m.Digest(), Material: m,
		Observed: closing.Observed{
			At: at, Advice: []string{"the closing role may not delete flow logs; they stay"},
			Evidence: []closing.Evidence{{About: "d-9067012345", Fact: "its name is that of the QuickSight account", For: true}},
			Uses: []closing.Use{
				{Region: "eu-west-1", Days: 90},
				{
					Region: "us-east-1", Days: 90, Events: 40, Last: day, Name: "GetDashboard", By: "ana@example.com", Users: 2,
					Latest: []closing.Active{{Name: "ana@example.com", Events: 39, Last: day}, {Name: "web", Events: 1, Last: day}},
					Embeds: 1, LastEmbed: day, Embedded: []string{"sales"},
				},
			},
			Remains: []closing.Remainder{
				{Kind: closing.RemainingRole, N: 1, Names: []string{"arn:aws:iam::222233334444:role/service-role/aws-quicksight-service-role-v0"}, Shown: "iam:ListRoles"},
				{Kind: closing.RemainingBucket, N: 1, Names: []string{"acme-analytics-files"}, Shown: "quicksight:ListDataSources"},
				{Kind: closing.RemainingKey, Shown: "quicksight:DescribeKeyRegistration", Refused: "AccessDeniedException"},
			},
		},
	}
}

func cannedFleet(at time.Time) closing.Plan {
	m := closing.Material{Fleet: []closing.Member{
		{AccountID: "222233334401", Digest: "sha256:1", Name: "acme-one", Users: 3, Assets: 12},
		{AccountID: "222233334402", Digest: "sha256:2", Name: "acme-two", Users: 240, Assets: 1900, Directory: "d-9067012345", VPC: "vpc-0a1b2c3d4e5f60001"},
		{AccountID: "222233334403", Digest: "sha256:3", Name: "acme-three", Users: 1, Assets: 4},
	}}
	return closing.Plan{
		Version: 1, Round: 1, Digest: m.Digest(), Material: m,
		Observed: closing.Observed{At: at, Apart: []closing.Apart{{AccountID: "222233334404", Outcome: closing.OutcomeBlocked, Why: "Closing.TargetUnreachable: the role is not there"}}},
	}
}

package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// The alarms that AuditEvent raises. A metric of the stack counts each.
const (
	UnsubscribedWithoutUs = "UnsubscribedWithoutUs"
	ClosedWhileSubscribed = "ClosedWhileSubscribed"
)

// AuditEvent holds what has happened to an account against the record: that it was unsubscribed from QuickSight, that it was closed, or that it
// has left its organization. What the record does not account for is mailed and logged, which raises an alarm. It only reads, and mails last, so
// that a second delivery and a retry decide alike; only a mail whose answer was lost goes out again.
func AuditEvent(env Env) func(context.Context, json.RawMessage) (Audited, error) {
	return func(ctx context.Context, event json.RawMessage) (Audited, error) {
		o, happened, err := closing.ParseOccurrence(event)
		if err != nil {
			return Audited{}, err
		}
		if !happened {
			return Audited{Why: "it was tried, and did not happen"}, nil
		}
		a := &audit{Env: env, Occurrence: o}
		guards := beforePassingClosed
		if o.Kind == closing.Unsubscribed {
			guards = beforePassingUnsubscribed
		}
		var found *finding
		switch err := check(ctx, env, a, guards); {
		case errors.As(err, &found):
			return Audited{Alarm: found.alarm, Why: found.why}, a.raise(ctx, found)
		case err != nil:
			return Audited{}, fmt.Errorf("hold %s of account %s against the record: %w", o.Name, o.AccountID, err)
		}
		return Audited{Why: "the record accounts for it"}, nil
	}
}

// Audited is what AuditEvent answers, for its log.
type Audited struct {
	Alarm string `json:"alarm,omitempty"` // that was raised
	Why   string `json:"why"`
}

// finding is what the record does not account for: the objection of a guard.
type finding struct {
	alarm string
	why   string   // what the record knows
	do    []string // what to do next
}

func (f *finding) Error() string { return f.alarm + ": " + f.why }

// audit is one occurrence that is held against the record.
type audit struct {
	Env
	closing.Occurrence
}

// The intent of a call is written before it, and CloudTrail dates the call by its own clock, in whole seconds.
const (
	clockSkew = time.Minute
	// longestCall is how long after its intent a call may reach AWS: the SDK tries it again as long as its function lives.
	longestCall = 15 * time.Minute
	// longestRun is how long Step Functions lets an execution run.
	longestRun = 366 * 24 * time.Hour
)

// byUs is the guard "audit-caller". What QuickSight's console does, it tells without a call, and not always in whose name.
func (a *audit) byUs(context.Context) error {
	if !a.Call || a.Role == string(RoleClose) {
		return nil
	}
	return a.unsubscribedWithoutUs("It was not the role " + string(RoleClose) + " that called, by which alone this workflow unsubscribes.")
}

// intended is the guard "audit-intent".
func (a *audit) intended(ctx context.Context) error {
	runs, err := a.Record.Runs(ctx, a.AccountID)
	if err != nil {
		return err
	}
	intents := 0
	for _, prefix := range slices.Backward(runs) {
		began := record.Started(prefix)
		if began.After(a.At) || a.At.Sub(began) > longestRun {
			continue
		}
		acts, err := a.committedActs(ctx, prefix)
		if err != nil {
			return err
		}
		for _, act := range acts {
			if act.Operation != opUnsubscribe || act.Resource != a.AccountID {
				continue
			}
			if !act.Intended.After(a.At.Add(clockSkew)) && a.At.Sub(act.Intended) <= longestCall {
				return nil
			}
			intents++
		}
	}
	why := fmt.Sprintf("Of %d runs in the record, none intended to unsubscribe the account.", len(runs))
	if intents > 0 {
		why = "The record intended to unsubscribe the account, but at another time."
	}
	return a.unsubscribedWithoutUs(why)
}

// committedActs are the acts of a run that follow from its commit.
func (a *audit) committedActs(ctx context.Context, prefix string) ([]closing.Act, error) {
	folder, _, err := a.Record.Find(ctx, prefix)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	commit, err := folder.Commit(ctx)
	if errors.Is(err, record.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	acts, err := folder.Acts(ctx)
	return slices.DeleteFunc(acts, func(act closing.Act) bool { return act.Digest != commit.Digest }), err
}

func (a *audit) unsubscribedWithoutUs(why string) *finding {
	do := []string{
		"Ask whoever it was. There is no plan, no approval and no saved copy of what was destroyed, unless an earlier run of the record has them: unsubscribe report " + a.AccountID,
		"See whether it is gone, and which directory and VPC are left: unsubscribe plan --account " + a.AccountID,
	}
	if a.Role == string(RoleClose) {
		do = append(do, "Somebody used the role of this workflow without it. Find out by CloudTrail who assumed it, and switch the kill switch on until you know")
	}
	return &finding{UnsubscribedWithoutUs, why, do}
}

// unsubscribedBefore is the guard "audit-subscribed".
func (a *audit) unsubscribedBefore(ctx context.Context) error {
	last, err := a.lastKnown(ctx)
	switch {
	case err != nil:
		return err
	case last == nil:
		return a.closedWhileSubscribed("The record knows nothing of this account's QuickSight: it may be subscribed, or never have been.")
	case last.subscribed:
		return a.closedWhileSubscribed(fmt.Sprintf("By the record it was subscribed to QuickSight on %s: %s", last.at.UTC().Format(time.RFC3339), a.location(last.folder)))
	}
	return nil
}

func (a *audit) closedWhileSubscribed(why string) *finding {
	do := map[closing.Happened][]string{
		closing.AccountClosed: {
			"QuickSight cannot be closed while the account is suspended, and may be billed until the account is gone, 90 days after it was closed",
			"Look for its costs (unsubscribe fleet sweep tells them by account, as does Cost Explorer). Where there are any, have AWS Support reopen the account within the 90 days, then: unsubscribe close --account " + a.AccountID + ", and close it again",
		},
		closing.AccountLeft: {
			"The account lives, and pays for QuickSight by itself. Its target roles may still trust the hub: unsubscribe plan --account " + a.AccountID + ", or ask whoever has the account now",
		},
		closing.AccountGone: {
			"The 90 days in which the account could be reopened are over: nothing is left to be done but to look through its last bill",
		},
	}[a.Kind]
	return &finding{ClosedWhileSubscribed, why, append(do, fmt.Sprintf("Have %q sent before the next account is closed or moved", closing.OffboardingEvent))}
}

// known is what the record says of an account's subscription.
type known struct {
	subscribed bool
	at         time.Time
	folder     string // of the run that says so
}

// lastKnown is what was found out last, or nil. Dry runs and sweeps hold no lock, so that a run which does may end after them; before it, every
// other such run had ended.
func (a *audit) lastKnown(ctx context.Context) (*known, error) {
	runs, err := a.Record.Runs(ctx, a.AccountID)
	if err != nil {
		return nil, err
	}
	var last *known
	for _, prefix := range slices.Backward(runs) {
		folder, _, err := a.Record.Find(ctx, prefix)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		request, err := folder.Request(ctx)
		if err != nil {
			return nil, err
		}
		if request.DryRun && last != nil {
			continue
		}
		said, err := saidBy(ctx, folder)
		if err != nil {
			return nil, err
		}
		if said == nil {
			continue
		}
		said.folder = prefix
		if last == nil || said.at.After(last.at) {
			last = said
		}
		if !request.DryRun {
			break
		}
	}
	return last, nil
}

// saidBy is what a run has found out last: for its report, or else for its newest plan; nil where it has neither.
func saidBy(ctx context.Context, folder *record.Folder) (*known, error) {
	report, _, err := folder.LastReport(ctx)
	switch {
	case err == nil:
		of := func(c closing.Check) bool { return c.Kind == "subscription" }
		switch gone := report.Outcome == closing.OutcomeClosed || report.Outcome == closing.OutcomeAlreadyClosed; {
		case slices.ContainsFunc(report.Left, of):
			return &known{subscribed: true, at: report.WrittenAt}, nil
		case gone || slices.ContainsFunc(report.Gone, of):
			return &known{at: report.WrittenAt}, nil
		case report.Plan != nil:
			return plannedWith(*report.Plan), nil
		}
		return nil, nil
	case !errors.Is(err, record.ErrNotFound):
		return nil, err
	}
	for round := closing.MaxRounds; round > 0; round-- {
		plan, err := folder.Plan(ctx, record.PlanName(round), round)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return plannedWith(plan), nil
	}
	return nil, nil
}

func plannedWith(p closing.Plan) *known {
	return &known{subscribed: p.Material.Subscription != nil, at: p.Observed.At}
}

// raise tells people, and then the metric of the stack.
func (a *audit) raise(ctx context.Context, f *finding) error {
	subject := fmt.Sprintf("Account %s was closed while still subscribed to QuickSight", a.AccountID)
	what := fmt.Sprintf("The AWS account %s was closed", a.AccountID)
	switch a.Kind {
	case closing.Unsubscribed:
		subject = fmt.Sprintf("Account %s was unsubscribed from QuickSight without our record", a.AccountID)
		what = fmt.Sprintf("The AWS account %s was unsubscribed from Amazon QuickSight, and not by this workflow", a.AccountID)
	case closing.AccountLeft:
		subject = fmt.Sprintf("Account %s left while still subscribed to QuickSight", a.AccountID)
		what = fmt.Sprintf("The AWS account %s has left its organization", a.AccountID)
	case closing.AccountGone:
		what = fmt.Sprintf("The AWS account %s is gone for good", a.AccountID)
	case closing.AccountClosed:
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nAlarm: %s\nWhen: %s\nWho: %s\nEvent: %s in %s, %s\n\n%s\n\nWhat to do:\n",
		what, f.alarm, a.At.UTC().Format(time.RFC3339), a.By, a.Name, a.Region, a.Event, f.why)
	for _, do := range f.do {
		fmt.Fprintf(&b, "- %s\n", do)
	}
	if err := a.publish(ctx, subject, b.String()); err != nil {
		return err
	}
	a.Log.WarnContext(ctx, "raised", "alarm", f.alarm, "account", a.AccountID, "event", a.Event) // a metric of the stack counts these
	return nil
}

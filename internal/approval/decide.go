package approval

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// Decide takes decisions. A decision that does not count is a NotDecided error, which says why and what to do; it changed nothing.
func Decide(env step.Env) func(context.Context, Event) (Answer, error) {
	return func(ctx context.Context, e Event) (Answer, error) {
		if err := e.check(env.Config); err != nil {
			return Answer{}, err
		}
		ctx = step.ForExecution(ctx, e.Execution)
		principal, err := e.principal(ctx, env.AWS.Hub(), env.Config.Account)
		if err != nil {
			return Answer{}, err
		}
		b, err := open(ctx, env, e.Decision)
		if err != nil {
			return Answer{}, err
		}
		if b.principal = principal; !b.counts() {
			return Answer{}, refuse("%s cannot be counted as a person", principal).WithHint("decide as an IAM user, a role or an Identity Center user")
		}
		if e.Verdict == closing.Cancel {
			return b.cancel(ctx)
		}
		return b.decide(ctx)
	}
}

// ballot is one person's decision before the record of a run.
type ballot struct {
	env       step.Env
	folder    *record.Folder
	decision  Decision
	now       time.Time
	principal string // whom STS names
	person    string // who is counted for that
	may       bool   // he may decide

	ask       closing.Ask   // the newest
	plan      closing.Plan  // that it asks about
	seal      *closing.Seal // nil: neither committed nor cancelled
	decisions []closing.Decision
}

func open(ctx context.Context, env step.Env, d Decision) (ballot, error) {
	b := ballot{env: env, folder: env.Record.Folder(d.Closing, d.Execution), decision: d, now: clock.Now(ctx)}
	var err error
	if b.ask, err = b.folder.LatestAsk(ctx); errors.Is(err, record.ErrNotFound) {
		return b, refuse("nobody has been asked to decide on %s", d.Closing).WithHint("look at the run; to end it now, stop its execution")
	} else if err != nil {
		return b, fmt.Errorf("read what is asked: %w", err)
	}
	if b.plan, err = b.folder.Plan(ctx, record.PlanName(b.ask.Round), b.ask.Round); err != nil {
		return b, fmt.Errorf("read the plan of round %d: %w", b.ask.Round, err)
	}
	if b.plan.Digest != b.ask.Digest {
		return b, closing.Errorf(closing.RecordInvalid, "the plan of round %d has the digest %s, and %s is asked about; nothing was decided or changed",
			b.ask.Round, b.plan.Digest, b.ask.Digest).WithHint("look at who wrote it, then start a fresh run")
	}
	switch seal, err := b.folder.Seal(ctx); {
	case err == nil:
		b.seal = &seal
	case !errors.Is(err, record.ErrNotFound):
		return b, fmt.Errorf("read the seal: %w", err)
	}
	if b.decisions, err = b.folder.Decisions(ctx, b.ask.Round, b.ask.Digest); err != nil {
		return b, fmt.Errorf("read what was decided: %w", err)
	}
	return b, nil
}

// counts finds out who is counted for the principal, and whether anybody is.
func (b *ballot) counts() bool {
	b.person, b.may = b.ask.Voter(b.principal)
	return b.person != ""
}

// decide approves or rejects.
func (b ballot) decide(ctx context.Context) (Answer, error) {
	if err := b.refusal(); err != nil {
		return Answer{}, err
	}
	if d, ok := b.earlier(); ok {
		return b.already(ctx, d)
	}
	if !b.now.Before(b.ask.Deadline) {
		return Answer{}, refuse("the request has expired at %s", b.ask.Deadline.Format(time.RFC3339)).WithHint("start a fresh run, which asks again")
	}
	if err := b.strikes(); err != nil {
		return Answer{}, err
	}
	if what, want := b.plan.Material.Challenge(b.decision.Struck...); b.decision.Verdict == closing.Approve && b.decision.Name != want {
		return Answer{}, refuse("what was typed is not %s", what).WithHint("look at the account that you approve to destroy, and type it exactly")
	}
	d := closing.Decision{
		Round: b.ask.Round, Digest: b.ask.Digest, Verdict: b.decision.Verdict,
		Person: b.person, Principal: b.principal, At: b.now, Reason: b.decision.Reason, Struck: b.decision.Struck,
	}
	standing, err := b.folder.PutDecision(ctx, d)
	if err != nil {
		return Answer{}, fmt.Errorf("write the decision: %w", err)
	}
	if b.decisions, err = b.folder.Decisions(ctx, b.ask.Round, b.ask.Digest); err != nil {
		return Answer{}, fmt.Errorf("read what was decided: %w", err)
	}
	if len(d.Struck) > 0 {
		// The fleet may have been sealed since: then what is struck out here does not count, and whoever did it must know.
		if seal, err := b.folder.Seal(ctx); err == nil && !slices.ContainsFunc(seal.Decisions, func(s closing.Decision) bool { return s.Person == b.person }) {
			b.seal = &seal
			return Answer{}, b.tooLate()
		} else if err != nil && !errors.Is(err, record.ErrNotFound) {
			return Answer{}, fmt.Errorf("read the seal: %w", err)
		}
	}
	if standing.Verdict != d.Verdict || !standing.At.Equal(d.At) {
		return b.already(ctx, standing) // the same person's other click was faster
	}
	a := b.answer(ctx, standing, false)
	b.announce(ctx, a, standing.Reason)
	return a, nil
}

// announce tells people's chat of a decision. The decision stands without it, too.
func (b ballot) announce(ctx context.Context, a Answer, reason string) {
	err := b.env.Announce(ctx, closing.ApprovalDecided{
		Concerning: b.env.Concerning(b.plan.Material.AccountID, b.decision.Execution, b.decision.Closing),
		Round:      b.ask.Round, Digest: b.ask.Digest, Verdict: a.Verdict, Person: a.Person, At: a.At, Reason: reason,
		Approvals: a.Approvals, Quorum: a.Quorum,
	})
	if err != nil {
		b.env.Log.ErrorContext(ctx, "the decision was not announced", slog.String("error", err.Error()))
	}
}

// strikes refuses to strike out what is not in the fleet, or all of it.
func (b ballot) strikes() error {
	struck := b.decision.Struck
	if len(struck) == 0 {
		return nil
	}
	for _, account := range struck {
		if !slices.ContainsFunc(b.plan.Material.Fleet, func(m closing.Member) bool { return m.AccountID == account }) {
			return refuse("account %q is not in the fleet, and cannot be struck out", account)
		}
	}
	if len(b.plan.Material.Kept([]closing.Decision{{Struck: struck}})) == 0 {
		return refuse("every account is struck out").WithHint("reject the fleet instead")
	}
	return nil
}

// refusal says why this person cannot approve or reject now.
func (b ballot) refusal() error {
	switch {
	case b.seal != nil && b.seal.Kind == closing.SealCommit:
		return b.tooLate()
	case b.seal != nil:
		return refuse("the run was cancelled by %s at %s", b.seal.By, b.seal.At.Format(time.RFC3339)).WithHint("start a fresh run, which asks again")
	case b.decision.Round < b.ask.Round:
		return refuse("round %d is superseded: the account changed, and round %d asks again", b.decision.Round, b.ask.Round).
			WithHint("look at the new plan, then decide on that")
	case b.decision.Round > b.ask.Round:
		return refuse("round %d is not open; round %d is", b.decision.Round, b.ask.Round)
	case b.decision.Digest != b.ask.Digest:
		return refuse("the plan that you decided on, %s, is not the one that is asked about, %s", b.decision.Digest, b.ask.Digest).
			WithHint("look at the plan again, then decide on that")
	case b.isStarter():
		return refuse("%s started the run and cannot decide on it", b.person).WithHint("have somebody else decide, or cancel it")
	case !b.may:
		return refuse("%s (%s) is not one of the approvers", b.person, b.principal).WithHint("have an approver decide")
	}
	return nil
}

func (b ballot) isStarter() bool { return b.ask.StartedBy(b.principal) }

func (b ballot) tooLate() error {
	return refuse("too late: the run was committed at %s and is deleting", b.seal.At.Format(time.RFC3339)).
		WithHint("stop the execution to keep what is not deleted yet")
}

// earlier finds the decision that makes this one unnecessary: the person's own, one that refused the run, or the approvals that were enough.
func (b ballot) earlier() (closing.Decision, bool) {
	own := func(d closing.Decision) bool { return d.Person == b.person }
	if i := slices.IndexFunc(b.decisions, own); i >= 0 {
		return b.decisions[i], true
	}
	switch b.ask.Stands(b.decisions, b.now) {
	case closing.StandingRejected:
		return b.rejection(), true
	case closing.StandingApproved:
		if b.decision.Verdict == closing.Approve {
			return b.ask.Approvals(b.decisions)[b.ask.Quorum-1], true
		}
	case closing.StandingPending, closing.StandingExpired:
	}
	return closing.Decision{}, false
}

// rejection is the decision that refused the run, where one did.
func (b ballot) rejection() closing.Decision {
	i := slices.IndexFunc(b.decisions, func(d closing.Decision) bool { return d.Verdict == closing.Reject })
	return b.decisions[i]
}

// already answers a second decision. The same again is no harm, and rings again, in case the first ring was lost.
func (b ballot) already(ctx context.Context, d closing.Decision) (Answer, error) {
	if d.Verdict != b.decision.Verdict {
		return Answer{}, refuse("%s has decided already: %s, at %s", d.Person, d.Verdict, d.At.Format(time.RFC3339)).
			WithHint("a decision stands; to take an approval back, cancel the run")
	}
	return b.answer(ctx, d, true), nil
}

// answer rings the doorbell where the round is decided, and says how it stands.
func (b ballot) answer(ctx context.Context, d closing.Decision, already bool) Answer {
	a := Answer{
		Person: d.Person, Verdict: d.Verdict, At: d.At, Already: already,
		Approvals: len(b.ask.Approvals(b.decisions)), Quorum: b.ask.Quorum,
	}
	standing := b.ask.Stands(b.decisions, b.now)
	if standing != closing.StandingPending {
		a.Woken = b.ring(ctx)
	}
	switch standing {
	case closing.StandingRejected:
		a.Message = fmt.Sprintf("rejected by %s; nothing will be deleted", b.rejection().Person)
	case closing.StandingApproved:
		a.Message = fmt.Sprintf("approved by %s; %d of %d approvals: the run cools off, looks at the account again and then deletes", d.Person, a.Approvals, a.Quorum)
	case closing.StandingPending, closing.StandingExpired:
		a.Message = fmt.Sprintf("approved by %s; %d of %d approvals", d.Person, a.Approvals, a.Quorum)
	}
	if already {
		a.Message += fmt.Sprintf(" (on record since %s; nothing was changed)", d.At.Format(time.RFC3339))
	}
	return a
}

// cancel seals the run, unless its commit was faster. Whoever may decide and whoever started it may cancel, in any round.
func (b ballot) cancel(ctx context.Context) (Answer, error) {
	if !b.isStarter() && !b.may {
		return Answer{}, refuse("%s (%s) is neither an approver nor the starter of the run", b.person, b.principal).
			WithHint("have one of them cancel, or stop the execution")
	}
	mine := closing.Seal{Round: b.ask.Round, Digest: b.ask.Digest, Kind: closing.SealCancel, At: b.now, By: b.person}
	seal, err := b.folder.PutSeal(ctx, mine)
	if err != nil {
		return Answer{}, fmt.Errorf("seal the run: %w", err)
	}
	if b.seal = &seal; seal.Kind == closing.SealCommit {
		return Answer{}, b.tooLate()
	}
	a := Answer{
		Person: seal.By, Verdict: closing.Cancel, At: seal.At, Already: !seal.At.Equal(mine.At) || seal.By != mine.By,
		Approvals: len(b.ask.Approvals(b.decisions)), Quorum: b.ask.Quorum, Woken: b.ring(ctx),
		Message: fmt.Sprintf("cancelled by %s; nothing will be deleted", seal.By),
	}
	if a.Already {
		a.Message += fmt.Sprintf(" (on record since %s; nothing was changed)", seal.At.Format(time.RFC3339))
		return a, nil
	}
	b.announce(ctx, a, b.decision.Reason)
	return a, nil
}

// ring wakes the run where it waits. What is decided stands without it: a run that is not woken reads the record at its next reminder.
func (b ballot) ring(ctx context.Context) bool {
	token, err := b.folder.Token(ctx)
	if errors.Is(err, record.ErrNotFound) {
		return false
	}
	woken := false
	if err == nil {
		woken, err = b.env.Ring(ctx, token)
	}
	if err != nil {
		b.env.Log.ErrorContext(ctx, "the run was not woken", slog.String("error", err.Error()))
	}
	return woken
}

package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// gate is what the record says of the approval of a run's round. The state machine, its callbacks and whoever rings its doorbell
// have no say in it.
type gate struct {
	plan      closing.Plan
	ask       *closing.Ask // nil: nobody was asked yet
	decisions []closing.Decision
	seal      *closing.Seal // nil: neither committed nor cancelled

	coolOff, decisionAge time.Duration // of the configuration

	fleet fleet          // where the account was approved in one …
	grant *closing.Grant // … and what that allows; nil: people decide on the account alone
}

// gate reads the record of the input's round.
func (e Env) gate(ctx context.Context, in Input) (gate, error) {
	g := gate{coolOff: e.Config.CoolOff, decisionAge: e.Config.DecisionAge}
	folder := e.folder(in)
	var err error
	if g.plan, err = folder.Plan(ctx, record.PlanName(in.Run.Round), in.Run.Round); err != nil {
		return g, fmt.Errorf("read the plan of round %d: %w", in.Run.Round, err)
	}
	if g.plan.Digest != in.Run.Digest {
		return g, closing.Errorf(closing.RecordInvalid, "the plan of round %d has the digest %s, and this run is about %s; nothing was touched",
			in.Run.Round, g.plan.Digest, in.Run.Digest).WithHint("look at who wrote %s, then start a fresh run", folder.Key(record.PlanName(in.Run.Round)))
	}
	if in.Run.Fleet != "" {
		if g.fleet, err = e.fleet(ctx, in.Run.Fleet); err != nil {
			return g, err
		}
		granted, err := g.fleet.grant(ctx, in.Run.AccountID)
		if err != nil {
			return g, err
		}
		if g.plan.Digest != granted.Plan || g.plan.Material.AccountID != granted.AccountID {
			return g, notInFleet("the plan of this run is %s, and %s was approved", g.plan.Digest, granted.Plan)
		}
		g.grant = &granted
	}
	if g.grant == nil {
		if err := g.asked(ctx, folder, in.Run); err != nil {
			return g, err
		}
	}
	switch seal, err := folder.Seal(ctx); {
	case err == nil:
		g.seal = &seal
	case !errors.Is(err, record.ErrNotFound):
		return g, fmt.Errorf("read the seal: %w", err)
	}
	return g, nil
}

// asked reads what people were asked about this account alone, and decided.
func (g *gate) asked(ctx context.Context, folder *record.Folder, run Run) error {
	switch ask, err := folder.Ask(ctx, run.Round, run.Digest); {
	case err == nil:
		g.ask = &ask
	case !errors.Is(err, record.ErrNotFound):
		return fmt.Errorf("read the ask of round %d: %w", run.Round, err)
	}
	var err error
	if g.decisions, err = folder.Decisions(ctx, run.Round, run.Digest); err != nil {
		return fmt.Errorf("read the decisions of round %d: %w", run.Round, err)
	}
	return nil
}

// verdict is where the round stands at a moment, and what Read Decision answers.
func (g gate) verdict(now time.Time) Verdict {
	if g.seal != nil && g.seal.Kind == closing.SealCancel {
		return Cancelled
	}
	if g.grant != nil {
		return Approved // people have decided on the fleet, which has cooled off
	}
	if g.ask == nil {
		return Pending
	}
	switch g.ask.Stands(g.decisions, now) {
	case closing.StandingRejected:
		return Rejected
	case closing.StandingExpired:
		return Expired
	case closing.StandingApproved:
		if now.Before(g.coolUntil()) {
			return Cooling
		}
		return Approved
	case closing.StandingPending:
	}
	return Pending
}

// coolUntil is the earliest moment of a commit: the approval is cooled off and the plan's notBefore has come.
func (g gate) coolUntil() time.Time {
	until := g.ask.ApprovedAt(g.decisions).Add(g.coolOff)
	if b := g.plan.Material.NotBefore; b != nil && b.After(until) {
		return *b
	}
	return until
}

// fresh are the approvals that are young enough for a commit. Waiting for coolUntil does not make them older.
func (g gate) fresh(now time.Time) []closing.Decision {
	cooled := g.coolUntil().Sub(g.ask.ApprovedAt(g.decisions))
	return slices.DeleteFunc(g.ask.Approvals(g.decisions), func(d closing.Decision) bool {
		return now.Sub(d.At)-cooled > g.decisionAge
	})
}

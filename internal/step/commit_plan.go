package step

import (
	"context"
	"fmt"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// CommitPlan passes the point of no return, or does not. It trusts nothing that was true when an earlier state looked: the
// approval, its age, the cooling off and the lock are read again, and the plan that was approved is compared with the account as
// it was just now taken again.
func CommitPlan(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		if err := env.Record.Holds(ctx, in.Run.AccountID, in.Execution.ID); err != nil {
			return Result{}, err
		}
		g, err := env.gate(ctx, in)
		if err != nil {
			return Result{}, err
		}
		if g.seal != nil && g.seal.Kind == closing.SealCommit {
			return env.committed(ctx, in, g, *g.seal) // an earlier call of this step was killed behind its seal
		}
		now := clock.Now(ctx)
		if verdict := g.verdict(now); verdict != Approved {
			return in.decided(g, verdict), nil
		}
		retake, err := env.folder(in).Plan(ctx, record.RetakeName(in.Run.Round), in.Run.Round)
		if err != nil {
			return Result{}, fmt.Errorf("read the inventory that was taken again: %w", err)
		}
		if err := blocked(retake); err != nil {
			return Result{}, err
		}
		if reasons := env.outdated(g, retake, now); reasons.Total > 0 {
			return env.nextRound(ctx, in, retake, reasons)
		}
		seal, err := env.folder(in).PutSeal(ctx, closing.Seal{Round: in.Run.Round, Digest: in.Run.Digest, Kind: closing.SealCommit, At: now})
		if err != nil {
			return Result{}, fmt.Errorf("seal the run: %w", err)
		}
		if seal.Kind == closing.SealCancel {
			return in.done(Cancelled, ListOf()), nil
		}
		return env.committed(ctx, in, g, seal)
	}
}

// committed writes the commit that the seal allows.
func (e Env) committed(ctx context.Context, in Input, g gate, seal closing.Seal) (Result, error) {
	if seal.Round != in.Run.Round || seal.Digest != in.Run.Digest || g.ask == nil {
		return Result{}, closing.Errorf(closing.RecordInvalid, "the run is sealed for round %d and the digest %s, not for round %d and %s; nothing was touched",
			seal.Round, seal.Digest, in.Run.Round, in.Run.Digest).WithHint("look at who wrote seal.json, then start a fresh run")
	}
	_, err := e.folder(in).PutCommit(ctx, closing.Commit{
		Round: in.Run.Round, Digest: in.Run.Digest, PlanKey: g.ask.PlanKey,
		At: seal.At, Decisions: g.ask.Approvals(g.decisions),
	})
	if err != nil {
		return Result{}, fmt.Errorf("write the commit: %w", err)
	}
	return in.done(Committed, ListOf()), nil
}

// outdated says why the approval does not cover the account as it is now. What has merely disappeared since does not matter:
// there is less to destroy than was approved.
func (e Env) outdated(g gate, retake closing.Plan, now time.Time) List {
	reasons := differences(closing.Drift(g.plan.Material, retake.Material))
	if reasons.Total > 0 {
		return reasons
	}
	if n := len(g.fresh(now)); n < g.ask.Quorum {
		return ListOf(fmt.Sprintf("%d of the %d approvals are at most %s old", n, g.ask.Quorum, closing.MaxDecisionAge))
	}
	if age := now.Sub(retake.Observed.At); age > e.Config.InventoryBudget+closing.MaxCommitAge {
		return ListOf(fmt.Sprintf("the account was looked at %s ago", age))
	}
	return ListOf()
}

// nextRound makes the account as it is now the plan of a round of its own. After the last one the run gives up.
func (e Env) nextRound(ctx context.Context, in Input, retake closing.Plan, reasons List) (Result, error) {
	if in.Run.Round >= closing.MaxRounds {
		return Result{}, closing.Errorf(closing.Blocked, "the account is still not as it was approved after %d rounds; nothing was touched: %s", in.Run.Round, reasons).
			WithHint("let it rest, then start a fresh run")
	}
	retake.Round = in.Run.Round + 1
	next, err := e.folder(in).PutPlan(ctx, record.PlanName(retake.Round), retake)
	if err != nil {
		return Result{}, fmt.Errorf("write the plan of round %d: %w", retake.Round, err)
	}
	deadline := clock.Now(ctx).Add(e.Config.ApprovalWindow)
	in.Run.Round, in.Run.Digest, in.Run.Deadline, in.Run.CoolUntil = next.Round, next.Digest, &deadline, nil
	result := in.done(Drifted, ListOf())
	result.Remaining = reasons
	return result, nil
}

// blocked refuses an account that has become one that cannot be closed safely.
func blocked(retake closing.Plan) error {
	blockers := retake.Observed.Blockers
	if len(blockers) == 0 {
		return nil
	}
	first := blockers[0]
	err := closing.Errorf(first.Code, "since it was approved, the account can no longer be closed safely; nothing was touched: %s", first.Message)
	if first.Paste != "" {
		return err.WithHint("start again with %s", first.Paste)
	}
	return err
}

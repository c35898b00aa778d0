package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// CommitFleet turns an approval of a fleet into grants, one for each account that every approver kept. It deletes nothing: each account's own run
// looks at the account again and commits by itself, and what it may do it reads here.
func CommitFleet(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		g, err := env.gate(ctx, in)
		if err != nil {
			return Result{}, err
		}
		if g.seal == nil {
			c := &fleetCommitting{Env: env, gate: g, now: clock.Now(ctx)}
			var no objection
			switch err := check(ctx, env, c, beforeFleetSeal); {
			case errors.As(err, &no):
				return in.decided(g, no.verdict), nil
			case err != nil:
				return Result{}, err
			}
			// What is struck out stands in the seal: whoever seals says by that which decisions count.
			seal, err := env.folder(in).PutSeal(ctx, closing.Seal{
				Round: in.Run.Round, Digest: in.Run.Digest, Kind: closing.SealCommit, At: c.now, Decisions: g.ask.Approvals(g.decisions),
			})
			if err != nil {
				return Result{}, fmt.Errorf("seal the fleet: %w", err)
			}
			g.seal = &seal
		}
		if g.seal.Kind == closing.SealCancel {
			return in.done(Cancelled, ListOf()), nil
		}
		return env.grantFleet(ctx, in, g)
	}
}

// fleetCommitting is what the guards of a fleet's commit look at.
type fleetCommitting struct {
	Env
	gate gate
	now  time.Time
}

// beforeFleetSeal: right before the seal of a fleet.
var beforeFleetSeal = []guard[*fleetCommitting]{
	{"fleet-decision", "accounts of a fleet that is not approved, or has not cooled off", (*fleetCommitting).decided},
	{"fleet-age", "accounts about which people decided too long ago", (*fleetCommitting).recent},
	{"fleet-empty", "people who struck out, together, every account, from a fleet that would close none", (*fleetCommitting).keeps},
}

func (c *fleetCommitting) decided(context.Context) error {
	if verdict := c.gate.verdict(c.now); verdict != Approved {
		return objection{verdict: verdict}
	}
	return nil
}

// recent ends a fleet whose approvals are too old. It is not asked again: the plans behind it are as old.
func (c *fleetCommitting) recent(context.Context) error {
	if n := len(c.gate.fresh(c.now)); n < c.gate.ask.Quorum {
		return closing.Errorf(closing.Stale, "of %d approvals only %d are at most %s old; nothing was touched", c.gate.ask.Quorum, n, c.gate.decisionAge).
			WithHint("start the fleet again, which plans and asks again")
	}
	return nil
}

func (c *fleetCommitting) keeps(context.Context) error {
	if len(c.gate.plan.Material.Kept(c.gate.ask.Approvals(c.gate.decisions))) > 0 {
		return nil
	}
	return closing.Errorf(closing.Blocked, "no account is kept by every approver; nothing was touched").WithHint("start again with the accounts that are meant")
}

// grantFleet writes a grant for each account that the seal keeps, then the batches that the machine runs, and the commit last: grants count only
// with it.
func (e Env) grantFleet(ctx context.Context, in Input, g gate) (Result, error) {
	folder, seal := e.folder(in), *g.seal
	if seal.Round != in.Run.Round || seal.Digest != in.Run.Digest {
		return Result{}, closing.Errorf(closing.RecordInvalid, "the fleet is sealed for round %d and the digest %s, not for round %d and %s; nothing was touched",
			seal.Round, seal.Digest, in.Run.Round, in.Run.Digest).WithHint("look at who wrote seal.json, then start again")
	}
	kept := g.plan.Material.Kept(seal.Decisions)
	err := clock.Each(ctx, fleetLanes, kept, func(ctx context.Context, m closing.Member) error {
		return folder.PutGrant(ctx, closing.Grant{
			Round: seal.Round, Digest: seal.Digest, AccountID: m.AccountID, Plan: m.Digest, PlanKey: m.PlanKey, At: seal.At, Decisions: seal.Decisions,
		})
	})
	if err != nil {
		return Result{}, fmt.Errorf("write what the fleet's accounts are granted: %w", err)
	}
	request, err := folder.FleetRequest(ctx)
	if err != nil {
		return Result{}, err
	}
	runs := make([]closing.Request, 0, len(kept))
	for _, m := range smallestFirst(kept) {
		runs = append(runs, request.For(m.AccountID, in.Run.Closing, false))
	}
	first := min(e.Config.FleetCanary, len(runs))
	if err := errors.Join(folder.PutBatch(ctx, BatchCanary, runs[:first]), folder.PutBatch(ctx, BatchRest, runs[first:])); err != nil {
		return Result{}, err
	}
	_, err = folder.PutCommit(ctx, closing.Commit{
		Round: seal.Round, Digest: seal.Digest, PlanKey: folder.Key(record.PlanName(seal.Round)), At: seal.At, Decisions: seal.Decisions,
	})
	if err != nil {
		return Result{}, fmt.Errorf("write the fleet's commit: %w", err)
	}
	return in.done(Committed, ListOf()), nil
}

// The batches of a fleet: all accounts to plan; then to close, the canary, which must come out without a failure, and the rest.
const (
	BatchPlan   = string(record.Planning)
	BatchCanary = "canary"
	BatchRest   = "rest"
)

// smallestFirst orders accounts by what there is to lose.
func smallestFirst(members []closing.Member) []closing.Member {
	bySize := slices.Clone(members)
	slices.SortStableFunc(bySize, func(a, b closing.Member) int { return cmp.Compare(a.Users+a.Assets, b.Users+b.Assets) })
	return bySize
}

// BatchObject is the name of a batch's object in the fleet's folder.
func BatchObject(batch string) string { return record.BatchName(batch) }

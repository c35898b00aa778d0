package step

import (
	"context"
	"errors"
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
		g, err := env.gate(ctx, in)
		if err != nil {
			return Result{}, err
		}
		if g.seal != nil && g.seal.Kind == closing.SealCommit {
			return env.committed(ctx, in, g, *g.seal) // an earlier call of this step was killed behind its seal
		}
		retake, err := env.folder(in).Plan(ctx, record.RetakeName(in.Run.Round), in.Run.Round)
		if err != nil {
			return Result{}, fmt.Errorf("read the inventory that was taken again: %w", err)
		}
		c := &committing{Env: env, in: in, gate: g, retake: retake, now: clock.Now(ctx)}
		guards := beforeCommit
		if in.Run.Fleet != "" {
			guards = beforeFleetCommit
		}
		if err := c.readManifest(ctx); err != nil {
			return Result{}, err
		}
		var no objection
		switch err := check(ctx, env, c, guards); {
		case errors.As(err, &no) && no.verdict == Drifted:
			return env.nextRound(ctx, in, c.asked(), no.reasons)
		case errors.As(err, &no):
			return in.decided(g, no.verdict), nil
		case err != nil:
			return Result{}, err
		}
		if in.Run.Fleet != "" {
			if err := c.claim(ctx); err != nil {
				return Result{}, err
			}
		}
		seal, err := env.folder(in).PutSeal(ctx, closing.Seal{Round: in.Run.Round, Digest: in.Run.Digest, Kind: closing.SealCommit, At: c.now})
		if err != nil {
			return Result{}, fmt.Errorf("seal the run: %w", err)
		}
		if seal.Kind == closing.SealCancel {
			return in.done(Cancelled, ListOf()), nil
		}
		return env.committed(ctx, in, g, seal)
	}
}

// committing is what the guards of a commit look at.
type committing struct {
	Env
	in     Input
	gate   gate
	retake closing.Plan // with what could not be saved
	now    time.Time

	manifest *closing.Manifest // nil: there is none
}

// readManifest reads what was saved. What could not be, and is still there, is a fact of the account that people have to accept.
func (c *committing) readManifest(ctx context.Context) error {
	m, err := c.folder(c.in).Manifest(ctx, c.in.Run.Round, c.in.Run.Digest)
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was saved: %w", err)
	}
	c.manifest = &m
	if m.Failed == 0 {
		return nil
	}
	there := map[string]bool{}
	for _, v := range c.retake.Material.VPCConnections {
		there[v.ARN] = true
	}
	folder := c.folder(c.in)
	unsaved := record.NewSorter[closing.Unsaved](folder, nil)
	defer unsaved.Close()
	err = closing.Join(record.List[closing.Asset](ctx, folder, c.retake.Material.Assets), record.List[closing.Backup](ctx, folder, m.Backups),
		func(a *closing.Asset, b *closing.Backup) error {
			if b == nil || b.As != closing.NotSaved || a == nil && !there[b.ARN] {
				return nil
			}
			return unsaved.Add(closing.Unsaved{ARN: b.ARN, Code: b.Code, Message: b.Message})
		})
	if err != nil {
		return err
	}
	c.retake.Material.Unsaved, err = unsaved.List(ctx, nil)
	return err
}

// What holds for every commit.
var (
	commitLock    = guard[*committing]{"commit-lock", "the run that has taken the account over: two runs never change one account", (*committing).holdsLock}
	commitBlocked = guard[*committing]{"commit-blocked", "an account that can no longer be closed safely", (*committing).closable}
	commitSaved   = guard[*committing]{"commit-saved", "assets of which nobody knows whether they were saved", (*committing).saved}
)

// beforeCommit: right before the seal.
var beforeCommit = []guard[*committing]{
	commitLock,
	{"commit-decision", "an account whose closing is not approved, or not any more, or has not cooled off", (*committing).decided},
	commitBlocked,
	commitSaved,
	{"commit-drift", "what was made or changed after people decided", (*committing).asApproved},
	{"commit-age", "an account about which people decided too long ago", (*committing).recent},
}

// objection is a guard's answer that is no failure: the run has to ask, to wait, or to end by what was decided.
type objection struct {
	verdict Verdict
	reasons List // Drifted alone: why the approval does not cover the account as it is
}

func (o objection) Error() string { return string(o.verdict) + ": " + o.reasons.String() }

func (c *committing) holdsLock(ctx context.Context) error {
	return c.Record.Holds(ctx, c.in.Run.AccountID, c.in.Execution.ID)
}

func (c *committing) decided(context.Context) error {
	if verdict := c.gate.verdict(c.now); verdict != Approved {
		return objection{verdict: verdict}
	}
	return nil
}

// closable refuses an account that has become one that cannot be closed safely.
func (c *committing) closable(context.Context) error {
	blockers := c.retake.Observed.Blockers
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

// saved refuses a plan of which an asset is missing in the manifest: neither saved, nor impossible to save, nor failed. What was
// skipped, people saw in the plan.
func (c *committing) saved(ctx context.Context) error {
	m := c.manifest
	if m == nil {
		return closing.Errorf(closing.RecordInvalid, "what was saved of round %d is not in the record; nothing was touched", c.in.Run.Round).
			WithHint("look at who wrote %s, then start a fresh run", c.folder(c.in).Key(record.ManifestName(c.in.Run.Round)))
	}
	if m.Skipped != "" && m.Skipped == c.gate.plan.Material.NotSaved {
		return nil
	}
	folder := c.folder(c.in)
	return closing.Join(record.List[closing.Asset](ctx, folder, c.gate.plan.Material.Assets), record.List[closing.Backup](ctx, folder, m.Backups),
		func(a *closing.Asset, b *closing.Backup) error {
			if a == nil || b != nil {
				return nil
			}
			return closing.Errorf(closing.RecordInvalid, "the manifest of round %d does not say what became of %s; nothing was touched", c.in.Run.Round, a.ARN).
				WithHint("look at who wrote %s, then start a fresh run", folder.Key(record.ManifestName(c.in.Run.Round)))
		})
}

// asApproved objects to what is new or changed. What has merely disappeared does not matter: there is less to destroy than was
// approved.
func (c *committing) asApproved(ctx context.Context) error {
	found, err := drift(ctx, c.folder(c.in), c.gate.plan.Material, c.retake.Material, false)
	if err == nil && found.N > 0 {
		return objection{Drifted, differences(found)}
	}
	return err
}

// recent objects to approvals and to an inventory that are too old. A person decides once in a round, so that it takes another round
// to renew an approval.
func (c *committing) recent(context.Context) error {
	if n := len(c.gate.fresh(c.now)); n < c.gate.ask.Quorum {
		return objection{Drifted, ListOf(fmt.Sprintf("of %d approvals only %d are at most %s old", c.gate.ask.Quorum, n, c.gate.decisionAge))}
	}
	if age := c.now.Sub(c.retake.Observed.At); age > c.Config.InventoryBudget+closing.MaxCommitAge {
		return objection{Drifted, ListOf(fmt.Sprintf("the account was looked at %s ago", age))}
	}
	return nil
}

// committed writes the commit that the seal allows.
func (e Env) committed(ctx context.Context, in Input, g gate, seal closing.Seal) (Result, error) {
	if seal.Round != in.Run.Round || seal.Digest != in.Run.Digest || g.ask == nil && g.grant == nil {
		return Result{}, closing.Errorf(closing.RecordInvalid, "the run is sealed for round %d and the digest %s, not for round %d and %s; nothing was touched",
			seal.Round, seal.Digest, in.Run.Round, in.Run.Digest).WithHint("look at who wrote seal.json, then start a fresh run")
	}
	manifest, err := e.folder(in).Manifest(ctx, in.Run.Round, in.Run.Digest)
	if err != nil {
		return Result{}, fmt.Errorf("read what was saved: %w", err)
	}
	commit := closing.Commit{
		Round: in.Run.Round, Digest: in.Run.Digest, PlanKey: e.folder(in).Key(record.PlanName(in.Run.Round)), At: seal.At,
		Manifest: manifest.Sum(), Fleet: in.Run.Fleet,
	}
	if g.grant != nil {
		commit.Decisions = g.grant.Decisions
	} else {
		commit.Decisions = g.ask.Approvals(g.decisions)
	}
	if _, err := e.folder(in).PutCommit(ctx, commit); err != nil {
		return Result{}, fmt.Errorf("write the commit: %w", err)
	}
	return in.done(Committed, ListOf()), nil
}

// asked is the account as it is now, for people to decide about, with what was read for those who decided before: that changes
// nothing about what is destroyed.
func (c *committing) asked() closing.Plan {
	next, before := c.retake, c.gate.plan.Observed
	next.Observed.Uses, next.Observed.Sharing, next.Observed.Remains = before.Uses, before.Sharing, before.Remains
	return next
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

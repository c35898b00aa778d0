package step

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// FleetMachine is the machine that closes many accounts, each by a run of Machine.
func (c Config) FleetMachine() string { return c.Machine + "-fleet" }

// fleetLanes is how many objects of the record the steps of a fleet read or write at a time.
const fleetLanes = 64

// fleet is a fleet whose commit a run of one of its accounts relies on, as the record has it: nothing that an input says counts.
type fleet struct {
	folder    *record.Folder
	execution string
	commit    closing.Commit
}

// fleet opens the fleet that a run's request names.
func (e Env) fleet(ctx context.Context, prefix string) (fleet, error) {
	folder, execution, err := e.Record.Find(ctx, prefix)
	if errors.Is(err, record.ErrNotFound) {
		return fleet{}, notInFleet("there is no fleet %s", prefix)
	}
	if err != nil {
		return fleet{}, err
	}
	if !strings.HasPrefix(execution, strings.Replace(e.Config.FleetMachine(), ":stateMachine:", ":execution:", 1)+":") {
		return fleet{}, notInFleet("%s is not of the machine that closes many accounts, but of %s", prefix, execution)
	}
	f := fleet{folder: folder, execution: execution}
	f.commit, err = folder.Commit(ctx)
	if errors.Is(err, record.ErrNotFound) {
		return fleet{}, notInFleet("the fleet %s is not committed", prefix)
	}
	return f, err
}

// grant is what the commit allows for an account.
func (f fleet) grant(ctx context.Context, account string) (closing.Grant, error) {
	g, err := f.folder.Grant(ctx, account, f.commit.Round, f.commit.Digest)
	if errors.Is(err, record.ErrNotFound) {
		return closing.Grant{}, notInFleet("account %s is not among those that were approved", account)
	}
	if err != nil {
		return closing.Grant{}, err
	}
	if age := clock.Now(ctx).Sub(f.commit.At); age > closing.MaxFleetAge {
		return closing.Grant{}, notInFleet("the fleet was committed %s ago, and its approval holds for %s", age, closing.MaxFleetAge)
	}
	return g, nil
}

func notInFleet(format string, args ...any) *closing.Error {
	return closing.Errorf(closing.NotInFleet, format+"; nothing was touched", args...).WithHint("plan the account again, in another fleet or by itself")
}

// enlist notes which run is an account's, for the fleet's plan and report.
func (v *verifying) enlist(ctx context.Context, in Input) error {
	folder, execution, err := v.Record.Find(ctx, v.request.Fleet)
	if errors.Is(err, record.ErrNotFound) {
		return notInFleet("there is no fleet %s", v.request.Fleet)
	}
	if err != nil {
		return err
	}
	v.fleet, v.execution = fleet{folder: folder, execution: execution}, in.Execution.ID
	return folder.PutAccountRun(ctx, phaseOf(v.request.DryRun), v.request.AccountID, record.AccountRun{Execution: in.Execution.ID, Closing: in.Run.Closing})
}

// unclaimed refuses a run for an account whose approval another run has used: that one may be redriven, and needs the account's lock.
func (v *verifying) unclaimed(ctx context.Context) error {
	if v.request.Fleet == "" || v.request.DryRun {
		return nil
	}
	claim, err := v.fleet.folder.Claim(ctx, v.request.AccountID)
	if errors.Is(err, record.ErrNotFound) || err == nil && claim.Execution == v.execution {
		return nil
	}
	if err != nil {
		return err
	}
	return used(claim, v.fleet.execution)
}

func phaseOf(dryRun bool) record.Phase {
	if dryRun {
		return record.Planning
	}
	return record.Closing
}

// used says that an account's approval cannot be used again.
func used(c closing.Claim, fleet string) error {
	return closing.Errorf(closing.Claimed, "the approval of account %s in the fleet %s was used by %s; this run touched nothing", c.AccountID, fleet, c.Execution).
		WithHint("unsubscribe status %s shows that run, and unsubscribe retry %s goes on with it", c.AccountID, c.AccountID)
}

// adopt makes the plan that was approved in the fleet the plan of this run. It is not taken again before it is retaken.
func (e Env) adopt(ctx context.Context, in Input) (Result, error) {
	f, err := e.fleet(ctx, in.Run.Fleet)
	if err != nil {
		return Result{}, err
	}
	g, err := f.grant(ctx, in.Run.AccountID)
	if err != nil {
		return Result{}, err
	}
	approved, err := e.Record.PlanAt(ctx, g.PlanKey, g.Plan)
	if err != nil {
		return Result{}, fmt.Errorf("read the plan that was approved: %w", err)
	}
	if approved.Material.AccountID != in.Run.AccountID {
		return Result{}, notInFleet("the plan %s is of account %s", g.PlanKey, approved.Material.AccountID)
	}
	// The plan's list is in the folder of the run that planned the account, and has to be in this one, too.
	if err := e.folder(in).CopyList(ctx, e.Record.Folder(path.Dir(g.PlanKey)+"/", ""), approved.Material.Assets); err != nil {
		return Result{}, fmt.Errorf("keep what was approved: %w", err)
	}
	plan, err := e.folder(in).PutPlan(ctx, record.PlanName(1), closing.Plan{Round: 1, Material: approved.Material, Observed: approved.Observed})
	if err != nil {
		return Result{}, err
	}
	in.Run.IdentityRegion, in.Run.Round, in.Run.Digest = plan.Material.IdentityRegion, 1, plan.Digest
	return in.done(verdictOf(plan), ListOf()), nil
}

// beforeFleetCommit: right before the seal of an account that was approved in a fleet, instead of beforeCommit.
var beforeFleetCommit = []guard[*committing]{
	commitLock,
	{"fleet-running", "accounts of a fleet that was stopped", (*committing).fleetRuns},
	commitBlocked,
	commitSaved,
	{"fleet-drift", "what was made, changed or taken away after people approved the fleet", (*committing).asGranted},
}

// fleetRuns refuses where the fleet's execution does not run: whoever stops it stops every account that is not committed yet.
func (c *committing) fleetRuns(ctx context.Context) error {
	out, err := c.describe(ctx, c.gate.fleet.execution)
	if err != nil {
		return err
	}
	if out.Status != types.ExecutionStatusRunning {
		return notInFleet("the fleet's execution %s is %s", c.gate.fleet.execution, out.Status)
	}
	return nil
}

// asGranted refuses an account that is not exactly as it was approved. Nobody is asked again about one account of a fleet: it drops out.
func (c *committing) asGranted(ctx context.Context) error {
	if c.retake.Material.Digest() == c.gate.plan.Digest {
		return nil
	}
	found, err := drift(ctx, c.folder(c.in), c.gate.plan.Material, c.retake.Material, false)
	switch {
	case err != nil:
		return err
	case found.N == 0:
		return notInFleet("since the fleet was approved, something of account %s has disappeared", c.in.Run.AccountID)
	}
	return notInFleet("since the fleet was approved, account %s has changed: %s", c.in.Run.AccountID, differences(found))
}

// claim makes the one use of the account's approval: from here on no other run can have it.
func (c *committing) claim(ctx context.Context) error {
	claim, err := c.gate.fleet.folder.PutClaim(ctx, closing.Claim{
		Execution: c.in.Execution.ID, Closing: c.in.Run.Closing, AccountID: c.in.Run.AccountID, At: c.now,
	})
	if err != nil {
		return fmt.Errorf("use the fleet's approval: %w", err)
	}
	if claim.Execution != c.in.Execution.ID {
		return used(claim, c.gate.fleet.execution)
	}
	return nil
}

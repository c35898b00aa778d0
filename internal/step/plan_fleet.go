package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// PlanFleet stands around the planning of a fleet's accounts: it finds out which they are, and makes one plan of the plans of each.
func PlanFleet(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		switch in.Action {
		case ActionList:
			return env.listFleet(ctx, in)
		case ActionPlan:
			return env.planFleet(ctx, in)
		case ActionRetake, ActionAsk, ActionRead, ActionCool, ActionCheck: // others'
		}
		return Result{}, fmt.Errorf("plan-fleet knows no action %q", in.Action)
	}
}

// listFleet reads the request, and writes down a planning run for each of its accounts.
func (e Env) listFleet(ctx context.Context, in Input) (Result, error) {
	request, err := closing.ParseFleetRequest(in.Request)
	if err != nil {
		return Result{}, err
	}
	in.Run = in.fleetRun(in.Request)
	if request.Trigger != "" {
		if err := e.Record.Deliver(ctx, request.Folder(), request.Trigger, in.Execution.ID); err != nil {
			return Result{}, err
		}
	}
	accounts, err := e.accountsOf(ctx, request)
	if err != nil {
		return Result{}, err
	}
	folder := e.folder(in)
	runs := make([]closing.Request, len(accounts))
	for i, account := range accounts {
		runs[i] = request.For(account, in.Run.Closing, true)
	}
	if err := folder.PutBatch(ctx, string(record.Planning), runs); err != nil {
		return Result{}, err
	}
	if err := folder.PutFleetRequest(ctx, request); err != nil {
		return Result{}, err
	}
	return in.done("", ListOf()), nil
}

// accountsOf are the accounts of a request, in order.
func (e Env) accountsOf(ctx context.Context, request closing.FleetRequest) ([]string, error) {
	accounts := request.Accounts
	var err error
	switch {
	case request.Unit != "":
		accounts, err = e.accountsUnder(ctx, request.Unit)
	case request.List != "":
		accounts, err = e.listed(ctx, request)
	}
	if err != nil {
		return nil, err
	}
	return closing.FleetAccounts(accounts)
}

// listFolder is where people keep lists of accounts, in the record's bucket.
const listFolder = "lists/"

func (e Env) listed(ctx context.Context, request closing.FleetRequest) ([]string, error) {
	if request.Bucket() != e.Config.Bucket || !strings.HasPrefix(request.Key(), listFolder) {
		return nil, closing.Errorf(closing.BadRequest, "the list %s is not where this workflow may read one; nothing was touched", request.List).
			WithHint("put it to s3://%s/%s and start again with that", e.Config.Bucket, listFolder)
	}
	text, err := e.Record.ReadList(ctx, request.Key())
	if err != nil {
		return nil, err
	}
	return closing.ReadAccounts(request.Key(), text)
}

// planFleet makes the fleet's plan of what the planning runs have found. An account that cannot be closed, or of which nothing is known, is not in
// it, and is shown beside it.
func (e Env) planFleet(ctx context.Context, in Input) (Result, error) {
	folder := e.folder(in)
	batch, err := folder.Batch(ctx, string(record.Planning))
	if err != nil {
		return Result{}, fmt.Errorf("read the accounts of the fleet: %w", err)
	}
	var collected sync.Mutex
	plan := closing.Plan{Round: 1, Observed: closing.Observed{At: clock.Now(ctx)}}
	err = clock.Each(ctx, fleetLanes, batch, func(ctx context.Context, r closing.Request) error {
		member, apart, err := e.planned(ctx, folder, r.AccountID)
		collected.Lock()
		defer collected.Unlock()
		if apart != nil {
			plan.Observed.Apart = append(plan.Observed.Apart, *apart)
		} else if err == nil {
			plan.Material.Fleet = append(plan.Material.Fleet, member)
		}
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("read the plans of the fleet: %w", err)
	}
	slices.SortFunc(plan.Material.Fleet, func(a, b closing.Member) int { return cmp.Compare(a.AccountID, b.AccountID) })
	slices.SortFunc(plan.Observed.Apart, func(a, b closing.Apart) int { return cmp.Compare(a.AccountID, b.AccountID) })
	if err := folder.PutVerification(ctx, record.Verification{Approvers: e.Config.Approvers}); err != nil {
		return Result{}, err
	}
	if plan, err = folder.PutPlan(ctx, record.PlanName(1), plan); err != nil {
		return Result{}, err
	}
	in.Run.Round, in.Run.Digest = 1, plan.Digest
	return in.done(verdictOf(plan), ListOf()), nil
}

// planned finds the plan of one account, or why it is not in the fleet.
func (e Env) planned(ctx context.Context, fleet *record.Folder, account string) (closing.Member, *closing.Apart, error) {
	apart := func(outcome closing.Outcome, format string, args ...any) (closing.Member, *closing.Apart, error) {
		return closing.Member{}, &closing.Apart{AccountID: account, Outcome: outcome, Why: fmt.Sprintf(format, args...)}, nil
	}
	run, err := fleet.AccountRun(ctx, record.Planning, account)
	if errors.Is(err, record.ErrNotFound) {
		return apart("", "it was not looked at: its run did not begin, or was refused before it had a record; start an execution for it alone to see why")
	}
	if err != nil {
		return closing.Member{}, nil, err
	}
	folder := e.Record.Folder(run.Closing, run.Execution)
	plan, err := folder.Plan(ctx, record.PlanName(1), 1)
	switch {
	case errors.Is(err, record.ErrNotFound):
		report, _, err := folder.LastReport(ctx)
		if errors.Is(err, record.ErrNotFound) {
			return apart("", "its plan is not ready: see %s", run.Execution)
		}
		if err != nil || report.Failure == nil {
			return apart(report.Outcome, "its report says no reason: see %s", run.Closing)
		}
		return apart(report.Outcome, "%s: %s", report.Failure.Error, report.Failure.Message)
	case err != nil:
		return closing.Member{}, nil, err
	case len(plan.Observed.Blockers) > 0:
		b := plan.Observed.Blockers[0]
		return apart(closing.OutcomeBlocked, "%s: %s", b.Code, b.Message)
	case plan.Material.NothingToClose():
		return apart(closing.OutcomeAlreadyClosed, "there is nothing to close")
	case plan.Material.AccountID != account:
		return apart(closing.OutcomeBlocked, "its run planned another account, %s", plan.Material.AccountID)
	}
	verified, err := folder.Verification(ctx)
	if err != nil {
		return closing.Member{}, nil, err
	}
	// Whom an account's owners have named decides on it alone: a fleet must be no way around them.
	if !slices.Equal(closing.PersonsOf(verified.Approvers), closing.PersonsOf(e.Config.Approvers)) {
		return apart(closing.OutcomeBlocked, "its tag %s says who decides on it: close it by itself", ApproversTag)
	}
	return closing.MemberOf(plan, folder.Key(record.PlanName(1))), nil, nil
}

// fleetLines are a fleet in words: how many accounts and what in them, whatever stands out, and what is not in it.
func fleetLines(p closing.Plan) []string {
	users, assets, directories, networks := 0, 0, 0, 0
	for _, m := range p.Material.Fleet {
		users, assets = users+m.Users, assets+m.Assets
		if m.Directory != "" {
			directories++
		}
		if m.VPC != "" {
			networks++
		}
	}
	lines := []string{fmt.Sprintf("the QuickSight accounts of %d AWS accounts, with %d users and %d assets, %d directories and %d VPCs", len(p.Material.Fleet), users, assets, directories, networks)}
	for _, m := range closing.Outliers(p.Material.Fleet, 10) {
		lines = append(lines, fmt.Sprintf("unusually large: account %s with %d users and %d assets", m.AccountID, m.Users, m.Assets))
	}
	if n := len(p.Observed.Apart); n > 0 {
		var ids []string
		for _, a := range p.Observed.Apart {
			ids = append(ids, a.AccountID)
		}
		lines = append(lines, fmt.Sprintf("not in it, and left alone: %d accounts: %s", n, ListOf(ids...)))
	}
	return lines
}

// isFleet tells whether a run is of a fleet as a whole.
func (r Run) isFleet() bool { return record.IsFleet(r.Closing) }

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// fleetRetryCommand is unsubscribe fleet retry.
type fleetRetryCommand struct{ whichFleet }

// Run goes on with what a fleet left half done, each account in its own run, which alone can use the account's approval. Then it redrives the fleet
// where that goes on with it, and starts another one where it would not: of all its accounts if it was not committed, otherwise of those that are
// neither closed nor struck out nor gone on with.
func (c *fleetRetryCommand) Run(s *surroundings) error {
	h, store, prefix, err := c.find(s)
	if err != nil {
		return err
	}
	last, err := h.stand(s.ctx, store, prefix)
	if err != nil {
		return err
	}
	if err := last.refusesRetry(); err != nil {
		return err
	}
	f := &leftFleet{hub: h, store: store, folder: store.Folder(prefix, last.Execution), standing: last}
	if err := f.read(s.ctx); err != nil {
		return err
	}
	did := []retried{}
	for _, run := range f.halfDone {
		redriven, err := h.goOn(s.ctx, run, "", nil)
		if err != nil {
			return err
		}
		did = append(did, redriven)
	}
	if len(did) == 0 || !f.canaryFailed() { // it would be found half done again
		went, err := h.goOn(s.ctx, last, f.againstRedrive(), f.another(s.ctx))
		switch {
		case err == nil:
			did = append(did, went)
		case !errors.Is(err, errNoneLeft) || len(did) == 0:
			return err
		}
	}
	if c.JSON {
		return printJSON(s, did)
	}
	for _, one := range did {
		one.print(s)
	}
	return nil
}

// leftFleet is a fleet that ended without having closed all its accounts.
type leftFleet struct {
	standing
	hub    *hub
	store  *record.Store
	folder *record.Folder

	commit   *closing.Commit // nil: it was not committed
	halfDone []standing      // the runs of accounts that are committed, not through, and can be redriven
}

var errNoneLeft = errors.New("no account of the fleet is left")

func (f *leftFleet) read(ctx context.Context) error {
	switch commit, err := f.folder.Commit(ctx); {
	case errors.Is(err, record.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		f.commit = &commit
	}
	through := map[string]bool{}
	if f.fleet != nil {
		if err := since(ctx, f.store, f.fleet); err != nil {
			return err
		}
		for _, a := range f.fleet.Accounts {
			through[a.AccountID] = a.Outcome.Final()
		}
	}
	for claim, err := range f.folder.Claims(ctx) {
		if err != nil {
			return err
		}
		if through[claim.AccountID] {
			continue
		}
		run, err := f.hub.stand(ctx, f.store, claim.Closing)
		if err != nil {
			return err
		}
		if run.open() && !run.running() && run.againstRedrive() == "" {
			f.halfDone = append(f.halfDone, run)
		}
	}
	return nil
}

// canaryFailed tells whether the fleet waits for an account that goes first.
func (f *leftFleet) canaryFailed() bool {
	return f.fleet != nil && f.fleet.Failure.Name() == string(closing.CanaryFailed)
}

// againstRedrive says why a redrive would not go on with the fleet; "" where it would.
func (f *leftFleet) againstRedrive() string {
	if why := f.standing.againstRedrive(); why != "" {
		return why
	}
	if f.commit != nil && f.hub.now().Sub(f.commit.At) > closing.MaxFleetAge {
		return fmt.Sprintf("its approval holds for %s; another one plans, and asks again", closing.MaxFleetAge)
	}
	return ""
}

// another is the input of a fleet of what is left.
func (f *leftFleet) another(ctx context.Context) func() (machine, input string, err error) {
	return func() (machine, input string, err error) {
		request, err := f.folder.FleetRequest(ctx)
		if err != nil {
			return "", "", err
		}
		request.Trigger = "" // this one, a person starts
		if f.commit != nil && f.fleet != nil {
			if request.Accounts, request.List, request.Unit = f.left(), "", ""; len(request.Accounts) == 0 {
				return "", "", errNoneLeft
			}
		}
		return f.hub.machine + "-fleet", string(closing.Canonical(request)), nil
	}
}

// left are the accounts that are neither closed, nor struck out, nor gone on with.
func (f *leftFleet) left() (left []string) {
	for _, a := range f.fleet.Accounts {
		struck := slices.ContainsFunc(f.commit.Decisions, func(d closing.Decision) bool { return slices.Contains(d.Struck, a.AccountID) })
		goesOn := slices.ContainsFunc(f.halfDone, func(run standing) bool { return run.Account == a.AccountID })
		if !struck && !goesOn && a.Outcome != closing.OutcomeClosed && a.Outcome != closing.OutcomeAlreadyClosed {
			left = append(left, a.AccountID)
		}
	}
	return left
}

package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/record"
)

// listCommand is unsubscribe list.
type listCommand struct {
	credentials
	Open  bool `help:"Only those that are not through: running, failed, or partly closed."`
	Plans bool `help:"Those too that only planned, as schedules and sweeps do, and are through."`
	JSON  bool `help:"Print one JSON array."`
}

// Run lists all closings.
func (c *listCommand) Run(s *surroundings) error {
	h, err := c.open(s.ctx)
	if err != nil {
		return err
	}
	store, err := h.record(s.ctx)
	if err != nil {
		return err
	}
	all, err := h.all(s.ctx, store)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(s standing) bool { return !s.open() && (c.Open || s.DryRun && !c.Plans) })
	if c.JSON {
		return printJSON(s, all)
	}
	table := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tSTATE\tAGE\tIRREVERSIBLE\tWAITS FOR\tCONSOLE")
	for _, r := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Account, r.short(), age(h.now().Sub(r.Started)), yesNo(r.Irreversible), dash(r.WaitsFor), r.Console)
	}
	return table.Flush()
}

// lanes is how many accounts are read at a time.
const lanes = 32

// all are all runs, by account and the oldest first. One that stopped on the way waits for nobody any more once a later one goes on in its place.
func (h *hub) all(ctx context.Context, store *record.Store) ([]standing, error) {
	accounts, err := store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var read sync.Mutex
	of := map[string][]standing{}
	err = clock.Each(ctx, lanes, accounts, func(ctx context.Context, account string) error {
		runs, err := store.Runs(ctx, account)
		if err != nil {
			return err
		}
		stands := make([]standing, len(runs))
		overtaken := false
		for i, run := range slices.Backward(runs) {
			if stands[i], err = h.stand(ctx, store, run); err != nil {
				return err
			}
			if overtaken && stands[i].Status != string(types.ExecutionStatusRunning) {
				stands[i].WaitsFor = ""
			}
			overtaken = overtaken || stands[i].overtakes() && twelveDigits.MatchString(account)
		}
		read.Lock()
		defer read.Unlock()
		of[account] = stands
		return nil
	})
	all := []standing{}
	for _, account := range accounts {
		all = append(all, of[account]...)
	}
	return all, err
}

// age is a duration as a person reads it: 45m, 7h, 12d.
func age(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

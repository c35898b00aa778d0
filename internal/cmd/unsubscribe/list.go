package main

import (
	"fmt"
	"text/tabwriter"
	"time"
)

// listCommand is unsubscribe list.
type listCommand struct {
	credentials
	Open bool `help:"Only those that are not through: running, failed, or partly closed."`
	JSON bool `help:"Print one JSON array."`
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
	accounts, err := store.Accounts(s.ctx)
	if err != nil {
		return err
	}
	all := []standing{}
	for _, account := range accounts {
		runs, err := store.Runs(s.ctx, account)
		if err != nil {
			return err
		}
		for _, run := range runs {
			stands, err := h.stand(s.ctx, store, run)
			if err != nil {
				return err
			}
			if !c.Open || !stands.Outcome.Final() {
				all = append(all, stands)
			}
		}
	}
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

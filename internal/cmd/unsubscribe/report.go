package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// reportCommand is unsubscribe report.
type reportCommand struct {
	credentials
	Closing   string `arg:"" optional:"" help:"An account, for its last closing, or a closing: s3://BUCKET/closings/ACCOUNT/RUN"`
	Execution string `help:"Instead: any execution of the machine, to draw." placeholder:"ARN"`
	HTML      string `name:"html" help:"Draw the execution, from its history, into this file; default with --execution: its name." placeholder:"FILE" type:"path"`
	JSON      bool   `help:"Print the report as JSON."`
}

// Run prints the last report of a run, or draws it.
func (c *reportCommand) Run(s *surroundings) error {
	if (c.Closing == "") == (c.Execution == "") {
		return &failure{exitUsage, errors.New("name an account, a closing, or an execution: report CLOSING, or report --execution ARN")}
	}
	if c.Execution != "" {
		return c.draw(s, c.Execution)
	}
	h, err := c.open(s.ctx)
	if err != nil {
		return err
	}
	store, err := h.record(s.ctx)
	if err != nil {
		return err
	}
	stands, err := h.run(s.ctx, store, c.Closing)
	if err != nil {
		return err
	}
	if c.HTML != "" {
		return c.draw(s, stands.Execution)
	}
	if record.IsFleet(stands.Closing) {
		return &failure{exitUsage, fmt.Errorf("%s is of many accounts: unsubscribe fleet report %s", stands.Closing, c.Closing)}
	}
	if stands.report == nil {
		return fmt.Errorf("the run %s has no report yet: it is %s; see %s", stands.Closing, stands.short(), stands.Console)
	}
	if c.JSON {
		return printJSON(s, struct {
			Console string          `json:"console"`
			Report  *closing.Report `json:"report"`
		}{stands.Console, stands.report})
	}
	printReport(s.stdout, *stands.report)
	fmt.Fprintf(s.stdout, "\nExecution: %s\n", stands.Console)
	return nil
}

// printReport prints a report for people.
func printReport(w io.Writer, r closing.Report) {
	fmt.Fprintf(w, "%s\n%s: account %s\n", r.FirstLine, r.Outcome, r.AccountID)
	if f := r.Failure; f != nil {
		fmt.Fprintf(w, "stopped in %s by %s: %s\n", dash(f.State), f.Error, f.Message)
	}
	for _, d := range r.Decisions {
		fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("decided   %s by %s at %s %s", d.Verdict, d.Principal, d.At.UTC().Format("2006-01-02 15:04"), d.Reason)))
	}
	checks := func(title string, list []closing.Check) {
		for _, c := range list {
			fmt.Fprintln(w, strings.TrimSpace(fmt.Sprintf("%-9s %s %s %s: %s %s", title, c.Kind, c.ID, c.Region, c.Shown, c.Why)))
			for _, do := range c.Do {
				fmt.Fprintln(w, "         ", do)
			}
		}
	}
	checks("gone", r.Gone)
	checks("left", r.Left)
	checks("behind", r.LeftBehind)
	checks("unknown", r.Unknown)
	for _, u := range r.NotDone {
		fmt.Fprintln(w, "not done ", u.Kind, u.ID+":", u.Why)
	}
	for _, what := range r.Restored {
		fmt.Fprintln(w, "restored ", what)
	}
	if r.RunCost != nil {
		fmt.Fprintln(w, "cost     ", "of the run", r.RunCost)
	}
	if r.MonthlyStopped != nil {
		fmt.Fprintln(w, "stopped  ", r.MonthlyStopped, "a month")
	}
	if r.Next != "" {
		fmt.Fprintln(w, "next     ", r.Next)
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// fleetCommand is unsubscribe fleet: many accounts at once. A fleet is approved, rejected and cancelled like a closing.
type fleetCommand struct {
	Plan   fleetStartCommand  `cmd:"" help:"Plan every account of a fleet, and ask nobody."`
	Close  fleetStartCommand  `cmd:"" help:"Plan every account of a fleet, ask for one approval, and close each."`
	Sweep  fleetStartCommand  `cmd:"" help:"Look which accounts of a unit are subscribed to QuickSight, who uses it, and what it costs."`
	Status fleetStatusCommand `cmd:"" help:"Show how a fleet stands."`
	Retry  fleetRetryCommand  `cmd:"" help:"Go on with what a fleet left half done, and with the fleet: redrive it, or start another one of the accounts that are left."`
	Report fleetReportCommand `cmd:"" help:"Print what became of each account of a fleet, by now."`
}

// fleetStartCommand is unsubscribe fleet plan, close and sweep.
type fleetStartCommand struct {
	credentials
	Account          []string `help:"An account of the fleet; again for each, or with commas." placeholder:"ID"`
	List             string   `help:"The accounts stand in this CSV or JSON: s3://BUCKET/lists/KEY, in the record's bucket." placeholder:"S3"`
	Unit             string   `help:"Every account below this organizational unit." placeholder:"OU"`
	Reason           string   `help:"Why; shown to the approver." placeholder:"TEXT"`
	Directory        string   `help:"auto or keep." placeholder:"CHOICE"`
	VPC              string   `help:"auto or keep." placeholder:"CHOICE"`
	SkipBackupReason string   `help:"Why nothing needs to be saved first." placeholder:"TEXT"`
	JSON             bool     `help:"Print one JSON object."`
}

// Run starts the execution.
func (c *fleetStartCommand) Run(s *surroundings) error {
	input := closing.Canonical(closing.FleetRequest{
		Accounts: c.Account, List: c.List, Unit: c.Unit, Reason: c.Reason, Directory: closing.Choice(c.Directory), VPC: closing.Choice(c.VPC),
		SkipBackupReason: c.SkipBackupReason, DryRun: s.verb == "plan", Sweep: s.verb == "sweep",
	})
	request, err := closing.ParseFleetRequest(input)
	if err != nil {
		return &failure{exitUsage, err}
	}
	h, err := c.open(s.ctx)
	if err != nil {
		return err
	}
	out, err := h.states.StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(h.machine + "-fleet"), Input: aws.String(string(input))})
	if err != nil {
		return fmt.Errorf("start the fleet; nothing was touched: %w", err)
	}
	execution := aws.ToString(out.ExecutionArn)
	if c.JSON {
		return printJSON(s, map[string]string{"execution": execution, "console": h.console(execution)})
	}
	fmt.Fprintf(s.stdout, "started   %s\nfollow    %s\n", execution, h.console(execution))
	if !request.OnlyLooks() {
		fmt.Fprintln(s.stdout, "Nothing is deleted before somebody else has approved the plan of the whole fleet.")
	}
	return nil
}

// whichFleet is the argument of the commands that look at one.
type whichFleet struct {
	credentials
	Fleet string `arg:"" optional:"" help:"The fleet: s3://BUCKET/closings/fleet/RUN; default: the last one."`
	Sweep bool   `help:"By default the last sweep, instead of the last fleet."`
	JSON  bool   `help:"Print one JSON object."`
}

// find opens a fleet's record.
func (c *whichFleet) find(s *surroundings) (*hub, *record.Store, string, error) {
	h, err := c.open(s.ctx)
	if err != nil {
		return nil, nil, "", err
	}
	store, err := h.record(s.ctx)
	if err != nil {
		return nil, nil, "", err
	}
	if c.Fleet != "" {
		_, prefix, _ := strings.Cut(strings.TrimPrefix(c.Fleet, "s3://"), "/")
		if prefix = strings.TrimSuffix(prefix, "/") + "/"; !strings.HasPrefix(c.Fleet, "s3://") || !record.IsFleet(prefix) {
			return nil, nil, "", &failure{exitUsage, fmt.Errorf("%q is not of the form s3://BUCKET/closings/fleet/RUN", c.Fleet)}
		}
		return h, store, prefix, nil
	}
	kind, start := closing.FleetFolder, "plan"
	if c.Sweep {
		kind, start = closing.SweepFolder, "sweep"
	}
	runs, err := store.Runs(s.ctx, kind)
	if err == nil && len(runs) == 0 {
		err = fmt.Errorf("there is no %s; unsubscribe fleet %s starts one", kind, start)
	}
	if err != nil {
		return nil, nil, "", err
	}
	for _, run := range slices.Backward(runs) {
		if _, _, err := store.Find(s.ctx, run); !errors.Is(err, record.ErrNotFound) { // what was refused before it had a request stands for no fleet
			return h, store, run, err
		}
	}
	return h, store, runs[len(runs)-1], nil
}

// fleetStatusCommand is unsubscribe fleet status.
type fleetStatusCommand struct{ whichFleet }

// fleetStanding is how a fleet stands.
type fleetStanding struct {
	standing
	Accounts int `json:"accounts"` // that were asked for
	Planned  int `json:"planned"`  // of which a planning run has begun
	Closing  int `json:"begun"`    // of which a closing has begun
	Claimed  int `json:"committed"`
}

// Run prints how far a fleet has come.
func (c *fleetStatusCommand) Run(s *surroundings) error {
	h, store, prefix, err := c.find(s)
	if err != nil {
		return err
	}
	stands, err := h.stand(s.ctx, store, prefix)
	if err != nil {
		return err
	}
	now := fleetStanding{standing: stands}
	folder := store.Folder(prefix, stands.Execution)
	batch, err := folder.Batch(s.ctx, string(record.Planning))
	if err != nil && !errors.Is(err, record.ErrNotFound) { // it does not know them yet
		return fmt.Errorf("the accounts of the fleet: %w", err)
	}
	now.Accounts = len(batch)
	for what, n := range map[string]*int{"runs/plan/": &now.Planned, "runs/close/": &now.Closing, "claims/": &now.Claimed} {
		if *n, err = folder.CountBelow(s.ctx, what); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(s, now)
	}
	fmt.Fprintf(s.stdout, "fleet     %s\nfollow    %s\nstate     %s\nwaits for %s\naccounts  %d, of which %d were looked at, %d began to close and %d are committed: those cannot be cancelled any more\n",
		prefix, stands.Console, stands.short(), dash(stands.WaitsFor), now.Accounts, now.Planned, now.Closing, now.Claimed)
	return nil
}

// fleetReportCommand is unsubscribe fleet report.
type fleetReportCommand struct{ whichFleet }

// Run prints a fleet's last report, with what has become since of the accounts that were not through then.
func (c *fleetReportCommand) Run(s *surroundings) error {
	h, store, prefix, err := c.find(s)
	if err != nil {
		return err
	}
	folder, execution, err := store.Open(s.ctx, prefix)
	if err != nil {
		return fmt.Errorf("the fleet %s: %w", prefix, err)
	}
	report, _, err := folder.LastFleetReport(s.ctx)
	if err != nil {
		return fmt.Errorf("the report of %s (see %s): %w", prefix, h.console(execution), err)
	}
	if err := since(s.ctx, store, &report); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, struct {
			Console string              `json:"console"`
			Report  closing.FleetReport `json:"report"`
		}{h.console(execution), report})
	}
	printFleetReport(s.stdout, report)
	fmt.Fprintf(s.stdout, "\nExecution: %s\n", h.console(execution))
	return nil
}

// since brings a fleet's report up to date: somebody may have gone on with the run of an account that was not through. What became of the fleet's
// own execution stays.
func since(ctx context.Context, store *record.Store, r *closing.FleetReport) error {
	for i := range r.Accounts {
		a := &r.Accounts[i]
		if a.Closing == "" || a.Outcome.Final() {
			continue
		}
		run, _, err := store.Open(ctx, a.Closing)
		if err != nil {
			return fmt.Errorf("the run %s: %w", a.Closing, err)
		}
		last, _, err := run.LastReport(ctx)
		if errors.Is(err, record.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if a.Outcome != "" && !last.WrittenAt.After(r.WrittenAt) {
			continue // that is what the report says
		}
		if r.Counts[a.Outcome]--; r.Counts[a.Outcome] == 0 {
			delete(r.Counts, a.Outcome)
		}
		r.Counts[last.Outcome]++
		a.Outcome, a.Irreversible, a.Why = last.Outcome, last.Irreversible, "after the fleet, at "+last.WrittenAt.UTC().Format(time.RFC3339)
		if last.Failure != nil {
			a.Why += ": " + last.Failure.Error + ": " + last.Failure.Message
		}
	}
	return nil
}

// printFleetReport prints a fleet's report for people: the accounts that were not closed last, where they are seen.
func printFleetReport(w io.Writer, r closing.FleetReport) {
	fmt.Fprintf(w, "%s: %d accounts\n", r.Outcome, len(r.Accounts))
	for _, o := range slices.Sorted(maps.Keys(r.Counts)) {
		fmt.Fprintf(w, "%6d %s\n", r.Counts[o], cmp.Or(o, "OPEN"))
	}
	if r.Failure != nil {
		fmt.Fprintf(w, "stopped by %s: %s\n", r.Failure.Error, r.Failure.Message)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	bad := func(a closing.Ended) bool {
		return a.Outcome != closing.OutcomeClosed && a.Outcome != closing.OutcomePlanned
	}
	for _, last := range []bool{false, true} {
		for _, a := range r.Accounts {
			if bad(a) != last {
				continue
			}
			text := a.Why
			if s := a.Survey; s != nil {
				text = fmt.Sprintf("%s: %d users, %d assets, last use %s, cost %s %s", s.Name, s.Users, s.Assets, s.LastUse, dash(s.Cost), strings.Join(s.Candidate, ", "))
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", a.AccountID, cmp.Or(a.Outcome, "OPEN"), text)
		}
	}
	_ = table.Flush() // to a person's terminal
	if r.Next != "" {
		fmt.Fprintln(w, "next", r.Next)
	}
}

// printFleetPlan prints what approving a fleet destroys: the largest accounts first.
func printFleetPlan(w io.Writer, p closing.Plan) {
	members := slices.Clone(p.Material.Fleet)
	slices.SortStableFunc(members, func(a, b closing.Member) int { return cmp.Compare(b.Users+b.Assets, a.Users+a.Assets) })
	fmt.Fprintf(w, "Fleet of %d accounts\n", len(members))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, m := range members {
		fmt.Fprintf(table, "  %s\t%d users\t%d assets\t%s %s\n", m.AccountID, m.Users, m.Assets, m.Directory, m.VPC)
	}
	_ = table.Flush() // to a person's terminal
	for _, m := range closing.Outliers(members, 10) {
		fmt.Fprintf(w, "  unusually large: %s\n", m.AccountID)
	}
	for _, a := range p.Observed.Apart {
		fmt.Fprintf(w, "  not in it, and left alone: %s: %s\n", a.AccountID, a.Why)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// planCommand is unsubscribe plan: the first two steps, in this process, with the caller's own credentials.
type planCommand struct {
	credentials
	requestFlags
	Governed    []string `help:"QuickSight regions in which your organization lets accounts work: that it denies another one is no doubt. Default: all." placeholder:"REGION"`
	JSON        bool     `help:"Print the plan as JSON."`
	Assets      bool     `help:"Print every asset that would be destroyed, one JSON object a line, and not the plan."`
	PrintPolicy bool     `help:"Print the IAM policy that this command needs, and do nothing else."`
}

// own is step.AWS in the hands of a person: every configuration is the person's own, and nothing is assumed.
type own struct{ config aws.Config }

func (o own) Hub() aws.Config                                         { return o.config.Copy() }
func (o own) Target(context.Context, step.Access) (aws.Config, error) { return o.config.Copy(), nil }

// Run looks, and prints.
func (c *planCommand) Run(s *surroundings) error {
	if c.PrintPolicy {
		fmt.Fprintln(s.stdout, step.ReadPolicy().JSON())
		return nil
	}
	request, err := c.request(true)
	if err != nil {
		return &failure{exitUsage, err}
	}
	cfg, err := c.load(s.ctx)
	if err != nil {
		return err
	}
	config := step.Defaults()
	config.Account, config.Region, config.GovernedRegions = request.AccountID, cfg.Region, c.Governed
	env := step.Env{Config: config, AWS: own{cfg}, Record: record.InMemory(), Log: slog.New(slog.DiscardHandler)}
	plan, folder, err := look(s.ctx, s.stderr, env, request)
	if err != nil {
		return err
	}
	if c.Assets {
		return printAssets(s, folder, plan)
	}
	if c.JSON {
		return printJSON(s, plan)
	}
	printPlan(s.stdout, plan)
	return nil
}

// printAssets prints what a plan only counts.
func printAssets(s *surroundings, folder *record.Folder, plan closing.Plan) error {
	lines := json.NewEncoder(s.stdout)
	for a, err := range record.List[closing.Asset](s.ctx, folder, plan.Material.Assets) {
		if err == nil {
			err = lines.Encode(a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look runs Verify Caller and Take Inventory as the machine would, until there is a plan.
func look(ctx context.Context, progress io.Writer, env step.Env, request closing.Request) (closing.Plan, *record.Folder, error) {
	in := step.Input{
		Execution: step.Execution{ID: "this-process", Name: "plan", StartTime: clock.Now(ctx)},
		State:     "Verify Caller", Entered: clock.Now(ctx), Request: closing.Canonical(request),
	}
	ctx = step.ForExecution(ctx, in.Execution.ID)
	fmt.Fprintln(progress, "finding the subscription of account", request.AccountID)
	result, err := step.VerifyCaller(env)(ctx, in)
	if err != nil {
		return closing.Plan{}, nil, hinted(err)
	}
	inventory := step.TakeInventory(env)
	for {
		in.State, in.Run, in.Progress = "Take Inventory", result.Run, result.Progress
		if result, err = inventory(ctx, in); err != nil {
			return closing.Plan{}, nil, hinted(err)
		}
		if result.State == step.Done {
			break
		}
		fmt.Fprintln(progress, "still reading:", result.Remaining)
	}
	folder := env.Record.Folder(result.Run.Closing, in.Execution.ID)
	plan, err := folder.Plan(ctx, record.PlanName(result.Run.Round), result.Run.Round)
	return plan, folder, err
}

// hinted names the code in front of the message, as the workflow's report would.
func hinted(err error) error {
	var known *closing.Error
	if errors.As(err, &known) {
		return fmt.Errorf("%s: %w", known.Code, err)
	}
	return err
}

// maxCommands is how many commands a consequence shows.
const maxCommands = 6

// printPlan prints a plan for people.
func printPlan(w io.Writer, p closing.Plan) {
	m := p.Material
	line := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	line("Account %s", m.AccountID)
	if sub := m.Subscription; sub == nil {
		line("  no QuickSight subscription")
	} else {
		line("  QuickSight %q, %s, identity region %s, status %s", sub.AccountName, sub.Edition, m.IdentityRegion, sub.Status)
		if sub.TerminationProtection {
			line("  termination protection is on: it would be switched off")
		}
	}
	line("")
	line("Would be destroyed, for good:")
	for _, c := range m.Contents {
		line("  %-36s %6d", strings.TrimSpace(c.Region+"  "+c.Kind+" "+c.Role), c.N)
	}
	for _, n := range m.Namespaces {
		line("  namespace %s in %s", n.Name, n.CapacityRegion)
	}
	for _, c := range m.VPCConnections {
		line("  VPC connection %s in %s", c.ID, c.Region)
	}
	if len(m.NotReadable) > 0 {
		line("")
		line("Not readable, so whatever is there dies unseen:")
		for _, n := range m.NotReadable {
			line("  %s in %s: %s", n.Kind, n.Region, n.Reason)
		}
	}
	line("")
	line("Directory: %s", fate(m.Directory.Fate, m.Directory.ID, m.Directory.Region, m.Directory.Why))
	line("VPC:       %s", fate(m.VPC.Fate, m.VPC.ID, m.VPC.Region, m.VPC.Why))
	for _, r := range m.VPC.Resources {
		line("  with %s", r)
	}
	for _, r := range m.VPC.Left {
		line("  left %s", r)
	}
	if all := p.Consequences(); len(all) > 0 {
		line("")
		line("What follows from it:")
		for _, c := range all {
			line("  %s", c)
			for _, do := range c.Do[:min(len(c.Do), maxCommands)] {
				line("    %s", do)
			}
			if more := len(c.Do) - maxCommands; more > 0 {
				line("    and %d more: --json", more)
			}
		}
	}
	printObserved(line, p.Observed)
	line("")
	line("Digest %s", p.Digest)
}

func printObserved(line func(string, ...any), o closing.Observed) {
	if len(o.Evidence) > 0 {
		line("")
		line("Evidence:")
		for _, e := range o.Evidence {
			sign := "+"
			if !e.For {
				sign = "-"
			}
			line("  %s %s: %s", sign, e.About, e.Fact)
		}
	}
	for _, advice := range o.Advice {
		line("Note: %s", advice)
	}
	if len(o.Blockers) > 0 {
		line("")
		line("Blocked:")
		for _, b := range o.Blockers {
			line("  %s: %s", b.Code, b.Message)
			if b.Paste != "" {
				line("  start again with: %s", b.Paste)
			}
		}
	}
}

func fate(f closing.Fate, id, region, why string) string {
	switch f {
	case closing.FateDelete:
		return strings.TrimSpace(fmt.Sprintf("%s in %s would be deleted. %s", id, region, why))
	case closing.FateKeep:
		return strings.TrimSpace(fmt.Sprintf("%s stays. %s", strings.TrimSpace(id+" "+region), why))
	default:
		return strings.TrimSpace("none found. " + why)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// decideCommand is unsubscribe approve, reject and cancel.
type decideCommand struct {
	credentials
	Closing string   `arg:"" help:"The closing, as the request for approval names it: s3://BUCKET/closings/ACCOUNT/RUN"`
	Reason  string   `help:"Why. A rejection and a cancel need one." placeholder:"TEXT"`
	Name    string   `help:"The QuickSight account's name, instead of being asked for it (the account id, where it has no name)." placeholder:"NAME"`
	Strike  []string `help:"Of a fleet: accounts that are not to be closed, with commas." placeholder:"ID"`
	Web     bool     `help:"Decide in the browser, by way of a proxy on this machine that signs with your credentials."`
	JSON    bool     `help:"Print one JSON object."`
}

// Run shows the plan and sends the decision on exactly that.
func (c *decideCommand) Run(s *surroundings) error {
	bucket, prefix, found := strings.Cut(strings.TrimPrefix(c.Closing, "s3://"), "/")
	if !found || !strings.HasPrefix(c.Closing, "s3://") {
		return &failure{exitUsage, fmt.Errorf("%q is not of the form s3://BUCKET/closings/ACCOUNT/RUN", c.Closing)}
	}
	prefix = strings.TrimSuffix(prefix, "/") + "/"
	verdict := closing.Verdict(s.verb)
	if verdict != closing.Approve && c.Reason == "" && !c.Web {
		return &failure{exitUsage, fmt.Errorf("to %s needs a reason: --reason", verdict)}
	}
	cfg, err := c.load(s.ctx)
	if err != nil {
		return err
	}
	store := reader(cfg, bucket)
	folder, execution, err := store.Find(s.ctx, prefix)
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("there is no closing at %s", c.Closing)
	}
	if err != nil {
		return err
	}
	ask, err := folder.LatestAsk(s.ctx)
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("nobody has been asked to decide on %s", c.Closing)
	}
	if err != nil {
		return err
	}
	plan, err := folder.Plan(s.ctx, record.PlanName(ask.Round), ask.Round)
	if err != nil {
		return err
	}
	if plan.Digest != ask.Digest {
		return fmt.Errorf("the plan's digest is %s, and %s is asked about; nothing was decided", plan.Digest, ask.Digest)
	}
	me, err := whoami(s.ctx, cfg)
	if err != nil {
		return err
	}
	site, err := approval.NewSite(ask, cfg, me.now)
	if err != nil {
		return err
	}
	if c.Web {
		return decideInBrowser(s, site, prefix, execution)
	}
	if plan.Material.Fleet != nil {
		printFleetPlan(s.stderr, plan)
	} else {
		printPlan(s.stderr, plan)
		if n := plan.Material.Assets.N; n > 0 {
			fmt.Fprintf(s.stderr, "\nEach of the %d assets and users, a line each: %s/lists/%s.jsonl\n", n, strings.TrimSuffix(c.Closing, "/"), plan.Material.Assets.SHA256)
		}
	}
	if err := printDifference(s, folder, ask.Difference); err != nil {
		return err
	}
	d := approval.Decision{Closing: prefix, Execution: execution, Round: ask.Round, Digest: plan.Digest, Verdict: verdict, Reason: c.Reason, Struck: c.Strike}
	if verdict == closing.Approve {
		if d.Name, err = c.confirm(s, plan); err != nil {
			return err
		}
	}
	answer, err := site.Decide(s.ctx, d)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, answer)
	}
	fmt.Fprintln(s.stdout, answer.Message)
	return nil
}

// printDifference prints all of it: what is approved is all that has changed, not the first of it.
func printDifference(s *surroundings, folder *record.Folder, d closing.Differences) error {
	for one, err := range record.List[closing.Difference](s.ctx, folder, d.All) {
		if err != nil {
			return err
		}
		fmt.Fprintln(s.stderr, "since the last round:", one)
	}
	return nil
}

// printFirst prints what an ask has of them.
func printFirst(s *surroundings, d closing.Differences) {
	for _, one := range d.First {
		fmt.Fprintln(s.stderr, "since the last round:", one)
	}
	if more := d.N - len(d.First); more > 0 {
		fmt.Fprintf(s.stderr, "since the last round: %d more differences\n", more)
	}
}

// confirm has the approver type the QuickSight account's name: who has not looked does not know it.
func (c *decideCommand) confirm(s *surroundings, plan closing.Plan) (string, error) {
	what, want := plan.Material.Challenge(c.Strike...)
	typed := c.Name
	if typed == "" {
		var err error
		typed, err = s.ask(fmt.Sprintf("Approving cannot be undone once the plan is committed. Type %s to approve: ", what))
		if err != nil {
			return "", fmt.Errorf("%s was not typed; nothing was decided: %w", what, err)
		}
	}
	if typed != want {
		return "", fmt.Errorf("%q is not %s; nothing was decided", typed, what)
	}
	return typed, nil
}

// decideInBrowser shows the page until a decision is taken. The address is for the person's own browser.
func decideInBrowser(s *surroundings, site approval.Site, folder, execution string) error {
	verdict, err := approval.ServeWeb(s.ctx, site, folder, execution, func(url string) {
		fmt.Fprintln(s.stderr, "Decide at", url)
		openBrowser(s.ctx, url)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, "decided:", verdict)
	return nil
}

// openBrowser opens an address where the system can. Where it cannot, the address was printed.
func openBrowser(ctx context.Context, url string) {
	command := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if command == nil {
		command = []string{"xdg-open"}
	}
	_ = exec.CommandContext(ctx, command[0], append(command[1:], url)...).Start() //nolint:gosec // an address of our own making
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// retryCommand is unsubscribe retry.
type retryCommand struct {
	credentials
	Account string `arg:"" help:"The account whose last closing did not come out."`
	JSON    bool   `help:"Print one JSON object."`
}

// retried is what retry did.
type retried struct {
	Account   string `json:"account"` // "fleet" for one
	Did       string `json:"did"`     // "redrive" or "start"
	Why       string `json:"why"`
	Execution string `json:"execution"`
	Console   string `json:"console"`
}

// Run redrives the account's last run where that goes on with it, and starts a fresh one with the same request where it would not.
func (c *retryCommand) Run(s *surroundings) error {
	h, err := c.open(s.ctx)
	if err != nil {
		return err
	}
	store, err := h.record(s.ctx)
	if err != nil {
		return err
	}
	last, err := h.run(s.ctx, store, c.Account)
	if err != nil {
		return err
	}
	if record.IsFleet(last.Closing) {
		return &failure{exitUsage, fmt.Errorf("%s is of many accounts: unsubscribe fleet retry %s", last.Closing, c.Account)}
	}
	if err := last.refusesRetry(); err != nil {
		return err
	}
	did, err := h.goOn(s.ctx, last, last.againstRedrive(), func() (machine, input string, err error) {
		request, err := store.Folder(last.Closing, last.Execution).Request(s.ctx)
		if errors.Is(err, record.ErrNotFound) {
			return "", "", fmt.Errorf("the last run of account %s was refused before it had a request (unsubscribe report %s); start another with unsubscribe close", last.Account, last.Account)
		}
		request.Trigger, request.Fleet = "", "" // this one, a person starts, and people decide on this account alone
		return h.machine, string(closing.Canonical(request)), err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(s, did)
	}
	did.print(s)
	return nil
}

// print prints what was done for people.
func (r retried) print(s *surroundings) {
	fmt.Fprintf(s.stdout, "%-9s %s\nbecause   %s\nfollow    %s\n", r.Did, r.Execution, r.Why, r.Console)
}

// refusesRetry says why there is nothing to go on with.
func (s standing) refusesRetry() error {
	switch {
	case s.running():
		return fmt.Errorf("%s is running: %s; nothing was done", s.Closing, s.Console)
	case succeeds(s.Outcome):
		return fmt.Errorf("%s ended %s; there is nothing to retry", s.Closing, s.Outcome)
	default:
		return nil
	}
}

// goOn redrives a run, or starts a fresh one where something stands against that.
func (h *hub) goOn(ctx context.Context, last standing, against string, fresh func() (machine, input string, err error)) (retried, error) {
	did := retried{Account: last.Account, Did: "redrive", Why: "it goes on in the state that failed", Execution: last.Execution}
	if against == "" {
		if _, err := h.states.RedriveExecution(ctx, &sfn.RedriveExecutionInput{ExecutionArn: &last.Execution}); err != nil {
			return did, fmt.Errorf("redrive %s; nothing was done: %w", last.Execution, err)
		}
	} else {
		machine, input, err := fresh()
		if err != nil {
			return did, err
		}
		out, err := h.states.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
		if err != nil {
			return did, fmt.Errorf("start a fresh run in the place of %s; nothing was touched: %w", last.Closing, err)
		}
		did.Did, did.Why, did.Execution = "start", against, aws.ToString(out.ExecutionArn)
	}
	did.Console = h.console(did.Execution)
	return did, nil
}

// againstRedrive says why a redrive would not go on with a run; "" where it would.
func (s standing) againstRedrive() string {
	switch {
	case s.final:
		return "the last run said its last word, " + string(s.Outcome) + ", and a redrive would only repeat that"
	case !s.redrivable:
		return "Step Functions does not redrive the last run any more; a fresh one asks again, for what remains"
	case s.stopped() == string(closing.Stale):
		return "the account changed after the last run's commit; a fresh one asks again"
	case s.stopped() == closing.VersionGone:
		return "a function's version that the last run calls is deleted; a fresh one calls the newest, and asks again"
	default:
		return ""
	}
}

package main

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/closing"
)

// retryCommand is unsubscribe retry.
type retryCommand struct {
	credentials
	Account string `arg:"" help:"The account whose last closing did not come out."`
	JSON    bool   `help:"Print one JSON object."`
}

// retried is what retry did.
type retried struct {
	Account   string `json:"account"`
	Did       string `json:"did"` // "redrive" or "start"
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
	switch {
	case last.Status == string(types.ExecutionStatusRunning):
		return fmt.Errorf("the last closing of account %s is running: %s; nothing was done", c.Account, last.Console)
	case succeeds(last.Outcome):
		return fmt.Errorf("the last closing of account %s ended %s; there is nothing to retry, and unsubscribe close starts another", c.Account, last.Outcome)
	}
	did := retried{Account: last.Account}
	if did.Why = last.againstRedrive(); did.Why == "" {
		did.Did, did.Why, did.Execution = "redrive", "it goes on in the state that failed", last.Execution
		if _, err := h.states.RedriveExecution(s.ctx, &sfn.RedriveExecutionInput{ExecutionArn: &last.Execution}); err != nil {
			return fmt.Errorf("redrive %s; nothing was done: %w", last.Execution, err)
		}
	} else {
		folder := store.Folder(last.Closing, last.Execution)
		request, err := folder.Request(s.ctx)
		if err != nil {
			return err
		}
		request.Trigger = "" // this one, a person starts
		out, err := h.states.StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: &h.machine, Input: aws.String(string(closing.Canonical(request)))})
		if err != nil {
			return fmt.Errorf("start a fresh closing of account %s; nothing was touched: %w", c.Account, err)
		}
		did.Did, did.Execution = "start", aws.ToString(out.ExecutionArn)
	}
	did.Console = h.console(did.Execution)
	if c.JSON {
		return printJSON(s, did)
	}
	fmt.Fprintf(s.stdout, "%-9s %s\nbecause   %s\nfollow    %s\n", did.Did, did.Execution, did.Why, did.Console)
	return nil
}

// againstRedrive says why a redrive would not go on with a run; "" where it would.
func (s standing) againstRedrive() string {
	switch {
	case s.Outcome.Final():
		return "the last run said its last word, " + string(s.Outcome) + ", and a redrive would only repeat that"
	case !s.redrivable:
		return "Step Functions does not redrive the last run any more; a fresh one asks again, for what remains"
	case s.report != nil && s.report.Failure != nil && s.report.Failure.Error == string(closing.Stale):
		return "the account changed after the last run's commit; a fresh one asks again"
	case s.report != nil && s.report.Failure != nil && s.report.Failure.Error == closing.VersionGone:
		return "a function's version that the last run calls is deleted; a fresh one calls the newest, and asks again"
	default:
		return ""
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/record"
)

// statusCommand is unsubscribe status.
type statusCommand struct {
	credentials
	watching
	Closing string `arg:"" help:"An account, for its last closing, or a closing: s3://BUCKET/closings/ACCOUNT/RUN"`
	JSON    bool   `help:"Print JSON: one line for each state, then how the run stands."`
}

// watching is how commands wait for the end of an execution.
type watching struct {
	Watch bool          `help:"Go on until the execution ends; then exit with 0 only if it came out: closed, nothing to close, or planned as it was asked to."`
	Every time.Duration `help:"How often to look, with --watch." default:"5s"`
}

// Run prints the states that an execution has entered, and how it stands.
func (c *statusCommand) Run(s *surroundings) error {
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
	if !c.JSON {
		fmt.Fprintf(s.stdout, "account   %s\nclosing   %s\nfollow    %s\n", stands.Account, stands.Closing, stands.Console)
	}
	if err := c.follow(s, h, stands.Execution, c.JSON); err != nil {
		return err
	}
	return c.conclude(s, h, store, stands.Closing, c.JSON)
}

// follow prints the states that an execution enters: those so far, or until it ends.
func (c watching) follow(s *surroundings, h *hub, execution string, inJSON bool) error {
	seen := int64(0)
	for {
		// The status first: whatever happened before the end is in the history that is read after it.
		now, err := h.states.DescribeExecution(s.ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		if err != nil {
			return fmt.Errorf("describe %s: %w", execution, err)
		}
		if seen, err = newStates(s, h, execution, seen, inJSON); err != nil {
			return err
		}
		if now.Status != types.ExecutionStatusRunning || !c.Watch {
			return nil
		}
		if err := pause(s.ctx, c.Every); err != nil {
			return err
		}
	}
}

// conclude prints how a run stands, and tells a script that has waited for the end how it came out.
func (c watching) conclude(s *surroundings, h *hub, store *record.Store, prefix string, inJSON bool) error {
	stands, err := h.stand(s.ctx, store, prefix)
	if err != nil {
		return err
	}
	if inJSON {
		if err := printLine(s, stands); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(s.stdout, "state     %s\nwaits for %s\nirreversible step done: %s\n", stands.short(), dash(stands.WaitsFor), yesNo(stands.Irreversible))
	}
	if c.Watch && !succeeds(stands.Outcome) {
		return &failure{exitUnmet, nil}
	}
	return nil
}

// entry is a state that was entered, or what an execution stumbled over.
type entry struct {
	At      time.Time `json:"at"`
	State   string    `json:"state,omitempty"`
	Failure string    `json:"failure,omitempty"`
}

// newStates prints what happened after the event with the number seen, and returns the number of the last event.
func newStates(s *surroundings, h *hub, execution string, seen int64, inJSON bool) (int64, error) {
	pages := sfn.NewGetExecutionHistoryPaginator(h.states, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.ctx)
		if err != nil {
			return seen, fmt.Errorf("the history of %s: %w", execution, err)
		}
		for _, e := range page.Events {
			if e.Id <= seen {
				continue
			}
			seen = e.Id
			line := entry{At: aws.ToTime(e.Timestamp)}
			switch {
			case e.StateEnteredEventDetails != nil:
				line.State = aws.ToString(e.StateEnteredEventDetails.Name)
			case e.TaskFailedEventDetails != nil:
				line.Failure = aws.ToString(e.TaskFailedEventDetails.Error) + ": " + aws.ToString(e.TaskFailedEventDetails.Cause)
			case e.ExecutionFailedEventDetails != nil:
				line.Failure = aws.ToString(e.ExecutionFailedEventDetails.Error) + ": " + aws.ToString(e.ExecutionFailedEventDetails.Cause)
			case e.Type == types.HistoryEventTypeExecutionAborted, e.Type == types.HistoryEventTypeExecutionTimedOut, e.Type == types.HistoryEventTypeExecutionRedriven:
				line.Failure = string(e.Type)
			default:
				continue
			}
			if inJSON {
				if err := printLine(s, line); err != nil {
					return seen, err
				}
				continue
			}
			fmt.Fprintf(s.stdout, "%s  %s\n", line.At.UTC().Format(time.RFC3339), line.State+line.Failure)
		}
	}
	return seen, nil
}

func printLine(s *surroundings, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	fmt.Fprintln(s.stdout, string(line))
	return nil
}

// pause waits, or until the person has had enough.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

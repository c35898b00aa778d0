package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/replay"
)

// atGate lets the person who replays a story decide; nil where the story's people do.
func (c *replayCommand) atGate(s *surroundings) func(context.Context, replay.Door) error {
	switch c.Approve {
	case "ask":
		return func(ctx context.Context, d replay.Door) error { return atTerminal(ctx, s, d) }
	case "web":
		return func(ctx context.Context, d replay.Door) error { return inBrowser(ctx, s, d) }
	}
	return nil
}

// inBrowser serves the page of the closing until somebody decides on it.
func inBrowser(ctx context.Context, s *surroundings, d replay.Door) error {
	_, err := approval.ServeWeb(ctx, d.Site, d.Folder, d.Execution, func(url string) {
		fmt.Fprintf(s.stderr, "The run waits for approval. You are %s; decide at %s\n", d.Person, url)
		openBrowser(ctx, url)
	})
	return err
}

// atTerminal shows the plan and takes a decision. Whoever types nothing lets the request wait, as people do: reminders follow, and it expires.
func atTerminal(ctx context.Context, s *surroundings, d replay.Door) error {
	printPlan(s.stderr, d.Plan)
	printFirst(s, d.Ask.Difference)
	what, name := d.Plan.Material.Challenge()
	fmt.Fprintf(s.stderr, "\nThe run waits for approval. You are %s.\n", d.Person)
	for {
		typed, err := s.ask(fmt.Sprintf("Type %s to approve, or: reject REASON. Nothing to let it wait: ", what))
		if typed == "" && (err == nil || errors.Is(err, io.EOF)) {
			return nil
		}
		if err != nil {
			return err
		}
		decision := approval.Decision{Closing: d.Folder, Execution: d.Execution, Round: d.Ask.Round, Digest: d.Plan.Digest, Verdict: closing.Approve, Name: name}
		if reason, rejects := strings.CutPrefix(typed, "reject"); rejects {
			decision.Verdict, decision.Name, decision.Reason = closing.Reject, "", strings.TrimSpace(reason)
		} else if typed != name {
			fmt.Fprintf(s.stderr, "%q is not %s; nothing was decided\n", typed, what)
			continue
		}
		answer, err := d.Site.Decide(ctx, decision)
		var refused *closing.Error
		if errors.As(err, &refused) {
			fmt.Fprintln(s.stderr, refused)
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(s.stderr, answer.Message)
		return nil
	}
}

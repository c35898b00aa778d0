package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// requestFlags are the fields of a request.
type requestFlags struct {
	Account               string     `required:"" help:"The account whose QuickSight is to be closed." placeholder:"ID"`
	QuickSightAccountName string     `name:"name" help:"The QuickSight account's name; refuse if it is another." placeholder:"NAME"`
	Directory             string     `help:"auto, keep, or a directory id." placeholder:"CHOICE"`
	VPC                   string     `help:"auto, keep, or a VPC id." placeholder:"CHOICE"`
	IdentityRegion        string     `help:"Where to look for the subscription first." placeholder:"REGION"`
	NotBefore             *time.Time `help:"Approve now, delete then (RFC 3339)." placeholder:"TIME"`
	Reason                string     `help:"Why; shown to the approver." placeholder:"TEXT"`
	Attestation           string     `help:"Who created the subscription, in the words of somebody who knows." placeholder:"TEXT"`
}

// request checks the flags as the workflow would.
func (f requestFlags) request(dryRun bool) (closing.Request, error) {
	input := closing.Canonical(closing.Request{
		AccountID: f.Account, QuickSightAccountName: f.QuickSightAccountName, Directory: closing.Choice(f.Directory), VPC: closing.Choice(f.VPC),
		IdentityRegion: f.IdentityRegion, NotBefore: f.NotBefore, Reason: f.Reason, Attestation: f.Attestation, DryRun: dryRun,
	})
	return closing.ParseRequest(input)
}

// closeCommand is unsubscribe close.
type closeCommand struct {
	credentials
	requestFlags
	watching
	DryRun bool `help:"Plan and report in the deployed workflow; touch nothing."`
	JSON   bool `help:"Print one JSON object; with --watch, what status --json prints behind it."`
}

// Run starts the execution, and with --watch waits for the end of this very one: an earlier run of the account says nothing about it.
func (c *closeCommand) Run(s *surroundings) error {
	request, err := c.request(c.DryRun)
	if err != nil {
		return &failure{exitUsage, err}
	}
	h, err := c.open(s.ctx)
	if err != nil {
		return err
	}
	out, err := h.states.StartExecution(s.ctx, &sfn.StartExecutionInput{StateMachineArn: &h.machine, Input: aws.String(string(closing.Canonical(request)))})
	if err != nil {
		return fmt.Errorf("start the closing of account %s; nothing was touched: %w", request.AccountID, err)
	}
	execution := aws.ToString(out.ExecutionArn)
	console := h.console(execution)
	started := map[string]string{"execution": execution, "console": console}
	switch {
	case c.JSON && c.Watch:
		err = printLine(s, started)
	case c.JSON:
		err = printJSON(s, started)
	default:
		fmt.Fprintf(s.stdout, "started   %s\nfollow    %s\n", execution, console)
		if !request.DryRun {
			fmt.Fprintln(s.stdout, "Nothing is deleted before somebody else has approved the plan.")
		}
	}
	if err != nil || !c.Watch {
		return err
	}
	store, err := h.record(s.ctx)
	if err != nil {
		return err
	}
	// Step Functions does not always know at once what it has started.
	// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
	if err := pause(s.ctx, c.Every); err != nil {
		return err
	}
	if err := c.follow(s, h, execution, c.JSON); err != nil {
		return err
	}
	name := execution[strings.LastIndex(execution, ":")+1:]
	return c.conclude(s, h, store, record.Prefix(request.AccountID, name, aws.ToTime(out.StartDate)), c.JSON)
}

func printJSON(s *surroundings, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	fmt.Fprintln(s.stdout, strings.TrimSpace(string(text)))
	return nil
}

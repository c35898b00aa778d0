package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/closing"
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
	DryRun bool `help:"Plan and report in the deployed workflow; touch nothing."`
	JSON   bool `help:"Print one JSON object."`
}

// Run starts the execution.
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
	if c.JSON {
		return printJSON(s, map[string]string{"execution": execution, "console": console})
	}
	fmt.Fprintf(s.stdout, "started   %s\nfollow    %s\n", execution, console)
	if !request.DryRun {
		fmt.Fprintln(s.stdout, "Nothing is deleted before somebody else has approved the plan.")
	}
	return nil
}

func printJSON(s *surroundings, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	fmt.Fprintln(s.stdout, strings.TrimSpace(string(text)))
	return nil
}

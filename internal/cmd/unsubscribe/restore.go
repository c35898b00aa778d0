package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// restoreCommand is unsubscribe restore.
type restoreCommand struct {
	credentials
	From    string   `required:"" help:"The closing folder: s3://BUCKET/closings/ACCOUNT/RUN" placeholder:"FOLDER"`
	Account string   `required:"" help:"The new QuickSight account: the one of these credentials." placeholder:"ID"`
	VPC     []string `name:"vpc-connection" sep:"none" help:"Where a VPC connection leads in the new account: ID=SUBNET,…,SECURITY-GROUP,…,ROLE-ARN. Once for each." placeholder:"ID=…"`
	Only    string   `help:"Restore this region alone; default: each bundle into the region that it is of." placeholder:"REGION"`
}

// Run imports what was saved, and says what does not come back.
func (c *restoreCommand) Run(s *surroundings) error {
	bucket, prefix, ok := strings.Cut(strings.TrimPrefix(c.From, "s3://"), "/")
	if !ok || !strings.HasPrefix(c.From, "s3://") {
		return &failure{exitUsage, errors.New("--from is a closing folder such as s3://BUCKET/closings/ACCOUNT/RUN")}
	}
	cfg, err := c.load(s.ctx)
	if err != nil {
		return err
	}
	me, err := whoami(s.ctx, cfg)
	if err != nil {
		return err
	}
	if me.account != c.Account {
		return &failure{exitUsage, fmt.Errorf("these are credentials of account %s, not of %s; nothing was imported", me.account, c.Account)}
	}
	store := record.New(s3.NewFromConfig(cfg), bucket, func(context.Context) string { return "" }) // it writes nothing
	folder, _, err := store.Find(s.ctx, strings.TrimSuffix(prefix, "/")+"/")
	if err != nil {
		return fmt.Errorf("open %s: %w", c.From, err)
	}
	manifest, err := step.CommittedManifest(s.ctx, folder)
	if err != nil {
		return hinted(err)
	}
	ask := step.Restoring{Account: me.account, Region: c.Only, Tell: func(line string) { fmt.Fprintln(s.stderr, line) }}
	for _, text := range c.VPC {
		connection, err := step.ParseConnection(text)
		if err != nil {
			return &failure{exitUsage, fmt.Errorf("--vpc-connection: %w", err)}
		}
		ask.Connections = append(ask.Connections, connection)
	}
	restored, err := step.Restore(s.ctx, folder, manifest, cfg, ask)
	if err != nil {
		return hinted(err)
	}
	printRestored(s, restored)
	if len(restored.Refused) > 0 {
		return &failure{code: exitUnmet}
	}
	return nil
}

func printRestored(s *surroundings, r step.Restored) {
	assets := 0
	for _, b := range r.Imported {
		assets += b.N
	}
	fmt.Fprintf(s.stdout, "%d bundles with %d assets imported\n", len(r.Imported), assets)
	for _, b := range r.Refused {
		fmt.Fprintf(s.stdout, "refused   %s: %s\n", b.ARN, b.Message)
	}
	for _, d := range r.Manual {
		fmt.Fprintf(s.stdout, "by hand   %s: to be made again as it says\n", d.Name)
	}
	for _, l := range r.Lost {
		fmt.Fprintf(s.stdout, "lost      %s: %s\n", l.What, l.Why)
	}
	for _, f := range r.Failed {
		fmt.Fprintf(s.stdout, "lost      %s: it could not be saved: %s\n", f.ARN, f.Message)
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/workflow"
)

// hub is the deployed workflow, in the hands of a person.
type hub struct {
	config  aws.Config
	machine string // ARN
	states  *sfn.Client
	now     func() time.Time // by AWS's clock
}

// open finds the deployed workflow by whose credentials these are.
func (c credentials) open(ctx context.Context) (*hub, error) {
	cfg, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	me, err := whoami(ctx, cfg)
	if err != nil {
		return nil, err
	}
	parsed, err := arn.Parse(me.arn)
	if err != nil {
		return nil, fmt.Errorf("the caller's ARN %q: %w", me.arn, err)
	}
	return &hub{
		config: cfg, states: sfn.NewFromConfig(cfg), now: me.now,
		machine: fmt.Sprintf("arn:%s:states:%s:%s:stateMachine:%s", parsed.Partition, cfg.Region, me.account, workflow.Prefix),
	}, nil
}

// record opens the record, to read it: no person may write there.
func (h *hub) record(ctx context.Context) (*record.Store, error) {
	out, err := ssm.NewFromConfig(h.config).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(workflow.RecordParameter)})
	if err != nil {
		return nil, fmt.Errorf("find the record by the parameter %s in %s (is this the hub's account and region?): %w", workflow.RecordParameter, h.config.Region, err)
	}
	return reader(h.config, aws.ToString(out.Parameter.Value)), nil
}

// reader is the record in a bucket, to read it. That an object has no checksum for the SDK to check is no news: what counts has its SHA-256 in a plan.
func reader(cfg aws.Config, bucket string) *record.Store {
	return record.New(s3.NewFromConfig(cfg, func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true }), bucket, nil)
}

// console is the page of an execution in the Step Functions console.
func (h *hub) console(execution string) string {
	return fmt.Sprintf("https://%[1]s.console.aws.amazon.com/states/home?region=%[1]s#/v2/executions/details/%[2]s", h.config.Region, execution)
}

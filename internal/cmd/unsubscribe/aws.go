package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// credentials are the flags of every command that calls AWS. Everything else comes from where the AWS CLI takes it:
// environment, profile, Identity Center.
type credentials struct {
	Profile string `help:"Profile of the shared AWS configuration." placeholder:"NAME"`
	Region  string `help:"Region of the hub, where the state machine runs." placeholder:"REGION"`
}

// load makes the SDK's configuration.
func (c credentials) load(ctx context.Context) (aws.Config, error) {
	var options []func(*config.LoadOptions) error
	if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	if c.Region != "" {
		options = append(options, config.WithRegion(c.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	return cfg, nil
}

// timeOf is a clock that goes as AWS's does, however wrong this machine's is: a decision is dated by it, and is refused where the date is
// wrong. In a replay it is the virtual one.
func timeOf(ctx context.Context, cfg aws.Config) (func() time.Time, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, fmt.Errorf("ask AWS for the time: %w", err)
	}
	skew, _ := awsmiddleware.GetAttemptSkew(out.ResultMetadata)
	return func() time.Time { return time.Now().Add(skew) }, nil
}

// whoami is the account and the ARN that the credentials belong to.
func whoami(ctx context.Context, cfg aws.Config) (account, arn string, err error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", "", fmt.Errorf("find out whose credentials these are: %w", err)
	}
	return aws.ToString(out.Account), aws.ToString(out.Arn), nil
}

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

// caller is whom credentials belong to, as AWS knows it.
type caller struct {
	account, arn string
	// now goes as AWS's clock does, however wrong this machine's is: a decision is dated by it, and is refused where the date is wrong. In a
	// replay it is the virtual clock.
	now func() time.Time
}

// whoami asks AWS.
func whoami(ctx context.Context, cfg aws.Config) (caller, error) {
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return caller{}, fmt.Errorf("find out whose credentials these are: %w", err)
	}
	skew, _ := awsmiddleware.GetAttemptSkew(out.ResultMetadata)
	return caller{aws.ToString(out.Account), aws.ToString(out.Arn), func() time.Time { return time.Now().Add(skew) }}, nil
}

package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// ReadPolicy narrows a session to reading what a closing has to know.
func ReadPolicy() Policy {
	return Policy{{Actions: []string{
		"quicksight:List*", "quicksight:Describe*", "ds:Describe*", "ec2:Describe*",
		"iam:GetRole", "iam:SimulatePrincipalPolicy", "cloudtrail:LookupEvents",
	}}}
}

// VerifyCaller reads the request, proves which account it reaches, finds the subscription's identity region, looks at what the
// closing roles may do and at who created the subscription, and takes the account's lock. It changes nothing in the target.
func VerifyCaller(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		request, err := closing.ParseRequest(in.Request)
		if err != nil {
			return Result{}, err
		}
		if err := admit(env.Config, request, clock.Now(ctx)); err != nil {
			return Result{}, err
		}
		in.Run = Run{
			Closing:   record.Prefix(request.AccountID, in.Execution.Name, in.Execution.StartTime),
			AccountID: request.AccountID,
			DryRun:    request.DryRun,
		}
		folder := env.folder(in)
		if err := folder.PutRequest(ctx, request); err != nil {
			return Result{}, err
		}
		target, err := env.AWS.Target(ctx, Access{Account: request.AccountID, Role: RoleRead, Policy: ReadPolicy()})
		if err != nil {
			return Result{}, err
		}
		if err := proveAccount(ctx, target, request.AccountID); err != nil {
			return Result{}, err
		}
		found, err := findSubscription(ctx, env, target, request.AccountID, request.IdentityRegion)
		if err != nil {
			return Result{}, err
		}
		if err := matchName(request, found); err != nil {
			return Result{}, err
		}
		verification, err := verify(ctx, env, target, request, found)
		if err != nil {
			return Result{}, err
		}
		if err := folder.PutVerification(ctx, verification); err != nil {
			return Result{}, err
		}
		// Last, so that a run which fails above leaves no lock behind.
		if !request.DryRun {
			if err := env.Record.Lock(ctx, request.AccountID, in.Execution.ID, executionRuns(env)); err != nil {
				return Result{}, err
			}
		}
		in.Run.IdentityRegion = found.Region
		return in.done("", ListOf()), nil
	}
}

// admit refuses what no look at AWS can make right.
func admit(config Config, request closing.Request, now time.Time) error {
	if slices.Contains(config.NeverClose, request.AccountID) {
		return closing.Errorf(closing.ProtectedAccount, "account %s is on the list of accounts that are never closed; nothing was touched", request.AccountID).
			WithHint("if it must be closed, have it taken off NEVER_CLOSE and deploy again")
	}
	if request.NotBefore != nil && request.NotBefore.Sub(now) > closing.MaxNotBefore {
		return closing.Errorf(closing.BadRequest, "notBefore %s is more than 90 days ahead; nothing was touched", request.NotBefore.Format(time.RFC3339)).
			WithHint("start again with a time before %s", now.Add(closing.MaxNotBefore).Format(time.RFC3339))
	}
	return nil
}

// proveAccount asks STS which account the credentials are in. STS answers whatever the role's policies are.
func proveAccount(ctx context.Context, target aws.Config, account string) error {
	out, err := sts.NewFromConfig(target).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		if kind := refusalOf(err).kind; kind == deniedByOrganization || kind == deniedByIdentity {
			return closing.Errorf(closing.TargetUnreachable, "the role %s of account %s was assumed, but its calls are denied: %w; nothing was touched", RoleRead, account, err).
				WithHint("except the target roles in the policy that denies them, then start again")
		}
		return fmt.Errorf("call sts:GetCallerIdentity: %w", err)
	}
	if got := aws.ToString(out.Account); got != account {
		return closing.Errorf(closing.WrongAccount, "the credentials (%s) are in account %s, not in %s as the request says; nothing was touched", aws.ToString(out.Arn), got, account).
			WithHint("start again with the accountId that you mean")
	}
	return nil
}

// matchName holds a request that names the QuickSight account against the account that is there. One that is gone has no name
// to be held against.
func matchName(request closing.Request, found subscription) error {
	name := aws.ToString(found.Settings.AccountName)
	if name == "" {
		name = aws.ToString(found.Info.AccountName)
	}
	if want := request.QuickSightAccountName; found.Region != "" && want != "" && want != name {
		return closing.Errorf(closing.WrongAccount, "the QuickSight account of %s is named %q, not %q as the request says; nothing was touched", request.AccountID, name, want).
			WithHint("start again with the account that you mean: %s", paste(request, func(r *closing.Request) { r.QuickSightAccountName = name }))
	}
	return nil
}

// verify gathers what the approver should know beside the plan.
func verify(ctx context.Context, env Env, target aws.Config, request closing.Request, found subscription) (record.Verification, error) {
	var v record.Verification
	checked, err := simulateClosing(ctx, env, target, request.AccountID, found.Region)
	switch {
	case err != nil && request.DryRun && closing.CodeOf(err) == closing.TargetUnreachable:
		v.Advice = append(v.Advice, err.Error()) // a plan needs no closing role
	case err != nil:
		return v, err
	}
	if denied := deniedActions(checked.Denied, "quicksight:", "ds:UnauthorizeApplication"); len(denied) > 0 {
		return v, closing.Errorf(closing.MissingPermission, "%s of account %s is explicitly denied %s, which unsubscribing needs; nothing was touched",
			RoleClose, request.AccountID, inWords(denied)).
			WithHint("except the role in the policy that denies it, then start again")
	}
	v.Denied, v.Advice = checked.Denied, append(v.Advice, checked.Advice...)
	if request.Attestation != "" {
		v.Evidence = append(v.Evidence, closing.Evidence{About: aboutStarter, For: true, Fact: "attested in the request: " + request.Attestation})
	}
	if found.Region != "" {
		evidence, advice, err := creationEvidence(ctx, target, found.Region)
		if err != nil {
			return v, err
		}
		v.Evidence, v.Advice = append(v.Evidence, evidence...), append(v.Advice, advice...)
	}
	return v, nil
}

// executionRuns tells whether an execution is RUNNING, or about to be again. One that Step Functions has forgotten is not.
func executionRuns(env Env) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, execution string) (bool, error) {
		out, err := sfn.NewFromConfig(env.AWS.Hub()).DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		var forgotten *sfntypes.ExecutionDoesNotExist
		if errors.As(err, &forgotten) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("call states:DescribeExecution: %w", err)
		}
		return out.Status == sfntypes.ExecutionStatusRunning || out.Status == sfntypes.ExecutionStatusPendingRedrive, nil
	}
}

// paste is the input that starts the next execution: the request, changed where that gets around what stopped this one.
func paste(request closing.Request, change func(*closing.Request)) string {
	request.Trigger = ""
	if request.Directory == closing.Auto {
		request.Directory = ""
	}
	if request.VPC == closing.Auto {
		request.VPC = ""
	}
	change(&request)
	return string(closing.Canonical(request))
}

package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	return Policy{{Actions: append([]string{
		"quicksight:List*", "quicksight:Describe*", "ds:Describe*", "ec2:Describe*",
		"iam:GetRole", "iam:SimulatePrincipalPolicy", "iam:ListRoles", "iam:ListPolicies", "cloudtrail:LookupEvents",
	}, WorkloadReads()...)}}
}

// VerifyCaller reads the request, proves which account it reaches, finds the subscription's identity region, looks at what the
// closing roles may do and at who created the subscription, and takes the account's lock. It changes nothing in the target.
func VerifyCaller(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		start, err := closing.ParseStart(in.Request)
		if err != nil {
			return Result{}, err
		}
		if start.AccountName != "" {
			account, err := env.accountNamed(ctx, start.AccountName)
			if err == nil {
				err = start.Identify(account)
			}
			if err != nil {
				return Result{}, err
			}
		}
		request := start.Request
		if err := inTime(request, clock.Now(ctx)); err != nil {
			return Result{}, err
		}
		v := &verifying{Env: env, request: request}
		if v.member, err = env.member(ctx, request.AccountID); err != nil {
			return Result{}, err
		}
		if err := check(ctx, env, v, beforeAnything); err != nil {
			return Result{}, err
		}
		in.Run = Run{
			Closing:   record.Prefix(request.AccountID, in.Execution.Name, in.Execution.StartTime),
			AccountID: request.AccountID,
			DryRun:    request.DryRun,
			Fleet:     request.Fleet,
		}
		if start.Delivery != "" {
			if err := env.Record.Deliver(ctx, request.AccountID, start.Delivery, in.Execution.ID); err != nil {
				return Result{}, err
			}
		}
		folder := env.folder(in)
		if err := folder.PutRequest(ctx, request); err != nil {
			return Result{}, err
		}
		if request.Fleet != "" {
			if err := v.enlist(ctx, in); err != nil {
				return Result{}, err
			}
		}
		target, err := env.AWS.Target(ctx, Access{Account: request.AccountID, Role: RoleRead, Policy: ReadPolicy()})
		if err != nil {
			return Result{}, err
		}
		if err := proveAccount(ctx, target, request.AccountID); err != nil {
			return Result{}, err
		}
		if v.found, err = findSubscription(ctx, env, target, request.AccountID, request.IdentityRegion); err != nil {
			return Result{}, err
		}
		verification, err := v.gather(ctx, target)
		if err != nil {
			return Result{}, err
		}
		if err := check(ctx, env, v, beforeLock); err != nil {
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
		in.Run.IdentityRegion = v.found.Region
		return in.done("", ListOf()), nil
	}
}

// verifying is one call of the step, as its guards look at it.
type verifying struct {
	Env
	request   closing.Request
	member    member
	found     subscription
	fleet     fleet // where the run is one account of a fleet
	execution string
	checked   preflight
}

// The guards of this step.
var (
	// beforeAnything: before the account is looked at.
	beforeAnything = []guard[*verifying]{
		{"never-close", "accounts whose QuickSight must never be closed, whoever asks", (*verifying).mayBeClosed},
		{"core-account", "the accounts that the organization itself stands on", (*verifying).supporting},
		{"never-close-tag", "accounts whose owners have said so by a tag", (*verifying).untagged},
		{"known-approvers", "an account whose owners have said who decides, and meant somebody else than would be asked", (*verifying).knownApprovers},
		{"never-close-unit", "accounts of organizational units that are kept out", (*verifying).outside},
	}
	// beforeLock: before the run takes the account.
	beforeLock = []guard[*verifying]{
		{"fleet-claim", "the run that has used an account's approval in a fleet, and may be redriven", (*verifying).unclaimed},
		{"account-name", "the QuickSight account of somebody who mistyped another account's number", (*verifying).named},
		{"closing-permission", "an account that would be left half closed, since its role may not go on", (*verifying).permitted},
	}
)

// mayBeClosed refuses the accounts that configuration protects.
func (v *verifying) mayBeClosed(context.Context) error {
	if !slices.Contains(v.Config.NeverClose, v.request.AccountID) {
		return nil
	}
	return closing.Errorf(closing.ProtectedAccount, "account %s is on the list of accounts that are never closed; nothing was touched", v.request.AccountID).
		WithHint("if it must be closed, have it taken off NEVER_CLOSE and deploy again")
}

// named holds a request that names the QuickSight account against the account that is there. One that is gone has no name to be
// held against.
func (v *verifying) named(context.Context) error {
	name := cmp.Or(aws.ToString(v.found.Settings.AccountName), aws.ToString(v.found.Info.AccountName))
	if want := v.request.QuickSightAccountName; v.found.Region == "" || want == "" || want == name {
		return nil
	}
	return closing.Errorf(closing.WrongAccount, "the QuickSight account of %s is named %q, not %q as the request says; nothing was touched",
		v.request.AccountID, name, v.request.QuickSightAccountName).
		WithHint("start again with the account that you mean: %s", paste(v.request, func(r *closing.Request) { r.QuickSightAccountName = name }))
}

// permitted refuses where it is certain that the role which would act may not unsubscribe.
func (v *verifying) permitted(context.Context) error {
	denied := deniedActions(v.checked.Denied, "quicksight:", "ds:UnauthorizeApplication")
	if len(denied) == 0 {
		return nil
	}
	return closing.Errorf(closing.MissingPermission, "%s of account %s is explicitly denied %s, which unsubscribing needs; nothing was touched",
		RoleClose, v.request.AccountID, inWords(denied)).
		WithHint("except the role in the policy that denies it, then start again")
}

// inTime refuses a closing that nobody can approve today.
func inTime(request closing.Request, now time.Time) error {
	if request.NotBefore == nil || request.NotBefore.Sub(now) <= closing.MaxNotBefore {
		return nil
	}
	return closing.Errorf(closing.BadRequest, "notBefore %s is more than 90 days ahead; nothing was touched", request.NotBefore.Format(time.RFC3339)).
		WithHint("start again with a time before %s", now.Add(closing.MaxNotBefore).Format(time.RFC3339))
}

// proveAccount asks STS which account the credentials are in. STS answers whatever the role's policies are.
func proveAccount(ctx context.Context, target aws.Config, account string) error {
	out, err := sts.NewFromConfig(target).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		if kind := refusalOf(err).kind; kind == deniedByOrganization || kind == deniedByIdentity {
			return closing.Errorf(closing.TargetUnreachable, "the role %s of account %s was assumed, but its calls are denied: %w; nothing was touched", RoleRead, account, err).
				WithHint("add %s to the statement that denies them, then start again", ExceptTargets)
		}
		return fmt.Errorf("call sts:GetCallerIdentity: %w", err)
	}
	if got := aws.ToString(out.Account); got != account {
		return closing.Errorf(closing.WrongAccount, "the credentials (%s) are in account %s, not in %s as the request says; nothing was touched", aws.ToString(out.Arn), got, account).
			WithHint("start again with the accountId that you mean")
	}
	return nil
}

// gather finds what the approver should know beside the plan.
func (v *verifying) gather(ctx context.Context, target aws.Config) (record.Verification, error) {
	var out record.Verification
	var err error
	v.checked, err = simulateClosing(ctx, v.Env, target, v.request.AccountID, v.found.Region)
	switch {
	case err != nil && v.request.DryRun && closing.CodeOf(err) == closing.TargetUnreachable:
		out.Advice = append(out.Advice, err.Error()) // a plan needs no closing role
	case err != nil:
		return out, err
	}
	out.Denied, out.Advice = v.checked.Denied, append(out.Advice, v.checked.Advice...)
	if v.request.Attestation != "" {
		out.Evidence = append(out.Evidence, closing.Evidence{About: aboutStarter, For: true, Fact: "attested in the request: " + v.request.Attestation})
	}
	if out.Approvers = v.Config.Approvers; v.member.tags[ApproversTag] != "" {
		out.Approvers, _ = closing.SelectApprovers(v.Config.Approvers, strings.Fields(v.member.tags[ApproversTag])) // knownApprovers has seen to the unknown
	}
	if v.found.Region != "" {
		evidence, advice, err := creationEvidence(ctx, target, v.found.Region)
		if err != nil {
			return out, err
		}
		out.Evidence, out.Advice = append(out.Evidence, evidence...), append(out.Advice, advice...)
	}
	return out, nil
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
	request.Trigger, request.Fleet = "", ""
	if request.Directory == closing.Auto {
		request.Directory = ""
	}
	if request.VPC == closing.Auto {
		request.VPC = ""
	}
	change(&request)
	return string(closing.Canonical(request))
}

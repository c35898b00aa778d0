package step

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/operation"
)

// unsubscribeDependencies are actions without an API that AWS asks of whoever unsubscribes.
// https://docs.aws.amazon.com/quick/latest/userguide/manage-qs-account-settings.html, "Permissions and access to account termination"
var unsubscribeDependencies = []string{"ds:UnauthorizeApplication"}

// preflight is what IAM's simulator says of a role. It is advice: it runs no call, and knows neither session policies nor
// organization policies with conditions.
type preflight struct {
	Denied []string // actions that an explicit deny refuses, whatever the call's context
	Advice []string // everything else that is not a plain yes
}

// mutatingActions are the IAM actions of the operations of some services that change a target.
func mutatingActions(services ...string) []string {
	var actions []string
	for _, op := range operation.All() {
		for _, service := range services {
			if op.Mutating && op.Service == service {
				actions = append(actions, op.IAM()...)
			}
		}
	}
	return distinct(actions)
}

// simulateClosing asks whether the role that will act may act: in QuickSight in its identity region, and in Directory Service
// and EC2 where a directory of QuickSight would be.
func simulateClosing(ctx context.Context, env Env, target aws.Config, account, identity string) (preflight, error) {
	api := iam.NewFromConfig(target)
	role, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(string(RoleClose))})
	var missing *iamtypes.NoSuchEntityException
	switch {
	case errors.As(err, &missing):
		return preflight{}, closing.Errorf(closing.TargetUnreachable, "the role %s, which would close account %s, does not exist there; nothing was touched", RoleClose, account).
			WithHint("apply the target template to the account, then start again")
	case err != nil:
		return unanswered("iam:GetRole", err)
	}
	var p preflight
	if identity != "" {
		err = p.simulate(ctx, api, role.Role.Arn, identity, append(mutatingActions("quicksight"), unsubscribeDependencies...))
	}
	if err == nil {
		err = p.simulate(ctx, api, role.Role.Arn, regionsLike(env.Config.Region)[0], mutatingActions("ds", "ec2"))
	}
	if err != nil {
		return unanswered("iam:SimulatePrincipalPolicy", err)
	}
	return p, nil
}

// unanswered is a preflight that could not be made: advice where it is not allowed, and an error where it is worth a retry.
func unanswered(operation string, err error) (preflight, error) {
	switch refusalOf(err).kind {
	case deniedByIdentity, deniedByOrganization:
		return preflight{Advice: []string{fmt.Sprintf("whether %s may do what closing needs is not known: %s is not allowed", RoleClose, operation)}}, nil
	default:
		return preflight{}, fmt.Errorf("call %s: %w", operation, err)
	}
}

// simulate asks about actions in a region.
func (p *preflight) simulate(ctx context.Context, api *iam.Client, role *string, region string, actions []string) error {
	pages := iam.NewSimulatePrincipalPolicyPaginator(api, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: role,
		ActionNames:     actions,
		ContextEntries: []iamtypes.ContextEntry{
			{ContextKeyName: aws.String("aws:RequestedRegion"), ContextKeyType: iamtypes.ContextKeyTypeEnumString, ContextKeyValues: []string{region}},
			{ContextKeyName: aws.String("aws:PrincipalArn"), ContextKeyType: iamtypes.ContextKeyTypeEnumString, ContextKeyValues: []string{aws.ToString(role)}},
			{ContextKeyName: aws.String("aws:SecureTransport"), ContextKeyType: iamtypes.ContextKeyTypeEnumBoolean, ContextKeyValues: []string{"true"}},
		},
	})
	return readPages(ctx, pages, func(out *iam.SimulatePrincipalPolicyOutput) {
		for _, result := range out.EvaluationResults {
			p.judge(result, region)
		}
	})
}

// judge sorts one result. Only an explicit deny with nothing left to know is certain.
func (p *preflight) judge(result iamtypes.EvaluationResult, region string) {
	action := aws.ToString(result.EvalActionName)
	by := ""
	switch {
	case result.OrganizationsDecisionDetail != nil && !result.OrganizationsDecisionDetail.AllowedByOrganizations:
		by = " by a service control policy"
	case result.PermissionsBoundaryDecisionDetail != nil && !result.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary:
		by = " by its permissions boundary"
	}
	switch {
	case result.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeAllowed:
	case result.EvalDecision == iamtypes.PolicyEvaluationDecisionTypeExplicitDeny && len(result.MissingContextValues) == 0:
		p.Denied = append(p.Denied, action)
		p.Advice = append(p.Advice, fmt.Sprintf("%s is explicitly denied%s to %s in %s", action, by, RoleClose, region))
	default:
		text := fmt.Sprintf("IAM's simulator doubts that %s may call %s in %s: %s%s", RoleClose, action, region, result.EvalDecision, by)
		if len(result.MissingContextValues) > 0 {
			text += ", not knowing " + strings.Join(result.MissingContextValues, ", ")
		}
		p.Advice = append(p.Advice, text)
	}
}

// deniedActions are those of some services that a preflight found explicitly denied.
func deniedActions(denied []string, prefixes ...string) []string {
	var found []string
	for _, action := range denied {
		for _, prefix := range prefixes {
			if strings.HasPrefix(action, prefix) {
				found = append(found, action)
			}
		}
	}
	return found
}

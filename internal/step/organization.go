package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"quicksight-unsubscribe/internal/closing"
)

// NoOrganization is the ManagementAccount of a deployment that does not read its organization.
const NoOrganization = "none"

// RoleOrganization is the role of the management account by which the organization is read.
const RoleOrganization Role = "QuickSightUnsubscribeOrganization"

// OrganizationPolicy narrows a session to what is read of an organization.
func OrganizationPolicy() Policy {
	return Policy{{Actions: []string{
		"organizations:DescribeAccount", "organizations:ListAccounts", "organizations:ListParents", "organizations:ListTagsForResource",
		"organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent", "ce:GetCostAndUsage",
	}}}
}

// An account whose tag NeverCloseTag says NeverCloseValue is never closed.
const (
	NeverCloseTag   = "quicksight-unsubscribe"
	NeverCloseValue = "never"
)

// ApproversTag is the tag of an account that says who may decide on it: persons among the approvers, separated by blanks.
const ApproversTag = "quicksight-unsubscribe-approvers"

// member is what the organization knows of an account.
type member struct {
	name  string
	home  string // the organization's management account
	tags  map[string]string
	units []string // ids of the organizational units that it is in, the innermost first, then the root's
}

// core are the names of the accounts on which Control Tower and the Landing Zone Accelerator build an organization, without blanks and
// hyphens: they hold its logs and audit it.
// https://docs.aws.amazon.com/controltower/latest/userguide/special-accounts.html
var core = []string{"audit", "logarchive"}

func (m member) isCore() bool {
	return slices.Contains(core, strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(m.name)))
}

// organization opens the organization, to read it.
func (e Env) organization(ctx context.Context) (*organizations.Client, error) {
	cfg, err := e.AWS.Target(ctx, Access{Account: e.Config.ManagementAccount, Role: RoleOrganization, Policy: OrganizationPolicy()})
	if closing.CodeOf(err) == closing.TargetUnreachable {
		return nil, closing.Errorf(closing.TargetUnreachable, "the organization cannot be read by the role %s of account %s: %w; nothing was touched",
			RoleOrganization, e.Config.ManagementAccount, err).WithHint("deploy the stack QuickSightUnsubscribeOrganization there, then start again")
	}
	if err != nil {
		return nil, err
	}
	return organizations.NewFromConfig(cfg), nil
}

// member reads what the organization knows of an account: nothing where the organization is not read, or the account is not in it.
func (e Env) member(ctx context.Context, account string) (member, error) {
	if e.Config.ManagementAccount == NoOrganization {
		return member{}, nil
	}
	client, err := e.organization(ctx)
	if err != nil {
		return member{}, err
	}
	m := member{tags: map[string]string{}}
	described, err := client.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: &account})
	var foreign *types.AccountNotFoundException
	if errors.As(err, &foreign) {
		return member{}, nil
	}
	if err != nil {
		return member{}, unreadable(err, "organizations:DescribeAccount", "the organization")
	}
	m.name = aws.ToString(described.Account.Name)
	if parts := strings.Split(aws.ToString(described.Account.Arn), ":"); len(parts) > 4 {
		m.home = parts[4] // the reader may be a delegated administrator
	}
	pages := organizations.NewListTagsForResourcePaginator(client, &organizations.ListTagsForResourceInput{ResourceId: &account})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return member{}, unreadable(err, "organizations:ListTagsForResource", "the organization")
		}
		for _, tag := range page.Tags {
			m.tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	// An account or unit has exactly one parent, and units are nested five deep at most.
	for child := account; !strings.HasPrefix(child, "r-"); {
		parents, err := client.ListParents(ctx, &organizations.ListParentsInput{ChildId: &child})
		if err != nil {
			return member{}, unreadable(err, "organizations:ListParents", "the organization")
		}
		if len(parents.Parents) != 1 {
			return member{}, fmt.Errorf("organizations:ListParents answered %d parents of %s", len(parents.Parents), child)
		}
		child = aws.ToString(parents.Parents[0].Id)
		m.units = append(m.units, child)
	}
	return m, nil
}

// accountsUnder are the active accounts in a unit and in the units below it.
func (e Env) accountsUnder(ctx context.Context, unit string) ([]string, error) {
	if e.Config.ManagementAccount == NoOrganization {
		return nil, closing.Errorf(closing.BadRequest, "this deployment does not read the organization, and cannot tell which accounts are in %s; nothing was touched", unit).
			WithHint("give the accounts; or set managementAccount and deploy again")
	}
	client, err := e.organization(ctx)
	if err != nil {
		return nil, err
	}
	var accounts []string
	for units := []string{unit}; len(units) > 0; units = units[1:] {
		inUnit := organizations.NewListAccountsForParentPaginator(client, &organizations.ListAccountsForParentInput{ParentId: &units[0]})
		for inUnit.HasMorePages() {
			page, err := inUnit.NextPage(ctx)
			var unknown *types.ParentNotFoundException
			if errors.As(err, &unknown) {
				return nil, closing.Errorf(closing.BadRequest, "the organization has no unit %s; nothing was touched", units[0])
			}
			if err != nil {
				return nil, unreadable(err, "organizations:ListAccountsForParent", "the organization")
			}
			for _, account := range page.Accounts {
				if account.State == types.AccountStateActive {
					accounts = append(accounts, aws.ToString(account.Id))
				}
			}
		}
		below := organizations.NewListOrganizationalUnitsForParentPaginator(client, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &units[0]})
		for below.HasMorePages() {
			page, err := below.NextPage(ctx)
			if err != nil {
				return nil, unreadable(err, "organizations:ListOrganizationalUnitsForParent", "the organization")
			}
			for _, u := range page.OrganizationalUnits {
				units = append(units, aws.ToString(u.Id))
			}
		}
	}
	return accounts, nil
}

// accountNamed is the id of the one account that has this name.
func (e Env) accountNamed(ctx context.Context, name string) (string, error) {
	again := `start a closing with the account's id: {"accountId": "<twelve digits>"}`
	if e.Config.ManagementAccount == NoOrganization {
		return "", closing.Errorf(closing.NoEvidence, "the event names its account only as %q, and this deployment does not read the organization; nothing was touched", name).
			WithHint("%s; or set managementAccount and deploy again", again)
	}
	client, err := e.organization(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	pages := organizations.NewListAccountsPaginator(client, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", unreadable(err, "organizations:ListAccounts", "the organization")
		}
		for _, account := range page.Accounts {
			if aws.ToString(account.Name) == name {
				found = append(found, aws.ToString(account.Id))
			}
		}
	}
	if len(found) != 1 {
		return "", closing.Errorf(closing.NoEvidence, "the event names its account only as %q, and %d accounts of the organization have that name (%s); nothing was touched",
			name, len(found), strings.Join(found, ", ")).WithHint("%s", again)
	}
	return found[0], nil
}

// supporting refuses the accounts that the organization itself stands on.
func (v *verifying) supporting(context.Context) error {
	if v.request.AccountID != v.Config.ManagementAccount && v.request.AccountID != v.member.home && !v.member.isCore() {
		return nil
	}
	return closing.Errorf(closing.ProtectedAccount, "account %s (%s) is the organization's management, audit or log archive account, which are never closed; nothing was touched",
		v.request.AccountID, v.member.name).WithHint("if QuickSight must go there, unsubscribe by hand in its console")
}

// untagged refuses the accounts whose tag says so.
func (v *verifying) untagged(context.Context) error {
	if v.member.tags[NeverCloseTag] != NeverCloseValue {
		return nil
	}
	return closing.Errorf(closing.ProtectedAccount, "account %s has the tag %s = %s; nothing was touched", v.request.AccountID, NeverCloseTag, NeverCloseValue).
		WithHint("if it must be closed, have its owner take the tag off in AWS Organizations, then start again")
}

// outside refuses the accounts of some organizational units.
func (v *verifying) outside(context.Context) error {
	for _, unit := range v.member.units {
		if slices.Contains(v.Config.NeverCloseUnits, unit) {
			return closing.Errorf(closing.ProtectedAccount, "account %s is in the organizational unit %s, whose accounts are never closed; nothing was touched", v.request.AccountID, unit).
				WithHint("if it must be closed, have it moved, or have the unit taken off NEVER_CLOSE_UNITS, and start again")
		}
	}
	return nil
}

// knownApprovers refuses an account whose tag names somebody whom configuration does not: who may tag an account makes nobody an approver.
func (v *verifying) knownApprovers(context.Context) error {
	_, unknown := closing.SelectApprovers(v.Config.Approvers, strings.Fields(v.member.tags[ApproversTag]))
	if len(unknown) == 0 {
		return nil
	}
	return closing.Errorf(closing.NoApprover, "the tag %s of account %s names %s, whom approvers does not; nothing was touched and nobody was asked",
		ApproversTag, v.request.AccountID, strings.Join(unknown, ", ")).
		WithHint("correct the tag in AWS Organizations, or name them in approvers and deploy again, then start again")
}

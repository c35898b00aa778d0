package emulator

import (
	"cmp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// All operations are those of the management account, or of the one to which it has delegated Organizations.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
var organizationsOperations = map[string]op{
	"DescribeAccount":                  {run: describeAccount, required: []string{"AccountId"}},
	"ListAccounts":                     {run: listAccounts},
	"ListAccountsForParent":            {run: listAccountsForParent, required: []string{"ParentId"}},
	"ListOrganizationalUnitsForParent": {run: listUnitsForParent, required: []string{"ParentId"}},
	"ListParents":                      {run: listParents, required: []string{"ChildId"}},
	"ListTagsForResource":              {run: listOrganizationTags, required: []string{"ResourceId"}},
}

var organizationsRules = []rule{{
	name: "organization-management", operations: sortedKeys(organizationsOperations),
	page: "https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html", check: checkManagement,
}}

func checkManagement(r *request) error {
	if w := r.aws.world; r.account != w.Management && (w.Delegated == "" || r.account != w.Delegated) {
		return apiError("AccessDeniedException", "You don't have permissions to access this resource.")
	}
	return nil
}

func (w *World) member(id string) (*types.Account, error) {
	account := w.Accounts[id]
	if account == nil {
		return nil, apiError("AccountNotFoundException", "You specified an account that doesn't exist.")
	}
	arn := "arn:aws:organizations::" + w.Management + ":account/" + cmp.Or(w.Organization, "o-emulated") + "/" + id
	return &types.Account{Id: &id, Arn: &arn, Name: optional(account.Name), Email: optional(account.Email), Status: types.AccountStatusActive, State: types.AccountStateActive}, nil
}

func describeAccount(r *request) (any, error) {
	account, err := r.aws.world.member(r.str("AccountId"))
	return &organizations.DescribeAccountOutput{Account: account}, err
}

func (w *World) members(ids []string) ([]types.Account, error) {
	accounts := []types.Account{}
	for _, id := range ids {
		account, err := w.member(id)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, *account)
	}
	return accounts, nil
}

func listAccounts(r *request) (any, error) {
	w := r.aws.world
	ids, next, ok := paginate(r, sortedKeys(w.Accounts), r.str("NextToken"), r.num("MaxResults", 0), 20)
	if !ok {
		return nil, apiError("InvalidInputException", "You provided an invalid pagination token.")
	}
	accounts, err := w.members(ids)
	return &organizations.ListAccountsOutput{Accounts: accounts, NextToken: optional(next)}, err
}

// listAccountsForParent lists the accounts right in a unit or the root.
func listAccountsForParent(r *request) (any, error) {
	w, parent := r.aws.world, r.str("ParentId")
	if err := w.unit(parent); err != nil {
		return nil, err
	}
	inside := keep(sortedKeys(w.Accounts), func(id string) bool { return cmp.Or(w.Accounts[id].OrganizationsUnit, root) == parent })
	ids, next, ok := paginate(r, inside, r.str("NextToken"), r.num("MaxResults", 0), 20)
	if !ok {
		return nil, apiError("InvalidInputException", "You provided an invalid pagination token.")
	}
	accounts, err := w.members(ids)
	return &organizations.ListAccountsForParentOutput{Accounts: accounts, NextToken: optional(next)}, err
}

// listUnitsForParent lists the units right below a unit or the root.
func listUnitsForParent(r *request) (any, error) {
	w, parent := r.aws.world, r.str("ParentId")
	if err := w.unit(parent); err != nil {
		return nil, err
	}
	below := keep(sortedKeys(w.OrganizationalUnits), func(id string) bool { return cmp.Or(w.OrganizationalUnits[id], root) == parent })
	ids, next, ok := paginate(r, below, r.str("NextToken"), r.num("MaxResults", 0), 20)
	if !ok {
		return nil, apiError("InvalidInputException", "You provided an invalid pagination token.")
	}
	out := &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: []types.OrganizationalUnit{}, NextToken: optional(next)}
	for _, id := range ids {
		out.OrganizationalUnits = append(out.OrganizationalUnits, types.OrganizationalUnit{Id: &id, Name: &id})
	}
	return out, nil
}

// unit refuses what is neither a unit nor the root.
func (w *World) unit(id string) error {
	if _, known := w.OrganizationalUnits[id]; !known && id != root {
		return apiError("ParentNotFoundException", "We can't find a root or OU with the ParentId that you specified.")
	}
	return nil
}

// root is the parent of what the world puts into no organizational unit.
const root = "r-emul"

func listParents(r *request) (any, error) {
	w, child := r.aws.world, r.str("ChildId")
	parent, unit := w.OrganizationalUnits[child]
	if account := w.Accounts[child]; account != nil {
		parent, unit = account.OrganizationsUnit, true
	}
	if !unit {
		return nil, apiError("ChildNotFoundException", "You specified an organizational unit (OU) or account that doesn't exist.")
	}
	parent = cmp.Or(parent, root)
	kind := types.ParentTypeOrganizationalUnit
	if strings.HasPrefix(parent, "r-") {
		kind = types.ParentTypeRoot
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: &parent, Type: kind}}}, nil
}

func listOrganizationTags(r *request) (any, error) {
	account := r.aws.world.Accounts[r.str("ResourceId")]
	if account == nil {
		return nil, apiError("TargetNotFoundException", "You specified a target that doesn't exist.")
	}
	keys, next, ok := paginate(r, sortedKeys(account.Tags), r.str("NextToken"), 0, 50)
	if !ok {
		return nil, apiError("InvalidInputException", "You provided an invalid pagination token.")
	}
	out := &organizations.ListTagsForResourceOutput{Tags: []types.Tag{}, NextToken: optional(next)}
	for _, key := range keys {
		value := account.Tags[key]
		out.Tags = append(out.Tags, types.Tag{Key: &key, Value: &value})
	}
	return out, nil
}

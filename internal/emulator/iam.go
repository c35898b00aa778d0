package emulator

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

var iamOperations = map[string]op{
	"GetRole":                 {run: getRole, required: []string{"RoleName"}, resource: roleResource},
	"ListAccountAliases":      {run: listAccountAliases},
	"ListRoles":               {run: listRoles},
	"ListPolicies":            {run: listPolicies},
	"SimulatePrincipalPolicy": {run: simulatePrincipalPolicy, required: []string{"PolicySourceArn", "ActionNames"}, resource: simulatedResource},
}

func roleResource(r *request) []string {
	name := r.str("RoleName")
	if role := r.acct().Roles[name]; role != nil {
		return []string{role.arn(r.account, name)}
	}
	return []string{"arn:aws:iam::" + r.account + ":role/" + name}
}

func simulatedResource(r *request) []string { return []string{r.str("PolicySourceArn")} }

func getRole(r *request) (any, error) {
	name := r.str("RoleName")
	role := r.acct().Roles[name]
	if role == nil {
		return nil, &APIError{Code: "NoSuchEntity", Message: "The role with name " + name + " cannot be found.", Status: 404}
	}
	trust, err := json.Marshal(r.aws.world.trust(r.account, role))
	if err != nil {
		return nil, err
	}
	path, arn, id, document := cmp.Or(role.Path, "/"), role.arn(r.account, name), roleID(r.account, name), url.QueryEscape(string(trust))
	created := r.aws.world.Now
	return &iam.GetRoleOutput{Role: &types.Role{
		Path: &path, RoleName: &name, RoleId: &id, Arn: &arn, CreateDate: &created, AssumeRolePolicyDocument: &document,
	}}, nil
}

// listRoles lists the roles below a path, with their trust policies.
func listRoles(r *request) (any, error) {
	var roles []types.Role
	for _, name := range sortedKeys(r.acct().Roles) {
		role := r.acct().Roles[name]
		path, arn, id, created := cmp.Or(role.Path, "/"), role.arn(r.account, name), roleID(r.account, name), r.aws.world.Now
		if !strings.HasPrefix(path, r.str("PathPrefix")) {
			continue
		}
		trust, err := json.Marshal(r.aws.world.trust(r.account, role))
		if err != nil {
			return nil, err
		}
		document := url.QueryEscape(string(trust))
		roles = append(roles, types.Role{Path: &path, RoleName: &name, RoleId: &id, Arn: &arn, CreateDate: &created, AssumeRolePolicyDocument: &document})
	}
	cut, next, ok := paginate(r, roles, r.str("Marker"), r.num("MaxItems", 0), 100)
	if !ok {
		return nil, apiError("InvalidInput", "Invalid Marker")
	}
	return &iam.ListRolesOutput{Roles: cut, IsTruncated: next != "", Marker: optional(next)}, nil
}

// listPolicies lists the account's own policies below a path. Those of AWS, which nobody has asked for yet, it does not know.
func listPolicies(r *request) (any, error) {
	if scope := r.str("Scope"); scope != "Local" {
		return nil, &APIError{Code: "NotImplemented", Status: 501, Message: "ListPolicies knows the scope Local alone, not " + scope}
	}
	var policies []types.Policy
	for _, p := range r.acct().ManagedPolicies {
		path, name := p[:strings.LastIndex(p, "/")+1], p[strings.LastIndex(p, "/")+1:]
		if arn := "arn:aws:iam::" + r.account + ":policy" + p; strings.HasPrefix(path, r.str("PathPrefix")) {
			policies = append(policies, types.Policy{Path: &path, PolicyName: &name, Arn: &arn})
		}
	}
	cut, next, ok := paginate(r, policies, r.str("Marker"), r.num("MaxItems", 0), 100)
	if !ok {
		return nil, apiError("InvalidInput", "Invalid Marker")
	}
	return &iam.ListPoliciesOutput{Policies: cut, IsTruncated: next != "", Marker: optional(next)}, nil
}

func listAccountAliases(r *request) (any, error) {
	out := &iam.ListAccountAliasesOutput{AccountAliases: []string{}}
	if alias := r.acct().Alias; alias != "" {
		out.AccountAliases = append(out.AccountAliases, alias)
	}
	return out, nil
}

// simulatePrincipalPolicy evaluates what the real calls are held to, except where AWS's simulator differs: it does not know the values of
// context keys that the caller leaves out, and it ignores service control policies that have conditions.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
func simulatePrincipalPolicy(r *request) (any, error) {
	source, err := r.simulated(r.str("PolicySourceArn"))
	if err != nil {
		return nil, err
	}
	context := condition{}
	for i := 1; r.form.Has("ContextEntries.member." + itoa(i) + ".ContextKeyName"); i++ {
		entry := "ContextEntries.member." + itoa(i) + "."
		context[r.form.Get(entry+"ContextKeyName")] = r.strs(entry + "ContextKeyValues")
	}
	resources := r.strs("ResourceArns")
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var results []types.EvaluationResult
	for _, action := range r.strs("ActionNames") {
		for _, resource := range resources {
			results = append(results, r.aws.simulate(source, access{action: action, resource: resource, context: context}))
		}
	}
	cut, next, ok := paginate(r, results, r.str("Marker"), r.num("MaxItems", 0), 100)
	if !ok {
		return nil, apiError("InvalidInput", "Invalid Marker")
	}
	out := &iam.SimulatePrincipalPolicyOutput{EvaluationResults: cut, IsTruncated: next != ""}
	if next != "" {
		out.Marker = &next
	}
	return out, nil
}

func (r *request) simulated(arn string) (*principal, error) {
	_, resource, _ := strings.Cut(arn, "arn:aws:iam::"+r.account+":")
	kind, path, _ := strings.Cut(resource, "/")
	name := path[strings.LastIndex(path, "/")+1:]
	missing := &APIError{Code: "NoSuchEntity", Message: "The entity " + arn + " cannot be found.", Status: 404}
	switch kind {
	case "role":
		if role := r.acct().Roles[name]; role == nil || role.arn(r.account, name) != arn {
			return nil, missing
		}
		return r.aws.rolePrincipal(r.account, name, "simulated"), nil
	case "user":
		if r.acct().Users[name] == nil {
			return nil, missing
		}
		return r.aws.knownPrincipal(r.account, arn), nil
	}
	return nil, apiError("InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
}

func (a *AWS) simulate(p *principal, want access) types.EvaluationResult {
	decision, organization, boundary := types.PolicyEvaluationDecisionTypeAllowed, true, true
	seen := map[string]bool{}
	missing := []string{}
	for _, l := range a.layers(p) {
		if l.rule == "service-control-policy" {
			l.policies = unconditional(l.policies)
		}
		if l.open || l.rule == "session-policy" || len(l.policies) == 0 && l.rule == "service-control-policy" {
			continue
		}
		for _, key := range contextKeys(l.policies, want) {
			if _, given := want.context.values(key); !given && !seen[key] {
				seen[key] = true
				missing = append(missing, key)
			}
		}
		verdict := evaluate(l.policies, want)
		switch {
		case verdict == explicitDeny:
			decision = types.PolicyEvaluationDecisionTypeExplicitDeny
		case verdict == implicitDeny && decision == types.PolicyEvaluationDecisionTypeAllowed:
			decision = types.PolicyEvaluationDecisionTypeImplicitDeny
		}
		if l.rule == "service-control-policy" {
			organization = verdict == allowed
		}
		if l.rule == "permissions-boundary" {
			boundary = verdict == allowed
		}
	}
	result := types.EvaluationResult{
		EvalActionName: &want.action, EvalResourceName: &want.resource, EvalDecision: decision, MissingContextValues: missing,
		OrganizationsDecisionDetail: &types.OrganizationsDecisionDetail{AllowedByOrganizations: organization},
	}
	if p.boundary != nil {
		result.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: boundary}
	}
	return result
}

// unconditional drops the policies that have any condition.
func unconditional(policies []Policy) []Policy {
	var kept []Policy
	for _, p := range policies {
		conditional := false
		for _, s := range p.Statement {
			conditional = conditional || len(s.Condition) > 0
		}
		if !conditional {
			kept = append(kept, p)
		}
	}
	return kept
}

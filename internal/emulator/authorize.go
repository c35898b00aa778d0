package emulator

import (
	"cmp"
	"fmt"
	"slices"
)

// layer is one kind of policy that every request has to pass.
type layer struct {
	rule     string // switched off by Options.WithoutRules
	name     string // as AWS's messages call it
	article  string
	policies []Policy
	open     bool // nothing is attached: passes
}

// layers are the policies between a caller and an action, in AWS's order of evaluation.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (a *AWS) layers(p *principal) []layer {
	scps := a.world.Accounts[p.Account].SCPs
	return []layer{
		{rule: "service-control-policy", name: "service control policy", article: "a", policies: scps, open: len(scps) == 0},
		{rule: "permissions-boundary", name: "permissions boundary", article: "a", policies: documents(p.boundary), open: p.boundary == nil},
		{rule: "session-policy", name: "session policy", article: "a", policies: documents(p.session), open: p.session == nil},
		{rule: "identity-policy", name: "identity-based policy", article: "an", policies: p.policies, open: p.unrestricted || p.root},
	}
}

// authorize checks every action of the request on every resource that it names. A resource-based policy, where the
// service has one, is weighed by the service's own code.
func (a *AWS) authorize(r *request, o op) error {
	if o.public {
		return nil
	}
	resources := []string{"*"}
	if o.resource != nil {
		if named := o.resource(r); len(named) > 0 {
			resources = named
		}
	}
	context := r.context()
	if o.context != nil {
		for key, values := range o.context(r) {
			context[key] = values
		}
	}
	policy, owner := (*Policy)(nil), r.account
	if o.policy != nil {
		policy, owner = o.policy(r)
	}
	for _, action := range r.actions(o) {
		for _, resource := range resources {
			want := access{caller: r.principal, action: action, resource: resource, context: context}
			if reason := a.decide(r.principal, want, policy, owner); reason != "" {
				return r.service.denied(notAuthorized(r.principal, action, resource, reason))
			}
			a.grant(r.principal, want)
		}
	}
	return nil
}

// mayDepend holds the caller to what the service does with the caller's rights besides.
func (r *request) mayDepend(action, resource string) error {
	want := access{caller: r.principal, action: action, resource: resource, context: r.context()}
	if reason := r.aws.refusal(r.principal, want); reason != "" {
		return r.service.denied(notAuthorized(r.principal, action, resource, reason))
	}
	r.aws.grant(r.principal, want)
	return nil
}

// decide weighs the caller's policies and the resource's own. Inside one account either may allow; across accounts both must.
func (a *AWS) decide(p *principal, want access, policy *Policy, owner string) string {
	reason := a.refusal(p, want)
	if !a.enforces("resource-policy") || policy == nil && owner == p.Account {
		return reason
	}
	document := documents(policy)
	verdict := evaluate(document, want)
	switch {
	case verdict == explicitDeny:
		return "with an explicit deny in a resource-based policy"
	case owner != p.Account && verdict != allowed && reason == "":
		return noResourcePolicy(want.action)
	case owner == p.Account && reason == noIdentityPolicy(want.action):
		byName := want
		byName.itself = true
		if find(document, "Allow", byName) != nil {
			return ""
		}
	}
	return reason
}

func documents(p *Policy) []Policy {
	if p == nil {
		return nil
	}
	return []Policy{*p}
}

func noResourcePolicy(action string) string {
	return fmt.Sprintf("because no resource-based policy allows the %s action", action)
}

func noIdentityPolicy(action string) string {
	return fmt.Sprintf("because no identity-based policy allows the %s action", action)
}

// refusal says why the caller may not, in AWS's words, or nothing where it may.
func (a *AWS) refusal(p *principal, want access) string {
	layers := a.layers(p)
	for _, l := range layers {
		if a.enforces(l.rule) && !l.open && find(l.policies, "Deny", want) != nil {
			return fmt.Sprintf("with an explicit deny in %s %s", l.article, l.name)
		}
	}
	for _, l := range layers {
		if a.enforces(l.rule) && !l.open && find(l.policies, "Allow", want) == nil {
			return fmt.Sprintf("because no %s allows the %s action", l.name, want.action)
		}
	}
	return ""
}

func notAuthorized(p *principal, action, resource, reason string) string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", p.ARN, action, resource, reason)
}

// context holds the global condition keys of a request.
func (r *request) context() condition {
	p := r.principal
	c := condition{
		"aws:RequestedRegion":  {r.region},
		"aws:PrincipalAccount": {p.Account},
		"aws:PrincipalArn":     {cmp.Or(p.roleARN, p.ARN)}, // for a role's session, the role
		"aws:userid":           {p.UserID},
		"aws:CurrentTime":      {r.now.UTC().Format("2006-01-02T15:04:05Z")},
		"aws:SecureTransport":  {"true"}, // the emulator stands for the HTTPS endpoint
		"aws:PrincipalType":    {"User"},
	}
	if organization := r.aws.world.Organization; organization != "" {
		c["aws:PrincipalOrgID"] = []string{organization}
	}
	switch {
	case p.root:
		c["aws:PrincipalType"] = []string{"Account"}
	case p.viaRole:
		c["aws:PrincipalType"] = []string{"AssumedRole"}
	default:
		c["aws:username"] = []string{p.sourceName}
	}
	return c
}

// regionEnabled reports whether the account can use the Region.
func (a *AWS) regionEnabled(account, region string) bool {
	return !optIn[region] || slices.Contains(a.world.Accounts[account].Regions.Enabled, region)
}

package emulator

import (
	"fmt"
	"net/http"
)

// Act is what an AWS service does by itself, without a call of the API that could be signed: it assumes a role and acts in its name, or it
// acts on a resource whose policy admits it. The replay plays such services, and the same policies hold.
type Act struct {
	Service  string // principal, such as "lambda.amazonaws.com"
	Source   string // ARN of what it acts for: aws:SourceArn
	Account  string // of what it acts for: aws:SourceAccount
	Role     string // ARN of the role that it assumes; "": none
	Action   string // "": to assume the role is all
	Resource string
}

// Authorize returns an *APIError where the policies do not allow an act.
func (a *AWS) Authorize(act Act) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	service := &principal{ARN: act.Service, service: act.Service}
	want := access{caller: service, action: act.Action, resource: act.Resource, context: condition{
		"aws:SourceArn": {act.Source}, "aws:SourceAccount": {act.Account}, "aws:SecureTransport": {"true"}, "aws:PrincipalIsAWSService": {"true"},
	}}
	if act.Role == "" {
		policy, _ := a.resourcePolicy(act.Resource)
		return a.admit(act.Resource, policy, want)
	}
	account, role, name, err := a.role(act.Role)
	if err != nil {
		return err
	}
	if role == nil {
		return actDenied(act.Service + " cannot assume the role " + act.Role + ", which does not exist")
	}
	assume := want
	assume.action, assume.resource = "sts:AssumeRole", act.Role
	if err := a.admit(act.Role, a.world.trust(account, role), assume); err != nil || act.Action == "" {
		return err
	}
	p := a.rolePrincipal(account, name, "session")
	r := &request{aws: a, principal: p, account: account, now: a.now()}
	want.caller, want.context = p, r.context()
	if reason := a.refusal(p, want); reason != "" {
		return actDenied(notAuthorized(p, act.Action, act.Resource, reason))
	}
	a.grant(p, want)
	return nil
}

// admit asks the policy of a resource, or a role's trust policy, about a service.
func (a *AWS) admit(holder string, policy *Policy, want access) error {
	if evaluate(documents(policy), want) != allowed {
		return actDenied(fmt.Sprintf("%s is not authorized to perform: %s on resource: %s", want.caller.ARN, want.action, want.resource))
	}
	a.note(holder, documents(policy), want)
	return nil
}

func actDenied(message string) error {
	return &APIError{Code: "AccessDeniedException", Message: message, Status: http.StatusForbidden}
}

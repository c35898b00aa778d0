package emulator

import "strings"

// mayUseKey holds the caller to a customer managed key, on which the service acts in the caller's name. Unlike other resource policies a
// key's is never left out of account: where it does not admit the caller, or the caller's account, no other policy helps.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
func (r *request) mayUseKey(key, action string) error {
	want := access{caller: r.principal, action: action, resource: key, context: r.context()}
	want.context["kms:ViaService"] = []string{r.service.name + "." + r.region + ".amazonaws.com"}
	policy, owner := r.aws.resourcePolicy(key)
	reason := r.aws.decide(r.principal, want, policy, owner)
	if reason == "" && policy != nil && r.aws.enforces("resource-policy") && evaluate([]Policy{*policy}, want) != allowed {
		reason = noResourcePolicy(action)
	}
	if reason != "" {
		return r.service.denied(notAuthorized(r.principal, action, key, reason))
	}
	r.aws.grant(r.principal, want)
	if policy != nil {
		r.aws.note(key, []Policy{*policy}, want)
	}
	return nil
}

// resourcePolicy is the policy of something that only has one, and the account that owns it. A key without one has KMS's default, by which
// the account's own policies decide.
func (a *AWS) resourcePolicy(arn string) (*Policy, string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || a.world.Accounts[parts[4]] == nil {
		return nil, ""
	}
	return a.world.Accounts[parts[4]].ResourcePolicies[arn], parts[4]
}

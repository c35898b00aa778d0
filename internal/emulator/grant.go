package emulator

import (
	"cmp"
	"maps"
	"slices"
)

// Grant is a permission that was needed, as the policy has it: one action and one resource of the statement that allowed something.
type Grant struct {
	Holder   string // ARN of the role whose policy it is, or of the resource
	Action   string // pattern
	Resource string // pattern; "" in trust policies
}

// Grants lists the permissions of roles and resources that were needed so far, sorted. One that another one covers is not among them.
func (a *AWS) Grants() []Grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.SortedFunc(maps.Keys(a.granted), func(x, y Grant) int {
		return cmp.Or(cmp.Compare(x.Holder, y.Holder), cmp.Compare(x.Action, y.Action), cmp.Compare(x.Resource, y.Resource))
	})
}

// grant notes what of a role's policies allowed something.
func (a *AWS) grant(p *principal, want access) {
	if p.roleARN != "" {
		a.note(p.roleARN, p.policies, want)
	}
}

// note notes the statement that allowed something, if one did.
func (a *AWS) note(holder string, policies []Policy, want access) {
	if a.brief {
		return
	}
	s := find(policies, "Allow", want)
	if s == nil {
		return
	}
	g := Grant{Holder: holder}
	if i := matching(s.Action, want.action, fold); i >= 0 {
		g.Action = s.Action[i]
	}
	if i := matching(s.substituted(s.Resource, want), want.resource, exact); i >= 0 {
		g.Resource = s.Resource[i]
	}
	a.granted[g] = true
}

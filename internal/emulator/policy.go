package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Policy is an IAM policy document. Equal documents share what was read: it is not to be changed.
type Policy struct {
	Version   string      `json:"Version,omitempty"`
	ID        string      `json:"Id,omitempty"`
	Statement []Statement `json:"Statement"`
}

// Statement is one statement of a policy document.
type Statement struct {
	Sid          string                           `json:"Sid,omitempty"`
	Effect       string                           `json:"Effect"`
	Principal    principals                       `json:"Principal,omitempty"`
	NotPrincipal principals                       `json:"NotPrincipal,omitempty"`
	Action       stringList                       `json:"Action,omitempty"`
	NotAction    stringList                       `json:"NotAction,omitempty"`
	Resource     stringList                       `json:"Resource,omitempty"`
	NotResource  stringList                       `json:"NotResource,omitempty"`
	Condition    map[string]map[string]stringList `json:"Condition,omitempty"`
}

// documentsRead keeps texts that were read: worlds hold the same few policies every time. In a crowd each account has its own, which are not worth
// keeping.
var documentsRead = struct {
	sync.RWMutex
	byText map[string]Policy
}{byText: map[string]Policy{}}

const mostDocuments = 2_000

// UnmarshalJSON reads a document strictly and accepts a single statement without its list.
func (p *Policy) UnmarshalJSON(data []byte) error {
	documentsRead.RLock()
	known, ok := documentsRead.byText[string(data)]
	documentsRead.RUnlock()
	if ok {
		*p = known
		return nil
	}
	if err := p.read(data); err != nil {
		return err
	}
	documentsRead.Lock()
	defer documentsRead.Unlock()
	if len(documentsRead.byText) < mostDocuments {
		documentsRead.byText[string(data)] = *p
	}
	return nil
}

func (p *Policy) read(data []byte) error {
	var raw struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}
	if err := strict(data, &raw); err != nil {
		return fmt.Errorf("policy document: %w", err)
	}
	*p = Policy{Version: raw.Version, ID: raw.ID}
	if len(raw.Statement) > 0 && raw.Statement[0] == '{' {
		p.Statement = make([]Statement, 1)
		if err := strict(raw.Statement, &p.Statement[0]); err != nil {
			return fmt.Errorf("policy document: %w", err)
		}
	} else if err := strict(raw.Statement, &p.Statement); err != nil {
		return fmt.Errorf("policy document: %w", err)
	}
	for i, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return fmt.Errorf("policy document: statement %d: Effect is Allow or Deny, not %q", i+1, s.Effect)
		}
		if (s.Action == nil) == (s.NotAction == nil) {
			return fmt.Errorf("policy document: statement %d needs either Action or NotAction", i+1)
		}
		for operator := range s.Condition {
			if _, ok := conditionOperator(operator); !ok {
				return fmt.Errorf("policy document: statement %d: condition operator %q is not implemented", i+1, operator)
			}
		}
	}
	return nil
}

// stringList is a JSON string or a list of them; booleans and numbers are taken as their text, as IAM does.
type stringList []string

// UnmarshalJSON accepts one value or a list.
func (l *stringList) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	values, isList := value.([]any)
	if !isList {
		values = []any{value}
	}
	*l = stringList{}
	for _, v := range values {
		switch v := v.(type) {
		case string, bool, float64:
			*l = append(*l, fmt.Sprint(v))
		default:
			return fmt.Errorf("%s is not text or a list of texts", data)
		}
	}
	return nil
}

// principals are the values of a Principal element by type; "*" stands for {"AWS": "*"}.
type principals map[string]stringList

// UnmarshalJSON accepts "*" and a map.
func (p *principals) UnmarshalJSON(data []byte) error {
	if string(data) == `"*"` {
		*p = principals{"AWS": {"*"}}
		return nil
	}
	byType := map[string]stringList{}
	if err := json.Unmarshal(data, &byType); err != nil {
		return err
	}
	*p = byType
	return nil
}

// names reports whether a Principal element names the caller: its ARN, its role's ARN, its account or everybody, or the service that it is.
func (p principals) names(caller *principal) bool {
	return p.namesItself(caller) ||
		slices.Contains(p["AWS"], caller.Account) || slices.Contains(p["AWS"], "arn:aws:iam::"+caller.Account+":root")
}

// namesItself reports whether a Principal element names the caller in another way than by its account.
func (p principals) namesItself(caller *principal) bool {
	if caller.service != "" {
		return slices.Contains(p["Service"], caller.service) || slices.Contains(p["AWS"], "*")
	}
	for _, value := range p["AWS"] {
		switch value {
		case "*", caller.ARN, caller.roleARN:
			return true
		}
	}
	return false
}

// condition holds the context of a request by condition key; IAM compares keys without case.
type condition map[string][]string

func (c condition) values(key string) ([]string, bool) {
	for name, values := range c {
		if strings.EqualFold(name, key) {
			return values, true
		}
	}
	return nil, false
}

// access is one thing that a caller wants to do.
type access struct {
	caller   *principal // for Principal elements; nil in identity policies
	action   string
	resource string
	context  condition
	// itself leaves out the statements that name the caller's account: such a statement lets the account's own policies decide.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-accounts
	itself bool
}

// verdict of a set of policies.
type verdict int

const (
	implicitDeny verdict = iota
	allowed
	explicitDeny
)

// evaluate returns what the policies say together: an explicit deny outweighs any allow.
func evaluate(policies []Policy, want access) verdict {
	switch {
	case find(policies, "Deny", want) != nil:
		return explicitDeny
	case find(policies, "Allow", want) != nil:
		return allowed
	}
	return implicitDeny
}

// find is the first statement of this effect that applies, nil where none does.
func find(policies []Policy, effect string, want access) *Statement {
	for i := range policies {
		for j := range policies[i].Statement {
			if s := &policies[i].Statement[j]; s.Effect == effect && s.applies(want) {
				return s
			}
		}
	}
	return nil
}

func (s *Statement) applies(want access) bool {
	switch {
	case s.Action != nil && matching(s.Action, want.action, fold) < 0:
		return false
	case s.NotAction != nil && matching(s.NotAction, want.action, fold) >= 0:
		return false
	case s.Resource != nil && matching(s.substituted(s.Resource, want), want.resource, exact) < 0:
		return false
	case s.NotResource != nil && matching(s.substituted(s.NotResource, want), want.resource, exact) >= 0:
		return false
	case s.Principal != nil && !s.admits(want):
		return false
	case s.NotPrincipal != nil && want.caller != nil && s.NotPrincipal.names(want.caller):
		return false
	}
	for operator, tests := range s.Condition {
		compare, _ := conditionOperator(operator) // unknown ones were refused when the document was read
		for key, patterns := range tests {
			if !compare(want.context, key, s.substituted(patterns, want)) {
				return false
			}
		}
	}
	return true
}

func (s *Statement) admits(want access) bool {
	switch {
	case want.caller == nil:
		return false
	case want.itself:
		return s.Principal.namesItself(want.caller)
	}
	return s.Principal.names(want.caller)
}

// substituted replaces policy variables such as ${aws:PrincipalAccount}.
func (s *Statement) substituted(values []string, want access) []string {
	if !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "${") }) {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		for key, actual := range want.context {
			if len(actual) == 1 {
				v = strings.ReplaceAll(v, "${"+key+"}", actual[0])
			}
		}
		out[i] = v
	}
	return out
}

// matching is the index of the first pattern that matches, -1 where none does.
func matching(patterns []string, value string, letters casing) int {
	return slices.IndexFunc(patterns, func(pattern string) bool { return matches(pattern, value, letters) })
}

// wildcard matches IAM's patterns: * is any text, ? is any one character.
func wildcard(pattern, value string) bool { return matches(pattern, value, exact) }

// casing is how letters compare: IAM compares actions without case.
type casing bool

const (
	exact casing = false
	fold  casing = true
)

func (c casing) same(a, b byte) bool {
	return a == b || bool(c) && small(a) == small(b)
}

func small(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func matches(pattern, value string, letters casing) bool {
	star, mark := -1, 0
	p, v := 0, 0
	for v < len(value) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			if p++; p == len(pattern) {
				return true
			}
			star, mark = p-1, v
		case p < len(pattern) && (pattern[p] == '?' || letters.same(pattern[p], value[v])):
			p, v = p+1, v+1
		case star >= 0:
			mark++
			p, v = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// conditionOperator returns how an operator compares the request's values of a key with a policy's values.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func conditionOperator(name string) (func(c condition, key string, patterns []string) bool, bool) {
	base, ifExists := strings.CutSuffix(name, "IfExists")
	var every, some bool
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, every = rest, true
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		base, some = rest, true
	}
	if base == "Null" {
		return func(c condition, key string, patterns []string) bool {
			values, ok := c.values(key)
			return slices.Contains(patterns, strconv.FormatBool(!ok || len(values) == 0))
		}, true
	}
	equal := map[string]func(pattern, value string) bool{
		"StringEquals":              func(p, v string) bool { return p == v },
		"StringEqualsIgnoreCase":    strings.EqualFold,
		"StringLike":                wildcard,
		"ArnEquals":                 wildcard, // the two behave alike
		"ArnLike":                   wildcard,
		"Bool":                      strings.EqualFold,
		"StringNotEquals":           func(p, v string) bool { return p == v },
		"StringNotEqualsIgnoreCase": strings.EqualFold,
		"StringNotLike":             wildcard,
		"ArnNotEquals":              wildcard,
		"ArnNotLike":                wildcard,
		"NumericEquals":             compareNumbers(func(p, v float64) bool { return v == p }),
		"NumericLessThan":           compareNumbers(func(p, v float64) bool { return v < p }),
		"NumericLessThanEquals":     compareNumbers(func(p, v float64) bool { return v <= p }),
		"NumericGreaterThan":        compareNumbers(func(p, v float64) bool { return v > p }),
		"NumericGreaterThanEquals":  compareNumbers(func(p, v float64) bool { return v >= p }),
	}[base]
	if equal == nil {
		return nil, false
	}
	negated := strings.Contains(base, "Not")
	return func(c condition, key string, patterns []string) bool {
		values, ok := c.values(key)
		if !ok || len(values) == 0 {
			// An absent key fails a positive test and passes a negated one, IfExists and ForAllValues.
			return ifExists || every || negated && !some
		}
		holds := func(value string) bool {
			found := slices.ContainsFunc(patterns, func(p string) bool { return equal(p, value) })
			return found != negated
		}
		if some {
			return slices.ContainsFunc(values, holds)
		}
		return !slices.ContainsFunc(values, func(v string) bool { return !holds(v) })
	}, true
}

// compareNumbers fails where either side is no number.
func compareNumbers(holds func(pattern, value float64) bool) func(pattern, value string) bool {
	return func(pattern, value string) bool {
		p, bad := strconv.ParseFloat(pattern, 64)
		v, worse := strconv.ParseFloat(value, 64)
		return bad == nil && worse == nil && holds(p, v)
	}
}

// contextKeys lists the condition keys that policies ask about for an action.
func contextKeys(policies []Policy, want access) []string {
	var keys []string
	for _, p := range policies {
		for _, s := range p.Statement {
			bare := s
			bare.Condition = nil
			if !bare.applies(want) {
				continue
			}
			for _, tests := range s.Condition {
				keys = append(keys, sortedKeys(tests)...)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

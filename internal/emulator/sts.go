package emulator

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// Both operations are public here: GetCallerIdentity needs no permission, and AssumeRole weighs identity and trust itself.
var stsOperations = map[string]op{
	"GetCallerIdentity": {run: getCallerIdentity, public: true},
	"AssumeRole":        {run: assumeRole, public: true, required: []string{"RoleArn", "RoleSessionName"}},
}

const assumeRolePage = "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"

var stsRules = []rule{
	{name: "role-trust", page: assumeRolePage}, // in assumeRole
	{name: "role-chaining-one-hour", operations: []string{"AssumeRole"}, page: assumeRolePage, check: checkSessionDuration},
	{name: "session-name", operations: []string{"AssumeRole"}, page: assumeRolePage, check: checkSessionName},
	{name: "session-policy-size", operations: []string{"AssumeRole"}, page: assumeRolePage, check: checkSessionPolicySize},
	{name: "service-control-policy", page: evaluationPage}, // these four are layers of every authorization
	{name: "permissions-boundary", page: evaluationPage},
	{name: "session-policy", page: evaluationPage},
	{name: "identity-policy", page: evaluationPage},
	{name: "resource-policy", page: evaluationPage},
}

const evaluationPage = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"

func getCallerIdentity(r *request) (any, error) {
	return &sts.GetCallerIdentityOutput{Account: &r.account, Arn: &r.principal.ARN, UserId: &r.principal.UserID}, nil
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func checkSessionName(r *request) error {
	if name := r.str("RoleSessionName"); !sessionName.MatchString(name) {
		return apiError("ValidationError", "1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]* and have length between 2 and 64", name)
	}
	return nil
}

// maxSessionPolicy is the longest session policy in characters.
const maxSessionPolicy = 2048

func checkSessionPolicySize(r *request) error {
	if size := len([]rune(r.str("Policy"))); size > maxSessionPolicy {
		return apiError("ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to %d (it has %d)", maxSessionPolicy, size)
	}
	return nil
}

func checkSessionDuration(r *request) error {
	if seconds := r.num("DurationSeconds", 3600); r.principal.viaRole && seconds > 3600 {
		return apiError("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	return nil
}

func assumeRole(r *request) (any, error) {
	arn := r.str("RoleArn")
	account, role, name, err := r.aws.role(arn)
	if err != nil {
		return nil, err
	}
	if r.principal.root {
		return nil, r.service.denied("Roles may not be assumed by root accounts.")
	}
	if err := r.mayAssume(account, role, arn); err != nil {
		return nil, err
	}
	seconds := r.num("DurationSeconds", 3600)
	if seconds < 900 || seconds > 43200 {
		return nil, apiError("ValidationError", "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200", seconds)
	}
	session := &Session{
		SecretAccessKey: stableID(r.requestID, "secret") + stableID(r.requestID, "secret", "2"),
		SessionToken:    "emulated-session-token/" + r.requestID,
		Account:         account, Role: name, Name: r.str("RoleSessionName"),
		Expiration: r.now.Add(time.Duration(seconds) * time.Second),
	}
	if document := r.str("Policy"); document != "" {
		session.Policy = new(Policy)
		if err := session.Policy.read([]byte(document)); err != nil { // hardly any is like another: none is kept beside its session
			return nil, apiError("MalformedPolicyDocument", "%v", err)
		}
	}
	key := "ASIA" + stableID(r.requestID, "key")
	if r.aws.world.Sessions == nil {
		r.aws.world.Sessions = map[string]*Session{}
	}
	r.aws.world.Sessions[key] = session
	p := r.aws.sessionPrincipal(session)
	return &sts.AssumeRoleOutput{
		AssumedRoleUser: &types.AssumedRoleUser{Arn: &p.ARN, AssumedRoleId: &p.UserID},
		Credentials: &types.Credentials{
			AccessKeyId: &key, SecretAccessKey: &session.SecretAccessKey, SessionToken: &session.SessionToken, Expiration: &session.Expiration,
		},
	}, nil
}

// role finds a role by its ARN; the role is nil where there is none, which AWS does not tell from a refusal.
func (a *AWS) role(arn string) (account string, role *Role, name string, err error) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	account, resource, _ := strings.Cut(rest, ":")
	path, isRole := strings.CutPrefix(resource, "role/")
	if !ok || !isRole {
		return "", nil, "", apiError("ValidationError", "%s is invalid", arn)
	}
	name = path[strings.LastIndex(path, "/")+1:]
	if owner := a.world.Accounts[account]; owner != nil {
		if role = owner.Roles[name]; role != nil && role.arn(account, name) != arn {
			role = nil // right name, wrong path
		}
	}
	return account, role, name, nil
}

// mayAssume holds caller and role together: nothing may deny, the role must trust the caller, and the caller's own
// policies must allow it unless a role of the same account trusts the caller by name.
func (r *request) mayAssume(account string, role *Role, arn string) error {
	want := access{caller: r.principal, action: "sts:AssumeRole", resource: arn, context: r.context()}
	want.context["sts:RoleSessionName"] = []string{r.str("RoleSessionName")}
	if id := r.str("ExternalId"); id != "" {
		want.context["sts:ExternalId"] = []string{id}
	}
	reason, trusted := r.aws.refusal(r.principal, want), implicitDeny
	var trust []Policy
	if role != nil {
		trust = []Policy{*r.aws.world.trust(account, role)}
		trusted = evaluate(trust, want)
		if !r.aws.enforces("role-trust") {
			trusted = allowed
		}
	}
	byName := want
	byName.itself = true
	if account == r.account && trusted == allowed && reason == noIdentityPolicy(want.action) && find(trust, "Allow", byName) != nil {
		reason = ""
	}
	switch {
	case reason != "":
		return r.service.denied(notAuthorized(r.principal, want.action, arn, reason))
	case trusted != allowed:
		// AWS gives no reason here: a role that does not exist looks like one that does not trust.
		return r.service.denied(fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", r.principal.ARN, arn))
	}
	r.aws.grant(r.principal, want)
	r.aws.note(arn, trust, want)
	return nil
}

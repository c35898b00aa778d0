package closing

import (
	"regexp"
	"slices"
	"strings"
)

// Unverified stands for a starter whom nothing names.
const Unverified = "unverified"

// identityCenterRole is the role that IAM Identity Center makes of a permission set.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
var identityCenterRole = regexp.MustCompile(`^AWSReservedSSO_.+_[0-9a-f]{16}$`)

// role is the person that a role is.
var role = regexp.MustCompile(`^arn:[^:]+:iam::[0-9]{12}:role/`)

// People tells behind the sessions of which roles there are people. Any other role is one person, however its sessions are called.
type People struct {
	Home string `json:"home"` // the hub account, whose Identity Center roles are
	// IdentityCenter are further accounts whose Identity Center roles are. Whoever may make roles there is trusted not to imitate them.
	IdentityCenter []string `json:"identityCenterAccounts,omitempty"`
	// SessionRoles are ARNs of roles whose trust policy lets nobody take another session name than his own.
	SessionRoles []string `json:"sessionRoles,omitempty"`
}

// session is an assumed role, as STS names it: without the role's path.
type session struct{ partition, account, role, name string }

func sessionOf(principal string) (session, bool) {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sts" || !accountID.MatchString(parts[4]) {
		return session{}, false
	}
	words := strings.Split(parts[5], "/")
	if len(words) != 3 || words[0] != "assumed-role" || words[1] == "" || words[2] == "" {
		return session{}, false
	}
	return session{parts[1], parts[4], words[1], words[2]}, true
}

// arn is the role's, without its path.
func (s session) arn() string { return "arn:" + s.partition + ":iam::" + s.account + ":role/" + s.role }

// is tells whether it is a session of this role, whatever the role's path.
func (s session) is(role string) bool {
	before, name, _ := strings.Cut(role, ":role/")
	return before+":role/"+name[strings.LastIndex(name, "/")+1:] == s.arn()
}

// permissionSet is the one that Identity Center made the role of, "" for another role.
func (s session) permissionSet() string {
	if !identityCenterRole.MatchString(s.role) {
		return ""
	}
	return s.role[len("AWSReservedSSO_") : len(s.role)-len("_0123456789abcdef")]
}

// IdentityCenterRole is the name of the role of an account that People takes for one of Identity Center's, "" for any other principal.
// A name alone is no proof of that.
func IdentityCenterRole(principal, account string) string {
	if s, ok := sessionOf(principal); ok && s.account == account && s.permissionSet() != "" {
		return s.role
	}
	return ""
}

// Person is who is counted for a principal, and false for a principal that cannot be counted. An IAM user and the root user are
// themselves. Behind an Identity Center role stands the person whom the session is named after, whichever permission set he uses, and
// behind a role whose trust fixes that name, too. Any other role is one person, however many sessions it has, because whoever assumes
// it chooses the session's name; and another account could name a role as it likes. Federated users are named by whoever makes them.
func (p People) Person(principal string) (string, bool) {
	if s, ok := sessionOf(principal); ok {
		if p.behind(s) {
			return s.name, true
		}
		return s.arn(), true
	}
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "iam" || !accountID.MatchString(parts[4]) {
		return "", false
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	return principal, kind == "user" && name != "" || kind == "root" && name == ""
}

// behind tells whether there is the person behind a session whom it is named after.
func (p People) behind(s session) bool {
	if s.permissionSet() != "" && (s.account == p.Home || slices.Contains(p.IdentityCenter, s.account)) {
		return true
	}
	return slices.ContainsFunc(p.SessionRoles, s.is)
}

// accountOf is the account that an ARN names, or "".
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

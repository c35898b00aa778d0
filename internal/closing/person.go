package closing

import (
	"regexp"
	"strings"
)

// Unverified stands for a starter whom nothing names.
const Unverified = "unverified"

// identityCenterRole is the role that IAM Identity Center makes of a permission set.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
var identityCenterRole = regexp.MustCompile(`^AWSReservedSSO_.+_[0-9a-f]{16}$`)

// role is the person that a role is.
var role = regexp.MustCompile(`^arn:[^:]+:iam::[0-9]{12}:role/`)

// IdentityCenterRole is the name of the role of the home account that Person takes for one of Identity Center's, "" for any other
// principal. A name alone is no proof of that.
func IdentityCenterRole(principal, home string) string {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) != 6 || parts[2] != "sts" || parts[4] != home {
		return ""
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	name, _, _ := strings.Cut(rest, "/")
	if kind != "assumed-role" || !identityCenterRole.MatchString(name) {
		return ""
	}
	return name
}

// Person is who is counted for a principal, and false for a principal that cannot be counted. An IAM user and the root user are
// themselves. Behind an Identity Center role of the home account stands the person whom the session is named after, whichever
// permission set he uses; another account could name a session as it likes. Any other role is one person, however many sessions
// it has, because whoever assumes it chooses the session's name. Federated users are named by whoever makes them, too.
func Person(principal, home string) (string, bool) {
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !accountID.MatchString(parts[4]) {
		return "", false
	}
	partition, service, account, resource := parts[1], parts[2], parts[4], parts[5]
	kind, name, _ := strings.Cut(resource, "/")
	switch service + " " + kind {
	case "iam user":
		return principal, name != ""
	case "iam root":
		return principal, name == ""
	case "sts assumed-role":
		role, session, named := strings.Cut(name, "/")
		if role == "" || !named || session == "" || strings.Contains(session, "/") {
			return "", false
		}
		if account == home && identityCenterRole.MatchString(role) {
			return session, true
		}
		return "arn:" + partition + ":iam::" + account + ":role/" + role, true
	}
	return "", false
}

// accountOf is the account that an ARN names, or "".
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

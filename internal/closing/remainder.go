package closing

import (
	"fmt"
	"regexp"
	"strings"
)

// Remainder is what a closing leaves of one kind, since it is not QuickSight's to delete, or not ours.
type Remainder struct {
	Kind    RemainderKind `json:"kind"`
	N       int           `json:"n"`
	Names   []string      `json:"names,omitempty"` // the first MaxRemaining, sorted: ARNs where there are any
	Shown   string        `json:"shown"`           // the call that tells of them
	Refused string        `json:"refused,omitempty"`
}

// MaxRemaining is how many names of a kind a plan and a report carry.
const MaxRemaining = 50

// RemainderKind is a kind of what remains.
type RemainderKind string

// The kinds, in the order in which they are shown.
const (
	RemainingRole        RemainderKind = "service role"
	RemainingPolicy      RemainderKind = "service policy"
	RemainingSourceRole  RemainderKind = "role of a data source or VPC connection"
	RemainingKey         RemainderKind = "KMS key"
	RemainingSecret      RemainderKind = "secret"
	RemainingBucket      RemainderKind = "S3 bucket"
	RemainingApplication RemainderKind = "IAM Identity Center application"
)

// What says what remains, and whose it is.
func (r Remainder) What() string {
	if r.Refused != "" {
		return fmt.Sprintf("whether a %s remains is not known: %s answers %s", r.Kind, r.Shown, r.Refused)
	}
	const few = 5
	names := make([]string, 0, few)
	for _, name := range r.Names[:min(len(r.Names), few)] {
		names = append(names, name[strings.LastIndex(name, ":")+1:])
	}
	text := strings.Join(names, ", ")
	if more := r.N - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s remains: %s (%s)", r.Kind, text, r.Why())
}

// Why says why this workflow leaves such a thing.
func (r Remainder) Why() string {
	switch r.Kind {
	case RemainingRole:
		return "QuickSight made it when access was granted in its console; nothing says whether anything else uses it by now"
	case RemainingPolicy:
		return "QuickSight made it for its service roles; it can go once no role has it"
	case RemainingSourceRole:
		return "it is yours; QuickSight used it to reach data"
	case RemainingKey:
		return "it is yours, encrypts what else uses it, and costs until it is deleted; deleting a key makes everything unreadable that it encrypted"
	case RemainingSecret:
		return "it is yours, with the credentials of a data source, and costs until it is deleted"
	case RemainingBucket:
		return "it is yours; its policy may name QuickSight's roles"
	case RemainingApplication:
		return "after closing it may be there still, and can then only be disabled, no longer deleted"
	default:
		return ""
	}
}

// CleanUp are the commands that remove, or look at, one of a kind.
func (r Remainder) CleanUp(name string) []string {
	id := word(name[strings.LastIndex(name, "/")+1:])
	region := word(regionIn(name))
	name = word(name)
	switch r.Kind {
	case RemainingRole:
		return []string{
			"for arn in $(aws iam list-attached-role-policies --role-name " + id + " --query 'AttachedPolicies[].PolicyArn' --output text); do aws iam detach-role-policy --role-name " + id + " --policy-arn $arn; done",
			"for policy in $(aws iam list-role-policies --role-name " + id + " --query 'PolicyNames[]' --output text); do aws iam delete-role-policy --role-name " + id + " --policy-name $policy; done",
			"aws iam delete-role --role-name " + id,
		}
	case RemainingPolicy:
		return []string{
			"for role in $(aws iam list-entities-for-policy --policy-arn " + name + " --query 'PolicyRoles[].RoleName' --output text); do aws iam detach-role-policy --role-name $role --policy-arn " + name + "; done",
			"for version in $(aws iam list-policy-versions --policy-arn " + name + " --query 'Versions[?!IsDefaultVersion].VersionId' --output text); do aws iam delete-policy-version --policy-arn " + name + " --version-id $version; done",
			"aws iam delete-policy --policy-arn " + name,
		}
	case RemainingSourceRole:
		return []string{"aws iam get-role --role-name " + id + " --query Role.RoleLastUsed"}
	case RemainingKey:
		return []string{"aws kms list-grants --region " + region + " --key-id " + name + " --query \"Grants[?contains(GranteePrincipal, 'quicksight')].GrantId\""}
	case RemainingSecret:
		return []string{"aws secretsmanager delete-secret --region " + region + " --secret-id " + name + " --recovery-window-in-days 30"}
	case RemainingBucket:
		return []string{"aws s3api get-bucket-policy --bucket " + name + " --query Policy --output text"}
	case RemainingApplication:
		return []string{"aws sso-admin update-application --status DISABLED --application-arn " + name}
	default:
		return nil
	}
}

var plainWord = regexp.MustCompile(`^[\w.:/@+=,-]+$`)

// word is a name as one word of a shell's line.
func word(name string) string {
	if plainWord.MatchString(name) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// regionIn is the region of an ARN.
func regionIn(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

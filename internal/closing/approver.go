package closing

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Approver is a person who may decide, as configuration names him.
type Approver struct {
	Person string `json:"person"` // who is counted: what his sessions are called, the ARN of his only principal, or any name
	Email  string `json:"email"`  // where he is asked
	// Principals are what he decides by: names of permission sets, and ARNs of IAM users and roles. None: whatever Person is.
	Principals []string `json:"principals,omitempty"`
}

// String is the approver as ParseApprovers reads him.
func (a Approver) String() string {
	words := []string{a.Person}
	if a.Email != a.Person {
		words = append(words, "<"+a.Email+">")
	}
	return strings.Join(append(words, a.Principals...), " ")
}

// email is what an e-mail address looks like, as far as that matters here.
var email = regexp.MustCompile(`^[^\s<>,@]+@[^\s<>,@]+$`)

// ParseApprovers reads approvers as people write them, separated by commas:
//
//	bob@example.com PlatformAdmin, carol <carol@example.com> arn:aws:iam::111122223333:user/carol
//
// Each is the person, the e-mail address where the person is no address, and the principals. No person or principal may be two approvers.
func ParseApprovers(text string) ([]Approver, error) {
	var all []Approver
	for item := range strings.SplitSeq(text, ",") {
		words := strings.Fields(item)
		if len(words) == 0 {
			continue
		}
		a := Approver{Person: words[0], Email: words[0]}
		words = words[1:]
		if len(words) > 0 && strings.HasPrefix(words[0], "<") && strings.HasSuffix(words[0], ">") {
			a.Email, words = strings.Trim(words[0], "<>"), words[1:]
		}
		for _, p := range words {
			if before, name, ok := strings.Cut(p, ":role/"); ok {
				p = before + ":role/" + name[strings.LastIndex(name, "/")+1:] // STS names roles without their paths
			}
			a.Principals = append(a.Principals, p)
		}
		if err := a.validate(); err != nil {
			return nil, fmt.Errorf("approver %q: %w", strings.TrimSpace(item), err)
		}
		for _, other := range all {
			if twice := shared(a, other); twice != "" {
				return nil, fmt.Errorf("%s is two approvers, who would be counted as two persons", twice)
			}
		}
		all = append(all, a)
	}
	return all, nil
}

func (a Approver) validate() error {
	if !email.MatchString(a.Email) {
		return fmt.Errorf("%q is no e-mail address; write the person, <the address where to ask>, and the principals", a.Email)
	}
	for _, p := range append([]string{a.Person}, a.Principals...) {
		switch {
		case strings.Contains(p, "AWSReservedSSO_"):
			return fmt.Errorf("%s changes whenever Identity Center makes the role anew: name the permission set", p)
		case strings.Contains(p, ":assumed-role/"):
			return fmt.Errorf("%s is one session of a role: name the role", p)
		case strings.ContainsAny(p, "<>"):
			return fmt.Errorf("%s stands where a person or a principal should", p)
		}
	}
	return nil
}

// shared is a person or ARN that both approvers are. A permission set may be many people's.
func shared(a, b Approver) string {
	names := func(a Approver) []string {
		return append([]string{a.Person}, slices.DeleteFunc(slices.Clone(a.Principals), func(p string) bool { return !isARN(p) })...)
	}
	for _, name := range names(a) {
		if slices.Contains(names(b), name) {
			return name
		}
	}
	return ""
}

func isARN(text string) bool { return strings.HasPrefix(text, "arn:") }

// FormatApprovers writes approvers as ParseApprovers reads them.
func FormatApprovers(all []Approver) string {
	texts := make([]string, 0, len(all))
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

// PersonsOf are the persons of approvers.
func PersonsOf(all []Approver) []string {
	persons := make([]string, 0, len(all))
	for _, a := range all {
		persons = append(persons, a.Person)
	}
	return persons
}

// SelectApprovers picks the approvers of these persons. unknown are the persons who are none: a name selects among those whom
// configuration names, and makes nobody an approver. Where it names nobody, everybody of the hub may decide, and the names narrow that.
func SelectApprovers(all []Approver, persons []string) (chosen []Approver, unknown []string) {
	for _, person := range persons {
		i := slices.IndexFunc(all, func(a Approver) bool { return a.Person == person })
		switch {
		case i >= 0:
			chosen = append(chosen, all[i])
		case len(all) == 0 && email.MatchString(person):
			chosen = append(chosen, Approver{Person: person, Email: person})
		default:
			unknown = append(unknown, person)
		}
	}
	return chosen, unknown
}

// decidesBy tells whether the principal is one of the approver's.
func (a Approver) decidesBy(people People, principal string) bool {
	person, ok := people.Person(principal)
	if !ok || len(a.Principals) == 0 {
		return ok && person == a.Person
	}
	s, _ := sessionOf(principal)
	return slices.ContainsFunc(a.Principals, func(p string) bool {
		if isARN(p) {
			return person == p || person == s.arn() && s.is(p) || person == a.Person && people.behind(s) && s.is(p)
		}
		return person == a.Person && people.behind(s) && s.permissionSet() == p
	})
}

// is tells whether a person may be this approver, by whatever principal.
func (a Approver) is(person string) bool {
	return person == a.Person || slices.Contains(a.Principals, person)
}

// Electorate are the approvers who are left once the starter is not counted.
func Electorate(all []Approver, starter string) []Approver {
	return slices.DeleteFunc(slices.Clone(all), func(a Approver) bool { return a.is(starter) })
}

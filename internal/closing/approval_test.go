package closing

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

const (
	execution = "arn:aws:states:us-east-1:111122223333:execution:quicksight-unsubscribe:run-1"
	ann       = "arn:aws:iam::111122223333:user/ann"
	bob       = "arn:aws:iam::111122223333:user/bob"
	sam       = "arn:aws:iam::111122223333:user/sam" // the starter
	stranger  = "arn:aws:iam::999999999999:user/ann"
)

var asked = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func anAsk(quorum int, approvers ...string) Ask {
	return Ask{
		Execution: execution, Round: 1, Digest: "sha256:1", AskedAt: asked, Deadline: asked.Add(24 * time.Hour),
		Quorum: quorum, Approvers: named(approvers...), People: People{Home: "111122223333"}, Starter: sam,
	}
}

// named are approvers who are what they decide by.
func named(persons ...string) []Approver {
	var all []Approver
	for _, person := range persons {
		all = append(all, Approver{Person: person, Email: "x@example.com"})
	}
	return all
}

func decided(verdict Verdict, person string, after time.Duration) Decision {
	return Decision{Execution: execution, Round: 1, Digest: "sha256:1", Verdict: verdict, Person: person, Principal: person, At: asked.Add(after)}
}

func TestStands(t *testing.T) {
	t.Parallel()
	other := func(change func(*Decision)) []Decision {
		d := decided(Approve, ann, time.Hour)
		change(&d)
		return []Decision{d}
	}
	for _, tt := range []struct {
		name      string
		ask       Ask
		decisions []Decision
		after     time.Duration
		want      Standing
	}{
		{"nobody decided", anAsk(1), nil, time.Hour, StandingPending},
		{"nobody decided in time", anAsk(1), nil, 24 * time.Hour, StandingExpired},
		{"approved", anAsk(1), []Decision{decided(Approve, ann, time.Hour)}, 2 * time.Hour, StandingApproved},
		{"approved, read late", anAsk(1), []Decision{decided(Approve, ann, time.Hour)}, 48 * time.Hour, StandingApproved},
		{"approved too late", anAsk(1), []Decision{decided(Approve, ann, 24*time.Hour)}, 48 * time.Hour, StandingExpired},
		{"one of two", anAsk(2), []Decision{decided(Approve, ann, time.Hour)}, 2 * time.Hour, StandingPending},
		{"two of two", anAsk(2), []Decision{decided(Approve, ann, time.Hour), decided(Approve, bob, 2*time.Hour)}, 2 * time.Hour, StandingApproved},
		{"one person twice", anAsk(2), []Decision{decided(Approve, ann, time.Hour), decided(Approve, ann, 2*time.Hour)}, 2 * time.Hour, StandingPending},
		{"one rejects", anAsk(1), []Decision{decided(Approve, ann, time.Hour), decided(Reject, bob, 2*time.Hour)}, 2 * time.Hour, StandingRejected},
		{"the starter approves", anAsk(1), []Decision{decided(Approve, sam, time.Hour)}, 2 * time.Hour, StandingPending},
		{"the starter rejects", anAsk(1), []Decision{decided(Reject, sam, time.Hour)}, 2 * time.Hour, StandingPending},
		{"not an approver", anAsk(1, bob), []Decision{decided(Approve, ann, time.Hour)}, 2 * time.Hour, StandingPending},
		{"an approver", anAsk(1, bob), []Decision{decided(Approve, bob, time.Hour)}, 2 * time.Hour, StandingApproved},
		{"somebody of another account", anAsk(1), []Decision{decided(Approve, stranger, time.Hour)}, 2 * time.Hour, StandingPending},
		{"somebody of another account who is named", anAsk(1, stranger), []Decision{decided(Approve, stranger, time.Hour)}, 2 * time.Hour, StandingApproved},
		{"another execution", anAsk(1), other(func(d *Decision) { d.Execution += "x" }), 2 * time.Hour, StandingPending},
		{"another round", anAsk(1), other(func(d *Decision) { d.Round = 2 }), 2 * time.Hour, StandingPending},
		{"another digest", anAsk(1), other(func(d *Decision) { d.Digest = "sha256:2" }), 2 * time.Hour, StandingPending},
		{"nobody's decision", anAsk(1), other(func(d *Decision) { d.Person = "" }), 2 * time.Hour, StandingPending},
		{"the starter through another session", anAsk(1), other(func(d *Decision) { d.Principal = sam }), 2 * time.Hour, StandingPending},
		{"a quorum of none", anAsk(0), nil, time.Hour, StandingPending},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.ask.Stands(tt.decisions, asked.Add(tt.after)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestApprovedAt(t *testing.T) {
	t.Parallel()
	decisions := []Decision{
		decided(Approve, bob, 3*time.Hour), decided(Approve, sam, time.Hour), decided(Approve, ann, 2*time.Hour), decided(Reject, "x", 4*time.Hour),
	}
	for quorum, want := range map[int]time.Time{0: {}, 1: asked.Add(2 * time.Hour), 2: asked.Add(3 * time.Hour), 3: {}} {
		if got := anAsk(quorum).ApprovedAt(decisions); !got.Equal(want) {
			t.Errorf("a quorum of %d is reached at %s, want %s", quorum, got, want)
		}
	}
}

func TestPerson(t *testing.T) {
	t.Parallel()
	const home = "111122223333"
	further := People{Home: home, IdentityCenter: []string{"444455556666"}, SessionRoles: []string{"arn:aws:iam::777788889999:role/team/people"}}
	for principal, want := range map[string]string{
		"arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com": "ann@example.com",
		"arn:aws:sts::444455556666:assumed-role/ops/ann":                                               "arn:aws:iam::444455556666:role/ops",
		"arn:aws:sts::777788889999:assumed-role/people/ann":                                            "ann",
		"arn:aws:sts::777788889999:assumed-role/peoples/ann":                                           "arn:aws:iam::777788889999:role/peoples",
		"arn:aws:sts::111122223333:assumed-role/people/ann":                                            "arn:aws:iam::111122223333:role/people",
		"arn:aws:sts::777788889999:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann":             "arn:aws:iam::777788889999:role/AWSReservedSSO_Admin_0123456789abcdef",
	} {
		if got, ok := further.Person(principal); !ok || got != want {
			t.Errorf("with further accounts and roles, Person(%q) = %q, %t, want %q", principal, got, ok, want)
		}
	}
	for _, tt := range []struct{ principal, want string }{
		{"arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:user/ann"},
		{"arn:aws:iam::111122223333:user/ops/ann", "arn:aws:iam::111122223333:user/ops/ann"},
		{"arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"},
		{"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com", "ann@example.com"},
		{"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Read_Only_fedcba9876543210/ann@example.com", "ann@example.com"},
		{"arn:aws-cn:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann", "ann"},
		// Not Identity Center's: anybody can name a role almost like that, and a session as he likes.
		{"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789ABCDEF/ann", "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789ABCDEF"},
		{"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcde/ann", "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcde"},
		{"arn:aws:sts::111122223333:assumed-role/xAWSReservedSSO_Admin_0123456789abcdef/ann", "arn:aws:iam::111122223333:role/xAWSReservedSSO_Admin_0123456789abcdef"},
		{"arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann", "arn:aws:iam::999999999999:role/AWSReservedSSO_Admin_0123456789abcdef"},
		{"arn:aws:sts::111122223333:assumed-role/ops/ann", "arn:aws:iam::111122223333:role/ops"},
		{"arn:aws:sts::111122223333:assumed-role/ops/bob", "arn:aws:iam::111122223333:role/ops"},
		{"arn:aws:sts::111122223333:federated-user/ann", ""},
		{"arn:aws:sts::111122223333:assumed-role/ops", ""},
		{"arn:aws:sts::111122223333:assumed-role/ops/a/b", ""},
		{"arn:aws:iam::111122223333:user/", ""},
		{"arn:aws:iam::111122223333:role/ops", ""},
		{"ann", ""},
		{"", ""},
	} {
		got, ok := People{Home: home}.Person(tt.principal)
		if got != tt.want && ok || ok != (tt.want != "") {
			t.Errorf("Person(%q) = %q, %t, want %q", tt.principal, got, ok, tt.want)
		}
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	plain := Errorf(Blocked, "read it: %w", io.ErrUnexpectedEOF)
	hinted := plain.WithHint("try %d times", 2)
	if plain.Error() != "read it: unexpected EOF" || hinted.Error() != "read it: unexpected EOF; try 2 times" {
		t.Errorf("got %q and %q", plain, hinted)
	}
	if wrapped := fmt.Errorf("close: %w", hinted); CodeOf(wrapped) != Blocked || !errors.Is(wrapped, io.ErrUnexpectedEOF) {
		t.Errorf("%v lost its code or its cause", wrapped)
	}
	if CodeOf(io.EOF) != "" || CodeOf(nil) != "" {
		t.Error("an error without a code has one")
	}
}

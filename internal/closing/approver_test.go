package closing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseApprovers(t *testing.T) {
	t.Parallel()
	const text = "ann@example.com, bob@example.com PlatformAdmin ReadOnly, carol <carol@example.com> arn:aws:iam::111122223333:user/ops/carol arn:aws:iam::111122223333:role/team/ops"
	want := []Approver{
		{Person: "ann@example.com", Email: "ann@example.com"},
		{Person: "bob@example.com", Email: "bob@example.com", Principals: []string{"PlatformAdmin", "ReadOnly"}},
		{Person: "carol", Email: "carol@example.com", Principals: []string{"arn:aws:iam::111122223333:user/ops/carol", "arn:aws:iam::111122223333:role/ops"}},
	}
	got, err := ParseApprovers(text)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if again, err := ParseApprovers(FormatApprovers(got)); err != nil || !cmp.Equal(again, want) {
		t.Errorf("%q reads as %+v, %v", FormatApprovers(got), again, err)
	}
	if none, err := ParseApprovers(" , "); err != nil || none != nil {
		t.Errorf("nobody: %+v, %v", none, err)
	}
	for text, says := range map[string]string{
		"arn:aws:iam::111122223333:user/ann":                                   "no e-mail address",
		"ann <ann>":                                                            "no e-mail address",
		"ann@example.com x <y@example.com>":                                    "stands where",
		"ann@example.com, ann@example.com":                                     "two approvers",
		"a@x.org arn:aws:iam::1:user/a, arn:aws:iam::1:user/a <b@x.org>":       "two approvers",
		"a@x.org arn:aws:iam::1:role/a/ops, b@x.org arn:aws:iam::1:role/b/ops": "two approvers",
		"a@x.org AWSReservedSSO_Admin_0123456789abcdef":                        "name the permission set",
		"a@x.org arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef": "name the permission set",
		"a@x.org arn:aws:sts::1:assumed-role/ops/one":                                                      "name the role",
	} {
		if _, err := ParseApprovers(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, says)
		}
	}
}

// Ensure that one person is one voter, whichever of his principals he comes by, and none if he is the starter by any of them.
func TestVoter(t *testing.T) {
	t.Parallel()
	approvers, err := ParseApprovers("ann@example.com, bob@example.com PlatformAdmin arn:aws:iam::111122223333:user/bob, carol <carol@example.com> arn:aws:iam::111122223333:role/ops, " +
		"dan@example.com arn:aws:iam::111122223333:role/people")
	if err != nil {
		t.Fatal(err)
	}
	const sso = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_"
	people := People{Home: "111122223333", SessionRoles: []string{"arn:aws:iam::111122223333:role/people"}}
	for _, tt := range []struct {
		principal, starter string
		person             string
		may                bool
	}{
		{sso + "Any_0123456789abcdef/ann@example.com", sam, "ann@example.com", true},
		{sso + "PlatformAdmin_0123456789abcdef/bob@example.com", sam, "bob@example.com", true},
		{sso + "PlatformAdmin_fedcba9876543210/bob@example.com", sam, "bob@example.com", true}, // made anew
		{"arn:aws:iam::111122223333:user/bob", sam, "bob@example.com", true},
		{sso + "PlatformAdmin_0123456789abcdef/bob@example.com", "arn:aws:iam::111122223333:user/bob", "bob@example.com", false},
		{"arn:aws:iam::111122223333:user/bob", "bob@example.com", "bob@example.com", false},
		{sso + "ReadOnly_0123456789abcdef/bob@example.com", sam, "bob@example.com", false},
		{sso + "PlatformAdmin_0123456789abcdef/eve@example.com", sam, "eve@example.com", false},
		{"arn:aws:sts::999999999999:assumed-role/AWSReservedSSO_PlatformAdmin_0123456789abcdef/bob@example.com", sam, "arn:aws:iam::999999999999:role/AWSReservedSSO_PlatformAdmin_0123456789abcdef", false},
		{"arn:aws:sts::111122223333:assumed-role/ops/one", sam, "carol", true},
		{"arn:aws:sts::111122223333:assumed-role/ops/two", sam, "carol", true},
		{"arn:aws:sts::111122223333:assumed-role/ops/two", "arn:aws:iam::111122223333:role/ops", "carol", false},
		{"arn:aws:sts::111122223333:assumed-role/people/dan@example.com", sam, "dan@example.com", true},
		{"arn:aws:sts::111122223333:assumed-role/people/eve@example.com", sam, "eve@example.com", false},
		{sso + "Any_0123456789abcdef/dan@example.com", sam, "dan@example.com", false}, // not by what he is named for
		{"arn:aws:sts::111122223333:federated-user/ann@example.com", sam, "", false},
	} {
		ask := Ask{Execution: execution, Approvers: approvers, People: people, Starter: tt.starter}
		if person, may := ask.Voter(tt.principal); person != tt.person || may != tt.may {
			t.Errorf("%s, started by %s: got %q, %t, want %q, %t", tt.principal, tt.starter, person, may, tt.person, tt.may)
		}
	}
	for starter, want := range map[string]int{sam: 4, "bob@example.com": 3, "arn:aws:iam::111122223333:user/bob": 3, Unverified: 4} {
		if got := Electorate(approvers, starter); len(got) != want {
			t.Errorf("started by %s: %d are left, want %d", starter, len(got), want)
		}
	}
}

func TestSelectApprovers(t *testing.T) {
	t.Parallel()
	all := []Approver{{Person: "ann", Email: "ann@example.com"}, {Person: "bob@example.com", Email: "bob@example.com"}}
	chosen, unknown := SelectApprovers(all, []string{"bob@example.com", "eve@example.com"})
	if diff := cmp.Diff(all[1:], chosen); diff != "" || !cmp.Equal(unknown, []string{"eve@example.com"}) {
		t.Errorf("unknown %v, chosen (-want +got):\n%s", unknown, diff)
	}
	chosen, unknown = SelectApprovers(nil, []string{"eve@example.com", "eve"})
	if diff := cmp.Diff([]Approver{{Person: "eve@example.com", Email: "eve@example.com"}}, chosen); diff != "" || !cmp.Equal(unknown, []string{"eve"}) {
		t.Errorf("of nobody: unknown %v, chosen (-want +got):\n%s", unknown, diff)
	}
}

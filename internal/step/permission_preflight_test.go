package step

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Only an explicit deny with nothing left to know is certain.
func TestPreflightJudges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		give     types.EvaluationResult
		denied   bool
		mentions string // in the advice; "" for none
	}{
		{"a yes", types.EvaluationResult{EvalDecision: "allowed"}, false, ""},
		{"an explicit deny", types.EvaluationResult{EvalDecision: "explicitDeny"}, true, "explicitly denied to"},
		{"an explicit deny that hangs on what is not known", types.EvaluationResult{EvalDecision: "explicitDeny", MissingContextValues: []string{"aws:PrincipalOrgID"}}, false, "not knowing aws:PrincipalOrgID"},
		{"no allow", types.EvaluationResult{EvalDecision: "implicitDeny"}, false, "implicitDeny"},
		{
			"an organization's deny",
			types.EvaluationResult{EvalDecision: "explicitDeny", OrganizationsDecisionDetail: &types.OrganizationsDecisionDetail{}}, true, "by a service control policy",
		},
		{
			"a boundary without the action",
			types.EvaluationResult{EvalDecision: "implicitDeny", PermissionsBoundaryDecisionDetail: &types.PermissionsBoundaryDecisionDetail{}}, false, "by its permissions boundary",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.give.EvalActionName = aws.String("quicksight:Unsubscribe")
			var p preflight
			p.judge(test.give, "us-east-1")
			if got := len(p.Denied) == 1; got != test.denied {
				t.Errorf("denied %v, want %v", p.Denied, test.denied)
			}
			if advice := strings.Join(p.Advice, "; "); (advice == "") != (test.mentions == "") || !strings.Contains(advice, test.mentions) {
				t.Errorf("advice %q, want it to mention %q", advice, test.mentions)
			}
		})
	}
}

// The simulator is advice: a role that may not ask it is told so, and nothing stops. The other line is about the regions that are not enabled.
func TestPreflightThatIsNotAllowed(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"iam:GetRole", "iam:SimulatePrincipalPolicy", "cloudtrail:LookupEvents"} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			l := newReading(t, `"quickSight": {}, "roles": {"`+string(RoleClose)+`": {}, "`+string(RoleRead)+`": {"policies": [{"Version": "2012-10-17", "Statement": [
				{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "`+action+`", "Resource": "*"}]}]}}`, emulator.Options{})
			plan := l.plan(plain)
			if verdictOf(plan) != Closable || len(plan.Observed.Advice) != 2 || !strings.Contains(plan.Observed.Advice[0], action) {
				t.Errorf("verdict %s, advice %q; want advice that names %s", verdictOf(plan), plan.Observed.Advice, action)
			}
		})
	}
}

// A plan needs no closing role, and says that a closing would.
func TestPreflightOfADryRun(t *testing.T) {
	t.Parallel()
	l := newReading(t, `"quickSight": {}, "roles": {"`+string(RoleRead)+`": {}}`, emulator.Options{})
	plan := l.plan(`{"accountId": "` + readingTarget + `", "dryRun": true}`)
	if len(plan.Observed.Advice) != 2 || !strings.Contains(plan.Observed.Advice[0], string(RoleClose)) {
		t.Errorf("advice %q, want it to name %s", plan.Observed.Advice, RoleClose)
	}
}

func TestMutatingActions(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{
		"quicksight:DeleteAccountSubscription", "quicksight:Unsubscribe", "quicksight:DeleteNamespace", "quicksight:DeleteVPCConnection", "quicksight:UpdateAccountSettings",
	}, mutatingActions("quicksight")); diff != "" {
		t.Errorf("QuickSight's (-want +got):\n%s", diff)
	}
	denied := []string{"ds:DeleteDirectory", "ec2:DeleteVpc"}
	if diff := cmp.Diff([]string{"ds:DeleteDirectory"}, deniedActions(denied, "ds:")); diff != "" {
		t.Errorf("Directory Service's (-want +got):\n%s", diff)
	}
}

func TestAdministratorEvidence(t *testing.T) {
	t.Parallel()
	users := []closing.Asset{
		{Name: "ana", ARN: "arn:aws:quicksight:us-east-1:222233334444:user/default/ana", Role: "ADMIN"},
		{Name: "ops/kim", Role: "ADMIN_PRO"},
		{Name: "lee", Role: "READER"},
	}
	for starter, want := range map[string][]bool{
		"":                                   nil,
		closing.Unverified:                   nil,
		"arn:aws:iam::222233334444:user/ana": {true},
		"arn:aws:iam::222233334444:user/staff/ana": {true}, // a path is no part of the name
		"arn:aws:iam::222233334444:role/ops":       {true},
		"kim":                                      {true},  // through Identity Center
		"arn:aws:iam::222233334444:user/lee":       {false}, // a reader
		"arn:aws:iam::222233334444:role/op":        {false},
		"arn:aws:iam::222233334444:root":           {false},
	} {
		var found administrators
		for _, u := range users {
			found.note(u, starter)
		}
		if found.N != 2 {
			t.Errorf("%d administrators, want 2", found.N)
		}
		var got []bool
		for _, e := range found.evidence(starter) {
			got = append(got, e.For)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", starter, diff)
		}
	}
}

package emulator

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
)

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func TestPolicyLayers(t *testing.T) {
	t.Parallel()
	const all = `{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`
	for name, c := range map[string]struct{ give, want string }{
		"nothing attached": {give: ``},
		"identity allows":  {give: `"users": {"ann": {"policies": [` + all + `]}}`},
		"identity silent":  {give: `"users": {"ann": {"policies": []}}`, want: "because no identity-based policy allows the quicksight:ListDashboards action"},
		"identity denies":  {give: `"users": {"ann": {"policies": [` + all + `, {"Statement": {"Effect": "Deny", "NotAction": "quicksight:Describe*", "Resource": "*"}}]}}`, want: "with an explicit deny in an identity-based policy"},
		"boundary silent":  {give: `"users": {"ann": {"policies": [` + all + `], "boundary": {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}}}`, want: "because no permissions boundary allows"},
		"SCP silent":       {give: `"scps": [{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}]`, want: "because no service control policy allows"},
		"region denied": {give: `"scps": [` + all + `, {"Statement": {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1"]}}}}]`,
			want: "with an explicit deny in a service control policy"},
		"region allowed": {give: `"scps": [` + all + `, {"Statement": {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1"]}}}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account := `"quickSight": {}`
			if c.give != "" {
				account += ", " + c.give
			}
			l := newLab(t, "", account, Options{})
			_, err := l.target("us-east-1").ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
			if c.want == "" {
				wantCode(t, err, "")
				return
			}
			wantCode(t, err, "AccessDeniedException")
			if !strings.Contains(err.Error(), "User: arn:aws:iam::"+targetAccount+":user/ann is not authorized to perform: quicksight:ListDashboards on resource: * "+c.want) {
				t.Errorf("message: %v", err)
			}
		})
	}
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func TestConditions(t *testing.T) {
	t.Parallel()
	context := condition{"aws:PrincipalArn": {"arn:aws:iam::1:role/closer/a"}, "aws:SecureTransport": {"true"}, "aws:TagKeys": {"a", "b"}, "s3:TlsVersion": {"1.3"}}
	for give, want := range map[string]bool{
		`{"StringEquals": {"aws:principalarn": ["x", "arn:aws:iam::1:role/closer/a"]}}`:  true,
		`{"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::1:role/*"}}`:                false,
		`{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/closer/?"}}`:              true,
		`{"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::1:role/closer/*", "x"]}}`:    false,
		`{"StringNotEquals": {"aws:Absent": "x"}}`:                                       true,
		`{"StringEquals": {"aws:Absent": "x"}}`:                                          false,
		`{"StringEqualsIfExists": {"aws:Absent": "x"}}`:                                  true,
		`{"NumericLessThan": {"s3:TlsVersion": 1.2}}`:                                    false,
		`{"NumericGreaterThanEquals": {"s3:TlsVersion": "1.3"}}`:                         true,
		`{"NumericEquals": {"aws:PrincipalArn": "1"}}`:                                   false,
		`{"Null": {"aws:Absent": true}}`:                                                 true,
		`{"Null": {"aws:PrincipalArn": "true"}}`:                                         false,
		`{"Bool": {"aws:SecureTransport": "false"}}`:                                     false,
		`{"StringEqualsIgnoreCase": {"aws:SecureTransport": "TRUE"}}`:                    true,
		`{"ForAnyValue:StringEquals": {"aws:TagKeys": "b"}}`:                             true,
		`{"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}`:                          false,
		`{"StringLike": {"aws:PrincipalArn": "*a"}, "Bool": {"aws:SecureTransport": 1}}`: false,
	} {
		var p Policy
		if err := p.UnmarshalJSON([]byte(`{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": ` + give + `}}`)); err != nil {
			t.Fatal(err)
		}
		if got := evaluate([]Policy{p}, access{action: "S3:getObject", resource: "arn:aws:s3:::b/k", context: context}) == allowed; got != want {
			t.Errorf("%s: %v", give, got)
		}
	}
}

func TestPolicyDocumentsAreStrict(t *testing.T) {
	t.Parallel()
	for _, give := range []string{
		`{"Statement": {"Effect": "Allow", "Action": "*", "Ressource": "*"}}`,
		`{"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}`,
		`{"Statement": {"Effect": "Allow", "Resource": "*"}}`,
		`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}}`,
	} {
		if err := new(Policy).UnmarshalJSON([]byte(give)); err == nil {
			t.Errorf("%s was accepted", give)
		}
	}
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"scps": [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}, {"Statement": {"Effect": "Deny", "Action": "ds:*", "Resource": "*"}},
			{"Statement": {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}}}],
		"roles": {"closer": {"path": "/ops/", "policies": [{"Statement": [{"Effect": "Allow", "Action": ["quicksight:*", "ds:*"], "Resource": "*"},
			{"Effect": "Allow", "Action": "ec2:DeleteVpc", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/owner": "us"}}},
			{"Effect": "Deny", "Action": "quicksight:Unsubscribe", "Resource": "*"}]}]}}`, Options{PageSize: 2})
	client := iam.NewFromConfig(l.config(targetKey, "us-east-1"))
	decisions := map[string]types.EvaluationResult{}
	pages := iam.NewSimulatePrincipalPolicyPaginator(client, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: aws.String("arn:aws:iam::" + targetAccount + ":role/ops/closer"),
		ActionNames:     []string{"quicksight:DescribeAccountSubscription", "quicksight:Unsubscribe", "ds:DeleteDirectory", "ec2:DeleteVpc", "s3:PutObject"},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(background)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.EvaluationResults {
			decisions[*r.EvalActionName] = r
		}
	}
	for action, want := range map[string]types.PolicyEvaluationDecisionType{
		"quicksight:DescribeAccountSubscription": "allowed", // the conditional SCP is not simulated
		"quicksight:Unsubscribe":                 "explicitDeny",
		"ds:DeleteDirectory":                     "explicitDeny",
		"ec2:DeleteVpc":                          "implicitDeny",
		"s3:PutObject":                           "implicitDeny",
	} {
		if got := decisions[action].EvalDecision; got != want {
			t.Errorf("%s: %s, want %s", action, got, want)
		}
	}
	if decisions["ds:DeleteDirectory"].OrganizationsDecisionDetail.AllowedByOrganizations || !decisions["s3:PutObject"].OrganizationsDecisionDetail.AllowedByOrganizations {
		t.Error("the organization's part of the decisions is wrong")
	}
	if missing := decisions["ec2:DeleteVpc"].MissingContextValues; !contains(missing, "aws:ResourceTag/owner") {
		t.Errorf("missing context values %v", missing)
	}
	_, err := client.SimulatePrincipalPolicy(background, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:sts::" + targetAccount + ":assumed-role/closer/x"), ActionNames: []string{"s3:PutObject"}})
	wantCode(t, err, "InvalidInput")
	_, err = client.SimulatePrincipalPolicy(background, &iam.SimulatePrincipalPolicyInput{PolicySourceArn: aws.String("arn:aws:iam::" + targetAccount + ":role/closer"), ActionNames: []string{"s3:PutObject"}})
	wantCode(t, err, "NoSuchEntity")

	role, err := client.GetRole(background, &iam.GetRoleInput{RoleName: aws.String("closer")})
	if err != nil || *role.Role.Arn != "arn:aws:iam::"+targetAccount+":role/ops/closer" {
		t.Fatalf("%+v, %v", role, err)
	}
}

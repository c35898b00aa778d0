package emulator

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const queueARN = "arn:aws:sqs:us-east-1:" + hubAccount + ":finish"

// Services that act by themselves are held to the role that they assume and its trust policy, or to the policy of the resource.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services
func TestAuthorizeServices(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"resourcePolicies": {"`+queueARN+`": {"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
			"Resource": "`+queueARN+`", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:rule"}}}}},
		"roles": {"machine": {"path": "/ours/", "trust": {"Statement": {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole",
			"Condition": {"StringEquals": {"aws:SourceAccount": "`+hubAccount+`"}}}}, "policies": [{"Statement": {"Effect": "Allow", "Action": "lambda:Invoke*", "Resource": ["arn:f:*", "arn:g:*"]}}]}}`, "", Options{})
	const role = "arn:aws:iam::" + hubAccount + ":role/ours/machine"
	for name, c := range map[string]struct {
		give Act
		want string
	}{
		"role":              {give: Act{Service: "states.amazonaws.com", Account: hubAccount, Role: role, Action: "lambda:InvokeFunction", Resource: "arn:g:1"}},
		"role alone":        {give: Act{Service: "states.amazonaws.com", Account: hubAccount, Role: role}},
		"another service":   {give: Act{Service: "lambda.amazonaws.com", Account: hubAccount, Role: role}, want: "lambda.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: " + role},
		"another account":   {give: Act{Service: "states.amazonaws.com", Account: targetAccount, Role: role}, want: "states.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: " + role},
		"another action":    {give: Act{Service: "states.amazonaws.com", Account: hubAccount, Role: role, Action: "lambda:GetFunction", Resource: "arn:f:1"}, want: "User: arn:aws:sts::" + hubAccount + ":assumed-role/machine/session is not authorized to perform: lambda:GetFunction on resource: arn:f:1 because no identity-based policy allows the lambda:GetFunction action"},
		"another path":      {give: Act{Service: "states.amazonaws.com", Account: hubAccount, Role: "arn:aws:iam::" + hubAccount + ":role/machine"}, want: "states.amazonaws.com cannot assume the role arn:aws:iam::" + hubAccount + ":role/machine, which does not exist"},
		"resource":          {give: Act{Service: "events.amazonaws.com", Source: "arn:rule", Action: "sqs:SendMessage", Resource: queueARN}},
		"another source":    {give: Act{Service: "events.amazonaws.com", Source: "arn:other", Action: "sqs:SendMessage", Resource: queueARN}, want: "events.amazonaws.com is not authorized to perform: sqs:SendMessage on resource: " + queueARN},
		"resource unknown":  {give: Act{Service: "events.amazonaws.com", Source: "arn:rule", Action: "sqs:SendMessage", Resource: queueARN + "2"}, want: "events.amazonaws.com is not authorized to perform: sqs:SendMessage on resource: " + queueARN + "2"},
		"not even a role's": {give: Act{Service: "states.amazonaws.com", Role: "arn:aws:iam::1:user/u"}, want: "arn:aws:iam::1:user/u is invalid"},
	} {
		err := l.Authorize(c.give)
		if got := fmt.Sprint(err); err == nil && c.want != "" || err != nil && got != "AccessDeniedException: "+c.want && got != "ValidationError: "+c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := []Grant{
		{Holder: role, Action: "lambda:Invoke*", Resource: "arn:g:*"},
		{Holder: role, Action: "sts:AssumeRole"},
		{Holder: queueARN, Action: "sqs:SendMessage", Resource: queueARN},
	}
	if diff := cmp.Diff(want, l.Grants()); diff != "" {
		t.Errorf("grants (-want +got):\n%s", diff)
	}
}

// A key's policy cannot be left out of account, and one that admits the account leaves it to the account's own policies.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
func TestKeyPolicy(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:us-east-1:" + hubAccount + ":key/k"
	const may = `{"Statement": {"Effect": "Allow", "Action": ["s3:*", "kms:GenerateDataKey"], "Resource": "*"}}`
	const mayNot = `{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}`
	admits := func(principal string) string {
		return `"resourcePolicies": {"` + key + `": {"Statement": {"Effect": "Allow", "Principal": {"AWS": "` + principal + `"}, "Action": "kms:*", "Resource": "*"}}},`
	}
	for name, c := range map[string]struct{ policy, own, want string }{
		"the account, and its policies allow":      {policy: admits("arn:aws:iam::" + hubAccount + ":root"), own: may},
		"the account, and its policies are silent": {policy: admits(hubAccount), own: mayNot, want: "AccessDenied"},
		"the role":         {policy: admits("arn:aws:iam::" + hubAccount + ":role/closer"), own: mayNot},
		"somebody else":    {policy: admits("arn:aws:iam::" + hubAccount + ":role/other"), own: may, want: "AccessDenied"},
		"without a policy": {own: may},
	} {
		l := newLab(t, c.policy+`"buckets": {"record": {"kmsKey": "`+key+`"}}, "roles": {"closer": {"policies": [`+c.own+`]}}`, "", Options{})
		_, err := put(l.s3(hubKey), "plan", "{}", plainly)
		if got := code(t, err); got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
		used := slices.ContainsFunc(l.Grants(), func(g Grant) bool { return g.Action == "kms:GenerateDataKey" })
		if used != (c.own == may && c.want == "") {
			t.Errorf("%s: grants %v", name, l.Grants())
		}
	}
}

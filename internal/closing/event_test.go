package closing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func call(source, name, parameters, rest string) string {
	return `{"id": "e-1", "detail-type": "AWS API Call via CloudTrail", "source": "` + source + `", "detail": {"eventName": "` + name +
		`", "requestParameters": ` + parameters + rest + `}}`
}

func towered(state string) string {
	return `{"id": "e-1", "detail-type": "AWS Service Event via CloudTrail", "source": "aws.controltower", "detail": {"eventName": "UpdateManagedAccount",
		"requestParameters": null, "serviceEventDetails": {"updateManagedAccountStatus": {"organizationalUnit": {"organizationalUnitName": "Suspended"},
		"account": {"accountId": "222233334444"}, "state": "` + state + `"}}}}`
}

// Ensure each trigger says which account it is about, and what its second delivery would have too.
func TestParseStart(t *testing.T) {
	t.Parallel()
	event := func(reason string) Start {
		return Start{
			Request:  Request{AccountID: "222233334444", Directory: Auto, VPC: Auto, Reason: reason, Trigger: "event e-1"},
			Delivery: "e-1",
		}
	}
	named := Start{Request: Request{Reason: "its product team-red was terminated in Service Catalog", Trigger: "event e-1"}, Delivery: "e-1", AccountName: "team-red"}
	schedule := "arn:aws:scheduler:us-east-1:111122223333:schedule/default/monthly 2026-03-01T06:00:00Z"
	for _, tt := range []struct {
		name, input string
		want        Start
	}{
		{"a person's request", `{"accountId": "222233334444"}`, Start{Request: Request{AccountID: "222233334444", Directory: Auto, VPC: Auto}}},
		{
			"a schedule", `{"accountId": "222233334444", "dryRun": true, "trigger": "` + schedule + `"}`,
			Start{Request: Request{AccountID: "222233334444", DryRun: true, Directory: Auto, VPC: Auto, Trigger: schedule}, Delivery: schedule},
		},
		{
			"our event", `{"id": "e-1", "detail-type": "AccountOffboardingRequested", "source": "quicksight-unsubscribe", "detail": {"accountId": "222233334444"}}`,
			Start{Request: Request{AccountID: "222233334444", Directory: Auto, VPC: Auto}, Delivery: "e-1"},
		},
		{
			"MoveAccount", call("aws.organizations", "MoveAccount", `{"accountId": "222233334444", "destinationParentId": "ou-ab12-gone"}`, ""),
			event("the account was moved into ou-ab12-gone"),
		},
		{"UpdateManagedAccount", towered("SUCCEEDED"), event("Control Tower moved the account into Suspended")},
		{"TerminateProvisionedProduct", call("aws.servicecatalog", "TerminateProvisionedProduct", `{"provisionedProductName": "team-red"}`, ""), named},
		{
			"TerminateProvisionedProduct by id", call("aws.servicecatalog", "TerminateProvisionedProduct", `{"provisionedProductId": "pp-1"}`,
				`, "responseElements": {"recordDetail": {"provisionedProductName": "team-red"}}`), named,
		},
		{
			"CleanAccountRequest", `{"id": "e-1", "detail-type": "CleanAccountRequest", "source": "sandbox", "detail": {"accountId": "222233334444", "reason": "LEASE_TERMINATION"}}`,
			event("Innovation Sandbox cleans the account: LEASE_TERMINATION"),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseStart([]byte(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Ensure what must not start a closing does not.
func TestParseStartRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, input string
		code        Code
		says        string
	}{
		{"a schedule that would close", `{"accountId": "222233334444", "trigger": "arn:aws:scheduler:us-east-1:111122223333:schedule/default/x 1"}`, BadRequest, "notBefore"},
		{"a failed call", call("aws.organizations", "MoveAccount", `{"accountId": "222233334444"}`, `, "errorCode": "AccessDenied"`), UnknownEvent, "failed with AccessDenied"},
		{"another call", call("aws.organizations", "TagResource", `{"resourceId": "222233334444"}`, ""), UnknownEvent, "starts no closing"},
		{"another service's call", call("aws.ec2", "MoveAccount", `{"accountId": "222233334444"}`, ""), UnknownEvent, "starts no closing"},
		{"a move of no account", call("aws.organizations", "MoveAccount", `{}`, ""), BadRequest, "no accountId"},
		{"a product without a name", call("aws.servicecatalog", "TerminateProvisionedProduct", `{"provisionedProductId": "pp-1"}`, ""), BadRequest, "does not name the product"},
		{"an update that failed", towered("FAILED"), UnknownEvent, "did not update"},
		{
			"another Control Tower event", strings.ReplaceAll(towered("SUCCEEDED"), "UpdateManagedAccount", "CreateManagedAccount"),
			UnknownEvent, "starts no closing",
		},
		{
			"a closed account", `{"detail-type": "AWS Service Event via CloudTrail", "source": "aws.organizations", "detail": {"eventName": "CloseAccountResult",
			"requestParameters": null, "serviceEventDetails": {"closeAccountStatus": {"accountId": "222233334444", "state": "SUCCEEDED"}}}}`,
			UnknownEvent, "too late",
		},
		{"an unknown reason", `{"detail-type": "CleanAccountRequest", "source": "s", "detail": {"accountId": "222233334444", "reason": "WHIM"}}`, UnknownEvent, `"WHIM"`},
		{"a detail of another shape", `{"detail-type": "CleanAccountRequest", "source": "s", "detail": []}`, BadRequest, "cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseStart([]byte(tt.input))
			if CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %q: %v", CodeOf(err), err)
			}
		})
	}
}

package closing

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func occurred(kind, source, name, rest string) string {
	return `{"id": "e-1", "detail-type": "` + kind + `", "source": "` + source + `", "account": "999988887777", "detail": {"eventName": "` + name +
		`", "eventTime": "2026-03-02T08:59:48Z", "awsRegion": "us-east-1", "userIdentity": {"invokedBy": "AWS Internal"}` + rest + `}}`
}

// Ensure that an event says what has happened to whom, in each of the spellings that AWS may use.
func TestParseOccurrence(t *testing.T) {
	t.Parallel()
	said := func(name string, happened Happened, call bool) Occurrence {
		return Occurrence{
			Kind: happened, AccountID: "222233334444", At: time.Date(2026, 3, 2, 8, 59, 48, 0, time.UTC), Name: name, Event: "e-1", Region: "us-east-1",
			By: "AWS Internal", Call: call,
		}
	}
	const departed = "AccountDepartedOrganization"
	unsubscribed := said("Unsubscribe", Unsubscribed, false)
	unsubscribed.AccountID = "999988887777"
	for _, tt := range []struct {
		name, event string
		want        Occurrence
	}{
		{"closed", occurred(ServiceEvent, "aws.organizations", "CloseAccountResult", `, "serviceEventDetails": {"closeAccountStatus": {"accountId": "222233334444", "state": "SUCCEEDED"}}`), said("CloseAccountResult", AccountClosed, false)},
		{"left", occurred(ServiceEvent, "aws.organizations", departed, `, "serviceEventDetails": {"accountId": "222233334444", "departureMethod": "LEFT"}`), said(departed, AccountLeft, false)},
		{"removed, deeper down", occurred(ServiceEvent, "aws.organizations", departed, `, "serviceEventDetails": {"accountDepartedStatus": {"memberAccountId": "222233334444", "managementAccountId": "999988887777", "departedMethod": "Removed"}}`), said(departed, AccountLeft, false)},
		{"gone, as a call", occurred(APICall, "aws.organizations", departed, `, "requestParameters": {"accountId": "222233334444", "departedMethod": "Cleaned"}`), said(departed, AccountGone, true)},
		{"gone", occurred(ServiceEvent, "aws.organizations", departed, `, "serviceEventDetails": {"accountId": "222233334444", "departureMethod": "CLEANED"}`), said(departed, AccountGone, false)},
		{"unsubscribed in the console", occurred(ServiceEvent, "aws.quicksight", "Unsubscribe", ``), unsubscribed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := ParseOccurrence([]byte(tt.event))
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Ensure that what did not happen is passed over, and what cannot be understood is refused by its name.
func TestParseOccurrenceRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, event, want string }{
		{"denied", occurred(APICall, "aws.quicksight", "DeleteAccountSubscription", `, "errorCode": "AccessDenied"`), ""},
		{"not closed", occurred(ServiceEvent, "aws.organizations", "CloseAccountResult", `, "serviceEventDetails": {"closeAccountStatus": {"accountId": "222233334444", "state": "FAILED"}}`), ""},
		{"no event", `"text"`, "no EventBridge event"},
		{"a state that is new", occurred(ServiceEvent, "aws.organizations", "CloseAccountResult", `, "serviceEventDetails": {"closeAccountStatus": {"accountId": "222233334444", "state": "HALF"}}`), `"e-1" (CloseAccountResult of "aws.organizations") does not say whether`},
		{"no account", occurred(ServiceEvent, "aws.organizations", "AccountDepartedOrganization", `, "serviceEventDetails": {"departureMethod": "LEFT"}`), "does not say which account"},
		{"two accounts", occurred(ServiceEvent, "aws.organizations", "AccountDepartedOrganization", `, "serviceEventDetails": {"accountId": "222233334444", "otherAccountId": "333344445555"}`), "does not say which account"},
		{"no time", strings.Replace(occurred(ServiceEvent, "aws.quicksight", "Unsubscribe", ``), "2026-03-02T08:59:48Z", "Mar 2, 2026", 1), "does not say when"},
		{"another call", occurred(APICall, "aws.quicksight", "DeleteUser", ``), "of no kind"},
		{"another service's", occurred(APICall, "aws.iam", "Unsubscribe", ``), "of no kind"},
		{"not CloudTrail's", occurred("QuickSight Event", "aws.quicksight", "Unsubscribe", ``), "not one of CloudTrail's"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, ok, err := ParseOccurrence([]byte(tt.event))
			switch {
			case ok:
				t.Error("it is said to have happened")
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || CodeOf(err) != UnknownEvent || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("it was refused with %v", err)
			}
		})
	}
}

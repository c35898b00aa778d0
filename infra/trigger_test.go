package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// started is a configuration with every trigger.
var started = map[string]any{
	"managementAccount": "999988887777", "decommissionUnits": "ou-ab12-decommission,ou-ab12-other", "suspendedUnits": "Suspended",
	"accountFactoryProduct": "prod-a1b2c3d4e5f6g", "sandboxBus": "InnovationSandbox", "schedules": "222233334444=rate(30 days)",
}

// matches tells whether an event matches a pattern, by the rules of EventBridge that our patterns use: exact values, exists, anything-but
// and $or. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
func matches(t *testing.T, pattern, event map[string]any) bool {
	t.Helper()
	for name, want := range pattern {
		value, there := event[name]
		switch want := want.(type) {
		case map[string]any:
			inner, _ := value.(map[string]any)
			if !matches(t, want, inner) {
				return false
			}
		case []any:
			if name == "$or" {
				if !slices.ContainsFunc(want, func(p any) bool { return matches(t, p.(map[string]any), event) }) {
					return false
				}
				continue
			}
			if !slices.ContainsFunc(want, func(w any) bool { return matchesOne(t, w, value, there) }) {
				return false
			}
		default:
			t.Fatalf("%s: %v is no pattern", name, want)
		}
	}
	return true
}

func matchesOne(t *testing.T, want, value any, there bool) bool {
	t.Helper()
	filter, is := want.(map[string]any)
	if !is {
		return there && cmp.Equal(want, value)
	}
	if exists, is := filter["exists"].(bool); is {
		return there == exists
	}
	if but, is := filter["anything-but"]; is {
		return there && !cmp.Equal(but, value)
	}
	t.Fatalf("%v is a filter that this test does not know", filter)
	return false
}

// ruled lists the rules of a template whose patterns an event matches, by the description.
func ruled(t *testing.T, stack template, event map[string]any) []string {
	t.Helper()
	var names []string
	for id, rule := range stack.resources("AWS::Events::Rule") {
		if matches(t, stack.resolve(rule["EventPattern"]).(map[string]any), event) {
			names = append(names, strings.TrimRight(id, "0123456789ABCDEF"))
		}
	}
	slices.Sort(names)
	return names
}

// sample is the event of a story, changed at some paths. A path's value "-" takes the field away.
func sample(t *testing.T, story string, changes map[string]any) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../events", story, "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	var event map[string]any
	if err := json.Unmarshal(text, &event); err != nil {
		t.Fatal(err)
	}
	for path, value := range changes {
		at := event
		names := strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		at[names[len(names)-1]] = value
		if value == "-" {
			delete(at, names[len(names)-1])
		}
	}
	return event
}

// Ensure that each sample meets its rule and no other, and that what is nearly one meets none.
func TestRulesMeetTheirEvents(t *testing.T) {
	stack := hub(t, started)
	for _, tt := range []struct {
		story   string
		changes map[string]any
		want    []string
	}{
		{"offboarding-event", nil, []string{"Offboarding"}},
		{"offboarding-event", map[string]any{"source": "somebody"}, nil},
		{"offboarding-event", map[string]any{"detail-type": "AccountOffboardingFinished"}, nil},
		{"moved-to-decommission", nil, []string{"Moved"}},
		{"moved-to-decommission", map[string]any{"detail.requestParameters.destinationParentId": "ou-ab12-other"}, []string{"Moved"}},
		{"moved-to-decommission", map[string]any{"detail.requestParameters.destinationParentId": "ou-ab12-workload"}, nil},
		{"moved-to-decommission", map[string]any{ // out of the unit
			"detail.requestParameters.sourceParentId": "ou-ab12-decommission", "detail.requestParameters.destinationParentId": "ou-ab12-workload",
		}, nil},
		{"move-failed", nil, nil},
		{"moved-to-decommission", map[string]any{"source": "aws.cloudtrail"}, nil},
		{"moved-to-decommission", map[string]any{"detail.eventName": "MoveAccounts"}, nil},
		{"control-tower-suspends", nil, []string{"Suspended"}},
		{"control-tower-suspends", map[string]any{"detail.serviceEventDetails.updateManagedAccountStatus.state": "FAILED"}, nil},
		{"control-tower-suspends", map[string]any{"detail.serviceEventDetails.updateManagedAccountStatus.organizationalUnit.organizationalUnitName": "Sandbox"}, nil},
		{"control-tower-suspends", map[string]any{"detail.eventName": "CreateManagedAccount"}, nil},
		{"product-terminated", nil, []string{"Terminated"}},
		{"product-terminated", map[string]any{"detail.responseElements.recordDetail.productId": "prod-database"}, nil},
		{"product-terminated", map[string]any{"detail.errorCode": "ResourceNotFoundException", "detail.responseElements": nil}, nil},
		{"product-terminated", map[string]any{"detail.eventName": "UpdateProvisionedProduct"}, nil},
		{"sandbox-cleans", nil, []string{"Cleaned"}},
		{"sandbox-cleans", map[string]any{"detail-type": "AccountCleanupSucceeded"}, nil},
		{"closed-too-late", nil, []string{"ClosedWhileSubscribed"}},
		{"closed-too-late", map[string]any{"detail.eventName": "AccountDepartedOrganization"}, []string{"ClosedWhileSubscribed"}},
		{"closed-too-late", map[string]any{"detail.eventName": "CreateAccountResult"}, nil},
		{"foreign-event", nil, nil},
	} {
		t.Run(fmt.Sprint(tt.story, tt.changes), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ruled(t, stack, sample(t, tt.story, tt.changes))); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// Ensure that somebody hears of it when QuickSight is unsubscribed by anybody but this workflow.
func TestUnsubscribingWithoutUsIsHeardOf(t *testing.T) {
	stack := hub(t, nil)
	by := func(identity string) map[string]any {
		var event map[string]any
		if err := json.Unmarshal([]byte(`{"source": "aws.quicksight", "detail-type": "AWS API Call via CloudTrail",
			"detail": {"eventName": "DeleteAccountSubscription", "userIdentity": `+identity+`}}`), &event); err != nil {
			t.Fatal(err)
		}
		return event
	}
	for identity, want := range map[string][]string{
		`{"type": "Root"}`: {"UnsubscribedWithoutUs"},
		`{"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "Admin"}}}`:                      {"UnsubscribedWithoutUs"},
		`{"type": "AssumedRole", "sessionContext": {"sessionIssuer": {"userName": "QuickSightUnsubscribeClose"}}}`: nil,
	} {
		if diff := cmp.Diff(want, ruled(t, stack, by(identity))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", identity, diff)
		}
	}
}

// Ensure that rules hand the raw event to the machine and nothing else, and that what cannot be delivered is kept and heard of.
func TestTriggersStartTheMachine(t *testing.T) {
	stack := hub(t, started)
	machine := "arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe"
	count := 0
	for id, rule := range stack.resources("AWS::Events::Rule") {
		for _, target := range rule["Targets"].([]any) {
			resolved := stack.resolve(target).(map[string]any)
			if resolved["Arn"] != "Machine" {
				continue
			}
			count++
			if resolved["Input"] != nil || resolved["InputPath"] != nil || resolved["InputTransformer"] != nil || resolved["DeadLetterConfig"] == nil {
				t.Errorf("%s sends %v", id, resolved)
			}
		}
	}
	if count != 5 {
		t.Errorf("%d rules start the machine", count)
	}
	schedule, _ := stack.resource(t, "AWS::Scheduler::Schedule", func(map[string]any) bool { return true })
	target := stack.resolve(schedule["Target"]).(map[string]any)
	want := `{"accountId":"222233334444","dryRun":true,"trigger":"<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"}`
	if target["Arn"] != machine || target["Input"] != want || target["DeadLetterConfig"] == nil || schedule["ScheduleExpression"] != "rate(30 days)" {
		t.Errorf("the schedule is %v", schedule)
	}
	stack.resource(t, "AWS::CloudWatch::Alarm", func(p map[string]any) bool { return strings.Contains(fmt.Sprint(p["Dimensions"]), "TriggersDead") })
}

// Ensure that a deployment that sets nothing is started by nothing but our own event.
func TestTriggersAreAskedFor(t *testing.T) {
	stack := hub(t, nil)
	for _, story := range []string{"moved-to-decommission", "control-tower-suspends", "product-terminated", "sandbox-cleans"} {
		if got := ruled(t, stack, sample(t, story, nil)); got != nil {
			t.Errorf("%s meets %v", story, got)
		}
	}
}

// Ensure that the management account forwards what the hub's rules wait for, and little else.
func TestManagementAccountForwards(t *testing.T) {
	stack := organizational(t, nil)
	for story, want := range map[string][]string{
		"moved-to-decommission": {"Forward"}, "control-tower-suspends": {"Forward"}, "product-terminated": {"Forward"}, "closed-too-late": {"Forward"},
		"offboarding-event": nil, "foreign-event": nil, "sandbox-cleans": nil,
	} {
		if diff := cmp.Diff(want, ruled(t, stack, sample(t, story, nil))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", story, diff)
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
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

// matches tells whether an event matches a pattern, by the rules of EventBridge that our patterns use: exact values, exists and $or. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
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

// samples are the events under events/ by a name: a story's own, which starts it, and those that it has audited, by their number.
func samples(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	folders, err := filepath.Glob("../events/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		var own map[string]any
		var story struct {
			Script []struct{ Event map[string]any }
		}
		if read(t, filepath.Join(folder, "event.json"), &own); own["detail-type"] != nil {
			all[filepath.Base(folder)] = own
		}
		read(t, filepath.Join(folder, "story.json"), &story)
		for i, line := range story.Script {
			if line.Event["detail-type"] != nil {
				all[fmt.Sprintf("%s %d", filepath.Base(folder), i+1)] = line.Event
			}
		}
	}
	return all
}

// read decodes a file, or leaves what it would decode into alone where that is no JSON: of a story that is about such an event.
func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = json.Unmarshal(text, into)
}

// sample is one of them, changed at some paths. A path's value "-" takes the field away.
func sample(t *testing.T, name string, changes map[string]any) map[string]any {
	t.Helper()
	event := samples(t)[name]
	if event == nil {
		t.Fatalf("there is no sample %q", name)
	}
	for path, value := range changes {
		change(event, strings.Split(path, "."), value)
	}
	return event
}

// change sets one field of an event.
func change(event map[string]any, path []string, value any) {
	at := event
	for _, name := range path[:len(path)-1] {
		inner, is := at[name].(map[string]any)
		if !is {
			inner = map[string]any{}
			at[name] = inner
		}
		at = inner
	}
	name := path[len(path)-1]
	if at[name] = value; value == "-" {
		delete(at, name)
	}
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
		{"closed-too-late", nil, []string{"Closed"}},
		{"closed-too-late", map[string]any{"detail.serviceEventDetails.closeAccountStatus.state": "FAILED"}, nil},
		{"closed-too-late", map[string]any{"detail.eventName": "CreateAccountResult"}, nil},
		{"closed-while-subscribed 3", nil, []string{"Closed"}}, // it has left
		{"closed-while-subscribed 3", map[string]any{"detail-type": "AWS API Call via CloudTrail"}, []string{"Closed"}},
		{"closed-while-subscribed 3", map[string]any{"detail.eventName": "AccountJoinedOrganization"}, nil},
		{"closed-while-subscribed 4", nil, nil}, // a call that was denied
		{"closed-while-subscribed 5", nil, []string{"Unsubscribed"}},
		{"closed-while-subscribed 5", map[string]any{"detail.eventName": "DeleteAccountSubscription", "detail-type": "AWS API Call via CloudTrail"}, []string{"Unsubscribed"}},
		{"closed-while-subscribed 5", map[string]any{"detail.eventName": "UpdateAccountSettings"}, nil},
		{"foreign-event", nil, nil},
	} {
		t.Run(fmt.Sprint(tt.story, tt.changes), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ruled(t, stack, sample(t, tt.story, tt.changes))); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

// leaf is one field that a pattern asks for, in one of its alternatives.
type leaf struct {
	path  []string
	want  []any
	among map[string]any // the pattern, with this alternative alone
}

// leaves are all fields of a pattern, each with every alternative that has it.
func leaves(pattern map[string]any) []leaf {
	var found []leaf
	for _, one := range alternatives(pattern) {
		var walk func(at map[string]any, path []string)
		walk = func(at map[string]any, path []string) {
			for name, want := range at {
				switch deeper := append(slices.Clone(path), name); want := want.(type) {
				case map[string]any:
					walk(want, deeper)
				case []any:
					found = append(found, leaf{deeper, want, one})
				}
			}
		}
		walk(one, nil)
	}
	return found
}

// alternatives are a pattern without its $or: one pattern for each way to meet it.
func alternatives(pattern map[string]any) []map[string]any {
	all := []map[string]any{{}}
	for name, want := range pattern {
		var ways []map[string]any
		switch inner, deeper := want.(map[string]any); {
		case name == "$or":
			for _, way := range want.([]any) {
				ways = append(ways, alternatives(way.(map[string]any))...)
			}
		case deeper:
			for _, way := range alternatives(inner) {
				ways = append(ways, map[string]any{name: way})
			}
		default:
			ways = []map[string]any{{name: want}}
		}
		var more []map[string]any
		for _, before := range all {
			for _, way := range ways {
				both := maps.Clone(before)
				maps.Copy(both, way)
				more = append(more, both)
			}
		}
		all = more
	}
	return all
}

// Ensure that a rule meets every value of each field of its pattern, and nothing once one field differs: the near misses are derived from the
// synthesized patterns and the samples, so that a field which nobody tries fails.
func TestEveryFieldOfARuleCounts(t *testing.T) {
	for _, stack := range []template{hub(t, started), organizational(t, nil), watching(t, nil)} {
		for id, rule := range stack.resources("AWS::Events::Rule") {
			if stem(id) == "Ended" {
				continue // of executions, with whose events no story begins: TestFinishRunIsCalled
			}
			pattern := stack.resolve(rule["EventPattern"]).(map[string]any)
			for _, l := range leaves(pattern) {
				t.Run(strings.TrimRight(id, "0123456789ABCDEF")+"/"+strings.Join(l.path, "."), func(t *testing.T) {
					tried := false
					for name, event := range samples(t) {
						if matches(t, l.among, event) {
							tried = true
							l.counts(t, pattern, name, event)
						}
					}
					if !tried {
						t.Error("no event under events/ has it")
					}
				})
			}
		}
	}
}

// counts changes this one field of an event that meets the pattern.
func (l leaf) counts(t *testing.T, pattern map[string]any, name string, event map[string]any) {
	t.Helper()
	if absent := []any{map[string]any{"exists": false}}; cmp.Equal(absent, l.want) {
		change(event, l.path, "something")
		if matches(t, pattern, event) {
			t.Errorf("it is met by %s although the field is there", name)
		}
		return
	}
	for _, want := range l.want {
		change(event, l.path, want)
		if !matches(t, pattern, event) {
			t.Errorf("it is not met by %s with %v", name, want)
		}
		for _, other := range []any{fmt.Sprint(want) + "s", "-", nil} {
			change(event, l.path, other)
			if matches(t, pattern, event) {
				t.Errorf("it is met by %s with %v", name, other)
			}
		}
	}
}

// Ensure that the rules on what is too late hand the raw event to audit-event, three times at most, and that what it fails on is kept and heard of.
func TestAuditedEvents(t *testing.T) {
	stack := hub(t, nil)
	dead, function := "arn:aws:sqs:us-east-1:"+hubID+":AuditDead", "arn:aws:lambda:us-east-1:"+hubID+":function:quicksight-unsubscribe-audit-event"
	count := 0
	for id, rule := range stack.resources("AWS::Events::Rule") {
		for _, target := range rule["Targets"].([]any) {
			resolved := stack.resolve(target).(map[string]any)
			if resolved["Arn"] != function {
				continue
			}
			count++
			if resolved["Input"] != nil || resolved["InputPath"] != nil || resolved["InputTransformer"] != nil || fmt.Sprint(resolved["DeadLetterConfig"]) != "map[Arn:"+dead+"]" {
				t.Errorf("%s sends %v", id, resolved)
			}
			stack.resource(t, "AWS::Lambda::Permission", func(p map[string]any) bool {
				return p["Principal"] == "events.amazonaws.com" && stack.resolve(p["SourceArn"]) == "arn:aws:events:us-east-1:"+hubID+":rule/"+stem(id)
			})
		}
	}
	if count != len(audited()) {
		t.Errorf("%d rules have events audited", count)
	}
	invoke, _ := stack.resource(t, "AWS::Lambda::EventInvokeConfig", func(map[string]any) bool { return true })
	if got := fmt.Sprint(stack.resolve(invoke["DestinationConfig"])); invoke["MaximumRetryAttempts"] != 2.0 || got != "map[OnFailure:map[Destination:"+dead+"]]" {
		t.Errorf("what it fails on: %v", invoke)
	}
	stack.resource(t, "AWS::CloudWatch::Alarm", func(p map[string]any) bool { return strings.Contains(fmt.Sprint(p["Dimensions"]), "AuditDead") })
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

// Ensure that every account forwards that its QuickSight was unsubscribed, and nothing else, and that the hub's bus takes that from the accounts of
// the organization, and nothing else.
func TestAccountsForward(t *testing.T) {
	stack := watching(t, nil)
	for name, event := range samples(t) {
		var want []string
		if name == "closed-while-subscribed 5" {
			want = []string{"Forward"}
		}
		if diff := cmp.Diff(want, ruled(t, stack, event)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for id, r := range stack["Resources"].(map[string]any) {
		if role := r.(map[string]any); role["Type"] == "AWS::IAM::Role" && role["Properties"].(map[string]any)["RoleName"] != nil {
			t.Errorf("%s has a name, and cannot be in two regions", id)
		}
	}
	if open := hub(t, nil).resources("AWS::Events::EventBusPolicy"); len(open) != 0 {
		t.Errorf("the bus is open without anybody having asked: %v", open)
	}
	policy, _ := hub(t, map[string]any{"organizationId": "o-a1b2c3d4e5"}).resource(t, "AWS::Events::EventBusPolicy", func(map[string]any) bool { return true })
	want := map[string]any{"StringEquals": map[string]any{"aws:PrincipalOrgID": "o-a1b2c3d4e5"}, "ForAllValues:StringEquals": map[string]any{"events:source": "aws.quicksight"}}
	if diff := cmp.Diff(want, policy["Statement"].(map[string]any)["Condition"]); diff != "" {
		t.Errorf("who may send what (-want +got):\n%s", diff)
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/workflow"
)

// logged are the metrics of our own that functions' log groups yield, as "name dimension: log groups", and the filters' patterns.
func logged(stack template) (groups map[string][]string, patterns map[string]string) {
	groups, patterns = map[string][]string{}, map[string]string{}
	for _, f := range stack.resources("AWS::Logs::MetricFilter") {
		for _, one := range f["MetricTransformations"].([]any) {
			m := one.(map[string]any)
			if m["MetricNamespace"] != namespace {
				continue
			}
			name := named(m, "Key")
			groups[name] = append(groups[name], strings.TrimSuffix(fmt.Sprint(stack.resolve(f["LogGroupName"])), "Log"))
			patterns[name] = fmt.Sprint(f["FilterPattern"])
		}
	}
	for name := range groups {
		slices.Sort(groups[name])
	}
	return groups, patterns
}

// named is a metric with its dimensions, whose names stand under key.
func named(metric map[string]any, key string) string {
	name := []string{fmt.Sprint(metric["MetricName"])}
	dimensions, _ := metric["Dimensions"].([]any)
	for _, d := range dimensions {
		name = append(name, fmt.Sprint(d.(map[string]any)[key]))
	}
	return strings.Join(name, " ")
}

// Ensure that each alarm of the table, and no other, can ring: it tells the notices once its metric reaches a number, silence is not taken for
// trouble, something yields the metric, and the dashboard shows it.
func TestAlarmsCanRing(t *testing.T) {
	stack := hub(t, map[string]any{"waitingAlarm": "48h"})
	yielded, _ := logged(stack)
	board := dashboard(t, stack)
	var found []string
	for id, a := range stack.resources("AWS::CloudWatch::Alarm") {
		name := strings.TrimRight(id, "0123456789ABCDEF")
		found = append(found, name)
		want := map[string]any{
			"Threshold": 1.0, "EvaluationPeriods": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching", "Period": 300.0,
			"AlarmDescription": alarms[name], "AlarmActions": []any{"arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe"}, "ActionsEnabled": nil,
		}
		if name == "Waiting" {
			want["Threshold"] = 48.0
		}
		got := map[string]any{}
		for field := range want {
			got[field] = stack.resolve(a[field])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		metric := named(a, "Name")
		aws := []string{"AWS/SQS ApproximateNumberOfMessagesVisible QueueName", "AWS/Lambda Throttles"}
		if a["Namespace"] == namespace && yielded[metric] == nil || a["Namespace"] != namespace && !slices.Contains(aws, fmt.Sprint(a["Namespace"], " ", metric)) {
			t.Errorf("nothing yields the metric %s %s of %s", a["Namespace"], metric, name)
		}
		if !strings.Contains(board, id+".Arn") {
			t.Errorf("the dashboard lacks %s", name)
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(alarms)), found); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

// dashboard is the body of the one dashboard.
func dashboard(t *testing.T, stack template) string {
	t.Helper()
	boards := stack.resources("AWS::CloudWatch::Dashboard")
	if len(boards) != 1 {
		t.Fatalf("there are %d dashboards", len(boards))
	}
	for _, b := range boards {
		body := fmt.Sprint(stack.resolve(b["DashboardBody"]))
		if !json.Valid([]byte(body)) {
			t.Errorf("the dashboard is no JSON: %s", body)
		}
		return body
	}
	return ""
}

// Ensure that each metric is taken from the logs of the functions that say it, and that the dashboard counts every outcome.
func TestMetrics(t *testing.T) {
	stack := hub(t, nil)
	groups, patterns := logged(stack)
	var all []string
	for _, f := range workflow.Functions() {
		all = append(all, words(f.Folder))
	}
	want := map[string][]string{
		"Ended Outcome": {"FinishRun", "ReportFleet", "WriteReport"}, "WaitedHours": {"RequestApproval"}, "Raised Alarm": {"AuditEvent"}, "Errors": slices.Sorted(slices.Values(all)),
	}
	if diff := cmp.Diff(want, groups); diff != "" {
		t.Errorf("who says a metric (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"Ended Outcome": `{ $.msg = "ended" }`, "WaitedHours": `{ $.msg = "asked" }`, "Raised Alarm": `{ $.msg = "raised" }`, "Errors": `{ $.error = "Closing.Internal" }`,
	}, patterns); diff != "" {
		t.Errorf("patterns (-want +got):\n%s", diff)
	}
	board := dashboard(t, stack)
	for _, o := range outcomes() {
		if !strings.Contains(board, `"Outcome","`+string(o)+`"`) {
			t.Errorf("the dashboard does not count %s", o)
		}
	}
}

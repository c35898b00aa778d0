package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/workflow"
)

// Ensure that the settings of fleets reach the Distributed Maps: planning and the canary tolerate every failure, which the steps behind them judge, and
// closing as many as is set.
func TestFleetSettings(t *testing.T) {
	text, err := hub(t, map[string]any{"fleetConcurrency": "7", "fleetTolerance": "20", "fleetCanary": "5"}).definition(workflow.Fleet)
	if err != nil {
		t.Fatal(err)
	}
	type distributed struct {
		Label                                      string
		MaxConcurrency, ToleratedFailurePercentage int
		ItemReader, ResultWriter                   struct{ Resource string }
	}
	var machine struct {
		States map[string]struct {
			Type string
			distributed
		}
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		t.Fatal(err)
	}
	got := map[string]distributed{}
	for name, s := range machine.States {
		if s.Type == "Map" {
			got[name] = s.distributed
		}
	}
	want := map[string]distributed{"Plan Accounts": {Label: "PlanAccounts", ToleratedFailurePercentage: 100}, "Close Canary": {Label: "CloseCanary", ToleratedFailurePercentage: 100}, "Close Accounts": {Label: "CloseAccounts", ToleratedFailurePercentage: 20}}
	for name, w := range want {
		w.MaxConcurrency, w.ItemReader.Resource, w.ResultWriter.Resource = 7, "arn:aws:states:::s3:getObject", "arn:aws:states:::s3:putObject"
		want[name] = w
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("maps (-want +got):\n%s", diff)
	}
}

// Ensure that a sweep on a schedule starts the machine of fleets, asks for nothing but a look, and is kept where it cannot be delivered.
func TestSweepsAreScheduled(t *testing.T) {
	stack := hub(t, map[string]any{"managementAccount": "999988887777", "sweeps": "ou-ab12-workload=rate(30 days),r-ab12=cron(0 6 1 * ? *)"})
	machine := "arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe-fleet"
	for unit, expression := range map[string]string{"ou-ab12-workload": "rate(30 days)", "r-ab12": "cron(0 6 1 * ? *)"} {
		input := `{"unit":"` + unit + `","sweep":true,"trigger":"<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"}`
		schedule, _ := stack.resource(t, "AWS::Scheduler::Schedule", func(p map[string]any) bool { return p["ScheduleExpression"] == expression })
		target := stack.resolve(schedule["Target"]).(map[string]any)
		if target["Arn"] != machine || target["Input"] != input || target["DeadLetterConfig"] == nil {
			t.Errorf("the sweep of %s is %v", unit, target)
		}
	}
}

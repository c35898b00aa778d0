package step

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/closing"
)

// Ensure that visits of one state in a row are one moment, that a retry is charged as a transition, that a function which waits for a
// callback is charged until it answered, and that a redrive goes on in the state that failed.
func TestHistory(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	h := history{memory: map[string]float64{"Take Inventory": 0.5, "Request Approval": 0.25, "Delete VPC": 1}}
	second := 0
	add := func(after int, kind types.HistoryEventType, state string) {
		second += after
		at := start.Add(time.Duration(second) * time.Second)
		e := types.HistoryEvent{Timestamp: &at, Type: kind}
		if state != "" {
			e.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: &state}
		}
		if kind == types.HistoryEventTypeExecutionFailed {
			e.ExecutionFailedEventDetails = &types.ExecutionFailedEventDetails{Error: aws.String("Closing.Overrun")}
		}
		h.add(e)
	}
	const (
		entered, exited                      = types.HistoryEventTypeTaskStateEntered, types.HistoryEventTypeTaskStateExited
		scheduled, started, failed, finished = types.HistoryEventTypeTaskScheduled, types.HistoryEventTypeTaskStarted, types.HistoryEventTypeTaskFailed, types.HistoryEventTypeTaskSucceeded
	)
	add(0, types.HistoryEventTypeExecutionStarted, "")
	for range 2 { // two calls, with a choice and a wait between them
		add(0, entered, "Take Inventory")
		add(0, scheduled, "")
		add(0, started, "")
		add(4, finished, "")
		add(0, exited, "")
		add(0, types.HistoryEventTypeChoiceStateEntered, "Inventory Taken?")
		add(0, types.HistoryEventTypeWaitStateEntered, "Wait")
	}
	add(0, entered, "Request Approval")
	add(0, scheduled, "")
	add(0, started, "")
	add(2, types.HistoryEventTypeTaskSubmitted, "")
	add(7200, finished, "")
	add(0, exited, "")
	add(0, entered, "Delete VPC")
	add(0, scheduled, "")
	add(0, started, "")
	add(1, failed, "")
	add(9, scheduled, "") // a retry
	add(0, started, "")
	add(1, failed, "")
	add(0, types.HistoryEventTypeExecutionFailed, "")
	add(60, types.HistoryEventTypeExecutionRedriven, "")
	add(0, scheduled, "")
	add(0, started, "")
	add(1, finished, "")
	add(0, exited, "")

	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	until := func(seconds int) *time.Time { return new(at(seconds)) }
	want := []closing.Moment{
		{At: at(0), What: "started"},
		{At: at(0), Until: until(8), What: "Take Inventory", Times: 2},
		{At: at(8), Until: until(7210), What: "Request Approval"},
		{At: at(7210), What: "Delete VPC"},
		{At: at(7221), What: "failed: Closing.Overrun"},
		{At: at(7281), What: "redriven"},
		{At: at(7281), Until: until(7282), What: "Delete VPC"},
	}
	if diff := cmp.Diff(want, h.moments); diff != "" {
		t.Errorf("moments (-want +got):\n%s", diff)
	}
	if want := (closing.Usage{Transitions: 9, Invocations: 6, GBSeconds: 2*4*0.5 + 2*0.25 + 3*1}); h.usage != want {
		t.Errorf("used %+v, want %+v", h.usage, want)
	}
}

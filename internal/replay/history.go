package replay

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
)

var _ emulator.Historian = (*player)(nil)

// ExecutionHistory is what GetExecutionHistory answers, the oldest event first.
func (p *player) ExecutionHistory(arn string) ([]types.HistoryEvent, bool) {
	e := p.find(arn)
	if e == nil {
		return nil, false
	}
	return HistoryEvents(e.History()), true
}

// HistoryEvents writes a history in the SDK's types: every event, with the details of entering and leaving states, of failures and of
// the execution's beginning and end.
func HistoryEvents(history []asl.Event) []types.HistoryEvent {
	events := make([]types.HistoryEvent, 0, len(history))
	for _, e := range history {
		out := types.HistoryEvent{Id: e.ID, PreviousEventId: e.PreviousEventID, Timestamp: aws.Time(e.Timestamp), Type: types.HistoryEventType(e.Type)}
		d := e.Details
		failure, cause := optional(d.Error), optional(d.Cause)
		switch kind := string(e.Type); {
		case strings.HasSuffix(kind, "StateEntered"):
			out.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: &d.Name, Input: optional(d.Input)}
		case strings.HasSuffix(kind, "StateExited"):
			out.StateExitedEventDetails = &types.StateExitedEventDetails{Name: &d.Name, Output: optional(d.Output), AssignedVariables: d.AssignedVariables}
		case e.Type == asl.ExecutionStarted:
			out.ExecutionStartedEventDetails = &types.ExecutionStartedEventDetails{Input: optional(d.Input), RoleArn: optional(d.RoleARN)}
		case e.Type == asl.ExecutionSucceeded:
			out.ExecutionSucceededEventDetails = &types.ExecutionSucceededEventDetails{Output: optional(d.Output)}
		case e.Type == asl.ExecutionFailed:
			out.ExecutionFailedEventDetails = &types.ExecutionFailedEventDetails{Error: failure, Cause: cause}
		case e.Type == asl.ExecutionAborted:
			out.ExecutionAbortedEventDetails = &types.ExecutionAbortedEventDetails{Error: failure, Cause: cause}
		case e.Type == asl.TaskFailed:
			out.TaskFailedEventDetails = &types.TaskFailedEventDetails{ResourceType: optional(d.ResourceType), Resource: optional(d.Resource), Error: failure, Cause: cause}
		}
		events = append(events, out)
	}
	return events
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

package emulator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Historian is implemented by Machines that keep the history of their executions; without it GetExecutionHistory answers 501.
type Historian interface {
	// ExecutionHistory returns the events of an execution, oldest first, with the inputs and outputs of its states or without; ok is false
	// where there is no such execution.
	ExecutionHistory(arn string, data bool) (events []types.HistoryEvent, ok bool)
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
func getExecutionHistory(r *request) (any, error) {
	historian, ok := r.aws.machines.(Historian)
	if !ok {
		return nil, r.aws.notImplemented(r)
	}
	arn := r.str("executionArn")
	events, ok := historian.ExecutionHistory(arn, !strings.EqualFold(r.str("includeExecutionData"), "false"))
	if !ok {
		return nil, apiError("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	if r.flag("reverseOrder") {
		events = slices.Clone(events)
		slices.Reverse(events)
	}
	cut, next, ok := paginate(r, events, r.str("nextToken"), cmp.Or(r.num("maxResults", 0), 100), 1000)
	if !ok {
		return nil, apiError("InvalidToken", "Invalid Token: '%s'", r.str("nextToken"))
	}
	return &sfn.GetExecutionHistoryOutput{Events: cut, NextToken: optional(next)}, nil
}

package replay

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
)

var _ emulator.Historian = (*player)(nil)

// ExecutionHistory is what GetExecutionHistory answers, the oldest event first.
func (p *player) ExecutionHistory(arn string, data bool) ([]types.HistoryEvent, bool) {
	e := p.find(arn)
	if e == nil {
		return nil, false
	}
	history := e.History()
	if !data {
		history = slices.Clone(history)
		for i := range history {
			d := &history[i].Details
			d.Input, d.InputDetails, d.Output, d.OutputDetails, d.AssignedVariables, d.AssignedVariablesDetails = "", nil, "", nil, nil, nil
		}
	}
	return HistoryEvents(history), true
}

// HistoryEvents writes a history in the SDK's types, whose members are those of the events' JSON.
func HistoryEvents(history []asl.Event) []types.HistoryEvent {
	text, err := json.Marshal(history)
	if err != nil {
		panic(fmt.Sprintf("replay: encode a history: %v", err)) // events are made of strings and numbers
	}
	var events []types.HistoryEvent
	if err := json.Unmarshal(text, &events); err != nil {
		panic(fmt.Sprintf("replay: the SDK's types of a history: %v", err))
	}
	return events
}

package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/workflow"
)

// ReadHistory reads what `aws stepfunctions get-execution-history` prints, or its list of events alone.
func ReadHistory(text []byte) ([]asl.Event, error) {
	var history struct{ Events []asl.Event }
	into := any(&history)
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		into = &history.Events
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	if len(history.Events) == 0 || history.Events[0].Type != asl.ExecutionStarted {
		return nil, errors.New("read the history: it does not begin with ExecutionStarted: take it with get-execution-history, oldest event first")
	}
	return history.Events, nil
}

// DefinitionOf is the synthesized machine that a history is of: that of fleets where it begins as that does.
func DefinitionOf(history []asl.Event) []byte {
	var fleet outline
	if err := json.Unmarshal(workflow.FleetDefinition, &fleet); err != nil {
		panic(fmt.Sprintf("replay: the state machine of fleets: %v", err)) // it is generated, and parsed in every replay
	}
	for _, event := range history {
		if state := entered(event); state != "" {
			if state == fleet.StartAt {
				return workflow.FleetDefinition
			}
			break
		}
	}
	return workflow.Definition
}

// ErrFleet is the answer to retracing a fleet: what its accounts came to is in the histories of their own runs.
var ErrFleet = errors.New("a fleet is not retraced: its history does not hold the runs of its accounts, which have histories of their own; retrace those")

// Retrace runs a machine with the results that a history recorded, and says where it goes another way; "" where it does not. Without a definition
// it is today's. Of a fleet it is ErrFleet.
func Retrace(ctx context.Context, definition []byte, history []asl.Event) (string, error) {
	if definition == nil {
		definition = DefinitionOf(history)
	}
	if bytes.Equal(definition, workflow.FleetDefinition) {
		return "", ErrFleet
	}
	machine, err := asl.Parse(definition)
	if err != nil {
		return "", fmt.Errorf("the state machine: %w", err)
	}
	was := visits(history)
	t := &retracing{results: map[string][]attempt{}}
	for _, v := range was {
		t.results[v.State] = append(t.results[v.State], v.Attempts...)
	}
	first := history[0]
	t.execution = machine.Start(asl.Options{
		Name: "retraced", ARN: "arn:aws:states:us-east-1:000000000000:execution:retraced:retraced", Input: json.RawMessage(first.Details.Input), Start: first.Timestamp,
		Tasks: t, Random: func() float64 { return 0.5 },
		UUID: func() string {
			t.uuids++
			return fmt.Sprintf("00000000-0000-4000-8000-%012d", t.uuids)
		},
	})
	t.stopBetween(was, history)
	t.run(ctx, first.Timestamp)
	for i, event := range history {
		if event.Type == asl.ExecutionRedriven && t.missing == "" {
			if err := t.execution.Redrive(event.Timestamp); errors.Is(err, asl.ErrNotRedrivable) { // that is an answer too
				return fmt.Sprintf("the execution was redriven at event %d; today's definition ended %s there", event.ID, t.execution.Status()), nil
			}
			t.stopBetween(was, history[i:])
			t.run(ctx, event.Timestamp)
		}
	}
	return t.compare(was, visits(t.execution.History()), history), nil
}

// retracing answers tasks with what was recorded.
type retracing struct {
	execution *asl.Execution
	results   map[string][]attempt // by state, in their order
	missing   string               // the first state that the record has no further result of
	stop      time.Time            // when the execution was stopped, in the midst of a task; zero: it was not
	uuids     int
}

// stopBetween notes when the execution was stopped, from the beginning of a history to its next redrive, if that was between two
// tasks: a task that was under way notes it by itself.
func (t *retracing) stopBetween(was []*visit, history []asl.Event) {
	for _, event := range history[1:] {
		switch event.Type {
		case asl.ExecutionRedriven:
			return
		case asl.ExecutionAborted:
			inTask := slices.ContainsFunc(was, func(v *visit) bool {
				return slices.ContainsFunc(v.Attempts, func(a attempt) bool { return a.Open && a.Ended.Equal(event.Timestamp) })
			})
			if !inTask {
				t.stop = event.Timestamp
			}
			return
		}
	}
}

// run goes on until the execution ends, or asks for a result that was not recorded.
func (t *retracing) run(ctx context.Context, now time.Time) {
	for t.missing == "" {
		at, due := t.execution.Next()
		if !t.stop.IsZero() && (!due || !at.Before(t.stop)) {
			t.execution.Stop(t.stop, "", "")
			t.stop = time.Time{}
			return
		}
		if !due {
			return
		}
		if at.Before(now) {
			at = now
		}
		t.execution.Advance(ctx, at)
	}
}

// Do answers with the next recorded result of the state.
func (t *retracing) Do(_ context.Context, task asl.Task) asl.Outcome {
	recorded := t.results[task.State]
	if len(recorded) == 0 {
		if t.missing == "" {
			t.missing = task.State
		}
		return asl.Outcome{Failed: true, Error: "NotRecorded", Cause: "the history has no result of this task"}
	}
	a := recorded[0]
	t.results[task.State] = recorded[1:]
	took := a.Ended.Sub(a.Began)
	if a.Open {
		t.stop = task.Scheduled.Add(took)
		return asl.Outcome{After: took + time.Hour}
	}
	if task.Token != "" {
		return t.call(task, a, took)
	}
	if a.Error != "" {
		return asl.Outcome{Failed: true, Error: a.Error, Cause: a.Cause, After: took}
	}
	return asl.Outcome{Output: payload(a.Output), After: took}
}

// call answers a callback as it was answered then. One that was not runs into the timeout of today's definition.
func (t *retracing) call(task asl.Task, a attempt, took time.Duration) asl.Outcome {
	at := task.Scheduled.Add(took)
	var err error
	switch a.Error {
	case "":
		err = t.execution.SendTaskSuccess(at, task.Token, json.RawMessage(a.Output))
	case "States.Timeout", "States.HeartbeatTimeout":
	default:
		if !a.Submitted {
			return asl.Outcome{Failed: true, Error: a.Error, Cause: a.Cause, After: took}
		}
		err = t.execution.SendTaskFailure(at, task.Token, a.Error, a.Cause)
	}
	if err != nil && !errors.Is(err, asl.ErrTaskTimedOut) { // today's timeout may be shorter
		return asl.Outcome{Failed: true, Error: "NotRecorded", Cause: err.Error()}
	}
	return asl.Outcome{}
}

// payload takes what a function returned out of the envelope of lambda:invoke.
func payload(output string) json.RawMessage {
	var envelope struct {
		ExecutedVersion *string
		Payload         json.RawMessage
	}
	if json.Unmarshal([]byte(output), &envelope) == nil && envelope.ExecutedVersion != nil {
		return envelope.Payload
	}
	return json.RawMessage(output)
}

// compare says where the ways part.
func (t *retracing) compare(was, is []*visit, history []asl.Event) string {
	for i := range min(len(was), len(is)) {
		if was[i].State == is[i].State {
			continue
		}
		if i == 0 {
			return fmt.Sprintf("the execution began with %q; today's definition begins with %q", was[0].State, is[0].State)
		}
		return fmt.Sprintf("after %q (visit %d, at %s) the execution went to %q; today's definition goes to %q",
			was[i-1].State, was[i-1].Number, was[i].Entered.UTC().Format(time.RFC3339), was[i].State, is[i].State)
	}
	end := running
	for _, event := range history {
		end = endOf(event, end)
	}
	switch {
	case len(is) < len(was):
		return fmt.Sprintf("after %q the execution went to %q; today's definition ends there: %s", last(t.execution.Path()), was[len(is)].State, t.execution.Error())
	case t.missing != "":
		return fmt.Sprintf("the execution ended in %q; today's definition calls the task of %q once more", was[len(was)-1].State, t.missing)
	case len(is) > len(was) && end != running && end != stopped:
		return fmt.Sprintf("the execution ended in %q; today's definition goes on to %q", was[len(was)-1].State, is[len(was)].State)
	}
	return ""
}

package asl

import (
	"encoding/json"
	"strings"
	"time"
)

// EventType is the type of a history event, named as in GetExecutionHistory.
type EventType string

// The events of executions, tasks, branches and iterations. Entering and leaving a state are named after its type:
// TaskStateEntered, TaskStateExited, and so on.
const (
	ExecutionStarted   EventType = "ExecutionStarted"
	ExecutionSucceeded EventType = "ExecutionSucceeded"
	ExecutionFailed    EventType = "ExecutionFailed"
	ExecutionTimedOut  EventType = "ExecutionTimedOut"
	ExecutionAborted   EventType = "ExecutionAborted"
	ExecutionRedriven  EventType = "ExecutionRedriven"

	TaskScheduled    EventType = "TaskScheduled"
	TaskStarted      EventType = "TaskStarted"
	TaskSubmitted    EventType = "TaskSubmitted"
	TaskSubmitFailed EventType = "TaskSubmitFailed"
	TaskSucceeded    EventType = "TaskSucceeded"
	TaskFailed       EventType = "TaskFailed"
	TaskTimedOut     EventType = "TaskTimedOut"

	LambdaFunctionScheduled EventType = "LambdaFunctionScheduled"
	LambdaFunctionStarted   EventType = "LambdaFunctionStarted"
	LambdaFunctionSucceeded EventType = "LambdaFunctionSucceeded"
	LambdaFunctionFailed    EventType = "LambdaFunctionFailed"
	LambdaFunctionTimedOut  EventType = "LambdaFunctionTimedOut"

	ActivityScheduled EventType = "ActivityScheduled"
	ActivityStarted   EventType = "ActivityStarted"
	ActivitySucceeded EventType = "ActivitySucceeded"
	ActivityFailed    EventType = "ActivityFailed"
	ActivityTimedOut  EventType = "ActivityTimedOut"

	TaskStateAborted     EventType = "TaskStateAborted"
	WaitStateAborted     EventType = "WaitStateAborted"
	ParallelStateAborted EventType = "ParallelStateAborted"
	MapStateAborted      EventType = "MapStateAborted"

	ParallelStateStarted   EventType = "ParallelStateStarted"
	ParallelStateSucceeded EventType = "ParallelStateSucceeded"
	ParallelStateFailed    EventType = "ParallelStateFailed"
	MapStateStarted        EventType = "MapStateStarted"
	MapStateSucceeded      EventType = "MapStateSucceeded"
	MapStateFailed         EventType = "MapStateFailed"
	MapIterationStarted    EventType = "MapIterationStarted"
	MapIterationSucceeded  EventType = "MapIterationSucceeded"
	MapIterationFailed     EventType = "MapIterationFailed"
	MapIterationAborted    EventType = "MapIterationAborted"
	MapRunStarted          EventType = "MapRunStarted"
	MapRunSucceeded        EventType = "MapRunSucceeded"
	MapRunFailed           EventType = "MapRunFailed"
	MapRunAborted          EventType = "MapRunAborted"
	MapRunRedriven         EventType = "MapRunRedriven"

	EvaluationFailed EventType = "EvaluationFailed"
)

// Event is one event of an execution's history. Its JSON is that of GetExecutionHistory: the details stand in a field
// named after the type, and only there.
type Event struct {
	ID              int64
	PreviousEventID int64 // 0 for the first two events
	Timestamp       time.Time
	Type            EventType
	Details         Details // the zero value where the type has none
}

// Details are the details of an event. Which fields are set depends on its type; Step Functions has a struct for each
// type, with these names.
type Details struct {
	Name  string `json:"name,omitempty"`  // of the state or the Map state
	Index *int   `json:"index,omitempty"` // MapIteration…

	Input         string       `json:"input,omitempty"`
	InputDetails  *DataDetails `json:"inputDetails,omitempty"`
	Output        string       `json:"output,omitempty"`
	OutputDetails *DataDetails `json:"outputDetails,omitempty"`
	Error         string       `json:"error,omitempty"`
	Cause         string       `json:"cause,omitempty"`

	ResourceType       string           `json:"resourceType,omitempty"`
	Resource           string           `json:"resource,omitempty"`
	Region             string           `json:"region,omitempty"`
	Parameters         string           `json:"parameters,omitempty"`
	TimeoutInSeconds   int64            `json:"timeoutInSeconds,omitempty"`
	HeartbeatInSeconds int64            `json:"heartbeatInSeconds,omitempty"`
	WorkerName         string           `json:"workerName,omitempty"`
	TaskCredentials    *TaskCredentials `json:"taskCredentials,omitempty"`

	AssignedVariables        map[string]string `json:"assignedVariables,omitempty"`
	AssignedVariablesDetails *DataDetails      `json:"assignedVariablesDetails,omitempty"`

	State    string `json:"state,omitempty"`    // EvaluationFailed
	Location string `json:"location,omitempty"` // EvaluationFailed

	RoleARN      string `json:"roleArn,omitempty"`
	Length       *int   `json:"length,omitempty"` // MapStateStarted
	MapRunARN    string `json:"mapRunArn,omitempty"`
	RedriveCount int    `json:"redriveCount,omitempty"`
}

// DataDetails says whether a text was cut short, which here it never is.
type DataDetails struct {
	Truncated bool `json:"truncated"`
}

// TaskCredentials is the role that a task was run with.
type TaskCredentials struct {
	RoleARN string `json:"roleArn"`
}

// detailsField names the member that carries the details of a type; empty where the type has none.
func (t EventType) detailsField() string {
	switch {
	case strings.HasSuffix(string(t), "StateEntered"):
		return "stateEnteredEventDetails"
	case strings.HasSuffix(string(t), "StateExited"):
		return "stateExitedEventDetails"
	case strings.HasSuffix(string(t), "StateAborted"):
		return ""
	}
	switch t {
	case LambdaFunctionStarted, ParallelStateStarted, ParallelStateSucceeded, ParallelStateFailed, MapStateSucceeded, MapStateFailed, MapRunSucceeded, MapRunAborted:
		return ""
	}
	return strings.ToLower(string(t[:1])) + string(t[1:]) + "EventDetails"
}

// MarshalJSON writes the event as GetExecutionHistory does.
func (e Event) MarshalJSON() ([]byte, error) {
	out := []byte(`{"id":`)
	out = appendFloat(out, float64(e.ID))
	out = append(out, `,"previousEventId":`...)
	out = appendFloat(out, float64(e.PreviousEventID))
	out = append(out, `,"timestamp":"`+timestamp(e.Timestamp)+`","type":"`+string(e.Type)+`"`...)
	if name := e.Type.detailsField(); name != "" {
		details, err := json.Marshal(e.Details)
		if err != nil {
			return nil, err
		}
		out = append(out, `,"`+name+`":`...)
		out = append(out, details...)
	}
	return append(out, '}'), nil
}

// timestamp writes a time as Step Functions does: UTC, with milliseconds.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// event is an Event as the execution keeps it: values are rendered when somebody asks for the history.
type event struct {
	at       int64 // Unix nanoseconds
	kind     EventType
	previous int
	name     string
	value    any // input, output or parameters
	detail   any // what only this kind has; see render
}

// scheduled is the detail of a task's events.
type scheduled struct {
	task               *task
	region             string
	role               string
	function           string // that lambda:invoke names
	timeout, heartbeat int64
}

// exit is the detail of leaving a state that assigns variables.
type exit struct{ assigned *object }

// iteration is the detail of an iteration's events, and of MapStateStarted, whose length it is.
type iteration int

// History gives all events so far.
func (e *Execution) History() []Event { return e.HistorySince(0) }

// HistorySince gives the events behind the first n.
func (e *Execution) HistorySince(n int) []Event {
	out := make([]Event, 0, len(e.events)-n)
	for i := n; i < len(e.events); i++ {
		out = append(out, e.events[i].render(i+1))
	}
	return out
}

func (v *event) render(id int) Event {
	out := Event{ID: int64(id), PreviousEventID: int64(v.previous), Timestamp: time.Unix(0, v.at).UTC(), Type: v.kind}
	d := &out.Details
	d.Name = v.name
	switch detail := v.detail.(type) {
	case *failure:
		d.Error, d.Cause = detail.name, detail.cause
		if v.kind == EvaluationFailed {
			d.State, d.Location = v.name, detail.location
			d.Name = ""
		}
	case mapRunRedrive:
		d.MapRunARN, d.RedriveCount = detail.arn, detail.count
	case *exit:
		d.AssignedVariables = make(map[string]string, len(detail.assigned.members))
		for _, m := range detail.assigned.members {
			d.AssignedVariables[m.key] = text(m.value)
		}
		d.AssignedVariablesDetails = &DataDetails{}
	case iteration:
		n := int(detail)
		if v.kind == MapStateStarted {
			d.Length = &n
		} else {
			d.Index = &n
		}
	case string:
		switch v.kind {
		case MapRunStarted:
			d.MapRunARN = detail
		case ActivityStarted:
			d.WorkerName = detail
		default:
			d.RoleARN = detail
		}
	case int:
		d.RedriveCount = detail
	case *scheduled:
		v.renderTask(d, detail)
	case taskFailure:
		v.renderTask(d, detail.scheduled)
		d.Error, d.Cause = detail.failure.name, detail.failure.cause
	}
	switch kind := string(v.kind); {
	case v.kind == TaskScheduled:
		d.Parameters = text(v.value)
	case v.kind == ExecutionStarted, strings.HasSuffix(kind, "Entered"), v.kind == LambdaFunctionScheduled, v.kind == ActivityScheduled:
		d.Input, d.InputDetails = text(v.value), &DataDetails{}
	case v.kind == ExecutionSucceeded, strings.HasSuffix(kind, "Exited"), v.kind == TaskSubmitted,
		v.kind == TaskSucceeded, v.kind == LambdaFunctionSucceeded, v.kind == ActivitySucceeded:
		d.Output, d.OutputDetails = text(v.value), &DataDetails{}
	}
	return out
}

// taskFailure is the detail of a task that failed or timed out.
type taskFailure struct {
	scheduled *scheduled
	failure   *failure
}

func (v *event) renderTask(d *Details, s *scheduled) {
	if s.role != "" && (v.kind == TaskScheduled || v.kind == LambdaFunctionScheduled) {
		d.TaskCredentials = &TaskCredentials{s.role}
	}
	switch s.task.pattern {
	case directFunction, activity:
		if v.kind == LambdaFunctionScheduled || v.kind == ActivityScheduled {
			d.Resource, d.TimeoutInSeconds = s.task.resource, s.timeout
			if v.kind == ActivityScheduled {
				d.HeartbeatInSeconds = s.heartbeat
			}
		}
		return
	}
	d.ResourceType, d.Resource = s.task.service, s.task.action
	if v.kind == TaskScheduled {
		d.Region, d.TimeoutInSeconds, d.HeartbeatInSeconds = s.region, s.timeout, s.heartbeat
	}
}

package replay

import (
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
)

// visit is one stay in a state, as an execution's history tells it.
type visit struct {
	State, Type   string
	Number        int // how often the state had been entered, with this visit
	Entered, Left time.Time
	Exited        bool // by itself, or since an error was caught
	Input, Output string
	Assigned      map[string]string
	Attempts      []attempt
	Status        status
	from          *visit // nil for the first
}

// attempt is one try of a task.
type attempt struct {
	Began, Ended time.Time
	Callback     bool // it waits for a task token
	Submitted    bool // the token was handed over
	Open         bool // it has no result
	Parameters   string
	Output       string
	Error, Cause string
}

// status is what became of a visit or a state, as the console colours it.
type status string

const (
	notReached status = "idle"
	running    status = "running"
	succeeded  status = "succeeded"
	caught     status = "caught"
	failed     status = "failed"
	stopped    status = "stopped"
)

// visits reads a history. An event belongs to the visit that the event before it belongs to.
func visits(history []asl.Event) []*visit {
	var all []*visit
	of := map[int64]*visit{}
	numbers := map[string]int{}
	end := running
	var last time.Time
	for _, event := range history {
		last = event.Timestamp
		now := of[event.PreviousEventID]
		if now == nil && len(all) > 0 {
			now = all[len(all)-1]
		}
		if state := entered(event); state != "" {
			numbers[state]++
			now = &visit{
				State: state, Type: strings.TrimSuffix(string(event.Type), "StateEntered"), Number: numbers[state],
				Entered: event.Timestamp, Input: event.Details.Input, from: of[event.PreviousEventID],
			}
			all = append(all, now)
		}
		of[event.ID] = now
		end = endOf(event, end)
		if now != nil {
			now.note(event)
		}
	}
	for _, v := range all {
		v.settle(end, last)
	}
	return all
}

// endOf is how the execution stands after an event.
func endOf(event asl.Event, before status) status {
	switch event.Type {
	case asl.ExecutionSucceeded:
		return succeeded
	case asl.ExecutionFailed, asl.ExecutionTimedOut:
		return failed
	case asl.ExecutionAborted:
		return stopped
	case asl.ExecutionRedriven:
		return running
	}
	return before
}

func (v *visit) note(event asl.Event) {
	d := event.Details
	kind := string(event.Type)
	switch {
	case strings.HasSuffix(kind, "StateExited"):
		v.Exited, v.Left, v.Output, v.Assigned = true, event.Timestamp, d.Output, d.AssignedVariables
	case event.Type == asl.TaskScheduled, event.Type == asl.LambdaFunctionScheduled, event.Type == asl.ActivityScheduled:
		parameters := d.Parameters
		if parameters == "" {
			parameters = d.Input
		}
		v.Attempts = append(v.Attempts, attempt{
			Began: event.Timestamp, Parameters: parameters, Callback: strings.HasSuffix(d.Resource, ".waitForTaskToken") || event.Type == asl.ActivityScheduled,
		})
	case len(v.Attempts) == 0:
	case ended(event.Type):
		if a := &v.Attempts[len(v.Attempts)-1]; a.Ended.IsZero() {
			a.Ended, a.Open = event.Timestamp, true
		}
	case event.Type == asl.TaskSubmitted:
		v.Attempts[len(v.Attempts)-1].Submitted = true
	case event.Type == asl.TaskSucceeded, event.Type == asl.LambdaFunctionSucceeded, event.Type == asl.ActivitySucceeded,
		event.Type == asl.TaskFailed, event.Type == asl.LambdaFunctionFailed, event.Type == asl.ActivityFailed,
		event.Type == asl.TaskTimedOut, event.Type == asl.LambdaFunctionTimedOut, event.Type == asl.ActivityTimedOut,
		event.Type == asl.TaskSubmitFailed:
		a := &v.Attempts[len(v.Attempts)-1]
		a.Ended, a.Output, a.Error, a.Cause = event.Timestamp, d.Output, d.Error, d.Cause
	}
}

// settle says what became of a visit, once the whole history is known.
func (v *visit) settle(end status, last time.Time) {
	if v.Left.IsZero() {
		v.Left = last
	}
	for i := range v.Attempts {
		if v.Attempts[i].Ended.IsZero() {
			v.Attempts[i].Ended, v.Attempts[i].Open = v.Left, true
		}
	}
	n := len(v.Attempts)
	switch {
	case v.Exited && n > 0 && v.Attempts[n-1].Error != "":
		v.Status = caught
	case v.Exited:
		v.Status = succeeded
	default:
		v.Status = end
	}
}

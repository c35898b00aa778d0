package asl

import "fmt"

// The error names of the language that the interpreter itself raises or treats in a special way.
const (
	errorAll          = "States.ALL"
	errorTaskFailed   = "States.TaskFailed"
	errorTimeout      = "States.Timeout"
	errorHeartbeat    = "States.HeartbeatTimeout"
	errorRuntime      = "States.Runtime"
	errorQuery        = "States.QueryEvaluationError"
	errorDataLimit    = "States.DataLimitExceeded"
	errorNoChoice     = "States.NoChoiceMatched"
	errorThreshold    = "States.ExceedToleratedFailureThreshold"
	errorReader       = "States.ItemReaderFailed"
	errorWriter       = "States.ResultWriterFailed"
	errorBranchFailed = "States.BranchFailed"
)

// failure is an error inside the machine: what Retry and Catch match, and what ends an execution.
type failure struct {
	name, cause       string
	hasName, hasCause bool
	query             bool   // it came out of a JSONata expression: EvaluationFailed is recorded
	location          string // of the expression
	late              bool   // the expression gave a value, which then was of no use
	framed            bool   // the cause gets "An error occurred while executing the state …" in front
	heartbeat         bool   // a timeout that is a missed heartbeat
}

// failed is an error with name and cause.
func failed(name, cause string) *failure {
	return &failure{name: name, cause: cause, hasName: name != "", hasCause: cause != ""}
}

// runtimeFailure is an error that no Retry and no Catch sees.
func runtimeFailure(format string, args ...any) *failure {
	return &failure{name: errorRuntime, cause: fmt.Sprintf(format, args...), hasName: true, hasCause: true, framed: true}
}

// queryFailure is a JSONata expression that gave no usable value; location may be empty.
func queryFailure(location, format string, args ...any) *failure {
	return &failure{
		name: errorQuery, cause: fmt.Sprintf(format, args...), hasName: true, hasCause: true,
		framed: true, query: true, location: location,
	}
}

// tooLarge is a result over the limit of 256 KiB; the name is the state's, the service's, or the function's ARN.
func tooLarge(name string) *failure {
	return failed(errorDataLimit, "The state/task '"+name+"' returned a result with a size exceeding the maximum number of bytes service limit.")
}

// tooLong is a history at its limit.
func tooLong() *failure {
	return failed(errorRuntime, "The execution reached the maximum number of history events (25000).")
}

// in names the state in the cause of a failure that came out of its evaluation.
func (f *failure) in(b *branch) *failure {
	if !f.framed {
		return f
	}
	framed := *f
	framed.framed = false
	framed.cause = fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", b.state.name, b.enteredID, f.cause)
	return &framed
}

// output is what a catcher gets.
func (f *failure) output() *object {
	o := newObject(2)
	optional := func(text string, has bool) any {
		if has {
			return text
		}
		return nil
	}
	o.set("Error", optional(f.name, f.hasName))
	o.set("Cause", optional(f.cause, f.hasCause))
	return o
}

// matches says whether a retrier or catcher with these names takes the error.
func (f *failure) matches(names []string) bool {
	if f.name == errorRuntime {
		return false // not even by its own name; recorded from AWS
	}
	for _, name := range names {
		switch {
		case name == errorAll, name == f.name && f.hasName, name == errorHeartbeat && f.heartbeat,
			name == errorTaskFailed && f.name != errorTimeout:
			return true
		}
	}
	return false
}

// maxData is the size of inputs and outputs in bytes of UTF-8.
const maxData = 256 << 10

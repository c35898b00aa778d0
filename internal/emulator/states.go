package emulator

import (
	"encoding/json"
	"time"
)

// Machines are the Step Functions executions, which live in the replay. Errors are *APIError with the code that
// Step Functions documents for the operation.
type Machines interface {
	DescribeExecution(arn string) (Execution, bool)
	SendTaskSuccess(token, output string) error
	SendTaskFailure(token, errorName, cause string) error
	SendTaskHeartbeat(token string) error
	StartExecution(machineARN, name, input string) (arn string, start time.Time, err error)
	StopExecution(arn, errorName, cause string) (time.Time, error)
	RedriveExecution(arn string) (time.Time, error)
}

// Execution is what DescribeExecution says.
type Execution struct {
	ARN, Name, StateMachineARN string
	Status                     string // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
	Start, Stop                time.Time
	Input, Output              json.RawMessage
	Error, Cause               string
	RedriveCount               int
	RedriveDate                time.Time // zero: never redriven
}

var statesOperations = map[string]op{}

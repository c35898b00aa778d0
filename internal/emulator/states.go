package emulator

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Machines are the Step Functions executions, which live in the replay. Errors are *APIError with the code that
// Step Functions documents for the operation. A method runs while the emulator serves the call, so it must not call AWS itself, except for
// StopExecution: what a Map Run has come to is written when it is stopped.
type Machines interface {
	DescribeExecution(arn string) (Execution, bool)
	SendTaskSuccess(token, output string) error
	SendTaskFailure(token, errorName, cause string) error
	SendTaskHeartbeat(token string) error
	StartExecution(machineARN, name, input string) (arn string, start time.Time, err error)
	StopExecution(arn, errorName, cause string) (time.Time, error)
	RedriveExecution(arn string) (time.Time, error)
}

// Lister is implemented by Machines that can list; without it ListExecutions answers 501.
type Lister interface {
	// ListExecutions returns the executions of a state machine, newest first.
	ListExecutions(machineARN string) []Execution
}

// TokenOwner is implemented by Machines that can tell whose a token is. Callbacks are authorized on the state machine's ARN,
// as aws-cdk's grantTaskResponse does; without it, or for a token that nobody knows, on "*".
type TokenOwner interface {
	StateMachineOf(token string) (machineARN string, ok bool)
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

var statesOperations = map[string]op{
	"DescribeExecution":   {run: describeExecution, required: []string{"executionArn"}, resource: statesResource("executionArn")},
	"ListExecutions":      {run: listExecutions, required: []string{"stateMachineArn"}, resource: statesResource("stateMachineArn")},
	"GetExecutionHistory": {run: getExecutionHistory, required: []string{"executionArn"}, resource: statesResource("executionArn")},
	"StartExecution":      {run: startExecution, required: []string{"stateMachineArn"}, resource: statesResource("stateMachineArn")},
	"StopExecution":       {run: stopExecution, required: []string{"executionArn"}, resource: statesResource("executionArn"), unlocked: true},
	"RedriveExecution":    {run: redriveExecution, required: []string{"executionArn"}, resource: statesResource("executionArn")},
	"SendTaskSuccess":     {run: sendTaskSuccess, required: []string{"taskToken", "output"}, resource: tokenResource},
	"SendTaskFailure":     {run: sendTaskFailure, required: []string{"taskToken"}, resource: tokenResource},
	"SendTaskHeartbeat":   {run: sendTaskHeartbeat, required: []string{"taskToken"}, resource: tokenResource},

	"ListStateMachines":                {run: listStateMachines},
	"DescribeStateMachine":             {run: describeStateMachine, required: []string{"stateMachineArn"}, resource: statesResource("stateMachineArn")},
	"DescribeStateMachineForExecution": {run: describeStateMachineForExecution, required: []string{"executionArn"}, resource: statesResource("executionArn")},
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
var statesRules = []rule{
	{name: "execution-name", operations: []string{"StartExecution"}, page: "https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html", check: checkExecutionName},
	{name: "execution-input", operations: []string{"StartExecution"}, page: "https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html", check: checkExecutionInput},
	{name: "task-output", operations: []string{"SendTaskSuccess"}, page: "https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html", check: checkTaskOutput},
}

func statesResource(member string) func(*request) []string {
	return func(r *request) []string { return []string{r.str(member)} }
}

func tokenResource(r *request) []string {
	if owner, ok := r.aws.machines.(TokenOwner); ok {
		if arn, known := owner.StateMachineOf(r.str("taskToken")); known {
			return []string{arn}
		}
	}
	return nil
}

const maxPayload = 256 * 1024 // bytes

// executionName excludes the characters that the API reference lists, and is at most 80 long.
var executionName = regexp.MustCompile(`^[^\s<>{}\[\]?*"#%\\^|~` + "`" + `$&,;:/\x00-\x1f\x7f-\x9f]{1,80}$`)

func checkExecutionName(r *request) error {
	if r.has("name") && !executionName.MatchString(r.str("name")) {
		return apiError("InvalidName", "Invalid Name: '%s'", r.str("name"))
	}
	return nil
}

func checkExecutionInput(r *request) error {
	if input := r.str("input"); r.has("input") && (len(input) > maxPayload || !json.Valid([]byte(input))) {
		return apiError("InvalidExecutionInput", "Invalid State Machine Execution Input: it is not JSON of at most %d bytes", maxPayload)
	}
	return nil
}

func checkTaskOutput(r *request) error {
	if output := r.str("output"); len(output) > maxPayload || !json.Valid([]byte(output)) {
		return apiError("InvalidOutput", "Invalid Output: it is not JSON of at most %d bytes", maxPayload)
	}
	return nil
}

func describeExecution(r *request) (any, error) {
	arn := r.str("executionArn")
	e, ok := r.aws.machines.DescribeExecution(arn)
	if !ok {
		return nil, apiError("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	out := &sfn.DescribeExecutionOutput{
		ExecutionArn: &e.ARN, Name: &e.Name, StateMachineArn: &e.StateMachineARN, Status: types.ExecutionStatus(e.Status),
		StartDate: &e.Start, StopDate: optionalTime(e.Stop), Input: optional(string(e.Input)), Output: optional(string(e.Output)),
		Error: optional(e.Error), Cause: optional(e.Cause), RedriveCount: new(int32(e.RedriveCount)), RedriveDate: optionalTime(e.RedriveDate),
		RedriveStatus: redriveStatus(e.Status),
	}
	return out, nil
}

func redriveStatus(status string) types.ExecutionRedriveStatus {
	if slices.Contains([]string{"FAILED", "TIMED_OUT", "ABORTED"}, status) {
		return types.ExecutionRedriveStatusRedrivable
	}
	return types.ExecutionRedriveStatusNotRedrivable
}

func listExecutions(r *request) (any, error) {
	machines, ok := r.aws.machines.(Lister)
	if !ok {
		return nil, r.aws.notImplemented(r)
	}
	status := r.str("statusFilter")
	wanted := keep(machines.ListExecutions(r.str("stateMachineArn")), func(e Execution) bool { return status == "" || e.Status == status })
	cut, next, ok := paginate(r, wanted, r.str("nextToken"), r.num("maxResults", 0), 100)
	if !ok {
		return nil, apiError("InvalidToken", "Invalid Token: '%s'", r.str("nextToken"))
	}
	out := &sfn.ListExecutionsOutput{Executions: []types.ExecutionListItem{}, NextToken: optional(next)}
	for _, e := range cut {
		out.Executions = append(out.Executions, types.ExecutionListItem{
			ExecutionArn: &e.ARN, Name: &e.Name, StateMachineArn: &e.StateMachineARN, Status: types.ExecutionStatus(e.Status),
			StartDate: &e.Start, StopDate: optionalTime(e.Stop), RedriveCount: new(int32(e.RedriveCount)), RedriveDate: optionalTime(e.RedriveDate),
		})
	}
	return out, nil
}

func startExecution(r *request) (any, error) {
	name := r.str("name")
	if name == "" { // AWS gives a UUID
		name = r.requestID
	}
	input := cmp.Or(r.str("input"), "{}")
	arn, start, err := r.aws.machines.StartExecution(r.str("stateMachineArn"), name, input)
	return &sfn.StartExecutionOutput{ExecutionArn: &arn, StartDate: &start}, err
}

func stopExecution(r *request) (any, error) {
	stop, err := r.aws.machines.StopExecution(r.str("executionArn"), r.str("error"), r.str("cause"))
	return &sfn.StopExecutionOutput{StopDate: &stop}, err
}

func redriveExecution(r *request) (any, error) {
	at, err := r.aws.machines.RedriveExecution(r.str("executionArn"))
	return &sfn.RedriveExecutionOutput{RedriveDate: &at}, err
}

func sendTaskSuccess(r *request) (any, error) {
	return &sfn.SendTaskSuccessOutput{}, r.aws.machines.SendTaskSuccess(r.str("taskToken"), r.str("output"))
}

func sendTaskFailure(r *request) (any, error) {
	return &sfn.SendTaskFailureOutput{}, r.aws.machines.SendTaskFailure(r.str("taskToken"), r.str("error"), r.str("cause"))
}

func sendTaskHeartbeat(r *request) (any, error) {
	return &sfn.SendTaskHeartbeatOutput{}, r.aws.machines.SendTaskHeartbeat(r.str("taskToken"))
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

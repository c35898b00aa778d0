package emulator

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Describer is implemented by Machines that can say what a state machine is; without it the operations on state machines answer 501.
type Describer interface {
	// StateMachine returns the one state machine that there is.
	StateMachine() StateMachine
}

// StateMachine is what DescribeStateMachine says.
type StateMachine struct {
	ARN, Name, RoleARN string
	Definition         string
	Created            time.Time
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
func describeStateMachine(r *request) (any, error) {
	machines, ok := r.aws.machines.(Describer)
	if !ok {
		return nil, r.aws.notImplemented(r)
	}
	m := machines.StateMachine()
	if arn := r.str("stateMachineArn"); arn != m.ARN {
		return nil, noStateMachine(arn)
	}
	return &sfn.DescribeStateMachineOutput{
		StateMachineArn: &m.ARN, Name: &m.Name, RoleArn: &m.RoleARN, Definition: &m.Definition, CreationDate: &m.Created,
		Status: types.StateMachineStatusActive, Type: types.StateMachineTypeStandard,
	}, nil
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html
func describeStateMachineForExecution(r *request) (any, error) {
	machines, ok := r.aws.machines.(Describer)
	if !ok {
		return nil, r.aws.notImplemented(r)
	}
	arn := r.str("executionArn")
	if _, known := r.aws.machines.DescribeExecution(arn); !known {
		return nil, apiError("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	m := machines.StateMachine()
	return &sfn.DescribeStateMachineForExecutionOutput{
		StateMachineArn: &m.ARN, Name: &m.Name, RoleArn: &m.RoleARN, Definition: &m.Definition, UpdateDate: &m.Created,
	}, nil
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html
func listStateMachines(r *request) (any, error) {
	machines, ok := r.aws.machines.(Describer)
	if !ok {
		return nil, r.aws.notImplemented(r)
	}
	m := machines.StateMachine()
	out := &sfn.ListStateMachinesOutput{StateMachines: []types.StateMachineListItem{}}
	if strings.Contains(m.ARN, ":"+r.region+":"+r.account+":") {
		out.StateMachines = append(out.StateMachines, types.StateMachineListItem{
			StateMachineArn: &m.ARN, Name: &m.Name, CreationDate: &m.Created, Type: types.StateMachineTypeStandard,
		})
	}
	return out, nil
}

func noStateMachine(arn string) error {
	return apiError("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

package emulator

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Describer is implemented by Machines that can say what a state machine is; without it the operations on state machines answer 501.
type Describer interface {
	// StateMachines returns the state machines that there are.
	StateMachines() []StateMachine
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
	m, err := machineOf(machines, r.str("stateMachineArn"))
	if err != nil {
		return nil, err
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
	e, known := r.aws.machines.DescribeExecution(arn)
	if !known {
		return nil, apiError("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	m, err := machineOf(machines, e.StateMachineARN)
	if err != nil {
		return nil, err
	}
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
	out := &sfn.ListStateMachinesOutput{StateMachines: []types.StateMachineListItem{}}
	for _, m := range machines.StateMachines() {
		if strings.Contains(m.ARN, ":"+r.region+":"+r.account+":") {
			out.StateMachines = append(out.StateMachines, types.StateMachineListItem{
				StateMachineArn: &m.ARN, Name: &m.Name, CreationDate: &m.Created, Type: types.StateMachineTypeStandard,
			})
		}
	}
	return out, nil
}

func machineOf(machines Describer, arn string) (StateMachine, error) {
	for _, m := range machines.StateMachines() {
		if m.ARN == arn {
			return m, nil
		}
	}
	return StateMachine{}, apiError("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
}

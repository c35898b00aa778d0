package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// The player is the Step Functions side of the emulator: emulator.Machines.

// StartExecution begins an execution of a machine. The emulator has looked at name and input.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
func (p *player) StartExecution(machine, name, input string) (string, time.Time, error) {
	definition, known := p.machines[machine]
	if !known {
		return "", time.Time{}, refusal("StateMachineDoesNotExist", "State Machine Does Not Exist: '"+machine+"'")
	}
	arn := p.run.hub.execution(machine, name)
	if e := p.find(arn); e != nil {
		if e.Status() == asl.Running && string(e.Input) == input {
			return arn, e.StartTime(), nil // the same request again, such as a client's whose answer was lost
		}
		return "", time.Time{}, refusal("ExecutionAlreadyExists", "Execution Already Exists: '"+arn+"'")
	}
	e := &Execution{Name: name, ARN: arn, Machine: machine, Input: []byte(input), index: len(p.run.Executions), tasks: map[string]asl.Task{}}
	e.random = rand.NewPCG(p.options.Seed, uint64(1+e.index))
	o := p.surroundings(e)
	o.Name, o.ARN, o.StateMachineARN, o.StateMachineName = name, arn, machine, machineName(machine)
	o.RoleARN, o.Input, o.Start = p.run.hub.machineRole(machine), e.Input, p.now
	e.Execution = definition.Start(o)
	p.run.Executions = append(p.run.Executions, e)
	p.run.byARN[arn] = e
	p.run.names[name] = e
	p.running = append(p.running, e)
	return arn, p.now, nil
}

// surroundings are the world that an execution runs in.
func (p *player) surroundings(e *Execution) asl.Options {
	return asl.Options{
		Tasks: tasks{player: p, execution: e}, Executions: nested{player: p, execution: e}, Objects: objects{player: p, execution: e}, Random: rand.New(e.random).Float64, //nolint:gosec // jitter wants repeatable numbers, not secret ones
		UUID: func() string {
			e.uuids++
			return fmt.Sprintf("00000000-0000-4000-8%03x-%012d", e.index%0x1000, e.index/0x1000*1_000_000+e.uuids)
		},
	}
}

func (p *player) find(arn string) *Execution { return p.run.byARN[arn] }

// StateMachines is emulator.Describer.
func (p *player) StateMachines() []emulator.StateMachine {
	h := p.run.hub
	var all []emulator.StateMachine
	for arn, text := range map[string][]byte{h.machine(): p.newest().definition, h.fleetMachine(): workflow.FleetDefinition} {
		all = append(all, emulator.StateMachine{ARN: arn, Name: machineName(arn), RoleARN: h.machineRole(arn), Definition: string(text), Created: p.run.Started})
	}
	slices.SortFunc(all, func(a, b emulator.StateMachine) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// ListExecutions is emulator.Lister: the newest first.
func (p *player) ListExecutions(machine string) []emulator.Execution {
	var all []emulator.Execution
	for _, e := range slices.Backward(p.run.Executions) {
		if d, _ := p.DescribeExecution(e.ARN); d.StateMachineARN == machine {
			all = append(all, d)
		}
	}
	return all
}

// DescribeExecution says how an execution stands.
func (p *player) DescribeExecution(arn string) (emulator.Execution, bool) {
	e := p.find(arn)
	if e == nil {
		return emulator.Execution{}, false
	}
	d := emulator.Execution{
		ARN: e.ARN, Name: e.Name, StateMachineARN: e.Machine, Status: string(e.Status()), Start: e.StartTime(),
		Input: e.Input, Output: e.Output(), Error: e.Error(), Cause: e.Cause(),
		RedriveCount: e.RedriveCount(), RedriveDate: e.RedriveTime(),
	}
	if d.Status != string(asl.Running) {
		d.Stop = e.Stopped()
	}
	return d, true
}

// StateMachineOf tells whose a token is: emulator.TokenOwner.
func (p *player) StateMachineOf(token string) (string, bool) {
	for _, e := range p.run.Executions {
		if slices.Contains(e.tokens, token) {
			return e.Machine, true
		}
	}
	return "", false
}

// SendTaskSuccess rings the doorbell of whichever execution owns the token.
func (p *player) SendTaskSuccess(token, output string) error {
	return p.ring(func(e *Execution) error { return e.SendTaskSuccess(p.now, token, json.RawMessage(output)) })
}

// SendTaskFailure fails the task that owns the token.
func (p *player) SendTaskFailure(token, name, cause string) error {
	return p.ring(func(e *Execution) error { return e.SendTaskFailure(p.now, token, name, cause) })
}

// SendTaskHeartbeat prolongs the task that owns the token.
func (p *player) SendTaskHeartbeat(token string) error {
	return p.ring(func(e *Execution) error { return e.SendTaskHeartbeat(p.now, token) })
}

// ring tries the executions in turn: only one of them knows a token.
func (p *player) ring(send func(*Execution) error) error {
	err := asl.ErrInvalidToken
	for _, e := range p.run.Executions {
		if err = send(e); !errors.Is(err, asl.ErrTaskDoesNotExist) {
			break
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, asl.ErrTaskTimedOut):
		return refusal("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	case errors.Is(err, asl.ErrTaskDoesNotExist):
		return refusal("TaskDoesNotExist", err.Error())
	case errors.Is(err, asl.ErrInvalidOutput):
		return refusal("InvalidOutput", err.Error())
	default:
		return refusal("InvalidToken", "Invalid Token: 'Invalid token'")
	}
}

// StopExecution aborts an execution.
func (p *player) StopExecution(arn, name, cause string) (time.Time, error) {
	e := p.find(arn)
	if e == nil {
		return time.Time{}, refusal("ExecutionDoesNotExist", "Execution Does Not Exist: '"+arn+"'")
	}
	if e.Status() == asl.Running {
		p.stopping = true // AWS serves this very call: what follows from it comes after it
		e.Stop(p.now, name, cause)
		p.stopping = false
	}
	return e.Stopped(), nil
}

// RedriveExecution goes on with an execution that failed.
func (p *player) RedriveExecution(arn string) (time.Time, error) {
	e := p.find(arn)
	if e == nil {
		return time.Time{}, refusal("ExecutionDoesNotExist", "Execution Does Not Exist: '"+arn+"'")
	}
	if err := e.Redrive(p.now); err != nil {
		return time.Time{}, refusal("ExecutionNotRedrivable", err.Error())
	}
	p.running = append(p.running, e)
	slices.SortFunc(p.running, func(a, b *Execution) int { return a.index - b.index })
	return p.now, nil
}

func refusal(code, message string) error {
	return &emulator.APIError{Code: code, Message: message, Status: http.StatusBadRequest}
}

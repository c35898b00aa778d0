package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	sfn "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	tasks "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctionstasks"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/workflow"
)

// slack is how much longer a state waits for its function than the function may run: what Step Functions and Lambda need.
const slack = 30 * time.Second

// machine builds the states. Every Task has the same envelope (step.Input, step.Result); the variables $run and $progress carry
// it on, $failure what was caught. Choices look at the small output of the Task before them. They have no default: an answer
// that nobody has thought of stops the run.
type machine struct {
	scope    constructs.Construct
	config   configuration
	versions map[string]awslambda.IFunction // published versions, by folder
	where    where
	report   sfn.TaskStateBase // Write Report, where every run ends and every failure before the commit goes
}

// definition is the whole machine, from its first state to its end states.
func (m *machine) definition() sfn.IChainable {
	m.report = m.writeReport()

	// Before the commit: nothing in the target is changed, and whatever fails is reported and ends the run.
	verify := m.task("Verify Caller", "Proves which account this is, finds the identity region, takes the lock.", start)
	inventory := m.task("Take Inventory", "Reads everything that closing would destroy.", ordinary)
	starter := m.task("Find Starter", "Asks CloudTrail who really started this execution.", ordinary)
	ask := m.callback("Request Approval", "Publishes the plan and waits for a decision, or for the time to remind.", "ask", m.untilReminder())
	read := m.task("Read Decision", "Reads what was decided. The callback was only a doorbell.", action("read"))
	cool := m.callback("Cooling Off", "Waits until the approved plan may be carried out. It can still be cancelled.", "cool", untilCool)
	export := m.task("Export Assets", "Saves what can be saved of what will be destroyed.", ordinary)
	retake := m.task("Retake Inventory", "Reads everything again, to compare it with what was approved.", action("retake"))
	commit := m.task("Commit Plan", "Checks approval and plan again and writes the commit: the point of no return.", ordinary)
	for _, state := range []sfn.TaskStateBase{ask, cool} {
		state.AddCatch(read, &sfn.CatchProps{Errors: jsii.Strings("States.Timeout")})
	}
	for _, state := range []sfn.TaskStateBase{verify, inventory, starter, ask, read, cool, export, retake, commit} {
		state.AddCatch(m.report, caught(state == verify))
	}

	// After it: no Catch, so that a run fails in the state that failed and a redrive goes on there.
	subscription := m.task("Delete Subscription", "Irreversible: every asset and user, in every region.", ordinary)
	directory := m.task("Delete Directory", "Deletes the Simple AD directory that the plan names.", ordinary)
	vpc := m.task("Delete VPC", "Deletes the VPC that the plan names, and what is in it.", ordinary)

	verify.Next(inventory)
	m.poll(inventory, "Inventory Taken?", "Wait For Inventory", m.choice("Closable?",
		when(`$states.input.verdict in ['BLOCKED', 'NOTHING_TO_CLOSE'] or $run.dryRun = true`, m.report),
		when(`$states.input.verdict = 'CLOSABLE' and $not($exists($run.fleet))`, starter),
		// People have decided on the fleet; what they granted, Commit Plan reads.
		when(`$states.input.verdict = 'CLOSABLE' and $exists($run.fleet)`, export)))
	m.poll(starter, "Starter Found?", "Wait For CloudTrail", ask)
	ask.Next(read)
	read.Next(m.choice("Decided?",
		when(`$states.input.verdict = 'PENDING'`, ask),
		when(`$states.input.verdict = 'COOLING'`, cool),
		when(`$states.input.verdict = 'APPROVED'`, export),
		when(`$states.input.verdict in ['REJECTED', 'EXPIRED', 'CANCELLED']`, m.report)))
	cool.Next(read)
	m.poll(export, "Assets Exported?", "Wait For Export", retake)
	m.poll(retake, "Inventory Retaken?", "Wait For Retake", commit)
	commit.Next(m.choice("Committed?",
		when(`$states.input.verdict = 'COMMITTED'`, subscription),
		when(`$states.input.verdict in ['DRIFTED', 'PENDING']`, ask),
		when(`$states.input.verdict = 'COOLING'`, cool),
		when(`$states.input.verdict in ['REJECTED', 'EXPIRED', 'CANCELLED', 'BLOCKED']`, m.report)))
	m.poll(subscription, "Subscription Gone?", "Wait For Subscription", directory)
	m.poll(directory, "Directory Gone?", "Wait For Directory", vpc)
	m.poll(vpc, "VPC Gone?", "Wait For VPC", m.report)
	return verify
}

// writeReport is the last Task. It has no Catch either: where it fails, the execution fails, and a redrive writes the report.
func (m *machine) writeReport() sfn.TaskStateBase {
	report := m.task("Write Report", "Asks AWS what is gone, writes the report, publishes it.", failed)
	report.Next(m.choice("Outcome?",
		when(`$run.outcome = 'CLOSED'`, m.succeed("Closed")),
		when(`$run.outcome = 'ALREADY_CLOSED'`, m.succeed("Already Closed")),
		when(`$run.outcome = 'PLANNED'`, m.succeed("Planned")),
		// An account that drops out of its fleet, untouched, is no failure of the fleet.
		when(`$run.outcome = 'BLOCKED' and $exists($run.fleet)`, m.succeed("Dropped Out")),
		when(`$run.outcome = 'BLOCKED' and $not($exists($run.fleet))`, m.fail("Blocked", "BLOCKED")),
		when(`$run.outcome = 'REJECTED'`, m.fail("Rejected", "REJECTED")),
		when(`$run.outcome = 'CANCELLED'`, m.fail("Cancelled", "CANCELLED")),
		when(`$run.outcome = 'EXPIRED'`, m.fail("Expired", "EXPIRED"))))
	return report
}

// The payloads of the Tasks: what each has in addition to the envelope, or instead of a part of it.
type payload = map[string]any

var (
	ordinary = payload{}
	// start makes the variables that every later state reads.
	start  = payload{"run": payload{}, "progress": payload{}, "request": "{% $states.context.Execution.Input %}"}
	failed = payload{"failure": "{% $failure %}"}
)

func action(name string) payload { return payload{"action": name} }

// envelope is step.Input. RedriveTime is undefined without a redrive, and an object drops what is undefined, so that the execution
// is one expression.
func envelope(extra payload) sfn.TaskInput {
	in := payload{
		"execution": "{% {'id': $states.context.Execution.Id, 'name': $states.context.Execution.Name, 'startTime': $states.context.Execution.StartTime, " +
			"'redriveCount': $states.context.Execution.RedriveCount, 'redriveTime': $states.context.Execution.RedriveTime} %}",
		"state":    "{% $states.context.State.Name %}",
		"entered":  "{% $states.context.State.EnteredTime %}",
		"run":      "{% $run %}",
		"progress": "{% $progress %}",
	}
	for name, value := range extra {
		in[name] = value
	}
	return sfn.TaskInput_FromObject(&in)
}

// task is a Task that invokes the function of its state and takes what it answers into the variables.
func (m *machine) task(name, comment string, extra payload) sfn.TaskStateBase {
	f := m.function(name)
	assign := payload{"run": "{% $states.result.Payload.run %}", "progress": "{% $states.result.Payload.progress %}"}
	if _, first := extra["request"]; first {
		assign["failure"] = "{% null %}"
	}
	t := tasks.LambdaInvoke_Jsonata(m.scope, jsii.String(name), &tasks.LambdaInvokeJsonataProps{
		Comment:                  jsii.String(comment),
		LambdaFunction:           m.versions[f.Folder],
		Payload:                  envelope(extra),
		TaskTimeout:              sfn.Timeout_Duration(seconds(f.Timeout + slack)),
		Assign:                   &assign,
		Outputs:                  "{% $states.result.Payload.{'state': state, 'verdict': verdict, 'remaining': remaining, 'acts': acts} %}",
		RetryOnServiceExceptions: jsii.Bool(false), // it would be a second retrier, without jitter and without throttling
	})
	retry(t, "States.Timeout")
	return t
}

// callback is a Task that waits until somebody rings, or until timeout. What the callback says is ignored; Read Decision follows.
func (m *machine) callback(name, comment, act, timeout string) sfn.TaskStateBase {
	f := m.function(name)
	extra := action(act)
	extra["taskToken"] = "{% $states.context.Task.Token %}"
	t := tasks.LambdaInvoke_Jsonata(m.scope, jsii.String(name), &tasks.LambdaInvokeJsonataProps{
		Comment:                  jsii.String(comment),
		LambdaFunction:           m.versions[f.Folder],
		IntegrationPattern:       sfn.IntegrationPattern_WAIT_FOR_TASK_TOKEN,
		Payload:                  envelope(extra),
		TaskTimeout:              sfn.Timeout_Jsonata(jsii.String(timeout)),
		Outputs:                  payload{},
		RetryOnServiceExceptions: jsii.Bool(false),
	})
	retry(t)
	return t
}

// untilReminder is when Request Approval reminds: after the reminder's interval, or at the round's deadline if that is earlier.
func (m *machine) untilReminder() string {
	return "{% $max([" + inSeconds(shortest) + ", $min([" + inSeconds(m.config.reminder) + ", " + until("$run.deadline") + "])]) %}"
}

// untilCool is the end of the cooling off.
var untilCool = "{% $max([" + inSeconds(shortest) + ", " + until("$run.coolUntil") + "]) %}"

// until is the number of seconds from entering a state to a moment. It is undefined, and no element of a list, where the moment is.
func until(moment string) string {
	return "$floor(($toMillis(" + moment + ") - $toMillis($states.context.State.EnteredTime)) / 1000) + 1"
}

// shortest is the shortest timeout of a callback: the function itself must be able to finish.
var shortest = must(workflow.Lookup("request-approval")).Timeout + slack

// poll puts a loop behind a Task: wait as long as it says and call it again, until it is done.
func (m *machine) poll(task sfn.TaskStateBase, question, waiting string, next sfn.IChainable) {
	wait := sfn.Wait_Jsonata(m.scope, jsii.String(waiting), &sfn.WaitJsonataProps{
		Time: sfn.WaitTime_Seconds(jsii.String("{% $max([1, $progress.wait]) %}")),
	})
	wait.Next(task)
	task.Next(m.choice(question, when(`$states.input.state = 'IN_PROGRESS'`, wait), when(`$states.input.state = 'DONE'`, next)))
}

// branch is one rule of a choice.
type branch struct {
	condition string
	next      sfn.IChainable
}

func when(condition string, next sfn.IChainable) branch { return branch{condition, next} }

func (m *machine) choice(name string, branches ...branch) sfn.Choice {
	choice := sfn.Choice_Jsonata(m.scope, jsii.String(name), nil)
	for _, b := range branches {
		choice.When(sfn.Condition_Jsonata(jsii.String("{% "+b.condition+" %}")), b.next, nil)
	}
	return choice
}

func (m *machine) succeed(name string) sfn.IChainable {
	return sfn.Succeed_Jsonata(m.scope, jsii.String(name), &sfn.SucceedJsonataProps{Outputs: "{% $run %}"})
}

func (m *machine) fail(name, outcome string) sfn.IChainable {
	return sfn.Fail_Jsonata(m.scope, jsii.String(name), &sfn.FailJsonataProps{
		Error: jsii.String(outcome), Cause: jsii.String("{% $run.summary %}"),
	})
}

// retryable is a state that has retriers.
type retryable interface {
	AddRetry(props *sfn.RetryProps) sfn.TaskStateBase
}

// patience is how often a state is tried again that AWS throttles: with delays of up to five minutes, of which jitter takes half, for one hour and
// twenty minutes. Whoever waits for it loses nothing, and a fleet loses no account to it.
const patience = 40

// retry gives a state the one retry policy, of two retriers, each of which counts its own attempts. The first is for what goes by: Lambda's
// throttling, which Step Functions' default set lacks, and Closing.Transient, an AWS error that the function's SDK has retried in vain. The second is
// for functions that fail. One whose process ends is Lambda.Unknown in Step Functions' documentation, and Runtime.ExitError in Lambda's answer, which
// Step Functions otherwise takes the name from. A callback state leaves States.Timeout out, since there it means that nobody rang.
func retry(state retryable, more ...string) {
	for _, r := range []struct {
		errors   []string
		attempts float64
	}{
		{[]string{"Lambda.TooManyRequestsException", string(closing.Transient)}, patience},
		{append([]string{
			"Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.ClientExecutionTimeoutException",
			"Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout",
		}, more...), 8},
	} {
		state.AddRetry(&sfn.RetryProps{
			Errors: jsii.Strings(r.errors...), MaxAttempts: jsii.Number(r.attempts),
			Interval: seconds(2 * time.Second), BackoffRate: jsii.Number(2), MaxDelay: seconds(5 * time.Minute), JitterStrategy: sfn.JitterType_FULL,
		})
	}
}

// caught keeps what was caught for the report. The first state has no variables yet, and its catcher makes them.
func caught(first bool) *sfn.CatchProps {
	assign := payload{"failure": payload{
		"state":   "{% $states.context.State.Name %}",
		"error":   "{% $states.errorOutput.Error %}",
		"message": "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
	}}
	if first {
		assign["run"], assign["progress"] = payload{}, payload{}
	}
	return &sfn.CatchProps{Errors: jsii.Strings("States.ALL"), Assign: &assign}
}

// function is the function behind a state.
func (m *machine) function(state string) workflow.Function {
	for _, f := range workflow.Functions() {
		if slices.Contains(f.States, state) {
			return f
		}
	}
	panic("internal/workflow has no function for the state " + state)
}

// must is for what the tables of this module contain for certain.
func must[T any](value T, ok bool) T {
	if !ok {
		panic(fmt.Sprintf("there is no such %T", value))
	}
	return value
}

func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

// inSeconds is a duration as an expression takes it.
func inSeconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	sfn "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// fleet is the machine that closes many accounts: it plans each, asks once, and closes each by a run of the other machine.
func (m *machine) fleet() sfn.IChainable {
	m.report = m.reportFleet()

	// Before the commit: nothing is changed, and whatever fails is reported and ends the run.
	list := m.task("List Accounts", "Finds out which accounts the fleet has.", list)
	planning := m.distribute("Plan Accounts", "Plans every account, by a dry run of the machine that closes one.", step.BatchPlan, 100)
	plan := m.task("Plan Fleet", "Makes one plan of the plans of each account.", action("plan"))
	starter := m.task("Find Starter", "Asks CloudTrail who really started this execution.", ordinary)
	ask := m.callback("Request Approval", "Publishes the fleet's plan and waits for a decision, or for the time to remind.", "ask", m.untilReminder())
	read := m.task("Read Decision", "Reads what was decided. The callback was only a doorbell.", action("read"))
	cool := m.callback("Cooling Off", "Waits until the approved fleet may be closed. It can still be cancelled.", "cool", untilCool)
	commit := m.task("Commit Fleet", "Writes what each account that every approver kept is granted. From here on accounts are closed.", ordinary)
	for _, state := range []sfn.TaskStateBase{ask, cool} {
		state.AddCatch(read, &sfn.CatchProps{Errors: jsii.Strings("States.Timeout")})
	}
	for _, state := range []sfn.TaskStateBase{list, plan, starter, ask, read, cool, commit} {
		state.AddCatch(m.report, caught(state == list))
	}

	// After it: no Catch, so that a fleet that was stopped, or of which too many accounts failed, goes on with a redrive.
	canary := m.distribute("Close Canary", "Closes the smallest accounts first.", step.BatchCanary, 100)
	check := m.task("Check Canary", "Goes on only if none of them is left half done.", action("check"))
	rest := m.distribute("Close Accounts", "Closes every other account, each by a run of its own.", step.BatchRest, m.config.fleetTolerance)

	list.Next(planning)
	planning.AddCatch(m.report, caught(false))
	planning.Next(plan)
	plan.Next(m.choice("Closable?",
		when(`$states.input.verdict = 'NOTHING_TO_CLOSE' or $run.dryRun = true`, m.report),
		when(`$states.input.verdict = 'CLOSABLE'`, starter)))
	m.poll(starter, "Starter Found?", "Wait For CloudTrail", ask)
	ask.Next(read)
	read.Next(m.choice("Decided?",
		when(`$states.input.verdict = 'PENDING'`, ask),
		when(`$states.input.verdict = 'COOLING'`, cool),
		when(`$states.input.verdict = 'APPROVED'`, commit),
		when(`$states.input.verdict in ['REJECTED', 'EXPIRED', 'CANCELLED']`, m.report)))
	cool.Next(read)
	commit.Next(m.choice("Committed?",
		when(`$states.input.verdict = 'COMMITTED'`, canary),
		when(`$states.input.verdict = 'PENDING'`, ask),
		when(`$states.input.verdict = 'COOLING'`, cool),
		when(`$states.input.verdict in ['REJECTED', 'EXPIRED', 'CANCELLED']`, m.report)))
	canary.Next(check)
	check.Next(rest)
	rest.Next(m.report)
	return list
}

// list makes the variables that every later state reads, as start does.
var list = payload{"run": payload{}, "progress": payload{}, "request": "{% $states.context.Execution.Input %}", "action": "list"}

// reportFleet is the last Task of a fleet.
func (m *machine) reportFleet() sfn.TaskStateBase {
	// With the request, for a run that was refused before it had a folder: a sweep's is elsewhere.
	report := m.task("Report Fleet", "Says what became of every account, and publishes it.", payload{"failure": failed["failure"], "request": list["request"]})
	report.Next(m.choice("Outcome?",
		when(`$run.outcome = 'CLOSED'`, m.succeed("Closed")),
		when(`$run.outcome = 'ALREADY_CLOSED'`, m.succeed("Already Closed")),
		when(`$run.outcome = 'PLANNED'`, m.succeed("Planned")),
		when(`$run.outcome = 'BLOCKED'`, m.fail("Blocked", "BLOCKED")),
		when(`$run.outcome = 'REJECTED'`, m.fail("Rejected", "REJECTED")),
		when(`$run.outcome = 'CANCELLED'`, m.fail("Cancelled", "CANCELLED")),
		when(`$run.outcome = 'EXPIRED'`, m.fail("Expired", "EXPIRED")),
		when(`$run.outcome = 'PARTLY_CLOSED'`, m.fail("Partly Closed", "PARTLY_CLOSED"))))
	return report
}

// distribute is a Distributed Map over a batch in the record: a run of the other machine for each item, whose input the item is. It is written
// as Step Functions takes it, since the CDK's own construct grants itself permissions.
// https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
func (m *machine) distribute(name, comment, batch string, tolerated int) sfn.CustomState {
	account := payload{
		"Type": "Task", "Resource": "arn:" + m.where.partition + ":states:::states:startExecution.sync:2", "End": true,
		"Comment":   "A run of its own. It reads what it may do in the record of this fleet, not in its input.",
		"Arguments": payload{"StateMachineArn": m.where.machine(), "Input": "{% $states.input %}"},
		"Output":    "{% $states.result.Output.{'accountId': accountId, 'outcome': outcome, 'closing': closing} %}",
		"Retry": []any{payload{
			"ErrorEquals":     notStarted,
			"IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": patience, "MaxDelaySeconds": 300, "JitterStrategy": "FULL",
		}},
	}
	return sfn.NewCustomState(m.scope, jsii.String(name), &sfn.CustomStateProps{StateJson: &payload{
		"Type": "Map", "Comment": comment, "Label": words(name),
		"ItemReader": payload{
			"Resource":     "arn:" + m.where.partition + ":states:::s3:getObject",
			"ReaderConfig": payload{"InputType": "JSON"},
			"Arguments":    payload{"Bucket": m.config.Bucket, "Key": "{% $run.closing & '" + step.BatchObject(batch) + "' %}"},
		},
		"ItemProcessor": payload{
			"ProcessorConfig": payload{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
			"StartAt":         name + ": Account", "States": payload{name + ": Account": account},
		},
		"MaxConcurrency": m.config.fleetConcurrency, "ToleratedFailurePercentage": tolerated,
		"ResultWriter": payload{
			"Resource":  "arn:" + m.where.partition + ":states:::s3:putObject",
			"Arguments": payload{"Bucket": m.config.Bucket, "Prefix": "{% $run.closing & 'results/" + batch + "' %}"},
		},
		"Output": payload{},
	}})
}

// notStarted are the errors of a run that was not started and may be next time. AWS's page on nested workflows names the first without the word Exception,
// AWS's own CDK constructs name others of the kind with it.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-nested-workflows.html
var notStarted = []string{
	"StepFunctions.AWSStepFunctionsException", "StepFunctions.ExecutionLimitExceeded", "StepFunctions.ExecutionLimitExceededException", "StepFunctions.SdkClientException",
	"StepFunctions.ThrottlingException",
}

// newFleetMachine makes the state machine that closes many accounts.
func newFleetMachine(stack awscdk.Stack, config configuration, w where, r resources, versions map[string]awslambda.IFunction) sfn.StateMachine {
	m := &machine{scope: constructs.NewConstruct(stack, jsii.String("FleetStates")), config: config, versions: versions, where: w}
	log := newLogGroup(stack, "FleetMachineLog", "/aws/vendedlogs/states/"+workflow.Fleet, config)
	return sfn.NewStateMachine(stack, jsii.String("FleetMachine"), &sfn.StateMachineProps{
		StateMachineName: jsii.String(workflow.Fleet),
		Comment:          jsii.String("Closes many Amazon QuickSight accounts: plans each, asks once, and closes each by a run of " + workflow.Prefix + "."),
		QueryLanguage:    sfn.QueryLanguage_JSONATA,
		DefinitionBody:   sfn.DefinitionBody_FromChainable(m.fleet()),
		Timeout:          seconds(config.machineTimeout),
		Role:             newFleetRole(stack, w, r).WithoutPolicyUpdates(nil),
		TracingEnabled:   jsii.Bool(true),
		Logs:             &sfn.LogOptions{Destination: log, Level: sfn.LogLevel_ALL},
	})
}

// newFleetRole makes the role of that machine: it starts runs of the other one, reads its batches and writes their results.
// https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
// https://docs.aws.amazon.com/step-functions/latest/dg/stepfunctions-iam.html
func newFleetRole(scope constructs.Construct, w where, r resources) awsiam.Role {
	var invoked []string
	for _, folder := range []string{"plan-fleet", "find-starter", "request-approval", "commit-fleet", "report-fleet"} {
		invoked = append(invoked, w.arn("lambda", "function:"+must(workflow.Lookup(folder)).Name()+":*"))
	}
	children := w.arn("states", "execution:"+workflow.Fleet+"/*:*") // of its Distributed Maps
	return newMachineRoleNamed(scope, w, "FleetMachineRole", workflow.Fleet,
		allow("lambda:Invoke", invoked...),
		allow("states:StartExecution", w.machine(), w.fleetMachine()),
		statement([]string{"states:DescribeExecution", "states:StopExecution"}, w.executions(), children),
		statement([]string{"states:RedriveExecution"}, children),
		statement([]string{"events:PutTargets", "events:PutRule", "events:DescribeRule"}, w.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")),
		allow("s3:GetObject", r.bucket+"/closings/*/batch-*.json"),
		statement([]string{"s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}, r.bucket+"/closings/*/results/*"),
		statement([]string{"kms:Decrypt", "kms:GenerateDataKey"}, r.key),
	)
}

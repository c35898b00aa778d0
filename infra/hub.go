package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	sfn "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/workflow"
)

// killSwitch is the name of the parameter that stops every delete step where its value is "on".
const killSwitch = "/" + workflow.Prefix + "/kill-switch"

// newHub makes the stack that closes accounts: the machine, its functions and roles, the record, the notices, the kill switch, and what
// starts finish-run. built is the directory with the functions' binaries, <folder>/bootstrap.
func newHub(app constructs.Construct, config configuration, built string) awscdk.Stack {
	config.check()
	stack := awscdk.NewStack(app, jsii.String("QuickSightUnsubscribe"), config.stackProps("Closes Amazon QuickSight accounts, with approval"))
	w := whereIs(stack)

	key := newKey(stack)
	bucket := newRecord(stack, key, w)
	topic := newTopic(stack, key, config)
	approvals := newApprovals(stack, key, config, w)
	awsssm.NewStringParameter(stack, jsii.String("KillSwitch"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(killSwitch), StringValue: jsii.String("off"),
		Description: jsii.String("on stops every delete step of quicksight-unsubscribe before its next act"),
	})
	awsssm.NewStringParameter(stack, jsii.String("RecordName"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(workflow.RecordParameter), StringValue: bucket.BucketName(),
		Description: jsii.String("the bucket of the record, for the command line of quicksight-unsubscribe"),
	})
	queue := newFinishQueue(stack, topic)
	unaudited := newDeadLetters(stack, topic, "AuditDead", "Unaudited")

	r := resources{bucket: *bucket.BucketArn(), key: *key.KeyArn(), topic: *topic.TopicArn(), approvals: *approvals.TopicArn(), queue: *queue.QueueArn(), unaudited: *unaudited.QueueArn()}
	roles := newRoles(stack, w, r)
	config.Account, config.Region, config.Machine, config.Halt = w.account, w.region, w.machine(), killSwitch
	config.Bucket, config.Topic, config.ApprovalTopic = *bucket.BucketName(), *topic.TopicArn(), *approvals.TopicArn()
	all := newFunctions(stack, config, built, roles)
	page := newDecisionURL(stack, w, all.latest["decide-approval"], *bucket.BucketArn(), *key.KeyArn())
	admitAccounts(all.latest["decide-approval"], bucket, key, config.approversAccounts())
	all.latest["request-approval"].AddEnvironment(jsii.String("DECISION_URL"), page, nil)
	machine := newMachine(stack, config, w, all.versions)
	newFleetMachine(stack, config, w, r, all.versions)
	newTriggers(stack, config, w, machine, topic)
	auditEvents(stack, all.latest["audit-event"], unaudited)
	admitWatches(stack, config, w)
	newMonitoring(stack, config, all, machine, topic)
	finishRuns(stack, w, queue, all.latest["finish-run"])

	newOutputs(stack, config, w)
	return stack
}

// newTopic makes the topic of the notices.
func newTopic(scope constructs.Construct, key awskms.IKey, config configuration) awssns.Topic {
	topic := awssns.NewTopic(scope, jsii.String("Notices"), &awssns.TopicProps{
		TopicName: jsii.String(workflow.Prefix), DisplayName: jsii.String("QuickSight unsubscribe"), MasterKey: key, EnforceSSL: jsii.Bool(true),
	})
	// EnforceSSL replaces SNS's own policy, which would let alarms publish. The key's policy lets them, too.
	alarms := awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), &awsiam.ServicePrincipalOpts{
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": *awscdk.Stack_Of(scope).Account()}},
	})
	topic.GrantPublish(alarms)
	for _, address := range config.notify {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(address), nil))
	}
	return topic
}

// newFinishQueue makes the queue that holds the end of an execution back for so long that no function of it can still be running,
// and the one for what finish-run could not handle, which an alarm watches.
func newFinishQueue(scope constructs.Construct, notices awssns.Topic) awssqs.Queue {
	dead := newDeadLetters(scope, notices, "FinishDead", "Unfinished")
	return awssqs.NewQueue(scope, jsii.String("FinishDelay"), &awssqs.QueueProps{
		DeliveryDelay:     seconds(workflow.FinishDelay),
		VisibilityTimeout: seconds(6 * must(workflow.Lookup("finish-run")).Timeout), // what Lambda asks of a queue that it polls
		Encryption:        awssqs.QueueEncryption_SQS_MANAGED,                       // EventBridge may send to it without a key policy
		EnforceSSL:        jsii.Bool(true),
		RetentionPeriod:   awscdk.Duration_Days(jsii.Number(14)),
		DeadLetterQueue:   &awssqs.DeadLetterQueue{Queue: dead, MaxReceiveCount: jsii.Number(5)},
	})
}

// finishRuns sends every execution that did not succeed to finish-run.
func finishRuns(scope constructs.Construct, w where, queue awssqs.Queue, finish awslambda.Function) {
	awsevents.NewRule(scope, jsii.String("Ended"), &awsevents.RuleProps{
		Description: jsii.String("Executions of quicksight-unsubscribe that failed, timed out or were stopped"),
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings("aws.states"),
			DetailType: jsii.Strings("Step Functions Execution Status Change"),
			Detail: &map[string]any{
				"stateMachineArn": []string{w.machine(), w.fleetMachine()},
				"status":          []string{"FAILED", "TIMED_OUT", "ABORTED"},
			},
		},
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewSqsQueue(queue, nil)},
	})
	finish.AddEventSource(awslambdaeventsources.NewSqsEventSource(queue, &awslambdaeventsources.SqsEventSourceProps{BatchSize: jsii.Number(1)}))
}

// newMachine makes the state machine.
func newMachine(stack awscdk.Stack, config configuration, w where, versions map[string]awslambda.IFunction) sfn.StateMachine {
	m := &machine{scope: constructs.NewConstruct(stack, jsii.String("States")), config: config, versions: versions, where: w}
	log := newLogGroup(stack, "MachineLog", "/aws/vendedlogs/states/"+workflow.Prefix, config)
	return sfn.NewStateMachine(stack, jsii.String("Machine"), &sfn.StateMachineProps{
		StateMachineName: jsii.String(workflow.Prefix),
		Comment:          jsii.String("Closes one Amazon QuickSight account: looks at everything, asks, and only then deletes."),
		QueryLanguage:    sfn.QueryLanguage_JSONATA,
		DefinitionBody:   sfn.DefinitionBody_FromChainable(m.definition()),
		Timeout:          seconds(config.machineTimeout),
		Role:             newMachineRole(stack, w).WithoutPolicyUpdates(nil),
		TracingEnabled:   jsii.Bool(true),
		Logs:             &sfn.LogOptions{Destination: log, Level: sfn.LogLevel_ALL},
	})
}

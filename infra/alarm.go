package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	sfn "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// alarms are the alarms by name, with what each means. The README's runbook has a line for each.
var alarms = map[string]string{
	"Failed":                   "a closing stopped, and the subscription is still there",
	"PartlyClosed":             "a closing stopped after the subscription was deleted, and left something behind",
	"Waiting":                  "people have been asked for longer than waitingAlarm, and have not decided",
	"Unfinished":               "finish-run failed: a run that did not succeed may have left termination protection off, or its lock",
	"UndeliveredTriggers":      "an event or a schedule that should have started a closing did not: its account stays subscribed",
	"Unaudited":                "audit-event failed on an event: nobody has looked whether an account was unsubscribed without us, or closed while subscribed",
	"FunctionErrors":           "a function met an error that it does not know: a bug, or a broken deployment",
	"Throttles":                "Lambda throttles functions of the hub account; closings wait, and go on by themselves once it stops",
	step.ClosedWhileSubscribed: "an account was closed, or left the organization, and the record does not say that it was unsubscribed from QuickSight before",
	step.UnsubscribedWithoutUs: "an account was unsubscribed from QuickSight, and the record has no commit and intent to do so",
}

// namespace is where the metrics are that the functions' logs yield.
const namespace = "QuickSightUnsubscribe"

// newAlarm makes an alarm that tells the notices as soon as its metric is not zero.
func newAlarm(scope constructs.Construct, notices awssns.ITopic, name string, metric awscloudwatch.IMetric) {
	newThreshold(scope, notices, name, metric, 1)
}

// newThreshold makes an alarm that tells the notices as soon as its metric reaches a number.
func newThreshold(scope constructs.Construct, notices awssns.ITopic, name string, metric awscloudwatch.IMetric, number float64) {
	meaning, known := alarms[name]
	if !known {
		panic("no alarm is named " + name)
	}
	alarm := awscloudwatch.NewAlarm(scope, jsii.String(name), &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(meaning), Metric: metric, Threshold: jsii.Number(number), EvaluationPeriods: jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(notices))
}

// newDeadLetters makes the queue of what could not be delivered, and the alarm that says so.
func newDeadLetters(scope constructs.Construct, notices awssns.ITopic, id, alarm string) awssqs.Queue {
	dead := awssqs.NewQueue(scope, jsii.String(id), &awssqs.QueueProps{
		Encryption: awssqs.QueueEncryption_SQS_MANAGED, EnforceSSL: jsii.Bool(true), RetentionPeriod: awscdk.Duration_Days(jsii.Number(14)),
	})
	cdknag.NagSuppressions_AddResourceSuppressions(dead, &[]*cdknag.NagPackSuppression{
		{Id: jsii.String("AwsSolutions-SQS3"), Reason: jsii.String("It is itself for dead letters")},
	}, nil)
	newAlarm(scope, notices, alarm, dead.MetricApproximateNumberOfMessagesVisible(nil))
	return dead
}

// outcomes are the last words of runs, as the metric "Ended" has them.
func outcomes() []closing.Outcome {
	return []closing.Outcome{
		closing.OutcomeClosed, closing.OutcomeAlreadyClosed, closing.OutcomePlanned,
		closing.OutcomeBlocked, closing.OutcomeRejected, closing.OutcomeCancelled, closing.OutcomeExpired,
		closing.OutcomeFailed, closing.OutcomePartlyClosed,
	}
}

// newMonitoring makes metrics of what the functions log, the alarms on them, and the one dashboard.
func newMonitoring(stack awscdk.Stack, config configuration, all functions, machine sfn.StateMachine, notices awssns.ITopic) {
	filter := func(folder, name, pattern string, props awslogs.MetricFilterProps) {
		props.LogGroup = all.latest[folder].LogGroup()
		props.FilterPattern = awslogs.FilterPattern_Literal(jsii.String(pattern))
		props.MetricNamespace, props.MetricName = jsii.String(namespace), jsii.String(name)
		awslogs.NewMetricFilter(stack, jsii.String(words(folder)+name), &props)
	}
	metric := func(name, statistic string, dimensions map[string]*string) awscloudwatch.Metric {
		return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
			Namespace: jsii.String(namespace), MetricName: jsii.String(name), Statistic: jsii.String(statistic), DimensionsMap: &dimensions,
		})
	}
	for _, folder := range []string{"write-report", "report-fleet", "finish-run"} {
		filter(folder, "Ended", `{ $.msg = "ended" }`, awslogs.MetricFilterProps{
			MetricValue: jsii.String("1"), Dimensions: &map[string]*string{"Outcome": jsii.String("$.outcome")},
		})
	}
	filter("request-approval", "WaitedHours", `{ $.msg = "asked" }`, awslogs.MetricFilterProps{MetricValue: jsii.String("$.waitedHours")})
	filter("audit-event", "Raised", `{ $.msg = "raised" }`, awslogs.MetricFilterProps{
		MetricValue: jsii.String("1"), Dimensions: &map[string]*string{"Alarm": jsii.String("$.alarm")},
	})
	for _, f := range workflow.Functions() {
		filter(f.Folder, "Errors", fmt.Sprintf(`{ $.error = %q }`, closing.Internal), awslogs.MetricFilterProps{MetricValue: jsii.String("1")})
	}

	ended := func(o closing.Outcome) awscloudwatch.IMetric {
		return metric("Ended", "Sum", map[string]*string{"Outcome": jsii.String(string(o))})
	}
	var byOutcome []awscloudwatch.IMetric
	for _, o := range outcomes() {
		byOutcome = append(byOutcome, ended(o))
	}
	waited, errors := metric("WaitedHours", "Maximum", nil), metric("Errors", "Sum", nil)
	throttles := awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace: jsii.String("AWS/Lambda"), MetricName: jsii.String("Throttles"), Statistic: jsii.String("Sum"), // of the whole account, whose concurrency all functions share
	})
	newAlarm(stack, notices, "Failed", ended(closing.OutcomeFailed))
	newAlarm(stack, notices, "PartlyClosed", ended(closing.OutcomePartlyClosed))
	newThreshold(stack, notices, "Waiting", waited, config.waitingAlarm.Hours())
	newAlarm(stack, notices, "FunctionErrors", errors)
	newAlarm(stack, notices, "Throttles", throttles)
	var raised []awscloudwatch.IMetric
	for _, name := range []string{step.ClosedWhileSubscribed, step.UnsubscribedWithoutUs} {
		raised = append(raised, metric("Raised", "Sum", map[string]*string{"Alarm": jsii.String(name)}))
		newAlarm(stack, notices, name, raised[len(raised)-1])
	}

	var watched []interfacesawscloudwatch.IAlarmRef
	for _, name := range slices.Sorted(maps.Keys(alarms)) {
		watched = append(watched, stack.Node().FindChild(jsii.String(name)).(awscloudwatch.Alarm))
	}
	graph := func(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{Title: jsii.String(title), Left: &metrics, Width: jsii.Number(12)})
	}
	board := awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{DashboardName: jsii.String(workflow.Prefix)})
	board.AddWidgets(awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{Alarms: &watched, Width: jsii.Number(24)}))
	board.AddWidgets(graph("Closings and fleets by outcome", byOutcome...), graph("Executions", machine.MetricStarted(nil), machine.MetricSucceeded(nil), machine.MetricFailed(nil), machine.MetricAborted(nil), machine.MetricTimedOut(nil)))
	board.AddWidgets(graph("Longest wait for a decision (hours)", waited), graph("Errors and throttles", errors, throttles))
	board.AddWidgets(graph("Accounts unsubscribed without us, or closed while subscribed", raised...))
}

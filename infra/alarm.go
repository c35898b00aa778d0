package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// alarms are the alarms by name, with what each means. The README's runbook has a line for each, and for each of eventNotices.
var alarms = map[string]string{
	"Unfinished":          "finish-run failed: a run that did not succeed may have left termination protection off, or its lock",
	"UndeliveredTriggers": "an event or a schedule that should have started a closing did not: its account stays subscribed",
}

// newAlarm makes an alarm that tells the notices as soon as its metric, summed over five minutes, is not zero.
func newAlarm(scope constructs.Construct, notices awssns.ITopic, meaning, name string, metric awscloudwatch.IMetric) awscloudwatch.Alarm {
	alarm := awscloudwatch.NewAlarm(scope, jsii.String(name), &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(meaning), Metric: metric, Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(notices))
	return alarm
}

package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdadestinations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
)

// audited are the events that start nothing, since it is too late, and are held against the record.
func audited() []trigger {
	return []trigger{
		{
			name: "Closed", description: "An account was closed, or has left the organization: was it still subscribed to QuickSight?",
			pattern: pattern{
				"source": []string{"aws.organizations"}, "detail-type": []string{closing.ServiceEvent, closing.APICall},
				"detail": pattern{"errorCode": succeeded, "$or": []any{
					pattern{"eventName": []string{"CloseAccountResult"}, "serviceEventDetails": pattern{"closeAccountStatus": pattern{"state": []string{"SUCCEEDED"}}}},
					pattern{"eventName": []string{"AccountDepartedOrganization"}},
				}},
			},
		},
		{
			name: "Unsubscribed", description: "QuickSight was unsubscribed, by a call or in its console: by this workflow?",
			pattern: unsubscribed,
		},
	}
}

// unsubscribed is what CloudTrail tells of a call of the API, and of what is done in QuickSight's console.
// https://docs.aws.amazon.com/quicksight/latest/user/logging-non-api.html
var unsubscribed = pattern{
	"source": []string{"aws.quicksight"}, "detail-type": []string{closing.APICall, closing.ServiceEvent},
	"detail": pattern{"eventName": []string{"DeleteAccountSubscription", "Unsubscribe"}, "errorCode": succeeded},
}

// auditEvents hands those events to audit-event. What a rule cannot deliver, and what the function fails on three times, goes to the dead letters.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
func auditEvents(stack awscdk.Stack, audit awslambda.Function, dead awssqs.Queue) {
	audit.ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		RetryAttempts: jsii.Number(2), MaxEventAge: awscdk.Duration_Hours(jsii.Number(6)), OnFailure: awslambdadestinations.NewSqsDestination(dead),
	})
	for _, a := range audited() {
		awsevents.NewRule(stack, jsii.String(a.name), &awsevents.RuleProps{
			Description: jsii.String(a.description), EventPattern: eventPattern(a.pattern),
			Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(audit, &awseventstargets.LambdaFunctionProps{DeadLetterQueue: dead})},
		})
	}
}

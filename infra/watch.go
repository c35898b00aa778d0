package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/workflow"
)

// newWatch makes the small stack that forwards to the hub that an account's QuickSight was unsubscribed: an event of the account itself, in the
// region in which it was called. Its template is plain, and its role has no name, so that a StackSet can apply it in several regions.
func newWatch(app constructs.Construct, config configuration) awscdk.Stack {
	stack, _, bus := newForwarder(app, config, "QuickSightUnsubscribeWatch", "Forwards to quicksight-unsubscribe, in the hub account, that this account's QuickSight was unsubscribed")
	forward(stack, bus, "QuickSight was unsubscribed, for quicksight-unsubscribe", unsubscribed)
	return stack
}

// newForwarder makes an empty stack that asks for the hub and its region, and returns the hub's account and default bus.
func newForwarder(app constructs.Construct, config configuration, name, description string) (stack awscdk.Stack, hub, bus string) {
	props := config.stackProps(description)
	props.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
		Qualifier: optional(config.bootstrapQualifier), GenerateBootstrapVersionRule: jsii.Bool(false),
	})
	stack = awscdk.NewStack(app, jsii.String(name), props)
	account := awscdk.NewCfnParameter(stack, jsii.String("HubAccountId"), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: optional(config.hubAccount), AllowedPattern: jsii.String("^[0-9]{12}$"),
		Description: jsii.String("The account of the stack QuickSightUnsubscribe"),
	})
	region := awscdk.NewCfnParameter(stack, jsii.String("HubRegion"), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: jsii.String("us-east-1"), Description: jsii.String("The region of the stack QuickSightUnsubscribe"),
	})
	hub = *account.ValueAsString()
	return stack, hub, "arn:" + *stack.Partition() + ":events:" + *region.ValueAsString() + ":" + hub + ":event-bus/default"
}

// forward sends the events of a pattern to the hub's bus, which asks for a role where it admits an organization.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-eventbuspolicy.html
func forward(stack awscdk.Stack, bus, description string, events pattern) {
	role := awsiam.NewRole(stack, jsii.String("ForwardRole"), &awsiam.RoleProps{
		Description: jsii.String("Forwards events to quicksight-unsubscribe"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
		InlinePolicies: inline([]awsiam.PolicyStatement{
			statement([]string{"events:PutEvents"}, bus),
		}),
	})
	awsevents.NewCfnRule(stack, jsii.String("Forward"), &awsevents.CfnRuleProps{
		Description: jsii.String(description), EventPattern: events,
		Targets: []any{&awsevents.CfnRule_TargetProperty{Id: jsii.String("Hub"), Arn: jsii.String(bus), RoleArn: role.RoleArn()}},
	})
}

// admitWatches lets the accounts of an organization send to the hub's bus what QuickSight says of them, and nothing else: nobody but AWS itself
// can make an event of that source.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-example-policy-cross-account-custom-bus-source.html
func admitWatches(stack awscdk.Stack, config configuration, w where) {
	if config.organizationID == "" {
		return
	}
	awsevents.NewCfnEventBusPolicy(stack, jsii.String("FromWatches"), &awsevents.CfnEventBusPolicyProps{
		StatementId: jsii.String(workflow.Prefix + "-watches"),
		Statement: pattern{
			"Sid": workflow.Prefix + "-watches", "Effect": "Allow", "Action": "events:PutEvents", "Principal": "*", "Resource": w.arn("events", "event-bus/default"),
			"Condition": pattern{
				"StringEquals":              pattern{"aws:PrincipalOrgID": config.organizationID},
				"ForAllValues:StringEquals": pattern{"events:source": "aws.quicksight"},
			},
		},
	})
}

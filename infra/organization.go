package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// newOrganization makes the small stack for the management account (or the delegated administrator, which has no events to forward), in us-east-1: the role by which the hub reads the organization, and a
// rule that forwards what only this account's bus has. Like the target's, its template is plain.
func newOrganization(app constructs.Construct, config configuration) awscdk.Stack {
	props := config.stackProps("Lets quicksight-unsubscribe, in the hub account, read the organization, and forwards its events of account offboarding")
	props.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
		Qualifier: optional(config.bootstrapQualifier), GenerateBootstrapVersionRule: jsii.Bool(false),
	})
	stack := awscdk.NewStack(app, jsii.String("QuickSightUnsubscribeOrganization"), props)
	given := awscdk.NewCfnParameter(stack, jsii.String("HubAccountId"), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: optional(config.hubAccount), AllowedPattern: jsii.String("^[0-9]{12}$"),
		Description: jsii.String("The account of the stack QuickSightUnsubscribe"),
	})
	region := awscdk.NewCfnParameter(stack, jsii.String("HubRegion"), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: jsii.String("us-east-1"), Description: jsii.String("The region of the stack QuickSightUnsubscribe"),
	})
	w := whereIs(stack)
	hub := *given.ValueAsString()
	newTargetRole(stack, step.RoleOrganization, w.trust(hub, workflow.Read, workflow.Organization), "Reads which accounts an organization has, their tags, units and QuickSight costs",
		statement(step.OrganizationPolicy()[0].Actions, "*"))

	bus := "arn:" + w.partition + ":events:" + *region.ValueAsString() + ":" + hub + ":event-bus/default"
	role := awsiam.NewRole(stack, jsii.String("ForwardRole"), &awsiam.RoleProps{
		Description: jsii.String("Forwards events to quicksight-unsubscribe"),
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil),
		InlinePolicies: inline([]awsiam.PolicyStatement{
			statement([]string{"events:PutEvents"}, bus),
		}),
	})
	awsevents.NewCfnRule(stack, jsii.String("Forward"), &awsevents.CfnRuleProps{
		Description: jsii.String("Account offboarding, for quicksight-unsubscribe"),
		EventPattern: map[string]any{"source": forwarded, "detail": map[string]any{"eventName": []string{
			"MoveAccount", "UpdateManagedAccount", "TerminateProvisionedProduct", "CloseAccountResult", "AccountDepartedOrganization",
		}}},
		Targets: []any{&awsevents.CfnRule_TargetProperty{Id: jsii.String("Hub"), Arn: jsii.String(bus), RoleArn: role.RoleArn()}},
	})
	return stack
}

package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"

	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// newOrganization makes the small stack for the management account (or the delegated administrator, which has no events to forward), in us-east-1: the role by which the hub reads the organization, and a
// rule that forwards what only this account's bus has. Like the target's, its template is plain.
func newOrganization(app constructs.Construct, config configuration) awscdk.Stack {
	stack, hub, bus := newForwarder(app, config, "QuickSightUnsubscribeOrganization", "Lets quicksight-unsubscribe, in the hub account, read the organization, and forwards its events of account offboarding")
	w := whereIs(stack)
	newTargetRole(stack, step.RoleOrganization, w.trust(hub, workflow.Read, workflow.Organization), "Reads which accounts an organization has, their tags, units and QuickSight costs",
		statement(step.OrganizationPolicy()[0].Actions, "*"))

	forward(stack, bus, "Account offboarding, for quicksight-unsubscribe", map[string]any{"source": forwarded, "detail": map[string]any{"eventName": []string{
		"MoveAccount", "UpdateManagedAccount", "TerminateProvisionedProduct", "CloseAccountResult", "AccountDepartedOrganization",
	}}})
	return stack
}

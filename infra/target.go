package main

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/operation"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// newTarget makes the stack that each account needs that is to be closed: the two roles. Its template has neither assets nor a bootstrap
// rule, so that a StackSet or an account-vending pipeline can apply it as it is.
func newTarget(app constructs.Construct, config configuration) awscdk.Stack {
	props := config.stackProps("Roles by which quicksight-unsubscribe, in the hub account, reads and closes this account's QuickSight")
	props.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{
		Qualifier: optional(config.bootstrapQualifier), GenerateBootstrapVersionRule: jsii.Bool(false),
	})
	stack := awscdk.NewStack(app, jsii.String("QuickSightUnsubscribeTarget"), props)
	given := awscdk.NewCfnParameter(stack, jsii.String("HubAccountId"), &awscdk.CfnParameterProps{
		Type: jsii.String("String"), Default: config.hubAccount, AllowedPattern: jsii.String("^([0-9]{12})?$"),
		Description: jsii.String("The account of the stack QuickSightUnsubscribe; empty: this one"),
	})
	own := awscdk.NewCfnCondition(stack, jsii.String("HubIsHere"), &awscdk.CfnConditionProps{
		Expression: awscdk.Fn_ConditionEquals(given.ValueAsString(), jsii.String("")),
	})
	hub := *awscdk.Fn_ConditionIf(own.LogicalId(), stack.Account(), given.ValueAsString()).ToString()
	w := whereIs(stack)

	newTargetRole(stack, step.RoleRead, w.trust(hub, workflow.Read), "Reads what closing would destroy, and what is left",
		statement(targetActions(false, "quicksight", "ds", "ec2", "cloudtrail"), "*"),
		allow("iam:GetRole", w.own(step.RoleClose)), allow("iam:SimulatePrincipalPolicy", w.own(step.RoleClose)))
	newTargetRole(stack, step.RoleClose, w.trust(hub, workflow.Close), "Closes QuickSight; every session of it is narrowed to its next acts",
		statement(targetActions(false, "quicksight", "ds", "ec2"), "*"), allow("quicksight:"+startExport, "*"),
		// On everything, since which directory and VPC it will be is not known; and IAM's simulator, which the preflight asks, doubts
		// whatever is limited to ARNs.
		statement(append(targetActions(true, "quicksight", "ds", "ec2"), "ds:UnauthorizeApplication"), "*"))
	return stack
}

// startExport reads assets and changes nothing, but starts work: it is the closing role's alone.
const startExport = "StartAssetBundleExportJob"

// targetActions are the IAM actions of the operations that read, or change, these services.
func targetActions(mutating bool, services ...string) []string {
	var actions []string
	for _, op := range operation.All() {
		if op.Mutating == mutating && slices.Contains(services, op.Service) && op.Name != startExport {
			actions = append(actions, op.IAM()...)
		}
	}
	return actions
}

func newTargetRole(stack awscdk.Stack, name step.Role, trust awsiam.IPrincipal, description string, statements ...awsiam.PolicyStatement) {
	awsiam.NewRole(stack, jsii.String(string(name)), &awsiam.RoleProps{
		RoleName: jsii.String(string(name)), Description: jsii.String(description), AssumedBy: trust, InlinePolicies: inline(statements),
	})
}

// trust admits the hub's functions of one access, which their roles' path tells. The roles need not exist yet.
func (w where) trust(hub string, access workflow.Access) awsiam.IPrincipal {
	account := "arn:" + w.partition + ":iam::" + hub
	return awsiam.NewArnPrincipal(jsii.String(account + ":root")).WithConditions(&map[string]any{
		"ArnLike": map[string]any{"aws:PrincipalArn": account + ":role" + workflow.Function{Access: access}.RolePath() + "*"},
	})
}

// own is the ARN of a role of this account.
func (w where) own(role step.Role) string {
	return "arn:" + w.partition + ":iam::" + w.account + ":role/" + string(role)
}

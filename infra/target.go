package main

import (
	"slices"
	"strings"

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

	reads := targetActions(func(op operation.Operation) bool { return !op.Mutating && !slices.Contains(exports, op.Name) }, "quicksight", "ds", "ec2")
	newTargetRole(stack, step.RoleRead, w.trust(hub, workflow.Read), "Reads what closing would destroy, and what is left",
		statement(append(reads, "cloudtrail:LookupEvents"), "*"), allowAll(step.WorkloadReads()),
		allow("iam:GetRole", w.own(step.RoleClose)), allow("iam:SimulatePrincipalPolicy", w.own(step.RoleClose)), allowAll(remains))
	newTargetRole(stack, step.RoleClose, w.trust(hub, workflow.Close), "Closes QuickSight; every session of it is narrowed to its next acts",
		allowAll(step.WorkloadReads()), allowAll(remains),
		// On everything, since which directory and VPC it will be is not known; and IAM's simulator, which the preflight asks, doubts
		// whatever is limited to ARNs.
		statement(append(targetActions(func(op operation.Operation) bool { return !slices.Contains(advice, op.Name) }, "quicksight", "ds", "ec2"), "ds:UnauthorizeApplication"), "*"))
	return stack
}

// remains are what tells which roles and policies of QuickSight's remain.
var remains = []string{"iam:ListRoles", "iam:ListPolicies"}

// advice is what is read for approvers alone, before anything is closed.
var advice = []string{"DescribeKeyRegistration", "DescribeDashboardPermissions"}

// exports are what Export Assets alone calls. It changes nothing, but starts work, and reads what assets say: it is the closing role's.
var exports = strings.Fields(`StartAssetBundleExportJob DescribeAssetBundleExportJob
	DescribeTemplateDefinition DescribeTopic DescribeActionConnector DescribeAgent DescribeApp DescribeFlow
	DescribeCustomPermissions DescribeBrand DescribeIAMPolicyAssignment ListGroupMemberships
	DescribeDashboardDefinition DescribeAnalysisDefinition DescribeDataSet DescribeDataSource DescribeFolder DescribeTheme
	DescribeRefreshSchedule DescribeVPCConnection DescribeTopicV2 DescribeOAuthClientApplication DescribeSpace DescribeKnowledgeBase
	DescribeApprovalPolicy DescribeDlpSetting DescribeLimitsProfile`)

// allowAll allows operations of the operation table on everything: what they list has no ARNs that anybody knows before.
func allowAll(operations []string) awsiam.PolicyStatement {
	var actions []string
	for _, op := range operations {
		service, name, _ := strings.Cut(op, ":")
		actions = append(actions, must(operation.Lookup(service, name)).IAM()...)
	}
	return statement(actions, "*")
}

// targetActions are the IAM actions of the operations of some services.
func targetActions(which func(operation.Operation) bool, services ...string) []string {
	var actions []string
	for _, op := range operation.All() {
		if slices.Contains(services, op.Service) && which(op) {
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

// trust admits the hub's functions of some accesses, which their roles' paths tell. The roles need not exist yet.
func (w where) trust(hub string, accesses ...workflow.Access) awsiam.IPrincipal {
	account := "arn:" + w.partition + ":iam::" + hub
	var admitted []string
	for _, access := range accesses {
		admitted = append(admitted, account+":role"+workflow.Function{Access: access}.RolePath()+"*")
	}
	return awsiam.NewArnPrincipal(jsii.String(account + ":root")).WithConditions(&map[string]any{
		"ArnLike": map[string]any{"aws:PrincipalArn": admitted},
	})
}

// own is the ARN of a role of this account.
func (w where) own(role step.Role) string {
	return "arn:" + w.partition + ":iam::" + w.account + ":role/" + string(role)
}

package main

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/operation"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// where is the account and region of the hub stack. ARNs of what has a name are put together from it instead of taken from the resource:
// functions, machine and bucket policy name each other, and CloudFormation refuses circles.
type where struct{ partition, region, account string }

func whereIs(stack awscdk.Stack) where {
	return where{*stack.Partition(), *stack.Region(), *stack.Account()}
}

func (w where) arn(service, rest string) string {
	return "arn:" + w.partition + ":" + service + ":" + w.region + ":" + w.account + ":" + rest
}

func (w where) machine() string { return w.arn("states", "stateMachine:"+workflow.Prefix) }

func (w where) fleetMachine() string { return w.arn("states", "stateMachine:"+workflow.Fleet) }

func (w where) fleetExecutions() string { return w.arn("states", "execution:"+workflow.Fleet+":*") }

func (w where) executions() string { return w.arn("states", "execution:"+workflow.Prefix+":*") }

func (w where) killSwitch() string { return w.arn("ssm", "parameter"+killSwitch) }

func (w where) logs(group string) string { return w.arn("logs", "log-group:"+group+":*") }

// role is the ARN of a function's role, which aws:PrincipalArn has for its sessions too.
func (w where) role(f workflow.Function) string {
	return "arn:" + w.partition + ":iam::" + w.account + ":role" + f.RolePath() + f.Name()
}

// identityCenter are the roles that Identity Center makes of permission sets.
func (w where) identityCenter() string {
	return "arn:" + w.partition + ":iam::" + w.account + ":role/aws-reserved/sso.amazonaws.com/*"
}

// target is the ARN of a role in any account: which accounts that are, their own trust policies say.
func (w where) target(role step.Role) string {
	return "arn:" + w.partition + ":iam::*:role/" + string(role)
}

// nobodyBut holds for every principal but the roles of these functions.
func (w where) nobodyBut(folders []string) map[string]any {
	var roles []string
	for _, folder := range folders {
		if folder == fleetMachine {
			roles = append(roles, "arn:"+w.partition+":iam::"+w.account+":role"+workflow.Function{Access: workflow.NoTarget}.RolePath()+workflow.Fleet+"-machine")
			continue
		}
		roles = append(roles, w.role(must(workflow.Lookup(folder))))
	}
	return map[string]any{"ArnNotEquals": map[string]any{"aws:PrincipalArn": roles}}
}

// resources are what the functions' permissions name besides.
type resources struct{ bucket, key, topic, approvals, queue, unaudited string }

// granted is what each function's code calls, and nothing else. The operations are those of the operation table.
func granted(w where, r resources) map[string][]awsiam.PolicyStatement {
	var (
		asReader = allow("sts:AssumeRole", w.target(step.RoleRead))
		asCloser = allow("sts:AssumeRole", w.target(step.RoleClose))
		look     = allow("states:DescribeExecution", w.executions())
		lookUp   = allow("states:DescribeExecution", w.fleetExecutions())
		past     = allow("states:GetExecutionHistory", w.executions())
		ring     = allow("states:SendTaskSuccess", w.machine(), w.fleetMachine())
		asMember = allow("sts:AssumeRole", w.target(step.RoleOrganization))
		halt     = allow("ssm:GetParameter", w.killSwitch())
		publish  = allow("sns:Publish", r.topic)
		announce = w.announce()
	)
	own := map[string][]awsiam.PolicyStatement{
		"verify-caller":       {allow("sts:AssumeRole", w.target(step.RoleRead), w.target(step.RoleOrganization)), look},
		"take-inventory":      {asReader},
		"find-starter":        {allow("cloudtrail:LookupEvents", "*")},
		"request-approval":    {ring, allow("sns:Publish", r.topic, r.approvals), allow("sns:ListSubscriptionsByTopic", r.approvals), announce},
		"decide-approval":     {ring, announce, allow("iam:GetRole", w.identityCenter())},
		"export-assets":       {asCloser},
		"commit-plan":         {lookUp},
		"delete-subscription": {asCloser, halt, look},
		"delete-directory":    {asCloser, halt},
		"delete-vpc":          {asCloser, halt},
		"write-report":        {asReader, look, past, publish, announce},
		"plan-fleet":          {asMember, allow("s3:GetObject", r.bucket+"/lists/*")},
		"commit-fleet":        {},
		"report-fleet":        {asMember, publish, announce},
		"finish-run":          {asCloser, look, lookUp, past, publish, announce, statement([]string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}, r.queue)},
		"audit-event":         {publish, statement([]string{"sqs:SendMessage"}, r.unaudited)},
	}
	for _, f := range workflow.Functions() {
		may := own[f.Folder]
		if f.Folder != "find-starter" { // which has nothing to do with the record
			// Without ListBucket, S3 answers 403 for what is not there.
			may = append(may, allow("s3:GetObject", r.bucket+"/closings/*"), allow("s3:ListObjectsV2", r.bucket),
				statement([]string{"kms:Decrypt", "kms:GenerateDataKey"}, r.key))
		}
		var writes []string
		for _, pattern := range written(f.Folder) {
			writes = append(writes, r.bucket+"/"+pattern)
		}
		if writes != nil {
			may = append(may, allow("s3:PutObject", writes...))
		}
		own[f.Folder] = append(may,
			statement([]string{"logs:CreateLogStream", "logs:PutLogEvents"}, w.logs("/aws/lambda/"+f.Name())),
			statement([]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, "*"))
	}
	return own
}

// announce allows to send our own announcements, to the default bus, and no other event: one that asks for a closing least of all.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
func (w where) announce() awsiam.PolicyStatement {
	s := allow("events:PutEvents", w.arn("events", "event-bus/default"))
	s.AddCondition(jsii.String("ForAllValues:StringEquals"), map[string]any{
		"events:source": []string{closing.EventSource}, "events:detail-type": closing.Announced(),
	})
	return s
}

// newRoles makes one role for each function, in the path that the trust policies of the target accounts ask for.
func newRoles(scope constructs.Construct, w where, r resources) map[string]awsiam.Role {
	roles := map[string]awsiam.Role{}
	may := granted(w, r)
	for _, f := range workflow.Functions() {
		roles[f.Folder] = awsiam.NewRole(scope, jsii.String(words(f.Folder)+"Role"), &awsiam.RoleProps{
			RoleName:       jsii.String(f.Name()),
			Path:           jsii.String(f.RolePath()),
			Description:    jsii.String("Of the function " + f.Name()),
			AssumedBy:      awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
			InlinePolicies: inline(may[f.Folder]),
		})
	}
	return roles
}

// newMachineRole makes the role of the state machine: it may invoke every version of its functions, since a run goes on with the
// version that it began with, and deliver its log.
func newMachineRole(scope constructs.Construct, w where) awsiam.Role {
	var invoked []string
	for _, f := range workflow.Functions() {
		if f.States != nil && !strings.HasSuffix(f.Folder, "-fleet") {
			invoked = append(invoked, w.arn("lambda", "function:"+f.Name()+":*"))
		}
	}
	return newMachineRoleNamed(scope, w, "MachineRole", workflow.Prefix, allow("lambda:Invoke", invoked...))
}

// newMachineRoleNamed makes the role of a state machine, which also delivers its log.
func newMachineRoleNamed(scope constructs.Construct, w where, id, machine string, may ...awsiam.PolicyStatement) awsiam.Role {
	return awsiam.NewRole(scope, jsii.String(id), &awsiam.RoleProps{
		RoleName:    jsii.String(machine + "-machine"),
		Path:        jsii.String("/" + workflow.Prefix + "/" + string(workflow.NoTarget) + "/"),
		Description: jsii.String("Of the state machine " + machine),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": w.account}},
		}),
		InlinePolicies: inline(append(may,
			// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
			statement([]string{
				"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
				"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
			}, "*"),
			statement([]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"}, "*"),
		)),
	})
}

func inline(statements []awsiam.PolicyStatement) *map[string]awsiam.PolicyDocument {
	return &map[string]awsiam.PolicyDocument{
		"own": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
	}
}

// allow allows one operation of the operation table, by the IAM actions that it needs.
func allow(op string, on ...string) awsiam.PolicyStatement {
	service, name, _ := strings.Cut(op, ":")
	return statement(must(operation.Lookup(service, name)).IAM(), on...)
}

func statement(actions []string, on ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(on...)})
}

func deny(sid string, actions, on []string, condition map[string]any) awsiam.PolicyStatement {
	var conditions *map[string]any
	if condition != nil {
		conditions = &condition
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Sid: jsii.String(sid), Effect: awsiam.Effect_DENY, Principals: &[]awsiam.IPrincipal{awsiam.NewAnyPrincipal()},
		Actions: jsii.Strings(actions...), Resources: jsii.Strings(on...), Conditions: conditions,
	})
}

// words makes an id of a name: "verify-caller" becomes "VerifyCaller", "closings/*/ask-*.json" "ClosingsAskJson".
func words(name string) string {
	var id strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		id.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return id.String()
}

package main

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/workflow"
)

// approversPolicy is the name of the managed policy for whoever decides.
const approversPolicy = workflow.Prefix + "-approver"

// newDecisionURL makes the URL behind which decisions are taken, which only signed requests reach, and the managed policy that lets
// people call it. A URL takes two permissions; the second one holds for calls through the URL alone, so that nobody who has this
// policy can invoke the function with an event of his own making.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
func newDecisionURL(scope constructs.Construct, w where, decide awslambda.Function, bucket, key string) *string {
	url := decide.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_AWS_IAM})
	function := w.arn("lambda", "function:"+workflow.Prefix+"-decide-approval")
	invoke := statement([]string{"lambda:InvokeFunction"}, function)
	invoke.AddCondition(jsii.String("Bool"), map[string]any{"lambda:InvokedViaFunctionUrl": "true"})
	awsiam.NewManagedPolicy(scope, jsii.String("Approver"), &awsiam.ManagedPolicyProps{
		ManagedPolicyName: jsii.String(approversPolicy),
		Description:       jsii.String("Sees what is to be destroyed, and decides on it: for approvers"),
		Statements: &[]awsiam.PolicyStatement{
			statement([]string{"lambda:InvokeFunctionUrl"}, function), invoke,
			// What the command line shows before it asks. The bucket policy keeps the doorbell's token from everybody.
			statement([]string{"s3:GetObject"}, bucket+"/closings/*"), statement([]string{"s3:ListBucket"}, bucket),
			statement([]string{"kms:Decrypt"}, key),
		},
	})
	return url.Url()
}

// admitAccounts lets accounts beside the hub, from which approvers come, call the URL, and read what is asked about: in an account of its
// own an identity's policy is enough, across accounts the resource has to agree. Who of them decides is decide-approval's to say.
func admitAccounts(decide awslambda.Function, bucket awss3.Bucket, key awskms.Key, accounts []string) {
	for _, account := range accounts {
		principal := awsiam.NewAccountPrincipal(jsii.String(account))
		decide.AddPermission(jsii.String("UrlFor"+account), &awslambda.Permission{
			Principal: principal, Action: jsii.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: awslambda.FunctionUrlAuthType_AWS_IAM,
		})
		decide.AddPermission(jsii.String("InvokeFor"+account), &awslambda.Permission{
			Principal: principal, Action: jsii.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: jsii.Bool(true),
		})
		for _, read := range []awsiam.PolicyStatement{
			statement([]string{"s3:GetObject"}, *bucket.ArnForObjects(jsii.String("closings/*"))), statement([]string{"s3:ListBucket"}, *bucket.BucketArn()),
		} {
			read.AddPrincipals(principal)
			bucket.AddToResourcePolicy(read)
		}
		key.GrantDecrypt(principal)
	}
}

// approversAccounts are the accounts in which approvers may be, as configuration names them.
func (c configuration) approversAccounts() []string {
	accounts := slices.Clone(c.IdentityCenterAccounts)
	arns := slices.Clone(c.SessionRoles)
	for _, a := range c.Approvers {
		arns = append(arns, append([]string{a.Person}, a.Principals...)...)
	}
	for _, arn := range arns {
		if parts := strings.Split(arn, ":"); len(parts) > 5 && parts[0] == "arn" {
			accounts = append(accounts, parts[4])
		}
	}
	slices.Sort(accounts)
	return slices.Compact(accounts)
}

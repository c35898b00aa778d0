package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
)

// wildcards are the wildcards in permissions that cdk-nag (rule AwsSolutions-IAM5) shall accept, each with its reason. A test holds
// which actions stand on everything.
var wildcards = []struct{ resource, reason string }{
	{`<Record[0-9A-F]+\.Arn>\/closings\/.*`, "The record is by account and run, which the keys name; the bucket policy says who writes what"},
	{`arn:<[^>]+>:iam::\*:role\/QuickSightUnsubscribe(Read|Close|Organization)`, "Which accounts are closed is not known; each account's own trust policy admits the role or not"},
	{`arn:<[^>]+>:iam::<[^>]+>:role\/aws-reserved\/sso\.amazonaws\.com\/\*`, "Identity Center makes these roles, under names that it makes up; GetRole only reads"},
	{`arn:<[^>]+>:states:<[^>]+>:<[^>]+>:execution:quicksight-unsubscribe(-fleet)?:\*`, "Executions of these machines have names that are not known"},
	{`arn:<[^>]+>:states:<[^>]+>:<[^>]+>:execution:quicksight-unsubscribe-fleet\/\*:\*`, "The children of the fleet machine's own Distributed Maps, which Step Functions names"},
	{`<Record[0-9A-F]+\.Arn>\/lists\/\*`, "People keep the lists of a fleet's accounts there, under names of their own"},
	{`arn:<[^>]+>:logs:<[^>]+>:<[^>]+>:log-group:\/aws\/lambda\/quicksight-unsubscribe-[a-z-]+:\*`, "Lambda names the streams of the function's own log group"},
	{`arn:<[^>]+>:lambda:<[^>]+>:<[^>]+>:function:quicksight-unsubscribe-[a-z-]+:\*`, "A run that waits goes on with the version that it began with, so that the machine must be able to invoke all"},
	{`\*`, "Actions that IAM cannot limit to resources, and in the target account what the session policies of each step narrow"},
}

// nag has cdk-nag look at stacks, with the pack AwsSolutions.
func nag(stacks ...awscdk.Stack) {
	var accepted []*cdknag.NagPackSuppression
	for _, w := range wildcards {
		accepted = append(accepted, &cdknag.NagPackSuppression{
			Id: jsii.String("AwsSolutions-IAM5"), Reason: jsii.String(w.reason),
			AppliesTo: &[]any{&cdknag.RegexAppliesTo{Regex: jsii.String(`/^Resource::` + w.resource + `$/g`)}},
		})
	}
	for _, stack := range stacks {
		cdknag.NagSuppressions_AddStackSuppressions(stack, &accepted, nil)
		awscdk.Aspects_Of(stack).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)
	}
}

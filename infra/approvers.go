package main

import (
	"cmp"

	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// newApprovals makes the topic by which the approvers are asked, with a subscription for each that lets his own requests through. Nobody
// else is to be asked, or to ask: request-approval alone publishes, and only a deployment subscribes.
func newApprovals(scope constructs.Construct, key awskms.IKey, config configuration, w where) awssns.Topic {
	topic := awssns.NewTopic(scope, jsii.String("Approvals"), &awssns.TopicProps{
		TopicName: jsii.String(workflow.Prefix + "-approvals"), DisplayName: jsii.String("QuickSight unsubscribe: approve"), MasterKey: key, EnforceSSL: jsii.Bool(true),
	})
	topic.AddToResourcePolicy(deny("OnlyRequestApprovalAsks", []string{"sns:Publish"}, []string{*topic.TopicArn()}, w.nobodyBut([]string{"request-approval"})))
	topic.AddToResourcePolicy(deny("OnlyADeploymentSubscribes", []string{"sns:Subscribe"}, []string{*topic.TopicArn()}, map[string]any{
		"ArnNotLike": map[string]any{"aws:PrincipalArn": w.deployer(config)},
	}))
	for _, a := range config.Approvers {
		topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(a.Email), &awssnssubscriptions.EmailSubscriptionProps{
			FilterPolicy: &map[string]awssns.SubscriptionFilter{
				step.ApproverAttribute: awssns.SubscriptionFilter_StringFilter(&awssns.StringConditions{Allowlist: jsii.Strings(a.Person)}),
			},
		}))
	}
	return topic
}

// deployer is the role with which CloudFormation deploys what the CDK made.
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html
func (w where) deployer(config configuration) string {
	return "arn:" + w.partition + ":iam::" + w.account + ":role/cdk-" + cmp.Or(config.bootstrapQualifier, "hnb659fds") + "-cfn-exec-role-" + w.account + "-" + w.region
}

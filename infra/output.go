package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

// newOutputs says what to click and type next.
func newOutputs(stack awscdk.Stack, config configuration, w where) {
	cli := func(service, rest string) string { return "aws " + service + " " + rest + " --region " + w.region }
	console := "https://" + w.region + ".console.aws.amazon.com/states/home?region=" + w.region
	outputs := []struct{ id, value, help string }{
		{"Machine", console + "#/statemachines/view/" + w.machine(), "The state machine in the console: Start execution, with {\"accountId\": \"<twelve digits>\", \"dryRun\": true}"},
		{"Plan", cli("stepfunctions", "start-execution --state-machine-arn "+w.machine()+` --input '{"accountId":"<twelve digits>","dryRun":true}'`), "Shows what closing an account would destroy, and touches nothing"},
		{"Close", cli("stepfunctions", "start-execution --state-machine-arn "+w.machine()+` --input '{"accountId":"<twelve digits>"}'`), "Asks for approval, then closes the account; irreversible once approved"},
		{"Follow", cli("sns", "subscribe --topic-arn "+config.Topic+" --protocol email --notification-endpoint <you@example.com>"), "Gets the reports by e-mail, and the requests for approval where no approvers are named"},
		{"Decide", "unsubscribe approve s3://" + config.Bucket + "/closings/<account>/<run>", "What an approver types, as the request for approval names it; it needs the managed policy " + approversPolicy},
		{"Stop", cli("ssm", "put-parameter --name "+killSwitch+" --overwrite --value on"), "Stops every delete step before its next act; value off lets them go on"},
		{"Records", "s3://" + config.Bucket + "/closings/", "Plans, decisions, acts and reports of every run; nothing there expires"},
		{"Targets", "aws cloudformation deploy --template-file target.json --stack-name QuickSightUnsubscribeTarget --capabilities CAPABILITY_NAMED_IAM" +
			" --parameter-overrides HubAccountId=" + w.account, "In every account that is to be closed; go run ./infra -target-template target.json writes the file, which a StackSet takes too"},
	}
	for _, o := range outputs {
		awscdk.NewCfnOutput(stack, jsii.String("Next"+o.id), &awscdk.CfnOutputProps{Value: jsii.String(o.value), Description: jsii.String(o.help)})
	}
}

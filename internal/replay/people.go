package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// ofFleet is how a story calls the machine that closes many accounts.
const ofFleet = "fleet"

// start starts an execution as the story's starter does: through the API. The first refusal is the story's, any later one an
// error.
func (p *player) start(ctx context.Context, of string, input []byte, name string) error {
	starter := p.story.StartedBy
	if starter == "" {
		starter = operator
	}
	client, err := p.console(starter)
	if err != nil {
		return err
	}
	if name == "" {
		name = fmt.Sprintf("run-%d", len(p.run.Executions)+1)
	}
	machine := p.run.hub.machine()
	if of == ofFleet {
		machine = p.run.hub.fleetMachine()
	}
	in := &sfn.StartExecutionInput{StateMachineArn: &machine, Input: aws.String(string(input)), Name: &name}
	_, err = client.StartExecution(p.outside(ctx), in)
	var refused smithy.APIError
	if errors.As(err, &refused) && len(p.run.Executions) == 0 {
		p.run.Refusal = refused.ErrorCode()
		return nil
	}
	return err
}

// stop presses the console's Stop button.
func (p *player) stop(ctx context.Context, e *Execution) error {
	client, err := p.console(operator)
	if err != nil {
		return err
	}
	_, err = client.StopExecution(p.outside(ctx), &sfn.StopExecutionInput{ExecutionArn: &e.ARN})
	return err
}

// redrive presses the console's Redrive button.
func (p *player) redrive(ctx context.Context, e *Execution) error {
	client, err := p.console(operator)
	if err != nil {
		return err
	}
	_, err = client.RedriveExecution(p.outside(ctx), &sfn.RedriveExecutionInput{ExecutionArn: &e.ARN})
	return err
}

// console is Step Functions in the hands of a person.
func (p *player) console(name string) (*sfn.Client, error) {
	cfg, err := p.credentialsOf(name)
	if err != nil {
		return nil, err
	}
	return sfn.NewFromConfig(cfg, func(o *sfn.Options) { o.IdempotencyTokenProvider = nil }), nil
}

// credentialsOf is the configuration with which a person of the world signs.
func (p *player) credentialsOf(name string) (aws.Config, error) {
	who := person(p.run.Before, name)
	if who == nil { // somebody whom the script has brought in
		who = person(p.aws.World(), name)
	}
	if who == nil {
		return aws.Config{}, fmt.Errorf("the world has no principal named %q", name)
	}
	cfg := p.config(who.AccessKeyID)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(who.AccessKeyID, who.SecretAccessKey, "")
	return cfg, nil
}

// outside is the context of somebody who is not one of our functions.
func (p *player) outside(ctx context.Context) context.Context {
	return clock.Virtual(ctx, p.now, time.Hour)
}

// finish brings the end of an execution to finish-run, as the rule, the delay queue and Lambda's poller would.
func (p *player) finish(e *Execution, at time.Time) {
	arn, status, name, cause := e.ARN, string(e.Status()), e.Error(), e.Cause()
	if err := p.aws.Authorize(emulator.Act{
		Service: "events.amazonaws.com", Source: p.run.hub.rule(), Account: p.run.hub.account, Action: "sqs:SendMessage", Resource: p.run.hub.queue(),
	}); err != nil {
		p.run.answers = append(p.run.answers, fmt.Sprintf("the end of %s did not reach finish-run: %v", e.Name, err))
		return
	}
	p.schedule(at.Add(workflow.FinishDelay), func(ctx context.Context, p *player) error {
		e := p.find(arn)
		event, err := p.statusChange(e, status, name, cause, at)
		if err != nil {
			return err
		}
		if err := p.poll("sqs:ReceiveMessage", "sqs:GetQueueAttributes"); err != nil {
			p.run.answers = append(p.run.answers, fmt.Sprintf("the end of %s did not reach finish-run: %v", e.Name, err))
			return nil
		}
		p.finishes++
		return p.deliver(ctx, arn, event, p.finishes, 1)
	})
}

// Deliveries of a message that finish-run failed on: the queue shows it again after its visibility timeout, and gives it to the
// dead-letter queue in the end.
const (
	maxDeliveries      = 5
	visibilityTimeouts = 6 // of the function's timeout
)

// deliver hands finish-run its message, for the attempt-th time.
func (p *player) deliver(ctx context.Context, arn string, event json.RawMessage, finish, attempt int) error {
	out := p.invoke(ctx, "finish-run", fmt.Sprintf("%s/finish-run#%d.%d", p.find(arn).Name, finish, attempt), event)
	switch f, _ := workflow.Lookup("finish-run"); {
	case out.Failed && attempt < maxDeliveries:
		p.schedule(p.now.Add(visibilityTimeouts*f.Timeout), func(ctx context.Context, p *player) error {
			return p.deliver(ctx, arn, event, finish, attempt+1)
		})
	case out.Failed:
		p.run.answers = append(p.run.answers, fmt.Sprintf("finish-run failed: %s: %s", out.Error, out.Cause))
	default:
		if err := p.poll("sqs:DeleteMessage"); err != nil {
			p.run.answers = append(p.run.answers, fmt.Sprintf("finish-run will be called again: %v", err))
		}
	}
	return nil
}

// poll is Lambda's poller at the queue, which acts in the name of the function's role.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions
func (p *player) poll(actions ...string) error {
	f, _ := workflow.Lookup("finish-run")
	for _, action := range actions {
		if err := p.aws.Authorize(emulator.Act{
			Service: "lambda.amazonaws.com", Account: p.run.hub.account, Role: p.run.hub.functionRole(f), Action: action, Resource: p.run.hub.queue(),
		}); err != nil {
			return err
		}
	}
	return nil
}

// statusChange is the message that finish-run gets: EventBridge's event in a message of the queue.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
func (p *player) statusChange(e *Execution, status, name, cause string, at time.Time) (json.RawMessage, error) {
	detail := map[string]any{
		"executionArn": e.ARN, "stateMachineArn": e.Machine, "name": e.Name, "status": status,
		"startDate": e.StartTime().UnixMilli(), "stopDate": at.UnixMilli(), "input": string(e.Input), "output": nil,
		"inputDetails": map[string]any{"included": true}, "outputDetails": nil,
	}
	if name != "" {
		detail["error"], detail["cause"] = name, cause
	}
	body, err := json.Marshal(map[string]any{
		"version": "0", "id": fmt.Sprintf("00000000-0000-4000-9000-%012d", p.finishes+1), "detail-type": "Step Functions Execution Status Change",
		"source": "aws.states", "account": p.run.hub.account, "time": at.Format(time.RFC3339), "region": p.run.hub.region,
		"resources": []string{e.ARN}, "detail": detail,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the status change: %w", err)
	}
	message, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": fmt.Sprintf("%s-%s", e.Name, status), "receiptHandle": "handle", "body": string(body), "attributes": map[string]string{},
		"messageAttributes": map[string]any{}, "eventSource": "aws:sqs", "eventSourceARN": p.run.hub.queue(),
		"awsRegion": p.run.hub.region,
	}}})
	if err != nil {
		return nil, fmt.Errorf("encode the queue's message: %w", err)
	}
	return message, nil
}

var _ emulator.Machines = (*player)(nil)

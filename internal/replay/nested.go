package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// nested starts and stops the executions that another one's states ask for, with that one's role.
type nested struct {
	player    *player
	execution *Execution
}

// eventRule is the rule by which Step Functions hears of the end of an execution that another one waits for.
// https://docs.aws.amazon.com/step-functions/latest/dg/stepfunctions-iam.html
const eventRule = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"

// StartExecution starts an execution.
func (n nested) StartExecution(ctx context.Context, c asl.StartCall) (string, error) {
	p := n.player
	for _, action := range []string{"events:PutRule", "events:PutTargets", "events:DescribeRule"} {
		if err := p.machineMay(n.execution, action, p.run.hub.arn("events", eventRule)); err != nil {
			return "", &asl.ServiceError{Code: "AccessDeniedException", Message: err.Error(), Status: 400}
		}
	}
	out, err := sfn.NewFromConfig(p.config(accessKey(workflow.Fleet))).StartExecution(p.outside(ctx), &sfn.StartExecutionInput{
		StateMachineArn: &c.StateMachineARN, Name: &c.Name, Input: aws.String(string(c.Input)),
	})
	var refused smithy.APIError
	if errors.As(err, &refused) {
		return "", &asl.ServiceError{Code: refused.ErrorCode(), Message: refused.ErrorMessage(), Status: 400}
	}
	if err != nil {
		return "", err
	}
	p.find(aws.ToString(out.ExecutionArn)).nested = true
	return aws.ToString(out.ExecutionArn), nil
}

// StopExecution stops an execution, once whatever ended the other one is over: it may be a call that AWS still serves.
func (n nested) StopExecution(_ context.Context, c asl.StopCall) {
	n.player.schedule(n.player.now, func(ctx context.Context, p *player) error {
		// Whatever ends a Distributed Map stops its children, and they what they wait for.
		if err := p.machineMay(n.execution, "states:StopExecution", c.ExecutionARN); err != nil {
			p.run.answers = append(p.run.answers, fmt.Sprintf("%s was not stopped: %v", c.ExecutionARN, err))
			return nil
		}
		_, err := sfn.NewFromConfig(p.config(accessKey(workflow.Fleet))).StopExecution(p.outside(ctx), &sfn.StopExecutionInput{ExecutionArn: &c.ARN})
		if err != nil {
			p.run.answers = append(p.run.answers, fmt.Sprintf("%s was not stopped: %v", c.ARN, err))
		}
		return nil
	})
}

// machineMay tells whether the role of an execution's machine may do something.
func (p *player) machineMay(e *Execution, action, resource string) error {
	return p.aws.Authorize(emulator.Act{
		Service: "states.amazonaws.com", Source: e.Machine, Account: p.run.hub.account, Role: p.run.hub.machineRole(e.Machine), Action: action, Resource: resource,
	})
}

// objects is S3 as the role of an execution's machine sees it.
type objects struct {
	player    *player
	execution *Execution
}

func (o objects) client() *s3.Client {
	return s3.NewFromConfig(o.player.config(accessKey(workflow.Fleet)))
}

// GetObject gives the content of an object. Before a Distributed Map reads its items it needs to be able to start its children.
// https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
func (o objects) GetObject(ctx context.Context, c asl.ObjectCall) ([]byte, error) {
	if err := o.player.machineMay(o.execution, "states:StartExecution", o.execution.Machine); err != nil {
		return nil, err
	}
	out, err := o.client().GetObject(o.player.outside(ctx), &s3.GetObjectInput{Bucket: &c.Bucket, Key: &c.Key})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close() //nolint:errcheck // it is read to its end
	return io.ReadAll(out.Body)
}

// ListObjectsV2 lists objects.
func (o objects) ListObjectsV2(ctx context.Context, c asl.ObjectCall) ([]asl.Object, error) {
	var all []asl.Object
	pages := s3.NewListObjectsV2Paginator(o.client(), &s3.ListObjectsV2Input{Bucket: &c.Bucket, Prefix: &c.Key})
	for pages.HasMorePages() {
		page, err := pages.NextPage(o.player.outside(ctx))
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			all = append(all, asl.Object{
				Key: aws.ToString(object.Key), ETag: aws.ToString(object.ETag), Size: aws.ToInt64(object.Size), LastModified: aws.ToTime(object.LastModified),
				StorageClass: string(object.StorageClass),
			})
		}
	}
	return all, nil
}

// PutObject writes an object: at once, or after the call that stops the execution.
func (o objects) PutObject(ctx context.Context, c asl.ObjectCall, content []byte) error {
	put := func(ctx context.Context, p *player) error {
		_, err := o.client().PutObject(p.outside(ctx), &s3.PutObjectInput{Bucket: &c.Bucket, Key: &c.Key, Body: bytes.NewReader(content)})
		return err
	}
	if o.player.stopping {
		o.player.schedule(o.player.now, put)
		return nil
	}
	return put(ctx, o.player)
}

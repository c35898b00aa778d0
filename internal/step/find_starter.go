package step

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// FindStarter finds out who really started the run, whom the approval then excludes, and opens the first round of asking. The
// execution's input says nothing that could be trusted about that; CloudTrail does, some minutes late.
func FindStarter(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		starter, err := env.starter(ctx, in.Execution)
		if err != nil {
			return Result{}, err
		}
		now := clock.Now(ctx)
		if starter == "" && now.Sub(in.since()) < env.Config.StarterWait {
			return in.waiting(30*time.Second, 5*time.Minute, ListOf("CloudTrail's event of the start"), ListOf()), nil
		}
		if starter == "" {
			if env.Config.RefuseUnverifiedStarter {
				return Result{}, closing.Errorf(closing.NoEvidence, "CloudTrail does not name who started this run within %s; nothing was touched", env.Config.StarterWait).
					WithHint("see that CloudTrail's event history of region %s shows StartExecution, then start again", env.Config.Region)
			}
			starter = closing.Unverified
		}
		deadline := now.Add(env.Config.ApprovalWindow)
		in.Run.Starter, in.Run.Deadline = starter, &deadline
		return in.done("", ListOf()), nil
	}
}

// starter is the person who started the execution, or "" where CloudTrail does not tell (yet). Of a run that a schedule or rule
// started and a person redrove it is that person.
func (e Env) starter(ctx context.Context, x Execution) (string, error) {
	started, err := e.whoCalled(ctx, "StartExecution", x.StartTime, x.ID)
	if err != nil || started == nil {
		return "", err
	}
	if started.service() != "" && x.RedriveTime != nil {
		redriven, err := e.whoCalled(ctx, "RedriveExecution", *x.RedriveTime, x.ID)
		if err != nil || redriven == nil {
			return "", err
		}
		started = redriven
	}
	if service := started.service(); service != "" {
		return service, nil
	}
	if person, ok := e.Config.People().Person(started.UserIdentity.ARN); ok {
		return person, nil
	}
	return started.UserIdentity.ARN, nil
}

// trailEvent is what is needed of a CloudTrail record.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type trailEvent struct {
	EventSource  string `json:"eventSource"`
	ErrorCode    string `json:"errorCode"`
	UserIdentity struct {
		ARN       string `json:"arn"`
		InvokedBy string `json:"invokedBy"`
	} `json:"userIdentity"`
	RequestParameters struct {
		ExecutionARN string `json:"executionArn"` // RedriveExecution
	} `json:"requestParameters"`
	ResponseElements struct {
		ExecutionARN string `json:"executionArn"` // StartExecution
	} `json:"responseElements"`
}

// starters are the services that start executions by themselves, with a role that was given to them. Other services that CloudTrail
// names call on behalf of whoever calls them, so that their caller is the starter.
var starters = []string{"events.amazonaws.com", "pipes.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"}

// service is the service that made the call by itself, or "".
func (t trailEvent) service() string {
	if slices.Contains(starters, t.UserIdentity.InvokedBy) {
		return t.UserIdentity.InvokedBy
	}
	return ""
}

// whoCalled finds the successful call of a Step Functions operation that concerns the execution, around a time; nil where there is none.
func (e Env) whoCalled(ctx context.Context, operation string, around time.Time, execution string) (*trailEvent, error) {
	pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(e.AWS.Hub()), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &operation}},
		// CloudTrail's clock and Step Functions' are not one.
		StartTime: aws.Time(around.Add(-time.Minute)), EndTime: aws.Time(around.Add(time.Minute)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("look up %s in CloudTrail: %w", operation, err)
		}
		for _, event := range page.Events {
			var t trailEvent
			if err := json.Unmarshal([]byte(aws.ToString(event.CloudTrailEvent)), &t); err != nil {
				return nil, fmt.Errorf("read CloudTrail's event %s: %w", aws.ToString(event.EventId), err)
			}
			concerns := t.ResponseElements.ExecutionARN == execution || t.RequestParameters.ExecutionARN == execution
			if t.EventSource == "states.amazonaws.com" && t.ErrorCode == "" && concerns && (t.UserIdentity.ARN != "" || t.service() != "") {
				return &t, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // not there is an answer
}

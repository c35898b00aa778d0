package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// FinishRun does what must be done when an execution has FAILED, TIMED_OUT or been ABORTED, since the machine itself can no
// longer: it restores termination protection, writes the report, publishes it, and releases the lock of a run that was not
// committed. It is called with messages of the queue behind the rule on the executions' status. It may be called twice.
func FinishRun(env Env) func(context.Context, events.SQSEvent) (Finished, error) {
	return func(ctx context.Context, batch events.SQSEvent) (Finished, error) {
		var done Finished
		var failed []error
		for _, message := range batch.Records {
			if err := env.finish(ctx, message.Body); err != nil {
				failed = append(failed, fmt.Errorf("finish by message %s: %w", message.MessageId, err))
				continue
			}
			done.Messages++
		}
		return done, errors.Join(failed...)
	}
}

// Finished is what FinishRun answers, for its log.
type Finished struct {
	Messages int `json:"messages"` // that were looked into
}

// statusChange is the event of an execution's end.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
type statusChange struct {
	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	Detail     struct {
		Execution string `json:"executionArn"`
		Machine   string `json:"stateMachineArn"`
		Status    string `json:"status"`
	} `json:"detail"`
}

// ended are the statuses of an execution that did not succeed.
var ended = []sfntypes.ExecutionStatus{sfntypes.ExecutionStatusFailed, sfntypes.ExecutionStatusTimedOut, sfntypes.ExecutionStatusAborted}

func (e Env) finish(ctx context.Context, body string) error {
	var event statusChange
	if err := json.Unmarshal([]byte(body), &event); err != nil {
		return closing.Errorf(closing.UnknownEvent, "the message is no EventBridge event: %w; nothing was touched", err)
	}
	d := event.Detail
	if event.Source != "aws.states" || event.DetailType != "Step Functions Execution Status Change" ||
		d.Machine != e.Config.Machine && d.Machine != e.Config.FleetMachine() ||
		!slices.Contains(ended, sfntypes.ExecutionStatus(d.Status)) || d.Execution == "" {
		return closing.Errorf(closing.UnknownEvent, "the event %q of %q, status %q of %q, is not the end of one of our executions; nothing was touched",
			event.DetailType, event.Source, d.Status, d.Machine).WithHint("correct the rule's pattern")
	}
	ctx = ForExecution(ctx, d.Execution)
	execution, err := e.describe(ctx, d.Execution)
	if err != nil {
		return err
	}
	if !slices.Contains(ended, execution.Status) {
		return nil // it goes on after a redrive, or has gone on and succeeded
	}
	if d.Machine == e.Config.FleetMachine() {
		return e.finishFleet(ctx, execution)
	}
	in := placed(Input{Execution: Execution{ID: d.Execution, Name: aws.ToString(execution.Name), StartTime: aws.ToTime(execution.StartDate)}}, aws.ToString(execution.Input))
	if in.Run.AccountID == "" { // the input may name an account in a way that only Verify Caller can look up
		account, prefix, err := e.Record.Locate(ctx, in.Execution.ID, in.Execution.Name, in.Execution.StartTime)
		switch {
		case err == nil:
			in.Run.AccountID, in.Run.Closing = account, prefix
		case !errors.Is(err, record.ErrNotFound):
			return fmt.Errorf("find the record of %s: %w", in.Execution.Name, err)
		}
	}
	return e.finishRun(ctx, in, execution)
}

// finishRun does the work for one execution that has ended.
func (e Env) finishRun(ctx context.Context, in Input, execution *sfn.DescribeExecutionOutput) error {
	last, key, err := e.folder(in).LastReport(ctx)
	switch {
	case err != nil && !errors.Is(err, record.ErrNotFound):
		return err
	case err == nil && (last.Outcome.Final() || after(last.WrittenAt, execution.StopDate)):
		// The run has said its last word, or this very end is finished already. Whether anybody heard it is another question.
		r := &reporting{Env: e, in: in, folder: e.folder(in), Report: last, key: key}
		return r.announce(ctx)
	}
	r := e.report(ctx, in)
	r.failed(closing.Failure{Error: failureName(execution), Message: aws.ToString(execution.Cause)})
	switch {
	case r.commitDoubt: // the lock stays: the run may have deleted something
		r.conclude(ctx, closing.OutcomeFailed, "")
	case r.Commit == nil:
		if in.Run.AccountID != "" {
			if err := e.Record.Unlock(ctx, in.Run.AccountID, in.Execution.ID); err != nil {
				return err
			}
		}
		r.conclude(ctx, closing.OutcomeFailed, r.startCommand(func(*closing.Request) {}))
	default:
		if err := r.restore(ctx); err != nil {
			return err
		}
		r.inspect(ctx, RoleClose)
		next, err := r.goOn(ctx)
		if err != nil {
			return err
		}
		r.conclude(ctx, closing.OutcomeFailed, next)
		if r.Irreversible || r.subscriptionGone() {
			r.Outcome = closing.OutcomePartlyClosed
		}
	}
	if err := r.write(ctx); err != nil {
		return err
	}
	return r.announce(ctx)
}

// failureName is the error of an execution, or its status where it has none: a person pressed Stop, or its time was up.
func failureName(execution *sfn.DescribeExecutionOutput) string {
	if name := aws.ToString(execution.Error); name != "" {
		return name
	}
	return string(execution.Status)
}

// goOn is the one command that goes on with a committed run.
func (r *reporting) goOn(ctx context.Context) (string, error) {
	holder, err := r.Record.Holder(ctx, r.AccountID)
	switch {
	case err != nil:
		return "", err
	case holder != "" && holder != r.Execution: // another run has taken over
		return fmt.Sprintf("aws stepfunctions describe-execution --region %s --execution-arn %s", r.Config.Region, holder), nil
	case r.Failure.Error == string(closing.Stale), r.Failure.Error == closing.VersionGone: // a redrive would find the same
		return r.startCommand(func(*closing.Request) {}), nil
	default:
		return r.redriveCommand(), nil
	}
}

// restore switches termination protection on again where this run has switched it off and the subscription lives. What AWS refuses
// to tell or to do is said in the report; what is worth another try is an error, for the queue to deliver the message again.
func (r *reporting) restore(ctx context.Context) error {
	in := r.in
	in.Run.Round, in.Run.Digest = r.Commit.Round, r.Commit.Digest
	p, err := r.open(ctx, in, "finish-run")
	if err != nil {
		return r.notRestored(err)
	}
	p.cleared = true // the kill switch stops deleting, not restoring
	s := &restoring{pass: p}
	if err := check(ctx, r.Env, s, beforeRestore); err != nil {
		return r.notRestored(err)
	}
	if err := s.restore(ctx); err != nil {
		return r.notRestored(err)
	}
	r.Restored = append(r.Restored, fmt.Sprintf("termination protection of account %s in %s", p.plan.AccountID, p.plan.IdentityRegion))
	return nil
}

// errNothingToRestore says that protection is as it was before the run, or that there is nothing left to protect.
var errNothingToRestore = errors.New("there is no protection to restore")

// notRestored notes what an operator has to know, and returns what is worth another try.
func (r *reporting) notRestored(err error) error {
	switch {
	case errors.Is(err, errNothingToRestore):
		return nil
	case closing.CodeOf(err) == "":
		return fmt.Errorf("restore termination protection: %w", err)
	}
	r.doubt("termination protection", r.AccountID, r.Plan.Material.IdentityRegion, "not restored", err)
	return nil
}

// restoring is a pass that switches termination protection on again.
type restoring struct{ *pass }

// switchedOff is the guard "restore-own-act".
func (s *restoring) switchedOff(context.Context) error {
	off := slices.ContainsFunc(s.past, func(a closing.Act) bool {
		return a.Step == "delete-subscription" && a.Operation == opUpdateSettings && (a.Done == nil || a.Outcome == outcomeDone)
	})
	if s.plan.Subscription == nil || !s.plan.Subscription.TerminationProtection || !off {
		return errNothingToRestore
	}
	return nil
}

// lives is the guard "restore-live".
func (s *restoring) lives(ctx context.Context) error {
	target, err := s.looking(ctx)
	if err != nil {
		return err
	}
	now, err := subscriptionIn(ctx, target, s.plan.AccountID, s.plan.IdentityRegion)
	if err != nil {
		return stopped(err, "quicksight:DescribeAccountSubscription", s.plan.IdentityRegion)
	}
	if now.life != lifeActive && now.life != lifeFailed {
		return errNothingToRestore
	}
	return nil
}

// restore switches protection on where it is off, and reads it back.
func (s *restoring) restore(ctx context.Context) error {
	region := s.plan.IdentityRegion
	target, err := s.looking(ctx)
	if err != nil {
		return err
	}
	settings, err := settingsIn(ctx, target, s.plan.AccountID, region)
	if err != nil {
		return err
	}
	if settings.TerminationProtectionEnabled {
		return errNothingToRestore
	}
	if err := s.protect(ctx, true, settings); err != nil {
		return stopped(err, opUpdateSettings, region)
	}
	if settings, err = settingsIn(ctx, target, s.plan.AccountID, region); err != nil {
		return err
	}
	if !settings.TerminationProtectionEnabled {
		return closing.Errorf(closing.ProtectionStuck, "termination protection was switched on again and does not read as on yet").
			WithHint("look at it in the QuickSight console")
	}
	return nil
}

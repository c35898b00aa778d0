package step

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/operation"
)

// The outcomes of an act, beside AWS's error codes.
const (
	outcomeDone    = "done"
	outcomeGone    = "gone already"
	outcomeNoTrace = "no effect" // intended, never answered, and nothing of it is to be seen
)

// change is one mutating call on one resource of the plan.
type change struct {
	operation string // of the operation table, such as "ec2:DeleteSubnet"
	region    string
	resource  string                      // id, name or ARN, as the plan names it
	call      func(context.Context) error // with a session of sessions
}

// act makes a mutating call, and is the only way to make one: it refuses what the plan does not name, asks the guards before the
// first change, writes the intent, calls, and writes the outcome. It may be called side by side. A resource that is gone already is success; any other error is
// AWS's own. Where AWS gave no clear answer the outcome stays open, and the next pass settles it by looking.
func (p *pass) act(ctx context.Context, c change) error {
	service, name, _ := strings.Cut(c.operation, ":")
	if op, ok := operation.Lookup(service, name); !ok || !op.Mutating {
		return fmt.Errorf("%s is not a mutating operation of the operation table", c.operation)
	}
	if !p.plan.Names(c.resource) {
		return closing.Errorf(closing.NotCommitted, "%s of %s is refused: the committed plan does not name it; nothing was touched", c.operation, c.resource).
			WithHint("start a fresh run, which plans it or leaves it alone")
	}
	seq, err := p.clear(ctx)
	if err != nil {
		return err
	}
	a := closing.Act{
		Digest: p.commit.Digest, Step: p.step, Operation: c.operation, Resource: c.resource, Region: c.region,
		Intended: clock.Now(ctx), Seq: seq,
	}
	if err := p.folder.PutAct(ctx, a); err != nil {
		return err
	}
	err = c.call(context.WithValue(ctx, requestNote{}, &a.RequestID))
	outcome, answered := outcomeOf(err)
	p.note(fmt.Sprintf("%s %s: %s", c.operation, c.resource, outcome))
	p.Log.InfoContext(ctx, "act", "operation", c.operation, "resource", c.resource, "region", c.region, "outcome", outcome)
	if !answered {
		return err
	}
	now := clock.Now(ctx)
	a.Done, a.Outcome = &now, outcome
	if recorded := p.folder.PutAct(ctx, a); recorded != nil {
		return errors.Join(recorded, err)
	}
	p.remember(a)
	if outcome == outcomeGone {
		return nil
	}
	return err
}

// clear asks the guards before the first change of an invocation, and numbers its changes.
func (p *pass) clear(ctx context.Context) (seq int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cleared {
		if err := check(ctx, p.Env, p, beforeChange); err != nil {
			return 0, err
		}
		p.cleared = true
	}
	p.seq++
	return p.seq, nil
}

func (p *pass) note(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made = append(p.made, words)
}

func (p *pass) remember(a closing.Act) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.past = append(p.past, a)
}

// outcomeOf is what an answer comes to. Where the service failed, or no answer came, the call may have taken effect.
func outcomeOf(err error) (outcome string, answered bool) {
	if err == nil {
		return outcomeDone, true
	}
	if isGone(err) {
		return outcomeGone, true
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		var answer *awshttp.ResponseError
		failed := api.ErrorFault() == smithy.FaultServer || errors.As(err, &answer) && answer.HTTPStatusCode() >= 500
		return api.ErrorCode(), !failed
	}
	return "no answer", false
}

// requestNote is where, in a call's context, its request id is noted for the act.
type requestNote struct{}

// noteRequestID is a middleware that fills a requestNote.
func noteRequestID(stack *middleware.Stack) error {
	note := middleware.InitializeMiddlewareFunc("NoteRequestID",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if into, ok := ctx.Value(requestNote{}).(*string); ok {
				*into, _ = awsmiddleware.GetRequestIDMetadata(metadata)
			}
			return out, metadata, err
		})
	return stack.Initialize.Add(note, middleware.Before)
}

// goneCodes say that the resource of a call does not exist, or no longer: deleting it has succeeded.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
var goneCodes = []string{
	"ResourceNotFoundException", "EntityDoesNotExistException",
	"InvalidVpcID.NotFound", "InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound",
	"InvalidAssociationID.NotFound", "InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound", "InvalidPermission.NotFound",
	"InvalidNetworkAclID.NotFound", "InvalidInternetGatewayID.NotFound", "Gateway.NotAttached", "InvalidGatewayID.NotFound", "NatGatewayNotFound",
	"InvalidNetworkInterfaceID.NotFound", "InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound",
}

func isGone(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	// QuickSight has no code of its own for a VPC connection that is deleted and still known.
	deleted := api.ErrorCode() == "ConflictException" && strings.Contains(api.ErrorMessage(), "deleted VPCConnection")
	return deleted || slices.Contains(goneCodes, api.ErrorCode())
}

// settle closes this step's acts that were intended and never answered: look says what AWS shows of one, or "" where that cannot
// be told yet.
func (p *pass) settle(ctx context.Context, look func(closing.Act) string) error {
	for i, a := range p.past {
		if a.Step != p.step || a.Done != nil {
			continue
		}
		outcome := look(a)
		if outcome == "" {
			continue
		}
		now := clock.Now(ctx)
		a.Done, a.Outcome = &now, outcome
		if err := p.folder.PutAct(ctx, a); err != nil {
			return err
		}
		p.past[i] = a
	}
	return nil
}

// lastAct is this step's newest act of an operation on a resource; ok is false where there is none.
func (p *pass) lastAct(operation, resource string) (act closing.Act, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range slices.Backward(p.past) {
		if a.Step == p.step && a.Operation == operation && a.Resource == resource {
			return a, true
		}
	}
	return closing.Act{}, false
}

// asked tells whether the last act of an operation was taken by AWS, or may have been, in this visit of the state: since it was
// entered, or since the redrive. What was asked before a redrive may be asked again.
func (p *pass) asked(operation, resource string) bool {
	a, ok := p.lastAct(operation, resource)
	return ok && !a.Intended.Before(p.in.since()) && (a.Done == nil || a.Outcome == outcomeDone)
}

// stopped turns an error of AWS, met after the commit, into what an operator understands. What is no answer at all stays an
// ordinary error, which the state machine may retry.
func stopped(err error, operation, region string) error {
	switch refusalOf(err).kind {
	case deniedByIdentity:
		return closing.Errorf(closing.MissingPermission, "%s in %s is not allowed: %w; it changed nothing", operation, region, err).
			WithHint("update the target roles from the target template, then redrive this execution")
	case deniedByOrganization:
		return closing.Errorf(closing.MissingPermission, "%s in %s is denied by an organization's policy: %w; it changed nothing", operation, region, err).
			WithHint("except the target roles in that policy, then redrive this execution")
	default:
		return fmt.Errorf("call %s in %s: %w", operation, region, err)
	}
}

// stillStopped is stopped for the reads that a plan is made with: before the commit the advice is to start again, after it to
// redrive.
func stillStopped(err error, region string) error {
	var planning *closing.Error
	if errors.As(err, &planning) && planning.Err != nil {
		return stopped(planning.Err, "a read", region)
	}
	return err
}

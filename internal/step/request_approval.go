package step

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// RequestApproval asks people, tells the machine what they decided, and waits for the cooling off: the three states around the
// callback, which all read the same record.
func RequestApproval(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		switch in.Action {
		case ActionAsk:
			return env.ask(ctx, in)
		case ActionRead:
			return env.readDecision(ctx, in)
		case ActionCool:
			return env.cool(ctx, in)
		case ActionRetake, ActionList, ActionPlan, ActionCheck: // others'
		}
		return Result{}, fmt.Errorf("request-approval knows no action %q", in.Action)
	}
}

// ask opens the round where it is not open, and asks, or reminds. A request that is decided already, because somebody was
// faster than the reminder, rings its own doorbell and asks nobody.
func (e Env) ask(ctx context.Context, in Input) (Result, error) {
	if err := e.openRound(ctx, in); err != nil {
		return Result{}, err
	}
	g, err := e.waitAtDoor(ctx, in, Pending)
	if err != nil {
		return Result{}, err
	}
	verdict := g.verdict(clock.Now(ctx))
	if verdict == Pending {
		if err := e.notify(ctx, in, g); err != nil {
			return Result{}, err
		}
		e.Log.InfoContext(ctx, "asked", "waitedHours", clock.Now(ctx).Sub(g.ask.AskedAt).Round(time.Minute).Hours()) // a metric of the stack takes the longest; a reminder may be early by a second
	}
	return in.done(verdict, ListOf()), nil
}

// readDecision reads what was decided, which the doorbell does not know.
func (e Env) readDecision(ctx context.Context, in Input) (Result, error) {
	g, err := e.gate(ctx, in)
	if err != nil {
		return Result{}, err
	}
	verdict := g.verdict(clock.Now(ctx))
	if verdict == Expired {
		expired := closing.ApprovalExpired{
			Concerning: e.Concerning(in.Run.AccountID, in.Execution.ID, in.Run.Closing),
			Round:      g.ask.Round, Digest: g.ask.Digest, Deadline: g.ask.Deadline,
		}
		if err := e.Announce(ctx, expired); err != nil {
			return Result{}, err
		}
	}
	return in.decided(g, verdict), nil
}

// cool waits for the end of the cooling off, which is the state's timeout, or for a cancel, which rings.
func (e Env) cool(ctx context.Context, in Input) (Result, error) {
	g, err := e.waitAtDoor(ctx, in, Cooling)
	if err != nil {
		return Result{}, err
	}
	return in.done(g.verdict(clock.Now(ctx)), ListOf()), nil
}

// decided is a result with a verdict on the round; an approved run learns how long it cools off.
func (in Input) decided(g gate, verdict Verdict) Result {
	if verdict == Cooling || verdict == Approved {
		until := g.coolUntil()
		in.Run.CoolUntil = &until
	}
	return in.done(verdict, ListOf())
}

// openRound writes the round's ask, unless an earlier call did.
func (e Env) openRound(ctx context.Context, in Input) error {
	g, err := e.gate(ctx, in)
	if err != nil || g.ask != nil {
		return err
	}
	if in.Run.Deadline == nil {
		return errors.New("the run has no deadline for its round")
	}
	ask := closing.Ask{
		Execution: in.Execution.ID, Round: in.Run.Round, Digest: in.Run.Digest, PlanKey: e.folder(in).Key(record.PlanName(in.Run.Round)),
		AskedAt: clock.Now(ctx), Deadline: *in.Run.Deadline,
		Quorum: e.Config.Quorum, People: e.Config.People(), Starter: in.Run.Starter,
	}
	verified, err := e.folder(in).Verification(ctx)
	if err != nil {
		return fmt.Errorf("read who may decide: %w", err)
	}
	ask.Approvers = verified.Approvers
	if err := e.canDecide(ctx, ask); err != nil {
		return err
	}
	if in.Run.Round == 1 { // the plans of later rounds were made when the starter was known, and have it
		if ask.Evidence, err = e.aboutStarter(ctx, in, g.plan.Material); err != nil {
			return err
		}
	}
	if e.Config.DecisionURL != "" {
		ask.Page = strings.TrimSuffix(e.Config.DecisionURL, "/") + "/" + in.Run.Closing
	}
	if before := in.Run.Round - 1; before > 0 {
		approved, err := e.folder(in).Plan(ctx, record.PlanName(before), before)
		if err != nil {
			return fmt.Errorf("read the plan of round %d: %w", before, err)
		}
		if ask.Difference, err = drift(ctx, e.folder(in), approved.Material, g.plan.Material, true); err != nil {
			return fmt.Errorf("compare the plans of rounds %d and %d: %w", before, in.Run.Round, err)
		}
	}
	if ask.Page != "" {
		request, err := e.folder(in).Request(ctx)
		if err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		if err := e.putScript(ctx, in, ask, g.plan, about(in, ask, g.plan, request, e.location(""))); err != nil {
			return err
		}
	}
	if _, err := e.folder(in).PutAsk(ctx, ask); err != nil {
		return fmt.Errorf("open round %d: %w", in.Run.Round, err)
	}
	return nil
}

// aboutStarter looks for the starter among the administrators of a plan.
func (e Env) aboutStarter(ctx context.Context, in Input, m closing.Material) ([]closing.Evidence, error) {
	var found administrators
	for asset, err := range record.List[closing.Asset](ctx, e.folder(in), m.Assets) {
		if err != nil {
			return nil, fmt.Errorf("look for the starter among the users: %w", err)
		}
		found.note(asset, in.Run.Starter)
	}
	return found.evidence(in.Run.Starter), nil
}

// waitAtDoor hangs up the doorbell, and rings it at once where the record no longer stands at awaited. The doorbell comes first:
// whoever decides writes first and rings second, so that one of the two always sees the other.
func (e Env) waitAtDoor(ctx context.Context, in Input, awaited Verdict) (gate, error) {
	token := record.Token{Round: in.Run.Round, Digest: in.Run.Digest, State: in.State, Token: in.TaskToken}
	if token.Token == "" {
		return gate{}, fmt.Errorf("%s gave no task token to wait with", in.State)
	}
	if err := e.folder(in).PutToken(ctx, token); err != nil {
		return gate{}, fmt.Errorf("keep the task token: %w", err)
	}
	g, err := e.gate(ctx, in)
	if err != nil {
		return gate{}, err
	}
	if g.verdict(clock.Now(ctx)) != awaited {
		if _, err := e.Ring(ctx, token); err != nil {
			return gate{}, err
		}
	}
	return g, nil
}

package step

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// WriteReport says what came of a run: it decides the outcome by the record and by what was caught, asks AWS what is gone,
// writes the report, releases the account's lock and publishes. It can be written when the target cannot be reached and when the
// input was no request.
func WriteReport(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		if in.Run.Closing == "" {
			in = env.place(ctx, in)
			env.enlistRefused(ctx, in)
		}
		r := env.report(ctx, in)
		if in.Failure != nil {
			r.failed(*in.Failure)
		}
		if err := r.final(ctx); err != nil {
			return Result{}, err
		}
		if in.Run.AccountID != "" {
			if err := env.Record.Unlock(ctx, in.Run.AccountID, in.Execution.ID); err != nil {
				return Result{}, err
			}
		}
		if err := r.announce(ctx); err != nil {
			return Result{}, err
		}
		in.Run.Outcome, in.Run.Summary = r.Outcome, r.summary()
		return in.done("", ListOf()), nil
	}
}

// enlistRefused notes, in its fleet, a run that was refused before it noted itself.
func (e Env) enlistRefused(ctx context.Context, in Input) {
	if in.Run.Fleet == "" {
		return
	}
	folder, _, err := e.Record.Find(ctx, in.Run.Fleet)
	if err == nil {
		err = folder.PutAccountRun(ctx, phaseOf(in.Run.DryRun), in.Run.AccountID, record.AccountRun{Execution: in.Execution.ID, Closing: in.Run.Closing})
	}
	if err != nil {
		e.Log.WarnContext(ctx, "the run is not noted in its fleet", "fleet", in.Run.Fleet, "error", err)
	}
}

// place finds the closing folder of a run that failed before it had one, by the execution's input.
func (e Env) place(ctx context.Context, in Input) Input {
	out, err := e.describe(ctx, in.Execution.ID)
	if err != nil {
		e.Log.WarnContext(ctx, "the execution's input is unknown", "error", err)
		return placed(in, "")
	}
	return placed(in, aws.ToString(out.Input))
}

// final writes the run's last report, or finds the one that an earlier call of this step has written.
func (r *reporting) final(ctx context.Context) error {
	written, key, err := r.folder.LastReport(ctx)
	if err == nil && written.Outcome.Final() {
		r.Report, r.key = written, key
		return nil
	}
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	outcome, next, err := r.outcome(ctx)
	if err != nil {
		return err
	}
	switch {
	case r.Commit != nil:
		r.inspect(ctx, RoleRead)
	case outcome == closing.OutcomeAlreadyClosed:
		r.inspectSubscription(ctx, RoleRead)
	}
	r.conclude(ctx, outcome, next)
	return r.write(ctx)
}

// outcome is how the run ended, and what to do next. Whatever was caught was caught before anything was touched.
func (r *reporting) outcome(ctx context.Context) (closing.Outcome, string, error) {
	same := func(*closing.Request) {}
	switch {
	case r.Failure != nil:
		return closing.OutcomeBlocked, r.startCommand(same), nil
	case r.commitDoubt:
		return "", "", closing.Errorf(closing.RecordInvalid, "whether %s has a commit cannot be read; the report is not written", r.Closing).
			WithHint("look at who wrote commit.json, then redrive this execution")
	case r.Commit != nil:
		return closing.OutcomeClosed, "", nil
	case r.seal != nil && r.seal.Kind == closing.SealCancel:
		return closing.OutcomeCancelled, r.startCommand(same), nil
	case r.Plan == nil:
		return "", "", closing.Errorf(closing.RecordInvalid, "%s has no plan and nothing was caught; the report is not written", r.Closing).
			WithHint("look at this execution's history, then start a fresh run")
	case len(r.Plan.Observed.Blockers) > 0:
		if input := r.Plan.Observed.Blockers[0].Paste; input != "" {
			return closing.OutcomeBlocked, r.startWith(input), nil
		}
		return closing.OutcomeBlocked, r.startCommand(same), nil
	case r.Plan.Material.NothingToClose():
		return closing.OutcomeAlreadyClosed, "", nil
	case r.in.Run.DryRun:
		return closing.OutcomePlanned, r.startCommand(func(q *closing.Request) { q.DryRun = false }), nil
	case r.ask != nil && r.ask.Stands(r.Decisions, clock.Now(ctx)) == closing.StandingRejected:
		return closing.OutcomeRejected, r.startCommand(same), nil
	case r.ask != nil && r.ask.Stands(r.Decisions, clock.Now(ctx)) == closing.StandingExpired:
		return closing.OutcomeExpired, r.startCommand(same), nil
	default:
		return "", "", closing.Errorf(closing.RecordInvalid, "the record %s says neither that the run was decided nor why it ended; the report is not written", r.Closing).
			WithHint("look at this execution's history, then start a fresh run")
	}
}

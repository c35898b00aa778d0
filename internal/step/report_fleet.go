package step

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// ReportFleet says what became of every account that a fleet was asked for. It goes by the records of the accounts' own runs, and can be called at
// any time.
func ReportFleet(env Env) Handler {
	return func(ctx context.Context, in Input) (Result, error) {
		if in.Action == ActionCheck {
			return env.checkCanary(ctx, in)
		}
		if in.Run.Closing == "" { // it failed before it had a folder
			in.Run = in.fleetRun(in.Request)
		}
		r, key, err := env.folder(in).LastFleetReport(ctx)
		if errors.Is(err, record.ErrNotFound) || err == nil && !r.Final {
			r, key, err = env.finalFleetReport(ctx, in)
		}
		if err != nil {
			return Result{}, err
		}
		if err := env.announceFleet(ctx, in, r, key); err != nil {
			return Result{}, err
		}
		in.Run.Outcome, in.Run.Summary = r.Outcome, fleetSummary(r)
		return in.done("", ListOf()), nil
	}
}

// checkCanary lets the rest of a fleet begin once nothing of the canary is left half done. Whoever mends what failed redrives the fleet here.
func (e Env) checkCanary(ctx context.Context, in Input) (Result, error) {
	about := newFleetReporting(e, in)
	if err := about.read(ctx); err != nil {
		return Result{}, err
	}
	batch, err := about.folder.Batch(ctx, BatchCanary)
	if err != nil {
		return Result{}, fmt.Errorf("read the canary of the fleet: %w", err)
	}
	var failed []string
	for _, run := range batch {
		ended, err := about.ended(ctx, run.AccountID)
		if err != nil {
			return Result{}, err
		}
		if !ended.Outcome.Final() {
			failed = append(failed, fmt.Sprintf("%s is %s (%s)", run.AccountID, cmp.Or(ended.Outcome, "OPEN"), ended.Why))
		}
	}
	if len(failed) > 0 {
		return Result{}, closing.Errorf(closing.CanaryFailed, "of the accounts that are closed first, %s; the rest of the fleet was not touched", ListOf(failed...)).
			WithHint("mend it and close them with unsubscribe retry ACCOUNT, then unsubscribe fleet retry")
	}
	return in.done("", ListOf()), nil
}

func (e Env) finalFleetReport(ctx context.Context, in Input) (r closing.FleetReport, key string, err error) {
	if r, err = e.reportFleet(ctx, in); err != nil {
		return r, "", err
	}
	if in.Failure != nil {
		failure := readable(*in.Failure)
		r.Failure, r.Outcome = &failure, closing.OutcomeBlocked
	}
	r.Final = true
	key, err = e.writeFleetReport(ctx, in, &r)
	return r, key, err
}

// reportFleet makes a fleet's report of what the record says now.
func (e Env) reportFleet(ctx context.Context, in Input) (closing.FleetReport, error) {
	r := closing.FleetReport{Version: 1, Execution: in.Execution.ID, Closing: in.Run.Closing, Counts: map[closing.Outcome]int{}, Outcome: closing.OutcomeBlocked}
	folder := e.folder(in)
	var err error
	if r.Request, err = folder.FleetRequest(ctx); errors.Is(err, record.ErrNotFound) {
		return r, nil
	} else if err != nil {
		return r, err
	}
	batch, err := folder.Batch(ctx, string(record.Planning))
	if errors.Is(err, record.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the accounts of the fleet: %w", err)
	}
	if in.Run.Round == 0 { // nobody knows whether it was planned
		in.Run.Round = 1
	}
	about := newFleetReporting(e, in)
	if err := about.read(ctx); err != nil {
		return r, err
	}
	var collected sync.Mutex
	err = clock.Each(ctx, fleetLanes, batch, func(ctx context.Context, run closing.Request) error {
		ended, err := about.ended(ctx, run.AccountID)
		collected.Lock()
		defer collected.Unlock()
		r.Accounts = append(r.Accounts, ended)
		return err
	})
	if err != nil {
		return r, err
	}
	slices.SortFunc(r.Accounts, func(a, b closing.Ended) int { return cmp.Compare(a.AccountID, b.AccountID) })
	for _, a := range r.Accounts {
		r.Counts[a.Outcome]++
	}
	r.Outcome = about.outcome(ctx, r)
	if r.Request.Sweep {
		r.Cost = e.costs(ctx, r.Accounts)
	}
	return r, nil
}

// fleetReporting is what the record says of a fleet as a whole.
type fleetReporting struct {
	Env
	in      Input
	folder  *record.Folder
	plan    *closing.Plan // nil: it was not planned
	gate    *gate         // nil: it was not planned
	apart   map[string]closing.Apart
	members map[string]closing.Member
	commit  *closing.Commit // nil: it was not committed
	struck  map[string]string
}

func newFleetReporting(e Env, in Input) *fleetReporting {
	return &fleetReporting{Env: e, in: in, folder: e.folder(in), apart: map[string]closing.Apart{}, members: map[string]closing.Member{}}
}

func (r *fleetReporting) read(ctx context.Context) error {
	plan, err := r.folder.Plan(ctx, record.PlanName(1), 1)
	if errors.Is(err, record.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r.plan, r.in.Run.Digest = &plan, plan.Digest
	for _, a := range plan.Observed.Apart {
		r.apart[a.AccountID] = a
	}
	for _, m := range plan.Material.Fleet {
		r.members[m.AccountID] = m
	}
	g, err := r.Env.gate(ctx, r.in)
	if err != nil {
		return err
	}
	r.gate = &g
	switch commit, err := r.folder.Commit(ctx); {
	case err == nil:
		r.commit, r.struck = &commit, map[string]string{}
		for _, d := range commit.Decisions {
			for _, account := range d.Struck {
				r.struck[account] = d.Person
			}
		}
	case !errors.Is(err, record.ErrNotFound):
		return err
	}
	return nil
}

// ended is what became of one account.
func (r *fleetReporting) ended(ctx context.Context, account string) (closing.Ended, error) {
	if r.plan == nil {
		return closing.Ended{AccountID: account, Why: "the fleet was not planned"}, nil
	}
	if a, apart := r.apart[account]; apart {
		return closing.Ended{AccountID: account, Outcome: a.Outcome, Why: a.Why}, nil
	}
	m := r.members[account]
	switch {
	case r.in.Run.DryRun:
		return r.surveyed(ctx, m)
	case r.commit == nil:
		return closing.Ended{AccountID: account, Outcome: r.decided(ctx), Why: "the fleet was not committed; the account was not touched"}, nil
	case r.struck[account] != "":
		return closing.Ended{AccountID: account, Outcome: closing.OutcomeRejected, Why: "struck out by " + r.struck[account]}, nil
	}
	return r.closed(ctx, account)
}

// decided is what became of the fleet as a whole that was not committed.
func (r *fleetReporting) decided(ctx context.Context) closing.Outcome {
	switch r.gate.verdict(clock.Now(ctx)) {
	case Rejected:
		return closing.OutcomeRejected
	case Expired:
		return closing.OutcomeExpired
	case Cancelled:
		return closing.OutcomeCancelled
	default:
		return closing.OutcomeBlocked
	}
}

// closed is what the record of the account's own run says: of the one that used the approval, where one did.
func (r *fleetReporting) closed(ctx context.Context, account string) (closing.Ended, error) {
	out := closing.Ended{AccountID: account}
	run, err := r.folder.AccountRun(ctx, record.Closing, account)
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return out, err
	}
	switch claim, err := r.folder.Claim(ctx, account); {
	case err == nil:
		run = record.AccountRun{Execution: claim.Execution, Closing: claim.Closing}
	case !errors.Is(err, record.ErrNotFound):
		return out, err
	}
	if run.Closing == "" {
		out.Why = "its run did not begin, or was refused before it had a record; the account was not touched"
		return out, nil
	}
	out.Closing = run.Closing
	report, _, err := r.Record.Folder(run.Closing, run.Execution).LastReport(ctx)
	if errors.Is(err, record.ErrNotFound) {
		out.Why = "its run has not reported yet: see " + run.Execution
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Outcome, out.Irreversible = report.Outcome, report.Irreversible
	if report.Failure != nil {
		out.Why = report.Failure.Error + ": " + report.Failure.Message
	}
	return out, nil
}

// outcome is what became of the fleet.
func (r *fleetReporting) outcome(ctx context.Context, report closing.FleetReport) closing.Outcome {
	closed := report.Counts[closing.OutcomeClosed] + report.Counts[closing.OutcomeAlreadyClosed]
	switch {
	case r.in.Run.DryRun && r.plan != nil:
		return closing.OutcomePlanned
	case r.plan == nil || len(r.members) == 0 && closed < len(report.Accounts):
		return closing.OutcomeBlocked
	case len(r.members) == 0:
		return closing.OutcomeAlreadyClosed
	case r.commit == nil:
		return r.decided(ctx)
	}
	left := func(a closing.Ended) bool {
		_, member := r.members[a.AccountID]
		return member && r.struck[a.AccountID] == "" && a.Outcome != closing.OutcomeClosed && a.Outcome != closing.OutcomeAlreadyClosed
	}
	if slices.ContainsFunc(report.Accounts, left) {
		return closing.OutcomePartlyClosed
	}
	return closing.OutcomeClosed
}

func (e Env) writeFleetReport(ctx context.Context, in Input, r *closing.FleetReport) (key string, err error) {
	r.WrittenAt = clock.Now(ctx)
	if r.Outcome == closing.OutcomePartlyClosed || r.Outcome == closing.OutcomeFailed {
		r.Next = "unsubscribe fleet retry " + strings.TrimSuffix(e.location(in.Run.Closing), "/")
	}
	if key, err = e.folder(in).PutFleetReport(ctx, *r); err != nil {
		return "", fmt.Errorf("write the fleet's report: %w", err)
	}
	return key, nil
}

// announceFleet tells people and pipelines what came of a fleet, once for each report, as announce does for the run of one account.
func (e Env) announceFleet(ctx context.Context, in Input, r closing.FleetReport, key string) error {
	switch announced, err := e.folder(in).Announced(ctx, key); {
	case err != nil:
		return fmt.Errorf("read whether the fleet's report was announced: %w", err)
	case announced:
		return nil
	}
	if err := e.publish(ctx, fmt.Sprintf("QuickSight in %d accounts: %s", len(r.Accounts), r.Outcome), fleetNotice(r, e.location(key))); err != nil {
		return err
	}
	finished := closing.Finished{
		Concerning: e.Concerning("", in.Execution.ID, in.Run.Closing), Outcome: r.Outcome, Error: r.Failure.Name(),
		Irreversible: slices.ContainsFunc(r.Accounts, func(a closing.Ended) bool { return a.Irreversible }), Report: e.location(key), Summary: fleetSummary(r),
	}
	if err := e.Announce(ctx, finished); err != nil {
		return err
	}
	e.Log.InfoContext(ctx, "ended", "outcome", r.Outcome, "fleet", in.Run.Closing) // a metric of the stack counts these
	return e.folder(in).PutAnnounced(ctx, key)
}

// fleetNotice is a fleet's report in words.
func fleetNotice(r closing.FleetReport, where string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", fleetSummary(r))
	if r.Request.Sweep {
		surveyLines(&b, r)
	} else {
		var not []string
		for _, a := range r.Accounts {
			if a.Outcome != closing.OutcomeClosed && a.Outcome != closing.OutcomePlanned {
				not = append(not, fmt.Sprintf("%s %s: %s", a.AccountID, cmp.Or(a.Outcome, "OPEN"), a.Why))
			}
		}
		for _, line := range not[:min(len(not), MaxListed)] {
			fmt.Fprintln(&b, line)
		}
		if more := len(not) - MaxListed; more > 0 {
			fmt.Fprintf(&b, "and %d more\n", more)
		}
	}
	fmt.Fprintf(&b, "\nReport: %s\nExecution: %s\n", where, r.Execution)
	if r.Next != "" {
		fmt.Fprintf(&b, "To go on: %s\n", r.Next)
	}
	return b.String()
}

// fleetSummary is a fleet's report in one line.
func fleetSummary(r closing.FleetReport) string {
	var counts []string
	for _, o := range slices.Sorted(maps.Keys(r.Counts)) {
		counts = append(counts, fmt.Sprintf("%d %s", r.Counts[o], cmp.Or(o, "OPEN")))
	}
	text := fmt.Sprintf("%s: %d accounts: %s", r.Outcome, len(r.Accounts), strings.Join(counts, ", "))
	if r.Failure != nil {
		text += fmt.Sprintf(": %s: %s", r.Failure.Error, r.Failure.Message)
	}
	return short(text)
}

// fleetRun is the run that List Accounts makes of an execution's input, or would have made.
func (in Input) fleetRun(request []byte) Run {
	r, err := closing.ParseFleetRequest(request)
	if err != nil {
		r = closing.FleetRequest{}
	}
	return Run{Closing: record.Prefix(r.Folder(), in.Execution.Name, in.Execution.StartTime), DryRun: r.OnlyLooks()}
}

// finishFleet writes the report of a fleet whose execution did not succeed, and did not report by itself.
func (e Env) finishFleet(ctx context.Context, execution *sfn.DescribeExecutionOutput) error {
	in := Input{Execution: Execution{ID: aws.ToString(execution.ExecutionArn), Name: aws.ToString(execution.Name), StartTime: aws.ToTime(execution.StartDate)}}
	in.Run = in.fleetRun([]byte(aws.ToString(execution.Input)))
	last, key, err := e.folder(in).LastFleetReport(ctx)
	switch {
	case err == nil && (last.Final || after(last.WrittenAt, execution.StopDate)):
		// The machine has reported, or this very end is reported already. Whether anybody heard it is another question.
		return e.announceFleet(ctx, in, last, key)
	case err != nil && !errors.Is(err, record.ErrNotFound):
		return err
	}
	r, err := e.reportFleet(ctx, in)
	if err != nil {
		return err
	}
	r.Outcome = closing.OutcomeFailed
	if r.Counts[closing.OutcomeClosed]+r.Counts[closing.OutcomePartlyClosed] > 0 {
		r.Outcome = closing.OutcomePartlyClosed
	}
	r.Failure = &closing.Failure{Error: failureName(execution), Message: readable(closing.Failure{Message: aws.ToString(execution.Cause)}).Message}
	if key, err = e.writeFleetReport(ctx, in, &r); err != nil {
		return err
	}
	return e.announceFleet(ctx, in, r, key)
}

package step

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// reporting is a report under way. What cannot be read is noted as unknown: a report is written whatever has gone wrong.
type reporting struct {
	Env
	in     Input
	folder *record.Folder
	was    *record.Folder // as it was when this began, which the report is of
	closing.Report
	seal         *closing.Seal
	ask          *closing.Ask
	key          string // of the report, once it is written
	commitDoubt  bool   // whether there is a commit could not be read
	subscription *condition
}

// unknownAccount stands in the prefix of a record for an account that the input does not tell.
const unknownAccount = "unknown"

// placed gives a run that has no closing folder yet the one that Verify Caller would have made.
func placed(in Input, input string) Input {
	in.Run.AccountID = accountIn([]byte(input))
	if start, err := closing.ParseStart([]byte(input)); err == nil {
		in.Run.Fleet, in.Run.DryRun = start.Request.Fleet, start.Request.DryRun
	}
	in.Run.Closing = record.Prefix(cmp.Or(in.Run.AccountID, unknownAccount), in.Execution.Name, in.Execution.StartTime)
	return in
}

// accountIn is the account that an execution's input names, however wrong the rest of it is; "" where it names none.
func accountIn(input []byte) string {
	if start, err := closing.ParseStart(input); err == nil {
		return start.Request.AccountID
	}
	var named struct {
		AccountID string `json:"accountId"`
	}
	if err := json.Unmarshal(input, &named); err != nil {
		return ""
	}
	if _, err := closing.ParseRequest(closing.Canonical(closing.Request{AccountID: named.AccountID})); err != nil {
		return ""
	}
	return named.AccountID
}

// report reads what the record says of a run.
func (e Env) report(ctx context.Context, in Input) *reporting {
	r := &reporting{Env: e, in: in, folder: e.folder(in)}
	var err error
	if r.was, err = r.folder.Listed(ctx); err != nil {
		r.was = r.folder // which tells of each part whether it can be read
	}
	r.Version, r.Execution, r.AccountID, r.Closing, r.Starter = 1, in.Execution.ID, in.Run.AccountID, in.Run.Closing, in.Run.Starter
	read(ctx, r, "request.json", r.was.Request, &r.Request)
	for round := closing.MaxRounds; round > 0 && r.Plan == nil; round-- {
		read(ctx, r, record.PlanName(round), func(ctx context.Context) (closing.Plan, error) {
			return r.was.Plan(ctx, record.PlanName(round), round)
		}, &r.Plan)
	}
	if p := r.Plan; p != nil {
		read(ctx, r, fmt.Sprintf("ask-%d.json", p.Round), func(ctx context.Context) (closing.Ask, error) { return r.was.Ask(ctx, p.Round, p.Digest) }, &r.ask)
		read(ctx, r, record.ManifestName(p.Round), func(ctx context.Context) (closing.Manifest, error) { return r.was.Manifest(ctx, p.Round, p.Digest) }, &r.Manifest)
		if r.Manifest != nil {
			r.readManifest(ctx)
		}
		var decisions *[]closing.Decision
		read(ctx, r, fmt.Sprintf("decisions/%d/", p.Round), func(ctx context.Context) ([]closing.Decision, error) {
			return r.was.Decisions(ctx, p.Round, p.Digest)
		}, &decisions)
		if decisions != nil {
			r.Decisions = *decisions
		}
	}
	read(ctx, r, "seal.json", r.was.Seal, &r.seal)
	r.commitDoubt = !read(ctx, r, "commit.json", r.was.Commit, &r.Commit)
	if r.Commit != nil && r.Commit.Fleet != "" {
		r.Decisions = r.Commit.Decisions // people decided on the fleet
	}
	var acts *[]closing.Act
	read(ctx, r, "acts/", r.was.Acts, &acts)
	if acts != nil {
		r.Acts = *acts
	}
	return r
}

// readManifest reads the first of what was saved and of what could not be.
func (r *reporting) readManifest(ctx context.Context) {
	var objects *[]closing.Saved
	read(ctx, r, record.ManifestName(r.Plan.Round), func(ctx context.Context) ([]closing.Saved, error) {
		return record.First[closing.Saved](ctx, r.was, r.Manifest.Objects, closing.MaxListed)
	}, &objects)
	if objects != nil {
		r.Objects = *objects
	}
	if r.Manifest.Failed == 0 {
		return
	}
	var unsaved *[]closing.Unsaved
	read(ctx, r, record.ManifestName(r.Plan.Round), func(ctx context.Context) (failed []closing.Unsaved, err error) {
		for b, err := range record.List[closing.Backup](ctx, r.was, r.Manifest.Backups) {
			if err != nil {
				return nil, err
			}
			if b.As == closing.NotSaved {
				if failed = append(failed, closing.Unsaved{ARN: b.ARN, Code: b.Code, Message: b.Message}); len(failed) == closing.MaxListed {
					break
				}
			}
		}
		return failed, nil
	}, &unsaved)
	if unsaved != nil {
		r.Unsaved = *unsaved
	}
}

// read reads one part of the record and tells whether it knows now: a part that is not there is known not to be.
func read[T any](ctx context.Context, r *reporting, name string, from func(context.Context) (T, error), into **T) bool {
	part, err := from(ctx)
	switch {
	case err == nil:
		*into = &part
		return true
	case errors.Is(err, record.ErrNotFound):
		return true
	}
	r.Unknown = append(r.Unknown, closing.Check{Kind: "record", ID: r.folder.Key(name), Shown: "s3:GetObject", Why: err.Error()})
	return false
}

// failed notes why the run stopped.
func (r *reporting) failed(f closing.Failure) {
	f = readable(f)
	r.Failure = &f
}

// readable is a failure with the message that people read. Step Functions gives a function's error as JSON.
func readable(f closing.Failure) closing.Failure {
	var thrown struct {
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal([]byte(f.Message), &thrown); err == nil && thrown.Message != "" {
		f.Message = thrown.Message
	}
	return f
}

// byObservation stands for the request id of a change whose answer was lost: what AWS showed afterwards tells that it took effect, or not.
const byObservation = "established by observation"

// conclude gives the report its outcome and what follows from it.
func (r *reporting) conclude(ctx context.Context, outcome closing.Outcome, next string) {
	r.Outcome, r.Next = outcome, next
	r.Irreversible = r.irreversible()
	r.FirstLine = closing.FirstLine(r.Irreversible)
	if r.Plan != nil {
		r.Consequences = r.Plan.Consequences()
	}
	if r.Irreversible && r.Plan != nil {
		r.MonthlyStopped = r.Plan.Material.Monthly()
	}
	for i, a := range r.Acts {
		if a.Done != nil && a.RequestID == "" {
			r.Acts[i].RequestID = byObservation
		}
	}
	if outcome == closing.OutcomeFailed { // or partly closed
		r.NotDone = r.notDone()
	}
	r.tell(ctx)
	r.WrittenAt = clock.Now(ctx)
}

// irreversible tells whether DeleteAccountSubscription was called by this run and took effect. In doubt it did. A refusal may hide
// an effect: the SDK tries again where an answer was lost, and QuickSight then says that it is already at it.
func (r *reporting) irreversible() bool {
	called, accepted, went := false, false, false
	for _, a := range r.Acts {
		switch {
		case a.Operation == opUnsubscribe && a.Outcome != outcomeGone && a.Outcome != outcomeNoTrace:
			called = true
			accepted = accepted || a.Done == nil || a.Outcome == outcomeDone
		case a.Step == "delete-directory" || a.Step == "delete-vpc":
			went = true // these steps begin when it is gone, whatever the account is now
		}
	}
	if called && r.subscriptionGone() {
		return true
	}
	return accepted && (r.subscription == nil || went || r.Failure == nil)
}

// subscriptionGone tells whether the plan had no subscription, or AWS says that it is gone or going.
func (r *reporting) subscriptionGone() bool {
	if r.Plan != nil && r.Plan.Material.Subscription == nil {
		return true
	}
	return r.subscription != nil && (r.subscription.life == lifeLeaving || r.subscription.life == lifeGone)
}

func (r *reporting) write(ctx context.Context) error {
	var err error
	if r.key, err = r.folder.PutReport(ctx, r.Report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return r.folder.PutCertificate(ctx, r.key, certificate(r.Report))
}

// announce tells people and pipelines what came of the run, once for each report. Whoever waits for that must hear of it, so that a call
// which died on the way is made good by the next one; only where it died between the event and the note of it, the event goes out twice.
func (r *reporting) announce(ctx context.Context) error {
	switch announced, err := r.folder.Announced(ctx, r.key); {
	case err != nil:
		return fmt.Errorf("read whether the report was announced: %w", err)
	case announced:
		return nil
	}
	if err := r.mail(ctx); err != nil {
		return err
	}
	finished := closing.Finished{
		Concerning: r.Concerning(r.AccountID, r.Execution, r.Closing),
		Outcome:    r.Outcome, Error: r.Failure.Name(), Irreversible: r.Irreversible, Report: r.location(r.key), Summary: r.summary(),
	}
	if err := r.Announce(ctx, finished); err != nil {
		return err
	}
	r.Log.InfoContext(ctx, "ended", "outcome", r.Outcome, "account", r.AccountID) // a metric of the stack counts these
	return r.folder.PutAnnounced(ctx, r.key)
}

// mail publishes what came of the run.
func (r *reporting) mail(ctx context.Context) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\nExecution: %s\nRecord: s3://%s/%s\n", r.FirstLine, r.summary(), r.Execution, r.Config.Bucket, r.Closing)
	for _, part := range []struct {
		title  string
		checks []closing.Check
	}{{"Verified gone", r.Gone}, {"Left", r.Left}, {"Left behind", r.LeftBehind}, {"Unknown", r.Unknown}} {
		if len(part.checks) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", part.title, namesOf(part.checks))
		}
	}
	for _, restored := range r.Restored {
		fmt.Fprintf(&b, "Restored: %s\n", restored)
	}
	if r.Next != "" {
		fmt.Fprintf(&b, "\nTo go on:\n%s\n", r.Next)
	}
	return r.publish(ctx, fmt.Sprintf("QuickSight closing of %s: %s", cmp.Or(r.AccountID, "an unknown account"), r.Outcome), b.String())
}

func namesOf(checks []closing.Check) List {
	names := make([]string, 0, len(checks))
	for _, c := range checks {
		names = append(names, c.Kind+" "+c.ID)
	}
	return ListOf(names...)
}

// maxSummary keeps the summary to what a console shows of a cause.
const maxSummary = 1000

// summary is the report in one line.
func (r *reporting) summary() string {
	text := fmt.Sprintf("%s: account %s", r.Outcome, cmp.Or(r.AccountID, unknownAccount))
	switch {
	case r.Failure != nil:
		text += fmt.Sprintf(": %s: %s", r.Failure.Error, r.Failure.Message)
	case r.Outcome == closing.OutcomeBlocked && r.Plan != nil && len(r.Plan.Observed.Blockers) > 0:
		b := r.Plan.Observed.Blockers[0]
		text += fmt.Sprintf(": %s: %s", b.Code, b.Message)
	case r.Outcome == closing.OutcomeClosed:
		text += fmt.Sprintf(": %d verified gone, %d left, %d unknown", len(r.Gone), len(r.Left)+len(r.LeftBehind), len(r.Unknown))
	}
	return short(text)
}

// short is a text in one line, as long as a summary may be.
func short(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxSummary {
		return string(runes[:maxSummary-1]) + "…"
	}
	return text
}

// startCommand starts a fresh run with the request, changed where something stands against it as it is.
func (r *reporting) startCommand(change func(*closing.Request)) string {
	if r.Request == nil {
		return ""
	}
	return r.startWith(paste(*r.Request, change))
}

func (r *reporting) startWith(input string) string {
	return fmt.Sprintf("aws stepfunctions start-execution --region %s --state-machine-arn %s --input %s", r.Config.Region, r.Config.Machine, quoted(input))
}

// redriveCommand goes on with this run.
func (r *reporting) redriveCommand() string {
	return fmt.Sprintf("aws stepfunctions redrive-execution --region %s --execution-arn %s", r.Config.Region, r.Execution)
}

// quoted is text as a POSIX shell takes it for one word.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// describe asks Step Functions for an execution with its input.
func (e Env) describe(ctx context.Context, execution string) (*sfn.DescribeExecutionOutput, error) {
	out, err := sfn.NewFromConfig(e.AWS.Hub()).DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	if err != nil {
		return nil, fmt.Errorf("describe the execution %s: %w", execution, err)
	}
	return out, nil
}

// after tells whether a moment is not before another, of which either may be unknown.
func after(moment time.Time, other *time.Time) bool { return other != nil && !moment.Before(*other) }

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// standing is how a run stands, as list, status and report begin.
type standing struct {
	Account      string          `json:"account"`
	Closing      string          `json:"closing"` // the closing folder
	Execution    string          `json:"execution"`
	Console      string          `json:"console"`
	Started      time.Time       `json:"started"`
	Status       string          `json:"status"`            // the execution's: RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED; "" once Step Functions has forgotten it
	State        string          `json:"state,omitempty"`   // where a running one is
	Outcome      closing.Outcome `json:"outcome,omitempty"` // of its last report
	WaitsFor     string          `json:"waitsFor,omitempty"`
	Irreversible bool            `json:"irreversible"`     // DeleteAccountSubscription was called, in a fleet for any of its accounts
	DryRun       bool            `json:"dryRun,omitempty"` // it only looks

	report     *closing.Report
	fleet      *closing.FleetReport // instead, of a fleet or a sweep
	final      bool                 // its report is the last word: a redrive of it does nothing
	redrivable bool
}

// open tells whether a run is not through: it runs, or stopped on the way and waits for somebody to go on with it.
func (s standing) open() bool { return s.running() || s.WaitsFor != "" }

func (s standing) running() bool { return s.Status == string(types.ExecutionStatusRunning) }

// stopped is the error that a run ended with; "" where its report knows none.
func (s standing) stopped() string {
	if s.report == nil {
		return ""
	}
	return s.report.Failure.Name()
}

// aside tells whether a run says nothing of how the closing of its account stands: it only looked, or it was refused since another run was there.
func (s standing) aside() bool {
	return s.DryRun || slices.Contains([]string{string(closing.Delivered), string(closing.AlreadyRunning), string(closing.Claimed)}, s.stopped())
}

// overtakes tells whether a run stands for its account, whatever became of the runs before it.
func (s standing) overtakes() bool {
	return !s.aside() && (s.open() || s.Outcome == closing.OutcomeClosed || s.Outcome == closing.OutcomeAlreadyClosed)
}

// short is the one word for where a run is.
func (s standing) short() string {
	switch {
	case s.State != "":
		return s.State
	case s.Outcome != "":
		return string(s.Outcome)
	default:
		return s.Status
	}
}

// stand finds out how the run with this prefix stands.
func (h *hub) stand(ctx context.Context, store *record.Store, prefix string) (standing, error) {
	folder, execution, err := store.Open(ctx, prefix)
	if err != nil {
		return standing{}, fmt.Errorf("the run %s: %w", prefix, err)
	}
	s := standing{
		Account: strings.Split(prefix, "/")[1], Closing: prefix, Execution: execution, Console: h.console(execution), Started: record.Started(prefix),
	}
	if err := s.read(ctx, folder); err != nil || s.final {
		return s, err
	}
	out, err := h.states.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	var forgotten *types.ExecutionDoesNotExist
	if err != nil && !errors.As(err, &forgotten) {
		return standing{}, fmt.Errorf("describe %s: %w", execution, err)
	}
	if err == nil {
		s.Status, s.redrivable = string(out.Status), out.RedriveStatus == types.ExecutionRedriveStatusRedrivable
	}
	if s.Status != string(types.ExecutionStatusRunning) {
		s.WaitsFor = "somebody to retry it"
		return s, nil
	}
	s.Outcome = "" // of an earlier end, before it was redriven
	if s.State, err = h.stateOf(ctx, execution); err != nil {
		return standing{}, err
	}
	if s.Irreversible, err = irreversible(ctx, store, folder); err != nil {
		return standing{}, err
	}
	s.WaitsFor, err = waitsFor(ctx, folder, s.State)
	return s, err
}

// read reads what the record says of how a run stands.
func (s *standing) read(ctx context.Context, folder *record.Folder) error {
	known := s.readRun
	if record.IsFleet(s.Closing) {
		known = s.readFleet
	}
	if err := known(ctx, folder); err != nil && !errors.Is(err, record.ErrNotFound) {
		return err
	}
	if s.final {
		s.Status = string(types.ExecutionStatusSucceeded)
		if !succeeds(s.Outcome) {
			s.Status = string(types.ExecutionStatusFailed)
		}
	}
	return nil
}

func (s *standing) readRun(ctx context.Context, folder *record.Folder) error {
	report, _, err := folder.LastReport(ctx)
	if errors.Is(err, record.ErrNotFound) {
		request, err := folder.Request(ctx)
		s.DryRun = request.DryRun
		return err
	}
	if err == nil {
		s.report, s.Outcome, s.Irreversible, s.final = &report, report.Outcome, report.Irreversible, report.Outcome.Final()
		s.DryRun = report.Request != nil && report.Request.DryRun
	}
	return err
}

func (s *standing) readFleet(ctx context.Context, folder *record.Folder) error {
	report, _, err := folder.LastFleetReport(ctx)
	if errors.Is(err, record.ErrNotFound) {
		request, err := folder.FleetRequest(ctx)
		s.DryRun = request.OnlyLooks()
		return err
	}
	if err == nil {
		s.fleet, s.Outcome, s.DryRun, s.final = &report, report.Outcome, report.Request.OnlyLooks(), report.Final
		s.Irreversible = slices.ContainsFunc(report.Accounts, func(a closing.Ended) bool { return a.Irreversible })
	}
	return err
}

// irreversible tells whether a run that goes on has deleted a subscription, or a fleet that of any of its accounts.
func irreversible(ctx context.Context, store *record.Store, folder *record.Folder) (bool, error) {
	acts, err := folder.Acts(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(acts, func(a closing.Act) bool { return a.Operation == "quicksight:DeleteAccountSubscription" }) {
		return true, nil
	}
	for claim, err := range folder.Claims(ctx) {
		if err != nil {
			return false, err
		}
		if done, err := irreversible(ctx, store, store.Folder(claim.Closing, claim.Execution)); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// succeeds tells whether a run with this last word ends its execution Succeeded.
func succeeds(o closing.Outcome) bool {
	return o == closing.OutcomeClosed || o == closing.OutcomeAlreadyClosed || o == closing.OutcomePlanned
}

// stateOf is the state that a running execution has entered last.
func (h *hub) stateOf(ctx context.Context, execution string) (string, error) {
	pages := sfn.NewGetExecutionHistoryPaginator(h.states, &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, IncludeExecutionData: aws.Bool(false),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("the history of %s: %w", execution, err)
		}
		for _, e := range page.Events {
			if d := e.StateEnteredEventDetails; d != nil {
				return aws.ToString(d.Name), nil
			}
		}
	}
	return "", nil
}

// waitsFor says in words whom or what a running execution waits for.
func waitsFor(ctx context.Context, folder *record.Folder, state string) (string, error) {
	switch {
	case state == "Request Approval":
		ask, err := folder.LatestAsk(ctx)
		if errors.Is(err, record.ErrNotFound) {
			return "", nil // it is about to ask
		}
		if err != nil {
			return "", err
		}
		decisions, err := folder.Decisions(ctx, ask.Round, ask.Digest)
		if err != nil {
			return "", err
		}
		who := "anybody of the hub account but its starter"
		if len(ask.Approvers) > 0 {
			who = strings.Join(closing.PersonsOf(ask.Approvers), ", ")
		}
		return fmt.Sprintf("approval %d of %d, by %s, until %s", len(ask.Approvals(decisions))+1, ask.Quorum, who, ask.Deadline.UTC().Format(time.RFC3339)), nil
	case state == "Cooling Off":
		return "the end of its cooling off; it can still be cancelled", nil
	case strings.HasPrefix(state, "Wait For "):
		return "AWS", nil
	default:
		return "", nil
	}
}

var twelveDigits = regexp.MustCompile(`^[0-9]{12}$`)

// run finds the run that a person means: that of an account, or the one in this closing folder.
func (h *hub) run(ctx context.Context, store *record.Store, which string) (standing, error) {
	if rest, ok := strings.CutPrefix(which, "s3://"); ok {
		_, prefix, _ := strings.Cut(rest, "/")
		prefix = strings.TrimSuffix(prefix, "/") + "/"
		if record.Started(prefix).IsZero() {
			return standing{}, &failure{exitUsage, fmt.Errorf("%q is not of the form s3://BUCKET/closings/ACCOUNT/RUN", which)}
		}
		return h.stand(ctx, store, prefix)
	}
	if !twelveDigits.MatchString(which) {
		return standing{}, &failure{exitUsage, fmt.Errorf("%q is neither an account id nor of the form s3://BUCKET/closings/ACCOUNT/RUN", which)}
	}
	return h.closingOf(ctx, store, which)
}

// closingOf is the last closing of an account; where there were only runs aside from one, the last of those.
func (h *hub) closingOf(ctx context.Context, store *record.Store, account string) (standing, error) {
	runs, err := store.Runs(ctx, account)
	if err != nil {
		return standing{}, err
	}
	var newest *standing
	for _, run := range slices.Backward(runs) {
		s, err := h.stand(ctx, store, run)
		if err != nil || !s.aside() {
			return s, err
		}
		if newest == nil {
			newest = &s
		}
	}
	if newest == nil {
		return standing{}, fmt.Errorf("account %s has no closing; unsubscribe close --account %s starts one", account, account)
	}
	return *newest, nil
}

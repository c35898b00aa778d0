package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
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
	Irreversible bool            `json:"irreversible"` // DeleteAccountSubscription was called

	report     *closing.Report
	redrivable bool
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
	folder, execution, err := store.Find(ctx, prefix)
	if err != nil {
		return standing{}, fmt.Errorf("the run %s: %w", prefix, err)
	}
	s := standing{
		Account: strings.Split(prefix, "/")[1], Closing: prefix, Execution: execution, Console: h.console(execution), Started: record.Started(prefix),
	}
	report, _, err := folder.LastReport(ctx)
	switch {
	case err == nil:
		s.Outcome, s.Irreversible, s.report = report.Outcome, report.Irreversible, &report
		if report.Outcome.Final() {
			s.Status = string(types.ExecutionStatusSucceeded)
			if !succeeds(report.Outcome) {
				s.Status = string(types.ExecutionStatusFailed)
			}
			return s, nil
		}
	case !errors.Is(err, record.ErrNotFound):
		return standing{}, err
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
	acts, err := folder.Acts(ctx)
	if err != nil {
		return standing{}, err
	}
	for _, act := range acts {
		s.Irreversible = s.Irreversible || act.Operation == "quicksight:DeleteAccountSubscription"
	}
	s.WaitsFor, err = waitsFor(ctx, folder, s.State)
	return s, err
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

// run finds the run that a person means: the last of an account, or the one in this closing folder.
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
	runs, err := store.Runs(ctx, which)
	if err != nil {
		return standing{}, err
	}
	if len(runs) == 0 {
		return standing{}, fmt.Errorf("account %s has no closing; unsubscribe close --account %s starts one", which, which)
	}
	return h.stand(ctx, store, runs[len(runs)-1])
}

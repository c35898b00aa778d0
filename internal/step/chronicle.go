package step

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/workflow"
)

// tell tells what happened in the run, and what it cost, as the state machine's history and the record know it. A report is written
// without where they do not answer.
func (r *reporting) tell(ctx context.Context) {
	var asks []closing.Ask
	for round := 1; r.Plan != nil && round < r.Plan.Round; round++ {
		asks = append(asks, r.earlier(ctx, round)...)
	}
	if r.ask != nil {
		asks = append(asks, *r.ask)
		r.Starter = r.ask.Starter
	}
	past := history{memory: memories()}
	err := past.read(ctx, sfn.NewFromConfig(r.AWS.Hub()), r.Execution)
	if err != nil {
		r.doubt("history", r.Execution, "", "states:GetExecutionHistory", err)
	}
	r.Timeline = r.Chronicle(past.moments, asks)
	objects, bytes, sizeErr := r.was.Size(ctx)
	if sizeErr != nil {
		r.doubt("record", r.Closing, "", "s3:ListObjectsV2", sizeErr)
	}
	if err == nil && sizeErr == nil {
		past.usage.Objects, past.usage.Bytes = objects, bytes
		cost := past.usage.Cost()
		r.RunCost = &cost
	}
}

// earlier reads what was asked and decided in a round before the last.
func (r *reporting) earlier(ctx context.Context, round int) []closing.Ask {
	var plan *closing.Plan
	read(ctx, r, record.PlanName(round), func(ctx context.Context) (closing.Plan, error) {
		return r.was.Plan(ctx, record.PlanName(round), round)
	}, &plan)
	if plan == nil {
		return nil
	}
	var ask *closing.Ask
	read(ctx, r, fmt.Sprintf("ask-%d.json", round), func(ctx context.Context) (closing.Ask, error) { return r.was.Ask(ctx, round, plan.Digest) }, &ask)
	var decisions *[]closing.Decision
	read(ctx, r, fmt.Sprintf("decisions/%d/", round), func(ctx context.Context) ([]closing.Decision, error) {
		return r.was.Decisions(ctx, round, plan.Digest)
	}, &decisions)
	if decisions != nil {
		r.EarlierDecisions = append(r.EarlierDecisions, *decisions...)
	}
	if ask == nil {
		return nil
	}
	return []closing.Ask{*ask}
}

// memories are the GB of the function behind each state.
func memories() map[string]float64 {
	memory := map[string]float64{}
	for _, f := range workflow.Functions() {
		for _, state := range f.States {
			memory[state] = float64(f.Memory) / 1024
		}
	}
	return memory
}

// history is an execution's history, as a report tells it: which Tasks it went through, a row of visits of the same one folded, and what that
// used. Each event is looked at once, so that nothing of it has to be kept.
type history struct {
	memory  map[string]float64
	moments []closing.Moment
	usage   closing.Usage

	state     string    // the Task that is under way, or was last
	folding   bool      // its moment is the last one: another visit belongs to it
	attempts  int       // of this visit
	invokedAt time.Time // zero: no function is running
}

func (h *history) read(ctx context.Context, api *sfn.Client, execution string) error {
	pages := sfn.NewGetExecutionHistoryPaginator(api, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, IncludeExecutionData: aws.Bool(false), MaxResults: 1000})
	return readPages(ctx, pages, func(p *sfn.GetExecutionHistoryOutput) {
		for _, e := range p.Events {
			h.add(e)
		}
	})
}

func (h *history) add(e types.HistoryEvent) {
	at, kind := aws.ToTime(e.Timestamp).UTC(), string(e.Type)
	if strings.HasSuffix(kind, "StateEntered") {
		h.usage.Transitions++
	}
	switch e.Type { //nolint:exhaustive // what else happens is neither told nor charged
	case types.HistoryEventTypeTaskStateEntered:
		h.enter(at, aws.ToString(e.StateEnteredEventDetails.Name))
	case types.HistoryEventTypeTaskScheduled:
		if !h.folding { // a redrive goes on in the Task that failed, without entering it
			h.enter(at, h.state)
		}
		if h.attempts++; h.attempts > 1 { // a retry is charged as a transition
			h.usage.Transitions++
		}
		h.usage.Invocations++
		h.invokedAt = at
	case types.HistoryEventTypeTaskStarted:
		h.invokedAt = at
	case types.HistoryEventTypeTaskSubmitted, types.HistoryEventTypeTaskSucceeded, types.HistoryEventTypeTaskFailed, types.HistoryEventTypeTaskTimedOut:
		if !h.invokedAt.IsZero() { // one that waits for a callback was submitted long ago
			h.usage.GBSeconds += at.Sub(h.invokedAt).Seconds() * h.memory[h.state]
		}
		h.invokedAt = time.Time{}
	case types.HistoryEventTypeTaskStateExited:
		h.moments[len(h.moments)-1].Until = &at
	case types.HistoryEventTypeExecutionStarted:
		h.say(at, "started")
	case types.HistoryEventTypeExecutionRedriven:
		h.say(at, "redriven")
	case types.HistoryEventTypeExecutionFailed:
		h.say(at, "failed: "+aws.ToString(e.ExecutionFailedEventDetails.Error))
	case types.HistoryEventTypeExecutionAborted:
		h.say(at, "stopped by hand")
	case types.HistoryEventTypeExecutionTimedOut:
		h.say(at, "its time was up")
	}
}

func (h *history) enter(at time.Time, state string) {
	h.attempts = 0
	if h.folding && state == h.state {
		last := &h.moments[len(h.moments)-1]
		last.Times, last.Until = max(last.Times, 1)+1, nil
		return
	}
	h.say(at, state)
	h.state, h.folding = state, true
}

func (h *history) say(at time.Time, what string) {
	h.moments, h.folding = append(h.moments, closing.Moment{At: at, What: what}), false
}

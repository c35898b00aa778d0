package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// Alarm is one that audit-event has raised.
type Alarm struct {
	Name string `json:"name"`
	Says string `json:"says,omitempty"` // the mail; of an expectation, a text of it

	call int // whose event it was, by its number in the journal; 0: an event that the story delivers
}

// heard is a call whose event audit-event has looked into.
type heard struct {
	call int
	by   string // the invocation; "": somebody around the workflow
	who  string
}

// trailDelay is how long CloudTrail takes to tell EventBridge of a call; AWS promises nothing.
const trailDelay = 5 * time.Minute

// Lambda tries an event again after one minute, and after two more.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
const maxAudits = 3

// watch has EventBridge deliver the event of a call that unsubscribes an account, whoever made it; not of very many accounts, whose records are
// dropped by then.
func (p *player) watch(call emulator.Call) {
	if p.options.Lean || call.Service != "quicksight" || call.Operation != "DeleteAccountSubscription" {
		return
	}
	event, of := p.aws.Event(call), heard{call.Seq, call.Invocation, call.Principal}
	p.schedule(call.Time.Add(trailDelay), func(ctx context.Context, p *player) error {
		p.audits++
		return p.audit(ctx, delivery{n: p.audits, of: of, event: event}, 1)
	})
}

// delivery is an event on its way to audit-event.
type delivery struct {
	n      int
	of     heard // zero: the story delivers it
	event  json.RawMessage
	answer string // the error that is expected
}

// audit hands an event to audit-event, for the attempt-th time. What it fails on for good goes to the dead letters, in the name of its role.
func (p *player) audit(ctx context.Context, d delivery, attempt int) error {
	run := executionOf(d.of.by)
	if run == "" && len(p.run.Executions) > 0 { // whoever is served may have started none
		run = p.run.Executions[0].Name
	}
	label := fmt.Sprintf("%s/audit-event#%d.%d", or(run, "event"), d.n, attempt)
	out := p.invoke(ctx, "audit-event", label, d.event)
	switch {
	case out.Failed && attempt < maxAudits:
		p.schedule(p.now.Add(time.Duration(attempt)*time.Minute), func(ctx context.Context, p *player) error { return p.audit(ctx, d, attempt+1) })
		return nil
	case out.Failed:
		f, _ := workflow.Lookup("audit-event")
		if err := p.aws.Authorize(emulator.Act{
			Service: "lambda.amazonaws.com", Account: p.run.hub.account, Role: p.run.hub.functionRole(f), Action: "sqs:SendMessage", Resource: p.run.hub.unaudited(),
		}); err != nil {
			p.run.answers = append(p.run.answers, fmt.Sprintf("the event is lost: %v", err))
		}
	}
	if out.Error != d.answer {
		p.run.answers = append(p.run.answers, fmt.Sprintf("audit-event: expected the answer %q, got %q: %s", d.answer, out.Error, out.Cause))
	}
	if out.Failed {
		return nil
	}
	var audited step.Audited
	if err := json.Unmarshal(out.Output, &audited); err != nil {
		return fmt.Errorf("the answer of audit-event: %w", err)
	}
	if audited.Alarm != "" {
		p.run.alarms = append(p.run.alarms, Alarm{audited.Alarm, p.mailed(label), d.of.call})
	}
	if d.of != (heard{}) {
		p.run.audited = append(p.run.audited, d.of)
	}
	return nil
}

// mailed is the notice that an invocation has published.
func (p *player) mailed(label string) string {
	for _, call := range slices.Backward(p.aws.Journal()) {
		var params struct{ Subject, Message string }
		if call.Invocation == label && call.Operation == "Publish" && call.Done && json.Unmarshal(call.Params, &params) == nil {
			return params.Subject + "\n\n" + params.Message
		}
	}
	return ""
}

// alarmsTrue holds that nobody is alarmed by what a run of ours has unsubscribed, and somebody by what anybody else has.
func (r *Run) alarmsTrue() []string {
	var broken []string
	for _, h := range r.audited {
		i := slices.IndexFunc(r.alarms, func(a Alarm) bool { return a.call == h.call })
		switch {
		case h.by != "" && i >= 0:
			broken = append(broken, fmt.Sprintf("call %d was made by %s, and raised %s: %s", h.call, h.by, r.alarms[i].Name, r.alarms[i].Says))
		case h.by == "" && i < 0:
			broken = append(broken, fmt.Sprintf("call %d was made by %s around the workflow, and nobody heard of it", h.call, h.who))
		}
	}
	for _, a := range r.alarms {
		if a.Says == "" {
			broken = append(broken, a.Name+" was raised without a mail")
		}
	}
	return broken
}

// unexpected compares the alarms with those that the story expects.
func (r *Run) unexpected() []string {
	var unmet []string
	want := r.Story.Expect.Alarms
	for i := range max(len(want), len(r.alarms)) {
		switch {
		case i >= len(want):
			unmet = append(unmet, fmt.Sprintf("alarms: want none, got %s: %s", r.alarms[i].Name, r.alarms[i].Says))
		case i >= len(r.alarms):
			unmet = append(unmet, fmt.Sprintf("alarms: want %s, got none", want[i].Name))
		case want[i].Name != r.alarms[i].Name || !strings.Contains(r.alarms[i].Says, want[i].Says):
			unmet = append(unmet, fmt.Sprintf("alarms: want %s %q, got %s: %s", want[i].Name, want[i].Says, r.alarms[i].Name, r.alarms[i].Says))
		}
	}
	return unmet
}

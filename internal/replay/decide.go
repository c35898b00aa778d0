package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// decide sends a person's decision to decide-approval, as the command line does: on the plan that the newest ask shows, signed
// with the person's own credentials. It returns the code and message of a refusal, or "" and what the person hears.
func (p *player) decide(ctx context.Context, e *Execution, line Line) (code, message string, err error) {
	ask, folder, err := p.newestAsk(ctx, e)
	if err != nil {
		return "", "", err
	}
	decision := approval.Decision{
		Closing: folder, Execution: e.ARN, Round: ask.Round, Digest: ask.Digest, Verdict: closing.Verdict(line.Do), Reason: line.Why,
		Struck: line.Struck,
	}
	if decision.Verdict == closing.Approve {
		plan, err := p.planOf(ctx, e, folder, ask)
		if err != nil {
			return "", "", err
		}
		_, decision.Name = plan.Material.Challenge(line.Struck...)
	}
	identity, err := p.prove(ctx, line.As, decision)
	if err != nil {
		return "", "", err
	}
	body, err := json.Marshal(approval.Event{Decision: decision, Identity: identity})
	if err != nil {
		return "", "", fmt.Errorf("encode the decision: %w", err)
	}
	answer, err := p.knock(ctx, e, http.MethodPost, "/decisions", map[string]string{"content-type": "application/json"}, string(body))
	if err != nil {
		return "", "", err
	}
	if answer.StatusCode == http.StatusOK {
		return "", answer.Body, nil
	}
	var refusal approval.Refusal
	if err := json.Unmarshal([]byte(answer.Body), &refusal); err != nil {
		return "", "", fmt.Errorf("decide-approval answered %d: %s", answer.StatusCode, answer.Body)
	}
	return string(refusal.Code), refusal.Message, nil
}

// prove signs a decision with a person's credentials.
func (p *player) prove(ctx context.Context, who string, d approval.Decision) (approval.Identity, error) {
	cfg, err := p.credentialsOf(who)
	if err != nil {
		return approval.Identity{}, err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return approval.Identity{}, fmt.Errorf("credentials of %s: %w", who, err)
	}
	return approval.Prove(ctx, credentials, cfg.Region, p.now, d)
}

// functionURL is the host of decide-approval's Function URL.
const functionURL = "decide.lambda-url.us-east-1.on.aws"

// knock sends a request to decide-approval's Function URL, as Lambda hands it on once it has checked who may call the URL.
func (p *player) knock(ctx context.Context, e *Execution, method, path string, header map[string]string, body string) (approval.Response, error) {
	return p.invokeURL(ctx, e, emulator.FunctionURLEvent(functionURL, method, path, header, []byte(body)))
}

// invokeURL invokes decide-approval, with what should be an event of its URL.
func (p *player) invokeURL(ctx context.Context, e *Execution, payload []byte) (approval.Response, error) {
	p.decisions++
	out := p.invoke(ctx, "decide-approval", fmt.Sprintf("%s/decide-approval#%d.1", e.Name, p.decisions), payload)
	if out.Failed {
		return approval.Response{}, fmt.Errorf("decide-approval failed: %s: %s", out.Error, out.Cause)
	}
	var answer approval.Response
	if err := json.Unmarshal(out.Output, &answer); err != nil {
		return approval.Response{}, fmt.Errorf("the answer of decide-approval: %w", err)
	}
	return answer, nil
}

// newestAsk is what an execution asks now, and its closing folder.
func (p *player) newestAsk(ctx context.Context, e *Execution) (closing.Ask, string, error) {
	folders, err := p.run.folders(ctx)
	if err != nil {
		return closing.Ask{}, "", err
	}
	store, _, err := p.run.archive()
	if err != nil {
		return closing.Ask{}, "", err
	}
	ask, err := store.Folder(folders[e.ARN], e.ARN).LatestAsk(ctx)
	if errors.Is(err, record.ErrNotFound) {
		return closing.Ask{}, "", fmt.Errorf("execution %s has asked nobody yet", e.Name)
	}
	return ask, folders[e.ARN], err
}

// planOf is the plan that an ask is about.
func (p *player) planOf(ctx context.Context, e *Execution, folder string, ask closing.Ask) (closing.Plan, error) {
	store, _, err := p.run.archive()
	if err != nil {
		return closing.Plan{}, err
	}
	return store.Folder(folder, e.ARN).Plan(ctx, record.PlanName(ask.Round), ask.Round)
}

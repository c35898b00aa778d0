package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
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
	}
	cfg, err := p.credentialsOf(line.As)
	if err != nil {
		return "", "", err
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", "", fmt.Errorf("credentials of %s: %w", line.As, err)
	}
	identity, err := approval.Prove(ctx, credentials, cfg.Region, p.now, decision)
	if err != nil {
		return "", "", err
	}
	payload, err := json.Marshal(approval.Event{Decision: decision, Identity: identity})
	if err != nil {
		return "", "", fmt.Errorf("encode the decision: %w", err)
	}
	p.decisions++
	out := p.invoke(ctx, "decide-approval", fmt.Sprintf("%s/decide-approval#%d.1", e.Name, p.decisions), payload)
	if out.Failed {
		return out.Error, out.Cause, nil
	}
	return "", string(out.Output), nil
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

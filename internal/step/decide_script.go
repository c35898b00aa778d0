package step

import (
	"context"
	_ "embed" // for decide.py
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"quicksight-unsubscribe/internal/closing"
)

// decideScript is what decides in a shell that has Python and botocore, such as AWS CloudShell, and nothing of ours.
//
//go:embed decide.py
var decideScript string

// scriptName is the object that holds it for a round.
func scriptName(round int) string { return fmt.Sprintf("decide-%d.py", round) }

// putScript writes the round's script into the record, where its writer is known and nobody can change it.
func (e Env) putScript(ctx context.Context, in Input, ask closing.Ask, plan closing.Plan, text string) error {
	page, err := url.Parse(ask.Page)
	if err != nil {
		return fmt.Errorf("the page %q: %w", ask.Page, err)
	}
	what, _ := plan.Material.Challenge()
	constants, err := json.Marshal(map[string]any{
		"closing": in.Run.Closing, "execution": ask.Execution, "round": ask.Round, "digest": ask.Digest,
		"host": page.Host, "region": e.Config.Region, "sts": "sts." + e.Config.Region + "." + domainOf(e.Config.Region), "challenge": what, "text": text,
	})
	if err != nil {
		return fmt.Errorf("encode what is asked: %w", err)
	}
	literal, err := json.Marshal(string(constants)) // which Python reads as Go does
	if err != nil {
		return fmt.Errorf("encode what is asked: %w", err)
	}
	script := "ASK = __import__(\"json\").loads(" + string(literal) + ")\n" + decideScript
	return e.folder(in).PutScript(ctx, scriptName(ask.Round), []byte(script))
}

// scriptCommand is the one line that runs it.
func (e Env) scriptCommand(in Input, round int) string {
	return "python3 <(aws s3 cp " + e.location(strings.TrimSuffix(in.Run.Closing, "/")+"/"+scriptName(round)) + " -)"
}

package step

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/record"
)

// Ring wakes the state that waits behind a token. It tells false, and no error, where none waits any more: the state timed out or
// somebody else rang, and the machine reads the record by itself. What is sent decides nothing.
func (e Env) Ring(ctx context.Context, t record.Token) (bool, error) {
	output, err := json.Marshal(map[string]any{"round": t.Round, "digest": t.Digest})
	if err != nil {
		return false, fmt.Errorf("encode the doorbell's message: %w", err)
	}
	message := string(output)
	_, err = sfn.NewFromConfig(e.AWS.Hub()).SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &t.Token, Output: &message})
	var timedOut *types.TaskTimedOut
	var gone *types.TaskDoesNotExist
	if errors.As(err, &timedOut) || errors.As(err, &gone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("wake %s: %w", t.State, err)
	}
	return true, nil
}

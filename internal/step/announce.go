package step

import (
	"context"
	"fmt"

	"quicksight-unsubscribe/internal/closing"
)

// PutEvents is https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html. It answers 200 for what it does not take, too.
type (
	putEvents struct {
		Entries []event
	}
	event struct {
		Source, DetailType, Detail string
	}
	eventsPut struct {
		FailedEntryCount int
		Entries          []struct{ ErrorCode, ErrorMessage string }
	}
)

// Announce sends an event of ours to the hub's default bus.
func (e Env) Announce(ctx context.Context, a closing.Announcement) error {
	var out eventsPut
	err := ask(ctx, e.AWS.Hub(), e.Config.Region, question{
		operation: "events:PutEvents", target: "AWSEvents",
		in: putEvents{[]event{{Source: closing.EventSource, DetailType: a.Type(), Detail: string(closing.Canonical(a))}}},
	}, &out)
	if err == nil && out.FailedEntryCount > 0 {
		err = fmt.Errorf("%s: %s", out.Entries[0].ErrorCode, out.Entries[0].ErrorMessage)
	}
	if err != nil {
		return fmt.Errorf("send the event %s: %w", a.Type(), err)
	}
	return nil
}

// Concerning is what every announcement says of a run.
func (e Env) Concerning(account, execution, folder string) closing.Concerning {
	return closing.Concerning{Version: 1, AccountID: account, Execution: execution, Closing: e.location(folder)}
}

// location is a key of the record as people and pipelines find it.
func (e Env) location(key string) string { return "s3://" + e.Config.Bucket + "/" + key }

package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// recheck is the account as it was taken again after the commit.
type recheck struct {
	Digest   string           `json:"digest"` // of the commit
	At       time.Time        `json:"at"`
	Material closing.Material `json:"material"`
}

// rechecked is the recheck's name in the record.
const rechecked = "rechecked"

// retake takes the inventory again where the commit alone is not enough, and tells whether the pass may go on: a commit that is
// older than an hour, or from before a redrive, says little of what the account is today.
func (u *unsubscribing) retake(ctx context.Context) (ready bool, err error) {
	if u.recent(ctx, u.commit.At) {
		return true, nil
	}
	var last recheck
	err = u.folder.Inventory(ctx, rechecked, &last)
	if err == nil && last.Digest == u.commit.Digest && u.recent(ctx, last.At) {
		u.retaken = &last.Material
		return true, nil
	}
	if err != nil && !errors.Is(err, record.ErrNotFound) {
		return false, err
	}
	request, err := u.folder.Request(ctx)
	if err != nil {
		return false, err
	}
	taken, err := takeInventory(ctx, u.Env, inventoryTask{
		Folder: u.folder, Name: fmt.Sprintf("recheck-%d", u.in.Execution.RedriveCount), Target: u.target,
		Request: request, IdentityRegion: u.plan.IdentityRegion, Starter: u.in.Run.Starter,
	})
	if err != nil || !taken.Done {
		return false, stillStopped(err, u.plan.IdentityRegion)
	}
	u.retaken = &taken.Material
	return true, u.folder.PutInventory(ctx, rechecked, recheck{Digest: u.commit.Digest, At: clock.Now(ctx), Material: taken.Material})
}

// recent tells whether what was seen at a moment still counts.
func (u *unsubscribing) recent(ctx context.Context, seen time.Time) bool {
	redriven := u.in.Execution.RedriveTime
	return clock.Now(ctx).Sub(seen) <= closing.MaxCommitAge && (redriven == nil || !seen.Before(*redriven))
}

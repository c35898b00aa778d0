package record

import (
	"context"
	"errors"
	"fmt"

	"quicksight-unsubscribe/internal/closing"
)

// Lock says which execution is closing an account. An empty Execution is a lock that was released.
type Lock struct {
	Execution string `json:"execution"`
}

func lockKey(account string) string { return "closings/" + account + "/lock.json" }

// Lock takes the account's lock for an execution. Where another execution holds it, running decides: a holder that is RUNNING
// keeps it, and the error is AlreadyRunning and names it; one that is not loses it.
func (s *Store) Lock(ctx context.Context, account, execution string, running func(ctx context.Context, execution string) (bool, error)) error {
	for range 5 {
		var held Lock
		etag, _, err := s.get(ctx, lockKey(account), &held)
		cond := condition{etag: etag}
		switch {
		case errors.Is(err, ErrNotFound):
			cond = condition{absent: true}
		case err != nil:
			return err
		case held.Execution == execution:
			return nil
		case held.Execution != "":
			alive, err := running(ctx, held.Execution)
			if err != nil {
				return fmt.Errorf("see whether the lock's holder %s is running: %w", held.Execution, err)
			}
			if alive {
				return closing.Errorf(closing.AlreadyRunning, "account %s is already being closed by %s; this run touched nothing", account, held.Execution).
					WithHint("follow that run, or stop it and start again")
			}
		}
		err = s.put(ctx, lockKey(account), Lock{Execution: execution}, cond)
		if !errors.Is(err, errTaken) {
			return err
		}
	}
	return closing.Errorf(closing.AlreadyRunning, "other runs keep taking the lock of account %s; this run touched nothing", account).
		WithHint("start again when they have ended")
}

// Holds returns a Superseded error where the execution no longer holds the account's lock.
func (s *Store) Holds(ctx context.Context, account, execution string) error {
	holder, err := s.Holder(ctx, account)
	if err != nil {
		return err
	}
	if holder != execution {
		return closing.Errorf(closing.Superseded, "the lock of account %s is no longer held by this run but by %q; this run changes nothing more", account, holder).
			WithHint("follow that run; it goes on with what is left")
	}
	return nil
}

// Holder is the execution that holds the account's lock, or "".
func (s *Store) Holder(ctx context.Context, account string) (string, error) {
	var held Lock
	_, _, err := s.get(ctx, lockKey(account), &held)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	return held.Execution, nil
}

// Unlock releases the account's lock where the execution holds it, and leaves it alone where another does.
func (s *Store) Unlock(ctx context.Context, account, execution string) error {
	var held Lock
	etag, _, err := s.get(ctx, lockKey(account), &held)
	if errors.Is(err, ErrNotFound) || err == nil && held.Execution != execution {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.put(ctx, lockKey(account), Lock{}, condition{etag: etag}); err != nil && !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

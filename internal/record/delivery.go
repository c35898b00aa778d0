package record

import (
	"context"

	"quicksight-unsubscribe/internal/closing"
)

// delivery is closings/<account>/deliveries/<what was delivered>.json.
type delivery struct {
	Execution string `json:"execution"`
	Delivery  string `json:"delivery"`
}

// Deliver notes that an execution was started by this delivery of a trigger, once and for all: for another execution the error is
// Delivered, and names the first. EventBridge and Scheduler deliver at least once.
func (s *Store) Deliver(ctx context.Context, account, what, execution string) error {
	f := s.Folder("closings/"+account+"/", execution)
	first, err := once(ctx, f, "deliveries/"+clean(what)+".json", delivery{Execution: execution, Delivery: what})
	if err != nil {
		return err
	}
	if first.Execution != execution {
		return closing.Errorf(closing.Delivered, "%s was delivered before and started %s; this run touched nothing", what, first.Execution).
			WithHint("follow that run")
	}
	return nil
}

package closing

// Outcome is how a run ended, as the report says it.
type Outcome string

// The outcomes. The first three end the execution Succeeded; the next four end it Failed, under this name, before anything was
// touched; the last two are runs that stopped and that a redrive or a fresh run continues.
const (
	OutcomeClosed        Outcome = "CLOSED"
	OutcomeAlreadyClosed Outcome = "ALREADY_CLOSED"
	OutcomePlanned       Outcome = "PLANNED"

	OutcomeBlocked   Outcome = "BLOCKED"
	OutcomeRejected  Outcome = "REJECTED"
	OutcomeCancelled Outcome = "CANCELLED"
	OutcomeExpired   Outcome = "EXPIRED"

	OutcomeFailed       Outcome = "FAILED"        // the subscription is still there
	OutcomePartlyClosed Outcome = "PARTLY_CLOSED" // the irreversible step is done, something is left
)

// Final tells whether the run said its last word: a redrive of it does nothing.
func (o Outcome) Final() bool { return o != OutcomeFailed && o != OutcomePartlyClosed && o != "" }

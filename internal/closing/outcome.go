package closing

// Outcome is how a run ended, as the report says it.
type Outcome string

// The outcomes. The first three end the execution Succeeded; the next four end it Failed, under this name, before anything was
// touched; the last two are runs that stopped and that a redrive or a fresh run continues.
const (
	Closed        Outcome = "CLOSED"
	AlreadyClosed Outcome = "ALREADY_CLOSED"
	Planned       Outcome = "PLANNED"

	BlockedRun Outcome = "BLOCKED"
	Rejected   Outcome = "REJECTED"
	Cancelled  Outcome = "CANCELLED"
	Expired    Outcome = "EXPIRED"

	Failed       Outcome = "FAILED"        // the subscription is still there
	PartlyClosed Outcome = "PARTLY_CLOSED" // the irreversible step is done, something is left
)

// Final tells whether the run said its last word: a redrive of it does nothing.
func (o Outcome) Final() bool { return o != Failed && o != PartlyClosed && o != "" }

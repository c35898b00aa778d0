package closing

import "time"

// Seal decides between a commit and a cancel: it is written once per run, and the first writer wins.
type Seal struct {
	Execution string    `json:"execution"`
	Round     int       `json:"round"`
	Digest    string    `json:"digest"`
	Kind      SealKind  `json:"kind"`
	At        time.Time `json:"at"`
	By        string    `json:"by,omitempty"` // who cancelled
	// Decisions are those by which a fleet is committed: what they strike out is not closed, and what comes later does not count.
	Decisions []Decision `json:"decisions,omitempty"`
}

// SealKind is what a seal says.
type SealKind string

// The kinds.
const (
	SealCommit SealKind = "commit"
	SealCancel SealKind = "cancel"
)

// Commit is the point of no return: a run that has one may delete what its plan names. commit-plan alone writes it, after its
// seal won.
type Commit struct {
	Execution string     `json:"execution"`
	Round     int        `json:"round"`
	Digest    string     `json:"digest"`  // of the plan that was approved
	PlanKey   string     `json:"planKey"` // where that plan is
	At        time.Time  `json:"at"`
	Decisions []Decision `json:"decisions"`
	Manifest  string     `json:"manifest"`        // Manifest.Sum of the round's; "" of a fleet's own commit
	Fleet     string     `json:"fleet,omitempty"` // the folder of the fleet that was approved, where the account was not asked about alone
}

// MaxCommitAge is how old a commit may be before the step that deletes the subscription compares the account with the plan again.
const MaxCommitAge = time.Hour

// Act is one mutating call: written as an intent before, and again with its outcome after. An intent without an outcome is
// settled by looking at AWS.
type Act struct {
	Execution string     `json:"execution"`
	Digest    string     `json:"digest"`
	Step      string     `json:"step"`      // the function, such as "delete-vpc"
	Operation string     `json:"operation"` // such as "ec2:DeleteSubnet"
	Resource  string     `json:"resource"`
	Region    string     `json:"region"`
	Intended  time.Time  `json:"intended"`
	Seq       int        `json:"seq"` // the act's number within its invocation, from 1
	Done      *time.Time `json:"done,omitempty"`
	Outcome   string     `json:"outcome,omitempty"`   // "done", "gone already", or the error code
	RequestID string     `json:"requestId,omitempty"` // a report says "established by observation" where the answer was lost
}

// Result is the act's outcome in words.
func (a Act) Result() string {
	if a.Done == nil {
		return "not answered"
	}
	return a.Outcome
}

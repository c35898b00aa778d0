package closing

import (
	"slices"
	"time"
)

// MaxRounds is how often a run asks. An account that changes faster than people decide needs a fresh run.
const MaxRounds = 3

// MaxDecisionAge is how old a decision may be at the commit; cooling off is not counted.
const MaxDecisionAge = 24 * time.Hour

// Ask is one round of asking for approval. request-approval alone writes it.
type Ask struct {
	Execution  string       `json:"execution"`
	Round      int          `json:"round"`
	Digest     string       `json:"digest"`
	PlanKey    string       `json:"planKey"`
	AskedAt    time.Time    `json:"askedAt"`
	Deadline   time.Time    `json:"deadline"`
	Quorum     int          `json:"quorum"`
	Approvers  []string     `json:"approvers,omitempty"` // principals that may decide; empty: whoever may invoke decide-approval
	Starter    string       `json:"starter"`             // the principal that started the run, or "unverified"
	Difference []Difference `json:"difference,omitempty"`
}

// Verdict is what a person decides.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "approve"
	Reject  Verdict = "reject"
	Cancel  Verdict = "cancel"
)

// Decision is what one person decided in one round. decide-approval alone writes it, once.
type Decision struct {
	Execution string    `json:"execution"`
	Round     int       `json:"round"`
	Digest    string    `json:"digest"`
	Verdict   Verdict   `json:"verdict"`
	Person    string    `json:"person"`    // the one who is counted
	Principal string    `json:"principal"` // the ARN that STS answered
	At        time.Time `json:"at"`
	Reason    string    `json:"reason,omitempty"`
}

// Standing is where an ask stands.
type Standing string

// The standings.
const (
	StandingPending  Standing = "PENDING"
	StandingApproved Standing = "APPROVED"
	StandingRejected Standing = "REJECTED"
	StandingExpired  Standing = "EXPIRED"
)

// Stands counts the decisions of ask's round at a moment. A decision of another execution, round or digest, or by the starter,
// or of somebody who may not decide, does not count; one rejection refuses.
func (a Ask) Stands(decisions []Decision, now time.Time) Standing {
	var approvers []string
	for _, d := range decisions {
		if d.Execution != a.Execution || d.Round != a.Round || d.Digest != a.Digest || !a.MayDecide(d.Person, d.Principal) {
			continue
		}
		switch d.Verdict {
		case Reject:
			return StandingRejected
		case Approve:
			if d.At.Before(a.Deadline) && !slices.Contains(approvers, d.Person) {
				approvers = append(approvers, d.Person)
			}
		}
	}
	if len(approvers) >= a.Quorum {
		return StandingApproved
	}
	if !now.Before(a.Deadline) {
		return StandingExpired
	}
	return StandingPending
}

// MayDecide tells whether a person may decide this ask: not the starter, and one of the approvers where they are named.
func (a Ask) MayDecide(person, principal string) bool {
	if person == "" || a.Quorum < 1 || person == a.Starter || principal == a.Starter {
		return false
	}
	return len(a.Approvers) == 0 || slices.Contains(a.Approvers, person) || slices.Contains(a.Approvers, principal)
}

// ApprovedAt is when the quorum was reached: the youngest approval that was needed for it.
func (a Ask) ApprovedAt(decisions []Decision) time.Time {
	var times []time.Time
	for _, d := range decisions {
		if d.Verdict == Approve {
			times = append(times, d.At)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	if len(times) < a.Quorum || a.Quorum < 1 {
		return time.Time{}
	}
	return times[a.Quorum-1]
}

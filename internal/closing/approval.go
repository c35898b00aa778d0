package closing

import (
	"regexp"
	"slices"
	"time"
)

// MaxRounds is how often a run asks. An account that changes faster than people decide needs a fresh run.
const MaxRounds = 3

// MaxCoolOff is how long a run may at most cool off. Whoever wants to wait for longer says notBefore, which the plan shows.
const MaxCoolOff = 30 * 24 * time.Hour

// Ask is one round of asking for approval. request-approval alone writes it.
type Ask struct {
	Execution  string      `json:"execution"`
	Round      int         `json:"round"`
	Digest     string      `json:"digest"`
	PlanKey    string      `json:"planKey"`
	AskedAt    time.Time   `json:"askedAt"`
	Deadline   time.Time   `json:"deadline"`
	Quorum     int         `json:"quorum"`
	Approvers  []Approver  `json:"approvers,omitempty"` // who may decide; empty: all of the hub account
	People     People      `json:"people"`
	Page       string      `json:"page,omitempty"`      // where people decide
	Starter    string      `json:"starter"`             // the person that started the run, or Unverified
	Evidence   []Evidence  `json:"evidence,omitempty"`  // about the starter, who was not known when the plan was made
	Difference Differences `json:"difference,omitzero"` // from the round before
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
	Struck    []string  `json:"struck,omitempty"` // approve, of a fleet: the accounts that are not to be closed
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

// Stands tells where the ask stands at a moment. A decision of another execution, round or digest, or by the starter, or of
// somebody who may not decide, does not count; one rejection refuses.
func (a Ask) Stands(decisions []Decision, now time.Time) Standing {
	if slices.ContainsFunc(decisions, func(d Decision) bool { return d.Verdict == Reject && a.counts(d) }) {
		return StandingRejected
	}
	if a.Quorum >= 1 && len(a.Approvals(decisions)) >= a.Quorum {
		return StandingApproved
	}
	if !now.Before(a.Deadline) {
		return StandingExpired
	}
	return StandingPending
}

// Approvals are the approvals that count, one for each person, the oldest first.
func (a Ask) Approvals(decisions []Decision) []Decision {
	var approvals []Decision
	for _, d := range decisions {
		same := func(other Decision) bool { return other.Person == d.Person }
		if d.Verdict == Approve && a.counts(d) && d.At.Before(a.Deadline) && !slices.ContainsFunc(approvals, same) {
			approvals = append(approvals, d)
		}
	}
	slices.SortStableFunc(approvals, func(d, e Decision) int { return d.At.Compare(e.At) })
	return approvals
}

// counts tells whether a decision is one on this ask, by somebody who may decide.
func (a Ask) counts(d Decision) bool {
	person, may := a.Voter(d.Principal)
	return may && d.Person == person && d.Execution == a.Execution && d.Round == a.Round && d.Digest == a.Digest
}

// Voter is who is counted for a principal, and whether he may decide this ask: not the starter, and one of the approvers. Where none
// are named, only people of the hub's account and Identity Center are approvers: anybody can have an account elsewhere, and be another
// person there. A role is nobody then, since the starter may be one of those who can assume it.
func (a Ask) Voter(principal string) (person string, may bool) {
	for _, approver := range a.Approvers {
		if approver.decidesBy(a.People, principal) {
			return approver.Person, !a.StartedBy(principal)
		}
	}
	person, ok := a.People.Person(principal)
	if !ok || len(a.Approvers) > 0 || a.StartedBy(principal) {
		return person, false
	}
	return person, !isARN(person) || accountOf(person) == a.People.Home && !role.MatchString(person)
}

// StartedBy tells whether the principal is the starter, or one of the approver's who is.
func (a Ask) StartedBy(principal string) bool {
	person, _ := a.People.Person(principal)
	return person == a.Starter || principal == a.Starter || slices.ContainsFunc(a.Approvers, func(approver Approver) bool {
		return approver.decidesBy(a.People, principal) && approver.is(a.Starter)
	})
}

// ApprovedAt is when the quorum was reached: the time of the last approval that was needed for it, zero where it is not reached.
func (a Ask) ApprovedAt(decisions []Decision) time.Time {
	approvals := a.Approvals(decisions)
	if a.Quorum < 1 || len(approvals) < a.Quorum {
		return time.Time{}
	}
	return approvals[a.Quorum-1].At
}

// Challenge is what whoever approves types, and what it is called: the name of the QuickSight account, or the account's id where
// it has none. Who has not looked does not know it. Of a fleet it is that of the largest account that he does not strike out.
func (m Material) Challenge(struck ...string) (what, want string) {
	if largest, ok := Largest(m.Kept([]Decision{{Struck: struck}})); ok {
		if largest.Name == "" {
			return "the id of the largest account", largest.AccountID
		}
		return "the name of the QuickSight account in " + largest.AccountID + ", the largest", largest.Name
	}
	if m.Subscription != nil && m.Subscription.AccountName != "" {
		return "the name of the QuickSight account", m.Subscription.AccountName
	}
	return "the account id", m.AccountID
}

// Mask finds what an approver has to type, to replace it wherever people read: whoever types it must have looked elsewhere.
func (m Material) Mask() *regexp.Regexp {
	_, want := m.Challenge()
	return regexp.MustCompile("(?i)" + regexp.QuoteMeta(want))
}

package closing

import (
	"cmp"
	"slices"
	"time"
)

// A fleet is many accounts that are planned one by one, approved once and closed one by one, each by a run of the one machine. Its record
// is a closing folder of its own, in the place where others have an account.
const (
	FleetFolder = "fleet"
	SweepFolder = "sweep" // a fleet that is only looked at: nobody is asked, and nothing can be committed there
)

// MaxFleet is how many accounts a fleet may have: as many children as a Distributed Map runs at once, and one page can show.
const MaxFleet = 10_000

// MaxFleetAge is how old a fleet's commit may be when the commit of one of its accounts relies on it.
const MaxFleetAge = 7 * 24 * time.Hour

// Member is one account of a fleet's plan, by the digest of its own plan. What else stands here follows from that plan.
type Member struct {
	AccountID string `json:"accountId"`
	Digest    string `json:"digest"`
	PlanKey   string `json:"planKey"`             // where the plan is
	Name      string `json:"name,omitempty"`      // of the QuickSight account
	Users     int    `json:"users"`               //
	Assets    int    `json:"assets"`              //
	Directory string `json:"directory,omitempty"` // that goes with it
	VPC       string `json:"vpc,omitempty"`       // that goes with it
}

// size orders members: the larger, the more there is to lose.
func (m Member) size() int { return m.Users + m.Assets }

// MemberOf is how a fleet's plan has an account, from the account's own plan.
func MemberOf(p Plan, key string) Member {
	users := p.Material.Count("user")
	m := Member{AccountID: p.Material.AccountID, Digest: p.Digest, PlanKey: key, Users: users, Assets: p.Material.Assets.N - users}
	if s := p.Material.Subscription; s != nil {
		m.Name = s.AccountName
	}
	if d := p.Material.Directory; d.Fate == FateDelete {
		m.Directory = d.ID
	}
	if v := p.Material.VPC; v.Fate == FateDelete {
		m.VPC = v.ID
	}
	return m
}

// Apart is an account that was asked for and is not in the fleet's plan, and why. Nothing of it is approved.
type Apart struct {
	AccountID string  `json:"accountId"`
	Outcome   Outcome `json:"outcome,omitempty"` // of its planning run; "" where that did not end
	Why       string  `json:"why"`
}

// Kept are the members that every one of the approvals keeps: an account is struck out of the fleet by each approver who strikes it out.
func (m Material) Kept(approvals []Decision) []Member {
	struck := map[string]bool{}
	for _, d := range approvals {
		for _, account := range d.Struck {
			struck[account] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(m.Fleet), func(member Member) bool { return struck[member.AccountID] })
}

// Largest is the member with the most to lose, and false where there is none.
func Largest(members []Member) (Member, bool) {
	if len(members) == 0 {
		return Member{}, false
	}
	return slices.MaxFunc(members, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(b.AccountID, a.AccountID))
	}), true
}

// Outliers are the members with at least ten times the users and assets of the one in the middle, the largest first, and at most a number of them.
func Outliers(members []Member, most int) []Member {
	if len(members) == 0 {
		return nil
	}
	bySize := slices.Clone(members)
	slices.SortFunc(bySize, func(a, b Member) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.AccountID, b.AccountID))
	})
	middle := bySize[len(bySize)/2].size()
	i := slices.IndexFunc(bySize, func(m Member) bool { return m.size() < 10*max(middle, 1) })
	if i < 0 {
		i = len(bySize)
	}
	return bySize[:min(i, most)]
}

// Grant is what a fleet's commit allows for one account: its closing, as it was planned. commit-fleet alone writes it, for the accounts
// that every approver kept.
type Grant struct {
	Execution string     `json:"execution"` // of the fleet
	Round     int        `json:"round"`
	Digest    string     `json:"digest"` // of the fleet's plan
	AccountID string     `json:"accountId"`
	Plan      string     `json:"plan"`    // the digest of the account's own plan
	PlanKey   string     `json:"planKey"` // where that plan is
	At        time.Time  `json:"at"`
	Decisions []Decision `json:"decisions"`
}

// Claim is the one use that can be made of a grant. commit-plan alone writes it, once.
type Claim struct {
	Execution string    `json:"execution"` // of the account's run
	Closing   string    `json:"closing"`   // its folder
	Fleet     string    `json:"fleet"`     // the fleet's execution
	AccountID string    `json:"accountId"`
	At        time.Time `json:"at"`
}

// FleetReport is what a fleet leaves: what became of every account that was asked for.
type FleetReport struct {
	Version   int             `json:"version"`         // of this JSON, 1
	Final     bool            `json:"final,omitempty"` // it is the machine's own, at its end
	Outcome   Outcome         `json:"outcome"`
	Execution string          `json:"execution"`
	Closing   string          `json:"closing"` // the fleet's folder
	WrittenAt time.Time       `json:"writtenAt"`
	Request   FleetRequest    `json:"request"`
	Counts    map[Outcome]int `json:"counts"` // by outcome; the empty one: not begun, or not ended
	Accounts  []Ended         `json:"accounts"`
	Cost      *Cost           `json:"cost,omitempty"` // of a sweep
	Failure   *Failure        `json:"failure,omitempty"`
	Next      string          `json:"next,omitempty"`
}

// Ended is what became of one account of a fleet.
type Ended struct {
	AccountID    string  `json:"accountId"`
	Outcome      Outcome `json:"outcome,omitempty"` // "": its run has not ended, or never began
	Irreversible bool    `json:"irreversible,omitempty"`
	Closing      string  `json:"closing,omitempty"` // the folder of its run
	Why          string  `json:"why,omitempty"`     // not closed
	*Survey              // of a sweep
}

// Survey is what a sweep tells of an account that is subscribed to QuickSight.
type Survey struct {
	Name      string   `json:"name,omitempty"`
	Edition   string   `json:"edition,omitempty"`
	Users     int      `json:"users"`
	Assets    int      `json:"assets"`
	LastUse   string   `json:"lastUse,omitempty"`   // in words: when, what and who, as CloudTrail knows it
	Cost      string   `json:"cost,omitempty"`      // of QuickSight in the last full month
	Candidate []string `json:"candidate,omitempty"` // what speaks for closing it
}

// Cost says which month the costs of a sweep are of, or why they are not known.
type Cost struct {
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"` // exclusive
	Unknown string `json:"unknown,omitempty"`
}

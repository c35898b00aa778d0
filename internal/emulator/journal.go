package emulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// Call is one line of the journal. Equal runs give equal bytes.
type Call struct {
	Seq        int             `json:"seq"` // from 1, in the order of answers
	Invocation string          `json:"invocation,omitempty"`
	Time       time.Time       `json:"time"` // virtual
	Service    string          `json:"service"`
	Operation  string          `json:"operation"`
	Region     string          `json:"region"`
	Account    string          `json:"account"`             // the caller's
	Principal  string          `json:"principal"`           // the caller's ARN
	Params     json.RawMessage `json:"params"`              // canonical: members sorted
	Resources  []string        `json:"resources,omitempty"` // what a mutating call names
	Mutating   bool            `json:"mutating,omitempty"`
	Done       bool            `json:"done,omitempty"` // it took effect, whatever the caller was told
	Status     int             `json:"status"`         // HTTP; 0: the connection broke
	Error      string          `json:"error,omitempty"`
	Message    string          `json:"message,omitempty"`
	Fault      string          `json:"fault,omitempty"` // which fault hit the call
	Latency    time.Duration   `json:"latency"`         // nanoseconds on the virtual clock
	RequestID  string          `json:"requestId"`
	Response   json.RawMessage `json:"response,omitempty"` // what the operation returned, in the model's names
}

// Journal returns every call in the order of answers, refused ones too. Calls that a Lambda function makes come before the
// Invoke that ran it; all other calls are served one at a time.
func (a *AWS) Journal() []Call { return a.JournalSince(0) }

// JournalSince returns the calls behind the first n.
func (a *AWS) JournalSince(n int) []Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.journal[n:])
}

// Served is how many calls the journal has.
func (a *AWS) Served() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.journal)
}

// Arrange brings the calls behind the first n, which were served side by side, into the order of their turns.
func (a *AWS) Arrange(n int, turn func(Call) int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	served := slices.Clone(a.journal[n:])
	order := make([]struct{ turn, call int }, len(served)) // calls are large: only this is sorted
	for i, c := range served {
		order[i].turn, order[i].call = turn(c), i
	}
	slices.SortFunc(order, func(x, y struct{ turn, call int }) int {
		return cmp.Or(cmp.Compare(x.turn, y.turn), cmp.Compare(x.call, y.call))
	})
	for i, next := range order {
		a.journal[n+i] = served[next.call]
	}
	a.number(n)
}

// Forget drops those of the calls behind the first n that keep does not want, and what else only a call under way needs; none may be. A story of
// very many accounts would not find room in memory otherwise.
func (a *AWS) Forget(n int, keep func(Call) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.journal[:n]
	for i := n; i < len(a.journal); i++ {
		if keep(a.journal[i]) {
			kept = append(kept, a.journal[i])
		}
	}
	clear(a.journal[len(kept):])
	a.journal = kept
	a.occurrences, a.signingKeys = map[string]int{}, signingKeys{}
	a.number(n)
	now := a.now()
	for key, s := range a.world.Sessions {
		if s.Expiration.Before(now) {
			delete(a.world.Sessions, key)
		}
	}
}

// number makes the calls behind the first n the next ones.
func (a *AWS) number(n int) {
	for account, events := range a.events {
		before, _ := slices.BinarySearch(events, n)
		a.events[account] = events[:before]
	}
	for i := n; i < len(a.journal); i++ {
		c := &a.journal[i]
		c.Seq = i + 1
		if recorded(*c) {
			a.events[c.Account] = append(a.events[c.Account], i)
		}
	}
}

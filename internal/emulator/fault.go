package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Fault makes a call go wrong: an error, a delay, a lost connection or answer, an answer of yesterday. Repetitions by an SDK's retries are calls
// like any other.
type Fault struct {
	Match       Match     `json:"match"`
	Nth         int       `json:"nth,omitempty"`   // the first matching call that is hit, counted from 1; 0 is 1
	Times       int       `json:"times,omitempty"` // how many matching calls are hit; 0 is 1, -1 is every later one
	For         Duration  `json:"for,omitzero"`    // instead of times: every matching call is hit for so long, from the first hit
	Error       *APIError `json:"error,omitempty"`
	Latency     Duration  `json:"latency,omitzero"`      // added to the call
	AfterEffect bool      `json:"afterEffect,omitempty"` // the call takes effect, then error or loss
	Lost        bool      `json:"lost,omitempty"`        // the connection breaks
	Denied      bool      `json:"denied,omitempty"`      // IAM refuses the caller, in the service's own words
	Stale       bool      `json:"stale,omitempty"`       // a read shows what was there before the last change
}

// Match selects calls; an empty field matches everything.
type Match struct {
	Service    string `json:"service,omitempty"`
	Operation  string `json:"operation,omitempty"`
	Region     string `json:"region,omitempty"`
	Invocation string `json:"invocation,omitempty"` // part of the invocation's label, such as the name of a state
	Contains   string `json:"contains,omitempty"`   // part of the canonical parameters
}

func (m Match) matches(c *Call) bool {
	return (m.Service == "" || m.Service == c.Service) &&
		(m.Operation == "" || m.Operation == c.Operation) &&
		(m.Region == "" || m.Region == c.Region) &&
		strings.Contains(c.Invocation, m.Invocation) &&
		strings.Contains(string(c.Params), m.Contains)
}

// label is how a fault is called in the journal and in reports.
func (f Fault) label() string {
	what := "slow"
	switch {
	case f.Lost:
		what = "lost"
	case f.Denied:
		what = "denied"
	case f.Stale:
		what = "stale"
	case f.Error != nil:
		what = f.Error.Code
	}
	where := f.Match.Service + ":" + f.Match.Operation
	if f.Match.Region != "" {
		where += " in " + f.Match.Region
	}
	if f.Match.Invocation != "" {
		where += " during " + f.Match.Invocation
	}
	return what + " on " + where
}

// armedFault counts the calls that a fault matches.
type armedFault struct {
	Fault
	seen, fired int
	until       time.Time // with For: when it is over
}

func armFaults(faults []Fault) ([]*armedFault, error) {
	var armed []*armedFault
	for i, f := range faults {
		if f.Error == nil && !f.Lost && !f.Denied && !f.Stale && f.Latency == 0 {
			return nil, fmt.Errorf("fault %d (%s) does nothing: give error, latency, lost, denied or stale", i+1, f.label())
		}
		if (f.Denied || f.Stale) && (f.Error != nil || f.Lost || f.Denied && f.Stale) {
			return nil, fmt.Errorf("fault %d (%s) is denied or stale and something else: a call goes wrong in one way", i+1, f.label())
		}
		if f.Error != nil && f.Error.Code == "" {
			return nil, fmt.Errorf("fault %d (%s) has an error without a code", i+1, f.label())
		}
		if f.Error != nil && f.Lost {
			return nil, fmt.Errorf("fault %d (%s) has both an error and lost: an answer that is lost says nothing", i+1, f.label())
		}
		if f.AfterEffect && f.Error == nil && !f.Lost {
			return nil, fmt.Errorf("fault %d (%s) has afterEffect but neither error nor lost", i+1, f.label())
		}
		if f.Nth < 0 || f.Times < -1 || f.For < 0 {
			return nil, fmt.Errorf("fault %d (%s): nth counts from 1, times is at least -1, and for is a time to come", i+1, f.label())
		}
		if f.For > 0 && f.Times != 0 {
			return nil, fmt.Errorf("fault %d (%s) has both times and for: it ends by number or by time", i+1, f.label())
		}
		f.Nth, f.Times = max(f.Nth, 1), cmp.Or(f.Times, 1)
		armed = append(armed, &armedFault{Fault: f})
	}
	return armed, nil
}

// Inject adds faults to those that are armed, and before them: where several hit a call, the newest do. They count from now.
func (a *AWS) Inject(faults ...Fault) error {
	armed, err := armFaults(faults)
	if err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(armed, a.faults...)
	return nil
}

// fault returns the first fault that hits this call; every matching fault counts it.
func (a *AWS) fault(c *Call) *armedFault {
	var hit *armedFault
	for _, f := range a.faults {
		if !f.Match.matches(c) {
			continue
		}
		f.seen++
		if hit != nil || f.seen < f.Nth || f.over(c.Time) {
			continue
		}
		if f.fired == 0 {
			f.until = c.Time.Add(time.Duration(f.For))
		}
		f.fired++
		hit = f
	}
	return hit
}

// over tells whether a fault hits no more calls, the one that it was just now matched with included.
func (f *armedFault) over(now time.Time) bool {
	if f.For > 0 {
		return f.fired > 0 && !now.Before(f.until)
	}
	return f.Times >= 0 && f.seen >= f.Nth+f.Times
}

// UnusedFaults lists the faults that never hit a call.
func (a *AWS) UnusedFaults() []Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	var unused []Fault
	for _, f := range a.faults {
		if f.fired == 0 {
			unused = append(unused, f.Fault)
		}
	}
	return unused
}

// Duration is a time.Duration that JSON writes as "PT40M" or "5s".
type Duration time.Duration

var isoDuration = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// UnmarshalJSON accepts ISO 8601 (days at most) and Go notation.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a duration is text such as \"PT40M\" or \"5s\": %w", err)
	}
	if parsed, err := time.ParseDuration(text); err == nil {
		*d = Duration(parsed)
		return nil
	}
	parts := isoDuration.FindStringSubmatch(text)
	if parts == nil || len(text) < 3 || strings.HasSuffix(text, "T") {
		return fmt.Errorf("%q is not a duration such as \"PT40M\" or \"5s\"", text)
	}
	var total time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts[i+1] != "" {
			n, err := strconv.ParseFloat(parts[i+1], 64)
			if err != nil {
				return fmt.Errorf("duration %q: %w", text, err)
			}
			total += time.Duration(n * float64(unit))
		}
	}
	*d = Duration(total)
	return nil
}

// MarshalJSON writes Go notation.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

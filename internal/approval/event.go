package approval

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

// Decision is what a person decides, on the very plan that he was shown.
type Decision struct {
	Closing   string          `json:"closing"`   // the prefix of the closing folder
	Execution string          `json:"execution"` // its execution's ARN
	Round     int             `json:"round"`
	Digest    string          `json:"digest"` // of the plan that was shown
	Verdict   closing.Verdict `json:"verdict"`
	Name      string          `json:"name,omitempty"` // approve: what the plan's Challenge asks to type
	Reason    string          `json:"reason,omitempty"`
	Struck    []string        `json:"struck,omitempty"` // approve, of a fleet: the accounts that are struck out
}

// Event is a decision and who decides, as the command line sends it.
type Event struct {
	Decision
	Identity Identity `json:"identity"`
}

// Identity is a presigned sts:GetCallerIdentity and the headers that it signs.
type Identity struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"` // by lower-case name, without host
}

// Answer is what a person hears who was not refused.
type Answer struct {
	Person    string          `json:"person"` // who decided, as it is counted
	Verdict   closing.Verdict `json:"verdict"`
	At        time.Time       `json:"at"`                // of the decision on record
	Already   bool            `json:"already,omitempty"` // it was on record before: nothing was changed
	Approvals int             `json:"approvals"`         // that count, in this round
	Quorum    int             `json:"quorum"`            // how many are needed
	Woken     bool            `json:"woken,omitempty"`   // the run waited at its doorbell and goes on now
	Message   string          `json:"message"`           // the same for people
}

// MaxReason is how long a reason may be, in bytes.
const MaxReason = 2000

// UnmarshalJSON refuses members that an event does not have, so that a misspelt one is not silently left out.
func (e *Event) UnmarshalJSON(text []byte) error {
	type plain Event
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode((*plain)(e))
}

var (
	prefix = regexp.MustCompile(`^closings/(?:[0-9]{12}|` + closing.FleetFolder + `)/[^/]+/$`)
	digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// check refuses a decision that cannot be one on a run of this deployment: of the machine that closes one account, or in a fleet's folder of the one
// that closes many.
func (d Decision) check(config step.Config) error {
	machine := machineOf(d.Closing, config)
	switch {
	case !prefix.MatchString(d.Closing):
		return refuse("%q is not the prefix of a closing", d.Closing)
	case len(d.Struck) > 0 && (d.Verdict != closing.Approve || !record.IsFleet(d.Closing)):
		return refuse("only who approves a fleet strikes accounts out")
	case !ofMachine(d.Execution, machine):
		return refuse("%q is not an execution of %s", d.Execution, machine)
	case d.Round < 1 || d.Round > closing.MaxRounds:
		return refuse("there is no round %d", d.Round)
	case !digest.MatchString(d.Digest):
		return refuse("%q is not the digest of a plan", d.Digest)
	case d.Verdict != closing.Approve && d.Verdict != closing.Reject && d.Verdict != closing.Cancel:
		return refuse("%q is neither approve, reject nor cancel", d.Verdict)
	case d.Verdict == closing.Reject && strings.TrimSpace(d.Reason) == "":
		return refuse("to %s needs a reason", d.Verdict)
	case len(d.Reason) > MaxReason:
		return refuse("the reason has %d bytes, more than %d", len(d.Reason), MaxReason)
	}
	return nil
}

// machineOf is the machine whose executions have their records where a closing is.
func machineOf(folder string, config step.Config) string {
	if record.IsFleet(folder) {
		return config.FleetMachine()
	}
	return config.Machine
}

// ofMachine tells whether an ARN is that of an execution of the machine.
func ofMachine(execution, machine string) bool {
	return strings.HasPrefix(execution, strings.Replace(machine, ":stateMachine:", ":execution:", 1)+":")
}

// refuse is the answer to a decision that does not count.
func refuse(format string, args ...any) *closing.Error {
	e := closing.Errorf(closing.NotDecided, format, args...)
	e.Message += "; nothing was decided or changed"
	return e
}

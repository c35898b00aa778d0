package closing

import "time"

// Report is what a run leaves: what was decided, what was done, and what AWS answered when it was asked whether it is gone.
type Report struct {
	Version      int        `json:"version"`      // of this JSON, 1
	Irreversible bool       `json:"irreversible"` // DeleteAccountSubscription was called and took effect
	FirstLine    string     `json:"firstLine"`    // "Irreversible step done: yes" or "… no"
	Outcome      Outcome    `json:"outcome"`
	Execution    string     `json:"execution"`
	AccountID    string     `json:"accountId"`
	Closing      string     `json:"closing"` // the closing folder
	WrittenAt    time.Time  `json:"writtenAt"`
	Starter      string     `json:"starter,omitempty"` // the person that started the run, or "unverified"
	Request      *Request   `json:"request,omitempty"`
	Plan         *Plan      `json:"plan,omitempty"` // of the last round
	Failure      *Failure   `json:"failure,omitempty"`
	Decisions    []Decision `json:"decisions,omitempty"` // on that plan
	// EarlierDecisions are those of the rounds before.
	EarlierDecisions []Decision    `json:"earlierDecisions,omitempty"`
	Commit           *Commit       `json:"commit,omitempty"`
	Manifest         *Manifest     `json:"manifest,omitempty"` // what was saved of the plan
	Objects          []Saved       `json:"objects,omitempty"`  // the first MaxListed of the manifest's
	Unsaved          []Unsaved     `json:"unsaved,omitempty"`  // the first MaxListed that the manifest has as failed
	Acts             []Act         `json:"acts,omitempty"`
	NotDone          []Undone      `json:"notDone,omitempty"` // of what was to be deleted, where the run stopped
	Timeline         []Moment      `json:"timeline,omitempty"`
	Gone             []Check       `json:"gone,omitempty"`         // verified by a call
	Consequences     []Consequence `json:"consequences,omitempty"` // of what the plan says, done or not
	Left             []Check       `json:"left,omitempty"`         // still there, with the reason: kept, or not done
	LeftBehind       []Check       `json:"leftBehind,omitempty"`   // what a closing does not touch, and how to clean it up
	Unknown          []Check       `json:"unknown,omitempty"`      // could not be asked: never read as gone
	Restored         []string      `json:"restored,omitempty"`
	Next             string        `json:"next,omitempty"` // the one command or input that goes on
	// RunCost is what the run cost; nil where it is not known.
	RunCost *Estimate `json:"runCost,omitempty"`
	// MonthlyStopped is what the account's users cost a month until the subscription was deleted; nil where it was not, or it is not known.
	MonthlyStopped *Estimate `json:"monthlyStopped,omitempty"`
}

// Undone is something that a plan deletes and the run has not.
type Undone struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Region string `json:"region,omitempty"`
	Why    string `json:"why"` // how far it came
}

// MaxListed is how many things of a kind a report lists.
const MaxListed = 100

// Failure is why a run stopped.
type Failure struct {
	State   string `json:"state,omitempty"`
	Error   string `json:"error"`
	Message string `json:"message"`
}

// Name is the failure's error; "" where nothing failed.
func (f *Failure) Name() string {
	if f == nil {
		return ""
	}
	return f.Error
}

// VersionGone is Lambda's error where the version of a function that an execution's definition calls is deleted. A redrive keeps the
// definition, and so meets it again.
const VersionGone = "Lambda.ResourceNotFoundException"

// Check is what AWS answered about one resource after the run.
type Check struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Region string `json:"region,omitempty"`
	Shown  string `json:"shown"` // the call and its answer: "quicksight:DescribeAccountSubscription: UNSUBSCRIBED"
	Why    string `json:"why,omitempty"`
	// Do are the commands that clean up what is left.
	Do []string `json:"do,omitempty"`
}

// FirstLine is the first line of every report.
func FirstLine(irreversible bool) string {
	if irreversible {
		return "Irreversible step done: yes"
	}
	return "Irreversible step done: no"
}

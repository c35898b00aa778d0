package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Story is a folder of events/.
type Story struct {
	Name  string          `json:"-"` // the folder's
	Dir   string          `json:"-"`
	Event json.RawMessage `json:"-"` // event.json, byte for byte
	World *emulator.World `json:"-"`

	Title       string            `json:"title"`                 // one line
	About       string            `json:"about,omitempty"`       // what it shows
	StartedBy   string            `json:"startedBy,omitempty"`   // a principal of the hub; default "operator"
	Machine     string            `json:"machine,omitempty"`     // that is started: "fleet"; default: the one that closes one account
	Config      map[string]string `json:"config,omitempty"`      // the functions' environment, where it differs from the default
	Unconfirmed []string          `json:"unconfirmed,omitempty"` // addresses of approvers who have not confirmed that they are asked by e-mail
	Assumptions map[string]string `json:"assumptions,omitempty"` // settings that the story is about, held fixed
	Script      []Line            `json:"script,omitempty"`
	Faults      []emulator.Fault  `json:"faults,omitempty"`
	Failures    []Failure         `json:"failures,omitempty"` // of Lambda itself
	Expect      Expect            `json:"expect"`
}

// Line is something that somebody does during a story.
type Line struct {
	When    When              `json:"when"`
	After   emulator.Duration `json:"after,omitzero"` // virtual time from When
	Do      Deed              `json:"do"`
	As      string            `json:"as,omitempty"`      // the person: approve, reject, cancel
	Run     int               `json:"run,omitempty"`     // the execution it is done to, from 1; default: the one of When
	Why     string            `json:"why,omitempty"`     // the person's reason
	Event   json.RawMessage   `json:"event,omitempty"`   // start: the input; audit: the event; default: the story's own
	Patch   json.RawMessage   `json:"patch,omitempty"`   // change: a JSON Patch (RFC 6902) of the world
	Name    string            `json:"name,omitempty"`    // start: the execution's name
	Machine string            `json:"machine,omitempty"` // start: as in the story
	Struck  []string          `json:"struck,omitempty"`  // approve: the accounts of a fleet that are struck out
	Call    *Call             `json:"call,omitempty"`    // call
	State   string            `json:"state,omitempty"`   // invoke: the state whose function it is
	// Config is deploy's: the new version's environment, where it differs from the story's. Removes takes the older versions away.
	Config  map[string]string `json:"config,omitempty"`
	Removes bool              `json:"removes,omitempty"`
	// Answer is the refusal that is expected: a function's error of approve, reject, cancel, invoke and audit, AWS's error code of call.
	Answer string `json:"answer,omitempty"`
	Says   string `json:"says,omitempty"` // call: a text of the answer's body
}

// Deed is what somebody does.
type Deed string

// The deeds.
const (
	Approve Deed = "approve"
	Reject  Deed = "reject"
	Cancel  Deed = "cancel"
	Start   Deed = "start"   // another execution
	Stop    Deed = "stop"    // the Stop button of the console
	Redrive Deed = "redrive" // the Redrive button
	Change  Deed = "change"  // something changes in AWS behind the workflow's back
	Contact Deed = "call"    // somebody calls AWS around the workflow
	Invoke  Deed = "invoke"  // somebody invokes a state's function by hand, with the input that the execution's history shows
	Deploy  Deed = "deploy"  // a new version of the stack is deployed
	Audit   Deed = "audit"   // a rule delivers an event to audit-event; those of unsubscribing reach it by themselves
)

// When is the moment that a line waits for. Exactly one of State, Call, Gone, Ended or Started is set.
type When struct {
	Started bool   `json:"started,omitempty"` // the first execution starts
	State   string `json:"state,omitempty"`   // a state is entered …
	Call    string `json:"call,omitempty"`    // … or a call such as "ec2:DeleteSubnet" took effect …
	Nth     int    `json:"nth,omitempty"`     // … for the nth time; default 1
	Gone    string `json:"gone,omitempty"`    // AWS no longer has the resource with this id, whoever removed it
	Ended   bool   `json:"ended,omitempty"`   // the execution ended
	Run     int    `json:"run,omitempty"`     // of which execution, from 1; default 1
}

func (w When) nth() int { return max(w.Nth, 1) }
func (w When) run() int { return max(w.Run, 1) }

// Failure makes Lambda itself fail an invocation, before or after its function ran.
type Failure struct {
	State    string `json:"state"`              // the state whose task it is
	Contains string `json:"contains,omitempty"` // part of the invocation's payload, such as an account; others do not count
	Nth      int    `json:"nth,omitempty"`      // invocation of that state, from 1; default 1
	Times    int    `json:"times,omitempty"`    // default 1
	Error    string `json:"error"`              // such as "Lambda.TooManyRequestsException" or "Sandbox.Timedout"
	After    bool   `json:"after,omitempty"`    // the function ran, its answer is lost
}

// Expect is what must come out. Zero fields expect nothing; the invariants hold in any case.
type Expect struct {
	Refusal   string                     `json:"refusal,omitempty"`   // StartExecution itself refuses the input, with this code
	Outcome   closing.Outcome            `json:"outcome,omitempty"`   // of the first execution's last report
	Accounts  map[string]closing.Outcome `json:"accounts,omitempty"`  // of a fleet, by account; "" for one that is open
	Status    []string                   `json:"status,omitempty"`    // of each execution, such as "SUCCEEDED"
	Versions  []string                   `json:"versions,omitempty"`  // of each execution: the functions' versions that its states called, such as "1"
	Path      []string                   `json:"path,omitempty"`      // of the first execution: its Tasks and its end state, repetitions folded
	Error     string                     `json:"error,omitempty"`     // the code in the last report's failure
	Says      []string                   `json:"says,omitempty"`      // texts of the last report
	Mutations *int                       `json:"mutations,omitempty"` // mutating calls that took effect
	Calls     map[string]int             `json:"calls,omitempty"`     // exact numbers, refused ones too, by "service:Operation"
	Reads     float64                    `json:"reads,omitempty"`     // at most so many times the fewest calls that neither change the target nor touch the record
	Refused   *int                       `json:"refused,omitempty"`   // calls that AWS refused for another reason than a fault
	Gone      []string                   `json:"gone,omitempty"`      // ids that the final world no longer has
	There     []string                   `json:"there,omitempty"`     // ids that it still has
	Protected *bool                      `json:"protected,omitempty"` // termination protection at the end
	Notices   int                        `json:"notices,omitempty"`   // SNS messages, at least
	Mails     map[string]int             `json:"mails,omitempty"`     // requests for approval, by the address that they reach; exactly these
	Alarms    []Alarm                    `json:"alarms,omitempty"`    // that audit-event raises; exactly these, in their order
	Events    []string                   `json:"events,omitempty"`    // the detail-types of the EventBridge events that were sent, in their order
}

// Load reads a story's folder, strictly.
func Load(dir string) (*Story, error) {
	s := &Story{Name: filepath.Base(dir), Dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "story.json"))
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", s.Name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		return nil, fmt.Errorf("story %s: story.json: %w", s.Name, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("story %s: story.json: there is more behind the object", s.Name)
	}
	if s.Event, err = os.ReadFile(filepath.Join(dir, "event.json")); err != nil {
		return nil, fmt.Errorf("story %s: %w", s.Name, err)
	}
	world, err := os.ReadFile(filepath.Join(dir, "world.json"))
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", s.Name, err)
	}
	if s.World, err = emulator.ParseWorld(world); err != nil {
		return nil, fmt.Errorf("story %s: world.json: %w", s.Name, err)
	}
	return s, s.validate()
}

func (s *Story) validate() error {
	if s.Title == "" || s.Expect.Refusal == "" && (s.Expect.Outcome == "" || len(s.Expect.Status) == 0) {
		return fmt.Errorf("story %s: story.json: a title, an expected outcome and a status (or a refusal) are required", s.Name)
	}
	for i, line := range s.Script {
		set := 0
		for _, is := range []bool{line.When.Started, line.When.State != "", line.When.Call != "", line.When.Gone != "", line.When.Ended} {
			if is {
				set++
			}
		}
		if set != 1 {
			return fmt.Errorf("story %s: line %d of the script: exactly one of started, state, call, gone and ended says when", s.Name, i+1)
		}
		if !slices.Contains([]Deed{Approve, Reject, Cancel, Start, Stop, Redrive, Change, Contact, Invoke, Deploy, Audit}, line.Do) {
			return fmt.Errorf("story %s: line %d of the script: unknown deed %q", s.Name, i+1, line.Do)
		}
		if (line.Do == Contact) != (line.Call != nil) || (line.Do == Change) != (line.Patch != nil) || (line.Do == Invoke) != (line.State != "") {
			return fmt.Errorf("story %s: line %d of the script: call goes with a call, change with a patch, invoke with a state", s.Name, i+1)
		}
		if line.Do != Deploy && (line.Removes || line.Config != nil) {
			return fmt.Errorf("story %s: line %d of the script: config and removes go with deploy", s.Name, i+1)
		}
	}
	return nil
}

// LoadAll reads every story below a folder, in the order of their names.
func LoadAll(dir string) ([]*Story, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("the stories: %w", err)
	}
	var stories []*Story
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		s, err := Load(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		stories = append(stories, s)
	}
	if len(stories) == 0 {
		return nil, fmt.Errorf("the stories: %s holds none", dir)
	}
	return stories, nil
}

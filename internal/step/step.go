// Package step is what each step of a closing does: one file per step, with the AWS calls that it makes. A step is a
// reconciler: it looks, returns DONE if nothing is left, otherwise re-runs its guards, takes the next safe actions and returns
// IN_PROGRESS with what remains. It never waits for AWS: the state machine waits and calls it again.
package step

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// Handler is one step's function, as Lambda calls it.
type Handler = func(context.Context, Input) (Result, error)

// Input is what the state machine gives every step.
type Input struct {
	Execution Execution        `json:"execution"`
	State     string           `json:"state"`               // the name of the state that calls
	Entered   time.Time        `json:"entered"`             // when that state was entered
	Action    Action           `json:"action,omitempty"`    // for a function that more than one state calls
	Request   json.RawMessage  `json:"request,omitempty"`   // the execution's input: Verify Caller alone gets it
	Run       Run              `json:"run"`                 // as the last step returned it
	Progress  Progress         `json:"progress"`            // as the last call returned it, whichever state that was
	TaskToken string           `json:"taskToken,omitempty"` // states that wait for a callback
	Failure   *closing.Failure `json:"failure,omitempty"`   // Write Report alone: what was caught
}

// Execution is the context object's Execution, without its input.
type Execution struct {
	ID           string     `json:"id"` // the execution's ARN
	Name         string     `json:"name"`
	StartTime    time.Time  `json:"startTime"`
	RedriveCount int        `json:"redriveCount,omitempty"`
	RedriveTime  *time.Time `json:"redriveTime,omitempty"`
}

// Action tells apart the states that share a function.
type Action string

// The actions.
const (
	ActionRetake Action = "retake" // take-inventory: Retake Inventory, instead of Take Inventory
	ActionAsk    Action = "ask"    // request-approval: Request Approval
	ActionRead   Action = "read"   // request-approval: Read Decision
	ActionCool   Action = "cool"   // request-approval: Cooling Off
	ActionList   Action = "list"   // plan-fleet: List Accounts
	ActionPlan   Action = "plan"   // plan-fleet: Plan Fleet
	ActionCheck  Action = "check"  // report-fleet: Check Canary
)

// Run is what the state machine carries from step to step: keys and digests, never the plan itself.
type Run struct {
	Closing        string          `json:"closing,omitempty"` // prefix of the closing folder; "" until Verify Caller has read the request
	AccountID      string          `json:"accountId,omitempty"`
	IdentityRegion string          `json:"identityRegion,omitempty"` // "" where there is no subscription
	DryRun         bool            `json:"dryRun,omitempty"`
	Fleet          string          `json:"fleet,omitempty"`     // the folder of the fleet that the run is one account of
	Starter        string          `json:"starter,omitempty"`   // the principal that started the run, or "unverified"
	Round          int             `json:"round,omitempty"`     // of asking, from 1
	Digest         string          `json:"digest,omitempty"`    // of the round's plan
	Deadline       *time.Time      `json:"deadline,omitempty"`  // of the round
	CoolUntil      *time.Time      `json:"coolUntil,omitempty"` // end of the cooling off
	Outcome        closing.Outcome `json:"outcome,omitempty"`   // set by Write Report: which end state follows
	Summary        string          `json:"summary,omitempty"`   // one line for the console and the end state's cause
}

// Progress is how far the state that called last has come. A state whose name it does not bear is at its first call.
type Progress struct {
	State string    `json:"state,omitempty"`
	Since time.Time `json:"since,omitzero"` // of the state's first call
	Polls int       `json:"polls,omitempty"`
	Wait  int       `json:"wait,omitempty"` // seconds until the next call
}

// Result is what every step returns.
type Result struct {
	State     State    `json:"state"`
	Verdict   Verdict  `json:"verdict,omitempty"` // what the machine's next Choice looks at
	Run       Run      `json:"run"`
	Progress  Progress `json:"progress"`
	Remaining List     `json:"remaining"`
	Acts      List     `json:"acts"`
}

// State tells whether a step is through.
type State string

// The states.
const (
	Done       State = "DONE"
	InProgress State = "IN_PROGRESS"
)

// Verdict is a step's answer where the machine has a choice.
type Verdict string

// The verdicts.
const (
	Closable       Verdict = "CLOSABLE"         // Take Inventory
	NotClosable    Verdict = "BLOCKED"          // Take Inventory
	NothingToClose Verdict = "NOTHING_TO_CLOSE" // Take Inventory
	Pending        Verdict = "PENDING"          // Read Decision, Commit Plan: ask (again), in the run's round
	Cooling        Verdict = "COOLING"          // Read Decision: approved, and the cooling off is not over
	Approved       Verdict = "APPROVED"         // Read Decision
	Rejected       Verdict = "REJECTED"         // Read Decision
	Expired        Verdict = "EXPIRED"          // Read Decision
	Cancelled      Verdict = "CANCELLED"        // Read Decision, Commit Plan
	Committed      Verdict = "COMMITTED"        // Commit Plan
	Drifted        Verdict = "DRIFTED"          // Commit Plan: the run is in its next round, ask again
)

// List is a list that a payload can carry: the first fifty, and how many there are.
type List struct {
	Items []string `json:"items"`
	Total int      `json:"total"`
}

// MaxListed is how many items a List carries; a payload may have 256 KiB.
const MaxListed = 50

// ListOf makes a List of items.
func ListOf(items ...string) List {
	listed := items[:min(len(items), MaxListed)]
	if listed == nil {
		listed = []string{}
	}
	return List{Items: listed, Total: len(items)}
}

// Env is what every step is made with.
type Env struct {
	Config Config
	AWS    AWS
	Record *record.Store
	Log    *slog.Logger
	// SkipGuard takes one guard away. It is for the test that holds that every guard is needed, and never set otherwise.
	SkipGuard string
}

// AWS hands out SDK configurations. Every client of a step is made from one of them.
type AWS interface {
	// Hub is the account in which the workflow runs, with the function's own role.
	Hub() aws.Config
	// Target assumes a role in the account that is to be closed, in a session that is named after ctx's execution (ForExecution) and
	// lasts for this invocation. A refusal is a *closing.Error with TargetUnreachable.
	Target(ctx context.Context, access Access) (aws.Config, error)
}

// Access is what a step wants to do in a target.
type Access struct {
	Account string
	Role    Role
	Policy  Policy // narrows the role for this session
}

// Role is one of the two roles of a target account.
type Role string

// The roles.
const (
	RoleRead  Role = "QuickSightUnsubscribeRead"
	RoleClose Role = "QuickSightUnsubscribeClose"
)

// folder opens the record of the input's run.
func (e Env) folder(in Input) *record.Folder {
	return e.Record.Folder(in.Run.Closing, in.Execution.ID)
}

// since is when the calling state was first called in this visit, or redriven, whichever is later: what its deadline counts from.
func (in Input) since() time.Time {
	first := in.Entered
	if in.Progress.State == in.State {
		first = in.Progress.Since
	}
	if r := in.Execution.RedriveTime; r != nil && r.After(first) {
		return *r
	}
	return first
}

// waiting is the result of a step that has something left: the machine calls again after an interval that grows from first to
// at most longest.
func (in Input) waiting(first, longest time.Duration, remaining, acts List) Result {
	p := Progress{State: in.State, Since: in.Entered, Polls: 1}
	if in.Progress.State == in.State {
		p.Since, p.Polls = in.Progress.Since, in.Progress.Polls+1
	}
	wait := first
	for i := 1; i < p.Polls && wait < longest; i++ {
		wait *= 2
	}
	p.Wait = int(min(wait, longest).Seconds())
	return Result{State: InProgress, Run: in.Run, Progress: p, Remaining: remaining, Acts: acts}
}

// done is the result of a step with nothing left.
func (in Input) done(verdict Verdict, acts List) Result {
	return Result{State: Done, Verdict: verdict, Run: in.Run, Progress: Progress{State: in.State, Since: in.Entered}, Remaining: ListOf(), Acts: acts}
}

// overdue returns an Overrun error where the calling state has had its budget. It is an error of the Task, so that a redrive
// begins at this state again, with a fresh budget.
func (in Input) overdue(now time.Time, budget time.Duration, remaining List) error {
	if now.Sub(in.since()) < budget {
		return nil
	}
	return closing.Errorf(closing.Overrun, "%s is not finished after %s; still there: %s", in.State, budget, remaining).
		WithHint("find out what holds it, then redrive this execution")
}

// String names the items, and how many more there are.
func (l List) String() string {
	text := strings.Join(l.Items, ", ")
	if more := l.Total - len(l.Items); more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

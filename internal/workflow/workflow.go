// Package workflow is the contract between the stack and everything else: which function stands behind which state. The
// infrastructure makes functions and states of this table, and the replay routes a state's task to its function by it.
package workflow

import (
	"strings"
	"time"
)

// Prefix begins the name of every deployed function, role and machine. The machine that closes one account has just this name.
const Prefix = "quicksight-unsubscribe"

// Fleet is the name of the machine that closes many accounts, each by an execution of the other one.
const Fleet = Prefix + "-fleet"

// Access says which of a target account's roles a function may assume.
type Access string

// The accesses. They are also the IAM path segment of the function's own role, which the target's trust policies ask for.
const (
	NoTarget     Access = "hub"
	Read         Access = "read"
	Close        Access = "close"
	Organization Access = "organization" // no account's role, but the one that reads the organization
)

// Function is one Lambda function: one folder of functions/, one binary, one role.
type Function struct {
	Folder  string
	States  []string // the states of the machine that call it; none for functions that something else calls
	Access  Access
	Timeout time.Duration // the function's own; each state's TimeoutSeconds is longer
	Memory  int           // MB
}

// Name is the deployed function's name.
func (f Function) Name() string { return Prefix + "-" + f.Folder }

// RolePath is the IAM path of the function's role.
func (f Function) RolePath() string { return "/" + Prefix + "/" + string(f.Access) + "/" }

// Functions lists all functions, in the order in which a closing meets them.
func Functions() []Function {
	return []Function{
		{Folder: "verify-caller", States: []string{"Verify Caller"}, Access: Read, Timeout: 5 * time.Minute, Memory: 256},
		{Folder: "take-inventory", States: []string{"Take Inventory", "Retake Inventory"}, Access: Read, Timeout: 10 * time.Minute, Memory: 512},
		{Folder: "find-starter", States: []string{"Find Starter"}, Access: NoTarget, Timeout: time.Minute, Memory: 256},
		{Folder: "request-approval", States: []string{"Request Approval", "Read Decision", "Cooling Off"}, Access: NoTarget, Timeout: time.Minute, Memory: 256},
		{Folder: "decide-approval", Access: NoTarget, Timeout: time.Minute, Memory: 256},
		{Folder: "export-assets", States: []string{"Export Assets"}, Access: Close, Timeout: 10 * time.Minute, Memory: 512},
		{Folder: "commit-plan", States: []string{"Commit Plan"}, Access: NoTarget, Timeout: time.Minute, Memory: 512},
		{Folder: "delete-subscription", States: []string{"Delete Subscription"}, Access: Close, Timeout: 10 * time.Minute, Memory: 512},
		{Folder: "delete-directory", States: []string{"Delete Directory"}, Access: Close, Timeout: 5 * time.Minute, Memory: 256},
		{Folder: "delete-vpc", States: []string{"Delete VPC"}, Access: Close, Timeout: 10 * time.Minute, Memory: 256},
		{Folder: "write-report", States: []string{"Write Report"}, Access: Read, Timeout: 5 * time.Minute, Memory: 256},
		{Folder: "plan-fleet", States: []string{"List Accounts", "Plan Fleet"}, Access: Organization, Timeout: 10 * time.Minute, Memory: 1024},
		{Folder: "commit-fleet", States: []string{"Commit Fleet"}, Access: NoTarget, Timeout: 10 * time.Minute, Memory: 1024},
		{Folder: "report-fleet", States: []string{"Check Canary", "Report Fleet"}, Access: Organization, Timeout: 10 * time.Minute, Memory: 1024},
		{Folder: "finish-run", Access: Close, Timeout: 5 * time.Minute, Memory: 256},
		{Folder: "audit-event", Access: NoTarget, Timeout: 5 * time.Minute, Memory: 256},
	}
}

// FinishDelay is how long finish-run waits after an execution ended: longer than any delete function can still be running,
// since stopping an execution does not stop a function (facts: SQS delays a message by at most 15 minutes).
const FinishDelay = 15 * time.Minute

// Lookup finds a function by folder.
func Lookup(folder string) (Function, bool) {
	for _, f := range Functions() {
		if f.Folder == folder {
			return f, true
		}
	}
	return Function{}, false
}

// FolderOf finds the folder of a function from its ARN or name, qualified or not; "" where it is none of ours.
func FolderOf(function string) string {
	name := function
	if i := strings.Index(name, ":function:"); i >= 0 {
		name = name[i+len(":function:"):]
	}
	name, _, _ = strings.Cut(name, ":")
	folder, ours := strings.CutPrefix(name, Prefix+"-")
	if _, ok := Lookup(folder); !ours || !ok {
		return ""
	}
	return folder
}

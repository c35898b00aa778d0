package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Invariants are what holds in every story, whatever it expects.
func (r *Run) Invariants() []string {
	var broken []string
	broken = append(broken, r.commitBeforeChange()...)
	broken = append(broken, r.writersAsDesigned()...)
	broken = append(broken, r.tokensStaySecret()...)
	broken = append(broken, r.firstWriterIsRight()...)
	broken = append(broken, r.unsubscribedOnce()...)
	broken = append(broken, r.lockRespected()...)
	broken = append(broken, r.othersUntouched()...)
	broken = append(broken, r.fleetsAsApproved()...)
	broken = append(broken, r.endsAnnounced()...)
	broken = append(broken, r.alarmsTrue()...)
	return broken
}

// commitBeforeChange holds that no call changed the target before a commit of the run that made it, and that each changed only
// what the committed plan names.
func (r *Run) commitBeforeChange() []string {
	var broken []string
	committed := map[string]bool{}
	for _, call := range r.Calls {
		if call.Invocation == "" {
			continue // a person's, around the workflow
		}
		name := executionOf(call.Invocation)
		if call.Service == "s3" && call.Operation == "PutObject" && call.Done && strings.HasSuffix(keyOf(call), "/commit.json") {
			committed[name] = true
		}
		if !call.Mutating || !call.Done {
			continue
		}
		e := r.byName(name)
		switch {
		case e == nil || !committed[name]:
			broken = append(broken, fmt.Sprintf("%s changed %s before a commit (call %d, by %s)", operationOf(call), strings.Join(call.Resources, ", "), call.Seq, call.Invocation))
		case e.plan == nil:
			broken = append(broken, fmt.Sprintf("%s was called by a run whose committed plan cannot be read (call %d)", operationOf(call), call.Seq))
		default:
			for _, id := range call.Resources {
				if !e.plan.Material.Names(id) {
					broken = append(broken, fmt.Sprintf("%s changed %s, which the plan does not name (call %d)", operationOf(call), id, call.Seq))
				}
			}
		}
	}
	return broken
}

// event is an EventBridge event that one of our functions has sent.
type event struct {
	seq    int    // of the call
	kind   string // detail-type
	detail string
}

// events are those that AWS took, in their order.
func (r *Run) events() []event {
	var events []event
	for _, call := range r.Calls {
		if call.Service != "events" || !call.Done || call.Invocation == "" {
			continue
		}
		var params struct {
			Entries []struct{ DetailType, Detail string }
		}
		if err := json.Unmarshal(call.Params, &params); err != nil {
			panic(fmt.Sprintf("replay: the parameters of call %d: %v", call.Seq, err)) // the emulator took them
		}
		for _, e := range params.Entries {
			events = append(events, event{call.Seq, e.DetailType, e.Detail})
		}
	}
	return events
}

// endsAnnounced holds that pipelines which wait hear of the end of every run: of its last report, and of none again by an invocation
// that began when that was noted.
func (r *Run) endsAnnounced() []string {
	var broken []string
	began := map[string]int{} // the first call, by invocation
	for _, call := range r.Calls {
		if began[call.Invocation] == 0 {
			began[call.Invocation] = call.Seq
		}
	}
	announced := map[string]int{} // when the last invocation began that did, by the report's key
	for _, e := range r.events() {
		var finished closing.Finished
		if e.kind != finished.Type() {
			continue
		}
		if err := json.Unmarshal([]byte(e.detail), &finished); err != nil {
			broken = append(broken, fmt.Sprintf("the event of call %d cannot be read: %v", e.seq, err))
		}
		report := strings.TrimPrefix(finished.Report, "s3://"+r.hub.bucket()+"/")
		announced[report] = max(announced[report], began[r.Calls[e.seq-1].Invocation])
	}
	last := map[string]string{} // report, by run
	for _, call := range r.Calls {
		folder, name, found := strings.Cut(keyOf(call), "/report-")
		if !found || call.Operation != "PutObject" || !call.Done {
			continue
		}
		switch number, noted := strings.CutSuffix(name, ".announced.json"); {
		case noted && announced[folder+"/report-"+number+".json"] > call.Seq:
			broken = append(broken, fmt.Sprintf("%s was announced again (by what began with call %d)", keyOf(call), announced[folder+"/report-"+number+".json"]))
		case !noted && strings.HasSuffix(name, ".json"):
			last[folder] = keyOf(call)
		}
	}
	for _, folder := range sorted(last) {
		report := last[folder]
		if announced[report] == 0 && len(r.answers) == 0 { // what finish-run gave up is there
			broken = append(broken, report+" was never announced")
		}
	}
	return broken
}

// writer says which functions may write a kind of object.
type writer struct {
	kind      string // part of the key
	functions []string
}

// writers is the record's design.
var writers = []writer{
	{"/lock.json", []string{"verify-caller", "write-report", "finish-run"}},
	{"/deliveries/", []string{"verify-caller", "plan-fleet"}},
	{"/request.json", []string{"verify-caller", "plan-fleet"}},
	{"/verified.json", []string{"verify-caller", "plan-fleet"}},
	{"/inventory-", []string{"take-inventory", "delete-subscription"}},
	{"/batch-", []string{"plan-fleet", "commit-fleet"}},
	{"/results/", []string{"fleet-machine"}},
	{"/runs/", []string{"verify-caller", "write-report"}},
	{"/grants/", []string{"commit-fleet"}},
	{"/claims/", []string{"commit-plan"}},
	{"/plan-", []string{"take-inventory", "commit-plan", "plan-fleet"}},
	{"/retake-", []string{"take-inventory"}},
	{"/ask-", []string{"request-approval"}},
	{"/decide-", []string{"request-approval"}},
	{"/token.json", []string{"request-approval"}},
	{"/decisions/", []string{"decide-approval"}},
	{"/export-", []string{"export-assets"}},
	{"/backup/", []string{"export-assets"}},
	{"/manifest-", []string{"export-assets"}},
	{"/lists/", []string{"take-inventory", "request-approval", "export-assets", "commit-plan", "delete-subscription"}},
	{"/seal.json", []string{"commit-plan", "commit-fleet", "decide-approval"}},
	{"/commit.json", []string{"commit-plan", "commit-fleet"}},
	{"/acts/", []string{"delete-subscription", "delete-directory", "delete-vpc", "finish-run"}},
	{"/report-", []string{"write-report", "report-fleet", "finish-run"}},
}

// writersAsDesigned holds that each kind of object in the record was written by its own functions alone.
func (r *Run) writersAsDesigned() []string {
	var broken []string
	for _, call := range r.Calls {
		if call.Service != "s3" || !call.Done || call.Operation != "PutObject" && call.Operation != "DeleteObject" {
			continue
		}
		key := keyOf(call)
		i := slices.IndexFunc(writers, func(w writer) bool { return strings.Contains(key, w.kind) })
		if i < 0 || call.Operation == "DeleteObject" || !slices.ContainsFunc(writers[i].functions, func(f string) bool {
			return strings.HasSuffix(call.Principal, "-"+f)
		}) {
			broken = append(broken, fmt.Sprintf("%s by %s: %s is not its to write", operationOf(call), call.Principal, key))
		}
	}
	return broken
}

// tokensStaySecret holds that a task token is found nowhere but in the doorbell's object and in the call that rings it.
func (r *Run) tokensStaySecret() []string {
	var broken []string
	for _, token := range r.tokens() {
		for _, call := range r.Calls {
			if !strings.Contains(string(call.Params)+string(call.Response)+call.Message, token) {
				continue
			}
			doorbell := call.Service == "states" || strings.HasSuffix(keyOf(call), "/token.json")
			if !doorbell {
				broken = append(broken, fmt.Sprintf("%s carries a task token (call %d)", operationOf(call), call.Seq))
			}
		}
	}
	return broken
}

// others notes a change that somebody else made, so that it is not laid to the workflow's account.
func (r *Run) others(before, after map[string]string) {
	for id, content := range after {
		if before[id] != content {
			r.baseline[id] = content
		}
	}
	for id := range before {
		if _, still := after[id]; !still {
			delete(r.baseline, id)
		}
	}
}

// theirs notes what a call of somebody else's changed: whatever becomes of it and its parts, now or when AWS gets to it, is theirs.
func (r *Run) theirs(before, after map[string]string) {
	for id, content := range before {
		if after[id] == content {
			continue
		}
		delete(r.baseline, id)
		for part, text := range r.baseline {
			if strings.Contains(text, `"`+id+`"`) {
				delete(r.baseline, part)
			}
		}
	}
}

// othersUntouched holds that everything which is gone or another at the end was named by a committed plan, or went with something
// that was.
func (r *Run) othersUntouched() []string {
	var broken []string
	after := ids(r.After)
	alone := sync.OnceValue(r.leftAlone)
	for _, id := range sorted(r.baseline) {
		content, still := after[id]
		if still && (content == r.baseline[id] || r.left(id)) || r.planned(id) {
			continue
		}
		byItself, ever := alone()[id]
		switch {
		case still && content != byItself:
			broken = append(broken, fmt.Sprintf("%s is no longer as it was, and no committed plan names it: %s, was %s", id, content, r.baseline[id]))
		case !still && ever:
			broken = append(broken, id+" is gone, and no committed plan names it")
		}
	}
	return broken
}

// leftAlone is what would be there at the end if nobody had called AWS: a directory that was being deleted goes by itself. What
// others changed is as they left it.
func (r *Run) leftAlone() map[string]string {
	twin, err := emulator.New(emulator.Options{World: r.Before, Now: func() time.Time { return r.Ended }})
	if err != nil {
		panic(fmt.Sprintf("replay: the world as it was: %v", err)) // it was taken from an emulator
	}
	alone, found := ids(twin.World()), ids(r.Before)
	for id, content := range r.baseline {
		if found[id] != content {
			alone[id] = content
		}
	}
	return alone
}

// left tells whether a committed plan reports a thing and leaves it: an address stays, and loses the gateway that it was mapped to.
func (r *Run) left(id string) bool {
	return slices.ContainsFunc(r.Executions, func(e *Execution) bool {
		return e.plan != nil && slices.ContainsFunc(e.plan.Material.VPC.Left, func(left closing.Resource) bool { return left.ID == id })
	})
}

// planned tells whether a committed plan covers the loss of a thing: it names it, or the thing that it was part of.
func (r *Run) planned(id string) bool {
	content := r.baseline[id]
	for _, e := range r.Executions {
		if e.plan == nil {
			continue
		}
		m := e.plan.Material
		owners := []string{}
		if m.Directory.Fate == closing.FateDelete {
			owners = append(owners, m.Directory.ID)
		}
		if m.VPC.Fate == closing.FateDelete {
			owners = append(owners, m.VPC.ID) // its default group, ACL and main route table go with it
			for _, resource := range m.VPC.Resources {
				owners = append(owners, resource.ID) // a gateway's or an endpoint's interface goes with it
			}
		}
		for _, connection := range m.VPCConnections {
			owners = append(owners, connection.ID)
		}
		partOf := func(owner string) bool { return strings.Contains(content, `"`+owner+`"`) }
		quickSight := m.Subscription != nil && strings.HasPrefix(id, "arn:aws:quicksight:") && strings.Contains(id, ":"+m.AccountID+":")
		if m.Names(id) || quickSight || slices.ContainsFunc(owners, partOf) {
			return true
		}
	}
	return false
}

// executionOf is the execution's name in an invocation's label.
func executionOf(invocation string) string {
	name, _, _ := strings.Cut(invocation, "/")
	return name
}

// keyOf is the key of the object that a call to S3 is about, "" for other calls.
func keyOf(call emulator.Call) string {
	var params struct{ Key string }
	if call.Service != "s3" || json.Unmarshal(call.Params, &params) != nil {
		return ""
	}
	return params.Key
}

func operationOf(call emulator.Call) string { return call.Service + ":" + call.Operation }

// fleetsAsApproved holds that every account which was closed in a fleet is one that the fleet's approvers kept, as they saw it, and that none was
// closed by two of its runs.
func (r *Run) fleetsAsApproved() []string {
	var broken []string
	used := map[string]string{}
	for _, e := range r.Executions {
		if e.commit == nil || e.commit.Fleet == "" || e.plan == nil {
			continue
		}
		account := e.plan.Material.AccountID
		say := func(format string, args ...any) {
			broken = append(broken, fmt.Sprintf("account %s was committed by %s: ", account, e.Name)+fmt.Sprintf(format, args...))
		}
		fleet := r.fleetIn(e.commit.Fleet)
		if fleet == nil || fleet.commit == nil || fleet.plan == nil {
			say("its fleet %s has no commit", e.commit.Fleet)
			continue
		}
		kept := fleet.plan.Material.Kept(fleet.commit.Decisions)
		i := slices.IndexFunc(kept, func(m closing.Member) bool { return m.AccountID == account })
		switch {
		case len(fleet.commit.Decisions) == 0:
			say("nobody approved the fleet %s", fleet.Name)
		case i < 0:
			say("the approvers of the fleet %s did not keep it", fleet.Name)
		case kept[i].Digest != e.plan.Digest:
			say("the approvers of the fleet %s saw another plan", fleet.Name)
		}
		if before := used[fleet.ARN+account]; before != "" {
			say("%s had committed it before", before)
		}
		used[fleet.ARN+account] = e.Name
	}
	return append(broken, r.fleetsComplete()...)
}

// fleetsComplete holds that a fleet's report has every account that its plan has, once.
func (r *Run) fleetsComplete() []string {
	var broken []string
	for _, e := range r.Executions {
		if e.Fleet == nil || e.plan == nil {
			continue
		}
		reported := map[string]int{}
		for _, a := range e.Fleet.Accounts {
			reported[a.AccountID]++
		}
		for _, m := range e.plan.Material.Fleet {
			if reported[m.AccountID] != 1 {
				broken = append(broken, fmt.Sprintf("the report of the fleet %s has account %s %d times", e.Name, m.AccountID, reported[m.AccountID]))
			}
		}
	}
	return broken
}

func (r *Run) fleetIn(folder string) *Execution {
	for _, e := range r.Executions {
		if e.Folder == folder {
			return e
		}
	}
	return nil
}

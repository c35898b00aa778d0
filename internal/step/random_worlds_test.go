package step

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

var worlds = flag.Uint64("worlds", 2000, "how many random worlds TestRandomWorlds plays")

// In whatever account, with whatever going wrong: what the plan names is gone, or the run says why; nothing else has changed; and
// running again changes nothing. A seed that fails leaves a story which reproduces it.
func TestRandomWorlds(t *testing.T) {
	t.Parallel()
	count := *worlds
	if testing.Short() {
		count = min(count, 200)
	}
	var next atomic.Uint64
	var mu sync.Mutex
	var reads, writes []float64
	var ended, stopped, kept int
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for seed := next.Add(1); seed <= count && !t.Failed(); seed = next.Add(1) {
				p := playWorld(t, seed)
				mu.Lock()
				reads, writes = append(reads, p.reads...), append(writes, p.writes...)
				switch {
				case p.plan.NothingToClose():
					kept++
				case p.err != nil:
					stopped++
				default:
					ended++
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	t.Logf("%d random worlds: %d closed, %d stopped with a reason, %d with nothing to delete", ended+stopped+kept, ended, stopped, kept)
	t.Logf("calls over the fewest possible: reads %.2f, changes %.2f (medians)", median(reads), median(writes))
	if !t.Failed() && (ended < int(count)/3 || stopped < int(count)/20 || kept < int(count)/10) {
		t.Error("the worlds are too much alike to show anything")
	}
	if median(reads) > 1.5 || median(writes) > 1.5 {
		t.Error("the steps make more calls than they need")
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 1
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// playedWorld is what came out of a random world.
type playedWorld struct {
	*deleting
	plan   closing.Material
	err    error           // why it stopped
	gone   map[string]bool // subnets of the plan that are
	reads  []float64       // by pass: calls over kinds that were read
	writes []float64       // calls over resources that were changed
}

func playWorld(t *testing.T, seed uint64) *playedWorld {
	t.Helper()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	w := newRandomWorld(seed, start)
	text, err := json.Marshal(w.account)
	if err != nil {
		t.Fatal(err)
	}
	account := strings.TrimSuffix(strings.TrimPrefix(string(text), "{"), "}")
	p := &playedWorld{deleting: newUnplanned(t, account, emulator.Options{Faults: w.faults}), gone: map[string]bool{}}
	twin := newUnplanned(t, account, emulator.Options{}) // in which nobody calls
	defer p.close()
	defer twin.close()
	quiet := slog.New(slog.DiscardHandler)
	p.env.Log = quiet
	fail := func(format string, args ...any) {
		t.Errorf("seed %d: %s; the story %s reproduces it", seed, fmt.Sprintf(format, args...), p.writeStory(seed, w, text))
	}

	p.plan = p.committed(w.request)
	p.drive()
	p.now = p.now.Add(2 * time.Hour) // what AWS was asked for and takes its time
	twin.now = p.now
	after, untouched := resourcesOf(p.aws), resourcesOf(twin.aws)
	if p.err != nil && closing.CodeOf(p.err) == "" {
		fail("it stopped without a reason: %v", p.err)
	}
	for _, r := range p.plan.VPC.Resources {
		p.gone[r.ID] = after[r.ID] == ""
	}
	for id, kind := range untouched {
		if after[id] == kind || p.mayChange(id, untouched) {
			continue
		}
		fail("%s is not the plan's, and became %q from %q", id, after[id], kind)
	}
	for id := range after {
		if untouched[id] == "" {
			fail("%s was not there", id)
		}
	}
	for _, id := range append([]string{p.plan.Directory.ID, p.plan.VPC.ID}, resourceIDs(p.plan.VPC.Resources)...) {
		if p.err == nil && p.plan.Names(id) && after[id] != "" {
			fail("the plan names %s, and it is still there: %s", id, after[id])
		}
	}
	// A pass that had begun may end, and reads may show what was there half a minute ago.
	if w.latecomer != "" && w.latecomer == p.plan.VPC.ID && p.plan.VPC.Fate == closing.FateDelete && after[p.plan.VPC.ID] != "" {
		for _, c := range p.aws.Journal() {
			if c.Mutating && c.Service == "ec2" && c.Error == "" && c.Time.After(w.comes.Add(time.Minute)) {
				fail("%s of %v cut off who had come at %s", c.Operation, c.Resources, w.comes)
			}
		}
	}
	p.count(fail, len(w.faults) > 0)
	if before := len(p.mutations()); p.err == nil {
		p.drive()
		if p.err != nil || len(p.mutations()) != before {
			fail("running it again changed %v (%v)", p.mutations()[before:], p.err)
		}
	}
	return p
}

// committed plans and commits what a request asks for. A plan that cannot be made is no plan.
func (p *playedWorld) committed(text string) closing.Material {
	request, err := closing.ParseRequest([]byte(text))
	p.must(err)
	ctx := clock.Virtual(p.t.Context(), p.now, time.Hour)
	p.in.Run = Run{Closing: record.Prefix(readingTarget, "run-1", p.now), AccountID: readingTarget, Round: 1}
	folder := p.env.folder(p.in)
	m := closing.Material{AccountID: readingTarget}
	for range 20 { // as the machine retries
		target, err := p.Target(ctx, Access{Account: readingTarget, Role: RoleRead, Policy: ReadPolicy()})
		p.must(err)
		around, err := readSurroundings(ctx, p.env, target, request, m)
		if err != nil {
			continue
		}
		var blockers []closing.Blocker
		m.Directory, _, blockers = around.decideDirectory(request, nil)
		var more []closing.Blocker
		if m.VPC, _, more = around.decideVPC(request, m, nil); len(blockers)+len(more) > 0 {
			m.Directory, m.VPC = closing.Directory{Fate: closing.FateKeep}, closing.VPC{Fate: closing.FateKeep}
		}
		break
	}
	m.Sort()
	p.must(folder.PutRequest(ctx, request))
	plan, err := folder.PutPlan(ctx, record.PlanName(1), closing.Plan{Round: 1, Material: m})
	p.must(err)
	p.in.Run.Digest = plan.Digest
	p.must(p.env.Record.Lock(ctx, readingTarget, readingRun, func(context.Context, string) (bool, error) { return false, nil }))
	p.commit()
	return plan.Material
}

// drive calls the two steps as the machine does, retries included.
func (p *playedWorld) drive() {
	for _, s := range []struct {
		handler func(Env) Handler
		state   string
	}{{DeleteDirectory, "Delete Directory"}, {DeleteVPC, "Delete VPC"}} {
		entered, retries := p.now, 0
		for done := false; !done; {
			seen := len(p.aws.Journal())
			p.in.State, p.in.Entered = s.state, entered
			result, err := s.handler(p.env)(clock.Virtual(p.t.Context(), p.now, 10*time.Minute), p.in)
			p.measure(p.aws.Journal()[seen:])
			switch {
			case err != nil && closing.CodeOf(err) == "" && retries < 8:
				retries++
				p.now = p.now.Add(time.Minute)
			case err != nil:
				p.err = err
				return
			case result.State == Done:
				p.in.Run, p.in.Progress, done = result.Run, result.Progress, true
			default:
				p.in.Run, p.in.Progress = result.Run, result.Progress
				p.now = p.now.Add(time.Duration(result.Progress.Wait) * time.Second)
			}
		}
	}
}

// measure compares a pass's reads with one for each kind that it read.
func (p *playedWorld) measure(calls []emulator.Call) {
	kinds, reads := map[string]bool{}, 0
	for _, c := range calls {
		if c.Account == readingTarget && !c.Mutating {
			kinds[c.Service+":"+c.Operation] = true
			reads++
		}
	}
	if reads > 0 {
		p.reads = append(p.reads, float64(reads)/float64(len(kinds)))
	}
}

// count compares the changes with one for each resource. What failed may be asked for again.
func (p *playedWorld) count(fail func(string, ...any), faulty bool) {
	made := p.mutations()
	if twice := repeated(made); len(twice) > 0 && !faulty {
		fail("asked for more than once: %v", twice)
	}
	changed := map[string]bool{}
	for _, m := range made {
		_, id, _ := strings.Cut(m, " ")
		changed[id] = true
	}
	if len(changed) > 0 {
		p.writes = append(p.writes, float64(len(made))/float64(len(changed)))
	}
}

// mayChange tells whether something is the plan's, or AWS's own to take along with what is.
func (p *playedWorld) mayChange(id string, all map[string]string) bool {
	if p.plan.Names(id) {
		return true
	}
	var r struct {
		VPC, For      string
		Subnet        string
		Main, Default bool
		Name          string
	}
	if err := json.Unmarshal([]byte(all[id]), &r); err != nil {
		p.t.Fatal(err)
	}
	inVPC := r.VPC == p.plan.VPC.ID && p.plan.Names(r.VPC)
	switch kind, _, _ := strings.Cut(id, "-"); kind {
	case "rtb":
		return inVPC && r.Main
	case "acl":
		return inVPC && r.Default
	case "sg":
		return inVPC && r.Name == "default"
	case "eni":
		return p.plan.Names(r.For) || p.gone[r.Subnet]
	case "i": // nobody launches anything in a subnet that is gone, which EC2 does not delete with an interface in it
		return p.gone[r.Subnet]
	case "eipalloc": // it loses what it was mapped to, and stays
		return strings.Contains(string(closing.Canonical(p.plan.VPC.Left)), id)
	case "fl": // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html: flow logs are removed some time later
		return strings.Contains(string(closing.Canonical(p.plan.VPC.Left)), id)
	default:
		return false
	}
}

func resourceIDs(resources []closing.Resource) []string {
	var ids []string
	for _, r := range resources {
		ids = append(ids, r.ID)
	}
	return ids
}

// resourcesOf is everything that the account holds, by id, written as JSON.
func resourcesOf(a *emulator.AWS) map[string]string {
	account := a.World().Accounts[readingTarget]
	all := map[string]string{}
	for _, d := range account.Directories {
		all[d.ID] = string(closing.Canonical(d))
	}
	for _, n := range account.Network {
		text, err := json.Marshal(n)
		if err != nil {
			panic(err)
		}
		var lists map[string]json.RawMessage
		if err := json.Unmarshal(text, &lists); err != nil {
			panic(err)
		}
		delete(lists, "changes")
		for _, list := range lists {
			var items []map[string]any
			if json.Unmarshal(list, &items) != nil {
				continue // a number
			}
			for _, item := range items {
				delete(item, "privateIp") // the next one that is free
				all[fmt.Sprint(item["id"])] = string(closing.Canonical(item))
			}
		}
	}
	return all
}

// writeStory writes what failed as a story: the same account, plan and faults, and whoever comes meanwhile comes as long after the commit.
func (p *playedWorld) writeStory(seed uint64, w *randomWorld, account []byte) string {
	p.t.Helper()
	var fields map[string]any
	p.must(json.Unmarshal(account, &fields))
	fields["quickSight"] = map[string]any{"status": "UNSUBSCRIBED"}
	network := fields["network"].(map[string]any)["us-east-1"].(map[string]any)
	changes, _ := network["changes"].([]any)
	delete(network, "changes")
	script := []any{map[string]any{"when": map[string]any{"state": "Request Approval"}, "after": "PT2H", "do": "approve", "as": "alice"}}
	for _, c := range changes {
		var patch []any
		for list, items := range c.(map[string]any)["add"].(map[string]any) {
			const into = "/accounts/" + readingTarget + "/network/us-east-1/"
			if _, listed := network[list]; !listed {
				patch = append(patch, map[string]any{"op": "add", "path": into + list, "value": items})
				continue
			}
			for _, item := range items.([]any) {
				patch = append(patch, map[string]any{"op": "add", "path": into + list + "/-", "value": item})
			}
		}
		after := fmt.Sprintf("PT%dM", int(w.comes.Sub(w.start).Minutes()))
		script = append(script, map[string]any{"when": map[string]any{"state": "Delete Directory"}, "after": after, "do": "change", "patch": patch})
	}
	expect := map[string]any{"outcome": closing.OutcomeClosed, "status": []string{"SUCCEEDED"}}
	switch {
	case p.plan.NothingToClose():
		expect["outcome"] = closing.OutcomeAlreadyClosed
	case w.latecomer == p.plan.VPC.ID:
		expect = map[string]any{"outcome": closing.OutcomePartlyClosed, "status": []string{"FAILED"}, "error": closing.Blocked, "there": []string{p.plan.VPC.ID}}
	}
	met := slices.DeleteFunc(slices.Clone(w.faults), func(f emulator.Fault) bool {
		return slices.ContainsFunc(p.aws.UnusedFaults(), func(unused emulator.Fault) bool { return reflect.DeepEqual(f, unused) })
	})
	files := map[string]any{
		"event.json": json.RawMessage(w.request),
		"world.json": map[string]any{"now": w.start, "hub": readingHub, "accounts": map[string]any{
			readingHub: map[string]any{
				"principals": []any{map[string]any{"accessKeyId": "AKIAALICE", "arn": "arn:aws:iam::" + readingHub + ":user/alice"}},
			},
			readingTarget: fields,
		}},
		"story.json": map[string]any{"title": fmt.Sprintf("Random world %d", seed), "faults": met, "script": script, "expect": expect},
	}
	dir := filepath.Join("..", "..", "build", "random-worlds", fmt.Sprintf("seed-%d", seed))
	p.must(os.MkdirAll(dir, 0o750))
	for name, content := range files {
		text, err := json.MarshalIndent(content, "", "  ")
		p.must(err)
		p.must(os.WriteFile(filepath.Join(dir, name), append(text, '\n'), 0o600))
	}
	return dir
}

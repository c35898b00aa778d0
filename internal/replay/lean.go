package replay

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"sync"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// What a replay of very many accounts does otherwise, so that it fits into memory and uses all processors.

// independent is how many of these executions, from the first on, can do at one time what is due now: runs for the accounts of a fleet, of
// which none touches what belongs to another. Where something is to go wrong, they take turns, so that it goes wrong for the same one every time.
func (p *player) independent(running []*Execution) int {
	if !p.options.Lean || len(p.story.Faults)+len(p.failures)+len(p.mishaps) > 0 || p.processes != nil {
		return 0
	}
	for n, e := range running {
		if !e.nested {
			return n
		}
	}
	return len(running)
}

// advanceTogether lets independent executions do what is due now. The journal reads, and all else is, as if they had taken turns.
func (p *player) advanceTogether(ctx context.Context, running []*Execution) {
	before := p.aws.Served()
	next := make(chan *Execution)
	var wait sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for e := range next {
				e.Advance(ctx, p.now)
			}
		})
	}
	turn := map[string]int{}
	for i, e := range running {
		if p.due(e) {
			turn[e.Name] = i
			next <- e
		}
	}
	close(next)
	wait.Wait()
	p.aws.Arrange(before, func(c emulator.Call) int { return turn[executionOf(c.Invocation)] })
}

// leanJournal is by how much a journal may grow before it is thinned out.
const leanJournal = 5_000

// thin keeps of the journal who started what.
func (p *player) thin() {
	if p.script.calls-p.thinned < leanJournal {
		return
	}
	p.aws.Forget(p.thinned, func(c emulator.Call) bool {
		return c.Operation == "StartExecution"
	})
	p.thinned = p.aws.Served()
	p.script.calls = p.thinned
}

// forget lets go of an account's run that has ended, and of that part of its record which the fleet does not read again: of a plan that was made,
// all but the plan; of a closing, all but the report. An account that is closed goes, too.
func (p *player) forget(e *Execution) {
	var request closing.Request
	if json.Unmarshal(e.Input, &request) == nil && e.Status() == asl.Succeeded {
		p.aws.Discard(p.run.hub.account, p.run.hub.bucket(), "closings/"+request.AccountID+"/", func(key string) bool {
			name := key[strings.LastIndexByte(key, '/')+1:]
			if request.DryRun {
				return name == "lock.json" || name == "plan-1.json" || name == "verified.json" || strings.Contains(key, "/lists/")
			}
			return name == "lock.json" || name == "report-1.json"
		})
		if !request.DryRun {
			p.aws.Retire(request.AccountID)
		}
	}
	e.Forget()
	e.tasks, e.tokens, e.Input, e.random = nil, nil, nil, nil
}

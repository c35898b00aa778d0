package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// script is what people do in a story, and how far the story has been read for the moments that they wait for.
type script struct {
	lines  []Line
	began  []bool // the line's moment has come
	events []int  // by execution: history events seen
	calls  int    // journal lines seen
	seen   map[string]int
}

func newScript(lines []Line) script {
	return script{lines: lines, began: make([]bool, len(lines)), seen: map[string]int{}}
}

// newEvents returns the events of the execution with this index that nobody has looked at.
func (s *script) newEvents(i int, e *Execution) []asl.Event {
	for len(s.events) <= i {
		s.events = append(s.events, 0)
	}
	fresh := e.HistorySince(s.events[i])
	s.events[i] += len(fresh)
	return fresh
}

func (s *script) newCalls(aws *emulator.AWS) []emulator.Call {
	fresh := aws.JournalSince(s.calls)
	s.calls += len(fresh)
	return fresh
}

func (s *script) unused() []string {
	var unused []string
	for i, line := range s.lines {
		if !s.began[i] {
			unused = append(unused, fmt.Sprintf("line %d of the script (%s)", i+1, line.Do))
		}
	}
	return unused
}

// wake begins the lines that wait for an event of an execution.
func (p *player) wake(run int, event asl.Event) {
	state := entered(event)
	key := fmt.Sprintf("%d %s", run, state)
	if state != "" {
		p.script.seen[key]++
	}
	for i, line := range p.script.lines {
		w := line.When
		if w.run() != run || p.script.began[i] {
			continue
		}
		switch {
		case w.Started && event.Type == asl.ExecutionStarted,
			w.State != "" && w.State == state && w.nth() == p.script.seen[key],
			w.Ended && ended(event.Type) && w.nth() == p.endings(run, event):
			p.begin(i, event.Timestamp)
		}
	}
}

// endings is how often the execution has ended, with this event.
func (p *player) endings(run int, event asl.Event) int {
	n := 0
	for _, e := range p.run.Executions[run-1].History() {
		if e.ID <= event.ID && ended(e.Type) {
			n++
		}
	}
	return n
}

// wakeCall begins the lines that wait for a call to take effect.
func (p *player) wakeCall(call emulator.Call) {
	name := call.Service + ":" + call.Operation
	p.script.seen[name]++
	for i, line := range p.script.lines {
		if line.When.Call == name && line.When.nth() == p.script.seen[name] && !p.script.began[i] {
			p.begin(i, call.Time)
		}
	}
}

// wakeGone begins the lines that wait for a resource to vanish.
func (p *player) wakeGone() {
	for i, line := range p.script.lines {
		if line.When.Gone != "" && !p.script.began[i] && ids(p.aws.World())[line.When.Gone] == "" {
			p.begin(i, p.now)
		}
	}
}

func (p *player) begin(i int, moment time.Time) {
	p.script.began[i] = true
	line := p.script.lines[i]
	p.schedule(moment.Add(time.Duration(line.After)), func(ctx context.Context, p *player) error {
		return p.keep(ctx, i, line, 1)
	})
}

// Somebody patient tries again what did not work.
const (
	maxTries   = 4
	triesAgain = 10 * time.Minute
)

// keep does line i at its time. In a run where anything may go wrong people are patient.
func (p *player) keep(ctx context.Context, i int, line Line, try int) error {
	heard := len(p.run.answers)
	err := p.do(ctx, line)
	if !p.patient && err != nil {
		return fmt.Errorf("line %d of the script: %s: %w", i+1, line.Do, err)
	}
	if p.patient && try < maxTries && (err != nil || len(p.run.answers) > heard) {
		p.run.answers = p.run.answers[:heard]
		p.schedule(p.now.Add(triesAgain), func(ctx context.Context, p *player) error { return p.keep(ctx, i, line, try+1) })
	}
	return nil
}

// do does one line.
func (p *player) do(ctx context.Context, line Line) error {
	event := line.Event
	if event == nil {
		event = p.story.Event
	}
	switch line.Do {
	case Start:
		return p.start(ctx, line.Machine, event, line.Name)
	case Audit:
		p.audits++
		return p.audit(ctx, delivery{n: p.audits, event: event, answer: line.Answer}, 1)
	case Deploy:
		return p.deploy(line)
	case Change:
		return p.change(line.Patch)
	case Contact:
		return p.call(ctx, line)
	}
	n := cmp.Or(line.Run, line.When.run())
	if n > len(p.run.Executions) {
		return errNoExecution
	}
	e := p.run.Executions[n-1]
	switch line.Do {
	case Stop:
		return p.stop(ctx, e)
	case Redrive:
		return p.redrive(ctx, e)
	case Invoke:
		return p.invokeAgain(ctx, e, line)
	default:
		code, message, err := p.decide(ctx, e, line)
		if err == nil && code != line.Answer {
			p.run.answers = append(p.run.answers, fmt.Sprintf("%s by %s: expected the answer %q, got %q: %s", line.Do, line.As, line.Answer, code, message))
		}
		return err
	}
}

// invokeAgain invokes the function of a state by hand, with its last payload. So does a function behave that goes on after its
// execution was stopped.
func (p *player) invokeAgain(ctx context.Context, e *Execution, line Line) error {
	task, called := e.tasks[line.State]
	if !called {
		return fmt.Errorf("execution %s has not called the function of %q", e.Name, line.State)
	}
	folder := workflow.FolderOf(task.Function)
	p.byHand++
	out := p.invoke(ctx, folder, fmt.Sprintf("%s/%s by hand#%d.1", e.Name, folder, p.byHand), task.Payload)
	if out.Error != line.Answer {
		p.run.answers = append(p.run.answers, fmt.Sprintf("invoke of %s: expected the answer %q, got %q: %s", line.State, line.Answer, out.Error, out.Cause))
	}
	return nil
}

// call calls AWS around the workflow. What it changes is not laid to the workflow's account.
func (p *player) call(ctx context.Context, line Line) error {
	before := ids(p.aws.World())
	code, body, err := p.contact(ctx, cmp.Or(line.As, operator), *line.Call)
	if err != nil {
		return err
	}
	p.run.theirs(before, ids(p.aws.World()))
	if code != line.Answer || !strings.Contains(body, line.Says) {
		p.run.answers = append(p.run.answers, fmt.Sprintf("call of %s (%s%s%s): expected the answer %q %q, got %q %q",
			line.Call.Service, line.Call.Path, line.Call.Target, line.Call.Body, line.Answer, line.Says, code, body))
	}
	return nil
}

// change edits the world by a JSON Patch.
func (p *player) change(patch json.RawMessage) error {
	decoded, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return fmt.Errorf("the patch: %w", err)
	}
	before := ids(p.aws.World())
	var failed error
	err = p.aws.Change(func(w *emulator.World) {
		before, err := json.Marshal(w)
		if err != nil {
			failed = err
			return
		}
		options := jsonpatch.NewApplyOptions()
		options.EnsurePathExistsOnAdd = true
		after, err := decoded.ApplyWithOptions(before, options)
		if err != nil {
			failed = err
			return
		}
		var changed emulator.World
		dec := json.NewDecoder(strings.NewReader(string(after)))
		dec.DisallowUnknownFields()
		if failed = dec.Decode(&changed); failed == nil {
			*w = changed
		}
	})
	if err := cmp.Or(failed, err); err != nil {
		return err
	}
	p.run.others(before, ids(p.aws.World()))
	return nil
}

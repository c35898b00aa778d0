package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Options say how a story is run.
type Options struct {
	Assumptions map[string]string // settings other than the defaults; what the story itself fixes wins
	PageSize    int               // of every list call; 0: AWS's own sizes
	Seed        uint64            // of jitter
	Logs        io.Writer         // the functions' logs; nil: nowhere
	Binaries    string            // a folder of Build: the functions run as processes; "": their handlers run within this one
	// AtGate is called when an execution has asked, in place of the story's people; the story goes on once it returns.
	AtGate func(context.Context, Door) error
	// For the removal test: a guard, an emulator's rule, a role's permission or a state's retrier that is taken away.
	WithoutGuard      string
	WithoutRule       string
	WithoutPermission Permission
	Definition        []byte       // another machine than the synthesized one
	Watch             func(Moment) // is told what happens, while it happens; may be nil
	// Lean keeps no histories, journal and copies of the world, but what the accounts of a fleet came to and who started what: for very many of them.
	Lean bool
	// Look is called whenever something has happened, and may have the run as far as it got. It must be done with that when it returns; may be nil.
	Look func(soFar func() *Run)

	functions emulator.Functions // for calls of Lambda itself; nil: there are none
}

// Run is a story that was run.
type Run struct {
	Story      *Story
	Executions []*Execution
	Calls      []emulator.Call
	Before     *emulator.World // of a lean run: the hub account alone
	AtCommit   *emulator.World // when the first commit was written; nil: none was
	After      *emulator.World // nil: the run is lean
	Started    time.Time       // virtual
	Ended      time.Time       // virtual
	Took       time.Duration
	Refusal    string // why StartExecution refused the story's event

	lean       bool
	used       Bill
	byARN      map[string]*Execution
	names      map[string]*Execution
	hub        hub
	definition []byte            // another machine than the synthesized one
	baseline   map[string]string // by id: what the workflow found, and what others changed since

	unknown []string
	unused  []string // faults, failures and lines of the script that never came to pass
	answers []string // answers to people that were not the expected ones
	alarms  []Alarm  // that audit-event raised
	audited []heard
	byHand  bool // somebody else than the story's people decided: what the story expects is not asked for
	aws     *emulator.AWS
}

// Execution is one execution of the machine.
type Execution struct {
	*asl.Execution
	Name, ARN string
	Machine   string // whose it is, an ARN
	Input     []byte
	Report    *closing.Report      // the last one; nil: none
	Fleet     *closing.FleetReport // likewise, of the machine that closes many accounts
	Folder    string               // its closing folder, "" where it has none

	plan   *closing.Plan       // that was committed; nil: none
	index  int                 // among the run's
	nested bool                // another execution started it
	commit *closing.Commit     // nil: none
	tokens []string            // task tokens that it handed out
	tasks  map[string]asl.Task // by state: the last that it called
	random *rand.PCG           // of its jitter
	uuids  int                 // that it has drawn
}

// Unknown lists the operations that the emulator does not know.
func (r *Run) Unknown() []string { return r.unknown }

// Consulted lists the assumptions about AWS that the run depended on.
func (r *Run) Consulted() []string { return r.aws.Consulted() }

// Unused lists the faults, failures and lines of the script that never came to pass.
func (r *Run) Unused() []string { return r.unused }

// horizon bounds a story: an execution lasts a year at most.
const horizon = 400 * 24 * time.Hour

// Play runs a story to its end: until nothing is due any more. An error is a story that cannot be run; what a story expected
// and did not get is for Check. With the error of an interrupt comes the run as far as it got: its calls and histories.
func Play(ctx context.Context, story *Story, o Options) (*Run, error) {
	began := time.Now()
	p, err := newPlayer(story, o)
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	defer p.end()
	if err := p.start(ctx, story.Machine, story.Event, ""); err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	p.observe()
	if err := p.finishAll(ctx); err != nil {
		p.run.Calls = p.aws.Journal() // for whoever interrupted it
		return p.run, fmt.Errorf("story %s: %w", story.Name, err)
	}
	p.run.Took = time.Since(began)
	return p.run, nil
}

// finishAll goes on until nothing is due any more, and collects what the story left.
func (p *player) finishAll(ctx context.Context) error {
	for {
		more, err := p.step(ctx)
		if err != nil {
			return err
		}
		if !more {
			return p.close(ctx)
		}
	}
}

// step does what is due next; more is false where nothing is.
func (p *player) step(ctx context.Context) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	at, due := p.next()
	if !due {
		return false, nil
	}
	if at.Sub(p.run.Started) > horizon {
		return false, fmt.Errorf("it has not ended after %s of virtual time", horizon)
	}
	return true, p.doAt(ctx, at)
}

// doAt does what is due at a time.
func (p *player) doAt(ctx context.Context, at time.Time) error {
	if at.After(p.now) {
		p.now = at
	}
	p.advance(context.WithoutCancel(ctx)) // an interrupt waits for the functions that run
	p.observe()
	if err := p.perform(ctx); err != nil {
		return err
	}
	p.observe()
	return nil
}

// player is a story under way.
type player struct {
	story    *Story
	options  Options
	run      *Run
	aws      *emulator.AWS
	machines map[string]*asl.Machine // by ARN
	stopping bool                    // an execution is being stopped
	running  []*Execution            // that have not ended, in the order in which they were started
	now      time.Time
	agenda   []appointment // what is due at a time, in the order in which it was made
	script   script
	failures []armedFailure

	// Running numbers of the invocations of functions that no state calls.
	finishes, decisions, byHand, duplicates, audits int

	noting  *sync.Mutex // guards what executions that advance at one time note: what the run used, and answered
	thinned int         // calls of a journal that were looked at, and are worth keeping

	versions  []*version // that were deployed
	processes *processes // nil: the functions are handlers
	mishaps   []mishap   // that wait for their call
	answered  answered   // of the newest invocation
	patient   bool       // people are: they try again what did not work

	advancing *Execution // that does what is due
	hold      *hold      // an order of calls that is explored; may be nil
}

// appointment is something that happens at a time.
type appointment struct {
	at time.Time
	do func(context.Context, *player) error // the player is an argument, so that a copy of it keeps its own appointments
}

func newPlayer(story *Story, o Options) (*player, error) {
	p := &player{
		story: story, options: o, now: story.World.Now, noting: new(sync.Mutex),
		script: newScript(played(story.Script, o)),
	}
	for _, f := range story.Failures {
		p.failures = append(p.failures, armedFailure{Failure: f})
	}
	assumptions := maps.Clone(o.Assumptions)
	if assumptions == nil {
		assumptions = map[string]string{}
	}
	maps.Copy(assumptions, story.Assumptions)
	hub := hubOf(story.World)
	asked, err := story.subscriptions()
	if err != nil {
		return nil, err
	}
	world, err := furnish(story.World, hub, asked, o.WithoutPermission, o.Lean)
	if err != nil {
		return nil, err
	}
	var without []string
	if o.WithoutRule != "" {
		without = []string{o.WithoutRule}
	}
	p.aws, err = emulator.New(emulator.Options{
		World: world, Now: func() time.Time { return p.now }, Faults: story.Faults, Assumptions: assumptions,
		PageSize: o.PageSize, Machines: p, Functions: o.functions, WithoutRules: without, Brief: o.Lean,
	})
	if err != nil {
		return nil, err
	}
	p.run = &Run{Story: story, hub: hub, definition: o.Definition, Started: p.now, aws: p.aws, byARN: map[string]*Execution{}, names: map[string]*Execution{}}
	p.run.byHand = o.AtGate != nil
	p.run.Before = p.aws.World()
	if o.Lean {
		p.run.Before.Accounts = map[string]*emulator.Account{hub.account: p.run.Before.Accounts[hub.account]}
	} else {
		p.run.baseline = ids(p.run.Before)
	}
	if o.Binaries != "" {
		if p.processes, err = newProcesses(p, o.Binaries); err != nil {
			return nil, err
		}
	}
	return p, p.publish(story.Config)
}

// end ends what runs beside this process.
func (p *player) end() {
	if p.processes != nil {
		_ = p.processes.close() // they have answered all that they were asked
	}
}

// played are the lines of a script that nobody else speaks.
func played(lines []Line, o Options) []Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return o.AtGate != nil && l.Do.decides() })
}

// next is when the next thing is due.
func (p *player) next() (at time.Time, due bool) {
	sooner := func(t time.Time) {
		if !due || t.Before(at) {
			at, due = t, true
		}
	}
	for _, e := range p.running {
		if e == p.held() {
			continue
		}
		if t, ok := e.Next(); ok {
			sooner(t)
		}
	}
	for _, a := range p.agenda {
		sooner(a.at)
	}
	return at, due
}

// advance lets every execution do what is due now.
func (p *player) advance(ctx context.Context) {
	outer := p.advancing
	defer func() { p.advancing = outer }()
	running := slices.Clone(p.running) // one may start others, which begin with the next step
	for len(running) > 0 {
		if n := p.independent(running); n > 1 {
			p.advanceTogether(ctx, running[:n])
			running = running[n:]
			continue
		}
		if e := running[0]; e != p.held() && p.due(e) {
			p.advancing = e
			e.Advance(ctx, p.now)
		}
		running = running[1:]
	}
}

// due tells whether there is something for an execution to do now.
func (p *player) due(e *Execution) bool {
	t, ok := e.Next()
	return ok && !t.After(p.now)
}

// perform keeps the appointments that are due now.
func (p *player) perform(ctx context.Context) error {
	var due, later []appointment
	for _, a := range p.agenda {
		if a.at.After(p.now) {
			later = append(later, a)
		} else {
			due = append(due, a)
		}
	}
	p.agenda = later
	for _, a := range due {
		if err := a.do(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) schedule(at time.Time, do func(context.Context, *player) error) {
	if at.Before(p.now) {
		at = p.now
	}
	p.agenda = append(p.agenda, appointment{at: at, do: do})
}

// observe looks at what happened since it last looked, and makes the appointments that follow from it.
func (p *player) observe() {
	for _, e := range slices.Clone(p.running) {
		for _, event := range p.script.newEvents(e.index, e) {
			p.tell(Moment{At: event.Timestamp, Execution: e.Name, Event: &event})
			p.wake(e.index+1, event)
			if p.options.AtGate != nil && entered(event) == gateState {
				p.halt(e, event.Timestamp)
			}
			if ended(event.Type) && event.Type != asl.ExecutionSucceeded {
				p.finish(e, event.Timestamp)
			}
		}
		if e.Status() != asl.Running {
			p.leave(e)
		}
	}
	for _, call := range p.script.newCalls(p.aws) {
		p.tell(Moment{At: call.Time, Execution: executionOf(call.Invocation), Call: &call})
		p.run.used.count(call)
		if call.Done {
			if !p.options.Lean {
				p.keepCommit(call)
			}
			p.wakeCall(call)
			p.watch(call)
		}
	}
	if p.options.Lean {
		p.thin()
	}
	p.wakeGone()
	if p.options.Look != nil {
		p.options.Look(p.soFar)
	}
}

// leave lets go of an execution that has ended, and tells those that wait for it.
func (p *player) leave(e *Execution) {
	p.running = slices.DeleteFunc(p.running, func(other *Execution) bool { return other == e })
	for _, other := range p.running {
		if other.Machine == p.run.hub.fleetMachine() {
			other.ExecutionEnded(p.now, e.Describe())
		}
	}
	if p.options.Lean && e.nested {
		p.forget(e)
	}
}

// soFar is the run as far as it got.
func (p *player) soFar() *Run {
	r := *p.run
	r.Ended, r.Calls, r.After = p.now, p.aws.Journal(), p.aws.World()
	return &r
}

// close collects what a story left.
func (p *player) close(ctx context.Context) error {
	r := p.run
	r.unused = nil
	r.Ended, r.Calls, r.unknown, r.lean = p.now, p.aws.Journal(), p.aws.Unknown(), p.options.Lean
	if !r.lean {
		r.After = p.aws.World()
	}
	for _, f := range p.aws.UnusedFaults() {
		r.unused = append(r.unused, fmt.Sprintf("the fault on %s:%s", f.Match.Service, f.Match.Operation))
	}
	for _, f := range p.failures {
		if f.fired == 0 {
			r.unused = append(r.unused, fmt.Sprintf("the failure %s of %s", f.Error, f.State))
		}
	}
	r.unused = append(r.unused, p.script.unused()...)
	if r.byHand {
		r.unused = nil
	}
	for _, e := range r.Executions {
		if e.Status() == asl.Running {
			return fmt.Errorf("execution %s is still waiting in %q and nothing will wake it", e.Name, last(e.Path()))
		}
	}
	return r.collectReports(ctx)
}

func last(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return path[len(path)-1]
}

// ended tells whether an event is an execution's last.
func ended(kind asl.EventType) bool {
	switch kind {
	case asl.ExecutionSucceeded, asl.ExecutionFailed, asl.ExecutionAborted, asl.ExecutionTimedOut:
		return true
	}
	return false
}

var errNoExecution = errors.New("the story has no such execution")

package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Sweep is a story with all that can go wrong in it: each mishap at each call, and each way to end an execution in each state.
//
// Runs fork from the faultless one right before the invocation that the mishap befalls. What an invocation did and answered
// decides the rest: mishaps after which both are equal share one fate, and only the first of them is played to its end. A
// seeded sample of the others is played too, to hold that.
type Sweep struct {
	Story    *Story
	Run      *Run // faultless
	Attempts []Attempt

	moments []*player // before each step of the faultless run
	seed    uint64
	world   map[string]string // by id: what the faultless run leaves
}

// Attempt is a mishap at a place.
type Attempt struct {
	Call       int    // of the faultless run's journal; 0: between calls
	Invocation string // whose call it is, or the execution and state that are at work
	Operation  string // of the call
	Kind       Kind

	moment  int
	service string
	class   string // of attempts that differ in nothing that anybody can see
	mishap  mishap
	order   order
}

func (a Attempt) String() string {
	if a.Call == 0 {
		return fmt.Sprintf("%s during %s", a.Kind, a.Invocation)
	}
	return fmt.Sprintf("%s at call %d, %s of %s", a.Kind, a.Call, a.Operation, a.Invocation)
}

// Fate is what came of an attempt.
type Fate struct {
	Outcome  closing.Outcome // of the execution that was hit
	Broken   []string        // invariants, and what no run may come to
	Repair   string          // what it took to converge: "", "redrive", "fresh run", or both
	Final    closing.Outcome // after the repair
	Absorbed bool            // the invocation did and answered what it does without a mishap
	Played   bool            // to its end; otherwise it shares the fate of an attempt that was
}

// NewSweep runs the story without any mishap of the sweep's, and finds all attempts.
func NewSweep(ctx context.Context, story *Story, o Options) (*Sweep, error) {
	s := &Sweep{Story: story, seed: o.Seed}
	p, err := newPlayer(story, o)
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	if err := p.start(ctx, story.Machine, story.Event, ""); err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	p.observe()
	changed := false
	for more := true; more; {
		moment, err := p.fork()
		if err != nil {
			return nil, fmt.Errorf("story %s: %w", story.Name, err)
		}
		moment.patient = true
		s.moments = append(s.moments, moment)
		s.states(moment)
		calls := p.aws.Served()
		if more, err = p.step(ctx); err != nil {
			return nil, fmt.Errorf("story %s: %w", story.Name, err)
		}
		s.calls(len(s.moments)-1, p.aws.Journal()[calls:], &changed)
	}
	if err := p.close(ctx); err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	s.Run, s.world = p.run, ids(p.run.After)
	return s, nil
}

// calls makes the attempts at the calls of one step.
func (s *Sweep) calls(moment int, calls []emulator.Call, changed *bool) {
	counts, effects, seen := map[string]int{}, map[string]int{}, map[string]int{}
	closes := map[string]bool{} // invocations that change more than the record
	for _, call := range calls {
		closes[call.Invocation] = closes[call.Invocation] || call.Mutating
	}
	for _, call := range calls {
		if call.Invocation == "" {
			continue // a person's
		}
		counts[call.Invocation]++
		effect := call.Done && !reads(call)
		for _, kind := range Kinds() {
			class := fmt.Sprint(call.Invocation, kind)
			switch kind {
			case Stopped, Expired:
				continue
			case Stale:
				consistent := !slices.Contains([]string{"quicksight", "ds", "ec2"}, call.Service)
				if consistent || !*changed || call.Mutating {
					continue
				}
				class = fmt.Sprint(call.Invocation, kind, call.Seq)
			case Denied, Unavailable:
				class = fmt.Sprint(call.Invocation, kind, call.Seq)
			case CrashBefore: // what a dead function leaves is what it did before
				class = fmt.Sprint(call.Invocation, "crash", effects[call.Invocation])
			case CrashAfter, TimesOut:
				n := effects[call.Invocation]
				if effect {
					n++
				}
				class = fmt.Sprint(call.Invocation, strings.Replace(string(kind), " after", "", 1), n)
			case Duplicate: // what another invocation does is seen by reads of the record, and by all reads where it changes more
				class = fmt.Sprint(call.Invocation, kind, seen[call.Invocation])
			}
			s.Attempts = append(s.Attempts, Attempt{
				Call: call.Seq, Invocation: call.Invocation, Operation: operationOf(call), Kind: kind, moment: moment, service: call.Service,
				class: class, mishap: mishap{kind, call.Invocation, counts[call.Invocation]},
			})
		}
		if effect {
			effects[call.Invocation]++
		}
		if effect || closes[call.Invocation] || slices.Contains([]string{"s3", "states", "sns", "events"}, call.Service) {
			seen[call.Invocation]++
		}
		*changed = *changed || call.Mutating && call.Done
	}
}

// states makes the attempts at what executions are at between two steps.
func (s *Sweep) states(p *player) {
	for _, e := range p.run.Executions {
		if e.Status() != asl.Running || len(e.Path()) == 0 {
			continue
		}
		label := fmt.Sprintf("%s/%s#%d", e.Name, last(e.Path()), len(e.Path()))
		for _, kind := range []Kind{Stopped, Expired} {
			known := slices.ContainsFunc(s.Attempts, func(a Attempt) bool { return a.Invocation == label && a.Kind == kind })
			if !known {
				s.Attempts = append(s.Attempts, Attempt{Invocation: label, Kind: kind, moment: len(s.moments) - 1, class: label + string(kind), mishap: mishap{kind: kind, label: label}})
			}
		}
	}
}

// Play plays every attempt, in parallel, and returns their fates in the order of the attempts.
func (s *Sweep) Play(ctx context.Context) ([]Fate, error) {
	faultless, keys, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	absorbed := func(i int) bool { return keys[i] == faultless[s.Attempts[i].moment] }
	first := map[string]int{}
	for i, key := range keys {
		if _, known := first[key]; !known && !absorbed(i) {
			first[key] = i
		}
	}
	sample := rand.New(rand.NewPCG(s.seed, 2)) //nolint:gosec // a repeatable choice
	var play []int
	for i, key := range keys {
		if at, known := first[key]; known && at == i || sample.IntN(sampled) == 0 {
			play = append(play, i)
		}
	}
	fates := make([]Fate, len(s.Attempts))
	if err := parallel(len(play), func(n int) error {
		var err error
		fates[play[n]], err = s.Fate(ctx, s.Attempts[play[n]])
		return err
	}); err != nil {
		return nil, err
	}
	for i, key := range keys {
		shared := fates[max(first[key], 0)]
		if absorbed(i) {
			outcome := s.outcome(s.Attempts[i])
			shared = Fate{Outcome: outcome, Final: outcome}
		}
		if !fates[i].Played {
			fates[i], fates[i].Played = shared, false
		} else if fates[i].Outcome != shared.Outcome || fates[i].Final != shared.Final {
			fates[i].Broken = append(fates[i].Broken, fmt.Sprintf("it did and answered what others did, which came to %s and %s", shared.Outcome, shared.Final))
		}
		fates[i].Absorbed = absorbed(i)
	}
	return fates, nil
}

// outcome is what the execution of an attempt comes to without it.
func (s *Sweep) outcome(a Attempt) closing.Outcome {
	return s.Run.byName(executionOf(a.Invocation)).outcome()
}

// keys finds out which attempts share a fate: they have the same key, and those that change nothing have the faultless step's.
//
// Not every attempt has to be tried for that. Attempts of one class differ in nothing that anybody can see. And where the
// client's own retry hides a mishap, it hides many at a time: the function gets the same answers at the same moment of its
// standing clock, so that a whole group is tried in one step, and halved only where that makes a difference.
func (s *Sweep) keys(ctx context.Context) (faultless, keys []string, err error) {
	faultless, keys = make([]string, len(s.moments)), make([]string, len(s.Attempts))
	if err := parallel(len(s.moments), func(i int) error {
		var err error
		faultless[i], err = s.probe(ctx, i, "")
		return err
	}); err != nil {
		return nil, nil, err
	}
	classes := map[string][]int{}
	var order []string
	for i, a := range s.Attempts {
		if classes[a.class] == nil {
			order = append(order, a.class)
		}
		classes[a.class] = append(classes[a.class], i)
	}
	err = parallel(len(order), func(n int) error {
		members := classes[order[n]]
		a := s.Attempts[members[0]]
		switch {
		case a.Call == 0:
			keys[members[0]] = a.String()
			return nil
		case a.Kind.hidden():
			return s.halve(ctx, members, faultless[a.moment], keys)
		}
		key, err := s.probe(ctx, a.moment, a.mishap.label, a)
		for _, i := range members {
			keys[i] = key
		}
		return err
	})
	return faultless, keys, err
}

// halve finds the keys of a group of attempts that the client's retry may hide.
func (s *Sweep) halve(ctx context.Context, members []int, faultless string, keys []string) error {
	if len(members) > largestGroup {
		middle := len(members) / 2
		return errors.Join(s.halve(ctx, members[:middle], faultless, keys), s.halve(ctx, members[middle:], faultless, keys))
	}
	var attempts []Attempt
	for n, i := range members {
		a := s.Attempts[i]
		a.mishap.call += n // each one before it makes one more call
		attempts = append(attempts, a)
	}
	key, err := s.probe(ctx, attempts[0].moment, attempts[0].mishap.label, attempts...)
	if err != nil {
		return err
	}
	if key != faultless && len(members) > 1 {
		middle := len(members) / 2
		return errors.Join(s.halve(ctx, members[:middle], faultless, keys), s.halve(ctx, members[middle:], faultless, keys))
	}
	for _, i := range members {
		keys[i] = key
	}
	return nil
}

// largestGroup keeps an invocation that waits for each of a group's answers within its time.
const largestGroup = 32

// hidden tells whether the client's retry hides a mishap from the function.
func (k Kind) hidden() bool {
	return slices.Contains([]Kind{Throttled, Refusing, TimeoutBefore, TimeoutAfter, Reset}, k)
}

// repairAfter is how long an operator takes to look.
const repairAfter = time.Hour

// sampled: one of so many attempts that share a fate is played nevertheless.
const sampled = 64

// Fate plays one attempt, or several in one run, to its end, and then redrives or starts afresh until nothing is left to do.
func (s *Sweep) Fate(ctx context.Context, attempts ...Attempt) (Fate, error) {
	first := attempts[0]
	p, err := s.moments[first.moment].fork()
	if err != nil {
		return Fate{}, err
	}
	for _, a := range attempts {
		if err := p.arm(a.mishap, a.service); err != nil {
			return Fate{}, err
		}
	}
	name := executionOf(first.Invocation)
	if err := p.endNow(ctx, first, name); err != nil {
		return Fate{}, err
	}
	fate := Fate{Played: true}
	if err := p.finishAll(ctx); err != nil {
		fate.Broken = append(fate.Broken, err.Error())
		return fate, nil
	}
	fate.Outcome = p.run.byName(name).outcome()
	fate.Broken = append(fate.Broken, p.run.improper()...)
	fate.Final = fate.Outcome
	want := s.Run.byName(name).outcome()
	if !want.Final() || !s.plain() {
		return fate, nil
	}
	var repairs []string
	for range 3 {
		e := p.run.Executions[len(p.run.Executions)-1]
		if len(repairs) == 0 {
			e = p.run.byName(name)
		}
		fate.Final = e.outcome()
		if s.converged(p.run, e, want) {
			fate.Repair = strings.Join(repairs, ", ")
			return fate, nil
		}
		how, err := p.repair(ctx, e, slices.Contains(repairs, "redrive"))
		if err != nil {
			fate.Broken = append(fate.Broken, fmt.Sprintf("repair: %v", err))
			return fate, nil
		}
		repairs = append(repairs, how)
		if err := p.finishAll(ctx); err != nil {
			fate.Broken = append(fate.Broken, fmt.Sprintf("after %s: %v", how, err))
			return fate, nil
		}
		fate.Broken = append(fate.Broken, p.run.improper()...)
	}
	fate.Repair = strings.Join(repairs, ", ")
	fate.Broken = append(fate.Broken, fmt.Sprintf("after %s it came to %s, not to %s: %s", fate.Repair, fate.Final, want, s.difference(p.run)))
	return fate, nil
}

// plain tells whether the story is one execution about which people decide, and nothing else. Where more happens in it, or something
// is left to do, a redrive has no faultless run to be measured by; its ends and invariants hold nevertheless.
func (s *Sweep) plain() bool {
	return len(s.Run.Executions) == 1 && len(s.Story.Faults)+len(s.Story.Failures) == 0 && !slices.ContainsFunc(s.Story.Script, func(l Line) bool {
		return !slices.Contains([]Deed{Approve, Reject, Cancel}, l.Do) || l.When.State == ""
	})
}

// endNow ends an execution that is to be ended between two calls.
func (p *player) endNow(ctx context.Context, a Attempt, name string) error {
	e := p.run.byName(name)
	switch a.Kind {
	case Stopped:
		if err := p.stop(ctx, e); err != nil {
			return err
		}
	case Expired:
		e.Expire(p.now)
	default:
		return nil
	}
	p.observe()
	return nil
}

// repair does what an operator does with a run that did not come out: redrive it, or start afresh where that leads nowhere.
func (p *player) repair(ctx context.Context, e *Execution, redriven bool) (how string, err error) {
	p.now = p.now.Add(repairAfter)
	if e.Status() != asl.Succeeded && !saidLastWord(e) && !redriven {
		if err := p.redrive(ctx, e); err != nil {
			return "", err
		}
		p.observe()
		return "redrive", nil
	}
	n := len(p.run.Executions) + 1
	for _, line := range p.story.Script {
		decision := slices.Contains([]Deed{Approve, Reject, Cancel}, line.Do)
		if decision && line.When.run() == 1 && line.When.State != "" && line.Run <= 1 {
			line.When.Run, line.Run = n, 0
			p.script.lines, p.script.began = append(p.script.lines, line), append(p.script.began, false)
		}
	}
	input := p.story.Event
	if bytes.Contains(input, []byte(`"detail-type"`)) && e.account() != "" { // an event starts one run; the next one is somebody's
		input = fmt.Appendf(nil, `{"accountId": %q}`, e.account())
	}
	if err := p.start(ctx, "", input, ""); err != nil {
		return "", err
	}
	p.observe()
	return "fresh run", nil
}

// saidLastWord tells whether an execution ended in a Fail state, which a redrive enters again.
func saidLastWord(e *Execution) bool {
	for _, event := range slices.Backward(e.History()) {
		if entered(event) != "" {
			return event.Type == "FailStateEntered"
		}
	}
	return false
}

// converged tells whether an execution came to what the faultless one came to, and left the same world. A fresh run after one
// that had done everything finds nothing to do.
func (s *Sweep) converged(r *Run, e *Execution, want closing.Outcome) bool {
	got := e.outcome()
	same := got == want || want == closing.OutcomeClosed && got == closing.OutcomeAlreadyClosed
	ended := e.Status() == s.Run.Executions[0].Status() || e.Status() == asl.Succeeded
	return same && ended && s.difference(r) == ""
}

// difference names things that this run left and the faultless one did not, or the other way round.
func (s *Sweep) difference(r *Run) string {
	var lines []string
	got := ids(r.After)
	for _, id := range sorted(s.world) {
		if _, ok := got[id]; !ok {
			lines = append(lines, id+" is gone")
		}
	}
	for _, id := range sorted(got) {
		if _, ok := s.world[id]; !ok {
			lines = append(lines, id+" is there")
		}
	}
	return strings.Join(lines, "; ")
}

// improper lists what no run may come to, whatever goes wrong.
func (r *Run) improper() []string {
	broken := r.Invariants()
	for _, operation := range r.unknown {
		broken = append(broken, "the emulator does not know "+operation)
	}
	outcomes := []closing.Outcome{
		closing.OutcomeClosed, closing.OutcomeAlreadyClosed, closing.OutcomePlanned, closing.OutcomeBlocked, closing.OutcomeRejected,
		closing.OutcomeCancelled, closing.OutcomeExpired, closing.OutcomeFailed, closing.OutcomePartlyClosed,
	}
	for _, e := range r.Executions {
		switch {
		case !slices.Contains(outcomes, e.outcome()):
			broken = append(broken, fmt.Sprintf("%s came to %q, which is no outcome", e.Name, e.outcome()))
		case e.Report == nil && e.Fleet == nil && e.Folder != "":
			broken = append(broken, e.Name+" left no report")
		}
	}
	return broken
}

// probe plays one step from a moment, with attempts in it, and returns a digest of what it did and answered.
func (s *Sweep) probe(ctx context.Context, moment int, label string, attempts ...Attempt) (string, error) {
	p, err := s.moments[moment].fork()
	if err != nil {
		return "", err
	}
	for _, a := range attempts {
		if err := p.arm(a.mishap, a.service); err != nil {
			return "", err
		}
	}
	before := p.aws.Served()
	if _, err := p.step(ctx); err != nil {
		return "", err
	}
	if label != "" && p.answered.label != label {
		return "", fmt.Errorf("%s was not called again: the story is not repeatable", label)
	}
	digest := sha256.New()
	encoder := json.NewEncoder(digest)
	var failed error
	add := func(v any) { failed = errors.Join(failed, encoder.Encode(v)) }
	add([]any{moment, p.answered.label, p.answered.outcome.Error, string(p.answered.outcome.Output)})
	for _, call := range p.aws.Journal()[before:] {
		if call.Done && !reads(call) {
			add([]any{call.Service, call.Operation, call.Region, call.Params, call.Time})
		}
	}
	return string(digest.Sum(nil)), failed
}

// reads tells whether a call leaves no trace that another call could see.
func reads(call emulator.Call) bool {
	return slices.ContainsFunc([]string{"Describe", "Get", "List", "Lookup", "Head", "Search", "Simulate", "AssumeRole"}, func(verb string) bool {
		return strings.HasPrefix(call.Operation, verb)
	})
}

// parallel does n things, as many at a time as there are processors, and returns the first error.
func parallel(n int, do func(int) error) error {
	var wait sync.WaitGroup
	errs := make([]error, n)
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wait.Wait()
	return errors.Join(errs...)
}

// Pairs plays n pairs of attempts, chosen by the seed: the second may lie in the same invocation or any later one, and may never
// come to pass.
func (s *Sweep) Pairs(ctx context.Context, n int) ([]Row, error) {
	choice := rand.New(rand.NewPCG(s.seed, 3)) //nolint:gosec // a repeatable choice
	rows := make([]Row, n)
	for i := range rows {
		first := s.Attempts[choice.IntN(len(s.Attempts))]
		second := s.Attempts[choice.IntN(len(s.Attempts))]
		for second.Call == 0 || second.moment < first.moment || second.Call == first.Call {
			first, second = s.Attempts[choice.IntN(len(s.Attempts))], s.Attempts[choice.IntN(len(s.Attempts))]
		}
		rows[i].Attempts = []Attempt{first, second}
	}
	return rows, parallel(n, func(i int) error {
		var err error
		rows[i].Fate, err = s.Fate(ctx, rows[i].Attempts...)
		return err
	})
}

// Sample plays n attempts, chosen by the seed.
func (s *Sweep) Sample(ctx context.Context, n int) ([]Row, error) {
	choice := rand.New(rand.NewPCG(s.seed, 4)) //nolint:gosec // a repeatable choice
	var rows []Row
	for range min(n, len(s.Attempts)) {
		rows = append(rows, Row{Attempts: []Attempt{s.Attempts[choice.IntN(len(s.Attempts))]}})
	}
	return rows, parallel(len(rows), func(i int) error {
		var err error
		rows[i].Fate, err = s.Fate(ctx, rows[i].Attempts...)
		return err
	})
}

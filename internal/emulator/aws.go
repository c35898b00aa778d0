package emulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Options say which AWS to pretend and how.
type Options struct {
	World        *World                                        // the state at the start; copied
	Now          func() time.Time                              // virtual clock; nil: stands at World.Now
	Faults       []Fault                                       // calls that go wrong
	Assumptions  map[string]string                             // name to setting, see Assumptions; defaults for the rest
	PageSize     int                                           // upper bound of every page; 0: AWS's own page sizes
	Machines     Machines                                      // Step Functions executions; nil: states operations answer 501
	Functions    Functions                                     // Lambda functions; nil: lambda operations answer 501
	Latency      func(service, operation string) time.Duration // nil: a fixed table
	WithoutRules []string                                      // refusals switched off, see Rules
	Brief        bool                                          // no answers in the journal of what CloudTrail does not record, and no Grants
}

// AWS is the pretended cloud. It is safe for concurrent use; calls are served one at a time.
type AWS struct {
	mu        sync.Mutex
	services  map[string]*service
	now       func() time.Time
	latency   func(service, operation string) time.Duration
	machines  Machines
	functions Functions
	pageSize  int
	brief     bool

	world       *World
	earlier     *World // before the last change, without buckets and sessions; nil: nothing has changed
	assumptions map[string]string
	consulted   map[string]bool // assumptions
	without     map[string]bool
	faults      []*armedFault
	journal     []Call
	occurrences map[string]int // by invocation, operation and parameters
	signingKeys signingKeys
	events      map[string][]int  // by account: what of the journal CloudTrail records
	holders     map[string]holder // by access key; nil: to be found out
	keys        map[*Bucket]*keyIndex
	owners      map[string]string // by bucket; nil: to be found out
	unknown     []string
	granted     map[Grant]bool
}

// New returns an AWS in the state of o.World. Unknown assumptions, settings and rules are errors.
func New(o Options) (*AWS, error) {
	if o.World == nil {
		return nil, errors.New("emulator: no world given")
	}
	world := o.World.Clone()
	if err := world.complete(); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	assumptions, err := resolveAssumptions(o.Assumptions)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	faults, err := armFaults(o.Faults)
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	a := &AWS{
		world:       world,
		assumptions: assumptions,
		consulted:   map[string]bool{},
		faults:      faults,
		without:     map[string]bool{},
		occurrences: map[string]int{}, signingKeys: signingKeys{},
		granted: map[Grant]bool{},
		events:  map[string][]int{},
	}
	a.configure(o)
	for _, name := range o.WithoutRules {
		if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Name == name }) {
			return nil, fmt.Errorf("emulator: unknown rule %q in WithoutRules", name)
		}
		a.without[name] = true
	}
	return a, nil
}

func (a *AWS) configure(o Options) {
	a.services = services()
	a.machines, a.functions, a.pageSize, a.brief = o.Machines, o.Functions, o.PageSize, o.Brief
	a.now = o.Now
	if a.now == nil {
		at := a.world.Now
		a.now = func() time.Time { return at }
	}
	a.latency = o.Latency
	if a.latency == nil {
		a.latency = defaultLatency
	}
}

// Clone returns an independent AWS in the present state: world, journal, counters, assumptions and rules are
// copied. Clock (nil: stands at the present time), latency, page size, brevity, machines and functions come from o; so do faults, unless o.Faults is nil: then the present
// ones go on. o.World, o.Assumptions and o.WithoutRules are not used.
func (a *AWS) Clone(o Options) (*AWS, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := &AWS{
		earlier:     a.earlier, // nobody changes it
		world:       a.world.Clone(),
		assumptions: maps.Clone(a.assumptions),
		consulted:   maps.Clone(a.consulted),
		without:     maps.Clone(a.without),
		occurrences: maps.Clone(a.occurrences), signingKeys: signingKeys{},
		journal: slices.Clone(a.journal),
		unknown: slices.Clone(a.unknown),
		granted: maps.Clone(a.granted),
		events:  map[string][]int{},
	}
	for account, events := range a.events {
		c.events[account] = slices.Clone(events)
	}
	if o.Faults == nil {
		for _, f := range a.faults {
			copied := *f
			c.faults = append(c.faults, &copied)
		}
	} else {
		var err error
		if c.faults, err = armFaults(o.Faults); err != nil {
			return nil, fmt.Errorf("emulator: %w", err)
		}
	}
	if o.Now == nil {
		at := a.now()
		o.Now = func() time.Time { return at }
	}
	c.configure(o)
	return c, nil
}

// World returns a copy of the present state, asynchronous changes applied as of now. It can seed another AWS.
func (a *AWS) World() *World {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.world.settle(a, now)
	world := a.world.Clone()
	world.Now = now
	return world
}

// Change edits the present state under the emulator's lock: what somebody does behind our back, such as a new
// dashboard between approval and commit.
func (a *AWS) Change(edit func(*World)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.world.settle(a, a.now())
	edit(a.world)
	a.holders, a.keys, a.owners = nil, nil, nil
	if err := a.world.complete(); err != nil {
		return fmt.Errorf("emulator: changing the world: %w", err)
	}
	return nil
}

// Unknown lists the operations that were answered 501, sorted and without repetition.
func (a *AWS) Unknown() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.unknown)
	return slices.Compact(slices.Clone(a.unknown))
}

// defaultLatency is what a call takes on the virtual clock: round numbers near what the services take.
func defaultLatency(service, _ string) time.Duration {
	switch service {
	case "quicksight":
		return 150 * time.Millisecond
	case "ec2", "ds", "cloudtrail":
		return 100 * time.Millisecond
	case "s3", "ssm":
		return 30 * time.Millisecond
	}
	return 50 * time.Millisecond
}

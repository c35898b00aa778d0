package asl

// branch is one thread of states: the machine itself, a branch of a Parallel, an iteration of a Map.
type branch struct {
	graph  *graph
	parent *branch // nil for the machine
	index  int     // within the parent
	item   *mapItem

	state     *state
	input     any // raw input of the state
	variables *variables
	last      int // id of the last event, which the next one names as its previous

	// Of the visit of the state.
	enteredState *state
	entered      int64 // time
	enteredID    int   // event
	before       int   // the event before that one
	attempt      int   // from 1
	attempts     []int // used, per retrier
	retryCount   int
	fan          *fan

	// Of the task at work.
	work      *scheduled
	token     string
	job       string   // ARN of the execution that it waits for
	heartbeat int      // sequence of the valid heartbeat item
	handed    bool     // the token has been handed over
	early     *outcome // an answer that came before the token was handed over
	earlyAt   int64

	child      *child // the execution that it is, where a distributed Map started it
	generation int    // items of the queue made for an earlier one are void
	done       bool   // nothing more happens in it
	settled    bool   // and the state around it has taken its result
	failure    *failure
}

// execution is the child execution that b is in; nil in the execution itself.
func (b *branch) execution() *child {
	if top := b.top(); top.child != nil {
		return top.child
	}
	return nil
}

// top is the outermost branch of the execution that b is in.
func (b *branch) top() *branch {
	for b.child == nil && b.parent != nil {
		b = b.parent
	}
	return b
}

// leave forgets what the visit of the state had under way.
func (b *branch) leave() {
	if b.fan != nil && b.fan.run != nil {
		b.fan.run.forget()
	}
	b.fan, b.work, b.token, b.job = nil, nil, "", ""
}

// mapItem is Map.Item of the context object.
type mapItem struct {
	index  int
	value  any
	source string // of an item of a distributed Map
}

// fan is what a Parallel or Map state has under way.
type fan struct {
	children []*branch // nil where an iteration has not started, and where a child execution succeeded
	items    []any     // Map; the inputs of the child executions where it is distributed
	input    any       // Map: effective input, for ItemSelector
	run      *mapRun   // distributed Map
	next     int       // Map: index of the iteration to start next
	again    []int     // distributed Map: indexes of the child executions that a redrive goes on with
	results  []any
	running  int
	finished int
	failures int
	limit    int // concurrency
	started  int // event
	last     int // last event of the branch that finished last
	failed   bool
	tolerate func(failures, total int) bool // nil where the first failure ends the state, as its own error
	total    int                            // items of a distributed Map
	sizes    []int                          // of its batches
}

// variables are the variables of a scope, on top of those of the scopes around it. They are never changed in place.
type variables struct {
	outer *variables
	own   *object
}

func (v *variables) lookup(name string) (any, bool) {
	for ; v != nil; v = v.outer {
		if value, ok := v.own.get(name); ok {
			return value, true
		}
	}
	return nil, false
}

// assign gives the variables with more assigned.
func (v *variables) assign(more *object) *variables {
	out := &variables{own: more}
	if v == nil {
		return out
	}
	out.outer = v.outer
	out.own = newObject(len(v.own.members) + len(more.members))
	for _, o := range []*object{v.own, more} {
		for _, m := range o.members {
			out.own.set(m.key, m.value)
		}
	}
	return out
}

// inner gives an empty scope inside v.
func (v *variables) inner() *variables { return &variables{outer: v, own: &object{}} }

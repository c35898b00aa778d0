package asl

import "slices"

// Clone gives an independent copy of the execution, which lives in the world of o: its Tasks, Random and UUID; the rest of o is
// not used. Both go on from here, and neither sees what the other does. Values and the history so far are shared, because they
// never change.
func (e *Execution) Clone(o Options) *Execution {
	c := *e
	c.options.Tasks, c.options.Random, c.options.UUID = o.Tasks, o.Random, o.UUID
	c.events = slices.Clip(e.events)
	c.path = slices.Clip(e.path)
	c.visits = slices.Clone(e.visits)
	copies := map[*branch]*branch{}
	c.root = copyBranch(e.root, copies)
	c.queue = slices.Clone(e.queue)
	for i := range c.queue {
		c.queue[i].branch = copyBranch(c.queue[i].branch, copies)
		c.queue[i].child = copyBranch(c.queue[i].child, copies)
	}
	c.ready = make([]*branch, len(e.ready))
	for i, b := range e.ready {
		c.ready[i] = copyBranch(b, copies)
	}
	c.tokens = make(map[string]*ticket, len(e.tokens))
	for token, t := range e.tokens {
		copied := *t
		copied.branch = copyBranch(t.branch, copies)
		c.tokens[token] = &copied
	}
	c.bind()
	return &c
}

func copyBranch(b *branch, copies map[*branch]*branch) *branch {
	if b == nil {
		return nil
	}
	if c, ok := copies[b]; ok {
		return c
	}
	c := *b
	copies[b] = &c
	c.parent = copyBranch(b.parent, copies)
	c.attempts = slices.Clone(b.attempts)
	if b.fan != nil {
		f := *b.fan
		f.results = slices.Clone(b.fan.results)
		f.children = make([]*branch, len(b.fan.children))
		for i, child := range b.fan.children {
			f.children[i] = copyBranch(child, copies)
		}
		c.fan = &f
	}
	return &c
}

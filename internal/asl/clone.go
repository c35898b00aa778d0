package asl

import "slices"

// Clone gives an independent copy of the execution, which lives in the world of o: its Tasks, Executions, Objects, Random
// and UUID; the rest of o is not used. Both go on from here, and neither sees what the other does. Values and the history
// so far are shared, because they never change.
func (e *Execution) Clone(o Options) *Execution {
	c := *e
	c.options.Tasks, c.options.Executions, c.options.Objects = o.Tasks, o.Executions, o.Objects
	c.options.Random, c.options.UUID = o.Random, o.UUID
	c.events = slices.Clip(e.events)
	c.path = slices.Clip(e.path)
	c.visits = slices.Clone(e.visits)
	copies := &copier{branches: map[*branch]*branch{}, runs: map[*mapRun]*mapRun{}}
	c.root = copies.branch(e.root)
	c.runs = make([]*mapRun, len(e.runs))
	for i, r := range e.runs {
		c.runs[i] = copies.run(r)
	}
	c.queue = slices.Clone(e.queue)
	for i := range c.queue {
		c.queue[i].branch = copies.branch(c.queue[i].branch)
		c.queue[i].child = copies.branch(c.queue[i].child)
	}
	c.ready = make([]*branch, len(e.ready))
	for i, b := range e.ready {
		c.ready[i] = copies.branch(b)
	}
	c.tokens = make(map[string]*ticket, len(e.tokens))
	for token, t := range e.tokens {
		copied := *t
		copied.branch = copies.branch(t.branch)
		c.tokens[token] = &copied
	}
	c.jobs = make(map[string][]*branch, len(e.jobs))
	for arn, waiting := range e.jobs {
		for _, b := range waiting {
			c.jobs[arn] = append(c.jobs[arn], copies.branch(b))
		}
	}
	c.bind()
	return &c
}

// copier copies branches and Map Runs, each once.
type copier struct {
	branches map[*branch]*branch
	runs     map[*mapRun]*mapRun
}

func (to *copier) branch(b *branch) *branch {
	if b == nil {
		return nil
	}
	if c, ok := to.branches[b]; ok {
		return c
	}
	c := *b
	to.branches[b] = &c
	c.parent = to.branch(b.parent)
	c.child = to.child(b.child)
	c.attempts = slices.Clone(b.attempts)
	if b.fan != nil {
		f := *b.fan
		f.results = slices.Clone(b.fan.results)
		f.run = to.run(b.fan.run)
		f.children = make([]*branch, len(b.fan.children))
		for i, child := range b.fan.children {
			f.children[i] = to.branch(child)
		}
		c.fan = &f
	}
	return &c
}

func (to *copier) child(c *child) *child {
	if c == nil {
		return nil
	}
	return to.run(c.run).children[c.index]
}

func (to *copier) run(r *mapRun) *mapRun {
	if r == nil {
		return nil
	}
	if c, ok := to.runs[r]; ok {
		return c
	}
	c := *r
	to.runs[r] = &c
	c.outer = to.child(r.outer)
	c.children = make([]*child, len(r.children))
	block := make([]child, len(r.children))
	for i, child := range r.children {
		block[i] = *child
		block[i].run = &c
		block[i].visits = slices.Clone(child.visits)
		block[i].events = slices.Clip(child.events)
		c.children[i] = &block[i]
	}
	return &c
}

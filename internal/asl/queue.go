package asl

// action is what happens when an item of the queue is due.
type action uint8

const (
	begin    action = iota // a branch enters its state
	resume                 // a Wait is over
	repeat                 // a state is tried again
	answer                 // the result of a task arrives
	submit                 // the call that hands a task token over returns
	missed                 // a heartbeat did not come
	overdue                // a task took longer than its timeout
	collapse               // a branch of a Parallel or an iteration of a Map failed
	refill                 // a Map Run that was redriven starts the child executions that have not started
	lapse                  // the timeout of an Express child execution
	expire                 // the machine's own timeout
)

// item is something that is due at a time. It holds no closure, so that an execution can be copied.
type item struct {
	at       int64
	sequence int
	do       action
	// generation is that of the branch when the item was made; the branch has moved on when they differ.
	generation int
	branch     *branch
	child      *branch  // collapse
	outcome    *outcome // answer, submit
}

// outcome is what a task came to.
type outcome struct {
	output      any
	failure     *failure
	unsubmitted bool // the failure is one of submitting
}

// queue is a heap of items by time, then by sequence.
type queue []item

func (q queue) less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].sequence < q[j].sequence
}

// push adds an item and gives its sequence.
func (e *Execution) push(at int64, i item) int {
	e.sequence++
	i.at, i.sequence = at, e.sequence
	if i.branch != nil {
		i.generation = i.branch.generation
	}
	e.queue = append(e.queue, i)
	q := e.queue
	for k := len(q) - 1; k > 0; {
		parent := (k - 1) / 2
		if !q.less(k, parent) {
			break
		}
		q[k], q[parent] = q[parent], q[k]
		k = parent
	}
	return i.sequence
}

func (q *queue) pop() item {
	old := *q
	top := old[0]
	n := len(old) - 1
	old[0], old[n] = old[n], item{}
	*q = old[:n]
	for k := 0; ; {
		child := 2*k + 1
		if child >= n {
			break
		}
		if child+1 < n && old.less(child+1, child) {
			child++
		}
		if !old.less(child, k) {
			break
		}
		old[k], old[child] = old[child], old[k]
		k = child
	}
	return top
}

// prune drops items at the head that no longer matter, and says whether any item is left.
func (e *Execution) prune() bool {
	for len(e.queue) > 0 {
		i := &e.queue[0]
		stale := i.generation != i.branch.generation
		switch i.do {
		case expire:
			stale = i.sequence != e.timer
		case lapse:
			stale = i.sequence != i.branch.child.timer
		case missed:
			stale = stale || i.sequence != i.branch.heartbeat
		}
		if !stale {
			return true
		}
		e.queue.pop()
	}
	return false
}

package replay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/emulator"
)

// fork gives an independent copy of a story under way: world, machine, script and clock. Both go on from here, and neither sees
// what the other does. No invocation may be under way.
func (p *player) fork() (*player, error) {
	if p.processes != nil {
		return nil, errors.New("a story whose functions are processes cannot be copied")
	}
	c := *p
	c.noting = new(sync.Mutex)
	run := *p.run
	c.run = &run
	c.agenda, c.failures, c.mishaps = slices.Clone(p.agenda), slices.Clone(p.failures), slices.Clone(p.mishaps)
	c.script = p.script.clone()
	var err error
	c.aws, err = p.aws.Clone(emulator.Options{Now: func() time.Time { return c.now }, PageSize: p.options.PageSize, Machines: &c})
	if err != nil {
		return nil, fmt.Errorf("copy the story: %w", err)
	}
	run.aws = c.aws
	run.baseline, run.answers = maps.Clone(p.run.baseline), slices.Clone(p.run.answers)
	run.alarms, run.audited = slices.Clone(p.run.alarms), slices.Clone(p.run.audited)
	run.Executions, run.byARN, run.names, c.running = nil, map[string]*Execution{}, map[string]*Execution{}, nil
	for _, e := range p.run.Executions {
		copied := *e
		copied.tokens, copied.tasks = slices.Clone(e.tokens), maps.Clone(e.tasks)
		random := *e.random
		copied.random = &random
		copied.Execution = e.Clone(c.surroundings(&copied))
		run.Executions = append(run.Executions, &copied)
		run.byARN[e.ARN], run.names[e.Name] = &copied, &copied
		if slices.Contains(p.running, e) {
			c.running = append(c.running, &copied)
		}
	}
	c.versions = nil
	for _, v := range p.versions {
		copied := *v
		copied.functions = c.makeFunctions(v)
		c.versions = append(c.versions, &copied)
	}
	return &c, nil
}

func (s script) clone() script {
	return script{
		lines: slices.Clone(s.lines), began: slices.Clone(s.began), events: slices.Clone(s.events), calls: s.calls, seen: maps.Clone(s.seen),
	}
}

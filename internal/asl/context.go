package asl

import "time"

// contextObject builds $$ and $states.context for the branch at work.
func (e *Execution) contextObject() *object {
	b := e.ev.branch
	self := e.identity(b.execution())
	execution := objectOf(
		member{"Id", self.arn},
		member{"Input", self.input},
		member{"StartTime", timestamp(self.started)},
		member{"Name", self.name},
		member{"RoleArn", e.options.RoleARN},
		member{"RedriveCount", float64(self.redrives)},
	)
	if self.redrives > 0 {
		execution.set("RedriveTime", timestamp(self.redriven))
	}
	current := objectOf(
		member{"Name", b.state.name},
		member{"EnteredTime", timestamp(time.Unix(0, b.entered))},
	)
	if b.state.is&workState != 0 { // recorded: other states have no RetryCount
		current.set("RetryCount", float64(b.retryCount))
	}
	out := objectOf(
		member{"Execution", execution},
		member{"StateMachine", objectOf(member{"Id", self.machineARN}, member{"Name", self.machineName})},
		member{"State", current},
	)
	if b.token != "" {
		out.set("Task", objectOf(member{"Token", b.token}))
	}
	// A child execution knows nothing of the Map that started it but its input.
	for around := b; around != nil; around = around.parent {
		if i := around.item; i != nil {
			item := objectOf(member{"Index", float64(i.index)}, member{"Value", i.value})
			if i.source != "" {
				item.set("Source", i.source)
			}
			out.set("Map", objectOf(member{"Item", item}))
			break
		}
		if around.child != nil {
			break
		}
	}
	return out
}

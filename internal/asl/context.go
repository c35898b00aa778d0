package asl

import "time"

// contextObject builds $$ and $states.context for the branch at work.
func (e *Execution) contextObject() *object {
	b := e.ev.branch
	execution := objectOf(
		member{"Id", e.options.ARN},
		member{"Input", e.input},
		member{"StartTime", timestamp(e.options.Start)},
		member{"Name", e.options.Name},
		member{"RoleArn", e.options.RoleARN},
		member{"RedriveCount", float64(e.redrives)},
	)
	if e.redrives > 0 {
		execution.set("RedriveTime", timestamp(time.Unix(0, e.redriven)))
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
		member{"StateMachine", objectOf(member{"Id", e.options.StateMachineARN}, member{"Name", e.options.StateMachineName})},
		member{"State", current},
	)
	if b.token != "" {
		out.set("Task", objectOf(member{"Token", b.token}))
	}
	for around := b; around != nil; around = around.parent {
		if around.item != nil {
			item := objectOf(member{"Index", float64(around.item.index)}, member{"Value", around.item.value})
			out.set("Map", objectOf(member{"Item", item}))
			break
		}
	}
	return out
}

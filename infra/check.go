package main

import (
	"fmt"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

const (
	// maxTimeout is how long an execution may run.
	maxTimeout = 365 * 24 * time.Hour
	// maxEvents is half of what Step Functions allows, 25,000: retries and redrives come on top.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	maxEvents = 12_500
	// interval is the shortest time between two calls of a step, on average over its budget: an inventory that is called again at once has
	// worked for minutes before, and the others wait longer and longer.
	interval = time.Minute
)

// check refuses a configuration under which a run could be cut off by the machine's timeout or by the length of its history. It
// panics, as everything in a CDK app does.
func (c configuration) check() {
	if c.machineTimeout > maxTimeout {
		panic(fmt.Sprintf("machineTimeout is %s; an execution runs at most a year, %s", duration(c.machineTimeout), duration(maxTimeout)))
	}
	if longest := c.longest(); longest > c.machineTimeout {
		panic(fmt.Sprintf("a run can take %s (%d rounds of approvalWindow, cooling off up to %s and inventories, then the deletes), more than machineTimeout, %s; shorten approvalWindow",
			duration(longest), closing.MaxRounds, duration(closing.MaxNotBefore), duration(c.machineTimeout)))
	}
	if events := c.events(); events > maxEvents {
		panic(fmt.Sprintf("a run can have %d history events, more than %d; lengthen reminder, or shorten approvalWindow or the budgets", events, maxEvents))
	}
	if c.reminder < shortest {
		panic(fmt.Sprintf("reminder is %s; asking itself may take %s", duration(c.reminder), duration(shortest)))
	}
	// How long people have waited is known when they are asked and reminded.
	if last := (c.ApprovalWindow - 1).Truncate(c.reminder); last < c.waitingAlarm {
		panic(fmt.Sprintf("waitingAlarm is %s, and could never ring: the last reminder of a round comes after %s, and approvalWindow is %s; shorten waitingAlarm or reminder",
			duration(c.waitingAlarm), duration(last), duration(c.ApprovalWindow)))
	}
	if n := len(c.Approvers); n > 0 && n < c.Quorum {
		panic(fmt.Sprintf("quorum is %d, and approvers names %d", c.Quorum, n))
	}
	for _, role := range c.SessionRoles {
		if !strings.Contains(role, ":role/") {
			panic(fmt.Sprintf("sessionRoles: %q is not the ARN of a role", role))
		}
	}
	if c.CoolOff > closing.MaxCoolOff {
		panic(fmt.Sprintf("coolOff is %s, more than %s; a request's notBefore waits for longer", duration(c.CoolOff), duration(closing.MaxCoolOff)))
	}
	if c.DecisionAge <= 0 {
		panic("decisionAge is 0: no approval could ever be carried out")
	}
	if c.Quorum < 1 {
		panic(fmt.Sprintf("quorum is %d; at least one person must approve", c.Quorum))
	}
}

// longest is how long a run can take.
func (c configuration) longest() time.Duration {
	round := c.ApprovalWindow + max(c.CoolOff, closing.MaxNotBefore) + 2*c.InventoryBudget + c.ExportBudget
	return closing.MaxRounds*round + c.StarterWait + c.SubscriptionBudget + c.DirectoryBudget + c.VPCBudget
}

// events is how many history events a run can have. Entered, scheduled, started, succeeded and exited are a Task's; a callback's has one
// for its submission too; a Choice and a Wait have two each.
func (c configuration) events() int {
	const task, callback, two = 5, 6, 2
	polls := func(budget time.Duration) int { return (1 + int(budget/interval)) * (task + two + two) }
	reminders := 1 + int(c.ApprovalWindow/c.reminder)
	round := reminders*(callback+task+two) + (callback + task + two) + polls(c.ExportBudget) + polls(c.InventoryBudget) + task + two
	ends := task + polls(c.InventoryBudget) + two + polls(c.StarterWait) +
		polls(c.SubscriptionBudget) + polls(c.DirectoryBudget) + polls(c.VPCBudget) + task + two + two
	return 2 + closing.MaxRounds*round + ends
}

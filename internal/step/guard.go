package step

import (
	"context"
	"slices"
)

// Guard is one reason to stop that keeps a closing from doing harm, or harm from going unnoticed.
type Guard struct {
	Name     string
	Protects string
}

// guard is a Guard with what it looks at.
type guard[T any] struct {
	name     string
	protects string
	check    func(T, context.Context) error // a method of T; nil lets the step go on
}

// The guards, by the moment at which they are asked.
var (
	// onEveryPass: whenever a delete step is called.
	onEveryPass = []guard[*pass]{
		{"lock", "the run that has taken the account over: two runs never change one account", (*pass).holdsLock},
	}
	// beforeChange: once in an invocation of a delete step, before its first mutating call.
	beforeChange = []guard[*pass]{
		{"kill-switch", "everything, once somebody has pulled it", (*pass).mayGoOn},
	}
	// beforeSubscription: before anything of a subscription that still lives is changed.
	beforeSubscription = []guard[*unsubscribing]{
		{"manifest", "assets of which the list of copies is not the one that was committed", (*unsubscribing).saved},
		{"stale-commit", "what was made or changed after people decided", (*unsubscribing).asApproved},
	}
	// beforeUnsubscribe: right before DeleteAccountSubscription, the one call that cannot be undone.
	beforeUnsubscribe = []guard[*unsubscribing]{
		{"execution-running", "an account whose run was stopped while its function went on", (*unsubscribing).running},
	}
	// beforeDirectory: before DeleteDirectory.
	beforeDirectory = []guard[*undirecting]{
		{"subscription-gone", "a QuickSight account that still signs its users in by the directory", (*undirecting).unsubscribed},
		{"simple-ad", "directories of other kinds, which other workloads use", (*undirecting).simpleAD},
		{"directory-in-use", "whoever began to use the directory after people decided", (*undirecting).unused},
	}
	// beforeVPC: before each pass over a VPC.
	beforeVPC = []guard[*dismantling]{
		{"foreign-workload", "somebody else's workload in the VPC", (*dismantling).unused},
		{"outside-plan", "what appeared in the VPC after people decided", (*dismantling).asPlanned},
	}
	// beforeRestore: before finish-run switches termination protection on again.
	beforeRestore = []guard[*restoring]{
		{"restore-own-act", "an account whose protection was off before, or was switched off by somebody else", (*restoring).switchedOff},
		{"restore-live", "a subscription that is being deleted, or is gone", (*restoring).lives},
		{"restore-lock", "the run that has taken the account over: it needs the protection off", (*restoring).holdsLock},
	}
	// beforePassingUnsubscribed and beforePassingClosed: before audit-event passes over what has happened to an account.
	beforePassingUnsubscribed = []guard[*audit]{
		{"audit-caller", "an account that somebody else unsubscribes, from nobody hearing of it", (*audit).byUs},
		{"audit-intent", "an account that our own role unsubscribes without a run, from nobody hearing of it", (*audit).intended},
	}
	beforePassingClosed = []guard[*audit]{
		{"audit-subscribed", "an account that is closed while subscribed, from nobody hearing of it", (*audit).unsubscribedBefore},
	}
)

// Guards lists all guards, in the order in which a closing meets them.
func Guards() []Guard {
	fleetAlone := slices.DeleteFunc(listed(beforeFleetCommit), func(g Guard) bool { return slices.Contains(listed(beforeCommit), g) })
	return slices.Concat(
		listed(beforeAnything), listed(beforeLock), listed(beforeCommit), fleetAlone, listed(beforeFleetSeal), listed(onEveryPass), listed(beforeChange), listed(beforeSubscription), listed(beforeUnsubscribe),
		listed(beforeDirectory), listed(beforeVPC), listed(beforeRestore),
		listed(beforePassingUnsubscribed), listed(beforePassingClosed),
	)
}

func listed[T any](guards []guard[T]) []Guard {
	var list []Guard
	for _, g := range guards {
		list = append(list, Guard{Name: g.name, Protects: g.protects})
	}
	return list
}

// check asks the guards in turn and returns the first objection.
func check[T any](ctx context.Context, env Env, subject T, guards []guard[T]) error {
	for _, g := range guards {
		if g.name == env.SkipGuard {
			continue
		}
		if err := g.check(subject, ctx); err != nil {
			return err
		}
	}
	return nil
}

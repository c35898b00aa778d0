package replay

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// The invariants of runs that overlap.

// writtenOnce are the objects of which the first writer is right, by a part of their key.
var writtenOnce = []string{"/request.json", "/plan-", "/retake-", "/ask-", "/decisions/", "/seal.json", "/commit.json", "/deliveries/"}

// firstWriterIsRight holds that nobody writes over what others rely on: there is one plan of a round, one seal and one commit.
func (r *Run) firstWriterIsRight() []string {
	var broken []string
	first := map[string]emulator.Call{}
	for _, call := range r.Calls {
		key := keyOf(call)
		if call.Operation != "PutObject" || !call.Done || !containsAny(key, writtenOnce) {
			continue
		}
		if before, known := first[key]; known {
			broken = append(broken, fmt.Sprintf("%s was written by %s, and again by %s (calls %d and %d)", key, before.Invocation, call.Invocation, before.Seq, call.Seq))
			continue
		}
		first[key] = call
	}
	return broken
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// unsubscribedOnce holds that runs delete an account's subscription once at most.
func (r *Run) unsubscribedOnce() []string {
	var broken []string
	first := map[string]emulator.Call{}
	for _, call := range r.Calls {
		if call.Operation != "DeleteAccountSubscription" || !call.Done || call.Invocation == "" {
			continue
		}
		if before, known := first[call.Account]; known {
			broken = append(broken, fmt.Sprintf("the subscription of %s was deleted by %s, and again by %s", call.Account, before.Invocation, call.Invocation))
		}
		first[call.Account] = call
	}
	return broken
}

// lockWrite is a change of an account's lock.
type lockWrite struct {
	account, holder string // holder: the execution's ARN; "": nobody
	call            emulator.Call
}

// lockWrites are the changes of all locks, in their order. What a write wrote, the bucket's versions tell.
func (r *Run) lockWrites() []lockWrite {
	var writes []lockWrite
	written := map[string]int{}
	for _, call := range r.Calls {
		if account, is := lockOf(call); is && call.Done {
			written[account]++
			writes = append(writes, lockWrite{account: account, call: call})
		}
	}
	objects := r.After.Accounts[r.hub.account].Buckets[r.hub.bucket()].Objects
	seen := map[string]int{}
	for i, t := range writes {
		versions := objects["closings/"+t.account+"/lock.json"].Versions
		var stored struct{ Content record.Lock }
		if err := json.Unmarshal(versions[len(versions)-written[t.account]+seen[t.account]].Body, &stored); err != nil {
			stored.Content.Execution = "somebody who wrote no lock"
		}
		seen[t.account]++
		writes[i].holder = stored.Content.Execution
	}
	return writes
}

// lockOf is the account whose lock a call writes.
func lockOf(call emulator.Call) (account string, is bool) {
	if call.Operation != "PutObject" {
		return "", false
	}
	rest, found := strings.CutPrefix(keyOf(call), "closings/")
	if !found {
		return "", false
	}
	return strings.CutSuffix(rest, "/lock.json")
}

// lockRespected holds that no run changes an account whose lock it did not hold when it looked, that no run takes the lock from one which
// was running all the while, and that each gives free but its own.
func (r *Run) lockRespected() []string {
	var broken []string
	began := map[string]emulator.Call{} // the first call, by invocation
	for _, call := range r.Calls {
		if _, known := began[call.Invocation]; !known {
			began[call.Invocation] = call
		}
	}
	writes := r.lockWrites()
	holder := func(account string, seq int) string {
		held := ""
		for _, t := range writes {
			if t.account == account && t.call.Seq <= seq {
				held = t.holder
			}
		}
		return held
	}
	for _, t := range writes {
		before := holder(t.account, t.call.Seq-1)
		by := r.byName(executionOf(t.call.Invocation))
		switch {
		case by == nil, before == "", before == t.holder:
		case t.holder == "" && before != by.ARN:
			broken = append(broken, fmt.Sprintf("%s gave free the lock of %s, which %s held (call %d)", t.call.Invocation, t.account, before, t.call.Seq))
		case t.holder != "" && r.ranFrom(before, began[t.call.Invocation].Time, t.call.Time):
			broken = append(broken, fmt.Sprintf("%s took the lock of %s from %s, which was running (call %d)", t.call.Invocation, t.account, before, t.call.Seq))
		}
	}
	for _, call := range r.Calls {
		by := r.byName(executionOf(call.Invocation))
		if !call.Mutating || !call.Done || by == nil {
			continue
		}
		account := by.account()
		if held := holder(account, began[call.Invocation].Seq); held != by.ARN {
			broken = append(broken, fmt.Sprintf("%s was called by %s while the lock of %s was held by %q (call %d)",
				operationOf(call), call.Invocation, account, held, call.Seq))
		}
	}
	return broken
}

// ranFrom tells whether an execution was running from one moment to another, without an end between.
func (r *Run) ranFrom(arn string, from, to time.Time) bool {
	running := false
	for _, e := range r.Executions {
		if e.ARN != arn {
			continue
		}
		for _, event := range e.History() {
			switch {
			case event.Type == asl.ExecutionStarted:
				running = !event.Timestamp.After(from)
			case event.Type == asl.ExecutionRedriven: // in the same moment: nobody can tell whether before or after
				running = event.Timestamp.Before(from)
			case ended(event.Type) && !event.Timestamp.After(to):
				running = false
			}
		}
	}
	return running
}

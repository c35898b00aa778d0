package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quicksight-unsubscribe/internal/closing"
)

// Check lists what the story expected and did not get.
func (r *Run) Check() []string {
	var unmet []string
	miss := func(what string, want, got any) {
		unmet = append(unmet, fmt.Sprintf("%s: want %v, got %v", what, want, got))
	}
	want := r.Story.Expect
	if want.Refusal != r.Refusal {
		miss("StartExecution's refusal", want.Refusal, cmp.Or(r.Refusal, "none"))
	}
	if want.Refusal != "" {
		return append(unmet, r.unused...)
	}
	first := r.Executions[0]
	if got := first.outcome(); got != want.Outcome {
		miss("outcome", want.Outcome, got)
	}
	var status, versions []string
	for _, e := range r.Executions {
		if !e.nested { // of a fleet's accounts, Accounts tells
			status, versions = append(status, string(e.Status())), append(versions, e.versionsCalled())
		}
	}
	if !slices.Equal(status, want.Status) {
		miss("status", want.Status, status)
	}
	if want.Versions != nil && !slices.Equal(versions, want.Versions) {
		miss("versions called", want.Versions, versions)
	}
	if want.Path != nil && !slices.Equal(folded(first.Path()), want.Path) {
		miss("path", strings.Join(want.Path, " > "), strings.Join(folded(first.Path()), " > "))
	}
	text, code := "", ""
	if first.Report != nil {
		encoded, err := json.Marshal(first.Report)
		if err != nil {
			unmet = append(unmet, "the report cannot be encoded: "+err.Error())
		}
		text = string(encoded)
		if first.Report.Failure != nil {
			code = first.Report.Failure.Error
		}
	}
	if fleet := first.Fleet; fleet != nil {
		encoded, err := json.Marshal(fleet)
		if err != nil {
			unmet = append(unmet, "the fleet's report cannot be encoded: "+err.Error())
		}
		text = string(encoded)
		if fleet.Failure != nil {
			code = fleet.Failure.Error
		}
		got := map[string]closing.Outcome{}
		for _, a := range fleet.Accounts {
			got[a.AccountID] = a.Outcome
		}
		if want.Accounts != nil && !maps.Equal(want.Accounts, got) {
			miss("accounts", want.Accounts, got)
		}
	}
	if want.Error != "" && code != want.Error {
		miss("the report's error", want.Error, code)
	}
	for _, says := range want.Says {
		if !strings.Contains(text, says) {
			miss("the report says", says, "a report without it")
		}
	}
	s := r.Summary()
	number := func(what string, want *int, got int) {
		if want != nil && *want != got {
			miss(what, *want, got)
		}
	}
	number("mutations", want.Mutations, s.Mutations)
	number("refused calls", want.Refused, s.RefusedCalls)
	for _, operation := range slices.Sorted(maps.Keys(want.Calls)) {
		if want.Calls[operation] != s.Calls[operation] {
			miss("calls of "+operation, want.Calls[operation], s.Calls[operation])
		}
	}
	if want.Reads > 0 {
		if reads, fewest := len(r.reads()), r.fewestReads(); float64(reads) > want.Reads*float64(fewest) {
			miss(fmt.Sprintf("reads at most %g times the fewest", want.Reads), fewest, reads)
		}
	}
	if s.Calls["sns:Publish"] < want.Notices {
		miss("notices at least", want.Notices, s.Calls["sns:Publish"])
	}
	var events []string
	for _, e := range r.events() {
		events = append(events, e.kind)
	}
	if want.Events != nil && !slices.Equal(events, want.Events) {
		miss("events", want.Events, events)
	}
	mails := map[string]int{}
	for _, m := range r.Mails() {
		mails[m.To]++
	}
	if want.Mails != nil && !maps.Equal(mails, want.Mails) {
		miss("requests for approval by e-mail", want.Mails, mails)
	}
	world := ids(r.After)
	for _, id := range want.Gone {
		if world[id] != "" {
			miss("gone", id, "it is still there")
		}
	}
	for _, id := range want.There {
		if world[id] == "" {
			miss("there", id, "it is gone")
		}
	}
	if want.Protected != nil {
		if qs := r.After.Accounts[first.account()].QuickSight; qs == nil || *qs.TerminationProtection != *want.Protected {
			miss("termination protection", *want.Protected, !*want.Protected)
		}
	}
	unmet = append(append(unmet, r.unexpected()...), r.unused...)
	return append(unmet, r.answers...)
}

// folded is a path without the states that only route or wait: a reader's path. Repetitions of a loop stand once.
func folded(path []string) []string {
	var out []string
	for _, state := range path {
		if strings.HasSuffix(state, "?") || strings.HasPrefix(state, "Wait ") {
			continue
		}
		if len(out) == 0 || out[len(out)-1] != state {
			out = append(out, state)
		}
	}
	return out
}

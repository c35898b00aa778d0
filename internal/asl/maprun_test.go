package asl

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// distributed is a machine of one distributed Map, whose children call a function; more are further fields of the Map.
func distributed(more string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Label":"Accounts",` + more + `
"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{
"P":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"p","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload %}","End":true}}},"End":true}}}`
}

// fleet answers by payload: the function fails for those in broken, and otherwise returns what it got a second later.
type fleet struct {
	broken map[string]bool
	log    []string
}

func (f *fleet) do(t Task) Outcome {
	f.log = append(f.log, string(t.Payload))
	if f.broken[string(t.Payload)] {
		return Outcome{Failed: true, Error: "Broken", Cause: `{"errorType":"Broken"}`, After: time.Second}
	}
	return Outcome{Output: t.Payload, After: time.Second}
}

func (f *fleet) start(t *testing.T, definition string, store objects) *Execution {
	t.Helper()
	o := options(taskFunc(f.do), nil)
	o.Objects, o.ChildHistories = store, true
	return parse(t, definition).Start(o)
}

func childTypes(c Child) []string {
	var out []string
	for _, v := range c.History {
		out = append(out, string(v.Type))
	}
	return out
}

// outcomes are the ends of a run's child executions, in the order of the items.
func outcomes(r MapRun) string {
	out := make([]string, len(r.Children))
	for i, c := range r.Children {
		out[i] = string(c.Status)
	}
	return strings.Join(out, " ")
}

// A child execution is one of its own: name, ARN, history, context object.
func TestChildExecution(t *testing.T) {
	t.Parallel()
	e := (&fleet{}).start(t, strings.Replace(distributed(`"Items":["a","b"],`), `"Payload":"{% $states.input %}"`,
		`"Payload":"{% {'id': $states.context.Execution.Id, 'input': $states.context.Execution.Input, 'machine': $states.context.StateMachine, 'map': $exists($states.context.Map)} %}"`, 1), nil)
	e.Run(t.Context())
	const machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:machine/Accounts"
	run := e.MapRuns()[0]
	id := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	if want := "arn:aws:states:eu-west-1:111122223333:mapRun:machine/Accounts:" + id(1); run.ARN != want || run.StateMachineARN != machine {
		t.Errorf("run %s of %s, want %s", run.ARN, run.StateMachineARN, want)
	}
	first := run.Children[0]
	want := Child{
		Name: id(2), ARN: "arn:aws:states:eu-west-1:111122223333:execution:machine/Accounts:" + id(2), Status: Succeeded,
		Input:   json.RawMessage(`"a"`),
		Output:  json.RawMessage(`{"id":"arn:aws:states:eu-west-1:111122223333:execution:machine/Accounts:` + id(2) + `","input":"a","machine":{"Id":"` + machine + `","Name":"machine/Accounts"},"map":false}`),
		Started: testStart, Stopped: at(time.Second), Length: 7, History: first.History,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("child (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded",
	}, childTypes(first)); diff != "" {
		t.Errorf("its history (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
	}, types(e)); diff != "" {
		t.Errorf("the history around it (-want +got)\n%s", diff)
	}
	if e.Transitions() != 3 {
		t.Errorf("%d transitions, want those of the children too", e.Transitions())
	}
}

// Nothing is remembered of child executions that have ended unless somebody asks.
func TestChildrenAreForgotten(t *testing.T) {
	t.Parallel()
	f := &fleet{}
	e := parse(t, distributed(`"Items":["a","b"],`)).Start(options(taskFunc(f.do), nil))
	e.Run(t.Context())
	c := e.MapRuns()[0].Children[1]
	if string(e.Output()) != `["a","b"]` || c.Status != Succeeded || c.Length != 7 || c.History != nil || c.Input != nil || c.Output != nil {
		t.Errorf("%s %+v", e.Output(), c)
	}
	if top := e.runs[0]; top.children[0].visits != nil || top.children[0].events != nil {
		t.Error("the state of a child execution is still there")
	}
}

func TestConcurrencyOfChildren(t *testing.T) {
	t.Parallel()
	f := &fleet{}
	e := f.start(t, distributed(`"Items":[1,2,3,4,5],"MaxConcurrency":2,`), nil)
	e.Advance(t.Context(), at(0))
	if got := outcomes(e.MapRuns()[0]); got != "RUNNING RUNNING   " {
		t.Errorf("at first %q", got)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[1,2,3,4,5]" || !e.Stopped().Equal(at(3*time.Second)) {
		t.Errorf("%s after %s", got, e.Stopped().Sub(testStart))
	}
}

func TestToleratedFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fields    string
		broken    int // of ten
		tolerated bool
	}{
		{``, 0, true},
		{``, 1, false},
		{`"ToleratedFailureCount":2,`, 2, true},
		{`"ToleratedFailureCount":2,`, 3, false},
		{`"ToleratedFailurePercentage":20,`, 2, true},
		{`"ToleratedFailurePercentage":20,`, 3, false},
		{`"ToleratedFailurePercentage":100,`, 10, true},
		{`"ToleratedFailureCount":5,"ToleratedFailurePercentage":20,`, 3, false},
		{`"ToleratedFailureCount":2,"ToleratedFailurePercentage":50,`, 3, false},
		{`"ToleratedFailureCount":3,"ToleratedFailurePercentage":50,`, 3, true},
		{`"ToleratedFailureCount":"{% 1 + 1 %}",`, 3, false},
		{`"ItemBatcher":{"MaxItemsPerBatch":5},"ToleratedFailureCount":4,`, 1, false}, // a batch fails with all its items
		{`"ItemBatcher":{"MaxItemsPerBatch":5},"ToleratedFailureCount":5,`, 1, true},
	} {
		f := &fleet{broken: map[string]bool{}}
		for i := range c.broken {
			f.broken[strconv.Itoa(i)] = true
		}
		if strings.Contains(c.fields, "Batcher") {
			f.broken = map[string]bool{`{"Items":[0,1,2,3,4]}`: true}
		}
		e := f.start(t, distributed(`"Items":[0,1,2,3,4,5,6,7,8,9],`+c.fields), nil)
		e.Run(t.Context())
		if want := map[bool]Status{true: Succeeded, false: Failed}[c.tolerated]; e.Status() != want {
			t.Errorf("%s with %d broken: %s %s", c.fields, c.broken, e.Status(), e.Error())
		}
		if !c.tolerated && e.Error() != "States.ExceedToleratedFailureThreshold" {
			t.Errorf("%s: %s", c.fields, e.Error())
		}
	}
}

// What the Map gives for a child execution that failed is what is known of it.
func TestFailedChildInTheOutput(t *testing.T) {
	t.Parallel()
	e := (&fleet{broken: map[string]bool{"2": true}}).start(t, distributed(`"Items":[1,2,3],"ToleratedFailureCount":1,`), nil)
	e.Run(t.Context())
	var out []json.RawMessage
	if err := json.Unmarshal(e.Output(), &out); err != nil {
		t.Fatal(err)
	}
	var failed struct{ Status, Error, Cause, Input, ExecutionArn string }
	if err := json.Unmarshal(out[1], &failed); err != nil {
		t.Fatal(err)
	}
	if string(out[0]) != "1" || failed.Status != "FAILED" || failed.Error != "Broken" || failed.Input != "2" || failed.ExecutionArn == "" {
		t.Errorf("%s", e.Output())
	}
}

// Stopping the execution stops what it started; a redrive goes on where each child execution stopped, and starts those
// that had not started.
func TestRedriveOfAMapRun(t *testing.T) {
	t.Parallel()
	f := &fleet{broken: map[string]bool{"2": true}}
	e := f.start(t, distributed(`"Items":[1,2,3,4,5],"MaxConcurrency":3,"ToleratedFailureCount":1,`), nil)
	e.Advance(t.Context(), at(1500*time.Millisecond))
	e.Stop(at(1500*time.Millisecond), "Console", "a person")
	run := e.MapRuns()[0]
	if got := outcomes(run); got != "SUCCEEDED FAILED SUCCEEDED ABORTED ABORTED" || run.Status != Aborted {
		t.Errorf("stopped: %s, the run %s", got, run.Status)
	}
	if got := childTypes(run.Children[3]); got[len(got)-1] != "ExecutionAborted" {
		t.Errorf("the history of one that ran: %v", got)
	}
	f.broken, f.log = nil, nil
	if err := e.Redrive(at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[1,2,3,4,5]" || !e.Stopped().Equal(at(time.Hour+time.Second)) {
		t.Errorf("redriven: %s %s at %s", e.Status(), got, e.Stopped())
	}
	if diff := cmp.Diff([]string{"2", "4", "5"}, f.log); diff != "" {
		t.Errorf("what ran again (-want +got)\n%s", diff)
	}
	again := e.MapRuns()[0]
	if again.ARN != run.ARN || again.RedriveCount != 1 || again.Children[1].ARN != run.Children[1].ARN || again.Children[1].RedriveCount != 1 || again.Children[0].RedriveCount != 0 {
		t.Errorf("the run after it: %+v", again)
	}
	if diff := cmp.Diff([]string{
		"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "ExecutionAborted",
		"ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded",
	}, types(e)); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskFailed", "ExecutionFailed",
		"ExecutionRedriven", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded",
	}, childTypes(again.Children[1])); diff != "" {
		t.Errorf("history of the child that had failed (-want +got)\n%s", diff)
	}
}

// A redrive keeps to MaxConcurrency.
func TestRedriveKeepsConcurrency(t *testing.T) {
	t.Parallel()
	f := &fleet{broken: map[string]bool{"1": true, "2": true, "3": true}}
	e := f.start(t, distributed(`"Items":[1,2,3,4,5],"MaxConcurrency":2,"ToleratedFailureCount":2,`), nil)
	e.Run(t.Context())
	if got := outcomes(e.MapRuns()[0]); got != "FAILED FAILED FAILED SUCCEEDED ABORTED" {
		t.Fatalf("failed: %s", got)
	}
	f.broken, f.log = nil, nil
	if err := e.Redrive(at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Advance(t.Context(), at(time.Hour))
	if got := outcomes(e.MapRuns()[0]); got != "RUNNING RUNNING PENDING_REDRIVE SUCCEEDED PENDING_REDRIVE" {
		t.Errorf("redriven: %q", got)
	}
	e.Stop(at(time.Hour), "", "")
	if got := outcomes(e.MapRuns()[0]); got != "ABORTED ABORTED PENDING_REDRIVE SUCCEEDED PENDING_REDRIVE" {
		t.Errorf("stopped: %q", got)
	}
	if err := e.Redrive(at(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[1,2,3,4,5]" || !e.Stopped().Equal(at(2*time.Hour+2*time.Second)) {
		t.Errorf("%s %s at %s", e.Status(), got, e.Stopped())
	}
	var counts []int
	for _, c := range e.MapRuns()[0].Children {
		counts = append(counts, c.RedriveCount)
	}
	if diff := cmp.Diff([]int{2, 2, 1, 0, 1}, counts); diff != "" {
		t.Errorf("redrives (-want +got)\n%s", diff)
	}
}

// A run that failed goes on with a redrive too, also when the children that ran at the time were aborted for it.
func TestRedriveOfAFailedMapRun(t *testing.T) {
	t.Parallel()
	f := &fleet{broken: map[string]bool{"2": true}}
	e := f.start(t, distributed(`"Items":[1,2,3,4,5],"MaxConcurrency":2,`), nil)
	e.Run(t.Context())
	if got := outcomes(e.MapRuns()[0]); got != "SUCCEEDED FAILED ABORTED  " {
		t.Errorf("failed: %s", got)
	}
	f.log = nil
	if err := e.Redrive(at(time.Hour)); err != nil { // it is still broken
		t.Fatal(err)
	}
	e.Run(t.Context())
	f.broken = nil
	if err := e.Redrive(at(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[1,2,3,4,5]" || e.MapRuns()[0].RedriveCount != 2 {
		t.Errorf("%s %s %s", e.Status(), got, e.Cause())
	}
	// When 2 failed again, 3 had made room for 4, which was aborted.
	if diff := cmp.Diff([]string{"2", "3", "4", "2", "4", "5"}, f.log); diff != "" {
		t.Errorf("what ran again (-want +got)\n%s", diff)
	}
}

// A retry of the Map state is a new run.
func TestRetryOfADistributedMap(t *testing.T) {
	t.Parallel()
	f := &fleet{broken: map[string]bool{"2": true}}
	e := f.start(t, distributed(`"Items":[1,2],"Retry":[{"ErrorEquals":["States.ExceedToleratedFailureThreshold"],"MaxAttempts":1}],`), nil)
	e.Advance(t.Context(), at(1500*time.Millisecond))
	f.broken = nil
	e.Run(t.Context())
	if runs := e.MapRuns(); len(runs) != 2 || runs[0].Status != Failed || runs[1].Status != Succeeded || e.Status() != Succeeded {
		t.Errorf("%s %+v", e.Status(), runs)
	}
}

// An Express child execution lasts five minutes at most, and a redrive starts it anew.
func TestExpressChildren(t *testing.T) {
	t.Parallel()
	slow := true
	m := parse(t, strings.Replace(distributed(`"Items":[1,2],`), "STANDARD", "EXPRESS", 1))
	o := options(taskFunc(func(task Task) Outcome {
		out := Outcome{Output: task.Payload}
		if slow && string(task.Payload) == "2" {
			out.After = time.Hour
		}
		return out
	}), nil)
	o.ChildHistories = true
	e := m.Start(o)
	e.Run(t.Context())
	run := e.MapRuns()[0]
	if got := outcomes(run); got != "SUCCEEDED TIMED_OUT" || !e.Stopped().Equal(at(5*time.Minute)) || e.Status() != Failed {
		t.Errorf("%s %s at %s", e.Status(), got, e.Stopped())
	}
	if arn := run.Children[0].ARN; !strings.HasPrefix(arn, "arn:aws:states:eu-west-1:111122223333:express:machine/Accounts:") {
		t.Error(arn)
	}
	if e.Transitions() != 1 {
		t.Errorf("%d transitions: Express executions have none", e.Transitions())
	}
	slow = false
	if err := e.Redrive(at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[1,2]" {
		t.Errorf("%s %s", e.Status(), got)
	}
}

// Parallel states and Maps inside child executions end with them.
func TestNestedRunsEndWithTheirExecution(t *testing.T) {
	t.Parallel()
	const definition = `{"QueryLanguage":"JSONata","StartAt":"Outer","States":{"Outer":{"Type":"Map","Items":[1,2],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Both","States":{
"Both":{"Type":"Parallel","Branches":[
 {"StartAt":"Inner","States":{"Inner":{"Type":"Map","Items":["x","y"],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100,"End":true}}},"End":true}}},
 {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"p","Payload":"{% $states.input %}"},"End":true}}}],"End":true}}},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],"End":true},
"Z":{"Type":"Wait","Seconds":1000,"End":true}}}`
	f := &fleet{broken: map[string]bool{"2": true}}
	e := f.start(t, definition, nil)
	e.Run(t.Context())
	got := map[string]string{}
	for _, r := range e.MapRuns() {
		got[r.State+" in "+r.ExecutionARN[strings.LastIndexByte(r.ExecutionARN, ':')+1:]] = string(r.Status) + ": " + outcomes(r)
	}
	want := map[string]string{
		"Outer in run": "FAILED: ABORTED FAILED",
		"Inner in 00000000-0000-4000-8000-000000000002": "ABORTED: ABORTED ABORTED",
		"Inner in 00000000-0000-4000-8000-000000000003": "ABORTED: ABORTED ABORTED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got)\n%s", diff)
	}
	if e.Status() != Succeeded || !e.Stopped().Equal(at(1001*time.Second)) {
		t.Errorf("%s at %s", e.Status(), e.Stopped())
	}
}

// Variables of the outside are not there in a child execution, and may be assigned again.
func TestChildHasVariablesOfItsOwn(t *testing.T) {
	t.Parallel()
	const definition = `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"v":1},"Next":"M"},"M":{"Type":"Map","Items":[1],"ToleratedFailureCount":1,
"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"B","States":{"B":{"Type":"Pass","Output":"{% $exists($v) %}","Assign":{"v":2},"End":true}}},"End":true}}}`
	e := (&fleet{}).start(t, definition, nil)
	e.Run(t.Context())
	if got := string(e.Output()); got != "[false]" {
		t.Errorf("%s %s", got, e.Cause())
	}
}

// Wherever it is cloned, a distributed Map ends like the original, redrives included.
func TestCloneOfAMapRun(t *testing.T) {
	t.Parallel()
	play := func(clone bool) string {
		f := &fleet{broken: map[string]bool{"2": true, "4": true}}
		e := f.start(t, distributed(`"Items":[1,2,3,4,5,6],"MaxConcurrency":2,"ToleratedFailureCount":1,`), nil)
		same := options(taskFunc(f.do), nil)
		same.UUID = e.options.UUID
		step := func() bool {
			if clone {
				other := e.Clone(same)
				e.Stop(at(time.Hour), "", "") // must not matter to the copy
				e = other
			}
			next, ok := e.Next()
			if ok {
				e.Advance(t.Context(), next)
			}
			return ok
		}
		for step() {
		}
		f.broken = nil
		if err := e.Redrive(at(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for step() {
		}
		all, err := json.Marshal([]any{e.History(), e.MapRuns()})
		if err != nil {
			t.Fatal(err)
		}
		return string(all)
	}
	if diff := cmp.Diff(play(false), play(true)); diff != "" {
		t.Errorf("cloned (-original +clone)\n%s", diff)
	}
}

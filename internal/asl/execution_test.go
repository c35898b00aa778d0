package asl

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// taskFunc is a Tasks of one function.
type taskFunc func(t Task) Outcome

func (f taskFunc) Do(_ context.Context, t Task) Outcome { return f(t) }

func parse(t *testing.T, definition string) *Machine {
	t.Helper()
	m, err := Parse([]byte(definition))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func types(e *Execution) []string {
	var out []string
	for _, v := range e.History() {
		out = append(out, string(v.Type))
	}
	return out
}

func at(d time.Duration) time.Time { return testStart.Add(d) }

const ask = `{"QueryLanguage":"JSONata","StartAt":"Ask","States":{
"Ask":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Arguments":{"FunctionName":"ask","Payload":{"token":"{% $states.context.Task.Token %}"}},
 "TimeoutSeconds":100,"HeartbeatSeconds":40,"Retry":[{"ErrorEquals":["Busy"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["No"],"Next":"Rejected"}],"Output":"{% $states.result %}","Next":"Done"},
"Done":{"Type":"Succeed"},"Rejected":{"Type":"Fail","Error":"Rejected"}}}`

// asked starts the machine and advances it until it waits for its token.
func asked(t *testing.T) (*Execution, *[]Task) {
	t.Helper()
	var tasks []Task
	e := parse(t, ask).Start(options(taskFunc(func(task Task) Outcome {
		tasks = append(tasks, task)
		return Outcome{Output: json.RawMessage(`"asked"`), After: time.Second}
	}), nil))
	e.Advance(t.Context(), at(2*time.Second))
	return e, &tasks
}

func TestCallback(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	token := (*tasks)[0].Token
	if got, want := string((*tasks)[0].Payload), `{"token":"`+token+`"}`; got != want {
		t.Errorf("payload %s, want %s", got, want)
	}
	if err := e.SendTaskSuccess(at(30*time.Second), token, json.RawMessage(`{"yes":1}`)); err != nil {
		t.Fatal(err)
	}
	if e.Status() != Running {
		t.Error("the answer took effect before the execution advanced")
	}
	if next, ok := e.Next(); !ok || !next.Equal(at(30*time.Second)) {
		t.Errorf("next due %v %v, want the time of the answer", next, ok)
	}
	e.Run(t.Context())
	if got := string(e.Output()); e.Status() != Succeeded || got != `{"yes":1}` {
		t.Errorf("%s %s", e.Status(), got)
	}
	want := []string{
		"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
		"TaskStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded",
	}
	if diff := cmp.Diff(want, types(e)); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
}

// A function may answer its own token before it returns; the answer counts only once the token has been handed over.
func TestCallbackFromWithinTheTask(t *testing.T) {
	t.Parallel()
	var e *Execution
	e = parse(t, ask).Start(options(taskFunc(func(task Task) Outcome {
		if err := e.SendTaskFailure(task.Scheduled, task.Token, "No", "not this one"); err != nil {
			t.Error(err)
		}
		return Outcome{Output: json.RawMessage(`1`), After: 5 * time.Second}
	}), nil))
	e.Run(t.Context())
	if e.Error() != "Rejected" || !e.Stopped().Equal(at(5*time.Second)) {
		t.Errorf("error %q after %s", e.Error(), e.Stopped().Sub(testStart))
	}
	want := []string{
		"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed",
		"TaskStateExited", "FailStateEntered", "ExecutionFailed",
	}
	if diff := cmp.Diff(want, types(e)); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
}

func TestCallbackErrors(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	token := (*tasks)[0].Token
	for _, c := range []struct {
		err  error
		want error
	}{
		{e.SendTaskSuccess(at(3*time.Second), "", nil), ErrInvalidToken},
		{e.SendTaskSuccess(at(3*time.Second), strings.Repeat("x", 2049), nil), ErrInvalidToken},
		{e.SendTaskHeartbeat(at(3*time.Second), "nobody"), ErrTaskDoesNotExist},
		{e.SendTaskSuccess(at(3*time.Second), token, json.RawMessage(`{`)), ErrInvalidOutput},
		{e.SendTaskSuccess(at(40*time.Second), token, json.RawMessage(`1`)), ErrTaskTimedOut}, // the heartbeat is due
		{e.SendTaskFailure(at(4*time.Second), token, "Busy", ""), nil},
		{e.SendTaskFailure(at(4*time.Second), token, "Busy", ""), ErrTaskTimedOut}, // answered before
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("got %v, want %v", c.err, c.want)
		}
	}
	e.Advance(t.Context(), at(20*time.Second))
	if len(*tasks) != 2 || (*tasks)[1].Attempt != 2 || (*tasks)[1].Token == token {
		t.Fatalf("the retry should have a token of its own: %+v", *tasks)
	}
	if err := e.SendTaskSuccess(at(21*time.Second), token, json.RawMessage(`1`)); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("the token of the first attempt gives %v", err)
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	token := (*tasks)[0].Token
	for _, s := range []time.Duration{30 * time.Second, 60 * time.Second} {
		if err := e.SendTaskHeartbeat(at(s), token); err != nil {
			t.Fatal(err)
		}
		e.Advance(t.Context(), at(s))
	}
	e.Run(t.Context())
	// 60 s + HeartbeatSeconds comes at the same time as TimeoutSeconds.
	if e.Error() != "States.Timeout" || !e.Stopped().Equal(at(100*time.Second)) {
		t.Errorf("%s after %s", e.Error(), e.Stopped().Sub(testStart))
	}
}

func TestMissedHeartbeatMatchesBothNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"States.HeartbeatTimeout", "States.Timeout", "States.ALL"} {
		m := parse(t, strings.Replace(ask, `"ErrorEquals":["No"]`, `"ErrorEquals":["`+name+`"]`, 1))
		e := m.Start(options(taskFunc(func(Task) Outcome { return Outcome{Output: json.RawMessage(`1`)} }), nil))
		e.Run(t.Context())
		if e.Error() != "Rejected" || !e.Stopped().Equal(at(40*time.Second)) {
			t.Errorf("%s: %s after %s", name, e.Error(), e.Stopped().Sub(testStart))
		}
	}
}

// An execution that waits for a token only, with neither timeout nor heartbeat, has nothing that is due.
func TestNextIsFalseWithoutTimer(t *testing.T) {
	t.Parallel()
	m := parse(t, strings.Replace(ask, `"TimeoutSeconds":100,"HeartbeatSeconds":40,`, "", 1))
	var token string
	e := m.Start(options(taskFunc(func(task Task) Outcome {
		token = task.Token
		return Outcome{Output: json.RawMessage(`1`)}
	}), nil))
	e.Run(t.Context())
	if next, ok := e.Next(); ok || e.Status() != Running {
		t.Fatalf("%s, next %v", e.Status(), next)
	}
	if err := e.SendTaskSuccess(at(time.Hour), token, json.RawMessage(`1`)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if e.Status() != Succeeded || !e.Stopped().Equal(at(time.Hour)) {
		t.Errorf("%s at %s", e.Status(), e.Stopped())
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	e.Stop(at(10*time.Second), "Console", "a person")
	if e.Status() != Aborted || e.Error() != "Console" || e.Cause() != "a person" || !e.Stopped().Equal(at(10*time.Second)) {
		t.Errorf("%s %s %s at %s", e.Status(), e.Error(), e.Cause(), e.Stopped())
	}
	e.Run(t.Context())
	if err := e.SendTaskSuccess(at(11*time.Second), (*tasks)[0].Token, json.RawMessage(`1`)); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("the token of an execution that was stopped gives %v", err)
	}
	if got := types(e); got[len(got)-1] != "ExecutionAborted" {
		t.Errorf("history ends with %s", got[len(got)-1])
	}
}

const chain = `{"QueryLanguage":"JSONata","TimeoutSeconds":3600,"StartAt":"A","States":{
"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"a"},"Assign":{"a":"{% $states.result.Payload %}"},"Next":"B"},
"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"b","Payload":"{% [$a, $exists($states.context.Execution.RedriveTime), $states.context.Execution.RedriveCount] %}"},
 "Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"Output":"{% $states.result.Payload %}","End":true}}}`

func TestRedrive(t *testing.T) {
	t.Parallel()
	broken := true
	var log []string
	e := parse(t, chain).Start(options(taskFunc(func(task Task) Outcome {
		log = append(log, task.State+" "+string(task.Payload))
		if task.State == "B" && broken {
			return Outcome{Failed: true, Error: "E", Cause: "broken"}
		}
		return Outcome{Output: json.RawMessage(`"` + task.State + `"`)}
	}), nil))
	e.Run(t.Context())
	if e.Status() != Failed || e.Cause() != "broken" {
		t.Fatalf("%s %s", e.Status(), e.Cause())
	}
	if err := e.Redrive(at(24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	broken = false
	if err := e.Redrive(at(48 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if e.Status() != Succeeded || string(e.Output()) != `"B"` || e.RedriveCount() != 2 {
		t.Errorf("%s %s after %d redrives", e.Status(), e.Output(), e.RedriveCount())
	}
	want := []string{ // A once; B with its retry in the first run and after the first redrive
		"A {}", `B ["A",false,0]`, `B ["A",false,0]`, `B ["A",true,1]`, `B ["A",true,1]`, `B ["A",true,2]`,
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("tasks (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A", "B"}, e.Path()); diff != "" {
		t.Errorf("path (-want +got)\n%s", diff)
	}
	if err := e.Redrive(at(49 * time.Hour)); !errors.Is(err, ErrNotRedrivable) {
		t.Errorf("an execution that succeeded gives %v", err)
	}
}

func TestRedriveEntersAFailStateAgain(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"E"}}}`).Start(options(nil, nil))
	e.Run(t.Context())
	if err := e.Redrive(at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	want := []string{"ExecutionStarted", "FailStateEntered", "ExecutionFailed", "ExecutionRedriven", "FailStateEntered", "ExecutionFailed"}
	if diff := cmp.Diff(want, types(e)); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
	if err := e.Redrive(at(15 * 24 * time.Hour)); !errors.Is(err, ErrNotRedrivable) {
		t.Errorf("after 14 days it gives %v", err)
	}
}

// A redrive runs the branches and iterations again that did not succeed, and those only.
func TestRedriveOfAFan(t *testing.T) {
	t.Parallel()
	broken := true
	var log []string
	e := parse(t, `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":[1,2,3,4],"MaxConcurrency":2,
"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"p","Payload":"{% $states.input %}"},"Output":"{% $states.result.Payload * 10 %}","End":true}}},"End":true}}}`).
		Start(options(taskFunc(func(task Task) Outcome {
			log = append(log, string(task.Payload))
			if string(task.Payload) == "2" && broken {
				return Outcome{Failed: true, Error: "E", After: 3 * time.Second}
			}
			return Outcome{Output: task.Payload, After: 2 * time.Second}
		}), nil))
	e.Run(t.Context())
	if e.Status() != Failed {
		t.Fatal(e.Status())
	}
	broken = false
	if err := e.Redrive(at(time.Minute)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if got := string(e.Output()); got != "[10,20,30,40]" {
		t.Errorf("%s %s %s", e.Status(), got, e.Cause())
	}
	// 3 had started when 2 failed.
	if diff := cmp.Diff([]string{"1", "2", "3", "2", "3", "4"}, log); diff != "" {
		t.Errorf("tasks (-want +got)\n%s", diff)
	}
}

func TestRedriveAfterStopAndTimeout(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"stop", "timeout"} {
		never := true
		e := parse(t, chain).Start(options(taskFunc(func(task Task) Outcome {
			out := Outcome{Output: json.RawMessage(`1`)}
			if never {
				out.After = 100 * time.Hour
			}
			return out
		}), nil))
		if how == "stop" {
			e.Advance(t.Context(), at(time.Minute))
			e.Stop(at(time.Minute), "", "")
		} else {
			e.Run(t.Context())
		}
		if e.Status() != map[string]Status{"stop": Aborted, "timeout": TimedOut}[how] {
			t.Errorf("%s: %s", how, e.Status())
		}
		never = false
		if err := e.Redrive(at(2 * time.Hour)); err != nil {
			t.Fatal(err)
		}
		e.Run(t.Context())
		if e.Status() != Succeeded || !e.Stopped().Equal(at(2*time.Hour)) {
			t.Errorf("%s: %s at %s: the answer of the first run must not count", how, e.Status(), e.Stopped())
		}
	}
}

// The machine's time may be over at any moment; a redrive goes on from there.
func TestExpire(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	e.Expire(at(5 * time.Second))
	e.Expire(at(6 * time.Second))
	if e.Status() != TimedOut || !e.Stopped().Equal(at(5*time.Second)) || e.History()[len(e.History())-1].Type != ExecutionTimedOut {
		t.Fatalf("%s at %s", e.Status(), e.Stopped())
	}
	if err := e.SendTaskSuccess(at(6*time.Second), (*tasks)[0].Token, nil); !errors.Is(err, ErrTaskTimedOut) {
		t.Errorf("its token: %v", err)
	}
	if err := e.Redrive(at(time.Minute)); err != nil {
		t.Fatal(err)
	}
	e.Advance(t.Context(), at(time.Minute))
	if e.Status() != Running || len(*tasks) != 2 {
		t.Errorf("redriven: %s after %d tasks", e.Status(), len(*tasks))
	}
}

func TestCloneIsIndependent(t *testing.T) {
	t.Parallel()
	e, tasks := asked(t)
	token := (*tasks)[0].Token
	before := len(e.History())
	other := e.Clone(options(taskFunc(func(Task) Outcome { return Outcome{Failed: true, Error: "Other"} }), nil))
	if err := other.SendTaskFailure(at(5*time.Second), token, "Busy", ""); err != nil {
		t.Fatal(err)
	}
	other.Run(t.Context()) // retries, with the other tasks
	if other.Status() != Failed || other.Error() != "Other" {
		t.Errorf("the copy: %s %s", other.Status(), other.Error())
	}
	if len(e.History()) != before || e.Status() != Running {
		t.Errorf("the original went along: %s, %d events", e.Status(), len(e.History()))
	}
	if err := e.SendTaskSuccess(at(6*time.Second), token, json.RawMessage(`2`)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if e.Status() != Succeeded || len(*tasks) != 1 {
		t.Errorf("the original: %s after %d tasks", e.Status(), len(*tasks))
	}
}

// Wherever an execution is cloned, the copy ends like the original.
func TestCloneAtEveryMoment(t *testing.T) {
	t.Parallel()
	m := parse(t, `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":[3,1,2],"ItemProcessor":{"StartAt":"W","States":{
"W":{"Type":"Wait","Seconds":"{% $states.input %}","Assign":{"v":"{% $states.input %}"},"Next":"T"},
"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"t","Payload":"{% $v %}"},"Retry":[{"ErrorEquals":["E"]}],"Output":"{% $states.result.Payload %}","End":true}}},"End":true}}}`)
	tasks := taskFunc(func(task Task) Outcome {
		if task.Attempt == 1 {
			return Outcome{Failed: true, Error: "E"}
		}
		return Outcome{Output: task.Payload, After: time.Second}
	})
	same := options(tasks, nil)
	same.UUID = func() string { return "00000000-0000-4000-8000-000000000000" }
	whole := m.Start(same)
	whole.Run(t.Context())
	want, err := json.Marshal(whole.History())
	if err != nil {
		t.Fatal(err)
	}
	e := m.Start(same)
	for moments := 0; ; moments++ {
		o := e.Clone(same)
		o.Run(t.Context())
		got, err := json.Marshal(o.History())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("copied at moment %d (-want +got)\n%s", moments, diff)
		}
		next, ok := e.Next()
		if !ok {
			if moments < 5 {
				t.Errorf("only %d moments", moments)
			}
			return
		}
		e.Advance(t.Context(), next)
	}
}

// One machine runs many executions at the same time.
func TestMachineIsShared(t *testing.T) {
	t.Parallel()
	m := parse(t, `{"QueryLanguage":"JSONata","StartAt":"A","States":{
"A":{"Type":"Pass","Output":{"constant":{"list":[{"x":1}]},"n":"{% $states.input.n %}"},"Next":"B"},
"B":{"Type":"Pass","Output":"{% $merge([$states.input, $states.input.constant]) %}","End":true}}}`)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 50 {
				e := m.Start(options(nil, []byte(`{"n":`+string(rune('0'+i))+`}`)))
				e.Run(context.Background())
				if got, want := string(e.Output()), `{"constant":{"list":[{"x":1}]},"n":`+string(rune('0'+i))+`,"list":[{"x":1}]}`; got != want {
					t.Errorf("got %s %s, want %s", got, e.Cause(), want)
				}
			}
		})
	}
	group.Wait()
}

func TestEndlessLoopEnds(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.n","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}`).
		Start(options(nil, nil))
	e.Run(t.Context())
	if e.Error() != "States.Runtime" || len(e.History()) > maxEvents || !strings.Contains(e.Cause(), "25000") {
		t.Errorf("%s %s after %d events", e.Error(), e.Cause(), len(e.History()))
	}
}

// Step Functions cannot carry more than 256 KiB from state to state.
func TestDataLimit(t *testing.T) {
	t.Parallel()
	const machine = `{"QueryLanguage":"JSONata","StartAt":"A","States":{
"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"Catch":[{"ErrorEquals":["States.DataLimitExceeded"],"Output":"caught","Next":"B"}],"Next":"B"},
"B":{"Type":"Succeed"}}}`
	e := parse(t, machine).Start(options(taskFunc(func(Task) Outcome {
		return Outcome{Output: json.RawMessage(`"` + strings.Repeat("x", maxData) + `"`)}
	}), nil))
	e.Run(t.Context())
	if got := string(e.Output()); got != `"caught"` {
		t.Errorf("%s %.80s %s", e.Status(), got, e.Error())
	}
	e = parse(t, machine).Start(options(nil, []byte(`"`+strings.Repeat("x", maxData)+`"`)))
	if e.Status() != Failed || e.Error() != "States.DataLimitExceeded" {
		t.Errorf("an input that is too large: %s %s", e.Status(), e.Error())
	}
}

func TestInputThatIsNotJSON(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`).Start(options(nil, []byte(`{"a":`)))
	if _, ok := e.Next(); ok || e.Status() != Failed || !strings.Contains(e.Cause(), "InvalidExecutionInput") {
		t.Errorf("%s %s", e.Status(), e.Cause())
	}
}

// Advance runs what is due, and not what comes later.
func TestAdvanceStopsAtNow(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":10,"Next":"B"},"B":{"Type":"Wait","Seconds":10,"Next":"C"},"C":{"Type":"Succeed"}}}`).Start(options(nil, nil))
	e.Advance(t.Context(), at(19*time.Second))
	if diff := cmp.Diff([]string{"A", "B"}, e.Path()); diff != "" {
		t.Errorf("path (-want +got)\n%s", diff)
	}
	e.Advance(t.Context(), at(time.Hour))
	if !e.Stopped().Equal(at(20 * time.Second)) {
		t.Errorf("stopped at %s: an event carries the time at which it was due", e.Stopped())
	}
}

// A child execution of a distributed Map has a history of its own, with the same limit.
func TestEndlessLoopInAChildExecutionEnds(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"A","States":{
"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.n","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}}}}`).
		Start(options(nil, []byte(`[1]`)))
	e.Run(t.Context())
	want := []string{"ExecutionStarted", "MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"}
	if diff := cmp.Diff(want, types(e)); diff != "" || e.Error() != "States.ExceedToleratedFailureThreshold" {
		t.Errorf("%s (-want +got)\n%s", e.Error(), diff)
	}
	if c := e.MapRuns()[0].Children[0]; c.Status != Failed || !strings.Contains(c.Cause, "25000") {
		t.Errorf("the child execution: %s %s", c.Status, c.Cause)
	}
}

// When ItemSelector fails for a later item, the iterations that have been made do not run.
func TestItemSelectorFails(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":[{"v":1},{}],"ItemSelector":"{% $states.context.Map.Item.Value.v %}",
"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"End":true}}},
"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"Z"}],"End":true},"Z":{"Type":"Succeed"}}}`).
		Start(options(taskFunc(func(Task) Outcome {
			t.Error("an iteration of a Map state that failed ran")
			return Outcome{}
		}), nil))
	e.Run(t.Context())
	if diff := cmp.Diff([]string{"M", "Z"}, e.Path()); diff != "" {
		t.Errorf("%s (-want +got)\n%s", e.Cause(), diff)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`$a + $states.input.x`:                   "a states.input",
		`$contains($a, /it's/) and $b`:           "contains a b",
		`$a / $b / "$c" & '$d' /* $e */ & $f`:    "a b f",
		`$states`:                                "states",
		`$map($a, function($v) { $v.$states })`:  "map a v v states",
		"`$quoted` & $$.x & $":                   "",
		`$match($a, /\/$x/i).match ~> $states.y`: "match a states.y",
	} {
		var got []string
		for _, m := range mentions(source) {
			if m.member != "" {
				m.name += "." + m.member
			}
			got = append(got, m.name)
		}
		if joined := strings.Join(got, " "); joined != want {
			t.Errorf("%s mentions %q, want %q", source, joined, want)
		}
	}
}

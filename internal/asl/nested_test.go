package asl

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// service is Step Functions: it runs executions of several machines, which may start each other.
type service struct {
	t          *testing.T
	machines   map[string]*Machine
	tasks      Tasks
	executions []*Execution
	ended      map[string]bool
	uuid       func() string
	now        time.Time
}

func newService(t *testing.T, tasks taskFunc, machines map[string]string) *service {
	t.Helper()
	s := &service{t: t, machines: map[string]*Machine{}, tasks: tasks, ended: map[string]bool{}, uuid: counter(), now: testStart}
	for name, definition := range machines {
		s.machines[machineARN(name)] = parse(t, definition)
	}
	return s
}

func machineARN(name string) string {
	return "arn:aws:states:eu-west-1:111122223333:stateMachine:" + name
}

func (s *service) StartExecution(_ context.Context, c StartCall) (string, error) {
	m, ok := s.machines[c.StateMachineARN]
	if !ok {
		return "", &ServiceError{Code: "StateMachineDoesNotExist", Message: "State Machine Does Not Exist: '" + c.StateMachineARN + "'", Status: 400}
	}
	arn := strings.Replace(c.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + c.Name
	for _, e := range s.executions {
		if e.options.ARN == arn {
			return "", &ServiceError{Code: "ExecutionAlreadyExists", Message: "Execution Already Exists: '" + arn + "'", Status: 400}
		}
	}
	s.executions = append(s.executions, m.Start(Options{
		Name: c.Name, ARN: arn, StateMachineARN: c.StateMachineARN, Input: c.Input, Start: c.At,
		Tasks: s.tasks, Executions: s, UUID: s.uuid, ChildHistories: true,
	}))
	return arn, nil
}

func (s *service) StopExecution(_ context.Context, c StopCall) {
	for _, e := range s.executions {
		if e.options.ARN == c.ARN {
			e.Stop(c.At, "", "stopped with "+c.Execution)
		}
	}
}

// run goes on until nothing is due before the time.
func (s *service) run(until time.Time) {
	for {
		var next *Execution
		var due time.Time
		for _, e := range s.executions {
			if at, ok := e.Next(); ok && !at.After(until) && (next == nil || at.Before(due)) {
				next, due = e, at
			}
		}
		if next == nil {
			return
		}
		s.now = due
		next.Advance(s.t.Context(), due)
		for _, e := range s.executions {
			if arn := e.options.ARN; e.Status() != Running && !s.ended[arn] {
				s.ended[arn] = true
				for _, other := range s.executions {
					other.ExecutionEnded(s.now, e.Describe())
				}
			}
		}
	}
}

func (s *service) start(machine, input string) *Execution {
	s.t.Helper()
	if _, err := s.StartExecution(s.t.Context(), StartCall{StateMachineARN: machineARN(machine), Name: "first", At: s.now, Input: json.RawMessage(input)}); err != nil {
		s.t.Fatal(err)
	}
	return s.executions[len(s.executions)-1]
}

// starts is a machine that starts an execution of the machine "closing" with the given pattern.
func starts(pattern, more string) string {
	return `{"QueryLanguage":"JSONata","StartAt":"Start","States":{"Start":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution` + pattern + `",
"Arguments":{"StateMachineArn":"` + machineARN("closing") + `","Name":"a","Input":{"n":"{% $states.input.n %}"}},` + more + `"End":true}}}`
}

const closing = `{"QueryLanguage":"JSONata","StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"Next":"C"},"C":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.n > 0 %}","Next":"S"}],"Default":"F"},
"S":{"Type":"Succeed","Output":{"closed":"{% $states.input.n %}"}},"F":{"Type":"Fail","Error":"Closing.Failed","Cause":"none left"}}}`

func TestStartExecution(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:states:eu-west-1:111122223333:execution:closing:a"
	const end = `"Name":"a",`
	const times = `"StartDate":1772366400000,"StateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:closing","Status":"`
	for _, c := range []struct{ pattern, input, want string }{
		{".sync:2", `{"n":1}`, `{"ExecutionArn":"` + arn + `","Input":{"n":1},"InputDetails":{"Included":true},` + end + `"Output":{"closed":1},"OutputDetails":{"Included":true},` + times + `SUCCEEDED","StopDate":1772366410000}`},
		{".sync", `{"n":1}`, `{"ExecutionArn":"` + arn + `","Input":"{\"n\":1}","InputDetails":{"Included":true},` + end + `"Output":"{\"closed\":1}","OutputDetails":{"Included":true},` + times + `SUCCEEDED","StopDate":1772366410000}`},
		{".sync:2", `{"n":0}`, `States.TaskFailed: {"Cause":"none left","Error":"Closing.Failed","ExecutionArn":"` + arn + `","Input":"{\"n\":0}","InputDetails":{"Included":true},` + end + times + `FAILED","StopDate":1772366410000}`},
	} {
		s := newService(t, nil, map[string]string{"fleet": starts(c.pattern, ""), "closing": closing})
		e := s.start("fleet", c.input)
		s.run(at(time.Hour))
		got := string(e.Output())
		if e.Status() != Succeeded {
			got = e.Error() + ": " + e.Cause()
		}
		if got != c.want || !e.Stopped().Equal(at(10*time.Second)) {
			t.Errorf("%s of %s gives\n%s at %s, want\n%s", c.pattern, c.input, got, e.Stopped(), c.want)
		}
		last := map[bool]string{true: "TaskSucceeded", false: "TaskFailed"}[e.Status() == Succeeded]
		if diff := cmp.Diff([]string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", last}, types(e)[:6]); diff != "" {
			t.Errorf("%s history (-want +got)\n%s", c.pattern, diff)
		}
	}
}

// Without .sync the task is done when the execution has started.
func TestStartExecutionAndForget(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, map[string]string{"fleet": starts("", ""), "closing": closing})
	e := s.start("fleet", `{"n":0}`)
	s.run(at(time.Hour))
	var out struct {
		ExecutionArn string
		StartDate    int64
	}
	if err := json.Unmarshal(e.Output(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(out.ExecutionArn, ":execution:closing:a") || out.StartDate != testStart.UnixMilli() || !e.Stopped().Equal(testStart) {
		t.Errorf("%s at %s", e.Output(), e.Stopped())
	}
	if s.executions[1].Status() != Failed {
		t.Errorf("the execution that it started: %s", s.executions[1].Status())
	}
}

func TestStartExecutionRefused(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"", ".sync:2"} {
		s := newService(t, nil, map[string]string{"fleet": starts(pattern, "")})
		e := s.start("fleet", `{"n":1}`)
		s.run(at(time.Hour))
		want := "State Machine Does Not Exist: '" + machineARN("closing") + "' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
		if e.Error() != "StepFunctions.StateMachineDoesNotExistException" || !strings.HasPrefix(e.Cause(), want) {
			t.Errorf("%s: %s %s", pattern, e.Error(), e.Cause())
		}
		kind := map[string]string{"": "TaskFailed", ".sync:2": "TaskSubmitFailed"}[pattern]
		if got := types(e)[4]; got != kind {
			t.Errorf("%s: %s, want %s", pattern, got, kind)
		}
	}
}

// What waits for an execution stops it when it is itself stopped, or when its branch is over; it does not when it has
// only stopped waiting.
func TestStartedExecutionIsStopped(t *testing.T) {
	t.Parallel()
	const inParallel = `{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[
{"StartAt":"Start","States":{"Start":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Arguments":{"StateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:closing","Name":"a","Input":{"n":1}},"End":true}}},
{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"F"},"F":{"Type":"Fail"}}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Z"}],"End":true},"Z":{"Type":"Pass","End":true}}}`
	const inMap = `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":[1],"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Start","States":{
"Start":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Arguments":{"StateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:closing","Name":"a","Input":{"n":1}},"End":true}}},"End":true}}}`
	for _, c := range []struct {
		name, fleet string
		stop        func(e *Execution)
		want        Status
	}{
		{"stop", starts(".sync:2", ""), func(e *Execution) { e.Stop(at(5*time.Second), "", "") }, Aborted},
		{"expiry", starts(".sync:2", ""), func(e *Execution) { e.Expire(at(5 * time.Second)) }, Aborted},
		{"stop of a Map Run", inMap, func(e *Execution) { e.Stop(at(5*time.Second), "", "") }, Aborted},
		{"another branch", inParallel, func(*Execution) {}, Aborted},
		{"timeout of the task", strings.Replace(starts(".sync:2", `"TimeoutSeconds":5,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"Z"}],`),
			`"End":true}}}`, `"End":true},"Z":{"Type":"Pass","End":true}}}`, 1), func(*Execution) {}, Succeeded},
		{"nothing", starts(".sync:2", ""), func(*Execution) {}, Succeeded},
	} {
		s := newService(t, nil, map[string]string{"fleet": c.fleet, "closing": closing})
		e := s.start("fleet", `{"n":1}`)
		s.run(at(5 * time.Second))
		c.stop(e)
		s.run(at(time.Hour))
		if got := s.executions[1].Status(); got != c.want || e.Status() == Running {
			t.Errorf("%s: %s, want %s; what waited %s", c.name, got, c.want, e.Status())
		}
	}
}

// A fleet: a distributed Map of executions of another machine. What failed is started again by a redrive, under another
// name; what succeeded is not.
func TestFleet(t *testing.T) {
	t.Parallel()
	const definition = `{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":"{% $states.input %}","MaxConcurrency":2,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Start","States":{
"Start":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Arguments":{"StateMachineArn":"arn:aws:states:eu-west-1:111122223333:stateMachine:closing",
"Name":"{% $string($states.input.id) & '-' & $string($states.context.Execution.RedriveCount) %}","Input":{"n":"{% $states.input.n - $states.context.Execution.RedriveCount %}"}},"Output":"{% $states.result.Output.closed %}","End":true}}},"End":true}}}`
	s := newService(t, nil, map[string]string{"fleet": definition, "closing": strings.Replace(closing, "n > 0", "n < 2", 1)})
	e := s.start("fleet", `[{"id":"a","n":1},{"id":"b","n":2},{"id":"c","n":1}]`)
	s.run(at(time.Hour))
	if e.Status() != Failed || e.Error() != "States.ExceedToleratedFailureThreshold" {
		t.Fatalf("%s %s", e.Status(), e.Error())
	}
	s.now = at(2 * time.Hour)
	s.ended[e.options.ARN] = false
	if err := e.Redrive(s.now); err != nil {
		t.Fatal(err)
	}
	s.run(at(3 * time.Hour))
	if got := string(e.Output()); got != "[1,1,0]" {
		t.Errorf("%s %s %s", e.Status(), got, e.Cause())
	}
	got := map[string]Status{}
	for _, x := range s.executions[1:] {
		got[x.options.Name] = x.Status()
	}
	want := map[string]Status{"a-0": Succeeded, "b-0": Failed, "b-1": Succeeded, "c-0": Aborted, "c-1": Succeeded}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("executions (-want +got)\n%s", diff)
	}
}

// A copy waits for the execution as the original does.
func TestCloneThatWaitsForAnExecution(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, map[string]string{"fleet": starts(".sync:2", ""), "closing": closing})
	e := s.start("fleet", `{"n":1}`)
	s.run(testStart)
	other := e.Clone(Options{Executions: s, UUID: s.uuid})
	ended := Description{ARN: s.executions[1].options.ARN, Status: Succeeded, Input: json.RawMessage(`1`), Output: json.RawMessage(`{}`)}
	other.ExecutionEnded(at(time.Minute), ended)
	other.Run(t.Context())
	if other.Status() != Succeeded || e.Status() != Running {
		t.Errorf("the copy %s, the original %s", other.Status(), e.Status())
	}
	s.run(at(time.Hour))
	if !e.Stopped().Equal(at(10 * time.Second)) {
		t.Errorf("the original %s at %s", e.Status(), e.Stopped())
	}
}

// The task's own token answers it too.
func TestStartExecutionAnsweredByToken(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, map[string]string{
		"fleet":   strings.Replace(starts(".sync", ""), `"n":"{% $states.input.n %}"`, `"token":"{% $states.context.Task.Token %}"`, 1),
		"closing": closing,
	})
	e := s.start("fleet", `{}`)
	s.run(testStart)
	var input struct{ Token string }
	if err := json.Unmarshal(s.executions[1].options.Input, &input); err != nil {
		t.Fatal(err)
	}
	if err := e.SendTaskSuccess(at(time.Second), input.Token, json.RawMessage(`"done"`)); err != nil {
		t.Fatal(err)
	}
	s.run(at(time.Hour))
	if got := string(e.Output()); got != `"done"` || !e.Stopped().Equal(at(time.Second)) {
		t.Errorf("%s at %s", got, e.Stopped())
	}
}

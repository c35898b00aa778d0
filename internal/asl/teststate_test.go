package asl

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runTestStates compares one state at a time with the answers of the TestState API.
func runTestStates(t *testing.T, dir string, skipped map[string]int) (passed, total int) {
	t.Helper()
	for _, file := range glob(t, dir, "teststate", "*.json") {
		cases, _ := of(readObject(t, file), "cases").([]any)
		for _, e := range cases {
			c := e.(*object)
			request := of(c, "request").(*object)
			if _, mocked := request.get("mock"); !mocked && str(of(request, "definition").(*object), "Type") == "Task" {
				skipped["TestState called a function that is not recorded"]++
				continue
			}
			total++
			got, err := testState(request)
			if err != nil {
				t.Logf("teststate %s %s: %v", filepath.Base(file), str(c, "matchKey"), err)
				continue
			}
			if diff := masksOf(c).differ(plain(of(c, "response")), plain(got), "response"); diff != "" {
				t.Logf("teststate %s %s: %s", filepath.Base(file), str(c, "matchKey"), diff)
				continue
			}
			passed++
		}
	}
	return passed, total
}

// plain decodes texts that are JSON arrays, which the recorder left as texts with Python's blanks, and takes the number
// of an event out of causes: a state on its own has no history.
func plain(v any) any {
	switch v := v.(type) {
	case *object:
		out := newObject(len(v.members))
		for _, m := range v.members {
			out.set(m.key, plain(m.value))
		}
		return out
	case string:
		v = frame.ReplaceAllString(v, "")
		if strings.HasPrefix(v, "[") {
			if d, err := decode([]byte(v)); err == nil {
				return d
			}
		}
		return v
	}
	return v
}

// stateUnderTest is one state of a definition, with stand-ins for the states that it names.
type stateUnderTest struct { //nolint:errname // as Execution
	*Execution
	state      *state
	request    *object
	inspection *object
}

func testState(request *object) (response *object, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	definition := of(request, "definition").(*object)
	name := str(request, "stateName")
	source, jsonata := definition, str(definition, "QueryLanguage") == "JSONata"
	if name != "" {
		source, jsonata = findState(definition, name, false)
	} else {
		name = "StateName"
	}
	m, err := lonely(name, source, jsonata)
	if err != nil {
		return nil, err
	}
	u := &stateUnderTest{request: request, inspection: newObject(8)}
	u.Execution = m.Start(Options{
		Name: "<resource:1>", ARN: "arn:<partition>:states:<region>:111111111111:express:<resource:3>:<resource:1>",
		StateMachineName: "<resource:3>", StateMachineARN: "arn:<partition>:states:<region>:111111111111:stateMachine:<resource:3>",
		RoleARN: "arn:<partition>:iam::111111111111:role/<resource:2>",
		Input:   encode(of(request, "input")), Start: testStart, UUID: counter(), Tasks: u,
		Random: func() float64 { return 0.5 },
	})
	u.ev.ctx = context.Background()
	u.state = u.root.state
	u.root.enteredState = u.state
	if variables, ok := of(request, "variables").(*object); ok {
		u.root.variables = u.root.variables.assign(variables)
	}
	whole := u.ev.context
	u.ev.context = func() *object { // an Express execution has no redrives
		if given, ok := of(request, "context").(*object); ok {
			return given
		}
		out := whole()
		execution := newObject(8)
		for _, f := range of(out, "Execution").(*object).members {
			if f.key != "RedriveCount" {
				execution.set(f.key, f.value)
			}
		}
		return out.with("Execution", execution)
	}
	return u.respond(), nil
}

// Do is never asked: the work of the state is mocked.
func (u *stateUnderTest) Do(context.Context, Task) Outcome {
	panic("the result of the state is mocked")
}

func findState(o *object, name string, jsonata bool) (*object, bool) {
	if v, ok := o.get("QueryLanguage"); ok {
		jsonata = v == "JSONata"
	}
	if states, ok := typed[*object](o, "States"); ok {
		if s, ok := typed[*object](states, name); ok {
			return s, jsonata
		}
		for _, m := range states.members {
			if s, inner := findState(m.value.(*object), name, jsonata); s != nil {
				return s, inner
			}
		}
	}
	for _, key := range []string{"ItemProcessor", "Iterator"} {
		if inner, ok := typed[*object](o, key); ok {
			if s, j := findState(inner, name, jsonata); s != nil {
				return s, j
			}
		}
	}
	return nil, false
}

// lonely makes a machine of one state and stand-ins.
func lonely(name string, source *object, jsonata bool) (*Machine, error) {
	states := newObject(4)
	kept := newObject(len(source.members))
	for _, f := range source.members {
		switch f.key {
		case "ItemReader", "ItemBatcher", "ResultWriter": // what they would do comes with the request
		default:
			kept.set(f.key, f.value)
		}
	}
	states.set(name, kept)
	for _, target := range targets(source) {
		if _, ok := states.get(target); !ok {
			states.set(target, objectOf(member{"Type", "Succeed"}))
		}
	}
	language := "JSONPath"
	if jsonata {
		language = "JSONata"
	}
	return Parse(encode(objectOf(member{"QueryLanguage", language}, member{"StartAt", name}, member{"States", states})))
}

func targets(o *object) []string {
	var out []string
	for _, key := range []string{"Next", "Default"} {
		if s := str(o, key); s != "" {
			out = append(out, s)
		}
	}
	for _, key := range []string{"Choices", "Catch"} {
		list, _ := typed[[]any](o, key)
		for _, e := range list {
			out = append(out, targets(e.(*object))...)
		}
	}
	return out
}

func (u *stateUnderTest) inspect(key string, v any) {
	u.inspection.set(key, v)
}

// respond runs the state and describes what came of it, as TestState does.
func (u *stateUnderTest) respond() *object {
	b := u.root
	u.inspect("input", b.input)
	if n, ok := integer(u.configured("retrierRetryCount")); ok {
		b.attempts = make([]int, len(u.state.retry))
		for i := range b.attempts {
			b.attempts[i] = int(n)
		}
	}
	input, f := u.effectiveInput(b)
	if f == nil && !u.state.jsonata && u.state.is != parallelState && u.state.is != choiceState {
		u.inspect("afterInputPath", input)
	}
	if f == nil {
		f = u.work(input)
	}
	out := newObject(6)
	failed := f
	if f != nil {
		u.raise(b, f)
	}
	details := newObject(2)
	switch {
	case len(u.retriedNow()) > 0:
		out.set("status", "RETRIABLE")
		for k, v := range u.retriedNow() {
			details.set(k, v)
		}
	case u.status == Failed:
		out.set("status", "FAILED")
		failed = u.failure
		for i := range u.state.retry {
			if f != nil && f.matches(u.state.retry[i].errors) {
				details.set("retryIndex", float64(i))
				break
			}
		}
	case f != nil:
		out.set("status", "CAUGHT_ERROR")
		for i := range u.state.catch {
			if f.matches(u.state.catch[i].errors) {
				details.set("catchIndex", float64(i))
				break
			}
		}
	default:
		out.set("status", "SUCCEEDED")
	}
	if failed != nil {
		out.set("error", failed.name)
		out.set("cause", failed.cause)
	}
	if b.state != u.state {
		out.set("nextState", b.state.name)
	}
	if b.state != u.state || u.status == Succeeded {
		out.set("output", b.input)
	}
	if len(details.members) > 0 {
		u.inspect("errorDetails", details)
	}
	if str(u.request, "inspectionLevel") != "INFO" {
		out.set("inspectionData", u.inspection)
	}
	return out
}

var frame = regexp.MustCompile(`^An error occurred while executing the state '.*' \(entered at the event id #\d+\)\. `)

func (u *stateUnderTest) configured(key string) any {
	c, ok := typed[*object](u.request, "stateConfiguration")
	if !ok {
		return nil
	}
	return of(c, key)
}

// retriedNow describes the retry that is queued, if one is.
func (u *stateUnderTest) retriedNow() map[string]any {
	for _, i := range u.queue {
		if i.do == repeat {
			before, _ := integer(u.configured("retrierRetryCount"))
			for k, n := range u.root.attempts {
				if n > int(before) {
					return map[string]any{"retryIndex": float64(k), "retryBackoffIntervalSeconds": float64(i.at-u.clock) / 1e9}
				}
			}
		}
	}
	return nil
}

// work does what the state does, with the mocked result where it would ask somebody else.
func (u *stateUnderTest) work(input any) *failure {
	s, b := u.state, u.root
	if s.is&workState == 0 {
		if s.is == passState && !s.jsonata {
			u.inspectPath(input, s.parameters)
		}
		if s.is == failState {
			return u.failState(b, input)
		}
		u.perform(b)
		if u.status == Running || u.status == Succeeded {
			return nil
		}
		return u.failure
	}
	ev := u.see(b, input)
	for field, t := range map[string]*template{"afterParameters": s.parameters, "afterArguments": s.arguments} {
		if s.is != taskState || (field == "afterArguments") != s.jsonata {
			continue
		}
		v := input
		if t != nil {
			filled, f := ev.fill(t)
			if f != nil {
				return f
			}
			v = filled
		}
		u.inspect(field, v)
	}
	if s.is == mapState {
		if f := u.iterations(b, input); f != nil {
			return f
		}
	}
	mock, _ := typed[*object](u.request, "mock")
	if mock == nil {
		mock = newObject(0)
	}
	if e, ok := typed[*object](mock, "errorOutput"); ok {
		return failed(str(e, "error"), str(e, "cause"))
	}
	result := of(mock, "result")
	if s.is == taskState && str(u.request, "inspectionLevel") == "TRACE" {
		u.inspect("result", result)
	}
	if !s.jsonata {
		u.inspectPath(result, s.resultSelector)
	}
	u.complete(b, result)
	if u.status == Failed {
		return u.failure
	}
	return nil
}

// inspectPath shows the data of a JSONPath state on its way out.
func (u *stateUnderTest) inspectPath(v any, t *template) {
	if t != nil {
		filled, f := u.see(u.root, v).fill(t)
		if f != nil {
			return
		}
		v = filled
	}
	if u.state.is == passState {
		u.inspect("afterParameters", v)
		if u.state.result != nil {
			v = u.state.result.constant
		}
	}
	u.inspect("afterResultSelector", v)
	if stored, f := store(u.root.input, v, u.state.resultPath, u.state.resultNone); f == nil {
		u.inspect("afterResultPath", stored)
	}
}

// iterations checks the numbers of a Map state, and counts its failures.
func (u *stateUnderTest) iterations(b *branch, input any) *failure {
	m := u.state.each
	items, read := u.configured("mapItemReaderData").([]any)
	if !read {
		var f *failure
		if items, f = u.items(b, input); f != nil {
			return f
		}
		if m.items == nil {
			u.inspect("afterItemsPath", items)
		}
	}
	if m.selector != nil {
		selected := make([]any, len(items))
		for i, item := range items {
			self := *b
			self.item = &mapItem{index: i, value: item}
			v, f := u.see(&self, input).fill(m.selector)
			if f != nil {
				return f
			}
			selected[i] = v
		}
		u.inspect("afterItemSelector", selected)
	}
	ev := u.see(b, input)
	concurrency, f := ev.quantity(m.concurrency)
	if f != nil {
		return f
	}
	u.inspect("maxConcurrency", concurrency)
	for field, q := range map[string]*quantity{"toleratedFailureCount": m.count, "toleratedFailurePercentage": m.percentage} {
		if q == nil {
			continue
		}
		n, f := ev.quantity(q)
		if f != nil {
			return f
		}
		u.inspect(field, n)
	}
	tolerate, f := ev.tolerance(m)
	if f != nil {
		return f
	}
	failures, _ := integer(u.configured("mapIterationFailureCount"))
	if failures > 0 && tolerate != nil && !tolerate(int(failures), len(items)) {
		return failed(errorThreshold, "The specified tolerated failure threshold was exceeded")
	}
	return nil
}

package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The recordings come from LocalStack's snapshot tests, which ran against AWS; see README.md beside them for the
// encoding and the rules of comparison.

// conformanceDir finds the recordings, or skips the test.
func conformanceDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("ASL_CONFORMANCE")
	if dir == "" {
		dir = "../../../shared/conformance"
	}
	if _, err := os.Stat(filepath.Join(dir, "histories")); err != nil {
		t.Skipf("no recordings of AWS to compare with: set ASL_CONFORMANCE to their folder (%v)", err)
	}
	return dir
}

type tally struct{ outcome, events, total int }

func TestConformance(t *testing.T) {
	t.Parallel()
	dir := conformanceDir(t)
	areas := map[string]*tally{}
	var all tally
	skipped := map[string]int{}
	for _, file := range glob(t, dir, "histories", "*", "*.json") {
		c := readObject(t, file)
		area, tier := str(c, "area"), str(c, "tier")
		counted := tier == "pure" || tier == "task" || tier == "task-callback" || tier == "distributed"
		if reason := unrunnable(c); reason != "" {
			skipped[reason]++
			continue
		}
		outcome, events := runRecording(c)
		if !counted {
			skipped["tier "+tier]++
			report(t, file, outcome, events)
			continue
		}
		a := areas[area]
		if a == nil {
			a = &tally{}
			areas[area] = a
		}
		for _, n := range []*tally{a, &all} {
			n.total++
			if outcome == "" {
				n.outcome++
			}
			if outcome == "" && events == "" {
				n.events++
			}
		}
		report(t, file, outcome, events)
	}
	choice, choices := runChoices(t, dir)
	passed, requests := runTestStates(t, dir, skipped)
	for _, area := range sortedKeys(areas) {
		a := areas[area]
		fmt.Printf("conformance: %-20s outcome %d/%d events %d/%d\n", area, a.outcome, a.total, a.events, a.total)
	}
	total := 0
	for _, reason := range sortedKeys(skipped) {
		fmt.Printf("conformance: not counted: %s %d\n", reason, skipped[reason])
		total += skipped[reason]
	}
	fmt.Printf("conformance: outcome %d/%d events %d/%d choice %d/%d teststate %d/%d skipped %d\n",
		all.outcome, all.total, all.events, all.total, choice, choices, passed, requests, total)
	for _, bound := range []struct {
		what            string
		passed, of, min int
	}{
		{"histories by outcome", all.outcome, all.total, 98},
		{"histories event for event", all.events, all.total, 95},
		{"Choice operators", choice, choices, 98},
		{"TestState requests", passed, requests, 90},
	} {
		if bound.passed*100 < bound.of*bound.min {
			t.Errorf("%s: %d of %d pass, want %d %%", bound.what, bound.passed, bound.of, bound.min)
		}
	}
}

// unrunnable says why a recording cannot be run from what it holds.
func unrunnable(c *object) string {
	if strings.Contains(text(of(c, "definition")), `"ItemReader"`) && recordedObjects[str(c, "id")] == "" {
		return "reads an object that it does not hold"
	}
	if str(c, "tier") == "distributed" && strings.Contains(text(of(c, "features")), `"state:Task"`) && !echoes[str(c, "id")] {
		return "calls a function whose answers it does not hold"
	}
	if str(c, "tier") == "external-stop" {
		return "stopped from outside"
	}
	return ""
}

func report(t *testing.T, file, outcome, events string) {
	name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
	if outcome != "" {
		t.Logf("outcome %s: %s", name, outcome)
	} else if events != "" {
		t.Logf("events %s: %s", name, events)
	}
}

// recorded answers tasks with what the recording says, by state and number of the schedule.
type recorded struct {
	tasks     []any
	seen      map[string]int
	execution *Execution
}

func (r *recorded) Do(_ context.Context, task Task) Outcome {
	if task.Execution != recordedName { // of a child execution, whose history is not recorded: its function returned what it got
		return Outcome{Output: task.Payload}
	}
	n := r.seen[task.State]
	r.seen[task.State]++
	for _, e := range r.tasks {
		o := e.(*object)
		attempt, _ := integer(of(o, "attempt"))
		if str(o, "state") != task.State || int(attempt) != n {
			continue
		}
		return r.answer(task, o)
	}
	return Outcome{Failed: true, Error: "Test.NotRecorded", Cause: fmt.Sprintf("no recorded task for %s %d", task.State, n)}
}

func (r *recorded) answer(task Task, o *object) Outcome {
	out := Outcome{Worker: "BASE_ID_ACTIVITY_CONSUMER"}
	if v, ok := o.get("submitted"); ok {
		out.Submitted = payloadOf(task, v)
	}
	failure := Outcome{Failed: true, Error: str(o, "error"), Cause: recordedText(o, "cause")}
	switch kind := str(o, "outcome"); {
	case kind == "timedOut" || kind == "none":
		out.After = 1 << 60
		if task.Token != "" {
			out.After, out.Output = 0, out.Submitted
		}
	case task.Token != "" && out.Submitted == nil && !strings.Contains(task.Resource, ":activity:"):
		return failure
	case task.Token != "" && kind == "succeeded":
		out.Output = out.Submitted
		must(r.execution.SendTaskSuccess(task.Scheduled, task.Token, rawOf(of(o, "output"))))
	case task.Token != "":
		out.Output = out.Submitted
		must(r.execution.SendTaskFailure(task.Scheduled, task.Token, failure.Error, failure.Cause))
	case kind == "succeeded":
		out.Output = payloadOf(task, of(o, "output"))
	default:
		out.Failed, out.Error, out.Cause = true, failure.Error, failure.Cause
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// payloadOf is what the function returned: the interpreter makes the envelope of lambda:invoke itself.
func payloadOf(task Task, v any) json.RawMessage {
	if o, ok := v.(*object); ok && strings.Contains(task.Resource, ":lambda:invoke") {
		if payload, ok := o.get("Payload"); ok {
			return encode(payload)
		}
	}
	return rawOf(v)
}

// rawOf undoes the recorder's decoding: an object stands for its text, every other text is JSON as it is.
func rawOf(v any) json.RawMessage {
	if s, ok := v.(string); ok {
		return json.RawMessage(s)
	}
	return encode(v)
}

func recordedText(o *object, field string) string {
	if s, ok := of(o, field+"Raw").(string); ok {
		return s
	}
	v, ok := o.get(field)
	if !ok {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	return text(v)
}

// recordedName stands for the name of the execution in the recordings.
const recordedName = "<ExecArnPart_0idx>"

// echoes are the recordings in which functions that child executions call return what they get, or it does not matter.
var echoes = map[string]bool{
	"TestBaseScenarios.test_map_state_config_distributed_reentrant_lambda":              true,
	"TestBaseScenarios.test_map_state_nested_config_distributed_no_max_max_concurrency": true,
}

// recordedObjects are what the items of recordings came from, by the recording's id. The objects themselves were not
// recorded: these have the items that the recordings show, and what of them was dropped.
var recordedObjects = map[string]string{
	"TestAssignReferenceVariables.test_reference_in_map_state_max_items_path[MAP_STATE_REFERENCE_IN_MAX_ITEMS_PATH]": statements,
	"TestBaseScenarios.test_map_item_batching_base_json_max_per_batch_jsonata":                                       statements,
	"TestBaseScenarios.test_map_item_reader_base_json":                                                               statements,
	"TestBaseScenarios.test_map_item_reader_base_json_max_items":                                                     "[" + statement + "," + statement + "," + statement + "]",
	"TestBaseScenarios.test_map_item_reader_csv_first_row_extra_fields":                                              "H1,\n" + cells,
	"TestBaseScenarios.test_map_item_reader_csv_headers_decl_duplicate_headers":                                      "Value1,Value2,Value3\n" + cells,
	"TestBaseScenarios.test_map_item_reader_csv_headers_decl_extra_fields":                                           "Value1,Value2,Value3\n" + cells,
	"TestBaseScenarios.test_map_item_reader_csv_headers_first_row_typed_headers":                                     "0,True,{}\n" + cells,
	"TestBaseScenarios.test_map_item_reader_csv_max_items[0]":                                                        columns,
	"TestBaseScenarios.test_map_item_reader_csv_max_items[100000000]":                                                columns,
	"TestBaseScenarios.test_map_item_reader_csv_max_items_paths[-1]":                                                 columns,
	"TestBaseScenarios.test_map_item_reader_csv_max_items_paths[0]":                                                  columns,
	"TestBaseScenarios.test_map_item_reader_csv_max_items_paths[2]":                                                  columns,
	"TestBaseScenarios.test_map_item_reader_json_no_json_list_object":                                                statement,
}

const (
	statement  = `{"verdict":"true","statement_date":"6/11/2008","statement_source":"speech"}`
	statements = `[` + statement + `,{"verdict":"false","statement_date":"6/7/2022","statement_source":"television"},` +
		`{"verdict":"mostly-true","statement_date":"5/18/2016","statement_source":"news"}]`
	cells   = "Value4,Value5,Value6\n,,,\ntrue,1,'HelloWorld'\nNull,None,\n   ,,\n"
	columns = "Col1,Col2\nValue1,Value2\nValue3,Value4\nValue5,Value6\nValue7,Value8\n"
)

func keyOf(c *object) string {
	input, ok := of(c, "input").(*object)
	if !ok {
		return ""
	}
	return str(input, "Key")
}

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// runRecording replays a recording and says what differs in the outcome and in the events.
func runRecording(c *object) (outcome, events string) {
	defer func() {
		if r := recover(); r != nil {
			outcome = fmt.Sprint("panic: ", r)
		}
	}()
	// The recorder put a word in place of the ARN of activities.
	definition := strings.ReplaceAll(text(of(c, "definition")), `"activity_arn"`, `"arn:aws:states:us-east-1:111111111111:activity:a"`)
	m, err := Parse([]byte(definition))
	if err != nil {
		return err.Error(), ""
	}
	tasks := &recorded{seen: map[string]int{}}
	tasks.tasks, _ = of(c, "tasks").([]any)
	e := m.Start(Options{
		Name: recordedName, ARN: "arn:<partition>:states:<region>:111111111111:execution:<ArnPart_0idx>:<ExecArnPart_0idx>",
		StateMachineName: "<ArnPart_0idx>", StateMachineARN: "arn:<partition>:states:<region>:111111111111:stateMachine:<ArnPart_0idx>",
		RoleARN: "snf_role_arn", Input: inputOf(c), Start: testStart, Tasks: tasks,
		Random: func() float64 { return 0.5 }, UUID: counter(), Objects: objects{"bucket-name/" + keyOf(c): []byte(recordedObjects[str(c, "id")])},
	})
	tasks.execution = e
	e.Run(context.Background())

	expected := of(c, "expected").(*object)
	masks := masksOf(c)
	if want := str(expected, "status"); want != string(e.Status()) {
		return fmt.Sprintf("status %s, want %s (%s: %s)", e.Status(), want, e.Error(), e.Cause()), ""
	}
	if e.Status() == Succeeded {
		if diff := masks.differ(of(expected, "output"), lift(string(e.Output())), "output"); diff != "" {
			return diff, ""
		}
	} else if diff := masks.differ(orText(of(expected, "error")), e.Error(), "error"); diff != "" {
		return diff + " " + e.Cause(), ""
	}
	return "", masks.compareEvents(of(expected, "events").([]any), e.History())
}

// inputOf gives the input, with a time where the recorder masked one.
func inputOf(c *object) json.RawMessage {
	return json.RawMessage(strings.ReplaceAll(text(of(c, "input")), "<timestamp>", timestamp(testStart.Add(10*time.Second))))
}

func orText(v any) any {
	if v == nil {
		return ""
	}
	return v
}

func counter() func() string {
	n := 0
	return func() string {
		n++
		return fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
	}
}

// lift is the recorder's decoding: a text that starts with { and is JSON becomes the object.
func lift(s string) any {
	if strings.HasPrefix(s, "{") {
		if v, err := decode([]byte(s)); err == nil {
			return v
		}
	}
	return s
}

// masks are the texts that the recorder put in place of what changes from run to run.
type masks struct{ literals []string }

func masksOf(c *object) masks {
	m := masks{literals: []string{"timestamp", "date", "start-time", "entered-time", "snf_role_arn", "generated-uuid", "activity_arn"}}
	list, _ := of(c, "maskedJsonpaths").([]any)
	for _, e := range list {
		if pair, ok := e.([]any); ok && len(pair) == 2 {
			if s, ok := pair[1].(string); ok {
				m.literals = append(m.literals, s)
			}
		}
	}
	return m
}

var placeholder = regexp.MustCompile(`<[A-Za-z_<][A-Za-z0-9_\-:. >]*>`)

// differ compares what was recorded with what we have, and describes the first difference.
func (m masks) differ(want, got any, at string) string {
	switch w := want.(type) {
	case *object:
		g, ok := got.(*object)
		if !ok {
			return fmt.Sprintf("%s: got %s, want %s", at, short(got), short(want))
		}
		for _, f := range w.members {
			v, ok := g.get(f.key)
			if !ok {
				return fmt.Sprintf("%s/%s: missing, want %s", at, f.key, short(f.value))
			}
			if f.value == f.key { // masked by its own name
				continue
			}
			if f.key == "Content-Length" || f.key == "X-Amzn-Trace-Id" {
				continue // the length of texts with names that were masked; a random id
			}
			if diff := m.differ(f.value, v, at+"/"+f.key); diff != "" {
				return diff
			}
		}
		for _, f := range g.members {
			if _, ok := w.get(f.key); !ok {
				return fmt.Sprintf("%s/%s: unexpected %s", at, f.key, short(f.value))
			}
		}
		return ""
	case []any:
		if s, ok := got.(string); ok { // the recorder decoded some texts of its own accord
			got, _ = decode([]byte(s))
		}
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("%s: got %s, want %s", at, short(got), short(want))
		}
		for i := range w {
			if diff := m.differ(w[i], g[i], fmt.Sprintf("%s/%d", at, i)); diff != "" {
				return diff
			}
		}
		return ""
	case string:
		if slices.Contains(m.literals, w) {
			return ""
		}
		g, ok := got.(string)
		if !ok {
			if placeholder.FindString(w) == w {
				return ""
			}
			return fmt.Sprintf("%s: got %s, want %q", at, short(got), w)
		}
		if g == w || m.pattern(w).MatchString(g) || m.sameJSON(w, g, at) {
			return ""
		}
		return fmt.Sprintf("%s: got %q, want %q", at, short(g), short(w))
	}
	if equal(want, got) {
		return ""
	}
	return fmt.Sprintf("%s: got %s, want %s", at, short(got), short(want))
}

// sameJSON compares texts that are JSON by value: the recorder sorted the members of objects inside.
func (m masks) sameJSON(want, got, at string) bool {
	if !strings.HasPrefix(want, "[") && !strings.HasPrefix(want, "{") {
		return false
	}
	w, err := decode([]byte(want))
	g, err2 := decode([]byte(got))
	return err == nil && err2 == nil && m.differ(w, g, at) == ""
}

func (m masks) pattern(want string) *regexp.Regexp {
	for _, l := range m.literals {
		want = strings.ReplaceAll(want, `"`+l+`"`, `"<x>"`)
	}
	var out strings.Builder
	at := 0
	for _, span := range placeholder.FindAllStringIndex(want, -1) {
		out.WriteString(regexp.QuoteMeta(want[at:span[0]]) + `(?s:.*)`)
		at = span[1]
	}
	out.WriteString(regexp.QuoteMeta(want[at:]))
	return regexp.MustCompile("^" + out.String() + "$")
}

func short(v any) string {
	s, ok := v.(string)
	if !ok {
		s = text(v)
	}
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// compareEvents matches the events in order, and by what they hang on where branches interleave.
func (m masks) compareEvents(want []any, history []Event) string {
	got := make([]*object, len(history))
	for i, e := range history {
		raw, err := json.Marshal(e)
		must(err)
		v, err := decode(raw)
		must(err)
		got[i] = liftDetails(v.(*object))
	}
	if diff := m.sequence(want, got); diff == "" || !interleaves(want) {
		return diff
	}
	return m.graph(want, got)
}

// hangsOnTheRun says whether event i leaves a distributed Map and hangs on the success of its run: so it did until June
// 2024. Since November 2024 it hangs on the start of the run, as ours does.
func hangsOnTheRun(want []any, i int) bool {
	e := want[i].(*object)
	previous, _ := integer(of(e, "previousEventId"))
	return str(e, "type") == "MapStateExited" && previous > 0 && str(want[previous-1].(*object), "type") == "MapRunSucceeded"
}

func interleaves(want []any) bool {
	return slices.ContainsFunc(want, func(e any) bool {
		kind := str(e.(*object), "type")
		return kind == "MapStateStarted" || kind == "ParallelStateStarted"
	})
}

func (m masks) sequence(want []any, got []*object) string {
	for i, e := range want {
		w := e.(*object)
		if i >= len(got) {
			return fmt.Sprintf("event %d: missing %s", i+1, str(w, "type"))
		}
		if diff := m.event(w, got[i]); diff != "" {
			return fmt.Sprintf("event %d: %s", i+1, diff)
		}
		if !equal(of(w, "previousEventId"), of(got[i], "previousEventId")) && !hangsOnTheRun(want, i) {
			return fmt.Sprintf("event %d %s: hangs on %s, want %s", i+1, str(w, "type"), text(of(got[i], "previousEventId")), text(of(w, "previousEventId")))
		}
	}
	if len(got) > len(want) {
		return fmt.Sprintf("%d events more: %s", len(got)-len(want), short(got[len(want)]))
	}
	return ""
}

// graph finds for each recorded event one of ours that is alike and hangs on the event alike.
func (m masks) graph(want []any, got []*object) string {
	if len(want) != len(got) {
		return fmt.Sprintf("%d events, want %d", len(got), len(want))
	}
	used := make([]bool, len(got))
	ours := map[int64]int64{0: 0}
	for _, e := range want {
		w := e.(*object)
		id, _ := integer(of(w, "id"))
		previous, _ := integer(of(w, "previousEventId"))
		found := -1
		why := ""
		for i, g := range got {
			hangs, _ := integer(of(g, "previousEventId"))
			if used[i] || str(w, "type") != str(g, "type") {
				continue
			}
			if ours[previous] != hangs && !hangsOnTheRun(want, int(id)-1) {
				why = fmt.Sprintf("hangs on %d, want %d", hangs, ours[previous])
			} else if diff := m.event(w, g); diff != "" {
				why = diff
			} else {
				found = i
				break
			}
		}
		if found < 0 {
			return fmt.Sprintf("event %d %s: none alike: %s", id, str(w, "type"), why)
		}
		used[found] = true
		ours[id] = int64(found + 1)
	}
	return ""
}

func (m masks) event(want, got *object) string {
	if str(want, "type") != str(got, "type") {
		return fmt.Sprintf("got %s, want %s", str(got, "type"), str(want, "type"))
	}
	for _, w := range want.members {
		if !strings.HasSuffix(w.key, "EventDetails") {
			continue
		}
		g, ok := got.get(w.key)
		if !ok {
			return fmt.Sprintf("%s: %s is missing", str(want, "type"), w.key)
		}
		if w.key == "executionStartedEventDetails" {
			w.value, g = pick(w.value, "input", "inputDetails"), pick(g, "input", "inputDetails")
		}
		if diff := m.differ(w.value, g, str(want, "type")); diff != "" {
			return diff
		}
	}
	for _, g := range got.members {
		if _, ok := want.get(g.key); strings.HasSuffix(g.key, "EventDetails") && !ok {
			return fmt.Sprintf("%s: %s is unexpected", str(want, "type"), g.key)
		}
	}
	return ""
}

func pick(v any, keys ...string) *object {
	out := newObject(len(keys))
	for _, k := range keys {
		if e, ok := v.(*object).get(k); ok {
			out.set(k, e)
		}
	}
	return out
}

// liftDetails decodes the texts inside an event as the recorder did.
func liftDetails(e *object) *object {
	out := newObject(len(e.members))
	for _, m := range e.members {
		out.set(m.key, liftAll(m.value))
	}
	return out
}

func liftAll(v any) any {
	switch v := v.(type) {
	case string:
		return lift(v)
	case *object:
		return liftDetails(v)
	}
	return v
}

func runChoices(t *testing.T, dir string) (passed, total int) {
	t.Helper()
	for _, file := range glob(t, dir, "choice", "*.json") {
		cases, _ := of(readObject(t, file), "cases").([]any)
		for i, e := range cases {
			c := e.(*object)
			total++
			m, err := Parse(encode(of(c, "definition")))
			if err != nil {
				t.Logf("choice %s %d: %v", filepath.Base(file), i, err)
				continue
			}
			x := m.Start(Options{Input: encode(of(c, "input")), Start: testStart, UUID: counter()})
			x.Run(t.Context())
			if got := lift(string(x.Output())); !equal(got, of(c, "output")) {
				t.Logf("choice %s %d: got %s %s, want %s", filepath.Base(file), i, short(got), x.Cause(), text(of(c, "output")))
				continue
			}
			passed++
		}
	}
	return passed, total
}

func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func readObject(t *testing.T, file string) *object {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := decode(raw)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v.(*object)
}

func of(o *object, key string) any {
	v, _ := o.get(key)
	return v
}

func str(o *object, key string) string {
	s, _ := of(o, key).(string)
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

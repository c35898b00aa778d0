package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/workflow"
)

// state is what the tests look at of a state.
type state struct {
	Type           string
	Resource       string
	Arguments      struct{ FunctionName string }
	TimeoutSeconds any
	Retry          []map[string]any
	Catch          []struct {
		ErrorEquals []string
		Next        string
	}
	Next    string
	Choices []struct{ Next string }
	Error   string
}

func (s state) callback() bool { return strings.HasSuffix(s.Resource, ".waitForTaskToken") }

// definitions are the machines by name.
var definitions = map[string][]byte{workflow.Prefix: workflow.Definition, workflow.Fleet: workflow.FleetDefinition}

// states are those of one machine.
func states(t *testing.T, name string) map[string]state {
	t.Helper()
	var machine struct{ States map[string]state }
	if err := json.Unmarshal(definitions[name], &machine); err != nil {
		t.Fatal(err)
	}
	return machine.States
}

// allStates are those of both, by machine and state.
func allStates(t *testing.T) map[string]state {
	t.Helper()
	all := map[string]state{}
	for name := range definitions {
		for state, s := range states(t, name) {
			all[name+": "+state] = s
		}
	}
	return all
}

// Ensure that the interpreter takes the definition: no dangling Next, no unreachable state, no field that the language lacks, no
// JSONata that does not parse.
func TestDefinitionIsValid(t *testing.T) {
	t.Parallel()
	for name, definition := range definitions {
		if _, err := asl.Parse(definition); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Ensure that each Task calls the function that the table says, and that each state of the table is a Task.
func TestStatesAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	got, want := map[string]string{}, map[string]string{}
	for name, s := range allStates(t) {
		if s.Type == "Task" {
			_, name, _ := strings.Cut(name, ": ")
			got[name] = workflow.FolderOf(s.Arguments.FunctionName)
			if !strings.HasSuffix(s.Arguments.FunctionName, ":1") {
				t.Errorf("%s calls %s, not a published version: a run that waits would meet new code", name, s.Arguments.FunctionName)
			}
		}
	}
	for _, f := range workflow.Functions() {
		for _, name := range f.States {
			want[name] = f.Folder
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states and functions (-table +machine):\n%s", diff)
	}
}

// Ensure that a state outlasts its function: otherwise a function that still runs is called again.
func TestStatesOutlastTheirFunctions(t *testing.T) {
	t.Parallel()
	for name, s := range allStates(t) {
		if s.Type != "Task" {
			continue
		}
		function, _ := workflow.Lookup(workflow.FolderOf(s.Arguments.FunctionName))
		switch timeout := s.TimeoutSeconds.(type) {
		case float64:
			if time.Duration(timeout)*time.Second <= function.Timeout {
				t.Errorf("%s gives up after %v s, its function after %s", name, timeout, function.Timeout)
			}
		case string:
			if want := "{% $max([" + strconv.Itoa(int((function.Timeout + slack).Seconds())) + ","; !s.callback() || !strings.HasPrefix(timeout, want) {
				t.Errorf("%s gives up after %s, not after at least its function's time", name, timeout)
			}
		default:
			t.Errorf("%s never gives up", name)
		}
	}
}

// Ensure that there is one retry policy, which outlasts an hour of throttling, and that a callback's timeout is not retried, since it means that
// nobody rang.
func TestOneRetryPolicy(t *testing.T) {
	t.Parallel()
	var first []map[string]any
	for name, s := range allStates(t) {
		if s.Type != "Task" {
			continue
		}
		callback := true
		for _, retrier := range s.Retry {
			errors := retrier["ErrorEquals"].([]any)
			retrier["ErrorEquals"] = slices.DeleteFunc(errors, func(e any) bool {
				callback = callback && e != "States.Timeout"
				return e == "States.Timeout"
			})
		}
		if s.callback() != callback {
			t.Errorf("%s: callback %v, and retries its timeout %v", name, s.callback(), !callback)
		}
		if first == nil {
			first = s.Retry
		}
		if !reflect.DeepEqual(s.Retry, first) {
			t.Errorf("%s: %s", name, cmp.Diff(first, s.Retry))
		}
	}
	throttled := slices.IndexFunc(first, func(r map[string]any) bool {
		return slices.Contains(r["ErrorEquals"].([]any), any("Lambda.TooManyRequestsException")) && slices.Contains(r["ErrorEquals"].([]any), any("Closing.Transient"))
	})
	if throttled < 0 {
		t.Fatal("what AWS throttles is not retried")
	}
	total, delay := 0.0, first[throttled]["IntervalSeconds"].(float64)
	for range int(first[throttled]["MaxAttempts"].(float64)) {
		total += delay / 2 // what FULL jitter leaves of it on average
		delay = min(delay*first[throttled]["BackoffRate"].(float64), first[throttled]["MaxDelaySeconds"].(float64))
	}
	if total < (70 * time.Minute).Seconds() {
		t.Errorf("what AWS throttles is retried for %v s", total)
	}
}

// Ensure that every failure before the commit is reported, and that none behind it is caught: a redrive must go on where a run failed.
func TestCatchEndsAtTheCommit(t *testing.T) {
	t.Parallel()
	for machine, commit := range map[string]struct{ first, report string }{
		workflow.Prefix: {"Delete Subscription", "Write Report"}, workflow.Fleet: {"Close Canary", "Report Fleet"},
	} {
		t.Run(machine, func(t *testing.T) {
			t.Parallel()
			catchesEnd(t, states(t, machine), commit.first, commit.report)
		})
	}
}

func catchesEnd(t *testing.T, all map[string]state, first, report string) {
	t.Helper()
	behind := map[string]bool{}
	var walk func(name string)
	walk = func(name string) {
		if behind[name] {
			return
		}
		behind[name] = true
		s := all[name]
		if s.Next != "" {
			walk(s.Next)
		}
		for _, c := range s.Choices {
			walk(c.Next)
		}
	}
	walk(first)
	if !behind[report] || behind["Commit Plan"] || behind["Commit Fleet"] || len(behind) < 4 {
		t.Fatalf("behind the commit are %v", behind)
	}
	for name, s := range all {
		if s.Type != "Task" && s.Type != "Map" {
			continue
		}
		if behind[name] {
			if s.Catch != nil {
				t.Errorf("%s is behind the commit and catches", name)
			}
			continue
		}
		last := len(s.Catch) - 1
		if last < 0 || !slices.Equal(s.Catch[last].ErrorEquals, []string{"States.ALL"}) || s.Catch[last].Next != report {
			t.Errorf("%s does not report its failure: %v", name, s.Catch)
		}
		if s.callback() && (last != 1 || !slices.Equal(s.Catch[0].ErrorEquals, []string{"States.Timeout"}) || s.Catch[0].Next != "Read Decision") {
			t.Errorf("%s does not read the record when nobody rings: %v", name, s.Catch)
		}
	}
}

// Ensure that every error name is one that Step Functions or Lambda raises, or a code of ours.
func TestErrorNames(t *testing.T) {
	t.Parallel()
	codes := declaredCodes(t)
	for name, s := range allStates(t) {
		var errors []string
		for _, r := range s.Retry {
			for _, e := range r["ErrorEquals"].([]any) {
				errors = append(errors, e.(string))
			}
		}
		for _, c := range s.Catch {
			errors = append(errors, c.ErrorEquals...)
		}
		for _, e := range errors {
			service, _, _ := strings.Cut(e, ".")
			if !slices.Contains([]string{"States", "Lambda", "Runtime", "Sandbox"}, service) && !slices.Contains(codes, e) {
				t.Errorf("%s matches %s, which nobody raises", name, e)
			}
		}
	}
}

// declaredCodes reads the codes of package closing from its source.
func declaredCodes(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/closing/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Type != nil {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
				code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				codes = append(codes, code)
			}
		}
		return true
	})
	if len(codes) < 10 {
		t.Fatalf("found only %v", codes)
	}
	return codes
}

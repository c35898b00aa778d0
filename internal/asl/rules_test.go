package asl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what comes out into the txtar files")

// scripted answers tasks from a list per state; the last answer repeats.
type scripted struct {
	answers map[string][]scriptedAnswer
	calls   map[string]int
	log     []string
}

type scriptedAnswer struct {
	Output, Submitted json.RawMessage
	Error, Cause      string
	After             string // a duration, or "never"
}

func (s *scripted) Do(_ context.Context, t Task) Outcome {
	list := s.answers[t.State]
	n := s.calls[t.State]
	s.calls[t.State]++
	s.log = append(s.log, fmt.Sprintf("%s visit %d attempt %d at %s: %s", t.State, t.Visit, t.Attempt, t.Scheduled.Sub(testStart), t.Payload))
	if len(list) == 0 {
		return Outcome{Output: t.Payload}
	}
	a := list[min(n, len(list)-1)]
	out := Outcome{Output: a.Output, Submitted: a.Submitted, Error: a.Error, Cause: a.Cause, Failed: a.Error != ""}
	switch a.After {
	case "":
	case "never":
		out.After = 1 << 60
	default:
		d, err := time.ParseDuration(a.After)
		must(err)
		out.After = d
	}
	return out
}

// TestRules runs one machine for each rule of the language. A file holds definition.json, and where they matter
// input.json, tasks.json (answers by state) and objects (s3/BUCKET/KEY); want is what must come out.
func TestRules(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "testdata", "rules", "*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, parts := readArchive(t, file)
			m, err := Parse(parts["definition.json"])
			if err != nil {
				t.Fatal(err)
			}
			tasks := &scripted{calls: map[string]int{}}
			if raw, ok := parts["tasks.json"]; ok {
				if err := json.Unmarshal(raw, &tasks.answers); err != nil {
					t.Fatal(err)
				}
			}
			o := options(tasks, parts["input.json"])
			store := objects{}
			for name, content := range parts {
				if object, ok := strings.CutPrefix(name, "s3/"); ok {
					store[object] = content
				}
			}
			given := maps.Clone(store)
			o.Objects = store
			e := m.Start(o)
			e.Run(t.Context())
			var got strings.Builder
			got.WriteString(describe(e, tasks))
			for _, name := range sortedKeys(store) {
				if _, ok := given[name]; !ok {
					fmt.Fprintf(&got, "written: s3/%s: %s\n", name, store[name])
				}
			}
			compareWant(t, file, archive, got.String())
		})
	}
}

func options(tasks Tasks, input []byte) Options {
	return Options{
		Name: "run", ARN: "arn:aws:states:eu-west-1:111122223333:execution:machine:run",
		StateMachineName: "machine", StateMachineARN: "arn:aws:states:eu-west-1:111122223333:stateMachine:machine",
		RoleARN: "arn:aws:iam::111122223333:role/machine", Input: bytes.TrimSpace(input), Start: testStart,
		Tasks: tasks, Random: func() float64 { return 0.5 }, UUID: counter(),
	}
}

// describe renders what an execution came to.
func describe(e *Execution, tasks *scripted) string {
	var out strings.Builder
	fmt.Fprintf(&out, "status: %s\n", e.Status())
	if e.Status() == Succeeded {
		fmt.Fprintf(&out, "output: %s\n", e.Output())
	} else if e.Status() != Running {
		fmt.Fprintf(&out, "error: %s\ncause: %s\n", e.Error(), e.Cause())
	}
	fmt.Fprintf(&out, "path: %s\n", strings.Join(e.Path(), " > "))
	if e.Status() != Running {
		fmt.Fprintf(&out, "took: %s\n", e.Stopped().Sub(e.StartTime()))
	}
	if e.Retries() > 0 {
		fmt.Fprintf(&out, "retries: %d\n", e.Retries())
	}
	for _, line := range tasks.log {
		fmt.Fprintf(&out, "task: %s\n", line)
	}
	return out.String()
}

// TestRefused holds that a definition is refused with an error that names state and field.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, file := range glob(t, "testdata", "refused", "*.txtar") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, parts := readArchive(t, file)
			_, err := Parse(parts["definition.json"])
			var refused *ParseError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a *ParseError", err)
			}
			compareWant(t, file, archive, err.Error()+"\n")
		})
	}
}

func readArchive(t testing.TB, file string) (*txtar.Archive, map[string][]byte) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string][]byte{}
	for _, f := range archive.Files {
		parts[f.Name] = f.Data
	}
	return archive, parts
}

func compareWant(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	for i, f := range archive.Files {
		if f.Name != "want" {
			continue
		}
		if *update {
			archive.Files[i].Data = []byte(got)
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		return
	}
	t.Fatal("the file has no want")
}

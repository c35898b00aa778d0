package rule

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"quicksight-unsubscribe/internal/workflow"
)

var (
	starts  = regexp.MustCompile(`boot\.Start\((\w+\.\w+)\)`)
	replays = regexp.MustCompile(`"([a-z-]+)":\s+boot\.Handler\((\w+\.\w+), p\.host\("([a-z-]+)", v\)\)`)
)

// Ensure each folder of functions is a function of the workflow's table, and the replay runs the very step that its main starts.
func TestReplayRunsWhatShips(t *testing.T) {
	t.Parallel()
	shipped := map[string]string{}
	mains, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range mains {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := starts.FindAllStringSubmatch(string(text), -1)
		if len(found) != 1 {
			t.Errorf("%s starts %d steps, want 1", path, len(found))
			continue
		}
		shipped[filepath.Base(filepath.Dir(path))] = found[0][1]
	}
	for _, f := range workflow.Functions() {
		if shipped[f.Folder] == "" {
			t.Errorf("the workflow has the function %s, and functions/ has no such folder", f.Folder)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "replay", "functions.go"))
	if err != nil {
		t.Fatal(err)
	}
	replayed := map[string]string{}
	for _, m := range replays.FindAllStringSubmatch(string(text), -1) {
		if m[1] != m[3] {
			t.Errorf("the replay runs %s on the host of %s", m[1], m[3])
		}
		replayed[m[1]] = m[2]
	}
	if !maps.Equal(shipped, replayed) {
		t.Errorf("the mains start %v\nthe replay runs %v", sorted(shipped), sorted(replayed))
	}
}

func sorted(m map[string]string) []string {
	var lines []string
	for k, v := range m {
		lines = append(lines, k+": "+v)
	}
	return slices.Sorted(slices.Values(lines))
}

package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// documents are what tells people to type commands.
var documents = []string{"../../../README.md", "../../../.github/CONTRIBUTING.md"}

// documented lists the lines of code blocks that begin a command.
func documented(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllSubmatch(text, -1) {
			lines = append(lines, strings.Split(strings.TrimSpace(string(block[1])), "\n")...)
		}
	}
	return lines
}

// Ensure the program understands every command of its own that is documented, and make every target. What the commands do is tested by
// testdata and by the stories.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	ours, targets := 0, 0
	for _, line := range documented(t) {
		if rest, is := strings.CutPrefix(line, "go run ./internal/cmd/unsubscribe "); is {
			ours++
			var c commands
			parser, err := kong.New(&c, kong.Writers(io.Discard, io.Discard))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(words(rest)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if rest, is := strings.CutPrefix(line, "make "); is {
			targets++
			cmd := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "--directory", "../../.."}, words(rest)...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
			}
		}
	}
	if ours < 5 || targets < 4 {
		t.Errorf("found only %d commands and %d targets: the test looks in the wrong place", ours, targets)
	}
}

// words takes a command line apart as a shell does; quotes keep a word together.
func words(line string) []string {
	var words []string
	for _, match := range regexp.MustCompile(`(?:[^\s"]|"[^"]*")+`).FindAllString(line, -1) {
		words = append(words, strings.ReplaceAll(match, `"`, ""))
	}
	return words
}

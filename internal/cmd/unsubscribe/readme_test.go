package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
)

// documents are what tells people to type commands.
var documents = []string{"../../../README.md", "../../../.github/CONTRIBUTING.md"}

// commandsOf lists the commands in the code blocks of a document, the program called by its name. A line that is set in goes on with the one before.
func commandsOf(document string) ([]string, error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, block := range regexp.MustCompile("(?ms)^```\n(.*?)^```").FindAllSubmatch(text, -1) {
		for line := range strings.Lines(regexp.MustCompile(`\s*\\?\n +`).ReplaceAllString(string(block[1]), " ")) {
			line = strings.Replace(strings.TrimSpace(line), "go run ./internal/cmd/unsubscribe ", "unsubscribe ", 1)
			if word, _, _ := strings.Cut(line, " "); word == "unsubscribe" || word == "make" || word == "aws" {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// documented lists the commands of all documents, those between backquotes too.
func documented(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, document := range documents {
		all, err := commandsOf(document)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		for _, inline := range regexp.MustCompile("`(make [^`]+)`").FindAllSubmatch(text, -1) {
			all = append(all, string(inline[1]))
		}
		lines = append(lines, all...)
	}
	return lines
}

// typed are the commands of the README that a script has executed.
type typed struct{ executed []string }

// readme executes the commands of the README that begin so, BUCKET and RUN set in, with further arguments behind them: readme BEGINNING
// [with ARGUMENT ...]. "readme nothing is left" fails where the README has a command that was not executed.
func (d *typed) readme(ts *testscript.TestScript, neg bool, args []string) {
	begins := strings.Join(args, " ")
	var more []string
	if i := slices.Index(args, "with"); i >= 0 {
		begins, more = strings.Join(args[:i], " "), args[i+1:]
	}
	all, err := commandsOf(documents[0])
	ts.Check(err)
	if begins == "nothing is left" {
		for _, command := range all {
			switch word := strings.Fields(command); {
			case slices.Contains(d.executed, command), word[0] == "make", word[0] == "aws" && !awsCLIKnowsRedrive():
			case word[1] == "restore": // it imports into an account that may read the record: TestRestore of internal/replay
			default:
				ts.Fatalf("the script executes all of the README but %s", command)
			}
		}
		return
	}
	found := false
	for _, command := range all {
		if command != begins && !strings.HasPrefix(command, begins+" ") {
			continue
		}
		found = true
		d.executed = append(d.executed, command)
		command = strings.NewReplacer("BUCKET", "quicksight-unsubscribe-111122223333", "RUN", ts.Getenv("RUN")).Replace(command)
		command = `aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }; ` + strings.Join(append([]string{command}, more...), " ")
		if err := ts.Exec("sh", "-c", command); (err != nil) != neg {
			ts.Fatalf("%s: %v", command, err)
		}
	}
	if !found {
		ts.Fatalf("the README has no command that begins with %s", begins)
	}
}

// Ensure the program understands every command of its own that is documented, and make every target. TestScripts and its readme.txt execute what the
// README shows of the program, and make check what it shows of make; deploying takes an account.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	ours, targets := 0, 0
	for _, line := range documented(t) {
		if rest, is := strings.CutPrefix(line, "unsubscribe "); is {
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

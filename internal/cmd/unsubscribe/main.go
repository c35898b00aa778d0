// Command unsubscribe plans, starts, approves and replays the closing of Amazon QuickSight accounts.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes. A script can tell a closing that did not come out from a command that could not be carried out.
const (
	exitUnmet     = 1   // the workflow failed, or a story's expectation is not met
	exitUsage     = 2   // the command line, or a story's files, are wrong
	exitUnknown   = 3   // the emulator lacks an operation
	exitUnused    = 4   // a fault or a line of the script never came to pass
	exitInvariant = 5   // something happened that no story may show
	exitInterrupt = 130 // Ctrl-C
)

// commands is the command line.
type commands struct {
	Plan    planCommand    `cmd:"" help:"Show what closing an account would destroy, read-only and without any deployment."`
	Close   closeCommand   `cmd:"" help:"Start the closing of an account."`
	Approve decideCommand  `cmd:"" help:"Approve the plan of a closing."`
	Reject  decideCommand  `cmd:"" help:"Reject the plan of a closing."`
	Cancel  decideCommand  `cmd:"" help:"Cancel an approved closing before its point of no return."`
	List    listCommand    `cmd:"" help:"List all closings: where they are, whom they wait for, and what cannot be undone any more."`
	Status  statusCommand  `cmd:"" help:"Show a closing, state by state."`
	Retry   retryCommand   `cmd:"" help:"Go on with an account's last closing: redrive it, or start a fresh one for what remains."`
	Report  reportCommand  `cmd:"" help:"Print the report of a closing."`
	Fleet   fleetCommand   `cmd:"" help:"Plan and close many accounts at once."`
	Restore restoreCommand `cmd:"" help:"Import what was saved of a closed account into a new one."`
	Replay  replayCommand  `cmd:"" help:"Replay stories against the embedded AWS."`
	Demo    demoCommand    `cmd:"" help:"Pick a story in the browser, watch it, and decide on it, without an account."`

	ApprovalPages approvalPagesCommand `cmd:"" hidden:"" help:"Write the page of a closing in every state that it has."`
}

// failure is an error with the exit code that goes with it.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main with its surroundings passed in.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var c commands
	parser, err := kong.New(&c,
		kong.Name("unsubscribe"),
		kong.Description("Closes Amazon QuickSight accounts: plan, approval, deletion, report."),
		kong.Writers(stdout, stderr), kong.UsageOnError(), kong.Exit(func(code int) { panic(exit(code)) }),
	)
	if err != nil {
		fmt.Fprintln(stderr, "unsubscribe:", err)
		return exitUsage
	}
	return parse(parser, args, func(k *kong.Context) error {
		return k.Run(&surroundings{ctx: ctx, stdin: bufio.NewReader(stdin), stdout: stdout, stderr: stderr, verb: k.Selected().Name})
	}, stderr)
}

// surroundings is what a command works with.
type surroundings struct {
	ctx            context.Context //nolint:containedctx // a command's whole life
	stdin          *bufio.Reader
	stdout, stderr io.Writer
	verb           string // the command's name, for those that share their code
}

// ask prints a question and returns what was typed, without the space around it. An interrupt ends the waiting. At the end of the
// input the error is io.EOF.
func (s *surroundings) ask(question string) (string, error) {
	fmt.Fprint(s.stderr, question)
	type answer struct {
		line string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := s.stdin.ReadString('\n')
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		line := strings.TrimSpace(a.line)
		if line != "" && errors.Is(a.err, io.EOF) {
			a.err = nil
		}
		return line, a.err
	case <-s.ctx.Done():
		return "", s.ctx.Err()
	}
}

// exit is how --help ends the program.
type exit int

func parse(parser *kong.Kong, args []string, command func(*kong.Context) error, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			asked, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(asked)
		}
	}()
	k, err := parser.Parse(args)
	if err != nil {
		parser.Errorf("%s", err)
		return exitUsage
	}
	err = command(k)
	var f *failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		if f.err != nil {
			fmt.Fprintln(stderr, "unsubscribe:", f.err)
		}
		return f.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "unsubscribe: interrupted")
		return exitInterrupt
	default:
		fmt.Fprintln(stderr, "unsubscribe:", err)
		return exitUnmet
	}
}

package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"quicksight-unsubscribe/internal/emulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"unsubscribe": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// Ensure the command line does what testdata says, one behaviour per file.
func TestScripts(t *testing.T) {
	t.Parallel()
	events, err := filepath.Abs("../../../events")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("EVENTS", events)
			// Nothing of the person who runs the tests: no profile, no metadata service, no account.
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("AWS_REGION", "us-east-1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"emulate": emulate, "ended": ended, "serve": serve, "aws": awsCLI, "keep": keep, "readme": (&typed{}).readme},
		Condition: func(name string) (bool, error) {
			if name != "awscli" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return awsCLIKnowsRedrive(), nil
		},
	})
}

// emulate serves a world on loopback and points the SDK at it: emulate WORLD ACCESS-KEY.
func emulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: emulate WORLD ACCESS-KEY")
	}
	world, err := emulator.ParseWorld([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	aws, err := emulator.New(emulator.Options{World: world, Now: func() time.Time { return time.Now().UTC() }})
	ts.Check(err)
	server := httptest.NewServer(aws)
	ts.Defer(server.Close)
	ts.Defer(func() {
		for _, call := range aws.Journal() {
			if call.Mutating {
				ts.Logf("%s:%s changed something", call.Service, call.Operation)
			}
		}
	})
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_ACCESS_KEY_ID", args[1])
	ts.Setenv("AWS_SECRET_ACCESS_KEY", emulator.DefaultSecret)
}

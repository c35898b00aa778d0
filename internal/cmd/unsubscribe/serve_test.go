package main

import (
	"bufio"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/rogpeppe/go-internal/testscript"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/replay"
)

// serve serves the AWS of a story and points the AWS CLI and the SDK at it: serve FOLDER.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: serve FOLDER")
	}
	story, err := replay.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	server, err := replay.NewServer(story, replay.Options{}, 0)
	ts.Check(err)
	front := httptest.NewServer(server)
	ts.Defer(front.Close)
	ts.Defer(func() {
		if unknown := server.Run().Unknown(); len(unknown) > 0 {
			ts.Fatalf("the emulator lacks %v", unknown)
		}
	})
	ts.Setenv("AWS_ENDPOINT_URL", front.URL)
	ts.Setenv("AWS_DEFAULT_REGION", server.Region())
	ts.Setenv("AWS_SECRET_ACCESS_KEY", emulator.DefaultSecret)
	ts.Setenv("AWS_PAGER", "")
	for name, person := range server.Persons() {
		ts.Setenv(strings.ToUpper(name), person.AccessKeyID)
	}
}

// awsCLIKnowsRedrive tells whether there is an AWS CLI that is new enough.
var awsCLIKnowsRedrive = sync.OnceValue(func() bool {
	out, _ := exec.Command("aws", "stepfunctions", "redrive-execution").CombinedOutput() // it fails in any case
	return strings.Contains(string(out), "--execution-arn")
})

// awsCLI is the AWS CLI at the endpoint of serve: aws ARGUMENT...
func awsCLI(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("aws", append([]string{"--endpoint-url", ts.Getenv("AWS_ENDPOINT_URL")}, args...)...)
	if (err != nil) != neg {
		ts.Fatalf("aws %s: %v", strings.Join(args, " "), err)
	}
}

// keep keeps a part of what the last command printed in an environment variable: keep NAME REGEXP.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep NAME REGEXP")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("no %s in the output", pattern)
	}
	ts.Setenv(args[0], found[1])
}

// Ensure the command says where it serves, and keeps what happened once it is interrupted.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	out, in := io.Pipe()
	c := replayCommand{Events: "../../../events", Stories: []string{"early-adopter"}, Approve: "script", Journal: t.TempDir(), HTML: t.TempDir(), serveFlags: serveFlags{Serve: true}}
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(&surroundings{ctx: ctx, stdout: in, stderr: io.Discard})
		in.Close() //nolint:errcheck // a pipe in memory
	}()
	lines := bufio.NewReader(out)
	said, err := lines.ReadString('\n')
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(said)
	if err != nil || address == "" {
		t.Fatalf("%q, %v", said, err)
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(lines)
		rest <- string(text)
	}()
	client := sfn.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &address, Credentials: awscredentials.NewStaticCredentialsProvider("AKIAOPERATOR", emulator.DefaultSecret, ""),
	})
	run, err := client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String("arn:aws:states:us-east-1:111122223333:stateMachine:quicksight-unsubscribe"), Name: aws.String("run-1"), Input: aws.String(`{"accountId": "111122223333"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: run.ExecutionArn}); err != nil {
		t.Fatal(err)
	}
	interrupt()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if text := <-rest; !strings.Contains(text, "alice        AKIAALICE") || !strings.Contains(text, "run-1  Request Approval") {
		t.Errorf("it said %s", text)
	}
	for _, file := range []string{filepath.Join(c.Journal, "early-adopter.jsonl"), filepath.Join(c.Journal, "early-adopter.run-1.json"), filepath.Join(c.HTML, "early-adopter.html")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

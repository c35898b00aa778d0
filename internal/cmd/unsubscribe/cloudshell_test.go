package main

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/replay"
)

// shelled is a run that waits for a decision, and an approver in a shell that has what AWS CloudShell has: bash, the AWS CLI, Python with botocore.
type shelled struct {
	*testing.T
	server *replay.Server
	url    string
	line   string // of the mail
}

// startShelled starts the run. Who decides dates by the wall's clock, which the world's clock therefore has to meet at the gate.
func startShelled(t *testing.T, gate time.Duration) (*shelled, time.Duration) {
	t.Helper()
	story, err := replay.Load("../../../events/approved-by-identity-center")
	if err != nil {
		t.Fatal(err)
	}
	story.Config["APPROVERS"] = "bob@example.com arn:aws:iam::111122223333:user/bob"
	begins := time.Now().UTC().Truncate(time.Second).Add(-gate)
	story.World.Now = begins
	server, err := replay.NewServer(story, replay.Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(front.Close)
	client := sfn.NewFromConfig(aws.Config{
		Region: server.Region(), BaseEndpoint: &front.URL, Credentials: awscredentials.NewStaticCredentialsProvider(server.Persons()["alice"].AccessKeyID, emulator.DefaultSecret, ""),
	})
	if _, err := client.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(server.Machine()), Name: aws.String("run-1"), Input: aws.String(string(story.Event)),
	}); err != nil {
		t.Fatal(err)
	}
	if err := server.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := server.Run()
	s := &shelled{T: t, server: server, url: front.URL}
	for _, mail := range run.Mails() {
		s.line = strings.TrimSpace(regexp.MustCompile(`(?m)^ +python3 .*$`).FindString(mail.Body))
	}
	if s.line == "" {
		t.Fatalf("no mail has a line for CloudShell: %+v", run.Mails())
	}
	return s, run.Ended.Sub(begins)
}

// paste pastes the line into bash and types the answers.
func (s *shelled) paste(shell, typed string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", s.line)
	cmd.Env = append(os.Environ(), "PATH="+shell+":"+os.Getenv("PATH"), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL="+s.url, "AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=eu-central-1", // the shell may be anywhere
		"AWS_ACCESS_KEY_ID="+s.server.Persons()["bob"].AccessKeyID, "AWS_SECRET_ACCESS_KEY="+emulator.DefaultSecret)
	cmd.Stdin = strings.NewReader(typed)
	said, err := cmd.CombinedOutput()
	s.Logf("%v: %s", err, said)
	return string(said)
}

// cloudShell is a directory with the commands of AWS CloudShell that the machine may lack, and skips the test where there is no botocore.
func cloudShell(t *testing.T) string {
	t.Helper()
	dir, has := t.TempDir(), ""
	for _, bin := range []string{"", "../../../build/moto/bin"} { // where make puts moto, which needs botocore too
		python := "python3"
		if bin != "" {
			python = filepath.Join(bin, "python3")
		}
		if exec.CommandContext(t.Context(), python, "-c", "import botocore").Run() == nil {
			has = python
			break
		}
	}
	if has == "" {
		t.Skip("python3 has no botocore here (make moto, or Debian: apt-get install python3-botocore)")
	}
	if python, err := exec.LookPath(has); err != nil {
		t.Fatal(err)
	} else if python, err = filepath.Abs(python); err != nil {
		t.Fatal(err)
	} else if err := os.WriteFile(filepath.Join(dir, "python3"), []byte("#!/bin/sh\nexec '"+python+"' \"$@\"\n"), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	if _, err := exec.LookPath("aws"); err == nil {
		return dir
	}
	// What `aws s3 cp s3://BUCKET/KEY -` does, by the same library.
	shim := `#!/usr/bin/env python3
import os, sys
import botocore.session
assert sys.argv[1:3] == ["s3", "cp"] and sys.argv[4:] == ["-"], sys.argv
bucket, key = sys.argv[3][len("s3://"):].split("/", 1)
s3 = botocore.session.get_session().create_client("s3", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
sys.stdout.buffer.write(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
`
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(shim), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	return dir
}

// Ensure that the line in the mail decides from a shell like AWS CloudShell's, and only what somebody types.
func TestCloudShell(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: Python is slow to start")
	}
	shell := cloudShell(t)
	_, gate := startShelled(t, 0)
	for _, tt := range []struct{ name, typed, says, then string }{
		{"approve", "approve\nacme-analytics\n", "1 of 1 approvals", "SUCCEEDED"},
		{"wrong name", "approve\nsomething else\n", "is not the name of the QuickSight account", "RUNNING"},
		{"no name", "approve\n\n", "Nothing was decided", "RUNNING"},
		{"nothing", "", "Nothing was decided", "RUNNING"},
		{"no verdict", "yes\nno\n", "neither approve, reject nor cancel", "RUNNING"},
		{"reject", "reject\nstill in use\n", "rejected by bob@example.com", "FAILED REJECTED"},
		{"cancel", "cancel\nwrong account\n", "cancelled by bob@example.com", "FAILED CANCELLED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, _ := startShelled(t, gate-time.Minute) // the run's clock is a minute ahead: it does not wait for Python
			said := s.paste(shell, tt.typed)
			if !strings.Contains(said, tt.says) || !strings.Contains(said, "Digest: sha256:") {
				t.Errorf("it says %q, want %q and the digest", said, tt.says)
			}
			if strings.Contains(strings.ReplaceAll(said, "acme-analytics\n", ""), "acme-analytics") {
				t.Errorf("it shows what an approver has to type: %s", said)
			}
			if err := s.server.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			run := s.server.Run().Executions[0]
			if got := strings.TrimSpace(string(run.Status()) + " " + run.Error()); got != tt.then {
				t.Errorf("the run is %q, want %q", got, tt.then)
			}
		})
	}
}

package emulator

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
)

// pretender is set in the environment of this test's own binary where it is to be a function.
const pretender = "EMULATOR_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(pretender) == "" {
		os.Exit(m.Run())
	}
	println("function: started")
	lambda.Start(func(in string) (string, error) {
		switch in {
		case "fail":
			return "", messages.InvokeResponse_Error{Type: "Closing.Blocked", Message: "no"}
		case "die":
			os.Exit(3)
		case "hang":
			select {}
		}
		return strings.ToUpper(in) + os.Getenv("HOME") + os.Getenv("GREETING"), nil
	})
}

// Ensure a process answers, fails, dies and hangs as a function does in Lambda, and gets only the environment that it is given.
func TestProcess(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var logs strings.Builder
	p, err := StartProcess(self, map[string]string{pretender: "yes", "GREETING": "!"}, &logs)
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Minute)
	for in, want := range map[string]string{`"hello"`: `"HELLO!"`, `"fail"`: `{"errorMessage":"no","errorType":"Closing.Blocked"}`} {
		answer, failed, err := p.Invoke(t.Context(), "request-"+in[1:2], soon, []byte(in))
		if err != nil || string(answer) != want || failed != (in == `"fail"`) {
			t.Errorf("%s: %s, %t, %v", in, answer, failed, err)
		}
	}
	var exit *ExitError
	for range 2 { // it stays dead
		if _, _, err := p.Invoke(t.Context(), "request-3", soon, []byte(`"die"`)); !errors.As(err, &exit) || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("a process that died: %v", err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(logs.String(), "function: started") {
		t.Errorf("the logs are %q", logs.String())
	}

	if p, err = StartProcess(self, map[string]string{pretender: "yes"}, nil); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := p.Invoke(impatient, "request-4", soon, []byte(`"hang"`)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a function that hangs: %v", err)
	}
	if err := p.Close(); err != nil { // which does not wait for it
		t.Error(err)
	}
	if _, err := StartProcess("/nowhere", nil, nil); err == nil {
		t.Error("a binary that is not there has been started")
	}
}

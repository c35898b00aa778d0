package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// behind is a function that answers with what its Function URL hands on.
type behind struct{}

func (behind) BehindURL(host string) string {
	return map[string]string{"abc.lambda-url.us-east-1.on.aws": "page"}[host]
}

func (behind) Invoke(_ context.Context, name string, payload []byte) ([]byte, string, bool) {
	var e events.LambdaFunctionURLRequest
	if err := json.Unmarshal(payload, &e); err != nil || e.Body == "fail" {
		return []byte(`{"errorType":"Closing.Internal"}`), "Unhandled", true
	}
	answer, err := json.Marshal(events.LambdaFunctionURLResponse{
		StatusCode: http.StatusTeapot, Headers: map[string]string{"content-type": "text/plain"},
		Body: strings.Join([]string{name, e.RequestContext.HTTP.Method, e.RawPath, e.RawQueryString, e.Headers["x-more"], e.Body}, " "),
	})
	return answer, "", err == nil
}

// A URL takes two permissions, of which the second one may hold for the URL alone.
func TestFunctionURL(t *testing.T) {
	t.Parallel()
	function := `"arn:aws:lambda:us-east-1:` + hubAccount + `:function:page"`
	both := `{"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": ` + function + `}, {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ` + function + `,
		"Condition": {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}}`
	for _, tt := range []struct {
		name, policy, host, body string
		status                   int
		answer                   string
	}{
		{"through the URL", both, "abc", "hello", http.StatusTeapot, "page POST /closings/1 a=b more hello"},
		{"with one permission", `{"Effect": "Allow", "Action": "lambda:InvokeFunctionUrl", "Resource": ` + function + `}`, "abc", "hello", http.StatusForbidden, "lambda:InvokeFunction"},
		{"a URL of nobody", both, "xyz", "hello", http.StatusForbidden, ""},
		{"a function that fails", both, "abc", "fail", http.StatusBadGateway, "Internal Server Error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, `"roles": {"closer": {"policies": [{"Statement": [`+tt.policy+`]}]}}`, "", Options{Functions: behind{}})
			url := "https://" + tt.host + ".lambda-url.us-east-1.on.aws/closings/1?a=b"
			r, err := http.NewRequestWithContext(background, http.MethodPost, url, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-More", "more")
			sum := sha256.Sum256([]byte(tt.body))
			if err := v4.NewSigner().SignHTTP(background, aws.Credentials{AccessKeyID: hubKey, SecretAccessKey: DefaultSecret}, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", time.Now()); err != nil {
				t.Fatal(err)
			}
			resp, err := l.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // a buffer
			answer, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(answer), tt.answer) {
				t.Errorf("%d %s, %v; want %d %s", resp.StatusCode, answer, err, tt.status, tt.answer)
			}
		})
	}
}

func (machines) StateMachines() []StateMachine {
	return []StateMachine{
		{ARN: "arn:aws:states:us-east-1:" + hubAccount + ":stateMachine:m", Name: "m", RoleARN: "arn:role", Definition: "{}", Created: time.Unix(50, 0)},
		{ARN: "arn:machine", Name: "n"}, // whose execution TestStepFunctions asks about
	}
}

func TestStateMachines(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "", Options{Machines: machines{}})
	client := sfn.NewFromConfig(l.config(hubKey, "us-east-1"))
	list, err := client.ListStateMachines(background, &sfn.ListStateMachinesInput{})
	if err != nil || len(list.StateMachines) != 1 || *list.StateMachines[0].Name != "m" {
		t.Fatalf("%+v, %v", list, err)
	}
	elsewhere, err := sfn.NewFromConfig(l.config(hubKey, "eu-west-1")).ListStateMachines(background, &sfn.ListStateMachinesInput{})
	if err != nil || len(elsewhere.StateMachines) != 0 {
		t.Errorf("another Region has %+v, %v", elsewhere, err)
	}
	out, err := client.DescribeStateMachine(background, &sfn.DescribeStateMachineInput{StateMachineArn: list.StateMachines[0].StateMachineArn})
	if err != nil || *out.Definition != "{}" || !out.CreationDate.Equal(time.Unix(50, 0)) {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = client.DescribeStateMachine(background, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String("arn:other")})
	wantCode(t, err, "StateMachineDoesNotExist")
	of, err := client.DescribeStateMachineForExecution(background, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: aws.String("arn:run")})
	if err != nil || *of.Name != "n" {
		t.Errorf("%+v, %v", of, err)
	}
	_, err = client.DescribeStateMachineForExecution(background, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: aws.String("arn:other")})
	wantCode(t, err, "ExecutionDoesNotExist")
}

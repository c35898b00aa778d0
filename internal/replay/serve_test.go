package replay

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"quicksight-unsubscribe/internal/emulator"
)

// counter is a server, a client of it, and a wall whose clock the test moves.
type counter struct {
	*testing.T
	server *Server
	client *sfn.Client
	wall   time.Time
	date   time.Time // of the newest answer
}

func newCounter(t *testing.T, name string, speed float64) *counter {
	t.Helper()
	story, err := Load(filepath.Join(events, name))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{T: t, wall: time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC)}
	if c.server, err = NewServer(story, Options{}, speed); err != nil {
		t.Fatal(err)
	}
	c.server.wall, c.server.seen = func() time.Time { return c.wall }, c.wall
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.server.ServeHTTP(w, r)
		c.date, err = http.ParseTime(w.Header().Get("Date"))
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(front.Close)
	c.client = sfn.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &front.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAOPERATOR", emulator.DefaultSecret, ""),
	})
	return c
}

func (c *counter) start(name string) (arn string) {
	c.Helper()
	out, err := c.client.StartExecution(c.Context(), &sfn.StartExecutionInput{
		StateMachineArn: aws.String(c.server.Machine()), Name: &name, Input: aws.String(string(c.server.player.story.Event)),
	})
	if err != nil {
		c.Fatal(err)
	}
	return *out.ExecutionArn
}

func (c *counter) status(arn string) string {
	c.Helper()
	out, err := c.client.DescribeExecution(c.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		c.Fatal(err)
	}
	return string(out.Status)
}

// state is where the first execution is.
func (c *counter) state() string { return last(c.server.player.run.Executions[0].Path()) }

// Ensure the clock stands while nothing runs, leaves waiting out that nobody has to end, and goes like the wall's while people decide.
func TestServedClock(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "early-adopter", 0)
	began := c.server.player.story.World.Now
	c.wall = c.wall.Add(72 * time.Hour)
	run := c.start("run-1")
	if !c.date.Equal(began) {
		t.Errorf("nothing ran, and it is %s, not %s", c.date, began)
	}
	if status := c.status(run); status != "RUNNING" || c.state() != gateState {
		t.Fatalf("%s in %s", status, c.state())
	}
	asked := c.date
	c.wall = c.wall.Add(time.Hour)
	c.status(run)
	if passed := c.date.Sub(asked); passed != time.Hour {
		t.Errorf("an hour passed, and the clock went %s", passed)
	}
	c.wall = c.wall.Add(31 * 24 * time.Hour)
	if status := c.status(run); status != "FAILED" || c.state() != "Expired" {
		t.Errorf("nobody decides for a month: %s in %s", status, c.state())
	}
	if reminders := visitsOf(c.server.Run().Executions[0], gateState); reminders < 7 {
		t.Errorf("people were asked %d times", reminders)
	}
}

func visitsOf(e *Execution, state string) (n int) {
	for _, name := range e.Path() {
		if name == state {
			n++
		}
	}
	return n
}

// Ensure that at a speed waiting for AWS takes its time.
func TestServedSpeed(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "early-adopter", 60)
	run := c.start("run-1")
	c.status(run)
	if c.state() != "Verify Caller" {
		t.Errorf("no time has passed, and the run is in %s", c.state())
	}
	began := c.date
	c.wall = c.wall.Add(time.Second)
	c.status(run)
	if passed := c.date.Sub(began); passed.Round(time.Second) != time.Minute {
		t.Errorf("a second passed, and the clock went %s", passed)
	}
	c.wall = c.wall.Add(time.Minute)
	c.status(run)
	if c.state() != gateState {
		t.Errorf("an hour later the run is in %s", c.state())
	}
}

// Ensure a request that is sent twice starts one execution, and another one of the same name none.
func TestStartedOnce(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "early-adopter", 0)
	if first, again := c.start("run-1"), c.start("run-1"); first != again {
		t.Errorf("it started %s and %s", first, again)
	}
	var exists *types.ExecutionAlreadyExists
	start := &sfn.StartExecutionInput{StateMachineArn: aws.String(c.server.Machine()), Name: aws.String("run-1"), Input: aws.String(`{"accountId": "222233334444"}`)}
	if _, err := c.client.StartExecution(t.Context(), start); !errors.As(err, &exists) {
		t.Errorf("another input under the same name: %v", err)
	}
	if runs := c.server.Run().Executions; len(runs) != 1 {
		t.Errorf("there are %d executions", len(runs))
	}
}

// Ensure the doorbell of the second execution can be rung as well as that of the first.
func TestSecondDoorbell(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "early-adopter", 0)
	first := c.start("run-1")
	if _, err := c.client.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &first}); err != nil {
		t.Fatal(err)
	}
	c.status(c.start("run-2"))
	for _, e := range c.server.player.run.Executions[1:] {
		for _, token := range e.tokens {
			if _, err := c.client.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
				t.Error(err)
			}
		}
		if len(e.tokens) == 0 {
			t.Error("the second execution has not asked")
		}
	}
}

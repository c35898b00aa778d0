package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/rogpeppe/go-internal/testscript"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/replay"
)

// ended serves the world that a story left, of the script or of events, with its executions, on loopback, and points the SDK at it: ended STORY [STATE].
// With a STATE, the first execution and the record are shown as they were while it was in that state for the first time; each time that
// somebody has read its history, the execution is ten events further. The clock stands where the story ended; the input of an execution that is
// started is in started.json.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: ended STORY [STATE]")
	}
	folder := ts.MkAbs(args[0])
	if _, err := os.Stat(folder); err != nil {
		folder = filepath.Join(ts.Getenv("EVENTS"), args[0])
	}
	story, err := replay.Load(folder)
	ts.Check(err)
	run, err := replay.Play(context.Background(), story, replay.Options{})
	ts.Check(err)
	m := &over{run: run, started: ts.MkAbs("started.json")}
	if len(args) == 2 {
		var until time.Time
		m.shown, until = within(run.Executions[0], args[1])
		for _, bucket := range run.After.Accounts[run.After.Hub].Buckets {
			for key, object := range bucket.Objects {
				object.Versions = slices.DeleteFunc(object.Versions, func(v emulator.ObjectVersion) bool { return !v.Modified.Before(until) })
				if len(object.Versions) == 0 {
					delete(bucket.Objects, key)
				}
			}
		}
	}
	aws, err := emulator.New(emulator.Options{World: run.After, Machines: m, Now: func() time.Time { return run.Ended }})
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", run.Ended.UTC().Format(http.TimeFormat))
		aws.ServeHTTP(w, r)
	}))
	ts.Defer(server.Close)
	ts.Setenv("AWS_ENDPOINT_URL", server.URL)
	ts.Setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", emulator.DefaultSecret)
}

// within is how much of an execution's history there is while it is in a state for the first time, and when it leaves that.
func within(e *replay.Execution, state string) (events int, until time.Time) {
	inside := false
	for i, event := range replay.HistoryEvents(e.History()) {
		if inside && (event.StateEnteredEventDetails != nil || event.StateExitedEventDetails != nil) {
			return i, *event.Timestamp
		}
		if d := event.StateEnteredEventDetails; d != nil && *d.Name == state {
			inside = true
		}
	}
	return 0, time.Time{}
}

// over are the executions of a story that is over.
type over struct {
	run     *replay.Run
	started string // a file
	mu      sync.Mutex
	shown   int // events of the first execution that are shown; 0: all
}

func (o *over) find(arn string) (e *replay.Execution, running bool) {
	for i, e := range o.run.Executions {
		if e.ARN == arn {
			return e, i == 0 && o.shown > 0 && o.shown < len(e.History())
		}
	}
	return nil, false
}

func (o *over) DescribeExecution(arn string) (emulator.Execution, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, running := o.find(arn)
	if e == nil {
		return emulator.Execution{}, false
	}
	d := emulator.Execution{ARN: arn, Name: e.Name, Status: string(e.Status()), Start: e.StartTime(), Stop: e.Stopped(), Input: e.Input, Error: e.Error(), Cause: e.Cause()}
	if running {
		d.Status, d.Stop, d.Error, d.Cause = "RUNNING", time.Time{}, "", ""
	}
	return d, true
}

func (o *over) ExecutionHistory(arn string, _ bool) ([]types.HistoryEvent, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, running := o.find(arn)
	if e == nil {
		return nil, false
	}
	events := replay.HistoryEvents(e.History())
	if running {
		events = events[:o.shown]
		o.shown += 10
	}
	return events, true
}

func (o *over) StartExecution(machine, _, input string) (string, time.Time, error) {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":fresh", o.run.Ended, os.WriteFile(o.started, []byte(input), 0o600)
}

func (o *over) RedriveExecution(string) (time.Time, error) { return o.run.Ended, nil }

var errOver = errors.New("the story is over")

func (o *over) SendTaskSuccess(string, string) error                    { return errOver }
func (o *over) SendTaskFailure(string, string, string) error            { return errOver }
func (o *over) SendTaskHeartbeat(string) error                          { return errOver }
func (o *over) StopExecution(string, string, string) (time.Time, error) { return time.Time{}, errOver }

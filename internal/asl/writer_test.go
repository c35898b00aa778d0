package asl

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const putObject = `"Resource":"arn:aws:states:::s3:putObject","Arguments":{"Bucket":"out","Prefix":"{% $states.input.prefix %}"}`

// written plays a Map over the items with the ResultWriter, of which the items in broken fail.
func written(t *testing.T, writer, more string, store Objects, broken map[string]bool) *Execution {
	t.Helper()
	f := &fleet{broken: broken}
	o := options(taskFunc(f.do), []byte(`{"prefix":"results/"}`))
	o.Objects = store
	e := parse(t, distributed(`"Items":[1,[2,3],4],"MaxConcurrency":1,"ResultWriter":{`+writer+`},`+more)).Start(o)
	e.Run(t.Context())
	return e
}

const folder = "results/00000000-0000-4000-8000-000000000001/"

func TestResultWriter(t *testing.T) {
	t.Parallel()
	store := objects{}
	e := written(t, putObject, `"ToleratedFailureCount":1,`, store, map[string]bool{"4": true})
	const run = "arn:aws:states:eu-west-1:111122223333:mapRun:machine/Accounts:00000000-0000-4000-8000-000000000001"
	if want := `{"MapRunArn":"` + run + `","ResultWriterDetails":{"Bucket":"out","Key":"` + folder + `manifest.json"}}`; string(e.Output()) != want {
		t.Errorf("output %s %s, want %s", e.Output(), e.Cause(), want)
	}
	type file struct {
		Key  string
		Size int
	}
	var manifest struct {
		DestinationBucket, MapRunArn string
		ResultFiles                  map[string][]file
	}
	if err := json.Unmarshal(store["out/"+folder+"manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	size := func(key string) int { return len(store["out/"+key]) }
	want := map[string][]file{
		"SUCCEEDED": {{folder + "SUCCEEDED_0.json", size(folder + "SUCCEEDED_0.json")}},
		"FAILED":    {{folder + "FAILED_0.json", size(folder + "FAILED_0.json")}},
		"PENDING":   {},
	}
	if diff := cmp.Diff(want, manifest.ResultFiles); diff != "" || manifest.DestinationBucket != "out" || manifest.MapRunArn != run {
		t.Errorf("manifest %+v (-want +got)\n%s", manifest, diff)
	}
	var results []map[string]any
	if err := json.Unmarshal(store["out/"+folder+"SUCCEEDED_0.json"], &results); err != nil {
		t.Fatal(err)
	}
	const machine = "arn:aws:states:eu-west-1:111122223333:stateMachine:machine/Accounts"
	first := map[string]any{
		"ExecutionArn": strings.Replace(machine, "stateMachine", "execution", 1) + ":00000000-0000-4000-8000-000000000002",
		"Input":        "1", "InputDetails": map[string]any{"Included": true}, "Name": "00000000-0000-4000-8000-000000000002",
		"Output": "1", "OutputDetails": map[string]any{"Included": true}, "RedriveCount": 0.0, "RedriveStatus": "NOT_REDRIVABLE",
		"RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven", "StartDate": "2026-03-01T12:00:00.000Z",
		"StateMachineArn": machine, "Status": "SUCCEEDED", "StopDate": "2026-03-01T12:00:01.000Z",
	}
	if diff := cmp.Diff(first, results[0]); diff != "" || len(results) != 2 {
		t.Errorf("%d results; the first (-want +got)\n%s", len(results), diff)
	}
}

func TestResultsTransformed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ writer, file, want string }{
		{putObject + `,"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSON"}`, "SUCCEEDED_0.json", `[1,[2,3],4]`},
		{putObject + `,"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}`, "SUCCEEDED_0.json", `[1,2,3,4]`},
		{putObject + `,"WriterConfig":{"Transformation":"COMPACT","OutputType":"JSONL"}`, "SUCCEEDED_0.jsonl", "1\n[2,3]\n4\n"},
		{`"WriterConfig":{"Transformation":"FLATTEN","OutputType":"JSON"}`, "", `[1,2,3,4]`},
		{`"WriterConfig":{"Transformation":"COMPACT"}`, "", `[1,[2,3],4]`},
	} {
		store := objects{}
		e := written(t, c.writer, "", store, nil)
		got := string(e.Output())
		if c.file != "" {
			got = string(store["out/"+folder+c.file])
		}
		if got != c.want {
			t.Errorf("%s gives %q %s, want %q", c.writer, got, e.Cause(), c.want)
		}
	}
}

// The results of a run that failed are written too: what failed, and what never started.
func TestResultsOfAFailedRun(t *testing.T) {
	t.Parallel()
	store := objects{}
	e := written(t, putObject, "", store, map[string]bool{"[2,3]": true})
	if e.Error() != "States.ExceedToleratedFailureThreshold" {
		t.Errorf("%s %s", e.Error(), e.Cause())
	}
	for file, want := range map[string]string{
		"SUCCEEDED_0.json": `"Output":"1"`, "FAILED_0.json": `"Error":"Broken"`, "PENDING_0.json": `[{"Input":"4",`, "manifest.json": `"PENDING":[{`,
	} {
		if got := string(store["out/"+folder+file]); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", file, got, want)
		}
	}
}

// So are those of a run that was stopped.
func TestResultsOfAStoppedRun(t *testing.T) {
	t.Parallel()
	store := objects{}
	o := options(taskFunc((&fleet{}).do), []byte(`{"prefix":"results"}`))
	o.Objects = store
	e := parse(t, distributed(`"Items":[1,2,3],"MaxConcurrency":1,"ResultWriter":{`+putObject+`},`)).Start(o)
	e.Advance(t.Context(), at(1500*time.Millisecond))
	e.Stop(at(1500*time.Millisecond), "", "")
	for file, want := range map[string]string{
		"SUCCEEDED_0.json": `"Output":"1"`, "FAILED_0.json": `"Status":"ABORTED","StopDate":"2026-03-01T12:00:01.500Z"`, "PENDING_0.json": `[{"Input":"3",`,
	} {
		if got := string(store["out/"+folder+file]); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", file, got, want)
		}
	}
}

// unwritable is an S3 that takes nothing until it is told to.
type unwritable struct {
	objects
	open bool
}

func (u *unwritable) PutObject(ctx context.Context, o ObjectCall, content []byte) error {
	if !u.open {
		return errors.New("Access Denied")
	}
	return u.objects.PutObject(ctx, o, content)
}

// Results that could not be written are written by a redrive, and no child execution runs again.
func TestResultWriterFails(t *testing.T) {
	t.Parallel()
	store := &unwritable{objects: objects{}}
	e := written(t, putObject, "", store, nil)
	if e.Error() != "States.ResultWriterFailed" || e.Cause() != "Access Denied" {
		t.Errorf("%s %s", e.Error(), e.Cause())
	}
	store.open = true
	if err := e.Redrive(at(time.Hour)); err != nil {
		t.Fatal(err)
	}
	e.Run(t.Context())
	if e.Status() != Succeeded || !e.Stopped().Equal(at(time.Hour)) || len(e.MapRuns()) != 1 {
		t.Errorf("%s at %s", e.Status(), e.Stopped())
	}
}

func TestResultFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines bool
		limit int
		want  string
	}{
		{false, 100, `[1,"two",3]`},
		{false, 9, `[1,"two"] [3]`},
		{false, 3, `[1] ["two"] [3]`},
		{true, 100, "1\n\"two\"\n3\n"},
		{true, 4, "1\n \"two\"\n 3\n"},
	} {
		var got []string
		for _, f := range resultFiles([]any{1.0, "two", 3.0}, c.lines, c.limit) {
			got = append(got, string(f))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v at %d: %q, want %q", c.lines, c.limit, got, c.want)
		}
	}
}

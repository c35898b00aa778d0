package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ensure that the README's table of settings is the code's.
func TestReadmeIsCurrent(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- context: written by make asl -->\n"), []byte("<!-- /context -->")
	before, rest, found := bytes.Cut(readme, begin)
	if !found {
		t.Fatalf("README.md has no line %s", begin)
	}
	_, after, found := bytes.Cut(rest, end)
	if !found {
		t.Fatalf("README.md has no line %s", end)
	}
	var table bytes.Buffer
	if err := writeSettings(&table); err != nil {
		t.Fatal(err)
	}
	current(t, "../README.md", bytes.Join([][]byte{before, begin, table.Bytes(), end, after}, nil))
}

// Ensure that the runbook has a line for every alarm and every error code, and none for what is no more.
func TestRunbookIsComplete(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, runbook, found := strings.Cut(string(readme), "\n## Runbook\n")
	if !found {
		t.Fatal("README.md has no runbook")
	}
	runbook, _, _ = strings.Cut(runbook, "\n## ")
	var got []string
	for _, line := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(runbook, -1) {
		got = append(got, line[1])
	}
	want := slices.Collect(maps.Keys(alarms))
	codes, err := os.ReadFile("../internal/closing/error.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range regexp.MustCompile(`"(Closing\.\w+)"`).FindAllStringSubmatch(string(codes), -1) {
		want = append(want, code[1])
	}
	// Step Functions' own: of a version that is gone, and of a fleet.
	want = append(want, "Lambda.ResourceNotFoundException", "States.ExceedToleratedFailureThreshold")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// Ensure that make destroy names every kind of thing that the stacks leave behind. Lambda deletes the versions of a function with it, which the
// template retains for other reasons: https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html
func TestDestroySaysWhatStays(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(makefile), "\ndestroy:")
	text, _, _ = strings.Cut(text, "\n\n")
	stays := regexp.MustCompile(`(?s)Stays, and costs:.*Stays elsewhere`).FindString(text)
	names := map[string]string{"AWS::S3::Bucket": "bucket", "AWS::KMS::Key": "key", "AWS::Lambda::Version": ""}
	for id, r := range hub(t, nil)["Resources"].(map[string]any) {
		resource := r.(map[string]any)
		if name, known := names[fmt.Sprint(resource["Type"])]; resource["DeletionPolicy"] == "Retain" && (!known || !strings.Contains(stays, name)) {
			t.Errorf("%s, a %s, stays, and make destroy does not say so: %s", id, resource["Type"], stays)
		}
	}
}

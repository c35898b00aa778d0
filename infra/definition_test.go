package main

import (
	"bytes"
	"os"
	"testing"

	"quicksight-unsubscribe/internal/workflow"
)

// Ensure that the committed state machines, which the replay runs, are those that the CDK app deploys.
func TestDefinitionIsCurrent(t *testing.T) {
	for file, machine := range map[string]string{"closing": workflow.Prefix, "fleet": workflow.Fleet} {
		want, err := hub(t, nil).definition(machine)
		if err != nil {
			t.Fatal(err)
		}
		current(t, "../internal/workflow/"+file+".asl.json", want)
	}
}

// Ensure that the committed permissions, under which the replay runs, are those that the CDK app deploys.
func TestPermissionsAreCurrent(t *testing.T) {
	want, err := permissions(hub(t, nil), target(t, nil), organizational(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	current(t, "../internal/workflow/permissions.json", want)
}

// current compares a committed file with what it should be, and writes it with -update.
func current(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s is stale: run make asl", path)
	}
}

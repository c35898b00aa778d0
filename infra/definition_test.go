package main

import (
	"bytes"
	"os"
	"testing"
)

const committed = "../internal/workflow/closing.asl.json"

// Ensure that the committed state machine, which the replay runs, is the one that the CDK app deploys.
func TestDefinitionIsCurrent(t *testing.T) {
	want, err := hub(t, nil).definition()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(committed, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s is stale: run make asl", committed)
	}
}

package main

import (
	"bytes"
	"os"
	"testing"
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

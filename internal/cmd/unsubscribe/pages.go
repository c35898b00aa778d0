package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"quicksight-unsubscribe/internal/replay"
)

// pages writes HTML pages into a folder; with no folder it writes none.
type pages struct {
	dir  string
	runs []*replay.Run
}

// write writes the page of one run. It may be called for several runs at a time.
func (p *pages) write(run *replay.Run) error {
	if p.dir == "" {
		return nil
	}
	return writePage(filepath.Join(p.dir, run.Story.Name+".html"), func(w io.Writer) error { return run.Page(w, run.Judge()) })
}

// close writes the index and returns where to begin to read.
func (p *pages) close() (string, error) {
	if p.dir == "" {
		return "", nil
	}
	if len(p.runs) == 1 {
		return filepath.Join(p.dir, p.runs[0].Story.Name+".html"), nil
	}
	index := filepath.Join(p.dir, "index.html")
	return index, writePage(index, func(w io.Writer) error { return replay.Index(w, p.runs) })
}

func writePage(path string, render func(io.Writer) error) error {
	var page bytes.Buffer
	if err := render(&page); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := os.WriteFile(path, page.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

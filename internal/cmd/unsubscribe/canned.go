package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"quicksight-unsubscribe/internal/approval"
)

// approvalPagesCommand is unsubscribe approval-pages.
type approvalPagesCommand struct {
	Into string `arg:"" optional:"" help:"The folder." default:"build/approval-pages" type:"path"`
}

// Run writes the page in every state that it has.
func (c *approvalPagesCommand) Run(s *surroundings) error {
	if err := os.MkdirAll(c.Into, 0o755); err != nil {
		return fmt.Errorf("write the pages: %w", err)
	}
	pages := approval.Canned()
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		path := filepath.Join(c.Into, name+".html")
		if err := os.WriteFile(path, []byte(pages[name]), 0o644); err != nil {
			return fmt.Errorf("write the pages: %w", err)
		}
		fmt.Fprintln(s.stdout, path)
	}
	return nil
}

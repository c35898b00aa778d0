package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/replay"
)

// sweepFlags are those of unsubscribe replay --sweep.
type sweepFlags struct {
	Sweep bool   `help:"Let everything go wrong in the stories that can: every fault at every AWS call, every state stopped or timed out, and every order in which invocations that overlap touch the record."`
	Pairs int    `help:"How many pairs of faults to sample beside the single ones, by the seed." default:"100"`
	Table string `help:"The folder for the tables of a sweep, as CSV and HTML." default:"build/sweep" type:"path"`
}

// sweep plays the whole sweep of each story that was named.
func (c *replayCommand) sweep(s *surroundings) error {
	if len(c.Stories) == 0 || c.Binaries {
		return &failure{exitUsage, errors.New("--sweep needs the name of a story, and no --binaries: it plays each thousands of times")}
	}
	stories, err := c.load()
	if err != nil {
		return &failure{exitUsage, err}
	}
	broken := 0
	for _, story := range stories {
		n, err := c.sweepOf(s, story)
		if err != nil {
			return err
		}
		broken += n
	}
	if broken > 0 {
		return &failure{exitInvariant, fmt.Errorf("%d runs did not end as designed", broken)}
	}
	return nil
}

// sweepOf sweeps one story and tells how many runs did not end as designed.
func (c *replayCommand) sweepOf(s *surroundings, story *replay.Story) (broken int, err error) {
	began := time.Now()
	sweep, err := replay.NewSweep(s.ctx, story, replay.Options{Assumptions: c.Assume, PageSize: c.PageSize, Seed: c.Seed})
	if err != nil {
		return 0, &failure{exitUsage, err}
	}
	fates, err := sweep.Play(s.ctx)
	if err != nil {
		return 0, err
	}
	pairs, err := sweep.Pairs(s.ctx, c.Pairs)
	if err != nil {
		return 0, err
	}
	orders, all, err := sweep.Interleavings(s.ctx, 0)
	if err != nil {
		return 0, err
	}
	rows := append(append(sweep.Rows(fates), pairs...), orders...)
	table, page := filepath.Join(c.Table, story.Name+".csv"), filepath.Join(c.Table, story.Name+".html")
	if err := errors.Join(
		write(table, func(w io.Writer) error { return replay.WriteCSV(w, rows) }),
		write(page, func(w io.Writer) error { return sweep.WriteHTML(w, rows) }),
	); err != nil {
		return 0, err
	}
	outcomes, repaired, absorbed := map[closing.Outcome]int{}, 0, 0
	for _, row := range rows {
		outcomes[row.Outcome]++
		if row.Absorbed {
			absorbed++
		}
		if row.Repair != "" && len(row.Broken) == 0 {
			repaired++
		}
		if len(row.Broken) > 0 {
			broken++
			fmt.Fprintf(s.stdout, "broken: %v: %s\n", row.Attempts, row.Broken[0])
		}
	}
	fmt.Fprintf(s.stdout, "%s: %d runs in %s, of which %d are orders of invocations that overlap: %d unnoticed, %d repaired by a redrive or a fresh run, %d broken\n",
		story.Name, len(rows), time.Since(began).Round(time.Second), all, absorbed, repaired, broken)
	var names []closing.Outcome
	for outcome := range outcomes {
		names = append(names, outcome)
	}
	slices.Sort(names)
	for _, outcome := range names {
		fmt.Fprintf(s.stdout, "  %-16s %6d\n", outcome, outcomes[outcome])
	}
	fmt.Fprintf(s.stdout, "  %s\n  %s\n", table, page)
	return broken, nil
}

// write makes a file, and its folder.
func write(path string, content func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return errors.Join(content(f), f.Close())
}

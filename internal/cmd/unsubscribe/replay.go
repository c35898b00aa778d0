package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/replay"
)

// replayCommand is unsubscribe replay.
type replayCommand struct {
	Stories  []string          `arg:"" optional:"" help:"Names of stories, or folders. All, if none is given."`
	Events   string            `help:"The folder that holds the stories." default:"events" type:"path"`
	JSON     bool              `help:"Print one JSON object per story and line."`
	Progress string            `help:"How to show one story while it goes: ${enum}. auto: live on a terminal, otherwise plain." enum:"auto,live,plain,json" default:"auto"`
	Speed    float64           `help:"With live: virtual seconds per second, a silence taking a second at most. With --serve: likewise, unless a run waits for a decision. 0: as fast as it goes." default:"0"`
	Journal  string            `help:"Write the journal of every AWS call into this folder, one file of JSON lines per story, and the history of every execution." type:"path"`
	HTML     string            `name:"html" help:"Write one HTML page per story into this folder, and an index." type:"path"`
	History  string            `help:"Instead of a story: a file with the output of aws stepfunctions get-execution-history. Say where today's definition would go another way." placeholder:"FILE" type:"path"`
	Assume   map[string]string `help:"Answer a question that only AWS can answer another way: NAME=SETTING." placeholder:"NAME=SETTING"`
	PageSize int               `help:"Force pages of this size on every list call." default:"0"`
	Approve  string            `help:"Who decides: the story's people (script), or you, on this terminal (ask) or in a browser (web)." enum:"script,ask,web" default:"script"`
	Seed     uint64            `help:"Seed of the retries' jitter, and of what a sweep samples." default:"1"`

	Binaries bool `help:"Run the functions as Lambda does, as processes of their own: the binaries that ship, built for this machine into build/native."`

	sweepFlags `embed:""`
	serveFlags `embed:""`
}

// Run replays the stories, as many at a time as there are processors, and prints them in order.
func (c *replayCommand) Run(s *surroundings) error {
	debug.SetGCPercent(800) // a replay allocates much, keeps little and is over soon: a quarter less time for some memory
	if c.History != "" {
		return c.retrace(s)
	}
	if c.Sweep {
		return c.sweep(s)
	}
	if c.Serve {
		return c.serve(s)
	}
	stories, err := c.load()
	if err != nil {
		return &failure{exitUsage, err}
	}
	mode, err := c.progress(s, len(stories))
	if err != nil {
		return &failure{exitUsage, err}
	}
	options := replay.Options{Assumptions: c.Assume, PageSize: c.PageSize, Seed: c.Seed}
	if options.Binaries, err = c.build(s); err != nil {
		return &failure{exitUsage, err}
	}
	switch {
	case mode == "live":
		l := newLive(s.stdout, c.Speed)
		options.Watch = l.watch
		s.stderr = besideLive{l, s.stderr}
	case mode == "json" && !c.JSON && len(stories) == 1:
		options.Watch = narrate(s.stdout)
	}
	options.AtGate = c.atGate(s)
	c.JSON = c.JSON || mode == "json"
	pages := pages{dir: c.HTML}
	runs := make([]chan played, len(stories))
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range stories {
		runs[i] = make(chan played, 1)
	}
	go func() { // in their order: what is played early, and printed late, stays in memory until then
		for i, story := range stories {
			free <- struct{}{}
			go func() {
				defer func() { <-free }()
				run, err := replay.Play(s.ctx, story, options)
				if err == nil {
					err = pages.write(run)
				}
				runs[i] <- played{run, err}
			}()
		}
	}()
	var worst *failure
	for i := range stories {
		result := <-runs[i]
		if errors.Is(result.err, context.Canceled) {
			return errors.Join(result.err, c.keep(result.run))
		}
		if result.err != nil {
			return &failure{exitUsage, result.err}
		}
		if pages.dir != "" {
			pages.runs = append(pages.runs, result.run)
		}
		f, err := c.show(s, result.run, mode, len(stories) == 1)
		if err != nil {
			return err
		}
		if f != nil && (worst == nil || f.code > worst.code) {
			worst = f
		}
	}
	index, err := pages.close()
	if err != nil {
		return err
	}
	if !c.JSON {
		replay.PrintAssumptions(s.stdout, c.Assume)
		if index != "" {
			fmt.Fprintf(s.stdout, "\nPages: %s\n", index)
		}
	}
	if worst != nil {
		return worst
	}
	return nil
}

// played is what became of a story.
type played struct {
	run *replay.Run
	err error
}

// show prints one run, and returns the failure that it amounts to.
func (c *replayCommand) show(s *surroundings, run *replay.Run, mode string, alone bool) (*failure, error) {
	if err := c.keep(run); err != nil {
		return nil, err
	}
	summary := run.Judge()
	if c.JSON {
		line, err := json.Marshal(summary)
		if err != nil {
			return nil, fmt.Errorf("encode the summary of %s: %w", run.Story.Name, err)
		}
		fmt.Fprintln(s.stdout, string(line))
		return verdict(run, summary), nil
	}
	if alone && mode == "plain" {
		run.Timeline(s.stdout)
	}
	if alone {
		run.Ending(s.stdout, summary)
	}
	run.Line(s.stdout, summary)
	return verdict(run, summary), nil
}

// keep writes the journal and the histories, where they were asked for.
func (c *replayCommand) keep(run *replay.Run) error {
	if c.Journal == "" || run == nil {
		return nil
	}
	if err := writeJournal(filepath.Join(c.Journal, run.Story.Name+".jsonl"), run.Calls); err != nil {
		return err
	}
	return writeHistories(c.Journal, run)
}

// build builds the functions' binaries, where they are asked for, and returns their folder.
func (c *replayCommand) build(s *surroundings) (string, error) {
	if !c.Binaries {
		return "", nil
	}
	dir, err := filepath.Abs(filepath.Join("build", "native"))
	if err != nil {
		return "", fmt.Errorf("the folder of the binaries: %w", err)
	}
	return dir, replay.Build(s.ctx, dir)
}

// load finds the stories that were named: by name below the events folder, or by path.
func (c *replayCommand) load() ([]*replay.Story, error) {
	if len(c.Stories) == 0 {
		return replay.LoadAll(c.Events)
	}
	var stories []*replay.Story
	for _, name := range c.Stories {
		dir := c.storyDir(name)
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("there is no story %q: %w", name, err)
		}
		story, err := replay.Load(dir)
		if err != nil {
			return nil, err
		}
		stories = append(stories, story)
	}
	return stories, nil
}

// storyDir is the folder of a story that was named.
func (c *replayCommand) storyDir(name string) string {
	if strings.ContainsRune(name, filepath.Separator) {
		return name
	}
	return filepath.Join(c.Events, name)
}

// verdict is the failure that a run amounts to; nil: its story is met.
func verdict(run *replay.Run, s replay.Summary) *failure {
	told := func(code int, why []string) *failure {
		return &failure{code, fmt.Errorf("%s: %s (%d in all)", s.Story, why[0], len(why))}
	}
	switch {
	case len(run.Unknown()) > 0:
		return told(exitUnknown, run.Unknown())
	case len(s.Broken) > 0:
		return told(exitInvariant, s.Broken)
	case len(run.Unused()) > 0:
		return told(exitUnused, run.Unused())
	case len(s.Unmet) > 0:
		return told(exitUnmet, s.Unmet)
	}
	return nil
}

func writeJournal(path string, calls []emulator.Call) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	var out strings.Builder
	for _, call := range calls {
		line, err := json.Marshal(call)
		if err != nil {
			return fmt.Errorf("encode the journal: %w", err)
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	return nil
}

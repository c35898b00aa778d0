package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/replay"
)

// terminal tells whether a writer is a terminal that can show a picture which changes.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

// progress chooses how one run is shown while it goes: "live", "plain" or "json". A live picture in a log is noise, and a log in a
// terminal is only dull: so auto falls back, and live does not.
func (c *replayCommand) progress(s *surroundings, stories int) (string, error) {
	switch {
	case c.JSON && c.Progress == "auto":
		return "json", nil
	case c.Progress == "live" && !terminal(s.stdout):
		return "", errors.New("--progress=live needs a terminal; --progress=plain prints lines")
	case c.Progress == "live" && stories != 1:
		return "", fmt.Errorf("--progress=live shows one story, not %d: name it", stories)
	case c.Progress == "auto" && stories == 1 && terminal(s.stdout) && os.Getenv("CI") == "":
		return "live", nil
	case c.Progress == "auto":
		return "plain", nil
	}
	return c.Progress, nil
}

// live shows a run on a terminal: what is finished scrolls up as lines, and a block below them shows where the run is.
type live struct {
	w      io.Writer
	color  bool
	pace   pace
	before time.Duration
	drawn  int // lines of the block that stand on the terminal

	turns map[string]*liveTurn // by execution
	calls int
}

// liveTurn is a Task state and the states that lead back to it.
type liveTurn struct {
	state, now string
	began      time.Duration
	visits     int
	attempts   int
	retries    int
	calls      int
	changes    []string
	failed     string
}

func newLive(w io.Writer, speed float64) *live {
	return &live{w: w, color: os.Getenv("NO_COLOR") == "", pace: pace{speed: speed}, turns: map[string]*liveTurn{}}
}

// watch takes the next moment.
func (l *live) watch(m replay.Moment) {
	l.pace.wait(m.Since)
	skipped := m.Since - l.before
	l.before = max(l.before, m.Since)
	t := l.turns[m.Execution]
	if m.Call != nil {
		l.calls++
		if t != nil {
			t.calls++
			if m.Call.Mutating && m.Call.Done {
				t.changes = append(t.changes, fmt.Sprintf("%s:%s %s", m.Call.Service, m.Call.Operation, strings.Join(m.Call.Resources, " ")))
			}
		}
		return
	}
	l.event(m, t)
	l.block(m.Since, skipped)
}

func (l *live) event(m replay.Moment, t *liveTurn) {
	d := m.Event.Details
	switch kind := string(m.Event.Type); {
	case strings.HasSuffix(kind, "StateEntered"):
		if kind == "TaskStateEntered" && (t == nil || t.state != d.Name) {
			l.finish(m, t)
			t = &liveTurn{state: d.Name, began: m.Since}
			l.turns[m.Execution] = t
		}
		if t == nil {
			return
		}
		t.now, t.attempts = d.Name, 0
		if kind == "TaskStateEntered" {
			t.visits++
		}
	case t == nil:
	case m.Event.Type == asl.TaskScheduled:
		t.attempts++
		t.failed = ""
		if t.attempts > 1 {
			t.retries++
		}
	case m.Event.Type == asl.TaskFailed, m.Event.Type == asl.TaskTimedOut:
		t.failed = d.Error
	case strings.HasPrefix(kind, "Execution"):
		l.finish(m, t)
		delete(l.turns, m.Execution)
		l.line(strings.TrimSpace(fmt.Sprintf("+%s  %s %s %s", clockOf(m.Since), m.Execution, strings.ToLower(strings.TrimPrefix(kind, "Execution")), d.Error)))
	}
}

// finish prints a turn that is over.
func (l *live) finish(m replay.Moment, t *liveTurn) {
	if t == nil {
		return
	}
	mark := l.paint("32", "done  ")
	if t.failed != "" {
		mark = l.paint("33", "caught")
		if m.Event.Type == asl.ExecutionFailed || m.Event.Type == asl.ExecutionTimedOut {
			mark = l.paint("31", "failed")
		}
	}
	text := fmt.Sprintf("+%s  %s  %-20s %10s  %4d calls", clockOf(t.began), mark, t.state, clockOf(m.Since-t.began), t.calls)
	if t.visits > 1 {
		text += fmt.Sprintf("  × %d", t.visits)
	}
	if t.retries > 0 {
		text += fmt.Sprintf("  retried %d", t.retries)
	}
	if t.failed != "" {
		text += "  " + t.failed
	}
	l.line(text)
	for _, change := range t.changes {
		l.line("             " + l.paint("31", "changed") + " " + change)
	}
}

// line prints a line that stays, in the place of the block.
func (l *live) line(text string) {
	l.clear()
	fmt.Fprintln(l.w, text)
}

// block draws where the run is. The terminal cuts its lines: a block that wraps could not be erased.
func (l *live) block(now, skipped time.Duration) {
	l.clear()
	var lines []string
	for _, name := range sortedNames(l.turns) {
		t := l.turns[name]
		where := t.now
		if t.attempts > 1 {
			where += fmt.Sprintf(", attempt %d", t.attempts)
		}
		if len(l.turns) > 1 {
			where = name + ": " + where
		}
		lines = append(lines, l.paint("34", "▸ ")+where)
	}
	if len(lines) == 0 {
		return
	}
	status := fmt.Sprintf("  virtual +%s   %d calls", clockOf(now), l.calls)
	if skipped >= time.Minute {
		status += "   skipped " + clockOf(skipped)
	}
	lines = append(lines, status)
	for _, text := range lines {
		fmt.Fprintf(l.w, "\x1b[?7l%s\x1b[?7h\n", text)
	}
	l.drawn = len(lines)
}

// clear takes the block away.
func (l *live) clear() {
	if l.drawn > 0 {
		fmt.Fprintf(l.w, "\x1b[%dA\x1b[J", l.drawn)
		l.drawn = 0
	}
}

// besideLive writes to the same terminal: the block gives way first.
type besideLive struct {
	live *live
	w    io.Writer
}

func (b besideLive) Write(text []byte) (int, error) {
	b.live.clear()
	return b.w.Write(text)
}

func (l *live) paint(code, text string) string {
	if !l.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// narrate prints each event as a line of JSON.
func narrate(w io.Writer) func(replay.Moment) {
	enc := json.NewEncoder(w)
	return func(m replay.Moment) {
		if m.Event == nil {
			return
		}
		// What cannot be printed cannot be told to anybody.
		_ = enc.Encode(map[string]any{"execution": m.Execution, "virtualSeconds": m.Since.Seconds(), "event": m.Event.Type, "state": m.Event.Details.Name, "error": m.Event.Details.Error})
	}
}

func sortedNames(turns map[string]*liveTurn) []string { return slices.Sorted(maps.Keys(turns)) }

// clockOf is a duration as a clock shows it.
func clockOf(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if s >= 24*3600 {
		return fmt.Sprintf("%dd %02d:%02d:%02d", s/86400, s/3600%24, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

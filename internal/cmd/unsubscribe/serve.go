package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"quicksight-unsubscribe/internal/replay"
)

// serveFlags are those of unsubscribe replay --serve.
type serveFlags struct {
	Serve bool `help:"Serve the AWS of one story on loopback instead: for the AWS CLI, for SDKs and for the other commands of this program. Nobody acts but whoever calls."`
	Port  int  `help:"Where to serve; 0: any free port." default:"4566"`
}

// serve serves a story's AWS until it is interrupted.
func (c *replayCommand) serve(s *surroundings) error {
	if len(c.Stories) != 1 || c.Approve != "script" {
		return &failure{exitUsage, errors.New("--serve takes the name of one story, and decisions from whoever calls: unsubscribe approve --web shows the page")}
	}
	stories, err := c.load()
	if err != nil {
		return &failure{exitUsage, err}
	}
	watch := tell(s)
	if c.Progress == "json" {
		watch = narrate(s.stdout)
	}
	options := replay.Options{Assumptions: c.Assume, PageSize: c.PageSize, Seed: c.Seed, Watch: watch}
	if options.Binaries, err = c.build(s); err != nil {
		return &failure{exitUsage, err}
	}
	server, err := replay.NewServer(stories[0], options, c.Speed)
	if err != nil {
		return &failure{exitUsage, err}
	}
	defer server.Close()
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)))
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("listen on loopback (--port gives another port): %w", err)}
	}
	c.introduce(s, server, listener.Addr().String())
	err = listen(s.ctx, server, listener)
	run := server.Run()
	pages := pages{dir: c.HTML, runs: []*replay.Run{run}}
	err = errors.Join(err, c.keep(run), pages.write(run))
	if c.HTML != "" {
		fmt.Fprintln(s.stdout, "page  ", filepath.Join(c.HTML, run.Story.Name+".html"))
	}
	if unknown := run.Unknown(); err == nil && len(unknown) > 0 {
		return &failure{exitUnknown, fmt.Errorf("clients called what the emulator lacks: %s", strings.Join(unknown, ", "))}
	}
	return err
}

// listen serves until the context is done, and lets the clock go meanwhile.
func listen(ctx context.Context, server *replay.Server, listener net.Listener) error {
	front := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- front.Serve(listener) }()
	defer front.Close() //nolint:errcheck // nobody is left to hear of it
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("serve: %w", err)
		case <-tick.C:
			if err := server.Tick(ctx); err != nil {
				return err
			}
		}
	}
}

// introduce says how to call what is served.
func (c *replayCommand) introduce(s *surroundings, server *replay.Server, address string) {
	persons := server.Persons()
	fmt.Fprintf(s.stdout, `The AWS of %s is at http://%s until you press Ctrl-C. In another shell:

  export AWS_ENDPOINT_URL=http://%s AWS_REGION=%s AWS_DEFAULT_REGION=%s
  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s
  aws stepfunctions start-execution --name run-1 --state-machine-arn %s --input file://%s
  unsubscribe list

Whoever decides is not whoever started. The access keys of the people:

`, c.Stories[0], address, address, server.Region(), server.Region(), persons["operator"].AccessKeyID, persons["operator"].SecretAccessKey, server.Machine(),
		filepath.Join(c.storyDir(c.Stories[0]), "event.json"))
	for _, name := range slices.Sorted(maps.Keys(persons)) {
		fmt.Fprintf(s.stdout, "  %-12s %s\n", name, persons[name].AccessKeyID)
	}
	fmt.Fprintln(s.stdout)
}

// tell prints what happens: the tasks and ends of executions, and what changes in the accounts.
func tell(s *surroundings) func(replay.Moment) {
	return func(m replay.Moment) {
		var text string
		switch {
		case m.Event != nil && m.Event.Type == "TaskStateEntered":
			text = m.Execution + "  " + m.Event.Details.Name
		case m.Event != nil && strings.HasPrefix(string(m.Event.Type), "Execution"):
			text = strings.TrimSpace(m.Execution + "  " + strings.ToLower(strings.TrimPrefix(string(m.Event.Type), "Execution")) + " " + m.Event.Details.Error)
		case m.Call != nil && m.Call.Mutating && m.Call.Done:
			text = fmt.Sprintf("changed %s:%s %s", m.Call.Service, m.Call.Operation, strings.Join(m.Call.Resources, " "))
		default:
			return
		}
		fmt.Fprintf(s.stdout, "+%s  %s\n", clockOf(m.Since), text)
	}
}

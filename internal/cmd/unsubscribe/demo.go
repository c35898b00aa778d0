package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/replay"
)

// demoCommand is unsubscribe demo.
type demoCommand struct {
	Story  string  `arg:"" optional:"" help:"The story to begin with. None: pick one in the browser."`
	Events string  `help:"The folder that holds the stories." default:"events" type:"path"`
	Speed  float64 `help:"Virtual seconds per second, a silence taking a second at most. 0: as fast as it goes." default:"600"`
}

// Run serves the demo on loopback until it is interrupted.
func (c *demoCommand) Run(s *surroundings) error {
	stories, err := replay.LoadAll(c.Events)
	if err != nil {
		return &failure{exitUsage, err}
	}
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	d := newDemo(s, stories, c.Speed, listener.Addr().String())
	at := d.url()
	if c.Story != "" {
		if err := d.play(c.Story); err != nil {
			return &failure{exitUsage, errors.Join(err, listener.Close())}
		}
		at += "run"
	}
	server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	defer server.Close() //nolint:errcheck // nobody is left to hear of it
	fmt.Fprintf(s.stderr, "The demo is at %s (Ctrl-C ends it)\n", at)
	openBrowser(s.ctx, at)
	select {
	case <-s.ctx.Done():
		d.stop()
		return nil
	case err := <-failed:
		return fmt.Errorf("serve the demo: %w", err)
	}
}

// demo shows one story at a time in a browser while it runs:
//
//	GET  <path>      the stories
//	POST <path>play  begin one; the one before is given up
//	GET  <path>run   the newest, as far as it got
type demo struct {
	s       *surroundings
	stories []*replay.Story
	speed   float64
	address string // host:port that it listens on
	path    string // random: no other page of the browser can guess it
	next    http.Handler

	turn   sync.Mutex         // of whoever begins or ends a run
	cancel context.CancelFunc // of the newest run; nil: none was begun
	over   chan struct{}      // closed when that run has ended

	mu   sync.Mutex
	page []byte // of the newest run, as far as it got; nil: none was begun
}

func newDemo(s *surroundings, stories []*replay.Story, speed float64, address string) *demo {
	d := &demo{s: s, stories: stories, speed: speed, address: address, path: "/" + rand.Text() + "/"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+d.path+"{$}", d.choose)
	mux.HandleFunc("POST "+d.path+"play", d.begin)
	mux.HandleFunc("GET "+d.path+"run", d.show)
	d.next = http.NewCrossOriginProtection().Handler(mux)
	return d
}

func (d *demo) url() string { return "http://" + d.address + d.path }

// ServeHTTP answers to its own name only, whatever name somebody has pointed at 127.0.0.1.
func (d *demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != d.address {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	d.next.ServeHTTP(w, r)
}

func (d *demo) choose(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	if err := replay.Choice(&page, d.stories); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = page.WriteTo(w) // to a browser that may have gone
}

func (d *demo) begin(w http.ResponseWriter, r *http.Request) {
	if err := d.play(r.PostFormValue("story")); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	http.Redirect(w, r, d.path+"run", http.StatusSeeOther)
}

func (d *demo) show(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	page := d.page
	d.mu.Unlock()
	if page == nil {
		http.Redirect(w, r, d.path, http.StatusSeeOther)
		return
	}
	_, _ = w.Write(page) // to a browser that may have gone
}

// stop gives the newest run up, and waits for its end.
func (d *demo) stop() {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.giveUp()
}

func (d *demo) giveUp() {
	if d.cancel != nil {
		d.cancel()
		<-d.over
	}
}

// play begins a story. Its first page is there when play returns.
func (d *demo) play(name string) error {
	i := slices.IndexFunc(d.stories, func(s *replay.Story) bool { return s.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no story %q", name)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	d.giveUp()
	ctx, cancel := context.WithCancel(d.s.ctx)
	over, begun := make(chan struct{}), make(chan struct{})
	d.cancel, d.over = cancel, over
	go func() {
		defer close(over)
		defer cancel()
		d.run(ctx, d.stories[i], begun)
	}()
	<-begun
	return nil
}

// run replays a story, and draws it again and again; begun is closed once it is drawn for the first time.
func (d *demo) run(ctx context.Context, story *replay.Story, begun chan<- struct{}) {
	fmt.Fprintf(d.s.stderr, "%s: %s\n", story.Name, story.Title)
	first := sync.OnceFunc(func() { close(begun) })
	defer first()
	var (
		pace   = pace{speed: d.speed}
		drawn  time.Time
		latest func() *replay.Run
	)
	draw := func(gate string) {
		d.put(func(w io.Writer) error { return latest().LivePage(w, gate) })
		drawn = time.Now()
		first()
	}
	run, err := replay.Play(ctx, story, replay.Options{
		Watch: func(m replay.Moment) {
			if ctx.Err() == nil {
				pace.wait(m.Since)
			}
		},
		Look: func(soFar func() *replay.Run) {
			latest = soFar
			if time.Since(drawn) > 300*time.Millisecond {
				draw("")
			}
		},
		AtGate: func(ctx context.Context, door replay.Door) error {
			_, err := approval.ServeWeb(ctx, door.Site, door.Folder, door.Execution, func(url string) {
				draw(url)
				fmt.Fprintf(d.s.stderr, "The run waits for approval. You are %s; decide at %s\n", door.Person, url)
			})
			return err
		},
	})
	if err != nil {
		if ctx.Err() == nil {
			fmt.Fprintln(d.s.stderr, "unsubscribe:", err)
		}
		return
	}
	run.Line(d.s.stdout, run.Judge())
	d.put(func(w io.Writer) error { return run.LivePage(w, "") })
}

// put renders a page and shows it from now on.
func (d *demo) put(render func(io.Writer) error) {
	var page bytes.Buffer
	if err := render(&page); err != nil {
		fmt.Fprintln(d.s.stderr, "unsubscribe:", err)
		return
	}
	d.mu.Lock()
	d.page = page.Bytes()
	d.mu.Unlock()
}

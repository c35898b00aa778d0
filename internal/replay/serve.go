package replay

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// Server is the world of a story for foreign clients: emulator and machine behind one handler. Its people and its event are not
// played; whoever calls plays them. Its faults are.
//
// While a run waits for a decision, the clock goes like the wall's; all other waiting is over at once, or at a speed. While nothing runs
// it stands. What has become due happens when somebody calls, or ticks, in the order of its time: between two calls there is nothing
// that a client would have to wait for.
type Server struct {
	mu     sync.Mutex // one thing at a time: a client's call, or what is due
	player *player
	speed  float64          // virtual seconds per second where nobody has to decide; 0: waiting takes no time
	wall   func() time.Time // another one in tests
	seen   time.Time        // the wall's time at which the clock was set last
}

// NewServer makes a server of a story's world. Speed is how many virtual seconds a second takes while runs wait for AWS; 0 leaves the
// waiting out.
func NewServer(story *Story, o Options, speed float64) (*Server, error) {
	alone := *story
	alone.Script = nil
	s := &Server{speed: speed, wall: func() time.Time { return clock.Now(context.Background()) }}
	o.functions = s
	p, err := newPlayer(&alone, o)
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", story.Name, err)
	}
	s.player, s.seen = p, s.wall()
	return s, nil
}

// Machine is the ARN of the state machine.
func (s *Server) Machine() string { return s.player.run.hub.machine() }

// Region is the hub's.
func (s *Server) Region() string { return s.player.run.hub.region }

// Persons are the long-lived access keys of the hub's IAM users, by their names.
func (s *Server) Persons() map[string]emulator.Credential {
	found := map[string]emulator.Credential{}
	for _, c := range s.player.run.Before.Accounts[s.player.run.hub.account].Principals {
		if name, is := userName(c.ARN); is {
			found[name] = c
		}
	}
	return found
}

// ServeHTTP answers a call once everything has happened that is due before it. The answer's Date is the virtual time, by which clients
// can date what they sign.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.catchUp(context.WithoutCancel(r.Context())); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Date", s.player.now.UTC().Format(http.TimeFormat))
	s.player.aws.ServeHTTP(w, r)
	s.player.observe()
}

// Close ends what the server has started.
func (s *Server) Close() { s.player.end() }

// Tick lets happen what is due.
func (s *Server) Tick(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.catchUp(ctx)
}

// Run is what has happened so far: its calls and executions.
func (s *Server) Run() *Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.player.soFar()
	run.unknown = s.player.aws.Unknown()
	return run
}

// catchUp moves the clock by what has passed on the wall since it was moved last, and over the waiting that takes no time.
func (s *Server) catchUp(ctx context.Context) error {
	p, wall := s.player, s.wall()
	left := wall.Sub(s.seen)
	s.seen = wall
	for {
		at, due := p.next()
		if !due {
			return nil
		}
		speed := s.speed
		if p.waitsForPeople(at) {
			speed = 1
		}
		if passed := time.Duration(float64(left) * speed); speed > 0 && at.After(p.now.Add(passed)) {
			p.now = p.now.Add(passed)
			return nil
		}
		if speed > 0 {
			left -= time.Duration(float64(at.Sub(p.now)) / speed)
		}
		if err := p.doAt(ctx, at); err != nil {
			return err
		}
	}
}

// waitsForPeople tells whether the next thing, which is due at a time, is the end of a run's patience: until then the run waits for a decision.
func (p *player) waitsForPeople(at time.Time) bool {
	for i, e := range p.run.Executions {
		if t, ok := e.Next(); !ok || !t.Equal(at) || last(e.Path()) != gateState {
			continue
		}
		if events := e.HistorySince(p.script.events[i] - 1); len(events) == 1 && events[0].Type == asl.TaskSubmitted {
			return true
		}
	}
	return false
}

// Invoke is emulator.Functions: a client invokes a function itself.
func (s *Server) Invoke(ctx context.Context, name string, payload []byte) (answer []byte, failure string, ok bool) {
	folder := workflow.FolderOf(name)
	if folder == "" {
		return nil, "", false
	}
	s.player.byHand++
	out := s.player.invoke(ctx, folder, fmt.Sprintf("by hand/%s#%d.1", folder, s.player.byHand), payload)
	if out.Failed {
		return []byte(out.Cause), "Unhandled", true
	}
	return out.Output, "", true
}

// BehindURL is emulator.FunctionURLs: decide-approval alone has a URL.
func (s *Server) BehindURL(host string) string {
	if f, _ := workflow.Lookup("decide-approval"); host == functionURL {
		return f.Name()
	}
	return ""
}

var (
	_ emulator.Functions    = (*Server)(nil)
	_ emulator.FunctionURLs = (*Server)(nil)
)

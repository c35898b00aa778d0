package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// BuildFlags are how the functions are built that ship.
var BuildFlags = []string{"-tags", "lambda.norpc", "-trimpath", "-buildvcs=false", "-gcflags=all=-l", "-ldflags", "-s -w"}

// Build builds the functions for this machine, as they ship for Lambda's, into a folder. What is there and up to date stays.
func Build(ctx context.Context, dir string) error {
	args := append(append([]string{"build"}, BuildFlags...), "-o", dir+string(filepath.Separator), "quicksight-unsubscribe/functions/...")
	command := exec.CommandContext(ctx, "go", args...) //nolint:gosec // a folder that the caller chose
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the functions: %w\n%s", err, text)
	}
	return nil
}

// processes are the functions as binaries, each in a process of its own from its first invocation on. Their calls for AWS, and their
// questions for the time, come in over loopback.
type processes struct {
	player  *player
	dir     string
	server  *http.Server
	address string
	running map[string]*emulator.Process // by folder and version
	logs    shared

	mu sync.Mutex
	at map[string]context.Context // the invocations under way, by request id
}

func newProcesses(p *player, dir string) (*processes, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the functions' processes: %w", err)
	}
	ps := &processes{
		player: p, dir: dir, address: listener.Addr().String(),
		running: map[string]*emulator.Process{}, at: map[string]context.Context{}, logs: shared{to: p.logs()},
	}
	ps.server = &http.Server{Handler: ps, ReadHeaderTimeout: time.Minute}
	go ps.server.Serve(listener) //nolint:errcheck // it ends with close
	return ps, nil
}

// close ends the processes.
func (ps *processes) close() error {
	var failed []error
	for _, name := range sorted(ps.running) {
		failed = append(failed, ps.running[name].Close())
	}
	return errors.Join(append(failed, ps.server.Close())...)
}

// function is a function's binary as boot.Handler would give its step.
func (ps *processes) function(folder string, v *version) boot.Function {
	name := fmt.Sprintf("%s:%d", folder, v.number)
	return func(ctx context.Context, payload []byte) ([]byte, error) {
		process := ps.running[name]
		if process == nil {
			var err error
			if process, err = ps.start(folder, v); err != nil {
				return nil, exited(err)
			}
			ps.running[name] = process
		}
		l, _ := lambdacontext.FromContext(ctx)
		ps.note(l.AwsRequestID, ctx)
		defer ps.note(l.AwsRequestID, nil)
		f, _ := workflow.Lookup(folder)
		content, failed, err := process.Invoke(ctx, l.AwsRequestID, wall().Add(f.Timeout), payload)
		if err != nil {
			delete(ps.running, name)
			return nil, exited(errors.Join(err, process.Close()))
		}
		if !failed {
			return content, nil
		}
		var failure messages.InvokeResponse_Error
		if err := json.Unmarshal(content, &failure); err != nil {
			return nil, exited(fmt.Errorf("the error of %s: %w", folder, err))
		}
		return nil, failure
	}
}

// wall is the time on this machine, by which a process that hangs is found.
func wall() time.Time { return clock.Now(context.Background()) }

// exited is how Lambda says that a process ended, or did not begin.
func exited(err error) error {
	return messages.InvokeResponse_Error{Type: "Runtime.ExitError", Message: err.Error()}
}

func (ps *processes) start(folder string, v *version) (*emulator.Process, error) {
	environment := ps.player.run.hub.environment(v.config)
	environment["AWS_REGION"] = ps.player.run.hub.region
	environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"] = accessKey(folder), emulator.DefaultSecret
	environment[boot.ReplayVariable] = ps.address
	return emulator.StartProcess(filepath.Join(ps.dir, folder), environment, &ps.logs)
}

// shared is a log that several processes write at a time.
type shared struct {
	mu sync.Mutex
	to io.Writer
}

func (s *shared) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(text)
}

// note remembers the context of an invocation; nil forgets it.
func (ps *processes) note(id string, ctx context.Context) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ctx == nil {
		delete(ps.at, id)
		return
	}
	ps.at[id] = ctx
}

func (ps *processes) invocation(id string) context.Context {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.at[id]
}

// ServeHTTP answers what the processes ask: AWS calls under AWS's hosts, and the time under our own.
func (ps *processes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(boot.ReplayInvocation)
	if r.Host == ps.address {
		id = strings.TrimPrefix(r.URL.Path, boot.ReplayPath)
	}
	ctx := ps.invocation(id)
	switch {
	case ctx == nil:
		http.Error(w, "no invocation "+id+" is under way", http.StatusNotFound)
	case r.Host == ps.address:
		tellTime(ctx, w, r)
	default:
		ps.call(ctx, w, r)
	}
}

// tellTime tells a process when it is, and hears how long it took.
func tellTime(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	at := boot.ReplayTime{Now: clock.Now(ctx), Budget: clock.Remaining(ctx)}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&at); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		clock.Spend(ctx, at.Spent)
	}
	_ = json.NewEncoder(w).Encode(at) // to a process that may have died
}

// call brings an AWS call to the emulator, as the transport of a function within this process does. Its time is the process's to spend.
func (ps *processes) call(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	ctx = clock.Virtual(ctx, clock.Now(ctx), time.Hour)
	resp, err := transport{ps.player}.RoundTrip(r.WithContext(ctx))
	w.Header().Set(boot.ReplaySpent, strconv.FormatInt(int64(clock.Elapsed(ctx)), 10))
	if err != nil {
		broken := "reset"
		if unknown := new(net.DNSError); errors.As(err, &unknown) {
			broken = "no such host"
		}
		w.Header().Set(boot.ReplayBroken, broken)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // a buffer
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // to a process that may have died
}

package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Process is a function's binary in a process of its own, run as Lambda runs it: it asks the Runtime API for its events, which is on
// loopback here. It is called by one at a time.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type Process struct {
	command *exec.Cmd
	server  *http.Server
	events  chan runtimeEvent
	answers chan runtimeAnswer
	exited  chan struct{}
	why     error // of exited
}

type runtimeEvent struct {
	id       string
	deadline time.Time
	payload  []byte
}

type runtimeAnswer struct {
	id      string
	failed  bool
	content []byte
}

// StartProcess starts a binary with this environment and nothing else of ours. What it prints goes to logs, which may be nil.
func StartProcess(binary string, environment map[string]string, logs io.Writer) (*Process, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the Runtime API: %w", err)
	}
	p := &Process{
		command: exec.Command(binary), //nolint:gosec,noctx // one of ours; Close ends it
		events:  make(chan runtimeEvent), answers: make(chan runtimeAnswer), exited: make(chan struct{}),
	}
	const root = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"invocation/next", p.next)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { p.take(w, r, false) })
	mux.HandleFunc("POST "+root+"invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { p.take(w, r, true) })
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go p.server.Serve(listener) //nolint:errcheck // it ends with Close
	p.command.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}
	for _, name := range sortedKeys(environment) {
		p.command.Env = append(p.command.Env, name+"="+environment[name])
	}
	p.command.Stdout, p.command.Stderr = logs, logs
	if err := p.command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the function %s: %w", binary, err), p.server.Close())
	}
	go func() {
		p.why = p.command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// next hands out the next event, once there is one.
func (p *Process) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e := <-p.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(e.deadline.UnixMilli(), 10))
		_, _ = w.Write(e.payload) // to a process that may have died
	case <-r.Context().Done():
	case <-p.exited:
	}
}

// take takes an answer.
func (p *Process) take(w http.ResponseWriter, r *http.Request, failed bool) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case p.answers <- runtimeAnswer{r.PathValue("id"), failed, content}:
		w.WriteHeader(http.StatusAccepted)
	case <-r.Context().Done():
	}
}

// ExitError is a process that ended before it answered.
type ExitError struct{ Err error }

func (e *ExitError) Error() string { return fmt.Sprintf("Runtime exited with error: %v", e.Err) }

// Unwrap is how the process ended.
func (e *ExitError) Unwrap() error { return e.Err }

// Invoke gives the process an event and waits for its answer. A function that failed answers with its error, as JSON. The error is an
// *ExitError, or that of ctx.
func (p *Process) Invoke(ctx context.Context, id string, deadline time.Time, payload []byte) (content []byte, failed bool, err error) {
	select {
	case p.events <- runtimeEvent{id, deadline, payload}:
	case <-p.exited:
		return nil, false, &ExitError{p.why}
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	select {
	case a := <-p.answers:
		if a.id != id {
			return nil, false, fmt.Errorf("the function answered the event %q, not %q", a.id, id)
		}
		return a.content, a.failed, nil
	case <-p.exited:
		return nil, false, &ExitError{p.why}
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// Close ends the process.
func (p *Process) Close() error {
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the function: %w", err)
	}
	<-p.exited
	return p.server.Close()
}

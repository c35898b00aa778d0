package emulator

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"quicksight-unsubscribe/internal/operation"
)

// Headers between the replay and the emulator; foreign clients know nothing of them.
const (
	// InvocationHeader labels what a call belongs to, such as execution, state and attempt.
	InvocationHeader = "X-Replay-Invocation"
	// LatencyHeader tells how long the call took on the virtual clock, in nanoseconds. The emulator itself never waits.
	LatencyHeader = "X-Emulated-Latency"
)

// ServeHTTP serves AWS clients over a listener.
func (a *AWS) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	out, err := a.serve(in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if out.broken != nil {
		panic(http.ErrAbortHandler) // net/http's way to break a connection
	}
	for name, values := range out.header {
		w.Header()[name] = values
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // a client that hangs up early loses its own answer only
}

// RoundTrip serves AWS clients in process: the same bytes without a socket.
func (a *AWS) RoundTrip(in *http.Request) (*http.Response, error) {
	if err := in.Context().Err(); err != nil {
		return nil, err
	}
	out, err := a.serve(in)
	if err != nil {
		return nil, err
	}
	if out.broken != nil {
		return nil, &LostError{Latency: out.latency, err: out.broken}
	}
	return &http.Response{
		Status:        strconv.Itoa(out.status) + " " + http.StatusText(out.status),
		StatusCode:    out.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        out.header,
		Body:          io.NopCloser(bytes.NewReader(out.body)),
		ContentLength: int64(len(out.body)),
		Request:       in,
	}, nil
}

// LostError is a connection that broke before the answer came; the call may have taken effect.
type LostError struct {
	Latency time.Duration // what the call took on the virtual clock
	err     error
}

func (e *LostError) Error() string { return e.err.Error() }

// Unwrap is what a socket would have returned.
func (e *LostError) Unwrap() error { return e.err }

// connectionReset is how a broken connection looks.
func connectionReset() error { return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET} }

// serve answers one call and journals it.
func (a *AWS) serve(in *http.Request) (reply, error) {
	body, err := readBody(in)
	if err != nil {
		return reply{}, err
	}
	sig, signed := readSignature(in, body)
	r := &request{aws: a, invocation: in.Header.Get(InvocationHeader), header: in.Header, body: body, ctx: in.Context()}
	routeErr := error(nil)
	owner, download := a.downloading(in, r)
	if !download {
		routeErr = a.route(r, in, sig)
	}
	if r.service == nil {
		// Nothing is known about the protocol, so the plainest JSON answer has to do.
		r.service = &service{name: cmp.Or(sig.service, in.Host, in.URL.Host), protocol: restJSON}
		r.operation = cmp.Or(in.Header.Get("X-Amz-Target"), in.Method+" "+in.URL.Path)
	}
	params := canonical(r.params)

	a.turn()
	defer a.mu.Unlock()
	r.now = a.now()
	call := a.open(r, params)
	fault := a.fault(call)
	call.Latency = a.latency(r.service.name, r.operation)
	if fault != nil {
		call.Fault, call.Latency = fault.label(), call.Latency+time.Duration(fault.Latency)
	}

	var out reply
	result, err := any(nil), error(nil)
	switch {
	case fault != nil && fault.Lost && !fault.AfterEffect:
		out.broken = connectionReset()
	case fault != nil && fault.Error != nil && !fault.AfterEffect:
		err = fault.Error
		_ = a.identify(r, sig) // for the journal: the fault is the answer whoever calls
	case fault != nil && fault.Denied:
		if err = a.identify(r, sig); err == nil {
			action := r.actions(r.service.operations[r.operation])[0]
			err = r.service.denied(notAuthorized(r.principal, action, "*", noIdentityPolicy(action)))
		}
	case download:
		a.settled(owner, r.now)
		result, err = a.download(in, r, owner)
	case !signed:
		err = unsigned(r.service.protocol)
	case routeErr != nil:
		err = routeErr
	case fault != nil && fault.Stale && !call.Mutating && a.earlier != nil:
		result, err = a.performStale(r, sig)
	case call.Mutating && a.remembers():
		earlier := a.world.withoutBuckets()
		if result, err = a.perform(r, sig); err == nil {
			a.earlier = earlier
		}
	default:
		result, err = a.perform(r, sig)
	}
	if err == nil && out.broken == nil {
		var kept any
		if out, kept, err = writeResult(r, result); err == nil {
			if call.Done = true; !a.brief || recorded(*call) {
				call.Response = canonical(kept)
			}
		}
	}
	if fault != nil && fault.AfterEffect && err == nil {
		if fault.Lost {
			out.broken = connectionReset()
		}
		if fault.Error != nil {
			err = fault.Error
		}
	}
	var nowhere *net.DNSError
	if errors.As(err, &nowhere) {
		call.Error, call.Message, out.broken, err = "NoSuchHost", nowhere.Error(), nowhere, nil
	}
	if err != nil {
		var refused *APIError
		if !errors.As(err, &refused) {
			refused = &APIError{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
		}
		call.Error, call.Message, call.Response = refused.Code, refused.Message, nil
		out = writeError(r.service.protocol, refused, r.requestID)
	}
	out.latency = call.Latency
	if out.broken == nil {
		call.Status = out.status
		out.header.Set("X-Amzn-Requestid", r.requestID)
		out.header.Set(LatencyHeader, strconv.FormatInt(int64(call.Latency), 10))
		out.header.Set("Content-Length", strconv.Itoa(len(out.body)))
		if in.Method == http.MethodHead {
			out.body = nil
		}
	}
	if r.principal != nil {
		call.Account, call.Principal = r.account, r.principal.ARN
	}
	call.Seq = len(a.journal) + 1
	if recorded(*call) {
		a.events[call.Account] = append(a.events[call.Account], len(a.journal))
	}
	a.journal = append(a.journal, *call)
	return out, nil
}

// open starts the journal line of a request and gives the request its id: a digest of what is asked and how often it was.
func (a *AWS) open(r *request, params json.RawMessage) *Call {
	key := fmt.Sprintf("%s|%s|%s|%s|%s", r.invocation, r.service.name, r.operation, r.region, params)
	a.occurrences[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%d", key, a.occurrences[key]))
	id := hex.EncodeToString(sum[:16])
	r.requestID = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	known, _ := operation.Lookup(r.service.name, r.operation)
	return &Call{
		Invocation: r.invocation, Time: r.now,
		Service: r.service.name, Operation: r.operation, Region: r.region,
		Params: params, Resources: r.resources(), Mutating: known.Mutating, RequestID: r.requestID,
	}
}

// perform takes a signed request through identity, permission, validation and rules to its effect.
func (a *AWS) perform(r *request, sig signature) (any, error) {
	if err := a.identify(r, sig); err != nil {
		return nil, err
	}
	o, known := r.service.operations[r.operation]
	if !known || r.service.name == "states" && a.machines == nil {
		return nil, a.notImplemented(r)
	}
	a.settled(r.account, r.now)
	if err := a.authorize(r, o); err != nil {
		return nil, err
	}
	if r.service.before != nil {
		if err := r.service.before(r); err != nil {
			return nil, err
		}
	}
	for _, member := range o.required {
		if !r.has(member) {
			return nil, r.service.protocol.missing(member)
		}
	}
	if err := a.checkRules(r); err != nil {
		return nil, err
	}
	if o.unlocked {
		a.mu.Unlock()
		defer a.mu.Lock()
	}
	return o.run(r)
}

// performStale performs a read in the world as it was before the last change: describes are eventually consistent.
// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
func (a *AWS) performStale(r *request, sig signature) (any, error) {
	present := a.world
	defer func() { a.world = present }()
	earlier := a.earlier.Clone()
	for id, account := range earlier.Accounts {
		if now := present.Accounts[id]; now != nil {
			account.Buckets = now.Buckets // S3 alone is strongly consistent
		}
	}
	earlier.Sessions = present.Sessions
	a.world = earlier
	return a.perform(r, sig)
}

// notImplemented records and refuses an operation that the emulator lacks.
func (a *AWS) notImplemented(r *request) error {
	name := r.service.name + ":" + r.operation
	a.unknown = append(a.unknown, name)
	return &APIError{Code: "NotImplemented", Message: "the emulator does not implement " + name, Status: http.StatusNotImplemented}
}

func (a *AWS) identify(r *request, sig signature) error {
	if err := a.authenticate(r, sig); err != nil {
		return err
	}
	if !a.regionEnabled(r.account, r.region) {
		return r.service.protocol.badCredentials() // an opt-in Region that is not enabled knows none of the account's keys
	}
	return nil
}

func unsigned(p protocol) *APIError {
	code := "MissingAuthenticationTokenException"
	switch p {
	case query, ec2Query:
		code = "MissingAuthenticationToken"
	case s3XML:
		code = "AccessDenied"
	}
	return &APIError{Code: code, Message: "Missing Authentication Token", Status: p.forbidden()}
}

// canonical is JSON with sorted members.
func canonical(v any) json.RawMessage {
	if m, ok := v.(map[string]any); ok && len(m) == 0 || v == nil {
		return json.RawMessage("{}")
	}
	data, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(strconv.Quote(err.Error()))
	}
	return slices.Clip(data)
}

// turn takes the lock. A call is short, and whoever makes others meanwhile has more to do than to sleep: handing the lock to one that sleeps would
// leave a processor idle.
func (a *AWS) turn() {
	for range 100 {
		if a.mu.TryLock() {
			return
		}
		runtime.Gosched()
	}
	a.mu.Lock()
}

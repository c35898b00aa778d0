package approval

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// Proxy shows the page of one closing to one browser on this machine, and signs what that browser sends with the credentials of the
// person who runs it. A browser cannot sign; and whatever else runs in it, or on this machine, must not be able to make the proxy do it:
//
//   - It answers under one random path, which is in the address that it hands to the browser and nowhere else.
//   - The first visitor gets a cookie, and nobody after him.
//   - The Host must be exactly the address that it listens on, whatever name somebody has pointed at 127.0.0.1.
//   - It knows one closing, and ends once a decision is taken.
type Proxy struct {
	site              Site
	folder, execution string
	address           string // host:port that it listens on
	path, cookie      string
	visited           sync.Once
	decided           chan closing.Verdict
	next              http.Handler
}

const cookieName = "unsubscribe"

// NewProxy is the proxy for a closing, on an address.
func NewProxy(site Site, folder, execution, address string) *Proxy {
	p := &Proxy{
		site: site, folder: folder, execution: execution, address: address,
		path: "/" + rand.Text() + "/", cookie: rand.Text(), decided: make(chan closing.Verdict, 1),
	}
	p.next = http.NewCrossOriginProtection().Handler(http.HandlerFunc(p.pass))
	return p
}

// URL is where the browser goes.
func (p *Proxy) URL() string { return "http://" + p.address + p.path }

// ServeHTTP lets pass what comes from the one browser.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range headers {
		w.Header().Set(name, value)
	}
	if r.Host != p.address || subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(p.path)) != 1 {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost {
		http.Error(w, "this page can be looked at and sent", http.StatusMethodNotAllowed)
		return
	}
	known := false
	if c, err := r.Cookie(cookieName); err == nil {
		known = subtle.ConstantTimeCompare([]byte(c.Value), []byte(p.cookie)) == 1
	}
	if !known && r.Method == http.MethodGet {
		p.visited.Do(func() {
			known = true
			http.SetCookie(w, &http.Cookie{Name: cookieName, Value: p.cookie, Path: p.path, HttpOnly: true, SameSite: http.SameSiteStrictMode}) //nolint:gosec // not Secure: loopback has no TLS
		})
	}
	if !known {
		http.Error(w, "another browser has this page; run the command again", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.next.ServeHTTP(w, r)
}

// pass sends a request on, signed, and its answer back.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request) {
	header, body, verdict := http.Header{}, []byte(nil), closing.Verdict("")
	if r.Method == http.MethodPost {
		d, err := p.decision(r)
		if err == nil {
			header, err = p.proof(r.Context(), d)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		verdict, body = d.Verdict, []byte(r.PostForm.Encode())
	}
	resp, err := p.site.Do(r.Context(), r.Method, "/"+p.folder, header, body)
	if err != nil {
		http.Error(w, "the page of the closing does not answer: "+err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // to a browser that may have gone
	if verdict != "" && resp.StatusCode == http.StatusOK {
		select {
		case p.decided <- verdict:
		default: // it is ending already
		}
	}
}

// decision is what a form says.
func (p *Proxy) decision(r *http.Request) (Decision, error) {
	if err := r.ParseForm(); err != nil {
		return Decision{}, errors.New("the form cannot be read, or is too large; nothing was decided")
	}
	round, err := strconv.Atoi(r.PostForm.Get("round"))
	if err != nil {
		return Decision{}, errors.New("the form does not say which round it is about; nothing was decided")
	}
	return Decision{
		Closing: p.folder, Execution: p.execution, Round: round, Digest: r.PostForm.Get("digest"), Verdict: closing.Verdict(r.PostForm.Get("verdict")),
		Struck: r.PostForm["struck"],
	}, nil
}

func (p *Proxy) proof(ctx context.Context, d Decision) (http.Header, error) {
	credentials, err := p.site.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("your credentials: %w", err)
	}
	identity, err := Prove(ctx, credentials, p.site.Region, p.site.Now(), d)
	if err != nil {
		return nil, err
	}
	return http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, ProofHeader: {identity.URL}, "Sec-Fetch-Site": {"same-origin"},
	}, nil
}

// ServeWeb shows the page of a closing in a browser, by way of a proxy on loopback, until a decision is taken, and returns its verdict. open is
// given the address.
func ServeWeb(ctx context.Context, site Site, folder, execution string, open func(url string)) (closing.Verdict, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen on loopback: %w", err)
	}
	proxy := NewProxy(site, folder, execution, listener.Addr().String())
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 32 << 10, ErrorLog: log.New(io.Discard, "", 0)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	open(proxy.URL())
	defer server.Close() //nolint:errcheck // nobody is left to hear of it
	select {
	case verdict := <-proxy.decided:
		// Once the answer is out. A browser's spare connection, over which nothing has come, is waited for as if something would: Shutdown
		// gives it up after five seconds. What is left then must not turn a decision into an error.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return verdict, fmt.Errorf("end the page: %w", err)
		}
		return verdict, nil
	case err := <-failed:
		return "", fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
		return "", fmt.Errorf("no decision was sent: %w", ctx.Err())
	}
}

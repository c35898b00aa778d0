package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/replay"
)

// Ensure somebody can pick a story in the demo, watch it, decide on it in the browser, and see what comes of it.
func TestDemo(t *testing.T) {
	t.Parallel()
	stories, err := replay.LoadAll("../../../events")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ story, verdict, want string }{
		{"early-adopter", "approve", "CLOSED"},
		{"early-adopter", "reject", "REJECTED"},
		{"running-instance-explicit", "", "BLOCKED"},
	} {
		t.Run(test.story+" "+test.verdict, func(t *testing.T) {
			t.Parallel()
			b := newVisitor(t, stories)
			if choice := b.get(b.demo.url()); !strings.Contains(choice, `value="`+test.story+`"`) {
				t.Fatal("the story cannot be picked")
			}
			if page := b.post(b.demo.url()+"play", url.Values{"story": {test.story}}); !strings.Contains(page, `http-equiv="refresh"`) {
				t.Error("the page of the run does not ask for itself again")
			}
			if test.verdict != "" {
				gate := <-b.gate
				if page := b.get(b.demo.url() + "run"); !strings.Contains(page, gate) {
					t.Error("the page of the run does not lead to the gate")
				}
				ask := b.get(gate)
				b.post(gate, url.Values{
					"round": {hidden(t, ask, "round")}, "digest": {hidden(t, ask, "digest")},
					"verdict": {test.verdict}, "name": {"acme-early"}, "reason": {"still in use"},
				})
			}
			<-b.demo.over
			page := b.get(b.demo.url() + "run")
			if !strings.Contains(page, ">"+test.want+"<") || strings.Contains(page, "http-equiv=\"refresh\"") {
				t.Errorf("the last page does not say %s, or asks for itself again", test.want)
			}
		})
	}
}

// Ensure another page of the same browser cannot begin anything, and that a story which is not there is refused.
func TestDemoRefuses(t *testing.T) {
	t.Parallel()
	b := newVisitor(t, nil)
	for name, change := range map[string]func(*http.Request){
		"another host":   func(r *http.Request) { r.Host = "attacker.example" },
		"another origin": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another path":   func(r *http.Request) { r.URL.Path = "/guess/play" },
		"no such story":  func(*http.Request) {},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.demo.url()+"play", strings.NewReader("story=early-adopter"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r)
		resp, err := b.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() //nolint:errcheck // nothing is read of it
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	if b.demo.over != nil {
		t.Error("a run was begun")
	}
}

// visitor is somebody with a browser before the demo.
type visitor struct {
	t      *testing.T
	client *http.Client
	demo   *demo
	gate   chan string // the address at which a decision is awaited
}

func newVisitor(t *testing.T, stories []*replay.Story) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &visitor{t: t, client: &http.Client{Jar: jar}, gate: make(chan string, 1)}
	said, stderr := io.Pipe()
	go func() {
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if _, at, waits := strings.Cut(lines.Text(), "decide at "); waits {
				b.gate <- at
			}
		}
	}()
	server := httptest.NewUnstartedServer(nil)
	b.demo = newDemo(&surroundings{ctx: t.Context(), stdout: io.Discard, stderr: stderr}, stories, 0, server.Listener.Addr().String())
	server.Config.Handler = b.demo
	server.Start()
	t.Cleanup(func() {
		b.demo.stop()
		server.Close()
		stderr.Close() //nolint:errcheck // a pipe
	})
	return b
}

func (b *visitor) get(at string) string {
	b.t.Helper()
	return b.read(b.client.Get(at))
}

func (b *visitor) post(at string, form url.Values) string {
	b.t.Helper()
	return b.read(b.client.PostForm(at, form))
}

func (b *visitor) read(resp *http.Response, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %v: %s", resp.Status, err, text)
	}
	return string(text)
}

func hidden(t *testing.T, page, name string) string {
	t.Helper()
	match := regexp.MustCompile(fmt.Sprintf(`name="%s" value="([^"]*)"`, name)).FindStringSubmatch(page)
	if match == nil {
		t.Fatalf("the page has no field %s", name)
	}
	return match[1]
}

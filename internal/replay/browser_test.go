package replay

import (
	"bufio"
	"cmp"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/closing"
)

// door is a proxy on a real port, for a browser.
func (s *siege) door(who string) string {
	s.Helper()
	site, err := s.p.site(s.e, who)
	if err != nil {
		s.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	proxy := approval.NewProxy(site, s.folder, s.e.ARN, server.Listener.Addr().String())
	server.Config.Handler = proxy
	server.Start()
	s.Cleanup(server.Close)
	return proxy.URL()
}

// Ensure that a person decides in a real browser, through the proxy, by the real handler, in the real machine.
func TestBrowserDecides(t *testing.T) { //nolint:paralleltest // one browser at a time
	if testing.Short() {
		t.Skip("-short: a browser takes long, and the race detector sees nothing of it")
	}
	for _, tt := range []struct {
		name    string
		setup   func(*Story)
		do      func(*siege, *chromium, string)
		outcome closing.Outcome
		may     bool
		width   int // of the window; default 1000
	}{
		{name: "approve", may: true, outcome: closing.OutcomeClosed, do: func(s *siege, c *chromium, name string) {
			c.send("approve", "name", name, 1)
			c.says("1 of 1 approvals")
		}},
		{name: "double-click", setup: config("QUORUM", "2"), outcome: closing.OutcomeExpired, do: func(s *siege, c *chromium, name string) {
			c.send("approve", "name", name, 2)
			c.says("1 of 2 approvals")
			if n := len(s.decisions()); n != 1 {
				s.Errorf("%d decisions are on record", n)
			}
		}},
		{name: "wrong-name", outcome: closing.OutcomeExpired, do: func(s *siege, c *chromium, _ string) {
			c.send("approve", "name", "something else", 1)
			c.says("is not the name of the QuickSight account")
		}},
		{name: "nothing-typed", outcome: closing.OutcomeExpired, do: func(s *siege, c *chromium, _ string) {
			c.send("approve", "name", "", 1) // the browser itself does not send it
			c.says("It waits for a decision")
			if n := len(s.decisions()); n != 0 {
				s.Errorf("%d decisions are on record", n)
			}
		}},
		{name: "reject", outcome: closing.OutcomeRejected, do: func(s *siege, c *chromium, _ string) {
			c.send("reject", "reason", "still in use", 1)
			c.says("Rejected. Nothing is deleted.")
		}},
		{name: "expired", outcome: closing.OutcomeExpired, do: func(s *siege, c *chromium, name string) {
			s.p.now = s.ask.Deadline // the page was open all the while
			c.send("approve", "name", name, 1)
			c.says("the request has expired")
			c.says("Nothing is deleted.")
		}},
		{name: "approve-on-a-phone", may: true, outcome: closing.OutcomeClosed, width: 375, do: func(s *siege, c *chromium, name string) {
			var sideways bool
			if err := c.eval(`document.documentElement.scrollWidth > innerWidth`, &sideways); err != nil || sideways {
				s.Errorf("it scrolls sideways: %t, %v", sideways, err)
			}
			c.send("approve", "name", name, 1)
			c.says("1 of 1 approvals")
		}},
		{name: "cancel", outcome: closing.OutcomeCancelled, do: func(s *siege, c *chromium, _ string) {
			c.send("cancel", "reason", "wrong account", 1)
			c.says("cancelled by")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newChromium(t)
			s := besiege(t, attack{setup: tt.setup, may: tt.may, outcome: tt.outcome, do: func(s *siege) {
				_, name := s.plan.Material.Challenge()
				c.open(s.door("bob"), cmp.Or(tt.width, 1000))
				tt.do(s, c, name)
				c.screenshot("browser-" + tt.name)
			}})
			if got := s.e.outcome(); got != tt.outcome {
				t.Errorf("the run ended %s, want %s", got, tt.outcome)
			}
		})
	}
}

// Ensure that every state of the page is seen: on a phone it does not scroll sideways, and it runs no script.
func TestBrowserShowsEveryState(t *testing.T) { //nolint:paralleltest // one browser at a time
	if testing.Short() {
		t.Skip("-short: a browser takes long, and the race detector sees nothing of it")
	}
	c := newChromium(t)
	pages := approval.Canned()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[strings.TrimPrefix(r.URL.Path, "/")]))
	}))
	t.Cleanup(server.Close)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if strings.Contains(pages[name], "<script") {
			t.Errorf("%s has a script", name)
		}
		for _, width := range []int{375, 1000} {
			c.open(server.URL+"/"+name, width)
			var scrolls bool
			if err := c.eval(`document.documentElement.scrollWidth > innerWidth`, &scrolls); err != nil || scrolls {
				t.Errorf("%s, %d pixels wide: it scrolls sideways: %t, %v", name, width, scrolls, err)
			}
			c.screenshot(name + map[int]string{375: "-phone", 1000: ""}[width])
		}
	}
}

// Ensure that the story which the README has people decide on waits at its gate for a browser, and goes on with what is decided there.
func TestReplayDecidedInBrowser(t *testing.T) { //nolint:paralleltest // one browser at a time
	if testing.Short() {
		t.Skip("-short: a browser takes long, and the race detector sees nothing of it")
	}
	command, err := exec.LookPath("make")
	if err != nil {
		t.Skip("make is not installed")
	}
	for _, tt := range []struct {
		verdict, field, value string
		says, then            string
	}{
		{"approve", "name", "acme-early", "1 of 1 approvals", "outcome       CLOSED"},
		{"reject", "reason", "still in use", "Rejected. Nothing is deleted.", "outcome       REJECTED"},
	} {
		t.Run(tt.verdict, func(t *testing.T) {
			c := newChromium(t)
			cmd := exec.CommandContext(t.Context(), command, "-s", "-C", "../..", "replay", "EVENT=early-adopter", "APPROVE=web", "BUILD="+t.TempDir())
			cmd.Env = append(os.Environ(), "CI=1", "NO_COLOR=1")
			said, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(said)
			var told []string
			for lines.Scan() {
				told = append(told, lines.Text())
				if _, at, waits := strings.Cut(lines.Text(), "decide at "); waits {
					c.open(at, 1000)
					c.send(tt.verdict, tt.field, tt.value, 1)
					c.says(tt.says)
					c.screenshot("replay-" + tt.verdict)
				}
			}
			if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), tt.then) {
				t.Errorf("%v: it said:\n%s\n%s", err, strings.Join(told, "\n"), out.String())
			}
		})
	}
}

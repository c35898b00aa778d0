package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// drawn is the page of a story.
func drawn(t *testing.T, name string) (*Run, string) {
	t.Helper()
	run := playNamed(t, name)
	var out bytes.Buffer
	if err := run.Page(&out, run.Judge()); err != nil {
		t.Fatal(err)
	}
	return run, out.String()
}

// Ensure no page shows what proves an identity or answers a callback, though the run it shows is full of it.
func TestPagesShowNoSecrets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"early-adopter", "same-request-twice", "vpc-fails-redriven"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run, page := drawn(t, name)
			secrets := run.tokens()
			for key, session := range run.After.Sessions {
				if !strings.Contains(page, key) {
					continue // the page does not show how this session came about
				}
				secrets = append(secrets, session.SessionToken, session.SecretAccessKey)
			}
			secrets = append(secrets, emulator.DefaultSecret)
			if len(secrets) < 4 {
				t.Fatalf("the run has only %d secrets: the test looks in the wrong place", len(secrets))
			}
			for _, secret := range secrets {
				if strings.Contains(page, secret) {
					t.Errorf("the page shows %.12q…", secret)
				}
			}
			if signed := regexp.MustCompile(`X-Amz-Signature=[0-9a-f]`).FindString(page); signed != "" {
				t.Errorf("the page shows a signature: %s", signed)
			}
			var history bytes.Buffer
			if err := HistoryPage(&history, "x", workflow.Definition, run.Executions[0].History(), nil); err != nil {
				t.Fatal(err)
			}
			for _, token := range run.tokens() {
				if strings.Contains(history.String(), token) {
					t.Errorf("the page of the history shows the task token %.12q…", token)
				}
			}
		})
	}
}

// Ensure a page needs nothing from anywhere: no script, no network.
func TestPagesStandAlone(t *testing.T) {
	t.Parallel()
	_, page := drawn(t, "rejected")
	if found := regexp.MustCompile(`<script|<link rel="stylesheet|<img|(src|href)="https?:`).FindString(page); found != "" {
		t.Errorf("the page has %s", found)
	}
	if !strings.Contains(page, `default-src 'none'`) {
		t.Error("the page does not forbid itself to load anything")
	}
}

// Ensure the page of a run that deleted shows what it planned, what it did, and what is gone.
func TestPageShowsPlanAgainstDone(t *testing.T) {
	t.Parallel()
	run, page := drawn(t, "early-adopter")
	for _, want := range []string{"point of no return", "Irreversible step done: yes", "make replay EVENT=early-adopter", "DeleteAccountSubscription at &#43;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	rows := compareWorlds(run.Before, run.AtCommit, run.After, run.Executions[0].account())
	fates := map[string]fateRow{}
	for _, r := range rows {
		fates[r.Kind+" "+r.ID] = r
	}
	if r := fates["directories d-9067012345"]; r.Before != "there" || r.AtCommit != "there" || r.AtLast != "gone" {
		t.Errorf("the directory: %+v", r)
	}
	if r := fates["vpcs vpc-0bbb000000000001"]; r.AtLast != "there" {
		t.Errorf("somebody else's VPC: %+v", r)
	}
}

// Ensure the chart has every state of the machine, none over another, and every edge within its borders.
func TestLayOut(t *testing.T) {
	t.Parallel()
	c, err := layOut(workflow.Definition)
	if err != nil {
		t.Fatal(err)
	}
	var d outline
	if err := json.Unmarshal(workflow.Definition, &d); err != nil {
		t.Fatal(err)
	}
	if len(c.Nodes) != len(d.States) {
		t.Errorf("the chart has %d states, the machine %d", len(c.Nodes), len(d.States))
	}
	places := map[string]*node{}
	for _, n := range c.Nodes {
		places[n.Name] = n
	}
	y := -1
	for _, state := range []string{
		"Verify Caller", "Take Inventory", "Find Starter", "Request Approval", "Read Decision", "Export Assets", "Retake Inventory", "Commit Plan",
		"Delete Subscription", "Delete Directory", "Delete VPC", "Write Report",
	} {
		if n := places[state]; n.Y <= y || n.W != nodeWidth {
			t.Errorf("%s does not stand below the state that a closing comes from, in a row of its own", state)
		}
		y = places[state].Y
	}
	for i, a := range c.Nodes {
		if a.X < 0 || a.Y < 0 || a.X+a.W > c.Width || a.bottom() > c.Height {
			t.Errorf("%s is outside: %d %d", a.Name, a.X, a.Y)
		}
		for _, b := range c.Nodes[i+1:] {
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.bottom() && b.Y < a.bottom() {
				t.Errorf("%s lies over %s", a.Name, b.Name)
			}
		}
	}
	for _, e := range c.Edges {
		for _, xy := range regexp.MustCompile(`-?\d+ -?\d+`).FindAllString(e.Path, -1) {
			if strings.Contains(xy, "-") {
				t.Errorf("the edge from %s to %s leaves the chart: %s", e.From.Name, e.To.Name, e.Path)
			}
		}
	}
	again, err := layOut(workflow.Definition)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Edges {
		if c.Edges[i].Path != again.Edges[i].Path {
			t.Fatal("two layouts of one machine differ")
		}
	}
}

// browserOf returns Chromium, to be run with more arguments; it returns what the browser prints. Without one here, the test is skipped.
func browserOf(t *testing.T) func(arguments ...string) []byte {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		t.Skip("no Chromium here: Debian has it as the package chromium")
	}
	return func(arguments ...string) []byte {
		t.Helper()
		all := append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir=" + profile(t),
		}, arguments...)
		out, err := exec.CommandContext(t.Context(), browser, all...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// Ensure the README's pictures can be made of a story and of the approval page: PICTURES=FOLDER keeps them (make pictures).
func TestPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a browser takes long, and the race detector sees nothing of it")
	}
	t.Parallel()
	browser := browserOf(t)
	folder := os.Getenv("PICTURES")
	if folder == "" {
		folder = t.TempDir()
	}
	_, run := drawn(t, "early-adopter")
	for name, html := range map[string]string{"run": run, "approval": approval.Canned()["open"]} {
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
		picture := filepath.Join(folder, name+".png")
		browser("--window-size=1200,1250", "--blink-settings=preferredColorScheme=1", "--screenshot="+picture, "file://"+file)
		if info, err := os.Stat(picture); err != nil || info.Size() < 10_000 {
			t.Errorf("%s: %v, %v", picture, info, err)
		}
	}
}

// probe is run by the browser in a page, and leaves in the title what is wrong with it: what is wider than the window, text too
// small or too faint to read.
const probe = `<script>
addEventListener("error", e => parent.postMessage("ERROR " + e.message, "*"));
addEventListener("load", () => {
  const wrong = [];
  document.querySelectorAll("details").forEach(d => d.open = true);
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) wrong.push("scrolls: " + wide + " > " + innerWidth);
  const rgb = c => (c.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => { const f = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) };
  const behind = e => {
    if (e.closest("svg .node")) return rgb(getComputedStyle(e.closest(".node").querySelector("rect")).fill);
    for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length == 3 || c[3] > 0) return c }
    return [255, 255, 255];
  };
  let texts = 0;
  document.querySelectorAll("body *").forEach(e => {
    if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) || e.tagName == "TITLE" || e.tagName == "SCRIPT" || !e.getClientRects().length) return;
    texts++;
    const style = getComputedStyle(e), a = light(rgb(e.closest("svg") ? style.fill : style.color)), b = light(behind(e));
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) wrong.push("contrast " + contrast.toFixed(2) + ": " + e.className.baseVal + e.className + " " + e.textContent.slice(0, 30));
    const svg = e.closest("svg"), scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    if (parseFloat(style.fontSize) * scale < 9) wrong.push("small " + (parseFloat(style.fontSize) * scale).toFixed(1) + ": " + e.textContent.slice(0, 30));
  });
  parent.postMessage("CHECKED " + texts + " " + JSON.stringify([...new Set(wrong)].slice(0, 12)), "*");
});
</script>`

// underWay is the page of a run that waits at the gate.
func underWay(t *testing.T) string {
	t.Helper()
	s, err := Load(filepath.Join(events, "early-adopter"))
	if err != nil {
		t.Fatal(err)
	}
	var (
		page   bytes.Buffer
		latest func() *Run
	)
	_, err = Play(t.Context(), s, Options{
		Look: func(soFar func() *Run) { latest = soFar },
		AtGate: func(context.Context, Door) error {
			page.Reset()
			return latest().LivePage(&page, "http://127.0.0.1:1/gate/")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return page.String()
}

// Ensure the page of a run that waits shows where it is and leads to the decision, and asks for itself again until the run is over.
func TestLivePage(t *testing.T) {
	t.Parallel()
	page := underWay(t)
	for _, want := range []string{`http-equiv="refresh"`, `href="http://127.0.0.1:1/gate/"`, "RUNNING", `class="node running"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// Ensure the pages can be read in a browser, on a desk and on a phone, by day and by night.
func TestPagesInChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a browser takes long, and the race detector sees nothing of it")
	}
	t.Parallel()
	browserOf(t)
	run, page := drawn(t, "vpc-fails-redriven")
	var index bytes.Buffer
	if err := Index(&index, []*Run{run}); err != nil {
		t.Fatal(err)
	}
	var choice bytes.Buffer
	if err := Choice(&choice, stories(t)); err != nil {
		t.Fatal(err)
	}
	live := strings.Replace(underWay(t), `<meta http-equiv="refresh" content="1">`, "", 1)
	for name, html := range map[string]string{"run": page, "live": live, "index": index.String(), "choice": choice.String()} {
		// The page forbids scripts; the probe is one.
		html = regexp.MustCompile(`<meta http-equiv[^>]*>`).ReplaceAllString(html, probe)
		file := filepath.Join(t.TempDir(), name+".html")
		if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, window := range []struct{ name, width, scheme string }{
			{"desktop", "1280", "1"}, {"phone", "360", "1"}, {"night", "1280", "0"},
		} {
			t.Run(name+" "+window.name, func(t *testing.T) {
				// A frame, since no window is as narrow as a phone.
				frame := filepath.Join(t.TempDir(), "frame.html")
				outer := fmt.Sprintf(`<title>silent</title><script>onmessage = e => document.title = e.data</script><iframe src="file://%s" width="%s" height="900"></iframe>`, file, window.width)
				if err := os.WriteFile(frame, []byte(outer), 0o600); err != nil {
					t.Fatal(err)
				}
				out := browserOf(t)("--blink-settings=preferredColorScheme="+window.scheme, "--window-size=1400,1000", "--virtual-time-budget=5000", "--dump-dom", "file://"+frame)
				title := regexp.MustCompile(`<title>([^<]*)</title>`).FindSubmatch(out)
				if title == nil || !regexp.MustCompile(`^CHECKED [1-9]\d+ \[\]$`).Match(title[1]) {
					t.Errorf("%s", title)
				}
			})
		}
	}
}

package replay

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chromium is a headless browser, spoken to over a pipe.
// https://chromedevtools.github.io/devtools-protocol/
type chromium struct {
	t       *testing.T
	to      io.Writer
	from    *bufio.Reader
	session string
	id      int
}

// newChromium starts the browser, or skips the test where there is none.
func newChromium(t *testing.T) *chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page is not looked at in a browser (Debian: apt-get install chromium)")
	}
	hear, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, speak, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--remote-debugging-pipe", "--user-data-dir="+profile(t), "about:blank")
	cmd.ExtraFiles = []*os.File{hear, speak} // file descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tell.Close() //nolint:errcheck // which ends it
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	hear.Close()  //nolint:errcheck // the browser's ends
	speak.Close() //nolint:errcheck
	return &chromium{t: t, to: tell, from: bufio.NewReader(answers)}
}

// call makes a call and waits for its answer, which it decodes into out.
func (c *chromium) call(method string, params map[string]any, out any) {
	c.t.Helper()
	c.id++
	message, err := json.Marshal(map[string]any{"id": c.id, "method": method, "params": params, "sessionId": c.session})
	if err != nil {
		c.t.Fatal(err)
	}
	if c.session == "" {
		message, _ = json.Marshal(map[string]any{"id": c.id, "method": method, "params": params}) //nolint:errchkjson // as above
	}
	if _, err := c.to.Write(append(message, 0)); err != nil {
		c.t.Fatal(err)
	}
	for {
		text, err := c.from.ReadBytes(0)
		if err != nil {
			c.t.Fatalf("%s: the browser has gone: %v", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			c.t.Fatal(err)
		}
		if answer.ID != c.id {
			continue // an event
		}
		if answer.Error != nil {
			c.t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(answer.Result, out); err != nil {
				c.t.Fatal(err)
			}
		}
		return
	}
}

// open opens a page of its own, of a width in pixels.
func (c *chromium) open(url string, width int) {
	c.t.Helper()
	c.session = ""
	var target struct{ TargetID string }
	c.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	c.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	c.session = attached.SessionID
	c.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	c.call("Page.navigate", map[string]any{"url": url}, nil)
	c.until(`document.readyState === "complete" && location.href !== "about:blank"`)
}

// eval evaluates an expression in the page, as a person's tools do: the page's own policy, which forbids scripts, does not concern it.
func (c *chromium) eval(expression string, out any) error {
	c.t.Helper()
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Text string }
	}
	c.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &result)
	if result.ExceptionDetails != nil {
		return errors.New(result.ExceptionDetails.Text)
	}
	if out == nil || result.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(result.Result.Value, out)
}

// until waits until an expression is true. A page under way has no answer yet.
func (c *chromium) until(expression string) {
	c.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var is bool
		if err := c.eval(expression, &is); err == nil && is {
			return
		}
	}
	var text string
	_ = c.eval(`document.body.innerText`, &text)
	c.t.Fatalf("the page never came to %s: %s", expression, text)
}

// says waits until the page says something.
func (c *chromium) says(text string) {
	c.t.Helper()
	c.until(fmt.Sprintf(`document.readyState === "complete" && document.body.innerText.includes(%q)`, text))
}

// send fills in the form of a verdict, and presses its button a number of times.
func (c *chromium) send(verdict, field, value string, presses int) {
	c.t.Helper()
	err := c.eval(fmt.Sprintf(`(() => {
		document.getElementById(%q).value = %q;
		const button = document.querySelector('button[value=%q]');
		for (let i = 0; i < %d; i++) button.click();
	})()`, verdict+"-"+field, value, verdict, presses), nil)
	if err != nil {
		c.t.Fatal(err)
	}
}

// screenshot writes what the page looks like into the build folder.
func (c *chromium) screenshot(name string) {
	c.t.Helper()
	var shot struct{ Data string }
	c.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		c.t.Fatal(err)
	}
	dir := filepath.Join("..", "..", "build", "screenshots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".png"), picture, 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// profile is a folder for a browser, whose processes may still write into it when they have been told to end.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "unsubscribe-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is written later stays in the system's temporary folder
	return dir
}

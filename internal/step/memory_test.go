package step

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// mostGrowth is how much more memory ten times the assets may take.
const mostGrowth = 1.3

// Ensure that no function's memory grows with the account: what inventory, export and commit of 10,000 dashboards over all regions take of the
// machine at most is about what they take for 1,000.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it starts eight processes")
	}
	if resident() == 0 {
		t.Skip("the system does not tell how much memory a process takes")
	}
	t.Parallel()
	small, large := measure(t, 1000), measure(t, 10_000)
	for state, most := range large {
		growth := float64(most) / float64(small[state])
		if t.Logf("%s takes %.1f MB for 10,000 dashboards, %.2f times what it takes for 1,000", state, float64(most)/1e6, growth); growth > mostGrowth {
			t.Errorf("%s grows by more than %g", state, mostGrowth)
		}
	}
}

// BenchmarkMemory prints the same.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		small, large := measure(b, 1000), measure(b, 10_000)
		for state, most := range large {
			name := strings.ReplaceAll(state, " ", "-")
			b.ReportMetric(float64(most)/1e6, name+"-MB")
			b.ReportMetric(float64(most)/float64(small[state]), name+"-×1000")
		}
	}
}

var memoryStart = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// measure closes an account with n dashboards as far as the commit, each state in a process of its own, as in Lambda, and the emulator in
// this one. It returns the largest resident set of each.
func measure(tb testing.TB, n int) map[string]uint64 {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	regions := map[string]map[string][]string{}
	for i := range n {
		all := regionsLike("us-east-1")
		region := all[i%len(all)]
		if regions[region] == nil {
			regions[region] = map[string][]string{}
		}
		regions[region]["dashboards"] = append(regions[region]["dashboards"], fmt.Sprintf("Dashboard %05d", i))
	}
	body, err := json.Marshal(regions)
	must(err)
	world, err := emulator.ParseWorld(fmt.Appendf(nil, `{"now": %q, "hub": %q, "accounts": {
		%q: {"principals": [{"accessKeyId": "AKIAHUB", "arn": "arn:aws:iam::%s:user/hub"}], "users": {"hub": {}}, "buckets": {"record": {}}},
		%q: {%s}
	}}`, memoryStart.Format(time.RFC3339), readingHub, readingHub, readingHub, readingTarget,
		withRoles(fmt.Sprintf(`"regions": {"enabled": %s}, "quickSight": {"exportMinutes": 0, "regions": %s}`, optIn, body))))
	must(err)
	aws, err := emulator.New(emulator.Options{World: world, Machines: &reading{start: memoryStart}, Now: func() time.Time { return memoryStart }})
	must(err)
	server := httptest.NewServer(aws)
	defer server.Close()

	at, err := url.Parse(server.URL)
	must(err)
	env, in := remoteSteps(at.Host)
	folder, ctx := env.folder(in), tb.Context()
	must(folder.PutRequest(ctx, closing.Request{AccountID: readingTarget}))
	must(folder.PutVerification(ctx, record.Verification{}))
	must(env.Record.Lock(ctx, readingTarget, readingRun, nil))
	peaks := map[string]uint64{}
	for _, state := range []string{"Take Inventory", "Export Assets", "Retake Inventory", "Commit Plan"} {
		if state == "Export Assets" {
			ann := askingUser + "ann"
			_, err := folder.PutAsk(ctx, closing.Ask{
				Execution: readingRun, Round: 1, Digest: in.Run.Digest, PlanKey: folder.Key(record.PlanName(1)), AskedAt: memoryStart,
				Deadline: memoryStart.Add(time.Hour), Quorum: 1, Approvers: []closing.Approver{{Person: ann}}, Starter: in.Run.Starter,
			})
			must(err)
			_, err = folder.PutDecision(ctx, closing.Decision{Round: 1, Digest: in.Run.Digest, Verdict: closing.Approve, Person: ann, Principal: ann, At: memoryStart})
			must(err)
		}
		process := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStepInAProcess$", "-test.count=1")
		process.Env = append(os.Environ(), "STEP_AWS="+at.Host, "STEP_STATE="+state, "STEP_RUN="+string(closing.Canonical(in.Run)))
		out, err := process.CombinedOutput()
		_, line, found := bytes.Cut(out, []byte("measured "))
		line, _, _ = bytes.Cut(line, []byte("\n"))
		var m measured
		if err != nil || !found || json.Unmarshal(line, &m) != nil {
			tb.Fatalf("%s: %v: %s", state, err, out)
		}
		in.Run, peaks[state] = m.Run, m.Resident
	}
	manifest, err := CommittedManifest(ctx, folder)
	must(err)
	if manifest.Exported != n {
		tb.Fatalf("%d of %d assets are exported", manifest.Exported, n)
	}
	return peaks
}

// measured is what a process says when its state is through.
type measured struct {
	Run      Run    `json:"run"`
	Resident uint64 `json:"resident"`
}

// TestStepInAProcess is such a process.
func TestStepInAProcess(t *testing.T) {
	t.Parallel()
	host := os.Getenv("STEP_AWS")
	if host == "" {
		t.Skip("TestMemoryIsFlat starts it")
	}
	env, in := remoteSteps(host)
	if err := json.Unmarshal([]byte(os.Getenv("STEP_RUN")), &in.Run); err != nil {
		t.Fatal(err)
	}
	in.State = os.Getenv("STEP_STATE")
	step := map[string]func(Env) Handler{"Take Inventory": TakeInventory, "Retake Inventory": TakeInventory, "Export Assets": ExportAssets, "Commit Plan": CommitPlan}[in.State]
	if in.State == "Retake Inventory" {
		in.Action = ActionRetake
	}
	for range 1000 {
		result, err := step(env)(ForExecution(clock.Virtual(t.Context(), memoryStart, 10*time.Minute), readingRun), in)
		if err != nil {
			t.Fatal(err)
		}
		if in.Run, in.Progress = result.Run, result.Progress; result.State == Done {
			fmt.Printf("\nmeasured %s\n", closing.Canonical(measured{in.Run, resident()}))
			return
		}
	}
	t.Fatal("it does not end")
}

// remoteSteps are the steps of a run against the emulator of another process.
func remoteSteps(host string) (Env, Input) {
	away := remote{host}
	config := Defaults()
	config.Account, config.Region, config.CoolOff = readingHub, "us-east-1", 0
	env := Env{Config: config, AWS: away, Log: slog.New(slog.DiscardHandler), Record: record.New(s3.NewFromConfig(away.Hub()), "record", func(context.Context) string {
		return rand.Text()
	})}
	in := Input{Execution: Execution{ID: readingRun, Name: "run-1", StartTime: memoryStart}, Entered: memoryStart}
	in.Run = Run{Closing: record.Prefix(readingTarget, "run-1", memoryStart), AccountID: readingTarget, IdentityRegion: "us-east-1", Starter: askingUser + "sam"}
	return env, in
}

// remote reaches the emulator of another process.
type remote struct{ host string }

func (r remote) Hub() aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: r}, Credentials: credentials.NewStaticCredentialsProvider("AKIAHUB", emulator.DefaultSecret, ""),
	}
}

// RoundTrip sends a request to the emulator, which knows by its host whom it is for.
func (r remote) RoundTrip(in *http.Request) (*http.Response, error) {
	out := in.Clone(in.Context())
	out.Host, out.URL.Scheme, out.URL.Host = in.URL.Host, "http", r.host
	return http.DefaultTransport.RoundTrip(out)
}

func (r remote) Target(ctx context.Context, access Access) (aws.Config, error) {
	return assumed(ctx, r.Hub(), access)
}

// resident is the largest resident set of this process, where the system tells.
func resident() uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

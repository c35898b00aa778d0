package rule

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/replay"
)

// BenchmarkStart measures each function from the start of its process to its first answer, against a Runtime API on loopback,
// and reports it as a ratio to an empty handler measured in turn with it: a cold start, less what AWS adds.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	build(b, dir, "./functions/...")
	build(b, filepath.Join(dir, "empty"), "./internal/rule/testdata/empty")
	binaries, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		b.Fatal(err)
	}
	for _, binary := range binaries {
		name := filepath.Base(binary)
		if name == "empty" {
			continue
		}
		b.Run(name, func(b *testing.B) {
			var function, empty []float64
			for range b.N {
				for range 10 {
					function = append(function, firstAnswer(b, binary).Seconds())
					empty = append(empty, firstAnswer(b, filepath.Join(dir, "empty")).Seconds())
				}
			}
			b.ReportMetric(median(function)*1000, "ms/start")
			b.ReportMetric(median(function)/median(empty), "×empty")
		})
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func build(b *testing.B, out, packages string) {
	b.Helper()
	if strings.HasSuffix(packages, "...") {
		out += string(filepath.Separator)
	}
	cmd := exec.Command("go", append(append([]string{"build"}, replay.BuildFlags...), "-o", out, packages)...)
	cmd.Dir = filepath.Join("..", "..")
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build %s: %v\n%s", packages, err, text)
	}
}

// firstAnswer starts a function and gives it an event that no function takes; it answers with an error.
func firstAnswer(b *testing.B, binary string) time.Duration {
	b.Helper()
	began := time.Now()
	process, err := emulator.StartProcess(binary, map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "example",
		"ACCOUNT": "111122223333", "REGION": "us-east-1", "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:111122223333:stateMachine:m",
		"BUCKET": "b", "TOPIC_ARN": "t", "APPROVAL_TOPIC_ARN": "a", "KILL_SWITCH": "k",
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	_, _, err = process.Invoke(b.Context(), "first", began.Add(10*time.Second), []byte("["))
	took := time.Since(began)
	if err := errors.Join(err, process.Close()); err != nil {
		b.Error(err)
	}
	return took
}

package rule

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// maxZip is how large a function's package may be: a cold start loads it.
const maxZip = 4 << 20

// Ensure each function's zip is at most 4 MB. It measures what `make build` made, which `make sizes` names in FUNCTIONS.
func TestSizes(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("FUNCTIONS")
	if dir == "" {
		t.Skip("FUNCTIONS names no built functions: make sizes builds and measures them")
	}
	binaries, err := filepath.Glob(filepath.Join(dir, "*", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob(filepath.Join("..", "..", "functions", "*", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if len(binaries) == 0 || len(binaries) != len(sources) {
		t.Fatalf("%d functions are built of %d", len(binaries), len(sources))
	}
	for _, path := range binaries {
		size := zipped(t, path)
		t.Logf("%-22s %.2f MB", filepath.Base(filepath.Dir(path)), float64(size)/(1<<20))
		if size > maxZip {
			t.Errorf("%s: its zip has %d bytes, more than %d", filepath.Dir(path), size, maxZip)
		}
	}
}

func zipped(t *testing.T, path string) int {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	entry, err := w.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close() //nolint:errcheck // it was only read
	if _, err := io.Copy(entry, binary); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

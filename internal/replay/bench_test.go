package replay

import (
	"path/filepath"
	"testing"
)

// BenchmarkEarlyAdopter replays the widest story: handlers, SDK clients, emulator and interpreter together.
func BenchmarkEarlyAdopter(b *testing.B) {
	s, err := Load(filepath.Join(events, "early-adopter"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run, err := Play(b.Context(), s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(run.Calls)), "calls")
	}
}

package replay

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
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

// BenchmarkDashboards replays the closing of accounts with many dashboards over all of QuickSight's regions, and counts how the
// calls to QuickSight compare with the fewest that do it, and how long the longest invocations of inventory and export last.
func BenchmarkDashboards(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := crowded(b, n)
			for b.Loop() {
				run, err := Play(b.Context(), s, Options{})
				if err != nil {
					b.Fatal(err)
				}
				if verdict := run.Judge(); !verdict.Met {
					b.Fatal(verdict.Broken, verdict.Unmet)
				}
				calls, fewest := savingCalls(run)
				b.ReportMetric(float64(calls), "calls")
				b.ReportMetric(float64(calls)/float64(fewest), "×fewest")
				b.ReportMetric(float64(run.Summary().Calls["quicksight:StartAssetBundleExportJob"]), "exports")
				for state, longest := range longestInvocations(run) {
					b.ReportMetric(longest.Seconds(), strings.ReplaceAll(state, " ", "-")+"-s")
				}
			}
		})
	}
}

// Ensure that saving and looking twice at many dashboards takes at most a twentieth more calls than it must, and fits into the functions' time.
func TestManyDashboards(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it is many of the same")
	}
	t.Parallel()
	run := play(t, crowded(t, 1000), Options{})
	if calls, fewest := savingCalls(run); float64(calls) > 1.05*float64(fewest) {
		t.Errorf("%d calls, where %d do", calls, fewest)
	}
	for _, f := range workflow.Functions() {
		for state, longest := range longestInvocations(run) {
			if slices.Contains(f.States, state) && longest > f.Timeout/2 {
				t.Errorf("an invocation of %s lasts %s, and it may last %s", state, longest, f.Timeout)
			}
		}
	}
}

// crowded is the modern account with n dashboards.
func crowded(b testing.TB, n int) *Story {
	b.Helper()
	s, err := Load(filepath.Join(events, "modern-account"))
	if err != nil {
		b.Fatal(err)
	}
	s.Expect.Mutations, s.Expect.Refused, s.Expect.Calls = nil, nil, nil
	regions := map[string]*emulator.QuickSightRegion{}
	names := strings.Fields(`af-south-1 ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-5
		ca-central-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1
		sa-east-1 us-east-1 us-east-2 us-west-2`)
	for i, name := range names {
		region := &emulator.QuickSightRegion{}
		for d := i; d < n; d += len(names) {
			region.Dashboards = append(region.Dashboards, &emulator.Asset{Name: fmt.Sprintf("Dashboard %05d", d)})
		}
		regions[name] = region
	}
	s.World.Accounts["222233334444"].QuickSight.Regions = regions
	s.World.Accounts["222233334444"].Regions.Enabled = names // some of them one opts in to
	return s
}

// savingCalls are the calls to the target of both inventories and of the export, and the fewest that do it: for an inventory one for each
// kind, region, parent and page, for the export three for each bundle: start it, hear that it is there, and fetch it.
func savingCalls(r *Run) (calls, fewest int) {
	asked := map[string]bool{}
	for _, c := range r.reads() {
		state := stateOf(c.Invocation)
		switch {
		case strings.HasSuffix(state, "Inventory"):
			calls++
			asked[state+" "+c.Service+":"+c.Operation+" in "+c.Region+" of "+portion(c)] = true
		case state == "Export Assets" && c.Service == "quicksight":
			if calls++; c.Operation == "StartAssetBundleExportJob" {
				calls, fewest = calls+1, fewest+3 // fetching it is a call of S3, and no read of the target
			}
		}
	}
	return calls, fewest + len(asked)
}

// longestInvocations are how long inventory and export took at most, in one invocation.
func longestInvocations(r *Run) map[string]time.Duration {
	took := map[string]time.Duration{}
	for _, c := range r.Calls {
		if s := stateOf(c.Invocation); s == "Take Inventory" || s == "Export Assets" {
			took[c.Invocation] += c.Latency
		}
	}
	longest := map[string]time.Duration{}
	for invocation, t := range took {
		longest[stateOf(invocation)] = max(longest[stateOf(invocation)], t)
	}
	return longest
}

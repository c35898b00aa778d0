package replay

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/emulator"
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
				b.ReportMetric(float64(listings(run)), "lists")
				b.ReportMetric(float64(fewest(n)), "fewest-lists")
				b.ReportMetric(float64(run.Summary().Calls["quicksight:StartAssetBundleExportJob"]), "exports")
				for state, longest := range longestInvocations(run) {
					b.ReportMetric(longest.Seconds(), strings.ReplaceAll(state, " ", "-")+"-s")
				}
			}
		})
	}
}

// inRegions are the regions over which the dashboards are spread: all that QuickSight has.
const inRegions = 23

// crowded is the modern account with n dashboards.
func crowded(b *testing.B, n int) *Story {
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
		for d := i; d < n; d += inRegions {
			region.Dashboards = append(region.Dashboards, &emulator.Asset{Name: fmt.Sprintf("Dashboard %05d", d)})
		}
		regions[name] = region
	}
	s.World.Accounts["222233334444"].QuickSight.Regions = regions
	return s
}

// listings are the list calls of both inventories.
func listings(r *Run) int {
	calls := 0
	for _, c := range r.Calls {
		if c.Service == "quicksight" && strings.HasPrefix(c.Operation, "List") && strings.Contains(c.Invocation, "Inventory") {
			calls++
		}
	}
	return calls
}

// fewest is how many list calls two inventories need: one for each page of dashboards, one for each of the other kinds of a region, and
// namespaces, users, groups, assignments, permissions and brands.
func fewest(n int) int {
	const kinds, ofAccount = 15, 6
	pages := 0
	for i := range inRegions {
		inRegion := (n - i + inRegions - 1) / inRegions
		pages += (inRegion + 99) / 100
	}
	return 2 * (pages + (kinds-1)*inRegions + ofAccount)
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

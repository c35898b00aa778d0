package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// fleetOf is a story of a fleet: two governed regions, every tenth account with a directory and a VPC.
func fleetOf(tb testing.TB, accounts int) *Story {
	tb.Helper()
	s, err := Load(path.Join(events, "fleet-drifts"))
	if err != nil {
		tb.Fatal(err)
	}
	old, err := Load(path.Join(events, "fleet"))
	if err != nil {
		tb.Fatal(err)
	}
	rich, plain := old.World.Accounts["222233334404"], s.World.Accounts["222233334401"]
	world := *s.World
	world.Accounts = map[string]*emulator.Account{world.Hub: s.World.Accounts[world.Hub]}
	request := closing.FleetRequest{Reason: "the bench"}
	for i := range accounts {
		id := fmt.Sprintf("2%011d", i)
		account := *plain
		if i%10 == 9 {
			account = *rich
		}
		account.Name = "team-" + strconv.Itoa(i)
		qs := *account.QuickSight
		qs.AccountName = "analytics-" + strconv.Itoa(i)
		account.QuickSight = &qs
		world.Accounts[id] = &account
		request.Accounts = append(request.Accounts, id)
	}
	s.World = &world
	if s.Event, err = json.Marshal(request); err != nil {
		tb.Fatal(err)
	}
	s.Script = s.Script[:1] // approve
	s.Expect = Expect{Outcome: closing.OutcomeClosed, Status: []string{"SUCCEEDED"}}
	return s
}

// BenchmarkFleet replays fleets: plan, approval, closing. ACCOUNTS says how many, with commas.
func BenchmarkFleet(b *testing.B) {
	if os.Getenv("ACCOUNTS") == "" {
		b.Skip("ACCOUNTS says of how many accounts; make bench does")
	}
	var first time.Duration
	for _, n := range strings.Split(os.Getenv("ACCOUNTS"), ",") {
		b.Run(n, func(b *testing.B) {
			accounts, err := strconv.Atoi(n)
			if err != nil {
				b.Fatal(err)
			}
			for range b.N {
				story := fleetOf(b, accounts)
				began := time.Now()
				run, err := Play(b.Context(), story, Options{Lean: true})
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(began)
				fleet := run.Executions[0]
				if fleet.Fleet == nil || fleet.Fleet.Counts[closing.OutcomeClosed] != accounts {
					b.Fatalf("the fleet ended %s: %s", fleet.Status(), fleet.Cause())
				}
				bill := run.Bill()
				b.ReportMetric(float64(bill.Transitions)/float64(accounts), "transitions/account")
				b.ReportMetric(bill.USD()/float64(accounts)*1000, "USD/1000accounts")
				var text strings.Builder
				run.WriteBill(&text)
				b.Log("\n" + text.String())
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				if first == 0 {
					first = took
				}
				b.ReportMetric(took.Seconds()/float64(accounts)*1000, "ms/account")
				b.ReportMetric(float64(took)/float64(first), "x-the-first")
				b.ReportMetric(float64(m.Sys)/1e6, "MB")
			}
		})
	}
}

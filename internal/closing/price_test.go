package closing

import (
	"strings"
	"testing"
)

// Ensure that an estimate says where sources differ, what it leaves out, and nothing where nothing is known.
func TestMonthly(t *testing.T) {
	t.Parallel()
	account := func(edition string, roles ...string) Material {
		m := Material{Subscription: &Subscription{Edition: edition}}
		for _, role := range roles {
			m.Contents = append(m.Contents, Content{Kind: "user", Role: role, N: 2})
		}
		return m
	}
	for _, test := range []struct {
		name      string
		m         Material
		low, high float64
		says      string
	}{
		{"sources differ", account("ENTERPRISE", "AUTHOR", "READER"), 54, 70, "between USD 54.00 and 70.00"},
		{"one price", account("ENTERPRISE", "READER_PRO"), 290, 0, "about USD 290.00"},
		{"an account of Amazon Quick", account("ENTERPRISE_AND_Q", "READER"), 256, 260, "between USD 256.00 and 260.00"},
		{"a role without a price", account("ENTERPRISE", "READER", "RESTRICTED_READER"), 6, 10, "2 users with the role RESTRICTED_READER"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := test.m.Monthly()
			if e == nil || e.USD != test.low || e.HighUSD != test.high || !strings.Contains(e.String(), test.says) || len(e.Sources) == 0 {
				t.Errorf("got %v, want %v to %v, saying %q", e, test.low, test.high, test.says)
			}
		})
	}
	for _, m := range []Material{{}, account("STANDARD", "AUTHOR"), account("ENTERPRISE"), account("ENTERPRISE", "RESTRICTED_READER")} {
		if e := m.Monthly(); e != nil {
			t.Errorf("the edition and roles %v cost %v, want nothing known", m.Contents, e)
		}
	}
}

func TestUsageCost(t *testing.T) {
	t.Parallel()
	e := Usage{Transitions: 2000, Invocations: 1_000_000, GBSeconds: 100_000, Objects: 1000, Bytes: 1 << 31}.Cost()
	if want := 0.05 + 0.20 + 1.33334 + 0.005 + 0.003 + 0.046; round(e.USD) != round(want) || len(e.Items) != 6 || len(e.Sources) != 4 {
		t.Errorf("got %+v, want USD %v", e, want)
	}
	if got := (Usage{Transitions: 1}).Cost().String(); !strings.HasPrefix(got, "less than one US cent") {
		t.Errorf("one transition costs %q", got)
	}
}

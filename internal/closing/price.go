package closing

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// PricesAsOf is when the prices below were looked up. They are AWS's list prices in US dollars, in us-east-1 where they differ by region,
// before free tiers, discounts and taxes: good for an estimate.
const PricesAsOf = "2026-11"

// Item is a line of an estimate.
type Item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	USD      float64 `json:"usd"`
}

// Estimate is what something costs at list prices. No bill was looked at.
type Estimate struct {
	AsOf    string   `json:"asOf"`
	Items   []Item   `json:"items,omitempty"`
	USD     float64  `json:"usd"`               // at least, where HighUSD is there
	HighUSD float64  `json:"highUsd,omitempty"` // at most: sources differ
	Unknown []string `json:"unknown,omitempty"` // what has no price here
	Sources []string `json:"sources"`
}

// String is the estimate in words.
func (e Estimate) String() string {
	text := fmt.Sprintf("about USD %.2f", e.USD)
	if e.USD < 0.01 && e.USD > 0 {
		text = "less than one US cent"
	}
	if e.HighUSD > e.USD {
		text = fmt.Sprintf("between USD %.2f and %.2f", e.USD, e.HighUSD)
	}
	text += " at list prices of " + e.AsOf
	if len(e.Unknown) > 0 {
		text += ", not counting " + strings.Join(e.Unknown, ", ")
	}
	return text
}

// rate is a price of one unit.
type rate struct {
	usd    float64
	per    float64 // units
	source string
}

const (
	stepFunctionsPrices = "https://aws.amazon.com/step-functions/pricing/"
	lambdaPrices        = "https://aws.amazon.com/lambda/pricing/"
	s3Prices            = "https://aws.amazon.com/s3/pricing/"
	kmsPrices           = "https://aws.amazon.com/kms/pricing/"
)

// The rates of what a run uses.
var (
	transitionRate = rate{0.025, 1000, stepFunctionsPrices}
	secondRate     = rate{0.0000133334, 1, lambdaPrices} // of a GB, on Arm
	invocationRate = rate{0.20, 1_000_000, lambdaPrices}
	writeRate      = rate{0.005, 1000, s3Prices}
	storageRate    = rate{0.023, 1 << 30, s3Prices} // of a byte, a month
	keyRate        = rate{0.03, 10_000, kmsPrices}
)

// Usage is what a run used.
type Usage struct {
	Transitions int     // of the state machine, retries among them
	Invocations int     // of functions
	GBSeconds   float64 // of functions
	Objects     int     // that the record holds: each was written once, with one request to KMS at most
	Bytes       int64   // that the record holds
}

// Cost is what a run cost.
func (u Usage) Cost() Estimate {
	e := Estimate{AsOf: PricesAsOf, Unknown: []string{"reads of the record, logs, traces and e-mail"}}
	add := func(what string, quantity float64, r rate) {
		e.Items = append(e.Items, Item{What: what, Quantity: round(quantity), USD: round(quantity / r.per * r.usd)})
		if e.USD = round(e.USD + quantity/r.per*r.usd); !slices.Contains(e.Sources, r.source) {
			e.Sources = append(e.Sources, r.source)
		}
	}
	add("state transitions", float64(u.Transitions), transitionRate)
	add("invocations of functions", float64(u.Invocations), invocationRate)
	add("GB-seconds of functions", u.GBSeconds, secondRate)
	add("writes to the record", float64(u.Objects), writeRate)
	add("requests to the record's key", float64(u.Objects), keyRate)
	add("bytes of the record, for a month", float64(u.Bytes), storageRate)
	return e
}

// round keeps a number to what an estimate is worth.
func round(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// monthly is what a user of a role costs a month in Enterprise edition. AWS's own pages give the prices of three of its
// subscriptions, and which role is which; for authors, and for readers that are billed by session, there is somebody else's word.
// https://docs.aws.amazon.com/quick/latest/userguide/user-types.html
var monthly = map[string]struct{ low, high float64 }{
	"READER":     {3, 5},
	"READER_PRO": {20, 20},
	"AUTHOR":     {24, 30},
	"ADMIN":      {24, 30},
	"AUTHOR_PRO": {40, 40},
	"ADMIN_PRO":  {40, 40},
}

// infrastructure is what an account with Pro roles, or of Amazon Quick, costs a month beside its users.
const infrastructure = 250

var monthlySources = []string{
	"https://docs.aws.amazon.com/quick/latest/userguide/monitoring-upgrades.html: Reader 3, Professional 20, Enterprise 40 a month",
	"https://awsnegotiations.com/quicksight-licensing-strategy.html (May 2026): Author 24 to 30, Reader by session at most 5 a month",
}

// Monthly is what the account's users cost a month; nil where that is not known.
func (m Material) Monthly() *Estimate {
	if m.Subscription == nil || m.Subscription.Edition == "STANDARD" { // whose price the sources contradict each other about
		return nil
	}
	e := &Estimate{AsOf: PricesAsOf, Sources: monthlySources, Unknown: []string{"SPICE capacity, reader sessions, alerts, embedding capacity and annual commitments"}}
	roles, pro := m.roles(), m.Subscription.Edition == "ENTERPRISE_AND_Q"
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		n, price := float64(roles[role]), monthly[role]
		if price.high == 0 {
			e.Unknown = append(e.Unknown, fmt.Sprintf("%d users with the role %s", roles[role], role))
			continue
		}
		pro = pro || strings.HasSuffix(role, "_PRO")
		e.Items = append(e.Items, Item{What: "users with the role " + role, Quantity: n, USD: n * price.low})
		e.USD, e.HighUSD = e.USD+n*price.low, e.HighUSD+n*price.high
	}
	if pro {
		e.Items = append(e.Items, Item{What: "the fee of an account with Pro users", Quantity: 1, USD: infrastructure})
		e.USD, e.HighUSD = e.USD+infrastructure, e.HighUSD+infrastructure
	}
	if len(e.Items) == 0 {
		return nil
	}
	if e.HighUSD == e.USD {
		e.HighUSD = 0
	}
	return e
}

// roles counts the users by their role.
func (m Material) roles() map[string]int {
	roles := map[string]int{}
	for _, c := range m.Contents {
		if c.Kind == "user" {
			roles[c.Role] += c.N
		}
	}
	return roles
}

package closing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Consequence is something that closing an account brings with it, which people should know before they decide, and may have to act on
// afterwards.
type Consequence struct {
	About string   `json:"about"` // "users", "sharing", "embedding", "data", "billing", "remains", "beyond us"
	What  string   `json:"what"`
	Do    []string `json:"do,omitempty"` // commands, or where to go
}

// String is the consequence in one line.
func (c Consequence) String() string { return c.About + ": " + c.What }

// Consequences are what closing the account of p brings with it, as far as AWS tells. It promises nothing that AWS does not.
func (p Plan) Consequences() []Consequence {
	m, o := p.Material, p.Observed
	if m.Subscription == nil {
		return nil
	}
	var c consequences
	c.users(m, o)
	c.openings(m, o)
	c.data(m, o)
	c.billing(m)
	c.remains(o)
	c.say("beyond us", []string{"https://us-east-1.quicksight.aws.amazon.com/sn/console/unsubscribe", "https://console.aws.amazon.com/support/home#/case/create"},
		"where this workflow cannot go on, an administrator can unsubscribe in the console; where the console cannot, AWS Support can "+
			"(service QuickSight, category Account; give the request ids of the report)")
	return c
}

type consequences []Consequence

func (c *consequences) say(about string, do []string, format string, args ...any) {
	*c = append(*c, Consequence{About: about, What: fmt.Sprintf(format, args...), Do: do})
}

func (c *consequences) users(m Material, o Observed) {
	roles := m.roles()
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		c.say("users", nil, "with the role %s, and without access from then on: %d", cmp.Or(role, "unknown"), roles[role])
	}
	var idle []string
	for _, u := range o.Uses {
		if u.Events == 0 && u.Refused == "" {
			idle = append(idle, u.Region)
			continue
		}
		c.say("users", nil, "%s", u)
	}
	if idle != nil {
		c.say("users", nil, "CloudTrail knows of no use of QuickSight in %s in the last %d days", strings.Join(idle, ", "), o.Uses[0].Days)
	}
}

// openings are how dashboards reach people who are no users of the account. CloudTrail shows embedding by the URLs that applications ask
// for, and no others: a dashboard behind public sharing's embed code, or one that nobody opened lately, does not show.
func (c *consequences) openings(m Material, o Observed) {
	dashboards := m.Count("dashboard")
	if dashboards == 0 {
		return
	}
	switch {
	case !m.Subscription.PublicSharing:
		c.say("sharing", nil, "public sharing is off for the account")
	case len(o.Sharing) == 0:
		c.say("sharing", nil, "public sharing is on: what everybody on the internet can open, or finds embedded in public pages, stops working; which of the %d dashboards that is, was not read", dashboards)
	}
	for _, s := range o.Sharing {
		c.say("sharing", nil, "%s", s)
	}
	var none []string
	for _, u := range o.Uses {
		switch {
		case u.Refused != "": // said of its users already
		case u.Embeds == 0 && !u.More:
			none = append(none, u.Region)
		default:
			c.say("embedding", nil, "%s", u.embedding())
		}
	}
	if none != nil {
		c.say("embedding", nil, "CloudTrail knows of nothing that was embedded from %s in the last %d days", strings.Join(none, ", "), o.Uses[0].Days)
	}
	c.say("embedding", nil, "whatever application embeds any of the %d dashboards shows errors from then on; no call lists such applications", dashboards)
}

func (c *consequences) data(m Material, o Observed) {
	if sets := m.Count("dataset"); sets > 0 {
		c.say("data", nil, "datasets whose rows are in SPICE, and are lost: %d of %d; refresh schedules that end: %d. Exports hold definitions, not rows",
			o.InSpice, sets, m.Count("refresh-schedule"))
	}
}

func (c *consequences) billing(m Material) {
	if e := m.Monthly(); e != nil {
		c.say("billing", e.Sources, "a month of its users costs %s", e)
	} else {
		c.say("billing", nil, "what the account costs a month is not known")
	}
	c.say("billing", []string{
		`aws ce get-cost-and-usage --time-period Start=…,End=… --granularity DAILY --metrics UnblendedCost --filter '{"Dimensions":{"Key":"SERVICE","Values":["Amazon QuickSight"]}}'`,
		"https://community.amazonquicksight.com/t/quicksight-author-billing/25464",
		"https://docs.aws.amazon.com/quicksight/latest/user/managing-subscriptions.html",
	}, "until when it is billed: one answer of AWS's community says that charges are prorated to the day, a measurement of 2022 (Classmethod) that a user is billed to the end of "+
		"the month; annual subscriptions that have begun cannot be cancelled. Nothing is promised: look at the bill")
}

func (c *consequences) remains(o Observed) {
	for _, r := range o.Remains {
		var do []string
		for _, name := range r.Names {
			do = append(do, r.CleanUp(name)...)
		}
		c.say("remains", do, "%s", r.What())
	}
	c.say("remains", nil, "security group rules and resource policies of your own that admit QuickSight, AWS's managed policies and CloudWatch metrics are not looked for, and not touched")
}

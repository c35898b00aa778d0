package approval

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"quicksight-unsubscribe/internal/closing"
)

// renderFleet is the page of a fleet: totals, what stands out, and every account, which whoever approves can strike out. It shows no name of a
// QuickSight account: whoever approves types one.
func (v view) renderFleet() string {
	s := &sheet{}
	m := v.plan.Material
	title := fmt.Sprintf("Close Amazon QuickSight in %d AWS accounts?", len(m.Fleet))
	s.begin(title)
	s.put("<h1>%s</h1>\n", title)
	v.banner(s)
	v.facts(s)
	s.put("<h2>What is destroyed</h2><ul>\n")
	for _, c := range consequences {
		s.put("<li><strong>%s</strong> %s</li>\n", c.what, c.how)
	}
	s.put("</ul>\n")
	v.totals(s)
	v.apart(s)
	v.decided(s)
	v.forms(s)
	v.accounts(s)
	return s.end()
}

// totals are the fleet in numbers, and the accounts that are unlike the others.
func (v view) totals(s *sheet) {
	all := v.plan.Material.Fleet
	users, assets, directories, networks := 0, 0, 0, 0
	for _, m := range all {
		users, assets = users+m.Users, assets+m.Assets
		if m.Directory != "" {
			directories++
		}
		if m.VPC != "" {
			networks++
		}
	}
	s.put("<table><thead><tr><th>Accounts</th><th>Users</th><th>Assets</th><th>Directories</th><th>VPCs</th></tr></thead><tbody>\n")
	s.put("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr></tbody></table>\n",
		strconv.Itoa(len(all)), strconv.Itoa(users), strconv.Itoa(assets), strconv.Itoa(directories), strconv.Itoa(networks))
	if outliers := closing.Outliers(all, 4*shown); len(outliers) > 0 {
		s.put("<h2>Unusually large</h2><ul>\n")
		items(s, outliers, func(m closing.Member) string {
			return fmt.Sprintf("account %s: %d users, %d assets", m.AccountID, m.Users, m.Assets)
		})
		s.put("</ul>\n")
	}
}

// apart are the accounts that were asked for and are not in the fleet.
func (v view) apart(s *sheet) {
	if len(v.plan.Observed.Apart) == 0 {
		return
	}
	s.put("<h2>Not in it, and left alone: %s accounts</h2><ul>\n", strconv.Itoa(len(v.plan.Observed.Apart)))
	items(s, v.plan.Observed.Apart, func(a closing.Apart) string { return a.AccountID + ": " + a.Why })
	s.put("</ul>\n")
}

// accounts lists every account, the largest first, with a box to strike it out that belongs to the form that approves.
func (v view) accounts(s *sheet) {
	open := v.seal == nil && v.ask.Stands(v.decisions, v.now) == closing.StandingPending
	struck := map[string]string{}
	for _, d := range v.ask.Approvals(v.decisions) {
		for _, account := range d.Struck {
			struck[account] = d.Person
		}
	}
	bySize := slices.Clone(v.plan.Material.Fleet)
	slices.SortFunc(bySize, func(a, b closing.Member) int {
		return cmp.Or(cmp.Compare(b.Users+b.Assets, a.Users+a.Assets), cmp.Compare(a.AccountID, b.AccountID))
	})
	s.put("<h2>The accounts</h2>\n")
	if open {
		s.put("<p>Check what is not to be closed. Each approver can strike accounts out; what is closed is what all of them keep.</p>\n")
	}
	s.put("<table><thead><tr><th>Account</th><th>Users</th><th>Assets</th><th>Directory, VPC</th><th>Strike out</th></tr></thead><tbody>\n")
	for _, m := range bySize {
		s.put("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s %s</td><td>", m.AccountID, strconv.Itoa(m.Users), strconv.Itoa(m.Assets), m.Directory, m.VPC)
		switch who := struck[m.AccountID]; {
		case who != "":
			s.put("by %s", who)
		case open:
			s.put(`<input type="checkbox" name="struck" value="%s" form="approve" aria-label="Strike out %s">`, m.AccountID, m.AccountID)
		}
		s.put("</td></tr>\n")
	}
	s.put("</tbody></table>\n")
}

package step

import (
	"fmt"
	"slices"
	"time"

	"quicksight-unsubscribe/internal/closing"
)

// notDone lists what of the plan a run that stopped has not deleted, and how far it came with each: the report of a failure says exactly
// what was done, which are its acts, and what was not. What AWS no longer shows is done, whoever did it.
func (r *reporting) notDone() []closing.Undone {
	if r.Plan == nil {
		return nil
	}
	var undone []closing.Undone
	for _, u := range deletions(r.Plan.Material) {
		is := func(c closing.Check) bool { return c.ID == u.ID }
		if slices.ContainsFunc(r.Gone, is) {
			continue
		}
		open := slices.ContainsFunc(r.Left, is) || slices.ContainsFunc(r.Unknown, is)
		u.Why = "not begun"
		for _, a := range r.Acts {
			if a.Resource != u.ID || a.Operation == opUpdateSettings {
				continue
			}
			u.Why = fmt.Sprintf("%s was called at %s: %s", a.Operation, a.Intended.UTC().Format(time.RFC3339), a.Result())
			if !open && (a.Outcome == outcomeDone || a.Outcome == outcomeGone) {
				u.Why = ""
			}
		}
		if u.Why != "" {
			undone = append(undone, u)
		}
	}
	return undone
}

// deletions are all that a plan deletes, in the order of doing it.
func deletions(m closing.Material) []closing.Undone {
	var all []closing.Undone
	add := func(kind, id, region string) {
		all = append(all, closing.Undone{Kind: kind, ID: id, Region: region})
	}
	if m.Subscription != nil {
		for _, c := range m.VPCConnections {
			add("VPC connection", c.ARN, c.Region)
		}
		for _, n := range m.SecondaryNamespaces() {
			add("namespace", n.Name, m.IdentityRegion)
		}
		add("subscription", m.AccountID, m.IdentityRegion)
	}
	if d := m.Directory; d.Fate == closing.FateDelete {
		add("directory", d.ID, d.Region)
	}
	if v := m.VPC; v.Fate == closing.FateDelete {
		for _, resource := range v.Resources {
			add(resource.Kind, resource.ID, v.Region)
		}
		add("VPC", v.ID, v.Region)
	}
	return all
}

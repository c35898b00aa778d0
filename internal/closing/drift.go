package closing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Difference is one fact of the account that is not as it was approved.
type Difference struct {
	What   string          `json:"what"`             // "user", "dashboard", "subscription", …
	ID     string          `json:"id"`               // the name, id or ARN
	Before json.RawMessage `json:"before,omitempty"` // absent: it is new
	After  json.RawMessage `json:"after"`
}

// String is the difference as people read it.
func (d Difference) String() string {
	if d.Before == nil {
		return fmt.Sprintf("new %s %s", d.What, d.ID)
	}
	return fmt.Sprintf("changed %s %s: %s, was %s", d.What, d.ID, d.After, d.Before)
}

// Drift lists what is new or changed in now against approved, apart from what is listed: AssetDrift and UnsavedDrift tell that. What has
// disappeared is not drift: there is less to destroy than was approved. Both must be sorted.
func Drift(approved, now Material) []Difference {
	before, after := approved.facts(), now.facts()
	var drift []Difference
	for _, key := range slices.SortedFunc(maps.Keys(after), fact.compare) {
		was, is := before[key], after[key]
		if !bytes.Equal(was, is) {
			drift = append(drift, Difference{What: key.what, ID: key.id, Before: was, After: is})
		}
	}
	return drift
}

// fact is the name of one material fact.
type fact struct{ what, id string }

func (f fact) compare(g fact) int {
	if f.what != g.what {
		return bytes.Compare([]byte(f.what), []byte(g.what))
	}
	return bytes.Compare([]byte(f.id), []byte(g.id))
}

// facts takes m apart into facts that can appear, change and disappear each by itself.
func (m Material) facts() map[fact]json.RawMessage {
	facts := map[fact]json.RawMessage{}
	put := func(what, id string, v any) { facts[fact{what, id}] = Canonical(v) }
	if m.Subscription != nil {
		put("subscription", m.AccountID, m.Subscription)
		put("identity region", m.AccountID, m.IdentityRegion)
	}
	for _, n := range m.Namespaces {
		put("namespace", n.Name, n)
	}
	for _, c := range m.VPCConnections {
		// Its interfaces come and go with it; each is EC2's and none is ours to delete.
		put("VPC connection", c.ARN, []string{c.VPC, c.Role})
	}
	if d := m.Directory; d.Fate == FateDelete {
		put("directory", d.ID, []string{d.Region, d.Type, d.VPC})
	}
	if v := m.VPC; v.Fate == FateDelete {
		put("VPC", v.ID, []string{v.Region, v.CIDR})
		for _, r := range v.Resources {
			put(r.Kind, r.ID, v.ID)
		}
	}
	for _, n := range m.NotReadable {
		put("not readable", n.Kind+" in "+n.Region, n.Reason)
	}
	put("not saved", m.AccountID, m.NotSaved)
	put("not before", m.AccountID, m.NotBefore)
	return facts
}

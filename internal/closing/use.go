package closing

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Use is how QuickSight was used in one region lately, as far as CloudTrail's event history tells. It is shown to the approver, and no
// fact of the plan.
type Use struct {
	Region    string    `json:"region"`
	Days      int       `json:"days"` // how far back CloudTrail was asked
	Events    int       `json:"events,omitempty"`
	More      bool      `json:"more,omitempty"` // not all events were read: every number is "at least"
	Last      time.Time `json:"last,omitzero"`
	Name      string    `json:"name,omitempty"`     // of the last event
	By        string    `json:"by,omitempty"`       // whose it is
	Users     int       `json:"users,omitempty"`    // how many names the events have
	Latest    []Active  `json:"latest,omitempty"`   // the first MaxNamed of them, the latest first
	Embeds    int       `json:"embeds,omitempty"`   // events that made a URL for embedding
	LastEmbed time.Time `json:"lastEmbed,omitzero"` // of them
	Embedded  []string  `json:"embedded,omitempty"` // ids of dashboards that they name, the first MaxNamed, sorted
	Refused   string    `json:"refused,omitempty"`  // AWS's error code where it does not say: then nothing is known
}

// Active is somebody who used QuickSight, by the name that CloudTrail has: a user's, or that of a role's session.
type Active struct {
	Name   string    `json:"name"`
	Events int       `json:"events"`
	Last   time.Time `json:"last"`
}

// MaxNamed is how many things of a kind are named where a number stands for all.
const MaxNamed = 10

// String is the use in words.
func (u Use) String() string {
	if u.Refused != "" {
		return fmt.Sprintf("whether anybody used QuickSight in %s lately, or embedded anything from it, is not known: CloudTrail answers %s", u.Region, u.Refused)
	}
	text := fmt.Sprintf("QuickSight in %s was last used on %s: %s by %s; %s events in %d days", u.Region, u.Last.Format(time.DateOnly), u.Name, u.By, u.atLeast(u.Events), u.Days)
	names := make([]string, 0, len(u.Latest))
	for _, a := range u.Latest {
		names = append(names, fmt.Sprintf("%s (%s)", a.Name, a.Last.Format(time.DateOnly)))
	}
	return fmt.Sprintf("%s; active: %s", text, u.named(u.Users, names))
}

// embedding is what the events say of embedded dashboards.
func (u Use) embedding() string {
	if u.Embeds == 0 {
		return fmt.Sprintf("among the %d events of %s that were read, none embeds anything", u.Events, u.Region)
	}
	text := fmt.Sprintf("URLs that applications had made in %d days, to embed QuickSight from %s: %s, the last on %s", u.Days, u.Region, u.atLeast(u.Embeds), u.LastEmbed.Format(time.DateOnly))
	if len(u.Embedded) > 0 {
		text += ", for " + strings.Join(u.Embedded, ", ")
	}
	return text
}

func (u Use) atLeast(n int) string {
	if u.More {
		return fmt.Sprintf("at least %d", n)
	}
	return strconv.Itoa(n)
}

// named lists the first names of n.
func (u Use) named(n int, names []string) string {
	text := strings.Join(names, ", ")
	if more := n - len(names); more > 0 {
		text += fmt.Sprintf(" and %s more", u.atLeast(more))
	}
	return text
}

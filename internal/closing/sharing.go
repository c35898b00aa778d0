package closing

import (
	"fmt"
	"strings"
)

// Sharing is which dashboards of a region are open to more than those whom they are shared with by name. It is asked only where the
// account's public sharing is on: where it is off, nobody from outside opens anything.
type Sharing struct {
	Region  string   `json:"region"`
	Asked   int      `json:"asked"`             // dashboards whose permissions were read: the first ones
	Of      int      `json:"of"`                // dashboards
	Public  []string `json:"public,omitempty"`  // names of those that everybody on the internet can open, at most MaxNamed
	Publics int      `json:"publics,omitempty"` // how many
	Refused string   `json:"refused,omitempty"` // AWS's error code where it does not say
}

// String is the sharing in words.
func (s Sharing) String() string {
	if s.Refused != "" {
		return fmt.Sprintf("which of the %d dashboards in %s everybody on the internet can open is not known: QuickSight answers %s", s.Of, s.Region, s.Refused)
	}
	text := fmt.Sprintf("%d of the %d dashboards in %s can be opened by everybody on the internet, and will no longer", s.Publics, s.Of, s.Region)
	if s.Asked < s.Of {
		text = fmt.Sprintf("%d of the first %d dashboards in %s can be opened by everybody on the internet, and will no longer; the other %d were not asked",
			s.Publics, s.Asked, s.Region, s.Of-s.Asked)
	}
	if s.Publics > 0 {
		text += ": " + strings.Join(s.Public, ", ")
		if more := s.Publics - len(s.Public); more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
	}
	return text
}

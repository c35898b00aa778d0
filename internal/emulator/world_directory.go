package emulator

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Directory is one directory of Directory Service, as plain data. A directory with a VPC brings its security group and its two interfaces.
type Directory struct {
	ID          string            `json:"id"`
	Region      string            `json:"region,omitempty"` // us-east-1
	Name        string            `json:"name,omitempty"`   // corp.example.com
	ShortName   string            `json:"shortName,omitempty"`
	Alias       string            `json:"alias,omitempty"` // the id
	Description string            `json:"description,omitempty"`
	Type        string            `json:"type,omitempty"` // SimpleAD
	Size        string            `json:"size,omitempty"` // Small
	Edition     string            `json:"edition,omitempty"`
	Stage       string            `json:"stage,omitempty"` // Active
	StageReason string            `json:"stageReason,omitempty"`
	Launched    time.Time         `json:"launched,omitzero"` // the world's now
	VPC         string            `json:"vpc,omitempty"`     // none for a directory that another account shares
	Subnets     []string          `json:"subnets,omitempty"` // the VPC's first two
	DNS         []string          `json:"dns,omitempty"`     // the interfaces' addresses
	SSO         bool              `json:"sso,omitempty"`
	Owner       string            `json:"owner,omitempty"`      // account id, where another account shares it
	SharedWith  []string          `json:"sharedWith,omitempty"` // account ids
	Trusts      []string          `json:"trusts,omitempty"`     // remote domain names
	Snapshots   []Snapshot        `json:"snapshots,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Applications hold an authorization, which forbids deleting: "workspaces" and the like for ever, "quicksight" while the account's subscription lives
	// and AuthorizedApplicationMinutes longer.
	Applications                 []string `json:"applications,omitempty"`
	AuthorizedApplicationMinutes *int     `json:"authorizedApplicationMinutes,omitempty"` // 2

	DeleteMinutes    *int `json:"deleteMinutes,omitempty"`    // from the request until it is gone, 5
	InterfaceMinutes *int `json:"interfaceMinutes,omitempty"` // from there until its interfaces and group are gone, 2
	LeavesInterfaces bool `json:"leavesInterfaces,omitempty"` // they never go, and become available

	GoneAt time.Time `json:"goneAt,omitzero"` // when a directory that is Deleting will be gone
}

// Snapshot is a snapshot of a directory.
type Snapshot struct {
	ID      string    `json:"id"`
	Type    string    `json:"type,omitempty"` // Auto
	Started time.Time `json:"started,omitzero"`
}

// The stages that the emulator tells apart.
const (
	stageDeleting = "Deleting"
	stageDeleted  = "Deleted"
)

// network is the account's network in a region, made when it is first asked for.
func (account *Account) network(region string) *Network {
	if account.Network == nil {
		account.Network = map[string]*Network{}
	}
	if account.Network[region] == nil {
		account.Network[region] = &Network{}
	}
	return account.Network[region]
}

// completeNetworks completes the account's networks and the directories in them.
func (account *Account) completeNetworks(id string, now time.Time) error {
	for _, region := range sortedKeys(account.Network) {
		if err := account.network(region).complete(id, region, now); err != nil {
			return err
		}
	}
	for _, d := range account.Directories {
		if err := d.complete(account, id, now); err != nil {
			return fmt.Errorf("directory %s: %w", d.ID, err)
		}
	}
	for _, region := range sortedKeys(account.Network) {
		if err := account.network(region).prepare(id, region, now); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) complete(account *Account, id string, now time.Time) error {
	if !directoryID.MatchString(d.ID) {
		return fmt.Errorf("the id %q is not d- and ten hexadecimal digits", d.ID)
	}
	defaults(&d.Region, "us-east-1")
	defaults(&d.Name, "corp.example.com")
	defaults(&d.ShortName, strings.ToUpper(strings.Split(d.Name, ".")[0]))
	defaults(&d.Alias, d.ID)
	defaults(&d.Type, "SimpleAD")
	defaults(&d.Size, "Small")
	defaults(&d.Stage, "Active")
	defaults(&d.Launched, now)
	defaults(&d.Owner, id)
	for i := range d.Snapshots {
		defaults(&d.Snapshots[i].Type, "Auto")
		defaults(&d.Snapshots[i].Started, d.Launched)
	}
	if d.Stage == stageDeleted || !d.GoneAt.IsZero() {
		return nil // its interfaces are leaving or have left
	}
	if d.VPC == "" {
		if d.Owner == id {
			return errors.New("it needs a vpc, or an owner that shares it")
		}
		return nil
	}
	n := account.network(d.Region)
	if err := d.completeInterfaces(n, id, now); err != nil {
		return err
	}
	if d.Stage == stageDeleting {
		d.remove(n, now)
	}
	return nil
}

// completeInterfaces gives a directory what AWS creates for it in a VPC: https://docs.aws.amazon.com/directoryservice/latest/admin-guide/create_details_simple.html
func (d *Directory) completeInterfaces(n *Network, account string, now time.Time) error {
	if len(d.Subnets) == 0 {
		for _, s := range n.Subnets {
			if s.VPC == d.VPC && len(d.Subnets) < 2 {
				d.Subnets = append(d.Subnets, s.ID)
			}
		}
	}
	if len(d.Subnets) == 0 {
		return fmt.Errorf("its vpc %q has no subnets in %s", d.VPC, d.Region)
	}
	if d.group(n) == nil {
		n.SecurityGroups = append(n.SecurityGroups, &SecurityGroup{
			Resource: Resource{ID: derivedID("sg", d.ID), Owner: account}, VPC: d.VPC, Name: d.groupName(),
			Description: "AWS created security group for " + d.ID + " directory controllers",
			Rules: []GroupRule{
				{Protocol: "tcp", From: 53, CIDR: "0.0.0.0/0"}, {Protocol: "udp", From: 53, CIDR: "0.0.0.0/0"}, {Protocol: "tcp", From: 389, CIDR: "0.0.0.0/0"},
				{Group: derivedID("sg", d.ID)}, {Egress: true, Group: derivedID("sg", d.ID)},
			},
		})
	}
	c := completion{Network: n, account: account, region: d.Region, now: now}
	for _, subnet := range d.Subnets {
		c.serve(d.ID, subnet, NetworkInterface{SecurityGroups: []string{d.group(n).ID}})
	}
	if err := n.complete(account, d.Region, now); err != nil {
		return err
	}
	if len(d.DNS) == 0 {
		for _, e := range n.NetworkInterfaces {
			if e.For == d.ID {
				d.DNS = append(d.DNS, e.PrivateIP)
			}
		}
		slices.SortFunc(d.DNS, func(a, b string) int { return netip.MustParseAddr(a).Compare(netip.MustParseAddr(b)) })
	}
	return nil
}

func (d *Directory) groupName() string { return d.ID + "_controllers" }

// group is the security group of a directory's controllers.
func (d *Directory) group(n *Network) *SecurityGroup {
	for _, g := range n.SecurityGroups {
		if g.Name == d.groupName() {
			return g
		}
	}
	return nil
}

// remove starts the deletion of a directory. Its interfaces and its group outlast it.
func (d *Directory) remove(n *Network, at time.Time) {
	d.Stage = stageDeleting
	d.GoneAt = at.Add(minutes(d.DeleteMinutes, 5))
	after := Change{At: d.GoneAt.Add(minutes(d.InterfaceMinutes, 2))}
	for _, id := range n.interfacesOf(d.ID) {
		if d.LeavesInterfaces {
			if after.States == nil {
				after.States = map[string]string{}
			}
			after.States[id] = "available"
		} else {
			after.Remove = append(after.Remove, id)
		}
	}
	if g := d.group(n); g != nil && !d.LeavesInterfaces {
		after.Remove = append(after.Remove, g.ID)
	}
	n.later(after)
}

// settleNetworks applies what asynchronous work has reached by now in the account's networks and directories.
func (account *Account) settleNetworks(a *AWS, id string, now time.Time) {
	ended, at := account.quickSightEnded()
	for _, d := range account.Directories {
		if ended && d.Stage != stageDeleting && account.QuickSight.removes(d) && a.assume("directory-removed-by-quicksight") == "yes" {
			d.remove(account.network(d.Region), at)
		}
	}
	account.Directories = slices.DeleteFunc(account.Directories, func(d *Directory) bool {
		return d.Stage == stageDeleting && !d.GoneAt.After(now)
	})
	for _, region := range sortedKeys(account.Network) {
		// The changes were rehearsed when the world was read. One that fails now is too late: nobody launches anything in a subnet that is gone.
		for n := account.network(region); n.settle(id, region, now) != nil; {
		}
	}
}

// quickSightEnded reports whether the account has no QuickSight subscription, and since when if it had one.
func (account *Account) quickSightEnded() (ended bool, at time.Time) {
	switch q := account.QuickSight; {
	case q == nil:
		return true, time.Time{}
	case q.Unsubscribed != nil:
		return true, *q.Unsubscribed
	}
	return false, time.Time{}
}

// authorized are the applications that hold an authorization on a directory.
func (d *Directory) authorized(a *AWS, account *Account, now time.Time) []string {
	linger := time.Duration(0)
	if a.assume("directory-apps-linger") == "yes" {
		linger = minutes(d.AuthorizedApplicationMinutes, 2)
	}
	var held []string
	for _, application := range d.Applications {
		if application == "quicksight" {
			if ended, at := account.quickSightEnded(); ended && !now.Before(at.Add(linger)) {
				continue
			}
		}
		held = append(held, application)
	}
	return held
}

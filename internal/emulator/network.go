package emulator

import (
	"slices"
	"strings"
	"time"
)

func (r *Resource) resource() *Resource { return r }

// resource is anything in a network.
type resource interface{ resource() *Resource }

// list holds the resources of one kind.
type list[T resource] []T

func (l list[T]) find(id string) (found T, ok bool) {
	for _, r := range l {
		if r.resource().ID == id {
			return r, true
		}
	}
	return found, false
}

func (l list[T]) any(match func(T) bool) bool { return slices.ContainsFunc(l, match) }

func (l list[T]) each(visit func(resource)) {
	for _, r := range l {
		visit(r)
	}
}

func (l *list[T]) join(other anyList) { *l = append(*l, *other.(*list[T])...) }

func (l *list[T]) remove(ids ...string) {
	*l = slices.DeleteFunc(*l, func(r T) bool { return slices.Contains(ids, r.resource().ID) })
}

// anyList is a list of whatever kind.
type anyList interface {
	each(func(resource))
	remove(...string)
	join(anyList)
}

// lists are all the lists of a network, in the order in which their resources build on each other.
func (n *Network) lists() []anyList {
	return []anyList{
		&n.DHCPOptions, &n.VPCs, &n.Subnets, &n.RouteTables, &n.SecurityGroups, &n.NetworkACLs, &n.InternetGateways,
		&n.EgressOnlyInternetGateways, &n.NATGateways, &n.Addresses, &n.VPCEndpoints, &n.NetworkInterfaces, &n.Instances, &n.Peerings, &n.VPNGateways,
		&n.VPNConnections, &n.TransitGatewayAttachments, &n.CarrierGateways, &n.InstanceConnectEndpoints, &n.ClientVPNEndpoints, &n.FlowLogs, &n.PublicAccessExclusions, &n.EncryptionControls,
		&n.LocalGatewayAssociations,
	}
}

// remember keeps the present network for the reads that follow a write.
func (n *Network) remember(now time.Time) {
	if n.ConsistencySeconds == 0 || n.Before != nil && now.Before(n.Before.Until) {
		return // reads never see more than that long into the past
	}
	n.Before = nil
	n.Before = &Before{now.Add(time.Duration(n.ConsistencySeconds) * time.Second), deepCopy(n)}
}

// seen is the network as reads see it.
func (n *Network) seen(now time.Time) *Network {
	if n.Before != nil && now.Before(n.Before.Until) {
		return n.Before.Network
	}
	return n
}

// resource finds anything by its id.
func (n *Network) resource(id string) *Resource {
	var found *Resource
	for _, l := range n.lists() {
		l.each(func(r resource) {
			if r.resource().ID == id {
				found = r.resource()
			}
		})
	}
	return found
}

// remove takes resources away, with what AWS takes away by itself: associations, public addresses, and the interfaces that serve them.
func (n *Network) remove(ids ...string) {
	for i := range n.NetworkInterfaces {
		if e := n.NetworkInterfaces[i]; slices.Contains(ids, e.For) {
			ids = append(ids, e.ID)
		}
	}
	for _, l := range n.lists() {
		l.remove(ids...)
	}
	gone := func(id string) bool { return slices.Contains(ids, id) }
	for _, t := range n.RouteTables {
		t.Subnets = slices.DeleteFunc(t.Subnets, gone)
		// Routes to anything else that is gone stay, as blackholes.
		t.Routes = slices.DeleteFunc(t.Routes, func(r Route) bool { return strings.HasPrefix(r.Target, "vpce-") && gone(r.Target) })
	}
	for _, acl := range n.NetworkACLs {
		acl.Subnets = slices.DeleteFunc(acl.Subnets, gone)
	}
	for _, address := range n.Addresses {
		if gone(address.Interface) {
			address.Interface = ""
		}
	}
}

// removeInterfaces takes away the interfaces that serve a resource.
func (n *Network) removeInterfaces(id string) {
	for _, e := range slices.Clone(n.NetworkInterfaces) {
		if e.For == id {
			n.remove(e.ID)
		}
	}
}

// later plans a change.
func (n *Network) later(c Change) { n.Changes = append(n.Changes, c) }

// settle applies the changes that are due, in the order of their time.
func (n *Network) settle(account, region string, now time.Time) error {
	for {
		due := -1
		for i, c := range n.Changes {
			if !c.At.After(now) && (due < 0 || c.At.Before(n.Changes[due].At)) {
				due = i
			}
		}
		if due < 0 {
			return nil
		}
		c := n.Changes[due]
		n.Changes = slices.Delete(n.Changes, due, due+1)
		if err := n.apply(c, account, region); err != nil {
			return err
		}
	}
}

func (n *Network) apply(c Change, account, region string) error {
	n.remove(c.Remove...)
	for _, id := range sortedKeys(c.States) {
		n.setState(id, c.States[id], c.At)
	}
	if c.Add == nil {
		return nil
	}
	before := deepCopy(n)
	n.add(c.Add)
	if err := n.complete(account, region, c.At); err != nil {
		*n = *before
		return err
	}
	return nil
}

// setState moves a resource to a state and does what that state means for its surroundings.
func (n *Network) setState(id, state string, at time.Time) {
	if gateway, ok := n.VPNGateways.find(id); ok {
		gateway.Attachment = state
		return
	}
	r := n.resource(id)
	if r == nil {
		return
	}
	r.State = state
	if gateway, ok := n.NATGateways.find(id); ok && state == "deleted" {
		gateway.Deleted = at
		n.removeInterfaces(id)
		// A deleted NAT gateway stays visible for about an hour: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
		n.later(Change{At: at.Add(time.Hour), Remove: []string{id}})
	}
	// And so does a terminated instance: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
	if _, ok := n.Instances.find(id); ok && state == "terminated" {
		n.removeInterfaces(id)
		n.later(Change{At: at.Add(time.Hour), Remove: []string{id}})
	}
}

// add appends the resources and changes of another network.
func (n *Network) add(other *Network) {
	others := other.lists()
	for i, l := range n.lists() {
		l.join(others[i])
	}
	n.Changes = append(n.Changes, other.Changes...)
}

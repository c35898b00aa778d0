package emulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// derivedID is the id of something that the world did not name: stable, and shaped like EC2's.
func derivedID(prefix string, of ...string) string {
	sum := sha256.Sum256([]byte(prefix + "/" + strings.Join(of, "/")))
	return prefix + "-" + hex.EncodeToString(sum[:])[:17]
}

// defaults sets a field that was left out.
func defaults[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// prepare completes a network and rehearses its changes, so that a mistake in one shows at once and not when its time comes.
func (n *Network) prepare(account, region string, now time.Time) error {
	if err := n.complete(account, region, now); err != nil {
		return err
	}
	return deepCopy(n).settle(account, region, now.AddDate(100, 0, 0))
}

// complete fills what a hand-written network leaves out and refuses a reference to something that is not there. It may be run again.
func (n *Network) complete(account, region string, now time.Time) error {
	c := completion{Network: n, account: account, region: region, now: now}
	c.ids()
	c.vpcs()
	for _, step := range []func() error{c.insides, c.borders, c.served} {
		if err := step(); err != nil {
			return fmt.Errorf("network of account %s in %s: %w", account, region, err)
		}
	}
	return nil
}

type completion struct {
	*Network
	account, region string
	now             time.Time
}

// prefixes are those of EC2's ids, in the order of lists.
var prefixes = []string{
	"dopt", "vpc", "subnet", "rtb", "sg", "acl", "igw", "eigw", "nat", "eipalloc", "vpce", "eni", "i", "pcx", "vgw", "vpn", "tgw-attach", "cagw", "eice", "cvpn-endpoint", "fl", "vpcbpa-exclude", "vpcec", "lgw-vpc-assoc",
}

// ids names what the world did not. The time keeps what appears later from taking the id of something that has gone.
func (c completion) ids() {
	for i, l := range c.lists() {
		position := 0
		l.each(func(r resource) {
			defaults(&r.resource().ID, derivedID(prefixes[i], c.account, c.region, c.now.UTC().String(), strconv.Itoa(position)))
			defaults(&r.resource().Owner, c.account)
			position++
		})
	}
}

func (c completion) vpcs() {
	for _, vpc := range c.VPCs {
		defaults(&vpc.State, "available")
		defaults(&vpc.CIDR, "10.0.0.0/16")
		defaults(&vpc.DHCPOptions, c.defaultDHCPOptions())
		of := func(owner string, id string) Resource { return Resource{ID: id, Owner: owner} }
		if !c.RouteTables.any(func(t *RouteTable) bool { return t.VPC == vpc.ID && t.Main }) {
			c.RouteTables = append(c.RouteTables, &RouteTable{Resource: of(vpc.Owner, derivedID("rtb", vpc.ID)), VPC: vpc.ID, Main: true})
		}
		if !c.NetworkACLs.any(func(a *NetworkACL) bool { return a.VPC == vpc.ID && a.Default }) {
			c.NetworkACLs = append(c.NetworkACLs, &NetworkACL{Resource: of(vpc.Owner, derivedID("acl", vpc.ID)), VPC: vpc.ID, Default: true})
		}
		if c.defaultGroup(vpc.ID) == "" {
			id := derivedID("sg", vpc.ID)
			c.SecurityGroups = append(c.SecurityGroups, &SecurityGroup{
				Resource: of(vpc.Owner, id), VPC: vpc.ID, Name: "default", Description: "default VPC security group",
				Rules: []GroupRule{{Group: id}, {Egress: true, CIDR: "0.0.0.0/0"}},
			})
		}
	}
}

// defaultDHCPOptions is the id of the region's own set: https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html
func (c completion) defaultDHCPOptions() string {
	id := derivedID("dopt", c.account, c.region)
	if _, ok := c.DHCPOptions.find(id); !ok {
		domain := c.region + ".compute.internal"
		if c.region == "us-east-1" {
			domain = "ec2.internal"
		}
		c.DHCPOptions = append(c.DHCPOptions, &DHCPOptions{Resource: Resource{ID: id, Owner: c.account}, DomainName: domain, Servers: []string{"AmazonProvidedDNS"}})
	}
	return id
}

// defaultGroup is the id of a VPC's default security group.
func (n *Network) defaultGroup(vpc string) string {
	for _, g := range n.SecurityGroups {
		if g.VPC == vpc && g.Name == "default" {
			return g.ID
		}
	}
	return ""
}

// insides completes what lies in a VPC.
func (c completion) insides() error {
	for i, subnet := range c.Subnets {
		vpc, ok := c.VPCs.find(subnet.VPC)
		if !ok {
			return missing(subnet.ID, "VPC", subnet.VPC)
		}
		defaults(&subnet.State, "available")
		defaults(&subnet.Zone, c.region+"a")
		if subnet.CIDR == "" {
			block, err := block(vpc.ID, vpc.CIDR)
			if err != nil {
				return err
			}
			base := block.Addr().As4()
			if block.Bits() < 24 {
				base[2] += byte(i)
			}
			subnet.CIDR = netip.PrefixFrom(netip.AddrFrom4(base), max(24, block.Bits())).String()
		}
	}
	for _, table := range c.RouteTables {
		if err := c.known(table.ID, table.VPC, table.Subnets); err != nil {
			return err
		}
	}
	for _, acl := range c.NetworkACLs {
		if err := c.known(acl.ID, acl.VPC, acl.Subnets); err != nil {
			return err
		}
	}
	for _, group := range c.SecurityGroups {
		if err := c.known(group.ID, group.VPC, nil); err != nil {
			return err
		}
		defaults(&group.Name, group.ID)
		defaults(&group.Description, group.Name)
		if group.Rules == nil {
			group.Rules = []GroupRule{{Egress: true, CIDR: "0.0.0.0/0"}}
		}
		for i := range group.Rules {
			rule := &group.Rules[i]
			defaults(&rule.Protocol, "-1")
			if rule.Protocol == "-1" {
				rule.From, rule.To = -1, -1
			}
			defaults(&rule.To, rule.From)
			if rule.Group != "" {
				defaults(&rule.GroupOwner, group.Owner)
			}
			defaults(&rule.ID, derivedID("sgr", group.ID, strconv.FormatBool(rule.Egress), rule.source(), rule.Protocol, strconv.Itoa(rule.From), strconv.Itoa(rule.To)))
		}
	}
	return nil
}

// block reads the IPv4 block of a VPC or subnet, which "must be between a /28 netmask and /16 netmask": https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
func block(of, cidr string) (netip.Prefix, error) {
	block, err := netip.ParsePrefix(cidr)
	if err != nil {
		return block, fmt.Errorf("%s: cidr: %w", of, err)
	}
	if !block.Addr().Is4() || block.Bits() < 16 || block.Bits() > 28 {
		return block, fmt.Errorf("%s: cidr %s is not an IPv4 block between /16 and /28", of, cidr)
	}
	return block, nil
}

// source is what a rule lets through: a block, a group or a prefix list.
func (r GroupRule) source() string { return cmp.Or(r.Group, r.CIDR, r.PrefixList) }

// borders completes gateways and the like.
func (c completion) borders() error {
	for _, g := range c.VPNGateways {
		defaults(&g.State, "available")
		if g.VPC != "" {
			defaults(&g.Attachment, "attached")
		}
	}
	for _, v := range c.VPNConnections {
		defaults(&v.State, "available")
	}
	for _, g := range c.CarrierGateways {
		defaults(&g.State, "available")
	}
	for _, p := range c.Peerings {
		defaults(&p.State, "active")
		for _, side := range []*Peer{&p.Requester, &p.Accepter} {
			defaults(&side.Owner, c.account)
			defaults(&side.Region, c.region)
			if vpc, ok := c.VPCs.find(side.VPC); ok {
				defaults(&side.CIDR, vpc.CIDR)
			}
		}
	}
	for _, a := range c.Addresses {
		sum := sha256.Sum256([]byte(a.ID))
		// 203.0.113.0/24 is the documentation block: RFC 5737.
		defaults(&a.PublicIP, fmt.Sprintf("203.0.113.%d", sum[0]))
	}
	for _, f := range c.FlowLogs {
		defaults(&f.State, "ACTIVE")
		if c.resource(f.Target) == nil {
			return missing(f.ID, "resource", f.Target)
		}
	}
	for _, e := range c.PublicAccessExclusions {
		defaults(&e.State, "create-complete")
		if c.resource(e.Target) == nil {
			return missing(e.ID, "resource", e.Target)
		}
	}
	for _, e := range c.EncryptionControls {
		defaults(&e.State, "available")
		if err := c.known(e.ID, e.VPC, nil); err != nil {
			return err
		}
	}
	for _, a := range c.LocalGatewayAssociations {
		defaults(&a.State, "associated")
		if err := c.known(a.ID, a.VPC, nil); err != nil {
			return err
		}
	}
	return nil
}

// served completes what AWS serves through interfaces, and those interfaces.
func (c completion) served() error {
	for _, gateway := range c.NATGateways {
		defaults(&gateway.State, "available")
		defaults(&gateway.Created, c.now)
		// What is deleted stays visible for a while, and may outlive its subnet.
		if gateway.Subnet == "" || gateway.State == "deleted" {
			continue
		}
		subnet, ok := c.Subnets.find(gateway.Subnet)
		if !ok {
			return missing(gateway.ID, "subnet", gateway.Subnet)
		}
		gateway.VPC = subnet.VPC
		eni := c.serve(gateway.ID, gateway.Subnet, NetworkInterface{
			Type: "nat_gateway", Description: "Interface for NAT Gateway " + gateway.ID, RequesterManaged: true, Requester: c.account, AttachmentOwner: "amazon-aws",
		})
		if address, ok := c.Addresses.find(gateway.Address); ok {
			address.Interface = eni.ID
			eni.PublicIP = address.PublicIP
		}
	}
	for _, endpoint := range c.VPCEndpoints {
		kind := "Gateway"
		if len(endpoint.Subnets) > 0 {
			kind = "Interface"
		}
		defaults(&endpoint.Type, kind)
		defaults(&endpoint.State, "available")
		if err := c.known(endpoint.ID, endpoint.VPC, endpoint.Subnets); err != nil {
			return err
		}
		for _, subnet := range endpoint.Subnets {
			c.serve(endpoint.ID, subnet, NetworkInterface{
				Type: "vpc_endpoint", Description: "VPC Endpoint Interface " + endpoint.ID, SecurityGroups: endpoint.SecurityGroups,
				RequesterManaged: true, Requester: "727180483921", AttachmentOwner: "amazon-aws",
			})
		}
	}
	for _, attachment := range c.TransitGatewayAttachments {
		defaults(&attachment.State, "available")
		defaults(&attachment.TransitGatewayOwner, c.account)
		if err := c.known(attachment.ID, attachment.VPC, attachment.Subnets); err != nil {
			return err
		}
		for _, subnet := range attachment.Subnets {
			c.serve(attachment.ID, subnet, NetworkInterface{
				Type: "transit_gateway", Description: "Network Interface for Transit Gateway Attachment " + attachment.ID,
				RequesterManaged: true, Requester: "amazon-aws", AttachmentOwner: "amazon-aws",
			})
		}
	}
	for _, endpoint := range c.InstanceConnectEndpoints {
		defaults(&endpoint.State, "create-complete")
		subnet, ok := c.Subnets.find(endpoint.Subnet)
		if !ok {
			return missing(endpoint.ID, "subnet", endpoint.Subnet)
		}
		endpoint.VPC = subnet.VPC
		c.serve(endpoint.ID, endpoint.Subnet, NetworkInterface{
			Type: "ec2_instance_connect_endpoint", Description: "EC2 Instance Connect Endpoint " + endpoint.ID, SecurityGroups: endpoint.SecurityGroups,
			RequesterManaged: true, Requester: "amazon-aws", AttachmentOwner: "amazon-aws",
		})
	}
	for _, endpoint := range c.ClientVPNEndpoints {
		defaults(&endpoint.State, "available")
		if endpoint.VPC == "" {
			continue
		}
		if err := c.known(endpoint.ID, endpoint.VPC, endpoint.Subnets); err != nil {
			return err
		}
		for _, subnet := range endpoint.Subnets {
			c.serve(endpoint.ID, subnet, NetworkInterface{
				Description: "ClientVPN Endpoint resource", SecurityGroups: endpoint.SecurityGroups, RequesterManaged: true, Requester: "amazon-aws", AttachmentOwner: "amazon-aws",
			})
		}
	}
	for _, instance := range c.Instances {
		defaults(&instance.State, "running")
		defaults(&instance.Type, "t3.micro")
		defaults(&instance.Launched, c.now)
		if instance.State == "terminated" {
			continue
		}
		subnet, ok := c.Subnets.find(instance.Subnet)
		if !ok {
			return missing(instance.ID, "subnet", instance.Subnet)
		}
		instance.VPC = subnet.VPC
		if len(instance.SecurityGroups) == 0 {
			instance.SecurityGroups = []string{c.defaultGroup(subnet.VPC)}
		}
		c.serve(instance.ID, instance.Subnet, NetworkInterface{
			SecurityGroups: instance.SecurityGroups, PublicIP: instance.PublicIP, AttachmentOwner: instance.Owner, Operator: instance.Operator, Hidden: instance.Hidden,
		})
	}
	for i, eni := range c.NetworkInterfaces {
		subnet, ok := c.Subnets.find(eni.Subnet)
		if !ok {
			return missing(eni.ID, "subnet", eni.Subnet)
		}
		eni.VPC = subnet.VPC
		defaults(&eni.Type, "interface")
		state := "available"
		if eni.For != "" || eni.Type != "interface" || eni.RequesterManaged {
			state = "in-use"
		}
		defaults(&eni.State, state)
		if state == "in-use" {
			defaults(&eni.AttachmentOwner, "amazon-aws")
		}
		// A NAT gateway's and a transit gateway's interfaces have no security group.
		if len(eni.SecurityGroups) == 0 && eni.Type != "nat_gateway" && eni.Type != "transit_gateway" {
			eni.SecurityGroups = []string{c.defaultGroup(subnet.VPC)}
		}
		if eni.PrivateIP == "" {
			block, err := block(subnet.ID, subnet.CIDR)
			if err != nil {
				return err
			}
			// The first four addresses of a subnet and its last one are reserved: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
			ip := block.Addr().As4()
			ip[3] += byte(4 + i%(1<<min(8, 32-block.Bits())-5))
			eni.PrivateIP = netip.AddrFrom4(ip).String()
		}
		for _, group := range eni.SecurityGroups {
			if _, ok := c.SecurityGroups.find(group); !ok {
				return missing(eni.ID, "security group", group)
			}
		}
	}
	return nil
}

// serve makes sure that a resource has an interface in a subnet.
func (c completion) serve(id, subnet string, like NetworkInterface) *NetworkInterface {
	for _, eni := range c.NetworkInterfaces {
		if eni.For == id && eni.Subnet == subnet {
			return eni
		}
	}
	like.Resource = Resource{ID: derivedID("eni", id, subnet), Owner: c.account}
	like.For, like.Subnet = id, subnet
	like.SecurityGroups = slices.Clone(like.SecurityGroups)
	c.NetworkInterfaces = append(c.NetworkInterfaces, &like)
	return &like
}

// known checks that a VPC and subnets are there.
func (c completion) known(of, vpc string, subnets []string) error {
	if _, ok := c.VPCs.find(vpc); !ok {
		return missing(of, "VPC", vpc)
	}
	for _, id := range subnets {
		if _, ok := c.Subnets.find(id); !ok {
			return missing(of, "subnet", id)
		}
	}
	return nil
}

func missing(of, kind, id string) error {
	return fmt.Errorf("%s: its %s %q is not in the network", of, kind, id)
}

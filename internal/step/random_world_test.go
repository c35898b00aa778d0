package step

import (
	"fmt"
	"math/rand/v2"
	"time"

	"quicksight-unsubscribe/internal/emulator"
)

// randomWorld draws an account of up to four VPCs and three directories, in which anything may hang on anything, somebody may work
// elsewhere or here, now or later, and calls may fail. It is its seed's alone.
type randomWorld struct {
	*rand.Rand
	account *emulator.Account
	faults  []emulator.Fault
	request string
	next    int
	// Somebody begins to work in a VPC, at a time; "" for nobody.
	latecomer string
	comes     time.Time
	start     time.Time
}

func newRandomWorld(seed uint64, start time.Time) *randomWorld {
	w := &randomWorld{Rand: rand.New(rand.NewPCG(seed, 6)), account: &emulator.Account{}, start: start} //nolint:gosec // repeatable numbers, not secret ones
	n := &emulator.Network{}
	w.account.Network = map[string]*emulator.Network{"us-east-1": n}
	var vpcs []string
	for range 1 + w.IntN(4) {
		vpcs = append(vpcs, w.vpc(n))
	}
	// Mostly there is one directory, since two that are alike are both kept, as two in one VPC are; and what happens happens where it is.
	var directories []string
	home := vpcs[w.IntN(len(vpcs))]
	somewhere := func() string {
		if w.chance(80) {
			return home
		}
		return vpcs[w.IntN(len(vpcs))]
	}
	for i := range []int{0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3}[w.IntN(16)] {
		at := home
		if i > 0 {
			at = vpcs[w.IntN(len(vpcs))]
		}
		directories = append(directories, w.directory(at))
	}
	for _, vpc := range vpcs {
		if w.chance(12) {
			w.foreign(n, vpc, directories)
		}
	}
	if w.chance(20) { // somebody begins to work somewhere meanwhile
		later := &emulator.Network{}
		w.latecomer, w.comes = somewhere(), start.Add(time.Duration(1+w.IntN(30))*time.Minute)
		w.loose(later, w.latecomer, n)
		n.Changes = append(n.Changes, emulator.Change{At: w.comes, Add: later})
	}
	if w.chance(30) {
		n.ConsistencySeconds = 1 + w.IntN(30)
	}
	w.request = `{"accountId": "` + readingTarget + `"`
	if len(directories) > 1 && w.chance(80) || len(directories) == 1 && w.chance(20) {
		w.request += `, "directory": "` + directories[0] + `"`
	}
	if w.chance(15) {
		w.request += `, "vpc": "` + somewhere() + `"`
	}
	w.request += `}`
	for range w.IntN(3) {
		w.fault()
	}
	return w
}

func (w *randomWorld) chance(percent int) bool { return w.IntN(100) < percent }

// id is the next id with a prefix.
func (w *randomWorld) id(prefix string) emulator.Resource {
	w.next++
	return emulator.Resource{ID: fmt.Sprintf("%s-%017x", prefix, w.next)}
}

// vpc draws a VPC with what may belong to it.
func (w *randomWorld) vpc(n *emulator.Network) string {
	v := &emulator.VPC{Resource: w.id("vpc"), CIDR: fmt.Sprintf("10.%d.0.0/16", len(n.VPCs))}
	n.VPCs = append(n.VPCs, v)
	if w.chance(20) {
		v.CIDRs = []string{fmt.Sprintf("10.%d.0.0/16", 100+len(n.VPCs))}
	}
	if w.chance(10) {
		options := &emulator.DHCPOptions{Resource: w.id("dopt"), DomainName: "corp.example.com", Servers: []string{"192.0.2.53"}}
		n.DHCPOptions, v.DHCPOptions = append(n.DHCPOptions, options), options.ID
	}
	var subnets []string
	for range 1 + w.IntN(3) {
		s := &emulator.Subnet{Resource: w.id("subnet"), VPC: v.ID}
		n.Subnets, subnets = append(n.Subnets, s), append(subnets, s.ID)
	}
	subnet := func() string { return subnets[w.IntN(len(subnets))] }
	groups := w.groups(n, v.ID)
	if w.chance(50) {
		g := &emulator.InternetGateway{Resource: w.id("igw"), VPC: v.ID}
		n.InternetGateways = append(n.InternetGateways, g)
		if w.chance(20) {
			n.RouteTables = append(n.RouteTables, &emulator.RouteTable{Resource: w.id("rtb"), VPC: v.ID, Gateway: g.ID})
		}
	}
	if w.chance(20) {
		n.EgressOnlyInternetGateways = append(n.EgressOnlyInternetGateways, &emulator.EgressOnlyInternetGateway{Resource: w.id("eigw"), VPC: v.ID})
	}
	var tables []string
	if w.chance(50) {
		t := &emulator.RouteTable{Resource: w.id("rtb"), VPC: v.ID, Subnets: subnets[:w.IntN(len(subnets)+1)]}
		n.RouteTables, tables = append(n.RouteTables, t), append(tables, t.ID)
	}
	if w.chance(30) {
		n.NetworkACLs = append(n.NetworkACLs, &emulator.NetworkACL{Resource: w.id("acl"), VPC: v.ID, Subnets: subnets[:w.IntN(len(subnets)+1)]})
	}
	if w.chance(30) {
		a := &emulator.Address{Resource: w.id("eipalloc")}
		n.Addresses = append(n.Addresses, a)
		g := &emulator.NATGateway{Resource: w.id("nat"), VPC: v.ID, Address: a.ID}
		if w.chance(80) {
			g.Subnet = subnet()
		}
		n.NATGateways = append(n.NATGateways, g)
	}
	if w.chance(30) {
		n.VPCEndpoints = append(n.VPCEndpoints, &emulator.VPCEndpoint{Resource: w.id("vpce"), VPC: v.ID, Service: "com.amazonaws.us-east-1.s3", RouteTables: tables})
	}
	if w.chance(30) {
		n.VPCEndpoints = append(n.VPCEndpoints, &emulator.VPCEndpoint{
			Resource: w.id("vpce"), VPC: v.ID, Service: "com.amazonaws.us-east-1.ssm", Subnets: []string{subnet()}, SecurityGroups: groups,
		})
	}
	if w.chance(20) {
		r := w.id("eni")
		r.State = "available"
		n.NetworkInterfaces = append(n.NetworkInterfaces, &emulator.NetworkInterface{Resource: r, Subnet: subnet(), SecurityGroups: groups})
	}
	if w.chance(20) {
		n.FlowLogs = append(n.FlowLogs, &emulator.FlowLog{Resource: w.id("fl"), Target: v.ID, LogGroup: "flows"})
	}
	return v.ID
}

// groups draws up to three security groups, of which any may name any.
func (w *randomWorld) groups(n *emulator.Network, vpc string) []string {
	var groups []string
	var made []*emulator.SecurityGroup
	for range w.IntN(4) {
		g := &emulator.SecurityGroup{Resource: w.id("sg"), VPC: vpc, Rules: []emulator.GroupRule{}}
		made, groups = append(made, g), append(groups, g.ID)
	}
	for _, g := range made {
		for _, other := range groups {
			if w.chance(40) {
				g.Rules = append(g.Rules, emulator.GroupRule{Protocol: "tcp", From: 443, Group: other, Egress: w.chance(30)})
			}
		}
	}
	n.SecurityGroups = append(n.SecurityGroups, made...)
	if len(groups) > 0 && w.chance(30) {
		r := w.id("sg")
		n.SecurityGroups = append(n.SecurityGroups, &emulator.SecurityGroup{Resource: r, VPC: vpc, Name: "default", Rules: []emulator.GroupRule{
			{Group: r.ID}, {Protocol: "tcp", From: 443, Group: groups[w.IntN(len(groups))], Egress: w.chance(30)},
		}})
	}
	return groups
}

func (w *randomWorld) directory(vpc string) string {
	w.next++
	d := &emulator.Directory{
		ID: fmt.Sprintf("d-%010x", w.next), Name: "quicksight.example.com", VPC: vpc, Launched: time.Date(2016, 2, 1, 10, 0, 0, 0, time.UTC),
	}
	if w.chance(7) {
		d.Launched = time.Date(2020, 2, 1, 10, 0, 0, 0, time.UTC)
	}
	if w.chance(15) {
		d.Name = "corp.example.com"
	}
	if w.chance(6) {
		d.Type = []string{"MicrosoftAD", "ADConnector"}[w.IntN(2)]
	}
	if w.chance(4) {
		d.SSO = true
	}
	if w.chance(7) {
		d.LeavesInterfaces = true
	}
	if w.chance(30) {
		late := w.IntN(20)
		d.InterfaceMinutes = &late
	}
	w.account.Directories = append(w.account.Directories, d)
	return d.ID
}

// loose draws a workload that a network can be given at any time.
func (w *randomWorld) loose(into *emulator.Network, vpc string, all *emulator.Network) {
	subnet := ""
	for _, s := range all.Subnets {
		if s.VPC == vpc {
			subnet = s.ID
		}
	}
	e := &emulator.NetworkInterface{Resource: w.id("eni"), Subnet: subnet, RequesterManaged: true}
	e.State = "in-use"
	switch w.IntN(4) {
	case 0:
		into.Instances = append(into.Instances, &emulator.Instance{Resource: w.id("i"), Subnet: subnet})
	case 1:
		into.Instances = append(into.Instances, &emulator.Instance{Resource: w.id("i"), Subnet: subnet, Operator: "eks.amazonaws.com", Hidden: true})
	case 2:
		e.Requester, e.Description = "amazon-rds", "RDSNetworkInterface"
		into.NetworkInterfaces = append(into.NetworkInterfaces, e)
	case 3:
		e.Type, e.Description = "lambda", "AWS Lambda VPC ENI-report-1"
		into.NetworkInterfaces = append(into.NetworkInterfaces, e)
	}
}

// foreign draws somebody else's workload for a VPC.
func (w *randomWorld) foreign(n *emulator.Network, vpc string, directories []string) {
	var subnet string
	var v *emulator.VPC
	for _, s := range n.Subnets {
		if s.VPC == vpc {
			subnet = s.ID
		}
	}
	for _, candidate := range n.VPCs {
		if candidate.ID == vpc {
			v = candidate
		}
	}
	directory := "d-00000fffff"
	if len(directories) > 0 {
		directory = directories[w.IntN(len(directories))]
	}
	const other = "999988887777"
	switch w.IntN(25) {
	case 0:
		n.Peerings = append(n.Peerings, &emulator.Peering{Resource: w.id("pcx"), Requester: emulator.Peer{VPC: vpc}, Accepter: emulator.Peer{VPC: "vpc-0ddd0000000000001", Owner: other}})
	case 1:
		g := &emulator.VPNGateway{Resource: w.id("vgw"), VPC: vpc}
		n.VPNGateways = append(n.VPNGateways, g)
		n.VPNConnections = append(n.VPNConnections, &emulator.VPNConnection{Resource: w.id("vpn"), VPNGateway: g.ID, CustomerGateway: "cgw-1"})
	case 2:
		n.TransitGatewayAttachments = append(n.TransitGatewayAttachments, &emulator.TransitGatewayAttachment{Resource: w.id("tgw-attach"), TransitGateway: "tgw-1", VPC: vpc, Subnets: []string{subnet}})
	case 3:
		n.CarrierGateways = append(n.CarrierGateways, &emulator.CarrierGateway{Resource: w.id("cagw"), VPC: vpc})
	case 4:
		n.InstanceConnectEndpoints = append(n.InstanceConnectEndpoints, &emulator.InstanceConnectEndpoint{Resource: w.id("eice"), Subnet: subnet})
	case 5:
		n.ClientVPNEndpoints = append(n.ClientVPNEndpoints, &emulator.ClientVPNEndpoint{Resource: w.id("cvpn-endpoint"), VPC: vpc, Directory: directory})
	case 6:
		n.VPCEndpoints = append(n.VPCEndpoints, &emulator.VPCEndpoint{Resource: w.id("vpce"), VPC: vpc, Service: "com.amazonaws.us-east-1.rds", Subnets: []string{subnet}, RequesterManaged: true})
	case 7:
		n.PublicAccessExclusions = append(n.PublicAccessExclusions, &emulator.PublicAccessExclusion{Resource: w.id("vpcbpa-exclude"), Target: subnet})
	case 8:
		n.EncryptionControls = append(n.EncryptionControls, &emulator.EncryptionControl{Resource: w.id("vpcec"), VPC: vpc})
	case 9:
		v.Default = true
	case 10:
		w.account.Workloads = append(w.account.Workloads, &emulator.Workload{Service: "ram", ID: subnet})
	case 11:
		services := []string{"lambda", "ecs", "route53resolver", "network-firewall", "vpc-lattice", "route53"}
		w.account.Workloads = append(w.account.Workloads, &emulator.Workload{Service: services[w.IntN(len(services))], ID: "it", VPC: vpc, Subnets: []string{subnet}})
	case 12, 13:
		services := []string{"workspaces", "fsx", "rds", "workmail", "connect", "transfer", "pca-connector-ad", "ssm"}
		w.account.Workloads = append(w.account.Workloads, &emulator.Workload{Service: services[w.IntN(len(services))], ID: "it", Directory: directory})
	case 14:
		n.RouteTables = append(n.RouteTables, &emulator.RouteTable{Resource: w.id("rtb"), VPC: vpc, Routes: []emulator.Route{{Destination: "192.168.0.0/16", Target: "lgw-1"}}})
	case 15:
		n.VPCEndpoints = append(n.VPCEndpoints, &emulator.VPCEndpoint{Resource: w.id("vpce"), VPC: vpc, Service: "inspection", Type: "GatewayLoadBalancer", Subnets: []string{subnet}})
	case 16: // one of the VPC's groups is used in another VPC, too
		elsewhere := &emulator.VPC{Resource: w.id("vpc"), CIDR: "10.200.0.0/16"}
		n.VPCs = append(n.VPCs, elsewhere)
		n.SecurityGroups = append(n.SecurityGroups, &emulator.SecurityGroup{Resource: w.id("sg"), VPC: vpc, VPCs: []string{elsewhere.ID}})
	case 17:
		v.Owner = other
	case 19:
		n.LocalGatewayAssociations = append(n.LocalGatewayAssociations, &emulator.LocalGatewayAssociation{Resource: w.id("lgw-vpc-assoc"), VPC: vpc, LocalGateway: "lgw-1"})
	case 18: // instances of the VPC ask the directory for names
		for _, d := range w.account.Directories {
			if d.ID == directory {
				d.DNS = []string{"10.250.0.10", "10.250.0.11"}
				options := &emulator.DHCPOptions{Resource: w.id("dopt"), Servers: d.DNS}
				n.DHCPOptions, v.DHCPOptions = append(n.DHCPOptions, options), options.ID
			}
		}
	default:
		w.loose(n, vpc, n)
	}
}

// fault draws something that goes wrong with a call.
func (w *randomWorld) fault() {
	operations := []string{
		"DeleteSubnet", "DeleteSecurityGroup", "DeleteRouteTable", "DeleteNatGateway", "DeleteVpcEndpoints", "DetachInternetGateway", "DeleteInternetGateway",
		"DeleteVpc", "DeleteNetworkAcl", "DeleteNetworkInterface", "RevokeSecurityGroupIngress", "DescribeSubnets", "DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeVpcs",
	}
	f := emulator.Fault{Match: emulator.Match{Service: "ec2", Operation: operations[w.IntN(len(operations))]}, Nth: 1 + w.IntN(3), Times: 1 + w.IntN(2)}
	if w.chance(10) {
		f.Match = emulator.Match{Service: "ds", Operation: "DeleteDirectory"}
	}
	switch w.IntN(4) {
	case 0:
		f.Error = &emulator.APIError{Code: "RequestLimitExceeded", Message: "Request limit exceeded.", Status: 503}
	case 1:
		f.Error = &emulator.APIError{Code: "InternalError", Message: "An internal error has occurred", Status: 500}
		f.AfterEffect = w.chance(50)
	case 2:
		f.Lost, f.AfterEffect = true, w.chance(50)
	case 3:
		f.Error = &emulator.APIError{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation.", Status: 403}
	}
	w.faults = append(w.faults, f)
}

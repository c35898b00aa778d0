package emulator

import "slices"

// ec2Rules are what EC2 refuses although the caller may ask. Interfaces, zonal NAT gateways, transit gateway attachments, instances and the endpoints that
// have interfaces need no rule at DeleteVpc of their own: they hold their subnets, and the subnets hold the VPC.
var ec2Rules = []rule{
	{
		name: "resource-of-another-account", page: "https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing-share-subnet-working-with.html",
		operations: []string{
			"DeleteVpc", "DeleteSubnet", "DeleteSecurityGroup", "RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress", "DeleteRouteTable", "DeleteNetworkAcl", "DeleteInternetGateway", "DetachInternetGateway",
			"DeleteEgressOnlyInternetGateway", "DeleteNatGateway", "DeleteVpcEndpoints", "DeleteNetworkInterface",
		},
		check: func(r *request) error {
			for _, id := range r.resources() {
				if found := r.network().resource(id); found != nil && found.Owner != r.account {
					return &APIError{Code: "UnauthorizedOperation", Message: "You do not have permission to access the specified resource.", Status: 403}
				}
			}
			return nil
		},
	},

	vpcRule("vpc-subnets", func(n *Network, vpc string) bool {
		return n.Subnets.any(func(s *Subnet) bool { return s.VPC == vpc })
	}),
	vpcRule("vpc-security-groups", func(n *Network, vpc string) bool {
		return n.SecurityGroups.any(func(g *SecurityGroup) bool { return g.VPC == vpc && g.Name != "default" })
	}),
	vpcRule("vpc-route-tables", func(n *Network, vpc string) bool {
		return n.RouteTables.any(func(t *RouteTable) bool { return t.VPC == vpc && !t.Main })
	}),
	vpcRule("vpc-network-acls", func(n *Network, vpc string) bool {
		return n.NetworkACLs.any(func(a *NetworkACL) bool { return a.VPC == vpc && !a.Default })
	}),
	vpcRule("vpc-internet-gateways", func(n *Network, vpc string) bool {
		return n.InternetGateways.any(func(g *InternetGateway) bool { return g.VPC == vpc })
	}),
	vpcRule("vpc-egress-only-internet-gateways", func(n *Network, vpc string) bool {
		return n.EgressOnlyInternetGateways.any(func(g *EgressOnlyInternetGateway) bool { return g.VPC == vpc })
	}),
	vpcRule("vpc-vpn-gateways", func(n *Network, vpc string) bool {
		return n.VPNGateways.any(func(g *VPNGateway) bool { return g.VPC == vpc && g.Attachment != "detached" })
	}),
	vpcRule("vpc-carrier-gateways", func(n *Network, vpc string) bool {
		return n.CarrierGateways.any(func(g *CarrierGateway) bool { return g.VPC == vpc })
	}),
	vpcRule("vpc-endpoints", func(n *Network, vpc string) bool {
		return n.VPCEndpoints.any(func(e *VPCEndpoint) bool { return e.VPC == vpc })
	}),
	vpcRule("vpc-regional-nat-gateways", func(n *Network, vpc string) bool {
		return n.NATGateways.any(func(g *NATGateway) bool { return g.VPC == vpc && g.State != "deleted" && g.State != "failed" })
	}),
	{
		name: "vpc-peering-connections", operations: []string{"DeleteVpc"}, page: "https://docs.aws.amazon.com/vpc/latest/peering/delete-vpc-peering-connection.html",
		check: func(r *request) error {
			vpc := r.str("VpcId")
			blocked := r.network().Peerings.any(func(p *Peering) bool {
				if p.State == "active" {
					return (p.Requester.VPC == vpc || p.Accepter.VPC == vpc) && r.aws.assume("active-peering-and-delete-vpc") == "refused"
				}
				// "You cannot delete a VPC for which you have a pending-acceptance request from a VPC in another account."
				return p.State == "pending-acceptance" && p.Accepter.VPC == vpc && p.Requester.Owner != r.account
			})
			return dependency(blocked, "The vpc '%s' has dependencies and cannot be deleted.", vpc)
		},
	},

	{
		name: "subnet-interfaces", operations: []string{"DeleteSubnet"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html",
		check: func(r *request) error {
			id := r.str("SubnetId")
			return dependency(r.network().NetworkInterfaces.any(func(e *NetworkInterface) bool { return e.Subnet == id }),
				"The subnet '%s' has dependencies and cannot be deleted.", id)
		},
	},

	{
		name: "default-security-group", operations: []string{"DeleteSecurityGroup"}, page: "https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html",
		check: func(r *request) error {
			if group, ok := r.network().SecurityGroups.find(r.str("GroupId")); ok && group.Name == "default" {
				return apiError("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", group.ID)
			}
			return nil
		},
	},
	groupInUse("security-group-interfaces", func(n *Network, group string) bool {
		return n.NetworkInterfaces.any(func(e *NetworkInterface) bool { return slices.Contains(e.SecurityGroups, group) })
	}),
	// "Referenced by another security group in the same VPC": a reference over a peering connection only becomes stale.
	groupInUse("security-group-references", func(n *Network, id string) bool {
		group, ok := n.SecurityGroups.find(id)
		return ok && n.SecurityGroups.any(func(g *SecurityGroup) bool {
			return g.ID != id && g.VPC == group.VPC && slices.ContainsFunc(g.Rules, func(rule GroupRule) bool { return rule.Group == id })
		})
	}),
	groupInUse("security-group-associations", func(n *Network, group string) bool {
		return n.SecurityGroups.any(func(g *SecurityGroup) bool { return g.ID == group && len(g.VPCs) > 0 })
	}),

	{
		name: "main-route-table", operations: []string{"DeleteRouteTable"}, page: "https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithRouteTables.html",
		check: func(r *request) error {
			table, ok := r.network().RouteTables.find(r.str("RouteTableId"))
			return dependency(ok && table.Main, "The routeTable '%s' has dependencies and cannot be deleted.", r.str("RouteTableId"))
		},
	},
	{
		name: "route-table-associations", operations: []string{"DeleteRouteTable"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html",
		check: func(r *request) error {
			table, ok := r.network().RouteTables.find(r.str("RouteTableId"))
			return dependency(ok && (len(table.Subnets) > 0 || table.Gateway != ""), "The routeTable '%s' has dependencies and cannot be deleted.", r.str("RouteTableId"))
		},
	},
	{
		name: "main-route-table-association", operations: []string{"DisassociateRouteTable"}, page: "https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithRouteTables.html",
		check: func(r *request) error {
			if _, association := associatedTable(r); association.Main {
				return apiError("InvalidParameterValue", "cannot disassociate the main route table association %s", association.ID)
			}
			return nil
		},
	},

	{
		name: "default-network-acl", operations: []string{"DeleteNetworkAcl"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAcl.html",
		check: func(r *request) error {
			if acl, ok := r.network().NetworkACLs.find(r.str("NetworkAclId")); ok && acl.Default {
				return apiError("InvalidParameterValue", "cannot delete default network ACL %s", acl.ID)
			}
			return nil
		},
	},
	{
		name: "network-acl-associations", operations: []string{"DeleteNetworkAcl"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkAcl.html",
		check: func(r *request) error {
			acl, ok := r.network().NetworkACLs.find(r.str("NetworkAclId"))
			return dependency(ok && len(acl.Subnets) > 0, "The networkAcl '%s' has dependencies and cannot be deleted.", r.str("NetworkAclId"))
		},
	},

	{
		name: "internet-gateway-not-attached", operations: []string{"DetachInternetGateway"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html",
		check: func(r *request) error {
			if gateway, ok := r.network().InternetGateways.find(r.str("InternetGatewayId")); ok && gateway.VPC != r.str("VpcId") {
				return apiError("Gateway.NotAttached", "resource %s is not attached to network %s", gateway.ID, r.str("VpcId"))
			}
			return nil
		},
	},
	{
		name: "mapped-public-addresses", operations: []string{"DetachInternetGateway"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html",
		check: func(r *request) error {
			return dependency(r.network().mapsPublicAddresses(r.str("VpcId")),
				"Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", r.str("VpcId"))
		},
	},
	{
		name: "internet-gateway-attached", operations: []string{"DeleteInternetGateway"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteInternetGateway.html",
		check: func(r *request) error {
			gateway, ok := r.network().InternetGateways.find(r.str("InternetGatewayId"))
			return dependency(ok && gateway.VPC != "", "The internetGateway '%s' has dependencies and cannot be deleted.", r.str("InternetGatewayId"))
		},
	},

	{
		name: "interface-requester-managed", operations: []string{"DeleteNetworkInterface"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html",
		check: func(r *request) error {
			if e, ok := r.network().NetworkInterfaces.find(r.str("NetworkInterfaceId")); ok && (e.RequesterManaged || e.Operator != "") {
				return &APIError{Code: "OperationNotPermitted", Message: "You do not have permission to access the specified resource.", Status: 400}
			}
			return nil
		},
	},
	{
		name: "interface-in-use", operations: []string{"DeleteNetworkInterface"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html",
		check: func(r *request) error {
			if e, ok := r.network().NetworkInterfaces.find(r.str("NetworkInterfaceId")); ok && e.State != "available" {
				return apiError("InvalidParameterValue", "Network interface '%s' is currently in use.", e.ID)
			}
			return nil
		},
	},

	// Asked for by DeleteVpcEndpoints, which answers 200 all the same.
	{name: "requester-managed-endpoint", page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html"},

	{
		name: "peering-connection-state", operations: []string{"DeleteVpcPeeringConnection"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcPeeringConnection.html",
		check: func(r *request) error {
			if p, ok := r.network().Peerings.find(r.str("VpcPeeringConnectionId")); ok && slices.Contains([]string{"failed", "rejected", "expired", "deleted"}, p.State) {
				return apiError("InvalidStateTransition", "Invalid state transition for %s, attempted to transition from %s to deleting", p.ID, p.State)
			}
			return nil
		},
	},
	{
		name: "vpn-gateway-attached", operations: []string{"DeleteVpnGateway"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpnGateway.html",
		check: func(r *request) error {
			if g, ok := r.network().VPNGateways.find(r.str("VpnGatewayId")); ok && g.VPC != "" && g.Attachment != "detached" {
				return apiError("IncorrectState", "The vpnGateway '%s' is attached to %s", g.ID, g.VPC)
			}
			return nil
		},
	},
	{
		name: "vpn-gateway-connections", operations: []string{"DeleteVpnGateway"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpnGateway.html",
		check: func(r *request) error {
			id := r.str("VpnGatewayId")
			if r.network().VPNConnections.any(func(v *VPNConnection) bool { return v.VPNGateway == id && v.State != "deleted" }) {
				return apiError("IncorrectState", "The vpnGateway '%s' has VPN connections", id)
			}
			return nil
		},
	},
}

// dependency is the refusal of what something else depends on.
func dependency(exists bool, format string, args ...any) error {
	if exists {
		return apiError("DependencyViolation", format, args...)
	}
	return nil
}

// vpcRule is one of the things that DeleteVpc wants gone first. AWS never says which one it is.
func vpcRule(name string, holds func(*Network, string) bool) rule {
	return rule{
		name: name, operations: []string{"DeleteVpc"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html",
		check: func(r *request) error {
			return dependency(holds(r.network(), r.str("VpcId")), "The vpc '%s' has dependencies and cannot be deleted.", r.str("VpcId"))
		},
	}
}

// groupInUse is one of the uses for which DeleteSecurityGroup is refused.
func groupInUse(name string, uses func(*Network, string) bool) rule {
	return rule{
		name: name, operations: []string{"DeleteSecurityGroup"}, page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html",
		check: func(r *request) error {
			return dependency(uses(r.network(), r.str("GroupId")), "resource %s has a dependent object", r.str("GroupId"))
		},
	}
}

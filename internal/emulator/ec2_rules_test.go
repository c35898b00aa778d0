package emulator

import (
	"testing"
)

// Each rule refuses its call with AWS's code, and without the rule the same call goes through.
func TestRefusals(t *testing.T) {
	t.Parallel()
	simpleAD := func(fields string) string {
		return one(subnet) + `, "directories": [{"id": "d-0123456789", "vpc": "vpc-1"` + fields + `}]`
	}
	const deleteVPC, deleteDirectory = `DeleteVpc {"VpcId": "vpc-1"}`, `DeleteDirectory {"DirectoryId": "d-0123456789"}`
	tests := map[string]struct {
		giveAccount string
		giveCall    string
		wantCode    string
		wantMessage string
	}{
		"resource-of-another-account":       {`"network": {"us-east-1": {"vpcs": [{"id": "vpc-1", "owner": "999988887777"}]}}`, deleteVPC, "UnauthorizedOperation", "permission"},
		"vpc-subnets":                       {one(subnet), deleteVPC, "DependencyViolation", "The vpc 'vpc-1' has dependencies and cannot be deleted."},
		"vpc-security-groups":               {one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-route-tables":                  {one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-network-acls":                  {one(`, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-internet-gateways":             {one(`, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-egress-only-internet-gateways": {one(`, "egressOnlyInternetGateways": [{"id": "eigw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-vpn-gateways":                  {one(`, "vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-carrier-gateways":              {one(`, "carrierGateways": [{"id": "cagw-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-endpoints":                     {one(`, "vpcEndpoints": [{"id": "vpce-1", "vpc": "vpc-1", "service": "com.amazonaws.us-east-1.s3"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-regional-nat-gateways":         {one(`, "natGateways": [{"id": "nat-1", "vpc": "vpc-1"}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"vpc-peering-connections":           {one(`, "peerings": [{"id": "pcx-1", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-9"}}]`), deleteVPC, "DependencyViolation", "vpc-1"},
		"subnet-interfaces": {
			one(subnet + `, "networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1"}]`), `DeleteSubnet {"SubnetId": "subnet-1"}`,
			"DependencyViolation", "The subnet 'subnet-1' has dependencies and cannot be deleted.",
		},
		"default-security-group": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "name": "default"}]`), `DeleteSecurityGroup {"GroupId": "sg-1"}`, "CannotDelete", `name: "default"`,
		},
		"security-group-interfaces": {
			one(subnet + `, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}], "networkInterfaces": [{"subnet": "subnet-1", "securityGroups": ["sg-1"]}]`),
			`DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "resource sg-1 has a dependent object",
		},
		"security-group-references": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1"}, {"id": "sg-2", "vpc": "vpc-1", "rules": [{"group": "sg-1"}]}]`),
			`DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "resource sg-1 has a dependent object",
		},
		"security-group-associations": {
			one(`, "securityGroups": [{"id": "sg-1", "vpc": "vpc-1", "vpcs": ["vpc-2"]}]`), `DeleteSecurityGroup {"GroupId": "sg-1"}`, "DependencyViolation", "sg-1",
		},
		"main-route-table": {
			one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "main": true}]`), `DeleteRouteTable {"RouteTableId": "rtb-1"}`,
			"DependencyViolation", "The routeTable 'rtb-1' has dependencies and cannot be deleted.",
		},
		"route-table-associations": {
			one(subnet + `, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "subnets": ["subnet-1"]}]`), `DeleteRouteTable {"RouteTableId": "rtb-1"}`, "DependencyViolation", "rtb-1",
		},
		"main-route-table-association": {
			one(`, "routeTables": [{"id": "rtb-1", "vpc": "vpc-1", "main": true}]`), `DisassociateRouteTable {"AssociationId": "` + derivedID("rtbassoc", "rtb-1", "main") + `"}`,
			"InvalidParameterValue", "main route table association",
		},
		"default-network-acl": {
			one(`, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "default": true}]`), `DeleteNetworkAcl {"NetworkAclId": "acl-1"}`, "InvalidParameterValue", "cannot delete default network ACL acl-1",
		},
		"network-acl-associations": {
			one(subnet + `, "networkAcls": [{"id": "acl-1", "vpc": "vpc-1", "subnets": ["subnet-1"]}]`), `DeleteNetworkAcl {"NetworkAclId": "acl-1"}`, "DependencyViolation", "acl-1",
		},
		"internet-gateway-not-attached": {
			one(`, "internetGateways": [{"id": "igw-1"}]`), `DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "Gateway.NotAttached", "resource igw-1 is not attached to network vpc-1",
		},
		"mapped-public-addresses": {
			one(subnet + `, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}], "addresses": [{"id": "eipalloc-1"}], "natGateways": [{"subnet": "subnet-1", "address": "eipalloc-1"}]`),
			`DetachInternetGateway {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"}`, "DependencyViolation", "Network vpc-1 has some mapped public address(es).",
		},
		"internet-gateway-attached": {
			one(`, "internetGateways": [{"id": "igw-1", "vpc": "vpc-1"}]`), `DeleteInternetGateway {"InternetGatewayId": "igw-1"}`, "DependencyViolation", "The internetGateway 'igw-1' has dependencies",
		},
		"interface-requester-managed": {
			one(subnet + `, "networkInterfaces": [{"id": "eni-1", "subnet": "subnet-1", "requesterManaged": true, "state": "available"}]`), `DeleteNetworkInterface {"NetworkInterfaceId": "eni-1"}`,
			"OperationNotPermitted", "permission",
		},
		"interface-in-use": {
			one(subnet + `, "instances": [{"id": "i-1", "subnet": "subnet-1"}]`), `DeleteNetworkInterface {"NetworkInterfaceId": "` + derivedID("eni", "i-1", "subnet-1") + `"}`,
			"InvalidParameterValue", "is currently in use",
		},
		"peering-connection-state": {
			one(`, "peerings": [{"id": "pcx-1", "state": "rejected", "requester": {"vpc": "vpc-1"}, "accepter": {"vpc": "vpc-9"}}]`),
			`DeleteVpcPeeringConnection {"VpcPeeringConnectionId": "pcx-1"}`, "InvalidStateTransition", "from rejected to deleting",
		},
		"vpn-gateway-attached": {
			one(`, "vpnGateways": [{"id": "vgw-1", "vpc": "vpc-1"}]`), `DeleteVpnGateway {"VpnGatewayId": "vgw-1"}`, "IncorrectState", "vgw-1",
		},
		"vpn-gateway-connections": {
			one(`, "vpnGateways": [{"id": "vgw-1"}], "vpnConnections": [{"vpnGateway": "vgw-1"}]`), `DeleteVpnGateway {"VpnGatewayId": "vgw-1"}`, "IncorrectState", "vgw-1",
		},

		"empty-directory-ids":          {simpleAD(``), `DescribeDirectories {"DirectoryIds": []}`, "InvalidParameterException", "Empty list"},
		"directory-is-deleting":        {simpleAD(`, "stage": "Deleting"`), deleteDirectory, "ClientException", "already being deleted"},
		"directory-of-another-account": {`"directories": [{"id": "d-0123456789", "type": "SharedMicrosoftAD", "owner": "999988887777"}]`, deleteDirectory, "ClientException", "shared by account 999988887777"},
		"directory-is-shared":          {simpleAD(`, "type": "MicrosoftAD", "sharedWith": ["999988887777"]`), deleteDirectory, "ClientException", "shared with other accounts"},
		"authorized-applications":      {simpleAD(`, "applications": ["workspaces"]`), deleteDirectory, "ClientException", "Cannot delete the directory because it still has authorized applications."},
		"delete-directory-dependent-actions": {
			simpleAD(``) + `, "scps": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:DeleteNetworkInterface", "Resource": "*"}]}]`,
			deleteDirectory, "AccessDeniedException", "ec2:DeleteNetworkInterface",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newNetworkLab(t, test.giveAccount, Options{}).refused(t, test.giveCall, test.wantCode, test.wantMessage)
			newNetworkLab(t, test.giveAccount, Options{WithoutRules: []string{name}}).must(t, test.giveCall)
		})
	}
	// Ensure that no rule is without its test; one is refused inside an answer of HTTP 200 and has a test of its own.
	for _, rule := range append(ec2Rules, directoryServiceRules...) {
		if _, ok := tests[rule.name]; !ok && rule.name != "requester-managed-endpoint" {
			t.Errorf("rule %s has no test", rule.name)
		}
	}
}

// Package operation is the one table of the AWS operations that this project calls, and of which of them change a target.
//
// Mutating means: changes the target account's QuickSight, Directory Service, EC2 or IAM. Writes to our own record (S3),
// notices (SNS, EventBridge), callbacks (Step Functions) and the export jobs of QuickSight, which only read assets, are not. The steps,
// the emulator and the replay's invariants all ask this table, so that there is one answer.
package operation

import (
	"sort"
	"strings"
)

// Operation is one AWS API operation.
type Operation struct {
	Service  string // the service's signing name: "quicksight", "ds", "ec2", "s3", "sns", "events", "ssm", "states", "sts", "iam", "cloudtrail", "lambda", "organizations"
	Name     string // the API's operation name, such as "DeleteVpc"
	Mutating bool   // changes the target (see the package comment)
	// Resource is the request member that names what a mutating operation changes, such as "VpcId".
	// It is empty for operations that are not mutating.
	Resource string
	// Actions are the IAM actions that the operation needs. Nil means the one of the same name.
	Actions []string
}

// String is the operation's name as journals and reports print it, such as "ec2:DeleteVpc".
func (o Operation) String() string { return o.Service + ":" + o.Name }

// IAM lists the IAM actions that the operation needs, such as "s3:PutObject".
func (o Operation) IAM() []string {
	if o.Actions != nil {
		return o.Actions
	}
	return []string{o.Service + ":" + o.Name}
}

// Lookup finds an operation by service and name; ok is false where the table lacks it.
func Lookup(service, name string) (op Operation, ok bool) {
	op, ok = table[service+":"+name]
	return op, ok
}

// All lists the whole table, ordered by service and name.
func All() []Operation {
	all := make([]Operation, 0, len(table))
	for _, op := range table {
		all = append(all, op)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].String() < all[j].String() })
	return all
}

// table holds reads and writes apart, since the difference is what the table is for.
var table = build(
	reads("sts", "GetCallerIdentity AssumeRole"),
	reads("iam", "SimulatePrincipalPolicy GetRole ListAccountAliases ListRoles ListPolicies"),
	reads("cloudtrail", "LookupEvents"),
	reads("ssm", "GetParameter"),
	reads("organizations", "DescribeAccount ListAccounts ListParents ListTagsForResource ListAccountsForParent ListOrganizationalUnitsForParent"),
	reads("ce", "GetCostAndUsage"),
	reads("sns", "Publish ListSubscriptionsByTopic"), reads("events", "PutEvents"),
	reads("states", "DescribeExecution GetExecutionHistory ListExecutions StartExecution StopExecution RedriveExecution SendTaskSuccess SendTaskFailure SendTaskHeartbeat"),
	reads("s3", "GetObject PutObject DeleteObject"),
	[]Operation{
		{Service: "s3", Name: "HeadObject", Actions: []string{"s3:GetObject"}},
		{Service: "s3", Name: "ListObjectsV2", Actions: []string{"s3:ListBucket"}},
		{Service: "lambda", Name: "Invoke", Actions: []string{"lambda:InvokeFunction"}},
	},

	reads("quicksight", `DescribeAccountSubscription DescribeAccountSettings
		ListNamespaces ListUsers ListGroups ListIAMPolicyAssignments ListCustomPermissions ListBrands
		ListDashboards ListAnalyses ListDataSets ListDataSources ListFolders ListThemes ListTemplates ListTopics ListVPCConnections
		DescribeDashboardPermissions
		ListRefreshSchedules ListActionConnectors ListAgents ListApps ListFlows ListKnowledgeBases ListSpaces ListTopicsV2 ListOAuthClientApplications
		ListApprovalPolicies ListDlpSettings ListLimitsProfiles ListIdentityPropagationConfigs DescribeKeyRegistration DescribeDefaultQBusinessApplication
		DescribeTopicV2 DescribeOAuthClientApplication DescribeApprovalPolicy DescribeDlpSetting DescribeLimitsProfile DescribeSpace DescribeKnowledgeBase
		DescribeTemplateDefinition DescribeTopic DescribeActionConnector DescribeAgent DescribeApp DescribeFlow
		DescribeCustomPermissions DescribeBrand DescribeIAMPolicyAssignment ListGroupMemberships
		DescribeDashboardDefinition DescribeAnalysisDefinition DescribeDataSet DescribeDataSource DescribeFolder DescribeTheme
		DescribeRefreshSchedule DescribeVPCConnection DescribeAssetBundleExportJob`),
	// Exporting reads each asset with the caller's rights: what the managed policy AWSQuickSightAssetBundleExportPolicy lists.
	[]Operation{{Service: "quicksight", Name: "StartAssetBundleExportJob", Actions: []string{
		"quicksight:StartAssetBundleExportJob",
		"quicksight:DescribeDashboard", "quicksight:DescribeDashboardPermissions", "quicksight:DescribeDashboardDefinition",
		"quicksight:DescribeAnalysis", "quicksight:DescribeAnalysisPermissions", "quicksight:DescribeAnalysisDefinition",
		"quicksight:DescribeDataSet", "quicksight:DescribeDataSetPermissions", "quicksight:DescribeDataSetRefreshProperties",
		"quicksight:ListRefreshSchedules", "quicksight:DescribeRefreshSchedule",
		"quicksight:DescribeDataSource", "quicksight:DescribeDataSourcePermissions",
		"quicksight:DescribeTheme", "quicksight:DescribeThemePermissions", "quicksight:DescribeVPCConnection",
		"quicksight:DescribeFolder", "quicksight:DescribeFolderPermissions", "quicksight:ListFolderMembers", "quicksight:ListFoldersForResource",
		"quicksight:ListTagsForResource",
	}}},
	writes("quicksight", "AwsAccountId", "UpdateAccountSettings"),
	// AWS authorizes the call by both actions, "if either action is set to Deny, the Deny action prevails" (facts/quicksight.md 3.2).
	[]Operation{{
		Service: "quicksight", Name: "DeleteAccountSubscription", Mutating: true, Resource: "AwsAccountId",
		Actions: []string{"quicksight:DeleteAccountSubscription", "quicksight:Unsubscribe"},
	}},
	writes("quicksight", "Namespace", "DeleteNamespace"),
	writes("quicksight", "VPCConnectionId", "DeleteVPCConnection"),

	reads("ds", "DescribeDirectories"),
	writes("ds", "DirectoryId", "DeleteDirectory"),

	reads("ec2", `DescribeRegions DescribeVpcs DescribeSubnets DescribeRouteTables DescribeNetworkAcls DescribeSecurityGroups
		DescribeSecurityGroupVpcAssociations DescribeNetworkInterfaces DescribeInstances
		DescribeInternetGateways DescribeEgressOnlyInternetGateways DescribeNatGateways DescribeVpcEndpoints DescribeVpcPeeringConnections
		DescribeVpnGateways DescribeVpnConnections DescribeTransitGatewayVpcAttachments DescribeCarrierGateways
		DescribeInstanceConnectEndpoints DescribeFlowLogs DescribeAddresses DescribeDhcpOptions DescribeClientVpnEndpoints
		DescribeVpcBlockPublicAccessExclusions DescribeVpcEncryptionControls DescribeLocalGatewayRouteTableVpcAssociations
		DescribeSecurityGroupReferences`),
	// What else may use a directory or a VPC.
	reads("workspaces", "DescribeWorkspaceDirectories"), reads("fsx", "DescribeFileSystems"), reads("rds", "DescribeDBInstances"),
	reads("workmail", "ListOrganizations DescribeOrganization"), reads("connect", "ListInstances"), reads("transfer", "ListServers DescribeServer"),
	reads("pca-connector-ad", "ListConnectors"), reads("ssm", "ListAssociations DescribeAssociation"), reads("lambda", "ListFunctions"),
	reads("ecs", "ListClusters ListServices DescribeServices"), reads("network-firewall", "ListFirewalls DescribeFirewall"),
	reads("route53resolver", "ListResolverEndpoints ListResolverRuleAssociations ListFirewallRuleGroupAssociations ListResolverQueryLogConfigAssociations"),
	reads("route53", "ListHostedZonesByVPC"), reads("vpc-lattice", "ListServiceNetworkVpcAssociations ListResourceGateways"), reads("ram", "ListResources"),
	writes("ec2", "VpcEndpointId", "DeleteVpcEndpoints"),
	writes("ec2", "NatGatewayId", "DeleteNatGateway"),
	writes("ec2", "EgressOnlyInternetGatewayId", "DeleteEgressOnlyInternetGateway"),
	writes("ec2", "InternetGatewayId", "DetachInternetGateway DeleteInternetGateway"),
	writes("ec2", "NetworkInterfaceId", "DeleteNetworkInterface"),
	writes("ec2", "SubnetId", "DeleteSubnet"),
	writes("ec2", "AssociationId", "DisassociateRouteTable"),
	writes("ec2", "RouteTableId", "DeleteRouteTable"),
	writes("ec2", "NetworkAclId", "DeleteNetworkAcl"),
	writes("ec2", "GroupId", "RevokeSecurityGroupIngress RevokeSecurityGroupEgress DeleteSecurityGroup"),
	writes("ec2", "VpcId", "DeleteVpc"),
)

func reads(service, names string) []Operation {
	var ops []Operation
	for _, name := range strings.Fields(names) {
		ops = append(ops, Operation{Service: service, Name: name})
	}
	return ops
}

func writes(service, resource, names string) []Operation {
	ops := reads(service, names)
	for i := range ops {
		ops[i].Mutating, ops[i].Resource = true, resource
	}
	return ops
}

func build(groups ...[]Operation) map[string]Operation {
	t := map[string]Operation{}
	for _, group := range groups {
		for _, op := range group {
			t[op.String()] = op
		}
	}
	return t
}

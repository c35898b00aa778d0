package step

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"quicksight-unsubscribe/internal/clock"
)

// workload is something of another service that uses a directory, or that is configured for a VPC whether or not it has an
// interface there at the moment.
type workload struct {
	Kind, ID  string
	Directory string // "" for none, anyDirectory where the service does not say which
	VPC       string
	Subnets   []string
}

const anyDirectory = "any"

// lookup asks one service in one region, page by page.
type lookup struct {
	operations []string
	find       func(context.Context, interview) error
}

// interview is a lookup under way.
type interview struct {
	target aws.Config
	region string
	vpcs   []string // the VPCs that are asked about, for services that want to know
	found  func(workload)
}

func (a interview) ask(ctx context.Context, q question, out any) error {
	return ask(ctx, a.target, a.region, q, out)
}

// WorkloadReads are the operations by which other services tell what uses a directory or a VPC.
func WorkloadReads() []string {
	var operations []string
	for _, l := range slices.Concat(directoryUsers, vpcUsers) {
		operations = append(operations, l.operations...)
	}
	return operations
}

// directoryUsers ask the services that a Simple AD can serve. Directory Service itself does not say which applications it has authorized.
// https://docs.aws.amazon.com/directoryservice/latest/admin-guide/simple_ad_manage_apps_services.html
var directoryUsers = []lookup{
	{[]string{"workspaces:DescribeWorkspaceDirectories"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Directories []struct{ DirectoryID, State string }
				NextToken   string
			}
			err := a.ask(ctx, question{
				operation: "workspaces:DescribeWorkspaceDirectories", target: "WorkspacesService", in: withToken("NextToken", token, nil),
			}, &out)
			for _, d := range out.Directories {
				if d.State != "DEREGISTERED" {
					a.found(workload{Kind: "WorkSpaces registration", ID: d.DirectoryID, Directory: d.DirectoryID})
				}
			}
			return out.NextToken, err
		})
	}},
	{[]string{"fsx:DescribeFileSystems"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				FileSystems []struct {
					FileSystemID         string
					WindowsConfiguration struct{ ActiveDirectoryID string }
				}
				NextToken string
			}
			err := a.ask(ctx, question{
				operation: "fsx:DescribeFileSystems", target: "AWSSimbaAPIService_v20180301", in: withToken("NextToken", token, nil),
			}, &out)
			for _, f := range out.FileSystems {
				a.found(workload{Kind: "FSx file system", ID: f.FileSystemID, Directory: f.WindowsConfiguration.ActiveDirectoryID})
			}
			return out.NextToken, err
		})
	}},
	{[]string{"rds:DescribeDBInstances"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			form := url.Values{"Action": {"DescribeDBInstances"}, "Version": {"2014-10-31"}}
			if token != "" {
				form.Set("Marker", token)
			}
			var out struct {
				Instances []struct {
					ID          string   `xml:"DBInstanceIdentifier"`
					Directories []string `xml:"DomainMemberships>DomainMembership>Domain"`
				} `xml:"DescribeDBInstancesResult>DBInstances>DBInstance"`
				Marker string `xml:"DescribeDBInstancesResult>Marker"`
			}
			err := a.ask(ctx, question{operation: "rds:DescribeDBInstances", form: form}, &out)
			for _, i := range out.Instances {
				for _, d := range i.Directories {
					a.found(workload{Kind: "RDS instance", ID: i.ID, Directory: d})
				}
			}
			return out.Marker, err
		})
	}},
	{[]string{"workmail:ListOrganizations", "workmail:DescribeOrganization"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				OrganizationSummaries []struct{ OrganizationID, State string }
				NextToken             string
			}
			err := a.ask(ctx, question{operation: "workmail:ListOrganizations", target: "WorkMailService", in: withToken("NextToken", token, nil)}, &out)
			for _, o := range out.OrganizationSummaries {
				if o.State == "Deleted" {
					continue
				}
				var described struct{ DirectoryID string }
				if err := a.ask(ctx, question{
					operation: "workmail:DescribeOrganization", target: "WorkMailService", in: map[string]any{"OrganizationId": o.OrganizationID},
				}, &described); err != nil {
					return "", err
				}
				a.found(workload{Kind: "WorkMail organization", ID: o.OrganizationID, Directory: described.DirectoryID})
			}
			return out.NextToken, err
		})
	}},
	{[]string{"connect:ListInstances"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				InstanceSummaryList []struct{ ID, IdentityManagementType string }
				NextToken           string
			}
			err := a.ask(ctx, question{operation: "connect:ListInstances", method: "GET", path: "/instance" + tokenQuery("nextToken", token)}, &out)
			for _, i := range out.InstanceSummaryList {
				if i.IdentityManagementType == "EXISTING_DIRECTORY" {
					a.found(workload{Kind: "Connect instance", ID: i.ID, Directory: anyDirectory})
				}
			}
			return out.NextToken, err
		})
	}},
	{[]string{"transfer:ListServers", "transfer:DescribeServer"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Servers   []struct{ ServerID, IdentityProviderType string }
				NextToken string
			}
			err := a.ask(ctx, question{operation: "transfer:ListServers", target: "TransferService", in: withToken("NextToken", token, nil)}, &out)
			for _, s := range out.Servers {
				if s.IdentityProviderType != "AWS_DIRECTORY_SERVICE" {
					continue
				}
				var described struct {
					Server struct{ IdentityProviderDetails struct{ DirectoryID string } }
				}
				if err := a.ask(ctx, question{
					operation: "transfer:DescribeServer", target: "TransferService", in: map[string]any{"ServerId": s.ServerID},
				}, &described); err != nil {
					return "", err
				}
				a.found(workload{Kind: "Transfer server", ID: s.ServerID, Directory: described.Server.IdentityProviderDetails.DirectoryID})
			}
			return out.NextToken, err
		})
	}},
	{[]string{"pca-connector-ad:ListConnectors"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Connectors []struct{ ARN, DirectoryID string }
				NextToken  string
			}
			err := a.ask(ctx, question{operation: "pca-connector-ad:ListConnectors", method: "GET", path: "/connectors" + tokenQuery("NextToken", token)}, &out)
			for _, c := range out.Connectors {
				a.found(workload{Kind: "Private CA connector", ID: lastPart(c.ARN), Directory: c.DirectoryID})
			}
			return out.NextToken, err
		})
	}},
	// Instances join a domain by this document of Systems Manager, and then need it to sign anybody in.
	{[]string{"ssm:ListAssociations", "ssm:DescribeAssociation"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Associations []struct{ AssociationID string }
				NextToken    string
			}
			err := a.ask(ctx, question{
				operation: "ssm:ListAssociations", target: "AmazonSSM", in: withToken("NextToken", token, map[string]any{
					"AssociationFilterList": []any{map[string]any{"key": "Name", "value": "AWS-JoinDirectoryServiceDomain"}},
				}),
			}, &out)
			for _, s := range out.Associations {
				var described struct {
					AssociationDescription struct {
						Parameters struct{ DirectoryID []string }
					}
				}
				if err := a.ask(ctx, question{
					operation: "ssm:DescribeAssociation", target: "AmazonSSM", in: map[string]any{"AssociationId": s.AssociationID},
				}, &described); err != nil {
					return "", err
				}
				for _, d := range described.AssociationDescription.Parameters.DirectoryID {
					a.found(workload{Kind: "domain join of instances", ID: s.AssociationID, Directory: d})
				}
			}
			return out.NextToken, err
		})
	}},
}

// vpcUsers ask the services that are configured for a VPC and may have no interface in it, or only at times.
var vpcUsers = []lookup{
	{[]string{"lambda:ListFunctions"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Functions []struct {
					FunctionName string
					VpcConfig    struct {
						VpcID     string
						SubnetIDs []string
					}
				}
				NextMarker string
			}
			err := a.ask(ctx, question{operation: "lambda:ListFunctions", method: "GET", path: "/2015-03-31/functions" + tokenQuery("Marker", token)}, &out)
			for _, f := range out.Functions {
				a.found(workload{Kind: "Lambda function", ID: f.FunctionName, VPC: f.VpcConfig.VpcID, Subnets: f.VpcConfig.SubnetIDs})
			}
			return out.NextMarker, err
		})
	}},
	{[]string{"ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices"}, findECS},
	{[]string{"route53resolver:ListResolverEndpoints"}, func(ctx context.Context, a interview) error {
		return resolver(ctx, a, "ListResolverEndpoints", "Resolver endpoint")
	}},
	{[]string{"route53resolver:ListResolverRuleAssociations"}, func(ctx context.Context, a interview) error {
		return resolver(ctx, a, "ListResolverRuleAssociations", "Resolver rule association")
	}},
	{[]string{"route53resolver:ListFirewallRuleGroupAssociations"}, func(ctx context.Context, a interview) error {
		return resolver(ctx, a, "ListFirewallRuleGroupAssociations", "DNS firewall association")
	}},
	{[]string{"route53resolver:ListResolverQueryLogConfigAssociations"}, func(ctx context.Context, a interview) error {
		return resolver(ctx, a, "ListResolverQueryLogConfigAssociations", "Resolver query log association")
	}},
	{[]string{"route53:ListHostedZonesByVPC"}, findHostedZones},
	{[]string{"network-firewall:ListFirewalls", "network-firewall:DescribeFirewall"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Firewalls []struct{ FirewallName, FirewallARN string }
				NextToken string
			}
			q := question{operation: "network-firewall:ListFirewalls", target: "NetworkFirewall_20201112", version: "1.0", in: withToken("NextToken", token, nil)}
			err := a.ask(ctx, q, &out)
			for _, f := range out.Firewalls {
				var described struct {
					Firewall struct{ VpcID string }
				}
				q.operation, q.in = "network-firewall:DescribeFirewall", map[string]any{"FirewallArn": f.FirewallARN}
				if err := a.ask(ctx, q, &described); err != nil {
					return "", err
				}
				a.found(workload{Kind: "Network Firewall", ID: f.FirewallName, VPC: described.Firewall.VpcID})
			}
			return out.NextToken, err
		})
	}},
	{[]string{"vpc-lattice:ListServiceNetworkVpcAssociations"}, func(ctx context.Context, a interview) error {
		return lattice(ctx, a, "ListServiceNetworkVpcAssociations", "/servicenetworkvpcassociations", "VPC Lattice association")
	}},
	{[]string{"vpc-lattice:ListResourceGateways"}, func(ctx context.Context, a interview) error {
		return lattice(ctx, a, "ListResourceGateways", "/resourcegateways", "VPC Lattice resource gateway")
	}},
	{[]string{"ram:ListResources"}, func(ctx context.Context, a interview) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				Resources []struct{ ARN string }
				NextToken string
			}
			err := a.ask(ctx, question{
				operation: "ram:ListResources", path: "/listresources",
				in: withToken("nextToken", token, map[string]any{"resourceOwner": "SELF", "resourceType": "ec2:Subnet"}),
			}, &out)
			for _, s := range out.Resources {
				id := lastPart(s.ARN)
				a.found(workload{Kind: "subnet shared with other accounts", ID: id, Subnets: []string{id}})
			}
			return out.NextToken, err
		})
	}},
}

// findHostedZones finds private hosted zones that answer in VPCs. Those of interface endpoints go with the endpoints.
func findHostedZones(ctx context.Context, a interview) error {
	for _, vpc := range a.vpcs {
		err := eachPage(func(token string) (string, error) {
			query := url.Values{"vpcid": {vpc}, "vpcregion": {a.region}}
			if token != "" {
				query.Set("nexttoken", token)
			}
			var out struct {
				Zones []struct {
					ID      string `xml:"HostedZoneId"`
					Service string `xml:"Owner>OwningService"`
				} `xml:"HostedZoneSummaries>HostedZoneSummary"`
				NextToken string
			}
			err := a.ask(ctx, question{
				operation: "route53:ListHostedZonesByVPC", method: "GET", path: "/2013-04-01/hostedzonesbyvpc?" + query.Encode(), xml: true, global: true,
			}, &out)
			for _, z := range out.Zones {
				if z.Service != "vpce.amazonaws.com" {
					a.found(workload{Kind: "private hosted zone", ID: z.ID, VPC: vpc})
				}
			}
			return out.NextToken, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findECS finds ECS services whose tasks get interfaces in subnets, when there are tasks.
func findECS(ctx context.Context, a interview) error {
	asked := func(operation string, in map[string]any, out any) error {
		return a.ask(ctx, question{operation: "ecs:" + operation, target: "AmazonEC2ContainerServiceV20141113", in: in}, out)
	}
	services := func(cluster string) error {
		return eachPage(func(token string) (string, error) {
			var out struct {
				ServiceARNs []string
				NextToken   string
			}
			if err := asked("ListServices", withToken("nextToken", token, map[string]any{"cluster": cluster}), &out); err != nil {
				return "", err
			}
			for arns := range slices.Chunk(out.ServiceARNs, 10) { // as many as DescribeServices takes
				var described struct {
					Services []struct {
						ServiceName          string
						Status               string
						NetworkConfiguration struct {
							AwsvpcConfiguration struct{ Subnets []string }
						}
					}
				}
				if err := asked("DescribeServices", map[string]any{"cluster": cluster, "services": arns}, &described); err != nil {
					return "", err
				}
				for _, s := range described.Services {
					if s.Status != "INACTIVE" {
						a.found(workload{Kind: "ECS service", ID: s.ServiceName, Subnets: s.NetworkConfiguration.AwsvpcConfiguration.Subnets})
					}
				}
			}
			return out.NextToken, nil
		})
	}
	return eachPage(func(token string) (string, error) {
		var out struct {
			ClusterARNs []string
			NextToken   string
		}
		err := asked("ListClusters", withToken("nextToken", token, nil), &out)
		for _, cluster := range out.ClusterARNs {
			if err := services(cluster); err != nil {
				return "", err
			}
		}
		return out.NextToken, err
	})
}

// resolver lists one kind of what Route 53 Resolver has in VPCs. Each kind has a list and a member for the VPC of its own name.
func resolver(ctx context.Context, a interview, operation, kind string) error {
	type item struct{ ID, HostVPCID, VPCID, ResourceID string }
	return eachPage(func(token string) (string, error) {
		var out struct {
			ResolverEndpoints                  []item
			ResolverRuleAssociations           []item
			FirewallRuleGroupAssociations      []item
			ResolverQueryLogConfigAssociations []item
			NextToken                          string
		}
		err := a.ask(ctx, question{operation: "route53resolver:" + operation, target: "Route53Resolver", in: withToken("NextToken", token, nil)}, &out)
		for _, i := range slices.Concat(out.ResolverEndpoints, out.ResolverRuleAssociations, out.FirewallRuleGroupAssociations, out.ResolverQueryLogConfigAssociations) {
			a.found(workload{Kind: kind, ID: i.ID, VPC: i.HostVPCID + i.VPCID + i.ResourceID}) // one of them is set
		}
		return out.NextToken, err
	})
}

func lattice(ctx context.Context, a interview, operation, path, kind string) error {
	return eachPage(func(token string) (string, error) {
		var out struct {
			Items     []struct{ ID, VpcID, VpcIdentifier string }
			NextToken string
		}
		err := a.ask(ctx, question{operation: "vpc-lattice:" + operation, method: "GET", path: path + tokenQuery("nextToken", token)}, &out)
		for _, i := range out.Items {
			a.found(workload{Kind: kind, ID: i.ID, VPC: i.VpcID + i.VpcIdentifier}) // one of them is set
		}
		return out.NextToken, err
	})
}

// eachPage asks for page after page; a page tells the token of the next one, or "".
func eachPage(page func(token string) (next string, err error)) error {
	for token := ""; ; {
		next, err := page(token)
		if err != nil || next == "" {
			return err
		}
		token = next
	}
}

func withToken(name, token string, in map[string]any) map[string]any {
	if in == nil {
		in = map[string]any{}
	}
	if token != "" {
		in[name] = token
	}
	return in
}

func tokenQuery(name, token string) string {
	if token == "" {
		return ""
	}
	return "?" + url.Values{name: {token}}.Encode()
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// readWorkloads asks what other services keep in the region.
func (n *network) readWorkloads(ctx context.Context, target aws.Config, lookups []lookup, vpcs ...string) error {
	found := make([][]workload, len(lookups)) // a list for each, as they may run side by side
	numbers := make([]int, len(lookups))
	for i := range numbers {
		numbers[i] = i
	}
	err := clock.Each(ctx, 4, numbers, func(ctx context.Context, i int) error {
		err := lookups[i].find(ctx, interview{target, n.Region, vpcs, func(w workload) { found[i] = append(found[i], w) }})
		if err != nil && !errors.Is(err, errNowhere) {
			return unreadable(err, strings.Join(lookups[i].operations, " or "), n.Region)
		}
		return nil
	})
	n.Workloads = append(n.Workloads, slices.Concat(found...)...)
	return err
}

package emulator

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Workload is something of another service that uses a directory or is configured for a VPC. It says so when its service is asked; an
// interface that it has in a VPC is a resource of its own in the network.
type Workload struct {
	Service   string   `json:"service"`          // signing name, as "rds"
	Kind      string   `json:"kind,omitempty"`   // of a service with several: the list operation that shows it; the service's first by default
	ID        string   `json:"id"`               // or its name
	Region    string   `json:"region,omitempty"` // us-east-1
	State     string   `json:"state,omitempty"`  // as the service writes it; the settled one by default
	Directory string   `json:"directory,omitempty"`
	VPC       string   `json:"vpc,omitempty"`
	Subnets   []string `json:"subnets,omitempty"`
}

func (w *Workload) complete() error {
	s, known := workloadServices[w.Service]
	if !known || w.ID == "" {
		return fmt.Errorf("workload %q of service %q: it needs an id and one of the services %s", w.ID, w.Service, strings.Join(sortedKeys(workloadServices), ", "))
	}
	defaults(&w.Kind, s.kinds[0])
	defaults(&w.Region, "us-east-1")
	return nil
}

// workloadService is a service that is only asked what it has.
type workloadService struct {
	service
	kinds []string // its list operations
}

// workloadServices are those services, by signing name.
var workloadServices = defineWorkloadServices()

func defineWorkloadServices() map[string]workloadService {
	all := map[string]workloadService{}
	define := func(s service, operations map[string]op, kinds ...string) {
		s.operations = operations
		all[s.name] = workloadService{s, kinds}
	}
	define(service{name: "workspaces", protocol: json11, target: "WorkspacesService"}, map[string]op{
		"DescribeWorkspaceDirectories": listing("Directories", "NextToken", func(_ *request, w *Workload) any {
			return map[string]any{"DirectoryId": w.Directory, "State": cmp.Or(w.State, "REGISTERED")}
		}),
	}, "DescribeWorkspaceDirectories")
	define(service{name: "fsx", protocol: json11, target: "AWSSimbaAPIService_v20180301"}, map[string]op{
		"DescribeFileSystems": listing("FileSystems", "NextToken", func(_ *request, w *Workload) any {
			return map[string]any{
				"FileSystemId": w.ID, "FileSystemType": "WINDOWS", "VpcId": w.VPC, "SubnetIds": w.Subnets,
				"WindowsConfiguration": map[string]any{"ActiveDirectoryId": w.Directory},
			}
		}),
	}, "DescribeFileSystems")
	define(service{name: "rds", protocol: query, xmlns: "http://rds.amazonaws.com/doc/2014-10-31/"}, map[string]op{
		"DescribeDBInstances": {run: describeDBInstances},
	}, "DescribeDBInstances")
	define(service{name: "workmail", protocol: json11, target: "WorkMailService"}, map[string]op{
		"ListOrganizations": listing("OrganizationSummaries", "NextToken", func(_ *request, w *Workload) any {
			return map[string]any{"OrganizationId": w.ID, "State": cmp.Or(w.State, "Active")}
		}),
		"DescribeOrganization": described("OrganizationId", "OrganizationNotFoundException", func(_ *request, w *Workload) map[string]any {
			return map[string]any{"OrganizationId": w.ID, "DirectoryId": w.Directory}
		}),
	}, "ListOrganizations")
	define(service{name: "connect", protocol: restJSON}, map[string]op{
		"ListInstances": at("GET /instance", listing("InstanceSummaryList", "NextToken", func(_ *request, w *Workload) any {
			identities := "CONNECT_MANAGED"
			if w.Directory != "" {
				identities = "EXISTING_DIRECTORY"
			}
			return map[string]any{"Id": w.ID, "IdentityManagementType": identities, "InstanceStatus": "ACTIVE"}
		})),
	}, "ListInstances")
	define(service{name: "transfer", protocol: json11, target: "TransferService"}, map[string]op{
		"ListServers": listing("Servers", "NextToken", func(r *request, w *Workload) any {
			return map[string]any{"Arn": workloadARN(r, "server", w.ID), "ServerId": w.ID, "IdentityProviderType": identityProvider(w)}
		}),
		"DescribeServer": described("ServerId", "ResourceNotFoundException", func(r *request, w *Workload) map[string]any {
			return map[string]any{"Server": map[string]any{
				"Arn": workloadARN(r, "server", w.ID), "ServerId": w.ID, "IdentityProviderType": identityProvider(w),
				"IdentityProviderDetails": map[string]any{"DirectoryId": w.Directory},
			}}
		}),
	}, "ListServers")
	define(service{name: "pca-connector-ad", protocol: restJSON}, map[string]op{
		"ListConnectors": at("GET /connectors", listing("Connectors", "NextToken", func(r *request, w *Workload) any {
			return map[string]any{"Arn": workloadARN(r, "connector", w.ID), "DirectoryId": w.Directory}
		})),
	}, "ListConnectors")
	define(service{name: "ecs", protocol: json11, target: "AmazonEC2ContainerServiceV20141113"}, map[string]op{
		"ListClusters": listing("clusterArns", "nextToken", func(r *request, w *Workload) any { return workloadARN(r, "cluster", w.ID) }),
		"ListServices": listing("serviceArns", "nextToken", func(r *request, w *Workload) any { return workloadARN(r, "service", w.ID) }).of("cluster"),
		"DescribeServices": {required: []string{"services"}, run: func(r *request) (any, error) {
			services := []any{}
			for _, arn := range r.strs("services") {
				if w := r.workload(arn); w != nil {
					services = append(services, map[string]any{
						"serviceArn": arn, "serviceName": w.ID, "status": cmp.Or(w.State, "ACTIVE"),
						"networkConfiguration": map[string]any{"awsvpcConfiguration": map[string]any{"subnets": w.Subnets}},
					})
				}
			}
			return map[string]any{"services": services, "failures": []any{}}, nil
		}},
	}, "ListClusters")
	resolver := func(list, vpc string) op {
		return listing(list, "NextToken", func(_ *request, w *Workload) any { return map[string]any{"Id": w.ID, vpc: w.VPC} })
	}
	define(service{name: "route53resolver", protocol: json11, target: "Route53Resolver"}, map[string]op{
		"ListResolverEndpoints":                  resolver("ResolverEndpoints", "HostVPCId"),
		"ListResolverRuleAssociations":           resolver("ResolverRuleAssociations", "VPCId"),
		"ListFirewallRuleGroupAssociations":      resolver("FirewallRuleGroupAssociations", "VpcId"),
		"ListResolverQueryLogConfigAssociations": resolver("ResolverQueryLogConfigAssociations", "ResourceId"),
	}, "ListResolverEndpoints", "ListResolverRuleAssociations", "ListFirewallRuleGroupAssociations", "ListResolverQueryLogConfigAssociations")
	define(service{name: "route53", protocol: restXML, xmlns: "https://route53.amazonaws.com/doc/2013-04-01/"}, map[string]op{
		"ListHostedZonesByVPC": at("GET /2013-04-01/hostedzonesbyvpc", op{required: []string{"Vpcid", "Vpcregion"}, run: listHostedZones}),
	}, "ListHostedZonesByVPC")
	define(service{name: "network-firewall", protocol: json10, target: "NetworkFirewall_20201112"}, map[string]op{
		"ListFirewalls": listing("Firewalls", "NextToken", func(r *request, w *Workload) any {
			return map[string]any{"FirewallName": w.ID, "FirewallArn": workloadARN(r, "firewall", w.ID)}
		}),
		"DescribeFirewall": described("FirewallArn", "ResourceNotFoundException", func(_ *request, w *Workload) map[string]any {
			return map[string]any{"Firewall": map[string]any{"FirewallName": w.ID, "VpcId": w.VPC}}
		}),
	}, "ListFirewalls")
	define(service{name: "vpc-lattice", protocol: restJSON}, map[string]op{
		"ListServiceNetworkVpcAssociations": at("GET /servicenetworkvpcassociations", listing("items", "nextToken", func(_ *request, w *Workload) any {
			return map[string]any{"id": w.ID, "vpcId": w.VPC}
		})),
		"ListResourceGateways": at("GET /resourcegateways", listing("items", "nextToken", func(_ *request, w *Workload) any {
			return map[string]any{"id": w.ID, "vpcIdentifier": w.VPC, "subnetIds": w.Subnets}
		})),
	}, "ListServiceNetworkVpcAssociations", "ListResourceGateways")
	define(service{name: "ram", protocol: restJSON}, map[string]op{
		"ListResources": at("POST /listresources", listing("resources", "nextToken", func(r *request, w *Workload) any {
			return map[string]any{"arn": ec2ARN(r, "subnet", w.ID), "type": "ec2:Subnet"}
		})),
	}, "ListResources")
	define(service{name: "ssm", protocol: json11, target: "AmazonSSM"}, merge(ssmOperations, map[string]op{
		"ListAssociations": listing("Associations", "NextToken", func(_ *request, w *Workload) any {
			return map[string]any{"AssociationId": w.ID, "Name": "AWS-JoinDirectoryServiceDomain"}
		}),
		"DescribeAssociation": described("AssociationId", "AssociationDoesNotExist", func(_ *request, w *Workload) map[string]any {
			return map[string]any{"AssociationDescription": map[string]any{
				"AssociationId": w.ID, "Name": "AWS-JoinDirectoryServiceDomain", "Parameters": map[string]any{"directoryId": []any{w.Directory}},
			}}
		}),
	}), "ListAssociations")
	define(service{name: "lambda", protocol: restJSON}, merge(lambdaOperations, map[string]op{
		"ListFunctions": at("GET /2015-03-31/functions", op{run: func(r *request) (any, error) {
			return workloadPage(r, "Functions", "Marker", "NextMarker", func(_ *request, w *Workload) any {
				return map[string]any{"FunctionName": w.ID, "VpcConfig": map[string]any{"VpcId": w.VPC, "SubnetIds": w.Subnets}}
			})
		}}),
	}), "ListFunctions")
	return all
}

// listing is an operation that shows the caller's workloads of its kind page by page.
func listing(member, token string, show func(*request, *Workload) any) op {
	return op{run: func(r *request) (any, error) { return workloadPage(r, member, token, token, show) }}
}

// of is a listing that shows, whatever its kind, only what belongs to something that the request names.
func (o op) of(member string) op {
	o.required = []string{member}
	return o
}

func at(route string, o op) op {
	o.route = route
	return o
}

func workloadPage(r *request, member, token, next string, show func(*request, *Workload) any) (any, error) {
	items, following, err := r.workloadsOnPage(r.str(token))
	if err != nil {
		return nil, err
	}
	shown := []any{}
	for _, w := range items {
		shown = append(shown, show(r, w))
	}
	out := map[string]any{member: shown}
	if following != "" {
		out[next] = following
	}
	return out, nil
}

func (r *request) workloadsOnPage(token string) ([]*Workload, string, error) {
	var all []*Workload
	for _, w := range r.acct().Workloads {
		// A cluster holds the service of its own name alone.
		own := r.operation == w.Kind || r.operation == "ListServices" && strings.HasSuffix(r.str("cluster"), "/"+w.ID)
		if asked := r.str("Vpcid"); asked != "" { // Route 53 is asked for one VPC, of whatever region
			own = own && w.VPC == asked
		}
		if w.Service == r.service.name && w.Region == r.region && own {
			all = append(all, w)
		}
	}
	items, next, ok := paginate(r, all, token, 0, 100)
	if !ok {
		return nil, "", apiError("InvalidNextTokenException", "The pagination token is not valid.")
	}
	return items, next, nil
}

// workload finds one by its id or ARN.
func (r *request) workload(name string) *Workload {
	for _, w := range r.acct().Workloads {
		if w.Service == r.service.name && w.Region == r.region && (name == w.ID || strings.HasSuffix(name, "/"+w.ID)) {
			return w
		}
	}
	return nil
}

// described is an operation that shows one workload.
func described(member, notFound string, show func(*request, *Workload) map[string]any) op {
	return op{required: []string{member}, run: func(r *request) (any, error) {
		w := r.workload(r.str(member))
		if w == nil {
			return nil, &APIError{Code: notFound, Message: r.str(member) + " does not exist.", Status: http.StatusBadRequest}
		}
		return maps.Clone(show(r, w)), nil
	}}
}

func workloadARN(r *request, kind, id string) string {
	return "arn:aws:" + r.service.name + ":" + r.region + ":" + r.account + ":" + kind + "/" + id
}

func identityProvider(w *Workload) string {
	if w.Directory != "" {
		return "AWS_DIRECTORY_SERVICE"
	}
	return "SERVICE_MANAGED"
}

// xmlHostedZones is an answer of Route 53.
type xmlHostedZones struct {
	XMLName   xml.Name        `xml:"ListHostedZonesByVPCResponse"`
	Namespace string          `xml:"xmlns,attr"`
	Zones     []xmlHostedZone `xml:"HostedZoneSummaries>HostedZoneSummary"`
	MaxItems  int             `xml:"MaxItems"`
	Next      string          `xml:"NextToken,omitempty"`
}

type xmlHostedZone struct {
	ID      string `xml:"HostedZoneId"`
	Name    string `xml:"Name"`
	Account string `xml:"Owner>OwningAccount,omitempty"`
	Service string `xml:"Owner>OwningService,omitempty"`
}

// listHostedZones shows the private hosted zones of one VPC. A workload's state is the service that owns the zone, if one does.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByVPC.html
func listHostedZones(r *request) (any, error) {
	items, next, err := r.workloadsOnPage(r.str("Nexttoken"))
	if err != nil {
		return nil, err
	}
	out := xmlHostedZones{Namespace: r.service.xmlns, MaxItems: 100, Next: next}
	for _, w := range items {
		zone := xmlHostedZone{ID: w.ID, Name: "corp.example.com.", Account: r.account}
		if w.State != "" {
			zone.Account, zone.Service = "", w.State
		}
		out.Zones = append(out.Zones, zone)
	}
	return xmlReply(out)
}

// xmlReply is an answer in XML.
func xmlReply(out any) (any, error) {
	text, err := xml.Marshal(out)
	return reply{body: text, header: http.Header{"Content-Type": {"text/xml"}}}, err
}

// xmlDBInstances is an answer of RDS, whose lists name their elements.
type xmlDBInstances struct {
	XMLName   xml.Name        `xml:"DescribeDBInstancesResponse"`
	Namespace string          `xml:"xmlns,attr"`
	Instances []xmlDBInstance `xml:"DescribeDBInstancesResult>DBInstances>DBInstance"`
	Marker    string          `xml:"DescribeDBInstancesResult>Marker,omitempty"`
	RequestID string          `xml:"ResponseMetadata>RequestId"`
}

type xmlDBInstance struct {
	ID          string   `xml:"DBInstanceIdentifier"`
	Status      string   `xml:"DBInstanceStatus"`
	VPC         string   `xml:"DBSubnetGroup>VpcId"`
	Directories []string `xml:"DomainMemberships>DomainMembership>Domain"`
}

func describeDBInstances(r *request) (any, error) {
	items, next, err := r.workloadsOnPage(r.str("Marker"))
	if err != nil {
		return nil, err
	}
	out := xmlDBInstances{Namespace: r.service.xmlns, Marker: next, RequestID: r.requestID}
	for _, w := range items {
		instance := xmlDBInstance{ID: w.ID, Status: cmp.Or(w.State, "available"), VPC: w.VPC}
		if w.Directory != "" {
			instance.Directories = []string{w.Directory}
		}
		out.Instances = append(out.Instances, instance)
	}
	return xmlReply(out)
}

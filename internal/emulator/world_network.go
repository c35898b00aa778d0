package emulator

import "time"

// Network is what EC2 holds for one account in one region, as plain data.
//
// It is small to write by hand: a VPC brings its default security group, network ACL and route table; whatever AWS serves through
// an interface (an instance, a NAT gateway, an interface endpoint, …) brings its interfaces; CIDR blocks, zones and
// states have defaults. Ids must be given where something refers to them and are derived otherwise.
type Network struct {
	VPCs                       list[*VPC]                       `json:"vpcs,omitempty"`
	Subnets                    list[*Subnet]                    `json:"subnets,omitempty"`
	RouteTables                list[*RouteTable]                `json:"routeTables,omitempty"`
	SecurityGroups             list[*SecurityGroup]             `json:"securityGroups,omitempty"`
	NetworkACLs                list[*NetworkACL]                `json:"networkAcls,omitempty"`
	InternetGateways           list[*InternetGateway]           `json:"internetGateways,omitempty"`
	EgressOnlyInternetGateways list[*EgressOnlyInternetGateway] `json:"egressOnlyInternetGateways,omitempty"`
	NATGateways                list[*NATGateway]                `json:"natGateways,omitempty"`
	Addresses                  list[*Address]                   `json:"addresses,omitempty"`
	VPCEndpoints               list[*VPCEndpoint]               `json:"vpcEndpoints,omitempty"`
	NetworkInterfaces          list[*NetworkInterface]          `json:"networkInterfaces,omitempty"`
	Instances                  list[*Instance]                  `json:"instances,omitempty"`
	Peerings                   list[*Peering]                   `json:"peerings,omitempty"`
	VPNGateways                list[*VPNGateway]                `json:"vpnGateways,omitempty"`
	VPNConnections             list[*VPNConnection]             `json:"vpnConnections,omitempty"`
	TransitGatewayAttachments  list[*TransitGatewayAttachment]  `json:"transitGatewayAttachments,omitempty"`
	CarrierGateways            list[*CarrierGateway]            `json:"carrierGateways,omitempty"`
	InstanceConnectEndpoints   list[*InstanceConnectEndpoint]   `json:"instanceConnectEndpoints,omitempty"`
	ClientVPNEndpoints         list[*ClientVPNEndpoint]         `json:"clientVpnEndpoints,omitempty"`
	DHCPOptions                list[*DHCPOptions]               `json:"dhcpOptions,omitempty"`
	FlowLogs                   list[*FlowLog]                   `json:"flowLogs,omitempty"`
	PublicAccessExclusions     list[*PublicAccessExclusion]     `json:"publicAccessExclusions,omitempty"`
	EncryptionControls         list[*EncryptionControl]         `json:"encryptionControls,omitempty"`
	LocalGatewayAssociations   list[*LocalGatewayAssociation]   `json:"localGatewayAssociations,omitempty"`

	// How long AWS takes over what it does not do at once, in minutes, with the defaults.
	NATGatewayMinutes *int `json:"natGatewayMinutes,omitempty"` // 1
	EndpointMinutes   *int `json:"endpointMinutes,omitempty"`   // 2
	VPNGatewayMinutes *int `json:"vpnGatewayMinutes,omitempty"` // 2

	// ConsistencySeconds is how long the describe operations still show the network from before a write.
	ConsistencySeconds int     `json:"consistencySeconds,omitempty"`
	Before             *Before `json:"before,omitempty"`

	// Changes are what AWS or somebody else does later.
	Changes []Change `json:"changes,omitempty"`
}

// Before is what eventually consistent reads still see: https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
type Before struct {
	Until   time.Time `json:"until"`
	Network *Network  `json:"network"`
}

// Change is something that happens to a network at a moment: AWS finishes what it was asked for, or somebody works in the account meanwhile.
type Change struct {
	At     time.Time         `json:"at"`
	Add    *Network          `json:"add,omitempty"`    // resources that appear
	Remove []string          `json:"remove,omitempty"` // ids that vanish
	States map[string]string `json:"states,omitempty"` // id to its new state
}

// Resource is what all things in a network have.
type Resource struct {
	ID    string            `json:"id,omitempty"`
	Owner string            `json:"owner,omitempty"` // account id; the network's account by default
	State string            `json:"state,omitempty"` // as EC2 writes it; the settled one by default
	Tags  map[string]string `json:"tags,omitempty"`
}

// VPC is a virtual private cloud.
type VPC struct {
	Resource
	CIDR        string   `json:"cidr,omitempty"`        // 10.0.0.0/16
	CIDRs       []string `json:"cidrs,omitempty"`       // secondary blocks
	Default     bool     `json:"default,omitempty"`     // the region's default VPC
	DHCPOptions string   `json:"dhcpOptions,omitempty"` // id; the region's own set otherwise, "default" for none at all
}

// Subnet is a range of a VPC in one zone.
type Subnet struct {
	Resource
	VPC  string `json:"vpc"`
	CIDR string `json:"cidr,omitempty"` // the next free /24 of the VPC
	Zone string `json:"zone,omitempty"` // the region's zone a
}

// RouteTable is a VPC's set of routes. A subnet that no table names uses the main one.
type RouteTable struct {
	Resource
	VPC     string   `json:"vpc"`
	Main    bool     `json:"main,omitempty"`
	Subnets []string `json:"subnets,omitempty"` // explicitly associated
	Gateway string   `json:"gateway,omitempty"` // edge association
	Routes  []Route  `json:"routes,omitempty"`  // beside the local one
}

// Route leads a destination to a target: the id of a gateway, interface, peering or endpoint, or the ARN of a core network.
type Route struct {
	Destination string `json:"destination"`
	Target      string `json:"target"`
}

// SecurityGroup is a set of allow rules. The group with the name "default" is its VPC's default one.
type SecurityGroup struct {
	Resource
	VPC         string      `json:"vpc"`
	Name        string      `json:"name,omitempty"` // the id
	Description string      `json:"description,omitempty"`
	VPCs        []string    `json:"vpcs,omitempty"` // other VPCs that it is associated with
	Rules       []GroupRule `json:"rules,omitzero"` // only outbound traffic to anywhere, when absent
}

// GroupRule lets traffic to or from a CIDR block, a security group or a prefix list through.
type GroupRule struct {
	ID         string `json:"id,omitempty"`
	Egress     bool   `json:"egress,omitempty"`
	Protocol   string `json:"protocol,omitempty"` // "-1", everything
	From       int    `json:"from,omitempty"`     // first port
	To         int    `json:"to,omitempty"`       // last port; From by default
	CIDR       string `json:"cidr,omitempty"`
	Group      string `json:"group,omitempty"`
	GroupOwner string `json:"groupOwner,omitempty"` // account id of Group
	Peering    string `json:"peering,omitempty"`    // over which a group of another VPC is referenced
	PrefixList string `json:"prefixList,omitempty"`
}

// NetworkACL is a stateless filter. A subnet that no ACL names uses the default one.
type NetworkACL struct {
	Resource
	VPC     string   `json:"vpc"`
	Default bool     `json:"default,omitempty"`
	Subnets []string `json:"subnets,omitempty"` // explicitly associated
}

// InternetGateway is attached to VPC, if that is given.
type InternetGateway struct {
	Resource
	VPC string `json:"vpc,omitempty"`
}

// EgressOnlyInternetGateway lets IPv6 traffic out.
type EgressOnlyInternetGateway struct {
	Resource
	VPC string `json:"vpc"`
}

// NATGateway is public with an Address and private without. Without a Subnet it is a regional one.
type NATGateway struct {
	Resource
	VPC     string    `json:"vpc,omitempty"` // the subnet's
	Subnet  string    `json:"subnet,omitempty"`
	Address string    `json:"address,omitempty"` // allocation id
	Created time.Time `json:"created,omitzero"`
	Deleted time.Time `json:"deleted,omitzero"`
}

// Address is an Elastic IP address; Interface is what it is associated with.
type Address struct {
	Resource
	PublicIP  string `json:"publicIp,omitempty"` // derived from the id
	Interface string `json:"interface,omitempty"`
}

// VPCEndpoint is a private way to a service.
type VPCEndpoint struct {
	Resource
	VPC              string   `json:"vpc"`
	Type             string   `json:"type,omitempty"` // Interface with subnets, Gateway otherwise
	Service          string   `json:"service"`        // com.amazonaws.us-east-1.s3
	Subnets          []string `json:"subnets,omitempty"`
	RouteTables      []string `json:"routeTables,omitempty"`
	SecurityGroups   []string `json:"securityGroups,omitempty"`
	RequesterManaged bool     `json:"requesterManaged,omitempty"`
	// DeleteError makes DeleteVpcEndpoints report this endpoint as unsuccessful with that code, inside its 200 answer.
	DeleteError string `json:"deleteError,omitempty"`
}

// NetworkInterface is an elastic network interface.
type NetworkInterface struct {
	Resource
	Subnet           string   `json:"subnet"`
	VPC              string   `json:"vpc,omitempty"`  // the subnet's
	Type             string   `json:"type,omitempty"` // interface
	Description      string   `json:"description,omitempty"`
	SecurityGroups   []string `json:"securityGroups,omitempty"` // the VPC's default one
	PrivateIP        string   `json:"privateIp,omitempty"`
	PublicIP         string   `json:"publicIp,omitempty"`
	For              string   `json:"for,omitempty"` // id of the instance, gateway, endpoint, directory, … that it serves
	RequesterManaged bool     `json:"requesterManaged,omitempty"`
	Requester        string   `json:"requester,omitempty"`
	AttachmentOwner  string   `json:"attachmentOwner,omitempty"` // account id or alias, as amazon-aws
	Operator         string   `json:"operator,omitempty"`        // the service that manages it for the owner
	Hidden           bool     `json:"hidden,omitempty"`          // shown only to who asks for managed resources
}

// Instance is an EC2 instance.
type Instance struct {
	Resource
	Subnet         string    `json:"subnet"`
	VPC            string    `json:"vpc,omitempty"`  // the subnet's
	Type           string    `json:"type,omitempty"` // t3.micro
	SecurityGroups []string  `json:"securityGroups,omitempty"`
	PublicIP       string    `json:"publicIp,omitempty"`
	Launched       time.Time `json:"launched,omitzero"`
	Operator       string    `json:"operator,omitempty"` // the service that manages it for the owner
	Hidden         bool      `json:"hidden,omitempty"`   // shown only to who asks for managed resources
}

// Peering connects two VPCs.
type Peering struct {
	Resource
	Requester Peer `json:"requester"`
	Accepter  Peer `json:"accepter"`
}

// Peer is one side of a peering connection.
type Peer struct {
	VPC    string `json:"vpc"`
	Owner  string `json:"owner,omitempty"`  // account id; this account
	Region string `json:"region,omitempty"` // this region
	CIDR   string `json:"cidr,omitempty"`
}

// VPNGateway is a virtual private gateway. Attachment is the state of its attachment to VPC.
type VPNGateway struct {
	Resource
	VPC        string `json:"vpc,omitempty"`
	Attachment string `json:"attachment,omitempty"` // attached
}

// VPNConnection is a site-to-site VPN.
type VPNConnection struct {
	Resource
	VPNGateway      string `json:"vpnGateway,omitempty"`
	TransitGateway  string `json:"transitGateway,omitempty"`
	CustomerGateway string `json:"customerGateway,omitempty"`
}

// TransitGatewayAttachment attaches a VPC to a transit gateway.
type TransitGatewayAttachment struct {
	Resource
	TransitGateway      string   `json:"transitGateway"`
	TransitGatewayOwner string   `json:"transitGatewayOwner,omitempty"`
	VPC                 string   `json:"vpc"`
	Subnets             []string `json:"subnets,omitempty"`
}

// CarrierGateway leads to a carrier network.
type CarrierGateway struct {
	Resource
	VPC string `json:"vpc"`
}

// InstanceConnectEndpoint reaches instances without a public address.
type InstanceConnectEndpoint struct {
	Resource
	Subnet         string   `json:"subnet"`
	VPC            string   `json:"vpc,omitempty"` // the subnet's
	SecurityGroups []string `json:"securityGroups,omitempty"`
}

// ClientVPNEndpoint lets people into a VPC; Directory is the id of the directory that authenticates them, if one does.
type ClientVPNEndpoint struct {
	Resource
	VPC            string   `json:"vpc,omitempty"`
	Subnets        []string `json:"subnets,omitempty"` // target networks
	SecurityGroups []string `json:"securityGroups,omitempty"`
	Directory      string   `json:"directory,omitempty"`
}

// DHCPOptions is a set of DHCP options.
type DHCPOptions struct {
	Resource
	DomainName string   `json:"domainName,omitempty"`
	Servers    []string `json:"servers,omitempty"` // domain-name-servers
}

// FlowLog records the traffic of a VPC, subnet or interface.
type FlowLog struct {
	Resource
	Target      string `json:"target"`                // id of what it records
	LogGroup    string `json:"logGroup,omitempty"`    // for cloud-watch-logs
	Destination string `json:"destination,omitempty"` // ARN of a bucket, for s3
}

// PublicAccessExclusion lets a VPC or subnet reach the internet although the account blocks public access.
type PublicAccessExclusion struct {
	Resource
	Target string `json:"target"` // id of the VPC or subnet
}

// EncryptionControl watches over, or enforces, the encryption of a VPC's traffic.
type EncryptionControl struct {
	Resource
	VPC string `json:"vpc"`
}

// LocalGatewayAssociation lets a VPC use a route table of a local gateway, which is that of an Outpost.
type LocalGatewayAssociation struct {
	Resource
	VPC          string `json:"vpc"`
	LocalGateway string `json:"localGateway"`
}

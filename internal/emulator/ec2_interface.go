package emulator

import (
	"strconv"
	"strings"
)

var ec2InterfaceOperations = map[string]op{
	"DescribeNetworkInterfaces":        networkInterfaceKind.describe(),
	"DescribeInstances":                instanceKind.describe(),
	"DescribeInstanceConnectEndpoints": instanceConnectEndpointKind.describe(),
	"DeleteNetworkInterface":           networkInterfaceKind.remove(xmlReturn{true}),
}

var networkInterfaceKind = kind[*NetworkInterface]{
	arn: "network-interface", noun: "networkInterface", id: "NetworkInterfaceId", notFound: "InvalidNetworkInterfaceID.NotFound", set: "networkInterfaceSet",
	list:   func(n *Network) list[*NetworkInterface] { return n.NetworkInterfaces },
	hidden: func(e *NetworkInterface) bool { return e.Hidden },
	filters: func(r *request, e *NetworkInterface) map[string][]string {
		return map[string][]string{
			"vpc-id":                       {e.VPC},
			"subnet-id":                    {e.Subnet},
			"network-interface-id":         {e.ID},
			"group-id":                     e.SecurityGroups,
			"status":                       {e.State},
			"interface-type":               {r.interfaceType(e)},
			"description":                  {r.interfaceDescription(e)},
			"requester-id":                 {e.Requester},
			"requester-managed":            {strconv.FormatBool(e.RequesterManaged)},
			"owner-id":                     {e.Owner},
			"private-ip-address":           {e.PrivateIP},
			"attachment.instance-id":       {e.instance()},
			"attachment.instance-owner-id": {e.AttachmentOwner},
			"association.public-ip":        {e.PublicIP},
			"operator.managed":             {strconv.FormatBool(e.Operator != "")},
			"operator.principal":           {e.Operator},
		}
	},
	wire: func(r *request, e *NetworkInterface) any {
		n := r.network()
		subnet, _ := n.Subnets.find(e.Subnet)
		out := xmlNetworkInterface{
			ID: e.ID, VPC: e.VPC, Subnet: e.Subnet, Zone: subnet.Zone, Owner: e.Owner, Status: e.State, Type: r.interfaceType(e), Description: r.interfaceDescription(e),
			PrivateIP: e.PrivateIP, Requester: e.Requester, RequesterManaged: e.RequesterManaged, Groups: n.groupNames(e.SecurityGroups), Tags: xmlTags(e.Tags),
		}
		if e.Operator != "" {
			out.Operator = &xmlOperator{true, e.Operator, e.Hidden}
		}
		if e.State == "in-use" {
			out.Attachment = &xmlInterfaceAttachment{
				ID: derivedID("eni-attach", e.ID), Instance: e.instance(), Owner: e.AttachmentOwner, Status: "attached", DeleteOnTermination: e.instance() != "",
			}
		}
		if e.PublicIP != "" {
			out.Association = &xmlInterfaceAssociation{PublicIP: e.PublicIP, Owner: "amazon"}
		}
		for _, a := range n.Addresses {
			if a.Interface == e.ID {
				out.Association = &xmlInterfaceAssociation{a.ID, associationID(a.ID, e.ID), a.PublicIP, a.Owner}
			}
		}
		return out
	},
}

type xmlNetworkInterface struct {
	ID               string                   `xml:"networkInterfaceId"`
	VPC              string                   `xml:"vpcId"`
	Subnet           string                   `xml:"subnetId"`
	Zone             string                   `xml:"availabilityZone"`
	Owner            string                   `xml:"ownerId"`
	Status           string                   `xml:"status"`
	Type             string                   `xml:"interfaceType"`
	Description      string                   `xml:"description"`
	PrivateIP        string                   `xml:"privateIpAddress"`
	Requester        string                   `xml:"requesterId,omitempty"`
	RequesterManaged bool                     `xml:"requesterManaged"`
	Operator         *xmlOperator             `xml:"operator"`
	Groups           []xmlGroupName           `xml:"groupSet>item"`
	Attachment       *xmlInterfaceAttachment  `xml:"attachment"`
	Association      *xmlInterfaceAssociation `xml:"association"`
	Tags             []xmlTag                 `xml:"tagSet>item"`
}

type xmlOperator struct {
	Managed   bool   `xml:"managed"`
	Principal string `xml:"principal"`
	Hidden    bool   `xml:"hiddenByDefault"`
}

type xmlInterfaceAttachment struct {
	ID                  string `xml:"attachmentId"`
	Instance            string `xml:"instanceId,omitempty"`
	Owner               string `xml:"instanceOwnerId"`
	Status              string `xml:"status"`
	DeleteOnTermination bool   `xml:"deleteOnTermination"`
}

type xmlInterfaceAssociation struct {
	Allocation string `xml:"allocationId,omitempty"`
	ID         string `xml:"associationId,omitempty"`
	PublicIP   string `xml:"publicIp"`
	Owner      string `xml:"ipOwnerId"`
}

type xmlGroupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

// groupNames adds the names to ids of security groups.
func (n *Network) groupNames(ids []string) []xmlGroupName {
	var out []xmlGroupName
	for _, id := range ids {
		group, _ := n.SecurityGroups.find(id)
		out = append(out, xmlGroupName{id, group.Name})
	}
	return out
}

// instance is the id of the instance that an interface belongs to, if any.
func (e *NetworkInterface) instance() string {
	if strings.HasPrefix(e.For, "i-") {
		return e.For
	}
	return ""
}

// interfaceType is the type as EC2 writes it; for a NAT gateway's the documentation and the model disagree.
func (r *request) interfaceType(e *NetworkInterface) string {
	if e.Type == "nat_gateway" {
		return r.aws.assume("nat-interface-type")
	}
	return e.Type
}

// interfaceDescription is the description as EC2 writes it; for a directory's the sources disagree.
func (r *request) interfaceDescription(e *NetworkInterface) string {
	if e.Description != "" || !strings.HasPrefix(e.For, "d-") {
		return e.Description
	}
	if r.aws.assume("directory-interface-description") == "with-directory" {
		return "AWS created network interface for directory " + e.For
	}
	return "AWS created network interface for " + e.For
}

var instanceKind = kind[*Instance]{
	arn: "instance", noun: "instance", id: "InstanceId", notFound: "InvalidInstanceID.NotFound", set: "reservationSet",
	list:   func(n *Network) list[*Instance] { return n.Instances },
	hidden: func(i *Instance) bool { return i.Hidden },
	filters: func(_ *request, i *Instance) map[string][]string {
		return map[string][]string{
			"vpc-id":              {i.VPC},
			"subnet-id":           {i.Subnet},
			"instance-id":         {i.ID},
			"instance.group-id":   i.SecurityGroups,
			"instance-state-name": {i.State},
			"owner-id":            {i.Owner},
		}
	},
	// Every instance is a reservation of its own.
	wire: func(r *request, i *Instance) any {
		out := xmlInstance{
			ID: i.ID, Type: i.Type, State: xmlInstanceState{instanceCodes[i.State], i.State}, PublicIP: i.PublicIP, Launched: ec2Time(i.Launched), Tags: xmlTags(i.Tags),
		}
		if i.Operator != "" {
			out.Operator = &xmlOperator{true, i.Operator, i.Hidden}
		}
		// A terminated instance no longer says where it was.
		if i.State != "terminated" {
			out.VPC, out.Subnet, out.Groups = i.VPC, i.Subnet, r.network().groupNames(i.SecurityGroups)
		}
		for _, e := range r.network().NetworkInterfaces {
			if e.For == i.ID {
				out.PrivateIP = e.PrivateIP
				out.Interfaces = append(out.Interfaces, xmlInstanceInterface{e.ID, e.Subnet, e.VPC, e.State})
			}
		}
		return xmlReservation{derivedID("r", i.ID), i.Owner, []xmlInstance{out}}
	},
}

var instanceCodes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

type xmlReservation struct {
	ID        string        `xml:"reservationId"`
	Owner     string        `xml:"ownerId"`
	Instances []xmlInstance `xml:"instancesSet>item"`
}

type xmlInstance struct {
	ID         string                 `xml:"instanceId"`
	Type       string                 `xml:"instanceType"`
	State      xmlInstanceState       `xml:"instanceState"`
	VPC        string                 `xml:"vpcId,omitempty"`
	Subnet     string                 `xml:"subnetId,omitempty"`
	PrivateIP  string                 `xml:"privateIpAddress,omitempty"`
	PublicIP   string                 `xml:"ipAddress,omitempty"`
	Launched   string                 `xml:"launchTime"`
	Operator   *xmlOperator           `xml:"operator"`
	Groups     []xmlGroupName         `xml:"groupSet>item"`
	Interfaces []xmlInstanceInterface `xml:"networkInterfaceSet>item"`
	Tags       []xmlTag               `xml:"tagSet>item"`
}

type xmlInstanceState struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

type xmlInstanceInterface struct {
	ID     string `xml:"networkInterfaceId"`
	Subnet string `xml:"subnetId"`
	VPC    string `xml:"vpcId"`
	Status string `xml:"status"`
}

var instanceConnectEndpointKind = kind[*InstanceConnectEndpoint]{
	arn: "instance-connect-endpoint", noun: "instanceConnectEndpoint", id: "InstanceConnectEndpointId", notFound: "InvalidInstanceConnectEndpointId.NotFound", set: "instanceConnectEndpointSet", minimum: 1,
	list: func(n *Network) list[*InstanceConnectEndpoint] { return n.InstanceConnectEndpoints },
	filters: func(_ *request, e *InstanceConnectEndpoint) map[string][]string {
		return map[string][]string{
			"vpc-id":                       {e.VPC},
			"subnet-id":                    {e.Subnet},
			"instance-connect-endpoint-id": {e.ID},
			"state":                        {e.State},
		}
	},
	wire: func(r *request, e *InstanceConnectEndpoint) any {
		return xmlInstanceConnectEndpoint{
			e.ID, e.VPC, e.Subnet, e.Owner, e.State, r.network().interfacesOf(e.ID), e.SecurityGroups, xmlTags(e.Tags),
		}
	},
}

type xmlInstanceConnectEndpoint struct {
	ID         string   `xml:"instanceConnectEndpointId"`
	VPC        string   `xml:"vpcId"`
	Subnet     string   `xml:"subnetId"`
	Owner      string   `xml:"ownerId"`
	State      string   `xml:"state"`
	Interfaces []string `xml:"networkInterfaceIdSet>item"`
	Groups     []string `xml:"securityGroupIdSet>item"`
	Tags       []xmlTag `xml:"tagSet>item"`
}

// interfacesOf are the ids of the interfaces that serve a resource.
func (n *Network) interfacesOf(id string) []string {
	var ids []string
	for _, e := range n.NetworkInterfaces {
		if e.For == id {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

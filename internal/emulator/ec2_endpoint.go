package emulator

var ec2EndpointOperations = map[string]op{
	"DescribeVpcEndpoints":       vpcEndpointKind.describe(),
	"DescribeFlowLogs":           flowLogKind.describe(),
	"DescribeClientVpnEndpoints": clientVPNEndpointKind.describe(),
	"DeleteVpcEndpoints":         batch(vpcEndpointKind, deleteVPCEndpoint),
	"DeleteFlowLogs": batch(flowLogKind, func(_ *request, n *Network, f *FlowLog) *APIError {
		n.remove(f.ID)
		return nil
	}),
}

// batch is a delete operation that tells which of several resources it could not delete inside an answer of HTTP 200.
func batch[T resource](k kind[T], do func(*request, *Network, T) *APIError) op {
	return op{
		required: []string{k.id},
		resource: func(r *request) []string {
			var arns []string
			for _, id := range r.strs(k.id) {
				arns = append(arns, ec2ARN(r, k.arn, id))
			}
			return arns
		},
		run: func(r *request) (any, error) {
			var out xmlUnsuccessful
			for _, id := range r.strs(k.id) {
				var refused *APIError
				if item, ok := k.list(r.network()).find(id); ok {
					refused = do(r, r.network(), item)
				} else {
					refused = apiError(k.notFound, "The %s '%s' does not exist", k.noun, id)
				}
				if refused != nil {
					out.Items = append(out.Items, xmlUnsuccessfulItem{id, refused.Code, refused.Message})
				}
			}
			return out, nil
		},
	}
}

type xmlUnsuccessful struct {
	Items []xmlUnsuccessfulItem `xml:"unsuccessful>item"`
}

type xmlUnsuccessfulItem struct {
	Resource string `xml:"resourceId"`
	Code     string `xml:"error>code"`
	Message  string `xml:"error>message"`
}

var vpcEndpointKind = kind[*VPCEndpoint]{
	arn: "vpc-endpoint", noun: "Vpc Endpoint Id", id: "VpcEndpointId", notFound: "InvalidVpcEndpointId.NotFound", set: "vpcEndpointSet", minimum: 1,
	list: func(n *Network) list[*VPCEndpoint] { return n.VPCEndpoints },
	filters: func(_ *request, e *VPCEndpoint) map[string][]string {
		return map[string][]string{
			"vpc-id":             {e.VPC},
			"vpc-endpoint-id":    {e.ID},
			"vpc-endpoint-state": {e.State},
			"vpc-endpoint-type":  {e.Type},
			"service-name":       {e.Service},
		}
	},
	wire: func(r *request, e *VPCEndpoint) any {
		return xmlVPCEndpoint{
			ID: e.ID, Type: e.Type, VPC: e.VPC, Service: e.Service, State: e.State, Owner: e.Owner, RequesterManaged: e.RequesterManaged, RouteTables: e.RouteTables,
			Subnets: e.Subnets, Groups: r.network().groupNames(e.SecurityGroups), Interfaces: r.network().interfacesOf(e.ID), Tags: xmlTags(e.Tags),
		}
	},
}

type xmlVPCEndpoint struct {
	ID               string         `xml:"vpcEndpointId"`
	Type             string         `xml:"vpcEndpointType"`
	VPC              string         `xml:"vpcId"`
	Service          string         `xml:"serviceName"`
	State            string         `xml:"state"`
	Owner            string         `xml:"ownerId"`
	RequesterManaged bool           `xml:"requesterManaged"`
	RouteTables      []string       `xml:"routeTableIdSet>item"`
	Subnets          []string       `xml:"subnetIdSet>item"`
	Groups           []xmlGroupName `xml:"groupSet>item"`
	Interfaces       []string       `xml:"networkInterfaceIdSet>item"`
	Tags             []xmlTag       `xml:"tagSet>item"`
}

// deleteVPCEndpoint starts a deletion, which takes the endpoint's interfaces and routes with it some minutes later.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html
func deleteVPCEndpoint(r *request, n *Network, e *VPCEndpoint) *APIError {
	if e.DeleteError != "" {
		return apiError(e.DeleteError, "The Vpc Endpoint '%s' could not be deleted", e.ID)
	}
	if e.RequesterManaged && r.aws.enforces("requester-managed-endpoint") {
		return apiError("InvalidParameter", "Operation is not allowed for requester-managed VPC endpoints for the service %s.", e.Service)
	}
	if e.State != "deleting" {
		e.State = "deleting"
		n.later(Change{At: r.now.Add(minutes(n.EndpointMinutes, 2)), Remove: []string{e.ID}})
	}
	return nil
}

var flowLogKind = kind[*FlowLog]{
	arn: "vpc-flow-log", noun: "flow log", id: "FlowLogId", notFound: "InvalidFlowLogId.NotFound", set: "flowLogSet", minimum: 1,
	list: func(n *Network) list[*FlowLog] { return n.FlowLogs },
	filters: func(_ *request, f *FlowLog) map[string][]string {
		return map[string][]string{
			"resource-id":    {f.Target},
			"flow-log-id":    {f.ID},
			"log-group-name": {f.LogGroup},
		}
	},
	wire: func(_ *request, f *FlowLog) any {
		out := xmlFlowLog{ID: f.ID, Status: f.State, Resource: f.Target, Traffic: "ALL", DestinationType: "cloud-watch-logs", LogGroup: f.LogGroup, Destination: f.Destination, Tags: xmlTags(f.Tags)}
		if f.Destination != "" {
			out.DestinationType = "s3"
		}
		return out
	},
}

type xmlFlowLog struct {
	ID              string   `xml:"flowLogId"`
	Status          string   `xml:"flowLogStatus"`
	Resource        string   `xml:"resourceId"`
	Traffic         string   `xml:"trafficType"`
	DestinationType string   `xml:"logDestinationType"`
	LogGroup        string   `xml:"logGroupName,omitempty"`
	Destination     string   `xml:"logDestination,omitempty"`
	Tags            []xmlTag `xml:"tagSet>item"`
}

var clientVPNEndpointKind = kind[*ClientVPNEndpoint]{
	arn: "client-vpn-endpoint", noun: "client VPN endpoint", id: "ClientVpnEndpointId", notFound: "InvalidClientVpnEndpointId.NotFound", set: "clientVpnEndpoint",
	list: func(n *Network) list[*ClientVPNEndpoint] { return n.ClientVPNEndpoints },
	filters: func(_ *request, e *ClientVPNEndpoint) map[string][]string {
		return map[string][]string{
			"endpoint-id": {e.ID},
		}
	},
	wire: func(_ *request, e *ClientVPNEndpoint) any {
		out := xmlClientVPNEndpoint{ID: e.ID, VPC: e.VPC, Status: e.State, Groups: e.SecurityGroups, Tags: xmlTags(e.Tags)}
		if e.Directory != "" {
			out.Authentication = []xmlClientVPNAuthentication{{"directory-service-authentication", e.Directory}}
		}
		return out
	},
}

type xmlClientVPNEndpoint struct {
	ID             string                       `xml:"clientVpnEndpointId"`
	VPC            string                       `xml:"vpcId"`
	Status         string                       `xml:"status>code"`
	Groups         []string                     `xml:"securityGroupIdSet>item"`
	Authentication []xmlClientVPNAuthentication `xml:"authenticationOptions>item"`
	Tags           []xmlTag                     `xml:"tagSet>item"`
}

type xmlClientVPNAuthentication struct {
	Type      string `xml:"type"`
	Directory string `xml:"activeDirectory>directoryId"`
}

package emulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// VPCConnection lets QuickSight reach into a VPC, through an interface in each of its subnets.
type VPCConnection struct {
	ID               string     `json:"id,omitempty"` // default: made from the name
	Name             string     `json:"name"`
	VPCID            string     `json:"vpcId"`
	SubnetIDs        []string   `json:"subnetIds"`
	SecurityGroupIDs []string   `json:"securityGroupIds,omitempty"`
	RoleARN          string     `json:"roleArn,omitempty"`     // default: aws-quicksight-vpc-role
	Status           string     `json:"status,omitempty"`      // default CREATION_SUCCESSFUL
	DeleteFails      bool       `json:"deleteFails,omitempty"` // ends as DELETION_FAILED, as when its role may not use EC2
	Updated          time.Time  `json:"updated,omitzero"`
	DeleteStarted    *time.Time `json:"deleteStarted,omitempty"`
	Deleted          *time.Time `json:"deleted,omitempty"`
}

func (c *VPCConnection) complete(account *Account, id, region string, now time.Time) error {
	c.ID = cmp.Or(c.ID, slug(c.Name))
	if c.ID == "" || c.VPCID == "" || len(c.SubnetIDs) == 0 {
		return fmt.Errorf("VPC connection %q needs a name, vpcId and subnetIds", c.Name)
	}
	c.RoleARN = cmp.Or(c.RoleARN, "arn:aws:iam::"+id+":role/aws-quicksight-vpc-role")
	c.Status = cmp.Or(c.Status, string(types.VPCConnectionResourceStatusCreationSuccessful))
	if c.Updated.IsZero() {
		c.Updated = now.AddDate(-1, 0, 0)
	}
	if c.Status == string(types.VPCConnectionResourceStatusDeleted) {
		if c.Deleted == nil {
			c.Deleted = &now
		}
		return nil
	}
	network := completion{Network: account.network(region), account: id, region: region, now: now}
	for _, subnet := range c.SubnetIDs {
		network.serve(c.ID, subnet, NetworkInterface{
			Type: "quicksight", Description: "QuickSight VPC connection " + c.ID, SecurityGroups: c.SecurityGroupIDs,
			RequesterManaged: true, Requester: "amazon-quicksight", AttachmentOwner: "amazon-aws",
		})
	}
	return nil
}

func (region *QuickSightRegion) settle(q *QuickSight, network *Network, now time.Time) {
	for _, c := range region.VPCConnections {
		c.settle(q, network, now)
	}
	for _, job := range region.ExportJobs {
		job.settle(q, now)
	}
}

// settle finishes a deletion; the interfaces in the VPC outlast the connection a little.
func (c *VPCConnection) settle(q *QuickSight, network *Network, now time.Time) {
	if c.Status != string(types.VPCConnectionResourceStatusDeletionInProgress) {
		return
	}
	if c.DeleteStarted == nil {
		c.DeleteStarted = &now
	}
	end := c.DeleteStarted.Add(minutes(q.VPCConnectionMinutes, 2))
	if now.Before(end) {
		return
	}
	if c.DeleteFails {
		c.Status = string(types.VPCConnectionResourceStatusDeletionFailed)
		return
	}
	c.Status, c.Deleted = string(types.VPCConnectionResourceStatusDeleted), &end
	network.later(Change{At: end.Add(minutes(q.InterfaceMinutes, 1)), Remove: network.interfacesOf(c.ID)})
}

var quickSightConnectionOperations = map[string]op{
	"ListVPCConnections":    {run: listVPCConnections, route: "GET /accounts/{AwsAccountId}/vpc-connections"},
	"DescribeVPCConnection": {run: describeVPCConnection, route: "GET /accounts/{AwsAccountId}/vpc-connections/{VPCConnectionId}", resource: connectionResource},
	"DeleteVPCConnection":   {run: deleteVPCConnection, route: "DELETE /accounts/{AwsAccountId}/vpc-connections/{VPCConnectionId}", resource: connectionResource},
}

func connectionResource(r *request) []string {
	return []string{r.quickSightARN("vpcConnection/" + r.str("VPCConnectionId"))}
}

// connection describes a connection; the summary has the same members.
func (r *request) connection(c *VPCConnection) *types.VPCConnection {
	arn := r.quickSightARN("vpcConnection/" + c.ID)
	out := &types.VPCConnection{
		Arn: &arn, VPCConnectionId: &c.ID, Name: &c.Name, VPCId: &c.VPCID, SecurityGroupIds: c.SecurityGroupIDs, RoleArn: &c.RoleARN,
		Status: types.VPCConnectionResourceStatus(c.Status), AvailabilityStatus: types.VPCConnectionAvailabilityStatusAvailable,
		CreatedTime: &c.Updated, LastUpdatedTime: &c.Updated,
	}
	state := types.NetworkInterfaceStatusAvailable
	var failure *string
	switch out.Status {
	case types.VPCConnectionResourceStatusDeletionInProgress:
		state = types.NetworkInterfaceStatusDeleting
	case types.VPCConnectionResourceStatusDeletionFailed:
		state, failure = types.NetworkInterfaceStatusDeletionFailed, new("You are not authorized to perform this operation. (Service: Ec2, Status Code: 403)")
	case types.VPCConnectionResourceStatusDeleted:
		state = types.NetworkInterfaceStatusDeleted
	}
	if state != types.NetworkInterfaceStatusAvailable {
		out.AvailabilityStatus = types.VPCConnectionAvailabilityStatusUnavailable
	}
	for _, subnet := range c.SubnetIDs {
		id := derivedID("eni", c.ID, subnet)
		out.NetworkInterfaces = append(out.NetworkInterfaces, types.NetworkInterface{NetworkInterfaceId: &id, SubnetId: &subnet, Status: state, ErrorMessage: failure})
	}
	return out
}

// listVPCConnections lists the connections that are not deleted; DescribeVPCConnection still knows those.
func listVPCConnections(r *request) (any, error) {
	present := keep(r.quickSightRegion().VPCConnections, func(c *VPCConnection) bool { return c.Deleted == nil })
	cut, next, err := quickSightPage(r, present)
	out := &quicksight.ListVPCConnectionsOutput{VPCConnectionSummaries: []types.VPCConnectionSummary{}, NextToken: next}
	for _, c := range cut {
		out.VPCConnectionSummaries = append(out.VPCConnectionSummaries, types.VPCConnectionSummary(*r.connection(c)))
	}
	return out, err
}

func (r *request) findConnection() (*VPCConnection, error) {
	all := r.quickSightRegion().VPCConnections
	i := slices.IndexFunc(all, func(c *VPCConnection) bool { return c.ID == r.str("VPCConnectionId") })
	if i < 0 {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "VPCConnection " + r.str("VPCConnectionId") + " is not found"}
	}
	return all[i], nil
}

func describeVPCConnection(r *request) (any, error) {
	c, err := r.findConnection()
	if err != nil {
		return nil, err
	}
	return &quicksight.DescribeVPCConnectionOutput{VPCConnection: r.connection(c)}, nil
}

func checkDeletedConnection(r *request) error {
	c, err := r.findConnection()
	if err != nil {
		return err
	}
	if c.Deleted != nil {
		return &APIError{Code: "ConflictException", Status: http.StatusConflict, Message: "Cannot perform operation on deleted VPCConnection"}
	}
	return nil
}

// deleteVPCConnection starts an asynchronous job.
func deleteVPCConnection(r *request) (any, error) {
	c, err := r.findConnection()
	if err != nil {
		return nil, err
	}
	if c.Status != string(types.VPCConnectionResourceStatusDeletionInProgress) {
		c.Status, c.DeleteStarted = string(types.VPCConnectionResourceStatusDeletionInProgress), &r.now
	}
	described := r.connection(c)
	return &quicksight.DeleteVPCConnectionOutput{
		Arn: described.Arn, VPCConnectionId: &c.ID, DeletionStatus: described.Status, AvailabilityStatus: described.AvailabilityStatus,
	}, nil
}

package step

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that a closing makes one mutating call for each resource, none that AWS refuses, and leaves what is not planned.
func TestDeleteEverything(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{"reason": "retired"}`, emulator.Options{})
	d.must(d.subscription())
	d.must(d.directory())
	d.must(d.vpc())

	want := []string{
		"ds:DeleteDirectory d-9067012345",
		"ec2:DeleteInternetGateway igw-0aaa000000000001",
		"ec2:DeleteNatGateway nat-0aaa000000000001",
		"ec2:DeleteNetworkAcl acl-0aaa000000000001",
		"ec2:DeleteRouteTable rtb-0aaa000000000001",
		"ec2:DeleteSecurityGroup sg-0aaa000000000001",
		"ec2:DeleteSecurityGroup sg-0aaa000000000002",
		"ec2:DeleteSubnet subnet-0aaa000000000001",
		"ec2:DeleteSubnet subnet-0aaa000000000002",
		"ec2:DeleteVpc vpc-0aaa0000000000001",
		"ec2:DeleteVpcEndpoints vpce-0aaa000000000001",
		"ec2:DetachInternetGateway igw-0aaa000000000001",
		"ec2:RevokeSecurityGroupIngress sg-0aaa000000000001",
		"quicksight:DeleteAccountSubscription " + readingTarget,
		"quicksight:DeleteNamespace partners",
		"quicksight:DeleteVPCConnection warehouse",
		"quicksight:UpdateAccountSettings " + readingTarget,
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(d.mutations()))); diff != "" {
		t.Errorf("mutating calls (-want +got):\n%s", diff)
	}
	for _, refused := range d.refused() {
		if !strings.HasPrefix(refused, "ds:DeleteDirectory ClientException") { // authorized applications, for two minutes
			t.Errorf("refused: %s", refused)
		}
	}
	for _, a := range d.acts() {
		if a.Done == nil || a.RequestID == "" || a.Digest != d.in.Run.Digest {
			t.Errorf("the act %+v has no outcome, request id or digest", a)
		}
	}
	world := d.aws.World().Accounts[readingTarget]
	if len(world.Network["us-east-1"].VPCs) != 1 || len(world.Network["us-east-1"].Addresses) != 1 {
		t.Error("the other VPC or the address is gone")
	}
}

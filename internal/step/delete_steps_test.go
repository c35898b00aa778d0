package step

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/emulator"
)

// everything is what closing earlyAdopter's account takes: one mutating call for each resource.
var everything = []string{
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

// Ensure that a closing makes one mutating call for each resource, none that AWS refuses for another reason than a wait, and
// leaves what is not planned; under each answer to what AWS leaves open.
func TestDeleteEverything(t *testing.T) {
	t.Parallel()
	for _, a := range emulator.Assumptions() {
		for _, setting := range a.Settings {
			t.Run(a.Name+"="+setting, func(t *testing.T) {
				t.Parallel()
				d := newDeleting(t, earlyAdopter, `{"reason": "retired"}`, emulator.Options{Assumptions: map[string]string{a.Name: setting}})
				d.must(d.subscription())
				d.must(d.directory())
				d.must(d.vpc())

				want := slices.Clone(everything)
				if a.Name == "directory-removed-by-quicksight" && setting == "yes" {
					want = want[1:]
				}
				if diff := cmp.Diff(want, slices.Sorted(slices.Values(d.mutations()))); diff != "" {
					t.Errorf("mutating calls (-want +got):\n%s", diff)
				}
				for _, refused := range d.refused() {
					if !strings.HasPrefix(refused, "ds:DeleteDirectory ClientException") { // authorized applications, for some minutes
						t.Errorf("refused: %s", refused)
					}
				}
				for _, act := range d.acts() {
					if act.Done == nil || act.RequestID == "" || act.Digest != d.in.Run.Digest {
						t.Errorf("the act %+v has no outcome, request id or digest", act)
					}
				}
				network := d.aws.World().Accounts[readingTarget].Network["us-east-1"]
				if len(network.VPCs) != 1 || len(network.Addresses) != 1 {
					t.Error("the other VPC or the address is gone")
				}
			})
		}
	}
}

// Ensure that the steps converge when the function dies at any of their changes, before or after it took effect, and settle in
// the record what they left open.
func TestDieAtEveryChange(t *testing.T) {
	t.Parallel()
	for _, change := range everything {
		name, resource, _ := strings.Cut(change, " ")
		service, operation, _ := strings.Cut(name, ":")
		for _, effect := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s effect=%t", change, effect), func(t *testing.T) {
				t.Parallel()
				fault := emulator.Fault{Match: emulator.Match{Service: service, Operation: operation, Contains: resource}, Lost: true, AfterEffect: effect}
				d := newDeleting(t, earlyAdopter, `{}`, emulator.Options{Faults: []emulator.Fault{fault}})
				died := 0
				for _, step := range []func() error{d.subscription, d.directory, d.vpc} {
					err := step()
					if err != nil {
						died++
						err = step()
					}
					d.must(err)
				}
				if died != 1 {
					t.Errorf("the function died %d times, want once", died)
				}
				made := slices.Compact(slices.Sorted(slices.Values(d.mutations())))
				if diff := cmp.Diff(everything, made); diff != "" {
					t.Errorf("mutating calls (-want +got):\n%s", diff)
				}
				for _, act := range d.acts() {
					if act.Done == nil {
						t.Errorf("the act %+v is still open", act)
					}
				}
			})
		}
	}
}

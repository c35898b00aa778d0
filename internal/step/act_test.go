package step

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// Ensure that the helper itself refuses what the plan does not name, whatever a step asks for, and writes no intent of it.
func TestActRefuses(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{}`, emulator.Options{})
	p, err := d.env.open(t.Context(), d.in, "delete-vpc")
	d.must(err)
	called := 0
	call := func(context.Context) error { called++; return nil }
	for _, c := range []change{
		{"ec2:DeleteSubnet", "us-east-1", "subnet-0bbb000000000001", call},
		{"ec2:DeleteVpc", "us-east-1", "vpc-0bbb0000000000001", call},
		{"ec2:DeleteVpc", "us-east-1", "", call},
		{"quicksight:DeleteNamespace", "us-east-1", "default", call},
		{"quicksight:DeleteAccountSubscription", "us-east-1", readingHub, call},
	} {
		if err := p.act(t.Context(), c); closing.CodeOf(err) != closing.NotCommitted {
			t.Errorf("%s of %q: got %v, want a refusal", c.operation, c.resource, err)
		}
	}
	for _, operation := range []string{"ec2:DescribeSubnets", "ec2:TerminateInstances", "nonsense"} {
		if err := p.act(t.Context(), change{operation, "us-east-1", "vpc-0aaa0000000000001", call}); err == nil {
			t.Errorf("%s was called as a change", operation)
		}
	}
	if acts := d.acts(); called > 0 || len(acts) > 0 {
		t.Errorf("%d calls, the acts %v", called, acts)
	}
	if err := p.act(t.Context(), change{"ec2:DeleteVpc", "us-east-1", "vpc-0aaa0000000000001", call}); err != nil || called != 1 {
		t.Errorf("a planned change: %v, called %d times", err, called)
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	api := func(code, message string, fault smithy.ErrorFault) error {
		return fmt.Errorf("operation error: %w", &smithy.GenericAPIError{Code: code, Message: message, Fault: fault})
	}
	for _, test := range []struct {
		err      error
		want     string
		answered bool
	}{
		{nil, outcomeDone, true},
		{api("InvalidSubnetID.NotFound", "", smithy.FaultClient), outcomeGone, true},
		{api("Gateway.NotAttached", "", smithy.FaultClient), outcomeGone, true},
		{api("ConflictException", "Cannot perform operation on deleted VPCConnection", smithy.FaultClient), outcomeGone, true},
		{api("ConflictException", "something else", smithy.FaultClient), "ConflictException", true},
		{api("DependencyViolation", "", smithy.FaultClient), "DependencyViolation", true},
		{api("InternalFailureException", "", smithy.FaultServer), "InternalFailureException", false},
		{context.DeadlineExceeded, "no answer", false},
	} {
		if got, answered := outcomeOf(test.err); got != test.want || answered != test.answered {
			t.Errorf("%v: got %q, %t, want %q, %t", test.err, got, answered, test.want, test.answered)
		}
	}
}

// Ensure that sessions stay below STS's limit, however much there is to delete, and each resource has one.
func TestSessionsFit(t *testing.T) {
	t.Parallel()
	d := newDeleting(t, earlyAdopter, `{}`, emulator.Options{})
	p, err := d.env.open(t.Context(), d.in, "delete-vpc")
	d.must(err)
	for i := range 200 {
		p.plan.VPC.Resources = append(p.plan.VPC.Resources, closing.Resource{Kind: "sg", ID: fmt.Sprintf("sg-%017d", i)})
	}
	step := &dismantling{pass: p}
	hands, err := p.sessions(step.grants()...)
	d.must(err)
	for _, policy := range hands.policies {
		if size := len(policy.JSON()); size > MaxPolicy {
			t.Errorf("a session policy has %d characters", size)
		}
	}
	for _, r := range p.plan.VPC.Resources {
		if i, ok := hands.where[r.ID]; !ok || !strings.Contains(hands.policies[i].JSON(), r.ID) {
			t.Errorf("%s has no session", r.ID)
		}
	}
	if _, err := hands.of(t.Context(), "sg-other"); err == nil {
		t.Error("a session for what was not asked for")
	}
	if _, err := p.sessions(grant{"x", Policy{{Actions: []string{strings.Repeat("a", MaxPolicy)}}}}); err == nil {
		t.Error("a policy over the limit was taken")
	}
}

// Ensure that guards have names of their own and can be taken away one by one.
func TestGuardTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, g := range Guards() {
		if g.Name == "" || g.Protects == "" || seen[g.Name] {
			t.Errorf("the guard %+v has no name or purpose of its own", g)
		}
		seen[g.Name] = true
	}
	refuse := func(int, context.Context) error { return closing.Errorf(closing.Blocked, "no") }
	guards := []guard[int]{{"a", "", refuse}}
	if check(t.Context(), Env{}, 1, guards) == nil || check(t.Context(), Env{SkipGuard: "a"}, 1, guards) != nil {
		t.Error("a guard is asked unless it is the one to skip")
	}
}

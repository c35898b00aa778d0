package step

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/closing"
)

// outside is something of another service that something of QuickSight's uses, as a list call tells it by the way.
type outside struct {
	Kind closing.RemainderKind `json:"kind"`
	Name string                `json:"name"`
	Call string                `json:"call"`
}

// serviceRolePath is where QuickSight makes its roles and their policies, when access is granted in its console.
const serviceRolePath = "/service-role/"

// serviceRoles are the ARNs of the roles that QuickSight has made for itself.
func serviceRoles(ctx context.Context, target aws.Config) (arns []string, err error) {
	api := iam.NewFromConfig(target)
	err = readPages(ctx, iam.NewListRolesPaginator(api, &iam.ListRolesInput{PathPrefix: aws.String(serviceRolePath), MaxItems: aws.Int32(1000)}), func(p *iam.ListRolesOutput) {
		for _, r := range p.Roles {
			trust, err := url.QueryUnescape(aws.ToString(r.AssumeRolePolicyDocument))
			if err == nil && strings.Contains(trust, "quicksight.amazonaws.com") || strings.HasPrefix(aws.ToString(r.RoleName), "aws-quicksight-") {
				arns = append(arns, aws.ToString(r.Arn))
			}
		}
	})
	return arns, err
}

// servicePolicies are the ARNs of the policies that QuickSight has made for those roles.
func servicePolicies(ctx context.Context, target aws.Config) (arns []string, err error) {
	api := iam.NewFromConfig(target)
	in := &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal, PathPrefix: aws.String(serviceRolePath), MaxItems: aws.Int32(1000)}
	err = readPages(ctx, iam.NewListPoliciesPaginator(api, in), func(p *iam.ListPoliciesOutput) {
		for _, policy := range p.Policies {
			if strings.HasPrefix(aws.ToString(policy.PolicyName), "AWSQuickSight") {
				arns = append(arns, aws.ToString(policy.Arn))
			}
		}
	})
	return arns, err
}

// registeredKeys are the ARNs of the customer's keys that a region's QuickSight encrypts with.
func registeredKeys(ctx context.Context, target aws.Config, account, region string) (arns []string, err error) {
	out, err := quickSightIn(target, region).DescribeKeyRegistration(ctx, &quicksight.DescribeKeyRegistrationInput{AwsAccountId: &account})
	if err != nil {
		return nil, err
	}
	for _, k := range out.KeyRegistration {
		arns = append(arns, aws.ToString(k.KeyArn))
	}
	if k := out.QDataKey; k != nil && aws.ToString(k.QDataKeyArn) != "" {
		arns = append(arns, *k.QDataKeyArn)
	}
	return arns, nil
}

// readRemains reads what a closing would leave outside of QuickSight. What AWS refuses to tell is said, and stops nothing: it is no
// fact of the plan.
func (inv *inventory) readRemains(ctx context.Context, t inventoryTask) ([]closing.Remainder, error) {
	if inv.Subscription == nil {
		return nil, nil
	}
	var found remains
	err := found.read(closing.RemainingRole, "iam:ListRoles", func() ([]string, error) { return serviceRoles(ctx, t.Target) })
	if err == nil {
		err = found.read(closing.RemainingPolicy, "iam:ListPolicies", func() ([]string, error) { return servicePolicies(ctx, t.Target) })
	}
	for _, u := range inv.Uses {
		if err == nil {
			err = found.read(closing.RemainingKey, "quicksight:DescribeKeyRegistration", func() ([]string, error) {
				return registeredKeys(ctx, t.Target, t.Request.AccountID, u.Region)
			})
		}
	}
	if err != nil {
		return nil, err
	}
	for _, l := range inv.Lists {
		for _, o := range l.Outside {
			found.add(o.Kind, "quicksight:"+o.Call, o.Name)
		}
	}
	for _, n := range inv.Namespaces {
		if n.Application != "" {
			found.add(closing.RemainingApplication, "quicksight:ListNamespaces", n.Application)
		}
	}
	return found.list(), nil
}

// remains is what remains, by kind.
type remains []closing.Remainder

func (f *remains) of(kind closing.RemainderKind, shown string) *closing.Remainder {
	i := slices.IndexFunc(*f, func(r closing.Remainder) bool { return r.Kind == kind })
	if i < 0 {
		*f, i = append(*f, closing.Remainder{Kind: kind, Shown: shown}), len(*f)
	}
	return &(*f)[i]
}

func (f *remains) add(kind closing.RemainderKind, shown string, names ...string) {
	r := f.of(kind, shown)
	r.Names = append(r.Names, names...)
}

// read asks for one kind. No answer at all is an error that is worth a retry.
func (f *remains) read(kind closing.RemainderKind, operation string, ask func() ([]string, error)) error {
	names, err := ask()
	switch r := refusalOf(err); r.kind {
	case accepted:
		if len(names) > 0 {
			f.add(kind, operation, names...)
		}
	case notFound, editionLimit:
	case otherwise:
		return fmt.Errorf("call %s: %w", operation, err)
	default:
		f.of(kind, operation).Refused = r.code
	}
	return nil
}

// list counts and cuts, so that a plan stays small.
func (f remains) list() []closing.Remainder {
	for i := range f {
		names := distinct(f[i].Names)
		slices.Sort(names)
		f[i].N, f[i].Names = len(names), names[:min(len(names), closing.MaxRemaining)]
	}
	return f
}

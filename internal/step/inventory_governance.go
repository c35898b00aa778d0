package step

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
)

// governanceKinds are what an account has once, and administrators look after.
var governanceKinds = []assetKind{
	{"approval-policy", "ListApprovalPolicies", ofAccount, func(ctx context.Context, api *quicksight.Client, _ *string, into *listing) error {
		return readPages(ctx, quicksight.NewListApprovalPoliciesPaginator(api, &quicksight.ListApprovalPoliciesInput{MaxResults: &mostPerPage}),
			func(p *quicksight.ListApprovalPoliciesOutput) {
				for _, a := range p.Policies {
					into.add(a.PolicyArn, a.Name, a.CreatedAt, a.UpdatedAt)
				}
			})
	}},
	{"dlp-setting", "ListDlpSettings", ofAccount, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListDlpSettingsPaginator(api, &quicksight.ListDlpSettingsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListDlpSettingsOutput) {
				for _, d := range p.DlpSettingSummaries {
					into.add(d.Arn, d.Name, d.CreatedAt, d.UpdatedAt)
				}
			})
	}},
	{"limits-profile", "ListLimitsProfiles", ofAccount, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListLimitsProfilesPaginator(api, &quicksight.ListLimitsProfilesInput{AccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListLimitsProfilesOutput) {
				for _, l := range p.Profiles {
					into.add(l.Arn, l.ProfileName, l.CreatedAt, l.UpdatedAt)
				}
			})
	}},
	{"identity-propagation", "ListIdentityPropagationConfigs", ofCenter, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		in := &quicksight.ListIdentityPropagationConfigsInput{AwsAccountId: account}
		for { // the SDK has no paginator for it
			p, err := api.ListIdentityPropagationConfigs(ctx, in)
			if err != nil {
				return err
			}
			for _, s := range p.Services { // AWS gives it no ARN
				into.add(aws.String("arn:aws:quicksight:"+into.Region+":"+*account+":identity-propagation-config/"+string(s.Service)), aws.String(string(s.Service)), nil, nil)
			}
			if in.NextToken = p.NextToken; aws.ToString(in.NextToken) == "" {
				return nil
			}
		}
	}},
	// The index of Amazon Q that answers questions about the account's data.
	{"q-index", "DescribeDefaultQBusinessApplication", ofAccount, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		q, err := api.DescribeDefaultQBusinessApplication(ctx, &quicksight.DescribeDefaultQBusinessApplicationInput{AwsAccountId: account})
		if refusalOf(err).kind == notFound {
			return nil
		}
		if err != nil {
			return err
		}
		into.add(aws.String("arn:aws:qbusiness:"+into.Region+":"+*account+":application/"+aws.ToString(q.ApplicationId)), q.ApplicationId, nil, nil)
		return nil
	}},
}

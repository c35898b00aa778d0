package step

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
)

// assetKind is one kind of thing that dies with the account, and how it is listed.
type assetKind struct {
	kind  string
	call  string
	scope scope
	list  func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error
}

// scope says what a kind is listed once for.
type scope int

const (
	ofRegion    scope = iota // each region
	ofAccount                // the account, in the identity region
	ofNamespace              // each namespace, in the identity region
	ofDataset                // each dataset
	ofCenter                 // the account, where its users sign in by IAM Identity Center
)

// allKinds are all kinds: one list call for each kind, place and page.
var allKinds = slices.Concat(assetKinds, newerKinds, governanceKinds)

// newerKinds are those that came with Amazon Quick, and those that are not of one region.
var newerKinds = []assetKind{
	{"action-connector", "ListActionConnectors", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListActionConnectorsPaginator(api, &quicksight.ListActionConnectorsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListActionConnectorsOutput) {
				for _, c := range p.ActionConnectorSummaries {
					into.add(c.Arn, c.Name, c.CreatedTime, c.LastUpdatedTime)
				}
			})
	}},
	{"agent", "ListAgents", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		in := &quicksight.ListAgentsInput{AwsAccountId: account, MaxResults: &mostPerPage}
		for { // the SDK has no paginator for it
			p, err := api.ListAgents(ctx, in)
			if err != nil {
				return err
			}
			for _, a := range p.AgentSummaries {
				into.add(a.Arn, a.Name, a.CreatedAt, a.UpdatedAt)
			}
			if in.NextToken = p.NextToken; aws.ToString(in.NextToken) == "" {
				return nil
			}
		}
	}},
	{"app", "ListApps", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListAppsPaginator(api, &quicksight.ListAppsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListAppsOutput) {
				for _, a := range p.AppSummaryList {
					into.add(a.Arn, a.Name, a.CreatedTime, a.LastUpdatedTime)
				}
			})
	}},
	{"flow", "ListFlows", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListFlowsPaginator(api, &quicksight.ListFlowsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListFlowsOutput) {
				for _, f := range p.FlowSummaryList {
					into.add(f.Arn, f.Name, f.CreatedTime, f.LastUpdatedTime)
				}
			})
	}},
	{"knowledge-base", "ListKnowledgeBases", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListKnowledgeBasesPaginator(api, &quicksight.ListKnowledgeBasesInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListKnowledgeBasesOutput) {
				for _, k := range p.KnowledgeBaseSummaries {
					into.add(k.KnowledgeBaseArn, k.Name, k.CreatedAt, k.UpdatedAt)
				}
			})
	}},
	{"space", "ListSpaces", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		in := &quicksight.ListSpacesInput{AwsAccountId: account, MaxResults: &mostPerPage}
		for {
			p, err := api.ListSpaces(ctx, in)
			if err != nil {
				return err
			}
			for _, s := range p.SpaceSummaries {
				into.add(s.SpaceArn, s.Name, s.CreatedAt, s.UpdatedAt)
			}
			if in.NextToken = p.NextToken; aws.ToString(in.NextToken) == "" {
				return nil
			}
		}
	}},
	{"topic-v2", "ListTopicsV2", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListTopicsV2Paginator(api, &quicksight.ListTopicsV2Input{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListTopicsV2Output) {
				for _, t := range p.TopicSummaryList {
					into.add(t.Arn, t.Name, nil, nil)
				}
			})
	}},
	{"oauth-client", "ListOAuthClientApplications", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListOAuthClientApplicationsPaginator(api, &quicksight.ListOAuthClientApplicationsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListOAuthClientApplicationsOutput) {
				for _, o := range p.OAuthClientApplications {
					into.add(o.Arn, o.Name, o.CreatedTime, o.LastUpdatedTime)
				}
			})
	}},
	{"custom-permissions", "ListCustomPermissions", ofAccount, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListCustomPermissionsPaginator(api, &quicksight.ListCustomPermissionsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListCustomPermissionsOutput) {
				for _, c := range p.CustomPermissionsList {
					into.add(c.Arn, c.CustomPermissionsName, nil, nil)
				}
			})
	}},
	{"brand", "ListBrands", ofAccount, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListBrandsPaginator(api, &quicksight.ListBrandsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListBrandsOutput) {
				for _, b := range p.Brands {
					into.add(b.Arn, b.BrandName, b.CreatedTime, b.LastUpdatedTime)
				}
			})
	}},
	{kindGroup, "ListGroups", ofNamespace, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListGroupsPaginator(api, &quicksight.ListGroupsInput{AwsAccountId: account, Namespace: &into.Of, MaxResults: &mostPerPage}),
			func(p *quicksight.ListGroupsOutput) {
				for _, g := range p.GroupList {
					into.add(g.Arn, g.GroupName, nil, nil)
				}
			})
	}},
	{"policy-assignment", "ListIAMPolicyAssignments", ofNamespace, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		in := &quicksight.ListIAMPolicyAssignmentsInput{AwsAccountId: account, Namespace: &into.Of, MaxResults: &mostPerPage}
		return readPages(ctx, quicksight.NewListIAMPolicyAssignmentsPaginator(api, in), func(p *quicksight.ListIAMPolicyAssignmentsOutput) {
			for _, a := range p.IAMPolicyAssignments {
				// AWS gives an assignment no ARN in its answers; this is the one that IAM's policies name it by.
				into.add(aws.String("arn:aws:quicksight::"+*account+":assignment/"+into.Of+"/"+aws.ToString(a.AssignmentName)), a.AssignmentName, nil, nil)
			}
		})
	}},
	{kindRefreshSchedule, "ListRefreshSchedules", ofDataset, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		p, err := api.ListRefreshSchedules(ctx, &quicksight.ListRefreshSchedulesInput{AwsAccountId: account, DataSetId: &into.Of})
		if err != nil {
			return err
		}
		for _, s := range p.RefreshSchedules {
			into.add(s.Arn, s.ScheduleId, nil, nil)
		}
		return nil
	}},
}

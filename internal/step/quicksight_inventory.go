package step

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// listing is what is read of one kind in one region.
type listing struct {
	Kind        string                  `json:"kind"`
	Region      string                  `json:"region"`
	Of          string                  `json:"of,omitempty"` // the namespace or the dataset, for kinds that are listed for each
	Read        bool                    `json:"read"`
	N           int                     `json:"n,omitempty"` // assets
	Connections []closing.VPCConnection `json:"connections,omitempty"`
	Oldest      *trace                  `json:"oldest,omitempty"`  // of them
	Outside     []outside               `json:"outside,omitempty"` // what of other services it names
	Spice       int                     `json:"spice,omitempty"`   // datasets whose rows SPICE holds
	AskSharing  bool                    `json:"askSharing,omitempty"`
	Sharing     *closing.Sharing        `json:"sharing,omitempty"`
	Refused     string                  `json:"refused,omitempty"` // AWS's error code where it refused
	Closed      bool                    `json:"closed,omitempty"`  // the region as a whole refuses, not the kind

	assets *record.Sorter[closing.Asset] // where they go
	first  []closing.Asset               // of them: those whose sharing is asked for
	err    error                         // of assets
}

// trace is something that QuickSight has had since a time.
type trace struct {
	What  string    `json:"what"`
	Since time.Time `json:"since"`
}

// since notes when something was made, if it is the oldest.
func (l *listing) since(name *string, created *time.Time) {
	if created != nil && (l.Oldest == nil || created.Before(l.Oldest.Since)) {
		l.Oldest = &trace{l.Kind + " " + aws.ToString(name), created.UTC()}
	}
}

// add notes one asset.
func (l *listing) add(arn, name *string, created, updated *time.Time) {
	l.since(name, created)
	if updated != nil {
		updated = aws.Time(updated.UTC())
	}
	l.N++
	a := closing.Asset{ARN: aws.ToString(arn), Kind: l.Kind, Region: l.Region, Name: aws.ToString(name), Updated: updated}
	if l.err = errors.Join(l.err, l.assets.Add(a)); l.AskSharing && len(l.first) < sharedMost {
		l.first = append(l.first, a)
	}
}

// note notes something of another service that the account uses.
func (l *listing) note(kind closing.RemainderKind, call string, name *string) {
	if o := (outside{Kind: kind, Name: aws.ToString(name), Call: call}); o.Name != "" && !slices.Contains(l.Outside, o) {
		l.Outside = append(l.Outside, o)
	}
}

// names notes what a data source names: its secret, and the buckets and roles that its parameters have.
func (l *listing) names(call string, d types.DataSource) {
	l.note(closing.RemainingSecret, call, d.SecretArn)
	for _, p := range append(d.AlternateDataSourceParameters, d.DataSourceParameters) {
		switch p := p.(type) {
		case *types.DataSourceParametersMemberS3Parameters:
			if at := p.Value.ManifestFileLocation; at != nil {
				l.note(closing.RemainingBucket, call, at.Bucket)
			}
			l.note(closing.RemainingSourceRole, call, p.Value.RoleArn)
		case *types.DataSourceParametersMemberAthenaParameters:
			l.note(closing.RemainingSourceRole, call, p.Value.RoleArn)
		case *types.DataSourceParametersMemberRedshiftParameters:
			if p.Value.IAMParameters != nil {
				l.note(closing.RemainingSourceRole, call, p.Value.IAMParameters.RoleArn)
			}
		}
	}
}

const (
	// kindVPCConnection is the one kind that is not an asset: it is deleted before the subscription.
	kindVPCConnection   = "vpc-connection"
	kindRefreshSchedule = "refresh-schedule"
	kindGroup           = "group"
	kindUser            = "user"
	kindDataset         = "dataset"
)

// assetKinds are the kinds that QuickSight has had for long, which each region is asked for.
var assetKinds = []assetKind{
	{"dashboard", "ListDashboards", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		err := readPages(ctx, quicksight.NewListDashboardsPaginator(api, &quicksight.ListDashboardsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListDashboardsOutput) {
				for _, d := range p.DashboardSummaryList {
					into.add(d.Arn, d.Name, d.CreatedTime, d.LastUpdatedTime)
				}
			})
		if err == nil && into.AskSharing {
			err = into.readSharing(ctx, api, account)
		}
		return err
	}},
	{"analysis", "ListAnalyses", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListAnalysesPaginator(api, &quicksight.ListAnalysesInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListAnalysesOutput) {
				for _, a := range p.AnalysisSummaryList {
					if a.Status != types.ResourceStatusDeleted { // a deleted analysis stays listed until it cannot be restored
						into.add(a.Arn, a.Name, a.CreatedTime, a.LastUpdatedTime)
					}
				}
			})
	}},
	{kindDataset, "ListDataSets", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListDataSetsPaginator(api, &quicksight.ListDataSetsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListDataSetsOutput) {
				for _, d := range p.DataSetSummaries {
					into.add(d.Arn, d.Name, d.CreatedTime, d.LastUpdatedTime)
					if d.ImportMode == types.DataSetImportModeSpice {
						into.Spice++
					}
				}
			})
	}},
	{"datasource", "ListDataSources", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListDataSourcesPaginator(api, &quicksight.ListDataSourcesInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListDataSourcesOutput) {
				for _, d := range p.DataSources {
					into.add(d.Arn, d.Name, d.CreatedTime, d.LastUpdatedTime)
					into.names("ListDataSources", d)
				}
			})
	}},
	{"folder", "ListFolders", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListFoldersPaginator(api, &quicksight.ListFoldersInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListFoldersOutput) {
				for _, f := range p.FolderSummaryList {
					into.add(f.Arn, f.Name, f.CreatedTime, f.LastUpdatedTime)
				}
			})
	}},
	{"theme", "ListThemes", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		// CUSTOM: the themes that AWS ships are nobody's to lose.
		return readPages(ctx, quicksight.NewListThemesPaginator(api, &quicksight.ListThemesInput{AwsAccountId: account, Type: types.ThemeTypeCustom, MaxResults: &mostPerPage}),
			func(p *quicksight.ListThemesOutput) {
				for _, t := range p.ThemeSummaryList {
					into.add(t.Arn, t.Name, t.CreatedTime, t.LastUpdatedTime)
				}
			})
	}},
	{"template", "ListTemplates", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListTemplatesPaginator(api, &quicksight.ListTemplatesInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListTemplatesOutput) {
				for _, t := range p.TemplateSummaryList {
					into.add(t.Arn, t.Name, t.CreatedTime, t.LastUpdatedTime)
				}
			})
	}},
	{"topic", "ListTopics", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListTopicsPaginator(api, &quicksight.ListTopicsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListTopicsOutput) {
				for _, t := range p.TopicsSummaries {
					into.add(t.Arn, t.Name, nil, nil)
				}
			})
	}},
	{kindVPCConnection, "ListVPCConnections", ofRegion, func(ctx context.Context, api *quicksight.Client, account *string, into *listing) error {
		return readPages(ctx, quicksight.NewListVPCConnectionsPaginator(api, &quicksight.ListVPCConnectionsInput{AwsAccountId: account, MaxResults: &mostPerPage}),
			func(p *quicksight.ListVPCConnectionsOutput) {
				for _, c := range p.VPCConnectionSummaries {
					if c.Status != types.VPCConnectionResourceStatusDeleted {
						into.Connections = append(into.Connections, connection(into.Region, c))
						into.since(c.Name, c.CreatedTime)
						into.note(closing.RemainingSourceRole, "ListVPCConnections", c.RoleArn)
					}
				}
			})
	}},
}

// mostPerPage is the largest page that QuickSight's list calls give.
var mostPerPage = int32(100)

func connection(region string, c types.VPCConnectionSummary) closing.VPCConnection {
	out := closing.VPCConnection{
		Region: region, ID: aws.ToString(c.VPCConnectionId), ARN: aws.ToString(c.Arn), VPC: aws.ToString(c.VPCId), Role: aws.ToString(c.RoleArn),
	}
	for _, e := range c.NetworkInterfaces {
		if id := aws.ToString(e.NetworkInterfaceId); id != "" {
			out.Interfaces = append(out.Interfaces, id)
		}
	}
	return out
}

// list fills a listing. A refusal is part of what was found: whoever approves is told what cannot be read, and why. Where a VPC connection
// may not be read it is an error, since it must be deleted first; and no answer at all is an error that is worth a retry.
func (l *listing) list(ctx context.Context, target aws.Config, account string, assets *record.Sorter[closing.Asset]) error {
	api := quickSightIn(target, l.Region)
	for _, k := range allKinds {
		if k.kind != l.Kind {
			continue
		}
		fresh := listing{Kind: l.Kind, Region: l.Region, Of: l.Of, Read: true, AskSharing: l.AskSharing, assets: assets}
		err := k.list(ctx, api, &account, &fresh)
		if fresh.err != nil {
			return fresh.err
		}
		switch r := refusalOf(err); r.kind {
		case accepted:
		case notFound:
			if k.scope != ofNamespace && k.scope != ofDataset {
				return unreadable(err, "quicksight:"+k.call, l.Region)
			} // what it is listed for is gone since: nothing is left to list
		case otherwise:
			return unreadable(err, "quicksight:"+k.call, l.Region)
		default:
			if r.kind == deniedByIdentity && k.kind == kindVPCConnection {
				return unreadable(err, "quicksight:"+k.call, l.Region)
			}
			fresh = listing{Kind: l.Kind, Region: l.Region, Of: l.Of, Read: true, Refused: r.reason(), Closed: r.kind == deniedByOrganization || r.kind == regionDisabled}
		}
		*l = fresh
	}
	return nil
}

// describeSubscription puts the subscription into its material form.
func describeSubscription(s subscription) *closing.Subscription {
	first := func(a, b *string) string {
		if aws.ToString(a) != "" {
			return *a
		}
		return aws.ToString(b)
	}
	edition := s.Info.Edition
	if edition == "" {
		edition = s.Settings.Edition
	}
	return &closing.Subscription{
		Status:                aws.ToString(s.Info.AccountSubscriptionStatus),
		AccountName:           first(s.Settings.AccountName, s.Info.AccountName),
		Edition:               string(edition),
		AuthenticationType:    aws.ToString(s.Info.AuthenticationType),
		NotificationEmail:     first(s.Settings.NotificationEmail, s.Info.NotificationEmail),
		DefaultNamespace:      aws.ToString(s.Settings.DefaultNamespace),
		IdentityCenter:        aws.ToString(s.Info.IAMIdentityCenterInstanceArn),
		PublicSharing:         s.Settings.PublicSharingEnabled,
		TerminationProtection: s.Settings.TerminationProtectionEnabled,
	}
}

// listNamespaces reads the namespaces. An edition without them answers with a refusal, and has the default one alone.
func listNamespaces(ctx context.Context, target aws.Config, account, region string) (namespaces []closing.Namespace, refused string, err error) {
	pages := quicksight.NewListNamespacesPaginator(quickSightIn(target, region), &quicksight.ListNamespacesInput{AwsAccountId: &account, MaxResults: &mostPerPage})
	err = readPages(ctx, pages, func(p *quicksight.ListNamespacesOutput) {
		for _, n := range p.Namespaces {
			namespaces = append(namespaces, closing.Namespace{
				Name: aws.ToString(n.Name), CapacityRegion: aws.ToString(n.CapacityRegion), Application: aws.ToString(n.IamIdentityCenterApplicationArn),
			})
		}
	})
	switch r := refusalOf(err); r.kind {
	case accepted:
		return namespaces, "", nil
	case editionLimit:
		return nil, r.reason(), nil
	default:
		return nil, "", unreadable(err, "quicksight:ListNamespaces", region)
	}
}

// readUsers reads the users of a namespace. Who may close the account is noted: an administrator.
func (inv *inventory) readUsers(ctx context.Context, t inventoryTask, namespace string) error {
	pages := quicksight.NewListUsersPaginator(quickSightIn(t.Target, inv.IdentityRegion),
		&quicksight.ListUsersInput{AwsAccountId: &t.Request.AccountID, Namespace: &namespace, MaxResults: &mostPerPage})
	var kept error
	err := readPages(ctx, pages, func(p *quicksight.ListUsersOutput) {
		for _, u := range p.UserList {
			user := closing.Asset{ARN: aws.ToString(u.Arn), Kind: kindUser, Region: inv.IdentityRegion, Name: aws.ToString(u.UserName), Role: string(u.Role)}
			inv.Administrators.note(user, t.Starter)
			kept = errors.Join(kept, inv.assets.Add(user))
		}
	})
	switch r := refusalOf(err); r.kind {
	case accepted:
		return kept
	case editionLimit, notFound, notSubscribed: // a namespace that is being deleted has no users to show
		inv.refused("user of namespace "+namespace, inv.IdentityRegion, r.reason())
		return kept
	default:
		return unreadable(err, "quicksight:ListUsers", inv.IdentityRegion)
	}
}

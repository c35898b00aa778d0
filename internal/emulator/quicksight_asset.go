package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// QuickSightRegion is what a QuickSight account has in one Region.
type QuickSightRegion struct {
	Assets
	VPCConnections []*VPCConnection `json:"vpcConnections,omitempty"`
	Keys           []RegisteredKey  `json:"keys,omitempty"` // customer managed keys
	ExportJobs     []*ExportJob     `json:"exportJobs,omitempty"`
	ImportJobs     []*ImportJob     `json:"importJobs,omitempty"`
}

// RegisteredKey is a customer managed key of KMS.
type RegisteredKey struct {
	ARN     string `json:"arn"`
	Default bool   `json:"default,omitempty"`
}

// Assets are everything that dies with the account in one Region.
type Assets struct {
	Dashboards       []*Asset `json:"dashboards,omitempty"`
	Analyses         []*Asset `json:"analyses,omitempty"`
	DataSets         []*Asset `json:"dataSets,omitempty"`
	DataSources      []*Asset `json:"dataSources,omitempty"`
	Folders          []*Asset `json:"folders,omitempty"`
	Themes           []*Asset `json:"themes,omitempty"`
	Templates        []*Asset `json:"templates,omitempty"`
	Topics           []*Asset `json:"topics,omitempty"`
	ActionConnectors []*Asset `json:"actionConnectors,omitempty"`
	Agents           []*Asset `json:"agents,omitempty"`
	Apps             []*Asset `json:"apps,omitempty"`
	Flows            []*Asset `json:"flows,omitempty"`
	KnowledgeBases   []*Asset `json:"knowledgeBases,omitempty"`
	Spaces           []*Asset `json:"spaces,omitempty"`
	TopicsV2         []*Asset `json:"topicsV2,omitempty"`
	OAuthClients     []*Asset `json:"oauthClients,omitempty"`
}

// Asset is one asset. In JSON its name alone is enough.
type Asset struct {
	ID               string          `json:"id,omitempty"` // default: made from the name
	Name             string          `json:"name"`
	ARN              string          `json:"arn,omitempty"`
	Created          time.Time       `json:"created,omitzero"` // default: a year before the start
	Updated          time.Time       `json:"updated,omitzero"` // default: Created
	Members          json.RawMessage `json:"members,omitempty"`
	RefreshSchedules []string        `json:"refreshSchedules,omitempty"` // ids; data sets only
	ExportFails      bool            `json:"exportFails,omitempty"`      // an export job with it fails
	LinkSharing      []string        `json:"linkSharing,omitempty"`      // ARNs of whom a dashboard's link lets in
	S3               *S3Source       `json:"s3,omitempty"`               // a data source's manifest; its summary has it as parameters
}

// S3Source is where a data source of files has its manifest, and by which role it reads.
type S3Source struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	Role   string `json:"role,omitempty"`
}

// UnmarshalJSON accepts a name for the whole asset. Members are further members of the summary that its List operation
// returns, by the model's names.
func (a *Asset) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &a.Name)
	}
	type plain Asset
	if err := strict(data, (*plain)(a)); err != nil {
		return fmt.Errorf("asset: %w", err)
	}
	return nil
}

// assetKind is one kind of asset: the ARN's resource type and how its List operation looks.
type assetKind struct {
	resource string // in the ARN
	list     string // operation
	describe string // operation
	part     string // of the asset that it describes, as a path; "": the asset itself
	route    string
	output   any    // a pointer to the operation's output
	items    string // member of the output that lists the summaries
	id       string // member of the summary
	of       func(*Assets) *[]*Asset
}

var assetKinds = []assetKind{
	{"dashboard", "ListDashboards", "DescribeDashboardDefinition", "/definition", "dashboards", &quicksight.ListDashboardsOutput{}, "DashboardSummaryList", "DashboardId", func(a *Assets) *[]*Asset { return &a.Dashboards }},
	{"analysis", "ListAnalyses", "DescribeAnalysisDefinition", "/definition", "analyses", &quicksight.ListAnalysesOutput{}, "AnalysisSummaryList", "AnalysisId", func(a *Assets) *[]*Asset { return &a.Analyses }},
	{"dataset", "ListDataSets", "DescribeDataSet", "", "data-sets", &quicksight.ListDataSetsOutput{}, "DataSetSummaries", "DataSetId", func(a *Assets) *[]*Asset { return &a.DataSets }},
	{"datasource", "ListDataSources", "DescribeDataSource", "", "data-sources", &quicksight.ListDataSourcesOutput{}, "DataSources", "DataSourceId", func(a *Assets) *[]*Asset { return &a.DataSources }},
	{"folder", "ListFolders", "DescribeFolder", "", "folders", &quicksight.ListFoldersOutput{}, "FolderSummaryList", "FolderId", func(a *Assets) *[]*Asset { return &a.Folders }},
	{"theme", "ListThemes", "DescribeTheme", "", "themes", &quicksight.ListThemesOutput{}, "ThemeSummaryList", "ThemeId", func(a *Assets) *[]*Asset { return &a.Themes }},
	{"template", "ListTemplates", "DescribeTemplateDefinition", "/definition", "templates", &quicksight.ListTemplatesOutput{}, "TemplateSummaryList", "TemplateId", func(a *Assets) *[]*Asset { return &a.Templates }},
	{"topic", "ListTopics", "DescribeTopic", "", "topics", &quicksight.ListTopicsOutput{}, "TopicsSummaries", "TopicId", func(a *Assets) *[]*Asset { return &a.Topics }},
	{"action-connector", "ListActionConnectors", "DescribeActionConnector", "", "action-connectors", &quicksight.ListActionConnectorsOutput{}, "ActionConnectorSummaries", "ActionConnectorId", func(a *Assets) *[]*Asset { return &a.ActionConnectors }},
	{"agent", "ListAgents", "DescribeAgent", "", "agents", &quicksight.ListAgentsOutput{}, "AgentSummaries", "AgentId", func(a *Assets) *[]*Asset { return &a.Agents }},
	{"app", "ListApps", "DescribeApp", "", "apps", &quicksight.ListAppsOutput{}, "AppSummaryList", "AppId", func(a *Assets) *[]*Asset { return &a.Apps }},
	{"flow", "ListFlows", "DescribeFlow", "", "flows", &quicksight.ListFlowsOutput{}, "FlowSummaryList", "FlowId", func(a *Assets) *[]*Asset { return &a.Flows }},
	{"knowledge-base", "ListKnowledgeBases", "DescribeKnowledgeBase", "", "v1/knowledge-bases", &quicksight.ListKnowledgeBasesOutput{}, "KnowledgeBaseSummaries", "KnowledgeBaseId", func(a *Assets) *[]*Asset { return &a.KnowledgeBases }},
	{"space", "ListSpaces", "DescribeSpace", "", "v1/spaces", &quicksight.ListSpacesOutput{}, "SpaceSummaries", "SpaceId", func(a *Assets) *[]*Asset { return &a.Spaces }},
	{"topicv2", "ListTopicsV2", "DescribeTopicV2", "", "topicsV2", &quicksight.ListTopicsV2Output{}, "TopicSummaryList", "TopicId", func(a *Assets) *[]*Asset { return &a.TopicsV2 }},
	{"oauth-client-application", "ListOAuthClientApplications", "DescribeOAuthClientApplication", "", "oauth-client-applications", &quicksight.ListOAuthClientApplicationsOutput{}, "OAuthClientApplications", "OAuthClientApplicationId", func(a *Assets) *[]*Asset { return &a.OAuthClients }},
}

var quickSightAssetOperations = assetOperations()

func assetOperations() map[string]op {
	operations := map[string]op{
		"ListRefreshSchedules":         {run: listRefreshSchedules, route: "GET /accounts/{AwsAccountId}/data-sets/{DataSetId}/refresh-schedules", resource: refreshScheduleResource},
		"DescribeRefreshSchedule":      {run: describeRefreshSchedule, route: "GET /accounts/{AwsAccountId}/data-sets/{DataSetId}/refresh-schedules/{ScheduleId}", resource: refreshScheduleResource},
		"DescribeDashboardPermissions": {run: describeDashboardPermissions, route: "GET /accounts/{AwsAccountId}/dashboards/{DashboardId}/permissions", resource: dashboardResource},
		"ListCustomPermissions":        {run: listCustomPermissions, route: "GET /accounts/{AwsAccountId}/custom-permissions"},
		"ListBrands":                   {run: listBrands, route: "GET /accounts/{AwsAccountId}/brands"},
		"DescribeCustomPermissions":    {run: describeCustomPermissions, route: "GET /accounts/{AwsAccountId}/custom-permissions/{CustomPermissionsName}"},
		"DescribeBrand":                {run: describeBrand, route: "GET /accounts/{AwsAccountId}/brands/{BrandId}"},
	}
	for _, kind := range assetKinds {
		route := "GET /accounts/{AwsAccountId}/" + kind.route
		if path, v1 := strings.CutPrefix(kind.route, "v1/"); v1 {
			route = "GET /v1/accounts/{AwsAccountId}/" + path
		}
		operations[kind.list] = op{run: kind.run, route: route}
		member := "/{" + kind.id + "}"
		operations[kind.describe] = op{run: kind.describeOne, route: route + member + kind.part, resource: kind.arn}
	}
	return operations
}

// describeOne answers with the asset as JSON: what AWS would say of it, as far as the world knows it.
func (k assetKind) describeOne(r *request) (any, error) {
	for _, asset := range *k.of(&r.quickSightRegion().Assets) {
		if asset.ID != r.str(k.id) {
			continue
		}
		body, err := json.Marshal(map[string]any{
			k.id: asset.ID, "Name": asset.Name, "Arn": asset.ARN, "LastUpdatedTime": asset.Updated.Unix(), "Members": asset.Members, "RequestId": r.requestID,
		})
		return reply{body: body, header: http.Header{"Content-Type": {restJSON.contentType()}}}, err
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: k.resource + " " + r.str(k.id) + " is not found"}
}

func (k assetKind) arn(r *request) []string {
	return []string{r.quickSightARN(k.resource + "/" + r.str(k.id))}
}

// run lists the assets of one kind.
func (k assetKind) run(r *request) (any, error) {
	cut, next, err := quickSightPage(r, *k.of(&r.quickSightRegion().Assets))
	if err != nil {
		return nil, err
	}
	output := reflect.New(reflect.TypeOf(k.output).Elem())
	items := output.Elem().FieldByName(k.items)
	summaries := reflect.MakeSlice(items.Type(), 0, len(cut))
	for _, asset := range cut {
		summary, err := k.summary(asset)
		if err != nil {
			return nil, err
		}
		summaries = reflect.Append(summaries, summary)
	}
	items.Set(summaries)
	output.Elem().FieldByName("NextToken").Set(reflect.ValueOf(next))
	return output.Interface(), nil
}

// summary fills the SDK's struct by the names that all kinds share; a member that a kind lacks is left out.
func (k assetKind) summary(asset *Asset) (reflect.Value, error) {
	items, _ := reflect.TypeOf(k.output).Elem().FieldByName(k.items)
	summary := reflect.New(items.Type.Elem())
	set := func(name string, value any) {
		if field := summary.Elem().FieldByName(name); field.IsValid() {
			field.Set(reflect.ValueOf(value))
		}
	}
	set(k.id, &asset.ID)
	set("Name", &asset.Name)
	for _, name := range []string{"Arn", "KnowledgeBaseArn", "SpaceArn"} {
		set(name, &asset.ARN)
	}
	for _, name := range []string{"CreatedTime", "CreatedAt"} {
		set(name, &asset.Created)
	}
	for _, name := range []string{"LastUpdatedTime", "UpdatedAt"} {
		set(name, &asset.Updated)
	}
	if asset.S3 != nil {
		set("DataSourceParameters", &types.DataSourceParametersMemberS3Parameters{Value: types.S3Parameters{
			ManifestFileLocation: &types.ManifestFileLocation{Bucket: &asset.S3.Bucket, Key: &asset.S3.Key}, RoleArn: optional(asset.S3.Role),
		}})
	}
	if asset.Members != nil {
		d := json.NewDecoder(bytes.NewReader(asset.Members))
		d.DisallowUnknownFields()
		if err := d.Decode(summary.Interface()); err != nil {
			return reflect.Value{}, fmt.Errorf("members of %s %s: %w", k.resource, asset.Name, err)
		}
	}
	return summary.Elem(), nil
}

func (region *QuickSightRegion) complete(account *Account, id, name string, now time.Time) error {
	for _, kind := range assetKinds {
		for i, asset := range *kind.of(&region.Assets) {
			asset.ID = cmp.Or(asset.ID, slug(asset.Name))
			if asset.ID == "" {
				return fmt.Errorf("%s %d has neither name nor id", kind.resource, i+1)
			}
			asset.ARN = cmp.Or(asset.ARN, "arn:aws:quicksight:"+name+":"+id+":"+kind.resource+"/"+asset.ID)
			if asset.Created.IsZero() {
				asset.Created = now.AddDate(-1, 0, 0)
			}
			if asset.Updated.IsZero() {
				asset.Updated = asset.Created
			}
			if _, err := kind.summary(asset); err != nil {
				return err
			}
		}
	}
	for _, c := range region.VPCConnections {
		if err := c.complete(account, id, name, now); err != nil {
			return err
		}
	}
	return nil
}

// slug makes an id from a name.
func slug(name string) string {
	return strings.Trim(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, strings.ToLower(name)), "-")
}

func dashboardResource(r *request) []string {
	return []string{r.quickSightARN("dashboard/" + r.str("DashboardId"))}
}

// describeDashboardPermissions knows whom a dashboard's link lets in, and nothing of those that it is shared with by name.
func describeDashboardPermissions(r *request) (any, error) {
	for _, d := range r.quickSightRegion().Dashboards {
		if d.ID != r.str("DashboardId") {
			continue
		}
		out := &quicksight.DescribeDashboardPermissionsOutput{DashboardArn: &d.ARN, DashboardId: &d.ID, Permissions: []types.ResourcePermission{}}
		for _, principal := range d.LinkSharing {
			if out.LinkSharingConfiguration == nil {
				out.LinkSharingConfiguration = &types.LinkSharingConfiguration{}
			}
			out.LinkSharingConfiguration.Permissions = append(out.LinkSharingConfiguration.Permissions, types.ResourcePermission{
				Principal: &principal, Actions: []string{"quicksight:DescribeDashboard", "quicksight:QueryDashboard", "quicksight:ListDashboardVersions"},
			})
		}
		return out, nil
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "dashboard " + r.str("DashboardId") + " is not found"}
}

func refreshScheduleResource(r *request) []string {
	return []string{r.quickSightARN("dataset/" + r.str("DataSetId") + "/refresh-schedule/*")}
}

func listRefreshSchedules(r *request) (any, error) {
	sets := r.quickSightRegion().DataSets
	i := slices.IndexFunc(sets, func(a *Asset) bool { return a.ID == r.str("DataSetId") })
	if i < 0 {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: 404, Message: "DataSet " + r.str("DataSetId") + " is not found"}
	}
	out := &quicksight.ListRefreshSchedulesOutput{RefreshSchedules: []types.RefreshSchedule{}}
	for _, id := range sets[i].RefreshSchedules {
		arn := sets[i].ARN + "/refresh-schedule/" + id
		out.RefreshSchedules = append(out.RefreshSchedules, types.RefreshSchedule{
			ScheduleId: &id, Arn: &arn, RefreshType: types.IngestionTypeFullRefresh, ScheduleFrequency: &types.RefreshFrequency{Interval: types.RefreshIntervalDaily},
		})
	}
	return out, nil
}

func describeRefreshSchedule(r *request) (any, error) {
	for _, set := range r.quickSightRegion().DataSets {
		if id := r.str("ScheduleId"); set.ID == r.str("DataSetId") && slices.Contains(set.RefreshSchedules, id) {
			arn := set.ARN + "/refresh-schedule/" + id
			return &quicksight.DescribeRefreshScheduleOutput{Arn: &arn, RefreshSchedule: &types.RefreshSchedule{
				ScheduleId: &id, Arn: &arn, RefreshType: types.IngestionTypeFullRefresh, ScheduleFrequency: &types.RefreshFrequency{Interval: types.RefreshIntervalDaily},
			}}, nil
		}
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "RefreshSchedule " + r.str("ScheduleId") + " is not found"}
}

func listCustomPermissions(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().CustomPermissions)
	out := &quicksight.ListCustomPermissionsOutput{CustomPermissionsList: []types.CustomPermissions{}, NextToken: next}
	for _, name := range cut {
		arn := r.quickSightARN("custompermissions/" + name)
		out.CustomPermissionsList = append(out.CustomPermissionsList, types.CustomPermissions{CustomPermissionsName: &name, Arn: &arn})
	}
	return out, err
}

func listBrands(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().Brands)
	out := &quicksight.ListBrandsOutput{Brands: []types.BrandSummary{}, NextToken: next}
	for _, name := range cut {
		id := slug(name)
		arn := r.quickSightARN("brand/" + id)
		out.Brands = append(out.Brands, types.BrandSummary{BrandName: &name, BrandId: &id, Arn: &arn, BrandStatus: types.BrandStatusCreateSucceeded})
	}
	return out, err
}

func describeCustomPermissions(r *request) (any, error) {
	name := r.str("CustomPermissionsName")
	if !slices.Contains(r.quickSight().CustomPermissions, name) {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "CustomPermissions " + name + " is not found"}
	}
	arn := r.quickSightARN("custompermissions/" + name)
	return &quicksight.DescribeCustomPermissionsOutput{CustomPermissions: &types.CustomPermissions{CustomPermissionsName: &name, Arn: &arn}}, nil
}

func describeBrand(r *request) (any, error) {
	id := r.str("BrandId")
	i := slices.IndexFunc(r.quickSight().Brands, func(name string) bool { return slug(name) == id })
	if i < 0 {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "Brand " + id + " is not found"}
	}
	arn := r.quickSightARN("brand/" + id)
	return &quicksight.DescribeBrandOutput{
		BrandDetail:     &types.BrandDetail{BrandId: &id, Arn: &arn, BrandStatus: types.BrandStatusCreateSucceeded},
		BrandDefinition: &types.BrandDefinition{BrandName: &r.quickSight().Brands[i]},
	}, nil
}

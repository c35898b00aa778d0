package emulator

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// ExportJob is an asset bundle export job.
type ExportJob struct {
	ID              string    `json:"id"`
	ResourceARNs    []string  `json:"resourceArns"`
	Format          string    `json:"format"`
	Dependencies    bool      `json:"dependencies,omitempty"`
	Permissions     bool      `json:"permissions,omitempty"`
	Tags            bool      `json:"tags,omitempty"`
	FolderMembers   string    `json:"folderMembers,omitempty"`
	FolderMemberOf  bool      `json:"folderMemberOf,omitempty"`
	Status          string    `json:"status"`
	Created         time.Time `json:"created"`
	FailedResources []string  `json:"failedResources,omitempty"`
}

// downloadMinutes is how long the URL of a finished job works; describing the job again makes a new one.
const downloadMinutes = 5

const (
	maxExported  = 100 // resources that one job takes
	maxExporting = 5   // jobs that run at once in an account, whatever their regions
)

func checkExportJobs(r *request) error {
	if running := r.quickSight().exporting(); running >= maxExporting {
		return &APIError{Code: "LimitExceededException", Status: http.StatusConflict, Message: fmt.Sprintf("Account %s already runs %d asset bundle export jobs", r.account, running)}
	}
	return nil
}

// exporting counts the jobs that are not finished.
func (q *QuickSight) exporting() int {
	running := 0
	for _, region := range q.Regions {
		for _, job := range region.ExportJobs {
			if job.Status != "SUCCESSFUL" && job.Status != "FAILED" {
				running++
			}
		}
	}
	return running
}

var quickSightExportOperations = map[string]op{
	"StartAssetBundleExportJob":    {run: startAssetBundleExportJob, route: "POST /accounts/{AwsAccountId}/asset-bundle-export-jobs/export", required: []string{"AssetBundleExportJobId", "ResourceArns", "ExportFormat"}, resource: exportResource},
	"DescribeAssetBundleExportJob": {run: describeAssetBundleExportJob, route: "GET /accounts/{AwsAccountId}/asset-bundle-export-jobs/{AssetBundleExportJobId}", resource: exportResource},
	"ListAssetBundleExportJobs":    {run: listAssetBundleExportJobs, route: "GET /accounts/{AwsAccountId}/asset-bundle-export-jobs"},
}

func exportResource(r *request) []string {
	return []string{r.quickSightARN("asset-bundle-export-job/" + r.str("AssetBundleExportJobId"))}
}

func startAssetBundleExportJob(r *request) (any, error) {
	region, id := r.quickSightRegion(), r.str("AssetBundleExportJobId")
	if slices.ContainsFunc(region.ExportJobs, func(j *ExportJob) bool { return j.ID == id }) {
		return nil, &APIError{Code: "ConflictException", Status: http.StatusConflict, Message: "AssetBundleExportJob " + id + " already exists"}
	}
	job := &ExportJob{
		ID: id, ResourceARNs: r.strs("ResourceArns"), Format: r.str("ExportFormat"), Status: "QUEUED_FOR_IMMEDIATE_EXECUTION", Created: r.now,
		Dependencies: r.flag("IncludeAllDependencies"), Permissions: r.flag("IncludePermissions"), Tags: r.flag("IncludeTags"),
		FolderMembers: r.str("IncludeFolderMembers"), FolderMemberOf: r.flag("IncludeFolderMemberships"),
	}
	if len(job.ResourceARNs) > maxExported {
		return nil, apiError("InvalidParameterValueException", "1 validation error detected: Value at 'resourceArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxExported)
	}
	for _, arn := range job.ResourceARNs {
		asset := region.asset(arn)
		if asset == nil {
			return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "Resource " + arn + " is not found"}
		}
		if asset.ExportFails {
			job.FailedResources = append(job.FailedResources, arn)
		}
	}
	region.ExportJobs = append(region.ExportJobs, job)
	arn := exportResource(r)[0]
	return &quicksight.StartAssetBundleExportJobOutput{Arn: &arn, AssetBundleExportJobId: &id, Status: http.StatusAccepted}, nil
}

// asset finds what an export job can take by its ARN: an asset, or the refresh schedule of a data set, which is saved by its own.
func (region *QuickSightRegion) asset(arn string) *Asset {
	for _, kind := range assetKinds {
		for _, a := range *kind.of(&region.Assets) {
			if a.ARN == arn {
				return a
			}
		}
	}
	for _, set := range region.DataSets {
		for _, id := range set.RefreshSchedules {
			if schedule := set.ARN + "/refresh-schedule/" + id; schedule == arn {
				return &Asset{ID: id, Name: id, ARN: arn, Created: set.Created, Updated: set.Updated}
			}
		}
	}
	if c := region.connectionOf(arn); c != nil {
		return &Asset{ID: c.ID, Name: c.Name, ARN: arn}
	}
	return nil
}

func (region *QuickSightRegion) connectionOf(arn string) *VPCConnection {
	for _, c := range region.VPCConnections {
		if c.Deleted == nil && strings.HasSuffix(arn, ":vpcConnection/"+c.ID) {
			return c
		}
	}
	return nil
}

func (j *ExportJob) settle(q *QuickSight, now time.Time) {
	switch {
	case j.Status == "SUCCESSFUL" || j.Status == "FAILED":
	case now.Before(j.Created.Add(minutes(q.ExportMinutes, 1))):
		if now.After(j.Created) {
			j.Status = "IN_PROGRESS"
		}
	case len(j.FailedResources) > 0:
		j.Status = "FAILED"
	default:
		j.Status = "SUCCESSFUL"
	}
}

func describeAssetBundleExportJob(r *request) (any, error) {
	region, id := r.quickSightRegion(), r.str("AssetBundleExportJobId")
	i := slices.IndexFunc(region.ExportJobs, func(j *ExportJob) bool { return j.ID == id })
	if i < 0 {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "AssetBundleExportJob " + id + " is not found"}
	}
	job, arn := region.ExportJobs[i], exportResource(r)[0]
	out := &quicksight.DescribeAssetBundleExportJobOutput{
		Arn: &arn, AssetBundleExportJobId: &job.ID, AwsAccountId: &r.account, CreatedTime: &job.Created, ResourceArns: job.ResourceARNs,
		ExportFormat: types.AssetBundleExportFormat(job.Format), JobStatus: types.AssetBundleExportJobStatus(job.Status),
		IncludeAllDependencies: job.Dependencies, IncludePermissions: job.Permissions, IncludeTags: job.Tags,
		IncludeFolderMembers: types.IncludeFolderMembers(job.FolderMembers), IncludeFolderMemberships: job.FolderMemberOf,
	}
	if job.Status == "SUCCESSFUL" {
		expires := r.now.Add(downloadMinutes * time.Minute).Unix()
		out.DownloadUrl = new(fmt.Sprintf("https://%s%s.amazonaws.com/%s/assetbundle-%s.qs?Expires=%d", bundleHost, r.region, r.account, job.ID, expires))
	}
	for _, failed := range job.FailedResources {
		if job.Status == "FAILED" {
			out.Errors = append(out.Errors, types.AssetBundleExportJobError{Arn: &failed, Type: new("AccessDeniedException"), Message: new("Unable to export the resource")})
		}
	}
	return out, nil
}

func listAssetBundleExportJobs(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSightRegion().ExportJobs)
	out := &quicksight.ListAssetBundleExportJobsOutput{AssetBundleExportJobSummaryList: []types.AssetBundleExportJobSummary{}, NextToken: next}
	for _, job := range cut {
		arn := r.quickSightARN("asset-bundle-export-job/" + job.ID)
		out.AssetBundleExportJobSummaryList = append(out.AssetBundleExportJobSummaryList, types.AssetBundleExportJobSummary{
			Arn: &arn, AssetBundleExportJobId: &job.ID, CreatedTime: &job.Created, JobStatus: types.AssetBundleExportJobStatus(job.Status),
			ExportFormat: types.AssetBundleExportFormat(job.Format), IncludeAllDependencies: job.Dependencies, IncludePermissions: job.Permissions, IncludeTags: job.Tags,
		})
	}
	return out, err
}

// bundleHost is where finished bundles are downloaded, without a signature of the caller: the URL itself is the secret.
const bundleHost = "quicksight-asset-bundles.s3."

// downloading recognizes the download of a finished bundle, a GetObject of S3, and says whose bundle it is.
func (a *AWS) downloading(in *http.Request, r *request) (account string, ok bool) {
	region, found := strings.CutPrefix(cmp.Or(in.Host, in.URL.Host), bundleHost)
	if !found || in.Method != http.MethodGet {
		return "", false
	}
	region, _, _ = strings.Cut(region, ".")
	account, file, _ := strings.Cut(strings.Trim(in.URL.Path, "/"), "/")
	r.service, r.operation, r.region = a.services["s3"], "GetObject", region
	r.params = map[string]any{"Bucket": strings.TrimSuffix(bundleHost, ".s3."), "Key": account + "/" + file}
	return account, true
}

// download serves a finished bundle until its URL expires.
func (a *AWS) download(in *http.Request, r *request, account string) (any, error) {
	_, file, _ := strings.Cut(r.str("Key"), "/")
	id := strings.TrimSuffix(strings.TrimPrefix(file, "assetbundle-"), ".qs")
	denied := &APIError{Code: "AccessDenied", Message: "Request has expired", Status: http.StatusForbidden}
	owner := a.world.Accounts[account]
	if in.URL.Query().Get("Expires") < itoa(a.now().Unix()) || owner == nil || owner.QuickSight == nil || owner.QuickSight.Regions[r.region] == nil {
		return nil, denied
	}
	region := owner.QuickSight.Regions[r.region]
	for _, job := range region.ExportJobs {
		if job.ID == id && job.Status == "SUCCESSFUL" {
			return reply{header: http.Header{"Content-Type": {"application/zip"}}, body: job.bundle(region)}, nil
		}
	}
	return nil, denied
}

// bundle is a zip of the exported resources, equal bytes for equal resources.
func (j *ExportJob) bundle(region *QuickSightRegion) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, arn := range j.ResourceARNs {
		asset := region.asset(arn)
		if asset == nil {
			continue // it is gone since
		}
		kind, id, _ := strings.Cut(arn[strings.LastIndex(arn, ":")+1:], "/")
		content, err := json.Marshal(bundled{Kind: kind, Asset: asset, Connection: region.connectionOf(arn)})
		if err != nil {
			continue // plain data: it came from JSON
		}
		// Writing to a buffer does not fail.
		if w, err := z.Create(kind + "/" + strings.ReplaceAll(id, "/", "_") + ".json"); err == nil {
			_, _ = w.Write(content)
		}
	}
	_ = z.Close()
	return b.Bytes()
}

// bundled is one resource of a bundle. AWS does not document its own format.
type bundled struct {
	Kind       string         `json:"resourceType"`
	Asset      *Asset         `json:"asset"`
	Connection *VPCConnection `json:"vpcConnection,omitempty"` // of a VPC connection
}

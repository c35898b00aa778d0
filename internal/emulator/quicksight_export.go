package emulator

import (
	"archive/zip"
	"bytes"
	"cmp"
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

// maxExported is how many resources one job takes.
const maxExported = 100

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

func (region *QuickSightRegion) asset(arn string) *Asset {
	for _, kind := range assetKinds {
		for _, a := range *kind.of(&region.Assets) {
			if a.ARN == arn {
				return a
			}
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

// download serves a finished bundle; ok is false where the request asks for something else.
func (a *AWS) download(in *http.Request) (out reply, ok bool) {
	region, found := strings.CutPrefix(cmp.Or(in.Host, in.URL.Host), bundleHost)
	if !found || in.Method != http.MethodGet {
		return reply{}, false
	}
	region, _, _ = strings.Cut(region, ".")
	account, file, _ := strings.Cut(strings.Trim(in.URL.Path, "/"), "/")
	id := strings.TrimSuffix(strings.TrimPrefix(file, "assetbundle-"), ".qs")
	denied := &APIError{Code: "AccessDenied", Message: "Request has expired", Status: http.StatusForbidden}
	owner := a.world.Accounts[account]
	if in.URL.Query().Get("Expires") < itoa(a.now().Unix()) || owner == nil || owner.QuickSight == nil || owner.QuickSight.Regions[region] == nil {
		return writeError(s3XML, denied, ""), true
	}
	for _, job := range owner.QuickSight.Regions[region].ExportJobs {
		if job.ID == id && job.Status == "SUCCESSFUL" {
			return reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/zip"}}, body: job.bundle()}, true
		}
	}
	return writeError(s3XML, denied, ""), true
}

// bundle is a zip that names the exported resources, equal bytes for equal jobs.
func (j *ExportJob) bundle() []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, arn := range j.ResourceARNs {
		kind, id, _ := strings.Cut(arn[strings.LastIndex(arn, ":")+1:], "/")
		// Writing to a buffer does not fail.
		if w, err := z.Create(kind + "/" + id + ".json"); err == nil {
			_, _ = fmt.Fprintf(w, `{"resourceType":%q,"arn":%q}`, kind, arn)
		}
	}
	_ = z.Close()
	return b.Bytes()
}

package emulator

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// ImportJob is an asset bundle import job. The emulator imports at once.
type ImportJob struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Created time.Time `json:"created"`
	Error   string    `json:"error,omitempty"`
}

var quickSightImportOperations = map[string]op{
	"StartAssetBundleImportJob":    {run: startAssetBundleImportJob, route: "POST /accounts/{AwsAccountId}/asset-bundle-import-jobs/import", required: []string{"AssetBundleImportJobId", "AssetBundleImportSource"}, resource: importResource},
	"DescribeAssetBundleImportJob": {run: describeAssetBundleImportJob, route: "GET /accounts/{AwsAccountId}/asset-bundle-import-jobs/{AssetBundleImportJobId}", resource: importResource},
}

func importResource(r *request) []string {
	return []string{r.quickSightARN("asset-bundle-import-job/" + r.str("AssetBundleImportJobId"))}
}

func startAssetBundleImportJob(r *request) (any, error) {
	q, id := r.quickSight(), r.str("AssetBundleImportJobId")
	region := q.Regions[r.region]
	if region == nil {
		region = &QuickSightRegion{}
		q.Regions[r.region] = region
	}
	if slices.ContainsFunc(region.ImportJobs, func(j *ImportJob) bool { return j.ID == id }) {
		return nil, &APIError{Code: "ConflictException", Status: http.StatusConflict, Message: "AssetBundleImportJob " + id + " already exists"}
	}
	source, _ := r.params["AssetBundleImportSource"].(map[string]any)
	text, _ := source["Body"].(string)
	bundle, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return nil, apiError("InvalidParameterValueException", "The source must have a Body")
	}
	job := &ImportJob{ID: id, Status: "SUCCESSFUL", Created: r.now}
	if err := region.load(r, bundle); err != nil {
		job.Status, job.Error = "FAILED", err.Error()
	}
	region.ImportJobs = append(region.ImportJobs, job)
	arn := importResource(r)[0]
	return &quicksight.StartAssetBundleImportJobOutput{Arn: &arn, AssetBundleImportJobId: &id, Status: http.StatusAccepted}, nil
}

// load adds what a bundle holds, under the ARNs of this account. A resource that is there already is replaced.
func (region *QuickSightRegion) load(r *request, bundle []byte) error {
	z, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		return fmt.Errorf("the bundle is no zip file: %w", err)
	}
	for _, file := range z.File {
		content, err := file.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		var b bundled
		if err := json.Unmarshal(text, &b); err != nil || b.Asset == nil {
			return fmt.Errorf("%s is no resource of a bundle", file.Name)
		}
		b.Asset.Created, b.Asset.Updated = r.now, r.now
		if err := region.place(r, b); err != nil {
			return err
		}
	}
	return nil
}

func (region *QuickSightRegion) place(r *request, b bundled) error {
	_, resource, _ := strings.Cut(b.Asset.ARN, ":"+b.Kind+"/")
	if set, _, schedule := strings.Cut(resource, "/refresh-schedule/"); schedule {
		for _, s := range region.DataSets {
			if s.ID == set && !slices.Contains(s.RefreshSchedules, b.Asset.ID) {
				s.RefreshSchedules = append(s.RefreshSchedules, b.Asset.ID)
			}
		}
		return nil
	}
	if b.Kind == "vpcConnection" {
		return fmt.Errorf("the VPC connection %s needs subnets, security groups and a role of this account", b.Asset.ID)
	}
	for _, kind := range assetKinds {
		if kind.resource != b.Kind {
			continue
		}
		b.Asset.ARN, b.Asset.RefreshSchedules = r.quickSightARN(b.Kind+"/"+b.Asset.ID), nil
		all := kind.of(&region.Assets)
		*all = append(slices.DeleteFunc(*all, func(a *Asset) bool { return a.ID == b.Asset.ID }), b.Asset)
		return nil
	}
	return fmt.Errorf("a bundle holds no %s", b.Kind)
}

func describeAssetBundleImportJob(r *request) (any, error) {
	for _, job := range r.quickSightRegion().ImportJobs {
		if job.ID != r.str("AssetBundleImportJobId") {
			continue
		}
		arn := importResource(r)[0]
		out := &quicksight.DescribeAssetBundleImportJobOutput{Arn: &arn, AssetBundleImportJobId: &job.ID, AwsAccountId: &r.account, CreatedTime: &job.Created, JobStatus: types.AssetBundleImportJobStatus(job.Status)}
		if job.Error != "" {
			out.Errors = []types.AssetBundleImportJobError{{Type: new("InvalidParameterValueException"), Message: &job.Error}}
		}
		return out, nil
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "AssetBundleImportJob " + r.str("AssetBundleImportJobId") + " is not found"}
}

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
	// An id can be used again once its job is through, which here it always is.
	region.ImportJobs = slices.DeleteFunc(region.ImportJobs, func(j *ImportJob) bool { return j.ID == id })
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
	if b.Connection != nil {
		return region.connect(r, b)
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

// connect makes a VPC connection anew. In another account or Region it needs subnets and security groups that are there.
// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_AssetBundleImportJobVPCConnectionOverrideParameters.html
func (region *QuickSightRegion) connect(r *request, b bundled) error {
	c := *b.Connection
	override := r.connectionOverride(c.ID)
	if override == nil && b.Asset.ARN != r.quickSightARN("vpcConnection/"+c.ID) {
		return fmt.Errorf("the VPC connection %s is of another account or Region: SubnetIds and SecurityGroupIds are required", c.ID)
	}
	if override != nil {
		c.SubnetIDs, c.SecurityGroupIDs, c.RoleARN = stringsOf(override["SubnetIds"]), stringsOf(override["SecurityGroupIds"]), ""
		if role, ok := override["RoleArn"].(string); ok {
			c.RoleARN = role
		}
	}
	network := r.acct().network(r.region)
	for _, id := range c.SubnetIDs {
		subnet, ok := network.Subnets.find(id)
		if !ok {
			return fmt.Errorf("the subnet ID '%s' does not exist", id)
		}
		c.VPCID = subnet.VPC
	}
	c.Updated = r.now
	region.VPCConnections = slices.DeleteFunc(region.VPCConnections, func(old *VPCConnection) bool { return old.ID == c.ID })
	region.VPCConnections = append(region.VPCConnections, &c)
	return c.complete(r.acct(), r.account, r.region, r.now)
}

// connectionOverride is what an import sets of a VPC connection; nil where it sets nothing.
func (r *request) connectionOverride(id string) map[string]any {
	parameters, _ := r.params["OverrideParameters"].(map[string]any)
	overrides, _ := parameters["VPCConnections"].([]any)
	for _, o := range overrides {
		if override, ok := o.(map[string]any); ok && override["VPCConnectionId"] == id {
			return override
		}
	}
	return nil
}

func stringsOf(v any) []string {
	var all []string
	list, _ := v.([]any)
	for _, item := range list {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
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

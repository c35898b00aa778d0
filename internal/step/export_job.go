package step

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_StartAssetBundleExportJob.html
const (
	mostPerBundle   = 100 // assets that one job takes
	mostExporting   = 5   // jobs that an account runs at once, over all regions
	bundleExtension = ".qs"
)

// exportJob is one asset bundle.
type exportJob struct {
	ID     string         `json:"id"`
	Region string         `json:"region"`
	ARNs   []string       `json:"arns"`
	Status jobStatus      `json:"status"`
	Saved  *closing.Saved `json:"saved,omitempty"`
}

// jobStatus is where a job stands, for us.
type jobStatus string

const (
	jobQueued  jobStatus = "queued"  // not started
	jobRunning jobStatus = "running" // started, and its bundle is not in the record yet
	jobSaved   jobStatus = "saved"
	jobFailed  jobStatus = "failed" // its assets are in other jobs, or failed
)

// queue adds a job. Its id tells whose it is, and is the same for whoever repeats this call.
func (x *exporting) queue(region string, arns []string) {
	sum := sha256.Sum256([]byte(x.in.Execution.ID))
	id := fmt.Sprintf("unsubscribe-%s-%d-%d", hex.EncodeToString(sum[:6]), x.in.Run.Round, len(x.Jobs)+1)
	x.Jobs = append(x.Jobs, exportJob{ID: id, Region: region, ARNs: arns, Status: jobQueued})
}

// start starts queued jobs, as many as QuickSight runs at once. Others may export too: where they leave no room, this waits.
func (x *exporting) start(ctx context.Context) error {
	running := 0
	for _, j := range x.Jobs {
		if j.Status == jobRunning {
			running++
		}
	}
	for i := 0; i < len(x.Jobs) && running < mostExporting; i++ { // narrow appends
		if x.Jobs[i].Status != jobQueued {
			continue
		}
		if clock.Remaining(ctx) < exportReserve {
			return nil
		}
		full, err := x.startJob(ctx, i)
		if full || err != nil {
			return err
		}
		if x.Jobs[i].Status == jobRunning {
			running++
		}
	}
	return nil
}

// startJob starts one job; full tells that the account runs as many as it can.
func (x *exporting) startJob(ctx context.Context, i int) (full bool, err error) {
	j := &x.Jobs[i]
	_, err = quickSightIn(x.target, j.Region).StartAssetBundleExportJob(ctx, &quicksight.StartAssetBundleExportJobInput{
		AwsAccountId: &x.plan.AccountID, AssetBundleExportJobId: &j.ID, ResourceArns: j.ARNs, ExportFormat: types.AssetBundleExportFormatQuicksightJson,
		IncludePermissions: true, IncludeTags: true, IncludeFolderMemberships: true,
	}, func(o *quicksight.Options) { o.Retryer = aws.NopRetryer{} }) // the SDK would try again at once where there is no room
	r := refusalOf(err)
	switch {
	case err == nil, r.code == "ConflictException": // an earlier call of this step was killed behind its start
		j.Status = jobRunning
	case r.code == "LimitExceededException", r.code == "ThrottlingException":
		return true, nil
	case r.kind == notFound, r.code == "InvalidParameterValueException":
		x.narrow(i, r.code, err.Error())
	case r.kind == deniedByIdentity, r.kind == otherwise:
		return false, unreadable(err, "quicksight:StartAssetBundleExportJob", j.Region)
	default: // the region or the edition refuses, whatever the assets
		j.Status = jobFailed
		x.fail(r.code, err.Error(), j.ARNs...)
	}
	return false, nil
}

// poll looks after the jobs that run.
func (x *exporting) poll(ctx context.Context) error {
	for i := range x.Jobs { // narrow appends, and what it appends does not run yet
		if x.Jobs[i].Status != jobRunning {
			continue
		}
		if clock.Remaining(ctx) < exportReserve {
			return nil
		}
		if err := x.pollJob(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (x *exporting) pollJob(ctx context.Context, i int) error {
	j := &x.Jobs[i]
	out, err := quickSightIn(x.target, j.Region).DescribeAssetBundleExportJob(ctx, &quicksight.DescribeAssetBundleExportJobInput{
		AwsAccountId: &x.plan.AccountID, AssetBundleExportJobId: &j.ID,
	})
	if refusalOf(err).kind == notFound {
		j.Status = jobQueued // its start never took effect
		return nil
	}
	if err != nil {
		return unreadable(err, "quicksight:DescribeAssetBundleExportJob", j.Region)
	}
	switch out.JobStatus {
	case types.AssetBundleExportJobStatusQueuedForImmediateExecution, types.AssetBundleExportJobStatusInProgress:
		return nil
	case types.AssetBundleExportJobStatusSuccessful:
		return x.download(ctx, j, aws.ToString(out.DownloadUrl))
	case types.AssetBundleExportJobStatusFailed:
		x.failed(i, out.Errors)
		return nil
	default:
		return closing.Errorf(closing.UnknownStatus, "the export job %s in %s has the status %q, which this workflow does not know; nothing was touched", j.ID, j.Region, out.JobStatus).
			WithHint("look at the job with aws quicksight describe-asset-bundle-export-job, then start again")
	}
}

// failed takes a failed job apart: the assets that QuickSight names have failed, the others are exported without them.
func (x *exporting) failed(i int, reasons []types.AssetBundleExportJobError) {
	j := &x.Jobs[i]
	named := map[string]bool{}
	for _, e := range reasons {
		if arn := aws.ToString(e.Arn); slices.Contains(j.ARNs, arn) && !named[arn] {
			named[arn] = true
			x.fail(aws.ToString(e.Type), aws.ToString(e.Message), arn)
		}
	}
	if len(named) == 0 {
		code, message := "JobFailed", "the job failed and named no reason"
		if len(reasons) > 0 {
			code, message = aws.ToString(reasons[0].Type), aws.ToString(reasons[0].Message)
		}
		x.narrow(i, code, message)
		return
	}
	j.Status = jobFailed
	if rest := slices.DeleteFunc(slices.Clone(j.ARNs), func(arn string) bool { return named[arn] }); len(rest) > 0 {
		x.queue(j.Region, rest)
	}
}

// narrow finds the assets for which a job fails: where it has one, that is it; otherwise its halves are tried.
func (x *exporting) narrow(i int, code, message string) {
	x.Jobs[i].Status = jobFailed
	region, arns := x.Jobs[i].Region, x.Jobs[i].ARNs
	if len(arns) == 1 {
		x.fail(code, message, arns[0])
		return
	}
	x.queue(region, arns[:len(arns)/2])
	x.queue(region, arns[len(arns)/2:])
}

func (x *exporting) fail(code, message string, arns ...string) {
	for _, arn := range arns {
		x.Failed = append(x.Failed, closing.Unsaved{ARN: arn, Code: code, Message: message})
	}
}

// download brings a bundle into the record, by way of a file: S3 wants to know its length, and a retry needs it from its beginning.
// The URL is good for five minutes and a secret. Where it does not answer, the next call of the step asks for another one.
func (x *exporting) download(ctx context.Context, j *exportJob, from string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return fmt.Errorf("the URL of the bundle %s cannot be parsed", j.ID)
	}
	response, err := x.AWS.Hub().HTTPClient.Do(request)
	if err != nil {
		var secret *url.Error
		if errors.As(err, &secret) {
			err = secret.Err
		}
		return fmt.Errorf("download the bundle %s: %w", j.ID, err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end, or not used
	if response.StatusCode != http.StatusOK {
		return nil
	}
	file, err := os.CreateTemp("", "bundle-*"+bundleExtension)
	if err != nil {
		return fmt.Errorf("keep the bundle %s: %w", j.ID, err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), response.Body)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("download the bundle %s: %w", j.ID, err)
	}
	name := path.Join("backup", j.Region, j.ID+bundleExtension)
	if err := x.folder.PutBackup(ctx, name, "application/zip", file); err != nil {
		return err
	}
	j.Status = jobSaved
	j.Saved = &closing.Saved{Name: name, Region: j.Region, SHA256: hex.EncodeToString(sum.Sum(nil)), Bytes: n, ARNs: j.ARNs}
	return nil
}

func arnsOf(assets []closing.Asset) []string {
	arns := make([]string, len(assets))
	for i, a := range assets {
		arns[i] = a.ARN
	}
	return arns
}

// resourceOf is an asset's id as a part of a file's name. The bucket's policy tells kinds of objects by how their names begin, so that
// no name may begin with what somebody has called an asset.
func resourceOf(arn string) string {
	return strings.ReplaceAll(strings.Join(idParts(arn), "."), "/", "_")
}

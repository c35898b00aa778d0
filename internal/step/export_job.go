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

// exportJob is one asset bundle that is to be exported.
type exportJob struct {
	ID      string          `json:"id"`
	Region  string          `json:"region"`
	Assets  []closing.Asset `json:"assets"`
	Running bool            `json:"running,omitempty"`
}

// queue adds a job. Its id tells whose it is, and is the same for whoever repeats this call.
func (x *exporting) queue(assets []closing.Asset) {
	sum := sha256.Sum256([]byte(x.in.Execution.ID))
	x.Number++
	id := fmt.Sprintf("unsubscribe-%s-%d-%05d", hex.EncodeToString(sum[:6]), x.in.Run.Round, x.Number)
	x.Jobs = append(x.Jobs, exportJob{ID: id, Region: assets[0].Region, Assets: assets})
}

// start starts jobs, as many as QuickSight runs at once: first those that have taken the place of one that failed, then new ones. Others may
// export too: where they leave no room, this waits.
func (x *exporting) start(ctx context.Context) error {
	if full, err := x.startQueued(ctx); full || err != nil || x.running() >= mostExporting {
		return err
	}
	var batch []closing.Asset
	for e, err := range x.rest(ctx, x.Bundled) {
		if err != nil {
			return err
		}
		if len(batch) == mostPerBundle || len(batch) > 0 && !together(batch[0], e.Asset) {
			if full, err := x.startBatch(ctx, batch); full || err != nil {
				return err
			}
			batch = nil
		}
		batch = append(batch, e.Asset)
	}
	_, err := x.startBatch(ctx, batch)
	return err
}

// together tells whether two assets may be in one bundle. VPC connections are in bundles of their own, since their import needs to be told
// the new account's network, and without that nothing of their bundle is imported.
func together(a, b closing.Asset) bool {
	return a.Region == b.Region && (a.Kind == kindVPCConnection) == (b.Kind == kindVPCConnection)
}

// startBatch makes a job of the next assets and starts it.
func (x *exporting) startBatch(ctx context.Context, batch []closing.Asset) (full bool, err error) {
	if len(batch) == 0 {
		return false, nil
	}
	if x.running() >= mostExporting || clock.Remaining(ctx) < exportReserve {
		return true, nil
	}
	x.queue(batch)
	x.Bundled.Next += len(batch)
	return x.startQueued(ctx)
}

// startQueued starts the jobs that are made and do not run; full tells that no more can be started now.
func (x *exporting) startQueued(ctx context.Context) (full bool, err error) {
	for i := 0; i < len(x.Jobs); { // a job that fails to start makes room for others
		switch {
		case x.Jobs[i].Running:
			i++
			continue
		case x.running() >= mostExporting || clock.Remaining(ctx) < exportReserve:
			return true, nil
		}
		if full, err := x.startJob(ctx, i); full || err != nil {
			return full, err
		}
	}
	return false, nil
}

func (x *exporting) running() int {
	n := 0
	for _, j := range x.Jobs {
		if j.Running {
			n++
		}
	}
	return n
}

// startJob starts one job; full tells that the account runs as many as it can.
func (x *exporting) startJob(ctx context.Context, i int) (full bool, err error) {
	j := &x.Jobs[i]
	_, err = quickSightIn(x.target, j.Region).StartAssetBundleExportJob(ctx, &quicksight.StartAssetBundleExportJobInput{
		AwsAccountId: &x.plan.AccountID, AssetBundleExportJobId: &j.ID, ResourceArns: arnsOf(j.Assets), ExportFormat: types.AssetBundleExportFormatQuicksightJson,
		IncludePermissions: true, IncludeTags: true, IncludeFolderMemberships: true,
	}, func(o *quicksight.Options) { o.Retryer = aws.NopRetryer{} }) // the SDK would try again at once where there is no room
	r := refusalOf(err)
	switch {
	case err == nil, r.code == "ConflictException": // an earlier call of this step was killed behind its start
		j.Running = true
	case r.code == "LimitExceededException", r.code == "ThrottlingException":
		return true, nil
	case r.kind == notFound, r.code == "InvalidParameterValueException":
		return false, x.narrow(i, r.code, err.Error())
	case r.kind == deniedByIdentity, r.kind == otherwise:
		return false, unreadable(err, "quicksight:StartAssetBundleExportJob", j.Region)
	default: // the region or the edition refuses, whatever the assets
		return false, x.failed(r.code, err.Error(), x.done(i).Assets...)
	}
	return false, nil
}

// done takes a job off the list.
func (x *exporting) done(i int) exportJob {
	j := x.Jobs[i]
	x.Jobs = slices.Delete(x.Jobs, i, i+1)
	return j
}

// poll looks after the jobs that run.
func (x *exporting) poll(ctx context.Context) error {
	for i := len(x.Jobs) - 1; i >= 0; i-- { // from the end: a job that is through is taken off, and what takes its place is put there
		if !x.Jobs[i].Running {
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
		j.Running = false // its start never took effect
		return nil
	}
	if err != nil {
		return unreadable(err, "quicksight:DescribeAssetBundleExportJob", j.Region)
	}
	switch out.JobStatus {
	case types.AssetBundleExportJobStatusQueuedForImmediateExecution, types.AssetBundleExportJobStatusInProgress:
		return nil
	case types.AssetBundleExportJobStatusSuccessful:
		return x.download(ctx, i, aws.ToString(out.DownloadUrl))
	case types.AssetBundleExportJobStatusFailed:
		return x.takeApart(i, out.Errors)
	default:
		return closing.Errorf(closing.UnknownStatus, "the export job %s in %s has the status %q, which this workflow does not know; nothing was touched", j.ID, j.Region, out.JobStatus).
			WithHint("look at the job with aws quicksight describe-asset-bundle-export-job, then start again")
	}
}

// takeApart takes a failed job apart: the assets that QuickSight names have failed, the others are exported without them.
func (x *exporting) takeApart(i int, reasons []types.AssetBundleExportJobError) error {
	named := map[string]types.AssetBundleExportJobError{}
	for _, e := range reasons {
		named[aws.ToString(e.Arn)] = e
	}
	var rest []closing.Asset
	for _, a := range x.Jobs[i].Assets {
		e, ok := named[a.ARN]
		if !ok {
			rest = append(rest, a)
			continue
		}
		if err := x.failed(aws.ToString(e.Type), aws.ToString(e.Message), a); err != nil {
			return err
		}
	}
	if len(rest) == len(x.Jobs[i].Assets) {
		code, message := "JobFailed", "the job failed and named no reason"
		if len(reasons) > 0 {
			code, message = aws.ToString(reasons[0].Type), aws.ToString(reasons[0].Message)
		}
		return x.narrow(i, code, message)
	}
	x.done(i)
	if len(rest) > 0 {
		x.queue(rest)
	}
	return nil
}

// narrow finds the assets for which a job fails: where it has one, that is it; otherwise its halves are tried.
func (x *exporting) narrow(i int, code, message string) error {
	assets := x.done(i).Assets
	if len(assets) == 1 {
		return x.failed(code, message, assets...)
	}
	x.queue(assets[:len(assets)/2])
	x.queue(assets[len(assets)/2:])
	return nil
}

// download brings a bundle into the record. The URL is good for five minutes and a secret. Where it does not answer, the next call of the
// step asks for another one.
func (x *exporting) download(ctx context.Context, i int, from string) error {
	j := x.Jobs[i]
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
	object, err := x.store(ctx, path.Join("backup", j.Region, j.ID+bundleExtension), "application/zip", func(w io.Writer) error {
		_, err := io.Copy(w, response.Body)
		return err
	})
	if err != nil {
		return err
	}
	object.Region, object.N = j.Region, len(j.Assets)
	return x.saved(object, closing.InBundle, x.done(i).Assets...)
}

// store writes an object of the closing folder by way of a file: S3 wants to know its length, and a retry needs it from its beginning.
func (x *exporting) store(ctx context.Context, name, contentType string, write func(io.Writer) error) (object closing.Saved, err error) {
	file, err := os.CreateTemp("", "backup-*")
	if err != nil {
		return object, fmt.Errorf("make a temporary file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	sum := sha256.New()
	if err := write(io.MultiWriter(file, sum)); err != nil {
		return object, fmt.Errorf("read %s: %w", name, err)
	}
	if object.Bytes, err = file.Seek(0, io.SeekCurrent); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return object, fmt.Errorf("read %s: %w", name, err)
	}
	object.Name, object.SHA256 = name, hex.EncodeToString(sum.Sum(nil))
	return object, x.folder.PutBackup(ctx, name, contentType, file)
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

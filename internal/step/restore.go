package step

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/record"
)

// maxImport is the largest bundle that an import takes in its request.
// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_AssetBundleImportSource.html
const maxImport = 20 << 20

// Restored is what came back of a closed account, and what did not.
type Restored struct {
	Imported []closing.Saved      // bundles
	Refused  []closing.Unsaved    // bundles that QuickSight did not import, by name, in its words
	Manual   []closing.Saved      // descriptions: to be made again by hand, or by a script, from what they say
	Lost     []closing.Impossible // never saved
	Failed   []closing.Unsaved    // could not be saved
}

// Connection is where a VPC connection leads in the account that it is restored into.
type Connection struct {
	ID             string
	Subnets        []string
	SecurityGroups []string
	Role           string // ARN; "" for the one of the bundle, which must then be there
}

// ParseConnection reads "ID=subnet-1,subnet-2,sg-1,arn:aws:iam::ACCOUNT:role/NAME".
func ParseConnection(text string) (Connection, error) {
	id, where, _ := strings.Cut(text, "=")
	c := Connection{ID: id}
	for part := range strings.SplitSeq(where, ",") {
		switch {
		case strings.HasPrefix(part, "subnet-"):
			c.Subnets = append(c.Subnets, part)
		case strings.HasPrefix(part, "sg-"):
			c.SecurityGroups = append(c.SecurityGroups, part)
		case strings.HasPrefix(part, "arn:") && c.Role == "":
			c.Role = part
		default:
			return c, fmt.Errorf("%q is neither a subnet nor a security group nor the ARN of a role", part)
		}
	}
	if id == "" || len(c.Subnets) == 0 || len(c.SecurityGroups) == 0 {
		return c, fmt.Errorf("%q names no VPC connection with its subnets and security groups", text)
	}
	return c, nil
}

// Restoring is what a restore is asked to do.
type Restoring struct {
	Account     string
	Region      string // the one to restore; "" for all, each bundle into the region that it is of
	Connections []Connection
	Tell        func(string) // of each bundle that came in
}

// CommittedManifest reads the manifest that a run's commit names, and that it is the very one.
func CommittedManifest(ctx context.Context, folder *record.Folder) (closing.Manifest, error) {
	commit, err := folder.Commit(ctx)
	if errors.Is(err, record.ErrNotFound) {
		return closing.Manifest{}, fmt.Errorf("this run has deleted nothing: it has no commit: %w", err)
	}
	if err != nil {
		return closing.Manifest{}, err
	}
	m, err := folder.Manifest(ctx, commit.Round, commit.Digest)
	if err != nil {
		return closing.Manifest{}, fmt.Errorf("read what was saved: %w", err)
	}
	if m.Sum() != commit.Manifest {
		return closing.Manifest{}, closing.Errorf(closing.RecordInvalid, "the manifest is not the one that was committed; nothing was imported").
			WithHint("look at who wrote %s, and take the version that has the digest %s", folder.Key(record.ManifestName(commit.Round)), commit.Manifest)
	}
	return m, nil
}

// Restore imports the bundles of a manifest into a QuickSight account. What refers to another bundle's assets may be refused before those are there: refused bundles are tried again as long as others
// come in. Nothing that is there is deleted; an asset with the same id is replaced.
func Restore(ctx context.Context, folder *record.Folder, m closing.Manifest, target aws.Config, ask Restoring) (Restored, error) {
	out := Restored{Lost: m.Impossible}
	var waiting []closing.Saved
	for s, err := range record.List[closing.Saved](ctx, folder, m.Objects) {
		switch {
		case err != nil:
			return out, err
		case path.Ext(s.Name) != bundleExtension:
			out.Manual = append(out.Manual, s)
		case ask.Region == "" || s.Region == ask.Region:
			waiting = append(waiting, s)
		}
	}
	connections := map[string][]string{} // ids, by bundle
	for b, err := range record.List[closing.Backup](ctx, folder, m.Backups) {
		if err != nil {
			return out, err
		}
		if b.Kind == kindVPCConnection && b.As == closing.InBundle {
			connections[b.Object] = append(connections[b.Object], idParts(b.ARN)[0])
		}
		if b.As == closing.NotSaved {
			out.Failed = append(out.Failed, closing.Unsaved{ARN: b.ARN, Code: b.Code, Message: b.Message})
		}
	}
	for pass := 1; len(waiting) > 0; pass++ {
		var refused []closing.Saved
		out.Refused = nil
		for _, s := range waiting {
			why, err := importBundle(ctx, folder, s, target, ask, connections[s.Name], pass)
			if err != nil {
				return out, err
			}
			if why != "" {
				refused = append(refused, s)
				if ids := connections[s.Name]; len(ids) > 0 {
					why += "; name the new account's network with --vpc-connection " + strings.Join(ids, "=…, ") + "=SUBNET,…,SECURITY-GROUP,…,ROLE-ARN"
				}
				out.Refused = append(out.Refused, closing.Unsaved{ARN: s.Name, Code: "FAILED", Message: why})
				continue
			}
			out.Imported = append(out.Imported, s)
			ask.Tell(fmt.Sprintf("imported %s: %d assets into %s", s.Name, s.N, s.Region))
		}
		if len(refused) == len(waiting) {
			return out, nil
		}
		waiting = refused
	}
	return out, nil
}

// importBundle imports one bundle and waits for the end of the job; refused is why it failed.
func importBundle(ctx context.Context, folder *record.Folder, s closing.Saved, target aws.Config, ask Restoring, connections []string, pass int) (refused string, err error) {
	account := ask.Account
	bundle, err := verified(ctx, folder, s)
	if err != nil {
		return "", err
	}
	api := quickSightIn(target, s.Region)
	id := fmt.Sprintf("restore-%s-%d", strings.TrimSuffix(path.Base(s.Name), bundleExtension), pass)
	_, err = api.StartAssetBundleImportJob(ctx, &quicksight.StartAssetBundleImportJobInput{
		AwsAccountId: &account, AssetBundleImportJobId: &id, AssetBundleImportSource: &types.AssetBundleImportSource{Body: bundle},
		OverrideParameters: ask.overrides(connections),
	})
	if r := refusalOf(err); err != nil && r.code != "ConflictException" { // an interrupted restore has started it
		return "", fmt.Errorf("import %s into %s: %w", s.Name, s.Region, err)
	}
	for {
		job, err := api.DescribeAssetBundleImportJob(ctx, &quicksight.DescribeAssetBundleImportJobInput{AwsAccountId: &account, AssetBundleImportJobId: &id})
		if err != nil {
			return "", fmt.Errorf("follow the import of %s: %w", s.Name, err)
		}
		switch job.JobStatus {
		case types.AssetBundleImportJobStatusSuccessful:
			return "", nil
		case types.AssetBundleImportJobStatusFailed, types.AssetBundleImportJobStatusFailedRollbackCompleted, types.AssetBundleImportJobStatusFailedRollbackError:
			why := []string{string(job.JobStatus)}
			for _, e := range job.Errors {
				why = append(why, strings.TrimSpace(aws.ToString(e.Arn)+" "+aws.ToString(e.Message)))
			}
			return strings.Join(why, "; "), nil
		default:
			if err := clock.Sleep(ctx, 5*time.Second); err != nil {
				return "", err
			}
		}
	}
}

// overrides are where the VPC connections of a bundle lead; nil where nobody has said so. In the account that they are of they can lead
// where they did.
func (r Restoring) overrides(connections []string) *types.AssetBundleImportJobOverrideParameters {
	var overrides []types.AssetBundleImportJobVPCConnectionOverrideParameters
	for _, c := range r.Connections {
		if !slices.Contains(connections, c.ID) {
			continue
		}
		o := types.AssetBundleImportJobVPCConnectionOverrideParameters{VPCConnectionId: &c.ID, SubnetIds: c.Subnets, SecurityGroupIds: c.SecurityGroups}
		if c.Role != "" {
			o.RoleArn = &c.Role
		}
		overrides = append(overrides, o)
	}
	if overrides == nil {
		return nil
	}
	return &types.AssetBundleImportJobOverrideParameters{VPCConnections: overrides}
}

// verified reads a bundle and holds it against the manifest.
func verified(ctx context.Context, folder *record.Folder, s closing.Saved) ([]byte, error) {
	body, err := folder.Backup(ctx, s.Name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", folder.Key(s.Name), err)
	}
	defer body.Close() //nolint:errcheck // it is read to its end, or not used
	bundle, err := io.ReadAll(io.LimitReader(body, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", folder.Key(s.Name), err)
	}
	if len(bundle) > maxImport {
		return nil, fmt.Errorf("%s is larger than the %d MB that an import takes in its request; import it from S3 with aws quicksight start-asset-bundle-import-job", folder.Key(s.Name), maxImport>>20)
	}
	if sum := sha256.Sum256(bundle); hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil, closing.Errorf(closing.RecordInvalid, "%s is not what was saved: its SHA-256 is not %s; it was not imported", folder.Key(s.Name), s.SHA256).
			WithHint("take the object's first version")
	}
	return bundle, nil
}

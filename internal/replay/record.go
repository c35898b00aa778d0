package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
)

// archive reads the record as a person with every right would, in a copy of the world: what it reads is in no journal.
func (r *Run) archive() (*record.Store, *s3.Client, error) {
	copied, err := r.aws.Clone(emulator.Options{Faults: []emulator.Fault{}})
	if err != nil {
		return nil, nil, fmt.Errorf("read the record: %w", err)
	}
	client := s3.NewFromConfig(aws.Config{
		Region: r.hub.region, HTTPClient: &http.Client{Transport: copied},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey(operator), emulator.DefaultSecret, ""),
	})
	return record.New(client, r.hub.bucket(), func(context.Context) string { return "" }), client, nil
}

// folders finds the closing folder of every execution.
func (r *Run) folders(ctx context.Context) (map[string]string, error) {
	_, client, err := r.archive()
	if err != nil {
		return nil, err
	}
	folders := map[string]string{}
	bucket := r.hub.bucket()
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("closings/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the record: %w", err)
		}
		for _, object := range page.Contents {
			parts := strings.SplitAfterN(aws.ToString(object.Key), "/", 4)
			if len(parts) == 4 {
				folder := strings.Join(parts[:3], "")
				_, name, _ := strings.Cut(parts[2], "-") // its start, and its name
				if e := r.names[strings.TrimSuffix(name, "/")]; e != nil {
					folders[e.ARN] = folder
				}
			}
		}
	}
	return folders, nil
}

// collectReports reads each execution's last report and committed plan.
func (r *Run) collectReports(ctx context.Context) error {
	folders, err := r.folders(ctx)
	if err != nil {
		return err
	}
	store, _, err := r.archive()
	if err != nil {
		return err
	}
	for _, e := range r.Executions {
		e.Folder = folders[e.ARN]
		if e.Folder == "" || r.lean && e.nested {
			continue
		}
		folder := store.Folder(e.Folder, e.ARN)
		if e.Machine == r.hub.fleetMachine() {
			report, _, err := folder.LastFleetReport(ctx)
			if err == nil {
				e.Fleet = &report
			} else if !errors.Is(err, record.ErrNotFound) {
				return err
			}
		} else {
			report, _, err := folder.LastReport(ctx)
			if err == nil {
				e.Report = &report
			} else if !errors.Is(err, record.ErrNotFound) {
				return err
			}
		}
		commit, err := folder.Commit(ctx)
		if err == nil {
			e.commit = &commit
			var plan closing.Plan
			if plan, err = folder.Plan(ctx, record.PlanName(commit.Round), commit.Round); err == nil {
				e.plan = &plan
			}
		}
		if err != nil && !errors.Is(err, record.ErrNotFound) {
			return err
		}
	}
	return nil
}

// ids lists everything in a world that has an ARN or an id, with what it is: what stories and invariants compare. Versions of objects
// are left out: the record grows, and who writes to any bucket is an invariant of its own. So are the policies of roles, which are long and have no id.
func ids(w *emulator.World) map[string]string {
	found := map[string]string{}
	slim := *w
	slim.Accounts = make(map[string]*emulator.Account, len(w.Accounts))
	for id, account := range w.Accounts {
		copied := *account
		copied.Buckets, copied.Roles = nil, nil
		slim.Accounts[id] = &copied
	}
	text, err := json.Marshal(&slim)
	if err != nil {
		panic(fmt.Sprintf("replay: encode the world: %v", err)) // it came from JSON
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		panic(fmt.Sprintf("replay: decode the world: %v", err))
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			id, _ := v["arn"].(string)
			if id == "" {
				id, _ = v["id"].(string)
			}
			if v["resourceArns"] != nil || strings.HasPrefix(id, "arn:aws:kms:") {
				return // an export job goes by itself, and the registration of a key is not the key
			}
			if v["state"] == "deleted" {
				return // EC2 goes on showing a gateway for an hour after it is gone
			}
			if id != "" && !strings.HasPrefix(id, "sgr-") { // a rule is part of its group
				content, _ := json.Marshal(v) //nolint:errchkjson // it came from JSON
				found[id] = string(content)
			}
			for _, name := range sorted(v) {
				walk(v[name])
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(tree)
	return found
}

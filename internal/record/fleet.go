package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/closing"
)

// fleetRequest is request.json of a fleet, which every run of the fleet reads: so accounts that the request itself lists are not in it.
type fleetRequest struct {
	Execution string               `json:"execution"`
	Request   closing.FleetRequest `json:"request"`
	Inline    bool                 `json:"inline,omitempty"` // they are those of the planning batch
}

// PutFleetRequest writes what was asked for. The planning batch stands already.
func (f *Folder) PutFleetRequest(ctx context.Context, r closing.FleetRequest) error {
	inline := len(r.Accounts) > 0
	r.Accounts = nil
	_, err := once(ctx, f, "request.json", fleetRequest{Execution: f.execution, Request: r, Inline: inline})
	return err
}

// FleetRequest reads what was asked for, with its accounts in order.
func (f *Folder) FleetRequest(ctx context.Context) (closing.FleetRequest, error) {
	var r fleetRequest
	if err := f.read(ctx, "request.json", &r); err != nil {
		return closing.FleetRequest{}, err
	}
	if err := f.names("request.json", r.Execution, 0, 0, "", ""); err != nil {
		return closing.FleetRequest{}, err
	}
	if r.Inline {
		batch, err := f.Batch(ctx, string(Planning))
		if err != nil {
			return closing.FleetRequest{}, err
		}
		for _, run := range batch {
			r.Request.Accounts = append(r.Request.Accounts, run.AccountID)
		}
	}
	return r.Request, nil
}

// BatchName is the object that a Distributed Map takes its items from.
func BatchName(name string) string { return "batch-" + name + ".json" }

// PutBatch writes the input of a Distributed Map: one JSON array, without the envelope of other objects, since Step Functions reads it.
// What stands there already stays, and is equal: it follows from what is written once.
func (f *Folder) PutBatch(ctx context.Context, name string, runs []closing.Request) error {
	if runs == nil {
		runs = []closing.Request{}
	}
	body, err := json.Marshal(runs)
	if err != nil {
		return fmt.Errorf("encode %s: %w", BatchName(name), err)
	}
	key := f.Key(BatchName(name))
	_, err = f.store.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &f.store.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"), IfNoneMatch: aws.String("*"),
	})
	if c := code(err); c != "" && c != "PreconditionFailed" {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// Batch reads the input of a Distributed Map, or returns ErrNotFound.
func (f *Folder) Batch(ctx context.Context, name string) ([]closing.Request, error) {
	body, err := f.Backup(ctx, BatchName(name))
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read to its end below
	var runs []closing.Request
	if err := json.NewDecoder(body).Decode(&runs); err != nil {
		return nil, invalid(f.Key(BatchName(name)), err.Error())
	}
	return runs, nil
}

// Phase is what the accounts of a fleet are at.
type Phase string

// The phases.
const (
	Planning Phase = "plan"
	Closing  Phase = "close"
)

// AccountRun is the run of one account in a phase of a fleet.
type AccountRun struct {
	Execution string `json:"execution"`
	Closing   string `json:"closing"`
}

func runName(phase Phase, account string) string {
	return "runs/" + string(phase) + "/" + account + ".json"
}

// PutAccountRun notes which run is an account's. The last one is right: an account of which a run failed gets another when the fleet is redriven.
func (f *Folder) PutAccountRun(ctx context.Context, phase Phase, account string, run AccountRun) error {
	return f.store.put(ctx, f.Key(runName(phase, account)), run, condition{})
}

// AccountRun reads which run is an account's, or returns ErrNotFound. Nothing is decided by it.
func (f *Folder) AccountRun(ctx context.Context, phase Phase, account string) (AccountRun, error) {
	var run AccountRun
	return run, f.read(ctx, runName(phase, account), &run)
}

// PutGrant writes what the commit of a fleet allows for one account.
func (f *Folder) PutGrant(ctx context.Context, g closing.Grant) error {
	g.Execution = f.execution
	standing, err := once(ctx, f, "grants/"+g.AccountID+".json", g)
	if err != nil {
		return err
	}
	if standing.Plan != g.Plan {
		return invalid(f.Key("grants/"+g.AccountID+".json"), "it allows another plan")
	}
	return f.names("grants/"+g.AccountID+".json", standing.Execution, standing.Round, g.Round, standing.Digest, g.Digest)
}

// Grant reads what the commit of a fleet, of this round and digest, allows for one account, or returns ErrNotFound.
func (f *Folder) Grant(ctx context.Context, account string, round int, digest string) (closing.Grant, error) {
	name := "grants/" + account + ".json"
	var g closing.Grant
	if err := f.read(ctx, name, &g); err != nil {
		return closing.Grant{}, err
	}
	if g.AccountID != account {
		return closing.Grant{}, invalid(f.Key(name), "it is another account's")
	}
	return g, f.names(name, g.Execution, g.Round, round, g.Digest, digest)
}

// PutClaim makes the one use of a grant and returns the one that stands: the first.
func (f *Folder) PutClaim(ctx context.Context, c closing.Claim) (closing.Claim, error) {
	c.Fleet = f.execution
	return once(ctx, f, "claims/"+c.AccountID+".json", c)
}

// Claim reads what was made of an account's grant, or returns ErrNotFound.
func (f *Folder) Claim(ctx context.Context, account string) (closing.Claim, error) {
	name := "claims/" + account + ".json"
	var c closing.Claim
	if err := f.read(ctx, name, &c); err != nil {
		return closing.Claim{}, err
	}
	if c.AccountID != account {
		return closing.Claim{}, invalid(f.Key(name), "it is another account's")
	}
	return c, f.names(name, c.Fleet, 0, 0, "", "")
}

// Claims reads what was made of the grants so far; none where the folder is no fleet's.
func (f *Folder) Claims(ctx context.Context) iter.Seq2[closing.Claim, error] {
	return func(yield func(closing.Claim, error) bool) {
		keys, err := f.store.list(ctx, f.Key("claims/"))
		if err != nil {
			yield(closing.Claim{}, err)
			return
		}
		for _, key := range keys {
			if !yield(f.Claim(ctx, strings.TrimSuffix(path.Base(key), ".json"))) {
				return
			}
		}
	}
}

// PutFleetReport writes the next report of a fleet, beginning with number 1, and returns its key.
func (f *Folder) PutFleetReport(ctx context.Context, r closing.FleetReport) (key string, err error) {
	return f.putReport(ctx, r)
}

// LastFleetReport reads the newest report of a fleet and its key, or returns ErrNotFound.
func (f *Folder) LastFleetReport(ctx context.Context) (last closing.FleetReport, key string, err error) {
	return lastReport[closing.FleetReport](ctx, f)
}

// PlanAt reads a plan of any run by its key, with the digest that it must have.
func (s *Store) PlanAt(ctx context.Context, key, digest string) (closing.Plan, error) {
	var p closing.Plan
	if _, _, err := s.get(ctx, key, &p); err != nil {
		return closing.Plan{}, err
	}
	if p.Digest != digest || p.Material.Digest() != digest {
		return closing.Plan{}, invalid(key, "its digest is not "+digest)
	}
	return p, nil
}

// ReadList reads what somebody keeps in the record's bucket: the accounts of a fleet.
func (s *Store) ReadList(ctx context.Context, key string) ([]byte, error) {
	body, err := s.Folder("", "").Backup(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil, closing.Errorf(closing.BadRequest, "there is no object s3://%s/%s; nothing was touched", s.bucket, key).WithHint("start again with a list that is there")
	}
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // read to its end below
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", s.bucket, key, err)
	}
	return text, nil
}

// CountBelow is how many objects a folder has below a name.
func (f *Folder) CountBelow(ctx context.Context, name string) (int, error) {
	keys, err := f.below(ctx, name)
	return len(keys), err
}

// IsFleet tells whether a folder is a fleet's, or a sweep's.
func IsFleet(prefix string) bool {
	return strings.HasPrefix(prefix, "closings/"+closing.FleetFolder+"/") || strings.HasPrefix(prefix, "closings/"+closing.SweepFolder+"/")
}

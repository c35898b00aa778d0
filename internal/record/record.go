// Package record is the closing folder: everything that a run writes down, in one S3 bucket.
//
//	closings/<account>/lock.json                  which execution is closing the account
//	closings/<account>/deliveries/….json           which execution a trigger has started (verify-caller)
//	closings/<account>/<start>-<name>/            one run
//	  request.json                                what was asked for (verify-caller)
//	  verified.json                               evidence and advice beside the request (verify-caller)
//	  inventory-….json                            an inventory under way (take-inventory)
//	  lists/<sha256>.jsonl                        a list that another object names: assets, differences, what was saved (whoever writes that object)
//	  plan-<round>.json  retake-<round>.json      what would be destroyed, and the same taken again (take-inventory, commit-plan)
//	  ask-<round>.json                            who is asked until when (request-approval)
//	  decide-<round>.py                           by which people can decide without any program of ours (request-approval)
//	  token.json                                  the doorbell's task token (request-approval; read by decide-approval)
//	  decisions/<round>/<person>.json             one person's decision (decide-approval)
//	  export-<round>.json                         an export under way (export-assets)
//	  backup/<round>/…                            what was saved: asset bundles and descriptions, as QuickSight gave them (export-assets)
//	  manifest-<round>.json                       what was saved and what was not (export-assets)
//	  seal.json                                   commit or cancel, whoever was first (commit-plan, decide-approval)
//	  commit.json                                 the point of no return (commit-plan)
//	  acts/…                                      each mutating call: intent, then outcome (the delete steps, finish-run)
//	  report-<n>.json, .html                      what came of it (write-report, finish-run)
//	  report-<n>.announced.json                   that people and pipelines have heard of it (write-report, finish-run)
//	closings/fleet/<start>-<name>/                many accounts, approved as one; closings/sweep/… is only looked at
//	  request.json, plan-1.json … commit.json      as above, of the whole fleet (plan-fleet, request-approval, decide-approval, commit-fleet)
//	  batch-<name>.json                           the input of a Distributed Map, plain (plan-fleet, commit-fleet)
//	  results/<name>/…                            its results, as Step Functions writes them
//	  runs/<phase>/<account>.json                 the run of one account (verify-caller)
//	  grants/<account>.json                       what the commit allows for one account (commit-fleet)
//	  claims/<account>.json                       the one use that was made of it (commit-plan)
//	  report-<n>.json                             what became of each account (report-fleet, finish-run)
//
// S3's conditional writes are the compare-and-swap. Each write carries a nonce of its writer: where an answer was lost, the
// retry meets 412, reads back and knows its own hand. Objects name execution, round and digest, and readers check them, so that
// an object of another run or another round decides nothing.
package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// api is what the record needs of S3.
type api interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// Store is the bucket.
type Store struct {
	s3     api
	bucket string
	nonce  func(context.Context) string
}

// New returns the record in a bucket. nonce makes a string that no other writer makes.
func New(client api, bucket string, nonce func(context.Context) string) *Store {
	return &Store{s3: client, bucket: bucket, nonce: nonce}
}

// envelope is how every object is stored.
type envelope struct {
	Nonce   string          `json:"nonce"`
	Content json.RawMessage `json:"content"`
}

// ErrNotFound says that the record has no such object.
var ErrNotFound = errors.New("the record has no such object")

// errTaken says that a conditional write lost: the object is there, or is no longer the one that was read.
var errTaken = errors.New("somebody else wrote the object first")

// condition is what a write asks of the object that is there.
type condition struct {
	absent bool   // If-None-Match: *
	etag   string // If-Match
}

// put writes v. With a condition it returns errTaken where it lost; a lost answer to its own write is not a loss.
func (s *Store) put(ctx context.Context, key string, v any, cond condition) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	nonce := s.nonce(ctx)
	body, err := json.Marshal(envelope{Nonce: nonce, Content: content})
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, ContentType: aws.String("application/json")}
	if cond.absent {
		in.IfNoneMatch = aws.String("*")
	}
	if cond.etag != "" {
		in.IfMatch = &cond.etag
	}
	for attempt := 1; ; attempt++ {
		in.Body = bytes.NewReader(body)
		_, err = s.s3.PutObject(ctx, in)
		switch code(err) {
		case "":
			return nil
		case "ConditionalRequestConflict": // 409: another conditional write is under way; S3 says to try again
			if attempt == 5 {
				return fmt.Errorf("write %s: %w", key, err)
			}
			if err := clock.Sleep(ctx, time.Duration(attempt)*200*time.Millisecond); err != nil {
				return fmt.Errorf("write %s: %w", key, err)
			}
		case "PreconditionFailed":
			_, mine, err := s.get(ctx, key, nil)
			if err != nil {
				return err
			}
			if mine == nonce {
				return nil
			}
			return errTaken
		default:
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
}

// get reads an object into v, where v is not nil, and returns its ETag and its writer's nonce. It returns ErrNotFound where
// there is none, and a RecordInvalid error where it is not an object of ours.
func (s *Store) get(ctx context.Context, key string, v any) (etag, nonce string, err error) {
	out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if c := code(err); c == "NoSuchKey" || c == "NotFound" {
		return "", "", ErrNotFound
	}
	if err != nil {
		return "", "", fmt.Errorf("read %s: %w", key, err)
	}
	defer out.Body.Close() //nolint:errcheck // read to its end below
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return "", "", fmt.Errorf("read %s: %w", key, err)
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || e.Nonce == "" {
		return "", "", invalid(key, "it is not an object that this workflow writes")
	}
	if v != nil {
		if err := json.Unmarshal(e.Content, v); err != nil {
			return "", "", invalid(key, err.Error())
		}
	}
	return aws.ToString(out.ETag), e.Nonce, nil
}

// list returns the keys below a prefix, in order.
func (s *Store) list(ctx context.Context, prefix string) ([]string, error) {
	found, err := s.listing(ctx, prefix)
	return found.keys, err
}

func (s *Store) listing(ctx context.Context, prefix string) (listing, error) {
	var found listing
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listing{}, fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, object := range page.Contents {
			found.keys = append(found.keys, aws.ToString(object.Key))
			found.bytes += aws.ToInt64(object.Size)
		}
	}
	slices.Sort(found.keys)
	return found, nil
}

func code(err error) string {
	if err == nil {
		return ""
	}
	var missing *types.NoSuchKey
	if errors.As(err, &missing) {
		return "NoSuchKey"
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "unknown"
}

func invalid(key, why string) error {
	return closing.Errorf(closing.RecordInvalid, "the object %s of the record is invalid: %s", key, why).
		WithHint("nothing was decided by it; look at who wrote its versions, then start a fresh run")
}

// clean makes a name that S3 keys take of an arbitrary one, and keeps different names different.
func clean(name string) string {
	var b strings.Builder
	for _, r := range []byte(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '@':
			b.WriteByte(r)
		default:
			fmt.Fprintf(&b, "_%02x", r)
		}
	}
	return b.String()
}

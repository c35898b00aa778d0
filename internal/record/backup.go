package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// PutBackup keeps what was saved of an account, byte for byte and without the envelope of other objects: the manifest has its
// digest. The last writer is right.
func (f *Folder) PutBackup(ctx context.Context, name, contentType string, body io.ReadSeeker) error {
	_, err := f.store.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &f.store.bucket, Key: aws.String(f.Key(name)), Body: body, ContentType: &contentType,
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", f.Key(name), err)
	}
	return nil
}

// Backup opens what was saved, or returns ErrNotFound. The caller closes it, and compares what it reads with the manifest.
func (f *Folder) Backup(ctx context.Context, name string) (io.ReadCloser, error) {
	out, err := f.store.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.store.bucket, Key: aws.String(f.Key(name))})
	if c := code(err); c == "NoSuchKey" || c == "NotFound" {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Key(name), err)
	}
	return out.Body, nil
}

// PutCertificate writes a report for people beside its JSON, whose key PutReport returned.
func (f *Folder) PutCertificate(ctx context.Context, report string, page []byte) error {
	return f.plain(ctx, strings.TrimSuffix(report, ".json")+".html", "text/html; charset=utf-8", page)
}

// PutScript writes a script by which people can decide in a round.
func (f *Folder) PutScript(ctx context.Context, name string, script []byte) error {
	return f.plain(ctx, f.Key(name), "text/x-python; charset=utf-8", script)
}

// plain writes an object for people, once and without the envelope of other objects.
func (f *Folder) plain(ctx context.Context, key, contentType string, body []byte) error {
	_, err := f.store.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &f.store.bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType, IfNoneMatch: aws.String("*"),
	})
	if c := code(err); c != "" && c != "PreconditionFailed" { // an earlier call wrote it
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

package record

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// listName is the object that holds a list. It is named by what it holds, so that equal lists are one object, and nobody who writes one a
// second time can change it.
func listName(ref closing.ListRef) string { return "lists/" + ref.SHA256 + ".jsonl" }

// List reads a list that the record keeps, one record at a time. The whole object is held against its SHA-256 before the first record is
// shown: what somebody has put in its place is refused by name.
func List[T closing.Record](ctx context.Context, f *Folder, ref closing.ListRef) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if ref.N == 0 {
			return
		}
		list, err := f.fetch(ctx, ref)
		if err != nil {
			yield(zero, err)
			return
		}
		defer list.close()
		lines := lines[T]{from: bufio.NewReader(list.reader())}
		for {
			v, err := lines.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(zero, invalid(f.Key(listName(ref)), err.Error()))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// First reads the first records of a list, at most n.
func First[T closing.Record](ctx context.Context, f *Folder, ref closing.ListRef, n int) ([]T, error) {
	var first []T
	for v, err := range List[T](ctx, f, ref) {
		if err != nil {
			return nil, err
		}
		if first = append(first, v); len(first) == n {
			break
		}
	}
	return first, nil
}

// CheckLists holds lists against their SHA-256, without reading their records.
func (f *Folder) CheckLists(ctx context.Context, refs ...closing.ListRef) error {
	for _, ref := range refs {
		if ref.N == 0 {
			continue
		}
		list, err := f.fetch(ctx, ref)
		if err != nil {
			return err
		}
		list.close()
	}
	return nil
}

// fetch brings a list here, and checks it.
func (f *Folder) fetch(ctx context.Context, ref closing.ListRef) (*scratch, error) {
	key := f.Key(listName(ref))
	out, err := f.store.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.store.bucket, Key: &key})
	if c := code(err); c == "NoSuchKey" || c == "NotFound" {
		return nil, invalid(key, "it is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	defer out.Body.Close() //nolint:errcheck // it is read to its end, or not used
	list, sum := &scratch{}, sha256.New()
	if _, err := io.Copy(io.MultiWriter(list, sum), out.Body); err != nil {
		list.close()
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != ref.SHA256 {
		list.close()
		return nil, invalid(key, "its SHA-256 is not the one that it is known by: somebody has changed it")
	}
	return list, nil
}

// keep writes a list. The same list may be there already.
func (f *Folder) keep(ctx context.Context, ref closing.ListRef, list *scratch) error {
	key := f.Key(listName(ref))
	for attempt := 1; ; attempt++ {
		_, err := f.store.s3.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &f.store.bucket, Key: &key, Body: list.reader(), ContentType: aws.String("application/jsonl"), IfNoneMatch: aws.String("*"),
		})
		switch c := code(err); {
		case c == "" || c == "PreconditionFailed":
			return nil
		case c != "ConditionalRequestConflict" || attempt == 5: // 409: another write of it is under way
			return fmt.Errorf("write %s: %w", key, err)
		}
		if err := clock.Sleep(ctx, time.Duration(attempt)*200*time.Millisecond); err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
	}
}

// CopyList keeps a list of another folder in this one, too.
func (f *Folder) CopyList(ctx context.Context, from *Folder, ref closing.ListRef) error {
	if ref.N == 0 {
		return nil
	}
	list, err := from.fetch(ctx, ref)
	if err != nil {
		return err
	}
	defer list.close()
	return f.keep(ctx, ref, list)
}

// lines reads JSON lines.
type lines[T any] struct{ from *bufio.Reader }

// next is the next record, or io.EOF.
func (l lines[T]) next() (v T, err error) {
	line, err := l.from.ReadBytes('\n')
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(line, &v)
}

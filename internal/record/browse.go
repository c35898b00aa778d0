package record

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Accounts lists the accounts of which there is a record.
func (s *Store) Accounts(ctx context.Context) ([]string, error) {
	folders, err := s.folders(ctx, "closings/")
	for i, folder := range folders {
		folders[i] = path.Base(folder)
	}
	return folders, err
}

// Runs lists the prefixes of an account's runs, the oldest first.
func (s *Store) Runs(ctx context.Context, account string) ([]string, error) {
	folders, err := s.folders(ctx, "closings/"+account+"/")
	return slices.DeleteFunc(folders, func(folder string) bool { return Started(folder).IsZero() }), err
}

// Open opens the record of a run for people, as Find does, and also that of one which was refused before what it was asked for was written down:
// such a run has left its report alone.
func (s *Store) Open(ctx context.Context, prefix string) (f *Folder, execution string, err error) {
	f, execution, err = s.Find(ctx, prefix)
	if !errors.Is(err, ErrNotFound) {
		return f, execution, err
	}
	var report struct {
		Execution string `json:"execution"`
	}
	if _, _, err := s.get(ctx, prefix+"report-1.json", &report); err != nil {
		return nil, "", err
	}
	return s.Folder(prefix, report.Execution), report.Execution, nil
}

// Started is when the run with this prefix was started, in whole seconds; the zero time where it is no run's prefix.
func Started(prefix string) time.Time {
	start, _, _ := strings.Cut(path.Base(prefix), "-")
	at, err := time.Parse("20060102T150405Z", start)
	if err != nil {
		return time.Time{}
	}
	return at
}

// folders lists the folders right below a prefix, in order.
func (s *Store) folders(ctx context.Context, prefix string) ([]string, error) {
	var folders []string
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix, Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", prefix, err)
		}
		for _, folder := range page.CommonPrefixes {
			folders = append(folders, aws.ToString(folder.Prefix))
		}
	}
	return folders, nil
}

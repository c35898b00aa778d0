package asl

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// objects is an S3, by bucket and key.
type objects map[string][]byte

var errNoSuchKey = errors.New("The specified key does not exist.") //nolint:staticcheck,revive // S3's words

func (s objects) GetObject(_ context.Context, o ObjectCall) ([]byte, error) {
	content, ok := s[o.Bucket+"/"+o.Key]
	if !ok {
		return nil, errNoSuchKey
	}
	return content, nil
}

func (s objects) ListObjectsV2(_ context.Context, o ObjectCall) ([]Object, error) {
	var out []Object
	for name, content := range s {
		if key, ok := strings.CutPrefix(name, o.Bucket+"/"); ok && strings.HasPrefix(key, o.Key) {
			out = append(out, Object{Key: key, ETag: `"x"`, Size: int64(len(content)), LastModified: testStart.Add(-time.Hour), StorageClass: "STANDARD"})
		}
	}
	slices.SortFunc(out, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func (s objects) PutObject(_ context.Context, o ObjectCall, content []byte) error {
	s[o.Bucket+"/"+o.Key] = content
	return nil
}

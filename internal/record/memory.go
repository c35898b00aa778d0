package record

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// InMemory is a record that nobody keeps: for looking at an account before there is a deployment.
func InMemory() *Store {
	var writes atomic.Int64
	return New(&memory{objects: map[string]object{}}, "in-memory", func(context.Context) string { return strconv.FormatInt(writes.Add(1), 10) })
}

// memory is as much of S3 as the record uses, for one process.
type memory struct {
	mu      sync.Mutex
	objects map[string]object
	writes  int
}

type object struct {
	body []byte
	etag string
}

func (m *memory) PutObject(_ context.Context, in *s3.PutObjectInput, _ ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	standing, there := m.objects[aws.ToString(in.Key)]
	if in.IfNoneMatch != nil && there || in.IfMatch != nil && (!there || aws.ToString(in.IfMatch) != standing.etag) {
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold"}
	}
	m.writes++
	m.objects[aws.ToString(in.Key)] = object{body, strconv.Quote(strconv.Itoa(m.writes))}
	return &s3.PutObjectOutput{}, nil
}

func (m *memory) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, there := m.objects[aws.ToString(in.Key)]
	if !there {
		return nil, &types.NoSuchKey{}
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(found.body)), ETag: &found.etag}, nil
}

func (m *memory) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := &s3.ListObjectsV2Output{}
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, aws.ToString(in.Prefix)) {
			out.Contents = append(out.Contents, types.Object{Key: &key, Size: aws.Int64(int64(len(m.objects[key].body)))})
		}
	}
	return out, nil
}

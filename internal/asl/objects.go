package asl

import (
	"context"
	"time"
)

// Objects is the S3 that ItemReader reads and ResultWriter writes, with the permissions of the machine's role. Like
// Tasks it is called while the execution advances, one call at a time. The text of an error becomes the cause of
// States.ItemReaderFailed or States.ResultWriterFailed.
type Objects interface {
	// GetObject gives the content of an object.
	GetObject(ctx context.Context, o ObjectCall) ([]byte, error)
	// ListObjectsV2 gives every object of the bucket whose key begins with o.Key, in the order of their keys.
	ListObjectsV2(ctx context.Context, o ObjectCall) ([]Object, error)
	// PutObject writes an object.
	PutObject(ctx context.Context, o ObjectCall, content []byte) error
}

// ObjectCall is a call to S3: what it is about, and who makes it when.
type ObjectCall struct {
	Execution, ExecutionARN string
	State                   string // the Map state
	At                      time.Time
	Bucket, Key, VersionID  string
}

// Object is what a listing says of an object.
type Object struct {
	Key, ETag, StorageClass string
	Size                    int64
	LastModified            time.Time
}

// objectCall is a call that the Map state b makes.
func (e *Execution) objectCall(b *branch, bucket, key string) ObjectCall {
	self := e.identity(b.execution())
	return ObjectCall{
		Execution: self.name, ExecutionARN: self.arn, State: b.state.name, At: time.Unix(0, e.clock).UTC(), Bucket: bucket, Key: key,
	}
}

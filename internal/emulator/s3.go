package emulator

import "net/http"

// Bucket is an S3 bucket.
type Bucket struct{}

func (r *request) routeS3(*http.Request) error { return nil }

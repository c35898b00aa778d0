package emulator

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/smithy-go"
)

// lab is a pretended AWS with a clock of its own: hub 111122223333 and target 444455556666.
type lab struct {
	*AWS
	now time.Time
}

const (
	hubAccount    = "111122223333"
	targetAccount = "444455556666"
	hubKey        = "AKIAHUB"
	targetKey     = "AKIATARGET"
)

// newLab seeds the hub and the target with the rest of their accounts as a world writes them.
func newLab(t *testing.T, hub, target string, o Options) *lab {
	t.Helper()
	rest := func(s string) string {
		if s == "" {
			return ""
		}
		return ", " + s
	}
	world, err := ParseWorld([]byte(`{"now": "2026-03-01T12:00:00Z", "hub": "` + hubAccount + `", "accounts": {
		"` + hubAccount + `": {"principals": [{"accessKeyId": "` + hubKey + `", "arn": "arn:aws:sts::` + hubAccount + `:assumed-role/closer/run-1"}]` + rest(hub) + `},
		"` + targetAccount + `": {"name": "leaver", "principals": [{"accessKeyId": "` + targetKey + `", "arn": "arn:aws:iam::` + targetAccount + `:user/ann"}]` + rest(target) + `}}}`))
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{now: world.Now}
	o.World = world
	o.Now = func() time.Time { return l.now }
	if l.AWS, err = New(o); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) pass(d time.Duration) { l.now = l.now.Add(d) }

// config signs with a long-lived key in a Region and never retries.
func (l *lab) config(key, region string) aws.Config {
	return aws.Config{
		Region: region, HTTPClient: &http.Client{Transport: l.AWS}, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(key, DefaultSecret, ""),
	}
}

// target is a QuickSight client of the target account.
func (l *lab) target(region string) *quicksight.Client {
	return quicksight.NewFromConfig(l.config(targetKey, region))
}

// code is the error code of AWS in an error, "" for none.
func code(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("not an answer of AWS: %v", err)
	}
	return api.ErrorCode()
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(t, err); got != want {
		t.Fatalf("error code %q, want %q (%v)", got, want, err)
	}
}

func (l *lab) last() Call {
	calls := l.Journal()
	return calls[len(calls)-1]
}

// labelled sends a request as part of an invocation.
type labelled struct {
	next  http.RoundTripper
	label string
}

func (l labelled) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set(InvocationHeader, l.label)
	return l.next.RoundTrip(r)
}

func contains(list []string, want string) bool { return slices.Contains(list, want) }

var background = context.Background()

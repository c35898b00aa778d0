package emulator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

func keys(t *testing.T, c *s3.Client, prefix string) []string {
	t.Helper()
	out, err := c.ListObjectsV2(background, &s3.ListObjectsV2Input{Bucket: aws.String("record"), Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range out.Contents {
		all = append(all, *o.Key)
	}
	return all
}

// Ensure that what is discarded is gone, what stands beside it stays, and lists go on telling the truth.
func TestDiscard(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {}}`, "", Options{})
	c := l.s3(hubKey)
	for _, key := range []string{"closings/1/a", "closings/1/b", "closings/1/run/c", "closings/2/a"} {
		if _, err := put(c, key, "text", plainly); err != nil {
			t.Fatal(err)
		}
	}
	keys(t, c, "closings/1/") // which remembers the bucket's keys
	l.Discard(hubAccount, "record", "closings/1/", func(key string) bool { return strings.HasSuffix(key, "/b") })
	if diff := cmp.Diff([]string{"closings/1/b"}, keys(t, c, "closings/1/")); diff != "" {
		t.Errorf("below what was discarded (-want +got):\n%s", diff)
	}
	_, err := get(c, "closings/1/run/c")
	wantCode(t, err, "NoSuchKey")
	if _, err := put(c, "closings/1/d", "text", plainly); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"closings/1/b", "closings/1/d", "closings/2/a"}, keys(t, c, "closings/")); diff != "" {
		t.Errorf("everything (-want +got):\n%s", diff)
	}
}

// Ensure that a journal is arranged and thinned behind the calls that were looked at already, and numbered without a gap.
func TestArrangeAndForget(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {}}`, "", Options{})
	c := l.s3(hubKey)
	for _, key := range []string{"first", "c", "b", "a", "b"} {
		if _, err := put(c, key, "text", plainly); err != nil {
			t.Fatal(err)
		}
	}
	named := func(c Call) string {
		var params struct{ Key string }
		if err := json.Unmarshal(c.Params, &params); err != nil {
			t.Fatal(err)
		}
		return params.Key
	}
	journal := func() []string {
		var all []string
		for i, call := range l.Journal() {
			if call.Seq != i+1 {
				t.Errorf("call %d has the number %d", i+1, call.Seq)
			}
			all = append(all, named(call))
		}
		return all
	}
	l.Arrange(1, func(c Call) int { return int(named(c)[0]) })
	if diff := cmp.Diff([]string{"first", "a", "b", "b", "c"}, journal()); diff != "" {
		t.Errorf("arranged (-want +got):\n%s", diff)
	}
	l.Forget(2, func(c Call) bool { return named(c) == "c" })
	if diff := cmp.Diff([]string{"first", "a", "c"}, journal()); diff != "" || l.Served() != 3 {
		t.Errorf("thinned (-want +got):\n%s", diff)
	}
}

// Ensure that an account that was retired is not there any more, and that the others are.
func TestRetire(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {}}`, `"quickSight": {}`, Options{})
	target := l.config(targetKey, "us-east-1")
	if _, err := sts.NewFromConfig(target).GetCallerIdentity(background, &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	l.Retire(targetAccount)
	_, err := sts.NewFromConfig(target).GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InvalidClientTokenId")
	if _, err := put(l.s3(hubKey), "key", "text", plainly); err != nil {
		t.Error(err)
	}
	if l.World().Accounts[targetAccount] != nil {
		t.Error("it is still in the world")
	}
}

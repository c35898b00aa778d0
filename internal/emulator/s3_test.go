package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (l *lab) s3(key string, o ...func(*s3.Options)) *s3.Client {
	return s3.NewFromConfig(l.config(key, "us-east-1"), o...)
}

func put(c *s3.Client, key, body string, change func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
	in := &s3.PutObjectInput{Bucket: aws.String("record"), Key: &key, Body: strings.NewReader(body)}
	change(in)
	return c.PutObject(background, in)
}

func plainly(*s3.PutObjectInput) {}

func get(c *s3.Client, key string) (string, error) {
	out, err := c.GetObject(background, &s3.GetObjectInput{Bucket: aws.String("record"), Key: &key})
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	for style, options := range map[string]func(*s3.Options){"virtual host": func(*s3.Options) {}, "path": func(o *s3.Options) { o.UsePathStyle = true }} {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, `"buckets": {"record": {}}`, "", Options{})
			c := l.s3(hubKey, options)
			once := func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }
			first, err := put(c, "closings/a b/lock.json", "one", once)
			if err != nil {
				t.Fatal(err)
			}
			_, err = put(c, "closings/a b/lock.json", "two", once)
			wantCode(t, err, "PreconditionFailed")
			matching := func(in *s3.PutObjectInput) { in.IfMatch = first.ETag }
			if _, err := put(c, "closings/a b/lock.json", "three", matching); err != nil {
				t.Fatal(err)
			}
			_, err = put(c, "closings/a b/lock.json", "four", matching)
			wantCode(t, err, "PreconditionFailed")
			_, err = put(c, "absent", "five", matching)
			wantCode(t, err, "NoSuchKey")
			if got, err := get(c, "closings/a b/lock.json"); got != "three" || err != nil {
				t.Errorf("read %q, %v", got, err)
			}
			_, err = c.DeleteObject(background, &s3.DeleteObjectInput{Bucket: aws.String("record"), Key: aws.String("closings/a b/lock.json"), IfMatch: first.ETag})
			wantCode(t, err, "PreconditionFailed")
		})
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {"objects": {"seeded": "hello"}}}`, "", Options{PageSize: 2})
	c := l.s3(hubKey)
	if got, err := get(c, "seeded"); got != "hello" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	binary := string([]byte{0xff, 0x00, 0xfe})
	stream := func(in *s3.PutObjectInput) {
		in.Body = io.MultiReader(strings.NewReader(binary))
		in.ContentLength = aws.Int64(3)
	}
	if _, err := put(c, "backup.qs", "", stream); err != nil { // not seekable: sent in chunks with a trailing checksum
		t.Fatal(err)
	}
	for _, world := range []*World{l.World(), l.World()} {
		if body := world.Accounts[hubAccount].Buckets["record"].Objects["backup.qs"].Versions[0].Body; !bytes.Equal(body, []byte(binary)) {
			t.Errorf("a binary body came out as %q", body)
		}
	}
	head, err := c.HeadObject(background, &s3.HeadObjectInput{Bucket: aws.String("record"), Key: aws.String("backup.qs")})
	if err != nil || *head.ContentLength != 3 {
		t.Fatalf("head %+v, %v", head, err)
	}
	_, err = c.HeadObject(background, &s3.HeadObjectInput{Bucket: aws.String("record"), Key: aws.String("absent")})
	var notFound *types.NotFound
	if !errors.As(err, &notFound) {
		t.Errorf("head of an absent key: %v", err)
	}
	for i := range 3 {
		if _, err := put(c, fmt.Sprintf("runs/%d/plan.json", i), "{}", plainly); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.DeleteObject(background, &s3.DeleteObjectInput{Bucket: aws.String("record"), Key: aws.String("runs/1/plan.json")}); err != nil {
		t.Fatal(err)
	}
	_, err = get(c, "runs/1/plan.json")
	wantCode(t, err, "NoSuchKey")
	var keys, folders []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("record"), Delimiter: aws.String("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(background)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range page.CommonPrefixes {
			folders = append(folders, *p.Prefix)
		}
	}
	if !slices.Equal(keys, []string{"backup.qs", "seeded"}) || !slices.Equal(folders, []string{"runs/"}) {
		t.Errorf("listed %v and %v", keys, folders)
	}
	_, err = c.GetObject(background, &s3.GetObjectInput{Bucket: aws.String("nobodys"), Key: aws.String("k")})
	wantCode(t, err, "NoSuchBucket")
}

func TestBucketPolicy(t *testing.T) {
	t.Parallel()
	const policy = `{"Statement": [
		{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::record/*/commit.json",
		 "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::` + hubAccount + `:role/commit-plan"}}},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::record/*/seal.json", "Condition": {"Null": {"s3:if-none-match": "true"}}},
		{"Effect": "Allow", "Principal": {"AWS": "` + targetAccount + `"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::record/shared"}]}`
	l := newLab(t, `"buckets": {"record": {"objects": {"shared": "yes", "private": "no"}, "policy": `+policy+`}}`, "", Options{})
	hub, stranger := l.s3(hubKey), l.s3(targetKey)
	_, err := put(hub, "runs/commit.json", "{}", plainly)
	wantCode(t, err, "AccessDenied")
	if !strings.Contains(err.Error(), "with an explicit deny in a resource-based policy") {
		t.Errorf("message: %v", err)
	}
	_, err = put(hub, "runs/seal.json", "{}", plainly)
	wantCode(t, err, "AccessDenied")
	if _, err := put(hub, "runs/seal.json", "{}", func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }); err != nil {
		t.Error(err)
	}
	if got, err := get(stranger, "shared"); got != "yes" {
		t.Errorf("another account reads %q, %v", got, err)
	}
	_, err = get(stranger, "private")
	wantCode(t, err, "AccessDenied")
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: without s3:ListBucket an absent key is 403.
func TestAbsentNeedsList(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {}}, "roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}]}}`, "", Options{})
	_, err := get(l.s3(hubKey), "absent")
	wantCode(t, err, "AccessDenied")
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
func TestBucketKey(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {"kmsKey": "arn:aws:kms:us-east-1:`+hubAccount+`:key/k", "objects": {"plan": "{}"}}},
		"roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": ["s3:*", "kms:Decrypt"], "Resource": "*"}}]}}`, "", Options{})
	if _, err := get(l.s3(hubKey), "plan"); err != nil {
		t.Fatal(err)
	}
	_, err := put(l.s3(hubKey), "plan", "{}", plainly)
	wantCode(t, err, "AccessDenied")
	if !strings.Contains(err.Error(), "kms:GenerateDataKey") {
		t.Errorf("message: %v", err)
	}
}

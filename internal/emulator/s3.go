package emulator

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/md5" // S3's ETag of a single-part object is the MD5 of its body
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bucket is an S3 bucket.
type Bucket struct {
	Region      string             `json:"region,omitempty"` // default: any
	Policy      *Policy            `json:"policy,omitempty"`
	KMSKey      string             `json:"kmsKey,omitempty"`      // ARN; callers need it to read and write
	Unversioned bool               `json:"unversioned,omitempty"` // a deletion removes the object instead of hiding it
	Objects     map[string]*Object `json:"objects,omitempty"`     // by key
}

// Object is the history of one key, newest version last. In JSON its text alone is enough.
type Object struct {
	Versions []ObjectVersion `json:"versions"`
}

// ObjectVersion is one version of an object or a delete marker.
type ObjectVersion struct {
	ID          string            `json:"id"`
	Deleted     bool              `json:"deleted,omitempty"` // a delete marker
	Body        Blob              `json:"body,omitempty"`
	ContentType string            `json:"contentType,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Modified    time.Time         `json:"modified"`

	tag string // of the body, once somebody has asked for it
}

// Blob is text in JSON where it is valid UTF-8, else {"base64": …}.
type Blob []byte

// MarshalJSON keeps text readable.
func (b Blob) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string]string{"base64": base64.StdEncoding.EncodeToString(b)})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (b *Blob) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*b = Blob(text)
		return nil
	}
	var binary struct {
		Base64 []byte `json:"base64"`
	}
	if err := strict(data, &binary); err != nil {
		return fmt.Errorf("a body is text or {\"base64\": …}: %w", err)
	}
	*b = binary.Base64
	return nil
}

// UnmarshalJSON accepts the text of a single version.
func (o *Object) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*o = Object{Versions: []ObjectVersion{{ID: "null", Body: Blob(text)}}}
		return nil
	}
	type plain Object
	return strict(data, (*plain)(o))
}

// current returns the version that a plain read sees, nil where there is none.
func (o *Object) current() *ObjectVersion {
	if o == nil || len(o.Versions) == 0 || o.Versions[len(o.Versions)-1].Deleted {
		return nil
	}
	return &o.Versions[len(o.Versions)-1]
}

func (v *ObjectVersion) etag() string {
	if v.tag == "" {
		sum := md5.Sum(v.Body)
		v.tag = `"` + hex.EncodeToString(sum[:]) + `"`
	}
	return v.tag
}

var s3Operations = map[string]op{
	"PutObject":     {run: putObject, required: []string{"Key"}, resource: objectResource, policy: bucketPolicy, context: objectContext},
	"GetObject":     {run: getObject, required: []string{"Key"}, resource: objectResource, policy: bucketPolicy, actions: versionActions("s3:GetObject"), context: tlsContext},
	"HeadObject":    {run: getObject, required: []string{"Key"}, resource: objectResource, policy: bucketPolicy, actions: versionActions("s3:GetObject"), context: tlsContext},
	"DeleteObject":  {run: deleteObject, required: []string{"Key"}, resource: objectResource, policy: bucketPolicy, actions: versionActions("s3:DeleteObject"), context: tlsContext},
	"ListObjectsV2": {run: listObjects, resource: bucketResource, policy: bucketPolicy, context: listContext},
}

const conditionalPage = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"

var s3Rules = []rule{
	{name: "bucket-region", operations: sortedKeys(s3Operations), page: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html", check: checkBucketRegion},
	{name: "if-none-match", operations: []string{"PutObject"}, page: conditionalPage, check: checkIfNoneMatch},
	{name: "if-match", operations: []string{"PutObject", "DeleteObject"}, page: conditionalPage, check: checkIfMatch},
	{name: "absent-needs-list", operations: []string{"GetObject", "HeadObject"}, page: "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html", check: checkAbsent},
	{name: "bucket-key", operations: []string{"PutObject", "GetObject"}, page: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html", check: checkBucketKey},
}

// routeS3 reads bucket and key from host and path, in both styles.
func (r *request) routeS3(in *http.Request) error {
	host := cmp.Or(in.Host, in.URL.Host)
	path := strings.TrimPrefix(in.URL.EscapedPath(), "/")
	bucket, rest, virtual := strings.Cut(host, ".s3.")
	if !virtual || !strings.Contains(rest, "amazonaws.com") {
		bucket, path, _ = strings.Cut(path, "/")
	}
	key, err := url.PathUnescape(path)
	if err != nil {
		return apiError("InvalidURI", "Couldn't parse the specified URI.")
	}
	r.params = map[string]any{"Bucket": bucket}
	if key != "" {
		r.params["Key"] = key
	}
	for header, member := range map[string]string{"If-None-Match": "IfNoneMatch", "If-Match": "IfMatch", "Content-Type": "ContentType"} {
		if v := in.Header.Get(header); v != "" && (member != "ContentType" || in.Method == http.MethodPut) {
			r.params[member] = v
		}
	}
	subresource := ""
	for name, values := range in.URL.Query() {
		switch name {
		case "x-id", "list-type", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Checksum-Mode":
		case "prefix", "delimiter", "max-keys", "continuation-token", "start-after", "versionId", "encoding-type":
			r.params[memberName(name)] = values[0]
		default:
			subresource = "?" + name
		}
	}
	named := map[string]string{"PUT key": "PutObject", "GET key": "GetObject", "HEAD key": "HeadObject", "DELETE key": "DeleteObject"}
	what := in.Method + " bucket" + subresource
	if key != "" {
		what = in.Method + " key" + subresource
	} else if in.URL.Query().Get("list-type") == "2" && subresource == "" {
		named[what] = "ListObjectsV2"
	}
	if r.operation = named[what]; r.operation == "" {
		r.operation = what
	}
	if r.operation == "PutObject" {
		if r.body, err = unchunked(in.Header, r.body); err != nil {
			return apiError("IncompleteBody", "%v", err)
		}
		r.params["Body"] = bodyDigest(r.body)
	}
	return nil
}

// bodyDigest stands for a body in the journal: its text where that is short, else its size and ETag.
func bodyDigest(body []byte) string {
	if len(body) <= 4096 && utf8.Valid(body) {
		return string(body)
	}
	return fmt.Sprintf("%d bytes, ETag %s", len(body), (&ObjectVersion{Body: body}).etag())
}

// unchunked undoes aws-chunked, in which clients append a checksum to a body of known length.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
func unchunked(header http.Header, body []byte) ([]byte, error) {
	if !strings.HasPrefix(header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return body, nil
	}
	var out []byte
	reader := bufio.NewReader(bytes.NewReader(body))
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, errors.New("the body ends inside a chunk")
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not the size of a chunk", size)
		}
		if n == 0 {
			return out, nil
		}
		chunk := make([]byte, n+2) // with its line end
		if _, err := io.ReadFull(reader, chunk); err != nil {
			return nil, errors.New("the body ends inside a chunk")
		}
		out = append(out, chunk[:n]...)
	}
}

// bucket finds the bucket of the call, in whichever account it is: names are global.
func (r *request) bucket() (*Bucket, string) {
	a, name := r.aws, r.str("Bucket")
	if a.owners == nil {
		a.owners = map[string]string{}
		for id, account := range a.world.Accounts {
			for name := range account.Buckets {
				a.owners[name] = id
			}
		}
	}
	if id, known := a.owners[name]; known {
		return a.world.Accounts[id].Buckets[name], id
	}
	return nil, r.account
}

// object returns the current version of the key of the call, nil where there is none.
func (r *request) object() *ObjectVersion {
	b, _ := r.bucket()
	if b == nil {
		return nil
	}
	object := b.Objects[r.str("Key")]
	if id := r.str("VersionId"); id != "" && object != nil {
		for i := range object.Versions {
			if object.Versions[i].ID == id {
				return &object.Versions[i]
			}
		}
		return nil
	}
	return object.current()
}

func bucketResource(r *request) []string { return []string{"arn:aws:s3:::" + r.str("Bucket")} }

func objectResource(r *request) []string {
	return []string{"arn:aws:s3:::" + r.str("Bucket") + "/" + r.str("Key")}
}

func bucketPolicy(r *request) (*Policy, string) {
	b, owner := r.bucket()
	if b == nil {
		return nil, r.account // who looks for a bucket that does not exist learns so
	}
	return b.Policy, owner
}

// versionActions are the actions of an operation that may name a version, which is another permission.
func versionActions(action string) func(*request) []string {
	return func(r *request) []string {
		if r.has("VersionId") {
			return []string{action + "Version"}
		}
		return []string{action}
	}
}

// tlsContext is what bucket policies hold transport to; the emulator stands for the HTTPS endpoint.
func tlsContext(*request) condition { return condition{"s3:TlsVersion": {"1.3"}} }

// objectContext holds S3's condition keys that a policy can hold a write to.
func objectContext(r *request) condition {
	c := tlsContext(r)
	for header, key := range map[string]string{
		"If-None-Match": "s3:if-none-match", "If-Match": "s3:if-match",
		"X-Amz-Server-Side-Encryption":                "s3:x-amz-server-side-encryption",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "s3:x-amz-server-side-encryption-aws-kms-key-id",
	} {
		if v := r.header.Get(header); v != "" {
			c[key] = []string{v}
		}
	}
	return c
}

func listContext(r *request) condition {
	c := tlsContext(r)
	c["s3:prefix"] = []string{r.str("Prefix")}
	return c
}

func checkBucketRegion(r *request) error {
	if b, _ := r.bucket(); b != nil && b.Region != "" && b.Region != r.region {
		return &APIError{Code: "PermanentRedirect", Message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.", Status: http.StatusMovedPermanently}
	}
	return nil
}

var (
	errPrecondition = &APIError{Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold", Status: http.StatusPreconditionFailed}
	errNoSuchBucket = &APIError{Code: "NoSuchBucket", Message: "The specified bucket does not exist", Status: http.StatusNotFound}
	errNoSuchKey    = &APIError{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: http.StatusNotFound}
)

func checkIfNoneMatch(r *request) error {
	if v := r.str("IfNoneMatch"); v != "" {
		if v != "*" {
			return &APIError{Code: "NotImplemented", Message: "A header you provided implies functionality that is not implemented", Status: http.StatusNotImplemented}
		}
		if r.object() != nil {
			return errPrecondition
		}
	}
	return nil
}

func checkIfMatch(r *request) error {
	want := r.str("IfMatch")
	if want == "" {
		return nil
	}
	object := r.object()
	switch {
	case object == nil:
		return errNoSuchKey
	case want != "*" && strings.Trim(want, `"`) != strings.Trim(object.etag(), `"`):
		return errPrecondition
	}
	return nil
}

// checkAbsent: who may not list a bucket is not told that a key is absent.
func checkAbsent(r *request) error {
	if b, _ := r.bucket(); b == nil || r.object() != nil {
		return nil
	}
	policy, owner := bucketPolicy(r)
	want := access{caller: r.principal, action: "s3:ListBucket", resource: bucketResource(r)[0], context: r.context()}
	if reason := r.aws.decide(r.principal, want, policy, owner); reason != "" {
		return r.service.denied(notAuthorized(r.principal, "s3:ListBucket", want.resource, reason))
	}
	r.aws.grant(r.principal, want)
	return nil
}

// checkBucketKey: a bucket with a customer managed key needs a permission on that key, too.
func checkBucketKey(r *request) error {
	b, _ := r.bucket()
	if b == nil || b.KMSKey == "" {
		return nil
	}
	if r.operation == "PutObject" {
		return r.mayUseKey(b.KMSKey, "kms:GenerateDataKey")
	}
	if r.object() == nil {
		return nil // nothing to decrypt
	}
	return r.mayUseKey(b.KMSKey, "kms:Decrypt")
}

func putObject(r *request) (any, error) {
	b, _ := r.bucket()
	if b == nil {
		return nil, errNoSuchBucket
	}
	version := ObjectVersion{ID: r.id("v"), Body: r.body, ContentType: r.str("ContentType"), Modified: r.now}
	for name, values := range r.header {
		if meta, ok := strings.CutPrefix(name, "X-Amz-Meta-"); ok {
			if version.Metadata == nil {
				version.Metadata = map[string]string{}
			}
			version.Metadata[strings.ToLower(meta)] = values[0]
		}
	}
	if b.Objects == nil {
		b.Objects = map[string]*Object{}
	}
	object := b.Objects[r.str("Key")]
	if object == nil {
		object = &Object{}
		b.Objects[r.str("Key")] = object
		if index := r.aws.keys[b]; index != nil {
			index.add(r.str("Key"))
		}
	}
	if b.Unversioned {
		object.Versions = nil
	}
	object.Versions = append(object.Versions, version)
	return reply{header: http.Header{"Etag": {version.etag()}, "X-Amz-Version-Id": {version.ID}}}, nil
}

func getObject(r *request) (any, error) {
	if b, _ := r.bucket(); b == nil {
		return nil, errNoSuchBucket
	}
	object := r.object()
	if object == nil || object.Deleted {
		return nil, errNoSuchKey
	}
	if want := r.str("IfMatch"); want != "" && want != object.etag() {
		return nil, errPrecondition
	}
	out := reply{header: http.Header{
		"Etag":             {object.etag()},
		"X-Amz-Version-Id": {object.ID},
		"Content-Type":     {cmp.Or(object.ContentType, "binary/octet-stream")},
		"Last-Modified":    {object.Modified.UTC().Format(http.TimeFormat)},
	}}
	for name, value := range object.Metadata {
		out.header.Set("X-Amz-Meta-"+name, value)
	}
	if r.str("IfNoneMatch") == object.etag() {
		out.status = http.StatusNotModified
		return out, nil
	}
	out.body = object.Body
	return out, nil
}

// deleteObject hides the object behind a delete marker, or removes the version that it names.
func deleteObject(r *request) (any, error) {
	b, _ := r.bucket()
	out := reply{status: http.StatusNoContent, header: http.Header{}}
	if b == nil {
		return nil, errNoSuchBucket
	}
	object := b.Objects[r.str("Key")]
	if id := r.str("VersionId"); id != "" {
		if object != nil {
			object.Versions = slices.DeleteFunc(object.Versions, func(v ObjectVersion) bool { return v.ID == id })
		}
		out.header.Set("X-Amz-Version-Id", id)
		return out, nil
	}
	if b.Unversioned {
		delete(b.Objects, r.str("Key"))
		return out, nil
	}
	if object == nil {
		return out, nil
	}
	marker := ObjectVersion{ID: r.id("v"), Deleted: true, Modified: r.now}
	object.Versions = append(object.Versions, marker)
	out.header.Set("X-Amz-Delete-Marker", "true")
	out.header.Set("X-Amz-Version-Id", marker.ID)
	return out, nil
}

type listBucketResult struct {
	XMLName               xml.Name       `xml:"ListBucketResult"`
	Name                  string         `xml:"Name"`
	Prefix                string         `xml:"Prefix"`
	KeyCount              int            `xml:"KeyCount"`
	MaxKeys               int            `xml:"MaxKeys"`
	IsTruncated           bool           `xml:"IsTruncated"`
	NextContinuationToken string         `xml:"NextContinuationToken,omitempty"`
	Contents              []listedObject `xml:"Contents"`
	CommonPrefixes        []commonPrefix `xml:"CommonPrefixes"`
}

type listedObject struct {
	Key          string `xml:"Key"`
	LastModified string `xml:"LastModified"`
	ETag         string `xml:"ETag"`
	Size         int    `xml:"Size"`
	StorageClass string `xml:"StorageClass"`
}

type commonPrefix struct {
	Prefix string `xml:"Prefix"`
}

func listObjects(r *request) (any, error) {
	b, _ := r.bucket()
	if b == nil {
		return nil, errNoSuchBucket
	}
	prefix, delimiter, after := r.str("Prefix"), r.str("Delimiter"), r.str("StartAfter")
	var entries []any // listedObject or commonPrefix, in the order of keys
	for _, key := range r.aws.keysBelow(b, prefix) {
		version := b.Objects[key].current()
		rest, ok := strings.CutPrefix(key, prefix)
		if version == nil || !ok || key <= after {
			continue
		}
		if delimiter != "" {
			if folder, _, found := strings.Cut(rest, delimiter); found {
				common := commonPrefix{prefix + folder + delimiter}
				if len(entries) == 0 || entries[len(entries)-1] != any(common) {
					entries = append(entries, common)
				}
				continue
			}
		}
		entries = append(entries, listedObject{key, version.Modified.UTC().Format("2006-01-02T15:04:05.000Z"), version.etag(), len(version.Body), "STANDARD"})
	}
	limit := r.num("MaxKeys", 1000)
	cut, next, ok := paginate(r, entries, r.str("ContinuationToken"), limit, 1000)
	if !ok {
		return nil, apiError("InvalidArgument", "The continuation token provided is incorrect")
	}
	result := listBucketResult{Name: r.str("Bucket"), Prefix: prefix, KeyCount: len(cut), MaxKeys: limit, IsTruncated: next != "", NextContinuationToken: next}
	for _, entry := range cut {
		switch entry := entry.(type) {
		case listedObject:
			result.Contents = append(result.Contents, entry)
		case commonPrefix:
			result.CommonPrefixes = append(result.CommonPrefixes, entry)
		}
	}
	body, err := xml.Marshal(result)
	return reply{body: body, header: http.Header{"Content-Type": {"application/xml"}}}, err
}

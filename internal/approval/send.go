package approval

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"quicksight-unsubscribe/internal/closing"
)

// functionHost is a Function URL's host. The request for approval names the URL; what is signed goes nowhere else.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
var functionHost = regexp.MustCompile(`^[a-z0-9]+\.lambda-url\.([a-z0-9-]+)\.on\.aws(\.cn)?$`)

// Site is the Function URL behind which decisions are taken, in the hands of a person.
type Site struct {
	Host        string // of the Function URL
	Region      string
	Credentials aws.CredentialsProvider
	Client      *http.Client
	Now         func() time.Time
}

// NewSite finds the site of the page that an ask names. Where the configuration's calls go to another endpoint than AWS's, such as a replay's,
// so do its requests.
func NewSite(ask closing.Ask, cfg aws.Config, now func() time.Time) (Site, error) {
	page, err := url.Parse(ask.Page)
	if err != nil || page.Scheme != "https" || !functionHost.MatchString(page.Host) {
		return Site{}, fmt.Errorf("the request for approval names no page to decide at, but %q; nothing was decided", ask.Page)
	}
	region, client := functionHost.FindStringSubmatch(page.Host)[1], direct(cfg.HTTPClient)
	if cfg.BaseEndpoint != nil {
		endpoint, err := url.Parse(*cfg.BaseEndpoint)
		if err != nil {
			return Site{}, fmt.Errorf("the endpoint %q: %w", *cfg.BaseEndpoint, err)
		}
		client.Transport = elsewhere{endpoint, cmp.Or(client.Transport, http.DefaultTransport)}
	}
	return Site{Host: page.Host, Region: region, Credentials: cfg.Credentials, Client: client, Now: now}, nil
}

// elsewhere sends requests to an endpoint, under the host that they were signed for.
type elsewhere struct {
	endpoint *url.URL
	next     http.RoundTripper
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := r.Clone(r.Context())
	sent.Host, sent.URL.Scheme, sent.URL.Host = r.URL.Host, e.endpoint.Scheme, e.endpoint.Host
	return e.next.RoundTrip(sent)
}

// Decide proves who decides, and sends the decision. A *closing.Error is the answer to one that does not count.
func (s Site) Decide(ctx context.Context, d Decision) (Answer, error) {
	credentials, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return Answer{}, fmt.Errorf("your credentials: %w", err)
	}
	identity, err := Prove(ctx, credentials, s.Region, s.Now(), d)
	if err != nil {
		return Answer{}, err
	}
	body, err := json.Marshal(Event{Decision: d, Identity: identity})
	if err != nil {
		return Answer{}, fmt.Errorf("encode the decision: %w", err)
	}
	resp, err := s.Do(ctx, http.MethodPost, "/decisions", http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		return Answer{}, fmt.Errorf("send the decision: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end below
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Answer{}, fmt.Errorf("the answer to the decision: %w", err)
	}
	var answer Answer
	var refusal Refusal
	switch {
	case resp.StatusCode == http.StatusOK && json.Unmarshal(text, &answer) == nil:
		return answer, nil
	case json.Unmarshal(text, &refusal) == nil && refusal.Code != "":
		return Answer{}, &closing.Error{Code: refusal.Code, Message: refusal.Message}
	case resp.StatusCode == http.StatusForbidden:
		return Answer{}, errors.New("you may not call the page of the closing: it takes the managed policy of its approvers; nothing was decided")
	}
	return Answer{}, fmt.Errorf("the page of the closing answered %s; nothing was decided", resp.Status)
}

// Do sends a signed request to the site.
func (s Site) Do(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	credentials, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("your credentials: %w", err)
	}
	target := url.URL{Scheme: "https", Host: s.Host, Path: path}
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the request: %w", err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hash, "lambda", s.Region, s.Now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.Client.Do(r)
}

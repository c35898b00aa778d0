package approval

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// maxSkew is how far a person's clock may be ahead of ours.
const maxSkew = time.Minute

// principal checks that the event's proof is one for its decision, and asks STS who made it.
func (e Event) principal(ctx context.Context, cfg aws.Config, home string) (string, error) {
	call, err := e.request(ctx, cfg.Region)
	if err != nil {
		return "", err
	}
	answer, err := direct(cfg.HTTPClient).Do(call)
	if err != nil {
		return "", refuse("STS could not be asked who decides").WithHint("try again")
	}
	defer answer.Body.Close() //nolint:errcheck // read below as far as it matters
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return "", refuse("STS's answer to who decides broke off").WithHint("try again")
	}
	if answer.StatusCode != http.StatusOK {
		return "", refuse("STS does not confirm who decides (%s)", reason(answer.StatusCode, body)).
			WithHint("look at your AWS credentials and your clock, then decide again")
	}
	var identity struct {
		XMLName xml.Name `xml:"GetCallerIdentityResponse"`
		ARN     string   `xml:"GetCallerIdentityResult>Arn"`
		UserID  string   `xml:"GetCallerIdentityResult>UserId"`
	}
	if err := xml.Unmarshal(body, &identity); err != nil || identity.ARN == "" {
		return "", refuse("STS's answer to who decides cannot be read")
	}
	if name := closing.IdentityCenterRole(identity.ARN, home); name != "" {
		if err := provenRole(ctx, cfg, name, identity.UserID); err != nil {
			return "", err
		}
	}
	return identity.ARN, nil
}

// provenRole holds that a role which bears a name of Identity Center's was made by Identity Center, and is the very role that the
// caller is a session of: IAM keeps that path for its services.
// https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
func provenRole(ctx context.Context, cfg aws.Config, name, userID string) error {
	out, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	var refused smithy.APIError
	if errors.As(err, &refused) && (refused.ErrorCode() == "NoSuchEntity" || refused.ErrorCode() == "AccessDenied") {
		// The function may read roles of Identity Center's path, and no others.
		return refuse("%s is not a role of Identity Center", name)
	}
	if err != nil {
		return fmt.Errorf("look at the role %s: %w", name, err)
	}
	id, _, _ := strings.Cut(userID, ":")
	if !strings.HasPrefix(aws.ToString(out.Role.Path), "/aws-reserved/sso.amazonaws.com/") || aws.ToString(out.Role.RoleId) != id {
		return refuse("%s is not a role of Identity Center, whatever its name", name)
	}
	return nil
}

// request rebuilds the presigned call from its parts. Nothing of the event reaches the network that was not checked: where it goes,
// what it asks, what it signs and how old it is.
func (e Event) request(ctx context.Context, region string) (*http.Request, error) {
	presigned, err := url.Parse(e.Identity.URL)
	if err != nil {
		return nil, refuse("the proof of who decides is not a URL")
	}
	if presigned.Scheme != "https" || presigned.Host != host(region) || presigned.User != nil || presigned.Path != "/" || presigned.Fragment != "" {
		return nil, refuse("the proof of who decides is not for https://%s/", host(region)).WithHint("sign it for STS in the hub's region, %s", region)
	}
	query, err := url.ParseQuery(presigned.RawQuery)
	if err != nil {
		return nil, refuse("the proof of who decides has a malformed query")
	}
	if err := e.checkQuery(query, clock.Now(ctx)); err != nil {
		return nil, err
	}
	want := e.headers()
	if !maps.Equal(e.Identity.Headers, want) {
		return nil, refuse("the proof of who decides was made for another decision").WithHint("decide again; a proof serves one decision alone")
	}
	presigned.RawQuery = query.Encode()
	call, err := http.NewRequestWithContext(ctx, http.MethodGet, presigned.String(), nil)
	if err != nil {
		return nil, refuse("the proof of who decides is not a request")
	}
	for name, value := range want {
		call.Header.Set(name, value)
	}
	return call, nil
}

// parameters are those of a presigned GetCallerIdentity; only the session token may be missing.
var parameters = []string{
	"Action", "Version", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Signature",
	"X-Amz-SignedHeaders",
}

func (e Event) checkQuery(query url.Values, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(parameters, name) || len(query[name]) != 1 {
			return refuse("the proof of who decides has the parameter %q, or has it twice", name)
		}
	}
	if query.Get("Action") != "GetCallerIdentity" || query.Get("Version") != "2011-06-15" {
		return refuse("the proof of who decides does not call GetCallerIdentity")
	}
	if query.Get("X-Amz-SignedHeaders") != signedHeaders(e.headers()) {
		return refuse("the proof of who decides does not sign verdict, round, digest and closing")
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(MaxAge.Seconds()) {
		return refuse("the proof of who decides does not expire within %s", MaxAge)
	}
	signed, err := time.Parse("20060102T150405Z", query.Get("X-Amz-Date"))
	if err != nil {
		return refuse("the proof of who decides is not dated")
	}
	if age := now.Sub(signed); age > time.Duration(seconds)*time.Second || age < -maxSkew {
		return refuse("the proof of who decides was made at %s, and it is %s", signed.Format(time.RFC3339), now.Format(time.RFC3339)).
			WithHint("look at your clock, then decide again; a proof holds for %s", MaxAge)
	}
	return nil
}

// direct is a client that follows no redirect, over the transport that the SDK's clients use.
func direct(sdk aws.HTTPClient) *http.Client {
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	switch sdk := sdk.(type) {
	case *http.Client:
		client.Transport = sdk.Transport
	case interface{ GetTransport() *http.Transport }:
		client.Transport = sdk.GetTransport()
	}
	return client
}

// reason is the code of an error answer of STS.
func reason(status int, body []byte) string {
	var failure struct {
		Code string `xml:"Error>Code"`
	}
	if err := xml.Unmarshal(body, &failure); err != nil || failure.Code == "" {
		return fmt.Sprintf("status %d", status)
	}
	return failure.Code
}

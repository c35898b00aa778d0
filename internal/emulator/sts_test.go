package emulator

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const readRole = "arn:aws:iam::" + targetAccount + ":role/QuickSightUnsubscribeRead"

// assume returns a configuration with the role's session.
func (l *lab) assume(region string, in *sts.AssumeRoleInput) (aws.Config, *sts.AssumeRoleOutput, error) {
	if in.RoleArn == nil {
		in.RoleArn = aws.String(readRole)
	}
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("session")
	}
	config := l.config(hubKey, region)
	out, err := sts.NewFromConfig(config).AssumeRole(background, in)
	if err == nil {
		c := out.Credentials
		config.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	}
	return config, out, err
}

func describeSubscription(config aws.Config) error {
	_, err := quicksight.NewFromConfig(config).DescribeAccountSubscription(background, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: target})
	return err
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}, "roles": {"QuickSightUnsubscribeRead": {}}`, Options{})
	config, out, err := l.assume("us-east-1", &sts.AssumeRoleInput{RoleSessionName: aws.String("run-1")})
	if err != nil {
		t.Fatal(err)
	}
	if arn := "arn:aws:sts::" + targetAccount + ":assumed-role/QuickSightUnsubscribeRead/run-1"; *out.AssumedRoleUser.Arn != arn {
		t.Errorf("ARN %s, want %s", *out.AssumedRoleUser.Arn, arn)
	}
	identity, err := sts.NewFromConfig(config).GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
	if err != nil || *identity.Account != targetAccount || *identity.UserId != *out.AssumedRoleUser.AssumedRoleId || !strings.HasPrefix(*identity.UserId, "AROA") {
		t.Fatalf("identity %+v, %v", identity, err)
	}
	if err := describeSubscription(config); err != nil {
		t.Fatal(err)
	}
	l.pass(time.Hour)
	wantCode(t, describeSubscription(config), "ExpiredTokenException")
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func TestAssumeRoleRefusals(t *testing.T) {
	t.Parallel()
	trusting := func(statement string) string {
		return `"roles": {"QuickSightUnsubscribeRead": {"trust": {"Statement": ` + statement + `}}}`
	}
	condition := `{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + hubAccount + `:root"}, "Action": "sts:AssumeRole", "Condition": `
	for name, c := range map[string]struct {
		giveHub, giveTarget string
		give                sts.AssumeRoleInput
		want                string
	}{
		"no role":               {want: "AccessDenied"},
		"other path":            {giveTarget: `"roles": {"QuickSightUnsubscribeRead": {"path": "/closer/"}}`, want: "AccessDenied"},
		"trusts somebody else":  {giveTarget: trusting(`{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999900001111:root"}, "Action": "sts:AssumeRole"}`), want: "AccessDenied"},
		"trusted role":          {giveTarget: trusting(condition + `{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::` + hubAccount + `:role/clos*"}}}`)},
		"other role":            {giveTarget: trusting(condition + `{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::` + hubAccount + `:role/approve*"}}}`), want: "AccessDenied"},
		"external id":           {giveTarget: trusting(condition + `{"StringEquals": {"sts:ExternalId": "secret"}}}`), give: sts.AssumeRoleInput{ExternalId: aws.String("secret")}},
		"no external id":        {giveTarget: trusting(condition + `{"StringEquals": {"sts:ExternalId": "secret"}}}`), want: "AccessDenied"},
		"caller may not":        {giveHub: `"roles": {"closer": {"policies": []}}`, giveTarget: `"roles": {"QuickSightUnsubscribeRead": {}}`, want: "AccessDenied"},
		"session name":          {giveTarget: `"roles": {"QuickSightUnsubscribeRead": {}}`, give: sts.AssumeRoleInput{RoleSessionName: aws.String(strings.Repeat("x", 65))}, want: "ValidationError"},
		"session policy size":   {giveTarget: `"roles": {"QuickSightUnsubscribeRead": {}}`, give: sts.AssumeRoleInput{Policy: aws.String(`{"Statement": [` + strings.Repeat(" ", 2048) + `]}`)}, want: "ValidationError"},
		"malformed policy":      {giveTarget: `"roles": {"QuickSightUnsubscribeRead": {}}`, give: sts.AssumeRoleInput{Policy: aws.String(`{"Statement": [{"Effect": "Perhaps"}]}`)}, want: "MalformedPolicyDocument"},
		"role chaining an hour": {giveTarget: `"roles": {"QuickSightUnsubscribeRead": {}}`, give: sts.AssumeRoleInput{DurationSeconds: aws.Int32(7200)}, want: "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, c.giveHub, c.giveTarget, Options{})
			_, _, err := l.assume("us-east-1", &c.give)
			wantCode(t, err, c.want)
			if c.want == "AccessDenied" && !strings.Contains(err.Error(), "User: arn:aws:sts::"+hubAccount+":assumed-role/closer/run-1 is not authorized to perform: sts:AssumeRole on resource: "+readRole) {
				t.Errorf("message: %v", err)
			}
		})
	}
}

func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}, "roles": {"QuickSightUnsubscribeRead": {}}`, Options{})
	config, _, err := l.assume("us-east-1", &sts.AssumeRoleInput{Policy: aws.String(`{"Statement": {"Effect": "Allow", "Action": "quicksight:Describe*", "Resource": "*"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if err := describeSubscription(config); err != nil {
		t.Fatal(err)
	}
	_, err = quicksight.NewFromConfig(config).ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
	wantCode(t, err, "AccessDeniedException")
	if !strings.Contains(err.Error(), "because no session policy allows the quicksight:ListDashboards action") {
		t.Errorf("message: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{})
	unknown := l.config("AKIANOBODY", "us-east-1")
	wantCode(t, describeSubscription(unknown), "UnrecognizedClientException")
	wrong := l.config(targetKey, "us-east-1")
	wrong.Credentials = credentials.NewStaticCredentialsProvider(targetKey, "guessed", "")
	wantCode(t, describeSubscription(wrong), "SignatureDoesNotMatch")
	wantCode(t, describeSubscription(l.config(targetKey, "af-south-1")), "UnrecognizedClientException")
	anonymous := l.config(targetKey, "us-east-1")
	anonymous.Credentials = aws.AnonymousCredentials{}
	wantCode(t, describeSubscription(anonymous), "MissingAuthenticationTokenException")
	if call := l.last(); call.Status != http.StatusForbidden || call.Operation != "DescribeAccountSubscription" || call.Principal != "" {
		t.Errorf("journal of an unsigned call: %+v", call)
	}
}

// A presigned GetCallerIdentity proves who made it, for as long as it says and with the headers that it signs.
func TestPresignedIdentity(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", "", Options{})
	presign := func() *v4.PresignedHTTPRequest {
		request, err := sts.NewPresignClient(sts.NewFromConfig(l.config(targetKey, "us-east-1"))).PresignGetCallerIdentity(background, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
			o.Presigner = nonceSigner{v4.NewSigner(), l.now}
		})
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	send := func(signed *v4.PresignedHTTPRequest, change func(*http.Request)) (int, string) {
		request, err := http.NewRequestWithContext(background, signed.Method, signed.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = signed.SignedHeader.Clone()
		change(request)
		response, err := l.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }() // it is in memory
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	signed := presign()
	if status, body := send(signed, func(*http.Request) {}); status != http.StatusOK || !strings.Contains(body, "<Arn>arn:aws:iam::"+targetAccount+":user/ann</Arn>") {
		t.Fatalf("%d %s", status, body)
	}
	for name, change := range map[string]func(*http.Request){
		"another nonce": func(r *http.Request) { r.Header.Set("X-Approval-Nonce", "forged") },
		"no nonce":      func(r *http.Request) { r.Header.Del("X-Approval-Nonce") },
		"longer expiry": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=60", "X-Amz-Expires=6000", 1)
		},
		"other action": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "GetCallerIdentity", "GetSessionToken", 1)
		},
	} {
		if status, body := send(signed, change); status != http.StatusForbidden || !strings.Contains(body, "SignatureDoesNotMatch") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	l.pass(61 * time.Second)
	if status, body := send(signed, func(*http.Request) {}); status != http.StatusForbidden || !strings.Contains(body, "Signature expired") {
		t.Errorf("expired: %d %s", status, body)
	}
}

// nonceSigner presigns with a header of the caller's and the lab's clock.
type nonceSigner struct {
	*v4.Signer
	now time.Time
}

func (s nonceSigner) PresignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, o ...func(*v4.SignerOptions)) (string, http.Header, error) {
	r.Header.Set("X-Approval-Nonce", "n-1")
	query := r.URL.Query()
	query.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = query.Encode()
	return s.Signer.PresignHTTP(ctx, c, r, hash, service, region, s.now, o...)
}

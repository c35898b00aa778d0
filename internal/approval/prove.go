package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// MaxAge is how old a proof may be.
const MaxAge = 5 * time.Minute

// Prove signs a decision with a person's credentials, for STS in the hub's region. It calls nobody. now is the time of signing; the
// proof holds for MaxAge from there.
func Prove(ctx context.Context, credentials aws.Credentials, region string, now time.Time, d Decision) (Identity, error) {
	url := fmt.Sprintf("https://%s/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Expires=%d", host(region), int(MaxAge.Seconds()))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Identity{}, fmt.Errorf("prove who decides: %w", err)
	}
	headers := d.headers()
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	nothing := sha256.Sum256(nil)
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, r, hex.EncodeToString(nothing[:]), "sts", region, now)
	if err != nil {
		return Identity{}, fmt.Errorf("prove who decides: %w", err)
	}
	return Identity{URL: signed, Headers: headers}, nil
}

// headers are what a proof signs beside its host: the decision.
func (d Decision) headers() map[string]string {
	headers := map[string]string{
		"x-unsubscribe-closing": d.Closing,
		"x-unsubscribe-digest":  d.Digest,
		"x-unsubscribe-round":   strconv.Itoa(d.Round),
		"x-unsubscribe-verdict": string(d.Verdict),
	}
	if len(d.Struck) > 0 {
		// By its hash: a fleet may have more accounts than a header may have bytes.
		sum := sha256.Sum256([]byte(strings.Join(d.Struck, ",")))
		headers["x-unsubscribe-struck"] = hex.EncodeToString(sum[:])
	}
	return headers
}

// signedHeaders is how SigV4 lists them.
func signedHeaders(headers map[string]string) string {
	return strings.Join(append([]string{"host"}, slices.Sorted(maps.Keys(headers))...), ";")
}

// host is STS's in a region: the one host to which a proof is ever sent.
// https://docs.aws.amazon.com/general/latest/gr/sts.html
func host(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "sts." + region + ".amazonaws.com.cn"
	}
	return "sts." + region + ".amazonaws.com"
}

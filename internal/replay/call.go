package replay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"quicksight-unsubscribe/internal/emulator"
)

// Call is an AWS call that a person makes in a story: with what rights they have, around the workflow. A story that shows AWS
// refusing it holds the emulator to that refusal.
type Call struct {
	Service string `json:"service"`          // signing name
	Region  string `json:"region,omitempty"` // default: the hub's
	Method  string `json:"method,omitempty"` // default: POST
	Path    string `json:"path,omitempty"`   // default: /
	Target  string `json:"target,omitempty"` // X-Amz-Target of a JSON protocol
	Match   string `json:"match,omitempty"`  // If-Match, "*" for If-None-Match
	Body    string `json:"body,omitempty"`
	Fill    int    `json:"fill,omitempty"` // so many letters more at the end of the body: what is too long need not be written out
}

// contact makes a call as a person and returns the error code of the answer, "" for success, and its body.
func (p *player) contact(ctx context.Context, as string, c Call) (code, answer string, err error) {
	cfg, err := p.credentialsOf(as)
	if err != nil {
		return "", "", err
	}
	creds, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", "", fmt.Errorf("credentials of %s: %w", as, err)
	}
	content := c.Body + strings.Repeat("x", c.Fill)
	region, method, path := or(c.Region, p.run.hub.region), or(c.Method, http.MethodPost), or(c.Path, "/")
	req, err := http.NewRequestWithContext(p.outside(ctx), method, fmt.Sprintf("https://%s.%s.amazonaws.com%s", c.Service, region, path), strings.NewReader(content))
	if err != nil {
		return "", "", fmt.Errorf("the call: %w", err)
	}
	switch {
	case c.Target != "":
		req.Header.Set("X-Amz-Target", c.Target)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	case method == http.MethodPost && path == "/":
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	default:
		req.Header.Set("Content-Type", "application/json")
	}
	switch c.Match {
	case "":
	case "*":
		req.Header.Set("If-None-Match", "*")
	default:
		req.Header.Set("If-Match", c.Match)
	}
	sum := sha256.Sum256([]byte(content))
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	if err := v4.NewSigner().SignHTTP(ctx, creds, req, hash, c.Service, region, p.now); err != nil {
		return "", "", fmt.Errorf("sign the call: %w", err)
	}
	var body []byte
	resp, err := cfg.HTTPClient.Do(req)
	var lost *emulator.LostError
	switch {
	case errors.As(err, &lost): // the journal knows why
	case err != nil:
		return "", "", fmt.Errorf("the call: %w", err)
	default:
		defer resp.Body.Close() //nolint:errcheck // read to its end below
		if body, err = io.ReadAll(resp.Body); err != nil {
			return "", "", fmt.Errorf("the call's answer: %w", err)
		}
	}
	journal := p.aws.Journal()
	return journal[len(journal)-1].Error, string(body), nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

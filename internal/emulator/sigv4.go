package emulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signature is what a request says about who signed it: the Authorization header or a presigned URL's query.
type signature struct {
	accessKey, date, region, service string
	signed                           []string // header names
	value                            string
	time                             string // X-Amz-Date
	token                            string // session token
	expires                          string // presigned only
	presigned                        bool
	toSign                           string // what the value is the signature of; "": of nothing that AWS takes
}

const algorithm = "AWS4-HMAC-SHA256"

// readSignature returns false where the request is not signed.
func readSignature(r *http.Request, body []byte) (s signature, signed bool) {
	var credential, names string
	if header := r.Header.Get("Authorization"); strings.HasPrefix(header, algorithm+" ") {
		for part := range strings.SplitSeq(strings.TrimPrefix(header, algorithm+" "), ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch name {
			case "Credential":
				credential = value
			case "SignedHeaders":
				names = value
			case "Signature":
				s.value = value
			}
		}
		s.time = r.Header.Get("X-Amz-Date")
		s.token = r.Header.Get("X-Amz-Security-Token")
	} else if q := r.URL.Query(); q.Get("X-Amz-Algorithm") == algorithm {
		credential, names, s.value = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Signature")
		s.time, s.token, s.expires, s.presigned = q.Get("X-Amz-Date"), q.Get("X-Amz-Security-Token"), q.Get("X-Amz-Expires"), true
	}
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return s, false
	}
	s.accessKey, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
	s.signed = strings.Split(names, ";")
	s.toSign = s.stringToSign(r, body)
	return s, true
}

// stringToSign is what the signature should be of, "" where it leaves out the host, or a signed header is not there.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *signature) stringToSign(r *http.Request, body []byte) string {
	if !slices.Contains(s.signed, "host") {
		return ""
	}
	var headers strings.Builder
	for _, name := range s.signed {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{cmp.Or(r.Host, r.URL.Host)}
		}
		if name == "content-length" && len(values) == 0 {
			values = []string{r.Header.Get("Content-Length")}
			if r.ContentLength >= 0 {
				values = []string{itoa(r.ContentLength)}
			}
		}
		if len(values) == 0 {
			return ""
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		headers.WriteString(name + ":" + strings.Join(trimmed, ",") + "\n")
	}

	payload := r.Header.Get("X-Amz-Content-Sha256")
	if payload == "" {
		sum := sha256.Sum256(body)
		payload = hex.EncodeToString(sum[:])
	}
	path := cmp.Or(r.URL.EscapedPath(), "/")
	if s.service != "s3" {
		path = escapePath(path) // every service but S3 escapes the path once more
	}
	canonical := strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.Query()), headers.String(), strings.Join(s.signed, ";"), payload,
	}, "\n")
	sum := sha256.Sum256([]byte(canonical))
	scope := strings.Join([]string{s.date, s.region, s.service, "aws4_request"}, "/")
	return strings.Join([]string{algorithm, s.time, scope, hex.EncodeToString(sum[:])}, "\n")
}

// valid reports whether the signature was made with the secret.
func (s *signature) valid(secret string, keys signingKeys) bool {
	return s.toSign != "" && hmac.Equal([]byte(hex.EncodeToString(sign(keys.of(secret, s), s.toSign))), []byte(s.value))
}

// signingKeys are the keys that secrets sign with, by secret, day, Region and service: one serves many calls.
type signingKeys map[[4]string][]byte

func (k signingKeys) of(secret string, s *signature) []byte {
	scope := [4]string{secret, s.date, s.region, s.service}
	if k[scope] == nil {
		key := []byte("AWS4" + secret)
		for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
			key = sign(key, part)
		}
		k[scope] = key
	}
	return k[scope]
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func canonicalQuery(q url.Values) string {
	q.Del("X-Amz-Signature")
	var pairs []string
	for name, values := range q {
		for _, v := range values {
			pairs = append(pairs, escapeQuery(name)+"="+escapeQuery(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func escapeQuery(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = escapeQuery(s)
	}
	return strings.Join(segments, "/")
}

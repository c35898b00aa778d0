package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// route finds service, operation and parameters of an HTTP request. A service that cannot be told is nil.
func (a *AWS) route(r *request, in *http.Request, s signature) error {
	name := s.service
	if name == "" { // unsigned: the host tells enough to refuse in the service's own protocol
		name, _, _ = strings.Cut(cmp.Or(in.Host, in.URL.Host), ".")
	}
	r.service = a.services[name]
	if r.service == nil {
		target := in.Header.Get("X-Amz-Target")
		for _, known := range a.services {
			if known.target != "" && strings.Contains(target, known.target+".") {
				r.service = known
			}
		}
	}
	r.region = s.region
	if r.service == nil {
		return nil
	}
	switch r.service.protocol {
	case json10, json11:
		target := in.Header.Get("X-Amz-Target") // some clients put a whole Java package before it
		r.operation = target[strings.LastIndex(target, ".")+1:]
		return r.readJSON(r.body)
	case query, ec2Query:
		form, err := url.ParseQuery(string(r.body))
		if err != nil {
			return apiError("MalformedQueryString", "The query string contains a syntax error")
		}
		for key, values := range in.URL.Query() {
			if !strings.HasPrefix(key, "X-Amz-") {
				form[key] = values
			}
		}
		r.form, r.operation = form, form.Get("Action")
		r.params = map[string]any{}
		for key := range form {
			if key != "Action" && key != "Version" {
				r.params[key] = form.Get(key)
			}
		}
		return nil
	case s3XML:
		return r.routeS3(in)
	}
	if r.service.name == "lambda" && r.routeFunctionURL(in) {
		return nil
	}
	return r.routeREST(in)
}

func (r *request) readJSON(body []byte) error {
	if r.params == nil {
		r.params = map[string]any{}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&r.params); err != nil {
		return apiError("SerializationException", "the request body is not JSON: %v", err)
	}
	return nil
}

// routeREST matches method and path against the routes of the service.
func (r *request) routeREST(in *http.Request) error {
	segments := strings.Split(strings.Trim(in.URL.EscapedPath(), "/"), "/")
	for name, o := range r.service.operations {
		if members, ok := matchRoute(o.route, in.Method, segments); ok {
			r.operation, r.params = name, members
			break
		}
	}
	if r.operation == "" {
		r.operation = in.Method + " " + in.URL.Path
	}
	for key, values := range in.URL.Query() {
		if r.params == nil {
			r.params = map[string]any{}
		}
		if len(values) == 1 {
			r.params[memberName(key)] = values[0]
		} else {
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v
			}
			r.params[memberName(key)] = list
		}
	}
	if payload := r.service.operations[r.operation].payload; payload != "" {
		var value any
		if err := json.Unmarshal(r.body, &value); err != nil {
			return apiError("InvalidRequestContentException", "Could not parse request body into json: %v", err)
		}
		r.params[payload] = value
		return nil
	}
	return r.readJSON(r.body)
}

func matchRoute(route, method string, segments []string) (map[string]any, bool) {
	wantMethod, path, _ := strings.Cut(route, " ")
	if method != wantMethod || strings.Count(path, "/") != len(segments) {
		return nil, false
	}
	want := strings.Split(path[1:], "/")
	members := map[string]any{}
	for i, part := range want {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			value, err := url.PathUnescape(segments[i])
			if err != nil {
				return nil, false
			}
			members[strings.TrimSuffix(name, "}")] = value
		} else if part != segments[i] {
			return nil, false
		}
	}
	return members, true
}

// memberName turns a query name such as next-token into the model's member name.
func memberName(key string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(key, "-") {
		for i, c := range part {
			if i == 0 {
				c = unicode.ToUpper(c)
			}
			b.WriteRune(c)
		}
	}
	return b.String()
}

// readBody returns the payload; S3 clients may send it in signed chunks with trailing checksums.
func readBody(in *http.Request) ([]byte, error) {
	if in.Body == nil {
		return nil, nil
	}
	defer func() { _ = in.Body.Close() }() // everything is read; there is nothing to do about a failed close
	if in.ContentLength > 0 {
		body := make([]byte, in.ContentLength) // an object may keep it: not a byte more
		if _, err := io.ReadFull(in.Body, body); err != nil {
			return nil, fmt.Errorf("reading the request body: %w", err)
		}
		return body, nil
	}
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request body: %w", err)
	}
	return body, nil
}

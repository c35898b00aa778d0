package emulator

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// FunctionURLs is implemented by Functions some of which stand behind a Function URL, for signed requests alone (AuthType AWS_IAM).
type FunctionURLs interface {
	// BehindURL tells which function a Function URL's host is of; "": none.
	BehindURL(host string) (name string)
}

// routeFunctionURL recognizes a request to a Function URL.
func (r *request) routeFunctionURL(in *http.Request) bool {
	host := cmp.Or(in.Host, in.URL.Host)
	if !strings.Contains(host, ".lambda-url.") {
		return false
	}
	name := ""
	if functions, ok := r.aws.functions.(FunctionURLs); ok {
		name = functions.BehindURL(host)
	}
	header := map[string]string{}
	for key := range in.Header {
		header[strings.ToLower(key)] = in.Header.Get(key)
	}
	r.operation = "InvokeFunctionUrl"
	r.params = map[string]any{"FunctionName": name, "Method": in.Method, "Path": in.URL.Path}
	r.payload = FunctionURLEvent(host, in.Method, in.URL.RequestURI(), header, r.body)
	return true
}

// A URL takes two permissions. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
func functionURLActions(*request) []string {
	return []string{"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
}

func functionURLContext(*request) condition {
	return condition{"lambda:FunctionUrlAuthType": {"AWS_IAM"}, "lambda:InvokedViaFunctionUrl": {"true"}}
}

// invokeURL lets the function answer.
func invokeURL(r *request) (any, error) {
	if r.aws.functions == nil || r.str("FunctionName") == "" {
		return nil, &APIError{Code: "ResourceNotFoundException", Message: "No function stands behind this URL", Status: http.StatusNotFound}
	}
	text, failure, ok := r.aws.functions.Invoke(r.ctx, r.str("FunctionName"), r.payload)
	var answer events.LambdaFunctionURLResponse
	if !ok || failure != "" || json.Unmarshal(text, &answer) != nil {
		return nil, &APIError{Code: "InternalServerErrorException", Message: "Internal Server Error", Status: http.StatusBadGateway}
	}
	out := reply{status: answer.StatusCode, body: []byte(answer.Body), header: http.Header{}}
	if answer.IsBase64Encoded {
		var err error
		if out.body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			return nil, &APIError{Code: "InternalServerErrorException", Message: "Internal Server Error", Status: http.StatusBadGateway}
		}
	}
	for name, value := range answer.Headers {
		out.header.Set(name, value)
	}
	return out, nil
}

// FunctionURLEvent is what the function behind a URL is given. Header names are in lower case.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
func FunctionURLEvent(host, method, uri string, header map[string]string, body []byte) []byte {
	path, query, _ := strings.Cut(uri, "?")
	event := events.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: path, RawQueryString: query, Headers: map[string]string{"host": host}, Body: string(body),
		RequestContext: events.LambdaFunctionURLRequestContext{
			DomainName: host, HTTP: events.LambdaFunctionURLRequestContextHTTPDescription{Method: method, Path: path, Protocol: "HTTP/1.1"},
		},
	}
	if !utf8.Valid(body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	maps.Copy(event.Headers, header)
	text, err := json.Marshal(event)
	if err != nil {
		panic("emulator: encode the event of a Function URL: " + err.Error()) // it is made of texts
	}
	return text
}

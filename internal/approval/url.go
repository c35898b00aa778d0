package approval

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"quicksight-unsubscribe/internal/step"
)

// Response is what a Function URL takes from its function. A log shows its status alone: the page is for the person who asked.
type Response events.LambdaFunctionURLResponse

// LogValue is the status.
func (r Response) LogValue() slog.Value { return slog.IntValue(r.StatusCode) }

// Function is Handler behind a Function URL. Nothing that the event says of its caller counts: whoever may invoke the function can
// write an event as he likes.
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
func Function(env step.Env) func(context.Context, events.LambdaFunctionURLRequest) (Response, error) {
	handler := Handler(env)
	return func(ctx context.Context, e events.LambdaFunctionURLRequest) (Response, error) {
		w := &recorder{header: http.Header{}}
		r, err := request(ctx, e)
		if err != nil {
			http.Error(w, "this is not a request of a Function URL", http.StatusBadRequest)
		} else {
			handler.ServeHTTP(w, r)
		}
		return w.response(), nil
	}
}

func request(ctx context.Context, e events.LambdaFunctionURLRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("the body: %w", err)
		}
	}
	target, err := url.ParseRequestURI(e.RawPath)
	if err != nil || target.IsAbs() {
		return nil, fmt.Errorf("%q is not a path", e.RawPath)
	}
	target.RawQuery = e.RawQueryString
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the request: %w", err)
	}
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	r.Host = r.Header.Get("Host")
	return r, nil
}

// recorder keeps an answer until the handler is through.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) response() Response {
	w.WriteHeader(http.StatusOK)
	out := Response{StatusCode: w.status, Headers: map[string]string{}, Body: w.body.String()}
	for name, values := range w.header {
		out.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if !utf8.ValidString(out.Body) {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	return out
}

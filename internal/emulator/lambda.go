package emulator

import (
	"context"
	"net/http"
	"strings"
)

// Functions are the Lambda functions, which live in the replay. Unlike Machines they may call AWS while they run.
type Functions interface {
	// Invoke runs a function, by its name, for a caller that waits. A function that fails returns its error as payload and says Unhandled
	// or Handled; ok is false where there is no such function.
	Invoke(ctx context.Context, name string, payload []byte) (answer []byte, functionError string, ok bool)
}

var lambdaOperations = map[string]op{
	"Invoke":            {run: invoke, route: "POST /2015-03-31/functions/{FunctionName}/invocations", payload: "Payload", resource: functionResource, unlocked: true},
	"InvokeFunctionUrl": {run: invokeURL, resource: functionResource, actions: functionURLActions, context: functionURLContext, unlocked: true}, // by host
}

func functionResource(r *request) []string {
	name := r.str("FunctionName")
	if strings.HasPrefix(name, "arn:") {
		return []string{name}
	}
	return []string{"arn:aws:lambda:" + r.region + ":" + r.account + ":function:" + name}
}

// invoke waits for the function, whatever it is asked for: a caller that does not wait is refused, not pretended to.
func invoke(r *request) (any, error) {
	if kind := r.header.Get("X-Amz-Invocation-Type"); r.aws.functions == nil || kind != "" && kind != "RequestResponse" {
		r.aws.mu.Lock()
		defer r.aws.mu.Unlock()
		return nil, r.aws.notImplemented(r)
	}
	arn := functionResource(r)[0]
	_, name, _ := strings.Cut(arn, ":function:")
	name, _, _ = strings.Cut(name, ":") // a version or alias
	answer, failure, ok := r.aws.functions.Invoke(r.ctx, name, r.body)
	if !ok {
		return nil, &APIError{Code: "ResourceNotFoundException", Message: "Function not found: " + arn, Status: http.StatusNotFound}
	}
	out := reply{body: answer, header: http.Header{"Content-Type": {"application/json"}}}
	if failure != "" {
		out.header.Set("X-Amz-Function-Error", failure)
	}
	return out, nil
}

package step

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"quicksight-unsubscribe/internal/clock"
)

// question is one call of a service of which this project asks nothing else. The SDK's clients of all of them would add more than a
// megabyte to a function's zip, which has four. Who is throttled is retried by the state machine.
type question struct {
	operation string // "rds:DescribeDBInstances"; the service is also the signing name and the host's first part
	method    string // REST; "" is POST
	path      string // REST, with the query; "" is "/"
	target    string // AWS JSON: what stands before the operation in X-Amz-Target
	version   string // AWS JSON; "" is 1.1
	form      url.Values
	in        any  // AWS JSON and REST: the body; nil for none
	xml       bool // REST: the answer is XML
	global    bool // the service has one endpoint for all regions
}

// errNowhere is a service that has no endpoint in a region, and therefore nothing in it.
var errNowhere = errors.New("the service is not in this region")

// ask asks a question in a region, and decodes the answer.
func ask(ctx context.Context, target aws.Config, region string, q question, out any) error {
	service, operation, _ := strings.Cut(q.operation, ":")
	body := []byte(q.form.Encode())
	if q.in != nil {
		var err error
		if body, err = json.Marshal(q.in); err != nil {
			return fmt.Errorf("encode %s: %w", q.operation, err)
		}
	}
	endpoint := "https://" + service + "." + region + "." + domainOf(region)
	if q.global {
		endpoint, region = globalEndpoint(service, region)
	}
	if target.BaseEndpoint != nil {
		endpoint = *target.BaseEndpoint
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(q.method, http.MethodPost), strings.TrimSuffix(endpoint, "/")+cmp.Or(q.path, "/"), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", q.operation, err)
	}
	switch {
	case q.target != "":
		req.Header.Set("Content-Type", "application/x-amz-json-"+cmp.Or(q.version, "1.1"))
		req.Header.Set("X-Amz-Target", q.target+"."+operation)
	case q.form != nil:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case q.in != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	keys, err := target.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, keys, req, hex.EncodeToString(sum[:]), service, region, clock.Now(ctx)); err != nil {
		return fmt.Errorf("sign %s: %w", q.operation, err)
	}
	answer, err := target.HTTPClient.Do(req)
	var unresolved *net.DNSError
	if errors.As(err, &unresolved) && unresolved.IsNotFound {
		return errNowhere
	}
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = answer.Body.Close() }() // everything is read; there is nothing to do about a failed close
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return &smithyhttp.RequestSendError{Err: err}
	}
	if answer.StatusCode/100 != 2 {
		return refusedAnswer(answer, text)
	}
	decode := json.Unmarshal
	if q.form != nil || q.xml {
		decode = xml.Unmarshal
	}
	if err := decode(text, out); err != nil {
		return fmt.Errorf("decode the answer to %s: %w", q.operation, err)
	}
	return nil
}

// refusedAnswer is the error of an answer, in the shape of the SDK's own.
func refusedAnswer(answer *http.Response, text []byte) error {
	var body struct {
		Type    string `json:"__type" xml:"-"`
		Code    string `json:"code" xml:"Error>Code"`
		Message string `json:"message" xml:"Error>Message"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		_ = xml.Unmarshal(text, &body) // neither form: the status says what there is to say
	}
	code := cmp.Or(answer.Header.Get("X-Amzn-Errortype"), cmp.Or(body.Type, cmp.Or(body.Code, answer.Status)))
	code, _, _ = strings.Cut(code, ":")
	fault := smithy.FaultClient
	if answer.StatusCode >= http.StatusInternalServerError {
		fault = smithy.FaultServer
	}
	return &awshttp.ResponseError{
		RequestID: answer.Header.Get("X-Amzn-Requestid"),
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: answer},
			Err:      &smithy.GenericAPIError{Code: code[strings.LastIndex(code, "#")+1:], Message: body.Message, Fault: fault},
		},
	}
}

// globalEndpoint is the one endpoint that a global service has in the partition of a region, and the region to sign for.
// https://docs.aws.amazon.com/general/latest/gr/r53.html
func globalEndpoint(service, region string) (endpoint, signing string) {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "https://" + service + ".amazonaws.com.cn", "cn-northwest-1"
	case strings.HasPrefix(region, "us-gov-"):
		return "https://" + service + ".us-gov.amazonaws.com", "us-gov-west-1"
	default:
		return "https://" + service + ".amazonaws.com", "us-east-1"
	}
}

// domainOf is the domain of a region's endpoints.
func domainOf(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

package step

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"quicksight-unsubscribe/internal/closing"
)

// saving is how assets of one kind can be saved.
type saving struct {
	// bundled is the place in asset bundles, so that what others refer to comes first; 0: bundles do not take the kind.
	// https://docs.aws.amazon.com/quicksight/latest/developerguide/assetbundle-export.html
	bundled int
	// described is the path of the asset's description, with "@" for the account and "*" for each part of the asset's id; "": no API
	// describes it.
	described string
}

// savings is how each kind of asset can be saved; a kind that is not listed cannot.
var savings = map[string]saving{
	kindVPCConnection:    {1, "accounts/@/vpc-connections/*"},
	"datasource":         {2, "accounts/@/data-sources/*"},
	"dataset":            {3, "accounts/@/data-sets/*"},
	kindRefreshSchedule:  {4, "accounts/@/data-sets/*/refresh-schedules/*"},
	"theme":              {5, "accounts/@/themes/*"},
	"analysis":           {6, "accounts/@/analyses/*/definition"},
	"dashboard":          {7, "accounts/@/dashboards/*/definition"},
	"folder":             {8, "accounts/@/folders/*"},
	"template":           {0, "accounts/@/templates/*/definition"},
	"topic":              {0, "accounts/@/topics/*"},
	"topic-v2":           {0, "accounts/@/topicsV2/*"},
	"oauth-client":       {0, "accounts/@/oauth-client-applications/*"},
	"space":              {0, "v1/accounts/@/spaces/*"},
	"knowledge-base":     {0, "v1/accounts/@/knowledge-bases/*"},
	"approval-policy":    {0, "governance/approvalworkflows/policies/*"},
	"limits-profile":     {0, "governance/limits/accounts/@/profiles/*"},
	"dlp-setting":        {0, "accounts/@/data-loss-prevention/settings/*"},
	"action-connector":   {0, "accounts/@/action-connectors/*"},
	"agent":              {0, "accounts/@/agents/*"},
	"app":                {0, "accounts/@/apps/*"},
	"flow":               {0, "accounts/@/flows/*"},
	"custom-permissions": {0, "accounts/@/custom-permissions/*"},
	"brand":              {0, "accounts/@/brands/*"},
	"policy-assignment":  {0, "accounts/@/namespaces/*/iam-policy-assignments/*"},
}

// SavedAs is how assets of a kind are saved before they are destroyed, in words for people; "" where QuickSight gives nothing to save.
func SavedAs(kind string) string {
	switch s := savings[kind]; {
	case s.bundled > 0:
		return "asset bundles, which can be imported again"
	case s.described != "":
		return "descriptions"
	}
	return ""
}

// descriptionPath is where QuickSight describes an asset, "" where it does not.
func descriptionPath(account string, a closing.Asset) string {
	path := strings.Replace(savings[a.Kind].described, "@", account, 1)
	for _, part := range idParts(a.ARN) {
		path = strings.Replace(path, "*", url.PathEscape(part), 1)
	}
	return path
}

// idParts are the parts of an asset's id: of "…:dataset/orders/refresh-schedule/daily", "orders" and "daily".
func idParts(arn string) []string {
	fields := strings.SplitN(arn, ":", 6)
	_, id, _ := strings.Cut(fields[len(fields)-1], "/")
	if set, schedule, ok := strings.Cut(id, "/refresh-schedule/"); ok {
		return []string{set, schedule}
	}
	return strings.SplitN(id, "/", 2)
}

// describedAt is what QuickSight answers to a GET, byte for byte. The typed operations of definitions would cost a
// function megabytes of decoders, and would lose what this version of the SDK does not know; so that the SDK is asked for the
// account's IP restriction, and its path is replaced. Signing, retries and errors are the SDK's own.
func describedAt(ctx context.Context, target aws.Config, account, region, path string) ([]byte, error) {
	var body []byte
	ask := middleware.SerializeMiddlewareFunc("AskForPath",
		func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (middleware.SerializeOutput, middleware.Metadata, error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				raw := "/" + path
				decoded, err := url.PathUnescape(raw)
				if err != nil {
					return middleware.SerializeOutput{}, middleware.Metadata{}, err
				}
				request.URL.Path, request.URL.RawPath = decoded, raw
			}
			return next.HandleSerialize(ctx, in)
		})
	keep := middleware.DeserializeMiddlewareFunc("KeepBody",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleDeserialize(ctx, in)
			response, ok := out.RawResponse.(*smithyhttp.Response)
			if err != nil || !ok || response.StatusCode >= http.StatusMultipleChoices {
				return out, metadata, err
			}
			if body, err = io.ReadAll(response.Body); err == nil {
				err = response.Body.Close()
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			return out, metadata, err
		})
	_, err := quickSightIn(target, region).DescribeIpRestriction(ctx, &quicksight.DescribeIpRestrictionInput{AwsAccountId: &account},
		quicksight.WithAPIOptions(
			func(stack *middleware.Stack) error { return stack.Serialize.Add(ask, middleware.After) },
			func(stack *middleware.Stack) error { return stack.Deserialize.Add(keep, middleware.After) },
		))
	return body, err
}

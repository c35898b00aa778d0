package step

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"quicksight-unsubscribe/internal/closing"
)

// refusalKind is why AWS did not answer a read, as far as its answer tells.
type refusalKind string

const (
	accepted             refusalKind = ""
	otherIdentityRegion  refusalKind = "the identity region is another"
	deniedByOrganization refusalKind = "denied by an organization's policy"
	deniedByIdentity     refusalKind = "denied by IAM"
	regionDisabled       refusalKind = "the region is not enabled"
	editionLimit         refusalKind = "not available in this edition"
	notSubscribed        refusalKind = "the account is not subscribed"
	notFound             refusalKind = "not found"
	otherwise            refusalKind = "another error" // throttled, timed out, unknown: no answer at all
)

// refusal is an error of AWS, understood.
type refusal struct {
	kind   refusalKind
	code   string // AWS's error code
	region string // for otherIdentityRegion: the one that QuickSight names
}

// reason is the refusal in stable words.
func (r refusal) reason() string { return string(r.kind) + ", " + r.code }

// identityRegionText finds the region in QuickSight's refusal. All wordings that were seen share these words: "Operation is being
// called from endpoint eu-west-2, but your identity region is eu-west-1. Please use the eu-west-1 endpoint."
var identityRegionText = regexp.MustCompile(`identity region is ([a-z]{2}(?:-[a-z]+)+-[0-9])`)

// refusalOf classifies by message before code, because QuickSight says AccessDeniedException for an endpoint that is not
// that of the identity region, for an edition that lacks a call and for a policy that denies it.
func refusalOf(err error) refusal {
	if err == nil {
		return refusal{}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return refusal{kind: otherwise}
	}
	code, message := api.ErrorCode(), api.ErrorMessage()
	if m := identityRegionText.FindStringSubmatch(message); m != nil {
		return refusal{kind: otherIdentityRegion, code: code, region: m[1]}
	}
	kind := otherwise
	switch code {
	case "UnsupportedUserEditionException":
		kind = editionLimit
		if strings.Contains(message, "not subscribed") {
			kind = notSubscribed
		}
	case "ResourceNotFoundException", "EntityDoesNotExistException":
		kind = notFound
	case "UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired":
		kind = regionDisabled // a region that is not enabled does not know the account's credentials
	case "AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "UnauthorizedException":
		switch {
		case strings.Contains(message, "STANDARD Edition"):
			kind = editionLimit
		case strings.Contains(message, "service control policy"), strings.Contains(message, "resource control policy"):
			kind = deniedByOrganization
		default:
			kind = deniedByIdentity
		}
	}
	return refusal{kind: kind, code: code}
}

// unreadable turns the error of a read that a step cannot do without into what an operator understands. What is no answer at
// all stays an ordinary error, which the state machine may retry.
func unreadable(err error, operation, region string) error {
	switch refusalOf(err).kind {
	case deniedByIdentity:
		return closing.Errorf(closing.MissingPermission, "%s in %s is not allowed: %w; nothing was touched", operation, region, err).
			WithHint("update the target roles from the target template, then start again")
	case deniedByOrganization:
		return closing.Errorf(closing.RegionUnreadable, "%s in %s is denied by an organization's policy: %w; nothing was touched", operation, region, err).
			WithHint("except the target roles in that policy, then start again")
	default:
		return fmt.Errorf("call %s in %s: %w", operation, region, err)
	}
}

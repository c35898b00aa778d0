package step

import (
	"errors"
	"testing"

	"github.com/aws/smithy-go"
)

func TestRefusalOf(t *testing.T) {
	t.Parallel()
	const denied = "AccessDeniedException"
	for _, test := range []struct {
		name, code, message string
		want                refusal
	}{
		// The first three wordings of the identity region's refusal were seen in public.
		{"the identity region", denied, "Operation is being called from endpoint eu-west-2, but your identity region is eu-west-1. Please use the eu-west-1 endpoint.", refusal{otherIdentityRegion, denied, "eu-west-1"}},
		{"without a comma", denied, "Operation is being called from endpoint us-west-2 but your identity region is us-east-1", refusal{otherIdentityRegion, denied, "us-east-1"}},
		{"of another partition", denied, "but your identity region is us-gov-west-1.", refusal{otherIdentityRegion, denied, "us-gov-west-1"}},
		{"an organization's policy", denied, "User: x is not authorized to perform: quicksight:DescribeAccountSettings with an explicit deny in a service control policy", refusal{deniedByOrganization, denied, ""}},
		{"an identity policy", denied, "User: x is not authorized to perform: quicksight:ListUsers because no identity-based policy allows the quicksight:ListUsers action", refusal{deniedByIdentity, denied, ""}},
		{"EC2's way", "UnauthorizedOperation", "You are not authorized to perform this operation.", refusal{deniedByIdentity, "UnauthorizedOperation", ""}},
		{"the edition, as a denial", denied, "ListFolders is disabled for STANDARD Edition", refusal{editionLimit, denied, ""}},
		{"the edition", "UnsupportedUserEditionException", "This operation is not available in your edition", refusal{editionLimit, "UnsupportedUserEditionException", ""}},
		{"no subscription", "UnsupportedUserEditionException", "Account 123456789012 is not subscribed for QuickSight", refusal{notSubscribed, "UnsupportedUserEditionException", ""}},
		{"not signed up", "ResourceNotFoundException", "Account 123456789012 is not signed up with QuickSight with namespace default.", refusal{notFound, "ResourceNotFoundException", ""}},
		{"a region that is not enabled", "UnrecognizedClientException", "The security token included in the request is invalid.", refusal{regionDisabled, "UnrecognizedClientException", ""}},
		{"throttling", "ThrottlingException", "Rate exceeded", refusal{otherwise, "ThrottlingException", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := refusalOf(&smithy.GenericAPIError{Code: test.code, Message: test.message}); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if got := refusalOf(errors.New("connection reset")); got.kind != otherwise {
		t.Errorf("a lost connection is %q", got.kind)
	}
	if got := refusalOf(nil); got.kind != accepted {
		t.Errorf("no error is %q", got.kind)
	}
}

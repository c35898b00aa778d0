package step

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

// aboutStarter marks evidence about who may close the account. AWS's rule is that the one who created it closes it, or an
// administrator with the permissions to unsubscribe; no API names the creator, so evidence is all there is.
const aboutStarter = "starter"

// creationEvents are what CloudTrail calls signing up, by the API and in the console.
// https://docs.aws.amazon.com/quicksight/latest/user/logging-non-api.html
var creationEvents = []string{"CreateAccountSubscription", "CreateAccount"}

// creationEvidence asks CloudTrail who created the subscription. It remembers 90 days, so that silence proves nothing.
func creationEvidence(ctx context.Context, target aws.Config, region string) (evidence []closing.Evidence, advice []string, err error) {
	api := cloudtrail.NewFromConfig(target, func(o *cloudtrail.Options) { o.Region = region })
	for _, name := range creationEvents {
		pages := cloudtrail.NewLookupEventsPaginator(api, &cloudtrail.LookupEventsInput{
			StartTime:        aws.Time(clock.Now(ctx).Add(-90 * 24 * time.Hour)),
			LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &name}},
		})
		err := readPages(ctx, pages, func(page *cloudtrail.LookupEventsOutput) {
			for _, e := range page.Events {
				// Organizations has an event CreateAccount too.
				if aws.ToString(e.EventSource) == "quicksight.amazonaws.com" && e.EventTime != nil {
					evidence = append(evidence, closing.Evidence{About: aboutStarter, For: true, Fact: fmt.Sprintf(
						"CloudTrail: %s by %s on %s", name, aws.ToString(e.Username), e.EventTime.UTC().Format(time.DateOnly))})
				}
			}
		})
		switch refusalOf(err).kind {
		case accepted:
		case deniedByIdentity, deniedByOrganization:
			return evidence, []string{"who created the subscription is not known: cloudtrail:LookupEvents is not allowed"}, nil
		default:
			return nil, nil, fmt.Errorf("call cloudtrail:LookupEvents in %s: %w", region, err)
		}
	}
	return evidence, nil, nil
}

// administrators are the users with an administrator's role, as far as it matters who they are.
type administrators struct {
	N        int            `json:"n,omitempty"`
	Namesake *closing.Asset `json:"namesake,omitempty"` // the first that bears the starter's name
}

func (a *administrators) note(user closing.Asset, starter string) {
	if user.Role != "ADMIN" && user.Role != "ADMIN_PRO" {
		return
	}
	if a.N++; a.Namesake == nil && namesake(starter, user.Name) {
		a.Namesake = &user
	}
}

// evidence looks for the starter among the QuickSight administrators. Names are all that can be compared, so that it is evidence and no
// proof.
func (a administrators) evidence(starter string) []closing.Evidence {
	if starter == "" || starter == closing.Unverified {
		return nil
	}
	if u := a.Namesake; u != nil {
		return []closing.Evidence{{About: aboutStarter, For: true, Fact: fmt.Sprintf("%s bears the name of the QuickSight user %s with the role %s", starter, u.Name, u.Role)}}
	}
	return []closing.Evidence{{About: aboutStarter, For: false, Fact: starter + " bears the name of no QuickSight user with an administrator's role"}}
}

// namesake tells whether a starter bears the name of a QuickSight user. QuickSight names IAM users as IAM does, and whoever comes
// through a role "role/session"; a starter that is no ARN is the session's name of an Identity Center user.
func namesake(starter, user string) bool {
	_, resource, isARN := strings.Cut(starter, "::") // IAM is global: its ARNs have no region
	if !isARN {
		return user == starter || strings.HasSuffix(user, "/"+starter)
	}
	kind, name, _ := strings.Cut(resource[strings.Index(resource, ":")+1:], "/")
	name = name[strings.LastIndex(name, "/")+1:] // IAM's paths are no part of a name
	return kind == "user" && user == name || kind == "role" && name != "" && strings.HasPrefix(user, name+"/")
}

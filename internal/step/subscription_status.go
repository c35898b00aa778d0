package step

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/closing"
)

// life is what a subscription's status means for a closing.
type life string

const (
	lifeGone     life = "gone"
	lifeActive   life = "active"
	lifeStarting life = "starting"
	lifeLeaving  life = "leaving"
	lifeFailed   life = "failed" // unsubscribing failed: it lives
)

// lives are the statuses that have been seen; AWS documents none of them, and the field is free text.
// https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/quicksight/account_subscription.go
var lives = map[string]life{
	"ACCOUNT_CREATED":            lifeActive,
	"OK":                         lifeActive, // of accounts that are older than the other statuses
	"SIGNUP_ATTEMPT_IN_PROGRESS": lifeStarting,
	"CREATION_FAILED":            lifeStarting,
	"UNSUBSCRIBE_IN_PROGRESS":    lifeLeaving,
	statusUnsubscribed:           lifeGone,
	"UNSUBSCRIBE_FAILED":         lifeFailed,
}

// condition is what DescribeAccountSubscription says.
type condition struct {
	life   life
	status string // as AWS spells it; for a subscription that AWS no longer knows, its error code
}

// shown is the call and its answer, as reports print it.
func (c condition) shown() string { return "quicksight:DescribeAccountSubscription: " + c.status }

// subscriptionIn asks a region how the account's subscription is. A status that nobody has seen is an UnknownStatus error; any
// other error is AWS's own.
func subscriptionIn(ctx context.Context, target aws.Config, account, region string) (condition, error) {
	out, err := quickSightIn(target, region).DescribeAccountSubscription(ctx, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: &account})
	switch r := refusalOf(err); r.kind {
	case accepted:
	case notFound, notSubscribed:
		return condition{lifeGone, r.code}, nil
	default:
		return condition{}, err
	}
	if out.AccountInfo == nil {
		return condition{}, unknownStatus(account, region, "no details at all")
	}
	status := aws.ToString(out.AccountInfo.AccountSubscriptionStatus)
	known, ok := lives[status]
	if !ok {
		return condition{}, closing.Errorf(closing.UnknownStatus, "the subscription of account %s in %s has the status %q, which this workflow does not know; nothing more was changed", account, region, status).
			WithHint("look at the account in the QuickSight console; when it shows a state that you know, redrive this execution")
	}
	return condition{known, status}, nil
}

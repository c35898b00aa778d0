package step

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"

	"quicksight-unsubscribe/internal/closing"
)

// statusUnsubscribed is the status of a subscription that is gone and that AWS still shows.
const statusUnsubscribed = "UNSUBSCRIBED"

// subscription is the QuickSight account as its identity region shows it. A zero Region says that there is none.
type subscription struct {
	Region   string
	Settings types.AccountSettings
	Info     types.AccountInfo
}

// quickSightIn is QuickSight in a region.
func quickSightIn(target aws.Config, region string) *quicksight.Client {
	return quicksight.NewFromConfig(target, func(o *quicksight.Options) { o.Region = region })
}

// findSubscription finds the identity region by reading: the hint first, then where AWS's own guidance looks, then every region
// that the account can use. A region is believed only when DescribeAccountSettings succeeds in it. That there is no subscription
// is believed only where AWS says UNSUBSCRIBED, or ResourceNotFoundException in every region; a region that could not be
// read leaves it unknown, and unknown is an error.
func findSubscription(ctx context.Context, env Env, target aws.Config, account string, hints ...string) (subscription, error) {
	s := search{env: env, target: target, account: account}
	first := distinct(append(slices.Clone(hints), regionsLike(env.Config.Region)[0]))
	for _, region := range first {
		if done, err := s.follow(ctx, region); done || err != nil {
			return s.found, err
		}
	}
	regions, err := enabledRegions(ctx, env, target)
	if err != nil {
		return subscription{}, err
	}
	for _, region := range regions.Enabled {
		if done, err := s.follow(ctx, region); done || err != nil {
			return s.found, err
		}
	}
	return subscription{}, s.doubt()
}

// search is a search for the identity region under way.
type search struct {
	env     Env
	target  aws.Config
	account string
	found   subscription
	asked   []string
	unread  []unreadRegion
	answers bool   // some region answered
	seen    string // what a region told of a subscription without being its identity region
}

// unreadRegion is a region that did not answer.
type unreadRegion struct {
	region    string
	operation string
	kind      refusalKind
	err       error
}

// follow asks a region, and the one that it names as the identity region. It is done where the answer is certain.
func (s *search) follow(ctx context.Context, region string) (done bool, err error) {
	for region != "" && !slices.Contains(s.asked, region) {
		s.asked = append(s.asked, region)
		if done, region, err = s.ask(ctx, region); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// ask asks one region for the account's settings and, where it knows none, for its subscription.
func (s *search) ask(ctx context.Context, region string) (done bool, next string, err error) {
	api := quickSightIn(s.target, region)
	settings, err := api.DescribeAccountSettings(ctx, &quicksight.DescribeAccountSettingsInput{AwsAccountId: &s.account})
	switch r := refusalOf(err); r.kind {
	case accepted:
		s.found, err = s.describe(ctx, region, settings)
		return true, "", err
	case otherIdentityRegion:
		s.answers, s.seen = true, "the identity region "+r.region
		return false, r.region, nil
	case notFound, notSubscribed:
		return s.askStatus(ctx, api, region)
	default:
		return false, "", s.notRead(region, "quicksight:DescribeAccountSettings", r.kind, err)
	}
}

// askStatus asks a region that knows no settings whether the subscription is gone.
func (s *search) askStatus(ctx context.Context, api *quicksight.Client, region string) (done bool, next string, err error) {
	s.answers = true
	out, err := api.DescribeAccountSubscription(ctx, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: &s.account})
	switch r := refusalOf(err); r.kind {
	case accepted:
		if out.AccountInfo == nil {
			out.AccountInfo = &types.AccountInfo{}
		}
		status := aws.ToString(out.AccountInfo.AccountSubscriptionStatus)
		if status == statusUnsubscribed {
			return true, "", nil
		}
		s.seen = fmt.Sprintf("the status %q", status)
		return false, "", nil
	case otherIdentityRegion:
		s.seen = "the identity region " + r.region
		return false, r.region, nil
	case notFound:
		return false, "", nil
	default:
		return false, "", s.notRead(region, "quicksight:DescribeAccountSubscription", r.kind, err)
	}
}

// describe reads the subscription where its settings were read.
func (s *search) describe(ctx context.Context, region string, settings *quicksight.DescribeAccountSettingsOutput) (subscription, error) {
	out, err := quickSightIn(s.target, region).DescribeAccountSubscription(ctx, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: &s.account})
	switch refusalOf(err).kind {
	case accepted:
		if out.AccountInfo == nil || settings.AccountSettings == nil {
			return subscription{}, unknownStatus(s.account, region, "no details at all")
		}
		if aws.ToString(out.AccountInfo.AccountSubscriptionStatus) == statusUnsubscribed {
			return subscription{}, nil
		}
		return subscription{Region: region, Settings: *settings.AccountSettings, Info: *out.AccountInfo}, nil
	case notFound, notSubscribed, otherIdentityRegion:
		return subscription{}, unknownStatus(s.account, region, fmt.Sprintf("settings, while DescribeAccountSubscription says: %v", err))
	default:
		return subscription{}, unreadable(err, "quicksight:DescribeAccountSubscription", region)
	}
}

// notRead remembers a region that refused, and returns an error where AWS gave no answer at all: that is worth a retry.
func (s *search) notRead(region, operation string, kind refusalKind, err error) error {
	if kind == otherwise {
		return unreadable(err, operation, region)
	}
	if s.env.Config.governs(region) || kind == deniedByIdentity {
		s.unread = append(s.unread, unreadRegion{region, operation, kind, err})
	}
	return nil
}

// doubt is the error of a search that no region has ended; nil where every region said that there is no subscription.
func (s *search) doubt() error {
	var regions []string
	kinds := map[refusalKind]int{}
	for _, u := range s.unread {
		regions = append(regions, u.region)
		kinds[u.kind]++
	}
	mine := slices.IndexFunc(s.unread, func(u unreadRegion) bool { return u.kind == deniedByIdentity })
	switch {
	case len(s.unread) == 0 && s.seen == "":
		return nil
	case len(s.unread) == 0:
		return unknownStatus(s.account, "every region", s.seen+", and with settings in none")
	case mine >= 0:
		return unreadable(s.unread[mine].err, s.unread[mine].operation, s.unread[mine].region)
	case !s.answers && kinds[deniedByOrganization] > 0 && kinds[deniedByOrganization]+kinds[regionDisabled] == len(s.unread):
		return closing.Errorf(closing.TargetUnreachable,
			"the role %s of account %s was assumed, but a service control policy of the organization denies it %s in every region: %w; nothing was touched",
			RoleRead, s.account, s.unread[0].operation, s.unread[0].err).
			WithHint("add %s to each statement of that policy that denies, or move the account out of the organizational unit that it is attached to; then start again", ExceptTargets)
	default:
		return closing.Errorf(closing.RegionUnreadable,
			"whether account %s has a QuickSight subscription is unknown: %s could not be read (%s: %w); nothing was touched",
			s.account, strings.Join(regions, ", "), s.unread[0].region, s.unread[0].err).
			WithHint("except the target roles in the policy that denies these regions, or leave them out of governedRegions if nobody works there, then start again")
	}
}

func unknownStatus(account, region, answer string) error {
	return closing.Errorf(closing.UnknownStatus, "QuickSight of account %s answers in %s with %s; nothing was touched", account, region, answer).
		WithHint("look at the account in the QuickSight console, and start again when it shows one state")
}

package step

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// quickSightRegions are the regions with a QuickSight endpoint, by partition; the first of each is where AWS's own guidance
// looks first. https://docs.aws.amazon.com/general/latest/gr/quicksight.html
var quickSightRegions = map[string][]string{
	"aws": {
		"us-east-1",
		"af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-5",
		"ca-central-1", "eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
		"il-central-1", "me-central-1", "sa-east-1", "us-east-2", "us-west-2",
	},
	"aws-cn":     {"cn-north-1"},
	"aws-us-gov": {"us-gov-west-1", "us-gov-east-1"},
}

// regionsLike are the QuickSight regions of the partition to which a region belongs.
func regionsLike(region string) []string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return quickSightRegions["aws-cn"]
	case strings.HasPrefix(region, "us-gov-"):
		return quickSightRegions["aws-us-gov"]
	default:
		return quickSightRegions["aws"]
	}
}

// regionSet is what an account can do with the QuickSight regions.
type regionSet struct {
	Enabled  []string // to be read, every one of them
	Disabled []string // opt-in regions that the account has not enabled: nothing answers there
}

// enabledRegions asks EC2 which QuickSight regions the account can use.
// Where an organization denies the question everywhere, all regions count as enabled, since they must then be read.
func enabledRegions(ctx context.Context, env Env, target aws.Config) (regionSet, error) {
	all := regionsLike(env.Config.Region)
	for _, ask := range distinct(append([]string{env.Config.Region}, all...)) {
		out, err := ec2In(target, ask).DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
		switch refusalOf(err).kind {
		case accepted:
			return sortRegions(all, out.Regions), nil
		case deniedByOrganization, regionDisabled:
			continue
		default:
			return regionSet{}, unreadable(err, "ec2:DescribeRegions", ask)
		}
	}
	return regionSet{Enabled: all}, nil
}

func sortRegions(all []string, described []types.Region) regionSet {
	var set regionSet
	for _, name := range all {
		disabled := slices.ContainsFunc(described, func(r types.Region) bool {
			return aws.ToString(r.RegionName) == name && aws.ToString(r.OptInStatus) == "not-opted-in"
		})
		if disabled {
			set.Disabled = append(set.Disabled, name)
		} else {
			set.Enabled = append(set.Enabled, name)
		}
	}
	return set
}

// distinct drops what is empty or repeated, and keeps the order.
func distinct(names []string) []string {
	var kept []string
	for _, name := range names {
		if name != "" && !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// ec2In is EC2 in a region.
func ec2In(target aws.Config, region string) *ec2.Client {
	return ec2.NewFromConfig(target, func(o *ec2.Options) { o.Region = region })
}

// pager is what every paginator of the SDK is.
type pager[Page, Options any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*Options)) (Page, error)
}

// readPages shows every page.
func readPages[Page, Options any](ctx context.Context, p pager[Page, Options], see func(Page)) error {
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		see(page)
	}
	return nil
}

// inWords joins names for people: "a, b and c".
func inWords(names []string) string {
	if n := len(names); n > 1 {
		return fmt.Sprintf("%s and %s", strings.Join(names[:n-1], ", "), names[n-1])
	}
	return strings.Join(names, "")
}

package step

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/closing"
)

// sharedMost bounds how many dashboards of a region are asked whom their link lets in: no list tells it, so that each takes a call of its own.
const sharedMost = 300

// sharingTime is how long asking the dashboards of a batch of listings may take.
func sharingTime(batch []*listing) time.Duration {
	n := 0
	for _, l := range batch {
		if l.AskSharing {
			n++
		}
	}
	return time.Duration((n+inventoryLanes-1)/inventoryLanes) * sharedMost / defaultPerSecond * time.Second
}

// everybody is whom a dashboard's link lets in where it is shared with the internet.
// https://docs.aws.amazon.com/quicksight/latest/user/share-a-dashboard-grant-access-anyone-api.html
const everybody = ":publicAnonymousUser/"

// readSharing asks the dashboards of a listing, one by one, whether everybody can open them.
func (l *listing) readSharing(ctx context.Context, api *quicksight.Client, account *string) error {
	s := &closing.Sharing{Region: l.Region, Of: l.N}
	for _, d := range l.first {
		out, err := api.DescribeDashboardPermissions(ctx, &quicksight.DescribeDashboardPermissionsInput{AwsAccountId: account, DashboardId: &idParts(d.ARN)[0]})
		switch r := refusalOf(err); r.kind {
		case accepted:
		case notFound: // gone since it was listed
			continue
		case otherwise:
			return err
		default:
			l.Sharing = &closing.Sharing{Region: l.Region, Of: s.Of, Refused: r.code}
			return nil
		}
		s.Asked++
		if opensToEverybody(out) {
			if s.Publics++; len(s.Public) < closing.MaxNamed {
				s.Public = append(s.Public, d.Name)
			}
		}
	}
	if s.Of > 0 {
		l.Sharing = s
	}
	return nil
}

func opensToEverybody(d *quicksight.DescribeDashboardPermissionsOutput) bool {
	if d.LinkSharingConfiguration == nil {
		return false
	}
	for _, p := range d.LinkSharingConfiguration.Permissions {
		if strings.Contains(aws.ToString(p.Principal), everybody) {
			return true
		}
	}
	return false
}

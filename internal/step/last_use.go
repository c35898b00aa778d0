package step

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"quicksight-unsubscribe/internal/clock"
	"quicksight-unsubscribe/internal/closing"
)

const (
	// useDays is how far back CloudTrail's event history goes.
	useDays = 90
	// usePages bounds how many pages are read of a region, at two a second: what is behind them makes a number "at least".
	usePages = 200
)

// use is a look at what CloudTrail says of one region.
type use struct {
	closing.Use
	Read bool `json:"read"`
}

// listUses adds a look at CloudTrail for each region that holds anything, once that is known.
func (inv *inventory) listUses() {
	if inv.Uses != nil || !inv.allRead() || !inv.Datasets.Read {
		return
	}
	inv.Uses = []use{}
	var regions []string
	for _, l := range inv.Lists {
		if l.N > 0 {
			regions = append(regions, l.Region)
		}
	}
	for _, region := range distinct(append(regions, inv.IdentityRegion)) {
		inv.Uses = append(inv.Uses, use{Use: closing.Use{Region: region, Days: useDays}})
	}
}

// readUses asks CloudTrail, as far as the invocation has time.
func (inv *inventory) readUses(ctx context.Context, t inventoryTask) error {
	var unread []*use
	for i := range inv.Uses {
		if !inv.Uses[i].Read {
			unread = append(unread, &inv.Uses[i])
		}
	}
	for batch := range slices.Chunk(unread, inventoryLanes) {
		if clock.Remaining(ctx) < inventoryReserve+usePages*time.Second/2 {
			return nil
		}
		if err := clock.Each(ctx, inventoryLanes, batch, func(ctx context.Context, u *use) error { return u.read(ctx, t) }); err != nil {
			return err
		}
	}
	return nil
}

func (u *use) read(ctx context.Context, t inventoryTask) error {
	source := "quicksight.amazonaws.com"
	pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(t.Target, func(o *cloudtrail.Options) { o.Region = u.Region }), &cloudtrail.LookupEventsInput{
		StartTime:        aws.Time(clock.Now(ctx).AddDate(0, 0, -useDays)),
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: &source}},
	})
	seen := trailed{Use: closing.Use{Region: u.Region, Days: useDays}, users: map[string]closing.Active{}, embedded: map[string]bool{}}
	for n := 0; pages.HasMorePages(); n++ {
		if n == usePages {
			seen.More = true
			break
		}
		page, err := pages.NextPage(ctx)
		switch r := refusalOf(err); r.kind {
		case accepted:
		case otherwise:
			return fmt.Errorf("call cloudtrail:LookupEvents in %s: %w", u.Region, err)
		default:
			u.Refused, u.Read = r.code, true
			return nil
		}
		for _, e := range page.Events {
			// A session of this workflow only looks, and is no use.
			if by := aws.ToString(e.Username); e.EventTime != nil && !strings.HasPrefix(by, t.Request.AccountID+"-") {
				seen.add(e)
			}
		}
	}
	u.Use, u.Read = seen.summary(), true
	return nil
}

// trailed is the use that a region's events tell of, as they are read.
type trailed struct {
	closing.Use
	users    map[string]closing.Active
	embedded map[string]bool
}

// embeddedDashboard finds the dashboard in a request for a URL to embed, whose shapes differ: a dashboard's id, that of the first one, or
// ARNs. https://docs.aws.amazon.com/quicksight/latest/APIReference/API_GenerateEmbedUrlForAnonymousUser.html
var embeddedDashboard = regexp.MustCompile(`(?i)dashboardId"\s*:\s*"([^"]+)"|:dashboard/([\w-]+)`)

func (s *trailed) add(e types.Event) {
	at, by, name := e.EventTime.UTC(), cmp.Or(aws.ToString(e.Username), "somebody unnamed"), aws.ToString(e.EventName)
	s.Events++
	if at.After(s.Last) {
		s.Last, s.Name, s.By = at, name, by
	}
	a := s.users[by]
	if a.Name, a.Events = by, a.Events+1; at.After(a.Last) {
		a.Last = at
	}
	s.users[by] = a
	if !strings.Contains(name, "EmbedUrl") { // GenerateEmbedUrlFor…, GetDashboardEmbedUrl, GetSessionEmbedUrl
		return
	}
	if s.Embeds++; at.After(s.LastEmbed) {
		s.LastEmbed = at
	}
	for _, found := range embeddedDashboard.FindAllStringSubmatch(aws.ToString(e.CloudTrailEvent), -1) {
		s.embedded[cmp.Or(found[1], found[2])] = true
	}
}

func (s *trailed) summary() closing.Use {
	latest := slices.SortedFunc(maps.Values(s.users), func(a, b closing.Active) int { return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Name, b.Name)) })
	s.Users, s.Latest = len(latest), latest[:min(len(latest), closing.MaxNamed)]
	embedded := slices.Sorted(maps.Keys(s.embedded))
	s.Embedded = embedded[:min(len(embedded), closing.MaxNamed)]
	return s.Use
}

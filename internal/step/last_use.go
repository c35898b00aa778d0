package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"quicksight-unsubscribe/internal/clock"
)

const (
	// useDays is how far back CloudTrail's event history goes.
	useDays = 90
	// usePages bounds how many pages are read of a region, at two a second: what is behind them makes a number "at least".
	usePages = 200
)

// use is what CloudTrail says of QuickSight's use in one region. It is shown to the approver, and no fact of the plan.
type use struct {
	Region  string    `json:"region"`
	Read    bool      `json:"read"`
	Events  int       `json:"events,omitempty"`
	More    bool      `json:"more,omitempty"`
	Last    time.Time `json:"last,omitzero"`
	Name    string    `json:"name,omitempty"` // of the last event
	By      string    `json:"by,omitempty"`
	Refused string    `json:"refused,omitempty"`
}

// listUses adds a look at CloudTrail for each region that holds anything, once that is known.
func (inv *inventory) listUses() {
	if inv.Uses != nil || len(inv.remaining()) > 0 {
		return
	}
	inv.Uses = []use{}
	var regions []string
	for _, l := range inv.Lists {
		if len(l.Assets) > 0 {
			regions = append(regions, l.Region)
		}
	}
	for _, region := range distinct(append(regions, inv.IdentityRegion)) {
		inv.Uses = append(inv.Uses, use{Region: region})
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
	for n := 0; pages.HasMorePages(); n++ {
		if n == usePages {
			u.More = true
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
			by := aws.ToString(e.Username)
			if e.EventTime == nil || strings.HasPrefix(by, t.Request.AccountID+"-") { // a session of this workflow: it only looks
				continue
			}
			if u.Events++; e.EventTime.After(u.Last) {
				u.Last, u.Name, u.By = e.EventTime.UTC(), aws.ToString(e.EventName), by
			}
		}
	}
	u.Read = true
	return nil
}

// String is the use in words.
func (u use) String() string {
	switch {
	case u.Refused != "":
		return fmt.Sprintf("whether anybody used QuickSight in %s lately is not known: CloudTrail answers %s", u.Region, u.Refused)
	case u.Events == 0:
		return fmt.Sprintf("CloudTrail knows of no use of QuickSight in %s in the last %d days", u.Region, useDays)
	}
	least := ""
	if u.More {
		least = "at least "
	}
	return fmt.Sprintf("QuickSight in %s was last used on %s: %s by %s; %s%d events in %d days", u.Region, u.Last.Format(time.DateOnly), u.Name, u.By, least, u.Events, useDays)
}

package closing

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Occurrence is something that has happened to an account and can no longer be stopped, as an EventBridge event of CloudTrail's tells it. It
// starts no closing: it is held against the record.
type Occurrence struct {
	Kind      Happened
	AccountID string
	At        time.Time
	Name      string // what CloudTrail calls it, such as "CloseAccountResult"
	Event     string // the event's id
	Region    string
	By        string // the principal's ARN, or what CloudTrail has in its place
	Role      string // of whose session that was; "" for others
	Call      bool   // of an API; otherwise a service, such as QuickSight's console, tells what it has done
}

// Happened is what has happened to an account.
type Happened string

// What may have happened.
const (
	Unsubscribed  Happened = "unsubscribed"  // its QuickSight subscription was deleted
	AccountClosed Happened = "closed"        // it is suspended, and gone after 90 days
	AccountLeft   Happened = "left"          // it is in no organization, or in another one, and lives
	AccountGone   Happened = "gone for good" // the 90 days after it was closed are over
)

// ParseOccurrence reads the event of an account that was unsubscribed, was closed or has left the organization. ok is false for what was tried
// and did not happen. An event of any other kind, or one that does not say which account and when, is an UnknownEvent.
func ParseOccurrence(event []byte) (o Occurrence, ok bool, err error) {
	var e struct {
		ID         string `json:"id"`
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
		Account    string `json:"account"`
		Detail     struct {
			EventName           string `json:"eventName"`
			EventTime           string `json:"eventTime"`
			ErrorCode           string `json:"errorCode"`
			Region              string `json:"awsRegion"`
			Identity            who    `json:"userIdentity"`
			RequestParameters   any    `json:"requestParameters"`
			ServiceEventDetails any    `json:"serviceEventDetails"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return Occurrence{}, false, Errorf(UnknownEvent, "what came is no EventBridge event: %w; nothing was looked at", err)
	}
	d := e.Detail
	refuse := func(why string) (Occurrence, bool, error) {
		return Occurrence{}, false, Errorf(UnknownEvent, "the event %q (%s of %q) %s; it was not held against the record", e.ID, d.EventName, e.Source, why).
			WithHint("look at the event, and by hand at the account; then correct the rule that delivered it")
	}
	if e.DetailType != APICall && e.DetailType != ServiceEvent {
		return refuse("is not one of CloudTrail's")
	}
	if d.ErrorCode != "" {
		return Occurrence{}, false, nil
	}
	o = Occurrence{Name: d.EventName, Event: e.ID, Region: d.Region, By: d.Identity.name(), Role: d.Identity.Session.Issuer.UserName, Call: e.DetailType == APICall}
	if o.At, err = time.Parse(time.RFC3339, d.EventTime); err != nil {
		return refuse("does not say when it happened")
	}
	// AWS shows no example of AccountDepartedOrganization, whose page has had more than one spelling: what is looked for is looked for at every depth.
	told := []any{d.ServiceEventDetails, d.RequestParameters}
	switch {
	case e.Source == "aws.quicksight" && slices.Contains([]string{"DeleteAccountSubscription", "Unsubscribe"}, d.EventName):
		o.Kind, o.AccountID = Unsubscribed, e.Account // an account's bus has its own calls
	case e.Source == "aws.organizations" && d.EventName == "CloseAccountResult":
		o.Kind, o.AccountID = AccountClosed, member(told, e.Account)
		switch state := find(told, "state"); {
		case slices.Contains(state, "SUCCEEDED"):
		case slices.Contains(state, "FAILED"):
			return Occurrence{}, false, nil
		default:
			return refuse("does not say whether the account was closed")
		}
	case e.Source == "aws.organizations" && d.EventName == "AccountDepartedOrganization":
		o.Kind, o.AccountID = AccountLeft, member(told, e.Account)
		if how := slices.Concat(find(told, "departureMethod"), find(told, "departedMethod")); len(how) == 1 && strings.EqualFold(how[0], "CLEANED") {
			o.Kind = AccountGone
		}
	default:
		return refuse("is of no kind that is held against the record")
	}
	if !accountID.MatchString(o.AccountID) {
		return refuse("does not say which account it is about")
	}
	return o, true, nil
}

// who is CloudTrail's userIdentity.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
type who struct {
	Type      string `json:"type"`
	ARN       string `json:"arn"`
	InvokedBy string `json:"invokedBy"`
	Session   struct {
		Issuer struct {
			UserName string `json:"userName"`
		} `json:"sessionIssuer"`
	} `json:"sessionContext"`
}

func (w who) name() string {
	for _, name := range []string{w.ARN, w.InvokedBy, w.Type} {
		if name != "" {
			return name
		}
	}
	return "nobody whom CloudTrail names"
}

// member is the one account that an event of the management account is about; "" where there is none, or more than one.
func member(told any, management string) string {
	var ids []string
	for _, id := range find(told, "accountId") {
		if accountID.MatchString(id) && id != management && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) != 1 {
		return ""
	}
	return ids[0]
}

// find collects the texts under names that end in a name, at every depth.
func find(in any, name string) []string {
	var found []string
	switch in := in.(type) {
	case []any:
		for _, v := range in {
			found = append(found, find(v, name)...)
		}
	case map[string]any:
		for key, v := range in {
			if text, is := v.(string); is && strings.HasSuffix(strings.ToLower(key), strings.ToLower(name)) {
				found = append(found, text)
			}
			found = append(found, find(v, name)...)
		}
	}
	return found
}

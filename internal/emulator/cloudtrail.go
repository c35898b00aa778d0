package emulator

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// TrailEvent is one event in CloudTrail's event history.
type TrailEvent struct {
	Time       time.Time       `json:"time"`
	Name       string          `json:"name"`                 // such as CreateAccountSubscription
	Source     string          `json:"source,omitempty"`     // default quicksight.amazonaws.com
	Region     string          `json:"region,omitempty"`     // default us-east-1
	Principal  string          `json:"principal,omitempty"`  // ARN of who did it
	InvokedBy  string          `json:"invokedBy,omitempty"`  // the service that called with the principal's role
	Username   string          `json:"username,omitempty"`   // default: the last part of Principal
	Resources  []string        `json:"resources,omitempty"`  // names
	Parameters json.RawMessage `json:"parameters,omitempty"` // requestParameters
	Response   json.RawMessage `json:"response,omitempty"`   // responseElements
	Error      string          `json:"error,omitempty"`      // errorCode
	Service    bool            `json:"service,omitempty"`    // a non-API event: eventType AwsServiceEvent
	ReadOnly   bool            `json:"readOnly,omitempty"`
	ID         string          `json:"id,omitempty"`
}

func (e *TrailEvent) complete(account string) {
	e.Source = cmp.Or(e.Source, "quicksight.amazonaws.com")
	e.Region = cmp.Or(e.Region, "us-east-1")
	e.Username = cmp.Or(e.Username, e.Principal[strings.LastIndex(e.Principal, "/")+1:])
	e.ID = cmp.Or(e.ID, strings.ToLower(stableID(account, e.Time.String(), e.Name, e.Principal)))
}

// Limits of LookupEvents: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
const (
	trailPage = 50
	trailDays = 90
)

var cloudTrailOperations = map[string]op{"LookupEvents": {run: lookupEvents}}

var cloudTrailRules = []rule{
	{name: "one-lookup-attribute", operations: []string{"LookupEvents"}, page: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html", check: checkLookupAttributes},
	{name: "trail-days", page: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html"}, // in lookupEvents
}

// lookupAttribute is the one attribute that a call may filter by.
type lookupAttribute struct{ AttributeKey, AttributeValue string }

func (r *request) lookupAttributes() ([]lookupAttribute, error) {
	var list []lookupAttribute
	if err := json.Unmarshal(canonicalList(r.params["LookupAttributes"]), &list); err != nil {
		return nil, apiError("InvalidLookupAttributesException", "%v", err)
	}
	return list, nil
}

func canonicalList(v any) []byte {
	if v == nil {
		return []byte("[]")
	}
	return canonical(v)
}

func checkLookupAttributes(r *request) error {
	list, err := r.lookupAttributes()
	if err != nil {
		return err
	}
	if len(list) > 1 {
		return apiError("InvalidLookupAttributesException", "You can only specify one lookup attribute.")
	}
	return nil
}

func lookupEvents(r *request) (any, error) {
	attributes, err := r.lookupAttributes()
	if err != nil {
		return nil, err
	}
	if n := r.num("MaxResults", trailPage); n < 1 || n > trailPage {
		return nil, apiError("InvalidMaxResultsException", "MaxResults must be between 1 and %d", trailPage)
	}
	from, to := r.epoch("StartTime"), r.epoch("EndTime")
	if !to.IsZero() && to.Before(from) {
		return nil, apiError("InvalidTimeRangeException", "The start time must be before the end time")
	}
	var found []TrailEvent
	for _, e := range r.aws.trail(r.account, r.now) {
		tooOld := r.aws.enforces("trail-days") && e.Time.Before(r.now.AddDate(0, 0, -trailDays))
		if e.Region != r.region || tooOld || e.Time.Before(from) || !to.IsZero() && e.Time.After(to) {
			continue
		}
		if !slices.ContainsFunc(attributes, func(a lookupAttribute) bool { return !e.has(a) }) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b TrailEvent) int { return b.Time.Compare(a.Time) }) // the latest first
	cut, next, ok := paginate(r, found, r.str("NextToken"), r.num("MaxResults", 0), trailPage)
	if !ok {
		return nil, apiError("InvalidNextTokenException", "Invalid NextToken")
	}
	out := &cloudtrail.LookupEventsOutput{Events: []types.Event{}, NextToken: optional(next)}
	for _, e := range cut {
		event := types.Event{
			EventId: &e.ID, EventName: &e.Name, EventSource: &e.Source, EventTime: &e.Time, Username: optional(e.Username),
			ReadOnly: aws.String(boolText(e.ReadOnly)), CloudTrailEvent: aws.String(e.record(r.account)),
		}
		for _, name := range e.Resources {
			event.Resources = append(event.Resources, types.Resource{ResourceName: &name})
		}
		out.Events = append(out.Events, event)
	}
	return out, nil
}

// epoch reads a time member, which JSON protocols write as seconds since 1970; zero where it is absent.
func (r *request) epoch(name string) time.Time {
	number, ok := r.params[name].(json.Number)
	if !ok {
		return time.Time{}
	}
	seconds, err := number.Float64()
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(seconds * 1000))
}

func (e *TrailEvent) has(a lookupAttribute) bool {
	switch a.AttributeKey {
	case "EventName":
		return e.Name == a.AttributeValue
	case "EventSource":
		return e.Source == a.AttributeValue
	case "EventId":
		return e.ID == a.AttributeValue
	case "Username":
		return e.Username == a.AttributeValue
	case "ReadOnly":
		return boolText(e.ReadOnly) == a.AttributeValue
	case "ResourceName":
		return slices.Contains(e.Resources, a.AttributeValue)
	}
	return false
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// record is the event as CloudTrail keeps it.
func (e *TrailEvent) record(account string) string {
	identity := map[string]any{"arn": e.Principal, "accountId": account, "type": "IAMUser", "userName": e.Username}
	switch {
	case strings.Contains(e.Principal, ":assumed-role/"):
		_, rest, _ := strings.Cut(e.Principal, ":assumed-role/")
		role, _, _ := strings.Cut(rest, "/")
		identity = map[string]any{"arn": e.Principal, "accountId": account, "type": "AssumedRole", "sessionContext": map[string]any{
			"sessionIssuer": map[string]any{"type": "Role", "userName": role, "accountId": account, "arn": "arn:aws:iam::" + account + ":role/" + role},
		}}
	case strings.HasSuffix(e.Principal, ":root"):
		identity["type"] = "Root"
		delete(identity, "userName")
	}
	if e.InvokedBy != "" {
		identity["invokedBy"] = e.InvokedBy
	}
	kind := "AwsApiCall"
	if e.Service {
		kind = "AwsServiceEvent"
	}
	record := map[string]any{
		"eventVersion": "1.11", "eventID": e.ID, "eventName": e.Name, "eventSource": e.Source, "eventTime": e.Time.UTC().Format(time.RFC3339),
		"awsRegion": e.Region, "recipientAccountId": account, "userIdentity": identity, "eventType": kind, "readOnly": e.ReadOnly,
		"eventCategory": "Management",
	}
	if e.Parameters != nil {
		record["requestParameters"] = e.Parameters
	}
	if e.Response != nil {
		record["responseElements"] = e.Response
	}
	if e.Error != "" {
		record["errorCode"] = e.Error
	}
	return string(canonical(record))
}

// trail is what CloudTrail knows by now: the world's events and the calls made since that change something, once the
// usual delay has passed. Events of data, such as S3's objects, are not in the event history.
func (a *AWS) trail(account string, now time.Time) []TrailEvent {
	owner := a.world.Accounts[account]
	delay := minutes(owner.TrailDelayMinutes, 5)
	var all []TrailEvent
	for _, e := range owner.Trail {
		if !e.Time.Add(delay).After(now) {
			all = append(all, e)
		}
	}
	for _, i := range a.events[account] {
		c := a.journal[i]
		if c.Time.Add(delay).After(now) || c.Status == 0 {
			continue
		}
		all = append(all, trailed(c))
	}
	return all
}

// trailed is a call as CloudTrail has it.
func trailed(c Call) TrailEvent {
	e := TrailEvent{
		Time: c.Time, Name: c.Operation, Source: c.Service + ".amazonaws.com", Region: c.Region, Principal: c.Principal,
		Resources: c.Resources, Parameters: c.Params, Error: c.Error, ID: c.RequestID, Response: c.Response,
	}
	e.complete(c.Account)
	return e
}

// Event is what EventBridge delivers of a call that took effect.
// https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-cloudtrail.html
func (a *AWS) Event(c Call) json.RawMessage {
	e := trailed(c)
	e.Error = "" // of an answer that was spoilt on its way
	return canonical(map[string]any{
		"version": "0", "id": stableID(c.Account, c.RequestID), "detail-type": "AWS API Call via CloudTrail", "source": "aws." + c.Service,
		"account": c.Account, "time": c.Time.UTC().Format(time.RFC3339), "region": c.Region, "resources": []string{}, "detail": json.RawMessage(e.record(c.Account)),
	})
}

// recorded reports whether a call is a management event that is not read-only.
func recorded(c Call) bool {
	switch c.Service {
	case "quicksight", "ds", "ec2", "iam", "states":
		for _, prefix := range []string{"Describe", "List", "Get", "Simulate", "SendTask"} {
			if strings.HasPrefix(c.Operation, prefix) {
				return false
			}
		}
		return true
	}
	return false
}

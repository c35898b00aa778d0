package emulator

import (
	"cmp"
	"encoding/json"
	"strings"
)

// EventBridge takes events, and the journal keeps them. Whom rules would call is the replay's to play.
var eventsOperations = map[string]op{
	"PutEvents": {run: putEvents, required: []string{"Entries"}, resource: busResource, context: eventContext},
}

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
var eventsRules = []rule{
	{name: "ten-events", operations: []string{"PutEvents"}, page: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html", check: checkEntries},
	// What is wrong with one event is said in its part of the answer, which succeeds.
	{name: "event-detail", page: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"},
	{name: "event-source", page: "https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"},
}

// entry is one event of a call.
type entry struct{ Source, DetailType, Detail, EventBusName string }

func (r *request) entries() []entry {
	var in struct{ Entries []entry }
	_ = json.Unmarshal(r.body, &in) // what cannot be read is missing
	return in.Entries
}

func busResource(r *request) []string {
	var buses []string
	for _, e := range r.entries() {
		bus := cmp.Or(e.EventBusName, "default")
		if !strings.HasPrefix(bus, "arn:") {
			bus = "arn:aws:events:" + r.region + ":" + r.account + ":event-bus/" + bus
		}
		buses = append(buses, bus)
	}
	return buses
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
func eventContext(r *request) condition {
	c := condition{}
	for _, e := range r.entries() {
		c["events:source"] = append(c["events:source"], e.Source)
		c["events:detail-type"] = append(c["events:detail-type"], e.DetailType)
	}
	return c
}

func checkEntries(r *request) error {
	if n := len(r.entries()); n == 0 || n > 10 {
		return apiError("ValidationException", "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length between 1 and 10")
	}
	return nil
}

func putEvents(r *request) (any, error) {
	failed, answers := 0, []map[string]any{}
	for _, e := range r.entries() {
		var detail map[string]any
		code, message := "", ""
		switch {
		case e.Source == "" || e.DetailType == "" || e.Detail == "":
			code, message = "InvalidArgument", "Parameter Source, DetailType and Detail are required."
		case r.aws.enforces("event-detail") && json.Unmarshal([]byte(e.Detail), &detail) != nil:
			code, message = "MalformedDetail", "Detail is malformed."
		case r.aws.enforces("event-source") && strings.HasPrefix(e.Source, "aws."):
			code, message = "NotAuthorizedForSourceException", "Not authorized for the source."
		}
		if code != "" {
			failed++
			answers = append(answers, map[string]any{"ErrorCode": code, "ErrorMessage": message})
			continue
		}
		answers = append(answers, map[string]any{"EventId": r.id("")})
	}
	return map[string]any{"FailedEntryCount": failed, "Entries": answers}, nil
}

package asl

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// UnmarshalJSON reads an event as GetExecutionHistory gives it, through the API, the AWS CLI or an AWS SDK: members in any case,
// the time as text or as seconds since 1970.
func (e *Event) UnmarshalJSON(text []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	folded := make(map[string]json.RawMessage, len(members))
	for name, value := range members {
		folded[strings.ToLower(name)] = value
	}
	*e = Event{}
	for name, into := range map[string]any{"id": &e.ID, "previouseventid": &e.PreviousEventID, "type": &e.Type} {
		if value, given := folded[name]; given {
			if err := json.Unmarshal(value, into); err != nil {
				return fmt.Errorf("history event %d: %s: %w", e.ID, name, err)
			}
		}
	}
	if e.ID == 0 || e.Type == "" {
		return fmt.Errorf("a history event has an id and a type; this one has not: %.200s", text)
	}
	var err error
	if e.Timestamp, err = readTimestamp(folded["timestamp"]); err != nil {
		return fmt.Errorf("history event %d: %w", e.ID, err)
	}
	details := folded[strings.ToLower(e.Type.detailsField())]
	if details == nil || string(details) == "null" {
		return nil
	}
	if err := json.Unmarshal(details, &e.Details); err != nil {
		return fmt.Errorf("history event %d (%s): %w", e.ID, e.Type, err)
	}
	return nil
}

func readTimestamp(value json.RawMessage) (time.Time, error) {
	var seconds float64
	if json.Unmarshal(value, &seconds) == nil {
		return time.UnixMilli(int64(seconds*1000 + 0.5)).UTC(), nil
	}
	var at string
	if err := json.Unmarshal(value, &at); err != nil {
		return time.Time{}, fmt.Errorf("the timestamp %q is neither text nor a number", value)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999Z0700"} {
		if t, err := time.Parse(layout, at); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the timestamp %q is not an ISO 8601 time", at)
}

package asl

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Ensure a history that was written can be read again.
func TestHistoryReadsWhatItWrites(t *testing.T) {
	t.Parallel()
	m, err := Parse([]byte(`{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{"x":1},"Next":"W"},"W":{"Type":"Wait","Seconds":5,"Next":"F"},
		"F":{"Type":"Fail","Error":"Broken","Cause":"on purpose"}}, "QueryLanguage":"JSONata"}`))
	if err != nil {
		t.Fatal(err)
	}
	e := m.Start(Options{Name: "run", ARN: "arn", Input: json.RawMessage(`{"a":1}`), Start: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)})
	e.Run(context.Background())
	want := e.History()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []Event
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Ensure the spellings of the API, of the AWS CLI and of an SDK's encoded types are read alike.
func TestHistoryReadsEverySpelling(t *testing.T) {
	t.Parallel()
	want := Event{
		ID: 2, PreviousEventID: 1, Timestamp: time.Date(2026, 3, 2, 9, 0, 0, 250e6, time.UTC), Type: "TaskStateEntered",
		Details: Details{Name: "A", Input: "{}"},
	}
	for name, text := range map[string]string{
		"API": `{"id":2,"previousEventId":1,"timestamp":1772442000.25,"type":"TaskStateEntered","stateEnteredEventDetails":{"name":"A","input":"{}"}}`,
		"CLI": `{"timestamp":"2026-03-02T10:00:00.250000+01:00","type":"TaskStateEntered","id":2,"previousEventId":1,"stateEnteredEventDetails":{"name":"A","input":"{}"}}`,
		"SDK": `{"Id":2,"PreviousEventId":1,"Timestamp":"2026-03-02T09:00:00.25Z","Type":"TaskStateEntered","TaskFailedEventDetails":null,"StateEnteredEventDetails":{"Name":"A","Input":"{}","InputDetails":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got Event
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, text := range []string{`{}`, `{"id":1,"type":"TaskStateEntered","timestamp":"yesterday"}`, `{"id":1,"type":"TaskStateEntered","timestamp":{}}`, `{"id":"x","type":"t"}`} {
		var e Event
		if err := json.Unmarshal([]byte(text), &e); err == nil {
			t.Errorf("%s was read as %v", text, e)
		}
	}
}

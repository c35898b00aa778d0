package closing

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ensure that there is a sample of every event of ours, which has all fields of its type and no others, and that the README names them.
func TestAnnouncementSamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("announcement.samples.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []struct {
		Source string          `json:"source"`
		Type   string          `json:"detail-type"`
		Detail json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]func() any{
		"ApprovalRequested": func() any { return &ApprovalRequested{} }, "ApprovalDecided": func() any { return &ApprovalDecided{} },
		"ApprovalExpired": func() any { return &ApprovalExpired{} }, "ClosingFinished": func() any { return &Finished{} },
	}
	var seen []string
	for _, s := range samples {
		seen = append(seen, s.Type)
		if s.Source != EventSource || types[s.Type] == nil {
			t.Errorf("%s of %s is no event of ours", s.Type, s.Source)
			continue
		}
		detail := types[s.Type]()
		decoder := json.NewDecoder(bytes.NewReader(s.Detail))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(detail); err != nil {
			t.Errorf("%s: %v", s.Type, err)
		}
		if got := detail.(Announcement).Type(); got != s.Type {
			t.Errorf("the type of %s is called %s", s.Type, got)
		}
		var tree any
		if err := json.Unmarshal(s.Detail, &tree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(Canonical(tree)), string(Canonical(detail))); diff != "" {
			t.Errorf("%s, encoded again (-sample +type):\n%s", s.Type, diff)
		}
		row := regexp.MustCompile("(?m)^\\| `" + s.Type + "` .*$").FindString(string(readme))
		common := []string{"version", "accountId", "execution", "closing"}
		for name := range tree.(map[string]any) {
			if !slices.Contains(common, name) && !regexp.MustCompile("`"+name+"`").MatchString(row) {
				t.Errorf("the README does not say that %s has %s: %q", s.Type, name, row)
			}
		}
	}
	if diff := cmp.Diff(Announced(), seen); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

package closing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFleetRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, input string
		want        FleetRequest
	}{
		{"accounts", `{"accounts": ["222233334444", "111122223333"], "reason": "wind-down", "Comment": "x"}`, FleetRequest{Accounts: []string{"222233334444", "111122223333"}, Reason: "wind-down"}},
		{"a list", `{"list": "s3://acme-lists/retired.csv", "dryRun": true, "vpc": "keep"}`, FleetRequest{List: "s3://acme-lists/retired.csv", DryRun: true, VPC: Keep}},
		{"a sweep", `{"unit": "ou-ab12-workload", "sweep": true, "trigger": "arn:aws:scheduler:x"}`, FleetRequest{Unit: "ou-ab12-workload", Sweep: true, Trigger: "arn:aws:scheduler:x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseFleetRequest([]byte(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseFleetRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, input, says string }{
		{"nothing", `{}`, "exactly one of accounts, list and unit"},
		{"two of them", `{"accounts": ["222233334444"], "unit": "ou-ab12-workload"}`, "has 2 of them"},
		{"no account", `{"accounts": []}`, "there is no account in the fleet"},
		{"an account twice", `{"accounts": ["222233334444", "222233334444"]}`, "named twice"},
		{"no account id", `{"accounts": ["22223333444"]}`, "not twelve digits"},
		{"an unknown field", `{"account": ["222233334444"]}`, `did you mean "accounts"`},
		{"a wrong type", `{"accounts": "222233334444"}`, "want a list of account ids"},
		{"no address", `{"list": "https://acme/list.csv"}`, "s3://BUCKET/KEY"},
		{"another kind of list", `{"list": "s3://acme-lists/retired.xlsx"}`, "s3://BUCKET/KEY"},
		{"no unit", `{"unit": "workloads"}`, "not the id of an organizational unit"},
		{"one account's directory", `{"accounts": ["222233334444"], "directory": "d-9067012345"}`, "an id is one account's"},
		{"a sweep of a list", `{"accounts": ["222233334444"], "sweep": true}`, "a sweep looks at a unit"},
		{"a schedule that closes", `{"unit": "ou-ab12-workload", "trigger": "arn:aws:scheduler:x"}`, "asks for more than a plan"},
		{"an empty reason for saving nothing", `{"accounts": ["222233334444"], "skipBackupReason": " "}`, "skipBackupReason is empty"},
		{"too many", `{"accounts": [` + strings.Repeat(`"1",`, MaxFleet) + `"1"]}`, "split it"},
		{"no object", `[]`, "not a JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseFleetRequest([]byte(tt.input))
			if CodeOf(err) != BadRequest || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want BadRequest that says %q", err, tt.says)
			}
		})
	}
}

// Ensure that a run of one account is never asked to close by anything but the folder of a fleet.
func TestRequestOfFleet(t *testing.T) {
	t.Parallel()
	folder := "closings/fleet/20260302T090000Z-run-1/"
	request := FleetRequest{Reason: "wind-down", VPC: Keep}.For("222233334444", folder, false)
	got, err := ParseRequest(Canonical(request))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Request{AccountID: "222233334444", Fleet: folder, Reason: "wind-down", VPC: Keep, Directory: Auto}); cmp.Diff(want, got) != "" {
		t.Error(cmp.Diff(want, got))
	}
	for _, bad := range []string{
		"closings/222233334444/20260302T090000Z-run-1/", "closings/sweep/20260302T090000Z-run-1/", "closings/fleet/", "fleet", "closings/fleet/../222233334444/20260302T090000Z-run-1/",
	} {
		if _, err := ParseRequest(Canonical(Request{AccountID: "222233334444", Fleet: bad})); CodeOf(err) != BadRequest {
			t.Errorf("fleet %q: got %v, want BadRequest", bad, err)
		}
	}
}

// Ensure that what is closed is what every approver kept, and that each must know the largest account that he keeps.
func TestKept(t *testing.T) {
	t.Parallel()
	m := Material{Fleet: []Member{
		{AccountID: "1", Name: "one", Users: 5}, {AccountID: "2", Name: "two", Users: 500, Assets: 1}, {AccountID: "3", Assets: 7}, {AccountID: "4", Name: "four", Users: 5},
	}}
	ids := func(members []Member) (all []string) {
		for _, m := range members {
			all = append(all, m.AccountID)
		}
		return all
	}
	kept := m.Kept([]Decision{{Struck: []string{"2"}}, {Struck: []string{"3", "nobody"}}, {}})
	if diff := cmp.Diff([]string{"1", "4"}, ids(kept)); diff != "" {
		t.Errorf("kept: %s", diff)
	}
	for _, tt := range []struct {
		struck []string
		want   string
	}{{nil, "two"}, {[]string{"2"}, "3"}, {[]string{"2", "3"}, "one"}, {[]string{"1", "2", "3"}, "four"}} {
		if _, want := m.Challenge(tt.struck...); want != tt.want {
			t.Errorf("the challenge without %v is %q, want %q", tt.struck, want, tt.want)
		}
	}
	if got := ids(Outliers(m.Fleet, 5)); cmp.Diff([]string{"2"}, got) != "" {
		t.Errorf("outliers: %v", got)
	}
	if m.NothingToClose() {
		t.Error("a fleet has something to close")
	}
}

// Ensure that the digest of a fleet binds the digest of each account's plan.
func TestFleetDigest(t *testing.T) {
	t.Parallel()
	plan := Plan{Material: Material{AccountID: "222233334444", Contents: []Content{{Kind: "user", N: 1}}, Assets: ListRef{N: 3}, VPC: VPC{Fate: FateDelete, ID: "vpc-1"}, Subscription: &Subscription{AccountName: "acme"}}}
	plan.Digest = plan.Material.Digest()
	of := func() string {
		return Material{Fleet: []Member{MemberOf(plan, "key")}}.Digest()
	}
	before := of()
	if m := MemberOf(plan, "key"); m.Users != 1 || m.Assets != 2 || m.VPC != "vpc-1" || m.Name != "acme" {
		t.Errorf("member: %+v", m)
	}
	plan.Material.Contents[0].Role = "ADMIN"
	if plan.Digest = plan.Material.Digest(); of() == before {
		t.Error("another plan gives the same digest")
	}
	text, err := json.Marshal(Material{})
	if err != nil || strings.Contains(string(text), "fleet") {
		t.Errorf("an account's own plan has a fleet: %s, %v", text, err)
	}
}

package closing

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// FleetRequest is what somebody asks of the machine that closes many accounts. Exactly one of Accounts, List and Unit says which.
type FleetRequest struct {
	Accounts         []string `json:"accounts,omitempty"`
	List             string   `json:"list,omitempty"` // s3://BUCKET/KEY, a CSV with a column accountId, or JSON: ids, or objects with accountId
	Unit             string   `json:"unit,omitempty"` // of the organization: every account in it, however deep
	Reason           string   `json:"reason,omitempty"`
	DryRun           bool     `json:"dryRun,omitempty"` // plan and report; nobody is asked
	Sweep            bool     `json:"sweep,omitempty"`  // look at who uses QuickSight, when last, and what it costs; nobody is asked
	Directory        Choice   `json:"directory,omitempty"`
	VPC              Choice   `json:"vpc,omitempty"`
	SkipBackupReason string   `json:"skipBackupReason,omitempty"`
	Trigger          string   `json:"trigger,omitempty"` // set by triggers, never by people
}

var (
	unitID = regexp.MustCompile(`^(ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}|r-[0-9a-z]{4,32})$`)
	listAt = regexp.MustCompile(`^s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+\.(?:csv|json))$`)
	fleet  = regexp.MustCompile(`^closings/(?:` + FleetFolder + `|` + SweepFolder + `)/[0-9]{8}T[0-9]{6}Z-[^/]+/$`)
)

// wantedOfFleet says in words what each field of a fleet's request takes.
var wantedOfFleet = map[string]string{
	"accounts": "a list of account ids", "list": `"s3://BUCKET/KEY.csv" or ".json"`, "unit": `an organizational unit such as "ou-ab12-decommis"`,
	"reason": "a string", "dryRun": "true or false", "sweep": "true or false", "directory": `"auto" or "keep"`, "vpc": `"auto" or "keep"`,
	"skipBackupReason": "a string", "trigger": "a string",
}

// ParseFleetRequest reads the input of the machine that closes many accounts. It refuses by name what it does not know: every error is an *Error
// with BadRequest.
func ParseFleetRequest(input []byte) (FleetRequest, error) {
	fields, err := object(input)
	if err != nil {
		return FleetRequest{}, badFleet("the input is not a JSON object: %w", err)
	}
	for _, name := range ignored {
		delete(fields, name)
	}
	var r FleetRequest
	known := map[string]any{
		"accounts": &r.Accounts, "list": &r.List, "unit": &r.Unit, "reason": &r.Reason, "dryRun": &r.DryRun, "sweep": &r.Sweep,
		"directory": &r.Directory, "vpc": &r.VPC, "skipBackupReason": &r.SkipBackupReason, "trigger": &r.Trigger,
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		into, ok := known[name]
		if !ok {
			return FleetRequest{}, badFleet("the input has an unknown field %q; did you mean %q?", name, nearest(name, known))
		}
		if err := json.Unmarshal(fields[name], into); err != nil || string(fields[name]) == "null" {
			return FleetRequest{}, badFleet("the field %q has the wrong type: got %s, want %s", name, abbreviate(fields[name]), wantedOfFleet[name])
		}
	}
	if fields["skipBackupReason"] != nil && strings.TrimSpace(r.SkipBackupReason) == "" {
		return FleetRequest{}, badFleet("skipBackupReason is empty: say why nothing need be saved before it is destroyed, or leave it out")
	}
	return r, r.validate()
}

func (r *FleetRequest) validate() error {
	named := 0
	for _, given := range []bool{r.Accounts != nil, r.List != "", r.Unit != ""} {
		if given {
			named++
		}
	}
	switch {
	case named != 1:
		return badFleet("exactly one of accounts, list and unit says which accounts; the input has %d of them", named)
	case r.List != "" && !listAt.MatchString(r.List):
		return badFleet(`list %q is not of the form "s3://BUCKET/KEY.csv" or "s3://BUCKET/KEY.json"`, r.List)
	case r.Unit != "" && !unitID.MatchString(r.Unit):
		return badFleet("unit %q is not the id of an organizational unit, or of the root", r.Unit)
	case r.Sweep && r.Unit == "":
		return badFleet("a sweep looks at a unit of the organization")
	case r.Directory.ID() != "" || r.VPC.ID() != "":
		return badFleet(`directory and vpc are "auto" or "keep": an id is one account's; close that account by itself`)
	case strings.Contains(r.Trigger, scheduleARN) && !r.Sweep && !r.DryRun:
		return badFleet("the schedule %s asks for more than a plan", r.Trigger)
	case r.Accounts != nil:
		_, err := FleetAccounts(r.Accounts)
		return err
	}
	return nil
}

// Bucket and Key are where the list is.
func (r FleetRequest) Bucket() string { return listAt.FindStringSubmatch(r.List)[1] }

// Key is the list's key.
func (r FleetRequest) Key() string { return listAt.FindStringSubmatch(r.List)[2] }

// Folder is where its record is, in the place of an account.
func (r FleetRequest) Folder() string {
	if r.Sweep {
		return SweepFolder
	}
	return FleetFolder
}

// OnlyLooks tells whether nobody will be asked.
func (r FleetRequest) OnlyLooks() bool { return r.DryRun || r.Sweep }

// For is what a run of one account is asked for: in a fleet, the folder of the fleet says what for.
func (r FleetRequest) For(account, folder string, dryRun bool) Request {
	return Request{
		AccountID: account, Fleet: folder, DryRun: dryRun, Reason: r.Reason,
		Directory: r.Directory, VPC: r.VPC, SkipBackupReason: r.SkipBackupReason,
	}
}

// FleetAccounts checks and orders the accounts of a fleet. One that is named twice is a mistake in the list, and refused.
func FleetAccounts(accounts []string) ([]string, error) {
	sorted := slices.Sorted(slices.Values(accounts))
	if len(sorted) == 0 {
		return nil, badFleet("there is no account in the fleet")
	}
	if len(sorted) > MaxFleet {
		return nil, badFleet("the fleet has %d accounts, more than %d; split it", len(sorted), MaxFleet)
	}
	for i, account := range sorted {
		if !accountID.MatchString(account) {
			return nil, badFleet("account %q is not twelve digits", account)
		}
		if i > 0 && account == sorted[i-1] {
			return nil, badFleet("account %s is named twice", account)
		}
	}
	return sorted, nil
}

func badFleet(format string, args ...any) *Error {
	return Errorf(BadRequest, format, args...).WithHint(`nothing was touched; {"accounts": ["111122223333"], "dryRun": true} is enough to start`)
}

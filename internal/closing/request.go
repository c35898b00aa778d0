package closing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// MaxRequestBytes is the largest input that Step Functions accepts.
const MaxRequestBytes = 256 * 1024

// MaxNotBefore is how far ahead a closing can be approved today.
const MaxNotBefore = 90 * 24 * time.Hour

// Request is what an operator, a schedule or a vending pipeline asks for. AccountID alone is enough.
type Request struct {
	AccountID             string     `json:"accountId"`
	Reason                string     `json:"reason,omitempty"`
	DryRun                bool       `json:"dryRun,omitempty"`
	QuickSightAccountName string     `json:"quickSightAccountName,omitempty"` // must match where given
	NotBefore             *time.Time `json:"notBefore,omitempty"`             // approve today, delete then
	Directory             Choice     `json:"directory,omitempty"`             // "auto" (default), "keep", or a directory id
	VPC                   Choice     `json:"vpc,omitempty"`                   // "auto" (default), "keep", or a VPC id
	SkipBackupReason      string     `json:"skipBackupReason,omitempty"`
	Attestation           string     `json:"attestation,omitempty"`    // who created the subscription, in the words of somebody who knows
	IdentityRegion        string     `json:"identityRegion,omitempty"` // hint: where to look first
	Trigger               string     `json:"trigger,omitempty"`        // set by triggers, never by people
	Fleet                 string     `json:"fleet,omitempty"`          // set by the machine that closes many accounts: the fleet's folder
}

// Choice says what becomes of the directory or the VPC: "auto", "keep", or the id of one.
type Choice string

// The choices that are not an id.
const (
	Auto Choice = "auto"
	Keep Choice = "keep"
)

// ID is the id that the operator gave, or "".
func (c Choice) ID() string {
	if c == Auto || c == Keep || c == "" {
		return ""
	}
	return string(c)
}

// ignored are fields that the Step Functions console and its nested executions add to an input.
var ignored = []string{"Comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"}

// ParseRequest reads a Request, bare or in an event that names the account by its id. It refuses by name what it does not know: every
// error is an *Error with BadRequest, or UnknownEvent.
func ParseRequest(input []byte) (Request, error) {
	s, err := ParseStart(input)
	if err == nil && s.AccountName != "" {
		return Request{}, badRequest("the event names the account only as %q", s.AccountName)
	}
	return s.Request, err
}

// readRequest reads the fields of a Request.
func readRequest(fields map[string]json.RawMessage) (Request, error) {
	for _, name := range ignored {
		delete(fields, name)
	}
	var r Request
	known := map[string]any{
		"accountId": &r.AccountID, "reason": &r.Reason, "dryRun": &r.DryRun, "quickSightAccountName": &r.QuickSightAccountName,
		"notBefore": &r.NotBefore, "directory": &r.Directory, "vpc": &r.VPC, "skipBackupReason": &r.SkipBackupReason,
		"attestation": &r.Attestation, "identityRegion": &r.IdentityRegion, "trigger": &r.Trigger, "fleet": &r.Fleet,
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		into, ok := known[name]
		if !ok {
			return Request{}, badRequest("the input has an unknown field %q; did you mean %q?", name, nearest(name, known))
		}
		if err := json.Unmarshal(fields[name], into); err != nil || string(fields[name]) == "null" {
			return Request{}, badRequest("the field %q has the wrong type: got %s, want %s", name, abbreviate(fields[name]), wanted[name])
		}
	}
	if fields["skipBackupReason"] != nil && strings.TrimSpace(r.SkipBackupReason) == "" {
		return Request{}, badRequest("skipBackupReason is empty: say why nothing need be saved before it is destroyed, or leave it out")
	}
	return r, r.validate()
}

// wanted says in words what each field takes.
var wanted = map[string]string{
	"accountId": "a string of twelve digits", "reason": "a string", "dryRun": "true or false", "quickSightAccountName": "a string",
	"notBefore": "a time such as \"2026-05-01T09:00:00Z\"", "directory": "\"auto\", \"keep\" or a directory id",
	"vpc": "\"auto\", \"keep\" or a VPC id", "skipBackupReason": "a string", "attestation": "a string",
	"identityRegion": "a region such as \"us-east-1\"", "trigger": "a string", "fleet": "the folder of a fleet",
}

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	directoryID = regexp.MustCompile(`^d-[0-9a-f]{10}$`)
	vpcID       = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	region      = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
)

func (r *Request) validate() error {
	if r.Directory == "" {
		r.Directory = Auto
	}
	if r.VPC == "" {
		r.VPC = Auto
	}
	switch {
	case r.AccountID == "":
		return badRequest("the input has no accountId")
	case !accountID.MatchString(r.AccountID):
		return badRequest("accountId %q is not twelve digits", r.AccountID)
	case r.Directory.ID() != "" && !directoryID.MatchString(r.Directory.ID()):
		return badRequest("directory %q is neither \"auto\", \"keep\" nor a directory id such as \"d-9067012345\"", string(r.Directory))
	case r.VPC.ID() != "" && !vpcID.MatchString(r.VPC.ID()):
		return badRequest("vpc %q is neither \"auto\", \"keep\" nor a VPC id such as \"vpc-0a1b2c3d\"", string(r.VPC))
	case r.IdentityRegion != "" && !region.MatchString(r.IdentityRegion):
		return badRequest("identityRegion %q is not a region such as \"us-east-1\"", r.IdentityRegion)
	case r.Fleet != "" && !fleet.MatchString(r.Fleet):
		return badRequest("fleet %q is not the folder of a fleet; only the machine that closes many accounts sets it", r.Fleet)
	case r.Fleet != "" && !r.DryRun && !strings.HasPrefix(r.Fleet, "closings/"+FleetFolder+"/"):
		return badRequest("%s is a sweep, which closes nothing", r.Fleet)
	case r.Fleet != "" && r.NotBefore != nil:
		return badRequest("an account of a fleet has no notBefore of its own")
	}
	return nil
}

// object decodes one JSON object, field by field, and refuses a field that is given twice or anything behind the object.
func object(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil {
		return nil, truncated(err)
	} else if t != json.Delim('{') {
		return nil, fmt.Errorf("it starts with %v", t)
	}
	fields := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, truncated(err)
		}
		name, _ := t.(string) // the decoder lets only strings stand here
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("the field %q is given twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, truncated(err)
		}
		fields[name] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, truncated(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind it")
	}
	return fields, nil
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

func badRequest(format string, args ...any) *Error {
	return Errorf(BadRequest, format, args...).WithHint(`nothing was touched; {"accountId": "111122223333"} is enough to start`)
}

func abbreviate(value json.RawMessage) string {
	if len(value) > 40 {
		return string(value[:37]) + "..."
	}
	return string(value)
}

// nearest is the known field with the smallest edit distance to name.
func nearest(name string, known map[string]any) string {
	best, distance := "", 1<<30
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, substitution)
		}
	}
	return row[len(b)]
}

package closing

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseRequest(t *testing.T) {
	t.Parallel()
	notBefore := time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		input string
		want  Request
	}{
		{
			"the account is enough", `{"accountId": "222233334444"}`,
			Request{AccountID: "222233334444", Directory: Auto, VPC: Auto},
		},
		{
			"everything", `{
				"accountId": "222233334444", "reason": "leaver", "dryRun": true, "quickSightAccountName": "acme", "notBefore": "2026-05-01T09:00:00Z",
				"directory": "d-9067012345", "vpc": "vpc-0a1b2c3d4e5f60718", "skipBackupReason": "sandbox", "attestation": "created by J.",
				"identityRegion": "eu-west-1", "trigger": "schedule"}`,
			Request{
				AccountID: "222233334444", Reason: "leaver", DryRun: true, QuickSightAccountName: "acme", NotBefore: &notBefore,
				Directory: "d-9067012345", VPC: "vpc-0a1b2c3d4e5f60718", SkipBackupReason: "sandbox", Attestation: "created by J.",
				IdentityRegion: "eu-west-1", Trigger: "schedule",
			},
		},
		{
			"what the console and nested executions add", `{"Comment": "x", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn", "accountId": "222233334444"}`,
			Request{AccountID: "222233334444", Directory: Auto, VPC: Auto},
		},
		{
			"an event of ours", `{
				"version": "0", "id": "1", "detail-type": "AccountOffboardingRequested", "source": "quicksight-unsubscribe", "account": "111122223333",
				"time": "2026-03-02T09:00:00Z", "region": "us-east-1", "resources": [], "detail": {"accountId": "222233334444", "vpc": "keep"}}`,
			Request{AccountID: "222233334444", Directory: Auto, VPC: Keep},
		},
		{
			"a GovCloud region", `{"accountId": "222233334444", "identityRegion": "us-gov-west-1"}`,
			Request{AccountID: "222233334444", Directory: Auto, VPC: Auto, IdentityRegion: "us-gov-west-1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseRequest([]byte(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRequestRefuses(t *testing.T) {
	t.Parallel()
	const account = `"accountId": "222233334444"`
	for _, tt := range []struct {
		name, input string
		code        Code
		says        string
	}{
		{"nothing", ``, BadRequest, "ends too early"},
		{"truncated", `{"accountId": "2222`, BadRequest, "ends too early"},
		{"truncated between fields", `{` + account + `,`, BadRequest, "ends too early"},
		{"not JSON", `accountId=222233334444`, BadRequest, "not a JSON object"},
		{"null", `null`, BadRequest, "not a JSON object"},
		{"a list", `[{` + account + `}]`, BadRequest, "it starts with ["},
		{"more behind", `{` + account + `} {}`, BadRequest, "more behind it"},
		{"twice", `{` + account + `, ` + account + `}`, BadRequest, `"accountId" is given twice`},
		{"too large", `{` + account + `, "reason": "` + strings.Repeat("x", 300<<10) + `"}`, BadRequest, "more than the 262144"},
		{"no account", `{}`, BadRequest, "no accountId"},
		{"an empty account", `{"accountId": ""}`, BadRequest, "no accountId"},
		{"eleven digits", `{"accountId": "22223333444"}`, BadRequest, `"22223333444" is not twelve digits`},
		{"digits of another script", `{"accountId": "٢٢٢٢٣٣٣٣٤٤٤٤"}`, BadRequest, "not twelve digits"},
		{"a newline behind the account", `{"accountId": "222233334444\n"}`, BadRequest, "not twelve digits"},
		{"a number", `{"accountId": 222233334444}`, BadRequest, `got 222233334444, want a string of twelve digits`},
		{"null for a field", `{` + account + `, "reason": null}`, BadRequest, `"reason" has the wrong type: got null`},
		{"text for a flag", `{` + account + `, "dryRun": "true"}`, BadRequest, `got "true", want true or false`},
		{"a date without time", `{` + account + `, "notBefore": "2026-05-01"}`, BadRequest, "want a time such as"},
		{"unknown field", `{` + account + `, "dryrun": true}`, BadRequest, `unknown field "dryrun"; did you mean "dryRun"?`},
		{"unknown field, far off", `{"account": "222233334444"}`, BadRequest, `did you mean "accountId"?`},
		{"another directory", `{` + account + `, "directory": "corp.example.com"}`, BadRequest, "neither \"auto\", \"keep\" nor a directory id"},
		{"another VPC", `{` + account + `, "vpc": "subnet-0a1b2c3d"}`, BadRequest, "nor a VPC id"},
		{"no region", `{` + account + `, "identityRegion": "Virginia"}`, BadRequest, "not a region"},
		{"another event", `{"detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2", "detail": {}}`, UnknownEvent, "starts no closing"},
		{"another source", `{"detail-type": "AccountOffboardingRequested", "source": "x", "detail": {` + account + `}}`, UnknownEvent, `source "x"`},
		{"an event of a strange type", `{"detail-type": 7, "source": "quicksight-unsubscribe"}`, UnknownEvent, "starts no closing"},
		{"an event without detail", `{"detail-type": "AccountOffboardingRequested", "source": "quicksight-unsubscribe"}`, BadRequest, "the event's detail"},
		{"a bad detail", `{"detail-type": "AccountOffboardingRequested", "source": "quicksight-unsubscribe", "detail": {"acountId": "1"}}`, BadRequest, `did you mean "accountId"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseRequest([]byte(tt.input))
			if CodeOf(err) != tt.code {
				t.Errorf("got the code %q, want %q", CodeOf(err), tt.code)
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want it to say %q", err, tt.says)
			}
			if err != nil && !strings.Contains(err.Error(), "nothing was touched") {
				t.Errorf("%v does not say that nothing was touched", err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d characters", len(err.Error()))
			}
		})
	}
}

// Whatever comes in, a request comes out that can be carried out, or an error with a code.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"accountId": "222233334444"}`, `{"accountId": 1}`, `{"dryRun": true, "dryRun": false}`, `{"detail-type": "AccountOffboardingRequested"}`,
		`{"detail-type": "AccountOffboardingRequested", "source": "quicksight-unsubscribe", "detail": {"accountId": "222233334444"}}`, `[`, `{"": {}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r, err := ParseRequest(input)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code != BadRequest && e.Code != UnknownEvent {
				t.Fatalf("the error %v has no code of an input", err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		same, err := ParseRequest(again)
		if err != nil {
			t.Fatalf("the request %s, made of %q, is refused: %v", again, input, err)
		}
		if diff := cmp.Diff(r, same); diff != "" {
			t.Errorf("the request is another when it is read again: %s", diff)
		}
	})
}

package emulator

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The AWS command line parses by another model than the Go SDK does.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the aws command line is not installed; the SDK tests cover the same operations")
	}
	l := newLab(t, `"buckets": {"record": {}}`,
		`"quickSight": {}, "trail": [{"time": "2026-02-01T00:00:00Z", "name": "CreateAccount", "principal": "arn:aws:iam::`+targetAccount+`:user/ann"}], "users": {"ann": {}}`, Options{})
	server := httptest.NewServer(l.AWS)
	t.Cleanup(server.Close)
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ giveKey, giveCommand, want string }{
		{targetKey, "quicksight describe-account-subscription --query AccountInfo.AccountSubscriptionStatus --aws-account-id " + targetAccount, "ACCOUNT_CREATED"},
		{targetKey, "quicksight delete-account-subscription --aws-account-id " + targetAccount, "PreconditionNotMetException"},
		{targetKey, "cloudtrail lookup-events --query Events[].EventName", "CreateAccount"},
		{targetKey, "iam simulate-principal-policy --policy-source-arn arn:aws:iam::" + targetAccount + ":user/ann --action-names ds:DeleteDirectory --query EvaluationResults[].EvalDecision", "allowed"},
		{hubKey, "s3api put-object --bucket record --key k --if-none-match * --body " + body + " --query ETag", "5d41402abc4b2a76b9719d911017c592"},
	} {
		t.Run(test.giveCommand, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(test.giveCommand), "--endpoint-url", server.URL, "--region", "us-east-1", "--output", "text")
			command := exec.CommandContext(t.Context(), cli, args...)
			command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+test.giveKey, "AWS_SECRET_ACCESS_KEY="+DefaultSecret, "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null")
			out, _ := command.CombinedOutput() // a refusal's code is in the text
			if strings.Contains(string(out), "Unknown options") {
				t.Skip("the aws command line is too old; the SDK tests cover the same operations")
			}
			if !strings.Contains(string(out), test.want) {
				t.Errorf("got %s, want %s", out, test.want)
			}
		})
	}
}

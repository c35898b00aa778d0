package replay

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/workflow"
)

// Ensure each role, without one of its permissions, fails a story that comes out well with it: as it would fail in AWS.
func TestWithoutPermission(t *testing.T) {
	t.Parallel()
	rows := []struct{ role, action, story string }{
		{"verify-caller", "sts:AssumeRole", "dry-run"},
		{"take-inventory", "s3:PutObject", "dry-run"},
		{"find-starter", "cloudtrail:LookupEvents", "rejected"},
		{"request-approval", "kms:GenerateDataKey", "rejected"},
		{"decide-approval", "s3:PutObject", "rejected"},
		{"export-assets", "sts:AssumeRole", "early-adopter"},
		{"commit-plan", "kms:Decrypt", "unprotected-before"},
		{"delete-subscription", "ssm:GetParameter", "unprotected-before"},
		{"delete-directory", "sts:AssumeRole", "early-adopter"},
		{"delete-vpc", "states:DescribeExecution", "early-adopter"},
		{"write-report", "sns:Publish", "dry-run"},
		{"finish-run", "sqs:ReceiveMessage", "stopped-after-protection-off"},
		{"machine", "lambda:InvokeFunction", "dry-run"},
		{"QuickSightUnsubscribeRead", "quicksight:ListDashboards", "dry-run"},
		{"QuickSightUnsubscribeClose", "ec2:DeleteSubnet", "early-adopter"},
	}
	missing := map[string]bool{}
	for _, f := range workflow.Functions() {
		missing[f.Folder] = true
	}
	for _, row := range rows {
		delete(missing, row.role)
		t.Run(row.role, func(t *testing.T) {
			t.Parallel()
			role := row.role
			if !strings.HasPrefix(role, "QuickSight") {
				role = workflow.Prefix + "-" + role
			}
			s, err := Load(filepath.Join(events, row.story))
			if err != nil {
				t.Fatal(err)
			}
			run, err := Play(t.Context(), s, Options{WithoutPermission: Permission{Role: role, Action: row.action}})
			if err != nil {
				return // it cannot even be told to its end
			}
			if run.Judge().Met {
				t.Errorf("%s comes out as it should although %s may not %s", row.story, role, row.action)
			}
			if said := fmt.Sprint(run.answers, run.refusals()); !strings.Contains(said, row.action) {
				t.Errorf("nobody says that %s is missing: %s", row.action, said)
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no permission is taken away of %v", slices.Sorted(maps.Keys(missing)))
	}
}

// refusals is all that the run says of why it failed.
func (r *Run) refusals() []string {
	var said []string
	for _, e := range r.Executions {
		said = append(said, e.Cause())
		if e.Report != nil && e.Report.Failure != nil {
			said = append(said, e.Report.Failure.Message)
		}
	}
	for _, c := range r.Calls {
		said = append(said, c.Message)
	}
	return said
}

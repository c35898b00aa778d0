package step

import (
	"strings"
	"testing"

	"quicksight-unsubscribe/internal/closing"
)

// Ensure that what people and AWS wrote is text in the certificate, and that each part of the report is there.
func TestCertificate(t *testing.T) {
	t.Parallel()
	got := string(certificate(closing.Report{
		FirstLine: closing.FirstLine(true), AccountID: "222233334444",
		Request:   &closing.Request{Reason: "<script>alert(1)</script>"},
		Decisions: []closing.Decision{{Person: "ann", Verdict: closing.Approve}},
		Acts:      []closing.Act{{Operation: "ec2:DeleteVpc", RequestID: "r-1"}, {Operation: "ec2:DeleteSubnet", RequestID: byObservation}},
		Manifest:  &closing.Manifest{Exported: 1, Failed: 1},
		Objects:   []closing.Saved{{Name: "backup/us-east-1/1.qs", SHA256: "abc"}}, Unsaved: []closing.Unsaved{{ARN: "arn:broken"}},
		Starter: "arn:starter", NotDone: []closing.Undone{{Kind: "VPC", ID: "vpc-undone", Why: "not begun"}},
		Gone: []closing.Check{{ID: "gone-1", Shown: "ds:DescribeDirectories: no such directory"}},
		Left: []closing.Check{{ID: "kept-1", Why: "kept: somebody's"}}, LeftBehind: []closing.Check{{ID: "left-1", Do: []string{"aws iam delete-role"}}},
		Timeline: []closing.Moment{{What: "Take Inventory", Times: 7}}, RunCost: &closing.Estimate{AsOf: "2026-11", USD: 0.5, Sources: []string{"the price list"}},
		Consequences: closing.Plan{Material: closing.Material{Subscription: &closing.Subscription{}}}.Consequences(),
	}))
	for _, want := range []string{
		"<h1>Irreversible step done: yes</h1>", "&lt;script&gt;", "ann", "r-1", "established by observation", "backup/us-east-1/1.qs", "abc", "arn:broken", "console/unsubscribe",
		"arn:starter", "vpc-undone", "not begun", "gone-1", "no such directory", "kept: somebody&#39;s", "left-1", "aws iam delete-role", "Take Inventory × 7",
		"about USD 0.50 at list prices of 2026-11", "the price list", "Monthly cost stopped",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the certificate lacks %s", want)
		}
	}
	if strings.Contains(got, "<script") || strings.Contains(got, "src=") {
		t.Error("the certificate is not plain")
	}
}

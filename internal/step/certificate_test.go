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
		Acts:      []closing.Act{{Operation: "ec2:DeleteVpc", RequestID: "r-1"}, {Operation: "ec2:DeleteSubnet"}},
		Manifest:  &closing.Manifest{Exported: 1, Failed: 1},
		Objects:   []closing.Saved{{Name: "backup/us-east-1/1.qs", SHA256: "abc"}}, Unsaved: []closing.Unsaved{{ARN: "arn:broken"}},
		Consequences: closing.Plan{Material: closing.Material{Subscription: &closing.Subscription{}}}.Consequences(),
	}))
	for _, want := range []string{
		"<h1>Irreversible step done: yes</h1>", "&lt;script&gt;", "ann", "r-1", "established by observation", "backup/us-east-1/1.qs", "abc", "arn:broken", "console/unsubscribe",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the certificate lacks %s", want)
		}
	}
	if strings.Contains(got, "<script") || strings.Contains(got, "src=") {
		t.Error("the certificate is not plain")
	}
}

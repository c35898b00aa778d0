package emulator

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
)

// BenchmarkCall is one call of an SDK client in process, signature and all.
func BenchmarkCall(b *testing.B) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	world := &World{Now: at, Accounts: map[string]*Account{targetAccount: {
		QuickSight: &QuickSight{}, Principals: []Credential{{AccessKeyID: targetKey, ARN: "arn:aws:iam::" + targetAccount + ":user/ann"}},
	}}}
	aws, err := New(Options{World: world})
	if err != nil {
		b.Fatal(err)
	}
	client := (&lab{AWS: aws, now: at}).target("us-east-1")
	for b.Loop() {
		if _, err := client.DescribeAccountSubscription(background, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: target}); err != nil {
			b.Fatal(err)
		}
	}
}

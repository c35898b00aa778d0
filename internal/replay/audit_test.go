package replay

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
)

// Ensure that somebody hears of an account which is unsubscribed by hand where the workflow has never run.
func TestUnsubscribedBeforeAnyRun(t *testing.T) {
	t.Parallel()
	c := newCounter(t, "closed-while-subscribed", 0)
	client := quicksight.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: c.client.Options().BaseEndpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIAMALLORY", emulator.DefaultSecret, ""),
	})
	account := "222233334444"
	if _, err := client.DeleteAccountSubscription(t.Context(), &quicksight.DeleteAccountSubscriptionInput{AwsAccountId: &account}); err != nil {
		t.Fatal(err)
	}
	c.start("run-1") // waiting takes no time once something runs
	alarms := c.server.player.run.alarms
	if len(alarms) != 1 || alarms[0].Name != step.UnsubscribedWithoutUs || !strings.Contains(alarms[0].Says, "none intended to unsubscribe") {
		t.Errorf("alarms: %+v", alarms)
	}
}

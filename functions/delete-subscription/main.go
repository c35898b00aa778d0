// Command delete-subscription is the Lambda behind the "Delete Subscription" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.DeleteSubscription) }

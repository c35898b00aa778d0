// Command plan-fleet is the Lambda behind the "List Accounts" and "Plan Fleet" states.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.PlanFleet) }

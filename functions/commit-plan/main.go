// Command commit-plan is the Lambda behind the "Commit Plan" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.CommitPlan) }

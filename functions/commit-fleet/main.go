// Command commit-fleet is the Lambda behind the "Commit Fleet" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.CommitFleet) }

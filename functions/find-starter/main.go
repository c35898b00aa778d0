// Command find-starter is the Lambda behind the "Find Starter" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.FindStarter) }

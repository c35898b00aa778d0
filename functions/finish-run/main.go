// Command finish-run is the Lambda behind the end of an execution that failed, timed out or was stopped.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.FinishRun) }

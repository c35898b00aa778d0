// Command write-report is the Lambda behind the "Write Report" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.WriteReport) }

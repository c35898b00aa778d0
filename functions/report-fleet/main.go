// Command report-fleet is the Lambda behind the "Check Canary" and "Report Fleet" states.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.ReportFleet) }

// Command request-approval is the Lambda behind the "Request Approval", "Read Decision" and "Cooling Off" states.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.RequestApproval) }

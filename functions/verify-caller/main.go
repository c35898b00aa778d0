// Command verify-caller is the Lambda behind the "Verify Caller" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.VerifyCaller) }

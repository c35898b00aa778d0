// Command delete-vpc is the Lambda behind the "Delete VPC" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.DeleteVPC) }

// Command delete-directory is the Lambda behind the "Delete Directory" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.DeleteDirectory) }

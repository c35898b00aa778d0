// Command export-assets is the Lambda behind the "Export Assets" state.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.ExportAssets) }

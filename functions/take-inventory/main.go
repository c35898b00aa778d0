// Command take-inventory is the Lambda behind the "Take Inventory" and "Retake Inventory" states.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.TakeInventory) }

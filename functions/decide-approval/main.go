// Command decide-approval is the Lambda behind the page of a closing, and behind "unsubscribe approve", "reject" and "cancel".
package main

import (
	"quicksight-unsubscribe/internal/approval"
	"quicksight-unsubscribe/internal/boot"
)

func main() { boot.Start(approval.Function) }

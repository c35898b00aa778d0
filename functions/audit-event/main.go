// Command audit-event is the Lambda behind the rules on what has happened to an account around the workflow.
package main

import (
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/step"
)

func main() { boot.Start(step.AuditEvent) }

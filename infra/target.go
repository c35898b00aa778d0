package main

const (
	roleRead  = "QuickSightUnsubscribeRead"  // step.RoleRead
	roleClose = "QuickSightUnsubscribeClose" // step.RoleClose
)

package emulator

// QuickSight is an account's QuickSight.
type QuickSight struct{}

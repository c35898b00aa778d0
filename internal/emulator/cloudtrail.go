package emulator

// TrailEvent is one event in CloudTrail's event history.
type TrailEvent struct{}

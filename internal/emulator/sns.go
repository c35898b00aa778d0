package emulator

// Topic is an SNS topic.
type Topic struct {
	Name string `json:"name"`
}

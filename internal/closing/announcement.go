package closing

import "time"

// EventSource is the source of every EventBridge event of ours: of the one that asks for a closing, and of those that tell of it.
const EventSource = "quicksight-unsubscribe"

// Announcement is the detail of an EventBridge event that tells of a closing, for people's own chat and for pipelines that wait. It bears
// neither the doorbell's token nor what an approver types, and decides nothing. EventBridge may deliver it twice.
type Announcement interface {
	// Type is the event's detail-type.
	Type() string
}

// Announced are the detail-types of our announcements.
func Announced() []string {
	return []string{ApprovalRequested{}.Type(), ApprovalDecided{}.Type(), ApprovalExpired{}.Type(), Finished{}.Type()}
}

// Concerning is what every announcement says of its run.
type Concerning struct {
	Version   int    `json:"version"`   // of this JSON, 1
	AccountID string `json:"accountId"` // "" where the execution's input names none
	Execution string `json:"execution"` // ARN
	Closing   string `json:"closing"`   // the closing folder: s3://bucket/closings/<account>/<run>/
}

// ApprovalRequested says that people are asked, or reminded.
type ApprovalRequested struct {
	Concerning
	Round     int       `json:"round"`
	Digest    string    `json:"digest"`
	AskedAt   time.Time `json:"askedAt"` // for the first time: a reminder has the same
	Deadline  time.Time `json:"deadline"`
	Quorum    int       `json:"quorum"`
	Approvers []string  `json:"approvers,omitempty"` // whom configuration names; none: all of the hub account
	Starter   string    `json:"starter"`
	Reason    string    `json:"reason,omitempty"`
	Page      string    `json:"page,omitempty"` // for whoever signs with AWS credentials
}

// ApprovalDecided says that one person has approved, rejected or cancelled.
type ApprovalDecided struct {
	Concerning
	Round     int       `json:"round"`
	Digest    string    `json:"digest"`
	Verdict   Verdict   `json:"verdict"`
	Person    string    `json:"person"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason,omitempty"`
	Approvals int       `json:"approvals"` // that count so far
	Quorum    int       `json:"quorum"`
}

// ApprovalExpired says that a round has ended without enough approvals. Nothing is deleted.
type ApprovalExpired struct {
	Concerning
	Round    int       `json:"round"`
	Digest   string    `json:"digest"`
	Deadline time.Time `json:"deadline"`
}

// Finished says how a run has ended. Each end is announced once, and a run that is redriven has more than one; Report tells them
// apart, should AWS deliver one twice.
type Finished struct {
	Concerning
	Outcome      Outcome `json:"outcome"`
	Error        string  `json:"error"`        // what stopped it, "" if nothing did. Closing.Delivered: another run goes on, which the same event has started
	Irreversible bool    `json:"irreversible"` // the subscription was deleted
	Report       string  `json:"report"`       // s3://bucket/key
	Summary      string  `json:"summary"`
}

// Type is the event's detail-type.
func (ApprovalRequested) Type() string { return "ApprovalRequested" }

// Type is the event's detail-type.
func (ApprovalDecided) Type() string { return "ApprovalDecided" }

// Type is the event's detail-type.
func (ApprovalExpired) Type() string { return "ApprovalExpired" }

// Type is the event's detail-type.
func (Finished) Type() string { return "ClosingFinished" }

package closing

import (
	"errors"
	"fmt"
)

// Code names a kind of failure. It is the error name that the state machine's Retry and Catch match.
type Code string

// The codes. Each is caught, or deliberately not caught, by the state machine; a rule test holds that none is unknown there.
const (
	BadRequest        Code = "Closing.BadRequest"        // the input is not a request
	UnknownEvent      Code = "Closing.UnknownEvent"      // an EventBridge event that starts no closing
	WrongAccount      Code = "Closing.WrongAccount"      // the credentials or the QuickSight account are not those of the request
	ProtectedAccount  Code = "Closing.ProtectedAccount"  // an account that is never closed: by list, tag or OU, or one that the organization stands on
	TargetUnreachable Code = "Closing.TargetUnreachable" // a role cannot be assumed, or an organization's policy denies everything
	MissingPermission Code = "Closing.MissingPermission" // the role is there and may not do what closing needs
	RegionUnreadable  Code = "Closing.RegionUnreadable"  // a region that must be read could not be
	UnknownStatus     Code = "Closing.UnknownStatus"     // AWS answered with a state that nobody has documented or seen
	NoEvidence        Code = "Closing.NoEvidence"        // nothing shows that the named resource, or the starter, belongs to this closing
	AlreadyRunning    Code = "Closing.AlreadyRunning"    // another run holds the account's lock
	Delivered         Code = "Closing.Delivered"         // the trigger was delivered before, and started another run
	Superseded        Code = "Closing.Superseded"        // a fresh run has taken the account's lock over
	Blocked           Code = "Closing.Blocked"           // the plan cannot be carried out safely
	NoApprover        Code = "Closing.NoApprover"        // fewer people may approve than must
	NotDecided        Code = "Closing.NotDecided"        // a decision is refused: no open ask, wrong round, digest or person
	NotCommitted      Code = "Closing.NotCommitted"      // a delete step without a valid commit
	Claimed           Code = "Closing.Claimed"           // another run has used the account's approval in a fleet
	NotInFleet        Code = "Closing.NotInFleet"        // the commit of a fleet does not cover the account, or not any more
	CanaryFailed      Code = "Closing.CanaryFailed"      // of the accounts of a fleet that are closed first, one was not
	Halted            Code = "Closing.Halted"            // the kill switch is on
	Stale             Code = "Closing.Stale"             // the account changed after the commit; a fresh run must ask again
	Overrun           Code = "Closing.Overrun"           // a step did not finish by its deadline
	UnsubscribeFailed Code = "Closing.UnsubscribeFailed" // AWS could not unsubscribe the account
	ProtectionStuck   Code = "Closing.ProtectionStuck"   // termination protection still reads as on after it was switched off
	RecordInvalid     Code = "Closing.RecordInvalid"     // an object of the record is not what its writer would have written
	NotRunning        Code = "Closing.NotRunning"        // the execution that a step acts for is not RUNNING

	Transient Code = "Closing.Transient" // AWS throttled, failed or did not answer; the state machine retries
	Internal  Code = "Closing.Internal"  // anything else, a bug or a broken deployment; not retried
)

// Error is the one error type that leaves a step.
type Error struct {
	Code    Code   // the error name in the state machine
	Message string // what happened, and what was and was not touched
	Hint    string // what to do next; may be empty
	Err     error  // the cause, for the log; may be nil
}

// Errorf makes an Error; a %w verb keeps its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy that says what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	hinted := *e
	hinted.Hint = fmt.Sprintf(format, args...)
	return &hinted
}

// Error is the message and, behind it, the hint.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf finds the code of err, or "" where err holds no Error.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

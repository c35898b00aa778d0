package closing

import (
	"encoding/json"
	"strings"
)

// Start is what an execution's input asks for, whether a person, a schedule or an event wrote it.
type Start struct {
	Request  Request
	Delivery string // what a second delivery of the same trigger has too: an event's id, or a schedule and its time; "" for people
	// AccountName stands for Request.AccountID, which is empty, where the trigger knows the account only by its name in the organization.
	AccountName string
}

// OffboardingEvent is our own EventBridge event that asks for a closing: its detail is a Request.
const OffboardingEvent = "AccountOffboardingRequested"

// How CloudTrail's events come over EventBridge: calls of an API, and what a service did by itself.
const (
	APICall      = "AWS API Call via CloudTrail"
	ServiceEvent = "AWS Service Event via CloudTrail"
)

// CleanAccountRequest is the event by which Innovation Sandbox on AWS has a leased account cleaned.
const CleanAccountRequest = "CleanAccountRequest"

// scheduleARN is in the trigger that our schedules send: the schedule's ARN, then the time for which it was due.
const scheduleARN = ":scheduler:"

// ParseStart reads the input of an execution: a Request, or a raw EventBridge event of account offboarding. Every error is an *Error:
// BadRequest, or UnknownEvent for an event that starts no closing.
func ParseStart(input []byte) (Start, error) {
	if len(input) > MaxRequestBytes {
		return Start{}, badRequest("the input has %d bytes, more than the %d that an execution takes", len(input), MaxRequestBytes)
	}
	fields, err := object(input)
	if err != nil {
		return Start{}, badRequest("the input is not a JSON object: %w", err)
	}
	if fields["detail-type"] != nil {
		return offboarding(fields)
	}
	s := Start{}
	if s.Request, err = readRequest(fields); err != nil {
		return Start{}, err
	}
	if strings.Contains(s.Request.Trigger, scheduleARN) {
		s.Delivery = s.Request.Trigger
		if !s.Request.DryRun {
			return Start{}, badRequest("the schedule %s asks for more than a plan; a closing on a date is a request with notBefore, which people approve today", s.Request.Trigger)
		}
	}
	return s, nil
}

// Identify completes a start whose trigger knows the account only by its name.
func (s *Start) Identify(account string) error {
	s.Request.AccountID, s.AccountName = account, ""
	return s.Request.validate()
}

// offboarding reads an EventBridge event.
func offboarding(event map[string]json.RawMessage) (Start, error) {
	var source, kind string
	s := Start{}
	_ = json.Unmarshal(event["source"], &source) // what is not a string matches nothing below
	_ = json.Unmarshal(event["detail-type"], &kind)
	_ = json.Unmarshal(event["id"], &s.Delivery)
	if source == EventSource && kind == OffboardingEvent {
		fields, err := object(event["detail"])
		if err != nil {
			return Start{}, badRequest("the event's detail is not a JSON object: %w", err)
		}
		s.Request, err = readRequest(fields)
		return s, err
	}
	read := readers[kind]
	if read == nil {
		return Start{}, unknownEvent(source, kind)
	}
	var d detail
	if err := json.Unmarshal(event["detail"], &d); err != nil {
		return Start{}, badRequest("the event's detail cannot be read: %w", err)
	}
	why, err := read(&s, source, d)
	if err != nil {
		return Start{}, err
	}
	s.Request.Trigger = strings.TrimSpace("event " + s.Delivery)
	s.Request.Reason = why
	if s.AccountName != "" {
		return s, nil
	}
	return s, s.Request.validate()
}

// detail is what is read of the details of AWS's events. It is not strict: AWS adds fields.
type detail struct {
	EventName         string `json:"eventName"`
	ErrorCode         string `json:"errorCode"`
	RequestParameters struct {
		AccountID              string `json:"accountId"`
		DestinationParentID    string `json:"destinationParentId"`
		ProvisionedProductName string `json:"provisionedProductName"`
	} `json:"requestParameters"`
	ResponseElements struct {
		RecordDetail struct {
			ProvisionedProductName string `json:"provisionedProductName"`
		} `json:"recordDetail"`
	} `json:"responseElements"`
	ServiceEventDetails struct {
		Updated struct {
			State   string `json:"state"`
			Account struct {
				ID string `json:"accountId"`
			} `json:"account"`
			Unit struct {
				Name string `json:"organizationalUnitName"`
			} `json:"organizationalUnit"`
		} `json:"updateManagedAccountStatus"`
	} `json:"serviceEventDetails"`

	// Innovation Sandbox.
	AccountID string `json:"accountId"`
	Reason    string `json:"reason"`
}

// readers turn an event's detail into who is to be closed, by the event's detail-type, and say why.
var readers = map[string]func(s *Start, source string, d detail) (why string, err error){
	APICall: func(s *Start, source string, d detail) (string, error) {
		p := d.RequestParameters
		switch {
		case d.ErrorCode != "":
			return "", Errorf(UnknownEvent, "the call of %s failed with %s, so that nothing happened to the account; nothing was touched", d.EventName, d.ErrorCode).
				WithHint(`have the rule's pattern ask for "errorCode": [{"exists": false}]`)
		case source == "aws.organizations" && d.EventName == "MoveAccount":
			s.Request.AccountID = p.AccountID
			return "the account was moved into " + p.DestinationParentID, nil
		case source == "aws.servicecatalog" && d.EventName == "TerminateProvisionedProduct":
			// A call that names the product by its id has the name in its answer.
			for _, name := range []string{p.ProvisionedProductName, d.ResponseElements.RecordDetail.ProvisionedProductName} {
				if name != "" {
					s.AccountName = name
					return "its product " + name + " was terminated in Service Catalog", nil
				}
			}
			return "", badRequest("the event does not name the product that was terminated, and with it the account")
		}
		return "", unknownEvent(source, d.EventName)
	},
	ServiceEvent: func(s *Start, source string, d detail) (string, error) {
		updated := d.ServiceEventDetails.Updated
		switch {
		case source == "aws.organizations":
			return "", Errorf(UnknownEvent, "%s comes too late to close QuickSight: the account can no longer be reached; nothing was touched", d.EventName).
				WithHint("send %q before an account is closed", OffboardingEvent)
		case source != "aws.controltower" || d.EventName != "UpdateManagedAccount":
			return "", unknownEvent(source, d.EventName)
		case updated.State != "SUCCEEDED":
			return "", Errorf(UnknownEvent, "Control Tower did not update the account: %q; nothing was touched", updated.State).
				WithHint(`have the rule's pattern ask for "state": ["SUCCEEDED"]`)
		}
		s.Request.AccountID = updated.Account.ID
		return "Control Tower moved the account into " + updated.Unit.Name, nil
	},
	// Its source bears the name of the deployment, so that the detail-type alone tells.
	CleanAccountRequest: func(s *Start, _ string, d detail) (string, error) {
		switch d.Reason {
		case "ACCOUNT_REGISTRATION", "LEASE_TERMINATION", "RETRY_FAILED_CLEANUP", "LEASE_RESET":
			s.Request.AccountID = d.AccountID
			return "Innovation Sandbox cleans the account: " + d.Reason, nil
		}
		return "", Errorf(UnknownEvent, "Innovation Sandbox gives the unknown reason %q; nothing was touched", d.Reason).
			WithHint("start a closing of account %s by hand where it is meant", d.AccountID)
	},
}

func unknownEvent(source, kind string) *Error {
	return Errorf(UnknownEvent, "the event %q of source %q starts no closing; nothing was touched", kind, source).
		WithHint("send %q of source %q, or correct the rule's pattern", OffboardingEvent, EventSource)
}

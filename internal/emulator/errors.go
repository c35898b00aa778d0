package emulator

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
)

// APIError is an error answer of AWS.
type APIError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Status  int            `json:"status,omitempty"` // HTTP status; 0: 400
	Fields  map[string]any `json:"fields,omitempty"` // further members of the error shape (JSON protocols)
}

func (e *APIError) Error() string { return e.Code + ": " + e.Message }

func (e *APIError) status() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// apiError is short for the common case, HTTP 400.
func apiError(code, format string, args ...any) *APIError {
	return &APIError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// writeError encodes an error as the protocol does.
func writeError(p protocol, e *APIError, requestID string) reply {
	out := reply{status: e.status(), header: http.Header{}}
	switch p {
	case restJSON, json10, json11:
		members := map[string]any{"Message": e.Message, "message": e.Message}
		if p == restJSON {
			// The REST clients read the type from the header; the body carries the members of the shape.
			out.header.Set("X-Amzn-Errortype", e.Code)
			members = map[string]any{"Message": e.Message, "RequestId": requestID}
		} else {
			members["__type"] = e.Code
			delete(members, "Message")
		}
		for name, value := range e.Fields {
			members[name] = value
		}
		out.header.Set("Content-Type", p.contentType())
		out.body, _ = json.Marshal(members)
	case query, restXML:
		out.header.Set("Content-Type", "text/xml")
		fault := "Sender"
		if out.status >= 500 {
			fault = "Receiver"
		}
		out.body = fmt.Appendf(nil, "<ErrorResponse><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>",
			fault, xmlText(e.Code), xmlText(e.Message), requestID)
	case ec2Query:
		out.header.Set("Content-Type", "text/xml;charset=UTF-8")
		out.body = fmt.Appendf(nil, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>",
			xmlText(e.Code), xmlText(e.Message), requestID)
	case s3XML:
		out.header.Set("Content-Type", "application/xml")
		out.body = fmt.Appendf(nil, "<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>",
			xmlText(e.Code), xmlText(e.Message), requestID)
	}
	return out
}

func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes every write
	return b.String()
}

// missing is how each protocol reports an absent required member.
func (p protocol) missing(member string) *APIError {
	switch p {
	case ec2Query:
		return apiError("MissingParameter", "The request must contain the parameter %s", member)
	case query, restXML:
		return apiError("ValidationError", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(member))
	case restJSON:
		return apiError("InvalidParameterValueException", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(member))
	case s3XML:
		return apiError("InvalidArgument", "%s is missing", member)
	}
	return apiError("ValidationException", "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(member))
}

// badCredentials is how each protocol refuses an access key that it does not know.
func (p protocol) badCredentials() *APIError {
	switch p {
	case ec2Query:
		return &APIError{Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials", Status: 401}
	case query, restXML:
		return &APIError{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: 403}
	case s3XML:
		return &APIError{Code: "InvalidAccessKeyId", Message: "The AWS Access Key Id you provided does not exist in our records.", Status: 403}
	}
	return &APIError{Code: "UnrecognizedClientException", Message: "The security token included in the request is invalid.", Status: p.forbidden()}
}

// forbidden is the HTTP status of an authentication failure: the JSON-RPC protocols use 400 for everything a client did wrong.
func (p protocol) forbidden() int {
	if p == json10 || p == json11 {
		return http.StatusBadRequest
	}
	return http.StatusForbidden
}

// denied is how each protocol says that IAM refused.
func (p protocol) denied(message string) *APIError {
	switch p {
	case ec2Query:
		return &APIError{Code: "UnauthorizedOperation", Message: "You are not authorized to perform this operation. " + message, Status: 403}
	case query, restXML, s3XML:
		return &APIError{Code: "AccessDenied", Message: message, Status: 403}
	}
	return &APIError{Code: "AccessDeniedException", Message: message, Status: p.forbidden()}
}

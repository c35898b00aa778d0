package step

import (
	"encoding/json"
)

// MaxPolicy is the size of a session policy that STS takes, in characters.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
const MaxPolicy = 2048

// Policy is an IAM policy that narrows one session of a role. A nil Policy narrows nothing.
type Policy []Statement

// Statement allows actions on resources.
type Statement struct {
	Actions   []string
	Resources []string // nil: "*", for actions without resource-level permissions
	Regions   []string // nil: all; else aws:RequestedRegion
}

// JSON is the policy document, or "" for a policy that narrows nothing.
func (p Policy) JSON() string {
	if p == nil {
		return ""
	}
	type statement struct {
		Effect    string         `json:"Effect"`
		Action    []string       `json:"Action"`
		Resource  []string       `json:"Resource"`
		Condition map[string]any `json:"Condition,omitempty"`
	}
	document := struct {
		Version   string      `json:"Version"`
		Statement []statement `json:"Statement"`
	}{Version: "2012-10-17"}
	for _, s := range p {
		out := statement{Effect: "Allow", Action: s.Actions, Resource: s.Resources}
		if out.Resource == nil {
			out.Resource = []string{"*"}
		}
		if s.Regions != nil {
			out.Condition = map[string]any{"StringEquals": map[string]any{"aws:RequestedRegion": s.Regions}}
		}
		document.Statement = append(document.Statement, out)
	}
	text, _ := json.Marshal(document) //nolint:errchkjson // strings alone
	return string(text)
}

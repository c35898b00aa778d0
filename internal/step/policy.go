package step

import (
	"encoding/json"

	"quicksight-unsubscribe/internal/workflow"
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

// What an organization's policy needs in each statement that denies, so that a closing gets through: the first in those that apply to the account that
// is closed, the second in those that apply to the hub.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_syntax.html
const (
	ExceptTargets   = `"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/QuickSightUnsubscribe*"}}`
	ExceptFunctions = `"Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/` + workflow.Prefix + `/*"}}`
)

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

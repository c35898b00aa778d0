package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"quicksight-unsubscribe/internal/workflow"
)

// placeholders stand for what is known only when a stack is deployed, so that equal code gives an equal definition.
var placeholders = map[string]string{
	"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "111122223333", "AWS::URLSuffix": "amazonaws.com",
	"HubAccountId": "111122223333",
}

// targetAccount is where the target stack is deployed.
const targetAccount = "444455556666"

// template is a synthesized CloudFormation template.
type template map[string]any

// roles are the roles of a template by name, as the replay gives them to its AWS.
func (t template) roles() map[string]any {
	roles := map[string]any{}
	for _, r := range t.resources("AWS::IAM::Role") {
		name, named := r["RoleName"].(string)
		if !named {
			continue // of the CDK's own functions
		}
		var policies []any
		inline, _ := r["Policies"].([]any)
		for _, p := range inline {
			policies = append(policies, t.resolve(p.(map[string]any)["PolicyDocument"]))
		}
		role := map[string]any{"trust": t.resolve(r["AssumeRolePolicyDocument"]), "policies": policies}
		if path := r["Path"]; path != nil {
			role["path"] = path
		}
		roles[name] = role
	}
	return roles
}

// resourcePolicies are the policies of what the functions use, by ARN. The access log's bucket and the dead letters' queues are left out: only
// AWS itself has to do with them.
func (t template) resourcePolicies() map[string]any {
	found := map[string]any{}
	keep := func(arn, policy any) {
		if name := arn.(string); !strings.Contains(name, "AccessLog") && !strings.HasSuffix(name, "Dead") {
			found[name] = t.resolve(policy)
		}
	}
	for _, r := range t.resources("AWS::S3::BucketPolicy") {
		keep("arn:aws:s3:::"+t.resolve(r["Bucket"]).(string), r["PolicyDocument"])
	}
	for _, r := range t.resources("AWS::SNS::TopicPolicy") {
		keep(t.resolve(r["Topics"]).([]any)[0], r["PolicyDocument"])
	}
	for _, r := range t.resources("AWS::SQS::QueuePolicy") {
		keep(t.resolve(r["Queues"]).([]any)[0], r["PolicyDocument"])
	}
	for id, r := range t.resources("AWS::KMS::Key") {
		keep(t.attribute(id, "Arn"), r["KeyPolicy"])
	}
	return found
}

// permissions are who may do what: the hub's roles and the policies of its resources, and the roles of a target and of the management account.
func permissions(hub, target, organization template) ([]byte, error) {
	return indented(map[string]any{
		"hub": map[string]any{"roles": hub.roles(), "resources": hub.resourcePolicies()}, "target": map[string]any{"roles": target.roles()},
		"organization": map[string]any{"roles": organization.roles()},
	})
}

// definition is a state machine of the template as Step Functions would get it: intrinsic functions resolved, published versions
// by the ARN of their function (their logical ids carry a hash of the code), keys sorted.
func (t template) definition(name string) ([]byte, error) {
	for id, r := range t.resources("AWS::StepFunctions::StateMachine") {
		if r["StateMachineName"] != name {
			continue
		}
		text, ok := t.resolve(r["DefinitionString"]).(string)
		if !ok {
			return nil, fmt.Errorf("the definition of %s does not resolve to text", id)
		}
		var tree any
		if err := json.Unmarshal([]byte(text), &tree); err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", id, err)
		}
		return indented(tree)
	}
	return nil, fmt.Errorf("the template has no state machine %s", name)
}

// resources are the properties of all resources of a type, by logical id.
func (t template) resources(kind string) map[string]map[string]any {
	found := map[string]map[string]any{}
	all, _ := t["Resources"].(map[string]any)
	for id, r := range all {
		if r, ok := r.(map[string]any); ok && r["Type"] == kind {
			found[id], _ = r["Properties"].(map[string]any)
		}
	}
	return found
}

// resolve replaces Ref, Fn::GetAtt, Fn::If and Fn::Join throughout v.
func (t template) resolve(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = t.resolve(v[i])
		}
		return out
	case map[string]any:
		if len(v) == 1 {
			if id, ok := v["Ref"].(string); ok {
				return t.reference(id)
			}
			if path, ok := v["Fn::GetAtt"].([]any); ok {
				return t.attribute(fmt.Sprint(path[0]), fmt.Sprint(path[1]))
			}
			if choice, ok := v["Fn::If"].([]any); ok {
				return t.resolve(choice[2]) // the one condition asks whether HubAccountId is empty, and the placeholder is not
			}
			if join, ok := v["Fn::Join"].([]any); ok {
				var parts []string
				for _, part := range join[1].([]any) { // CloudFormation's own shape
					parts = append(parts, fmt.Sprint(t.resolve(part)))
				}
				return strings.Join(parts, fmt.Sprint(join[0]))
			}
		}
		out := map[string]any{}
		for name, value := range v {
			out[name] = t.resolve(value)
		}
		return out
	}
	return v
}

// reference is the value of a Ref: a parameter of CloudFormation, the ARN of a published version, or the name of a resource.
func (t template) reference(id string) string {
	if parameters, _ := t["Parameters"].(map[string]any); id == "AWS::AccountId" && parameters["HubAccountId"] != nil {
		return targetAccount
	}
	if value, ok := placeholders[id]; ok {
		return value
	}
	if version, ok := t.resources("AWS::Lambda::Version")[id]; ok {
		return arn("lambda", "function:"+fmt.Sprint(t.resolve(version["FunctionName"]))+":1")
	}
	if function, ok := t.resources("AWS::Lambda::Function")[id]; ok {
		return fmt.Sprint(function["FunctionName"])
	}
	if topic, ok := t.resources("AWS::SNS::Topic")[id]; ok {
		return arn("sns", fmt.Sprint(topic["TopicName"]))
	}
	if _, ok := t.resources("AWS::SQS::Queue")[id]; ok {
		return arn("sqs", stem(id)) // its URL, but a policy's ARN is what anybody asks for
	}
	if stem(id) == "Record" {
		return workflow.Prefix + "-" + placeholders["AWS::AccountId"] // CloudFormation makes up its name
	}
	return stem(id)
}

// attribute is the value of a Fn::GetAtt, an ARN in all that this stack asks for.
func (t template) attribute(id, name string) string {
	if function, ok := t.resources("AWS::Lambda::Function")[id]; ok {
		return arn("lambda", "function:"+fmt.Sprint(function["FunctionName"]))
	}
	if _, ok := t.resources("AWS::S3::Bucket")[id]; ok {
		return "arn:aws:s3:::" + t.reference(id)
	}
	if _, ok := t.resources("AWS::KMS::Key")[id]; ok {
		return arn("kms", "key/"+workflow.Prefix)
	}
	if _, ok := t.resources("AWS::SQS::Queue")[id]; ok {
		return arn("sqs", stem(id))
	}
	if _, ok := t.resources("AWS::Events::Rule")[id]; ok {
		return arn("events", "rule/"+stem(id))
	}
	return id + "." + name
}

// stem is a logical id without the hash that the CDK puts behind it.
func stem(id string) string {
	if len(id) > 8 {
		return id[:len(id)-8]
	}
	return id
}

func arn(service, rest string) string {
	return "arn:aws:" + service + ":" + placeholders["AWS::Region"] + ":" + placeholders["AWS::AccountId"] + ":" + rest
}

// indented is JSON for people and for version control.
func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return out.Bytes(), err
}

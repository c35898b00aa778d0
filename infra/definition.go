package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// placeholders stand for what is known only when the stack is deployed, so that equal code gives an equal definition.
var placeholders = map[string]string{
	"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "111122223333", "AWS::URLSuffix": "amazonaws.com",
}

// template is a synthesized CloudFormation template.
type template map[string]any

// definition is the state machine of the template as Step Functions would get it: intrinsic functions resolved, published versions
// by the ARN of their function (their logical ids carry a hash of the code), keys sorted.
func (t template) definition() ([]byte, error) {
	for id, r := range t.resources("AWS::StepFunctions::StateMachine") {
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
	return nil, fmt.Errorf("the template has no state machine")
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

// resolve replaces Ref, Fn::GetAtt and Fn::Join throughout v.
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
	return strings.ToLower(stem(id))
}

// attribute is the value of a Fn::GetAtt, an ARN in all that this stack asks for.
func (t template) attribute(id, name string) string {
	if function, ok := t.resources("AWS::Lambda::Function")[id]; ok {
		return arn("lambda", "function:"+fmt.Sprint(function["FunctionName"]))
	}
	if _, ok := t.resources("AWS::S3::Bucket")[id]; ok {
		return "arn:aws:s3:::" + t.reference(id)
	}
	for kind, service := range map[string]string{"AWS::KMS::Key": "kms", "AWS::SQS::Queue": "sqs", "AWS::SNS::Topic": "sns"} {
		if _, ok := t.resources(kind)[id]; ok {
			return arn(service, stem(id))
		}
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

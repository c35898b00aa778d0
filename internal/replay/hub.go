package replay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// hub is what the stack would have created in the hub account.
type hub struct {
	account string
	region  string
}

func hubOf(world *emulator.World) hub { return hub{account: world.Hub, region: "us-east-1"} }

func (h hub) bucket() string     { return workflow.Prefix + "-" + h.account }
func (h hub) topic() string      { return h.arn("sns", workflow.Prefix) }
func (h hub) machine() string    { return h.arn("states", "stateMachine:"+workflow.Prefix) }
func (h hub) killSwitch() string { return "/" + workflow.Prefix + "/kill-switch" }

func (h hub) execution(name string) string {
	return h.arn("states", "execution:"+workflow.Prefix+":"+name)
}

func (h hub) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, h.region, h.account, resource)
}

// environment is what the stack sets for every function.
func (h hub) environment(story map[string]string) map[string]string {
	env := map[string]string{
		"ACCOUNT": h.account, "REGION": h.region, "STATE_MACHINE_ARN": h.machine(), "BUCKET": h.bucket(), "TOPIC_ARN": h.topic(),
		"KILL_SWITCH": h.killSwitch(),
	}
	for name, value := range story {
		env[name] = value
	}
	return env
}

// operator is who starts executions and presses the console's buttons where a story names nobody.
const operator = "operator"

// furnish adds to a story's world what the stacks would have put there: the functions' roles, the bucket, the topic and the
// kill switch of the hub, and the two roles of every account that does not list its roles itself.
func furnish(world *emulator.World, h hub) (*emulator.World, error) {
	text, err := json.Marshal(world)
	if err != nil {
		return nil, fmt.Errorf("copy the world: %w", err)
	}
	var w emulator.World
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("copy the world: %w", err)
	}
	if w.Accounts[h.account] == nil {
		return nil, fmt.Errorf("the world has no account for its hub %q", h.account)
	}
	for id, account := range w.Accounts {
		if world.Accounts[id].Roles == nil {
			account.Roles = map[string]*emulator.Role{
				string(step.RoleRead):  {Trust: trust(h.account, workflow.Read)},
				string(step.RoleClose): {Trust: trust(h.account, workflow.Close)},
			}
		}
		if account.Roles == nil {
			account.Roles = map[string]*emulator.Role{}
		}
	}
	account := w.Accounts[h.account]
	for _, f := range workflow.Functions() {
		account.Roles[f.Name()] = &emulator.Role{Path: f.RolePath()}
		account.Principals = append(account.Principals, emulator.Credential{
			AccessKeyID: accessKey(f.Folder),
			ARN:         fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", h.account, f.Name(), f.Name()),
		})
	}
	if person(&w, operator) == nil {
		account.Principals = append(account.Principals, emulator.Credential{
			AccessKeyID: accessKey(operator), ARN: fmt.Sprintf("arn:aws:iam::%s:user/%s", h.account, operator),
		})
	}
	if account.Buckets == nil {
		account.Buckets = map[string]*emulator.Bucket{}
	}
	account.Buckets[h.bucket()] = &emulator.Bucket{}
	account.Topics = append(account.Topics, &emulator.Topic{ARN: h.topic()})
	if account.Parameters == nil {
		account.Parameters = map[string]string{}
	}
	account.Parameters[h.killSwitch()] = cmp.Or(account.Parameters[h.killSwitch()], "off")
	return &w, nil
}

// trust is the trust policy that the target stack gives a role: the hub's functions of one IAM path, and nobody else.
func trust(hub string, access workflow.Access) *emulator.Policy {
	paths := []string{"read"}
	if access == workflow.Close {
		paths = []string{"close"}
	}
	var like []string
	for _, p := range paths {
		like = append(like, fmt.Sprintf("arn:aws:iam::%s:role/%s/%s/*", hub, workflow.Prefix, p))
	}
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"AWS": "arn:aws:iam::" + hub + ":root"},
		"Condition": map[string]any{"ArnLike": map[string]any{"aws:PrincipalArn": like}},
	}}}) //nolint:errchkjson // strings alone
	var policy emulator.Policy
	if err := json.Unmarshal(text, &policy); err != nil {
		panic(fmt.Sprintf("replay: the trust policy: %v", err))
	}
	return &policy
}

// accessKey is the key of somebody whom the replay plays.
func accessKey(name string) string {
	return "AKIA" + strings.ToUpper(strings.ReplaceAll(name, "-", ""))
}

// person finds the principal whose ARN ends in this name.
func person(w *emulator.World, name string) *emulator.Credential {
	for _, id := range sorted(w.Accounts) {
		for i, c := range w.Accounts[id].Principals {
			if strings.HasSuffix(c.ARN, "/"+name) || strings.HasSuffix(c.ARN, ":"+name) {
				return &w.Accounts[id].Principals[i]
			}
		}
	}
	return nil
}

package replay

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"quicksight-unsubscribe/internal/closing"
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

func (h hub) bucket() string       { return workflow.Prefix + "-" + h.account }
func (h hub) topic() string        { return h.arn("sns", workflow.Prefix) }
func (h hub) asking() string       { return h.arn("sns", workflow.Prefix+"-approvals") }
func (h hub) machine() string      { return h.arn("states", "stateMachine:"+workflow.Prefix) }
func (h hub) killSwitch() string   { return "/" + workflow.Prefix + "/kill-switch" }
func (h hub) fleetMachine() string { return h.arn("states", "stateMachine:"+workflow.Fleet) }

// key, queue and rule are named as the committed permissions name them.
func (h hub) key() string   { return h.arn("kms", "key/"+workflow.Prefix) }
func (h hub) queue() string { return h.arn("sqs", "FinishDelay") }
func (h hub) rule() string  { return h.arn("events", "rule/Ended") }

// unaudited is the queue of what audit-event failed on.
func (h hub) unaudited() string { return h.arn("sqs", "AuditDead") }

func (h hub) functionRole(f workflow.Function) string {
	return "arn:aws:iam::" + h.account + ":role" + f.RolePath() + f.Name()
}

// machineRole is the role of a machine.
func (h hub) machineRole(machine string) string {
	return "arn:aws:iam::" + h.account + ":role" + workflow.Function{Access: workflow.NoTarget}.RolePath() + machineName(machine) + "-machine"
}

// machineName is the name in a machine's ARN.
func machineName(machine string) string { return machine[strings.LastIndex(machine, ":")+1:] }

func (h hub) execution(machine, name string) string {
	return h.arn("states", "execution:"+machineName(machine)+":"+name)
}

func (h hub) arn(service, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, h.region, h.account, resource)
}

// environment is what the stack sets for every function.
func (h hub) environment(story map[string]string) map[string]string {
	env := map[string]string{
		"ACCOUNT": h.account, "REGION": h.region, "STATE_MACHINE_ARN": h.machine(), "BUCKET": h.bucket(), "TOPIC_ARN": h.topic(),
		"APPROVAL_TOPIC_ARN": h.asking(),
		"KILL_SWITCH":        h.killSwitch(), "DECISION_URL": "https://" + functionURL + "/",
	}
	for name, value := range story {
		env[name] = value
	}
	return env
}

// subscriptions are those that the stack would have made for the approvers of a story. All have confirmed but who the story says have not.
func (s *Story) subscriptions() ([]emulator.Subscription, error) {
	approvers, err := closing.ParseApprovers(s.Config["APPROVERS"])
	if err != nil {
		return nil, fmt.Errorf("story %s: %w", s.Name, err)
	}
	var all []emulator.Subscription
	for _, a := range approvers {
		all = append(all, emulator.Subscription{
			Protocol: "email", Endpoint: a.Email, Pending: slices.Contains(s.Unconfirmed, a.Email),
			FilterPolicy: map[string][]string{step.ApproverAttribute: {a.Person}},
		})
	}
	return all, nil
}

// operator is who starts executions and presses the console's buttons where a story names nobody.
const operator = "operator"

// furnish adds to a story's world what the stacks would have put there: the roles of functions and machine, the bucket, the topic, their
// key, the queue and the kill switch of the hub, and the two roles of every account that does not list its roles itself. Their policies
// are the synthesized ones, except for what the removal test takes away.
//
// In a lean run all accounts share the policies of their target roles, which name the account that they are in by a variable.
func furnish(world *emulator.World, h hub, asked []emulator.Subscription, without Permission, lean bool) (*emulator.World, error) {
	w := world.Clone()
	account := w.Accounts[h.account]
	if account == nil {
		return nil, fmt.Errorf("the world has no account for its hub %q", h.account)
	}
	taken := without == Permission{}
	give := func(account *emulator.Account, roles map[string]*emulator.Role) {
		if account.Roles == nil {
			account.Roles = map[string]*emulator.Role{}
		}
		for name, role := range roles {
			if name == without.Role {
				role, taken = withoutPermission(role, without.Action)
			}
			account.Roles[name] = role
		}
	}
	for id, account := range w.Accounts {
		target := id
		if lean && id != w.Management && id != w.Delegated && id != h.account {
			target = "${aws:PrincipalAccount}"
		}
		stacks, err := deployedIn(h.account, target)
		if err != nil {
			return nil, err
		}
		if listed := world.Accounts[id].Roles; listed == nil || len(listed) > 0 && len(ownRoles(listed)) == 0 { // an empty list is a list
			give(account, stacks.Target.Roles)
		}
		if id == w.Management || id == w.Delegated {
			give(account, stacks.Organization.Roles)
		}
		if id == h.account {
			give(account, stacks.Hub.Roles)
			h.equip(account, stacks.Hub.Resources, asked)
		}
	}
	if !taken {
		return nil, fmt.Errorf("no role %s may %s in the first place", without.Role, without.Action)
	}
	for _, f := range workflow.Functions() {
		account.Principals = append(account.Principals, emulator.Credential{
			AccessKeyID: accessKey(f.Folder),
			ARN:         fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", h.account, f.Name(), f.Name()),
		})
	}
	account.Principals = append(account.Principals, emulator.Credential{
		AccessKeyID: accessKey(workflow.Fleet), ARN: fmt.Sprintf("arn:aws:sts::%[1]s:assumed-role/%[2]s-machine/%[2]s-machine", h.account, workflow.Fleet),
	})
	if person(w, operator) == nil {
		account.Principals = append(account.Principals, emulator.Credential{
			AccessKeyID: accessKey(operator), ARN: fmt.Sprintf("arn:aws:iam::%s:user/%s", h.account, operator),
		})
	}
	return w, nil
}

// equip puts the hub's resources into its account.
func (h hub) equip(account *emulator.Account, policies map[string]*emulator.Policy, asked []emulator.Subscription) {
	if account.Buckets == nil {
		account.Buckets = map[string]*emulator.Bucket{}
	}
	kept := account.Buckets[h.bucket()] // what a story has people keep there
	if kept == nil {
		kept = &emulator.Bucket{}
		account.Buckets[h.bucket()] = kept
	}
	kept.Policy, kept.KMSKey = policies["arn:aws:s3:::"+h.bucket()], h.key()
	account.Topics = append(account.Topics,
		&emulator.Topic{ARN: h.topic(), Policy: policies[h.topic()], KMSKey: h.key()},
		&emulator.Topic{ARN: h.asking(), Policy: policies[h.asking()], KMSKey: h.key(), Subscriptions: asked})
	account.ResourcePolicies = map[string]*emulator.Policy{h.key(): policies[h.key()], h.queue(): policies[h.queue()]}
	if account.Parameters == nil {
		account.Parameters = map[string]string{}
	}
	account.Parameters[workflow.RecordParameter] = h.bucket()
	account.Parameters[h.killSwitch()] = cmp.Or(account.Parameters[h.killSwitch()], "off")
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

// ownRoles are those roles of an account that are no service's: what a service made for itself says nothing of the others.
func ownRoles(roles map[string]*emulator.Role) []string {
	return slices.DeleteFunc(sorted(roles), func(name string) bool { return roles[name].Path == "/service-role/" })
}

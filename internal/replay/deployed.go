package replay

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// deployed is what the stacks let whom do, in a hub and in an account that is to be closed.
type deployed struct {
	Hub struct {
		Roles     map[string]*emulator.Role
		Resources map[string]*emulator.Policy // by ARN
	}
	Target       struct{ Roles map[string]*emulator.Role }
	Organization struct{ Roles map[string]*emulator.Role } // of the management account
}

// The accounts that stand in workflow.Permissions for the real ones.
const hubPlaceholder, targetPlaceholder = "111122223333", "444455556666"

// permissions are read once for each pair of accounts. Nobody changes them: an emulator copies its world.
var permissions sync.Map

func deployedIn(hub, target string) (*deployed, error) {
	pair := [2]string{hub, target}
	if known, ok := permissions.Load(pair); ok {
		return known.(*deployed), nil
	}
	text := strings.NewReplacer(hubPlaceholder, hub, targetPlaceholder, target).Replace(string(workflow.Permissions))
	var d deployed
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("the permissions of the stacks: %w", err)
	}
	permissions.Store(pair, &d)
	return &d, nil
}

// Permission is an action that one of the stacks' roles is allowed.
type Permission struct{ Role, Action string }

// withoutPermission is a role that lacks an action which the stack allows it, and whether the stack does.
func withoutPermission(role *emulator.Role, action string) (less *emulator.Role, had bool) {
	copied := *role
	copied.Policies = nil
	for _, p := range role.Policies {
		p.Statement = slices.Clone(p.Statement)
		for i, s := range p.Statement {
			had = had || slices.Contains(s.Action, action)
			s.Action = slices.DeleteFunc(slices.Clone(s.Action), func(a string) bool { return a == action })
			p.Statement[i] = s
		}
		copied.Policies = append(copied.Policies, p)
	}
	return &copied, had
}

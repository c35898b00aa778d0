package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// missed names, for each thing that can be taken away, the story that does not come out as it says without it.
type missed map[string]string

var missedGuards = missed{
	"never-close":        "protected-account",
	"core-account":       "audit-account",
	"never-close-tag":    "tagged-never-close",
	"never-close-unit":   "unit-never-close",
	"known-approvers":    "approvers-by-unknown-tag",
	"account-name":       "wrong-account",
	"closing-permission": "permission-missing",
	"fleet-claim":        "fleet-claimed",
	"fleet-running":      "fleet-stopped",
	"fleet-drift":        "fleet-drifts",
	"fleet-decision":     "fleet-rejected-late",
	"fleet-age":          "fleet-approvals-far-apart",
	"fleet-empty":        "fleet-none-kept",
	"commit-lock":        "superseded-before-commit",
	"commit-decision":    "rejected-at-the-last-moment",
	"commit-blocked":     "blocked-before-commit",
	"commit-saved":       "manifest-gone-before-commit",
	"commit-drift":       "changes-before-commit",
	"commit-age":         "approval-too-old",
	"lock":               "superseded",
	"kill-switch":        "kill-switch",
	"manifest":           "manifest-gone-after-commit",
	"stale-commit":       "stale-after-redrive",
	"execution-running":  "stopped-while-its-function-runs",
	"subscription-gone":  "subscribed-again",
	"simple-ad":          "directory-changes-kind",
	"foreign-workload":   "instance-appears-late",
	"directory-in-use":   "database-joins-late",
	"outside-plan":       "subnet-appears-late",
	"restore-own-act":    "unprotected-before",
	"restore-live":       "vpc-fails-redriven",
	"restore-lock":       "taken-over-at-once",
	"audit-caller":       "unsubscribed-by-hand",
	"audit-intent":       "unsubscribed-by-hand",
	"audit-subscribed":   "closed-too-late",
}

// A workflow that is right never meets most of what AWS refuses: people do, in the stories aws-refuses-….
var missedRules = missed{
	"organization-management":            "not-the-management-account",
	"resource-of-another-account":        "aws-refuses-ec2",
	"vpc-subnets":                        "aws-refuses-ec2",
	"vpc-security-groups":                "aws-refuses-ec2",
	"vpc-route-tables":                   "aws-refuses-ec2",
	"vpc-network-acls":                   "aws-refuses-ec2",
	"vpc-internet-gateways":              "aws-refuses-ec2",
	"vpc-egress-only-internet-gateways":  "aws-refuses-ec2",
	"vpc-vpn-gateways":                   "aws-refuses-ec2",
	"vpc-carrier-gateways":               "aws-refuses-ec2",
	"vpc-endpoints":                      "aws-refuses-ec2",
	"vpc-regional-nat-gateways":          "aws-refuses-ec2",
	"vpc-peering-connections":            "aws-refuses-ec2",
	"subnet-interfaces":                  "aws-refuses-ec2",
	"default-security-group":             "aws-refuses-ec2",
	"security-group-interfaces":          "aws-refuses-ec2",
	"security-group-references":          "aws-refuses-ec2",
	"security-group-associations":        "aws-refuses-ec2",
	"main-route-table":                   "aws-refuses-ec2",
	"route-table-associations":           "aws-refuses-ec2",
	"main-route-table-association":       "aws-refuses-ec2",
	"default-network-acl":                "aws-refuses-ec2",
	"network-acl-associations":           "aws-refuses-ec2",
	"internet-gateway-not-attached":      "aws-refuses-ec2",
	"mapped-public-addresses":            "aws-refuses-ec2",
	"internet-gateway-attached":          "aws-refuses-ec2",
	"interface-requester-managed":        "aws-refuses-ec2",
	"interface-in-use":                   "aws-refuses-ec2",
	"requester-managed-endpoint":         "aws-refuses-ec2",
	"peering-connection-state":           "aws-refuses-ec2",
	"vpn-gateway-attached":               "aws-refuses-ec2",
	"vpn-gateway-connections":            "aws-refuses-ec2",
	"empty-directory-ids":                "aws-refuses-directory",
	"directory-is-deleting":              "aws-refuses-directory",
	"directory-of-another-account":       "aws-refuses-directory",
	"directory-is-shared":                "aws-refuses-directory",
	"authorized-applications":            "aws-refuses-directory",
	"delete-directory-dependent-actions": "aws-refuses-directory",
	"quicksight-regions":                 "aws-refuses-quicksight",
	"own-account":                        "aws-refuses-quicksight",
	"subscribed":                         "never-subscribed",
	"identity-region":                    "region-denied",
	"identity-region-of-namespaces":      "aws-refuses-quicksight",
	"identity-region-of-subscription":    "aws-refuses-quicksight",
	"enterprise-edition":                 "aws-refuses-quicksight",
	"unsubscribing-once":                 "aws-refuses-quicksight",
	"termination-protection":             "aws-refuses-quicksight",
	"leftover-namespace":                 "aws-refuses-quicksight",
	"directory-permissions":              "aws-refuses-quicksight",
	"five-export-jobs":                   "aws-refuses-quicksight",
	"default-namespace":                  "aws-refuses-quicksight",
	"deleted-connection":                 "aws-refuses-quicksight",
	"role-trust":                         "aws-refuses-by-policy",
	"role-chaining-one-hour":             "aws-refuses-by-policy",
	"session-name":                       "aws-refuses-by-policy",
	"session-policy-size":                "aws-refuses-by-policy",
	"session-policy":                     "directory-kept-from-quicksight",
	"service-control-policy":             "region-unreadable",
	"permissions-boundary":               "aws-refuses-by-policy",
	"identity-policy":                    "read-denied",
	"resource-policy":                    "aws-refuses-s3",
	"bucket-region":                      "aws-refuses-s3",
	"if-none-match":                      "aws-refuses-s3",
	"if-match":                           "aws-refuses-s3",
	"absent-needs-list":                  "aws-refuses-s3",
	"bucket-key":                         "aws-refuses-s3",
	"message-size":                       "aws-refuses-malformed",
	"topic-key":                          "aws-refuses-by-policy",
	"subject-format":                     "aws-refuses-malformed",
	"ten-events":                         "aws-refuses-malformed",
	"event-detail":                       "aws-refuses-malformed",
	"event-source":                       "aws-refuses-malformed",
	"execution-name":                     "aws-refuses-malformed",
	"execution-input":                    "oversized-input",
	"task-output":                        "aws-refuses-malformed",
	"one-lookup-attribute":               "aws-refuses-malformed",
	"trail-days":                         "aws-refuses-malformed",
}

// By the state that has the retrier, and the first error that it is for.
var missedRetriers = func() missed {
	all := missed{}
	for _, state := range []string{
		"Verify Caller", "Take Inventory", "Find Starter", "Request Approval", "Read Decision", "Cooling Off", "Export Assets", "Retake Inventory", "Commit Plan",
		"Delete Subscription", "Delete Directory", "Delete VPC", "Write Report",
	} {
		all[state+": Lambda.TooManyRequestsException"] = "lambda-throttled-once"
		all[state+": Lambda.ServiceException"] = "lambda-dies-once"
	}
	return all
}()

// Ensure nothing is there for nothing: a story fails without any one guard, rule of the emulator or retrier of the machine.
// That the same story comes out as it says with it is for TestStories.
func TestRemoval(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code with everything in its place")
	}
	t.Parallel()
	var guards, rules []string
	for _, g := range step.Guards() {
		guards = append(guards, g.Name)
	}
	for _, r := range emulator.Rules() {
		rules = append(rules, r.Name)
	}
	retriers := retriers(t)
	missedGuards.test(t, "guard", guards, func(name string) Options { return Options{WithoutGuard: name} })
	missedRules.test(t, "rule", rules, func(name string) Options { return Options{WithoutRule: name} })
	missedRetriers.test(t, "retrier", slices.Collect(maps.Keys(retriers)), func(name string) Options { return Options{Definition: retriers[name]} })
}

// test takes each of the names away in turn.
func (m missed) test(t *testing.T, kind string, names []string, without func(string) Options) {
	t.Helper()
	for _, name := range sorted(m) {
		if !slices.Contains(names, name) {
			t.Errorf("the %s %q is no more: take its line out", kind, name)
		}
	}
	for _, name := range names {
		t.Run(kind+"/"+name, func(t *testing.T) {
			t.Parallel()
			if m[name] == "" {
				t.Fatalf("no story shows what the %s is good for", kind)
			}
			s, err := Load(filepath.Join(events, m[name]))
			if err != nil {
				t.Fatal(err)
			}
			run, err := Play(t.Context(), s, without(name))
			if err == nil && run.Judge().Met {
				t.Errorf("the story %s comes out as it says without it", s.Name)
			}
		})
	}
}

// retriers are the machine's definition without one retrier of a state, for each that there is.
func retriers(t *testing.T) map[string][]byte {
	t.Helper()
	without := map[string][]byte{}
	for name, state := range definition(t)["States"].(map[string]any) {
		all, _ := state.(map[string]any)["Retry"].([]any)
		for i, retrier := range all {
			d := definition(t)
			d["States"].(map[string]any)[name].(map[string]any)["Retry"] = slices.Delete(slices.Clone(all), i, i+1)
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			without[fmt.Sprintf("%s: %s", name, retrier.(map[string]any)["ErrorEquals"].([]any)[0])] = text
		}
	}
	return without
}

func definition(t *testing.T) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(workflow.Definition, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

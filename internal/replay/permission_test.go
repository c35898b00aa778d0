package replay

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/workflow"
)

// unused are the permissions that no story needs, with why they are there all the same. Roles go by name, resources by service.
var unused = []struct{ holder, action, why string }{
	{"quicksight-unsubscribe-*", "logs:CreateLogStream", "Lambda writes a function's log in the name of its role; the function runs without it, and nobody could see what it did"},
	{"quicksight-unsubscribe-*", "logs:PutLogEvents", "likewise"},
	{"quicksight-unsubscribe-*", "xray:Put*", "Lambda and Step Functions send traces in the name of the role; all runs without them"},
	{"quicksight-unsubscribe*-machine", "xray:GetSampling*", "what Step Functions asks for to trace: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html"},
	{"quicksight-unsubscribe*-machine", "logs:*", "what Step Functions asks for to deliver its log: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"},
	{"quicksight-unsubscribe-fleet-machine", "s3:*Multipart*", "what Step Functions asks for to write results: https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html"},
	{"quicksight-unsubscribe-fleet-machine", "states:DescribeExecution", "likewise, and to wait for the runs that it starts; here nobody has to ask"},
	{"quicksight-unsubscribe-fleet-machine", "states:RedriveExecution", "likewise, to go on with the children of a Distributed Map"},
	{"quicksight-unsubscribe-triggers", "*", "EventBridge's rules and schedules deliver in its name; a story begins with what they deliver"},
	{"sns", "sns:Publish", "the alarm of the queue of dead letters, which no story lets ring"},
	{"kms", "kms:[DG]*", "likewise: the topic is encrypted"},
	{"sqs", "sqs:GetQueue*", "the CDK's target of a rule grants them with sqs:SendMessage"},
}

// Ensure every permission that the stacks give is needed by a story, or has its reason above, and that no reason outlives its cause.
func TestEveryPermissionIsNeeded(t *testing.T) {
	t.Parallel()
	var lock sync.Mutex
	needed := map[emulator.Grant]bool{}
	t.Run("stories", func(t *testing.T) {
		for _, s := range stories(t) {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				grants := asWritten(t, s).aws.Grants()
				lock.Lock()
				defer lock.Unlock()
				for _, g := range grants {
					needed[plain(g)] = true
				}
			})
		}
	})
	held := map[int]bool{}
	for _, g := range given(t) {
		why := slices.IndexFunc(unused, func(u struct{ holder, action, why string }) bool {
			return like(t, u.holder, g.Holder) && like(t, u.action, g.Action)
		})
		switch {
		case needed[g] && why >= 0:
			t.Errorf("%s needs %s on %q: the reason %q is too wide", g.Holder, g.Action, g.Resource, unused[why].why)
		case !needed[g] && why < 0:
			t.Errorf("%s may %s on %q, and no story needs it: take it away, tell the story that needs it, or write down the reason", g.Holder, g.Action, g.Resource)
		}
		held[why] = true
	}
	for i, u := range unused {
		if !held[i] {
			t.Errorf("%s has no %s any more: take its reason away", u.holder, u.action)
		}
	}
}

func like(t *testing.T, pattern, text string) bool {
	t.Helper()
	matched, err := path.Match(pattern, text)
	if err != nil {
		t.Fatal(err)
	}
	return matched
}

// given are all permissions of the stacks, one for each action and resource of a statement.
func given(t *testing.T) []emulator.Grant {
	t.Helper()
	stacks, err := deployedIn(hubPlaceholder, targetPlaceholder)
	if err != nil {
		t.Fatal(err)
	}
	var all []emulator.Grant
	allowed := func(holder string, policies ...emulator.Policy) {
		for _, p := range policies {
			for _, s := range p.Statement {
				resources := s.Resource
				if resources == nil {
					resources = []string{""} // a trust policy
				}
				for _, action := range s.Action {
					for _, resource := range resources {
						if s.Effect == "Allow" {
							all = append(all, plain(emulator.Grant{Holder: holder, Action: action, Resource: resource}))
						}
					}
				}
			}
		}
	}
	for _, roles := range []map[string]*emulator.Role{stacks.Hub.Roles, stacks.Target.Roles} {
		for name, role := range roles {
			allowed("role/"+name, append([]emulator.Policy{*role.Trust}, role.Policies...)...)
		}
	}
	for arn, policy := range stacks.Hub.Resources {
		allowed(arn, *policy)
	}
	return all
}

var accountID = regexp.MustCompile(`\b[0-9]{12}\b`)

// plain is a grant without account ids, its holder a role's name or a resource's service.
func plain(g emulator.Grant) emulator.Grant {
	if _, role, ok := strings.Cut(g.Holder, "role/"); ok {
		g.Holder = path.Base(role)
	} else {
		g.Holder = strings.Split(g.Holder, ":")[2]
	}
	g.Resource = accountID.ReplaceAllString(g.Resource, "…")
	return g
}

// Ensure each role, without one of its permissions, fails a story that comes out well with it: as it would fail in AWS.
func TestWithoutPermission(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestStories runs the same code")
	}
	t.Parallel()
	rows := []struct{ role, action, story string }{
		{"verify-caller", "sts:AssumeRole", "dry-run"},
		{"take-inventory", "s3:PutObject", "dry-run"},
		{"find-starter", "cloudtrail:LookupEvents", "rejected"},
		{"request-approval", "kms:GenerateDataKey", "rejected"},
		{"decide-approval", "s3:PutObject", "rejected"},
		{"export-assets", "sts:AssumeRole", "early-adopter"},
		{"commit-plan", "kms:Decrypt", "unprotected-before"},
		{"delete-subscription", "ssm:GetParameter", "unprotected-before"},
		{"delete-directory", "sts:AssumeRole", "early-adopter"},
		{"delete-vpc", "states:DescribeExecution", "early-adopter"},
		{"write-report", "sns:Publish", "dry-run"},
		{"finish-run", "sqs:ReceiveMessage", "stopped-after-protection-off"},
		{"audit-event", "sqs:SendMessage", "closed-while-subscribed"},
		{"machine", "lambda:InvokeFunction", "dry-run"},
		{"plan-fleet", "s3:PutObject", "fleet-dry-run"},
		{"commit-fleet", "s3:PutObject", "fleet-from-list"},
		{"report-fleet", "sns:Publish", "fleet-dry-run"},
		{"fleet-machine", "states:StartExecution", "fleet-from-list"},
		{"QuickSightUnsubscribeRead", "quicksight:ListVPCConnections", "dry-run"},
		{"QuickSightUnsubscribeClose", "ec2:DeleteSubnet", "early-adopter"},
	}
	missing := map[string]bool{}
	for _, f := range workflow.Functions() {
		missing[f.Folder] = true
	}
	for _, row := range rows {
		delete(missing, row.role)
		t.Run(row.role, func(t *testing.T) {
			t.Parallel()
			role := row.role
			if !strings.HasPrefix(role, "QuickSight") {
				role = workflow.Prefix + "-" + role
			}
			s, err := Load(filepath.Join(events, row.story))
			if err != nil {
				t.Fatal(err)
			}
			run, err := Play(t.Context(), s, Options{WithoutPermission: Permission{Role: role, Action: row.action}})
			if err != nil {
				return // it cannot even be told to its end
			}
			if run.Judge().Met {
				t.Errorf("%s comes out as it should although %s may not %s", row.story, role, row.action)
			}
			if said := fmt.Sprint(run.answers, run.refusals()); !strings.Contains(said, row.action) {
				t.Errorf("nobody says that %s is missing: %s", row.action, said)
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no permission is taken away of %v", slices.Sorted(maps.Keys(missing)))
	}
}

// refusals is all that the run says of why it failed.
func (r *Run) refusals() []string {
	var said []string
	for _, e := range r.Executions {
		said = append(said, e.Cause())
		if e.Report != nil && e.Report.Failure != nil {
			said = append(said, e.Report.Failure.Message)
		}
	}
	for _, c := range r.Calls {
		said = append(said, c.Message)
	}
	return said
}

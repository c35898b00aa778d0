package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// resource is the one resource of a type for which is holds.
func (t template) resource(test *testing.T, kind string, is func(properties map[string]any) bool) (properties, whole map[string]any) {
	test.Helper()
	all := t["Resources"].(map[string]any)
	for id, p := range t.resources(kind) {
		if is(p) {
			return p, all[id].(map[string]any)
		}
	}
	test.Fatalf("no such %s", kind)
	return nil, nil
}

// stays tells whether CloudFormation keeps a resource that leaves the template.
func stays(whole map[string]any) bool {
	return whole["DeletionPolicy"] == "Retain" && whole["UpdateReplacePolicy"] == "Retain"
}

// Ensure that each function reads from its environment the configuration that its defaults say.
func TestFunctionsReadTheirConfiguration(t *testing.T) {
	stack := hub(t, map[string]any{"neverClose": "111122223333,222233334444", "coolOff": "1h", "quorum": "2", "requireStarterEvidence": true, "approvers": "ann@example.com, bob <bob@example.com> Admin"})
	want := step.Defaults()
	want.Account, want.Region, want.Bucket = hubID, "us-east-1", workflow.Prefix+"-"+hubID
	want.Machine = "arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe"
	want.Topic = "arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe"
	want.ApprovalTopic = want.Topic + "-approvals"
	want.Approvers = []closing.Approver{{Person: "ann@example.com", Email: "ann@example.com"}, {Person: "bob", Email: "bob@example.com", Principals: []string{"Admin"}}}
	want.Halt = "/quicksight-unsubscribe/kill-switch"
	want.NeverClose, want.CoolOff, want.Quorum, want.RequireStarterEvidence = []string{"111122223333", "222233334444"}, time.Hour, 2, true
	for _, f := range workflow.Functions() {
		function, _ := stack.resource(t, "AWS::Lambda::Function", func(p map[string]any) bool { return p["FunctionName"] == f.Name() })
		variables := stack.resolve(function["Environment"]).(map[string]any)["Variables"].(map[string]any)
		got, err := boot.Config(func(name string) (string, bool) {
			value, ok := variables[name]
			return fmt.Sprint(value), ok
		})
		if err != nil {
			t.Fatal(err)
		}
		want.DecisionURL = ""
		if f.Folder == "request-approval" {
			want.DecisionURL = got.DecisionURL // an attribute of the URL, which TestDecisionURL holds
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Folder, diff)
		}
	}
}

// Ensure that each function is small, traced, logged with retention, and has the time and the role of the table.
func TestFunctions(t *testing.T) {
	stack := hub(t, nil)
	roles := map[string]bool{}
	for _, f := range workflow.Functions() {
		function, _ := stack.resource(t, "AWS::Lambda::Function", func(p map[string]any) bool { return p["FunctionName"] == f.Name() })
		got := map[string]any{}
		for _, name := range []string{"Architectures", "Runtime", "Handler", "Timeout", "MemorySize", "TracingConfig", "ReservedConcurrentExecutions"} {
			got[name] = function[name]
		}
		want := map[string]any{
			"Architectures": []any{"arm64"}, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": f.Timeout.Seconds(), "MemorySize": float64(f.Memory),
			"TracingConfig": map[string]any{"Mode": "Active"}, "ReservedConcurrentExecutions": nil,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.Folder, diff)
		}
		role := fmt.Sprint(function["Role"])
		if roles[role] {
			t.Errorf("%s shares its role", f.Folder)
		}
		roles[role] = true
		log, _ := stack.resource(t, "AWS::Logs::LogGroup", func(p map[string]any) bool { return p["LogGroupName"] == "/aws/lambda/"+f.Name() })
		if log["RetentionInDays"] != 400.0 {
			t.Errorf("%s keeps its log for %v days", f.Folder, log["RetentionInDays"])
		}
	}
	for id := range stack.resources("AWS::Lambda::Version") {
		if version := stack["Resources"].(map[string]any)[id].(map[string]any); !stays(version) {
			t.Errorf("the version %s goes, and with it the code of runs that wait", id)
		}
	}
}

// Ensure that what the stack holds stays when it goes, encrypted with the customer's key.
func TestRecordBucket(t *testing.T) {
	stack := hub(t, nil)
	bucket, whole := stack.resource(t, "AWS::S3::Bucket", func(p map[string]any) bool { return p["LoggingConfiguration"] != nil })
	if !stays(whole) {
		t.Error("the record goes with the stack")
	}
	if bucket["LifecycleConfiguration"] != nil {
		t.Errorf("the record expires: %v", bucket["LifecycleConfiguration"])
	}
	if diff := cmp.Diff(map[string]any{"Status": "Enabled"}, bucket["VersioningConfiguration"]); diff != "" {
		t.Error(diff)
	}
	if encryption := fmt.Sprint(stack.resolve(bucket["BucketEncryption"])); !strings.Contains(encryption, "SSEAlgorithm:aws:kms") || !strings.Contains(encryption, "key/quicksight-unsubscribe") {
		t.Errorf("the record is not encrypted with the customer's key: %s", encryption)
	}
	key, whole := stack.resource(t, "AWS::KMS::Key", func(map[string]any) bool { return true })
	if !stays(whole) || key["EnableKeyRotation"] != true {
		t.Error("the key goes with the stack, or is not rotated")
	}
	if policy := fmt.Sprint(stack.resourcePolicies()["arn:aws:s3:::"+workflow.Prefix+"-"+hubID]); !strings.Contains(policy, "aws:SecureTransport:false") {
		t.Error("the record can be read without TLS")
	}
}

// Ensure that finish-run hears of every execution that did not succeed, after the time that a function may still run.
func TestFinishRunIsCalled(t *testing.T) {
	stack := hub(t, nil)
	rule, _ := stack.resource(t, "AWS::Events::Rule", func(p map[string]any) bool { return strings.Contains(fmt.Sprint(p["EventPattern"]), "aws.states") })
	want := map[string]any{
		"source": []any{"aws.states"}, "detail-type": []any{"Step Functions Execution Status Change"},
		"detail": map[string]any{
			"stateMachineArn": []any{
				"arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe", "arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe-fleet",
			},
			"status": []any{"FAILED", "TIMED_OUT", "ABORTED"},
		},
	}
	if diff := cmp.Diff(want, stack.resolve(rule["EventPattern"])); diff != "" {
		t.Errorf("pattern (-want +got):\n%s", diff)
	}
	queue, _ := stack.resource(t, "AWS::SQS::Queue", func(p map[string]any) bool { return p["RedrivePolicy"] != nil })
	for _, f := range workflow.Functions() {
		if f.Access == workflow.Close && f.Folder != "finish-run" && queue["DelaySeconds"].(float64) <= f.Timeout.Seconds() {
			t.Errorf("finish-run starts while %s may still run", f.Folder)
		}
	}
	mapping, _ := stack.resource(t, "AWS::Lambda::EventSourceMapping", func(map[string]any) bool { return true })
	if got := stack.resolve(mapping["FunctionName"]); got != "quicksight-unsubscribe-finish-run" {
		t.Errorf("the queue calls %v", got)
	}
}

// Ensure that somebody hears of it when finish-run fails for good: the alarm may publish, and use the topic's key.
func TestUnfinishedRunsAreHeardOf(t *testing.T) {
	stack := hub(t, nil)
	alarm, _ := stack.resource(t, "AWS::CloudWatch::Alarm", func(map[string]any) bool { return true })
	if got := stack.resolve(alarm["AlarmActions"]); !reflect.DeepEqual(got, []any{"arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe"}) {
		t.Errorf("the alarm tells %v", got)
	}
	topic, _ := stack.resource(t, "AWS::SNS::TopicPolicy", func(p map[string]any) bool {
		return reflect.DeepEqual(stack.resolve(p["Topics"]), []any{"arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe"})
	})
	key, _ := stack.resource(t, "AWS::KMS::Key", func(map[string]any) bool { return true })
	for what, policy := range map[string]any{"the topic": topic["PolicyDocument"], "the key": key["KeyPolicy"]} {
		if !strings.Contains(fmt.Sprint(policy), "Service:cloudwatch.amazonaws.com") {
			t.Errorf("%s does not let the alarm in: %v", what, policy)
		}
	}
}

// Ensure that each approver is subscribed to his own requests alone, that nobody else can subscribe, and nobody else ask.
func TestApprovals(t *testing.T) {
	stack := hub(t, map[string]any{"approvers": "ann@example.com, bob <bob@example.com> Admin", "notify": "all@example.com"})
	topic := "arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe-approvals"
	got := map[string]string{}
	for _, s := range stack.resources("AWS::SNS::Subscription") {
		if stack.resolve(s["TopicArn"]) == topic {
			got[fmt.Sprint(s["Endpoint"])] = fmt.Sprintf("%v %v", s["Protocol"], s["FilterPolicy"])
		}
	}
	want := map[string]string{"ann@example.com": "email map[approver:[ann@example.com]]", "bob@example.com": "email map[approver:[bob]]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subscriptions (-want +got):\n%s", diff)
	}
	policy, _ := stack.resource(t, "AWS::SNS::TopicPolicy", func(p map[string]any) bool { return reflect.DeepEqual(stack.resolve(p["Topics"]), []any{topic}) })
	text := fmt.Sprint(stack.resolve(policy["PolicyDocument"]))
	for _, part := range []string{
		"Action:sns:Subscribe Condition:map[ArnNotLike:map[aws:PrincipalArn:arn:aws:iam::" + hubID + ":role/cdk-hnb659fds-cfn-exec-role-" + hubID + "-us-east-1]] Effect:Deny",
		"Action:sns:Publish Condition:map[ArnNotEquals:map[aws:PrincipalArn:[arn:aws:iam::" + hubID + ":role/quicksight-unsubscribe/hub/quicksight-unsubscribe-request-approval]]] Effect:Deny",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the topic's policy does not say %s:\n%s", part, text)
		}
	}
}

// Ensure that the machines are logged and traced, and that their names are given: their roles' and functions' policies name them.
func TestMachines(t *testing.T) {
	stack := hub(t, nil)
	for _, name := range []string{workflow.Prefix, workflow.Fleet} {
		machine, _ := stack.resource(t, "AWS::StepFunctions::StateMachine", func(p map[string]any) bool { return p["StateMachineName"] == name })
		logging := machine["LoggingConfiguration"].(map[string]any)
		if logging["Level"] != "ALL" || machine["TracingConfiguration"].(map[string]any)["Enabled"] != true {
			t.Errorf("the machine is %v", machine)
		}
	}
}

// Ensure that what an organization sets reaches every role, function and stack.
func TestOrganizationSettings(t *testing.T) {
	context := map[string]any{"reservedConcurrency": "3", "permissionsBoundary": "bounds", "bootstrapQualifier": "ours", "tags": "team=data,project=x", "notify": "a@example.com"}
	for _, stack := range []template{hub(t, context), target(t, context)} {
		for id, role := range stack.resources("AWS::IAM::Role") {
			if got := fmt.Sprint(stack.resolve(role["PermissionsBoundary"])); !strings.HasSuffix(got, ":policy/bounds") {
				t.Errorf("%s has the boundary %v", id, got)
			}
		}
		for id, function := range stack.resources("AWS::Lambda::Function") {
			if function["ReservedConcurrentExecutions"] != 3.0 || !strings.Contains(fmt.Sprint(function["Code"]), "cdk-ours-assets") {
				t.Errorf("%s reserves %v, and its code is in %v", id, function["ReservedConcurrentExecutions"], function["Code"])
			}
		}
	}
	app := newApp(jsii.String(t.TempDir()), context)
	config := configure(app.Node())
	for _, stack := range []awscdk.Stack{newHub(app, config, built(t)), newTarget(app, config)} {
		tags := *stack.Tags().TagValues()
		if *tags["team"] != "data" || *tags["project"] != "x" || !*stack.TerminationProtection() {
			t.Errorf("%s: tags %v, termination protection %v", *stack.StackName(), tags, *stack.TerminationProtection())
		}
	}
}

// Ensure that a stack that would cut runs off is refused, and which setting the refusal names.
func TestRefusedSettings(t *testing.T) {
	tests := map[string]struct{ giveName, giveValue, wantNamed string }{
		"rounds outlast the machine":   {"approvalWindow", "900h", "machineTimeout"},
		"a short machine":              {"machineTimeout", "1000h", "approvalWindow"},
		"more than a year":             {"machineTimeout", "8761h", "a year"},
		"a history too long":           {"reminder", "10m", "reminder"},
		"reminders before asking ends": {"reminder", "1m", "reminder"},
		"an alarm that never rings":    {"waitingAlarm", "168h", "waitingAlarm"},
		"a window that ends before it": {"approvalWindow", "72h", "waitingAlarm"},
		"nobody decides":               {"quorum", "0", "quorum"},
		"no duration":                  {"coolOff", "soon", "coolOff"},
		"cooling off for too long":     {"coolOff", "721h", "notBefore"},
		"approvals that never count":   {"decisionAge", "0s", "decisionAge"},
		"an approver without address":  {"approvers", "arn:aws:iam::111122223333:user/ann", "e-mail"},
		"a hashed role":                {"approvers", "ann@example.com AWSReservedSSO_Admin_0123456789abcdef", "permission set"},
		"a session of no role":         {"sessionRoles", "people", "sessionRoles"},
		"not a number":                 {"quorum", "many", "quorum"},
		"a sweep of no unit":           {"sweeps", "222233334444=rate(30 days)", "sweeps"},
		"a schedule of no account":     {"schedules", "rate(30 days)", "schedules"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if refusal := fmt.Sprint(recover()); !strings.Contains(refusal, tt.wantNamed) {
					t.Errorf("-c %s=%s: %s", tt.giveName, tt.giveValue, refusal)
				}
			}()
			hub(t, map[string]any{tt.giveName: tt.giveValue})
		})
	}
}

// Ensure that the target's template can be applied as it is: no assets, no bootstrap stack, and nothing but the two roles.
func TestTargetIsPlain(t *testing.T) {
	stack := target(t, map[string]any{"hubAccount": "999988887777"})
	var kinds []string
	for _, r := range stack["Resources"].(map[string]any) {
		kinds = append(kinds, r.(map[string]any)["Type"].(string))
	}
	if want := []string{"AWS::IAM::Role", "AWS::IAM::Role"}; !slices.Equal(kinds, want) {
		t.Errorf("it has %v", kinds)
	}
	parameters := stack["Parameters"].(map[string]any)
	if names := slices.Collect(maps.Keys(parameters)); !slices.Equal(names, []string{"HubAccountId"}) {
		t.Errorf("it asks for %v", names)
	}
	if got := parameters["HubAccountId"].(map[string]any)["Default"]; got != "999988887777" {
		t.Errorf("its hub is %v", got)
	}
}

// Ensure that each setting takes its own text, from the command line and from cdk.json.
func TestSettings(t *testing.T) {
	given, taken := defaults(), configuration{}
	seen := map[string]bool{}
	into := taken.settings()
	for i, s := range given.settings() {
		if seen[s.name] || s.help == "" {
			t.Errorf("%s is there twice, or says nothing", s.name)
		}
		seen[s.name] = true
		if err := into[i].set(text(s.into)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	if !reflect.DeepEqual(given, taken) {
		t.Errorf("given %+v, taken %+v", given, taken)
	}
	if err := (setting{into: &taken.NeverClose}).set([]any{"1", "2"}); err != nil || !slices.Equal(taken.NeverClose, []string{"1", "2"}) {
		t.Errorf("a list of cdk.json became %v, %v", taken.NeverClose, err)
	}
}

// Ensure that the outputs say what to type next.
func TestOutputs(t *testing.T) {
	stack := hub(t, nil)
	var all strings.Builder
	for _, o := range stack["Outputs"].(map[string]any) {
		all.WriteString(fmt.Sprint(stack.resolve(o.(map[string]any)["Value"])) + "\n")
	}
	for _, want := range []string{
		"aws stepfunctions start-execution --state-machine-arn arn:aws:states:us-east-1:" + hubID + ":stateMachine:quicksight-unsubscribe",
		`'{"accountId":"<twelve digits>","dryRun":true}'`,
		"aws sns subscribe --topic-arn arn:aws:sns:us-east-1:" + hubID + ":quicksight-unsubscribe",
		"unsubscribe approve",
		"aws ssm put-parameter --name /quicksight-unsubscribe/kill-switch --overwrite --value on",
		"s3://quicksight-unsubscribe-" + hubID + "/closings/",
		"HubAccountId=" + hubID,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no output says %s", want)
		}
	}
}

// Ensure that approvers of other accounts reach the page and what is asked about, and no other way to the function.
func TestApproversOfOtherAccounts(t *testing.T) {
	stack := hub(t, map[string]any{
		"identityCenterAccounts": "444455556666", "sessionRoles": "arn:aws:iam::777788889999:role/people", "approvers": "ann <ann@example.com> arn:aws:iam::444455556666:user/ann",
	})
	got := map[string]int{}
	for _, p := range stack.resources("AWS::Lambda::Permission") {
		if p["Principal"] == "events.amazonaws.com" {
			continue // of audit-event: TestAuditedEvents
		}
		got[fmt.Sprint(stack.resolve(p["Principal"]), " ", p["Action"], " ", p["FunctionUrlAuthType"], " ", p["InvokedViaFunctionUrl"])]++
	}
	want := map[string]int{}
	for _, account := range []string{"444455556666", "777788889999"} {
		want[account+" lambda:InvokeFunctionUrl AWS_IAM <nil>"] = 1
		want[account+" lambda:InvokeFunction <nil> true"] = 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who may call the URL (-want +got):\n%s", diff)
	}
	policy, _ := stack.resource(t, "AWS::S3::BucketPolicy", func(p map[string]any) bool { return strings.Contains(fmt.Sprint(stack.resolve(p)), "closings") })
	reads := map[string]any{}
	for _, one := range stack.resolve(policy["PolicyDocument"]).(map[string]any)["Statement"].([]any) {
		if s := one.(map[string]any); s["Effect"] == "Allow" {
			reads[fmt.Sprint(s["Action"], " ", s["Resource"])] = s["Principal"]
		}
	}
	both := map[string]any{"AWS": []any{"arn:aws:iam::444455556666:root", "arn:aws:iam::777788889999:root"}}
	bucket := "arn:aws:s3:::quicksight-unsubscribe-" + hubID
	if diff := cmp.Diff(map[string]any{"s3:GetObject " + bucket + "/closings/*": both, "s3:ListBucket " + bucket: both}, reads); diff != "" {
		t.Errorf("who may read (-want +got):\n%s", diff)
	}
}

// Ensure that decisions are taken behind a URL which only signed requests reach, that request-approval names it, and that the approvers'
// policy lets nobody invoke the function in any other way.
func TestDecisionURL(t *testing.T) {
	stack := hub(t, nil)
	url, _ := stack.resource(t, "AWS::Lambda::Url", func(map[string]any) bool { return true })
	if url["AuthType"] != "AWS_IAM" || url["Cors"] != nil {
		t.Errorf("the URL is %v", url)
	}
	for id, open := range stack.resources("AWS::Lambda::Permission") {
		if open["Principal"] != "events.amazonaws.com" || open["SourceArn"] == nil || !strings.HasPrefix(stack.resolve(open["FunctionName"]).(string), "arn:aws:lambda:us-east-1:"+hubID+":function:quicksight-unsubscribe-audit-event") {
			t.Errorf("%s lets somebody invoke a function by its own policy: %v", id, open)
		}
	}
	asks, _ := stack.resource(t, "AWS::Lambda::Function", func(p map[string]any) bool { return p["FunctionName"] == "quicksight-unsubscribe-request-approval" })
	variables := stack.resolve(asks["Environment"]).(map[string]any)["Variables"].(map[string]any)
	if page := fmt.Sprint(variables["DECISION_URL"]); !strings.HasSuffix(page, ".FunctionUrl") {
		t.Errorf("request-approval names the page %q", page)
	}
	policy, _ := stack.resource(t, "AWS::IAM::ManagedPolicy", func(p map[string]any) bool { return p["ManagedPolicyName"] == approversPolicy })
	invokes := 0
	for _, one := range stack.resolve(policy["PolicyDocument"]).(map[string]any)["Statement"].([]any) {
		statement := one.(map[string]any)
		if statement["Action"] != "lambda:InvokeFunction" {
			continue
		}
		invokes++
		if diff := cmp.Diff(map[string]any{"Bool": map[string]any{"lambda:InvokedViaFunctionUrl": "true"}}, statement["Condition"]); diff != "" {
			t.Errorf("invoking (-want +got):\n%s", diff)
		}
	}
	if invokes != 1 {
		t.Errorf("the policy lets invoke %d times", invokes)
	}
}

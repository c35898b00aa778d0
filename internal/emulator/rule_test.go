package emulator

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// refused is a situation in which exactly one rule refuses.
type refused struct {
	hub, target string
	assumptions map[string]string
	call        func(l *lab) error
}

const (
	readable   = `"roles": {"QuickSightUnsubscribeRead": {}}`
	forbidding = `{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}`
)

func settings(l *lab) error {
	_, err := l.target("eu-west-1").DescribeAccountSettings(background, &quicksight.DescribeAccountSettingsInput{AwsAccountId: target})
	return err
}

func namespaces(l *lab) error {
	_, err := l.target("eu-west-1").ListNamespaces(background, &quicksight.ListNamespacesInput{AwsAccountId: target})
	return err
}

func elsewhere(l *lab) error {
	_, err := l.subscription("eu-west-1")
	return err
}

func unsubscribing(l *lab) error { return l.unsubscribe("us-east-1") }

// exporting starts six jobs, in two regions.
func exporting(l *lab) error {
	for i := range 6 {
		region := []string{"us-east-1", "eu-west-1"}[i%2]
		_, err := l.target(region).StartAssetBundleExportJob(background, &quicksight.StartAssetBundleExportJobInput{
			AwsAccountId: target, AssetBundleExportJobId: aws.String("job-" + strconv.Itoa(i)), ExportFormat: types.AssetBundleExportFormatQuicksightJson,
			ResourceArns: []string{"arn:aws:quicksight:" + region + ":" + targetAccount + ":dashboard/sales"},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func assuming(in sts.AssumeRoleInput) func(*lab) error {
	return func(l *lab) error {
		_, _, err := l.assume("us-east-1", &in)
		return err
	}
}

func writing(change func(*s3.PutObjectInput)) func(*lab) error {
	return func(l *lab) error {
		_, err := put(l.s3(hubKey), "k", "new", change)
		return err
	}
}

func notifying(in sns.PublishInput) func(*lab) error {
	return func(l *lab) error {
		in.TopicArn = aws.String("arn:aws:sns:us-east-1:" + hubAccount + ":notices")
		_, err := sns.NewFromConfig(l.config(hubKey, "us-east-1")).Publish(background, &in)
		return err
	}
}

func starting(in sfn.StartExecutionInput) func(*lab) error {
	return func(l *lab) error {
		in.StateMachineArn = aws.String("arn:machine")
		_, err := sfn.NewFromConfig(l.config(hubKey, "us-east-1")).StartExecution(background, &in)
		return err
	}
}

var situations = map[string]refused{
	"quicksight-regions": {target: `"quickSight": {}`, call: func(l *lab) error {
		_, err := l.target("us-west-1").ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
		return err
	}},
	"own-account": {target: `"quickSight": {}`, call: func(l *lab) error {
		_, err := l.target("us-east-1").DescribeAccountSubscription(background, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: aws.String(hubAccount)})
		return err
	}},
	"organization-management": {call: func(l *lab) error {
		_, err := organizations.NewFromConfig(l.config(hubKey, "us-east-1")).ListAccounts(background, &organizations.ListAccountsInput{})
		return err
	}},
	"subscribed": {call: func(l *lab) error {
		_, err := l.target("us-east-1").ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
		return err
	}},
	"identity-region":                 {target: `"quickSight": {}`, call: settings},
	"identity-region-of-namespaces":   {target: `"quickSight": {}`, assumptions: map[string]string{"namespaces-from-other-region": "denied"}, call: namespaces},
	"identity-region-of-subscription": {target: `"quickSight": {}`, assumptions: map[string]string{"subscription-from-other-region": "denied"}, call: elsewhere},
	"enterprise-edition":              {target: `"quickSight": {"edition": "STANDARD"}`, call: namespaces},
	"five-export-jobs":                {target: `"quickSight": {"regions": {"us-east-1": {"dashboards": ["Sales"]}, "eu-west-1": {"dashboards": ["Sales"]}}}`, call: exporting},
	"unsubscribing-once":              {target: `"quickSight": {"status": "UNSUBSCRIBE_IN_PROGRESS", "terminationProtection": false}`, call: unsubscribing},
	"termination-protection":          {target: `"quickSight": {}`, call: unsubscribing},
	"leftover-namespace":              {target: `"quickSight": {"terminationProtection": false, "namespaces": [{"name": "acme"}]}`, assumptions: map[string]string{"leftover-namespace": "blocks"}, call: unsubscribing},
	"directory-permissions":           {target: `"quickSight": {"terminationProtection": false}, "users": {"ann": {"policies": [{"Statement": {"Effect": "Allow", "Action": "quicksight:*", "Resource": "*"}}]}}`, call: unsubscribing},
	"default-namespace": {target: `"quickSight": {}`, call: func(l *lab) error {
		_, err := l.target("us-east-1").DeleteNamespace(background, &quicksight.DeleteNamespaceInput{AwsAccountId: target, Namespace: aws.String("default")})
		return err
	}},
	"deleted-connection": {target: `"quickSight": {"regions": {"us-east-1": {"vpcConnections": [{"name": "c", "vpcId": "vpc-1", "subnetIds": ["subnet-1"], "status": "DELETED"}]}}}`, call: func(l *lab) error {
		_, err := l.target("us-east-1").DeleteVPCConnection(background, &quicksight.DeleteVPCConnectionInput{AwsAccountId: target, VPCConnectionId: aws.String("c")})
		return err
	}},

	"role-trust":             {target: `"roles": {"QuickSightUnsubscribeRead": {"trust": {"Statement": []}}}`, call: assuming(sts.AssumeRoleInput{})},
	"role-chaining-one-hour": {target: readable, call: assuming(sts.AssumeRoleInput{DurationSeconds: aws.Int32(7200)})},
	"session-name":           {target: readable, call: assuming(sts.AssumeRoleInput{RoleSessionName: aws.String("a b")})},
	"session-policy-size":    {target: readable, call: assuming(sts.AssumeRoleInput{Policy: aws.String(`{"Statement": [` + strings.Repeat(" ", 2048) + `]}`)})},
	"service-control-policy": {target: `"quickSight": {}, "scps": [` + forbidding + `]`, call: unprotecting},
	"permissions-boundary":   {target: `"quickSight": {}, "users": {"ann": {"boundary": ` + forbidding + `}}`, call: unprotecting},
	"identity-policy":        {target: `"quickSight": {}, "users": {"ann": {"policies": [` + forbidding + `]}}`, call: unprotecting},
	"session-policy": {target: `"quickSight": {}, ` + readable, call: func(l *lab) error {
		config, _, err := l.assume("us-east-1", &sts.AssumeRoleInput{Policy: aws.String(forbidding)})
		if err != nil {
			return err
		}
		return describeSubscription(config)
	}},
	"resource-policy": {hub: `"buckets": {"record": {"policy": {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}}}}`, call: writing(plainly)},

	"message-size": {hub: `"topics": [{"name": "notices"}]`, call: notifying(sns.PublishInput{Message: aws.String(strings.Repeat("x", 256*1024+1))})},
	"topic-key": {hub: `"topics": [{"name": "notices", "kmsKey": "arn:aws:kms:us-east-1:` + hubAccount + `:key/k"}], "roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}}]}}`,
		call: notifying(sns.PublishInput{Message: aws.String("m")})},
	"subject-format":  {hub: `"topics": [{"name": "notices"}]`, call: notifying(sns.PublishInput{Message: aws.String("m"), Subject: aws.String("two\nlines")})},
	"ten-events":      {call: announcing(slices.Repeat([]ebtypes.PutEventsRequestEntry{{Source: aws.String("s"), DetailType: aws.String("t"), Detail: aws.String("{}")}}, 11)...)},
	"event-detail":    {call: announcing(ebtypes.PutEventsRequestEntry{Source: aws.String("s"), DetailType: aws.String("t"), Detail: aws.String("[]")})},
	"event-source":    {call: announcing(ebtypes.PutEventsRequestEntry{Source: aws.String("aws.states"), DetailType: aws.String("t"), Detail: aws.String("{}")})},
	"execution-name":  {call: starting(sfn.StartExecutionInput{Name: aws.String("a b")})},
	"execution-input": {call: starting(sfn.StartExecutionInput{Input: aws.String("{")})},
	"task-output": {call: func(l *lab) error {
		_, err := sfn.NewFromConfig(l.config(hubKey, "us-east-1")).SendTaskSuccess(background, &sfn.SendTaskSuccessInput{TaskToken: aws.String("token"), Output: aws.String("{")})
		return err
	}},
	"one-lookup-attribute": {call: func(l *lab) error {
		attribute := cttypes.LookupAttribute{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("x")}
		_, err := cloudtrail.NewFromConfig(l.config(hubKey, "us-east-1")).LookupEvents(background, &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{attribute, attribute}})
		return err
	}},

	"bucket-region": {hub: `"buckets": {"record": {"region": "eu-west-1"}}`, call: writing(plainly)},
	"if-none-match": {hub: `"buckets": {"record": {"objects": {"k": "old"}}}`, call: writing(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") })},
	"if-match":      {hub: `"buckets": {"record": {"objects": {"k": "old"}}}`, call: writing(func(in *s3.PutObjectInput) { in.IfMatch = aws.String(`"another"`) })},
	"bucket-key": {hub: `"buckets": {"record": {"kmsKey": "arn:aws:kms:us-east-1:` + hubAccount + `:key/k"}}, "roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}]}}`,
		call: writing(plainly)},
}

// announcing puts events; one that is not taken is an error.
func announcing(entries ...ebtypes.PutEventsRequestEntry) func(*lab) error {
	return func(l *lab) error {
		out, err := eventbridge.NewFromConfig(l.config(hubKey, "us-east-1")).PutEvents(background, &eventbridge.PutEventsInput{Entries: entries})
		if err == nil && out.FailedEntryCount > 0 {
			err = errors.New(aws.ToString(out.Entries[0].ErrorCode))
		}
		return err
	}
}

func unprotecting(l *lab) error { return l.unprotect() }

// Each refusal is one rule's, and goes with it: a test that drops a rule really meets an AWS without it.
func TestEachRule(t *testing.T) {
	t.Parallel()
	// What these two hide is not an error: they are tested with the answers that they change.
	covered := []string{"absent-needs-list", "trail-days"}
	for name, s := range situations {
		covered = append(covered, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := newLab(t, s.hub, s.target, Options{Assumptions: s.assumptions, Machines: machines{}})
			if err := s.call(with); err == nil {
				t.Error("the rule refuses nothing")
			}
			without := newLab(t, s.hub, s.target, Options{Assumptions: s.assumptions, Machines: machines{}, WithoutRules: []string{name}})
			if err := s.call(without); err != nil {
				t.Errorf("without the rule: %v", err)
			}
		})
	}
	var all []string
	for _, service := range services() {
		if service.name != "ec2" && service.name != "ds" { // network_test.go and directoryservice_test.go
			for _, r := range service.rules {
				all = append(all, r.name)
			}
		}
	}
	slices.Sort(all)
	slices.Sort(covered)
	if !slices.Equal(all, covered) {
		t.Errorf("rules %v\ntested %v", all, covered)
	}
}

func TestRulesThatHide(t *testing.T) {
	t.Parallel()
	l := newLab(t, `"buckets": {"record": {}}, "roles": {"closer": {"policies": [{"Statement": {"Effect": "Allow", "Action": ["s3:GetObject", "cloudtrail:*"], "Resource": "*"}}]}},
		"trail": [{"time": "2025-01-01T00:00:00Z", "name": "CreateAccountSubscription"}]`, "", Options{WithoutRules: []string{"absent-needs-list", "trail-days"}})
	_, err := get(l.s3(hubKey), "absent")
	wantCode(t, err, "NoSuchKey")
	out, err := cloudtrail.NewFromConfig(l.config(hubKey, "us-east-1")).LookupEvents(background, &cloudtrail.LookupEventsInput{})
	if err != nil || len(out.Events) != 1 || out.Events[0].EventTime.After(l.now.AddDate(0, 0, -90)) {
		t.Errorf("old events %+v, %v", out, err)
	}
}

// Every assumption that the table lists is one that the code asks about, in one of the two settings.
func TestAssumptionTable(t *testing.T) {
	t.Parallel()
	var names []string
	for _, a := range Assumptions() {
		names = append(names, a.Name)
		if a.Question == "" || a.Source == "" || a.Settings[0] == a.Settings[1] {
			t.Errorf("%+v is incomplete", a)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the table is not sorted: %v", names)
	}
	for _, a := range Assumptions() {
		resolved, err := resolveAssumptions(map[string]string{a.Name: a.Settings[1]})
		if err != nil || resolved[a.Name] != a.Settings[1] || len(slices.Collect(maps.Keys(resolved))) != len(names) {
			t.Errorf("%s: %v, %v", a.Name, resolved, err)
		}
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{Latency: func(service, operation string) time.Duration { return time.Duration(len(service + operation)) }})
	if _, err := l.subscription("us-east-1"); err != nil {
		t.Fatal(err)
	}
	if got := l.last().Latency; got != time.Duration(len("quicksightDescribeAccountSubscription")) {
		t.Errorf("latency %v", got)
	}
}

package emulator

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var target = aws.String(targetAccount)

func (l *lab) subscription(region string) (string, error) {
	out, err := l.target(region).DescribeAccountSubscription(background, &quicksight.DescribeAccountSubscriptionInput{AwsAccountId: target})
	if err != nil {
		return "", err
	}
	return *out.AccountInfo.AccountSubscriptionStatus, nil
}

func (l *lab) protection(t *testing.T) bool {
	t.Helper()
	out, err := l.target("us-east-1").DescribeAccountSettings(background, &quicksight.DescribeAccountSettingsInput{AwsAccountId: target})
	if err != nil {
		t.Fatal(err)
	}
	return out.AccountSettings.TerminationProtectionEnabled
}

// unprotect sends what the SDK sends for false: nothing.
func (l *lab) unprotect() error {
	_, err := l.target("us-east-1").UpdateAccountSettings(background, &quicksight.UpdateAccountSettingsInput{
		AwsAccountId: target, DefaultNamespace: aws.String("default"), TerminationProtectionEnabled: false,
	})
	return err
}

func (l *lab) unsubscribe(region string) error {
	_, err := l.target(region).DeleteAccountSubscription(background, &quicksight.DeleteAccountSubscriptionInput{AwsAccountId: target})
	return err
}

func TestUnsubscribing(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"unsubscribeMinutes": 40, "users": [{"userName": "ann"}], "regions": {"eu-west-1": {"dashboards": ["Sales"]}}}`, Options{})

	if err := l.unsubscribe("us-east-1"); code(t, err) != "PreconditionNotMetException" {
		t.Fatalf("a protected account was answered %v", err)
	}
	if err := l.unprotect(); err != nil {
		t.Fatal(err)
	}
	out, err := l.target("us-east-1").DeleteAccountSubscription(background, &quicksight.DeleteAccountSubscriptionInput{AwsAccountId: target})
	if err != nil || out.Status != http.StatusAccepted {
		t.Fatalf("got status %v and error %v, want 202", out, err)
	}
	for _, step := range []struct {
		pass time.Duration
		want string
	}{{0, "UNSUBSCRIBE_IN_PROGRESS"}, {39 * time.Minute, "UNSUBSCRIBE_IN_PROGRESS"}, {time.Minute, "UNSUBSCRIBED"}} {
		l.pass(step.pass)
		if got, err := l.subscription("us-east-1"); got != step.want || err != nil {
			t.Fatalf("after %v the status is %q, %v; want %s", step.pass, got, err, step.want)
		}
	}
	_, err = l.target("us-east-1").ListUsers(background, &quicksight.ListUsersInput{AwsAccountId: target, Namespace: aws.String("default")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.Message != "Account "+targetAccount+" is not signed up with QuickSight with namespace default." {
		t.Errorf("users of an unsubscribed account: %v", err)
	}
	_, err = l.target("eu-west-1").ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
	var edition *types.UnsupportedUserEditionException
	if !errors.As(err, &edition) || *edition.Message != "Account "+targetAccount+" is not subscribed for QuickSight" {
		t.Errorf("dashboards of an unsubscribed account: %v", err)
	}
	if assets := l.World().Accounts[targetAccount].QuickSight.Regions["eu-west-1"].Dashboards; len(assets) != 0 {
		t.Errorf("dashboards outlive the subscription: %v", assets)
	}
}

func TestUnsubscribeFails(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"terminationProtection": false, "unsubscribeFails": true}`, Options{})
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Fatal(err)
	}
	l.pass(time.Hour)
	if got, _ := l.subscription("us-east-1"); got != "UNSUBSCRIBE_FAILED" {
		t.Fatalf("status %s, want UNSUBSCRIBE_FAILED", got)
	}
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Fatalf("a failed account can be tried again, got %v", err)
	}
}

// The texts are those of modernisation-platform#9789.
func TestIdentityRegion(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"identityRegion": "eu-west-1", "terminationProtection": false}`, Options{})
	_, err := l.target("us-east-1").DescribeAccountSettings(background, &quicksight.DescribeAccountSettingsInput{AwsAccountId: target})
	var denied *types.AccessDeniedException
	want := "Operation is being called from endpoint us-east-1, but your identity region is eu-west-1. Please use the eu-west-1 endpoint."
	if !errors.As(err, &denied) || *denied.Message != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusUnauthorized {
		t.Errorf("HTTP status of %v, want 401", err)
	}
	wantCode(t, l.unsubscribe("us-east-1"), "AccessDeniedException")
	if err := l.unsubscribe("eu-west-1"); err != nil {
		t.Fatal(err)
	}
}

func TestAssumptions(t *testing.T) {
	t.Parallel()
	t.Run("omitted-protection-flag", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]bool{"false": false, "no-change": true} {
			l := newLab(t, "", `"quickSight": {}`, Options{Assumptions: map[string]string{"omitted-protection-flag": setting}})
			if err := l.unprotect(); err != nil {
				t.Fatal(err)
			}
			if got := l.protection(t); got != want {
				t.Errorf("%s: protection is %v", setting, got)
			}
		}
	})
	t.Run("subscription-from-other-region", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"answers": "", "denied": "AccessDeniedException"} {
			l := newLab(t, "", `"quickSight": {}`, Options{Assumptions: map[string]string{"subscription-from-other-region": setting}})
			_, err := l.subscription("eu-west-1")
			if got := code(t, err); got != want {
				t.Errorf("%s: %v", setting, err)
			}
		}
	})
	t.Run("namespaces-from-other-region", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"answers": "", "denied": "AccessDeniedException"} {
			l := newLab(t, "", `"quickSight": {}`, Options{Assumptions: map[string]string{"namespaces-from-other-region": setting}})
			_, err := l.target("eu-west-1").ListNamespaces(background, &quicksight.ListNamespacesInput{AwsAccountId: target})
			if got := code(t, err); got != want {
				t.Errorf("%s: %v", setting, err)
			}
		}
	})
	t.Run("leftover-namespace", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"ignored": "", "blocks": "PreconditionNotMetException"} {
			l := newLab(t, "", `"quickSight": {"terminationProtection": false, "namespaces": [{"name": "acme"}]}`, Options{Assumptions: map[string]string{"leftover-namespace": setting}})
			if got := code(t, l.unsubscribe("us-east-1")); got != want {
				t.Errorf("%s: %q", setting, got)
			}
		}
	})
	t.Run("unsubscribed", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"stays": "", "not-found": "ResourceNotFoundException"} {
			l := newLab(t, "", `"quickSight": {"status": "UNSUBSCRIBED"}`, Options{Assumptions: map[string]string{"unsubscribed": setting}})
			_, err := l.subscription("us-east-1")
			if got := code(t, err); got != want {
				t.Errorf("%s: %v", setting, err)
			}
		}
	})
	t.Run("delete-needs-unsubscribe", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"no": "", "yes": "AccessDeniedException"} {
			l := newLab(t, "", `"quickSight": {"terminationProtection": false}, "users": {"ann": {"policies": [
				{"Statement": [{"Effect": "Allow", "Action": "quicksight:DeleteAccountSubscription", "Resource": "arn:aws:quicksight:*:*:account/`+targetAccount+`"},
					{"Effect": "Allow", "Action": "ds:*", "Resource": "*"}]}]}}`,
				Options{Assumptions: map[string]string{"delete-needs-unsubscribe": setting}})
			if got := code(t, l.unsubscribe("us-east-1")); got != want {
				t.Errorf("%s: %q", setting, got)
			}
		}
	})
	t.Run("omitted-notification-email", func(t *testing.T) {
		t.Parallel()
		for setting, want := range map[string]string{"kept": "a@example.com", "cleared": ""} {
			l := newLab(t, "", `"quickSight": {"notificationEmail": "a@example.com"}`, Options{Assumptions: map[string]string{"omitted-notification-email": setting}})
			if err := l.unprotect(); err != nil {
				t.Fatal(err)
			}
			if got := l.World().Accounts[targetAccount].QuickSight.NotificationEmail; got != want {
				t.Errorf("%s: email is %q", setting, got)
			}
		}
	})
	t.Run("unknown names and settings are refused", func(t *testing.T) {
		t.Parallel()
		for _, given := range []map[string]string{{"unsubscribe": "stays"}, {"unsubscribed": "maybe"}} {
			if _, err := New(Options{World: &World{Now: time.Unix(1, 0)}, Assumptions: given}); err == nil {
				t.Errorf("%v was accepted", given)
			}
		}
	})
}

func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"consistencySeconds": 10}`, Options{})
	if err := l.unprotect(); err != nil {
		t.Fatal(err)
	}
	if !l.protection(t) {
		t.Error("the write shows at once")
	}
	l.pass(10 * time.Second)
	if l.protection(t) {
		t.Error("the write does not show after the lag")
	}
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := l.subscription("us-east-1"); got != "ACCOUNT_CREATED" {
		t.Errorf("status %s right after the deletion, want the stale ACCOUNT_CREATED", got)
	}
	l.pass(10 * time.Second)
	if got, _ := l.subscription("us-east-1"); got != "UNSUBSCRIBE_IN_PROGRESS" {
		t.Errorf("status %s after the lag", got)
	}
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"namespaces": [{"name": "acme", "retryableFailures": 1}], "users": [{"userName": "bob", "namespace": "acme"}, {"userName": "ann", "role": "ADMIN"}]}`, Options{PageSize: 1})
	client := l.target("us-east-1")
	names := func() []string {
		var all []string
		pages := quicksight.NewListNamespacesPaginator(client, &quicksight.ListNamespacesInput{AwsAccountId: target})
		for pages.HasMorePages() {
			page, err := pages.NextPage(background)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range page.Namespaces {
				all = append(all, *n.Name+" "+string(n.CreationStatus)+" "+*n.CapacityRegion)
			}
		}
		return all
	}
	remove := func(name string) error {
		_, err := client.DeleteNamespace(background, &quicksight.DeleteNamespaceInput{AwsAccountId: target, Namespace: &name})
		return err
	}
	wantCode(t, remove("default"), "InvalidParameterValueException")
	wantCode(t, remove("nobody"), "ResourceNotFoundException")
	for _, step := range []struct {
		pass time.Duration
		want string
	}{
		{0, "default CREATED us-east-1, acme DELETING us-east-1"},
		{time.Minute, "default CREATED us-east-1, acme RETRYABLE_FAILURE us-east-1"},
	} {
		if step.pass == 0 {
			if err := remove("acme"); err != nil {
				t.Fatal(err)
			}
		}
		l.pass(step.pass)
		if got := strings.Join(names(), ", "); got != step.want {
			t.Fatalf("namespaces %s, want %s", got, step.want)
		}
	}
	if err := remove("acme"); err != nil {
		t.Fatal(err)
	}
	l.pass(time.Minute)
	if got := strings.Join(names(), ", "); got != "default CREATED us-east-1" {
		t.Fatalf("namespaces %s", got)
	}
	if users := l.World().Accounts[targetAccount].QuickSight.Users; len(users) != 1 || users[0].UserName != "ann" {
		t.Errorf("users left: %v", users)
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"regions": {"eu-west-1": {
		"dashboards": ["Sales", {"name": "Ops", "id": "ops-1", "updated": "2026-02-01T00:00:00Z", "members": {"PublishedVersionNumber": 7}}],
		"analyses": ["Draft"], "dataSets": [{"name": "Orders", "refreshSchedules": ["nightly"], "members": {"ImportMode": "SPICE"}}], "dataSources": ["Lake"],
		"folders": ["Shared"], "themes": ["Dark"], "templates": ["Base"], "topics": ["Revenue"], "agents": ["Helper"], "knowledgeBases": ["Wiki"], "spaces": ["Team"], "flows": ["Daily"], "apps": ["App"], "actionConnectors": ["Jira"]}}}`, Options{PageSize: 1})
	client := l.target("eu-west-1")
	dashboards, err := client.ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target})
	if err != nil {
		t.Fatal(err)
	}
	if first := dashboards.DashboardSummaryList[0]; *first.DashboardId != "sales" || *first.Arn != "arn:aws:quicksight:eu-west-1:"+targetAccount+":dashboard/sales" || dashboards.NextToken == nil {
		t.Fatalf("first page %+v", first)
	}
	dashboards, err = client.ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target, NextToken: dashboards.NextToken})
	if err != nil {
		t.Fatal(err)
	}
	if second := dashboards.DashboardSummaryList[0]; *second.DashboardId != "ops-1" || *second.PublishedVersionNumber != 7 || second.LastUpdatedTime.Format(time.DateOnly) != "2026-02-01" || dashboards.NextToken != nil {
		t.Fatalf("second page %+v", second)
	}
	_, err = client.ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target, NextToken: aws.String("forged")})
	wantCode(t, err, "InvalidNextTokenException")

	sets, err := client.ListDataSets(background, &quicksight.ListDataSetsInput{AwsAccountId: target})
	if err != nil || sets.DataSetSummaries[0].ImportMode != types.DataSetImportModeSpice {
		t.Fatalf("data sets %+v, %v", sets, err)
	}
	schedules, err := client.ListRefreshSchedules(background, &quicksight.ListRefreshSchedulesInput{AwsAccountId: target, DataSetId: aws.String("orders")})
	if err != nil || *schedules.RefreshSchedules[0].ScheduleId != "nightly" {
		t.Fatalf("schedules %+v, %v", schedules, err)
	}
	agents, err := client.ListAgents(background, &quicksight.ListAgentsInput{AwsAccountId: target})
	if err != nil || *agents.AgentSummaries[0].Name != "Helper" || agents.AgentSummaries[0].UpdatedAt == nil {
		t.Fatalf("agents %+v, %v", agents, err)
	}
	bases, err := client.ListKnowledgeBases(background, &quicksight.ListKnowledgeBasesInput{AwsAccountId: target})
	if err != nil || *bases.KnowledgeBaseSummaries[0].Name != "Wiki" {
		t.Fatalf("knowledge bases %+v, %v", bases, err)
	}
	spaces, err := client.ListSpaces(background, &quicksight.ListSpacesInput{AwsAccountId: target})
	if err != nil || *spaces.SpaceSummaries[0].SpaceId != "team" {
		t.Fatalf("spaces %+v, %v", spaces, err)
	}
	if elsewhere, err := l.target("us-west-2").ListDashboards(background, &quicksight.ListDashboardsInput{AwsAccountId: target}); err != nil || len(elsewhere.DashboardSummaryList) != 0 {
		t.Errorf("another Region shows %+v, %v", elsewhere, err)
	}
}

// https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DeleteVPCConnection.html
func TestVPCConnections(t *testing.T) {
	t.Parallel()
	const world = `"quickSight": {"regions": {"us-east-1": {"vpcConnections": [{"name": "warehouse", "vpcId": "vpc-1", "subnetIds": ["subnet-1", "subnet-2"], "deleteFails": FAILS}]}}},
		"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}], "subnets": [{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-1"}]}}`
	connection := func(t *testing.T, l *lab) *types.VPCConnection {
		t.Helper()
		out, err := l.target("us-east-1").DescribeVPCConnection(background, &quicksight.DescribeVPCConnectionInput{AwsAccountId: target, VPCConnectionId: aws.String("warehouse")})
		if err != nil {
			t.Fatal(err)
		}
		return out.VPCConnection
	}
	remove := func(l *lab) error {
		_, err := l.target("us-east-1").DeleteVPCConnection(background, &quicksight.DeleteVPCConnectionInput{AwsAccountId: target, VPCConnectionId: aws.String("warehouse")})
		return err
	}
	interfaces := func(l *lab) int { return len(l.World().Accounts[targetAccount].Network["us-east-1"].NetworkInterfaces) }

	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, "", strings.ReplaceAll(world, "FAILS", "false"), Options{})
		if c := connection(t, l); len(c.NetworkInterfaces) != 2 || interfaces(l) != 2 {
			t.Fatalf("%d interfaces in QuickSight, %d in EC2; want 2", len(c.NetworkInterfaces), interfaces(l))
		}
		if err := remove(l); err != nil {
			t.Fatal(err)
		}
		l.pass(2 * time.Minute)
		if c := connection(t, l); c.Status != types.VPCConnectionResourceStatusDeleted || interfaces(l) != 2 {
			t.Fatalf("status %s and %d interfaces; want DELETED and lingering interfaces", c.Status, interfaces(l))
		}
		wantCode(t, remove(l), "ConflictException")
		l.pass(time.Minute)
		if interfaces(l) != 0 {
			t.Errorf("%d interfaces stay", interfaces(l))
		}
	})
	t.Run("fails", func(t *testing.T) {
		t.Parallel()
		l := newLab(t, "", strings.ReplaceAll(world, "FAILS", "true"), Options{})
		if err := remove(l); err != nil {
			t.Fatal(err)
		}
		l.pass(2 * time.Minute)
		if c := connection(t, l); c.Status != types.VPCConnectionResourceStatusDeletionFailed || c.NetworkInterfaces[0].ErrorMessage == nil {
			t.Fatalf("%+v", c)
		}
	})
}

func TestStandardEdition(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"edition": "STANDARD", "terminationProtection": false}`, Options{})
	_, err := l.target("us-east-1").ListNamespaces(background, &quicksight.ListNamespacesInput{AwsAccountId: target})
	if code(t, err) != "AccessDeniedException" || !strings.Contains(err.Error(), "disabled for STANDARD Edition") {
		t.Fatalf("namespaces of a Standard account: %v", err)
	}
	if err := l.unsubscribe("us-east-1"); err != nil {
		t.Fatal(err)
	}
}

func TestExportJob(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {"regions": {"us-east-1": {"dashboards": ["Sales", {"name": "Broken", "exportFails": true}]}}}`, Options{})
	client := l.target("us-east-1")
	start := func(job string, assets ...string) error {
		var arns []string
		for _, a := range assets {
			arns = append(arns, "arn:aws:quicksight:us-east-1:"+targetAccount+":dashboard/"+a)
		}
		_, err := client.StartAssetBundleExportJob(background, &quicksight.StartAssetBundleExportJobInput{
			AwsAccountId: target, AssetBundleExportJobId: &job, ExportFormat: types.AssetBundleExportFormatQuicksightJson, ResourceArns: arns,
		})
		return err
	}
	describe := func(job string) *quicksight.DescribeAssetBundleExportJobOutput {
		out, err := client.DescribeAssetBundleExportJob(background, &quicksight.DescribeAssetBundleExportJobInput{AwsAccountId: target, AssetBundleExportJobId: &job})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if err := errors.Join(start("good", "sales"), start("bad", "sales", "broken")); err != nil {
		t.Fatal(err)
	}
	wantCode(t, start("good", "sales"), "ConflictException")
	wantCode(t, start("gone", "nothing"), "ResourceNotFoundException")
	l.pass(time.Minute)
	if out := describe("bad"); out.JobStatus != types.AssetBundleExportJobStatusFailed || len(out.Errors) != 1 {
		t.Fatalf("%+v", out)
	}
	out := describe("good")
	if out.JobStatus != types.AssetBundleExportJobStatusSuccessful {
		t.Fatalf("%+v", out)
	}
	get := func() int {
		response, err := (&http.Client{Transport: l.AWS}).Get(*out.DownloadUrl)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode
	}
	if got := get(); got != http.StatusOK {
		t.Errorf("download answers %d", got)
	}
	l.pass(6 * time.Minute)
	if got := get(); got != http.StatusForbidden {
		t.Errorf("an expired download answers %d", got)
	}
}

// Should QuickSight delete its Simple AD, it does so with the rights of the caller: a session without ds:DeleteDirectory keeps it.
func TestDirectoryRemovedByQuickSight(t *testing.T) {
	t.Parallel()
	const world = `"quickSight": {"terminationProtection": false}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "applications": ["quicksight"], "deleteMinutes": 5}],
		"network": {"us-east-1": {"vpcs": [{"id": "vpc-1"}], "subnets": [{"id": "subnet-1", "vpc": "vpc-1"}, {"id": "subnet-2", "vpc": "vpc-1"}]}},
		"users": {"ann": {"policies": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "DENIED", "Resource": "*"}]}]}}`
	for denied, want := range map[string]int{"ds:DeleteDirectory": 1, "s3:DeleteBucket": 0} {
		l := newLab(t, "", strings.Replace(world, "DENIED", denied, 1), Options{Assumptions: map[string]string{"directory-removed-by-quicksight": "yes"}})
		if err := l.unsubscribe("us-east-1"); err != nil {
			t.Fatal(err)
		}
		l.pass(10 * time.Minute)
		if got := len(l.World().Accounts[targetAccount].Directories); got != want {
			t.Errorf("without %s: %d directories are left, want %d", denied, got, want)
		}
	}
}

func TestNoEndpoint(t *testing.T) {
	t.Parallel()
	l := newLab(t, "", `"quickSight": {}`, Options{})
	_, err := l.subscription("us-west-1")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("a Region without QuickSight: %v", err)
	}
	if call := l.last(); call.Status != 0 || call.Error != "NoSuchHost" {
		t.Errorf("journal %+v", call)
	}
}

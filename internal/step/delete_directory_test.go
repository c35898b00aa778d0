package step

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
)

// unsubscribed is earlyAdopter's account whose subscription is gone.
func unsubscribed(t *testing.T, request string) *deleting {
	t.Helper()
	d := newDeleting(t, earlyAdopter, request, emulator.Options{})
	d.must(d.subscription())
	return d
}

func ofDirectory(edit func(*emulator.Directory)) func(*emulator.Account) {
	return func(a *emulator.Account) { edit(a.Directories[0]) }
}

func TestDirectoryKept(t *testing.T) {
	t.Parallel()
	d := unsubscribed(t, `{"directory": "keep"}`)
	calls := d.count("ds:DescribeDirectories")
	d.must(d.directory())
	if d.count("ds:DeleteDirectory") > 0 || d.count("ds:DescribeDirectories") > calls {
		t.Error("a directory that is kept was looked at or deleted")
	}
}

// Ensure that authorized applications are waited for, as long as configuration says and no longer.
func TestAuthorizedApplications(t *testing.T) {
	t.Parallel()
	d := unsubscribed(t, `{}`)
	d.target(ofDirectory(func(e *emulator.Directory) { e.AuthorizedApplicationMinutes = new(45) }))
	began := d.now
	d.must(d.directory())
	if took := d.now.Sub(began); took < 40*time.Minute {
		t.Errorf("the directory was gone after %s", took)
	}

	d = unsubscribed(t, `{}`)
	d.target(ofDirectory(func(e *emulator.Directory) { e.Applications = []string{"workspaces"} }))
	d.fails(d.directory(), closing.Overrun, "authorized applications", "WorkSpaces")
	if d.now.Sub(began) < d.env.Config.AuthorizedApplicationsWait {
		t.Error("it gave up early")
	}
	d.target(ofDirectory(func(e *emulator.Directory) { e.Applications = nil }))
	d.redrive(time.Hour)
	d.must(d.directory())
}

// Ensure that a directory which somebody else deletes is progress.
func TestDirectoryDeletedBySomebodyElse(t *testing.T) {
	t.Parallel()
	d := unsubscribed(t, `{}`)
	d.target(ofDirectory(func(e *emulator.Directory) { e.Applications, e.DeleteMinutes = nil, new(20) }))
	target, err := d.Target(t.Context(), Access{Account: readingTarget, Role: RoleClose})
	d.must(err)
	_, err = directoriesIn(target, "us-east-1").DeleteDirectory(t.Context(), &directoryservice.DeleteDirectoryInput{DirectoryId: aws.String("d-9067012345")})
	d.must(err)
	d.must(d.directory())
	if got := d.count("ds:DeleteDirectory"); got != 1 {
		t.Errorf("DeleteDirectory was called %d times, want somebody else's call alone", got)
	}
}

func TestDirectoryGuards(t *testing.T) {
	t.Parallel()
	d := unsubscribed(t, `{}`)
	d.target(func(a *emulator.Account) { a.QuickSight.Status, a.QuickSight.Unsubscribed = "ACCOUNT_CREATED", nil })
	d.fails(d.directory(), closing.Stale, "subscribed to QuickSight again", "d-9067012345")

	d = unsubscribed(t, `{}`)
	d.target(ofDirectory(func(e *emulator.Directory) { e.Type = "MicrosoftAD" }))
	d.fails(d.directory(), closing.Blocked, "MicrosoftAD")
	if got := d.count("ds:DeleteDirectory"); got != 0 {
		t.Errorf("DeleteDirectory was called %d times", got)
	}
}

// Ensure that a subscription which was gone when the plan was made is looked for again, wherever its identity region is.
func TestDirectorySubscribedElsewhere(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"answers", "denied"} {
		const gone = `"directories": [{"id": "d-9067012345", "launched": "2016-02-01T10:00:00Z", "vpc": "vpc-0aaa0000000000001", "applications": ["quicksight"]}],
			"network": {"us-east-1": {"vpcs": [{"id": "vpc-0aaa0000000000001"}], "subnets": [
				{"id": "subnet-0aaa000000000001", "vpc": "vpc-0aaa0000000000001"}, {"id": "subnet-0aaa000000000002", "vpc": "vpc-0aaa0000000000001", "zone": "us-east-1b"}]}}`
		d := newDeleting(t, gone, `{"directory": "d-9067012345"}`, emulator.Options{Assumptions: map[string]string{"subscription-from-other-region": setting}})
		d.must(d.subscription())
		d.target(func(a *emulator.Account) { a.QuickSight = &emulator.QuickSight{IdentityRegion: "eu-west-1"} })
		d.fails(d.directory(), closing.Stale, "subscribed to QuickSight again")
	}
}

// Ensure that interfaces which outlive the directory are waited for, and named when they stay.
func TestDirectoryLeavesInterfaces(t *testing.T) {
	t.Parallel()
	d := unsubscribed(t, `{}`)
	d.target(ofDirectory(func(e *emulator.Directory) { e.LeavesInterfaces = true }))
	d.fails(d.directory(), closing.Overrun, "interface eni-")
}

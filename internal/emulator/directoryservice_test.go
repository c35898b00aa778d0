package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// https://docs.aws.amazon.com/directoryservice/latest/admin-guide/simple_ad_delete.html
func TestDeleteDirectory(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1"}]`, Options{})
	group := *lab.must(t, `DescribeDirectories`).(*directoryservice.DescribeDirectoriesOutput).DirectoryDescriptions[0].VpcSettings.SecurityGroupId
	interfaces := func() int {
		return len(lab.must(t, `DescribeNetworkInterfaces {"Filters": [{"Name": "group-id", "Values": ["`+group+`"]}]}`).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces)
	}
	lab.must(t, `DeleteDirectory {"DirectoryId": "d-0123456789"}`)
	lab.now = lab.now.Add(5*time.Minute - time.Second)
	if stage := lab.must(t, `DescribeDirectories`).(*directoryservice.DescribeDirectoriesOutput).DirectoryDescriptions[0].Stage; stage != dstypes.DirectoryStageDeleting {
		t.Errorf("before five minutes it is %s, want Deleting", stage)
	}
	lab.now = lab.now.Add(time.Second)
	lab.refused(t, `DescribeDirectories {"DirectoryIds": ["d-0123456789"]}`, "EntityDoesNotExistException", "d-0123456789")
	if interfaces() != 1 {
		t.Error("its interface went with it, want it to outlast it")
	}
	lab.refused(t, `DeleteSecurityGroup {"GroupId": "`+group+`"}`, "DependencyViolation", group)
	lab.now = lab.now.Add(2 * time.Minute)
	if interfaces() != 0 {
		t.Error("its interface is still there after seven minutes")
	}
	lab.refused(t, `DescribeSecurityGroups {"GroupIds": ["`+group+`"]}`, "InvalidGroup.NotFound", group)
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
	lab.must(t, `DeleteVpc {"VpcId": "vpc-1"}`)
}

// Interfaces that Directory Service leaves behind are the account's to delete.
func TestDeleteDirectoryLeavesInterfaces(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "leavesInterfaces": true}]`, Options{})
	lab.must(t, `DeleteDirectory {"DirectoryId": "d-0123456789"}`)
	lab.now = lab.now.Add(time.Hour)
	left := lab.must(t, `DescribeNetworkInterfaces {"Filters": [{"Name": "status", "Values": ["available"]}]}`).(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces
	if len(left) != 1 || *left[0].Description != "AWS created network interface for directory d-0123456789" {
		t.Fatalf("left behind: %+v", left)
	}
	lab.must(t, `DeleteNetworkInterface {"NetworkInterfaceId": "`+*left[0].NetworkInterfaceId+`"}`)
	lab.must(t, `DeleteSecurityGroup {"GroupId": "`+*left[0].Groups[0].GroupId+`"}`)
}

// A directory of QuickSight's cannot be deleted while the subscription lives and for some minutes after.
func TestAuthorizedApplications(t *testing.T) {
	t.Parallel()
	account := func(status string) string {
		return one(subnet) + `, "quickSight": {"status": "` + status + `"}, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "applications": ["quicksight"], "authorizedApplicationMinutes": 45}]`
	}
	const call = `DeleteDirectory {"DirectoryId": "d-0123456789"}`
	newNetworkLab(t, account("ACCOUNT_CREATED"), Options{}).refused(t, call, "ClientException", "authorized applications")

	lab := newNetworkLab(t, account("UNSUBSCRIBED"), Options{})
	lab.now = lab.now.Add(44 * time.Minute)
	lab.refused(t, call, "ClientException", "authorized applications")
	lab.now = lab.now.Add(time.Minute)
	lab.must(t, call)

	newNetworkLab(t, account("UNSUBSCRIBED"), Options{Assumptions: map[string]string{"directory-apps-linger": "no"}}).must(t, call)

	// QuickSight may remove the directory itself, with the rights of whoever unsubscribed.
	lab = newNetworkLab(t, strings.Replace(account("UNSUBSCRIBED"), `"status"`, `"removesDirectories": ["d-0123456789"], "status"`, 1), Options{Assumptions: map[string]string{"directory-removed-by-quicksight": "yes"}})
	lab.refused(t, call, "ClientException", "already being deleted")
	lab.now = lab.now.Add(5 * time.Minute)
	lab.refused(t, call, "EntityDoesNotExistException", "d-0123456789")
}

// A directory that was already Deleting when the world began goes, and so do its interfaces, later.
func TestDirectoryAlreadyDeleting(t *testing.T) {
	t.Parallel()
	lab := newNetworkLab(t, one(subnet)+`, "directories": [{"id": "d-0123456789", "vpc": "vpc-1", "stage": "Deleting"}]`, Options{})
	lab.refused(t, `DeleteSubnet {"SubnetId": "subnet-1"}`, "DependencyViolation", "subnet-1")
	lab.now = lab.now.Add(7 * time.Minute)
	lab.refused(t, `DescribeDirectories {"DirectoryIds": ["d-0123456789"]}`, "EntityDoesNotExistException", "d-0123456789")
	lab.must(t, `DeleteSubnet {"SubnetId": "subnet-1"}`)
}

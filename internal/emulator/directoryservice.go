package emulator

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ds "github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
)

var directoryServiceOperations = map[string]op{
	"DescribeDirectories":       {run: describeDirectories},
	"DescribeSnapshots":         {run: describeSnapshots},
	"DescribeTrusts":            {run: describeTrusts},
	"DescribeSharedDirectories": {required: []string{"OwnerDirectoryId"}, run: describeSharedDirectories},
	"ListTagsForResource":       {required: []string{"ResourceId"}, run: listDirectoryTags},
	"DeleteDirectory": {
		required: []string{"DirectoryId"}, run: deleteDirectory,
		resource: func(r *request) []string {
			return []string{"arn:aws:ds:" + r.region + ":" + r.account + ":directory/" + r.str("DirectoryId")}
		},
	},
}

var directoryServiceRules = []rule{
	{
		name: "empty-directory-ids", operations: []string{"DescribeDirectories"}, page: "https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DescribeDirectories.html",
		check: func(r *request) error {
			if ids, given := r.params["DirectoryIds"].([]any); given && len(ids) == 0 {
				return apiError("InvalidParameterException", "Empty list of directory IDs is not allowed.")
			}
			return nil
		},
	},
	{
		name: "directory-is-deleting", operations: []string{"DeleteDirectory"}, page: "https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DeleteDirectory.html",
		check: directoryRule(func(_ *request, d *Directory) error {
			if d.Stage == stageDeleting {
				return apiError("ClientException", "Directory %s is already being deleted.", d.ID)
			}
			return nil
		}),
	},
	{
		name: "directory-of-another-account", operations: []string{"DeleteDirectory"}, page: "https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_directory_sharing.html",
		check: directoryRule(func(r *request, d *Directory) error {
			if d.Owner != r.account {
				return apiError("ClientException", "Directory %s is shared by account %s and cannot be deleted here.", d.ID, d.Owner)
			}
			return nil
		}),
	},
	{
		name: "directory-is-shared", operations: []string{"DeleteDirectory"}, page: "https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_delete.html",
		check: directoryRule(func(_ *request, d *Directory) error {
			if len(d.SharedWith) > 0 {
				return apiError("ClientException", "Cannot delete the directory because it is shared with other accounts.")
			}
			return nil
		}),
	},
	{
		name: "authorized-applications", operations: []string{"DeleteDirectory"}, page: "https://docs.aws.amazon.com/workspaces/latest/adminguide/delete-workspaces-directory.html",
		check: directoryRule(func(r *request, d *Directory) error {
			if len(d.authorized(r.aws, r.acct(), r.now)) > 0 {
				return apiError("ClientException", "Cannot delete the directory because it still has authorized applications. Additional directory details can be viewed at the Directory Service console.")
			}
			return nil
		}),
	},
	{
		// "Dependent actions" of ds:DeleteDirectory: the service acts with the caller's rights.
		name: "delete-directory-dependent-actions", operations: []string{"DeleteDirectory"}, page: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsdirectoryservice.html",
		check: directoryRule(dependentActions),
	},
}

// directoryRule is a check of the directory that a request names, where that exists.
func directoryRule(check func(*request, *Directory) error) func(*request) error {
	return func(r *request) error {
		for _, d := range r.directories() {
			if d.ID == r.str("DirectoryId") {
				return check(r, d)
			}
		}
		return nil // the operation reports that there is none
	}
}

func dependentActions(r *request, d *Directory) error {
	n := r.acct().network(d.Region)
	needs := map[string][]string{"ec2:DescribeNetworkInterfaces": {"*"}}
	for _, id := range n.interfacesOf(d.ID) {
		needs["ec2:DeleteNetworkInterface"] = append(needs["ec2:DeleteNetworkInterface"], ec2ARN(r, "network-interface", id))
	}
	if g := d.group(n); g != nil {
		for _, action := range []string{"ec2:DeleteSecurityGroup", "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"} {
			needs[action] = []string{ec2ARN(r, "security-group", g.ID)}
		}
	}
	for _, action := range sortedKeys(needs) {
		for _, resource := range needs[action] {
			if err := r.mayDepend(action, resource); err != nil {
				return err
			}
		}
	}
	return nil
}

var directoryID = regexp.MustCompile(`^d-[0-9a-f]{10}$`)

// directories are the directories of the caller's account where it calls, by id.
func (r *request) directories() []*Directory {
	var all []*Directory
	for _, d := range r.acct().Directories {
		if d.Region == r.region {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *Directory) int { return strings.Compare(a.ID, b.ID) })
	return all
}

func (r *request) directory(id string) (*Directory, error) {
	if !directoryID.MatchString(id) {
		// https://docs.aws.amazon.com/directoryservice/latest/devguide/CommonErrors.html
		return nil, apiError("ValidationException", "1 validation error detected: Value '%s' at 'directoryId' failed to satisfy constraint: "+
			"Member must satisfy regular expression pattern: ^d-[0-9a-f]{10}$", id)
	}
	for _, d := range r.directories() {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, apiError("EntityDoesNotExistException", "Directory %s does not exist.", id)
}

// directoryPage cuts a page as all lists of the service are cut.
func directoryPage[T any](r *request, items []T) ([]T, *string, error) {
	items, next, ok := paginate(r, items, r.str("NextToken"), r.num("Limit", 0), 100)
	if !ok {
		return nil, nil, apiError("InvalidNextTokenException", "The NextToken value is not valid.")
	}
	if next == "" {
		return items, nil, nil
	}
	return items, &next, nil
}

func describeDirectories(r *request) (any, error) {
	chosen := r.directories()
	if ids := r.strs("DirectoryIds"); len(ids) > 0 {
		chosen = nil
		for _, id := range ids {
			d, err := r.directory(id)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, d)
		}
	}
	chosen, next, err := directoryPage(r, chosen)
	if err != nil {
		return nil, err
	}
	out := ds.DescribeDirectoriesOutput{DirectoryDescriptions: []types.DirectoryDescription{}, NextToken: next}
	for _, d := range chosen {
		out.DirectoryDescriptions = append(out.DirectoryDescriptions, d.description(r))
	}
	return out, nil
}

func (d *Directory) description(r *request) types.DirectoryDescription {
	out := types.DirectoryDescription{
		DirectoryId: &d.ID, Name: &d.Name, ShortName: &d.ShortName, Alias: &d.Alias, AccessUrl: aws.String(d.Alias + ".awsapps.com"),
		Type: types.DirectoryType(d.Type), Size: types.DirectorySize(d.Size), Edition: types.DirectoryEdition(d.Edition),
		Stage: types.DirectoryStage(d.Stage), LaunchTime: &d.Launched, DnsIpAddrs: d.DNS, SsoEnabled: d.SSO,
	}
	if d.Description != "" {
		out.Description = &d.Description
	}
	if d.StageReason != "" {
		out.StageReason = &d.StageReason
	}
	if d.Owner != r.account {
		out.OwnerDirectoryDescription = &types.OwnerDirectoryDescription{AccountId: &d.Owner, DnsIpAddrs: d.DNS}
		out.ShareStatus, out.ShareMethod = types.ShareStatusShared, types.ShareMethodHandshake
	}
	if d.VPC == "" {
		return out
	}
	n := r.acct().network(d.Region)
	var zones []string
	for _, id := range d.Subnets {
		if s, ok := n.Subnets.find(id); ok {
			zones = append(zones, s.Zone)
		}
	}
	var group *string
	if g := d.group(n); g != nil {
		group = &g.ID
	}
	if d.Type == string(types.DirectoryTypeAdConnector) {
		out.ConnectSettings = &types.DirectoryConnectSettingsDescription{VpcId: &d.VPC, SubnetIds: d.Subnets, SecurityGroupId: group, AvailabilityZones: zones, ConnectIps: d.DNS}
		return out
	}
	out.VpcSettings = &types.DirectoryVpcSettingsDescription{VpcId: &d.VPC, SubnetIds: d.Subnets, SecurityGroupId: group, AvailabilityZones: zones}
	return out
}

func deleteDirectory(r *request) (any, error) {
	d, err := r.directory(r.str("DirectoryId"))
	if err != nil {
		return nil, err
	}
	d.remove(r.acct().network(d.Region), r.now)
	return ds.DeleteDirectoryOutput{DirectoryId: &d.ID}, nil
}

func describeSnapshots(r *request) (any, error) {
	chosen := r.directories()
	if id := r.str("DirectoryId"); id != "" {
		d, err := r.directory(id)
		if err != nil {
			return nil, err
		}
		chosen = []*Directory{d}
	}
	snapshots := []types.Snapshot{}
	for _, d := range chosen {
		for _, s := range d.Snapshots {
			snapshots = append(snapshots, types.Snapshot{
				DirectoryId: &d.ID, SnapshotId: &s.ID, StartTime: &s.Started, Status: types.SnapshotStatusCompleted, Type: types.SnapshotType(s.Type),
			})
		}
	}
	snapshots, next, err := directoryPage(r, snapshots)
	return ds.DescribeSnapshotsOutput{Snapshots: snapshots, NextToken: next}, err
}

// microsoftAD refuses what only AWS Managed Microsoft AD has.
func microsoftAD(d *Directory) error {
	if d.Type != string(types.DirectoryTypeMicrosoftAd) {
		return apiError("UnsupportedOperationException", "This operation is not supported for directory %s of type %s.", d.ID, d.Type)
	}
	return nil
}

func describeTrusts(r *request) (any, error) {
	chosen := r.directories()
	if id := r.str("DirectoryId"); id != "" {
		d, err := r.directory(id)
		if err != nil {
			return nil, err
		}
		if err := microsoftAD(d); err != nil {
			return nil, err
		}
		chosen = []*Directory{d}
	}
	trusts := []types.Trust{}
	for _, d := range chosen {
		for _, domain := range d.Trusts {
			trusts = append(trusts, types.Trust{
				DirectoryId: &d.ID, TrustId: aws.String(derivedID("t", d.ID, domain)[:12]), RemoteDomainName: &domain,
				TrustDirection: types.TrustDirectionTwoWay, TrustState: types.TrustStateVerified, TrustType: types.TrustTypeForest,
			})
		}
	}
	trusts, next, err := directoryPage(r, trusts)
	return ds.DescribeTrustsOutput{Trusts: trusts, NextToken: next}, err
}

func describeSharedDirectories(r *request) (any, error) {
	d, err := r.directory(r.str("OwnerDirectoryId"))
	if err != nil {
		return nil, err
	}
	if err := microsoftAD(d); err != nil {
		return nil, err
	}
	shared := []types.SharedDirectory{}
	for _, account := range d.SharedWith {
		shared = append(shared, types.SharedDirectory{
			OwnerAccountId: &r.account, OwnerDirectoryId: &d.ID, SharedAccountId: &account, SharedDirectoryId: aws.String(derivedID("d", d.ID, account)[:12]),
			ShareMethod: types.ShareMethodHandshake, ShareStatus: types.ShareStatusShared,
		})
	}
	shared, next, err := directoryPage(r, shared)
	return ds.DescribeSharedDirectoriesOutput{SharedDirectories: shared, NextToken: next}, err
}

func listDirectoryTags(r *request) (any, error) {
	d, err := r.directory(r.str("ResourceId"))
	if err != nil {
		return nil, err
	}
	tags := []types.Tag{}
	for _, key := range sortedKeys(d.Tags) {
		tags = append(tags, types.Tag{Key: &key, Value: aws.String(d.Tags[key])})
	}
	tags, next, err := directoryPage(r, tags)
	return ds.ListTagsForResourceOutput{Tags: tags, NextToken: next}, err
}

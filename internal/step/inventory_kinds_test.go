package step

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
)

// notInventoried says of each operation that lists or describes something of an account why no inventory asks it.
var notInventoried = map[string]string{
	// What the inventory reads as facts of its own, or to find the account.
	"ListNamespaces":              "its namespaces",
	"ListUsers":                   "its users",
	"DescribeAccountSubscription": "its subscription",
	"DescribeAccountSettings":     "its settings",
	"DescribeKeyRegistration":     "keys outlive the account: they are read as what remains",

	// Parts of an asset that is listed: they go with it, and into its bundle or description.
	"ListDashboardVersions":     "versions of a dashboard; the published one is exported",
	"ListTemplateAliases":       "names of a template's versions",
	"ListTemplateVersions":      "versions of a template",
	"ListThemeAliases":          "names of a theme's versions",
	"ListThemeVersions":         "versions of a theme",
	"ListFolderMembers":         "bundles hold folder memberships",
	"ListSpaceResources":        "what a space refers to is listed by its own kind",
	"ListTopicRefreshSchedules": "a call for each topic; the manifest says that they are not saved",
	"ListTopicReviewedAnswers":  "a call for each topic; the manifest says that they are not saved",
	"ListTagsForResource":       "bundles hold tags",

	// The same seen from the other side.
	"ListFoldersForResource":          "bundles hold folder memberships",
	"ListGroupMemberships":            "read when people are saved, for each group",
	"ListUserGroups":                  "the memberships of groups, seen from a user",
	"ListIAMPolicyAssignmentsForUser": "policy assignments, seen from a user",
	"ListRoleMemberships":             "groups that give their members a role; users are listed with theirs",
	"ListUsersIndexCapacity":          "how much knowledge bases and spaces hold, which are listed",

	// What happened, not what there is.
	"ListIngestions":            "refreshes of a dataset that have run",
	"ListAssetBundleExportJobs": "jobs of the last 14 days",
	"ListAssetBundleImportJobs": "jobs of the last 14 days",
	"ListSelfUpgrades":          "requests of users for another role",

	// Settings of the account, which a new one has again by default.
	"DescribeBrandAssignment":                "which brand applies; brands are listed",
	"DescribeRoleCustomPermission":           "which custom permissions a role has; they are listed",
	"DescribeNamespace":                      "a namespace, which is listed",
	"DescribeAccountCustomization":           "the default theme and e-mail template",
	"DescribeAccountCustomPermission":        "which custom permissions apply to everybody; they are listed",
	"DescribeDashboardsQAConfiguration":      "a switch",
	"DescribeIpRestriction":                  "which addresses may sign in",
	"DescribeQPersonalizationConfiguration":  "a switch",
	"DescribeQuickSightQSearchConfiguration": "a switch",
	"DescribeSelfUpgradeConfiguration":       "a switch",
}

// Ensure that every operation of the SDK that lists something, or describes something of the whole account, is asked by the inventory or
// left out for a reason. A newer SDK with newer kinds fails here.
func TestEveryListIsDecided(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, k := range allKinds {
		asked[k.call] = true
	}
	client := reflect.TypeFor[*quicksight.Client]()
	undecided := maps.Clone(notInventoried)
	for m := range client.Methods() {
		if !strings.HasPrefix(m.Name, "List") && !ofWholeAccount(m) {
			continue // Search is List with a filter
		}
		_, left := notInventoried[m.Name]
		if asked[m.Name] == left {
			t.Errorf("%s: asked %t, left out %t", m.Name, asked[m.Name], left)
		}
		delete(undecided, m.Name)
		delete(asked, m.Name)
	}
	if len(undecided)+len(asked) > 0 {
		t.Errorf("the SDK has no %v, no %v", slices.Sorted(maps.Keys(undecided)), slices.Sorted(maps.Keys(asked)))
	}
}

// ofWholeAccount tells whether an operation describes something that is named by the account and a namespace alone.
func ofWholeAccount(m reflect.Method) bool {
	if !strings.HasPrefix(m.Name, "Describe") {
		return false
	}
	for f := range m.Type.In(2).Elem().Fields() {
		if f.IsExported() && f.Type == reflect.TypeFor[*string]() && f.Name != "AwsAccountId" && f.Name != "Namespace" {
			return false
		}
	}
	return true
}

// Ensure that each kind is saved in some way that is known, and no way is for a kind that does not exist.
func TestSavingsAreOfKinds(t *testing.T) {
	t.Parallel()
	kinds := map[string]bool{}
	for _, k := range allKinds {
		kinds[k.kind] = true
	}
	for kind := range savings {
		if !kinds[kind] {
			t.Errorf("there is no kind %s", kind)
		}
	}
}

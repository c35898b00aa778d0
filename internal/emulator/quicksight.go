package emulator

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// QuickSight is an account's QuickSight, as it was signed up for.
type QuickSight struct {
	Status                       string   `json:"status,omitempty"`             // AccountSubscriptionStatus, free text; default ACCOUNT_CREATED
	IdentityRegion               string   `json:"identityRegion,omitempty"`     // default us-east-1
	AccountName                  string   `json:"accountName,omitempty"`        // default the account's own name
	Edition                      string   `json:"edition,omitempty"`            // default ENTERPRISE
	AuthenticationType           string   `json:"authenticationType,omitempty"` // default IDENTITY_POOL
	NotificationEmail            string   `json:"notificationEmail,omitempty"`
	TerminationProtection        *bool    `json:"terminationProtection,omitempty"` // default true, as for new accounts
	PublicSharing                bool     `json:"publicSharing,omitempty"`
	IAMIdentityCenterInstanceARN string   `json:"iamIdentityCenterInstanceArn,omitempty"`
	CustomPermissions            []string `json:"customPermissions,omitempty"` // names of profiles
	Brands                       []string `json:"brands,omitempty"`

	Governance Governance `json:"governance,omitzero"`

	Namespaces  []*Namespace                 `json:"namespaces,omitempty"` // default exists unless listed otherwise
	Users       []QuickSightUser             `json:"users,omitempty"`
	Groups      []QuickSightGroup            `json:"groups,omitempty"`
	Assignments []PolicyAssignment           `json:"iamPolicyAssignments,omitempty"`
	Regions     map[string]*QuickSightRegion `json:"regions,omitempty"` // assets and VPC connections

	IPRestriction map[string]string `json:"ipRestriction,omitempty"` // CIDR block to description

	UnsubscribeMinutes   *int `json:"unsubscribeMinutes,omitempty"`   // default 5
	UnsubscribeFails     bool `json:"unsubscribeFails,omitempty"`     // ends as UNSUBSCRIBE_FAILED
	NamespaceMinutes     *int `json:"namespaceMinutes,omitempty"`     // deleting one; default 1
	VPCConnectionMinutes *int `json:"vpcConnectionMinutes,omitempty"` // deleting one; default 2
	InterfaceMinutes     *int `json:"interfaceMinutes,omitempty"`     // its interfaces linger this long after it; default 1
	ExportMinutes        *int `json:"exportMinutes,omitempty"`        // an asset bundle export job; default 1
	ConsistencySeconds   int  `json:"consistencySeconds,omitempty"`   // reads see the state from before a write this long

	UnsubscribeStarted *time.Time `json:"unsubscribeStarted,omitempty"` // last DeleteAccountSubscription that was accepted
	Unsubscribed       *time.Time `json:"unsubscribed,omitempty"`       // when the subscription ended
	RemovesDirectories []string   `json:"removesDirectories,omitempty"` // ids; what the caller's rights let it delete at the end, should QuickSight do so
	Before             *earlier   `json:"before,omitempty"`             // what reads still see
}

// earlier is what eventually consistent reads see until a moment.
type earlier struct {
	Until                 time.Time `json:"until"`
	Status                string    `json:"status"`
	NotificationEmail     string    `json:"notificationEmail"`
	TerminationProtection bool      `json:"terminationProtection"`
}

// The statuses of a subscription that the emulator itself sets or tells apart.
const (
	accountCreated        = "ACCOUNT_CREATED"
	unsubscribeInProgress = "UNSUBSCRIBE_IN_PROGRESS"
	unsubscribed          = "UNSUBSCRIBED"
	unsubscribeFailed     = "UNSUBSCRIBE_FAILED"
)

const defaultNamespace = "default"

func (q *QuickSight) complete(account *Account, id string, now time.Time) error {
	q.Status = cmp.Or(q.Status, accountCreated)
	q.IdentityRegion = cmp.Or(q.IdentityRegion, "us-east-1")
	q.AccountName = cmp.Or(q.AccountName, account.Name)
	q.Edition = cmp.Or(q.Edition, "ENTERPRISE")
	q.AuthenticationType = cmp.Or(q.AuthenticationType, "IDENTITY_POOL")
	if q.TerminationProtection == nil {
		q.TerminationProtection = new(q.Status != unsubscribed)
	}
	if q.Regions == nil {
		q.Regions = map[string]*QuickSightRegion{}
	}
	if q.Status == unsubscribed {
		if q.Unsubscribed == nil {
			q.Unsubscribed = &now
		}
	} else if q.namespace(defaultNamespace) == nil {
		q.Namespaces = slices.Insert(q.Namespaces, 0, &Namespace{Name: defaultNamespace})
	}
	for _, n := range q.Namespaces {
		n.complete(q.IdentityRegion)
	}
	for i := range q.Users {
		q.Users[i].complete(id, q.IdentityRegion)
	}
	for i := range q.Groups {
		q.Groups[i].Namespace = cmp.Or(q.Groups[i].Namespace, defaultNamespace)
	}
	for i := range q.Assignments {
		q.Assignments[i].Namespace = cmp.Or(q.Assignments[i].Namespace, defaultNamespace)
	}
	for _, region := range sortedKeys(q.Regions) {
		if err := q.Regions[region].complete(account, id, region, now); err != nil {
			return fmt.Errorf("quickSight in %s: %w", region, err)
		}
	}
	return nil
}

// settle applies what has come about by now.
func (q *QuickSight) settle(account *Account, now time.Time) {
	if q.Before != nil && !now.Before(q.Before.Until) {
		q.Before = nil
	}
	if q.Status == unsubscribeInProgress && q.UnsubscribeStarted == nil {
		q.UnsubscribeStarted = &now // the world starts in the middle of it
	}
	if q.Status == unsubscribeInProgress {
		end := q.UnsubscribeStarted.Add(minutes(q.UnsubscribeMinutes, 5))
		if !now.Before(end) {
			q.end(end)
		}
	}
	q.Namespaces = slices.DeleteFunc(q.Namespaces, func(n *Namespace) bool {
		return n.settle(q, now)
	})
	for _, name := range sortedKeys(q.Regions) {
		q.Regions[name].settle(q, account.Network[name], now) // connections brought their network
	}
}

// end is what unsubscribing comes to: all assets and users of all Regions are gone. Namespaces beside the default one and
// the interfaces of VPC connections are not removed by it.
func (q *QuickSight) end(at time.Time) {
	if q.UnsubscribeFails {
		q.Status = unsubscribeFailed
		return
	}
	q.Status, q.Unsubscribed = unsubscribed, &at
	q.Users, q.Groups, q.Assignments, q.CustomPermissions, q.Brands, q.Governance = nil, nil, nil, nil, nil, Governance{}
	q.Namespaces = slices.DeleteFunc(q.Namespaces, func(n *Namespace) bool { return n.Name == defaultNamespace })
	for _, region := range q.Regions {
		region.Assets, region.Keys, region.ExportJobs = Assets{}, nil, nil
	}
}

// active reports whether the account can be used: every status but the ones before sign-up and after the end.
func (q *QuickSight) active() bool {
	return !slices.Contains([]string{unsubscribed, "CREATION_FAILED", "SIGNUP_ATTEMPT_IN_PROGRESS"}, q.Status)
}

// quickSightRegion is what the account has in the call's Region; reading leaves no trace in the world.
func (r *request) quickSightRegion() *QuickSightRegion {
	if region := r.quickSight().Regions[r.region]; region != nil {
		return region
	}
	return &QuickSightRegion{}
}

// quickSight is the caller's QuickSight; an account that never signed up for it has an ended, empty one.
func (r *request) quickSight() *QuickSight {
	if q := r.acct().QuickSight; q != nil {
		return q
	}
	return &QuickSight{Status: unsubscribed, IdentityRegion: r.region, TerminationProtection: new(false)}
}

func (r *request) quickSightARN(resource string) string {
	return "arn:aws:quicksight:" + r.region + ":" + r.account + ":" + resource
}

var quickSightOperations = merge(quickSightAccountOperations, quickSightNamespaceOperations, quickSightAssetOperations, quickSightConnectionOperations, quickSightExportOperations, quickSightImportOperations, quickSightGovernanceOperations)

const (
	identityRegionPage = "https://github.com/ministryofjustice/modernisation-platform/issues/9789"
	closingPage        = "https://docs.aws.amazon.com/quick/latest/userguide/manage-qs-account-settings.md"
	deletePage         = "https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DeleteAccountSubscription.html"
)

var identityOperations = []string{
	"DescribeAccountSettings", "UpdateAccountSettings", "DeleteAccountSubscription", "DeleteNamespace",
	"ListUsers", "ListGroups", "ListGroupMemberships", "ListIAMPolicyAssignments", "ListCustomPermissions", "ListBrands", "DescribeIpRestriction",
	"DescribeIAMPolicyAssignment", "DescribeCustomPermissions", "DescribeBrand",
	"ListApprovalPolicies", "ListDlpSettings", "ListLimitsProfiles", "ListIdentityPropagationConfigs", "DescribeDefaultQBusinessApplication",
	"DescribeApprovalPolicy", "DescribeDlpSetting", "DescribeLimitsProfile",
}

// quickSightRules in the order in which QuickSight is taken to look.
var quickSightRules = []rule{
	{name: "quicksight-regions", operations: sortedKeys(quickSightOperations), page: "https://docs.aws.amazon.com/general/latest/gr/quicksight.html", check: checkEndpoint},
	{name: "own-account", operations: sortedKeys(quickSightOperations), page: "https://docs.aws.amazon.com/quicksight/latest/APIReference/API_DescribeAccountSubscription.html", check: checkOwnAccount},
	{name: "subscribed", operations: except(sortedKeys(quickSightOperations), "DescribeAccountSubscription"), page: "https://github.com/hashicorp/terraform-provider-aws/pull/32323", check: checkSubscribed},
	{name: "identity-region", operations: identityOperations, page: identityRegionPage, check: checkIdentityRegion},
	{name: "identity-region-of-namespaces", operations: []string{"ListNamespaces", "DescribeNamespace"}, page: identityRegionPage, check: checkNamespacesRegion},
	{name: "identity-region-of-subscription", operations: []string{"DescribeAccountSubscription"}, page: identityRegionPage, check: checkSubscriptionRegion},
	{name: "enterprise-edition", operations: enterpriseOperations, page: "https://docs.aws.amazon.com/quicksight/latest/APIReference/CommonErrors.html", check: checkEdition},
	{name: "unsubscribing-once", operations: []string{"DeleteAccountSubscription"}, page: deletePage, check: checkUnsubscribing},
	{name: "termination-protection", operations: []string{"DeleteAccountSubscription"}, page: deletePage, check: checkProtection},
	{name: "directory-permissions", operations: []string{"DeleteAccountSubscription", "DeleteNamespace"}, page: closingPage, check: checkDirectoryPermissions},
	{name: "leftover-namespace", operations: []string{"DeleteAccountSubscription"}, page: closingPage, check: checkLeftoverNamespaces},
	{name: "default-namespace", operations: []string{"DeleteNamespace"}, page: closingPage, check: checkDefaultNamespace},
	{name: "five-export-jobs", operations: []string{"StartAssetBundleExportJob"}, page: "https://docs.aws.amazon.com/quicksight/latest/APIReference/API_StartAssetBundleExportJob.html", check: checkExportJobs},
	{name: "deleted-connection", operations: []string{"DeleteVPCConnection"}, page: "https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/quicksight/vpc_connection.go", check: checkDeletedConnection},
}

func except(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
}

// quickSightRegions are those with an endpoint.
var quickSightRegions = strings.Fields(`af-south-1 ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 ap-southeast-3
	ap-southeast-5 ca-central-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1
	me-central-1 sa-east-1 us-east-1 us-east-2 us-west-2`)

// checkEndpoint: elsewhere there is not even a name to resolve.
func checkEndpoint(r *request) error {
	if !slices.Contains(quickSightRegions, r.region) {
		return &net.DNSError{Err: "no such host", Name: "quicksight." + r.region + ".amazonaws.com", IsNotFound: true}
	}
	return nil
}

func checkOwnAccount(r *request) error {
	if strings.HasSuffix(r.operation, "ApprovalPolicies") || strings.HasSuffix(r.operation, "ApprovalPolicy") {
		return nil // nobody names an account there
	}
	if id := cmp.Or(r.str("AwsAccountId"), r.str("AccountId")); id != r.account {
		return &APIError{Code: "AccessDeniedException", Status: 401, Message: "User: " + r.principal.ARN + " is not authorized to access account " + id}
	}
	return nil
}

// checkSubscribed has the texts of TF PR 32323: one for the users' side, one for the assets'.
func checkSubscribed(r *request) error {
	if r.quickSight().active() {
		return nil
	}
	if slices.Contains(identityOperations, r.operation) || strings.HasSuffix(r.operation, "Namespace") || strings.HasSuffix(r.operation, "Namespaces") {
		return &APIError{Code: "ResourceNotFoundException", Status: 404, Message: "Account " + r.account + " is not signed up with QuickSight with namespace default."}
	}
	return &APIError{Code: "UnsupportedUserEditionException", Status: 403, Message: "Account " + r.account + " is not subscribed for QuickSight"}
}

func checkIdentityRegion(r *request) error {
	if home := r.quickSight().IdentityRegion; home != r.region {
		return &APIError{Code: "AccessDeniedException", Status: 401, Message: fmt.Sprintf(
			"Operation is being called from endpoint %s, but your identity region is %s. Please use the %s endpoint.", r.region, home, home)}
	}
	return nil
}

func checkNamespacesRegion(r *request) error {
	if r.aws.assume("namespaces-from-other-region") == "answers" {
		return nil
	}
	return checkIdentityRegion(r)
}

func checkSubscriptionRegion(r *request) error {
	if r.aws.assume("subscription-from-other-region") == "answers" || !r.quickSight().active() {
		return nil
	}
	return checkIdentityRegion(r)
}

var enterpriseOperations = []string{
	"ListNamespaces", "DescribeNamespace", "DeleteNamespace", "ListFolders", "ListTemplates", "ListThemes", "ListTopics", "ListCustomPermissions", "ListBrands",
	"ListTopicsV2", "ListOAuthClientApplications", "ListApprovalPolicies", "ListDlpSettings", "ListLimitsProfiles", "DescribeDefaultQBusinessApplication",
	"ListActionConnectors", "ListAgents", "ListApps", "ListFlows", "ListKnowledgeBases", "ListSpaces",
	"ListVPCConnections", "DescribeVPCConnection", "DeleteVPCConnection", "DescribeIpRestriction", "DescribeKeyRegistration", "StartAssetBundleExportJob",
}

func checkEdition(r *request) error {
	if r.quickSight().Edition == "STANDARD" {
		return &APIError{Code: "AccessDeniedException", Status: 401, Message: r.operation + " is disabled for STANDARD Edition"}
	}
	return nil
}

// minutes reads a knob of the world.
func minutes(knob *int, standard int) time.Duration {
	if knob != nil {
		standard = *knob
	}
	return time.Duration(standard) * time.Minute
}

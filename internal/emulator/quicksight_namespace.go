package emulator

import (
	"cmp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// Namespace is a QuickSight namespace.
type Namespace struct {
	Name                            string     `json:"name"`
	Status                          string     `json:"status,omitempty"`         // default CREATED
	CapacityRegion                  string     `json:"capacityRegion,omitempty"` // default the identity Region
	IAMIdentityCenterApplicationARN string     `json:"iamIdentityCenterApplicationArn,omitempty"`
	IAMIdentityCenterInstanceARN    string     `json:"iamIdentityCenterInstanceArn,omitempty"`
	RetryableFailures               int        `json:"retryableFailures,omitempty"` // how many deletions end in RETRYABLE_FAILURE
	Undeletable                     bool       `json:"undeletable,omitempty"`       // deletions end in NON_RETRYABLE_FAILURE
	DeletedAt                       *time.Time `json:"deletedAt,omitempty"`         // last DeleteNamespace
}

func (n *Namespace) complete(home string) {
	n.Status = cmp.Or(n.Status, "CREATED")
	n.CapacityRegion = cmp.Or(n.CapacityRegion, home)
}

// settle reports whether the namespace is gone.
func (n *Namespace) settle(q *QuickSight, now time.Time) bool {
	if n.Status != "DELETING" {
		return false
	}
	if n.DeletedAt == nil {
		n.DeletedAt = &now
	}
	if now.Before(n.DeletedAt.Add(minutes(q.NamespaceMinutes, 1))) {
		return false
	}
	switch {
	case n.Undeletable:
		n.Status = "NON_RETRYABLE_FAILURE"
	case n.RetryableFailures > 0:
		n.RetryableFailures--
		n.Status = "RETRYABLE_FAILURE"
	default:
		q.removeUsersOf(n.Name)
		return true
	}
	return false
}

func (q *QuickSight) removeUsersOf(namespace string) {
	q.Users = keep(q.Users, func(u QuickSightUser) bool { return u.Namespace != namespace })
	q.Groups = keep(q.Groups, func(g QuickSightGroup) bool { return g.Namespace != namespace })
	q.Assignments = keep(q.Assignments, func(a PolicyAssignment) bool { return a.Namespace != namespace })
}

func keep[T any](list []T, wanted func(T) bool) []T {
	var kept []T
	for _, item := range list {
		if wanted(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

func (q *QuickSight) namespace(name string) *Namespace {
	for _, n := range q.Namespaces {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// QuickSightUser is a user of one namespace.
type QuickSightUser struct {
	UserName     string `json:"userName"`
	Email        string `json:"email,omitempty"`
	Role         string `json:"role,omitempty"`         // default READER
	IdentityType string `json:"identityType,omitempty"` // default QUICKSIGHT, or IAM for a name with a slash
	Namespace    string `json:"namespace,omitempty"`    // default "default"
	Inactive     bool   `json:"inactive,omitempty"`
	ARN          string `json:"arn,omitempty"`
}

func (u *QuickSightUser) complete(account, home string) {
	u.Namespace = cmp.Or(u.Namespace, defaultNamespace)
	u.Role = cmp.Or(u.Role, "READER")
	if u.IdentityType == "" {
		u.IdentityType = "QUICKSIGHT"
		if strings.Contains(u.UserName, "/") { // a role's session is registered as role/session
			u.IdentityType = "IAM"
		}
	}
	u.ARN = cmp.Or(u.ARN, "arn:aws:quicksight:"+home+":"+account+":user/"+u.Namespace+"/"+u.UserName)
}

// QuickSightGroup is a group of one namespace.
type QuickSightGroup struct {
	GroupName   string   `json:"groupName"`
	Description string   `json:"description,omitempty"`
	Namespace   string   `json:"namespace,omitempty"`
	Members     []string `json:"members,omitempty"` // user names
}

// PolicyAssignment gives an IAM policy to users and groups of a namespace.
type PolicyAssignment struct {
	AssignmentName string `json:"assignmentName"`
	Status         string `json:"status,omitempty"` // default ENABLED
	Namespace      string `json:"namespace,omitempty"`
}

var quickSightNamespaceOperations = map[string]op{
	"ListNamespaces":              {run: listNamespaces, route: "GET /accounts/{AwsAccountId}/namespaces"},
	"DescribeNamespace":           {run: describeNamespace, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}", resource: namespaceResource},
	"DeleteNamespace":             {run: deleteNamespace, route: "DELETE /accounts/{AwsAccountId}/namespaces/{Namespace}", resource: namespaceResource},
	"ListUsers":                   {run: listUsers, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}/users"},
	"ListGroups":                  {run: listGroups, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}/groups"},
	"ListGroupMemberships":        {run: listGroupMemberships, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}/groups/{GroupName}/members"},
	"ListIAMPolicyAssignments":    {run: listIAMPolicyAssignments, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}/v2/iam-policy-assignments"},
	"DescribeIAMPolicyAssignment": {run: describeIAMPolicyAssignment, route: "GET /accounts/{AwsAccountId}/namespaces/{Namespace}/iam-policy-assignments/{AssignmentName}"},
}

func namespaceResource(r *request) []string {
	return []string{r.quickSightARN("namespace/" + r.str("Namespace"))}
}

func (r *request) namespaceInfo(n *Namespace) types.NamespaceInfoV2 {
	arn := "arn:aws:quicksight:" + n.CapacityRegion + ":" + r.account + ":namespace/" + n.Name
	info := types.NamespaceInfoV2{
		Name: &n.Name, Arn: &arn, CapacityRegion: &n.CapacityRegion, CreationStatus: types.NamespaceStatus(n.Status), IdentityStore: types.IdentityStoreQuicksight,
		IamIdentityCenterApplicationArn: optional(n.IAMIdentityCenterApplicationARN), IamIdentityCenterInstanceArn: optional(n.IAMIdentityCenterInstanceARN),
	}
	if strings.HasSuffix(n.Status, "_FAILURE") {
		message := "The namespace could not be deleted"
		info.NamespaceError = &types.NamespaceError{Type: types.NamespaceErrorTypeInternalServiceError, Message: &message}
	}
	return info
}

func listNamespaces(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().Namespaces)
	out := &quicksight.ListNamespacesOutput{Namespaces: []types.NamespaceInfoV2{}, NextToken: next}
	for _, n := range cut {
		out.Namespaces = append(out.Namespaces, r.namespaceInfo(n))
	}
	return out, err
}

func (r *request) findNamespace() (*Namespace, error) {
	n := r.quickSight().namespace(r.str("Namespace"))
	if n == nil {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: 404, Message: "Namespace " + r.str("Namespace") + " not found in account " + r.account}
	}
	return n, nil
}

func describeNamespace(r *request) (any, error) {
	n, err := r.findNamespace()
	if err != nil {
		return nil, err
	}
	info := r.namespaceInfo(n)
	return &quicksight.DescribeNamespaceOutput{Namespace: &info}, nil
}

func checkDefaultNamespace(r *request) error {
	if r.str("Namespace") == defaultNamespace {
		return apiError("InvalidParameterValueException", "The default namespace cannot be deleted")
	}
	return nil
}

// deleteNamespace starts an asynchronous job that removes the namespace with its users and groups.
func deleteNamespace(r *request) (any, error) {
	n, err := r.findNamespace()
	if err != nil {
		return nil, err
	}
	if n.Status != "DELETING" {
		n.Status, n.DeletedAt = "DELETING", &r.now
	}
	return &quicksight.DeleteNamespaceOutput{}, nil
}

func listUsers(r *request) (any, error) {
	if _, err := r.findNamespace(); err != nil {
		return nil, err
	}
	users := keep(r.quickSight().Users, func(u QuickSightUser) bool { return u.Namespace == r.str("Namespace") })
	cut, next, err := quickSightPage(r, users)
	out := &quicksight.ListUsersOutput{UserList: []types.User{}, NextToken: next}
	for _, u := range cut {
		id := "federated/iam/" + stableID(u.ARN)
		out.UserList = append(out.UserList, types.User{
			Arn: &u.ARN, UserName: &u.UserName, Email: optional(u.Email), Role: types.UserRole(u.Role),
			IdentityType: types.IdentityType(u.IdentityType), Active: !u.Inactive, PrincipalId: &id,
		})
	}
	return out, err
}

func listGroups(r *request) (any, error) {
	if _, err := r.findNamespace(); err != nil {
		return nil, err
	}
	groups := keep(r.quickSight().Groups, func(g QuickSightGroup) bool { return g.Namespace == r.str("Namespace") })
	cut, next, err := quickSightPage(r, groups)
	out := &quicksight.ListGroupsOutput{GroupList: []types.Group{}, NextToken: next}
	for _, g := range cut {
		arn, id := r.quickSightARN("group/"+g.Namespace+"/"+g.GroupName), "group/"+stableID(g.Namespace, g.GroupName)
		out.GroupList = append(out.GroupList, types.Group{Arn: &arn, GroupName: &g.GroupName, Description: optional(g.Description), PrincipalId: &id})
	}
	return out, err
}

func listGroupMemberships(r *request) (any, error) {
	for _, g := range r.quickSight().Groups {
		if g.Namespace != r.str("Namespace") || g.GroupName != r.str("GroupName") {
			continue
		}
		cut, next, err := quickSightPage(r, g.Members)
		out := &quicksight.ListGroupMembershipsOutput{GroupMemberList: []types.GroupMember{}, NextToken: next}
		for _, name := range cut {
			arn := r.quickSightARN("user/" + g.Namespace + "/" + name)
			out.GroupMemberList = append(out.GroupMemberList, types.GroupMember{MemberName: &name, Arn: &arn})
		}
		return out, err
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: 404, Message: "Group " + r.str("GroupName") + " not found"}
}

func listIAMPolicyAssignments(r *request) (any, error) {
	if _, err := r.findNamespace(); err != nil {
		return nil, err
	}
	assignments := keep(r.quickSight().Assignments, func(a PolicyAssignment) bool { return a.Namespace == r.str("Namespace") })
	cut, next, err := quickSightPage(r, assignments)
	out := &quicksight.ListIAMPolicyAssignmentsOutput{IAMPolicyAssignments: []types.IAMPolicyAssignmentSummary{}, NextToken: next}
	for _, a := range cut {
		out.IAMPolicyAssignments = append(out.IAMPolicyAssignments, types.IAMPolicyAssignmentSummary{
			AssignmentName: &a.AssignmentName, AssignmentStatus: types.AssignmentStatus(cmp.Or(a.Status, "ENABLED")),
		})
	}
	return out, err
}

func describeIAMPolicyAssignment(r *request) (any, error) {
	name := r.str("AssignmentName")
	for _, a := range r.quickSight().Assignments {
		if a.Namespace == r.str("Namespace") && a.AssignmentName == name {
			return &quicksight.DescribeIAMPolicyAssignmentOutput{IAMPolicyAssignment: &types.IAMPolicyAssignment{
				AwsAccountId: &r.account, AssignmentName: &name, AssignmentStatus: types.AssignmentStatus(cmp.Or(a.Status, "ENABLED")),
			}}, nil
		}
	}
	return nil, &APIError{Code: "ResourceNotFoundException", Status: 404, Message: "IAMPolicyAssignment " + name + " not found in namespace " + r.str("Namespace")}
}

// quickSightPage cuts a page as every list of QuickSight does: 100 at most.
func quickSightPage[T any](r *request, items []T) ([]T, *string, error) {
	cut, next, ok := paginate(r, items, r.str("NextToken"), r.num("MaxResults", 0), 100)
	if !ok {
		return nil, nil, apiError("InvalidNextTokenException", "The NextToken value isn't valid.")
	}
	return cut, optional(next), nil
}

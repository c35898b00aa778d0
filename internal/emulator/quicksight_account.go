package emulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

var quickSightAccountOperations = map[string]op{
	"DescribeAccountSubscription": {run: describeAccountSubscription, route: "GET /account/{AwsAccountId}", resource: subscriptionResource},
	"DeleteAccountSubscription":   {run: deleteAccountSubscription, route: "DELETE /account/{AwsAccountId}", resource: subscriptionResource, actions: deletePermissions},
	"DescribeAccountSettings":     {run: describeAccountSettings, route: "GET /accounts/{AwsAccountId}/settings"},
	"UpdateAccountSettings":       {run: updateAccountSettings, route: "PUT /accounts/{AwsAccountId}/settings", required: []string{"DefaultNamespace"}},
	"DescribeIpRestriction":       {run: describeIPRestriction, route: "GET /accounts/{AwsAccountId}/ip-restriction"},
	"DescribeKeyRegistration":     {run: describeKeyRegistration, route: "GET /accounts/{AwsAccountId}/key-registration"},
}

func subscriptionResource(r *request) []string {
	return []string{r.quickSightARN("account/" + r.str("AwsAccountId"))}
}

func deletePermissions(r *request) []string {
	needed := []string{"quicksight:DeleteAccountSubscription"}
	if r.aws.assume("delete-needs-unsubscribe") == "yes" {
		needed = append(needed, "quicksight:Unsubscribe")
	}
	return needed
}

func describeAccountSubscription(r *request) (any, error) {
	q := r.acct().QuickSight
	if q == nil || q.Status == unsubscribed && r.aws.assume("unsubscribed") == "not-found" {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "Account " + r.account + " is not signed up with QuickSight"}
	}
	info := &types.AccountInfo{
		AccountName: &q.AccountName, AccountSubscriptionStatus: &q.Status, AuthenticationType: &q.AuthenticationType,
		Edition: types.Edition(q.Edition), NotificationEmail: optional(q.NotificationEmail),
		IAMIdentityCenterInstanceArn: optional(q.IAMIdentityCenterInstanceARN),
	}
	if q.Before != nil {
		info.AccountSubscriptionStatus = &q.Before.Status
	}
	return &quicksight.DescribeAccountSubscriptionOutput{AccountInfo: info}, nil
}

func describeAccountSettings(r *request) (any, error) {
	q := r.quickSight()
	settings := &types.AccountSettings{
		AccountName: &q.AccountName, DefaultNamespace: aws.String(defaultNamespace), Edition: types.Edition(q.Edition),
		NotificationEmail: optional(q.NotificationEmail), PublicSharingEnabled: q.PublicSharing,
		TerminationProtectionEnabled: *q.TerminationProtection,
	}
	if q.Before != nil {
		settings.NotificationEmail, settings.TerminationProtectionEnabled = optional(q.Before.NotificationEmail), q.Before.TerminationProtection
	}
	return &quicksight.DescribeAccountSettingsOutput{AccountSettings: settings}, nil
}

func updateAccountSettings(r *request) (any, error) {
	q := r.quickSight()
	if namespace := r.str("DefaultNamespace"); namespace != defaultNamespace {
		return nil, apiError("InvalidParameterValueException", "DefaultNamespace %s is not valid; currently the default is default", namespace)
	}
	q.remember(r.now)
	switch {
	case r.has("TerminationProtectionEnabled"):
		q.TerminationProtection = new(r.flag("TerminationProtectionEnabled"))
	case r.aws.assume("omitted-protection-flag") == "false":
		q.TerminationProtection = new(false)
	}
	switch {
	case r.has("NotificationEmail"):
		q.NotificationEmail = r.str("NotificationEmail")
	case r.aws.assume("omitted-notification-email") == "cleared":
		q.NotificationEmail = ""
	}
	return &quicksight.UpdateAccountSettingsOutput{}, nil
}

// remember keeps what eventually consistent reads go on seeing.
func (q *QuickSight) remember(now time.Time) {
	if q.ConsistencySeconds == 0 {
		return
	}
	q.Before = &earlier{
		Until: now.Add(time.Duration(q.ConsistencySeconds) * time.Second), Status: q.Status,
		NotificationEmail: q.NotificationEmail, TerminationProtection: *q.TerminationProtection,
	}
}

func checkUnsubscribing(r *request) error {
	if r.quickSight().Status == unsubscribeInProgress {
		return apiError("PreconditionNotMetException", "Account %s is already being unsubscribed", r.account)
	}
	return nil
}

// checkProtection has a text of its own: no source shows AWS's.
func checkProtection(r *request) error {
	if *r.quickSight().TerminationProtection {
		return apiError("PreconditionNotMetException", "Account %s has termination protection enabled", r.account)
	}
	return nil
}

func checkLeftoverNamespaces(r *request) error {
	if r.aws.assume("leftover-namespace") != "blocks" {
		return nil
	}
	for _, n := range r.quickSight().Namespaces {
		if n.Name != defaultNamespace {
			return apiError("PreconditionNotMetException", "Account %s still has namespace %s", r.account, n.Name)
		}
	}
	return nil
}

// checkDirectoryPermissions: QuickSight gives up its hold on directories with the caller's rights, and deletes the identity
// pool behind a namespace with them.
func checkDirectoryPermissions(r *request) error {
	needed := []string{"ds:DescribeDirectories", "ds:UnauthorizeApplication"}
	if r.operation == "DeleteNamespace" {
		needed = append(needed, "ds:DeleteDirectory")
	}
	for _, action := range needed {
		if err := r.mayDepend(action, "*"); err != nil {
			return err
		}
	}
	return nil
}

// may reports whether the caller could do something itself.
func (r *request) may(action, resource string) bool {
	return r.aws.refusal(r.principal, access{action: action, resource: resource, context: r.context()}) == ""
}

// removes reports whether QuickSight would delete a directory of its own at the end.
func (q *QuickSight) removes(d *Directory) bool {
	return q != nil && d.Type == "SimpleAD" && slices.Equal(d.Applications, []string{"quicksight"}) && slices.Contains(q.RemovesDirectories, d.ID)
}

func deleteAccountSubscription(r *request) (any, error) {
	q := r.quickSight()
	q.remember(r.now)
	q.Status, q.UnsubscribeStarted, q.RemovesDirectories = unsubscribeInProgress, &r.now, nil
	for _, d := range r.acct().Directories {
		if r.may("ds:DeleteDirectory", "arn:aws:ds:"+d.Region+":"+r.account+":directory/"+d.ID) {
			q.RemovesDirectories = append(q.RemovesDirectories, d.ID)
		}
	}
	return &quicksight.DeleteAccountSubscriptionOutput{Status: http.StatusAccepted}, nil
}

func describeIPRestriction(r *request) (any, error) {
	rules := r.quickSight().IPRestriction
	out := &quicksight.DescribeIpRestrictionOutput{AwsAccountId: &r.account, Enabled: new(len(rules) > 0), IpRestrictionRuleMap: map[string]string{}}
	for block, description := range rules {
		out.IpRestrictionRuleMap[block] = description
	}
	return out, nil
}

func describeKeyRegistration(r *request) (any, error) {
	out := &quicksight.DescribeKeyRegistrationOutput{AwsAccountId: &r.account, KeyRegistration: []types.RegisteredCustomerManagedKey{}}
	for _, key := range r.quickSightRegion().Keys {
		if !r.flag("DefaultKeyOnly") || key.Default {
			out.KeyRegistration = append(out.KeyRegistration, types.RegisteredCustomerManagedKey{KeyArn: &key.ARN, DefaultKey: key.Default})
		}
	}
	return out, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

package emulator

import (
	"encoding/json"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/quicksight"
	"github.com/aws/aws-sdk-go-v2/service/quicksight/types"
)

// Governance is what an account has once, beside its assets, by name.
type Governance struct {
	ApprovalPolicies    []string `json:"approvalPolicies,omitempty"`
	DLPSettings         []string `json:"dlpSettings,omitempty"`
	LimitsProfiles      []string `json:"limitsProfiles,omitempty"`
	IdentityPropagation []string `json:"identityPropagation,omitempty"` // services, where users sign in by IAM Identity Center
	QBusinessIndex      string   `json:"qBusinessIndex,omitempty"`      // id of the Amazon Q Business application
}

var quickSightGovernanceOperations = map[string]op{
	"ListApprovalPolicies":                {run: listApprovalPolicies, route: "GET /governance/approvalworkflows/policies"},
	"ListLimitsProfiles":                  {run: listLimitsProfiles, route: "GET /governance/limits/accounts/{AccountId}/profiles"},
	"ListDlpSettings":                     {run: listDLPSettings, route: "GET /accounts/{AwsAccountId}/data-loss-prevention/settings"},
	"ListIdentityPropagationConfigs":      {run: listIdentityPropagation, route: "GET /accounts/{AwsAccountId}/identity-propagation-config"},
	"DescribeApprovalPolicy":              {run: describeGoverned(func(g Governance) []string { return g.ApprovalPolicies }, "PolicyId"), route: "GET /governance/approvalworkflows/policies/{PolicyId}"},
	"DescribeLimitsProfile":               {run: describeGoverned(func(g Governance) []string { return g.LimitsProfiles }, "ProfileId"), route: "GET /governance/limits/accounts/{AccountId}/profiles/{ProfileId}"},
	"DescribeDlpSetting":                  {run: describeGoverned(func(g Governance) []string { return g.DLPSettings }, "DlpSettingId"), route: "GET /accounts/{AwsAccountId}/data-loss-prevention/settings/{DlpSettingId}"},
	"DescribeDefaultQBusinessApplication": {run: describeQBusiness, route: "GET /accounts/{AwsAccountId}/default-qbusiness-application"},
}

func listApprovalPolicies(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().Governance.ApprovalPolicies)
	out := &quicksight.ListApprovalPoliciesOutput{Policies: []types.ApprovalPolicy{}, NextToken: next}
	for _, name := range cut {
		id := slug(name)
		arn := r.quickSightARN("approval-policy/" + id)
		out.Policies = append(out.Policies, types.ApprovalPolicy{Name: &name, PolicyId: &id, PolicyArn: &arn})
	}
	return out, err
}

// listLimitsProfiles answers in the spelling of this part of the API, whose members begin in lower case.
func listLimitsProfiles(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().Governance.LimitsProfiles)
	if err != nil {
		return nil, err
	}
	profiles := []map[string]string{}
	for _, name := range cut {
		id := slug(name)
		profiles = append(profiles, map[string]string{"accountId": r.account, "profileId": id, "profileName": name, "arn": r.quickSightARN("limits-profile/" + id)})
	}
	body, err := json.Marshal(map[string]any{"profiles": profiles, "nextToken": next})
	return reply{body: body, header: http.Header{"Content-Type": {restJSON.contentType()}}}, err
}

func listDLPSettings(r *request) (any, error) {
	cut, next, err := quickSightPage(r, r.quickSight().Governance.DLPSettings)
	out := &quicksight.ListDlpSettingsOutput{DlpSettingSummaries: []types.DlpSettingSummary{}, NextToken: next}
	for _, name := range cut {
		id := slug(name)
		arn := r.quickSightARN("dlp-setting/" + id)
		out.DlpSettingSummaries = append(out.DlpSettingSummaries, types.DlpSettingSummary{Name: &name, DlpSettingId: &id, Arn: &arn})
	}
	return out, err
}

// describeGoverned answers with what the world knows of one: its name.
func describeGoverned(of func(Governance) []string, id string) func(*request) (any, error) {
	return func(r *request) (any, error) {
		for _, name := range of(r.quickSight().Governance) {
			if slug(name) == r.str(id) {
				body, err := json.Marshal(map[string]string{id: slug(name), "Name": name, "RequestId": r.requestID})
				return reply{body: body, header: http.Header{"Content-Type": {restJSON.contentType()}}}, err
			}
		}
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: r.str(id) + " is not found"}
	}
}

func listIdentityPropagation(r *request) (any, error) {
	if r.quickSight().IAMIdentityCenterInstanceARN == "" {
		return nil, apiError("InvalidParameterValueException", "This operation is only supported for accounts that use IAM Identity Center")
	}
	cut, next, err := quickSightPage(r, r.quickSight().Governance.IdentityPropagation)
	out := &quicksight.ListIdentityPropagationConfigsOutput{Services: []types.AuthorizedTargetsByService{}, NextToken: next}
	for _, service := range cut {
		out.Services = append(out.Services, types.AuthorizedTargetsByService{Service: types.ServiceType(service)})
	}
	return out, err
}

func describeQBusiness(r *request) (any, error) {
	id := r.quickSight().Governance.QBusinessIndex
	if id == "" {
		return nil, &APIError{Code: "ResourceNotFoundException", Status: http.StatusNotFound, Message: "No Amazon Q Business application is linked to account " + r.account}
	}
	return &quicksight.DescribeDefaultQBusinessApplicationOutput{ApplicationId: &id}, nil
}

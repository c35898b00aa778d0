package emulator

import (
	"cmp"
	"slices"
	"strings"
)

// service is one AWS service: how it is spoken to and what it can do.
type service struct {
	name       string // SigV4 signing name, which is also the IAM prefix and the first part of host names
	protocol   protocol
	xmlns      string   // query protocols
	target     string   // JSON protocols: prefix of X-Amz-Target
	denial     APIError // code and status of a refusal by IAM where they are not the protocol's usual ones
	lowerCamel bool     // JSON member names start in lower case
	operations map[string]op
	rules      []rule
	before     func(*request) error // runs once the caller is authorized, before validation and rules; may be nil
}

// denied is how the service says that IAM refused.
func (s *service) denied(message string) *APIError {
	e := s.protocol.denied(message)
	e.Code, e.Status = cmp.Or(s.denial.Code, e.Code), cmp.Or(s.denial.Status, e.Status)
	return e
}

// op is one operation of a service.
type op struct {
	run      func(*request) (any, error)
	required []string                         // members that must be present and not empty
	resource func(*request) []string          // ARNs the caller needs the permission on; nil: "*"
	actions  func(*request) []string          // IAM actions where they are not <service>:<operation>
	context  func(*request) condition         // condition keys of this call beside the global ones; may be nil
	policy   func(*request) (*Policy, string) // resource-based policy and the account that owns the resource; may be nil
	public   bool                             // needs no permission at all, or decides itself
	payload  string                           // REST: the member that is the whole body
	unlocked bool                             // runs while other calls are served
	route    string                           // REST: "METHOD /path/{Member}"
}

// rule is one refusal: why an operation that is well formed and authorized is still refused.
type rule struct {
	name       string   // what a person would call it, unique over all services
	operations []string // operations of the service it guards; empty: the emulator asks for it by name
	page       string   // where AWS documents it, or who reported it
	check      func(*request) error
}

// Rule describes one refusal that Options.WithoutRules can switch off.
type Rule struct {
	Name       string   `json:"name"`
	Operations []string `json:"operations"` // service:Operation
	Page       string   `json:"page"`
}

// Rules lists every named refusal, sorted by name.
func Rules() []Rule {
	var all []Rule
	for _, s := range services() {
		for _, r := range s.rules {
			described := Rule{Name: r.name, Page: r.page}
			for _, operation := range r.operations {
				described.Operations = append(described.Operations, s.name+":"+operation)
			}
			all = append(all, described)
		}
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// enforces reports whether the rule of that name is switched on.
func (a *AWS) enforces(rule string) bool { return !a.without[rule] }

func (a *AWS) checkRules(r *request) error {
	for _, rule := range r.service.rules {
		if rule.check == nil || !a.enforces(rule.name) || !slices.Contains(rule.operations, r.operation) {
			continue
		}
		if err := rule.check(r); err != nil {
			return err
		}
	}
	return nil
}

// services returns every service by signing name.
func services() map[string]*service {
	all := map[string]*service{}
	for _, s := range []*service{
		{name: "ec2", protocol: ec2Query, xmlns: "http://ec2.amazonaws.com/doc/2016-11-15/", operations: ec2Operations, rules: ec2Rules, before: ec2Before},
		{name: "ds", protocol: json11, target: "DirectoryService_20150416", operations: directoryServiceOperations, rules: directoryServiceRules},
		{name: "sts", protocol: query, xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", operations: stsOperations, rules: stsRules},
		{name: "iam", protocol: query, xmlns: "https://iam.amazonaws.com/doc/2010-05-08/", operations: iamOperations},
		{name: "sns", protocol: query, denial: APIError{Code: "AuthorizationError"}, xmlns: "http://sns.amazonaws.com/doc/2010-03-31/", operations: snsOperations, rules: snsRules},
		{name: "events", protocol: json11, target: "AWSEvents", operations: eventsOperations, rules: eventsRules},
		{name: "states", protocol: json10, target: "AWSStepFunctions", lowerCamel: true, operations: statesOperations, rules: statesRules},
		{name: "cloudtrail", protocol: json11, target: "CloudTrail_20131101", operations: cloudTrailOperations, rules: cloudTrailRules},
		{name: "s3", protocol: s3XML, operations: s3Operations, rules: s3Rules},
		{name: "quicksight", protocol: restJSON, denial: APIError{Status: 401}, operations: quickSightOperations, rules: quickSightRules},
		{name: "ce", protocol: json11, target: "AWSInsightsIndexService", denial: APIError{Code: "AccessDeniedException"}, operations: costExplorerOperations},
		{name: "organizations", protocol: json11, target: "AWSOrganizationsV20161128", denial: APIError{Code: "AccessDeniedException"}, operations: organizationsOperations, rules: organizationsRules},
	} {
		all[s.name] = s
	}
	for name, w := range workloadServices {
		all[name] = &w.service
	}
	return all
}

package main

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
)

// configuration is everything that a deployment can set, by CDK context: -c name=value, or "context" in cdk.json.
type configuration struct {
	step.Config           // what the functions get; its ARNs and names are the stack's to set
	organizationID        string
	decommissionUnits     []string
	suspendedUnits        []string
	accountFactoryProduct string
	sandboxBus            string
	schedules             []string
	sweeps                []string
	reminder              time.Duration
	waitingAlarm          time.Duration
	machineTimeout        time.Duration
	fleetConcurrency      int
	fleetTolerance        int
	hubAccount            string
	notify                []string
	logRetentionDays      int
	reservedConcurrency   int
	permissionsBoundary   string
	bootstrapQualifier    string
	tags                  []string
}

// defaults are the values of a deployment that sets nothing.
func defaults() configuration {
	return configuration{
		Config:           step.Defaults(),
		reminder:         24 * time.Hour,
		waitingAlarm:     72 * time.Hour,
		machineTimeout:   365 * 24 * time.Hour,
		fleetConcurrency: 40,
		fleetTolerance:   10,
		logRetentionDays: 400,
		tags:             []string{"project=quicksight-unsubscribe"},
	}
}

// setting is one line of the table of settings.
type setting struct {
	name string
	into any // where it goes: *string, *[]string, *[]closing.Approver, *bool, *int or *time.Duration
	help string
}

// settings is the table. Lists are comma separated; durations are Go's, such as "168h" or "15m".
func (c *configuration) settings() []setting {
	return []setting{
		{"hubAccount", &c.hubAccount, "account of the hub stack, for the target stack's parameter; empty: to be given when it is deployed"},
		{"neverClose", &c.NeverClose, "account ids that are always refused"},
		{"neverCloseUnits", &c.NeverCloseUnits, "ids of organizational units whose accounts, however deep, are always refused; needs managementAccount"},
		{"managementAccount", &c.ManagementAccount, "the organization's management account, or the one that it has delegated Organizations to, where the organization stack is; none: the organization is not read"},
		{"organizationId", &c.organizationID, "id of the organization (o-…) whose accounts may forward to the hub that they were unsubscribed; empty: the hub hears it of itself alone"},
		{"decommissionUnits", &c.decommissionUnits, "ids of organizational units: moving an account into one starts its closing"},
		{"suspendedUnits", &c.suspendedUnits, "names of Control Tower's units: updating an account into one starts its closing"},
		{"accountFactoryProduct", &c.accountFactoryProduct, "id of Account Factory's product: terminating one starts the closing of the account of that name; needs managementAccount"},
		{"sandboxBus", &c.sandboxBus, "name of the event bus of Innovation Sandbox on AWS: its requests to clean an account start a closing"},
		{"schedules", &c.schedules, "plans, and only plans, on a schedule: 222233334444=rate(30 days), or cron(...) without commas"},
		{"sweeps", &c.sweeps, "who uses QuickSight below a unit, on a schedule: ou-ab12-workload=rate(30 days); needs managementAccount"},
		{"governedRegions", &c.GovernedRegions, "QuickSight regions in which your organization lets accounts work: that its policies deny another one is no doubt; empty: all"},
		{"requireStarterEvidence", &c.RequireStarterEvidence, "refuse a run for which nothing shows that its starter may close the account"},
		{"refuseUnverifiedStarter", &c.RefuseUnverifiedStarter, "refuse a run whose starter CloudTrail does not name within starterWait"},
		{"starterWait", &c.StarterWait, "how long to wait for CloudTrail to name the starter"},
		{"approvers", &c.Approvers, "who may decide, as below; empty: IAM users and Identity Center's users of the hub account, except the starter"},
		{"identityCenterAccounts", &c.IdentityCenterAccounts, "further accounts behind whose Identity Center roles there are people"},
		{"sessionRoles", &c.SessionRoles, "ARNs of roles whose trust policy lets nobody take another session name than his own: their sessions are people"},
		{"quorum", &c.Quorum, "how many persons must approve"},
		{"approvalWindow", &c.ApprovalWindow, "how long one round of asking is open; a run asks in at most three"},
		{"reminder", &c.reminder, "how often those who may decide are reminded"},
		{"waitingAlarm", &c.waitingAlarm, "how long people may take to decide before an alarm says that they have not"},
		{"coolOff", &c.CoolOff, "how long an approved run can still be cancelled, at most 720h; 0s skips it"},
		{"decisionAge", &c.DecisionAge, "how old an approval may be when the run commits, cooling off not counted"},
		{"inventoryBudget", &c.InventoryBudget, "how long an inventory may take"},
		{"exportBudget", &c.ExportBudget, "how long saving the assets may take, in each round"},
		{"subscriptionBudget", &c.SubscriptionBudget, "how long unsubscribing may take"},
		{"directoryBudget", &c.DirectoryBudget, "how long deleting the directory may take"},
		{"vpcBudget", &c.VPCBudget, "how long deleting the VPC may take"},
		{"authorizedApplicationsWait", &c.AuthorizedApplicationsWait, "how long Directory Service may still see authorized applications after the subscription is gone"},
		{"machineTimeout", &c.machineTimeout, "how long an execution may run, at most a year; checked against the windows and budgets above"},
		{"fleetCanary", &c.FleetCanary, "how many accounts of a fleet, the smallest, are closed before the rest"},
		{"fleetConcurrency", &c.fleetConcurrency, "how many accounts of a fleet are planned, or closed, at a time"},
		{"fleetTolerance", &c.fleetTolerance, "how many percent of a fleet's closings may fail before the fleet stops; an account that drops out is no failure"},
		{"notify", &c.notify, "e-mail addresses that get the notices; each must confirm its subscription"},
		{"logRetentionDays", &c.logRetentionDays, "of the log groups; the record itself never expires"},
		{"reservedConcurrency", &c.reservedConcurrency, "of each function; 0 reserves none"},
		{"permissionsBoundary", &c.permissionsBoundary, "name of the managed policy that bounds every role; empty: none"},
		{"bootstrapQualifier", &c.bootstrapQualifier, "of the CDK bootstrap stack, where it is not the default one"},
		{"tags", &c.tags, "key=value, on every resource"},
	}
}

// configure reads the context that node sees. It panics on what it cannot read, as everything in a CDK app does.
func configure(node constructs.Node) configuration {
	c := defaults()
	for _, s := range c.settings() {
		value := node.TryGetContext(jsii.String(s.name))
		if value == nil {
			continue
		}
		if err := s.set(value); err != nil {
			panic(fmt.Sprintf("context %q: %v", s.name, err))
		}
	}
	return c
}

// set takes a value as cdk.json (JSON types) and the command line (text) give it.
func (s setting) set(value any) error {
	text := fmt.Sprint(value)
	if list, ok := value.([]any); ok {
		var items []string
		for _, item := range list {
			items = append(items, fmt.Sprint(item))
		}
		text = strings.Join(items, ",")
	}
	var err error
	switch into := s.into.(type) {
	case *string:
		*into = text
	case *[]string:
		*into = nil
		if text != "" {
			*into = strings.Split(text, ",")
		}
	case *[]closing.Approver:
		*into, err = closing.ParseApprovers(text)
	case *bool:
		*into, err = strconv.ParseBool(text)
	case *int:
		*into, err = strconv.Atoi(text)
	case *time.Duration:
		*into, err = time.ParseDuration(text)
	}
	return err
}

// text is a value as -c and the functions' environment take it.
func text(value any) string {
	switch v := value.(type) {
	case *string, *[]string, *[]closing.Approver, *bool, *int, *time.Duration:
		return text(reflect.ValueOf(v).Elem().Interface())
	case []string:
		return strings.Join(v, ",")
	case []closing.Approver:
		return closing.FormatApprovers(v)
	case time.Duration:
		return duration(v)
	}
	return fmt.Sprint(value)
}

// environment is what a function reads its step.Config from: the names are in the fields' tags.
func environment(c step.Config) map[string]*string {
	fields := reflect.ValueOf(c)
	variables := map[string]*string{}
	for i := range fields.NumField() {
		variables[fields.Type().Field(i).Tag.Get("env")] = jsii.String(text(fields.Field(i).Interface()))
	}
	return variables
}

// duration is Go's text of d without the zero units behind it: "168h", not "168h0m0s".
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// writeSettings prints the table as Markdown.
func writeSettings(w io.Writer) error {
	c := defaults()
	if _, err := fmt.Fprint(w, "| context | default | what it sets |\n|---|---|---|\n"); err != nil {
		return err
	}
	for _, s := range c.settings() {
		value := "none"
		if v := text(s.into); v != "" {
			value = "`" + v + "`"
		}
		if _, err := fmt.Fprintf(w, "| `%s` | %s | %s |\n", s.name, value, s.help); err != nil {
			return err
		}
	}
	return nil
}

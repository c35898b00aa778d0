package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	sfn "github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

// pattern is an EventBridge event pattern.
type pattern = map[string]any

// succeeded holds for API calls that did: CloudTrail reports the others too.
var succeeded = []any{pattern{"exists": false}}

// trigger is a kind of event that starts a closing.
type trigger struct {
	name, description string
	bus               string // "": the account's default bus
	pattern           pattern
}

// triggers are the events that start closings under a configuration. The raw event is the execution's input.
func (c configuration) triggers() []trigger {
	all := []trigger{{
		name: "Offboarding", description: "An account-vending pipeline asks, before the account is moved or closed",
		pattern: pattern{"source": []string{closing.EventSource}, "detail-type": []string{closing.OffboardingEvent}},
	}}
	if c.decommissionUnits != nil {
		all = append(all, trigger{
			name: "Moved", description: "An account was moved into a unit for decommissioning",
			pattern: pattern{"source": []string{"aws.organizations"}, "detail-type": []string{closing.APICall}, "detail": pattern{
				"eventSource": []string{"organizations.amazonaws.com"}, "eventName": []string{"MoveAccount"}, "errorCode": succeeded,
				"requestParameters": pattern{"destinationParentId": c.decommissionUnits},
			}},
		})
	}
	if c.suspendedUnits != nil {
		all = append(all, trigger{
			name: "Suspended", description: "Control Tower moved an account into a unit for suspended ones",
			pattern: pattern{"source": []string{"aws.controltower"}, "detail-type": []string{closing.ServiceEvent}, "detail": pattern{
				"eventName": []string{"UpdateManagedAccount"},
				"serviceEventDetails": pattern{"updateManagedAccountStatus": pattern{
					"state": []string{"SUCCEEDED"}, "organizationalUnit": pattern{"organizationalUnitName": c.suspendedUnits},
				}},
			}},
		})
	}
	if c.accountFactoryProduct != "" {
		all = append(all, trigger{
			name: "Terminated", description: "An account's product was terminated in Service Catalog",
			pattern: pattern{"source": []string{"aws.servicecatalog"}, "detail-type": []string{closing.APICall}, "detail": pattern{
				"eventSource": []string{"servicecatalog.amazonaws.com"}, "eventName": []string{"TerminateProvisionedProduct"}, "errorCode": succeeded,
				"responseElements": pattern{"recordDetail": pattern{"productId": []string{c.accountFactoryProduct}}},
			}},
		})
	}
	if c.sandboxBus != "" {
		all = append(all, trigger{
			name: "Cleaned", description: "Innovation Sandbox on AWS cleans an account", bus: c.sandboxBus,
			pattern: pattern{"detail-type": []string{closing.CleanAccountRequest}},
		})
	}
	return all
}

// forwarded are the sources of events that only the management account has.
var forwarded = []string{"aws.organizations", "aws.controltower", "aws.servicecatalog"}

// newTriggers makes what starts closings by itself: rules and schedules. What they cannot deliver, an alarm watches.
func newTriggers(stack awscdk.Stack, config configuration, w where, machine sfn.IStateMachine, notices awssns.ITopic) {
	dead := newDeadLetters(stack, notices, "TriggersDead", "UndeliveredTriggers")
	role := awsiam.NewRole(stack, jsii.String("TriggersRole"), &awsiam.RoleProps{
		RoleName: jsii.String(workflow.Prefix + "-triggers"), Path: jsii.String("/" + workflow.Prefix + "/" + string(workflow.NoTarget) + "/"),
		Description: jsii.String("Of the rules and schedules that start " + workflow.Prefix),
		AssumedBy: awsiam.NewCompositePrincipal(
			awsiam.NewServicePrincipal(jsii.String("events.amazonaws.com"), nil), awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), nil)),
		InlinePolicies: inline([]awsiam.PolicyStatement{
			allow("states:StartExecution", w.machine(), w.fleetMachine()), statement([]string{"sqs:SendMessage"}, *dead.QueueArn()),
		}),
	})
	for _, t := range config.triggers() {
		var bus awsevents.IEventBus
		if t.bus != "" {
			bus = awsevents.EventBus_FromEventBusName(stack, jsii.String(t.name+"Bus"), jsii.String(t.bus))
		}
		awsevents.NewRule(stack, jsii.String(t.name), &awsevents.RuleProps{
			Description: jsii.String(t.description), EventBus: bus, EventPattern: eventPattern(t.pattern),
			Targets: &[]awsevents.IRuleTarget{awseventstargets.NewSfnStateMachine(machine, &awseventstargets.SfnStateMachineProps{
				DeadLetterQueue: dead, Role: role.WithoutPolicyUpdates(nil),
			})},
		})
	}
	schedule := func(id, description, expression, machine, input string) {
		awsscheduler.NewCfnSchedule(stack, jsii.String(id), &awsscheduler.CfnScheduleProps{
			Description:        jsii.String(description),
			ScheduleExpression: jsii.String(expression),
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{
				Arn: jsii.String(machine), RoleArn: role.RoleArn(), Input: jsii.String(input),
				DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: dead.QueueArn()},
			},
		})
	}
	for i, s := range config.schedules {
		account, expression := parseSchedule("schedules", s)
		schedule(fmt.Sprintf("Schedule%d", i+1), "Plans, and only plans, the closing of account "+account, expression, w.machine(), scheduled(`"accountId":"`+account+`","dryRun":true`))
	}
	for i, s := range config.sweeps {
		unit, expression := parseSchedule("sweeps", s)
		schedule(fmt.Sprintf("Sweep%d", i+1), "Looks who uses QuickSight below "+unit, expression, w.fleetMachine(), scheduled(`"unit":"`+unit+`","sweep":true`))
	}
	if config.ManagementAccount != step.NoOrganization {
		awsevents.NewCfnEventBusPolicy(stack, jsii.String("FromManagement"), &awsevents.CfnEventBusPolicyProps{
			StatementId: jsii.String(workflow.Prefix + "-management"),
			Statement: pattern{
				"Sid": workflow.Prefix + "-management", "Effect": "Allow", "Action": "events:PutEvents",
				"Principal": pattern{"AWS": "arn:" + w.partition + ":iam::" + config.ManagementAccount + ":root"},
				"Resource":  w.arn("events", "event-bus/default"),
			},
		})
	}
}

// scheduled is the input that a schedule sends. Its trigger is the same whenever it is delivered again.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
func scheduled(what string) string {
	return `{` + what + `,"trigger":"<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time>"}`
}

var scheduleText = map[string]*regexp.Regexp{
	"schedules": regexp.MustCompile(`^([0-9]{12})=((?:rate|cron)\(.+\))$`),
	"sweeps":    regexp.MustCompile(`^((?:ou|r)-[0-9a-z-]+)=((?:rate|cron)\(.+\))$`),
}

// parseSchedule reads one of the setting "schedules" or "sweeps". It panics on what it cannot read, as everything in a CDK app does.
func parseSchedule(setting, text string) (what, expression string) {
	parts := scheduleText[setting].FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		panic(fmt.Sprintf("%s: %q is not of the form 222233334444=rate(30 days) (an account, or of sweeps a unit), or ...=cron(0 6 1 * ? *)", setting, text))
	}
	return parts[1], parts[2]
}

// eventPattern is the pattern in the CDK's types.
func eventPattern(p pattern) *awsevents.EventPattern {
	texts := func(name string) *[]*string {
		given, _ := p[name].([]string)
		if given == nil {
			return nil
		}
		return jsii.Strings(given...)
	}
	out := &awsevents.EventPattern{Source: texts("source"), DetailType: texts("detail-type")}
	if detail, ok := p["detail"].(pattern); ok {
		out.Detail = &detail
	}
	return out
}

package main

import (
	"path/filepath"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/workflow"
)

// functions are the Lambda functions by folder, and the version of each that this deployment publishes.
type functions struct {
	latest   map[string]awslambda.Function
	versions map[string]awslambda.IFunction
}

// newFunctions makes one function of each folder. Their versions stay when a deployment publishes new ones: a run that has waited
// for days goes on with the code that it began with.
func newFunctions(scope constructs.Construct, config configuration, built string, roles map[string]awsiam.Role) functions {
	variables := environment(config.Config)
	all := functions{latest: map[string]awslambda.Function{}, versions: map[string]awslambda.IFunction{}}
	for _, f := range workflow.Functions() {
		id := words(f.Folder)
		var reserved *float64
		if config.reservedConcurrency > 0 {
			reserved = jsii.Number(float64(config.reservedConcurrency))
		}
		function := awslambda.NewFunction(scope, jsii.String(id), &awslambda.FunctionProps{
			FunctionName:                 jsii.String(f.Name()),
			Description:                  jsii.String(described(f)),
			Runtime:                      awslambda.Runtime_PROVIDED_AL2023(),
			Architecture:                 awslambda.Architecture_ARM_64(),
			Handler:                      jsii.String("bootstrap"),
			Code:                         awslambda.Code_FromAsset(jsii.String(filepath.Join(built, f.Folder)), nil),
			Timeout:                      seconds(f.Timeout),
			MemorySize:                   jsii.Number(float64(f.Memory)),
			Role:                         roles[f.Folder].WithoutPolicyUpdates(nil), // permission.go has all that it may do
			Environment:                  &variables,
			Tracing:                      awslambda.Tracing_ACTIVE,
			LoggingFormat:                awslambda.LoggingFormat_JSON,
			LogGroup:                     newLogGroup(scope, id+"Log", "/aws/lambda/"+f.Name(), config),
			ReservedConcurrentExecutions: reserved,
			CurrentVersionOptions:        &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN},
		})
		all.latest[f.Folder] = function
		if f.States != nil {
			all.versions[f.Folder] = function.CurrentVersion()
		}
	}
	return all
}

// newLogGroup makes a log group with a name that operators know. It goes with the stack, or the next stack could not make it again;
// what must be kept is in the record.
func newLogGroup(scope constructs.Construct, id, name string, config configuration) awslogs.LogGroup {
	group := awslogs.NewLogGroup(scope, jsii.String(id), &awslogs.LogGroupProps{
		LogGroupName: jsii.String(name), RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	group.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(float64(config.logRetentionDays))) // the enumeration of Retention is of names
	return group
}

func described(f workflow.Function) string {
	switch f.Folder {
	case "decide-approval":
		return "Takes the decisions of approvers: the only writer of decisions"
	case "finish-run":
		return "Cleans up after an execution that failed, timed out or was stopped"
	case "audit-event":
		return "Holds against the record that an account was unsubscribed, was closed or left the organization"
	default:
		return "Behind " + strings.Join(f.States, ", ")
	}
}

package main

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
)

// Ensure that cdk-nag's AwsSolutions finds nothing that is not suppressed with a reason.
func TestNag(t *testing.T) {
	app := newApp(jsii.String(t.TempDir()), nil)
	config := configure(app.Node())
	stacks := []awscdk.Stack{newHub(app, config, built(t)), newTarget(app, config), newOrganization(app, config), newWatch(app, config)}
	nag(stacks...)
	for _, stack := range stacks {
		found := assertions.Annotations_FromStack(stack)
		for _, m := range append(*found.FindError(jsii.String("*"), assertions.Match_AnyValue()), *found.FindWarning(jsii.String("*"), assertions.Match_AnyValue())...) {
			t.Errorf("%s: %v", *m.Id, m.Entry.Data) //nolint:staticcheck // what FindError returns has moved, and FindError has not
		}
	}
}

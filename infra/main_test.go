package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/workflow"
)

var update = flag.Bool("update", false, "write the committed files from the CDK app")

// TestMain switches CloudFormation's validation off, which takes most of a synth (make synth has it on). jsii has copied the
// environment in its init: closing its client, which has not started, makes it take the new one.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"CDK_VALIDATION": "false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "18,20"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	jsii.Close()
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// built is a directory as make build leaves it, with empty binaries.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range workflow.Functions() {
		if err := os.MkdirAll(filepath.Join(dir, f.Folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Folder, "bootstrap"), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// hub synthesizes the hub stack under some context.
func hub(t *testing.T, context map[string]any) template {
	t.Helper()
	app := newApp(jsii.String(t.TempDir()), context)
	return template(*assertions.Template_FromStack(newHub(app, configure(app.Node()), built(t)), nil).ToJSON())
}

// target synthesizes the target stack under some context.
func target(t *testing.T, context map[string]any) template {
	t.Helper()
	app := newApp(jsii.String(t.TempDir()), context)
	return template(*assertions.Template_FromStack(newTarget(app, configure(app.Node())), nil).ToJSON())
}

// watching synthesizes the stack that forwards what happens to an account's QuickSight, under some context.
func watching(t *testing.T, context map[string]any) template {
	t.Helper()
	app := newApp(jsii.String(t.TempDir()), context)
	return template(*assertions.Template_FromStack(newWatch(app, configure(app.Node())), nil).ToJSON())
}

// organizational synthesizes the organization stack under some context.
func organizational(t *testing.T, context map[string]any) template {
	t.Helper()
	app := newApp(jsii.String(t.TempDir()), context)
	return template(*assertions.Template_FromStack(newOrganization(app, configure(app.Node())), nil).ToJSON())
}

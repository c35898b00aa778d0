// Command infra is the CDK app: the hub stack, which closes accounts, the target stack, with the roles that each account that is to
// be closed must have, and the small ones of the management account and of every account. It writes its cloud assembly by itself; the CDK's command line is needed only to deploy it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	out := flag.String("out", "", "write the cloud assembly to `DIR`; default: where the CDK's command line says, else cdk.out")
	built := flag.String("functions", "build/functions", "take the functions' binaries, <function>/bootstrap, from `DIR`")
	target := flag.String("target-template", "", "write only the target stack, as one plain CloudFormation file, to `PATH`")
	organization := flag.String("organization-template", "", "write only the management account's stack, as one plain CloudFormation file, to `PATH`")
	watch := flag.String("watch-template", "", "write only the stack that forwards what happens to an account's QuickSight, as one plain CloudFormation file, to `PATH`")
	context := flag.Bool("context", false, "print the table of the context values, as Markdown")
	flag.Parse()
	err := run(os.Stdout, *out, *built, *target, *organization, *watch, *context)
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, out, built, target, organization, watch string, context bool) error {
	switch {
	case context:
		return writeSettings(w)
	case target != "":
		return writePlain(newTarget, target)
	case organization != "":
		return writePlain(newOrganization, organization)
	case watch != "":
		return writePlain(newWatch, watch)
	}
	if out == "" && os.Getenv("CDK_OUTDIR") == "" {
		out = "cdk.out"
	}
	app := newApp(optional(out), nil)
	config := configure(app.Node())
	nag(newHub(app, config, built), newTarget(app, config))
	app.Synth(nil)
	return nil
}

// writePlain writes a stack's template to a file that needs no CDK.
func writePlain(newStack func(constructs.Construct, configuration) awscdk.Stack, path string) error {
	dir, err := os.MkdirTemp("", "quicksight-unsubscribe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	app := newApp(&dir, nil)
	stack := newStack(app, configure(app.Node()))
	text, err := os.ReadFile(*app.Synth(nil).GetStackByName(stack.StackName()).TemplateFullPath())
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return err
	}
	if text, err = indented(tree); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

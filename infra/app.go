package main

import (
	_ "embed"
	"encoding/json"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

//go:embed cdk.json
var cdkJSON []byte

// newApp makes the app with the feature flags of cdk.json, which only the CDK's command line would pass: without it, a template would
// be another one. context comes on top.
func newApp(outdir *string, context map[string]any) awscdk.App {
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(cdkJSON, &file); err != nil {
		panic("cdk.json: " + err.Error())
	}
	for name, value := range context {
		file.Context[name] = value
	}
	return awscdk.NewApp(&awscdk.AppProps{Outdir: outdir, AnalyticsReporting: jsii.Bool(false), Context: &file.Context})
}

// stackProps are what the stacks have in common.
func (c configuration) stackProps(description string) *awscdk.StackProps {
	props := &awscdk.StackProps{
		Description: jsii.String(description), TerminationProtection: jsii.Bool(true), Tags: c.tagged(),
		Synthesizer: awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{Qualifier: optional(c.bootstrapQualifier)}),
	}
	if c.permissionsBoundary != "" {
		props.PermissionsBoundary = awscdk.PermissionsBoundary_FromName(jsii.String(c.permissionsBoundary))
	}
	return props
}

func (c configuration) tagged() *map[string]*string {
	tags := map[string]*string{}
	for _, tag := range c.tags {
		key, value, _ := strings.Cut(tag, "=")
		tags[key] = jsii.String(value)
	}
	return &tags
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

package replay

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"quicksight-unsubscribe/internal/asl"
	"quicksight-unsubscribe/internal/boot"
	"quicksight-unsubscribe/internal/workflow"
)

// version is a deployment: what it published of each function, code and environment together, is not changed by later ones.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
type version struct {
	number     int
	config     map[string]string // the functions' environment, where it differs from the default
	functions  map[string]boot.Function
	definition []byte // of the closing machine that calls them
	removed    bool
}

// newest is the version that is invoked where none is named: by decide-approval's URL, and by finish-run's queue.
func (p *player) newest() *version { return p.versions[len(p.versions)-1] }

// versionOf finds the version that a function's ARN names; nil where it is not there, or not any more.
func (p *player) versionOf(function string) *version {
	n, err := strconv.Atoi(function[strings.LastIndex(function, ":")+1:])
	if err != nil || n < 1 || n > len(p.versions) || p.versions[n-1].removed {
		return nil
	}
	return p.versions[n-1]
}

// publish adds a version, and a state machine that calls it. Executions keep the definition that they started with, redriven ones too.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
func (p *player) publish(config map[string]string) error {
	v := &version{number: len(p.versions) + 1, config: config}
	v.functions = p.makeFunctions(v)
	v.definition = workflow.Definition
	if p.options.Definition != nil {
		v.definition = p.options.Definition
	}
	v.definition = calling(v.definition, v.number)
	machine, err := parse(v.definition)
	if err != nil {
		return fmt.Errorf("the state machine: %w", err)
	}
	fleet, err := parse(calling(workflow.FleetDefinition, v.number))
	if err != nil {
		return fmt.Errorf("the state machine of fleets: %w", err)
	}
	p.versions = append(p.versions, v)
	p.machines = map[string]*asl.Machine{p.run.hub.machine(): machine, p.run.hub.fleetMachine(): fleet}
	return nil
}

// parsed are the machines of definitions. Executions do not change their machine, so all stories share it.
var parsed sync.Map

func parse(definition []byte) (*asl.Machine, error) {
	if known, ok := parsed.Load(string(definition)); ok {
		return known.(*asl.Machine), nil
	}
	machine, err := asl.Parse(definition)
	if err == nil {
		parsed.Store(string(definition), machine)
	}
	return machine, err
}

// calling is a definition that calls a version of the functions.
func calling(definition []byte, number int) []byte {
	return published.ReplaceAll(definition, fmt.Appendf(nil, `${1}%d"`, number))
}

// published is a function's version in the definition.
var published = regexp.MustCompile(`(:function:` + workflow.Prefix + `-[a-z-]+:)[0-9]+"`)

// deploy publishes a new version beside the present ones, or in their place.
func (p *player) deploy(line Line) error {
	for _, v := range p.versions {
		v.removed = v.removed || line.Removes
	}
	config := maps.Clone(p.story.Config)
	if config == nil {
		config = map[string]string{}
	}
	maps.Copy(config, line.Config)
	return p.publish(config)
}

// versionsCalled are the versions that an execution's states have called, in the order of their first calls, such as "1".
func (e *Execution) versionsCalled() string {
	var called []string
	for _, event := range e.History() {
		var parameters struct{ FunctionName string }
		if event.Type != asl.TaskScheduled || json.Unmarshal([]byte(event.Details.Parameters), &parameters) != nil {
			continue
		}
		number := parameters.FunctionName[strings.LastIndex(parameters.FunctionName, ":")+1:]
		if !slices.Contains(called, number) {
			called = append(called, number)
		}
	}
	return strings.Join(called, ", ")
}

package asl

import (
	"context"
	"errors"
)

// evaluation is one moment of one state: what its paths, functions and expressions can see.
type evaluation struct {
	ctx       context.Context
	branch    *branch
	input     any // what $ is for a path, and $states.input for an expression
	variables *variables
	result    any // $states.result
	hasResult bool
	errors    any // $states.errorOutput
	hasErrors bool
	context   func() *object // the context object, built when something asks for it
	volatile  volatile

	watch          watch          // of the expression at work
	bound, members map[string]any // what JSONata's engine is given; reused, for it copies the one and only reads the other
}

// scratch gives the two maps empty.
func (ev *evaluation) scratch() map[string]any {
	if ev.bound == nil {
		ev.bound, ev.members = map[string]any{}, map[string]any{}
	}
	clear(ev.bound)
	clear(ev.members)
	return ev.bound
}

// states gives the members of $states.
func (ev *evaluation) states(member string) (any, bool) {
	switch member {
	case "input":
		return ev.input, true
	case "context":
		return ev.context(), true
	case "result":
		return ev.result, ev.hasResult
	case "errorOutput":
		return ev.errors, ev.hasErrors
	}
	return nil, false
}

var errNoVariable = errors.New("no such variable")

// path reads a path from its root.
func (ev *evaluation) path(p *path) (any, error) {
	switch p.root {
	case rootContext:
		return p.read(ev.context())
	case rootVariable:
		v, ok := ev.variables.lookup(p.variable)
		if !ok {
			return nil, errNoVariable
		}
		return p.read(v)
	}
	return p.read(ev.input)
}

// rootText is the document that a path was looked up in, for messages.
func (ev *evaluation) rootText(p *path) string {
	switch p.root {
	case rootContext:
		return text(ev.context())
	case rootVariable:
		if v, ok := ev.variables.lookup(p.variable); ok {
			return text(v)
		}
	}
	return text(ev.input)
}

// fill evaluates a template.
func (ev *evaluation) fill(t *template) (any, *failure) {
	switch {
	case t.isConstant:
		return t.constant, nil
	case t.expression != nil:
		return ev.expression(t.expression, t.location)
	case t.path != nil:
		v, err := ev.path(t.path)
		if err != nil {
			return nil, runtimeFailure("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", t.path.source, t.location, ev.rootText(t.path))
		}
		return v, nil
	case t.call != nil:
		v, err := t.call.evaluate(ev)
		if err != nil {
			return nil, runtimeFailure("The function '%s' had the following error: %s", t.call.source, err)
		}
		return v, nil
	case t.isArray:
		out := make([]any, len(t.elements))
		for i, e := range t.elements {
			v, f := ev.fill(e)
			if f != nil {
				return nil, f
			}
			out[i] = v
		}
		return out, nil
	}
	out := newObject(len(t.members))
	for _, m := range t.members {
		v, f := ev.fill(m.value)
		if f != nil {
			return nil, f
		}
		out.set(m.key, v)
	}
	return out, nil
}

func (ev *evaluation) expression(e *expression, location string) (any, *failure) {
	v, err := e.evaluate(ev)
	if err != nil {
		return nil, queryFailure(location, "The JSONata expression '%s' specified for the field '%s' %s", e.source, location, err)
	}
	return v, nil
}

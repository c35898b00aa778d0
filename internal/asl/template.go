package asl

import (
	"fmt"
	"strconv"
	"strings"
)

// template is a compiled Parameters, ResultSelector, Arguments, Output, Assign, …: JSON with values to fill in.
type template struct {
	location   string // as messages name it: Output/result, or the field name that ends in .$
	constant   any
	isConstant bool
	expression *expression
	path       *path
	call       *call
	members    []templateMember
	elements   []*template
	isArray    bool
}

type templateMember struct {
	key   string
	value *template
}

// compileTemplate compiles a payload template of the given language.
func compileTemplate(v any, jsonata bool, location string) (*template, error) {
	t := &template{location: location}
	switch v := v.(type) {
	case string:
		if jsonata && isExpression(v) {
			e, err := compileExpression(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", location, err)
			}
			t.expression = e
			return t, nil
		}
	case []any:
		t.isArray = true
		constant := true
		for i, e := range v {
			c, err := compileTemplate(e, jsonata, location+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			constant = constant && c.isConstant
			t.elements = append(t.elements, c)
		}
		if !constant {
			return t, nil
		}
	case *object:
		constant := true
		seen := map[string]bool{}
		for _, m := range v.members {
			key := m.key
			var c *template
			var err error
			if name, dynamic := strings.CutSuffix(m.key, ".$"); dynamic && !jsonata {
				key = name
				c, err = compileReference(m.value, m.key)
			} else {
				c, err = compileTemplate(m.value, jsonata, location+"/"+m.key)
			}
			if err != nil {
				return nil, err
			}
			if seen[key] {
				return nil, fmt.Errorf("%s: both %q and %q are given", location, key, key+".$")
			}
			seen[key] = true
			constant = constant && c.isConstant
			t.members = append(t.members, templateMember{key, c})
		}
		if !constant {
			return t, nil
		}
	}
	return &template{location: location, constant: v, isConstant: true}, nil
}

// compileReference compiles the value of a field whose name ends in .$: a path or an intrinsic function.
func compileReference(v any, field string) (*template, error) {
	s, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("%s: the value must be a path or an intrinsic function, not a %s", field, kindOf(v))
	}
	t := &template{location: field}
	var err error
	if isCall(s) {
		t.call, err = parseCall(s)
	} else {
		t.path, err = parsePath(s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return t, nil
}

// each calls f for every expression of the template.
func (t *template) each(f func(*template)) {
	if t == nil {
		return
	}
	if t.expression != nil {
		f(t)
	}
	for _, m := range t.members {
		m.value.each(f)
	}
	for _, e := range t.elements {
		e.each(f)
	}
}

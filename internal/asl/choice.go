package asl

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// choiceRule is one rule of a Choice state.
type choiceRule struct {
	condition *template // JSONata
	test      *test     // JSONPath
	next      *state
	assign    *template
	output    *template
}

// test is the condition of a JSONPath rule: a comparison, or And, Or, Not of others.
type test struct {
	all, any []*test
	not      *test

	variable *path
	operator operator
	value    any
	other    *path // the Path variants
}

type operator struct {
	name string
	run  func(a, b any) bool
}

// operators are the comparisons of the language; each but IsPresent and its kin has a Path variant.
var operators = func() map[string]operator {
	all := map[string]operator{}
	add := func(name string, run func(a, b any) bool) { all[name] = operator{name, run} }
	orders := []struct {
		suffix string
		holds  func(order int) bool
	}{
		{"Equals", func(o int) bool { return o == 0 }},
		{"LessThan", func(o int) bool { return o < 0 }},
		{"GreaterThan", func(o int) bool { return o > 0 }},
		{"LessThanEquals", func(o int) bool { return o <= 0 }},
		{"GreaterThanEquals", func(o int) bool { return o >= 0 }},
	}
	for _, o := range orders {
		add("String"+o.suffix, func(a, b any) bool {
			x, ok := a.(string)
			y, ok2 := b.(string)
			return ok && ok2 && o.holds(strings.Compare(x, y))
		})
		add("Numeric"+o.suffix, func(a, b any) bool {
			x, ok := number(a)
			y, ok2 := number(b)
			if !ok || !ok2 {
				return false
			}
			order, _ := compare(x, y)
			return o.holds(order)
		})
		add("Timestamp"+o.suffix, func(a, b any) bool {
			x, ok := moment(a)
			y, ok2 := moment(b)
			return ok && ok2 && o.holds(x.Compare(y))
		})
	}
	add("BooleanEquals", func(a, b any) bool {
		x, ok := a.(bool)
		y, ok2 := b.(bool)
		return ok && ok2 && x == y
	})
	add("StringMatches", func(a, b any) bool {
		x, ok := a.(string)
		y, ok2 := b.(string)
		return ok && ok2 && matches(x, y)
	})
	kinds := map[string]func(any) bool{
		"IsNull":      func(v any) bool { return v == nil },
		"IsString":    func(v any) bool { _, ok := v.(string); return ok },
		"IsNumeric":   func(v any) bool { _, ok := number(v); return ok },
		"IsBoolean":   func(v any) bool { _, ok := v.(bool); return ok },
		"IsTimestamp": func(v any) bool { _, ok := moment(v); return ok },
	}
	for name, is := range kinds {
		add(name, func(a, b any) bool { return is(a) == b })
	}
	add("IsPresent", nil) // about the path, not the value
	return all
}()

// compileTest reads the condition part of a JSONPath rule.
func compileTest(rule *object, depth int) (*test, error) {
	if depth > maxFilterDepth {
		return nil, errors.New("it nests And, Or and Not too deeply")
	}
	t := &test{}
	found := ""
	for _, m := range rule.members {
		switch m.key {
		case "Next", "Assign", "Comment":
			if depth > 0 && m.key != "Comment" {
				return nil, fmt.Errorf("%s is not allowed inside And, Or and Not", m.key)
			}
			continue
		case "Variable":
			source, ok := m.value.(string)
			if !ok {
				return nil, fmt.Errorf("the path Variable must be a string, not a %s", kindOf(m.value))
			}
			p, err := parsePath(source)
			if err != nil {
				return nil, fmt.Errorf("the path Variable: %w", err)
			}
			t.variable = p
			continue
		}
		if found != "" {
			return nil, fmt.Errorf("both %s and %s are given", found, m.key)
		}
		found = m.key
		if err := t.condition(m.key, m.value, depth); err != nil {
			return nil, err
		}
	}
	switch {
	case found == "":
		return nil, errors.New("no comparison is given")
	case t.operator.name != "" && t.variable == nil:
		return nil, fmt.Errorf("%s needs a Variable", found)
	case t.operator.name == "" && t.variable != nil:
		return nil, fmt.Errorf("%s takes no Variable", found)
	}
	return t, nil
}

func (t *test) condition(key string, value any, depth int) error {
	switch key {
	case "And", "Or":
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return fmt.Errorf("%s must be a list of conditions", key)
		}
		for _, e := range list {
			o, ok := e.(*object)
			if !ok {
				return fmt.Errorf("%s must be a list of conditions", key)
			}
			sub, err := compileTest(o, depth+1)
			if err != nil {
				return err
			}
			if key == "And" {
				t.all = append(t.all, sub)
			} else {
				t.any = append(t.any, sub)
			}
		}
		return nil
	case "Not":
		o, ok := value.(*object)
		if !ok {
			return errors.New("the value of Not must be a condition")
		}
		sub, err := compileTest(o, depth+1)
		t.not = sub
		return err
	}
	name, isPath := strings.CutSuffix(key, "Path")
	op, ok := operators[name]
	if !ok || isPath && (strings.HasPrefix(name, "Is") || name == "StringMatches") {
		return fmt.Errorf("%s is not a comparison of the language", key)
	}
	t.operator = op
	if isPath {
		source, ok := value.(string)
		if !ok {
			return fmt.Errorf("%s must be a path, not a %s", key, kindOf(value))
		}
		p, err := parsePath(source)
		t.other = p
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	}
	t.value = value
	return literalFits(name, value)
}

// literalFits holds that a comparison is given a value of its own type.
func literalFits(name string, value any) error {
	ok := true
	switch {
	case strings.HasPrefix(name, "String"):
		_, ok = value.(string)
	case strings.HasPrefix(name, "Numeric"):
		_, ok = number(value)
	case strings.HasPrefix(name, "Boolean"), strings.HasPrefix(name, "Is"):
		_, ok = value.(bool)
	case strings.HasPrefix(name, "Timestamp"):
		_, ok = moment(value)
	}
	if !ok {
		return fmt.Errorf("%s cannot be compared with the %s %s", name, kindOf(value), text(value))
	}
	return nil
}

// holds evaluates the condition.
func (t *test) holds(ev *evaluation) (bool, *failure) {
	switch {
	case t.all != nil:
		for _, sub := range t.all {
			if ok, f := sub.holds(ev); !ok || f != nil {
				return false, f
			}
		}
		return true, nil
	case t.any != nil:
		for _, sub := range t.any {
			if ok, f := sub.holds(ev); ok || f != nil {
				return ok, f
			}
		}
		return false, nil
	case t.not != nil:
		ok, f := t.not.holds(ev)
		return !ok, f
	}
	a, err := ev.path(t.variable)
	if t.operator.name == "IsPresent" {
		return (err == nil) == t.value, nil
	}
	if err != nil {
		return false, runtimeFailure("Invalid path '%s': The choice state's condition path references an invalid value.", t.variable.source)
	}
	b := t.value
	if t.other != nil {
		if b, err = ev.path(t.other); err != nil {
			return false, runtimeFailure("Invalid path '%s': The choice state's condition path references an invalid value.", t.other.source)
		}
	}
	return t.operator.run(a, b), nil
}

// moment reads an RFC 3339 timestamp with an upper-case T and Z, as the language wants it.
func moment(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok || len(s) < 20 || s[10] != 'T' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// matches is StringMatches: * stands for any characters, \* and \\ for themselves.
func matches(s, glob string) bool {
	type piece struct {
		star bool
		c    byte
	}
	var pieces []piece
	for i := 0; i < len(glob); i++ {
		switch {
		case glob[i] == '*':
			pieces = append(pieces, piece{star: true})
		case glob[i] == '\\' && i+1 < len(glob):
			i++
			fallthrough
		default:
			pieces = append(pieces, piece{c: glob[i]})
		}
	}
	// The usual greedy match with one point to come back to.
	at, star, resume := 0, -1, 0
	for i := 0; i < len(s); {
		switch {
		case at < len(pieces) && pieces[at].star:
			star, resume = at, i
			at++
		case at < len(pieces) && pieces[at].c == s[i]:
			at++
			i++
		case star >= 0:
			resume++
			at, i = star+1, resume
		default:
			return false
		}
	}
	for at < len(pieces) && pieces[at].star {
		at++
	}
	return at == len(pieces)
}

package asl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// filter is the condition of [?(…)].
type filter struct {
	op          string // "&&", "||", "!", "exists", or a comparison
	left, right *filter
	a, b        operand
}

type operand struct {
	path    *path // from @ or from $
	current bool
	literal any
	pattern *regexp.Regexp
}

func (o operand) value(root, current any) any {
	if o.path == nil {
		return o.literal
	}
	if !o.current {
		current = root
	}
	v, err := o.path.read(current)
	if err != nil {
		return undefined{}
	}
	return v
}

func (f *filter) matches(root, current any) bool {
	switch f.op {
	case "&&":
		return f.left.matches(root, current) && f.right.matches(root, current)
	case "||":
		return f.left.matches(root, current) || f.right.matches(root, current)
	case "!":
		return !f.left.matches(root, current)
	}
	a := f.a.value(root, current)
	if _, missing := a.(undefined); f.op == "exists" || missing {
		return !missing && f.op == "exists" || missing && f.op == "!="
	}
	b := f.b.value(root, current)
	switch f.op {
	case "==":
		return equal(a, b)
	case "!=":
		return !equal(a, b)
	case "=~":
		s, ok := a.(string)
		return ok && f.b.pattern.MatchString(s)
	case "in", "nin":
		list, _ := b.([]any)
		has := slices.ContainsFunc(list, func(e any) bool { return equal(e, a) })
		return has == (f.op == "in")
	}
	order, ok := compare(a, b)
	if !ok {
		return false
	}
	switch f.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// maxFilterDepth bounds the nesting of parentheses in a filter.
const maxFilterDepth = 64

func (s *pathScanner) filter() (*filter, error) {
	if !s.accept("(") {
		return nil, errors.New("a filter is written [?(…)]")
	}
	f, err := s.either(0)
	if err != nil {
		return nil, err
	}
	s.blanks()
	if !s.accept(")") {
		return nil, errors.New("the filter does not close")
	}
	return f, nil
}

func (s *pathScanner) either(depth int) (*filter, error) {
	return s.chain("||", depth, func() (*filter, error) {
		return s.chain("&&", depth, func() (*filter, error) { return s.comparison(depth) })
	})
}

func (s *pathScanner) chain(op string, depth int, next func() (*filter, error)) (*filter, error) {
	if depth > maxFilterDepth {
		return nil, errors.New("the filter is nested too deeply")
	}
	left, err := next()
	for err == nil {
		s.blanks()
		if !s.accept(op) {
			return left, nil
		}
		var right *filter
		right, err = next()
		left = &filter{op: op, left: left, right: right}
	}
	return nil, err
}

func (s *pathScanner) comparison(depth int) (*filter, error) {
	s.blanks()
	switch {
	case s.accept("!"):
		if depth > maxFilterDepth {
			return nil, errors.New("the filter is nested too deeply")
		}
		f, err := s.comparison(depth + 1)
		return &filter{op: "!", left: f}, err
	case s.accept("("):
		f, err := s.either(depth + 1)
		if err != nil {
			return nil, err
		}
		s.blanks()
		if !s.accept(")") {
			return nil, errors.New("a parenthesis of the filter does not close")
		}
		return f, nil
	}
	a, err := s.operand()
	if err != nil {
		return nil, err
	}
	s.blanks()
	for _, op := range []string{"==", "!=", "<=", ">=", "=~", "<", ">", "in ", "nin "} {
		if !s.accept(op) {
			continue
		}
		f := &filter{op: strings.TrimSpace(op), a: a}
		s.blanks()
		if f.op == "=~" {
			f.b.pattern, err = s.pattern()
		} else {
			f.b, err = s.operand()
		}
		return f, err
	}
	return &filter{op: "exists", a: a}, nil
}

func (s *pathScanner) pattern() (*regexp.Regexp, error) {
	if !s.accept("/") {
		return nil, errors.New("a pattern is written /…/")
	}
	end := strings.IndexByte(s.text[s.at:], '/')
	if end < 0 {
		return nil, errors.New("the pattern does not close")
	}
	source := s.text[s.at : s.at+end]
	s.at += end + 1
	if s.accept("i") {
		source = "(?i)" + source
	}
	return regexp.Compile("^(?:" + source + ")$")
}

func (s *pathScanner) operand() (operand, error) {
	s.blanks()
	if s.done() {
		return operand{}, errors.New("the filter ends too early")
	}
	switch c := s.text[s.at]; c {
	case '@', '$':
		start := s.at
		s.at++
		p := &path{definite: true}
		for !s.done() && (s.text[s.at] == '.' || s.text[s.at] == '[') {
			st, err := s.filterStep()
			if err != nil {
				return operand{}, err
			}
			p.steps = append(p.steps, st)
			if st.kind != stepName && st.kind != stepIndex && st.kind != stepCall {
				p.definite = false
			}
		}
		p.source = s.text[start:s.at]
		return operand{path: p, current: c == '@'}, nil
	case '\'', '"':
		text, err := s.quoted()
		return operand{literal: text}, err
	case '[':
		end := strings.IndexByte(s.text[s.at:], ']')
		if end < 0 {
			return operand{}, errors.New("a list in the filter does not close")
		}
		list, err := decode([]byte(strings.ReplaceAll(s.text[s.at:s.at+end+1], "'", `"`)))
		s.at += end + 1
		return operand{literal: list}, err
	}
	start := s.at
	for !s.done() && !strings.ContainsRune(" \t)&|=<>!,]", rune(s.text[s.at])) {
		s.at++
	}
	v, err := decode([]byte(s.text[start:s.at]))
	if err != nil {
		return operand{}, fmt.Errorf("%q in the filter is no value", s.text[start:s.at])
	}
	return operand{literal: v}, nil
}

// filterStep reads one step inside a filter, where blanks and operators end a name.
func (s *pathScanner) filterStep() (step, error) {
	if s.text[s.at] == '[' || strings.HasPrefix(s.text[s.at:], ".[") || strings.HasPrefix(s.text[s.at:], ".*") || strings.HasPrefix(s.text[s.at:], "..") {
		return s.step()
	}
	s.at++
	start := s.at
	for !s.done() && !strings.ContainsRune(" \t)&|=<>!,].[(", rune(s.text[s.at])) {
		s.at++
	}
	name := s.text[start:s.at]
	if name == "" {
		return step{}, errors.New("a name is missing in the filter")
	}
	if s.accept("()") {
		if _, ok := pathFunctions[name]; !ok {
			return step{}, fmt.Errorf("the function %s() is not implemented", name)
		}
		return step{kind: stepCall, name: name}, nil
	}
	return step{kind: stepName, name: name}, nil
}

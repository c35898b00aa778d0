package asl

import (
	"encoding/json"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quick evaluates an expression without the JSONata engine, which takes microseconds where a machine's own work takes
// nanoseconds. It covers what most expressions of a state machine are: literals, paths of names, comparisons of a path
// with a literal, "and" and "or" of those, objects, lists, and $merge of a list. What it cannot decide in exactly JSONata's
// way it leaves to the engine; FuzzExpression holds that both agree.
type quick interface {
	// run gives the value, which may be undefined, or false where the engine must decide.
	run(ev *evaluation) (any, bool)
}

type quickLiteral struct{ value any }

type quickPath struct {
	variable string
	names    []string
}

type quickComparison struct {
	path    *quickPath
	op      string
	literal any
}

type quickJoint struct {
	parts []quick
	any   bool // or
}

type quickObject struct {
	keys   []string
	values []quick
}

type quickList struct{ parts []quick }

type quickMerge struct{ parts []quick }

func (q quickLiteral) run(*evaluation) (any, bool) { return q.value, true }

func (q *quickPath) run(ev *evaluation) (any, bool) {
	var v any
	var ok bool
	names := q.names
	if q.variable == "states" {
		if len(names) == 0 {
			return nil, false
		}
		v, ok = ev.states(names[0])
		names = names[1:]
	} else {
		v, ok = ev.variables.lookup(q.variable)
	}
	if !ok {
		return nil, false
	}
	for _, name := range names {
		o, isObject := v.(*object)
		if !isObject {
			return nil, false // an array maps over its elements
		}
		if v, ok = o.get(name); !ok {
			return undefined{}, true
		}
	}
	return v, true
}

func (q *quickComparison) run(ev *evaluation) (any, bool) {
	v, ok := q.path.run(ev)
	if !ok {
		return nil, false
	}
	if q.op == "=" || q.op == "!=" {
		switch v.(type) {
		case undefined, []any, *object:
			return nil, false
		}
		return equal(v, q.literal) == (q.op == "="), true
	}
	order, ok := compare(v, q.literal)
	if !ok {
		return nil, false
	}
	switch q.op {
	case "<":
		return order < 0, true
	case "<=":
		return order <= 0, true
	case ">":
		return order > 0, true
	}
	return order >= 0, true
}

func (q *quickJoint) run(ev *evaluation) (any, bool) {
	holds := !q.any
	for _, p := range q.parts {
		v, ok := p.run(ev)
		if !ok {
			return nil, false
		}
		if v == q.any {
			holds = q.any
		}
	}
	return holds, true
}

func (q *quickObject) run(ev *evaluation) (any, bool) {
	out := newObject(len(q.keys))
	for i, p := range q.values {
		v, ok := p.run(ev)
		if _, missing := v.(undefined); !ok || missing {
			return nil, false
		}
		out.set(q.keys[i], v)
	}
	return out, true
}

func (q *quickList) run(ev *evaluation) (any, bool) {
	out := make([]any, len(q.parts))
	for i, p := range q.parts {
		v, ok := p.run(ev)
		switch v.(type) {
		case undefined, []any: // left out, and taken apart
			return nil, false
		}
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

func (q *quickMerge) run(ev *evaluation) (any, bool) {
	out := newObject(8)
	for _, p := range q.parts {
		v, ok := p.run(ev)
		o, isObject := v.(*object)
		if !ok || !isObject {
			return nil, false
		}
		for _, m := range o.members {
			out.set(m.key, m.value)
		}
	}
	return out, true
}

// quickForm reads an expression; nil when it is not simple enough.
func quickForm(source string) quick {
	p := quickParser{rest: source}
	q := p.expression()
	p.blanks()
	if p.rest != "" {
		return nil
	}
	return q
}

type quickParser struct {
	rest  string
	depth int
}

func (p *quickParser) blanks() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *quickParser) accept(token string) bool {
	p.blanks()
	after, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = after
	}
	return ok
}

// keyword accepts a word that stands alone.
func (p *quickParser) keyword(name string) bool {
	p.blanks()
	if word(p.rest) != name {
		return false
	}
	p.rest = p.rest[len(name):]
	return true
}

func (p *quickParser) expression() quick {
	if p.depth++; p.depth > maxFilterDepth {
		return nil
	}
	defer func() { p.depth-- }()
	left := p.comparison()
	for _, joint := range []string{"and", "or"} {
		if _, ok := left.(*quickComparison); !ok || !p.keyword(joint) {
			continue
		}
		q := &quickJoint{parts: []quick{left}, any: joint == "or"}
		for {
			part, ok := p.comparison().(*quickComparison)
			if !ok {
				return nil
			}
			q.parts = append(q.parts, part)
			if !p.keyword(joint) {
				return q
			}
		}
	}
	return left
}

func (p *quickParser) comparison() quick {
	left := p.operand()
	path, ok := left.(*quickPath)
	if !ok {
		return left
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if !p.accept(op) {
			continue
		}
		literal, ok := p.literal()
		if !ok {
			return nil
		}
		return &quickComparison{path: path, op: op, literal: literal}
	}
	return left
}

func (p *quickParser) operand() quick {
	p.blanks()
	switch {
	case strings.HasPrefix(p.rest, "{"):
		return p.object()
	case p.accept("["):
		if parts := p.list(); parts != nil {
			return &quickList{parts}
		}
		return nil
	case p.accept("$merge("):
		return p.merge()
	case strings.HasPrefix(p.rest, "$"):
		return p.path()
	}
	if v, ok := p.literal(); ok {
		return quickLiteral{v}
	}
	return nil
}

func (p *quickParser) object() quick {
	p.accept("{")
	q := &quickObject{}
	for !p.accept("}") {
		if len(q.keys) > 0 && !p.accept(",") {
			return nil
		}
		p.blanks()
		key, ok := p.text()
		if !ok || !p.accept(":") {
			return nil
		}
		for _, k := range q.keys {
			if k == key {
				return nil // an error in JSONata
			}
		}
		value := p.expression()
		if value == nil {
			return nil
		}
		q.keys, q.values = append(q.keys, key), append(q.values, value)
	}
	return q
}

// merge reads the rest of $merge([…]).
func (p *quickParser) merge() quick {
	if !p.accept("[") {
		return nil
	}
	parts := p.list()
	if parts == nil || !p.accept(")") {
		return nil
	}
	return &quickMerge{parts}
}

// list reads the rest of […], which is not empty.
func (p *quickParser) list() []quick {
	var parts []quick
	for {
		part := p.expression()
		if part == nil {
			return nil
		}
		if parts = append(parts, part); p.accept("]") {
			return parts
		}
		if !p.accept(",") {
			return nil
		}
	}
}

// path reads $name.name.name.
func (p *quickParser) path() quick {
	q := &quickPath{}
	rest := p.rest[1:]
	if q.variable = word(rest); q.variable == "" {
		return nil
	}
	for rest = rest[len(q.variable):]; strings.HasPrefix(rest, "."); {
		name := word(rest[1:])
		if first, _ := utf8.DecodeRuneInString(name); name == "" || unicode.IsDigit(first) {
			return nil
		}
		q.names = append(q.names, name)
		rest = rest[1+len(name):]
	}
	p.rest = rest
	p.blanks()
	if p.rest != "" && strings.IndexByte("([{.*^@#~?&%+-/|:", p.rest[0]) >= 0 {
		return nil // more than a path
	}
	return q
}

// literal reads a string without escapes, a number, true, false or null.
func (p *quickParser) literal() (any, bool) {
	p.blanks()
	if s, ok := p.text(); ok {
		return s, true
	}
	for name, v := range map[string]any{"true": true, "false": false, "null": nil} {
		if p.keyword(name) {
			return v, true
		}
	}
	end := 0
	for end < len(p.rest) && strings.IndexByte("0123456789.-+eE", p.rest[end]) >= 0 {
		end++
	}
	v, err := decode([]byte(p.rest[:end]))
	if err != nil {
		return nil, false
	}
	f, ok := number(v.(json.Number))
	p.rest = p.rest[end:]
	return f, ok && !math.IsInf(f, 0)
}

func (p *quickParser) text() (string, bool) {
	if p.rest == "" || p.rest[0] != '\'' && p.rest[0] != '"' {
		return "", false
	}
	end := strings.IndexByte(p.rest[1:], p.rest[0])
	if end < 0 || strings.IndexByte(p.rest[1:1+end], '\\') >= 0 {
		return "", false
	}
	s := p.rest[1 : 1+end]
	p.rest = p.rest[2+end:]
	return s, true
}

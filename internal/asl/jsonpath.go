package asl

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// path is a compiled JSONPath in the dialect of Step Functions, which is Jayway's: `$` is the input, `$$` the context
// object, `$name` a variable.
type path struct {
	source   string
	root     pathRoot
	variable string // with rootVariable
	steps    []step
	definite bool // it gives exactly one value; an indefinite path gives a list, which may be empty
}

type pathRoot uint8

const (
	rootInput pathRoot = iota
	rootContext
	rootVariable
)

type stepKind uint8

const (
	stepName   stepKind = iota // .name or ['name']
	stepNames                  // ['a','b']
	stepIndex                  // [n], [-n]
	stepPick                   // [1,3]
	stepSlice                  // [a:b]
	stepAll                    // .* or [*]
	stepFilter                 // [?(…)]
	stepCall                   // .length() and its kin
	stepDeep                   // ..
)

type step struct {
	kind    stepKind
	name    string   // stepName, stepCall
	names   []string // stepNames
	indexes []int    // stepIndex, stepPick, stepSlice (start, end)
	open    [2]bool  // stepSlice: start or end left out
	filter  *filter
}

// parsePath compiles a JSONPath. The error says what is wrong with it, for the person who wrote the definition.
func parsePath(source string) (*path, error) {
	p := &path{source: source, definite: true}
	s := &pathScanner{text: source}
	if !s.accept("$") {
		return nil, fmt.Errorf("a path starts with $, not %q", source)
	}
	if s.accept("$") {
		p.root = rootContext
	} else if name := s.identifier(); name != "" {
		p.root, p.variable = rootVariable, name
	}
	for !s.done() {
		st, err := s.step()
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", source, err)
		}
		p.steps = append(p.steps, st)
		switch st.kind {
		case stepNames, stepPick, stepSlice, stepAll, stepFilter, stepDeep:
			p.definite = false
		case stepCall:
			p.definite = true // a function folds what it is given into one value
		}
	}
	if n := len(p.steps); n > 0 && p.steps[n-1].kind == stepDeep {
		return nil, fmt.Errorf("path %q: it must not end with a dot", source)
	}
	return p, nil
}

// isReference says whether the path is what the language calls a reference path: names and indexes only.
func (p *path) isReference() bool {
	for _, s := range p.steps {
		if s.kind != stepName && s.kind != stepIndex {
			return false
		}
	}
	return true
}

type pathScanner struct {
	text string
	at   int
}

func (s *pathScanner) done() bool { return s.at >= len(s.text) }

func (s *pathScanner) accept(prefix string) bool {
	if strings.HasPrefix(s.text[s.at:], prefix) {
		s.at += len(prefix)
		return true
	}
	return false
}

func (s *pathScanner) blanks() {
	for !s.done() && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n') {
		s.at++
	}
}

func (s *pathScanner) identifier() string {
	start := s.at
	for i, r := range s.text[start:] {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			s.at = start + i
			return s.text[start:s.at]
		}
	}
	s.at = len(s.text)
	return s.text[start:]
}

func (s *pathScanner) step() (step, error) {
	switch {
	case s.accept(".."):
		if !strings.HasPrefix(s.text[s.at:], "[") {
			s.at-- // leaves the dot of the name that follows
		}
		return step{kind: stepDeep}, nil
	case s.accept("."):
		if s.accept("*") {
			return step{kind: stepAll}, nil
		}
		if strings.HasPrefix(s.text[s.at:], "[") {
			return s.bracket()
		}
		start := s.at
		for !s.done() && !strings.ContainsRune(".[()", rune(s.text[s.at])) {
			s.at++
		}
		name := s.text[start:s.at]
		if name == "" {
			return step{}, fmt.Errorf("a name is missing at character %d", start+1)
		}
		if s.accept("()") {
			if _, ok := pathFunctions[name]; !ok {
				return step{}, fmt.Errorf("the function %s() is not implemented", name)
			}
			return step{kind: stepCall, name: name}, nil
		}
		return step{kind: stepName, name: name}, nil
	case strings.HasPrefix(s.text[s.at:], "["):
		return s.bracket()
	}
	return step{}, fmt.Errorf("unexpected %q", s.text[s.at:])
}

func (s *pathScanner) bracket() (step, error) {
	open := s.at
	s.at++
	s.blanks()
	var st step
	switch {
	case s.accept("*"):
		st.kind = stepAll
	case s.accept("?"):
		s.blanks()
		f, err := s.filter()
		if err != nil {
			return step{}, err
		}
		st = step{kind: stepFilter, filter: f}
	case !s.done() && (s.text[s.at] == '\'' || s.text[s.at] == '"'):
		for {
			name, err := s.quoted()
			if err != nil {
				return step{}, err
			}
			st.names = append(st.names, name)
			s.blanks()
			if !s.accept(",") {
				break
			}
			s.blanks()
		}
		st.kind = stepNames
		if len(st.names) == 1 {
			st = step{kind: stepName, name: st.names[0]}
		}
	default:
		end := strings.IndexByte(s.text[s.at:], ']')
		if end < 0 {
			return step{}, fmt.Errorf("the bracket at character %d does not close", open+1)
		}
		body := s.text[s.at : s.at+end]
		s.at += end
		var err error
		if st, err = indexStep(body); err != nil {
			return step{}, err
		}
	}
	s.blanks()
	if !s.accept("]") {
		return step{}, fmt.Errorf("the bracket at character %d does not close", open+1)
	}
	return st, nil
}

func indexStep(body string) (step, error) {
	number := func(text string) (int, error) {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return 0, fmt.Errorf("[%s] is neither an index nor a quoted name", body)
		}
		return n, nil
	}
	if from, to, ok := strings.Cut(body, ":"); ok {
		st := step{kind: stepSlice, indexes: make([]int, 2)}
		for i, part := range []string{from, to} {
			if strings.TrimSpace(part) == "" {
				st.open[i] = true
				continue
			}
			n, err := number(part)
			if err != nil {
				return step{}, err
			}
			st.indexes[i] = n
		}
		return st, nil
	}
	st := step{kind: stepIndex}
	for part := range strings.SplitSeq(body, ",") {
		n, err := number(part)
		if err != nil {
			return step{}, err
		}
		st.indexes = append(st.indexes, n)
	}
	if len(st.indexes) > 1 {
		st.kind = stepPick
	}
	return st, nil
}

func (s *pathScanner) quoted() (string, error) {
	quote := s.text[s.at]
	var out []byte
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == quote:
			s.at = i + 1
			return string(out), nil
		case c == '\\' && i+1 < len(s.text):
			i++
			out = append(out, s.text[i])
		default:
			out = append(out, c)
		}
	}
	return "", fmt.Errorf("the quote at character %d does not close", s.at+1)
}

// read follows the path from the root value.
func (p *path) read(root any) (any, error) {
	if p.definite && len(p.steps) == 0 {
		return root, nil
	}
	w := walker{root: root, left: maxVisits}
	found, err := w.walk(root, p.steps, "$", !p.definite)
	if err != nil {
		return nil, err
	}
	if p.definite {
		if len(found) == 0 {
			return nil, complaint("No results for path: " + p.normal())
		}
		return found[0], nil
	}
	if found == nil {
		found = []any{}
	}
	return found, nil
}

// normal writes the path in the bracket notation of Jayway's messages.
func (p *path) normal() string {
	var out strings.Builder
	out.WriteString("$")
	for _, s := range p.steps {
		out.WriteString(s.normal())
	}
	return out.String()
}

func (s step) normal() string {
	switch s.kind {
	case stepName:
		return "['" + s.name + "']"
	case stepNames:
		return "['" + strings.Join(s.names, "','") + "']"
	case stepIndex, stepPick:
		texts := make([]string, len(s.indexes))
		for i, n := range s.indexes {
			texts[i] = strconv.Itoa(n)
		}
		return "[" + strings.Join(texts, ",") + "]"
	case stepSlice:
		bound := func(i int) string {
			if s.open[i] {
				return ""
			}
			return strconv.Itoa(s.indexes[i])
		}
		return "[" + bound(0) + ":" + bound(1) + "]"
	case stepAll:
		return "[*]"
	case stepFilter:
		return "[?]"
	case stepCall:
		return "." + s.name + "()"
	}
	return ".."
}

// maxVisits bounds how many nodes a path may visit: several deep scans in one path multiply.
const maxVisits = 1 << 20

// walker is one reading of a path.
type walker struct {
	root any
	left int // visits
}

// walk follows steps from v and gives everything they lead to. In a lenient walk, which an indefinite path is, what
// is missing is skipped; otherwise it is an error.
func (w *walker) walk(v any, steps []step, at string, lenient bool) ([]any, error) {
	if w.left--; w.left < 0 {
		return nil, complaint(fmt.Sprintf("the path visits more than %d nodes", maxVisits))
	}
	for i := range steps {
		s := &steps[i]
		last := i == len(steps)-1
		switch s.kind {
		case stepName:
			next, err := property(v, s.name, at, last)
			if err != nil {
				if lenient {
					return nil, nil
				}
				return nil, err
			}
			v = next
		case stepIndex:
			list, ok := v.([]any)
			n := s.indexes[0]
			if n < 0 {
				n += len(list)
			}
			switch {
			case ok && n >= 0 && n < len(list):
				v = list[n]
			case lenient:
				return nil, nil
			case ok:
				return nil, complaint(fmt.Sprintf("No results for path: %s[%d]", at, s.indexes[0]))
			default:
				return nil, complaint(fmt.Sprintf("Filter: [%d] can only be applied to arrays. Current context is: %s", s.indexes[0], javaString(v)))
			}
		case stepCall:
			folded, err := pathFunctions[s.name](v)
			return []any{folded}, err
		default:
			return w.fanOut(v, *s, steps[i+1:], at)
		}
		at += s.normal()
	}
	return []any{v}, nil
}

func property(v any, name, at string, last bool) (any, error) {
	o, ok := v.(*object)
	if !ok {
		return nil, complaint(fmt.Sprintf("Expected to find an object with property ['%s'] in path %s but found '%s'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.", name, at, javaType(v)))
	}
	next, ok := o.get(name)
	if !ok {
		if last {
			return nil, complaint(fmt.Sprintf("No results for path: %s['%s']", at, name))
		}
		return nil, complaint(fmt.Sprintf("Missing property in path %s['%s']", at, name))
	}
	return next, nil
}

func (w *walker) fanOut(v any, s step, rest []step, at string) ([]any, error) {
	// A function at the end folds everything that the steps before it found.
	if n := len(rest); n > 0 && rest[n-1].kind == stepCall {
		all, err := w.fanOut(v, s, rest[:n-1], at)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = []any{}
		}
		folded, err := pathFunctions[rest[n-1].name](all)
		return []any{folded}, err
	}
	var found []any
	for _, next := range branchesOf(w.root, v, s) {
		more, err := w.walk(next, rest, at, true)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// branchesOf gives the values that one step that may fan out leads to.
func branchesOf(root, v any, s step) []any {
	var out []any
	switch s.kind {
	case stepNames:
		o, ok := v.(*object)
		if !ok {
			return nil
		}
		picked := newObject(len(s.names))
		for _, name := range s.names {
			if member, ok := o.get(name); ok {
				picked.set(name, member)
			}
		}
		return []any{picked} // Jayway merges several names into one object
	case stepPick:
		list, _ := v.([]any)
		for _, n := range s.indexes {
			if n < 0 {
				n += len(list)
			}
			if n >= 0 && n < len(list) {
				out = append(out, list[n])
			}
		}
	case stepSlice:
		list, _ := v.([]any)
		from, to := 0, len(list)
		bound := func(i, otherwise int) int {
			if s.open[i] {
				return otherwise
			}
			n := s.indexes[i]
			if n < 0 {
				n += len(list)
			}
			return min(max(n, 0), len(list))
		}
		from, to = bound(0, from), bound(1, to)
		if from < to {
			return list[from:to]
		}
	case stepAll:
		return childrenOf(v)
	case stepFilter:
		for _, child := range elementsOf(v) {
			if s.filter.matches(root, child) {
				out = append(out, child)
			}
		}
	case stepDeep:
		return descend(nil, v)
	}
	return out
}

func childrenOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case *object:
		out := make([]any, len(v.members))
		for i, m := range v.members {
			out[i] = m.value
		}
		return out
	}
	return nil
}

// elementsOf is what a filter looks at: the elements of an array, or an object itself.
func elementsOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case *object:
		return []any{v}
	}
	return nil
}

func descend(out []any, v any) []any {
	out = append(out, v)
	for _, c := range childrenOf(v) {
		switch c.(type) {
		case []any, *object:
			out = descend(out, c)
		}
	}
	return out
}

// pathFunctions are Jayway's functions at the end of a path.
var pathFunctions = map[string]func(any) (any, error){
	"length": func(v any) (any, error) {
		switch v := v.(type) {
		case []any:
			return float64(len(v)), nil
		case *object:
			return float64(len(v.members)), nil
		case string:
			return float64(len([]rune(v))), nil
		}
		return nil, nil
	},
	"keys": func(v any) (any, error) {
		o, ok := v.(*object)
		if !ok {
			return nil, nil
		}
		keys := make([]any, len(o.members))
		for i, m := range o.members {
			keys[i] = m.key
		}
		return keys, nil
	},
	"min": folding(math.Min, false),
	"max": folding(math.Max, false),
	"sum": folding(func(a, b float64) float64 { return a + b }, false),
	"avg": folding(func(a, b float64) float64 { return a + b }, true),
}

func folding(fold func(a, b float64) float64, mean bool) func(any) (any, error) {
	return func(v any) (any, error) {
		list, _ := v.([]any)
		var total float64
		var count int
		for _, e := range list {
			f, ok := number(e)
			if !ok {
				continue
			}
			if count++; count == 1 {
				total = f
			} else {
				total = fold(total, f)
			}
		}
		if count == 0 {
			return nil, complaint("Aggregation function attempted to calculate value using empty array")
		}
		if mean {
			total /= float64(count)
		}
		return total, nil
	}
}

// replace gives a copy of root in which the node that a reference path names is value, creating objects on the way.
func (p *path) replace(root, value any) (any, error) { return replaceAt(root, p.steps, value) }

func replaceAt(v any, steps []step, value any) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	switch s := steps[0]; s.kind {
	case stepName:
		o, ok := v.(*object)
		if !ok {
			return nil, fmt.Errorf("a %s has no field %q", kindOf(v), s.name)
		}
		child, ok := o.get(s.name)
		if !ok && len(steps) > 1 {
			child = newObject(1)
		}
		changed, err := replaceAt(child, steps[1:], value)
		if err != nil {
			return nil, err
		}
		return o.with(s.name, changed), nil
	case stepIndex:
		list, ok := v.([]any)
		n := s.indexes[0]
		if n < 0 {
			n += len(list)
		}
		if !ok || n < 0 || n >= len(list) {
			return nil, fmt.Errorf("a %s has no element %d", kindOf(v), s.indexes[0])
		}
		changed, err := replaceAt(list[n], steps[1:], value)
		if err != nil {
			return nil, err
		}
		out := slices.Clone(list)
		out[n] = changed
		return out, nil
	}
	return nil, errors.New("not a reference path")
}

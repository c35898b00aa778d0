package asl

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseError says what in a definition is wrong or not implemented, and where.
type ParseError struct {
	State   string // empty for the machine itself
	Field   string // empty where no single field is to blame
	Message string
}

func (e *ParseError) Error() string {
	where := "definition"
	if e.State != "" {
		where = fmt.Sprintf("state %q", e.State)
	}
	if e.Field != "" {
		where += ", field " + e.Field
	}
	return where + ": " + e.Message
}

// Limits of the service.
const (
	maxDefinition  = 1 << 20
	maxName        = 80
	maxTimeout     = 99_999_999
	maxRetryDelay  = 31_622_400
	maxBranchDepth = 100
)

// Parse compiles a definition. Whatever is invalid or not implemented is a *ParseError that names state and field:
// a machine that parses runs as written.
func Parse(definition []byte) (*Machine, error) {
	if len(definition) > maxDefinition {
		return nil, &ParseError{Message: "it is larger than 1 MiB"}
	}
	v, err := decode(definition)
	if err != nil {
		return nil, &ParseError{Message: err.Error()}
	}
	top, ok := v.(*object)
	if !ok {
		return nil, &ParseError{Message: "it must be a JSON object, not a " + kindOf(v)}
	}
	l := &loader{machine: &Machine{}, names: map[string]bool{}}
	m := l.machine
	for _, f := range top.members {
		switch f.key {
		case "Comment", "Version", "QueryLanguage", "StartAt", "States", "TimeoutSeconds":
		default:
			return nil, &ParseError{Field: f.key, Message: "it is not a field of a state machine"}
		}
	}
	if version, ok := top.get("Version"); ok && version != "1.0" {
		return nil, &ParseError{Field: "Version", Message: "the only version is 1.0"}
	}
	if m.jsonata, err = queryLanguage(top, false); err != nil {
		return nil, &ParseError{Field: "QueryLanguage", Message: err.Error()}
	}
	if v, ok := top.get("TimeoutSeconds"); ok {
		n, ok := integer(v)
		if !ok || n < 1 || n > maxTimeout {
			return nil, &ParseError{Field: "TimeoutSeconds", Message: fmt.Sprintf("it must be between 1 and %d", maxTimeout)}
		}
		m.timeout = n
	}
	m.graph, err = l.graph(top, m.jsonata, "", 0, nil)
	return m, err
}

func queryLanguage(o *object, inherited bool) (jsonata bool, err error) {
	v, ok := o.get("QueryLanguage")
	switch {
	case !ok:
		return inherited, nil
	case v == "JSONata":
		return true, nil
	case v == "JSONPath" && inherited:
		return false, errors.New("JSONPath is not allowed inside a JSONata machine")
	case v == "JSONPath":
		return false, nil
	}
	return false, errors.New("it must be JSONPath or JSONata")
}

// loader compiles one definition.
type loader struct {
	machine *Machine
	names   map[string]bool
}

// graph compiles an object with StartAt and States. owner is the state that it belongs to, outer the variables that
// it must not assign.
func (l *loader) graph(o *object, jsonata bool, owner string, depth int, outer map[string]bool) (*graph, error) {
	fail := func(field, format string, args ...any) error {
		return &ParseError{State: owner, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	if depth > maxBranchDepth {
		return nil, fail("", "Parallel and Map are nested too deeply")
	}
	states, ok := typed[*object](o, "States")
	if !ok || len(states.members) == 0 {
		return nil, fail("States", "it must be an object with at least one state")
	}
	g := &graph{states: make(map[string]*state, len(states.members))}
	sources := make([]*object, len(states.members))
	for i, m := range states.members {
		source, ok := m.value.(*object)
		switch {
		case !ok:
			return nil, &ParseError{State: m.key, Message: "a state is a JSON object, not a " + kindOf(m.value)}
		case m.key == "" || utf8.RuneCountInString(m.key) > maxName:
			return nil, &ParseError{State: m.key, Message: fmt.Sprintf("the name must have 1 to %d characters", maxName)}
		case l.names[m.key]:
			return nil, &ParseError{State: m.key, Message: "the name is used twice in the machine"}
		}
		l.names[m.key] = true
		s := &state{index: len(l.machine.states), name: m.key}
		l.machine.states = append(l.machine.states, s)
		g.states[m.key] = s
		sources[i] = source
	}
	assigned := map[string]bool{}
	for name := range outer {
		assigned[name] = true
	}
	for _, source := range sources {
		for _, name := range assignedBy(source) {
			if outer[name] {
				return nil, fail("Assign", "the variable %s belongs to the outer scope", name)
			}
			assigned[name] = true
		}
	}
	for i, m := range states.members {
		// What the state itself assigns exists only once its branches are done.
		visible := maps.Clone(assigned)
		for _, name := range assignedBy(sources[i]) {
			delete(visible, name)
		}
		c := &stateLoader{loader: l, graph: g, source: sources[i], state: g.states[m.key], depth: depth, assigned: visible}
		if err := c.load(jsonata); err != nil {
			return nil, err
		}
	}
	start, ok := typed[string](o, "StartAt")
	if !ok {
		return nil, fail("StartAt", "it must name a state")
	}
	if g.start, ok = g.states[start]; !ok {
		return nil, fail("StartAt", "there is no state %q", start)
	}
	return g, l.reachable(g, states)
}

// reachable holds that every state can be reached, as CreateStateMachine does.
func (l *loader) reachable(g *graph, states *object) error {
	seen := map[*state]bool{}
	todo := []*state{g.start}
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s == nil || seen[s] {
			continue
		}
		seen[s] = true
		todo = append(todo, s.next, s.fallback)
		for _, c := range s.choices {
			todo = append(todo, c.next)
		}
		for _, c := range s.catch {
			todo = append(todo, c.next)
		}
	}
	for _, m := range states.members {
		if !seen[g.states[m.key]] {
			return &ParseError{State: m.key, Message: "it cannot be reached from StartAt"}
		}
	}
	return nil
}

// assignedBy lists the variables that a state assigns, its catchers and choices included.
func assignedBy(source *object) []string {
	var names []string
	add := func(o *object) {
		if a, ok := typed[*object](o, "Assign"); ok {
			for _, m := range a.members {
				names = append(names, strings.TrimSuffix(m.key, ".$"))
			}
		}
	}
	add(source)
	for _, key := range []string{"Catch", "Choices"} {
		list, _ := typed[[]any](source, key)
		for _, e := range list {
			if o, ok := e.(*object); ok {
				add(o)
			}
		}
	}
	return names
}

// typed reads a member of the given type.
func typed[T any](o *object, name string) (T, bool) {
	v, _ := o.get(name)
	t, ok := v.(T)
	return t, ok
}

// stateLoader compiles one state.
type stateLoader struct {
	*loader
	graph    *graph
	source   *object
	state    *state
	depth    int
	assigned map[string]bool
}

func (l *stateLoader) fail(field, format string, args ...any) error {
	return &ParseError{State: l.state.name, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (l *stateLoader) has(field string) bool { _, ok := l.source.get(field); return ok }

func (l *stateLoader) load(jsonata bool) error {
	s := l.state
	name, _ := typed[string](l.source, "Type")
	i := slices.IndexFunc(stateTypes, func(t struct {
		name string
		is   stateType
	},
	) bool {
		return t.name == name
	})
	if i < 0 {
		return l.fail("Type", "it must be one of %s", anyState)
	}
	s.is = stateTypes[i].is
	s.entered, s.exited = EventType(name+"StateEntered"), EventType(name+"StateExited")
	var err error
	if s.jsonata, err = queryLanguage(l.source, jsonata); err != nil {
		return l.fail("QueryLanguage", "%s", err)
	}
	for _, m := range l.source.members {
		if err := l.allowed(m.key); err != nil {
			return err
		}
	}
	for _, part := range []func() error{l.flow, l.data, l.retriers, l.catchers, l.body} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// allowed refuses what the table does not have.
func (l *stateLoader) allowed(name string) error {
	f, ok := fieldOf(name, l.state.is)
	if !ok {
		return l.fail(name, "it is not a field of a %s state", l.state.is)
	}
	return l.implemented(f)
}

// implemented refuses a field of the other query language, and one that is missing.
func (l *stateLoader) implemented(f field) error {
	name := f.name
	switch {
	case f.in == inJSONPath && l.state.jsonata, f.in == inJSONata && !l.state.jsonata:
		return l.fail(name, "it is a field of %s states only", f.in)
	case f.missing != "":
		return l.fail(name, "it is not implemented: %s", f.missing)
	}
	return nil
}

func (l *stateLoader) flow() error {
	if l.state.is&flowState == 0 {
		return nil
	}
	end, hasEnd := l.source.get("End")
	if _, ok := end.(bool); hasEnd && !ok {
		return l.fail("End", "it must be true or false")
	}
	hasNext := l.has("Next")
	switch {
	case hasNext && end == true:
		return l.fail("Next", "a state with End has no Next")
	case !hasNext && end != true:
		return l.fail("Next", "a state needs Next or End")
	case !hasNext:
		return nil
	}
	var err error
	l.state.next, err = l.target(l.source, "Next")
	return err
}

// target finds the state that a field of o names.
func (l *stateLoader) target(o *object, field string) (*state, error) {
	name, ok := typed[string](o, field)
	if !ok {
		return nil, l.fail(field, "it must name a state")
	}
	s, ok := l.graph.states[name]
	if !ok {
		return nil, l.fail(field, "there is no state %q here", name)
	}
	return s, nil
}

// data compiles what every state may say about its input and output.
func (l *stateLoader) data() error {
	s := l.state
	var err error
	for _, p := range []struct {
		field string
		to    **path
		none  *bool
	}{{"InputPath", &s.inputPath, &s.inputNone}, {"OutputPath", &s.outputPath, &s.outputNone}} {
		if *p.to, *p.none, err = l.optionalPath(l.source, p.field); err != nil {
			return err
		}
	}
	if s.resultPath, s.resultNone, err = l.resultPath(l.source); err != nil {
		return err
	}
	if v, ok := l.source.get("Result"); ok {
		s.result = &template{constant: v, isConstant: true}
	}
	for _, t := range []struct {
		field string
		to    **template
		sees  []string
	}{
		{"Parameters", &s.parameters, nil},
		{"ResultSelector", &s.resultSelector, nil},
		{"Arguments", &s.arguments, []string{"input", "context"}},
		{"Output", &s.output, l.afterwards()},
	} {
		if *t.to, err = l.template(l.source, t.field, t.sees); err != nil {
			return err
		}
	}
	s.assign, err = l.assignment(l.source, l.afterwards())
	return err
}

// afterwards is what Output and Assign see: the result too, where the state has one.
func (l *stateLoader) afterwards() []string {
	if l.state.is&workState != 0 {
		return []string{"input", "context", "result"}
	}
	return []string{"input", "context"}
}

// optionalPath reads InputPath or OutputPath: nil is "$", none is null.
func (l *stateLoader) optionalPath(o *object, field string) (p *path, none bool, err error) {
	v, ok := o.get(field)
	if !ok {
		return nil, false, nil
	}
	if v == nil {
		return nil, true, nil
	}
	p, err = l.path(o, field)
	if p != nil && p.root == rootInput && len(p.steps) == 0 {
		p = nil
	}
	return p, false, err
}

func (l *stateLoader) resultPath(o *object) (*path, bool, error) {
	p, none, err := l.optionalPath(o, "ResultPath")
	if p != nil && (p.root != rootInput || !p.isReference()) {
		return nil, false, l.fail("ResultPath", "it must be a reference path into the input, not %q", p.source)
	}
	return p, none, err
}

func (l *stateLoader) path(o *object, field string) (*path, error) {
	source, ok := typed[string](o, field)
	if !ok {
		return nil, l.fail(field, "it must be a path")
	}
	p, err := parsePath(source)
	if err != nil {
		return nil, l.fail(field, "%s", err)
	}
	return p, nil
}

// template compiles a payload template; sees lists the members of $states that its expressions may read.
func (l *stateLoader) template(o *object, field string, sees []string) (*template, error) {
	v, ok := o.get(field)
	if !ok {
		return nil, nil
	}
	t, err := compileTemplate(v, l.state.jsonata, field)
	if err != nil {
		return nil, l.fail(field, "%s", err)
	}
	return t, l.visible(t, field, sees)
}

// visible holds that expressions read only the members of $states that exist there, as CreateStateMachine does.
func (l *stateLoader) visible(t *template, field string, sees []string) error {
	var err error
	t.each(func(t *template) {
		for _, member := range t.expression.states {
			if !slices.Contains(sees, member) {
				err = l.fail(field, "$states.%s is not available here, only %s", member, strings.Join(sees, ", "))
			}
		}
	})
	return err
}

func (l *stateLoader) assignment(o *object, sees []string) (*template, error) {
	t, err := l.template(o, "Assign", sees)
	if t == nil || err != nil {
		return nil, err
	}
	v, _ := typed[*object](o, "Assign")
	if v == nil {
		return nil, l.fail("Assign", "it must be an object of variables")
	}
	for _, m := range v.members {
		name := strings.TrimSuffix(m.key, ".$")
		switch {
		case name == "states" || name == "" || word(name) != name || '0' <= name[0] && name[0] <= '9':
			return nil, l.fail("Assign", "%q cannot be the name of a variable", name)
		case utf8.RuneCountInString(name) > maxName:
			return nil, l.fail("Assign", "the name %q has more than %d characters", name, maxName)
		}
	}
	return t, nil
}

// quantity compiles a field that is a number or, in JSONata, an expression; or its Path variant.
func (l *stateLoader) quantity(o *object, field string, low, high float64) (*quantity, error) {
	if v, ok := o.get(field); ok {
		if s, isString := v.(string); isString && l.state.jsonata {
			e, err := compileExpression(s)
			if err != nil {
				return nil, l.fail(field, "%s", err)
			}
			q := &quantity{field: field, expression: e}
			return q, l.visible(&template{expression: e}, field, l.before())
		}
		n, ok := number(v)
		if !ok || n < low || n > high || n != math.Trunc(n) && field != "ToleratedFailurePercentage" && field != "BackoffRate" {
			return nil, l.fail(field, "it must be a number from %g to %.0f", low, high)
		}
		return &quantity{field: field, constant: n}, nil
	}
	if _, ok := o.get(field + "Path"); ok {
		p, err := l.path(o, field+"Path")
		return &quantity{field: field + "Path", path: p}, err
	}
	return nil, nil
}

func (l *stateLoader) errorNames(o *object, where string, last bool) ([]string, error) {
	list, ok := typed[[]any](o, "ErrorEquals")
	if !ok || len(list) == 0 {
		return nil, l.fail(where, "ErrorEquals must be a list of error names")
	}
	names := make([]string, len(list))
	for i, e := range list {
		name, ok := e.(string)
		if !ok || name == "" {
			return nil, l.fail(where, "ErrorEquals must be a list of error names")
		}
		names[i] = name
	}
	if slices.Contains(names, errorAll) && (len(names) > 1 || !last) {
		return nil, l.fail(where, "%s must stand alone and last", errorAll)
	}
	return names, nil
}

// list gives the objects of a list field, each with only the known members.
func (l *stateLoader) list(field string, known ...string) ([]*object, error) {
	v, ok := l.source.get(field)
	if !ok {
		return nil, nil
	}
	items, ok := v.([]any)
	if !ok {
		return nil, l.fail(field, "it must be a list")
	}
	out := make([]*object, len(items))
	for i, e := range items {
		o, ok := e.(*object)
		if !ok {
			return nil, l.fail(field, "item %d must be an object", i)
		}
		for _, m := range o.members {
			if len(known) > 0 && !slices.Contains(known, m.key) {
				return nil, l.fail(fmt.Sprintf("%s[%d]", field, i), "%s is not a field of it", m.key)
			}
		}
		out[i] = o
	}
	return out, nil
}

func (l *stateLoader) retriers() error {
	items, err := l.list("Retry", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment")
	for i, o := range items {
		where := fmt.Sprintf("Retry[%d]", i)
		r := retrier{interval: 1, attempts: 3, backoff: 2}
		if r.errors, err = l.errorNames(o, where, i == len(items)-1); err != nil {
			return err
		}
		for _, n := range []struct {
			field     string
			low, high float64
			set       func(float64)
		}{
			{"IntervalSeconds", 1, maxTimeout, func(v float64) { r.interval = v }},
			{"MaxAttempts", 0, maxTimeout, func(v float64) { r.attempts = int(v) }},
			{"BackoffRate", 1, math.MaxFloat64, func(v float64) { r.backoff = v }},
			{"MaxDelaySeconds", 1, maxRetryDelay, func(v float64) { r.limit = v }},
		} {
			v, ok := o.get(n.field)
			if !ok {
				continue
			}
			f, ok := number(v)
			if !ok || f < n.low || f > n.high || f != math.Trunc(f) && n.field != "BackoffRate" {
				return l.fail(where, "%s must be a number of at least %g", n.field, n.low)
			}
			n.set(f)
		}
		if r.limit > 0 && r.limit <= r.interval {
			return l.fail(where, "MaxDelaySeconds must be larger than IntervalSeconds")
		}
		if v, ok := o.get("JitterStrategy"); ok {
			if v != "FULL" && v != "NONE" {
				return l.fail(where, "JitterStrategy must be FULL or NONE")
			}
			r.full = v == "FULL"
		}
		l.state.retry = append(l.state.retry, r)
	}
	return err
}

func (l *stateLoader) catchers() error {
	known := []string{"ErrorEquals", "Next", "Assign", "Comment"}
	if l.state.jsonata {
		known = append(known, "Output")
	} else {
		known = append(known, "ResultPath")
	}
	items, err := l.list("Catch", known...)
	for i, o := range items {
		where := fmt.Sprintf("Catch[%d]", i)
		var c catcher
		if c.errors, err = l.errorNames(o, where, i == len(items)-1); err != nil {
			return err
		}
		if c.next, err = l.target(o, "Next"); err != nil {
			return err
		}
		if c.resultPath, c.resultNone, err = l.resultPath(o); err != nil {
			return err
		}
		sees := []string{"input", "context", "errorOutput"}
		if c.output, err = l.template(o, "Output", sees); err != nil {
			return err
		}
		if c.assign, err = l.assignment(o, sees); err != nil {
			return err
		}
		l.state.catch = append(l.state.catch, c)
	}
	return err
}

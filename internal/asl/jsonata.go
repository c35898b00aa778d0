package asl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/recolabs/gnata"
)

// evaluationLimit is how long Step Functions lets one JSONata expression run.
const evaluationLimit = time.Second

// expression is a compiled JSONata expression.
type expression struct {
	source    string
	compiled  *gnata.Expression
	quick     quick    // nil where only the engine can evaluate it
	variables []string // the variables it mentions, without $states
	states    []string // the members of $states it mentions; nil with usesAll
	usesAll   bool     // it mentions $states as a whole
	volatile  bool     // it calls $random, $uuid, $now or $millis
}

// isExpression says whether a string of a JSONata state is an expression; blanks outside the marks make it plain text.
func isExpression(s string) bool {
	return len(s) >= 4 && strings.HasPrefix(s, "{%") && strings.HasSuffix(s, "%}")
}

// compileExpression compiles what stands between {% and %}.
func compileExpression(s string) (*expression, error) {
	if !isExpression(s) {
		return nil, fmt.Errorf("%q is not a JSONata expression: it must start with {%% and end with %%}", s)
	}
	source := strings.TrimSpace(s[2 : len(s)-2])
	if source == "" {
		return nil, errors.New("the JSONata expression is empty")
	}
	if len(source) > maxExpression {
		return nil, fmt.Errorf("the JSONata expression is longer than %d bytes", maxExpression)
	}
	compiled, err := compile(source)
	if err != nil {
		return nil, fmt.Errorf("invalid JSONata: %w", err)
	}
	e := &expression{source: source, compiled: compiled, quick: quickForm(source)}
	for _, m := range mentions(source) {
		switch m.name {
		case "states":
			if m.member == "" {
				e.usesAll = true
			} else if !slices.Contains(e.states, m.member) {
				e.states = append(e.states, m.member)
			}
		case "eval":
			return nil, errors.New("the JSONata function $eval is not supported by Step Functions")
		case "random", "uuid", "now", "millis":
			e.volatile = true
		default:
			if !slices.Contains(e.variables, m.name) {
				e.variables = append(e.variables, m.name)
			}
		}
	}
	return e, nil
}

// maxExpression keeps the recursion of the engine, which is as deep as an expression is nested, within the stack.
const maxExpression = 32 << 10

// compile keeps a panic of the engine's parser from reaching the caller.
func compile(source string) (e *gnata.Expression, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return gnata.Compile(source)
}

type mention struct{ name, member string }

// mentions finds the $names in an expression, and for $states the member that follows. Strings, regular expressions and
// comments are skipped.
func mentions(source string) []mention {
	var out []mention
	var before byte // the last character that is not blank
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '"' || c == '\'' || c == '`', c == '/' && !strings.HasPrefix(source[i:], "/*") && !endsOperand(before):
			for i++; i < len(source) && source[i] != c; i++ {
				if source[i] == '\\' {
					i++
				}
			}
		case strings.HasPrefix(source[i:], "/*"):
			end := strings.Index(source[i:], "*/")
			if end < 0 {
				return out
			}
			i += end + 1
		case c == '$':
			name := word(source[i+1:])
			i += len(name)
			if name == "" {
				continue
			}
			m := mention{name: name}
			if rest := source[i+1:]; name == "states" && strings.HasPrefix(rest, ".") {
				m.member = word(rest[1:])
				i += 1 + len(m.member)
			}
			out = append(out, m)
		}
		if i < len(source) && !strings.ContainsRune(" \t\r\n", rune(source[i])) {
			before = source[i]
		}
	}
	return out
}

// endsOperand says whether a slash after the character divides; otherwise it begins a regular expression.
func endsOperand(c byte) bool {
	return c >= utf8.RuneSelf || c != 0 && !strings.ContainsRune("(,=:[{&|!<>~?+-*/%^;", rune(c))
}

func word(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return s[:i]
		}
	}
	return s
}

// complaint is an error in Step Functions' words, which are part of a longer sentence.
type complaint string

func (c complaint) Error() string { return string(c) }

const (
	errUndefined   complaint = "returned nothing (undefined)."
	errUnsupported complaint = "returned an unsupported result type." // a function
)

// evaluate runs the expression. A returned error reads on after "The JSONata expression '…' specified for the field '…'".
func (e *expression) evaluate(ev *evaluation) (any, error) {
	if e.quick != nil {
		if v, ok := e.quick.run(ev); ok {
			if _, missing := v.(undefined); missing {
				return nil, errUndefined
			}
			return v, nil
		}
	}
	bound := ev.scratch()
	if e.usesAll || len(e.states) > 0 {
		members := e.states
		if e.usesAll {
			members = allStates
		}
		states := ev.members
		if e.usesAll {
			states = make(map[string]any, len(members)) // it may end up in the result
		}
		for _, m := range members {
			if v, ok := ev.states(m); ok {
				states[m] = toNative(v)
			}
		}
		bound["states"] = states
	}
	for _, name := range e.variables {
		if v, ok := ev.variables.lookup(name); ok {
			bound[name] = toNative(v)
		} else if f, ok := functions()[name]; ok {
			bound[name] = f
		}
	}
	if e.volatile {
		for name, f := range ev.volatile.functions() {
			bound[name] = f
		}
	}
	ev.watch = watch{Context: ev.ctx}
	ctx := &ev.watch
	v, err := e.compiled.EvalWithVars(ctx, nil, bound)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, complaint(fmt.Sprintf("did not finish within %s.", evaluationLimit))
	case err != nil:
		return nil, fmt.Errorf("threw an error during evaluation. %w", err)
	}
	out, err := fromNative(v)
	if err != nil {
		return nil, err
	}
	if _, missing := out.(undefined); missing {
		return nil, errUndefined
	}
	return out, nil
}

// watch is a context that ends after evaluationLimit. The engine asks it at every step; a timer for each evaluation
// would cost as much as most of them, so the clock is read at every thousandth step only.
type watch struct {
	context.Context
	steps    int
	deadline time.Time
	late     bool
}

const watchedSteps = 1000

// Err implements context.Context.
func (w *watch) Err() error {
	if w.steps++; w.steps%watchedSteps == 0 {
		switch now := time.Now(); { //nolint:forbidigo // the engine works in real time, whatever the time of the execution is
		case w.deadline.IsZero():
			w.deadline = now.Add(evaluationLimit)
		case now.After(w.deadline):
			w.late = true
		}
	}
	if w.late {
		return context.DeadlineExceeded
	}
	return w.Context.Err()
}

// allStates are the members that $states can have.
var allStates = []string{"context", "errorOutput", "input", "result"}

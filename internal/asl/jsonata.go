package asl

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/recolabs/gnata"
)

// evaluationLimit is how long Step Functions lets one JSONata expression run.
const evaluationLimit = time.Second

// maxRange bounds the list that $range builds; a longer one has no way into an output of 256 KiB.
const maxRange = 1_000_000

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

// mentions finds the $names in an expression, and for $states the member that follows. Strings and comments are
// skipped; a name in a regular expression may be taken for a variable, which binds one too many and does no harm.
func mentions(source string) []mention {
	var out []mention
	for i := 0; i < len(source); i++ {
		switch c := source[i]; {
		case c == '"' || c == '\'' || c == '`':
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
	}
	return out
}

func word(s string) string {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return s[:i]
		}
	}
	return s
}

// volatile holds what differs from one evaluation to the next; everything else is a function of its arguments.
type volatile struct {
	now    func() time.Time
	random func() float64
	uuid   func() string
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

// native is gnata's ordered object, whose type it keeps to itself.
type native interface {
	Set(key string, value any)
	Get(key string) (any, bool)
	Keys() []string
}

var (
	emptyObject = sync.OnceValue(func() *gnata.Expression {
		e, err := gnata.Compile("{}")
		if err != nil {
			panic(err)
		}
		return e
	})
	nativeNull = sync.OnceValue(func() any {
		v, err := gnata.DecodeJSON(json.RawMessage("null"))
		if err != nil {
			panic(err)
		}
		return v
	})
)

// newNative makes an empty object of gnata's own, the only kind that keeps the order of members there.
func newNative() native {
	v, err := emptyObject().Eval(context.Background(), nil)
	if err != nil {
		panic(err)
	}
	return v.(native)
}

func toNative(v any) any {
	switch v := v.(type) {
	case nil:
		return nativeNull()
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = toNative(e)
		}
		return out
	case *object:
		if n := v.native.Load(); n != nil {
			return n
		}
		out := newNative()
		for _, m := range v.members {
			out.Set(m.key, toNative(m.value))
		}
		v.native.Store(out)
		return out
	}
	return v
}

// errLarge is a result that no state could pass on; it is not worth converting.
const errLarge complaint = "returned a result that is larger than 262144 bytes."

// fromNative takes a value over from the engine.
func fromNative(v any) (any, error) {
	r := nativeReader{left: maxData}
	return r.read(v)
}

// nativeReader converts values, of which each takes at least a byte of the limit.
type nativeReader struct{ left int }

func (r *nativeReader) read(v any) (any, error) {
	if r.left--; r.left < 0 {
		return nil, errLarge
	}
	if gnata.IsNull(v) {
		return nil, nil
	}
	switch v := v.(type) {
	case nil:
		return undefined{}, nil
	case bool, string, json.Number:
		return v, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("threw an error during evaluation. D1001: Number out of range: %g", v)
		}
		return v, nil
	case []any:
		out := make([]any, 0, min(len(v), maxData))
		for _, e := range v {
			c, err := r.read(e)
			if err != nil {
				return nil, err
			}
			if _, missing := c.(undefined); !missing {
				out = append(out, c)
			}
		}
		return out, nil
	case native:
		keys := v.Keys()
		out := newObject(len(keys))
		for _, k := range keys {
			e, _ := v.Get(k)
			if err := r.add(out, k, e); err != nil {
				return nil, err
			}
		}
		if len(out.members) == len(keys) {
			out.native.Store(v)
		}
		return out, nil
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		out := newObject(len(keys))
		for _, k := range keys {
			if err := r.add(out, k, v[k]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	switch plain := gnata.NormalizeValue(v).(type) { // a sequence
	case nil, bool, string, json.Number, float64, []any, map[string]any:
		return r.read(plain)
	}
	return nil, errUnsupported
}

func (r *nativeReader) add(o *object, key string, v any) error {
	c, err := r.read(v)
	if err != nil {
		return err
	}
	if _, missing := c.(undefined); !missing {
		o.set(key, c)
	}
	return nil
}

// wrap turns Go functions into what gnata binds to a variable.
func wrap(functions map[string]gnata.CustomFunc) map[string]any {
	env := gnata.NewCustomEnv(functions)
	out := make(map[string]any, len(functions))
	for name := range functions {
		out[name], _ = env.Lookup(name)
	}
	return out
}

// functions are those that Step Functions adds to JSONata and that depend on their arguments alone.
var functions = sync.OnceValue(func() map[string]any {
	return wrap(map[string]gnata.CustomFunc{
		"partition": func(args []any, _ any) (any, error) {
			list, ok := argument(args, 0).([]any)
			size, okSize := integer(argument(args, 1))
			if argument(args, 0) == nil {
				return nil, nil
			}
			if !ok {
				list = []any{args[0]}
			}
			if !okSize || size <= 0 {
				return nil, errors.New("the second argument of $partition must be a positive integer")
			}
			return chunks(list, int(min(size, math.MaxInt32))), nil
		},
		"range": func(args []any, _ any) (any, error) {
			var bounds [3]float64
			for i := range bounds {
				f, ok := number(argument(args, i))
				if !ok {
					return nil, fmt.Errorf("argument %d of $range must be a number", i+1)
				}
				bounds[i] = f
			}
			list, err := numbers(bounds[0], bounds[1], bounds[2])
			if err == nil && len(list) == 1 {
				return list[0], nil // a sequence of one is its only item; recorded from AWS
			}
			return list, err
		},
		"hash": func(args []any, _ any) (any, error) {
			data, ok := argument(args, 0).(string)
			algorithm, ok2 := argument(args, 1).(string)
			if !ok || !ok2 {
				return nil, errors.New("$hash wants a string and the name of an algorithm")
			}
			return digest(data, algorithm)
		},
		"parse": func(args []any, _ any) (any, error) {
			text, ok := argument(args, 0).(string)
			if !ok {
				return nil, errors.New("$parse wants a string")
			}
			v, err := decode([]byte(text))
			if err != nil {
				return nil, err
			}
			return toNative(v), nil
		},
	})
})

// functions are those whose result the caller of Start decides.
func (v volatile) functions() map[string]any {
	return wrap(map[string]gnata.CustomFunc{
		"uuid":   func([]any, any) (any, error) { return v.uuid(), nil },
		"millis": func([]any, any) (any, error) { return float64(v.now().UnixMilli()), nil },
		"now": func(args []any, _ any) (any, error) {
			if argument(args, 0) == nil {
				return timestamp(v.now()), nil
			}
			e, err := gnata.Compile("$fromMillis($ms, $picture, $zone)")
			if err != nil {
				return nil, err
			}
			bound := map[string]any{"ms": float64(v.now().UnixMilli()), "picture": argument(args, 0)}
			if zone := argument(args, 1); zone != nil {
				bound["zone"] = zone
			}
			return e.EvalWithVars(context.Background(), nil, bound)
		},
		"random": func(args []any, _ any) (any, error) {
			if argument(args, 0) == nil {
				return v.random(), nil
			}
			seed, ok := number(args[0])
			if !ok {
				return nil, errors.New("the seed of $random must be a number")
			}
			return seeded(seed), nil
		},
	})
}

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// seeded gives the same number for the same seed. AWS's own sequence is not public.
func seeded(seed float64) float64 {
	return rand.New(rand.NewPCG(math.Float64bits(seed), 0)).Float64()
}

func chunks(list []any, size int) []any {
	out := []any{}
	for part := range slices.Chunk(list, size) {
		out = append(out, slices.Clone(part))
	}
	return out
}

// numbers lists first, first+step, … up to and including last.
func numbers(first, last, step float64) ([]any, error) {
	if step == 0 {
		return nil, errors.New("the step must not be zero")
	}
	n := math.Floor((last-first)/step) + 1
	if math.IsNaN(n) || n > maxRange {
		return nil, fmt.Errorf("the range has more than %d items", maxRange)
	}
	out := make([]any, 0, max(0, int(n)))
	for i := range max(0, int(n)) {
		out = append(out, first+float64(i)*step)
	}
	return out, nil
}

// digest hashes text with one of the algorithms that Step Functions knows.
func digest(data, algorithm string) (string, error) {
	switch algorithm {
	case "MD5":
		sum := md5.Sum([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-1":
		sum := sha1.Sum([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-256":
		sum := sha256.Sum256([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-384":
		sum := sha512.Sum384([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-512":
		sum := sha512.Sum512([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	}
	return "", fmt.Errorf("the algorithm %q is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512", algorithm)
}

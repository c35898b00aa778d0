package asl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// call is a compiled intrinsic function of JSONPath states: States.Format('{}', $.name).
type call struct {
	source string
	name   string
	args   []callArgument
}

// callArgument is a literal, a path or another call.
type callArgument struct {
	literal any
	path    *path
	call    *call
}

// Limits of the language.
const (
	maxIntrinsicDepth  = 10
	maxArrayRange      = 1000
	maxIntrinsicString = 10_000 // of Base64 and Hash
)

func isCall(s string) bool { return strings.HasPrefix(s, "States.") }

// parseCall compiles an intrinsic function.
func parseCall(source string) (*call, error) {
	s := &callScanner{pathScanner{text: source}}
	c, err := s.call(1)
	if err != nil {
		return nil, fmt.Errorf("intrinsic function %q: %w", source, err)
	}
	s.blanks()
	if !s.done() {
		return nil, fmt.Errorf("intrinsic function %q: unexpected %q", source, s.text[s.at:])
	}
	return c, nil
}

type callScanner struct{ pathScanner }

func (s *callScanner) call(depth int) (*call, error) {
	if depth > maxIntrinsicDepth {
		return nil, fmt.Errorf("more than %d functions inside each other", maxIntrinsicDepth)
	}
	start := s.at
	open := strings.IndexByte(s.text[s.at:], '(')
	if open < 0 {
		return nil, errors.New("the parenthesis is missing")
	}
	c := &call{name: strings.TrimSpace(s.text[s.at : s.at+open])}
	function, known := intrinsics[c.name]
	if !known {
		return nil, fmt.Errorf("%s is not a function of the language", c.name)
	}
	s.at += open + 1
	for s.blanks(); !s.accept(")"); s.blanks() {
		if len(c.args) > 0 {
			if !s.accept(",") {
				return nil, errors.New("expected a comma or a closing parenthesis")
			}
			s.blanks()
		}
		arg, err := s.argument(depth)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	c.source = s.text[start:s.at]
	if n := len(c.args); n < function.least || function.most >= 0 && n > function.most {
		return nil, fmt.Errorf("%s does not take %d arguments", c.name, n)
	}
	return c, nil
}

func (s *callScanner) argument(depth int) (callArgument, error) {
	switch {
	case s.done():
		return callArgument{}, errors.New("it ends too early")
	case s.text[s.at] == '\'':
		text, err := s.literal()
		return callArgument{literal: text}, err
	case s.text[s.at] == '$':
		p, err := parsePath(s.untilComma())
		return callArgument{path: p}, err
	case isCall(s.text[s.at:]):
		c, err := s.call(depth + 1)
		return callArgument{call: c}, err
	}
	word := s.untilComma()
	v, err := decode([]byte(word))
	if err != nil {
		return callArgument{}, fmt.Errorf("%q is neither a quoted string, a number, true, false, null nor a path", word)
	}
	return callArgument{literal: v}, nil
}

// untilComma takes the text up to the comma or parenthesis that ends an argument; brackets of a path are skipped.
func (s *callScanner) untilComma() string {
	start, depth := s.at, 0
	var quote byte
	for ; !s.done(); s.at++ {
		c := s.text[s.at]
		switch {
		case quote != 0:
			switch c {
			case '\\':
				s.at++
			case quote:
				quote = 0
			}
			continue
		case depth > 0 && (c == '\'' || c == '"'):
			quote = c
			continue
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')' && depth > 0:
			depth--
		case depth == 0 && (c == ',' || c == ')'):
			return strings.TrimSpace(s.text[start:s.at])
		}
	}
	s.at = len(s.text)
	return strings.TrimSpace(s.text[start:])
}

// literal reads '…'. \' and \\ stand for themselves; other escapes stay for States.Format, which wants \{ and \}.
func (s *callScanner) literal() (string, error) {
	var out []byte
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\'':
			s.at = i + 1
			return string(out), nil
		case c == '\\' && i+1 < len(s.text):
			i++
			switch e := s.text[i]; e {
			case '{', '}':
				out = append(out, '\\', e)
			case 'n':
				out = append(out, '\n')
			case 't':
				out = append(out, '\t')
			default:
				out = append(out, e)
			}
		default:
			out = append(out, c)
		}
	}
	return "", errors.New("a quote does not close")
}

// evaluate runs the function. An error reads on after "The function '…' had the following error:".
func (c *call) evaluate(ev *evaluation) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		switch {
		case a.path != nil:
			v, err := ev.path(a.path)
			if err != nil {
				return nil, complaint(fmt.Sprintf("The JsonPath argument for the field '%s' could not be found in the input '%s'", a.path.source, ev.rootText(a.path)))
			}
			args[i] = v
		case a.call != nil:
			v, err := a.call.evaluate(ev)
			if err != nil {
				return nil, err
			}
			args[i] = v
		default:
			args[i] = a.literal
		}
	}
	return intrinsics[c.name].run(ev, args)
}

type intrinsic struct {
	least, most int // arguments; most -1 is any number
	run         func(ev *evaluation, args []any) (any, error)
}

var intrinsics map[string]intrinsic

func init() { // an initializer would refer to itself through call.evaluate
	intrinsics = map[string]intrinsic{
		"States.Format":         {1, -1, format},
		"States.StringToJson":   {1, 1, stringToJSON},
		"States.JsonToString":   {1, 1, jsonToString},
		"States.Array":          {0, -1, func(_ *evaluation, args []any) (any, error) { return args, nil }},
		"States.ArrayPartition": {2, 2, arrayPartition},
		"States.ArrayContains":  {2, 2, arrayContains},
		"States.ArrayRange":     {3, 3, arrayRange},
		"States.ArrayGetItem":   {2, 2, arrayGetItem},
		"States.ArrayLength":    {1, 1, arrayLength},
		"States.ArrayUnique":    {1, 1, arrayUnique},
		"States.Base64Encode":   {1, 1, base64Encode},
		"States.Base64Decode":   {1, 1, base64Decode},
		"States.Hash":           {2, 2, hash},
		"States.JsonMerge":      {3, 3, jsonMerge},
		"States.MathRandom":     {2, 3, mathRandom},
		"States.MathAdd":        {2, 2, mathAdd},
		"States.StringSplit":    {2, 2, stringSplit},
		"States.UUID":           {0, 0, func(ev *evaluation, _ []any) (any, error) { return ev.volatile.uuid(), nil }},
	}
}

func format(_ *evaluation, args []any) (any, error) {
	pattern, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the first argument of States.Format must be a string")
	}
	var out strings.Builder
	next := 1
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern) && strings.IndexByte(`{}\'`, pattern[i+1]) >= 0:
			i++
			out.WriteByte(pattern[i])
		case c == '{' && i+1 < len(pattern) && pattern[i+1] == '}':
			if next >= len(args) {
				return nil, errors.New("there are more {} than arguments")
			}
			out.WriteString(javaString(args[next]))
			next++
			i++
		default:
			out.WriteByte(c)
		}
	}
	if next != len(args) {
		return nil, errors.New("there are fewer {} than arguments")
	}
	return out.String(), nil
}

func stringToJSON(_ *evaluation, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, errors.New("the argument of States.StringToJson must be a string")
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	return decode([]byte(s))
}

func jsonToString(_ *evaluation, args []any) (any, error) { return text(args[0]), nil }

func array(name string, v any) ([]any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("the first argument of %s must be an array", name)
	}
	return list, nil
}

func whole(name string, v any) (int, error) {
	f, ok := number(v)
	if !ok || math.Abs(f) > math.MaxInt32 {
		return 0, fmt.Errorf("an argument of %s must be an integer", name)
	}
	return int(roundHalfUp(f)), nil
}

// roundHalfUp is Java's Math.round, which Step Functions applies to the numbers of its functions; recorded from AWS.
func roundHalfUp(f float64) float64 { return math.Floor(f + 0.5) }

func arrayPartition(_ *evaluation, args []any) (any, error) {
	list, err := array("States.ArrayPartition", args[0])
	if err != nil {
		return nil, err
	}
	size, err := whole("States.ArrayPartition", args[1])
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, errors.New("the size of States.ArrayPartition must be positive")
	}
	return chunks(list, size), nil
}

func arrayContains(_ *evaluation, args []any) (any, error) {
	list, err := array("States.ArrayContains", args[0])
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if equal(e, args[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ *evaluation, args []any) (any, error) {
	var bounds [3]float64
	for i, a := range args {
		n, err := whole("States.ArrayRange", a)
		if err != nil {
			return nil, err
		}
		bounds[i] = float64(n)
	}
	if bounds[2] != 0 && (bounds[1]-bounds[0])/bounds[2] >= maxArrayRange {
		return nil, fmt.Errorf("States.ArrayRange gives at most %d items", maxArrayRange)
	}
	return numbersOrError(bounds)
}

func numbersOrError(bounds [3]float64) (any, error) {
	list, err := numbers(bounds[0], bounds[1], bounds[2])
	if err != nil {
		return nil, err
	}
	return list, nil
}

func arrayGetItem(_ *evaluation, args []any) (any, error) {
	list, err := array("States.ArrayGetItem", args[0])
	if err != nil {
		return nil, err
	}
	i, err := whole("States.ArrayGetItem", args[1])
	if err != nil {
		return nil, err
	}
	if i < 0 || i >= len(list) {
		return nil, fmt.Errorf("the index %d is outside the array of %d items", i, len(list))
	}
	return list[i], nil
}

func arrayLength(_ *evaluation, args []any) (any, error) {
	list, err := array("States.ArrayLength", args[0])
	return float64(len(list)), err
}

func arrayUnique(_ *evaluation, args []any) (any, error) {
	list, err := array("States.ArrayUnique", args[0])
	if err != nil {
		return nil, err
	}
	out, seen := []any{}, map[string]bool{}
	for _, e := range list {
		if key := text(e); !seen[key] {
			seen[key] = true
			out = append(out, e)
		}
	}
	return out, nil
}

func shortString(name string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("the argument of %s must be a string", name)
	}
	if utf8.RuneCountInString(s) > maxIntrinsicString {
		return "", fmt.Errorf("the argument of %s must have at most %d characters", name, maxIntrinsicString)
	}
	return s, nil
}

func base64Encode(_ *evaluation, args []any) (any, error) {
	s, err := shortString("States.Base64Encode", args[0])
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(_ *evaluation, args []any) (any, error) {
	s, err := shortString("States.Base64Decode", args[0])
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, err
	}
	return strings.ToValidUTF8(string(data), string(utf8.RuneError)), nil
}

func hash(_ *evaluation, args []any) (any, error) {
	algorithm, ok := args[1].(string)
	if !ok {
		return nil, errors.New("the second argument of States.Hash must be the name of an algorithm")
	}
	data, ok := args[0].(string)
	if !ok {
		data = text(args[0])
	}
	if utf8.RuneCountInString(data) > maxIntrinsicString {
		return nil, fmt.Errorf("the argument of States.Hash must have at most %d characters", maxIntrinsicString)
	}
	return digest(data, algorithm)
}

func jsonMerge(_ *evaluation, args []any) (any, error) {
	a, ok := args[0].(*object)
	b, ok2 := args[1].(*object)
	if !ok || !ok2 {
		return nil, errors.New("the first two arguments of States.JsonMerge must be objects")
	}
	if deep, ok := args[2].(bool); !ok || deep {
		return nil, errors.New("the third argument of States.JsonMerge must be false: the deep merge is not supported")
	}
	out := newObject(len(a.members) + len(b.members))
	for _, o := range []*object{a, b} {
		for _, m := range o.members {
			out.set(m.key, m.value)
		}
	}
	return out, nil
}

func mathRandom(ev *evaluation, args []any) (any, error) {
	from, err := whole("States.MathRandom", args[0])
	if err != nil {
		return nil, err
	}
	to, err := whole("States.MathRandom", args[1])
	if err != nil {
		return nil, err
	}
	if to <= from {
		return nil, errors.New("the end of States.MathRandom must be larger than its start")
	}
	chance := ev.volatile.random
	if len(args) == 3 {
		seed, ok := number(args[2])
		if !ok {
			return nil, errors.New("the seed of States.MathRandom must be a number")
		}
		chance = func() float64 { return seeded(seed) }
	}
	return float64(from) + math.Floor(chance()*float64(to-from)), nil
}

func mathAdd(_ *evaluation, args []any) (any, error) {
	var sum float64
	for _, a := range args {
		n, err := whole("States.MathAdd", a)
		if err != nil {
			return nil, err
		}
		sum += float64(n)
	}
	return sum, nil
}

// stringSplit splits at every character of the second argument and drops empty pieces; recorded from AWS.
func stringSplit(_ *evaluation, args []any) (any, error) {
	s, ok := args[0].(string)
	at, ok2 := args[1].(string)
	if !ok || !ok2 {
		return nil, errors.New("the arguments of States.StringSplit must be strings")
	}
	out := []any{}
	for _, piece := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(at, r) }) {
		out = append(out, piece)
	}
	return out, nil
}

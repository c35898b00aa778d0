package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf16"
	"unicode/utf8"
)

// A JSON value inside the interpreter is one of
//
//	nil          null
//	bool
//	json.Number  a number as it was written, so that 1.0 and 2^63 survive
//	float64      a number that was computed
//	string
//	[]any
//	*object      members in the order they were written
//
// Values are immutable once built and shared freely: between states, between the history and the state that runs,
// between the clones of an execution.

// undefined is what a path or an expression gives when there is nothing: it is not null.
type undefined struct{}

// object is a JSON object that keeps its members in order, as Step Functions does in the text of inputs and outputs.
type object struct {
	members []member
	index   map[string]int // only beyond indexFrom members
	native  atomic.Value   // the same object as JSONata's engine has it, once it was asked for
}

type member struct {
	key   string
	value any
}

// indexFrom is where a map beats looking through the members one by one.
const indexFrom = 12

func newObject(capacity int) *object { return &object{members: make([]member, 0, capacity)} }

// objectOf builds an object of the given members.
func objectOf(members ...member) *object { return &object{members: members} }

func (o *object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range o.members {
		if o.members[i].key == key {
			return i
		}
	}
	return -1
}

func (o *object) get(key string) (any, bool) {
	if i := o.find(key); i >= 0 {
		return o.members[i].value, true
	}
	return nil, false
}

// set adds or replaces a member. It is for building: an object that others hold is not changed.
func (o *object) set(key string, value any) {
	if i := o.find(key); i >= 0 {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, member{key, value})
	switch {
	case o.index != nil:
		o.index[key] = len(o.members) - 1
	case len(o.members) > indexFrom:
		o.index = make(map[string]int, 2*len(o.members))
		for i, m := range o.members {
			o.index[m.key] = i
		}
	}
}

// with returns a copy in which key has the value.
func (o *object) with(key string, value any) *object {
	c := newObject(len(o.members) + 1)
	c.members = append(c.members, o.members...)
	if o.index != nil {
		c.index = make(map[string]int, len(o.index)+1)
		for k, i := range o.index {
			c.index[k] = i
		}
	}
	c.set(key, value)
	return c
}

// maxDepth bounds the nesting of a document, like encoding/json does.
const maxDepth = 10_000

// decode parses one JSON document. Unlike encoding/json it keeps the order of members and the text of numbers.
func decode(text []byte) (any, error) {
	d := decoder{text: text}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.at < len(d.text) {
		return nil, d.fail("text after the end of the document")
	}
	return v, nil
}

type decoder struct {
	text []byte
	at   int
}

func (d *decoder) fail(what string) error {
	return fmt.Errorf("invalid JSON at byte %d: %s", d.at+1, what)
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, d.fail("nested too deeply")
	}
	if d.at >= len(d.text) {
		return nil, d.fail("it ends too early")
	}
	switch c := d.text[d.at]; c {
	case '{':
		return d.object(depth)
	case '[':
		return d.array(depth)
	case '"':
		return d.str()
	case 't':
		return true, d.word("true")
	case 'f':
		return false, d.word("false")
	case 'n':
		return nil, d.word("null")
	default:
		return d.number()
	}
}

func (d *decoder) word(w string) error {
	if !bytes.HasPrefix(d.text[d.at:], []byte(w)) {
		return d.fail("expected " + w)
	}
	d.at += len(w)
	return nil
}

func (d *decoder) object(depth int) (any, error) {
	d.at++
	o := newObject(4)
	for d.space(); ; d.space() {
		if d.at < len(d.text) && d.text[d.at] == '}' && len(o.members) == 0 {
			d.at++
			return o, nil
		}
		if d.at >= len(d.text) || d.text[d.at] != '"' {
			return nil, d.fail("expected the name of a member")
		}
		key, err := d.str()
		if err != nil {
			return nil, err
		}
		d.space()
		if d.at >= len(d.text) || d.text[d.at] != ':' {
			return nil, d.fail("expected a colon")
		}
		d.at++
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.set(key, v)
		d.space()
		switch {
		case d.at < len(d.text) && d.text[d.at] == ',':
			d.at++
		case d.at < len(d.text) && d.text[d.at] == '}':
			d.at++
			return o, nil
		default:
			return nil, d.fail("expected a comma or a closing brace")
		}
	}
}

func (d *decoder) array(depth int) (any, error) {
	d.at++
	list := []any{}
	d.space()
	if d.at < len(d.text) && d.text[d.at] == ']' {
		d.at++
		return list, nil
	}
	for {
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		d.space()
		switch {
		case d.at < len(d.text) && d.text[d.at] == ',':
			d.at++
		case d.at < len(d.text) && d.text[d.at] == ']':
			d.at++
			return list, nil
		default:
			return nil, d.fail("expected a comma or a closing bracket")
		}
	}
}

func (d *decoder) str() (string, error) {
	start := d.at + 1
	for i := start; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.at = i + 1
			return string(d.text[start:i]), nil
		case c == '\\' || c >= utf8.RuneSelf:
			return d.escaped(start, i)
		case c < ' ':
			d.at = i
			return "", d.fail("a control character in a string")
		}
	}
	d.at = len(d.text)
	return "", d.fail("a string that does not end")
}

// escaped goes on with a string that needs more than copying; text before i is plain.
func (d *decoder) escaped(start, i int) (string, error) {
	out := append(make([]byte, 0, 2*(i-start)+16), d.text[start:i]...)
	for i < len(d.text) {
		c := d.text[i]
		switch {
		case c == '"':
			d.at = i + 1
			return string(out), nil
		case c < ' ':
			d.at = i
			return "", d.fail("a control character in a string")
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(d.text[i:])
			out = utf8.AppendRune(out, r) // RuneError where the bytes are not UTF-8
			i += n
		case c != '\\':
			out = append(out, c)
			i++
		default:
			r, n := escape(d.text[i:])
			if n == 0 {
				d.at = i
				return "", d.fail("an unknown escape in a string")
			}
			out = utf8.AppendRune(out, r)
			i += n
		}
	}
	d.at = len(d.text)
	return "", d.fail("a string that does not end")
}

// escape reads the escape sequence that text starts with and says how many bytes it takes; 0 if it is none.
func escape(text []byte) (rune, int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case '"', '\\', '/':
		return rune(text[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r := hex4(text)
		if r < 0 {
			return 0, 0
		}
		if utf16.IsSurrogate(r) {
			if full := utf16.DecodeRune(r, hex4(text[6:])); full != utf8.RuneError {
				return full, 12
			}
			return utf8.RuneError, 6
		}
		return r, 6
	}
	return 0, 0
}

func hex4(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return rune(n)
}

func (d *decoder) number() (any, error) {
	start := d.at
	digits := func() bool {
		from := d.at
		for d.at < len(d.text) && '0' <= d.text[d.at] && d.text[d.at] <= '9' {
			d.at++
		}
		return d.at > from
	}
	next := func(chars string) bool {
		if d.at < len(d.text) && strings.IndexByte(chars, d.text[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	next("-")
	if !next("0") && !digits() {
		return nil, d.fail("expected a value")
	}
	if next(".") && !digits() {
		return nil, d.fail("expected a digit after the decimal point")
	}
	if next("eE") {
		next("+-")
		if !digits() {
			return nil, d.fail("expected a digit in the exponent")
		}
	}
	return json.Number(d.text[start:d.at]), nil
}

// encode writes a value as compact JSON.
func encode(v any) json.RawMessage { return appendValue(nil, v) }

// text is the JSON text of a value, as the history shows it.
func text(v any) string { return string(appendValue(nil, v)) }

func appendValue(to []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, "null"...)
	case bool:
		return strconv.AppendBool(to, v)
	case json.Number:
		return append(to, v...)
	case float64:
		return appendFloat(to, v)
	case string:
		return appendString(to, v)
	case []any:
		to = append(to, '[')
		for i, e := range v {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendValue(to, e)
		}
		return append(to, ']')
	case *object:
		to = append(to, '{')
		for i, m := range v.members {
			if i > 0 {
				to = append(to, ',')
			}
			to = appendString(to, m.key)
			to = append(to, ':')
			to = appendValue(to, m.value)
		}
		return append(to, '}')
	}
	panic(fmt.Sprintf("asl: %T is no JSON value", v))
}

// appendFloat writes a computed number the way ECMAScript, and so JSONata, does.
func appendFloat(to []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(to, int64(f), 10)
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(to, f, 'f', -1, 64)
	}
	to = strconv.AppendFloat(to, f, 'e', -1, 64)
	if n := len(to); n > 4 && to[n-4] == 'e' && to[n-2] == '0' { // e-07 is e-7 in ECMAScript
		to[n-2] = to[n-1]
		to = to[:n-1]
	}
	return to
}

const hexDigits = "0123456789abcdef"

func appendString(to []byte, s string) []byte {
	to = append(to, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		to = append(to, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			to = append(to, '\\', c)
		case '\b':
			to = append(to, '\\', 'b')
		case '\f':
			to = append(to, '\\', 'f')
		case '\n':
			to = append(to, '\\', 'n')
		case '\r':
			to = append(to, '\\', 'r')
		case '\t':
			to = append(to, '\\', 't')
		default:
			to = append(to, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	to = append(to, s[start:]...)
	return append(to, '"')
}

// number reads a JSON number; ok is false for every other value.
func number(v any) (f float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		return f, err == nil || errors.Is(err, strconv.ErrRange)
	}
	return 0, false
}

// integer reads a number that has no fraction.
func integer(v any) (n int64, ok bool) {
	if t, is := v.(json.Number); is {
		if n, err := strconv.ParseInt(string(t), 10, 64); err == nil {
			return n, true
		}
	}
	f, ok := number(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// equal says whether two values are the same JSON; 1 and 1.0 are.
func equal(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case string:
		b, ok := b.(string)
		return ok && a == b
	case json.Number, float64:
		x, _ := number(a)
		y, ok := number(b)
		return ok && x == y
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case *object:
		b, ok := b.(*object)
		if !ok || len(a.members) != len(b.members) {
			return false
		}
		for _, m := range a.members {
			v, ok := b.get(m.key)
			if !ok || !equal(m.value, v) {
				return false
			}
		}
		return true
	}
	return false
}

// kindOf names the JSON type of a value as Step Functions does in its messages.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number, float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// larger says whether the JSON text of a value has more than maxData bytes, and looks no further than it must.
func larger(v any) bool { return measure(v, maxData) < 0 }

// measure gives what is left of limit after the text of v; negative when it does not fit.
func measure(v any, left int) int {
	switch v := v.(type) {
	case nil:
		return left - 4
	case bool:
		if v {
			return left - 4
		}
		return left - 5
	case json.Number:
		return left - len(v)
	case float64:
		var room [32]byte
		return left - len(appendFloat(room[:0], v))
	case string:
		return left - stringSize(v)
	case []any:
		left -= 2 + max(0, len(v)-1)
		for _, e := range v {
			if left < 0 {
				return left
			}
			left = measure(e, left)
		}
		return left
	case *object:
		left -= 2 + max(0, 2*len(v.members)-1)
		for i := range v.members {
			if left < 0 {
				return left
			}
			left = measure(v.members[i].value, left-stringSize(v.members[i].key))
		}
		return left
	}
	return left
}

func stringSize(s string) int {
	n := len(s) + 2
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

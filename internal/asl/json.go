package asl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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

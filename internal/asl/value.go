package asl

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
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

// compare orders two numbers or two strings.
func compare(a, b any) (int, bool) {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	}
	x, ok := number(a)
	y, ok2 := number(b)
	switch {
	case !ok || !ok2:
		return 0, false
	case x < y:
		return -1, true
	case x > y:
		return 1, true
	}
	return 0, true
}

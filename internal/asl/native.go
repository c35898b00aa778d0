package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/recolabs/gnata"
)

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

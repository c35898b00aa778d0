package emulator

import (
	"reflect"
	"sync"
	"time"
)

// deepCopy is an independent copy of a part of the world, which is data: structs, pointers, slices and maps of it. What nobody
// changes in place is shared: bytes, times and policies. So a story is forked a thousand times for what JSON would take for ten.
func deepCopy[T any](v T) T {
	var c T
	copyInto(reflect.ValueOf(&c).Elem(), reflect.ValueOf(&v).Elem())
	return c
}

func copyInto(to, from reflect.Value) {
	to.Set(from)
	if shared(from.Type()) {
		return
	}
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			copyInto(to.Elem(), from.Elem())
		}
	case reflect.Struct:
		for i := range from.NumField() {
			if !shared(from.Field(i).Type()) {
				copyInto(to.Field(i), from.Field(i))
			}
		}
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyInto(to.Index(i), from.Index(i))
		}
	case reflect.Map:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
		for members := from.MapRange(); members.Next(); {
			value := reflect.New(from.Type().Elem()).Elem()
			copyInto(value, members.Value())
			to.SetMapIndex(members.Key(), value)
		}
	default:
		panic("emulator: a world cannot hold a " + from.Type().String()) // a type's mistake, which any copy would show
	}
}

// sharing remembers for each type whether copies may share its values.
var sharing sync.Map

func shared(t reflect.Type) bool {
	known, ok := sharing.Load(t)
	if !ok {
		known = sharable(t)
		sharing.Store(t, known)
	}
	return known.(bool)
}

func sharable(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[Policy]():
		return true
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8
	case reflect.Struct:
		for i := range t.NumField() {
			if !shared(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		return t.Elem() == reflect.TypeFor[Policy]()
	case reflect.Map, reflect.Interface, reflect.Array, reflect.Chan, reflect.Func:
		return false
	default:
		return true // a number, a text, a truth
	}
}

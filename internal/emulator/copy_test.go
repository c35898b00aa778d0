package emulator

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A copy of a world is the same world, and whatever is done to it, the world that it was taken from stays as it was.
func TestCopyIsIndependent(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../events/*/world.json")
	if err != nil || len(files) == 0 {
		t.Fatal("the stories' worlds are not where they were", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		world, err := ParseWorld(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := world.complete(); err != nil {
			t.Fatal(err)
		}
		before, err := json.Marshal(world)
		if err != nil {
			t.Fatal(err)
		}
		c := world.Clone()
		if diff := cmp.Diff(world, c, cmpopts.IgnoreUnexported(ObjectVersion{})); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
		scramble(reflect.ValueOf(c).Elem())
		if after, err := json.Marshal(world); err != nil || string(after) != string(before) {
			t.Errorf("%s: the world went along with its copy: %v", file, err)
		}
	}
}

// scramble changes every text in a value, but for those in what copies share.
func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*Policy]() {
			scramble(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() && v.Type() != reflect.TypeFor[Policy]() {
				scramble(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Type().Elem().Kind() != reflect.Uint8 {
				scramble(v.Index(i))
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			scramble(value)
			v.SetMapIndex(key, value)
			v.SetMapIndex(reflect.ValueOf("scrambled").Convert(v.Type().Key()), value)
		}
	case reflect.String:
		v.SetString("scrambled")
	}
}

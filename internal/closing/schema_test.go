package closing

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the schemas")

// Ensure that the committed JSON Schemas of report and manifest are those of the code's own types.
func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{"report.schema.json": Report{}, "manifest.schema.json": Manifest{}} {
		s := schema(reflect.TypeOf(v))
		s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", strings.TrimSuffix(name, ".schema.json")
		want, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, '\n')
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is stale, run make golden (-want +got):\n%s", name, diff)
		}
	}
}

// schema is the JSON Schema of a type, as encoding/json writes it.
func schema(of reflect.Type) map[string]any {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case of == reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return schema(of.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schema(of.Elem())}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		members, required := map[string]any{}, []string{}
		for f := range of.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			members[name] = schema(f.Type)
			if !strings.Contains(options, "omit") {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": members, "required": required, "additionalProperties": false}
	default:
		return map[string]any{"type": "string"}
	}
}

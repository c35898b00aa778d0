package asl

import (
	"encoding/json"
	"strings"
)

// javaString prints a value as Java's toString does, which shows in messages and in States.Format.
func javaString(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = javaString(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *object:
		parts := make([]string, len(v.members))
		for i, m := range v.members {
			parts[i] = m.key + "=" + javaString(m.value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return text(v)
}

func javaType(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case string:
		return "java.lang.String"
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return "java.lang.Double"
		}
		return "java.lang.Integer"
	case float64:
		return "java.lang.Double"
	case []any:
		return "java.util.ArrayList"
	}
	return "java.util.LinkedHashMap"
}

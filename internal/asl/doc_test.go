package asl

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDoc holds that the documentation lists the fields that the loader knows, and the missing ones.
func TestDoc(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "-update) from fields.go.\n", "package asl\n"
	head, rest, ok := strings.Cut(string(raw), begin)
	old, ok2 := strings.CutSuffix(rest, end)
	if !ok || !ok2 {
		t.Fatal("doc.go has lost the sentence that its generated part follows")
	}
	if *update {
		if err := os.WriteFile("doc.go", []byte(head+begin+documented()+end), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(documented(), old); diff != "" {
		t.Errorf("doc.go is out of date, run go test -run TestDoc -update (-want +got)\n%s", diff)
	}
}

func documented() string {
	var out strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&out, strings.TrimRight("// "+format, " ")+"\n", args...)
	}
	line("")
	for _, s := range stateTypes {
		var names []string
		for _, f := range fields {
			switch {
			case f.states&s.is == 0 || f.missing != "":
			case f.in == inBoth:
				names = append(names, f.name)
			default:
				names = append(names, f.name+" ("+f.in.String()+")")
			}
		}
		slices.Sort(names)
		wrapped(line, "  - "+s.name+": "+strings.Join(names, ", "))
	}
	line("")
	line("In a Map:")
	line("")
	for _, of := range []string{"ProcessorConfig", "ItemReader", "ReaderConfig", "ItemBatcher", "ResultWriter", "WriterConfig"} {
		var names []string
		for _, p := range parts {
			switch {
			case p.of != of || p.missing != "":
			case p.in == inBoth:
				names = append(names, p.name)
			default:
				names = append(names, p.name+" ("+p.in.String()+")")
			}
		}
		slices.Sort(names)
		wrapped(line, "  - "+of+": "+strings.Join(names, ", "))
	}
	line("")
	line("Missing:")
	line("")
	for _, f := range fields {
		if f.missing != "" {
			line("  - %s of %s: %s", f.name, f.states, f.missing)
		}
	}
	for _, p := range parts {
		if p.missing != "" {
			line("  - %s of %s: %s", p.name, p.of, p.missing)
		}
	}
	line("")
	wrapped(line, "Intrinsic functions: "+strings.Join(sortedKeys(intrinsics), ", ")+".")
	line("")
	wrapped(line, "Comparisons of a JSONPath Choice, each but those that begin with Is and StringMatches with a Path variant too: "+strings.Join(sortedKeys(operators), ", ")+"; And, Or, Not.")
	line("")
	wrapped(line, "JSONata functions beyond JSONata's own: "+strings.Join(jsonataFunctions(), ", ")+"; $eval is refused.")
	return out.String()
}

func jsonataFunctions() []string {
	var names []string
	for name := range functions() {
		names = append(names, "$"+name)
	}
	for name := range (volatile{}).functions() {
		names = append(names, "$"+name)
	}
	slices.Sort(names)
	return names
}

// wrapped breaks a text at 116 columns; the lines of a list item are indented.
func wrapped(line func(string, ...any), s string) {
	indent := ""
	if strings.HasPrefix(s, "  - ") {
		indent = "    "
	}
	for limit := 113; len(s) > limit; {
		cut := strings.LastIndexByte(s[:limit], ' ')
		line("%s", s[:cut])
		s = indent + s[cut+1:]
	}
	line("%s", s)
}

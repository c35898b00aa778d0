package rule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "quicksight-unsubscribe"

// allowed says which packages of ours a package may import outside its tests. A package that is not here is new: give it a row.
var allowed = map[string][]string{
	"functions/*": {"internal/boot", "internal/step", "internal/approval"},
	"infra":       {"internal/workflow", "internal/closing", "internal/operation", "internal/record", "internal/step"},

	"internal/closing":   nil,
	"internal/clock":     nil,
	"internal/operation": nil,
	"internal/workflow":  nil,
	"internal/asl":       nil,
	"internal/rule":      nil,
	"internal/emulator":  {"internal/operation"},
	"internal/record":    {"internal/closing", "internal/clock"},
	"internal/step":      {"internal/closing", "internal/clock", "internal/operation", "internal/record", "internal/workflow"},
	"internal/approval":  {"internal/closing", "internal/clock", "internal/record", "internal/step"},
	"internal/boot":      {"internal/closing", "internal/clock", "internal/record", "internal/step"},
	"internal/replay": {
		"internal/approval", "internal/asl", "internal/boot", "internal/clock", "internal/closing", "internal/emulator", "internal/operation",
		"internal/record", "internal/step", "internal/workflow",
	},
	"internal/cmd/unsubscribe": {
		"internal/approval", "internal/asl", "internal/boot", "internal/clock", "internal/closing", "internal/emulator", "internal/operation", "internal/record",
		"internal/replay", "internal/step", "internal/workflow",
	},
}

// source is one package folder with its non-test files.
type source struct {
	folder string
	files  []*ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	byFolder := map[string][]*ast.File{}
	fset := token.NewFileSet()
	for _, root := range []string{"functions", "infra", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "tools") {
				return filepath.SkipDir
			}
			if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly|parser.ParseComments)
			if err != nil {
				return err
			}
			folder := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(filepath.ToSlash(path), "../../")))
			byFolder[folder] = append(byFolder[folder], file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []source
	for folder, files := range byFolder {
		all = append(all, source{folder, files})
	}
	if len(all) < 10 {
		t.Fatalf("found only %d packages: the rule looks in the wrong place", len(all))
	}
	return all
}

// Ensure imports point one way, as internal/DESIGN.md draws them.
func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		key := s.folder
		if strings.HasPrefix(key, "functions/") {
			key = "functions/*"
		}
		may, known := allowed[key]
		if !known {
			t.Errorf("%s is not in the table of imports", s.folder)
		}
		for _, file := range s.files {
			for _, spec := range file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				ours, is := strings.CutPrefix(path, module+"/")
				if is && !slices.Contains(may, ours) {
					t.Errorf("%s imports %s; it may import %v", s.folder, ours, may)
				}
				if strings.Contains(path, "jsii-runtime-go") && s.folder != "infra" {
					t.Errorf("%s imports the CDK; only infra may, since jsii wants Node", s.folder)
				}
			}
		}
	}
}

// Ensure each package says what it is, exactly once, and each command in the words of its state.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		var comments []string
		name := ""
		for _, file := range s.files {
			name = file.Name.Name
			if file.Doc != nil {
				comments = append(comments, file.Doc.Text())
			}
		}
		if len(comments) != 1 {
			t.Errorf("%s has %d package comments, want 1", s.folder, len(comments))
			continue
		}
		start := "Package " + name
		if name == "main" {
			start = "Command " + filepath.Base(s.folder)
		}
		if !strings.HasPrefix(comments[0], start) {
			t.Errorf("%s: the package comment starts with %.40q, want %q", s.folder, comments[0], start)
		}
	}
}

package govqa

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestGlossary checks that docs/glossary.md has each exported type and field
// of package corpus, with the JSON key that the code gives it, and no other.
func TestGlossary(t *testing.T) {
	listed := glossary(t)
	for name, key := range exported(t, "corpus") {
		got, ok := listed[name]
		delete(listed, name)
		switch {
		case !ok:
			t.Errorf("docs/glossary.md has no row for %s (JSON %q)", name, key)
		case key != "" && got != key:
			t.Errorf("docs/glossary.md gives %s the JSON key %q, the code %q", name, got, key)
		}
	}
	for name := range listed {
		t.Errorf("docs/glossary.md has %s, which the code does not", name)
	}
}

// glossary reads the rows that begin with a Go name: name -> JSON key.
func glossary(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		name := strings.Trim(cells[1], " `")
		if name == "" || name[0] < 'A' || name[0] > 'Z' || name == "Go" {
			continue
		}
		if strings.TrimSpace(cells[2]) == "" {
			t.Errorf("%s has no Chinese term", name)
		}
		rows[name] = strings.Trim(cells[3], " `–")
	}
	return rows
}

// exported returns the exported types of the package in dir and the exported
// fields of its structs, each with its JSON key or "".
func exported(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() {
				return true
			}
			names[spec.Name.Name] = ""
			if s, ok := spec.Type.(*ast.StructType); ok {
				addFields(t, names, spec.Name.Name, s)
			}
			return false
		})
	}
	return names
}

func addFields(t *testing.T, names map[string]string, of string, s *ast.StructType) {
	t.Helper()
	for _, field := range s.Fields.List {
		key := ""
		if field.Tag != nil {
			tag, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ = strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			key = strings.Trim(key, "-")
		}
		for _, id := range field.Names {
			if id.IsExported() {
				names[of+"."+id.Name] = key
			}
		}
		if id, ok := field.Type.(*ast.Ident); ok && len(field.Names) == 0 {
			names[of+"."+id.Name] = key
		}
	}
}

package govqa

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/govqa/govqa"

// floors says on which floor each package stands. A package imports only what
// stands on a lower floor. A new package takes its floor here.
var floors = map[string]float64{
	"corpus":          1,
	"api/client":      1, // for programs of others: standard library only
	"api/browsertest": 1, // for tests only

	"index/vector":            2,
	"index/vector/vectortest": 2,

	"nlp":              2,
	"recommend":        2,
	"corpus/store":     2,
	"corpus/sheet":     2,
	"corpus/sample":    2,
	"corpus/linkcheck": 2,
	"corpus/fields":    2,
	"corpus/document":  2,
	"corpus/lint":      2,

	"index":             3,
	"nlp/jieba":         3,
	"recommend/history": 3,

	"answer/guard":  3.5,
	"answer/ground": 3.5,

	"answer": 4,

	"answer/desk":        4.5,
	"answer/llm/llmtest": 1, // a model server for tests

	"answer/llm":     5,
	"answer/eval":    5,
	"answer/insight": 5,
	"answer/regress": 5,
	"api/web":        5,

	"api": 6,

	"api/staff":           6.3,
	"api/staff/stafftest": 6.4, // for tests only

	"api/apitest": 6.4, // serves the sample city to tests

	"api/compat":  6.5,
	"api/console": 6.5,
	"api/desk":    6.5,
	"api/wording": 6.5,
	"api/mcp":     6.5,
	"api/quality": 6.5,
	"api/webhook": 6.5,
	"api/wechat":  6.5,

	"cmd/govqa": 7,

	".": 8, // these tests
}

// owners says which packages may import each big library, so that it can be
// replaced in one place.
var owners = map[string][]string{
	"github.com/blevesearch":            {"index"},
	"github.com/RoaringBitmap/roaring":  {"index"},
	"github.com/yanyiwu/gojieba":        {"nlp/jieba"},
	"github.com/dgraph-io/badger":       {"corpus/store", "recommend/history"},
	"github.com/gofiber/fiber":          {"api", "api/staff", "api/console", "api/desk", "api/quality", "api/webhook", "api/wording"},
	"github.com/valyala/fasthttp":       {"api"},
	"github.com/danielgtaylor/huma":     {"api"},
	"github.com/klippa-app/go-pdfium":   {"corpus/document"},
	"github.com/tetratelabs/wazero":     {"corpus/document"},
	"github.com/xuri/excelize":          {"corpus/sheet"},
	"github.com/emmansun/gmsm":          {"api/webhook"},
	"github.com/sashabaranov/go-openai": {"answer/llm", "cmd/govqa"}, // cmd/govqa: the test that connects stock clients
	"github.com/mozillazg/go-pinyin":    {"nlp"},
	"github.com/pquerna/otp":            {"api/staff"},
	"github.com/coreos/go-oidc":         {"api/staff"},
	"github.com/trustelem/zxcvbn":       {"corpus/store"},
	"golang.org/x/text":                 {"nlp", "corpus/sheet", "cmd/govqa"}, // cmd/govqa: logs of transactions in GB18030

	"github.com/modelcontextprotocol/go-sdk": {"api/mcp", "cmd/govqa"}, // cmd/govqa: the same
	"go.opentelemetry.io/otel/sdk":           {"cmd/govqa"},
	"go.opentelemetry.io/otel/exporters":     {"cmd/govqa"},
	"github.com/google/jsonschema-go":        {"api/mcp"},
}

// leaves says which packages may import a package that few need: what imports
// nlp/jieba is no longer pure Go.
var leaves = map[string][]string{
	"nlp/jieba":       {"cmd/govqa"},
	"api/web":         {"api", "api/staff", "api/staff/stafftest", "api/console", "cmd/govqa"}, // cmd/govqa: wiring
	"api/browsertest": {},                                                                      // tests only
}

// vague lists names that say nothing about what is inside.
var vague = []string{"internal", "pkg", "util", "utils", "types", "model", "models", "service", "services", "common", "helpers"}

// maxLines is the length of the longest file that one reads in one go.
const maxLines = 700

// A pkg is what go list says about one package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// name is the package's path inside the module, "." for the root.
func (p pkg) name() string { return inModule(p.ImportPath) }

func inModule(importPath string) string {
	if importPath == module {
		return "."
	}
	name, ok := strings.CutPrefix(importPath, module+"/")
	if !ok {
		return ""
	}
	return name
}

// faults says what about the package breaks the rules.
func (p pkg) faults() []string {
	name := p.name()
	floor, ok := floors[name]
	if !ok {
		return []string{fmt.Sprintf("%s has no floor: give it one in floors_test.go", name)}
	}
	var faults []string
	for _, i := range p.Imports {
		ours := inModule(i)
		if ours != "" && floors[ours] >= floor {
			faults = append(faults, fmt.Sprintf("%s (floor %v) imports %s (floor %v)", name, floor, ours, floors[ours]))
		}
		if who, ok := leaves[ours]; ok && !slices.Contains(who, name) {
			faults = append(faults, fmt.Sprintf("%s imports %s, which only %s may", name, ours, strings.Join(who, ", ")))
		}
		if (name == "corpus" || name == "api/client") && !standard(i) {
			faults = append(faults, fmt.Sprintf("%s imports %s, which is not the standard library", name, i))
		}
	}
	return append(faults, p.ownerFaults()...)
}

// ownerFaults looks at the imports of the tests too.
func (p pkg) ownerFaults() []string {
	all := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
	slices.Sort(all)
	var faults []string
	for _, i := range slices.Compact(all) {
		for library, who := range owners {
			if (i == library || strings.HasPrefix(i, library+"/")) && !slices.Contains(who, p.name()) {
				faults = append(faults, fmt.Sprintf("%s imports %s, which belongs to %s", p.name(), i, strings.Join(who, ", ")))
			}
		}
	}
	return faults
}

// standard reports whether a path is of the standard library: its first part
// is no host name.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func TestFloors(t *testing.T) {
	packages := list(t)
	if len(packages) == 0 {
		t.Fatal("go list found no packages")
	}
	for _, p := range packages {
		for _, fault := range p.faults() {
			t.Error(fault)
		}
	}
}

// list asks the go command for the packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Logf("%s", exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestFiles(t *testing.T) {
	n := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (base[0] == '.' || base == "testdata" || base == "bin" || name == "data"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(base) != ".go":
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		n++
		for _, fault := range fileFaults(name, src) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 5 {
		t.Errorf("only %d Go files found", n)
	}
}

// fileFaults says what about one source file breaks the rules.
func fileFaults(name string, src []byte) []string {
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	if ast.IsGenerated(f) {
		return nil
	}
	var faults []string
	if n := strings.Count(string(src), "\n"); n > maxLines {
		faults = append(faults, fmt.Sprintf("%s has %d lines, more than %d", name, n, maxLines))
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			faults = append(faults, name+" has an init function")
		}
	}
	return faults
}

func TestPackageFaults(t *testing.T) {
	ours := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, module+"/"+n)
		}
		return paths
	}
	tests := []struct {
		why  string
		pkg  pkg
		want []string
	}{
		{"a package that imports lower floors", pkg{module + "/answer", ours("corpus", "nlp", "index"), nil, nil}, nil},
		{"a package that imports a higher floor", pkg{module + "/nlp", ours("index"), nil, nil},
			[]string{"nlp (floor 2) imports index (floor 3)"}},
		{"a package that imports its own floor", pkg{module + "/nlp", ours("recommend"), nil, nil},
			[]string{"nlp (floor 2) imports recommend (floor 2)"}},
		{"a test may import a higher floor", pkg{module + "/corpus", nil, nil, ours("nlp")}, nil},
		{"the ground floor with a library", pkg{module + "/corpus", []string{"maps", "github.com/google/go-cmp/cmp"}, nil, nil},
			[]string{"corpus imports github.com/google/go-cmp/cmp, which is not the standard library"}},
		{"a library of another owner", pkg{module + "/answer", []string{"github.com/blevesearch/bleve/v2/search"}, nil, nil},
			[]string{"answer imports github.com/blevesearch/bleve/v2/search, which belongs to index"}},
		{"the same in a test", pkg{module + "/answer", nil, []string{"github.com/dgraph-io/badger/v4"}, nil},
			[]string{"answer imports github.com/dgraph-io/badger/v4, which belongs to corpus/store, recommend/history"}},
		{"a library whose name only begins alike", pkg{module + "/answer", []string{"golang.org/x/textual"}, nil, nil}, nil},
		{"a leaf", pkg{module + "/answer", ours("nlp/jieba"), nil, nil},
			[]string{"answer imports nlp/jieba, which only cmd/govqa may"}},
		{"a new package", pkg{module + "/cache", nil, nil, nil}, []string{"cache has no floor: give it one in floors_test.go"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.pkg.faults()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFileFaults(t *testing.T) {
	tests := []struct {
		why, src string
		want     []string
	}{
		{"a good file", "package a\n\nfunc f() {}\n", nil},
		{"an init function", "package a\n\nfunc init() {}\n", []string{"a.go has an init function"}},
		{"a method called init", "package a\n\ntype t int\n\nfunc (t) init() {}\n", nil},
		{"a long file", "package a\n" + strings.Repeat("\n", maxLines), []string{"a.go has 701 lines, more than 700"}},
		{"a long generated file", "// Code generated by x. DO NOT EDIT.\n\npackage a\n" + strings.Repeat("\n", maxLines), nil},
		{"no Go", "hello", []string{"a.go:1:1: expected 'package', found hello"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, fileFaults("a.go", []byte(tt.src))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A package with a vague name is not to be given a floor.
func TestFloorsAreNamed(t *testing.T) {
	for name := range floors {
		for part := range strings.SplitSeq(name, "/") {
			if slices.Contains(vague, part) {
				t.Errorf("%s: the name %q says nothing", name, part)
			}
		}
	}
}

package guard

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
)

func newGuard(tb testing.TB) *Guard {
	tb.Helper()
	g, err := New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// eachRow reads a file of JSON lines.
func eachRow[T any](t *testing.T, name string, fn func(T)) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 8<<20)
	for n := 1; sc.Scan(); n++ {
		if strings.TrimSpace(sc.Text()) == "" {
			continue
		}
		var row T
		if err := json.Unmarshal(sc.Bytes(), &row); err != nil {
			t.Fatalf("%s:%d: %v", name, n, err)
		}
		fn(row)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
}

// special.jsonl: what must be caught, and as what.
func TestSpecial(t *testing.T) {
	g := newGuard(t)
	n := map[Class]int{}
	eachRow(t, "testdata/special.jsonl", func(row struct {
		Text    string
		Outcome Outcome
		Class   Class
	}) {
		n[row.Class]++
		f, ok := g.Check(row.Text)
		if !ok || f.Outcome != row.Outcome || f.Class != row.Class {
			t.Errorf("%s: %s %s (%s), want %s %s", row.Text, f.Outcome, f.Class, f.Rule, row.Outcome, row.Class)
		}
	})
	for _, c := range Classes() {
		if n[c] < 2 {
			t.Errorf("only %d rows of class %s", n[c], c)
		}
	}
}

// ordinary.txt: what must pass.
func TestOrdinary(t *testing.T) {
	g := newGuard(t)
	b, err := os.ReadFile("testdata/ordinary.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		n++
		passes(t, g, line)
	}
	if n < 150 {
		t.Errorf("only %d questions", n)
	}
}

func passes(t *testing.T, g *Guard, text string) {
	t.Helper()
	if f, ok := g.Check(text); ok {
		t.Errorf("%q is caught: %s (%s)", text, f.Class, f.Rule)
	}
}

// asks are what is put behind the name of a matter, by people and by the
// buttons of an answer.
var asks = []string{"", "怎么办", "要什么材料", "多久能办好", "要多少钱", "在哪里办", "网上能办吗", "咨询电话", "我想办", "去哪投诉"}

// No name, alias or question of the sample corpus is caught, however it is
// asked for.
func TestSampleCorpusPasses(t *testing.T) {
	g := newGuard(t)
	names, questions := 0, 0
	for _, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				t.Fatal(row.Err)
			}
			var texts []string
			switch r := row.Record.(type) {
			case *corpus.Guide:
				texts = slices.Concat(r.Aliases, []string{r.Name, r.ShortName, r.Parent})
				for _, f := range r.FAQs {
					passes(t, g, f.Q)
				}
			case *corpus.FAQ:
				questions++
				for _, q := range slices.Concat(r.Similar, []string{r.Question}) {
					passes(t, g, q)
				}
			case *corpus.Bundle:
				texts = []string{r.Name}
			case *corpus.Policy:
				texts = []string{r.Title}
			}
			for _, name := range texts {
				if name == "" {
					continue
				}
				names++
				for _, ask := range asks {
					passes(t, g, name+ask)
				}
			}
		}
	}
	if names < 300 || questions < 100 {
		t.Errorf("only %d names and %d questions in the sample corpus", names, questions)
	}
}

// The names of a real province pass, too.
func TestProvincePasses(t *testing.T) {
	const file = "../../../shared/data/guangdong/guides.jsonl"
	if os.Getenv("CI") == "true" {
		t.Skip("CI: the province's guides are not part of the project")
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		t.Skip("no " + file)
	}
	g := newGuard(t)
	seen := map[string]bool{}
	eachRow(t, file, func(row struct {
		Name, ShortName, Parent string
		Aliases                 []string
		FAQs                    []struct{ Q string }
	}) {
		for _, name := range slices.Concat(row.Aliases, []string{row.Name, row.ShortName, row.Parent}) {
			if name == "" || seen[name] {
				continue
			}
			seen[name] = true
			for _, ask := range asks {
				passes(t, g, name+ask)
			}
		}
		for _, f := range row.FAQs {
			passes(t, g, f.Q)
		}
	})
	if len(seen) < 1000 {
		t.Errorf("only %d names", len(seen))
	}
}

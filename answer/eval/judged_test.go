package eval_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// judgedDir holds the project's own judged questions.
const judgedDir = "testdata/judged"

func judgedSet(t *testing.T) eval.Set {
	t.Helper()
	set, err := eval.ReadSet(judgedDir)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// texts yields the id and the text of everything that is asked.
func texts(set eval.Set, fn func(id, text string)) {
	for _, q := range set.Questions {
		fn(q.ID, q.Text)
	}
	for _, d := range set.Dialogs {
		for i, turn := range d.Turns {
			fn(d.ID+"."+strconv.Itoa(i), turn.Text)
		}
	}
	for _, q := range set.Ambiguous {
		fn(q.ID, q.Text)
	}
	for _, q := range set.Special {
		fn(q.ID, q.Text)
	}
	for _, q := range set.Policies {
		fn(q.ID, q.Text)
	}
}

func TestJudgedIDs(t *testing.T) {
	seen := map[string]bool{}
	texts(judgedSet(t), func(id, text string) {
		if seen[id] || !regexp.MustCompile(`^[sdmxp]\d{2,3}([a-f]|\.\d)?$`).MatchString(id) {
			t.Errorf("id %q is double or malformed", id)
		}
		seen[id] = true
		if n := len([]rune(text)); n == 0 || n > 300 || strings.TrimSpace(text) != text {
			t.Errorf("%s: the text has %d characters, or blanks around it", id, n)
		}
	})
}

// A question that is a name or a standard question of the corpus would only
// test whether the corpus finds itself, which TestFindsItself does.
func TestJudgedWordsAreNotTheCorpus(t *testing.T) {
	recs := sampled(t)
	own := map[string]bool{}
	for _, r := range recs {
		for _, name := range namesOf(r) {
			own[nlp.Normalize(name)] = true
		}
	}
	asked := map[string]string{}
	set := judgedSet(t)
	texts(set, func(id, text string) {
		if own[nlp.Normalize(text)] && !strings.Contains(id, ".") && !strings.HasPrefix(id, "m") { // 居住证 may well be a turn, or ambiguous
			t.Errorf("%s: %q stands in the corpus", id, text)
		}
	})
	for _, q := range set.Questions {
		if before, ok := asked[q.Text]; ok {
			t.Errorf("%s and %s ask the same: %q", before, q.ID, q.Text)
		}
		asked[q.Text] = q.ID
	}
}

func TestJudgedQuestions(t *testing.T) {
	recs := sampled(t)
	set := judgedSet(t)
	asked := map[string]map[string]int{}
	for _, q := range set.Questions {
		checkJudged(t, recs, q.ID, q)
		if (q.Kind == "aspect") != (len(q.Answer) > 0) || (q.Kind == "matter") != (q.Aspect == "") || q.Kind != "matter" && q.Kind != "aspect" {
			t.Errorf("%s: kind %q, aspect %q, answer %q", q.ID, q.Kind, q.Aspect, q.Answer)
		}
		if !slices.Contains(styles, q.Style) || q.Writer != 1 && q.Writer != 2 || q.Pick != 0 {
			t.Errorf("%s: style %q, writer %d, pick %d", q.ID, q.Style, q.Writer, q.Pick)
		}
		if asked[q.Relevant[0]] == nil {
			asked[q.Relevant[0]] = map[string]int{}
		}
		asked[q.Relevant[0]][q.Kind]++
	}
	for k := range recs {
		if k.Type == corpus.TypeGuide && (asked[k.ID]["matter"] == 0 || asked[k.ID]["aspect"] == 0) {
			t.Errorf("%s is not asked for, or none of its fields is", k.ID)
		}
	}
}

func TestJudgedDialogs(t *testing.T) {
	recs := sampled(t)
	for _, d := range judgedSet(t).Dialogs {
		if len(d.Turns) < 2 || len(d.Turns) > 4 || !slices.Contains(patterns, d.Pattern) {
			t.Errorf("%s: %d turns, pattern %q", d.ID, len(d.Turns), d.Pattern)
		}
		for i, turn := range d.Turns {
			checkJudged(t, recs, d.ID+"."+strconv.Itoa(i), turn)
			if i == 0 && turn.Pick != 0 {
				t.Errorf("%s picks from nothing", d.ID)
			}
		}
	}
}

func TestJudgedAmbiguousAndSpecial(t *testing.T) {
	recs := sampled(t)
	set := judgedSet(t)
	for _, q := range set.Ambiguous {
		if len(q.Candidates) < 2 || q.Distinguishes == "" || len(slices.Compact(slices.Sorted(slices.Values(q.Candidates)))) != len(q.Candidates) {
			t.Errorf("%s: candidates %q, distinguishes %q", q.ID, q.Candidates, q.Distinguishes)
		}
		for _, c := range q.Candidates {
			if _, ok := guide(recs, c); !ok {
				t.Errorf("%s: no guide %s", q.ID, c)
			}
		}
	}
	for _, q := range set.Special {
		if len(eval.Expected(q.Expect)) == 0 || q.Note == "" {
			t.Errorf("%s: expect %q, note %q", q.ID, q.Expect, q.Note)
		}
		if q.Expect != "pii" {
			continue
		}
		if !regexp.MustCompile(`\d{8}`).MatchString(q.Text) {
			t.Errorf("%s has no number to echo", q.ID)
		}
		for _, id := range regexp.MustCompile(`\d{17}[\dX]`).FindAllString(q.Text, -1) {
			if validIDNumber(id) {
				t.Errorf("%s: %s might be somebody's", q.ID, id)
			}
		}
	}
}

func TestJudgedPolicies(t *testing.T) {
	recs := sampled(t)
	for _, q := range judgedSet(t).Policies {
		if !slices.Contains(styles, q.Style) || q.Writer != 1 && q.Writer != 2 || q.Policy == "" && (q.Article != "" || len(q.Says) > 0) {
			t.Errorf("%s: %+v", q.ID, q)
		}
		if _, ok := recs[corpus.Key{Type: corpus.TypePolicy, ID: q.Replaced}]; q.Replaced != "" && !ok {
			t.Errorf("%s: no policy %s", q.ID, q.Replaced)
		}
		if q.Policy == "" {
			continue
		}
		p, ok := recs[corpus.Key{Type: corpus.TypePolicy, ID: q.Policy}].(*corpus.Policy)
		if !ok {
			t.Errorf("%s: no policy %s", q.ID, q.Policy)
			continue
		}
		said := p.Effective.From
		for _, a := range p.Articles() {
			if a.Number == q.Article {
				said = a.Text
			}
		}
		for _, want := range q.Says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %s of %s does not say %q", q.ID, q.Article, q.Policy, want)
			}
		}
	}
}

// validIDNumber checks the check digit of GB 11643.
func validIDNumber(id string) bool {
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(id[i]-'0')
	}
	return "10X98765432"[sum%11] == id[17]
}

func checkJudged(t *testing.T, recs records, id string, q eval.Judged) {
	t.Helper()
	if len(q.Relevant) == 0 {
		t.Fatalf("%s has no right matter", id)
	}
	for _, c := range q.Relevant {
		if _, ok := guide(recs, c); !ok {
			t.Fatalf("%s: no guide %s", id, c)
		}
	}
	g, _ := guide(recs, q.Relevant[0])
	field := fieldOf(g, q.Aspect)
	for _, want := range q.Answer {
		if !stands(field, want) {
			t.Errorf("%s: %s of %s does not say %q: %q", id, q.Aspect, g.Code, want, field)
		}
	}
}

// stands reports whether a text says a string; digits as a whole number.
func stands(text, want string) bool {
	if _, err := strconv.Atoi(want); err != nil {
		return strings.Contains(text, want)
	}
	return regexp.MustCompile(`(^|[^\d.])` + want + `($|[^\d.]|\.\D)`).MatchString(text)
}

// fieldOf is what a guide says of an aspect.
func fieldOf(g *corpus.Guide, a nlp.Aspect) string {
	var said []string
	switch a {
	case nlp.AspectMaterials:
		for _, m := range g.Materials {
			said = append(said, m.Name, m.Note, m.When)
		}
	case nlp.AspectTimeLimit:
		for _, l := range []*corpus.Limit{g.PromisedLimit, g.LegalLimit} {
			if l != nil {
				said = append(said, l.String())
			}
		}
	case nlp.AspectFee:
		if g.Fee != nil && g.Fee.Charged != nil && !*g.Fee.Charged {
			return "不收费"
		}
		if g.Fee != nil {
			for _, i := range g.Fee.Items {
				said = append(said, i.Name, i.Amount)
			}
		}
	case nlp.AspectLocation, nlp.AspectHours, nlp.AspectPhone:
		for _, p := range g.Places {
			said = append(said, map[nlp.Aspect]string{nlp.AspectLocation: p.Address, nlp.AspectHours: p.Hours, nlp.AspectPhone: p.Phone}[a])
		}
		if a == nlp.AspectPhone {
			said = append(said, g.Contact)
		}
	case nlp.AspectVisits:
		if g.Visits != nil {
			said = append(said, strconv.Itoa(*g.Visits))
		}
	case nlp.AspectCondition:
		said = append(said, g.Condition)
	case nlp.AspectResult:
		said = append(said, g.Result, g.Validity)
	case nlp.AspectDepartment:
		said = append(said, g.Agency.Name)
	case nlp.AspectComplaint:
		said = append(said, g.Complaint)
	case nlp.AspectCrossRegion:
		said = append(said, g.Scope)
	case nlp.AspectOnline:
		said = append(said, g.OnlineURL)
	case nlp.AspectProcedure:
		said = g.Steps
	case nlp.AspectBasis:
		for _, b := range g.Basis {
			said = append(said, b.Name, b.Article, b.Number)
		}
	case nlp.AspectAudience:
		for _, who := range g.Audience {
			said = append(said, string(who))
		}
	case nlp.AspectAgent:
		if g.Agent != nil {
			said = append(said, map[bool]string{true: "可以委托他人代办", false: "不可以代办"}[*g.Agent])
		}
	}
	return strings.Join(said, " ")
}

var (
	styles   = []string{"colloquial", "dialect", "formal", "pinyin", "short", "story", "typo"}
	patterns = []string{"clarify", "confirm", "correction", "deny", "field", "matter", "new", "ordinal", "pronoun", "region", "return", "situation"}
)

// TestJudgedCounts holds the README to the files, and the files to what a
// judged set of this corpus needs.
func TestJudgedCounts(t *testing.T) {
	set := judgedSet(t)
	for _, row := range []struct {
		what      string
		n, atMost int
	}{
		{"questions", 600, len(set.Questions)}, {"dialogs", 60, len(set.Dialogs)}, {"ambiguous", 80, len(set.Ambiguous)}, {"special", 150, len(set.Special)},
	} {
		if row.atMost < row.n {
			t.Errorf("%d %s, want %d", row.atMost, row.what, row.n)
		}
	}
	style, kind, aspect, writer, expect, pattern := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, q := range set.Questions {
		style[q.Style]++
		kind[q.Kind]++
		writer[strconv.Itoa(q.Writer)]++
		if q.Aspect != "" {
			aspect[string(q.Aspect)]++
		}
	}
	turns := 0
	for _, d := range set.Dialogs {
		pattern[d.Pattern]++
		turns += len(d.Turns)
	}
	for _, q := range set.Special {
		expect[q.Expect]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d questions, %d dialogs of %d turns, %d ambiguous, %d special.\n", len(set.Questions), len(set.Dialogs), turns, len(set.Ambiguous), len(set.Special))
	for _, c := range []struct {
		title string
		n     map[string]int
	}{{"kind", kind}, {"style", style}, {"writer", writer}, {"aspect", aspect}, {"pattern", pattern}, {"expect", expect}} {
		fmt.Fprintf(&b, "\n| %s | n |\n|---|---:|\n", c.title)
		for _, k := range slices.Sorted(maps.Keys(c.n)) {
			fmt.Fprintf(&b, "| %s | %d |\n", k, c.n[k])
		}
	}
	requireSection(t, filepath.Join(judgedDir, "README.md"), b.String())
}

// TestJudgedReport asks the service as it is all judged questions of the
// sample city. Every figure and every wrong answer stands in a golden file,
// and the figures in docs/evaluation.md: who changes them shows the change.
func TestJudgedReport(t *testing.T) {
	engine, recs := sampleEngine(t)
	report, err := eval.Questions(t.Context(), judgedDir, askAhead(t, engine, judgedSet(t)), func(code string) []corpus.Theme {
		g, _ := guide(recs, code)
		return g.Themes
	})
	if err != nil {
		t.Fatal(err)
	}
	requireGolden(t, "testdata/judged_report.golden", report.Figures())
	misses := regexp.MustCompile(`\| (\w+) \d\.\d\d \|`).ReplaceAllString(strings.Join(report.Misses, "\n"), "| $1 |")
	requireGolden(t, "testdata/judged_misses.golden", misses+"\n")
	requireSection(t, "../../docs/evaluation.md", report.Table())
}

func requireGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./answer/eval -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; go test ./answer/eval -update accepts it):\n%s", path, diff)
	}
}

// The marks around the part of a document that a test writes.
const begin, end = "<!-- figures: written by go test ./answer/eval -update -->\n", "<!-- end of figures -->\n"

// requireSection compares the part of a document between the marks.
func requireSection(t *testing.T, path, got string) {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(whole), begin)
	want, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s lacks the marks %q and %q", path, begin, end)
	}
	if *update && want != got {
		if err := os.WriteFile(path, []byte(head+begin+got+end+tail), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got; go test ./answer/eval -update accepts it):\n%s", path, diff)
	}
}

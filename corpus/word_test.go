package corpus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWordValidate(t *testing.T) {
	good := func(change func(*Word)) *Word {
		w := &Word{Type: TypeWord, ID: "W-1", Word: "上户口", Official: []string{"出生登记"}, Confidence: .9, Kind: WordEveryday}
		change(w)
		return w
	}
	for _, row := range []struct {
		why  string
		word *Word
		want string // in the error; "" if there is none
	}{
		{"a plain word", good(func(*Word) {}), ""},
		{"a word of one county, both ways", good(func(w *Word) { w.Region.Code, w.BothWays, w.Kind = "440106", true, WordDialect }), ""},
		{"no id", good(func(w *Word) { w.ID = "" }), "字段 id：必填"},
		{"a single character stands in every second sentence", good(func(w *Word) { w.Word = "办" }), "字段 word：只有一个字"},
		{"nothing that it stands for", good(func(w *Word) { w.Official = nil }), "字段 official：至少要有一个"},
		{"a term twice", good(func(w *Word) { w.Official = []string{"出生登记", "出生登记"} }), "official[1]：写了两次"},
		{"itself", good(func(w *Word) { w.Official = []string{"上户口"} }), "official[0]：与日常说法相同"},
		{"too many terms", good(func(w *Word) { w.Official = strings.Fields(strings.Repeat("甲乙 ", 13)) }), "项数太多：13，最多 12"},
		{"no confidence", good(func(w *Word) { w.Confidence = 0 }), "字段 confidence：把握应大于 0"},
		{"more than sure", good(func(w *Word) { w.Confidence = 1.01 }), "字段 confidence"},
		{"an unknown kind", good(func(w *Word) { w.Kind = "slang" }), "类别 \"slang\" 不认识"},
		{"a slip the other way round", good(func(w *Word) { w.Kind, w.BothWays = WordTypo, true }), "错字只能单向"},
		{"a region that is none", good(func(w *Word) { w.Region.Code = "44" }), "region.code"},
		{"a line break", good(func(w *Word) { w.Word = "上\n户口" }), "换行"},
	} {
		t.Run(row.why, func(t *testing.T) {
			err := row.word.Validate()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestWordKeepsItsLine(t *testing.T) {
	const line = `{"type":"word","id":"W-1","word":"屋企","official":["住所","家庭住址"],"bothWays":true,"confidence":0.7,"region":{"code":"440100"},"kind":"dialect","note":"粤语","own":[1]}`
	rec, err := Unmarshal([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Marshal(rec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(line, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"own"}, rec.UnknownKeys()); diff != "" {
		t.Errorf("unknown keys (-want +got):\n%s", diff)
	}
}

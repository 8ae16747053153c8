package regress

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

var judgedSet = []Judged{
	{ID: "fee", Text: "居住证补领多少钱", Matters: []string{"AL-JZ-004"}, Aspect: nlp.AspectFee, Outcome: answer.Answered, Says: []string{"工本费"}},
	{ID: "how", Text: "居住证怎么办", Matters: []string{"AL-JZ-002", "AL-JZ-001"}},
	{ID: "not", Text: "明天股票会涨吗", Outcome: answer.Refused},
	{ID: "new", Text: "豆豆本丢了怎么补", Matters: []string{"AL-JZ-004"}},
}

// The gate stops what makes a figure fall, and nothing else.
func TestGate(t *testing.T) {
	e := apitest.Engine(t)
	published := func(code string) corpus.Guide {
		rec, err := e.Corpus.GetAt(e.Edition(), corpus.Key{Type: corpus.TypeGuide, ID: code})
		if err != nil {
			t.Fatal(err)
		}
		return *rec.(*corpus.Guide)
	}
	fee := corpus.Key{Type: corpus.TypeGuide, ID: "AL-JZ-004"}
	cheaper := published(fee.ID)
	cheaper.Fee = nil
	other := published("AL-CR-003")
	other.Condition = "另有规定的除外"
	word := &corpus.Word{Type: corpus.TypeWord, ID: "W", Word: "豆豆本", Official: []string{"居住证补领"}, Confidence: 1, Kind: corpus.WordEveryday}
	for _, row := range []struct {
		why     string
		set     []Judged
		changes []corpus.Change
		passed  bool
		says    []string
	}{
		{"nothing changes", judgedSet, nil, true, []string{"评判题 4 道", "全对 3/4 → 3/4", "事项 2/3 → 2/3"}},
		{"another matter changes", judgedSet, []corpus.Change{{Key: other.Key(), Record: &other}}, true, []string{"3/4 → 3/4"}},
		{"the fee is taken out", judgedSet, []corpus.Change{{Key: fee, Record: &cheaper}}, false,
			[]string{"全对 3/4 → 2/4", "“须含的文字”由 1 道降到 0 道（共 1 道）", "“居住证补领多少钱”原来已回答「居住证补领」的收费", "不对的是须含的文字"}},
		{"the matter is removed", judgedSet, []corpus.Change{{Key: fee}}, false, []string{"“事项”由 2 道降到 1 道"}},
		{"a word makes more right", judgedSet, []corpus.Change{{Key: word.Key(), Record: word}}, true, []string{"全对 3/4 → 4/4"}},
		{"one better does not make up for one worse in another figure", judgedSet,
			[]corpus.Change{{Key: word.Key(), Record: word}, {Key: fee, Record: &cheaper}}, false, []string{"全对 3/4 → 3/4", "须含的文字"}},
		{"nothing is judged", nil, []corpus.Change{{Key: fee}}, true, []string{"没有评判题"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			gate := Gate(e, func() ([]Judged, error) { return row.set, nil })
			report, err := gate(t.Context(), row.changes)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(append([]string{report.Summary}, report.Failures...), "\n")
			if report.Passed != row.passed || report.Passed != (len(report.Failures) == 0) {
				t.Errorf("passed %v:\n%s", report.Passed, all)
			}
			for _, s := range row.says {
				if !strings.Contains(all, s) {
					t.Errorf("no %q in\n%s", s, all)
				}
			}
		})
	}
	broken := errors.New("disk")
	if _, err := Gate(e, func() ([]Judged, error) { return nil, broken })(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("judged questions that cannot be read let everything pass: %v", err)
	}
}

func TestDifferences(t *testing.T) {
	e := apitest.Engine(t)
	word := &corpus.Word{Type: corpus.TypeWord, ID: "W", Word: "豆豆本", Official: []string{"居住证补领"}, Confidence: 1, Kind: corpus.WordEveryday}
	questions := []Question{{Text: "豆豆本丢了怎么补", Count: 3}, {Text: "居住证怎么办", Judged: true}, {Text: strings.Repeat("长", 301)}}
	var got []Difference
	err := Rehearse(t.Context(), e, []corpus.Change{{Key: word.Key(), Record: word}}, func(before, after Asker) (err error) {
		got, err = Differences(t.Context(), before, after, questions)
		return err
	})
	if err != nil || len(got) != 1 || got[0].Count != 3 || got[0].After.Matter != "AL-JZ-004" || got[0].Before.Matter == "AL-JZ-004" {
		t.Errorf("%+v, %v", got, err)
	}
	if s := got[0].After.String(); s != "列出来选，首项「居住证补领」" {
		t.Errorf("said %q", s)
	}
}

func TestRead(t *testing.T) {
	csv := "\xef\xbb\xbf问题,事项,要素,结果,须含,地区,说明\n居住证补领多少钱,AL-JZ-004；AL-JZ-005,收费,已回答,20元,990100,窗口常问\n,,,,,,\n只有问题,,,,,,\n\"换行的\n问题\",A,费用,,,44,\n"
	jsonl := `{"text":" 居住证怎么办 ","matters":["AL-JZ-002",""]}` + "\n\n" + `{"text":1}` + "\n" + `{"id":"x","text":"明天","outcome":"refused"}`
	for _, row := range []struct {
		why, name, text string
		want            []Row
		err             string
	}{
		{"CSV", "a.csv", csv, []Row{
			{2, Judged{ID: "q-1eac1b", Text: "居住证补领多少钱", Region: "990100", Matters: []string{"AL-JZ-004", "AL-JZ-005"}, Aspect: nlp.AspectFee,
				Outcome: answer.Answered, Says: []string{"20元"}, Note: "窗口常问"}, nil},
			{4, Judged{Text: "只有问题"}, []string{"没有写应当怎样回答：事项、常见问题、要素、结果、须含的文字至少写一项"}},
			{5, Judged{Text: "换行的\n问题", Region: "44", Matters: []string{"A"}, Aspect: "费用"}, []string{"区划代码 \"44\" 无效，应为 6、9 或 12 位数字", "要素 \"费用\" 不认识"}},
		}, ""},
		{"JSON Lines", "a.JSONL", jsonl, []Row{
			{1, Judged{Text: "居住证怎么办", Matters: []string{"AL-JZ-002"}}, nil},
			{3, Judged{}, []string{"不是评判题的 JSON：json: cannot unmarshal number into Go struct field Judged.text of type string"}},
			{4, Judged{ID: "x", Text: "明天", Outcome: answer.Refused}, nil},
		}, ""},
		{"another file", "a.pdf", "", nil, "结尾"},
		{"another encoding", "a.csv", "\xce\xca\xcc\xe2", nil, "UTF-8"},
		{"no question column", "a.csv", "事项\nA", nil, "没有“问题”一列"},
		{"too large", "a.csv", strings.Repeat("a", maxFile+1), nil, "8 MiB"},
		{"an unfinished quote", "a.csv", "问题\n\"居住证", nil, "无法读取"},
	} {
		t.Run(row.why, func(t *testing.T) {
			got, err := Read(row.name, strings.NewReader(row.text))
			if row.err != "" {
				if !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), row.err) {
					t.Errorf("error %v, want %q", err, row.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].Judged.ID != "x" { // it follows from the rest; TestSettle
					got[i].Judged.ID = ""
				}
			}
			row.want[0].Judged.ID = ""
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What is imported twice is kept once.
func TestSettle(t *testing.T) {
	id := func(j Judged) string {
		j.Settle()
		return j.ID
	}
	one := id(Judged{Text: "居住证怎么办"})
	if one == "" || id(Judged{Text: " 居住證怎么办 ", Note: "又一次"}) != one {
		t.Error("the same question has two ids")
	}
	if id(Judged{Text: "居住证怎么办", Region: "990100"}) == one || id(Judged{Text: "居住证"}) == one || id(Judged{ID: " mine ", Text: "居住证"}) != "mine" {
		t.Error("other questions have its id")
	}
}

// A publication over the 2,262 guides of the shared data is judged in about a second.
func BenchmarkGate(b *testing.B) {
	const guides, questions = "../../../shared/data/guangdong/guides.jsonl", "../../../shared/eval/questions"
	set, err := eval.ReadSet(questions)
	file, openErr := os.Open(guides)
	if err != nil || openErr != nil || os.Getenv("CI") == "true" {
		b.Skip("the shared data are not here")
	}
	recs := apitest.Records{}
	for row := range corpus.ReadJSONL(file) {
		if row.Err != nil {
			b.Fatal(row.Err)
		}
		recs[row.Record.Key()] = row.Record
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	lex, err := nlp.LoadLexicon()
	if err != nil {
		b.Fatal(err)
	}
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := ix.Close(); err != nil {
			b.Error(err)
		}
	}()
	e, err := answer.New(answer.Config{Corpus: recs, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef")})
	if err == nil {
		err = e.Refresh(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	var judged []Judged
	for _, q := range set.Questions[:200] {
		judged = append(judged, Judged{ID: q.ID, Text: q.Text, Matters: q.Relevant, Says: q.Answer})
	}
	changed := *recs[corpus.Key{Type: corpus.TypeGuide, ID: judged[0].Matters[0]}].(*corpus.Guide)
	changed.Contact = ""
	gate := Gate(e, func() ([]Judged, error) { return judged, nil })
	for b.Loop() {
		if report, err := gate(b.Context(), []corpus.Change{{Key: changed.Key(), Record: &changed}}); err != nil || report.Summary == "" {
			b.Fatal(report, err)
		}
	}
}

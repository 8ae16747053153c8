package eval_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/corpus"
)

// An askFunc is an eval.Asker.
type askFunc func(text, state string) (answer.Answer, error)

func (f askFunc) Ask(_ context.Context, r answer.Request) (answer.Answer, error) {
	return f(r.Text, r.State)
}

func about(outcome answer.Outcome, confidence float64, codes ...string) answer.Answer {
	a := answer.Answer{Outcome: outcome, Confidence: confidence, State: "next"}
	for _, c := range codes {
		a.Matters = append(a.Matters, answer.MatterRef{Code: c})
		if outcome == answer.Choose {
			a.Options = append(a.Options, answer.Option{Code: c})
		}
	}
	return a
}

// scripted answers what its table says.
func scripted(answers map[string]answer.Answer) askFunc {
	return func(text, state string) (answer.Answer, error) {
		if state != "" {
			text = "…" + text
		}
		a, ok := answers[text]
		if !ok {
			return a, errors.New("not in the script: " + text)
		}
		return a, nil
	}
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// report asks a folder and returns the report as JSON says it, without the
// latencies.
func report(t *testing.T, files map[string]string, answers map[string]answer.Answer) map[string]any {
	t.Helper()
	r, err := eval.Questions(t.Context(), folder(t, files), scripted(answers), func(code string) []corpus.Theme {
		return map[string][]corpus.Theme{"A": {"出境入境", "证件办理"}, "B": {"证件办理"}}[code]
	})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "ms p50")
	delete(m, "ms p99")
	delete(m, "n")
	return m
}

func requireFigures(t *testing.T, got, want map[string]any) {
	t.Helper()
	picked := map[string]any{}
	for k := range want {
		picked[k] = got[k]
	}
	if diff := cmp.Diff(want, picked); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

func TestFiguresOfQuestions(t *testing.T) {
	got := report(t, map[string]string{"questions.jsonl": `{"id":"1","text":"first","kind":"matter","relevant":["A"],"style":"short","writer":1}
{"id":"2","text":"third","kind":"matter","relevant":["B"],"style":"short","writer":2}
{"id":"3","text":"none","kind":"matter","relevant":["A"],"style":"formal","writer":2}
{"id":"4","text":"field","kind":"aspect","aspect":"fee","relevant":["A"],"answer":["3"],"style":"formal","writer":2}
{"id":"5","text":"wrong field","kind":"aspect","aspect":"fee","relevant":["A"],"answer":["3"],"style":"formal","writer":2}
`}, map[string]answer.Answer{
		"first":       about(answer.Answered, .95, "A", "B"),
		"third":       about(answer.Answered, .65, "X", "Y", "B"),
		"none":        about(answer.NotFound, .1),
		"field":       {Outcome: answer.Answered, Confidence: 1, Aspect: "fee", Text: "3元", Matters: []answer.MatterRef{{Code: "A"}}},
		"wrong field": {Outcome: answer.Answered, Confidence: .61, Aspect: "phone", Text: "13元", Matters: []answer.MatterRef{{Code: "A"}}},
	})
	requireFigures(t, got, map[string]any{
		"matter.hit1": .3333, "matter.hit3": .6667, "matter.mrr": .4444, "aspect.hit1": 1., "aspect.exact": .5, "aspect.read": .5, "aspect.mrr": 1.,
		"false_refusal": .2, "answered.right": .75,
		"by style":  map[string]any{"short": .5, "formal": .6667},
		"by writer": map[string]any{"1": 1., "2": .5},
		"by theme":  map[string]any{"出境入境": .75, "证件办理": .6},
		"by aspect": map[string]any{"fee": .5},
		"confusion": map[string]any{"answer": map[string]any{"answered": 4., "not_found": 1.}},
		"calibration": []any{
			map[string]any{"from": .6, "to": .7, "n": 2., "confidence": .63, "right": .5},
			map[string]any{"from": .9, "to": 1., "n": 2., "confidence": .975, "right": 1.},
		},
		"calibration.error": .0775,
	})
}

func TestFiguresOfDialogs(t *testing.T) {
	got := report(t, map[string]string{"dialogs.jsonl": `{"id":"d1","pattern":"ordinal","turns":[{"text":"cards","relevant":["A","B"]},{"text":"the second","relevant":["A","B"],"pick":2}]}
{"id":"d2","pattern":"ordinal","turns":[{"text":"cards","relevant":["A","B"]},{"text":"the last","relevant":["A","B"],"pick":-1}]}
{"id":"d3","pattern":"ordinal","turns":[{"text":"cards","relevant":["A","B"]},{"text":"the fourth","relevant":["A","B"],"pick":4}]}
{"id":"d4","pattern":"field","turns":[{"text":"cards","relevant":["A"]},{"text":"how long","relevant":["A"],"answer":["7"]}]}
`}, map[string]answer.Answer{
		"cards":       about(answer.Choose, .4, "A", "X", "B"),
		"…the second": about(answer.Answered, .9, "B"), // the second was X
		"…the last":   about(answer.Answered, .9, "B"),
		"…the fourth": about(answer.Answered, .9, "B"), // there were three
		"…how long":   {Outcome: answer.Answered, Text: "7个工作日", Matters: []answer.MatterRef{{Code: "A"}}},
	})
	requireFigures(t, got, map[string]any{"dialog.first": 1., "dialog.later": .5, "dialog.turn": .75,
		"by pattern": map[string]any{"ordinal": .3333, "field": 1.}})
}

func TestFiguresOfAmbiguousAndSpecial(t *testing.T) {
	files := map[string]string{
		"ambiguous.jsonl": `{"id":"m1","text":"cards","candidates":["A","B"]}
{"id":"m2","text":"card A","candidates":["A","B"]}
{"id":"m3","text":"other cards","candidates":["A","C"]}
`,
		"special.jsonl": `{"id":"x1","text":"weather","expect":"refuse"}
{"id":"x2","text":"moon","expect":"refuse"}
{"id":"x3","text":"hello","expect":"smalltalk"}
{"id":"x4","text":"my number is 123456789012","expect":"pii"}
{"id":"x5","text":"my number is 987654321098","expect":"pii"}
`}
	answers := map[string]answer.Answer{
		"cards":                     about(answer.Choose, .4, "A", "B"),
		"card A":                    about(answer.Answered, .9, "A", "B"),
		"other cards":               about(answer.Choose, .4, "A", "B"),
		"weather":                   about(answer.NotFound, .1),
		"moon":                      about(answer.Answered, .75, "A"),
		"hello":                     about(answer.Smalltalk, 1),
		"my number is 123456789012": about(answer.Answered, .8, "A"),
		"my number is 987654321098": {Outcome: answer.NotFound, Text: "没有找到“987654321098”"},
	}
	want := map[string]any{"ambiguous.ask": .3333, "oos.refuse": .5, "oos.answered_wrong": .5, "oos.smalltalk": 1., "pii.echo": .5, "oos.pii": .5, "oos.right": .6,
		"confusion": map[string]any{"ask": map[string]any{"choose": 2., "answered": 1.}, "refuse": map[string]any{"not_found": 1., "answered": 1.},
			"smalltalk": map[string]any{"smalltalk": 1.}, "pii": map[string]any{"answered": 1., "not_found": 1.}},
		"calibration": []any{map[string]any{"from": .7, "to": .8, "n": 1., "confidence": .75, "right": 0.}}}
	requireFigures(t, report(t, files, answers), want)
	files["outofscope.jsonl"] = `{"id":"x1","text":"weather","expect":"refuse"}` + "\n" // goes before special.jsonl
	requireFigures(t, report(t, files, answers), map[string]any{"oos.refuse": 1., "oos.right": 1., "oos.smalltalk": nil})
}

func TestQuestionsOfBadFolders(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"an empty folder":     {},
		"a line that is none": {"questions.jsonl": "{\n"},
	} {
		_, err := eval.Questions(t.Context(), folder(t, files), scripted(nil), nil)
		if !errors.Is(err, eval.ErrFolder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := map[string]string{"questions.jsonl": `{"id":"1","text":"a","kind":"matter","relevant":["A"]}` + "\n"}
	if _, err := eval.Questions(t.Context(), folder(t, one), scripted(nil), nil); err == nil {
		t.Error("an engine that fails is no answer")
	}
	empty := askFunc(func(string, string) (answer.Answer, error) { return answer.Answer{}, answer.ErrBadQuestion })
	r, err := eval.Questions(t.Context(), folder(t, one), empty, nil)
	if err != nil || len(r.Misses) != 1 {
		t.Errorf("a bad question is counted as no answer: %v, %v", r, err)
	}
}

func TestTable(t *testing.T) {
	r, err := eval.Questions(t.Context(), folder(t, map[string]string{
		"questions.jsonl": `{"id":"1","text":"a","kind":"matter","relevant":["A"],"style":"short"}` + "\n",
		"special.jsonl":   `{"id":"2","text":"b","expect":"refuse"}` + "\n",
	}), scripted(map[string]answer.Answer{"a": about(answer.Answered, .9, "A"), "b": about(answer.Answered, .5, "A")}), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `| 看什么 | 题数 | 做到的 |
|---|---:|---:|
| 只说需要：第一个事项就是要办的 | 1 | 100.0% |
| 只说需要：前三个事项里有要办的 | 1 | 100.0% |
| 直接作答的，事项答对了 | 1 | 100.0% |
| 能答的题，没有说“没找到”或拒答 | 1 | 100.0% |
| 本地没有的事、外地的事，没有硬答 | 1 | 0.0% |

| 应当 | 作答 | 列出来选 | 反问 | 没找到 | 拒答 | 转人工 | 急事提示 | 寒暄 |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
| 作答 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
| 没找到或拒答 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |

| 系统自报的把握 | 作答数 | 平均把握 | 实际答对 |
|---|---:|---:|---:|
| 0.5–0.6 | 1 | 50.0% | 0.0% |
| 0.9–1.0 | 1 | 90.0% | 100.0% |

| 文体 | 题数 | 第一个事项就对 |
|---|---:|---:|
| 几个词 | 1 | 100.0% |
`
	if diff := cmp.Diff(want, r.Table()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

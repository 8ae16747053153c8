package eval_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/index/vector/vectortest"
	"github.com/govqa/govqa/nlp"
)

// understanding makes the concepts of a model that understands a share of the
// judged questions: to those it gives the concept of the right matter, to the
// others that of some other one. A document has the concept of its matter.
func understanding(recs records, questions []eval.Judged, share float64) func(text string) []string {
	concept := map[string]string{}
	var codes []string
	for k, rec := range recs {
		if g, ok := rec.(*corpus.Guide); ok {
			concept[g.Name] = k.ID
			codes = append(codes, k.ID)
		}
	}
	slices.Sort(codes)
	for _, q := range questions {
		h := fnv.New64a()
		h.Write([]byte(q.Text)) // never fails
		n := h.Sum64()
		code := q.Relevant[0]
		if float64(n%1000) >= share*1000 {
			code = codes[n/1000%uint64(len(codes))]
		}
		concept[nlp.Normalize(q.Text)] = code
	}
	return func(text string) []string {
		first, _, _ := strings.Cut(text, "\n")
		if c := concept[first]; c != "" {
			return []string{c}
		}
		return nil
	}
}

// embeddedBy gives an index the vectors of a model server.
func embeddedBy(t *testing.T, ix *index.Index, recs records, m vectortest.Model) *index.Embeddings {
	t.Helper()
	s := vectortest.Start(t, m)
	client, err := llm.NewEmbedder(llm.EmbedConfig{URL: s.URL, Model: m.Name})
	if err != nil {
		t.Fatal(err)
	}
	e, err := index.OpenEmbeddings(t.TempDir(), ix, recs, client, index.EmbeddingOptions{Batch: 256, Timeout: 30e9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// A ranking is how well the index ranks judged questions.
type ranking struct{ hit1, hit3, mrr, found float64 }

func (r ranking) String() string {
	return fmt.Sprintf("%.3f | %.3f | %.3f | %.3f", r.hit1, r.hit3, r.mrr, r.found)
}

func rank(t *testing.T, engine *answer.Engine, questions []eval.Judged) (r ranking) {
	t.Helper()
	for _, q := range questions {
		_, hits, err := engine.Evidence(t.Context(), q.Text)
		if err != nil {
			t.Fatal(err)
		}
		for i, h := range hits {
			if !slices.Contains(q.Relevant, h.Key.ID) {
				continue
			}
			r.found++
			r.mrr += 1 / float64(i+1)
			if i < 1 {
				r.hit1++
			}
			if i < 3 {
				r.hit3++
			}
			break
		}
	}
	n := float64(len(questions))
	return ranking{r.hit1 / n, r.hit3 / n, r.mrr / n, r.found / n}
}

// A judgedCorpus is a corpus with the questions that judge it.
type judgedCorpus struct {
	name      string
	recs      records
	questions []eval.Judged
}

// sharedCorpus is the guides of a province with their questions, which lie
// beside the project.
func sharedCorpus(t *testing.T) (judgedCorpus, bool) {
	t.Helper()
	const guides, questions = "../../../shared/data/guangdong/guides.jsonl", "../../../shared/eval/questions"
	if os.Getenv("CI") == "true" || raceOn {
		return judgedCorpus{}, false
	}
	f, err := os.Open(guides)
	if err != nil {
		return judgedCorpus{}, false
	}
	defer f.Close()
	recs := records{}
	for row := range corpus.ReadJSONL(f) {
		if row.Err == nil {
			recs[row.Record.Key()] = row.Record
		}
	}
	set, err := eval.ReadSet(questions)
	if err != nil {
		t.Fatal(err)
	}
	return judgedCorpus{"广东省指南", recs, set.Questions}, true
}

// TestHybridRanking: vectors that say nothing leave every ranking as it is,
// those that understand most questions make it better.
func TestHybridRanking(t *testing.T) {
	corpora := []judgedCorpus{{"示例城市", sampled(t), judgedSet(t).Questions}}
	if c, ok := sharedCorpus(t); ok {
		corpora = append(corpora, c)
	} else {
		t.Log("no shared data: the sample city alone")
	}
	for _, c := range corpora {
		ix, err := indexOf(c.recs)
		if err != nil {
			t.Fatal(err)
		}
		engine := engineOf(t, ix, c.recs)
		lexical := rank(t, engine, c.questions)
		t.Logf("%s | 没有向量 | %v", c.name, lexical)
		for _, m := range []struct {
			name string
			vectortest.Model
		}{
			{"噪声向量", vectortest.Model{Name: "noise", Noise: true}},
			{"能懂七成", vectortest.Model{Name: "good", Concepts: understanding(c.recs, c.questions, .7)}},
			{"能懂五成", vectortest.Model{Name: "fair", Concepts: understanding(c.recs, c.questions, .5)}},
			{"只看字面", vectortest.Model{Name: "letters"}},
		} {
			e := embeddedBy(t, ix, c.recs, m.Model)
			got := rank(t, engine, c.questions)
			t.Logf("%s | %s | %v | %.2f", c.name, m.name, got, e.Status().Trust)
			switch {
			case m.Noise && got != lexical:
				t.Errorf("%s: %s change the ranking: %v, without %v", c.name, m.name, got, lexical)
			case m.Name == "good" && got.hit1 <= lexical.hit1+.03:
				t.Errorf("%s: %s do not help: %v, without %v", c.name, m.name, got, lexical)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHybridAnswers: with vectors that understand most questions whole answers
// are better, and what must not be answered still is not.
func TestHybridAnswers(t *testing.T) {
	recs, set := sampled(t), judgedSet(t)
	ix, err := indexOf(recs)
	if err != nil {
		t.Fatal(err)
	}
	engine := engineOf(t, ix, recs)
	figures := func() map[string]float64 {
		report, err := eval.Questions(t.Context(), judgedDir, askAhead(t, engine, set), nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		f := map[string]float64{}
		for k, v := range m {
			if x, ok := v.(float64); ok {
				f[k] = x
			}
		}
		return f
	}
	before := figures()
	embeddedBy(t, ix, recs, vectortest.Model{Name: "good", Concepts: understanding(recs, set.Questions, .7)})
	after := figures()
	for _, row := range []struct {
		figure string
		gain   float64 // at least
	}{
		{"matter.hit1", .08}, {"aspect.hit1", .03}, {"answered.right", .03}, {"dialog.turn", 0}, {"ambiguous.ask", -.01},
		{"oos.refuse", 0}, {"oos.emergency", 0}, {"oos.handover", 0}, {"oos.injection", 0},
	} {
		if got := after[row.figure] - before[row.figure]; got < row.gain {
			t.Errorf("%s: %.4f, without vectors %.4f", row.figure, after[row.figure], before[row.figure])
		}
	}
	for figure, atMost := range map[string]float64{"false_refusal": 0, "oos.answered_wrong": .03, "pii.echo": 0} {
		if got := after[figure] - before[figure]; got > atMost {
			t.Errorf("%s: %.4f, without vectors %.4f", figure, after[figure], before[figure])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(before)) {
		t.Logf("%-28s %.4f %.4f", k, before[k], after[k])
	}
}

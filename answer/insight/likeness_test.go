package insight

import (
	"slices"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
	"github.com/govqa/govqa/nlp/jieba"
)

// The judged questions ask for the same matters in words as unlike as people's
// are. Of those that join a group, most are about the matter of its first
// question; the rest mostly about another situation of the same certificate.
func TestLikenessOnJudgedQuestions(t *testing.T) {
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	seg, err := jieba.New(lex.Words)
	if err != nil {
		t.Fatal(err)
	}
	defer seg.Close()
	recs := apitest.Records{}
	for _, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				t.Fatal(row.Err)
			}
			recs[row.Record.Key()] = row.Record
		}
	}
	ix, err := index.Open("", seg, lex, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	}()
	e, err := answer.New(answer.Config{Corpus: recs, Index: ix, Segmenter: seg, Lexicon: lex, StateKey: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := eval.ReadSet("../eval/testdata/judged")
	if err != nil {
		t.Fatal(err)
	}
	g, p := newGaps(), &nlp.Parser{Segmenter: seg, Lexicon: lex}
	relevant := map[uint64][]string{}
	joined, right := 0, 0
	for i, q := range set.Questions {
		_, hits, err := e.Evidence(t.Context(), q.Text)
		if err != nil {
			t.Fatal(err)
		}
		one := question{seq: uint64(i + 1), at: day, text: q.Text}
		for _, h := range hits[:min(3, len(hits))] {
			one.near = append(one.near, answer.Near{Code: h.Key.ID, Behind: hits[0].Score - h.Score})
		}
		relevant[one.seq] = q.Relevant
		in := g.add(p, one, Unanswered)
		if in == nil || in.first.seq == one.seq {
			continue
		}
		joined++
		if slices.ContainsFunc(q.Relevant, func(code string) bool { return slices.Contains(relevant[in.first.seq], code) }) {
			right++
		}
	}
	share := float64(right) / float64(max(1, joined))
	t.Logf("%d questions make %d groups; %d joined one, %.3f of them that of their own matter", len(set.Questions), len(g.list), joined, share)
	if joined < 150 || share < .7 {
		t.Errorf("%d joined a group, %.3f of them the right one; at least 150 and 0.7 are wanted", joined, share)
	}
}

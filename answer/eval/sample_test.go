package eval_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
	"github.com/govqa/govqa/nlp/jieba"
)

// today is the day of every test.
var today = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// records is a corpus of one edition in memory.
type records map[corpus.Key]corpus.Record

var _ answer.Corpus = records{}

func (records) Edition() corpus.Edition { return 1 }

func (records) Sum(corpus.Edition) (string, error) { return "1", nil }

func (records) Changes(_, _ corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(func(corpus.Change, error) bool) {}
}

func (r records) All(_ corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	keys := slices.SortedFunc(maps.Keys(r), func(a, b corpus.Key) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	return func(yield func(corpus.Record, error) bool) {
		for _, k := range keys {
			if (t == "" || k.Type == t) && !yield(r[k], nil) {
				return
			}
		}
	}
}

func (r records) GetAt(_ corpus.Edition, k corpus.Key) (corpus.Record, error) {
	rec, ok := r[k]
	if !ok {
		return nil, fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
	}
	return rec, nil
}

// sampleRecords reads the built-in sample corpus once.
var sampleRecords = sync.OnceValues(func() (records, error) {
	recs := records{}
	for name, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", name, row.N, row.Err)
			}
			recs[row.Record.Key()] = row.Record
		}
	}
	return recs, nil
})

// A production is what the service cuts and reads questions with.
type production struct {
	seg *jieba.Segmenter
	lex *nlp.Lexicon
}

// segmenter loads the production segmenter once for all tests: it takes half a
// second and 130 MB, and lives as long as the process.
var segmenter = sync.OnceValues(func() (production, error) {
	lex, err := nlp.LoadLexicon()
	if err != nil {
		return production{}, err
	}
	seg, err := jieba.New(lex.Words)
	return production{seg, lex}, err
})

// indexOf is an index in memory of the records, made with the production
// segmenter.
func indexOf(recs records) (*index.Index, error) {
	p, err := segmenter()
	if err != nil {
		return nil, err
	}
	ix, err := index.Open("", p.seg, p.lex, index.Options{})
	if err != nil {
		return nil, err
	}
	_, err = ix.CatchUp(context.Background(), recs)
	return ix, err
}

// sampled returns the sample corpus to a test that cannot do without it.
func sampled(t *testing.T) records {
	t.Helper()
	recs, err := sampleRecords()
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

// sampleIndex is made once; it lives as long as the process.
var sampleIndex = sync.OnceValues(func() (*index.Index, error) {
	recs, err := sampleRecords()
	if err != nil {
		return nil, err
	}
	return indexOf(recs)
})

// sampleEngine answers from the sample corpus as the service does.
func sampleEngine(t *testing.T) (*answer.Engine, records) {
	t.Helper()
	recs := sampled(t)
	ix, err := sampleIndex()
	if err != nil {
		t.Fatal(err)
	}
	return engineOf(t, ix, recs), recs
}

// engineOf answers from an index as the service does.
func engineOf(t *testing.T, ix *index.Index, recs records) *answer.Engine {
	t.Helper()
	p, err := segmenter()
	if err != nil {
		t.Fatal(err)
	}
	e, err := answer.New(answer.Config{Corpus: recs, Index: ix, Segmenter: p.seg, Lexicon: p.lex,
		StateKey: []byte("0123456789abcdef"), Now: func() time.Time { return today }})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// An ahead answers from what was asked before the run, on several processors
// at once: a judged set is mostly questions that do not depend on each other.
type ahead struct {
	*answer.Engine
	answers map[string]answer.Answer // of questions that begin a conversation
}

// askAhead asks every question of a set that begins a conversation.
func askAhead(t *testing.T, e *answer.Engine, set eval.Set) ahead {
	t.Helper()
	var first []string
	texts(set, func(id, text string) {
		if _, turn, isTurn := strings.Cut(id, "."); !isTurn || turn == "0" {
			first = append(first, text)
		}
	})
	answers := make([]answer.Answer, len(first))
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(first); i += workers {
				a, err := e.Ask(t.Context(), answer.Request{Text: first[i]})
				if err != nil {
					t.Errorf("%q: %v", first[i], err)
				}
				answers[i] = a
			}
		})
	}
	wg.Wait()
	a := ahead{e, map[string]answer.Answer{}}
	for i, text := range first {
		a.answers[text] = answers[i]
	}
	return a
}

// Ask implements eval.Asker.
func (a ahead) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	if known, ok := a.answers[r.Text]; ok && r.State == "" {
		return known, nil
	}
	return a.Engine.Ask(ctx, r)
}

func guide(recs records, code string) (*corpus.Guide, bool) {
	g, ok := recs[corpus.Key{Type: corpus.TypeGuide, ID: code}].(*corpus.Guide)
	return g, ok
}

package answer

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A memory is a Corpus of records in memory. Its editions never change.
type memory struct {
	mu       sync.RWMutex
	editions []map[corpus.Key]corpus.Record
}

var _ Corpus = (*memory)(nil)

// newMemory is a corpus whose first edition holds the records.
func newMemory(recs ...corpus.Record) *memory {
	m := &memory{editions: []map[corpus.Key]corpus.Record{{}}}
	m.publish(recs...)
	return m
}

// publish adds an edition in which the records are new or revised.
func (m *memory) publish(recs ...corpus.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(m.editions[len(m.editions)-1])
	for _, r := range recs {
		next[r.Key()] = r
	}
	m.editions = append(m.editions, next)
}

// remove adds an edition without the records of the keys.
func (m *memory) remove(keys ...corpus.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := maps.Clone(m.editions[len(m.editions)-1])
	for _, k := range keys {
		delete(next, k)
	}
	m.editions = append(m.editions, next)
}

func (m *memory) at(e corpus.Edition) (map[corpus.Key]corpus.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if int(e) >= len(m.editions) {
		return nil, fmt.Errorf("no edition %d", e)
	}
	return m.editions[e], nil
}

func sortedKeys(recs map[corpus.Key]corpus.Record) []corpus.Key {
	return slices.SortedFunc(maps.Keys(recs), func(a, b corpus.Key) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
}

// Edition implements Corpus.
func (m *memory) Edition() corpus.Edition {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return corpus.Edition(len(m.editions) - 1)
}

// Sum implements Corpus.
func (m *memory) Sum(e corpus.Edition) (string, error) {
	recs, err := m.at(e)
	if err != nil {
		return "", err
	}
	h := fnv.New64a()
	for _, k := range sortedKeys(recs) {
		line, err := corpus.Marshal(recs[k])
		if err != nil {
			return "", err
		}
		h.Write(line)
	}
	return fmt.Sprintf("%x", h.Sum64()), nil
}

// All implements Corpus.
func (m *memory) All(e corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	return func(yield func(corpus.Record, error) bool) {
		recs, err := m.at(e)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, k := range sortedKeys(recs) {
			if (t == "" || k.Type == t) && !yield(recs[k], nil) {
				return
			}
		}
	}
}

// Changes implements Corpus.
func (m *memory) Changes(after, upTo corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(yield func(corpus.Change, error) bool) {
		before, err := m.at(after)
		if err != nil {
			yield(corpus.Change{}, err)
			return
		}
		now, err := m.at(upTo)
		if err != nil {
			yield(corpus.Change{}, err)
			return
		}
		both := maps.Clone(before)
		maps.Copy(both, now)
		for _, k := range sortedKeys(both) {
			if before[k] != now[k] && !yield(corpus.Change{Key: k, Record: now[k]}, nil) {
				return
			}
		}
	}
}

// GetAt implements Corpus.
func (m *memory) GetAt(e corpus.Edition, k corpus.Key) (corpus.Record, error) {
	recs, err := m.at(e)
	if err != nil {
		return nil, err
	}
	rec, ok := recs[k]
	if !ok {
		return nil, fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
	}
	return rec, nil
}

// today is the day of every test.
var today = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// newEngine answers from a corpus with the two-character segmenter, on the
// day of the tests.
func newEngine(t *testing.T, c Corpus, change ...func(*Config)) *Engine {
	t.Helper()
	e, err := makeEngine(c, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Index.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func makeEngine(c Corpus, change ...func(*Config)) (*Engine, error) {
	lex, err := nlp.LoadLexicon()
	if err != nil {
		return nil, err
	}
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	if err != nil {
		return nil, err
	}
	cfg := Config{Corpus: c, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef"),
		Now: func() time.Time { return today }}
	for _, f := range change {
		f(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		return nil, err
	}
	err = e.Refresh(context.Background())
	return e, err
}

// sampleOnce answers from the built-in sample corpus. Its index, which lies in
// memory, serves every test.
var sampleOnce = sync.OnceValues(func() (*Engine, error) {
	recs, err := sampleRecords()
	if err != nil {
		return nil, err
	}
	return makeEngine(newMemory(recs...))
})

func sampleRecords() (recs []corpus.Record, err error) {
	for name, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", name, row.N, row.Err)
			}
			recs = append(recs, row.Record)
		}
	}
	return recs, nil
}

// sampleEngine is an engine of the sample corpus that nobody has asked yet.
func sampleEngine(t *testing.T, change ...func(*Config)) *Engine {
	t.Helper()
	once, err := sampleOnce()
	if err != nil {
		t.Fatal(err)
	}
	cfg := once.Config
	for _, f := range change {
		f(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(t *testing.T, e *Engine, r Request) Answer {
	t.Helper()
	a, err := e.Ask(t.Context(), r)
	if err != nil {
		t.Fatalf("%q: %v", r.Text, err)
	}
	if strings.TrimSpace(a.Text) == "" || a.ID == "" || a.State == "" || a.GeneratedBy == "" || a.Confidence < 0 || a.Confidence > 1 {
		t.Errorf("%q: incomplete answer %+v", r.Text, a)
	}
	if !slices.Contains(Outcomes, a.Outcome) || !slices.Contains(nlp.Aspects, a.Aspect) {
		t.Errorf("%q: outcome %q, aspect %q are not of the contract", r.Text, a.Outcome, a.Aspect)
	}
	for name, null := range map[string]bool{"matters": a.Matters == nil, "facts": a.Facts == nil, "options": a.Options == nil,
		"recommendations": a.Recommendations == nil, "actions": a.Actions == nil, "notices": a.Notices == nil} {
		if null {
			t.Errorf("%q: %s is null in JSON", r.Text, name)
		}
	}
	return a
}

// first is the code of the matter that was answered.
func first(a Answer) string {
	if len(a.Matters) == 0 {
		return ""
	}
	return a.Matters[0].Code
}

// says reports what a text lacks, and what it must not say but does.
func says(t *testing.T, text string, has []string, hasNot ...string) {
	t.Helper()
	for _, s := range has {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in:\n%s", s, text)
		}
	}
	for _, s := range hasNot {
		if strings.Contains(text, s) {
			t.Errorf("%q in:\n%s", s, text)
		}
	}
}

// A notebook is a Journal in memory.
type notebook struct {
	mu    sync.Mutex
	asked []Asked
	rated []Feedback
	err   error // of Rated
}

func (n *notebook) Asked(a Asked) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, a)
}

func (n *notebook) Rated(_ context.Context, f Feedback) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rated = append(n.rated, f)
	return n.err
}

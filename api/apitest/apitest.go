// Package apitest serves the built-in sample city to tests of the packages
// that stand on the API: a real engine behind a real server on a port of its
// own, with the two-character segmenter, so that no C++ compiler is needed.
package apitest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A Server serves the sample city.
type Server struct {
	URL    string // http://127.0.0.1:…
	Engine *answer.Engine
	Asked  *Journal
}

// A Journal takes down what was asked.
type Journal struct {
	mu   sync.Mutex
	list []answer.Asked
}

// Asked implements [answer.Journal].
func (j *Journal) Asked(a answer.Asked) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, a)
}

// Rated implements [answer.Journal].
func (j *Journal) Rated(context.Context, answer.Feedback) error { return nil }

// Texts lists what was asked so far.
func (j *Journal) Texts() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	texts := make([]string, len(j.list))
	for i, a := range j.list {
		texts[i] = a.Text
	}
	return texts
}

// today is the day of the engine.
var today = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// Serve starts a server and stops it when the test ends. change changes its
// configuration.
func Serve(t *testing.T, change ...func(*api.Config)) *Server {
	t.Helper()
	asked := &Journal{}
	s := ServeEngine(t, Engine(t, func(c *answer.Config) { c.Journal = asked }), slog.New(slog.DiscardHandler), change...)
	s.Asked = asked
	return s
}

// ServeEngine is Serve with an engine of the test's own, and a log.
func ServeEngine(t *testing.T, e *answer.Engine, log *slog.Logger, change ...func(*api.Config)) *Server {
	t.Helper()
	s := &Server{Engine: e}
	cfg := api.Config{}
	for _, f := range change {
		f(&cfg)
	}
	server, err := api.New(cfg, s.Engine, log)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) { // closed before it began
			t.Error(err)
		}
	})
	s.URL = "http://" + ln.Addr().String()
	return s
}

// city is what all engines of a test program share: the sample city and its
// index, in memory.
type city struct {
	records Records
	index   *index.Index
	lexicon *nlp.Lexicon
}

var sampleCity = sync.OnceValues(func() (*city, error) {
	c := &city{records: Records{}}
	for name, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", name, row.N, row.Err)
			}
			c.records[row.Record.Key()] = row.Record
		}
	}
	var err error
	if c.lexicon, err = nlp.LoadLexicon(); err != nil {
		return nil, err
	}
	c.index, err = index.Open("", nlp.Bigrams{}, c.lexicon, index.Options{})
	return c, err
})

// Engine answers from the sample city, on one day and with no past.
func Engine(t *testing.T, change ...func(*answer.Config)) *answer.Engine {
	t.Helper()
	c, err := sampleCity()
	if err != nil {
		t.Fatal(err)
	}
	cfg := answer.Config{Corpus: c.records, Index: c.index, Segmenter: nlp.Bigrams{}, Lexicon: c.lexicon,
		StateKey: []byte("0123456789abcdef"), Now: func() time.Time { return today }}
	for _, f := range change {
		f(&cfg)
	}
	e, err := answer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

// Records are a corpus of one edition in memory.
type Records map[corpus.Key]corpus.Record

var _ answer.Corpus = Records{}

// Edition implements [answer.Corpus].
func (Records) Edition() corpus.Edition { return 1 }

// Sum implements [answer.Corpus].
func (Records) Sum(corpus.Edition) (string, error) { return "1", nil }

// Changes implements [answer.Corpus]: there is nothing before the edition.
func (Records) Changes(_, _ corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(func(corpus.Change, error) bool) {}
}

// All implements [answer.Corpus].
func (r Records) All(_ corpus.Edition, typ corpus.Type) iter.Seq2[corpus.Record, error] {
	keys := slices.SortedFunc(maps.Keys(r), func(a, b corpus.Key) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	return func(yield func(corpus.Record, error) bool) {
		for _, k := range keys {
			if (typ == "" || k.Type == typ) && !yield(r[k], nil) {
				return
			}
		}
	}
}

// GetAt implements [answer.Corpus].
func (r Records) GetAt(_ corpus.Edition, k corpus.Key) (corpus.Record, error) {
	rec, ok := r[k]
	if !ok {
		return nil, fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
	}
	return rec, nil
}

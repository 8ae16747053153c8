// Package apitest serves the built-in sample city to tests of the packages
// that stand on the API: a real engine behind a real server on a port of its
// own, with the two-character segmenter, so that no C++ compiler is needed.
package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/corpus/store"
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
	s := &Server{Asked: &Journal{}}
	s.Engine = Engine(t, func(c *answer.Config) { c.Journal = s.Asked })
	cfg := api.Config{}
	for _, f := range change {
		f(&cfg)
	}
	server, err := api.New(cfg, s.Engine, slog.New(slog.DiscardHandler))
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

// Engine answers from the sample city, on one day and with no past.
func Engine(t *testing.T, change ...func(*answer.Config)) *answer.Engine {
	t.Helper()
	facts, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, facts.Close)
	var files []store.File
	for name, rows := range sample.Files() {
		files = append(files, store.File{Name: name, Rows: rows})
	}
	if _, err := facts.Import(t.Context(), files, store.ImportOptions{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, ix.Close)
	cfg := answer.Config{Corpus: facts, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef"),
		Now: func() time.Time { return today }}
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

func closing(t *testing.T, closer func() error) {
	t.Cleanup(func() {
		if err := closer(); err != nil {
			t.Error(err)
		}
	})
}

package desk_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	apidesk "github.com/govqa/govqa/api/desk"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// internalLines are what only operators may see, beside the sample corpus.
const internalLines = `{"type":"faq","id":"N-1","question":"居住证系统升级期间怎么答复","answer":"本周五晚八点到十点系统升级，请来电人改日再办。","visibility":"operator","source":{"updated":"2026-11-20"}}
`

// A city is the sample city with its desk.
type city struct {
	*stafftest.Site
	store  *store.Store
	engine *answer.Engine
	desk   *desk.Desk
}

// openCity serves the sample city from a store in dir.
func openCity(t testing.TB, dir string) *city {
	t.Helper()
	c := &city{}
	var err error
	if c.store, err = store.Open(dir, store.Options{Reserve: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.store.Close(); err != nil {
			t.Errorf("store: %v", err)
		}
	})
	if c.store.Edition() == 0 {
		var files []store.File
		for name, rows := range sample.Files() {
			files = append(files, store.File{Name: name, Rows: rows})
		}
		files = append(files, store.File{Name: "internal", Rows: corpus.ReadJSONL(strings.NewReader(internalLines))})
		if _, err := c.store.Import(t.Context(), files, store.ImportOptions{Actor: "审核员周"}); err != nil {
			t.Fatal(err)
		}
	}
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Errorf("index: %v", err)
		}
	})
	now := func() time.Time { return time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC) }
	if c.engine, err = answer.New(answer.Config{Corpus: c.store, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef"), Now: now}); err != nil {
		t.Fatal(err)
	}
	if err := c.engine.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.desk = desk.New(desk.Config{Store: c.store, Engine: c.engine})
	server := apidesk.New(c.desk)
	c.Site = stafftest.OpenEngine(t, staff.Config{Store: c.store}, c.engine, server.Register)
	t.Cleanup(server.Shutdown) // before the site's own: cleanups run backwards
	return c
}

// A stage is a test whose cleanups can be done before it is over: what a city
// has opened is closed as at the end of a process.
type stage struct {
	testing.TB
	cleanups []func()
}

func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stage) end() {
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
	s.cleanups = nil
}

// decode reads the JSON of a reply that is to be 200.
func decode[T any](t *testing.T, r stafftest.Reply) T {
	t.Helper()
	var v T
	if r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	return v
}

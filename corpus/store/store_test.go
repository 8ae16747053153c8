package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// open opens a store in dir and closes it when the test ends.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func guide(code, name string) *corpus.Guide {
	return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name}}
}

func key(code string) corpus.Key { return corpus.Key{Type: corpus.TypeGuide, ID: code} }

// rows numbers records as a file would.
func rows(recs ...corpus.Record) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for i, r := range recs {
			if !yield(corpus.Row{N: i + 1, Record: r}) {
				return
			}
		}
	}
}

func lines(text string) File {
	return File{Name: "a.jsonl", Rows: corpus.ReadJSONL(strings.NewReader(text))}
}

func importAll(t testing.TB, s *Store, recs ...corpus.Record) Report {
	t.Helper()
	r, err := s.Import(t.Context(), []File{{"test", rows(recs...)}}, ImportOptions{Actor: "测试"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// names reads an edition as code → name.
func names(t testing.TB, s *Store, e corpus.Edition) map[string]string {
	t.Helper()
	m := map[string]string{}
	for rec, err := range s.All(e, corpus.TypeGuide) {
		if err != nil {
			t.Fatalf("edition %d: %v", e, err)
		}
		m[rec.Key().ID] = rec.(*corpus.Guide).Name
	}
	return m
}

func mustCheck(t testing.TB, s *Store) {
	t.Helper()
	r, err := s.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() {
		t.Fatalf("check: %d faults: %q", r.Faults, r.Findings)
	}
}

func export(t testing.TB, s *Store) string {
	t.Helper()
	var buf bytes.Buffer
	if err := s.Export(&buf, s.Edition()); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestEditionsAreReadAsTheyWere(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("A1", "甲一"), guide("B", "乙"))
	importAll(t, s, guide("A", "甲二"), guide("C", "丙"))
	if _, err := s.Remove(t.Context(), "编辑", "停办", []corpus.Key{key("B"), key("B")}); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{},
		{"A": "甲", "A1": "甲一", "B": "乙"},
		{"A": "甲二", "A1": "甲一", "B": "乙", "C": "丙"},
		{"A": "甲二", "A1": "甲一", "C": "丙"},
	}
	for e, w := range want {
		if diff := cmp.Diff(w, names(t, s, corpus.Edition(e))); diff != "" {
			t.Errorf("edition %d (-want +got):\n%s", e, diff)
		}
	}
	infos, err := s.Editions()
	if err != nil {
		t.Fatal(err)
	}
	type counts struct{ added, changed, removed, total int }
	var got []counts
	for _, i := range infos {
		got = append(got, counts{i.Added, i.Changed, i.Removed, i.Total()})
	}
	if diff := cmp.Diff([]counts{{3, 0, 0, 3}, {1, 1, 0, 4}, {0, 0, 1, 3}}, got, cmp.AllowUnexported(counts{})); diff != "" {
		t.Errorf("editions (-want +got):\n%s", diff)
	}
	mustCheck(t, s)
}

func TestGet(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	importAll(t, s, guide("A", "甲二"))
	if _, err := s.Remove(t.Context(), "编辑", "", []corpus.Key{key("B")}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		at   corpus.Edition
		key  corpus.Key
		want string
		err  error
	}{
		{"before anything was published", 0, key("A"), "", corpus.ErrNotFound},
		{"the first revision", 1, key("A"), "甲", nil},
		{"the revision in force later", 3, key("A"), "甲二", nil},
		{"a removed record at an earlier edition", 2, key("B"), "乙", nil},
		{"a removed record now", 3, key("B"), "", corpus.ErrNotFound},
		{"a record that never was", 3, key("Z"), "", corpus.ErrNotFound},
		{"an id that is the beginning of another", 3, key(""), "", corpus.ErrNotFound},
		{"an id with a NUL", 3, key("A\x00"), "", corpus.ErrNotFound},
		{"an edition that is yet to come", 4, key("A"), "", ErrNoEdition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, err := s.GetAt(tt.at, tt.key)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil && rec.(*corpus.Guide).Name != tt.want {
				t.Errorf("name %q, want %q", rec.(*corpus.Guide).Name, tt.want)
			}
		})
	}
	if g, err := s.Guide("A"); err != nil || g.Name != "甲二" {
		t.Errorf("Guide(A) = %v, %v", g, err)
	}
	revs, err := s.History(key("B"))
	if err != nil || len(revs) != 2 || revs[0].Op != OpRemove || revs[1].Op != OpAdd {
		t.Errorf("History(B) = %+v, %v", revs, err)
	}
}

func TestChangesBringAViewUpToDate(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	importAll(t, s, guide("A", "甲二"), guide("C", "丙"))
	if _, err := s.Remove(t.Context(), "编辑", "", []corpus.Key{key("C"), key("B")}); err != nil {
		t.Fatal(err)
	}
	for after := corpus.Edition(0); after <= 3; after++ {
		for upTo := after; upTo <= 3; upTo++ {
			view := names(t, s, after)
			for c, err := range s.Changes(after, upTo) {
				if err != nil {
					t.Fatal(err)
				}
				delete(view, c.Key.ID)
				if c.Record != nil {
					view[c.Key.ID] = c.Record.(*corpus.Guide).Name
				}
			}
			if diff := cmp.Diff(names(t, s, upTo), view); diff != "" {
				t.Errorf("view from %d to %d (-want +got):\n%s", after, upTo, diff)
			}
		}
	}
	for _, r := range [][2]corpus.Edition{{3, 2}, {2, 4}} {
		for _, err := range s.Changes(r[0], r[1]) {
			if !errors.Is(err, ErrNoEdition) {
				t.Errorf("Changes(%d, %d): %v, want ErrNoEdition", r[0], r[1], err)
			}
		}
	}
}

func TestAllKeepsTypesApartAndCanBeLeft(t *testing.T) {
	s := open(t, t.TempDir())
	faq := &corpus.FAQ{Type: corpus.TypeFAQ, ID: "A", Question: "问", Answer: "答"}
	importAll(t, s, guide("A", "甲"), faq, guide("B", "乙"))
	var keys []string
	for rec, err := range s.All(1, "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, rec.Key().String())
	}
	if diff := cmp.Diff([]string{"faq/A", "guide/A", "guide/B"}, keys); diff != "" {
		t.Error(diff)
	}
	for rec, err := range s.All(1, corpus.TypeGuide) {
		if err != nil || rec.Key().ID != "A" {
			t.Errorf("first guide %v, %v", rec, err)
		}
		break
	}
}

func TestFollow(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var seen []corpus.Edition
	var wg sync.WaitGroup
	wg.Go(func() {
		for at := corpus.Edition(0); at < 3; {
			now, err := s.Follow(ctx, at)
			if err != nil {
				t.Error(err)
				return
			}
			seen, at = append(seen, now), now
		}
	})
	for i := range 3 {
		importAll(t, s, guide("A", fmt.Sprint(i)))
	}
	wg.Wait()
	if len(seen) == 0 || seen[len(seen)-1] != 3 || !slices.IsSorted(seen) {
		t.Errorf("saw editions %v", seen)
	}
	canceled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Follow(canceled, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow with an ended context: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	waiting := make(chan error)
	go func() {
		_, err := s.Follow(context.Background(), 1)
		waiting <- err
	}()
	closed := make(chan error, 1)
	for rec, err := range s.All(1, "") { // a loop under way when Close is called
		if err != nil {
			t.Fatal(rec, err)
		}
		go func() { closed <- s.Close() }()
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("Follow: %v, want ErrClosed", err)
		}
		if _, err := s.Get(key("A")); !errors.Is(err, ErrClosed) {
			t.Errorf("Get inside the loop: %v, want ErrClosed", err)
		}
	}
	if err := errors.Join(s.Close(), <-closed); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	calls := map[string]func() error{
		"Append":        func() error { _, err := s.Append(ctx, ByCitizen, Fact{Type: "x"}); return err },
		"Import":        func() error { _, err := s.Import(ctx, nil, ImportOptions{Actor: "测试"}); return err },
		"Rollback":      func() error { _, err := s.Rollback(ctx, "编辑", 0, ""); return err },
		"SaveDraft":     func() error { _, err := s.SaveDraft(ctx, "编辑", Edit{Record: guide("A", "甲")}); return err },
		"Drafts":        func() error { _, err := s.Drafts(); return err },
		"Editions":      func() error { _, err := s.Editions(); return err },
		"Backup":        func() error { return s.Backup(ctx, &bytes.Buffer{}) },
		"Export":        func() error { return s.Export(&bytes.Buffer{}, 1) },
		"Check":         func() error { _, err := s.Check(ctx); return err },
		"History":       func() error { _, err := s.History(key("A")); return err },
		"DropDraft":     func() error { return s.DropDraft(ctx, "编辑", DraftRef{key("A"), 1}) },
		"PublishDrafts": func() error { _, err := s.PublishDrafts(ctx, Publication{Actor: "发布"}); return err },
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[name](); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
}

// TestAgainstModel publishes at random and compares every edition with a map.
func TestAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	s := open(t, dir)
	history := []map[string]string{{}}
	for step := range 120 {
		now := history[len(history)-1]
		next := maps.Clone(now)
		var err error
		switch n := rng.IntN(10); {
		case n < 5:
			err = randomImport(t, s, rng, next)
		case n < 7:
			err = randomRemove(t, s, rng, next)
		case n < 8:
			to := rng.IntN(len(history))
			next = maps.Clone(history[to])
			_, err = s.Rollback(t.Context(), "编辑", corpus.Edition(to), "")
		case n < 9:
			err = randomDrafts(t, s, rng, next)
		default:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
		}
		if err != nil && !errors.Is(err, ErrUnchanged) {
			t.Fatalf("step %d: %v", step, err)
		}
		if !maps.Equal(now, next) {
			history = append(history, next)
		}
		if int(s.Edition()) != len(history)-1 {
			t.Fatalf("step %d: edition %d, want %d", step, s.Edition(), len(history)-1)
		}
	}
	sums := map[string]string{}
	for e, want := range history {
		if diff := cmp.Diff(want, names(t, s, corpus.Edition(e))); diff != "" {
			t.Errorf("edition %d (-want +got):\n%s", e, diff)
		}
		info, err := s.EditionAt(corpus.Edition(e))
		if err != nil {
			t.Fatal(err)
		}
		content := fmt.Sprint(want)
		if sum, ok := sums[info.Sum]; ok && sum != content && e > 0 {
			t.Errorf("edition %d has the sum of other content", e)
		}
		sums[info.Sum] = content
	}
	mustCheck(t, s)
}

func randomImport(t *testing.T, s *Store, rng *rand.Rand, next map[string]string) error {
	var recs []corpus.Record
	for _, i := range rng.Perm(30)[:rng.IntN(12)] {
		code, name := fmt.Sprintf("G%02d", i), fmt.Sprint("名", rng.IntN(3))
		next[code] = name
		recs = append(recs, guide(code, name))
	}
	_, err := s.Import(t.Context(), []File{{"random", rows(recs...)}}, ImportOptions{Actor: "测试"})
	return err
}

func randomRemove(t *testing.T, s *Store, rng *rand.Rand, next map[string]string) error {
	var keys []corpus.Key
	for code := range next {
		if rng.IntN(3) == 0 {
			keys = append(keys, key(code))
		}
	}
	for _, k := range keys {
		delete(next, k.ID)
	}
	_, err := s.Remove(t.Context(), "编辑", "", keys)
	return err
}

func randomDrafts(t *testing.T, s *Store, rng *rand.Rand, next map[string]string) error {
	var refs []DraftRef
	for _, i := range rng.Perm(30)[:3] {
		g := guide(fmt.Sprintf("G%02d", i), fmt.Sprint("稿", rng.IntN(2)))
		next[g.Code] = g.Name
		refs = append(refs, approved(t, s, g))
	}
	_, err := s.PublishDrafts(t.Context(), Publication{Actor: "发布", Drafts: refs})
	if errors.Is(err, ErrUnchanged) {
		for _, ref := range refs {
			if err := s.DropDraft(t.Context(), "编辑", ref); err != nil {
				return err
			}
		}
	}
	return err
}

package eval_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// namesOf lists every word by which a record must be found: its names, its
// everyday names, its standard and similar questions. The questions inside a
// guide ("改名怎么办？") mean nothing without it, so they are asked with its
// name before them.
func namesOf(r corpus.Record) []string {
	var names []string
	switch r := r.(type) {
	case *corpus.Guide:
		names = append([]string{r.Name, r.ShortName}, r.Aliases...)
		for _, qa := range r.FAQs {
			names = append(names, r.Name+"，"+qa.Q)
		}
	case *corpus.FAQ:
		names = append([]string{r.Question}, r.Similar...)
	case *corpus.Policy:
		names = []string{r.Title}
	case *corpus.Bundle:
		names = append([]string{r.Name}, r.Aliases...)
	}
	return slices.DeleteFunc(names, func(s string) bool { return strings.TrimSpace(s) == "" })
}

// A lookup is one name of one record.
type lookup struct {
	key  corpus.Key
	name string
}

// deep is how far down a record may stand when its own name is asked for.
const deep = 10

// TestFindsItself asks for every record of the sample corpus by every name,
// everyday name and question that it has.
func TestFindsItself(t *testing.T) {
	recs := sampled(t)
	ix, err := sampleIndex()
	if err != nil {
		t.Fatal(err)
	}
	n, lost := lookUp(t, ix, recs)
	for _, l := range lost {
		t.Errorf("not among the first %d: %s", deep, l)
	}
	if n < 2000 {
		t.Errorf("only %d names", n)
	}
}

// TestFindsItselfGuangdong does the same on the guides of a whole province,
// where many matters bear one name.
func TestFindsItselfGuangdong(t *testing.T) {
	const path = "../../../shared/data/guangdong/guides.jsonl"
	if os.Getenv("CI") == "true" {
		t.Skip("no shared data on CI")
	}
	if raceOn {
		t.Skip("too slow with the race detector: go test ./answer/eval runs it")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Skipf("no shared data: %v", err)
	}
	defer f.Close()
	recs := records{}
	for row := range corpus.ReadJSONL(f) {
		if row.Err != nil {
			t.Fatalf("line %d: %v", row.N, row.Err)
		}
		recs[row.Record.Key()] = row.Record
	}
	ix, err := indexOf(recs)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	n, lost := lookUp(t, ix, recs)
	for _, l := range lost {
		t.Errorf("not among the first %d: %s", deep, l)
	}
	t.Logf("%d names of %d records, %d lost", n, len(recs), len(lost))
}

// lookUp asks an index of the records for each of their names and returns how
// many there are and which do not find their record. Where more than ten
// records bear one name, it is enough to find one that does. With the race
// detector it asks for every fourth name only.
func lookUp(t *testing.T, ix *index.Index, recs records) (int, []string) {
	t.Helper()
	p, err := segmenter()
	if err != nil {
		t.Fatal(err)
	}
	parser := nlp.Parser{Segmenter: p.seg, Lexicon: p.lex}
	var all []lookup
	bearers := map[string]map[corpus.Key]bool{}
	for k, r := range recs {
		if k.Type == corpus.TypeRegion {
			continue
		}
		for _, name := range namesOf(r) {
			all = append(all, lookup{k, name})
			id := string(k.Type) + nlp.Normalize(name)
			if bearers[id] == nil {
				bearers[id] = map[corpus.Key]bool{}
			}
			bearers[id][k] = true
		}
	}
	found := func(ctx context.Context, l lookup) (bool, error) {
		q := parser.Parse(l.name)
		hits, err := ix.Search(ctx, index.Query{Question: &q, Type: l.key.Type, Filter: index.Filter{On: today, Expired: true}, Limit: deep})
		same := bearers[string(l.key.Type)+nlp.Normalize(l.name)]
		return slices.ContainsFunc(hits, func(h index.Hit) bool { return h.Key == l.key || len(same) > deep && same[h.Key] }), err
	}
	n := len(all)
	if raceOn {
		slices.SortFunc(all, func(a, b lookup) int { return strings.Compare(a.name, b.name) })
		all = slices.Collect(func(yield func(lookup) bool) {
			for i := 0; i < len(all) && yield(all[i]); i += 4 {
			}
		})
	}
	return n, lostOf(t, all, found)
}

// lostOf runs the lookups on two processors and lists what was not found.
func lostOf(t *testing.T, all []lookup, found func(context.Context, lookup) (bool, error)) []string {
	t.Helper()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		lost []string
	)
	const workers = 2
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(all); i += workers {
				ok, err := found(t.Context(), all[i])
				if err != nil {
					t.Errorf("%q: %v", all[i].name, err)
					return
				}
				if !ok {
					mu.Lock()
					lost = append(lost, fmt.Sprintf("%s by %q", all[i].key, all[i].name))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	slices.Sort(lost)
	return lost
}

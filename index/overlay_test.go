package index

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// same compares what two indexes find.
func same(t *testing.T, what string, want, got *Index, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, f := range []Filter{{}, {Region: "440104"}} {
			a, b := search(t, want, text, f), search(t, got, text, f)
			if diff := cmp.Diff(a, b, cmp.Comparer(func(x, y float64) bool { return math.Abs(x-y) < 1e-6 })); diff != "" {
				t.Errorf("%s, %s in %q (-want +got):\n%s", what, text, f.Region, diff)
			}
		}
	}
}

// Whatever is changed, an overlay finds what the index finds once it has taken
// the changes up.
func TestOverlayEqualsPublishing(t *testing.T) {
	texts := []string{"居住证签注", "港澳通行证", "养犬登记", "身份证丢了", "公司设立登记", "护照换发"}
	names := []string{"居住证签注", "往来港澳通行证首次申请", "养犬登记年检", "居民身份证换领", "公司注销登记", "护照加注"}
	ids := []string{"id-lost", "id-first", "passport-first", "residence", "company", "dog", "new-1", "new-2"}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			m := newMemory()
			m.publish(someGuides())
			ix := testIndex(t, t.TempDir())
			catchUp(t, ix, m)
			forgetWords(ix)
			var put []corpus.Record
			var removed []corpus.Key
			var changes []corpus.Change
			for _, id := range ids {
				key := corpus.Key{Type: corpus.TypeGuide, ID: id}
				switch rng.IntN(3) {
				case 0:
					g := guide(id, names[rng.IntN(len(names))], condition("有合法稳定住所"))
					put = append(put, g)
					changes = append(changes, corpus.Change{Key: key, Record: g})
				case 1:
					removed = append(removed, key)
					changes = append(changes, corpus.Change{Key: key})
				}
			}
			over, err := ix.Overlay(changes)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := over.Close(); err != nil {
					t.Error(err)
				}
			}()
			before := map[string][]Hit{}
			for _, text := range texts {
				before[text] = search(t, ix, text, Filter{})
			}
			m.publish(put, removed...)
			published := testIndex(t, t.TempDir())
			catchUp(t, published, m)
			forgetWords(published)
			same(t, "overlay", published, over, texts...)
			for _, text := range texts {
				if diff := cmp.Diff(before[text], search(t, ix, text, Filter{})); diff != "" {
					t.Errorf("the overlay changed the index itself (-before +after):\n%s", diff)
				}
			}
			catchUp(t, ix, m) // the overlay outlives what it lies over
			same(t, "overlay after publishing", published, over, texts...)
			if over.Edition() != ix.Edition() {
				t.Errorf("edition %d, published %d", over.Edition(), ix.Edition())
			}
		})
	}
}

func TestOverlayFollowsNoJournal(t *testing.T) {
	m := newMemory()
	m.publish(someGuides())
	ix := testIndex(t, "")
	catchUp(t, ix, m)
	over, err := ix.Overlay(nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "nothing changed", ix, over, "居住证", "养犬登记")
	m.publish(nil, corpus.Key{Type: corpus.TypeGuide, ID: "residence"})
	for name, f := range map[string]func() (corpus.Edition, error){
		"CatchUp": func() (corpus.Edition, error) { return over.CatchUp(t.Context(), m) },
		"Rebuild": func() (corpus.Edition, error) { return over.Rebuild(t.Context(), m) },
	} {
		if e, err := f(); e != 2 || err != nil {
			t.Errorf("%s: edition %d, %v", name, e, err)
		}
	}
	if hits := search(t, over, "居住证", Filter{}); len(hits) == 0 || hits[0].Key.ID != "residence" {
		t.Errorf("after a publication the overlay finds %v", hits)
	}
	if err := over.Close(); err != nil {
		t.Error(err)
	}
	if _, err := over.Search(t.Context(), Query{}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed overlay searches: %v", err)
	}
	if hits := search(t, ix, "居住证", Filter{}); len(hits) == 0 {
		t.Error("closing the overlay closed the index")
	}
	if _, err := testIndex(t, "").Overlay(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("an overlay of nothing: %v", err)
	}
}

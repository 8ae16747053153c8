package index

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// Counts are how many guides in force there are by theme and region.
type Counts struct {
	Themes  map[string]int
	Regions map[corpus.RegionCode]int
}

// Counts counts the guides that pass a filter.
func (ix *Index) Counts(f Filter) (Counts, error) {
	c := Counts{map[string]int{}, map[corpus.RegionCode]int{}}
	err := ix.eachKept(f, corpus.TypeGuide, func(e *entry) {
		for _, t := range e.themes {
			c.Themes[t]++
		}
		c.Regions[e.region]++
	})
	return c, err
}

// eachKept calls fn for every document of a type that passes the filter.
func (ix *Index) eachKept(f Filter, t corpus.Type, fn func(*entry)) error {
	r, err := ix.reader()
	if err != nil {
		return err
	}
	defer ix.done(r)
	day := f.day()
	for _, e := range r.docs {
		if e != nil && e.field == t && f.keeps(e, day) {
			fn(e)
		}
	}
	return nil
}

// day is the filter's day of force, in days since 1970.
func (f *Filter) day() int32 {
	on := f.On
	if on.IsZero() {
		on = time.Now()
	}
	return dayOf(on.Format(time.DateOnly), 0)
}

func hitOf(e *entry) Hit {
	return Hit{Key: e.key, Title: e.title, Matter: matterOf(e), Agency: e.agency, Region: e.region}
}

// List returns the guides that pass a filter, by name, at most limit.
func (ix *Index) List(f Filter, limit int) ([]Hit, error) {
	var hits []Hit
	err := ix.eachKept(f, corpus.TypeGuide, func(e *entry) { hits = append(hits, hitOf(e)) })
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.Key.ID, b.Key.ID))
	})
	return hits[:min(len(hits), limit)], err
}

// Standing returns standard questions that pass a filter, one a matter, with
// those of without left out.
func (ix *Index) Standing(f Filter, limit int, without map[string]bool) ([]Hit, error) {
	var hits []Hit
	err := ix.eachKept(f, corpus.TypeFAQ, func(e *entry) {
		if !without[e.matter] {
			hits = append(hits, hitOf(e))
		}
	})
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	seen := map[string]bool{}
	hits = slices.DeleteFunc(hits, func(h Hit) bool {
		twice := h.Matter != "" && seen[h.Matter]
		seen[h.Matter] = true
		return twice
	})
	return hits[:min(len(hits), limit)], err
}

// Suggest returns the guides and FAQs whose name, everyday names or questions
// hold what has been typed: those that begin with it first, then the shorter.
func (ix *Index) Suggest(typed string, f Filter, limit int) ([]Hit, error) {
	typed = strings.ReplaceAll(nlp.Normalize(typed), " ", "")
	if typed == "" {
		return nil, nil
	}
	type ranked struct {
		hit    Hit
		begins bool
		length int
	}
	var all []ranked
	for _, t := range []corpus.Type{corpus.TypeGuide, corpus.TypeFAQ} {
		err := ix.eachKept(f, t, func(e *entry) {
			for i, name := range e.names {
				at := strings.Index(name, typed)
				if at < 0 {
					continue
				}
				length := len(name)
				if i > 0 {
					length += len(e.names[0]) // its own name goes before an everyday one
				}
				all = append(all, ranked{hitOf(e), at == 0, length})
				return
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		if a.begins != b.begins {
			if a.begins {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.length, b.length), cmp.Compare(a.hit.Key.ID, b.hit.Key.ID))
	})
	var hits []Hit
	seen := map[string]bool{}
	for _, r := range all {
		if !seen[r.hit.Title] && len(hits) < limit {
			seen[r.hit.Title] = true
			hits = append(hits, r.hit)
		}
	}
	return hits, nil
}

// Compare tells how the index differs from the journal's current edition:
// records that it lacks, and records that it should not have.
func (ix *Index) Compare(j Journal) (missing, extra []corpus.Key, err error) {
	has := map[corpus.Key]bool{}
	r, err := ix.reader()
	if err != nil {
		return nil, nil, err
	}
	defer ix.done(r)
	for _, e := range r.docs {
		if e != nil {
			has[e.key] = true
		}
	}
	for _, t := range corpus.Types {
		if !indexed(t) {
			continue
		}
		for rec, err := range j.All(j.Edition(), t) {
			if err != nil {
				return nil, nil, err
			}
			if k := rec.Key(); has[k] {
				delete(has, k)
			} else {
				missing = append(missing, k)
			}
		}
	}
	for k := range has {
		extra = append(extra, k)
	}
	return missing, extra, nil
}

// Words calls yield for the segmenter's words that guides hold, each with the number of guides in one segment of the index that do; a
// word may come more than once.
func (ix *Index) Words(yield func(word string, guides int) bool) error {
	r, err := ix.reader()
	if err != nil {
		return err
	}
	defer ix.done(r)
	return r.words(yield)
}

package quality

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/govqa/govqa/corpus"
)

// A shelf is what of one edition the pages of figures and of freshness need,
// read once an edition: it costs a pass over all records.
type shelf struct {
	edition corpus.Edition
	guides  map[string]shelfGuide // by code
	records []shelfRecord         // guides, FAQs, policies and bundles
	regions map[corpus.RegionCode]string
}

type shelfGuide struct {
	name, agency string
	region       corpus.RegionCode
	themeList    []string
	has          uint // of coveredFields, a bit each
}

type shelfRecord struct {
	Key     corpus.Key
	Title   string
	Agency  string
	Region  corpus.RegionCode
	Period  corpus.Period
	Updated string
	Links   []string // sources and addresses that can go dead
}

type shelfCache struct {
	mu  sync.Mutex
	now *shelf
}

// shelf returns that of the current edition.
func (q *Quality) shelf() (*shelf, error) {
	q.shelves.mu.Lock()
	defer q.shelves.mu.Unlock()
	edition := q.Store.Edition()
	if s := q.shelves.now; s != nil && s.edition == edition {
		return s, nil
	}
	s := &shelf{edition: edition, guides: map[string]shelfGuide{}, regions: map[corpus.RegionCode]string{}}
	for _, t := range []corpus.Type{corpus.TypeGuide, corpus.TypeFAQ, corpus.TypePolicy, corpus.TypeBundle, corpus.TypeRegion} {
		for rec, err := range q.Store.All(edition, t) {
			if err != nil {
				return nil, err
			}
			s.put(rec)
		}
	}
	q.shelves.now = s
	return s, nil
}

func (s *shelf) put(rec corpus.Record) {
	one := shelfRecord{Key: rec.Key(), Title: corpus.Title(rec)}
	source := corpus.Source{}
	switch r := rec.(type) {
	case *corpus.Guide:
		g := shelfGuide{name: r.Name, agency: r.Agency.Name, region: r.Region.Code}
		for _, t := range r.Themes {
			g.themeList = append(g.themeList, string(t))
		}
		for i, f := range coveredFields {
			if f.Has(r) {
				g.has |= 1 << i
			}
		}
		s.guides[r.Code] = g
		one.Agency, one.Region, one.Period, source = r.Agency.Name, r.Region.Code, r.Effective, r.Source
		one.Links = []string{r.OnlineURL, r.MobileURL, r.BookingURL}
		for _, m := range r.Materials {
			one.Links = append(one.Links, m.Blank, m.Sample)
		}
	case *corpus.FAQ:
		one.Agency, one.Region, one.Period, source = r.Agency.Name, r.Region.Code, r.Effective, r.Source
	case *corpus.Policy:
		one.Agency, one.Region, one.Period, source = r.Agency.Name, r.Region.Code, r.Effective, r.Source
	case *corpus.Bundle:
		one.Region, one.Period, source = r.Region.Code, r.Effective, r.Source
	case *corpus.RegionEntry:
		s.regions[corpus.RegionCode(r.Code)] = r.Name
		return
	}
	one.Updated = source.Updated
	one.Links = slices.DeleteFunc(append(one.Links, source.URL), func(u string) bool { return u == "" })
	s.records = append(s.records, one)
}

func (s *shelf) nameOf(code string) string { return cmp.Or(s.guides[code].name, code) }

// regionName is what a region is called.
func (s *shelf) regionName(code corpus.RegionCode) string {
	if code == "" {
		return "（没有写明）"
	}
	if name, ok := s.regions[code]; ok {
		return name
	}
	if name, ok := corpus.Builtin().Name(code); ok {
		return name
	}
	return string(code)
}

// themes counts by theme; a matter counts for each of its themes.
func (s *shelf) themes(matters map[string]int) map[string]int {
	counts := map[string]int{}
	for code, n := range matters {
		for _, t := range s.guides[code].themeList {
			counts[strings.TrimSpace(t)] += n
		}
	}
	return counts
}

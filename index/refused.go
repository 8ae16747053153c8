package index

import (
	"cmp"
	"context"
	"slices"

	"github.com/govqa/govqa/corpus"
)

// A Refusal says why a search leaves a document out that the words fit.
type Refusal string

// The refusals.
const (
	RefusedYet      Refusal = "not_yet"  // not in force yet
	RefusedExpired  Refusal = "expired"  // no longer in force
	RefusedRegion   Refusal = "region"   // of another region
	RefusedAudience Refusal = "audience" // for others
	RefusedTheme    Refusal = "theme"    // of another theme
	RefusedCounter  Refusal = "counter"  // the question is one of its counter-questions
)

// A Refused is a document that a search leaves out before it ranks. Its hit
// has the score of the first stage only, since it was not ranked.
type Refused struct {
	Hit
	Refusal Refusal
}

// Refused returns the documents that Search leaves out although the words fit
// them, the best first.
func (ix *Index) Refused(ctx context.Context, q Query) ([]Refused, error) {
	r, err := ix.reader()
	if err != nil {
		return nil, err
	}
	defer ix.done(r)
	q.Type = cmp.Or(q.Type, corpus.TypeGuide)
	q.refused = true
	found, _, err := r.first(ctx, &q, ix.params.of(q.Type), nil)
	if err != nil {
		return nil, err
	}
	day := q.Filter.day()
	var refused []Refused
	for _, c := range found[:min(len(found), cmp.Or(q.Limit, 20))] {
		e := r.docs[c.doc]
		h := hitOf(e)
		h.First = c.total
		refused = append(refused, Refused{h, q.refusal(e, day)})
	}
	return refused, nil
}

// refusal says why a document does not pass the filter on a day, or "".
func (f *Filter) refusal(e *entry, day int32) Refusal {
	switch {
	case !f.Expired && day < e.from:
		return RefusedYet
	case !f.Expired && day > e.to:
		return RefusedExpired
	case f.Region != "" && e.region != "" && !f.Region.Within(e.region) && !(f.Inside && e.region.Within(f.Region)):
		return RefusedRegion
	case !e.audience.Fits(f.Audience):
		return RefusedAudience
	case f.Theme != "" && !slices.Contains(e.themes, string(f.Theme)):
		return RefusedTheme
	}
	return ""
}

// refusal says why a document is left out, or "".
func (q *Query) refusal(e *entry, day int32) Refusal {
	if why := q.Filter.refusal(e, day); why != "" {
		return why
	}
	if e.refuses(q.Question) {
		return RefusedCounter
	}
	return ""
}

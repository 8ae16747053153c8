package index

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// candidates is how many documents of the first stage are ranked by the
// second: a right matter is among the first hundred for 137 of 140 judged
// needs, and beyond it hardly ever.
const candidates = 100

// A Query is what to search for.
type Query struct {
	Question *nlp.Question
	Type     corpus.Type // which records; empty means guides
	Filter   Filter
	Place    corpus.RegionCode // the division that the question names, if any
	Limit    int               // hits returned at most; 0 means 20
	Explain  bool              // fill in Hit.Why

	refused bool // find what is left out instead
}

// A Filter leaves documents out before they are ranked. Its zero value leaves
// out only what is not in force today.
type Filter struct {
	// Region keeps what applies in a division: its own matters and those of
	// the divisions that it lies in. A county inherits from its city and its
	// province. Empty keeps all regions.
	Region corpus.RegionCode
	// Inside keeps, beside what Region keeps, the matters of the divisions
	// inside it: for browsing a whole city.
	Inside   bool
	Audience corpus.AudienceSet
	Theme    corpus.Theme
	On       time.Time // the day of force; zero means today
	Expired  bool      // keep what is not in force, too
}

// A Hit is one document found.
type Hit struct {
	Key    corpus.Key
	Title  string
	Matter string // the matter's code: the guide's own, or that of the FAQ's matter
	Agency string
	Region corpus.RegionCode
	Score  float64 // of the second stage; comparable within one query
	First  float64 // of the first stage, BM25F
	// Said is the share, by rarity, of the question's content that the
	// document holds anywhere, 0..1.
	Said float64
	// Named is the share, by rarity, of the document's best name that the
	// question says, 0..1; Asked the share of the question's content that
	// this name says.
	Named, Asked float64
	// Name is the name, everyday name or similar question that fitted best.
	Name string
	// ByModel is how much of Score comes from models: nearness of meaning, and
	// a Reranker. 0 without them.
	ByModel float64
	Why     *Explanation
	// Features are the values of every feature, in the order of [FeatureNames].
	Features []float64
}

// docScore gathers what the first stage knows of one document.
type docScore struct {
	word, bigram, char float32 // BM25F by space
	said               float32 // idf mass of the question's bigrams that the document holds
}

// scratch is the working memory of one search.
type scratch struct {
	scores []docScore
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) reset(n int) {
	if cap(s.scores) < n {
		s.scores = make([]docScore, n)
		return
	}
	s.scores = s.scores[:n]
	clear(s.scores)
}

// Search returns the documents that fit q best, the best first. Equal scores
// are ordered by key, so that the same edition gives the same answer.
func (ix *Index) Search(ctx context.Context, q Query) ([]Hit, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := ix.reader()
	if err != nil {
		return nil, err
	}
	defer ix.done(r)
	q.Type = cmp.Or(q.Type, corpus.TypeGuide)
	q.Limit = cmp.Or(q.Limit, 20)
	near := ix.nearness(ctx, r, &q)
	found, mass, err := r.first(ctx, &q, ix.params.of(q.Type), near)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	hits := r.rank(&q, found, mass, ix)
	if again := ix.reranking.Load(); again != nil && q.Type == corpus.TypeGuide {
		again.again(ctx, r, &q, found, hits, ix.weights.named[featRerank])
	}
	if len(hits) > q.Limit {
		hits = hits[:q.Limit]
	}
	return hits, nil
}

// A candidate is a document that passed the first stage.
type candidate struct {
	doc      uint32
	total    float64
	semantic float64 // nearness of meaning, 0..1
	docScore
}

// first is the first stage: BM25F over the postings of every term of the
// question, term by term, and the best hundred documents that pass the
// filter. mass is the idf mass of the question's bigrams, for coverage. If near
// is not nil, documents of near meaning come in addition.
func (r *reader) first(ctx context.Context, q *Query, p *TypeParams, near *nearness) (found []candidate, mass float64, err error) {
	if r.stats[q.Type] == nil {
		return nil, 0, nil
	}
	s := scratchPool.Get().(*scratch)
	defer scratchPool.Put(s)
	s.reset(len(r.docs))
	for _, t := range q.Question.Terms {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		t.Weight = p.weightOf(t)
		tp, err := r.postings(q.Type, t.Space, t.Text, p)
		if err != nil {
			return nil, 0, err
		}
		if t.Space == nlp.SpaceBigram && !t.Implied {
			if tp != nil {
				mass += float64(t.Weight) * tp.idf
			} else {
				mass += float64(t.Weight) * idf(r.stats[q.Type].docs, 0)
			}
		}
		if tp != nil {
			tp.addTo(s.scores, t)
		}
	}
	found = r.best(q, s.scores, p)
	if near != nil {
		found = near.widen(r, q, near.code, found, s.scores, p)
	}
	return found, mass, nil
}

// addTo adds a term's contribution to every document that holds it.
func (tp *termPostings) addTo(scores []docScore, t nlp.Term) {
	w := float32(tp.idf) * t.Weight
	switch t.Space {
	case nlp.SpaceWord:
		for i, d := range tp.docs {
			scores[d].word += w * tp.tf[i]
		}
	case nlp.SpaceBigram:
		for i, d := range tp.docs {
			scores[d].bigram += w * tp.tf[i]
		}
		if t.Implied {
			return
		}
		for _, d := range tp.docs {
			scores[d].said += w
		}
	case nlp.SpaceChar:
		for i, d := range tp.docs {
			scores[d].char += w * tp.tf[i]
		}
	}
}

// total adds up what the spaces say of a document.
func (p *TypeParams) total(s *docScore) float64 {
	return p.Spaces[0]*float64(s.word) + p.Spaces[1]*float64(s.bigram) + p.Spaces[2]*float64(s.char)
}

// best selects the best documents that pass the filter, the best first.
func (r *reader) best(q *Query, scores []docScore, p *TypeParams) []candidate {
	day := q.Filter.day()
	better := func(a, b *candidate) int {
		if c := cmp.Compare(b.total, a.total); c != 0 {
			return c
		}
		return cmp.Compare(r.docs[a.doc].key.ID, r.docs[b.doc].key.ID)
	}
	top := selection{better: better}
	for d := range scores {
		s := &scores[d]
		total := p.total(s)
		if total <= 0 || total < top.least() || r.docs[d] == nil || (q.refusal(r.docs[d], day) != "") != q.refused {
			continue
		}
		top.offer(candidate{doc: uint32(d), total: total, docScore: *s})
	}
	slices.SortFunc(top.list, func(a, b candidate) int { return better(&a, &b) })
	return top.list
}

// A selection holds the best candidates that it was offered, as a heap whose
// root is the worst of them. Among many documents of equal score it compares
// far less than sorting them would.
type selection struct {
	better func(a, b *candidate) int // negative when a goes before b
	list   []candidate
}

// least is the total below which nothing is taken any more.
func (s *selection) least() float64 {
	if len(s.list) < candidates {
		return 0
	}
	return s.list[0].total
}

// offer takes c if it is one of the best so far.
func (s *selection) offer(c candidate) {
	if len(s.list) < candidates {
		s.list = append(s.list, c)
		for at := len(s.list) - 1; at > 0; {
			up := (at - 1) / 2
			if s.better(&s.list[up], &s.list[at]) > 0 {
				return
			}
			s.list[up], s.list[at] = s.list[at], s.list[up]
			at = up
		}
		return
	}
	if s.better(&c, &s.list[0]) > 0 {
		return
	}
	s.list[0] = c
	for at := 0; ; {
		worst := at
		for child := 2*at + 1; child <= 2*at+2 && child < len(s.list); child++ {
			if s.better(&s.list[worst], &s.list[child]) < 0 {
				worst = child
			}
		}
		if worst == at {
			return
		}
		s.list[at], s.list[worst] = s.list[worst], s.list[at]
		at = worst
	}
}

// keeps reports whether a document passes the filter on a day.
func (f *Filter) keeps(e *entry, day int32) bool {
	return e != nil && f.refusal(e, day) == ""
}

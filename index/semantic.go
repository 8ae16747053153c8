package index

import (
	"math"
	"slices"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index/vector"
)

// A semantic is what a reader knows of the meaning of its documents: the
// vectors of one model, of the texts that the documents have in this edition.
type semantic struct {
	edition corpus.Edition
	sum     string
	trust   float64 // 0..1, measured on the corpus's own names
	types   map[corpus.Type]*semanticType
}

// A semanticType has the vectors of one record type.
type semanticType struct {
	list *vector.List
	doc  []uint32 // by position of the list
	// The positions of a document are a chain: first[doc], then next of each,
	// until none.
	first map[uint32]int32
	next  []int32
}

const none = -1

// newSemantic gathers the rows of the reader's documents. A document whose text
// has no vector yet has none here.
func newSemantic(r *reader, table vector.Table, docs map[corpus.Key][]vector.ID, row func(vector.ID) (uint32, bool)) *semantic {
	type placed struct{ row, doc uint32 }
	of := map[corpus.Type][]placed{}
	for d, e := range r.docs {
		if e == nil || e.field != e.key.Type { // what only operators may see has no vector
			continue
		}
		for _, id := range docs[e.key] {
			if at, ok := row(id); ok {
				of[e.key.Type] = append(of[e.key.Type], placed{at, uint32(d)})
			}
		}
	}
	s := &semantic{edition: r.edition, sum: r.sum, types: map[corpus.Type]*semanticType{}}
	for t, list := range of {
		slices.SortFunc(list, func(a, b placed) int {
			if a.row != b.row { // documents with the very same text share a row
				return int(a.row) - int(b.row)
			}
			return int(a.doc) - int(b.doc)
		})
		st := &semanticType{doc: make([]uint32, len(list)), next: make([]int32, len(list)), first: make(map[uint32]int32, len(list))}
		rows := make([]uint32, len(list))
		for pos, p := range list {
			rows[pos], st.doc[pos] = p.row, p.doc
			st.next[pos] = none
			if before, ok := st.first[p.doc]; ok {
				st.next[pos] = before
			}
			st.first[p.doc] = int32(pos)
		}
		st.list = vector.NewList(table, rows)
		s.types[t] = st
	}
	return s
}

// cosine is that of the document's nearest text, or false if it has no vector.
func (st *semanticType) cosine(q vector.Code, doc uint32) (float64, bool) {
	pos, ok := st.first[doc]
	if !ok {
		return 0, false
	}
	best := math.Inf(-1)
	for ; pos != none; pos = st.next[pos] {
		best = max(best, st.list.At(q, int(pos)))
	}
	return best, true
}

// How far above the mean of all documents, in standard deviations, a document
// begins to count as near, and is surely near. Of ten thousand vectors without
// meaning the nearest stands 4 above.
const (
	nearFrom = 2.0
	nearSure = 5.0
)

// semanticCandidates is how many documents the vectors propose.
const semanticCandidates = 50

// widen adds the documents of the nearest meaning to the candidates, and says
// of every candidate how near it is, 0..1.
func (s *semantic) widen(r *reader, q *Query, code vector.Code, found []candidate, scores []docScore, p *TypeParams) []candidate {
	st := s.types[q.Type]
	if st == nil || s.trust == 0 {
		return found
	}
	day := q.Filter.day()
	near := st.list.Nearest(code, semanticCandidates, func(pos int) bool { return q.refusal(r.docs[st.doc[pos]], day) == "" })
	if near.SD == 0 || len(near.Near) == 0 {
		return found
	}
	height := func(cosine float64) float64 { return (cosine - near.Mean) / near.SD }
	top := max(nearSure, height(near.Near[0].Cosine))
	share := func(cosine float64) float64 {
		return s.trust * min(1, max(0, (height(cosine)-nearFrom)/(top-nearFrom)))
	}
	have := make(map[uint32]bool, len(found))
	for i := range found {
		have[found[i].doc] = true
		if cosine, ok := st.cosine(code, found[i].doc); ok {
			found[i].semantic = share(cosine)
		}
	}
	for _, n := range near.Near {
		doc := st.doc[n.Pos]
		if have[doc] || height(n.Cosine) < nearFrom {
			continue
		}
		have[doc] = true
		c := candidate{doc: doc, total: p.total(&scores[doc]), docScore: scores[doc]}
		c.semantic = share(n.Cosine)
		found = append(found, c)
	}
	return found
}

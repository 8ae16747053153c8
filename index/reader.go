package index

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/bleve/v2/index/scorch"
	segment "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A reader is one unchanging view of the index: a snapshot of bleve's
// segments, every document's entry, and the statistics computed from them.
// Searches hold it while they run; a publication makes the next one.
type reader struct {
	edition corpus.Edition
	sum     string
	snap    *scorch.IndexSnapshot
	refs    atomic.Int64

	segs  []*segmentView
	docs  []*entry // by document number; nil where deleted
	at    map[corpus.Key]uint32
	stats map[corpus.Type]*typeStats
	chars *charStats

	mu    sync.RWMutex
	terms map[string]*termPostings // by type, NUL, term; a cache
	bytes int                      // of terms, about
	room  int                      // bytes that the cache may take
}

// A segmentView is one of bleve's segments and its documents' entries.
type segmentView struct {
	id      uint64
	snap    *scorch.SegmentSnapshot
	entries []*entry // by the segment's own document number, deleted ones too
}

// typeStats are the exact statistics of one record type.
type typeStats struct {
	docs  int
	avg   [len(nlp.Spaces)][groups]float64 // mean lengths
	norms []norm                           // by document number
}

// A norm holds, for one document, what a term frequency in each group is
// multiplied by: w_f / (1 - b + b*len_f/avg_f).
type norm [len(nlp.Spaces)][groups]float32

// charStats says how rare each character is among the names of matters.
type charStats struct {
	names int
	df    map[rune]int
}

// idf is the inverse document frequency of a character among names.
func (c *charStats) idf(r rune) float64 { return idf(c.names, c.df[r]) }

// idf is BM25's, never negative: ln(1 + (N-n+.5)/(n+.5)).
func idf(docs, df int) float64 {
	return math.Log(1 + (float64(docs-df)+.5)/(float64(df)+.5))
}

// newReader reads the entries of segments that prev has not read, and
// computes the statistics anew.
func newReader(snap *scorch.IndexSnapshot, lex *nlp.Lexicon, params Params, room int, prev *reader) (*reader, error) {
	r := &reader{snap: snap, at: map[corpus.Key]uint32{}, terms: map[string]*termPostings{}, room: room}
	r.refs.Store(1)
	known := map[uint64]*segmentView{}
	if prev != nil {
		for _, s := range prev.segs {
			known[s.id] = s
		}
	}
	for _, s := range snap.Segments() {
		view := &segmentView{id: s.Id(), snap: s}
		if old := known[s.Id()]; old != nil && len(old.entries) == int(s.FullSize()) {
			view.entries = old.entries
		} else if err := view.read(lex); err != nil {
			return nil, err
		}
		r.segs = append(r.segs, view)
		deleted := s.Deleted()
		for i, e := range view.entries {
			if deleted != nil && deleted.Contains(uint32(i)) {
				e = nil
			}
			if e != nil {
				r.at[e.key] = uint32(len(r.docs))
			}
			r.docs = append(r.docs, e)
		}
	}
	r.count(params)
	return r, nil
}

// read decodes the stored entry of every document of the segment.
func (v *segmentView) read(lex *nlp.Lexicon) error {
	n := uint64(v.snap.FullSize())
	v.entries = make([]*entry, n)
	for i := range n {
		var err error
		visit := func(field string, _ byte, value []byte, _ []uint64) bool {
			if field != metaField {
				return true
			}
			v.entries[i], err = decodeEntry(value, lex)
			return false
		}
		if e := v.snap.VisitDocument(i, visit); e != nil {
			return fmt.Errorf("segment %d, document %d: %w", v.id, i, e)
		}
		if err != nil {
			return fmt.Errorf("segment %d, document %d: %w", v.id, i, err)
		}
		if v.entries[i] == nil {
			return fmt.Errorf("segment %d, document %d: %w", v.id, i, errEntry)
		}
	}
	return nil
}

// count computes the statistics over the live documents.
func (r *reader) count(params Params) {
	sums := map[corpus.Type]*[len(nlp.Spaces)][groups]float64{}
	r.stats = map[corpus.Type]*typeStats{}
	r.chars = &charStats{df: map[rune]int{}}
	for _, e := range r.docs {
		if e == nil {
			continue
		}
		st := r.stats[e.key.Type]
		if st == nil {
			st = &typeStats{norms: make([]norm, len(r.docs))}
			r.stats[e.key.Type] = st
			sums[e.key.Type] = new([len(nlp.Spaces)][groups]float64)
		}
		st.docs++
		for s, of := range e.lens {
			for g, n := range of {
				sums[e.key.Type][s][g] += float64(n)
			}
		}
		r.chars.add(e)
	}
	for t, st := range r.stats {
		for s := range st.avg {
			for g := range st.avg[s] {
				st.avg[s][g] = sums[t][s][g] / float64(st.docs)
			}
		}
		p := params.of(t)
		for i, e := range r.docs {
			if e != nil && e.key.Type == t {
				st.norms[i] = p.norm(&e.lens, &st.avg)
			}
		}
	}
}

func (c *charStats) add(e *entry) {
	if e.key.Type != corpus.TypeGuide || len(e.names) == 0 {
		return
	}
	c.names++
	seen := map[rune]bool{}
	for _, s := range [...]string{e.names[0], e.parent} {
		for _, ch := range s {
			if !seen[ch] {
				seen[ch] = true
				c.df[ch]++
			}
		}
	}
}

// termPostings are the documents of one type that hold a term, with the
// saturated frequency of BM25F: (k1+1)*tf / (k1+tf).
type termPostings struct {
	docs []uint32
	tf   []float32
	idf  float64
}

const postingBytes = 8

// postings returns the postings of a term, decoded from bleve's segments at
// the first call. It returns nil when no live document of the type has it.
func (r *reader) postings(t corpus.Type, sp nlp.Space, text string, p *TypeParams) (*termPostings, error) {
	key := string(t) + "\x00" + string(rune(sp)) + text
	r.mu.RLock()
	tp, ok := r.terms[key]
	r.mu.RUnlock()
	if ok {
		return tp, nil
	}
	tp, err := r.decode(t, sp, string(rune(sp))+text, p)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	size := len(key) + 100
	if tp != nil {
		size += postingBytes * len(tp.docs)
	}
	for k, old := range r.terms { // make room: any entries will do
		if r.bytes+size <= r.room {
			break
		}
		delete(r.terms, k)
		r.bytes -= len(k) + 100
		if old != nil {
			r.bytes -= postingBytes * len(old.docs)
		}
	}
	r.terms[key] = tp
	r.bytes += size
	return tp, nil
}

func (r *reader) decode(t corpus.Type, sp nlp.Space, term string, p *TypeParams) (*termPostings, error) {
	st := r.stats[t]
	if st == nil {
		return nil, nil
	}
	s := spaceIndex(sp)
	var tp termPostings
	base := uint32(0)
	for _, v := range r.segs {
		dict, err := v.snap.Segment().Dictionary(string(t))
		if err != nil {
			return nil, fmt.Errorf("term %q: %w", term, err)
		}
		list, err := dict.PostingsList([]byte(term), v.snap.Deleted(), nil)
		if err != nil {
			return nil, fmt.Errorf("term %q: %w", term, err)
		}
		if err := tp.read(list, base, func(doc uint32, freq posting) float32 {
			return p.saturate(freq, &st.norms[doc][s])
		}); err != nil {
			return nil, fmt.Errorf("term %q: %w", term, err)
		}
		base += uint32(len(v.entries))
	}
	if len(tp.docs) == 0 {
		return nil, nil
	}
	tp.idf = idf(st.docs, len(tp.docs))
	return &tp, nil
}

// read appends one segment's postings.
func (tp *termPostings) read(list segment.PostingsList, base uint32, weigh func(doc uint32, freq posting) float32) error {
	it := list.Iterator(true, false, false, nil)
	for {
		p, err := it.Next()
		if err != nil || p == nil {
			return err
		}
		doc := base + uint32(p.Number())
		tp.docs = append(tp.docs, doc)
		tp.tf = append(tp.tf, weigh(doc, posting(p.Frequency())))
	}
}

// acquire and release count the searches that use the reader; the last one
// out closes bleve's snapshot.
func (r *reader) acquire() { r.refs.Add(1) }

func (r *reader) release() error {
	if r.refs.Add(-1) == 0 {
		return r.snap.Close()
	}
	return nil
}

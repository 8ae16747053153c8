package index

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
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
	below   *reader // what an overlay shows its own documents over; nil of an index on its own
	refs    atomic.Int64

	segs  []*segmentView
	docs  []*entry // by document number; nil where deleted
	stats map[corpus.Type]*typeStats
	chars *charStats
	space *wordSpace // of the generation

	mu    sync.RWMutex
	terms map[string]*termPostings // by type, NUL, term; a cache
	bytes int                      // of terms, about
	room  int                      // bytes that the cache may take

	semantic atomic.Pointer[semantic] // nil until the vectors of this edition are there
}

// A segmentView is one of bleve's segments and its documents' entries. It
// does not change when documents are deleted, so readers share it.
type segmentView struct {
	id      uint64
	snap    *scorch.SegmentSnapshot
	deleted *roaring.Bitmap // by the segment's own document number; nil is none
	entries []*entry        // by the segment's own document number, deleted ones too
	sums    sums            // over all entries
}

// typeStats are the exact statistics of one record type.
type typeStats struct {
	docs int
	avg  [len(nlp.Spaces)][groups]float64 // mean lengths over the documents that have the group
}

// sums are what statistics are computed from. Those of two sets of documents
// can be added and subtracted.
type sums struct {
	types map[corpus.Type]*typeSums
	chars charStats
}

type typeSums struct {
	docs int
	lens [len(nlp.Spaces)][groups]float64 // whole numbers, so that adding them is exact
	have [len(nlp.Spaces)][groups]float64 // documents that have the group at all
}

func newSums() sums {
	return sums{map[corpus.Type]*typeSums{}, charStats{df: map[rune]int{}, pairs: map[[2]rune]int{}}}
}

func (s *sums) of(t corpus.Type) *typeSums {
	ts := s.types[t]
	if ts == nil {
		ts = new(typeSums)
		s.types[t] = ts
	}
	return ts
}

// count adds one document, or with sign -1 takes it away.
func (s *sums) count(e *entry, sign int) {
	ts := s.of(e.field)
	ts.docs += sign
	for sp, of := range e.lens {
		for g, n := range of {
			ts.lens[sp][g] += float64(sign) * float64(n)
			if n > 0 {
				ts.have[sp][g] += float64(sign)
			}
		}
	}
	s.chars.count(e, sign)
}

// add adds what another set of documents comes to.
func (s *sums) add(other *sums) {
	for t, o := range other.types {
		ts := s.of(t)
		ts.docs += o.docs
		for sp := range o.lens {
			for g, n := range o.lens[sp] {
				ts.lens[sp][g] += n
				ts.have[sp][g] += o.have[sp][g]
			}
		}
	}
	s.chars.names += other.chars.names
	for c, n := range other.chars.df {
		s.chars.df[c] += n
	}
	for b, n := range other.chars.pairs {
		s.chars.pairs[b] += n
	}
}

// charStats says how rare each character is among the names of matters.
type charStats struct {
	names int
	df    map[rune]int
	pairs map[[2]rune]int // of neighbouring Chinese characters
}

// idf is the inverse document frequency of a character among names.
func (c *charStats) idf(r rune) float64 { return idf(c.names, c.df[r]) }

// rarity says how rare a word is among names, 0..1: the mean of its pairs of
// characters, 1 for pairs that no name has.
func (c *charStats) rarity(word string) float64 {
	pairs := bigramsOf(word)
	if len(pairs) == 0 || c.names == 0 {
		return 0
	}
	sum := 0.0
	for _, b := range pairs {
		sum += idf(c.names, c.pairs[b])
	}
	return sum / float64(len(pairs)) / idf(c.names, 0)
}

// idf is BM25's, never negative: ln(1 + (N-n+.5)/(n+.5)).
func idf(docs, df int) float64 {
	return math.Log(1 + (float64(docs-df)+.5)/(float64(df)+.5))
}

// newReader reads the entries of segments that prev has not read, and
// computes the statistics anew.
func newReader(snap *scorch.IndexSnapshot, room int, prev *reader, space *wordSpace) (*reader, error) {
	known := map[uint64]*segmentView{}
	if prev != nil {
		for _, s := range prev.segs {
			known[s.id] = s
		}
	}
	var segs []*segmentView
	for _, s := range snap.Segments() {
		view := &segmentView{id: s.Id(), snap: s, deleted: s.Deleted()}
		if old := known[s.Id()]; old != nil && len(old.entries) == int(s.FullSize()) {
			view.entries, view.sums = old.entries, old.sums
		} else if err := view.read(space); err != nil {
			return nil, err
		}
		segs = append(segs, view)
	}
	return assemble(snap, segs, room, space), nil
}

// assemble makes a reader of segments, numbers their documents and computes
// the statistics.
func assemble(snap *scorch.IndexSnapshot, segs []*segmentView, room int, space *wordSpace) *reader {
	r := &reader{snap: snap, space: space, segs: segs, terms: map[string]*termPostings{}, room: room}
	r.refs.Store(1)
	all := newSums()
	for _, view := range segs {
		all.add(&view.sums)
		for i, e := range view.entries {
			if view.deleted != nil && view.deleted.Contains(uint32(i)) {
				all.count(e, -1)
				e = nil
			}
			r.docs = append(r.docs, e)
		}
	}
	r.stats = all.stats()
	r.chars = &all.chars
	return r
}

// read decodes the stored entry of every document of the segment.
func (v *segmentView) read(space *wordSpace) error {
	n := uint64(v.snap.FullSize())
	v.entries, v.sums = make([]*entry, n), newSums()
	for i := range n {
		var err error
		visit := func(field string, _ byte, value []byte, _ []uint64) bool {
			if field != metaField {
				return true
			}
			v.entries[i], err = decodeEntry(value)
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
		v.entries[i].number(space)
		v.sums.count(v.entries[i], 1)
	}
	return nil
}

// stats computes the statistics of each record type that has documents.
func (s *sums) stats() map[corpus.Type]*typeStats {
	m := map[corpus.Type]*typeStats{}
	for t, ts := range s.types {
		if ts.docs == 0 {
			continue
		}
		st := &typeStats{docs: ts.docs}
		for sp := range st.avg {
			for g := range st.avg[sp] {
				st.avg[sp][g] = ts.lens[sp][g] / max(1, ts.have[sp][g])
			}
		}
		m[t] = st
	}
	return m
}

// count adds, or with sign -1 takes away, the characters and pairs of a guide's name
// and main matter.
func (c *charStats) count(e *entry, sign int) {
	if e.key.Type != corpus.TypeGuide || len(e.names) == 0 {
		return
	}
	c.names += sign
	var seen [64]rune
	n := 0
	for _, s := range [...]string{e.names[0], e.parent} {
		for _, ch := range s {
			if n < len(seen) && !slices.Contains(seen[:n], ch) {
				seen[n] = ch
				n++
				c.df[ch] += sign
			}
		}
	}
	for _, b := range bigramsOf(e.names[0] + "\n" + e.parent) {
		c.pairs[b] += sign
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
		list, err := dict.PostingsList([]byte(term), v.deleted, nil)
		if err != nil {
			return nil, fmt.Errorf("term %q: %w", term, err)
		}
		if err := tp.read(list, base, func(doc uint32, freq posting) float32 {
			return p.saturate(freq, &r.docs[doc].lens[s], &st.avg[s])
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

// words yields the segmenter's words that the guides hold, with the number of
// guides that do.
func (r *reader) words(yield func(string, int) bool) error {
	prefix := []byte{byte(nlp.SpaceWord)}
	for _, v := range r.segs {
		dict, err := v.snap.Segment().Dictionary(string(corpus.TypeGuide))
		if err != nil {
			return fmt.Errorf("words: %w", err)
		}
		it := dict.AutomatonIterator(nil, prefix, []byte{prefix[0] + 1})
		for {
			e, err := it.Next()
			if err != nil {
				return fmt.Errorf("words: %w", err)
			}
			if e == nil {
				break
			}
			if !yield(e.Term[1:], int(e.Count)) {
				return nil
			}
		}
	}
	return nil
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
	if r.refs.Add(-1) > 0 {
		return nil
	}
	err := r.snap.Close()
	if r.below != nil {
		err = errors.Join(err, r.below.release())
	}
	return err
}

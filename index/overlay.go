package index

import (
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	bleve "github.com/blevesearch/bleve_index_api"

	"github.com/govqa/govqa/corpus"
)

// Overlay returns an index that shows what this one shows now with some
// records changed: what a search would find if they were published. It costs
// the changed records, not the corpus, keeps them in memory, and writes
// nothing. It stays as it is whatever becomes of ix; close it after use.
//
// It ranks and scores like an index that has taken the changes up, because it
// is put together as one batch is: the changed documents are hidden in the
// segments that hold them, and a segment of their new forms is added.
func (ix *Index) Overlay(changes []corpus.Change) (*Index, error) {
	below, err := ix.reader()
	if err != nil {
		return nil, err
	}
	over := &Index{analyzer: ix.analyzer, print: ix.print, telling: ix.telling, params: ix.params, weights: ix.weights,
		opts: ix.opts, fixed: true, queue: bleve.NewAnalysisQueue(1)}
	r, err := over.lay(below, changes)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index overlay: %w", err), over.Close(), below.release())
	}
	over.current = r
	return over, nil
}

// lay makes the reader that shows the changes over another reader, which it
// releases in the end.
func (ix *Index) lay(below *reader, changes []corpus.Change) (*reader, error) {
	engine, err := ix.openEngine("")
	if err != nil {
		return nil, err
	}
	ix.engine = engine
	batch := bleve.NewBatch()
	hidden := map[corpus.Key]bool{}
	for _, c := range changes {
		if !indexed(c.Key.Type) {
			continue
		}
		hidden[c.Key] = true
		if c.Record != nil {
			doc := ix.analyzer.analyze(c.Record).bleveDocument()
			doc.AddIDField()
			batch.Update(doc)
		}
	}
	if err := engine.Batch(batch); err != nil {
		return nil, err
	}
	ir, err := engine.Reader()
	if err != nil {
		return nil, err
	}
	snap := ir.(*scorch.IndexSnapshot)
	own, err := newReader(snap, 0, nil, below.space)
	if err != nil {
		return nil, errors.Join(err, snap.Close())
	}
	r := assemble(snap, append(below.hiding(hidden), own.segs...), ix.opts.CacheBytes, below.space)
	r.below, r.edition = below, below.edition+1
	return r, nil
}

// hiding returns the reader's segments with some documents left out.
func (r *reader) hiding(keys map[corpus.Key]bool) []*segmentView {
	var segs []*segmentView
	for _, s := range r.segs {
		view := *s
		view.deleted = roaring.New()
		if s.deleted != nil {
			view.deleted = s.deleted.Clone()
		}
		for i, e := range s.entries {
			if keys[e.key] {
				view.deleted.Add(uint32(i))
			}
		}
		segs = append(segs, &view)
	}
	return segs
}

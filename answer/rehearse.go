package answer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
)

// A Rehearsal (预演) is an engine that answers as another one would if some
// records were published, or on another day. It answers by the same code over
// an overlay of the same index, journals nothing, counts nothing as asked,
// knows nobody's history and sends no question to a model. Vectors of meaning,
// which cost a request for each text, have no part in it.
type Rehearsal struct {
	*Engine
	overlay *index.Index
}

// Rehearse makes a rehearsal of the changes on a day; the zero day is today.
// It costs the changed records, not the corpus. Close it after use.
func (e *Engine) Rehearse(ctx context.Context, changes []corpus.Change, on time.Time) (*Rehearsal, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	over, err := e.Index.Overlay(changes)
	if err != nil {
		return nil, err
	}
	// The index may be one edition ahead of the view for a moment; it says
	// which records its documents are of.
	next := &changed{Corpus: e.Corpus, base: over.Edition() - 1, records: map[corpus.Key]corpus.Record{}}
	for _, c := range changes {
		next.records[c.Key] = c.Record
	}
	cfg := e.Config
	cfg.Corpus, cfg.Index = next, over
	cfg.Journal, cfg.Memory, cfg.Mailbox = nil, nil, nil
	if !on.IsZero() {
		cfg.Now = func() time.Time { return on }
	}
	rehearsing, err := New(cfg)
	if err != nil {
		return nil, errors.Join(err, over.Close())
	}
	rehearsing.view.Store(v) // whose lexicon is taken over where no word has changed
	if err := rehearsing.Refresh(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("rehearsal: %w", err), over.Close())
	}
	return &Rehearsal{rehearsing, over}, nil
}

// Close gives the overlay back.
func (r *Rehearsal) Close() error { return r.overlay.Close() }

// changed is a corpus with records changed in the edition after base.
type changed struct {
	Corpus
	base    corpus.Edition
	records map[corpus.Key]corpus.Record // nil where removed
}

// Edition implements [Corpus].
func (c *changed) Edition() corpus.Edition { return c.base + 1 }

// GetAt implements [Corpus].
func (c *changed) GetAt(edition corpus.Edition, key corpus.Key) (corpus.Record, error) {
	if edition <= c.base {
		return c.Corpus.GetAt(edition, key)
	}
	rec, ok := c.records[key]
	switch {
	case !ok:
		return c.Corpus.GetAt(c.base, key)
	case rec == nil:
		return nil, fmt.Errorf("%s: %w", key, corpus.ErrNotFound)
	}
	return rec, nil
}

// All implements [Corpus].
func (c *changed) All(edition corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	if edition <= c.base {
		return c.Corpus.All(edition, t)
	}
	return func(yield func(corpus.Record, error) bool) {
		for rec, err := range c.Corpus.All(c.base, t) {
			if err == nil {
				if _, ok := c.records[rec.Key()]; ok {
					continue
				}
			}
			if !yield(rec, err) {
				return
			}
		}
		for key, rec := range c.records {
			if key.Type == t && rec != nil && !yield(rec, nil) {
				return
			}
		}
	}
}

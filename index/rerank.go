package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Reranker reads a question and some texts together and says how well each
// fits. It is a model behind an endpoint, and may fail at any time; nothing
// depends on it.
type Reranker interface {
	// Model names the model.
	Model() string
	// Rerank returns a score for each text, the more the better, on a scale of
	// its own, and how many tokens that took.
	Rerank(ctx context.Context, question string, texts []string) (scores []float64, tokens int, err error)
}

// RerankOptions tune a Reranking. The zero value is what production runs.
type RerankOptions struct {
	Timeout time.Duration // while a citizen waits; 0 means 500 ms
	Price   float64       // of a million tokens
	Log     *slog.Logger  // nil logs nothing
	Now     func() time.Time
}

// A Reranking ranks the first guides once more by a Reranker, as far as that
// has shown on the corpus's own names that it can be trusted.
type Reranking struct {
	ix       *Index
	reranker Reranker
	opts     RerankOptions

	mu     sync.Mutex // guards what follows
	pause  pause
	status RerankStatus
}

// A RerankStatus says what a Reranking does and costs.
type RerankStatus struct {
	Model     string  `json:"model"`
	Trust     float64 `json:"trust"` // 0..1; 0 means that it is not asked
	Calls     uint64  `json:"calls"` // that worked, since the start
	Tokens    uint64  `json:"tokens"`
	Cost      float64 `json:"cost"`
	Failures  uint64  `json:"failures"`
	LastError string  `json:"lastError,omitempty"`
}

// How many guides are ranked once more, and on how many names the worth of that
// is measured, with how many texts each.
const (
	rerankDepth  = 20
	rerankProbes = 50
	rerankChoice = 10
)

// UseReranker gives the index a Reranker. It is not asked before
// [Reranking.Run] has measured it.
func (ix *Index) UseReranker(reranker Reranker, opts RerankOptions) *Reranking {
	opts.Timeout = cmp.Or(opts.Timeout, 500*time.Millisecond)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	r := &Reranking{ix: ix, reranker: reranker, opts: opts, pause: pause{now: opts.Now}, status: RerankStatus{Model: reranker.Model()}}
	ix.reranking.Store(r)
	return r
}

// Status says what the Reranking does and costs.
func (r *Reranking) Status() RerankStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Cost = float64(s.Tokens) / 1e6 * r.opts.Price
	return s
}

// Run measures the Reranker, again after failures, until it is done or ctx ends.
func (r *Reranking) Run(ctx context.Context) {
	wait := pause{now: r.opts.Now}
	for {
		err := r.Measure(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		wait.failed()
		r.opts.Log.Warn("reranker not measured, will be tried again", "in", wait.length(), "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait.length()):
		}
	}
}

// Measure finds out how far the Reranker can be trusted: among the guides that
// words find for an everyday name, it should put first the one that bears it.
func (r *Reranking) Measure(ctx context.Context) error {
	reader, err := r.ix.reader()
	if err != nil {
		return err
	}
	defer r.ix.done(reader)
	probes := reader.probes(rerankProbes)
	first, asked := 0, 0
	for _, p := range probes {
		docs, err := r.choice(ctx, reader, p)
		if err != nil {
			return err
		}
		if len(docs) < rerankChoice {
			continue // too few to tell
		}
		texts := make([]string, len(docs))
		for i, d := range docs {
			texts[i] = reader.docs[d].summary()
		}
		scores, err := r.call(ctx, p.name, texts)
		if err != nil {
			return err
		}
		asked++
		if best := slices.Index(scores, slices.Max(scores)); docs[best] == p.doc {
			first++
		}
	}
	trust := trustOf(first, asked, 1./rerankChoice)
	r.mu.Lock()
	r.status.Trust, r.status.LastError = trust, ""
	r.mu.Unlock()
	r.opts.Log.Info("reranker measured", "names", asked, "first", first, "trust", trust)
	return nil
}

// choice is the probe's guide among others that words find for its name, in an
// order that says nothing.
func (r *Reranking) choice(ctx context.Context, reader *reader, p probe) ([]uint32, error) {
	parser := nlp.Parser{Segmenter: r.ix.analyzer.seg, Lexicon: r.ix.analyzer.lex}
	question := parser.Parse(p.name)
	q := &Query{Question: &question, Type: corpus.TypeGuide, Filter: Filter{Expired: true}}
	found, _, err := reader.first(ctx, q, r.ix.params.of(q.Type), nil)
	if err != nil {
		return nil, err
	}
	docs := []uint32{p.doc}
	for _, c := range found {
		if len(docs) < rerankChoice && c.doc != p.doc {
			docs = append(docs, c.doc)
		}
	}
	slices.SortFunc(docs, func(a, b uint32) int { return cmp.Compare(reader.docs[a].key.ID, reader.docs[b].key.ID) })
	return docs, nil
}

// call asks the Reranker and counts what it costs.
func (r *Reranking) call(ctx context.Context, question string, texts []string) ([]float64, error) {
	scores, tokens, err := r.reranker.Rerank(ctx, question, texts)
	if err == nil && len(scores) != len(texts) {
		err = fmt.Errorf("reranker: %d scores for %d texts", len(scores), len(texts))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // else whoever asked is gone
			r.status.Failures++
			r.status.LastError = err.Error()
		}
		return nil, err
	}
	r.status.Calls++
	r.status.Tokens += uint64(max(0, tokens))
	return scores, nil
}

// summary is what a model is told of a document.
func (e *entry) summary() string {
	lines := append([]string{e.title}, e.names[min(1, len(e.names)):]...)
	return strings.Join(slices.DeleteFunc(append(lines, e.parent, e.agency), func(s string) bool { return s == "" }), "\n")
}

// again ranks the first hits once more, if the Reranker can be asked now.
func (r *Reranking) again(ctx context.Context, reader *reader, q *Query, found []candidate, hits []Hit, weight float64) {
	r.mu.Lock()
	trust, free := r.status.Trust, r.pause.over()
	r.mu.Unlock()
	if n := min(rerankDepth, len(hits)); trust == 0 || !free || n < 2 {
		return
	}
	hits = hits[:min(rerankDepth, len(hits))]
	docs := make(map[corpus.Key]uint32, len(found))
	for _, c := range found {
		docs[reader.docs[c.doc].key] = c.doc
	}
	texts := make([]string, len(hits))
	for i := range hits {
		texts[i] = reader.docs[docs[hits[i].Key]].summary()
	}
	within, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	scores, err := r.call(within, q.Question.Text, texts)
	r.mu.Lock()
	switch {
	case err == nil:
		r.pause.worked()
	case ctx.Err() == nil: // else whoever asked is gone
		r.pause.failed()
		r.opts.Log.Warn("not ranked again", "pause", r.pause.length(), "err", err)
	}
	r.mu.Unlock()
	if err != nil {
		return
	}
	for i, x := range standardised(scores) {
		x *= trust
		hits[i].Features[featRerank] = x
		hits[i].Score += weight * x
		hits[i].ByModel += weight * x
		if why := hits[i].Why; why != nil && x != 0 {
			why.Features = append(why.Features, FeatureWeight{featureNames[featRerank], x, weight})
		}
	}
	slices.SortFunc(hits, higher)
}

// standardised puts scores of any scale between 0, two deviations below the
// mean, and 1, two above.
func standardised(scores []float64) []float64 {
	n, mean, squares := float64(len(scores)), 0.0, 0.0
	for _, x := range scores {
		mean += x / n
	}
	for _, x := range scores {
		squares += (x - mean) * (x - mean) / n
	}
	out := make([]float64, len(scores))
	if sd := math.Sqrt(squares); sd > 0 && !math.IsInf(sd, 0) {
		for i, x := range scores {
			out[i] = min(1, max(0, (x-mean)/sd/4+.5))
		}
	}
	return out
}

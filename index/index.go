// Package index finds the matters that a question is about.
//
// It keeps a bleve index on disk as a view of the published corpus: bleve's
// segments hold the postings, and the scoring is ours, because bleve's own
// BM25 is not textbook BM25 and its scores change with the number of
// segments. Every text is cut in three ways (words, pairs of characters,
// single characters), scored with exact BM25F, and the best hundred documents
// are ranked again by a linear model whose every feature can be named.
//
// The index is never the only copy of anything. It remembers the edition that
// it shows; one that is behind catches up, and one that is missing, damaged
// or of another layout is built anew beside the old one and swapped in.
package index

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/bleve/v2/index/scorch"
	bleve "github.com/blevesearch/bleve_index_api"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// layout is the version of what lies in the index: fields, packing, entry.
// Any change of them must change it.
const layout = 5

// The internal keys under which bleve keeps what the index is of.
const (
	editionKey = "govqa.edition"
	sumKey     = "govqa.sum"
	layoutKey  = "govqa.layout"
)

// ErrClosed means that the index has been closed.
var ErrClosed = errors.New("index is closed")

// A Journal is the published corpus that the index is a view of.
type Journal interface {
	// Edition returns the current edition.
	Edition() corpus.Edition
	// All yields every record of a type as of an edition.
	All(edition corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error]
	// Sum identifies the content of an edition: two corpora that have come to
	// the same number by other ways have other sums.
	Sum(edition corpus.Edition) (string, error)
	// Changes yields each record that changed in (after, upTo] once, as it is
	// at upTo; a removed one has no record.
	Changes(after, upTo corpus.Edition) iter.Seq2[corpus.Change, error]
}

// Options tune an Index. The zero value is what production runs.
type Options struct {
	// CacheBytes bounds the memory of decoded postings. If zero, 256 MB.
	CacheBytes int
	// Log tells of rebuilds and of damage found. If nil, nothing is logged.
	Log *slog.Logger
	// Progress is called now and then while the index is built, with the
	// number of documents done.
	Progress func(done int)
}

// An Index is the searchable view of the corpus. It is safe for concurrent
// use; searches that run keep the edition they began with.
type Index struct {
	dir      string // "" keeps the index in memory
	analyzer analyzer
	print    string           // layout and vocabulary; another one wants a rebuild
	telling  nlp.SituationSet // of matters that only tell or look up
	params   Params
	weights  weights
	opts     Options

	sync   sync.Mutex // held by CatchUp and Close: one writer
	queue  *bleve.AnalysisQueue
	engine *scorch.Scorch // nil until the first build
	gen    string         // the folder of the engine, inside dir
	fixed  bool           // an overlay, which follows no journal

	mu      sync.RWMutex // guards current
	current *reader      // nil until the first build and after Close

	embeddings atomic.Pointer[Embeddings] // nil without vectors
	reranking  atomic.Pointer[Reranking]  // nil without a Reranker
}

// Open opens the index in dir, or prepares an empty one; an empty dir keeps
// it in memory. It reads what is on disk but changes nothing: call CatchUp to
// bring it up to the journal. A damaged index is logged and treated as
// missing.
func Open(dir string, seg nlp.Segmenter, lex *nlp.Lexicon, opts Options) (*Index, error) {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = 256 << 20
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	ix := &Index{dir: dir, analyzer: analyzer{seg, lex}, params: defaultParams(), weights: defaultWeights(), opts: opts}
	ix.print = ix.fingerprint()
	ix.telling = lex.SituationsNamed("progress", "lookup", "advice", "booking")
	ix.queue = bleve.NewAnalysisQueue(max(1, runtime.GOMAXPROCS(0)))
	if dir == "" {
		return ix, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("index folder: %w", err)
	}
	gen, err := readCurrent(dir)
	if err != nil {
		return nil, err
	}
	if gen == "" {
		return ix, nil
	}
	if err := ix.adopt(gen); err != nil {
		ix.opts.Log.Warn("index will be rebuilt", "dir", dir, "err", err)
	}
	return ix, nil
}

// fingerprint changes with everything that decides which terms a text gives.
func (ix *Index) fingerprint() string {
	return fmt.Sprintf("%d-%T-%s", layout, ix.analyzer.seg, ix.analyzer.lex.Print())
}

// The file that names the current generation's folder.
const currentFile = "CURRENT"

func readCurrent(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, currentFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("index folder: %w", err)
	}
	gen := strings.TrimSpace(string(b))
	if gen != filepath.Base(gen) || !strings.HasPrefix(gen, genPrefix) {
		return "", nil
	}
	return gen, nil
}

const genPrefix = "edition-"

// adopt opens a generation and makes it the current one.
func (ix *Index) adopt(gen string) error {
	engine, err := ix.openEngine(gen)
	if err != nil {
		return err
	}
	space, err := readSpace(filepath.Join(ix.dir, gen, spaceFile))
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	r, err := ix.read(engine, nil, space)
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	ix.swap(engine, gen, r)
	return nil
}

func (ix *Index) openEngine(gen string) (engine *scorch.Scorch, err error) {
	config := map[string]any{"bolt_timeout": "2s", "path": ""} // an empty path keeps it in memory
	if ix.dir != "" {
		config["path"] = filepath.Join(ix.dir, gen)
	}
	x, err := scorch.NewScorch(scorch.Name, config, ix.queue)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", gen, err)
	}
	defer func() { // a damaged segment makes bleve panic
		if p := recover(); p != nil {
			err = fmt.Errorf("index %s: damaged: %v", gen, p)
		}
	}()
	if err := x.Open(); err != nil {
		return nil, fmt.Errorf("index %s: %w", gen, err)
	}
	return x.(*scorch.Scorch), nil
}

// read makes a reader of the engine's newest snapshot.
func (ix *Index) read(engine *scorch.Scorch, prev *reader, space *wordSpace) (r *reader, err error) {
	ir, err := engine.Reader()
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	snap := ir.(*scorch.IndexSnapshot)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("index: damaged: %v", p)
		}
		if err != nil {
			err = errors.Join(err, snap.Close())
		}
	}()
	mark, err := snap.GetInternal([]byte(layoutKey))
	if err != nil {
		return nil, fmt.Errorf("index layout: %w", err)
	}
	if string(mark) != ix.print {
		return nil, fmt.Errorf("index is of layout %q, not %q", mark, ix.print)
	}
	ed, err := snap.GetInternal([]byte(editionKey))
	if err != nil {
		return nil, fmt.Errorf("index edition: %w", err)
	}
	n, err := strconv.ParseUint(string(ed), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("index edition: %w", err)
	}
	sum, err := snap.GetInternal([]byte(sumKey))
	if err != nil {
		return nil, fmt.Errorf("index edition: %w", err)
	}
	r, err = newReader(snap, ix.opts.CacheBytes, prev, space)
	if err != nil {
		return nil, err
	}
	r.edition, r.sum = corpus.Edition(n), string(sum)
	return r, nil
}

// swap puts r in place; searches that run go on with the old one. The old
// engine is closed when another takes its place.
func (ix *Index) swap(engine *scorch.Scorch, gen string, r *reader) {
	ix.mu.Lock()
	old := ix.current
	ix.current = r
	ix.mu.Unlock()
	if emb := ix.embeddings.Load(); emb != nil {
		emb.wake()
	}
	oldEngine, oldGen := ix.engine, ix.gen
	ix.engine, ix.gen = engine, gen
	if old != nil {
		if err := old.release(); err != nil {
			ix.opts.Log.Error("closing an index snapshot", "err", err)
		}
	}
	if oldEngine != nil && oldEngine != engine {
		if err := oldEngine.Close(); err != nil {
			ix.opts.Log.Error("closing the old index", "generation", oldGen, "err", err)
		}
	}
}

// reader returns the current reader, held until done.
func (ix *Index) reader() (*reader, error) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.current == nil {
		return nil, ErrClosed
	}
	ix.current.acquire()
	return ix.current, nil
}

func (ix *Index) done(r *reader) {
	if err := r.release(); err != nil {
		ix.opts.Log.Error("closing an index snapshot", "err", err)
	}
}

// Edition returns the edition that searches show; 0 before the first CatchUp.
func (ix *Index) Edition() corpus.Edition {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	if ix.current == nil {
		return 0
	}
	return ix.current.edition
}

// Docs returns the number of searchable documents by record type.
func (ix *Index) Docs() map[corpus.Type]int {
	n := map[corpus.Type]int{}
	r, err := ix.reader()
	if err != nil {
		return n
	}
	defer ix.done(r)
	for t, st := range r.stats {
		n[t] = st.docs
	}
	return n
}

// Close waits for a running CatchUp and closes the index.
func (ix *Index) Close() error {
	ix.sync.Lock()
	defer ix.sync.Unlock()
	ix.mu.Lock()
	r := ix.current
	ix.current = nil
	ix.mu.Unlock()
	var errs []error
	if r != nil {
		errs = append(errs, r.release())
	}
	if ix.engine != nil {
		errs = append(errs, ix.engine.Close())
		ix.engine = nil
	}
	if ix.queue != nil {
		ix.queue.Close()
		ix.queue = nil
	}
	return errors.Join(errs...)
}

// CatchUp brings the index up to the journal's current edition and returns
// it; an [Index.Overlay] stays as it is. A few changes are one bleve batch; many, or an index that is missing,
// damaged or of another layout, are a new build beside the old index.
func (ix *Index) CatchUp(ctx context.Context, j Journal) (corpus.Edition, error) {
	ix.sync.Lock()
	defer ix.sync.Unlock()
	if ix.queue == nil {
		return 0, ErrClosed
	}
	want, have := j.Edition(), ix.Edition()
	if ix.fixed {
		return have, nil
	}
	same, err := ix.sameSource(j)
	if err != nil {
		return have, err
	}
	if same && have == want {
		return want, nil
	}
	if same {
		changes, few, err := ix.collect(j, have, want)
		if err != nil {
			return have, err
		}
		if few {
			return want, ix.apply(changes, j, want)
		}
	}
	return want, ix.build(ctx, j, want)
}

// sameSource reports whether the index is of an edition that the journal has,
// with the same content: after a restore it need not be.
func (ix *Index) sameSource(j Journal) (bool, error) {
	if ix.engine == nil || ix.current.edition > j.Edition() {
		return false, nil
	}
	sum, err := j.Sum(ix.current.edition)
	if err != nil {
		return false, fmt.Errorf("edition %d: %w", ix.current.edition, err)
	}
	return sum == ix.current.sum, nil
}

// Rebuild builds the index anew from the journal, whatever its state.
func (ix *Index) Rebuild(ctx context.Context, j Journal) (corpus.Edition, error) {
	ix.sync.Lock()
	defer ix.sync.Unlock()
	if ix.queue == nil {
		return 0, ErrClosed
	}
	if ix.fixed {
		return ix.Edition(), nil
	}
	want := j.Edition()
	return want, ix.build(ctx, j, want)
}

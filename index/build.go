package index

import (
	"context"
	"errors"
	"fmt"
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
)

// How many documents bleve turns into one segment while an index is built,
// and how many segments it merges at once. A document takes about 0.2 MB
// while its segment is made; all segments of 100,000 documents are merged in
// one go.
const (
	buildBatch = 1000
	buildMerge = 128
)

// collect gathers the changes since an edition, or says that they are too
// many for one batch to be faster than a build.
func (ix *Index) collect(j Journal, after, upTo corpus.Edition) (changes []corpus.Change, few bool, err error) {
	limit := max(500, len(ix.current.docs)/10)
	for c, err := range j.Changes(after, upTo) {
		if err != nil {
			return nil, false, fmt.Errorf("changes since edition %d: %w", after, err)
		}
		if !indexed(c.Key.Type) {
			continue
		}
		if changes = append(changes, c); len(changes) > limit {
			return nil, false, nil
		}
	}
	return changes, true, nil
}

// apply writes the changes and their edition in one bleve batch.
func (ix *Index) apply(changes []corpus.Change, j Journal, edition corpus.Edition) error {
	batch := bleve.NewBatch()
	for _, c := range changes {
		if c.Record == nil {
			batch.Delete(c.Key.String())
		} else {
			doc := ix.analyzer.analyze(c.Record).bleveDocument()
			doc.AddIDField()
			batch.Update(doc)
		}
	}
	if err := ix.mark(batch.SetInternal, j, edition); err != nil {
		return err
	}
	if err := ix.engine.Batch(batch); err != nil {
		return fmt.Errorf("index edition %d: %w", edition, err)
	}
	r, err := ix.read(ix.engine, ix.current, ix.current.space)
	if err != nil {
		return fmt.Errorf("index edition %d: %w", edition, err)
	}
	ix.swap(ix.engine, ix.gen, r)
	return nil
}

// mark says of what the index is.
func (ix *Index) mark(set func(key, val []byte), j Journal, edition corpus.Edition) error {
	sum, err := j.Sum(edition)
	if err != nil {
		return fmt.Errorf("edition %d: %w", edition, err)
	}
	set([]byte(editionKey), strconv.AppendUint(nil, uint64(edition), 10))
	set([]byte(sumKey), []byte(sum))
	set([]byte(layoutKey), []byte(ix.print))
	return nil
}

// build makes a new index of an edition beside the current one and swaps it
// in. Until the swap nothing that searches use is touched.
func (ix *Index) build(ctx context.Context, j Journal, edition corpus.Edition) error {
	gen := fmt.Sprintf("%s%d", genPrefix, edition)
	for n := 2; gen == ix.gen; n++ {
		gen = fmt.Sprintf("%s%d-%d", genPrefix, edition, n)
	}
	engine, space, err := ix.buildEngine(ctx, j, edition, gen)
	if err != nil {
		return fmt.Errorf("index of edition %d: %w", edition, err)
	}
	r, err := ix.read(engine, nil, space)
	if err != nil {
		return errors.Join(fmt.Errorf("index of edition %d: %w", edition, err), engine.Close())
	}
	if err := ix.point(gen); err != nil {
		return errors.Join(fmt.Errorf("index of edition %d: %w", edition, err), r.release(), engine.Close())
	}
	ix.swap(engine, gen, r)
	ix.sweep()
	return nil
}

// buildEngine fills a new generation: in a folder with bleve's offline
// builder, in memory with batches.
func (ix *Index) buildEngine(ctx context.Context, j Journal, edition corpus.Edition, gen string) (*scorch.Scorch, *wordSpace, error) {
	if ix.dir == "" {
		return ix.fillMemory(ctx, j, edition)
	}
	path := filepath.Join(ix.dir, gen)
	if err := os.RemoveAll(path); err != nil {
		return nil, nil, err
	}
	internal := map[string][]byte{}
	if err := ix.mark(func(k, v []byte) { internal[string(k)] = v }, j, edition); err != nil {
		return nil, nil, err
	}
	b, err := scorch.NewBuilder(map[string]any{"path": path, "buildPathPrefix": ix.dir,
		"batchSize": buildBatch, "mergeMax": buildMerge, "internal": internal})
	if err != nil {
		return nil, nil, err
	}
	n, sample := 0, newWordSample()
	err = ix.analyzeAll(ctx, j, edition, func(d analyzed) error {
		n++
		sample.add(d.entry.key.String(), d.words)
		return b.Index(d.bleveDocument())
	})
	// The builder needs its Close even after an error: it removes its files.
	if err != nil || n > 0 {
		err = errors.Join(err, b.Close())
	}
	if err != nil {
		return nil, nil, err
	}
	space := sample.space()
	var engine *scorch.Scorch
	if n == 0 {
		if engine, err = ix.fillEmpty(gen, j, edition); err != nil {
			return nil, nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(path, spaceFile), space.encode(), 0o600); err != nil {
		return engine, nil, err
	}
	if err := syncTree(path); err != nil {
		return engine, nil, err
	}
	if engine == nil {
		engine, err = ix.openEngine(gen)
	}
	return engine, space, err
}

// fillMemory makes an engine without files, for tests and evaluation.
func (ix *Index) fillMemory(ctx context.Context, j Journal, edition corpus.Edition) (*scorch.Scorch, *wordSpace, error) {
	engine, err := ix.openEngine("")
	if err != nil {
		return nil, nil, err
	}
	batch, sample := bleve.NewBatch(), newWordSample()
	flush := func() error {
		err := engine.Batch(batch)
		batch.Reset()
		return err
	}
	err = ix.analyzeAll(ctx, j, edition, func(d analyzed) error {
		sample.add(d.entry.key.String(), d.words)
		doc := d.bleveDocument()
		doc.AddIDField()
		batch.Update(doc)
		if len(batch.IndexOps) >= buildBatch {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = ix.mark(batch.SetInternal, j, edition)
	}
	if err == nil {
		err = flush()
	}
	if err != nil {
		return nil, nil, errors.Join(err, engine.Close())
	}
	return engine, sample.space(), nil
}

// fillEmpty makes an index without documents, which bleve's builder cannot.
func (ix *Index) fillEmpty(gen string, j Journal, edition corpus.Edition) (*scorch.Scorch, error) {
	engine, err := ix.openEngine(gen)
	if err != nil {
		return nil, err
	}
	batch := bleve.NewBatch()
	if err = ix.mark(batch.SetInternal, j, edition); err == nil {
		err = engine.Batch(batch)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return engine, nil
}

// analyzeAll cuts every record of an edition into terms, on all processors,
// and hands the documents to add, one at a time.
func (ix *Index) analyzeAll(ctx context.Context, j Journal, edition corpus.Edition, add func(analyzed) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	records := make(chan corpus.Record, 64)
	docs := make(chan analyzed, 64)
	go func() {
		defer close(records)
		if err := feed(ctx, j, edition, records); err != nil {
			cancel(err)
		}
	}()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for rec := range records {
				docs <- ix.analyzer.analyze(rec)
			}
		})
	}
	go func() {
		workers.Wait()
		close(docs)
	}()
	var done atomic.Int64
	for d := range docs {
		if ctx.Err() != nil {
			continue // drain, so that the workers end
		}
		if err := add(d); err != nil {
			cancel(err)
			continue
		}
		if n := done.Add(1); ix.opts.Progress != nil && n%500 == 0 {
			ix.opts.Progress(int(n))
		}
	}
	return context.Cause(ctx)
}

// feed sends every searched record of an edition.
func feed(ctx context.Context, j Journal, edition corpus.Edition, records chan<- corpus.Record) error {
	for _, t := range corpus.Types {
		if !indexed(t) {
			continue
		}
		for rec, err := range j.All(edition, t) {
			if err != nil {
				return err
			}
			select {
			case records <- rec:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// point makes gen the current generation, durably: a crash leaves either the
// old name or the new one.
func (ix *Index) point(gen string) error {
	if ix.dir == "" {
		return nil
	}
	tmp := filepath.Join(ix.dir, currentFile+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(gen + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(ix.dir, currentFile)); err != nil {
		return err
	}
	return syncDir(ix.dir)
}

// sweep removes generations that are not current and what a crashed build
// left behind.
func (ix *Index) sweep() {
	if ix.dir == "" {
		return
	}
	names, err := os.ReadDir(ix.dir)
	if err != nil {
		ix.opts.Log.Error("sweeping the index folder", "err", err)
		return
	}
	for _, d := range names {
		old := strings.HasPrefix(d.Name(), genPrefix) && d.Name() != ix.gen
		left := strings.HasPrefix(d.Name(), "scorch-offline-build")
		if !d.IsDir() || !old && !left {
			continue
		}
		if err := os.RemoveAll(filepath.Join(ix.dir, d.Name())); err != nil {
			ix.opts.Log.Error("sweeping the index folder", "generation", d.Name(), "err", err)
		}
	}
}

// syncTree flushes every file of a folder, and the folder, to the disk.
func syncTree(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, d := range names {
		f, err := os.Open(filepath.Join(dir, d.Name()))
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

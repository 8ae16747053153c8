package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index/vector"
)

// EmbeddingOptions tune Embeddings. The zero value is what production runs.
type EmbeddingOptions struct {
	Batch   int           // texts embedded at once; 0 means 32
	Timeout time.Duration // for a question's vector, while a citizen waits; 0 means 300 ms
	Price   float64       // of a million tokens, in whatever currency
	Log     *slog.Logger  // nil logs nothing
	Now     func() time.Time
	// Progress is called with the number of texts that have a vector; may be nil.
	Progress func(done int)
}

// Embeddings are the vectors of the corpus: a view like the index, kept beside
// it, and of the same edition. Publishing a guide or naming another model makes
// the vectors that are missing, in the background; until they are there, and
// whenever the endpoint fails, searches go on without.
type Embeddings struct {
	ix       *Index
	journal  Journal
	embedder Embedder
	store    *vector.Store
	opts     EmbeddingOptions
	signal   chan struct{}
	question *questionVectors

	mu     sync.Mutex // guards status
	status EmbeddingStatus

	// Of the one goroutine that runs.
	docs     map[corpus.Key][]vector.ID // of edition at
	texts    map[vector.ID]string       // of docs, those without a vector
	queue    []vector.ID                // of texts, in order
	at       corpus.Edition
	sum      string
	trust    float64
	measured int // documents when the trust was measured
}

// An EmbeddingStatus says how far the vectors are, and what they cost.
type EmbeddingStatus struct {
	Model      string         `json:"model"`
	Dimensions int            `json:"dimensions"`
	Edition    corpus.Edition `json:"edition"` // that the vectors are of
	Documents  int            `json:"documents"`
	Texts      int            `json:"texts"`    // long documents have several
	Embedded   int            `json:"embedded"` // of Texts
	Trust      float64        `json:"trust"`    // 0..1; 0 means that searches go without
	Tokens     uint64         `json:"tokens"`   // all that the kept vectors have cost
	Cost       float64        `json:"cost"`     // Tokens at the configured price
	Questions  uint64         `json:"questions"`
	// QuestionTokens are those of questions since the start, with QuestionCost.
	QuestionTokens uint64    `json:"questionTokens"`
	QuestionCost   float64   `json:"questionCost"`
	Failures       uint64    `json:"failures"` // of the endpoint, since the start
	LastError      string    `json:"lastError,omitempty"`
	Repaired       int64     `json:"repairedBytes,omitempty"` // damaged ones, dropped when the file was opened
	Updated        time.Time `json:"updated"`
}

// Done reports whether every text has its vector.
func (s EmbeddingStatus) Done() bool { return s.Texts > 0 && s.Embedded == s.Texts }

// OpenEmbeddings opens the vectors kept in dir and gives them to the index.
// [Embeddings.Run] keeps them up to the journal's edition.
func OpenEmbeddings(dir string, ix *Index, journal Journal, embedder Embedder, opts EmbeddingOptions) (*Embeddings, error) {
	opts.Batch = cmp.Or(opts.Batch, 32)
	opts.Timeout = cmp.Or(opts.Timeout, 300*time.Millisecond)
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	store, err := vector.Open(dir, embedder.Model())
	if err != nil {
		return nil, err
	}
	e := &Embeddings{ix: ix, journal: journal, embedder: embedder, store: store, opts: opts, signal: make(chan struct{}, 1)}
	e.question = &questionVectors{embedder: embedder, timeout: opts.Timeout, pause: pause{now: opts.Now}, log: opts.Log}
	e.status = EmbeddingStatus{Model: embedder.Model(), Repaired: store.Lost(), Updated: opts.Now()}
	if store.Lost() > 0 {
		opts.Log.Warn("damaged vectors dropped, will be embedded again", "bytes", store.Lost())
	}
	ix.embeddings.Store(e)
	return e, nil
}

// Close takes the vectors from the index and closes their file. Run must have
// returned.
func (e *Embeddings) Close() error {
	e.ix.embeddings.CompareAndSwap(e, nil)
	return e.store.Close()
}

// Reset drops every vector, to embed all texts again. Run must not be running.
func (e *Embeddings) Reset() error {
	e.docs, e.trust, e.measured = nil, 0, 0
	e.question.forget()
	r, err := e.ix.reader()
	if err != nil {
		return err
	}
	defer e.ix.done(r)
	r.semantic.Store(nil)
	return e.store.Reset()
}

// Status says how far the vectors are.
func (e *Embeddings) Status() EmbeddingStatus {
	e.mu.Lock()
	s := e.status
	e.mu.Unlock()
	s.Tokens = e.store.Tokens()
	s.Dimensions = e.store.Table().Dim()
	e.question.addTo(&s)
	const million = 1e6
	s.Cost, s.QuestionCost = float64(s.Tokens)/million*e.opts.Price, float64(s.QuestionTokens)/million*e.opts.Price
	return s
}

func (e *Embeddings) tell(change func(*EmbeddingStatus)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.status)
	e.status.Updated = e.opts.Now()
}

// wake says that the index has another edition. It never waits.
func (e *Embeddings) wake() {
	select {
	case e.signal <- struct{}{}:
	default: // it has been said
	}
}

// lookAgain is how often Run looks whether the endpoint's model is still the same.
const lookAgain = 10 * time.Minute

// Run follows the index's edition until ctx ends: it takes up what changed,
// embeds what is missing, and tries again later after a failure.
func (e *Embeddings) Run(ctx context.Context) {
	wait := pause{now: e.opts.Now}
	for {
		err := e.Build(ctx)
		again := time.After(lookAgain)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait.failed()
			e.opts.Log.Warn("embedding stopped, will be tried again", "in", wait.length(), "err", err)
			again = time.After(wait.length())
		default:
			wait.worked()
		}
		select {
		case <-ctx.Done():
			return
		case <-e.signal:
		case <-again:
		}
	}
}

// Build brings the vectors up to the index's edition and returns when every
// text has one. What has been embedded before stays, however it ends.
func (e *Embeddings) Build(ctx context.Context) error {
	err := e.build(ctx)
	if err != nil && ctx.Err() == nil {
		e.tell(func(s *EmbeddingStatus) {
			s.Failures++
			s.LastError = err.Error()
		})
	}
	return err
}

func (e *Embeddings) build(ctx context.Context) error {
	if err := e.sameModel(ctx); err != nil {
		return err
	}
	for {
		if err := e.take(ctx); err != nil {
			return err
		}
		if err := e.attach(); err != nil {
			return err
		}
		if len(e.texts) == 0 {
			break
		}
		if err := e.embedSome(ctx); err != nil {
			return err
		}
	}
	if err := e.tidy(); err != nil {
		return err
	}
	if err := e.measure(ctx); err != nil {
		return err
	}
	e.tell(func(s *EmbeddingStatus) { s.LastError = "" })
	return e.attach()
}

// canary is a text whose vector tells one model from another: an endpoint may
// serve other weights under the same name.
const canary = "政务服务事项办理：申请材料、办理时限、收费标准"

// sameModel embeds the canary and drops all vectors if it is not where it was.
func (e *Embeddings) sameModel(ctx context.Context) error {
	id := vector.IDOf("canary", canary)
	row, known := e.store.Row(id)
	vectors, tokens, err := e.embed(ctx, RoleDocument, []string{canary})
	if err != nil {
		return err
	}
	code, err := vector.Encode(vectors[0])
	if err != nil {
		return err
	}
	if known {
		table := e.store.Table()
		if table.Dim() == len(vectors[0]) && code.Cosine(table.Code(row)) > canarySame {
			return nil
		}
		e.opts.Log.Warn("the endpoint gives other vectors than before under the same model name: embedding all again", "model", e.embedder.Model())
		if err := e.Reset(); err != nil {
			return err
		}
	}
	return e.store.Append([]vector.ID{id}, vectors, tokens)
}

// canarySame is the cosine from which two vectors of the canary are of one
// model: bytes and batching alone cost about a percent.
const canarySame = .97

func (e *Embeddings) embed(ctx context.Context, role Role, texts []string) ([][]float32, int, error) {
	vectors, tokens, err := e.embedder.Embed(ctx, role, texts)
	if err == nil && len(vectors) != len(texts) {
		err = fmt.Errorf("%w: %d vectors for %d texts", vector.ErrVector, len(vectors), len(texts))
	}
	if err != nil {
		return nil, 0, fmt.Errorf("embedding: %w", err)
	}
	return vectors, tokens, nil
}

// take brings docs up to the index's edition: by the changes if the journal
// still has the edition that docs are of, else from every record.
func (e *Embeddings) take(ctx context.Context) error {
	r, err := e.ix.reader()
	if err != nil {
		return err
	}
	edition, sum := r.edition, r.sum
	e.ix.done(r)
	if e.docs != nil && edition == e.at && sum == e.sum {
		return nil
	}
	follows := false
	if e.docs != nil && edition > e.at {
		was, err := e.journal.Sum(e.at)
		if err != nil {
			return fmt.Errorf("edition %d: %w", e.at, err)
		}
		follows = was == e.sum
	}
	if follows {
		err = e.takeChanges(edition)
	} else {
		err = e.takeAll(ctx, edition)
	}
	if err != nil {
		e.docs = nil
		return fmt.Errorf("edition %d: %w", edition, err)
	}
	e.at, e.sum = edition, sum
	e.queue = slices.SortedFunc(maps.Keys(e.texts), func(a, b vector.ID) int { return slices.Compare(a[:], b[:]) })
	return nil
}

func (e *Embeddings) takeChanges(edition corpus.Edition) error {
	for c, err := range e.journal.Changes(e.at, edition) {
		if err != nil {
			return err
		}
		delete(e.docs, c.Key)
		if c.Record != nil && indexed(c.Key.Type) {
			e.add(c.Record)
		}
	}
	return nil
}

func (e *Embeddings) takeAll(ctx context.Context, edition corpus.Edition) error {
	e.docs, e.texts = map[corpus.Key][]vector.ID{}, map[vector.ID]string{}
	for _, t := range corpus.Types {
		if !indexed(t) {
			continue
		}
		for rec, err := range e.journal.All(edition, t) {
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			e.add(rec)
		}
	}
	return nil
}

func (e *Embeddings) add(rec corpus.Record) {
	var ids []vector.ID
	for _, text := range embeddedTexts(rec) {
		id := vector.IDOf(string(RoleDocument), text)
		ids = append(ids, id)
		if _, ok := e.store.Row(id); !ok {
			e.texts[id] = text
		}
	}
	e.docs[rec.Key()] = ids
}

// attach gives the reader of the edition its vectors.
func (e *Embeddings) attach() error {
	r, err := e.ix.reader()
	if err != nil {
		return err
	}
	defer e.ix.done(r)
	texts := 0
	for _, ids := range e.docs {
		texts += len(ids)
	}
	missing := 0
	for _, ids := range e.docs {
		for _, id := range ids {
			if _, ok := e.texts[id]; ok {
				missing++
			}
		}
	}
	e.tell(func(s *EmbeddingStatus) {
		s.Edition, s.Documents, s.Texts, s.Embedded, s.Trust = e.at, len(e.docs), texts, texts-missing, e.trust
	})
	switch {
	case missing*100 > texts: // what has no vector yet would fall behind
	case r.edition != e.at || r.sum != e.sum:
		e.wake() // another edition has come meanwhile
	default:
		sem := newSemantic(r, e.store.Table(), e.docs, e.store.Row)
		sem.trust = e.trust
		r.semantic.Store(sem)
	}
	return nil
}

// embedSome embeds what is missing, for a while: then an edition that has come
// meanwhile is taken up.
func (e *Embeddings) embedSome(ctx context.Context) error {
	for range min(20, (len(e.queue)+e.opts.Batch-1)/e.opts.Batch) {
		batch := e.queue[:min(len(e.queue), e.opts.Batch)]
		texts := make([]string, len(batch))
		for i, id := range batch {
			texts[i] = e.texts[id]
		}
		vectors, tokens, err := e.embed(ctx, RoleDocument, texts)
		if err != nil {
			return err
		}
		if err := e.store.Append(batch, vectors, tokens); err != nil {
			return err
		}
		for _, id := range batch {
			delete(e.texts, id)
		}
		e.queue = e.queue[len(batch):]
		done := 0
		e.tell(func(s *EmbeddingStatus) {
			s.Embedded = min(s.Texts, s.Embedded+len(batch))
			done = s.Embedded
		})
		if e.opts.Progress != nil {
			e.opts.Progress(done)
		}
	}
	return nil
}

// tidy drops the vectors of texts that are gone, once they are the greater
// part, and those of other models.
func (e *Embeddings) tidy() error {
	if err := e.store.Alone(); err != nil {
		return err
	}
	used := map[vector.ID]bool{vector.IDOf("canary", canary): true}
	for _, ids := range e.docs {
		for _, id := range ids {
			used[id] = true
		}
	}
	if e.store.Rows() < 2*len(used)+2*maxProbes {
		return nil
	}
	return e.store.Compact(func(id vector.ID) bool { return used[id] })
}

// maxProbes is how many names are looked up to measure the vectors' worth.
const maxProbes = 200

// measure finds out how far the vectors can be trusted, from the corpus alone:
// an everyday name, looked up by meaning, should find the guide that bears it.
// Vectors without meaning find it by chance, and then count for nothing.
func (e *Embeddings) measure(ctx context.Context) error {
	n := 0
	for k := range e.docs {
		if k.Type == corpus.TypeGuide {
			n++
		}
	}
	if e.measured > 0 && e.trust > 0 && n*20 > e.measured*19 && n*20 < e.measured*21 {
		return nil // hardly any guide more or less
	}
	r, err := e.ix.reader()
	if err != nil {
		return err
	}
	defer e.ix.done(r)
	sem := r.semantic.Load()
	if sem == nil || sem.types[corpus.TypeGuide] == nil {
		return nil // another edition has come; it will be measured
	}
	found, probes := 0, r.probes(maxProbes)
	deep := min(10, max(1, n/50))
	for batch := range slices.Chunk(probes, e.opts.Batch) {
		codes, err := e.probeVectors(ctx, batch)
		if err != nil {
			return err
		}
		st := sem.types[corpus.TypeGuide]
		for i, p := range batch {
			for _, near := range st.list.Nearest(codes[i], deep, func(int) bool { return true }).Near {
				if st.doc[near.Pos] == p.doc {
					found++
					break
				}
			}
		}
	}
	e.trust, e.measured = trustOf(found, len(probes), float64(deep)/float64(max(1, n))), n
	e.opts.Log.Info("vectors measured", "names", len(probes), "found", found, "trust", e.trust)
	return nil
}

// A probe is a name and the guide that bears it.
type probe struct {
	name string
	doc  uint32
}

// probes are names of guides from all over the corpus, n at most, the most
// everyday one of each guide.
func (r *reader) probes(n int) []probe {
	var guides []uint32
	for d, e := range r.docs {
		if e != nil && e.field == corpus.TypeGuide && len(e.names) > 0 {
			guides = append(guides, uint32(d))
		}
	}
	slices.SortFunc(guides, func(a, b uint32) int { return cmp.Compare(r.docs[a].key.ID, r.docs[b].key.ID) })
	var list []probe
	for i := 0; i < len(guides); i += len(guides)/n + 1 {
		names := r.docs[guides[i]].names
		list = append(list, probe{names[len(names)-1], guides[i]})
	}
	return list
}

// probeVectors are the names' vectors as questions; those known cost nothing.
func (e *Embeddings) probeVectors(ctx context.Context, probes []probe) ([]vector.Code, error) {
	var ids []vector.ID
	var names []string
	for _, p := range probes {
		id := vector.IDOf(string(RoleQuestion), p.name)
		if _, ok := e.store.Row(id); !ok && !slices.Contains(ids, id) {
			ids, names = append(ids, id), append(names, p.name)
		}
	}
	if len(ids) > 0 {
		vectors, tokens, err := e.embed(ctx, RoleQuestion, names)
		if err != nil {
			return nil, err
		}
		if err := e.store.Append(ids, vectors, tokens); err != nil {
			return nil, err
		}
	}
	codes := make([]vector.Code, len(probes))
	table := e.store.Table()
	for i, p := range probes {
		row, ok := e.store.Row(vector.IDOf(string(RoleQuestion), p.name))
		if !ok {
			return nil, errors.New("embedding: a name has lost its vector")
		}
		codes[i] = table.Code(row)
	}
	return codes, nil
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/api/webhook"
	"github.com/govqa/govqa/api/wechat"
	"github.com/govqa/govqa/api/wording"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
	"github.com/govqa/govqa/nlp/jieba"
	"github.com/govqa/govqa/recommend/history"
)

// An app is the opened parts of one data folder.
type app struct {
	store  *store.Store
	index  *index.Index
	seg    *jieba.Segmenter
	lex    *nlp.Lexicon
	engine *answer.Engine
	asked  *questionLog
	mail   *mailbox
	model  *llm.Client // nil where none is configured
	log    *slog.Logger

	history *history.Store // of a service only, as what follows
	wording *wording.Switch
	memory  *memory

	webhooks  *webhook.Queue    // of a service only
	accounts  []*wechat.Account // likewise
	semantics *semantics        // of a service, or while vectors are made

	settle func(context.Context) error // of a service: closes what a new edition answers
}

// The parts of a data folder.
func storeDir(data string) string  { return filepath.Join(data, "store") }
func indexDir(data string) string  { return filepath.Join(data, "index") }
func stateFile(data string) string { return filepath.Join(data, "state.key") }

// openStore opens only the facts.
func openStore(data string, log *slog.Logger) (*store.Store, error) {
	s, err := store.Open(storeDir(data), store.Options{Logger: log})
	if err != nil {
		return nil, fmt.Errorf("数据目录 %s：%w", data, err)
	}
	return s, nil
}

// openApp opens a data folder with all its views. With sample, an empty
// folder is filled with the built-in corpus first. What settings set goes before
// the defaults of the engine.
func openApp(ctx context.Context, data string, withSample bool, log *slog.Logger, progress io.Writer, settings ...func(*answer.Config)) (_ *app, err error) {
	a := &app{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	// The segmenter's dictionaries and the store take about as long to load.
	segmenter := loadSegmenter()
	if a.store, err = openStore(data, log); err != nil {
		loaded := <-segmenter
		a.seg = loaded.seg
		return nil, err
	}
	loaded := <-segmenter
	if a.seg, a.lex, err = loaded.seg, loaded.lex, loaded.err; err != nil {
		return nil, err
	}
	if withSample && a.store.Edition() == 0 {
		if err := importSample(ctx, a.store); err != nil {
			return nil, err
		}
		log.Info("empty data folder: built-in sample corpus loaded", "edition", a.store.Edition())
	}
	if a.index, err = index.Open(indexDir(data), a.seg, a.lex, index.Options{Log: log, Progress: counter(progress, "建立索引")}); err != nil {
		return nil, err
	}
	key, err := stateKey(stateFile(data))
	if err != nil {
		return nil, err
	}
	a.asked, a.mail = newQuestionLog(a.store, log), newMailbox(a.store)
	cfg := answer.Config{Corpus: a.store, Index: a.index, Segmenter: a.seg, Lexicon: a.lex,
		StateKey: key, Journal: a.asked, Mailbox: a.mail, Worded: a.asked.Worded, Log: log}
	for _, set := range settings {
		set(&cfg)
	}
	a.engine, err = answer.New(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.engine.Refresh(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

type loadedSegmenter struct {
	seg *jieba.Segmenter
	lex *nlp.Lexicon
	err error
}

func loadSegmenter() <-chan loadedSegmenter {
	done := make(chan loadedSegmenter, 1)
	go func() {
		var l loadedSegmenter
		if l.lex, l.err = nlp.LoadLexicon(); l.err == nil {
			l.seg, l.err = jieba.New(l.lex.Words)
		}
		done <- l
	}()
	return done
}

// close closes what is open, in the reverse order of opening.
func (a *app) close() error {
	var errs []error
	if a.asked != nil {
		a.asked.close()
	}
	if a.memory != nil {
		a.memory.close()
	}
	if a.history != nil {
		errs = append(errs, a.history.Close())
	}
	if a.semantics != nil {
		errs = append(errs, a.semantics.close())
	}
	if a.index != nil {
		errs = append(errs, a.index.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.seg != nil {
		a.seg.Close()
	}
	return errors.Join(errs...)
}

// importSample publishes the built-in sample corpus as the first edition.
func importSample(ctx context.Context, s *store.Store) error {
	var files []store.File
	for name, rows := range sample.Files() {
		files = append(files, store.File{Name: name, Rows: rows})
	}
	report, err := s.Import(ctx, files, store.ImportOptions{Actor: store.BySystem, Note: "内置示例数据"})
	if err != nil {
		return fmt.Errorf("sample corpus: %w", err)
	}
	if report.Total.RejectedRows > 0 || report.Edition == 0 {
		return fmt.Errorf("sample corpus: %d rows rejected", report.Total.RejectedRows)
	}
	return nil
}

// stateKey reads the key that signs conversation states, or makes one. It
// outlives the process, so that a restart ends no conversation.
func stateKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("state key: %w", err)
	}
	key = make([]byte, 32)
	rand.Read(key) // never fails (crypto/rand)
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("state key: %w", err)
	}
	return key, nil
}

// A questionLog journals questions in the background, so that no citizen
// waits for the disk. When the disk cannot keep up, questions are dropped and
// counted; ratings are written before they are acknowledged.
type questionLog struct {
	store *store.Store
	log   *slog.Logger
	queue chan store.Fact
	done  chan struct{}

	dropped atomic.Uint64 // facts that the disk was too slow for
}

func newQuestionLog(s *store.Store, log *slog.Logger) *questionLog {
	q := &questionLog{store: s, log: log, queue: make(chan store.Fact, 4096), done: make(chan struct{})}
	go q.write()
	return q
}

// Asked implements [answer.Journal].
func (q *questionLog) Asked(a answer.Asked) { q.put(answer.FactQuestion, a) }

// Worded keeps what a language model made of an answer.
func (q *questionLog) Worded(a answer.Answer) {
	q.put(answer.FactWording, answer.KeptWording{Answer: a.ID, Text: a.Text, Model: a.AIGC.Model, Filing: a.AIGC.Filing, Edition: a.Edition})
}

func (q *questionLog) put(typ string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		q.log.Error("not journalled", "type", typ, "err", err)
		return
	}
	select {
	case q.queue <- store.Fact{Type: typ, Data: data}:
	default:
		q.dropped.Add(1)
		q.log.Warn("not journalled: the disk is too slow", "type", typ)
	}
}

// Rated implements [answer.Journal].
func (q *questionLog) Rated(ctx context.Context, f answer.Feedback) error {
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("feedback: %w", err)
	}
	_, err = q.store.Append(ctx, store.ByCitizen, store.Fact{Type: answer.FactFeedback, Data: data})
	return err
}

func (q *questionLog) write() {
	defer close(q.done)
	for f := range q.queue {
		if _, err := q.store.Append(context.Background(), store.ByCitizen, f); err != nil {
			q.log.Error("not journalled", "type", f.Type, "err", err)
		}
	}
}

// close writes what is queued and ends.
func (q *questionLog) close() {
	close(q.queue)
	<-q.done
}

// replay counts the questions that were asked before, for the hot list, and
// takes up the messages that were left.
func (a *app) replay() error {
	for f, err := range a.store.Facts(0) {
		if err != nil {
			return err
		}
		if err := a.mail.replay(f); err != nil {
			return err
		}
		if f.Type != answer.FactQuestion {
			continue
		}
		var asked answer.Asked
		if err := json.Unmarshal(f.Data, &asked); err != nil {
			return fmt.Errorf("journal entry %d: %w", f.Seq, err)
		}
		a.engine.Replay(asked, f.Time)
	}
	return nil
}

// follow takes up every new edition, and every new day, until ctx ends.
func (a *app) follow(ctx context.Context) {
	edition := a.engine.Edition()
	a.tidy(ctx) // what was published while no service ran
	for {
		day, cancel := context.WithDeadline(ctx, midnight(time.Now()))
		next, err := a.store.Follow(day, edition)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return // ctx has ended or the store is closed
		}
		if err := a.live(ctx); err != nil {
			a.log.Error("new edition not taken up", "edition", next, "err", err)
		}
		a.tidy(ctx)
		edition = next
	}
}

// live brings all that answers questions up to the current edition.
func (a *app) live(ctx context.Context) error {
	return errors.Join(a.engine.Refresh(ctx), a.succeed(ctx))
}

// tidy closes the gaps that the current edition answers.
func (a *app) tidy(ctx context.Context) {
	if a.settle == nil {
		return
	}
	if err := a.settle(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("gaps not closed", "err", err)
	}
}

// midnight is when the day of t ends: then other records are in force.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
}

// counter shows progress on a terminal: what is done, over one line.
func counter(w io.Writer, what string) func(int) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done int) { fmt.Fprintf(f, "\r%s：%d", what, done) }
}

var _ answer.Corpus = (*store.Store)(nil)

package answer

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
	"github.com/govqa/govqa/recommend"
)

// A Corpus is the published corpus: the store, or records in memory.
type Corpus interface {
	index.Journal
	// GetAt returns a record as of an edition, or corpus.ErrNotFound.
	GetAt(edition corpus.Edition, key corpus.Key) (corpus.Record, error)
}

// A Journal takes down what was asked and how answers were rated. It must not
// block for long: an answer waits for it.
type Journal interface {
	Asked(Asked)
	Rated(context.Context, Feedback) error
}

// Asked is what the journal keeps of a question.
type Asked struct {
	Answer     string            `json:"answer"`
	Text       string            `json:"text"` // masked
	Region     corpus.RegionCode `json:"region,omitempty"`
	Outcome    Outcome           `json:"outcome"`
	Aspect     nlp.Aspect        `json:"aspect"`
	Matter     string            `json:"matter,omitempty"`
	Confidence float64           `json:"confidence"`
	Edition    corpus.Edition    `json:"edition"`
	FAQ        string            `json:"faq,omitempty"`       // id of the FAQ that was quoted
	Near       []Near            `json:"near,omitempty"`      // the matters found first, at most 3
	Foreign    string            `json:"foreign,omitempty"`   // a place asked for that the corpus does not cover
	ElapsedMS  float64           `json:"elapsedMs,omitempty"` // until the answer was composed
}

// A Near is a matter that was found for a question, whether it was the answer
// or not.
type Near struct {
	Code   string  `json:"code"`
	Behind float64 `json:"behind"` // the first, in score
}

// Config is what an Engine is made of. Corpus, Index, Segmenter, Lexicon and
// StateKey are required.
type Config struct {
	Corpus    Corpus
	Index     *index.Index
	Segmenter nlp.Segmenter
	Lexicon   *nlp.Lexicon
	Guard     *guard.Guard     // nil is the built-in one
	StateKey  []byte           // signs conversation states; at least 16 bytes
	Journal   Journal          // nil keeps nothing
	Memory    Memory           // what people did; nil recommends without it
	Mailbox   Mailbox          // nil takes no messages
	Refiner   Refiner          // nil leaves every answer as it is composed
	Worded    func(Answer)     // is told of every answer that a model has worded; nil is not
	Log       *slog.Logger     // nil logs nothing
	Now       func() time.Time // nil is time.Now
}

// ErrNotReady means that no edition has been loaded yet.
var ErrNotReady = errors.New("no edition loaded")

// An Engine answers questions from the current edition. It is safe for
// concurrent use; [Engine.Refresh] takes up a new edition between questions.
type Engine struct {
	Config
	view  atomic.Pointer[view]
	asked hotCounts
	idle  *recommend.Model // stands in for a Memory's
	fresh sync.Mutex       // one Refresh at a time
}

// A view holds the small parts of one edition that every answer needs. It
// never changes once it is made.
type view struct {
	edition   corpus.Edition
	day       string // on which it was made: what is in force changes with it
	parser    nlp.Parser
	divisions *corpus.Divisions
	covered   []corpus.RegionCode // regions that records are of
	bundles   map[string]*corpus.Bundle
	policies  policyList
	directory
	life   *recommend.LifeEvents
	sample bool
	words  []*corpus.Word // of the edition, beside the built-in lexicon

	items sync.Map // code -> *listed, as they are asked for
	whole wholeGuides
	alike sync.Map // code -> []string, codes of matters with like content
}

// New makes an Engine. Call Refresh before the first question.
func New(cfg Config) (*Engine, error) {
	if cfg.Corpus == nil || cfg.Index == nil || cfg.Segmenter == nil || cfg.Lexicon == nil || len(cfg.StateKey) < 16 {
		return nil, errors.New("answer: incomplete configuration")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Refiner == nil {
		cfg.Refiner = Verbatim{}
	}
	if cfg.Guard == nil {
		g, err := guard.New(nil)
		if err != nil {
			return nil, err
		}
		cfg.Guard = g
	}
	return &Engine{Config: cfg, idle: recommend.NewModel(recommend.Defaults())}, nil
}

func (e *Engine) today() string { return e.Now().Format(time.DateOnly) }

// Refresh brings the index and the view up to the corpus's current edition and
// to the day.
// Questions go on meanwhile with the edition before.
func (e *Engine) Refresh(ctx context.Context) error {
	e.fresh.Lock()
	defer e.fresh.Unlock()
	edition, err := e.Index.CatchUp(ctx, e.Corpus)
	if err != nil {
		return err
	}
	if v := e.view.Load(); v != nil && v.edition == edition && v.day == e.today() {
		return nil
	}
	v, err := e.newView(edition)
	if err != nil {
		return err
	}
	e.view.Store(v)
	return nil
}

func (e *Engine) newView(edition corpus.Edition) (*view, error) {
	v := &view{edition: edition, day: e.today(), bundles: map[string]*corpus.Bundle{}}
	regions, err := collect[*corpus.RegionEntry](e.Corpus.All(edition, corpus.TypeRegion))
	if err != nil {
		return nil, fmt.Errorf("edition %d: %w", edition, err)
	}
	bundles, err := collect[*corpus.Bundle](e.Corpus.All(edition, corpus.TypeBundle))
	if err != nil {
		return nil, fmt.Errorf("edition %d: %w", edition, err)
	}
	if v.directory, err = e.newDirectory(edition); err != nil {
		return nil, fmt.Errorf("edition %d: %w", edition, err)
	}
	if v.policies, err = e.newPolicies(edition); err != nil {
		return nil, fmt.Errorf("edition %d: %w", edition, err)
	}
	var inForce []*corpus.Bundle
	for _, b := range bundles {
		if b.Effective.Contains(e.Now()) {
			inForce = append(inForce, b)
			v.bundles[b.ID] = b
			v.sample = v.sample || b.Source.Sample
		}
	}
	counts, err := e.Index.Counts(index.Filter{On: e.Now()})
	if err != nil {
		return nil, err
	}
	for code := range counts.Regions {
		v.covered = append(v.covered, code)
	}
	v.divisions = corpus.Builtin().With(regions).Covering(v.covered...)
	v.life = recommend.NewLifeEvents(inForce)
	if v.words, err = collect[*corpus.Word](e.Corpus.All(edition, corpus.TypeWord)); err != nil {
		return nil, fmt.Errorf("edition %d: %w", edition, err)
	}
	lex := e.lexiconOf(v.words)
	speller, err := e.newSpeller(lex)
	if err != nil {
		return nil, err
	}
	v.parser = nlp.Parser{Segmenter: e.Segmenter, Lexicon: lex, Speller: speller}
	return v, nil
}

// lexiconOf is the built-in lexicon with an edition's everyday words; that of
// the view before where these are the same, because a lexicon that is used for
// the first time reads how all its words sound.
func (e *Engine) lexiconOf(words []*corpus.Word) *nlp.Lexicon {
	if v := e.view.Load(); v != nil && reflect.DeepEqual(v.words, words) {
		return v.parser.Lexicon
	}
	return e.Lexicon.With(words)
}

// newSpeller takes up the words of the guides.
func (e *Engine) newSpeller(lex *nlp.Lexicon) (*nlp.Speller, error) {
	dict, _ := e.Segmenter.(nlp.Dictionary)
	var err error
	s := nlp.NewSpeller(lex, dict, func(yield func(string, int) bool) { err = e.Index.Words(yield) })
	return s, err
}

// parserIn is the parser for somebody who asks in a region.
func (v *view) parserIn(region corpus.RegionCode) nlp.Parser {
	p := v.parser
	p.Region = region
	return p
}

func collect[T corpus.Record](records iter.Seq2[corpus.Record, error]) ([]T, error) {
	var list []T
	for rec, err := range records {
		if err != nil {
			return nil, err
		}
		if r, ok := rec.(T); ok {
			list = append(list, r)
		}
	}
	return list, nil
}

// Ready reports whether questions can be answered: nil, or ErrNotReady.
func (e *Engine) Ready() error {
	if e.view.Load() == nil {
		return ErrNotReady
	}
	return nil
}

// Edition returns the edition that questions are answered from.
func (e *Engine) Edition() corpus.Edition {
	if v := e.view.Load(); v != nil {
		return v.edition
	}
	return 0
}

// Sample reports whether the corpus is made-up sample data, as far as its
// life events say.
func (e *Engine) Sample() bool {
	v := e.view.Load()
	return v != nil && v.sample
}

// Ask answers one question. It reads top to bottom, and that is the whole
// pipeline: guard, understand, find, decide, compose, recommend. The answer is
// in the guide's own words; [Engine.Reword] has it said in plainer ones.
func (e *Engine) Ask(ctx context.Context, r Request) (Answer, error) { return e.ask(ctx, r, nil) }

func (e *Engine) ask(ctx context.Context, r Request, t *Trace) (Answer, error) {
	start := time.Now()
	r.Text = strings.TrimSpace(r.Text)
	if n := utf8.RuneCountInString(r.Text); n < 1 || n > MaxText {
		return Answer{}, fmt.Errorf("%d characters: %w", n, ErrBadQuestion)
	}
	v := e.view.Load()
	if v == nil {
		return Answer{}, ErrNotReady
	}
	ctx, end := stage(ctx, "answer")
	defer end()
	if r.State == "" {
		var err error
		if r.State, err = e.retell(ctx, v, r); err != nil {
			return Answer{}, err
		}
	}
	a, u, f, err := e.reply(ctx, v, r, t)
	if err != nil {
		return Answer{}, err
	}
	a.ElapsedMS = float64(time.Since(start).Microseconds()) / 1000
	traced(ctx, &a)
	if !r.Silent {
		e.note(&u, &f, &a)
	}
	return a, nil
}

// retell answers again what was said before and returns the state that the
// conversation has come to: the one that a client which carries states along
// would have. What was no question then is passed over.
func (e *Engine) retell(ctx context.Context, v *view, r Request) (state string, err error) {
	for _, text := range r.Earlier {
		text = strings.TrimSpace(text)
		if n := utf8.RuneCountInString(text); n < 1 || n > MaxText {
			continue
		}
		a, _, _, err := e.reply(ctx, v, Request{Text: text, State: state, Region: r.Region, Audience: r.Audience}, nil)
		if err != nil {
			return "", err
		}
		state = a.State
	}
	return state, nil
}

// reply answers a request, and tells how it was understood and what was found;
// t, if it is not nil, takes down how.
func (e *Engine) reply(ctx context.Context, v *view, r Request, t *Trace) (a Answer, u understood, f found, err error) {
	_, end := stage(ctx, "screen")
	safe, caught := e.screen(r)
	end()
	t.screened(safe, caught)
	if caught != nil {
		a, u, err = e.replyCanned(v, r, safe, *caught)
		return a, u, f, err
	}
	_, end = stage(ctx, "understand")
	u = e.understand(v, safe)
	end()
	u.trace = t
	finding, end := stage(ctx, "find")
	if f, err = e.find(finding, v, &u); err == nil {
		f.policy, err = e.findPolicy(finding, v, &u, f.guides)
	}
	end()
	if err != nil {
		return a, u, f, err
	}
	_, end = stage(ctx, "compose")
	defer end()
	verdict := e.decide(v, &u, f)
	u, verdict = e.restate(ctx, v, u, verdict)
	t.understood(e, &u)
	if a, err = e.answer(v, &u, &verdict); err != nil {
		return a, u, f, err
	}
	a.ID, a.Edition = newID(), v.edition
	a.Notices = append(a.Notices, u.notices...)
	a.Notices = append(a.Notices, maskedNotice(r, safe)...)
	a.State, err = verdict.state(&u).sign(e.StateKey, e.Now())
	u.request = r
	return a, u, f, err
}

// note journals the question and counts its matter.
func (e *Engine) note(u *understood, f *found, a *Answer) {
	asked := Asked{Answer: a.ID, Text: guard.Mask(u.request.Text), Region: u.region, Outcome: a.Outcome,
		Aspect: a.Aspect, Confidence: a.Confidence, Edition: a.Edition, Foreign: u.foreign, ElapsedMS: a.ElapsedMS}
	for i := range f.guides[:min(3, len(f.guides))] {
		behind := math.Round(100*(f.guides[0].Score-f.guides[i].Score)) / 100
		asked.Near = append(asked.Near, Near{f.guides[i].Key.ID, behind})
	}
	if len(f.faqs) > 0 && len(a.Facts) > 0 && a.Facts[0].Code == f.faqs[0].Key.ID {
		asked.FAQ = f.faqs[0].Key.ID
	}
	if a.Outcome == Answered && len(a.Matters) > 0 {
		asked.Matter = a.Matters[0].Code
		e.asked.add(asked.Matter, a.Aspect, e.Now())
	}
	if e.Journal != nil {
		e.Journal.Asked(asked)
	}
}

func newID() string {
	var b [12]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return "ans_" + hex.EncodeToString(b[:])
}

package answer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A Consultation is what an operator is shown of what a caller says: the
// answer that a citizen would get to the same words, the matters that fit,
// and what only operators are told. It is not journalled as a question.
type Consultation struct {
	Asked      string // what was answered
	Answer     Answer
	Candidates []Candidate // the answer's matter first
	Ask        *AskNext    // what tells the candidates apart; nil if nothing does
	Notes      []Note      // for operators only
	Alike      []Option    // standard questions that are like the words
}

// A Candidate is a matter that fits, with the direct answer from its fields.
type Candidate struct {
	MatterRef
	Rank      float64          // of the search; comparable within one consultation
	Text      string           // the answer to what was asked, from the guide's fields
	Facts     []Fact           // the fields that the text quotes
	Missing   bool             // what was asked is not published
	Effective corpus.Period    // of the guide
	Source    corpus.Source    // of the guide
	Themes    []corpus.Theme   // of the matter
	Internal  *corpus.Internal // for operators only; may be nil
}

// An AskNext is a question to put to the caller, and what the replies leave.
type AskNext struct {
	Question string  `json:"question"`
	Replies  []Reply `json:"replies"`
}

// A Reply is what the caller can say, and the matters that it leaves.
type Reply struct {
	Label string   `json:"label"`
	Codes []string `json:"codes"`
}

// A Note is a piece of knowledge that only operators may see.
type Note struct {
	Key       corpus.Key
	Title     string
	Text      string
	Agency    string
	Matter    string // the code of its matter; may be empty
	Effective corpus.Period
	Source    corpus.Source
}

// A note fits when the words say so much of its name, or its name so much of
// the words, or when it belongs to the first matter.
const (
	noteNamed = .5
	noteAsked = .6
	maxNotes  = 3
)

// aspectsShown are the fields that an operator reads out most, in the order of
// their keys.
var aspectsShown = []nlp.Aspect{nlp.AspectMaterials, nlp.AspectProcedure, nlp.AspectTimeLimit, nlp.AspectFee, nlp.AspectLocation,
	nlp.AspectHours, nlp.AspectPhone, nlp.AspectCondition, nlp.AspectOnline}

// AspectsShown lists the aspects of a guide that an operator can call up.
func AspectsShown() []nlp.Aspect { return slices.Clone(aspectsShown) }

// AspectLabel names an aspect in Chinese.
func AspectLabel(a nlp.Aspect) string { return aspectLabels[a] }

// Consult answers what a caller has said so far. It goes the way of [Engine.Ask],
// so that both give the same matter, and returns limit candidates at most.
func (e *Engine) Consult(ctx context.Context, r Request, limit int) (Consultation, error) {
	r.Text = strings.TrimSpace(r.Text)
	if n := utf8.RuneCountInString(r.Text); n < 1 || n > MaxText {
		return Consultation{}, fmt.Errorf("%d characters: %w", n, ErrBadQuestion)
	}
	v := e.view.Load()
	if v == nil {
		return Consultation{}, ErrNotReady
	}
	a, u, f, err := e.reply(ctx, v, r, nil)
	if err != nil {
		return Consultation{}, err
	}
	c := Consultation{Asked: r.Text, Answer: a}
	if a.GeneratedBy == ByCanned {
		return c, nil
	}
	refs, ranks := candidateRefs(e, v, &a, f.guides, limit)
	var guides []*corpus.Guide
	for i, ref := range refs {
		g, candidate, err := e.candidate(v, ref, ranks[i], &u.question)
		if err != nil {
			return Consultation{}, err
		}
		guides, c.Candidates = append(guides, g), append(c.Candidates, candidate)
	}
	c.Ask = e.askNext(v, &a, guides, ranks)
	for _, h := range f.faqs {
		c.Alike = append(c.Alike, Option{Label: h.Title, Text: h.Title, Code: h.Matter})
	}
	c.Notes, err = e.notes(ctx, v, &u, c.Candidates)
	return c, err
}

// candidateRefs lists the matters of the answer and then what else was found,
// with the rank of each. An answer's own order goes before the search's.
func candidateRefs(e *Engine, v *view, a *Answer, hits []index.Hit, limit int) (refs []MatterRef, ranks []float64) {
	rankOf := func(code string) (float64, bool) {
		i := slices.IndexFunc(hits, func(h index.Hit) bool { return h.Key.ID == code })
		if i < 0 {
			return 0, false
		}
		return hits[i].Score, true
	}
	for _, m := range a.Matters {
		rank, ok := rankOf(m.Code)
		if len(ranks) > 0 {
			rank = min(cmp.Or(rank, ranks[len(ranks)-1]), ranks[len(ranks)-1])
		} else if len(hits) > 0 && (!ok || rank < hits[0].Score) {
			rank = hits[0].Score + 1 // quoted from a standard question, or offered before
		}
		refs, ranks = append(refs, m), append(ranks, rank)
	}
	for i := range hits {
		h := &hits[i]
		if !slices.ContainsFunc(refs, func(m MatterRef) bool { return m.Code == h.Key.ID }) {
			refs, ranks = append(refs, e.refOfHit(v, h, hits[0].Score, a.Confidence)), append(ranks, h.Score)
		}
	}
	n := min(limit, len(refs))
	return refs[:n], ranks[:n]
}

// candidate composes the direct answer of one matter.
func (e *Engine) candidate(v *view, ref MatterRef, rank float64, q *nlp.Question) (*corpus.Guide, Candidate, error) {
	g, err := e.wholeGuide(v, ref.Code)
	if err != nil {
		return nil, Candidate{}, err
	}
	said := compose(g, e.agencyOf(v, g), q)
	return g, Candidate{MatterRef: ref, Rank: rank, Text: said.text, Facts: said.facts, Missing: said.missing,
		Effective: g.Effective, Source: g.Source, Themes: g.Themes, Internal: g.Internal}, nil
}

// wholeGuides remembers guides of an edition with their internal part, because
// every key that an operator presses shows much the same ones. Nobody changes
// them.
type wholeGuides struct {
	mu    sync.Mutex
	known map[string]*corpus.Guide
}

// maxWhole is how many guides are remembered; then it begins anew.
const maxWhole = 4000

// wholeGuide reads a guide of the view's edition with its internal part.
func (e *Engine) wholeGuide(v *view, code string) (*corpus.Guide, error) {
	v.whole.mu.Lock()
	g, ok := v.whole.known[code]
	v.whole.mu.Unlock()
	if ok {
		return g, nil
	}
	rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypeGuide, ID: code})
	if err != nil {
		return nil, fmt.Errorf("guide %s: %w", code, err)
	}
	g = rec.(*corpus.Guide)
	v.whole.mu.Lock()
	defer v.whole.mu.Unlock()
	if v.whole.known == nil || len(v.whole.known) >= maxWhole {
		v.whole.known = map[string]*corpus.Guide{}
	}
	v.whole.known[code] = g
	return g, nil
}

// askNext finds the question that tells the candidates apart: the one that the
// answer asks back, one that splits those that are near, or the situations on
// which the first one's materials depend.
func (e *Engine) askNext(v *view, a *Answer, guides []*corpus.Guide, ranks []float64) *AskNext {
	if a.Outcome == Clarify {
		next := &AskNext{Question: firstLine(a.Text)}
		for _, o := range a.Options {
			if o.Text != replyNone && o.Text != replyShow {
				next.Replies = append(next.Replies, Reply{Label: o.Label, Codes: codesOf(o)})
			}
		}
		return next
	}
	near := 0
	for near < len(guides) && ranks[0]-ranks[near] < besides {
		near++
	}
	if near > 1 {
		if s, ok := e.splitOn(v, guides[:near]); ok {
			next := &AskNext{Question: s.question}
			for _, g := range s.groups {
				reply := Reply{Label: g.label}
				for _, i := range g.matters {
					reply.Codes = append(reply.Codes, guides[i].Code)
				}
				next.Replies = append(next.Replies, reply)
			}
			return next
		}
	}
	if len(guides) > 0 {
		return whenAsk(guides[0])
	}
	return nil
}

// besides is how far in rank another matter may be behind the first to be
// asked about: closer than what a citizen is offered to choose from, because
// here somebody knows when not to ask.
const besides = 2.5

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func codesOf(o Option) []string {
	if o.Code == "" {
		return nil
	}
	return []string{o.Code}
}

// whenAsk asks for the situation on which a guide's materials depend.
func whenAsk(g *corpus.Guide) *AskNext {
	next := &AskNext{Question: "请问您属于哪种情形？各情形要带的材料不同。"}
	for _, m := range g.Materials {
		if m.When != "" && !slices.ContainsFunc(next.Replies, func(r Reply) bool { return r.Label == m.When }) {
			next.Replies = append(next.Replies, Reply{Label: m.When, Codes: []string{g.Code}})
		}
	}
	if len(next.Replies) < 2 {
		return nil
	}
	return next
}

// notes finds what only operators are told about the words.
func (e *Engine) notes(ctx context.Context, v *view, u *understood, candidates []Candidate) ([]Note, error) {
	hits, err := e.Index.Search(ctx, index.Query{Question: &u.question, Type: index.OperatorOnly, Place: u.place, Limit: 10,
		Filter: index.Filter{Region: u.region, On: e.Now()}})
	if err != nil {
		return nil, err
	}
	var notes []Note
	for _, h := range hits {
		own := h.Matter != "" && len(candidates) > 0 && h.Matter == candidates[0].Code
		if !own && h.Named < noteNamed && h.Asked < noteAsked {
			continue
		}
		rec, err := e.Corpus.GetAt(v.edition, h.Key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Key, err)
		}
		note := Note{Key: h.Key, Title: h.Title, Matter: h.Matter, Agency: h.Agency}
		switch r := rec.(type) {
		case *corpus.FAQ:
			note.Text, note.Agency, note.Effective, note.Source = r.Answer, r.Agency.Name, r.Effective, r.Source
		case *corpus.Policy:
			note.Text, note.Agency, note.Effective, note.Source = r.Text, r.Agency.Name, r.Effective, r.Source
		}
		if notes = append(notes, note); len(notes) == maxNotes {
			break
		}
	}
	return notes, nil
}

// Took is the state of a conversation in which a matter has been answered
// about, so that what is said next leans on it.
func (e *Engine) Took(code string, a nlp.Aspect, region corpus.RegionCode) (string, error) {
	return state{Matter: code, Aspect: a, Place: region, Offered: []string{code}}.sign(e.StateKey, e.Now())
}

// Aspect answers one aspect of a matter from its guide, as an operator reads
// it out. A matter that is not published is corpus.ErrNotFound.
func (e *Engine) Aspect(_ context.Context, code string, a nlp.Aspect) (Candidate, error) {
	v := e.view.Load()
	if v == nil {
		return Candidate{}, ErrNotReady
	}
	var q nlp.Question
	q.AskOnly(a)
	g, err := e.guide(v, code)
	if err != nil {
		return Candidate{}, err
	}
	_, c, err := e.candidate(v, refOf(v, g, 1, nil), 0, &q)
	return c, err
}

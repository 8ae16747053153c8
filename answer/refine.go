package answer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Channel is the way by which a question comes in. A language model is
// switched on and off for each by itself; a question without a channel never
// meets one.
type Channel string

// The channels.
const (
	ChannelPage   Channel = "page"   // citizen pages
	ChannelAPI    Channel = "api"    // /api/v1/ask
	ChannelDesk   Channel = "desk"   // operators and editors
	ChannelCompat Channel = "compat" // the OpenAI-compatible interface; MCP has none: an agent words answers itself
	ChannelWechat Channel = "wechat"
)

// Channels lists every channel.
var Channels = []Channel{ChannelPage, ChannelAPI, ChannelDesk, ChannelCompat, ChannelWechat}

// AIGC marks a text that a language model has worded (标识办法, GB 45438-2025).
type AIGC struct {
	Label     bool   `json:"label"`     // always true where there is a mark
	Producer  string `json:"producer"`  // who runs the service
	ContentID string `json:"contentId"` // the answer's id
	Model     string `json:"model"`
	Filing    string `json:"filing"` // 备案号 of the model; "" if none is configured
}

// Words says the mark in Chinese, for texts that leave the page.
func (m *AIGC) Words() string {
	s := "AI 生成，仅供参考，请以办事指南原文为准"
	if m.Model != "" {
		s += "；模型：" + m.Model
	}
	if m.Filing != "" {
		s += "；备案号：" + m.Filing
	}
	return s
}

// A Draft is a plain answer that is to be put into plainer words.
type Draft struct {
	Channel  Channel
	Tenant   string // whose key the question came with; "" is the public
	Question string // without personal data
	Answer   *Answer
	Names    []string // by which the answered matter is called
}

// A Wording is a draft in other words, every one of them grounded in the
// draft's facts.
type Wording struct {
	Text string
	Mark AIGC
}

// A FollowUp is a question that leans on the matter talked about.
type FollowUp struct {
	Channel  Channel
	Tenant   string
	Question string // without personal data
	Matter   string // name of the matter talked about
}

// A Passage is part of a policy's text that is to be explained.
type Passage struct {
	Channel  Channel
	Tenant   string
	Question string // without personal data; may be empty
	Title    string // of the policy
	Text     string
}

// A Refiner puts answers into plainer words with a language model. It may
// change words and never facts: what it returns it has checked.
type Refiner interface {
	// Refine rewords a draft. It shows each sentence as soon as it is checked;
	// with an error, what was shown is to be taken back and the draft stands.
	Refine(ctx context.Context, d Draft, show func(sentence string)) (Wording, error)
	// Explain says a passage of a policy in plainer words.
	Explain(ctx context.Context, p Passage) (Wording, error)
	// Restate makes a question of a follow-up that stands by itself. The result
	// is searched for and never shown.
	Restate(ctx context.Context, f FollowUp) (string, error)
}

// KeptWording is what the journal keeps of a wording, so that it can be told
// afterwards what a model has said to whom.
type KeptWording struct {
	Answer  string         `json:"answer"`
	Text    string         `json:"text"`
	Model   string         `json:"model"`
	Filing  string         `json:"filing,omitempty"`
	Edition corpus.Edition `json:"edition"`
}

// ErrVerbatim means that no model rewords: the plain answer stands.
var ErrVerbatim = errors.New("no language model")

// Verbatim is the Refiner without a model.
type Verbatim struct{}

// Refine implements Refiner.
func (Verbatim) Refine(context.Context, Draft, func(string)) (Wording, error) {
	return Wording{}, ErrVerbatim
}

// Explain implements Refiner.
func (Verbatim) Explain(context.Context, Passage) (Wording, error) { return Wording{}, ErrVerbatim }

// Restate implements Refiner.
func (Verbatim) Restate(context.Context, FollowUp) (string, error) { return "", ErrVerbatim }

// Reword has the answer to a request put into plainer words, and returns it
// so, or unchanged. show, which may be nil, is given each sentence as soon as it
// has been checked; if the answer comes back unchanged after all, the sentences
// shown do not stand.
func (e *Engine) Reword(ctx context.Context, r Request, a Answer, show func(sentence string)) Answer {
	if !refinable(r, &a) {
		return a
	}
	d := Draft{Channel: r.Channel, Tenant: r.Tenant, Answer: &a, Question: r.Text}
	if previous, err := readState(r.State, e.StateKey, e.Now()); err == nil && previous.offers(r.Text) {
		d.Question = "" // the code that a button sends
	}
	d.Question, _ = guard.Strip(d.Question)
	if len(a.Matters) > 0 {
		names, err := e.namesOf(a.Edition, a.Matters[0].Code)
		if err != nil {
			e.Log.Warn("answer not reworded", "answer", a.ID, "err", err)
			return a
		}
		d.Names = names
	}
	if show == nil {
		show = func(string) {}
	}
	w, err := e.Refiner.Refine(ctx, d, show)
	if err != nil || strings.TrimSpace(w.Text) == "" {
		return a // who refines counts why
	}
	a.Text, a.GeneratedBy, a.AIGC = w.Text, ByLLM, &w.Mark
	a.AIGC.Label, a.AIGC.ContentID = true, a.ID
	if e.Worded != nil {
		e.Worded(a)
	}
	return a
}

// refinable reports whether there is evidence to reword: an answer about facts
// that leaves nothing open and asks nothing. Standing texts, questions back and gaps stay as
// they were written and reviewed.
func refinable(r Request, a *Answer) bool {
	return !r.Silent && slices.Contains(Channels, r.Channel) && a.Outcome == Answered && a.GeneratedBy == ByTemplate && len(a.Facts) > 0 &&
		!slices.Contains(a.Notices, NoticeMissing) && !strings.ContainsAny(a.Text, "？?")
}

// namesOf are the names of a matter as of an edition; a policy has none.
func (e *Engine) namesOf(edition corpus.Edition, code string) ([]string, error) {
	rec, err := e.Corpus.GetAt(edition, corpus.Key{Type: corpus.TypeGuide, ID: code})
	if errors.Is(err, corpus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("guide %s: %w", code, err)
	}
	g := rec.(*corpus.Guide)
	return append([]string{g.Name, g.ShortName}, g.Aliases...), nil
}

// MaxPassage is the length of the longest passage that is explained, in
// characters.
const MaxPassage = 1500

// ErrBadPassage means that a passage is empty, too long, or not of the policy.
var ErrBadPassage = errors.New("bad passage")

// An ExplainRequest asks for a passage of a policy in plainer words.
type ExplainRequest struct {
	Policy   string // id
	Passage  string // word for word of its text; "" is all of it
	Question string // what the asker wants to know; may be empty
	Channel  Channel
	Tenant   string
}

// An Explanation is a passage of a policy and what it means.
type Explanation struct {
	Policy      string         `json:"policy"`
	Title       string         `json:"title"`
	Number      string         `json:"number"`
	Passage     string         `json:"passage"` // word for word
	Text        string         `json:"text"`    // in plainer words, or the passage again
	GeneratedBy string         `json:"generatedBy"`
	AIGC        *AIGC          `json:"aigc,omitempty"`
	Source      FactSource     `json:"source"`
	Edition     corpus.Edition `json:"edition"`
}

// Explain has a passage of a public policy in force put into plainer words. Without a
// model, or where its words do not stand, the text is the passage. Errors are
// corpus.ErrNotFound and ErrBadPassage.
func (e *Engine) Explain(ctx context.Context, r ExplainRequest) (Explanation, error) {
	v := e.view.Load()
	if v == nil {
		return Explanation{}, ErrNotReady
	}
	rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypePolicy, ID: r.Policy})
	if err != nil {
		return Explanation{}, fmt.Errorf("policy %s: %w", r.Policy, err)
	}
	if _, ok := corpus.Public(rec); !ok {
		return Explanation{}, fmt.Errorf("policy %s is for operators only: %w", r.Policy, corpus.ErrNotFound)
	}
	p := rec.(*corpus.Policy)
	if !p.Effective.Contains(e.Now()) {
		return Explanation{}, fmt.Errorf("policy %s is not in force: %w", r.Policy, corpus.ErrNotFound)
	}
	passage := strings.TrimSpace(r.Passage)
	if passage == "" {
		passage = strings.TrimSpace(p.Text)
	}
	if n := utf8.RuneCountInString(passage); n == 0 || n > MaxPassage || !strings.Contains(p.Text, passage) {
		return Explanation{}, fmt.Errorf("policy %s, %d characters: %w", r.Policy, n, ErrBadPassage)
	}
	x := Explanation{Policy: p.ID, Title: p.Title, Number: p.Number, Passage: passage, Text: passage, GeneratedBy: ByTemplate,
		Source: FactSource{URL: p.Source.URL, Updated: p.Source.Updated}, Edition: v.edition}
	if !slices.Contains(Channels, r.Channel) {
		return x, nil
	}
	question := r.Question
	if _, caught := e.Guard.Check(question); question != "" && caught {
		question = "" // whatever it wants, it is not asked of a model
	}
	question, _ = guard.Strip(question)
	// Who refines counts why it fails; then the passage stands.
	if w, err := e.Refiner.Explain(ctx, Passage{r.Channel, r.Tenant, question, p.Title, passage}); err == nil && strings.TrimSpace(w.Text) != "" {
		x.Text, x.GeneratedBy, x.AIGC = w.Text, ByLLM, &w.Mark
		x.AIGC.ContentID = newID()
		if e.Worded != nil {
			e.Worded(Answer{ID: x.AIGC.ContentID, Text: x.Text, AIGC: x.AIGC, Edition: x.Edition})
		}
	}
	return x, nil
}

// restate asks the model for a follow-up in full where the rules of the dialog
// have found nothing to answer with, and takes it if that is answered. A question
// that brings in what nobody said is not searched for.
func (e *Engine) restate(ctx context.Context, v *view, u understood, d verdict) (understood, verdict) {
	if !slices.Contains(Channels, u.request.Channel) || u.previous.Matter == "" || u.previous.Rounds > 0 || u.none || u.foreign != "" ||
		len(u.among) > 0 || d.picked != "" || d.outcome == Answered {
		return u, d
	}
	g, err := e.guide(v, u.previous.Matter)
	if err != nil {
		return u, d // the matter is gone
	}
	text, err := e.Refiner.Restate(ctx, FollowUp{u.request.Channel, u.request.Tenant, u.request.Text, g.Name})
	if err != nil || !restates(text, u.request.Text+g.Name) {
		return u, d
	}
	if _, caught := e.Guard.Check(text); caught {
		return u, d
	}
	next := e.understand(v, Request{Text: text, Region: u.request.Region, Audience: u.request.Audience})
	f, err := e.search(ctx, &next, &next.question)
	if err != nil {
		return u, d // the question as it was asked has been searched for already
	}
	verdict := e.decide(v, &next, f)
	if verdict.outcome != Answered {
		return u, d
	}
	next.request, next.previous, next.notices, next.trace = u.request, u.previous, u.notices, u.trace
	return next, verdict
}

// smallWords may stand in a question in full beside what was said before: words
// of asking, and those that name an aspect.
const smallWords = "请问我想要需办理的了吗呢怎么样如何什么多少哪里可以能不能是有在到和与及一个件事项时候多久几天钱收费材料电话地点流程条件进度"

// restates reports whether a question holds nothing but what was said.
func restates(text, said string) bool {
	text = nlp.Normalize(text)
	if n := utf8.RuneCountInString(text); n < 2 || n > MaxText {
		return false
	}
	said = nlp.Normalize(said) + smallWords + " ,。?、，？"
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(said, r) })
}

package llm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// The purposes of drafts, as figures and prompts name them.
const (
	purposeFAQs    = "faqs"
	purposeGuide   = "guide"
	purposeSimilar = "similar"
)

// How long an editor waits for drafts, and how much text they are made of.
const (
	draftTime  = 25 * time.Second
	draftFirst = 15 * time.Second
	draftGap   = 4 * time.Second

	// MaxDraftText is the length of the longest text that drafts are made from,
	// in characters.
	MaxDraftText = 8000
	maxFAQs      = 12
	maxSimilar   = 20
)

// ErrDraftText means that there is no text to draft from, or too much.
var ErrDraftText = errors.New("没有可用的原文，或者原文太长")

// ExtraAIGC is the key of a draft record that marks it as written by a model.
const ExtraAIGC = "aigc"

// Drafts are what a model has drafted. None is published: an editor makes of
// them what they like.
type Drafts struct {
	FAQs    []*corpus.FAQ `json:"faqs,omitempty"`
	Guide   *corpus.Guide `json:"guide,omitempty"`
	Similar []string      `json:"similar,omitempty"`
	Dropped int           `json:"dropped"` // what the model has said beside and the text does not bear out
	Mark    answer.AIGC   `json:"aigc"`
}

// draft calls the model for an editor.
func (c *Client) draft(ctx context.Context, purpose, editor string, about, data, reply any) error {
	if !c.On(answer.ChannelDesk) {
		return &failure{resultOff, nil}
	}
	o, err := c.prompts.order(purpose, about, data)
	if err != nil {
		return err
	}
	o.tokens, o.tenant, o.first, o.gap = 4*c.cfg.MaxTokens, editor, draftFirst, draftGap
	ctx, cancel := context.WithTimeout(ctx, draftTime)
	defer cancel()
	return c.read(ctx, o, func(r reader) error { return whole(r, reply) })
}

// policyData is a policy as the model sees it.
type policyData struct {
	Title  string          `json:"title"`
	Number string          `json:"number,omitempty"`
	Pieces []pieceForModel `json:"pieces"`
}

func (c *Client) policy(p *corpus.Policy) ([]ground.Fact, *ground.Evidence, policyData, error) {
	if n := utf8.RuneCountInString(p.Text); n == 0 || n > MaxDraftText {
		return nil, nil, policyData{}, fmt.Errorf("%w：%d 个字，最多 %d 个", ErrDraftText, n, MaxDraftText)
	}
	list := pieces(p.Text)
	evidence, err := c.readable(list)
	if err != nil {
		return nil, nil, policyData{}, err
	}
	return list, evidence, policyData{visible(p.Title), visible(p.Number), forModel(evidence, list)}, nil
}

// DraftFAQs drafts questions and answers about a policy. Every sentence of an
// answer is grounded in the text; what is not is left out, with its question.
func (c *Client) DraftFAQs(ctx context.Context, editor string, p *corpus.Policy) (Drafts, error) {
	d, err := c.draftFAQs(ctx, editor, p)
	return d, c.count(purposeFAQs, answer.ChannelDesk, err)
}

func (c *Client) draftFAQs(ctx context.Context, editor string, p *corpus.Policy) (Drafts, error) {
	_, evidence, data, err := c.policy(p)
	if err != nil {
		return Drafts{}, err
	}
	var reply struct {
		FAQs []struct {
			Question string     `json:"question"`
			Similar  []string   `json:"similar"`
			Answer   []sentence `json:"answer"`
		} `json:"faqs"`
	}
	if err := c.draft(ctx, purposeFAQs, editor, c.rules.ForModel(), data, &reply); err != nil {
		return Drafts{}, err
	}
	d := Drafts{Mark: c.Mark()}
	for _, f := range reply.FAQs {
		text, ok := c.grounded(evidence, f.Answer)
		if !ok || !c.askable(evidence, f.Question) || len(d.FAQs) == maxFAQs {
			d.Dropped++
			continue
		}
		similar := slices.DeleteFunc(f.Similar, func(s string) bool { return !c.askable(evidence, s) || s == f.Question })
		d.Dropped += len(f.Similar) - len(similar)
		faq := &corpus.FAQ{Type: corpus.TypeFAQ, ID: draftID("faq", p.ID, f.Question), Question: strings.TrimSpace(f.Question), Similar: similar[:min(len(similar), maxSimilar)],
			Answer: text, Agency: p.Agency, Region: p.Region, Visibility: p.Visibility, Effective: p.Effective, Source: p.Source}
		faq.Extra, err = c.marked(p)
		if err != nil {
			return Drafts{}, err
		}
		d.FAQs = append(d.FAQs, faq)
	}
	return d, nil
}

// grounded joins sentences all of which are grounded.
func (c *Client) grounded(evidence *ground.Evidence, list []sentence) (string, bool) {
	var said strings.Builder
	for _, s := range list {
		checked, err := evidence.Check(s.Text, s.Sources)
		if err != nil || len(checked.Facts) == 0 {
			return "", false
		}
		said.WriteString(spaced(checked.Text))
	}
	return said.String(), len(list) > 0
}

// askable reports whether a text can be a question to a corpus: short, plain,
// nothing that would be caught, and no number that the evidence does not have.
func (c *Client) askable(evidence *ground.Evidence, q string) bool {
	n := utf8.RuneCountInString(strings.TrimSpace(q))
	if n < 4 || n > 80 || !evidence.Heard(q) || len(guard.Find(nlp.Normalize(q))) > 0 {
		return false
	}
	_, caught := c.cfg.Guard.Check(q)
	return !caught
}

// DraftGuide drafts a guide from a policy. The model only says which pieces of
// the text belong to which field and what of them are names; the words are the
// text's own.
func (c *Client) DraftGuide(ctx context.Context, editor string, p *corpus.Policy) (Drafts, error) {
	d, err := c.draftGuide(ctx, editor, p)
	return d, c.count(purposeGuide, answer.ChannelDesk, err)
}

// A quotation is words of a piece.
type quotation struct {
	Text   string `json:"text"`
	Source string `json:"source"`
}

func (c *Client) draftGuide(ctx context.Context, editor string, p *corpus.Policy) (Drafts, error) {
	if !p.Visibility.Public() {
		return Drafts{}, fmt.Errorf("%w：只给坐席看的政策不能起草办事指南", ErrDraftText) // a guide is public
	}
	list, evidence, data, err := c.policy(p)
	if err != nil {
		return Drafts{}, err
	}
	var reply struct {
		Name      quotation   `json:"name"`
		Condition []string    `json:"condition"`
		Steps     []string    `json:"steps"`
		Materials []quotation `json:"materials"`
	}
	if err := c.draft(ctx, purposeGuide, editor, nil, data, &reply); err != nil {
		return Drafts{}, err
	}
	d := Drafts{Mark: c.Mark()}
	quoted := func(q quotation) bool {
		ok := evidence.Quotes(q.Source, q.Text) || q.Source == "title" && strings.Contains(nlp.Normalize(p.Title), nlp.Normalize(q.Text)) && q.Text != ""
		if !ok {
			d.Dropped++
		}
		return ok
	}
	if !quoted(reply.Name) {
		return d, nil // a guide without a name is none
	}
	texts := func(ids []string) []string {
		var out []string
		for _, id := range ids {
			i := slices.IndexFunc(list, func(f ground.Fact) bool { return f.ID == id })
			if i < 0 {
				d.Dropped++
				continue
			}
			out = append(out, list[i].Value)
		}
		return out
	}
	g := &corpus.Guide{Condition: strings.Join(texts(reply.Condition), "\n"), Steps: texts(reply.Steps), Effective: p.Effective, Source: p.Source}
	g.Code, g.Name, g.Agency, g.Region = draftID("guide", p.ID, reply.Name.Text), strings.TrimSpace(reply.Name.Text), p.Agency, p.Region
	for _, m := range reply.Materials {
		if quoted(m) {
			g.Materials = append(g.Materials, corpus.Material{Name: strings.TrimSpace(m.Text)})
		}
	}
	basis := corpus.Basis{Name: p.Title, Number: p.Number}
	if p.Title != "" {
		g.Basis = []corpus.Basis{basis}
	}
	if g.Extra, err = c.marked(p); err != nil {
		return Drafts{}, err
	}
	d.Guide = g
	return d, nil
}

// DraftSimilar drafts other ways of asking a question. They say nothing, they
// only find: what holds a number or a name that the question and its answer do
// not have is left out.
func (c *Client) DraftSimilar(ctx context.Context, editor, question, text string, known []string) (Drafts, error) {
	d, err := c.draftSimilar(ctx, editor, question, text, known)
	return d, c.count(purposeSimilar, answer.ChannelDesk, err)
}

func (c *Client) draftSimilar(ctx context.Context, editor, question, text string, known []string) (Drafts, error) {
	evidence, err := c.readable([]ground.Fact{{ID: "p1", Field: "passage", Value: question + "\n" + text}})
	if err != nil {
		return Drafts{}, err
	}
	var reply struct {
		Similar []string `json:"similar"`
	}
	err = c.draft(ctx, purposeSimilar, editor, nil, struct {
		Question string   `json:"question"`
		Known    []string `json:"known,omitempty"`
	}{evidence.ForModel(visible(question)), known}, &reply)
	if err != nil {
		return Drafts{}, err
	}
	d := Drafts{Mark: c.Mark()}
	seen := map[string]bool{nlp.Normalize(question): true}
	for _, k := range known {
		seen[nlp.Normalize(k)] = true
	}
	for _, s := range reply.Similar {
		s = strings.TrimSpace(s)
		key := nlp.Normalize(s)
		if seen[key] || !c.askable(evidence, s) || len(d.Similar) == maxSimilar {
			d.Dropped++
			continue
		}
		seen[key] = true
		d.Similar = append(d.Similar, s)
	}
	return d, nil
}

// marked is the mark of a draft record: by which model, from which policy.
func (c *Client) marked(p *corpus.Policy) (corpus.Extra, error) {
	mark := c.Mark()
	mark.ContentID = p.ID
	b, err := json.Marshal(mark)
	if err != nil {
		return nil, err
	}
	return corpus.Extra{ExtraAIGC: b}, nil
}

// draftID is the same for the same draft, so that drafting again writes over
// it.
func draftID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "ai-" + parts[0] + "-" + hex.EncodeToString(sum[:6])
}

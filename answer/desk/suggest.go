package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// An Asking is what the operator's page has in front of it.
type Asking struct {
	Typed    string   // so far
	Shown    []string // codes in the order of the list
	Selected string   // code of the item under the cursor
	Complete bool     // no more words are coming for now
}

// Suggestions are what is shown for what has been said so far.
type Suggestions struct {
	Group    Group           `json:"group"` // of the call; Control gets nothing
	Asked    string          `json:"asked"` // what was searched for; empty when nothing has been said
	Outcome  answer.Outcome  `json:"outcome,omitempty"`
	Say      string          `json:"say,omitempty"` // a standing text: an emergency, a complaint, a greeting
	Aspect   nlp.Aspect      `json:"aspect,omitempty"`
	Items    []Item          `json:"items"`
	Ask      *answer.AskNext `json:"ask,omitempty"`
	Notes    []KnowledgeNote `json:"notes"` // for operators only
	Alike    []answer.Option `json:"alike"` // similar questions
	Related  []RelatedMatter `json:"related"`
	Notices  []string        `json:"notices"`
	Edition  corpus.Edition  `json:"edition"`
	Settings struct {
		Approve bool `json:"approve"` // answers wait for a supervisor
	} `json:"settings"`
}

// An Item is one suggestion.
type Item struct {
	Code       string           `json:"code"`
	Name       string           `json:"name"`
	Agency     string           `json:"agency"`
	Region     string           `json:"region"`
	Why        []string         `json:"why"`
	Text       string           `json:"text"`
	Facts      []answer.Fact    `json:"facts"`
	Missing    bool             `json:"missing"` // what was asked is not published
	Confidence float64          `json:"confidence"`
	Band       Band             `json:"band"`
	BandLabel  string           `json:"bandLabel"`
	Source     string           `json:"source"`
	Updated    string           `json:"updated"`
	From       string           `json:"from"` // in force from
	To         string           `json:"to"`   // … to
	Badge      string           `json:"badge"`
	Reviewer   string           `json:"reviewer"` // who has published what is shown
	Sample     bool             `json:"sample"`
	Internal   *corpus.Internal `json:"internal,omitempty"`
	Edition    corpus.Edition   `json:"edition"`
}

// A KnowledgeNote is a piece of knowledge that only operators see.
type KnowledgeNote struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Text    string `json:"text"`
	Agency  string `json:"agency"`
	Source  string `json:"source"`
	Updated string `json:"updated"`
	Badge   string `json:"badge"`
}

// A RelatedMatter is one that callers are likely to need next.
type RelatedMatter struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// consulted is how many candidates are looked at for a list.
const consulted = ListLength + 2

// Suggest answers what has been said in a call so far and what is being typed.
func (d *Desk) Suggest(ctx context.Context, who Staff, id string, a Asking) (Suggestions, error) {
	c, err := d.Call(who, id)
	if err != nil {
		return Suggestions{}, err
	}
	s := Suggestions{Group: c.Group, Items: []Item{}, Notes: []KnowledgeNote{}, Alike: []answer.Option{}, Related: []RelatedMatter{}, Notices: []string{}, Edition: d.Engine.Edition()}
	settings, err := d.Settings()
	if err != nil {
		return s, err
	}
	s.Settings.Approve = settings.approves(c.Operator)
	if c.Group == Control {
		return s, nil
	}
	heard := c.heard(a.Typed)
	found, ok, err := Follow(ctx, d.Engine, heard, consulted)
	if err != nil || !ok {
		return s, err
	}
	s.Asked, s.Outcome, s.Aspect, s.Edition = found.Asked, found.Answer.Outcome, found.Answer.Aspect, found.Answer.Edition
	s.Notices = append(s.Notices, found.Answer.Notices...)
	if found.Answer.GeneratedBy == answer.ByCanned || found.Answer.Outcome == answer.NotFound {
		s.Say = found.Answer.Text
	}
	if a.Selected != "" && !slices.ContainsFunc(found.Candidates, func(c answer.Candidate) bool { return c.Code == a.Selected }) {
		kept, err := d.Engine.Aspect(ctx, a.Selected, cmp.Or(s.Aspect, nlp.AspectOverview))
		switch {
		case errors.Is(err, corpus.ErrNotFound): // withdrawn while it was looked at
		case err != nil:
			return s, err
		default:
			kept.Score, kept.Rank = 0, -1e9
			found.Candidates = append(found.Candidates, kept)
		}
	}
	for _, item := range Arrange(a.Shown, found.Candidates, a.Selected, a.Complete, Margin) {
		shown, err := d.item(item, s.Edition)
		if err != nil {
			return s, err
		}
		s.Items = append(s.Items, shown)
	}
	s.Ask = found.Ask
	if found.Alike != nil {
		s.Alike = found.Alike
	}
	for _, n := range found.Notes {
		s.Notes = append(s.Notes, KnowledgeNote{ID: n.Key.ID, Title: n.Title, Text: n.Text, Agency: n.Agency, Source: n.Source.URL, Updated: n.Source.Updated, Badge: d.badge(n.Effective)})
	}
	for _, r := range found.Answer.Recommendations {
		s.Related = append(s.Related, RelatedMatter{Code: r.Code, Name: r.Name, Reason: r.Reason})
	}
	return s, nil
}

func (s Settings) approves(operator string) bool {
	return slices.Contains(s.Approve, operator) || slices.Contains(s.Approve, "*")
}

func (d *Desk) item(c answer.Candidate, edition corpus.Edition) (Item, error) {
	reviewer, err := d.reviewer(c.Code, edition)
	band := BandOf(c.Score)
	why := c.Why
	if why == nil {
		why = []string{} // called up by itself: there is nothing to say, and a list all the same
	}
	return Item{Code: c.Code, Name: c.Name, Agency: c.Agency, Region: c.Region, Why: why, Text: c.Text, Facts: c.Facts, Missing: c.Missing,
		Confidence: c.Score, Band: band, BandLabel: band.Label(), Source: c.Source.URL, Updated: c.Source.Updated, From: c.Effective.From, To: c.Effective.To,
		Badge: d.badge(c.Effective), Reviewer: reviewer, Sample: c.Source.Sample, Internal: c.Internal, Edition: edition}, err
}

// soon is how long before its last day a guide is marked.
const soon = 30 * 24 * time.Hour

// badge warns of a guide that has expired or soon will.
func (d *Desk) badge(p corpus.Period) string {
	now := d.Now()
	switch {
	case p.To == "":
		return ""
	case !p.Contains(now) && p.To < now.Format(time.DateOnly):
		return "已过期"
	case p.To <= now.Add(soon).Format(time.DateOnly):
		return "即将过期"
	}
	return ""
}

// Field answers one aspect of a matter for an operator.
func (d *Desk) Field(ctx context.Context, who Staff, id, code string, a nlp.Aspect) (Item, error) {
	if _, err := d.Call(who, id); err != nil {
		return Item{}, err
	}
	c, err := d.Engine.Aspect(ctx, code, a)
	if err != nil {
		return Item{}, err
	}
	return d.item(c, d.Engine.Edition())
}

// A Judgement is what an operator makes of a suggested answer.
type Judgement struct {
	ID     string     // the page's own; the same one sent twice is one judgement
	Code   string     // of the matter
	Aspect nlp.Aspect // that was called up; empty for the answer of the list
	Typed  string     // what stood in the field
	Shown  string     // the answer as the operator saw it
	Said   string     // the answer as it was edited; empty when unchanged
	Place  int        // in the list, from 1
	Field  string     // that is reported
	Reason string
}

func (j *Judgement) check() error {
	if j.ID == "" || len(j.ID) > maxID || j.Code == "" || len(j.Code) > 8*maxID || j.Place < 0 || j.Place > 100 || len(j.Field) > 2*maxID {
		return fmt.Errorf("%w：编号、事项或位置", ErrBadCall)
	}
	return cmp.Or(tooLong("答复", j.Said, MaxSaid), tooLong("答复", j.Shown, MaxSaid), tooLong("理由", j.Reason, maxComment))
}

// judged is the answer that a judgement is about, as it is now, and what was
// asked.
func (d *Desk) judged(ctx context.Context, c *Call, j *Judgement) (cand answer.Candidate, asked string, aspect nlp.Aspect, err error) {
	if c.Group != Control && j.Aspect == "" {
		found, ok, err := Follow(ctx, d.Engine, c.heard(j.Typed), consulted)
		if err != nil {
			return cand, "", "", err
		}
		if i := slices.IndexFunc(found.Candidates, func(f answer.Candidate) bool { return f.Code == j.Code }); ok && i >= 0 {
			return found.Candidates[i], found.Asked, found.Answer.Aspect, nil
		}
		asked, aspect = found.Asked, found.Answer.Aspect
	}
	aspect = cmp.Or(j.Aspect, aspect, nlp.AspectOverview)
	cand, err = d.Engine.Aspect(ctx, j.Code, aspect)
	return cand, cmp.Or(asked, j.Typed), aspect, err
}

// lesson is what a judgement teaches.
func (d *Desk) lesson(who Staff, c *Call, j *Judgement, cand *answer.Candidate, asked string, aspect nlp.Aspect) Lesson {
	return Lesson{ID: c.ID + "/" + j.ID, Call: c.ID, Operator: who.Name, Asked: asked, Region: c.Region, Matter: j.Code, Aspect: aspect, Edition: d.Engine.Edition(),
		Text: cand.Text, Said: guard.Mask(j.Said), Field: j.Field, Reason: j.Reason, Place: j.Place, Confidence: cand.Score, Band: BandOf(cand.Score), Group: c.Group}
}

// Adopt takes an answer for the caller, in its own words or edited. It must
// still be the answer that the operator saw, else it is ErrChanged.
func (d *Desk) Adopt(ctx context.Context, who Staff, id string, j Judgement) (Call, error) {
	if err := j.check(); err != nil {
		return Call{}, err
	}
	c, err := d.Call(who, id)
	if err != nil {
		return c, err
	}
	if err := c.open(); err != nil {
		return c, err
	}
	if before := c.adopted(j.ID); before != nil { // its fact may not have been written
		err = d.learnAdoption(ctx, who, &c, *before)
		return c, err
	}
	cand, asked, aspect, err := d.judged(ctx, &c, &j)
	if err != nil {
		return c, err
	}
	if j.Shown != "" && j.Shown != cand.Text {
		return c, ErrChanged
	}
	settings, err := d.Settings()
	if err != nil {
		return c, err
	}
	a := Adoption{ID: j.ID, At: d.Now().UTC(), Status: Adopted, Code: cand.Code, Name: cand.Name, Agency: cand.Agency, Themes: cand.Themes, Aspect: aspect,
		Edition: d.Engine.Edition(), Asked: guard.Mask(asked), Text: cand.Text, Facts: cand.Facts, Place: j.Place, Confidence: cand.Score}
	if said := strings.TrimSpace(j.Said); said != strings.TrimSpace(cand.Text) {
		a.Said = said
	}
	if cand.Internal != nil {
		a.Transfer = cand.Internal.Transfer
	}
	if settings.approves(c.Operator) {
		a.Status = Pending
	}
	state, err := d.Engine.Took(cand.Code, aspect, c.Region)
	if err != nil {
		return c, err
	}
	c, err = d.change(ctx, who, id, func(c *Call) error {
		if c.adopted(a.ID) != nil {
			return nil
		}
		return c.take(a, state)
	})
	if err != nil {
		return c, err
	}
	err = d.learnAdoption(ctx, who, &c, a)
	return c, err
}

// learnAdoption journals an adopted answer.
func (d *Desk) learnAdoption(ctx context.Context, who Staff, c *Call, a Adoption) error {
	typ := FactAdopt
	if a.Said != "" {
		typ = FactEdit
	}
	return d.learn(ctx, typ, Lesson{ID: c.ID + "/" + a.ID, Call: c.ID, Operator: who.Name, Asked: a.Asked, Region: c.Region, Matter: a.Code, Aspect: a.Aspect,
		Edition: a.Edition, Text: a.Text, Said: guard.Mask(a.Said), Place: a.Place, Confidence: a.Confidence, Band: BandOf(a.Confidence), Group: c.Group})
}

// Reject journals that an answer does not fit, Report that a field of it is
// wrong. Neither changes what is found.
func (d *Desk) Reject(ctx context.Context, who Staff, id string, j Judgement) error {
	return d.judge(ctx, who, id, FactReject, j)
}

// Report journals that a field of an answer is wrong.
func (d *Desk) Report(ctx context.Context, who Staff, id string, j Judgement) error {
	return d.judge(ctx, who, id, FactReport, j)
}

func (d *Desk) judge(ctx context.Context, who Staff, id, typ string, j Judgement) error {
	if err := j.check(); err != nil {
		return err
	}
	c, err := d.Call(who, id)
	if err != nil {
		return err
	}
	cand, asked, aspect, err := d.judged(ctx, &c, &j)
	if err != nil {
		return err
	}
	return d.learn(ctx, typ, d.lesson(who, &c, &j, &cand, asked, aspect))
}

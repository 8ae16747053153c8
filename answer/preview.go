package answer

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// An overlay is a corpus with one record as it may become.
type overlay struct {
	Corpus
	record corpus.Record
}

// GetAt implements [Corpus].
func (o overlay) GetAt(e corpus.Edition, k corpus.Key) (corpus.Record, error) {
	if k == o.record.Key() {
		return o.record, nil
	}
	return o.Corpus.GetAt(e, k)
}

// Preview answers as if a record were published as it is given, and the
// question had found it: what citizens would read. An empty text asks for all
// of it. Nothing is counted or journalled. Records that no answer is made of
// give corpus.ErrNotFound.
func (e *Engine) Preview(_ context.Context, rec corpus.Record, text string) (Answer, error) {
	v := e.view.Load()
	if v == nil {
		return Answer{}, ErrNotReady
	}
	if utf8.RuneCountInString(text) > MaxText {
		return Answer{}, fmt.Errorf("preview: %w", ErrBadQuestion)
	}
	cfg := e.Config
	cfg.Corpus, cfg.Memory, cfg.Journal = overlay{e.Corpus, rec}, nil, nil
	cfg.Now = func() time.Time { return inPeriod(rec, e.Now()) }
	p := &Engine{Config: cfg, idle: e.idle}
	u := understood{request: Request{Text: text}, question: v.parser.Parse(text)}
	if text == "" {
		u.question.Aspects, u.question.Asked = []nlp.Aspect{nlp.AspectOverview}, false
	}
	d := verdict{outcome: Answered, confidence: 1}
	switch r := rec.(type) {
	case *corpus.Guide:
		d.picked = r.Code
	case *corpus.FAQ:
		d.faq = r.ID
	case *corpus.Bundle:
		w := p.withBundle(v, r)
		d.bundle = r.ID
		return p.finishPreview(w, &u, &d)
	case *corpus.ReplyEntry:
		reply := guard.Reply{Text: r.Text}
		for _, c := range r.Calls {
			reply.Calls = append(reply.Calls, guard.Call{Label: c.Label, Phone: c.Phone})
		}
		f := guard.Finding{Class: "preview", Outcome: guard.Class(r.ID).Outcome(), Reply: reply} // no reply of the corpus has this class
		a, _, err := p.replyCanned(v, u.request, u.request, f)
		return a, err
	default:
		return Answer{}, fmt.Errorf("%s: no answer is made of it: %w", rec.Key(), corpus.ErrNotFound)
	}
	return p.finishPreview(v, &u, &d)
}

func (e *Engine) finishPreview(v *view, u *understood, d *verdict) (Answer, error) {
	a, err := e.answer(v, u, d)
	a.ID, a.Edition = "preview", v.edition
	return a, err
}

// withBundle is the view with one life event as it may become.
func (e *Engine) withBundle(v *view, b *corpus.Bundle) *view {
	return &view{edition: v.edition, day: v.day, parser: v.parser, divisions: v.divisions, covered: v.covered, life: v.life,
		bundles: map[string]*corpus.Bundle{b.ID: b}, directory: v.directory}
}

// inPeriod is a moment at which a record is in force, now if it is: the
// preview of next year's guide shows the guide and not that it is not valid yet.
func inPeriod(rec corpus.Record, now time.Time) time.Time {
	var p corpus.Period
	switch r := rec.(type) {
	case *corpus.Guide:
		p = r.Effective
	case *corpus.FAQ:
		p = r.Effective
	case *corpus.Bundle:
		p = r.Effective
	}
	if p.Contains(now) {
		return now
	}
	for _, day := range []string{p.From, p.To} {
		if t, err := time.ParseInLocation(time.DateOnly, day, now.Location()); err == nil && p.Contains(t) {
			return t
		}
	}
	return now
}

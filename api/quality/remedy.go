package quality

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

type remedyPage struct {
	caseLine
	Kind   insight.RemedyKind
	Name   string
	CSRF   string
	FAQ    corpus.FAQ // of a new FAQ
	Others string     // the other wordings, as similar questions
	Target string     // code of the matter, or id of the FAQ
	Title  string     // of the target
	Text   string     // alias, similar or counter-question
}

// remedyForm shows what is to be written, filled in from the gap.
func (q *Quality) remedyForm(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	c, err := q.caseOf(f.Query("id"))
	if err != nil {
		return err
	}
	p := remedyPage{caseLine: q.line(c), Kind: insight.RemedyKind(f.Query("kind")), CSRF: who.CSRF, Target: f.Query("target"), Text: wording(c.Text)}
	p.Name = remedyName(p.Kind)
	switch p.Kind {
	case insight.RemedyJudged:
		return f.Redirect("/console/judged/edit?"+url.Values{"text": {c.Text}, "region": {string(c.Region)}, "gap": {c.ID}}.Encode(), http.StatusSeeOther)
	case insight.RemedyFAQ:
		p.FAQ = corpus.FAQ{ID: q.freeID(c.ID), Question: wording(c.Text), Agency: corpus.Agency{Name: p.Owner}, Matter: p.Target}
		p.FAQ.Region.Code = c.Region
		var others []string
		for _, w := range c.Wordings {
			if text := wording(w.Text); text != p.FAQ.Question && !slices.Contains(others, text) && len(others) < 10 {
				others = append(others, text)
			}
		}
		p.Others = strings.Join(others, "\n")
	case insight.RemedyAlias, insight.RemedySimilar, insight.RemedyCounter:
		key := targetKey(p.Kind, p.Target)
		rec, _, _, err := q.current(key)
		if errors.Is(err, corpus.ErrNotFound) {
			return missing("要补充的记录 " + key.ID)
		}
		if err != nil {
			return err
		}
		p.Title = corpus.Title(rec)
	default:
		return missing("这种补法")
	}
	return q.staff.Render(f, who, http.StatusOK, "remedy", "补上缺口："+p.Name, p)
}

// wording is a question as it can stand in a record: without what was masked.
func wording(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "*", ""))
}

func targetKey(kind insight.RemedyKind, target string) corpus.Key {
	if kind == insight.RemedyAlias {
		return corpus.Key{Type: corpus.TypeGuide, ID: target}
	}
	return corpus.Key{Type: corpus.TypeFAQ, ID: target}
}

// freeID is an id for a gap's FAQ that no record and no draft has.
func (q *Quality) freeID(gap string) string {
	for n := 1; ; n++ {
		id := "faq-" + gap
		if n > 1 {
			id = fmt.Sprintf("faq-%s-%d", gap, n)
		}
		_, version, _, err := q.current(corpus.Key{Type: corpus.TypeFAQ, ID: id})
		if errors.Is(err, corpus.ErrNotFound) && version == 0 {
			return id
		}
	}
}

// remedy saves the draft that is to close a gap.
func (q *Quality) remedy(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	c, err := q.caseOf(f.FormValue("id"))
	if err != nil {
		return err
	}
	kind := insight.RemedyKind(f.FormValue("kind"))
	r := insight.Remedy{Kind: kind, By: who.Name, Time: q.Now().UTC()}
	note := "补知识缺口 " + c.ID
	if kind == insight.RemedyFAQ {
		faq, err := faqOf(f)
		if err != nil {
			return err
		}
		r.Key = faq.Key()
		if err := q.saveDraft(ctx, who.Name, faq, note); err != nil {
			return err
		}
		return q.remedied(ctx, f, who, c.ID, r)
	}
	if !slices.Contains([]insight.RemedyKind{insight.RemedyAlias, insight.RemedySimilar, insight.RemedyCounter}, kind) {
		return missing("这种补法")
	}
	r.Key, r.Text = targetKey(kind, f.FormValue("target")), strings.TrimSpace(f.FormValue("text"))
	if n := utf8.RuneCountInString(r.Text); n < 2 || n > 400 {
		return unfit("请写 2 到 400 个字。")
	}
	rec, version, base, err := q.current(r.Key)
	if errors.Is(err, corpus.ErrNotFound) {
		return missing("要补充的记录 " + r.Key.ID)
	}
	if err != nil {
		return err
	}
	if rec, err = with(rec, r); err != nil {
		return err
	}
	if _, err := q.Store.SaveDraft(ctx, who.Name, store.Edit{Record: rec, Version: version, Base: base, Note: note}); err != nil {
		return refused(err)
	}
	return q.remedied(ctx, f, who, c.ID, r)
}

// faqOf reads the form of a new FAQ.
func faqOf(f *fiber.Ctx) (*corpus.FAQ, error) {
	region, err := regionOf(f)
	if err != nil {
		return nil, err
	}
	return &corpus.FAQ{Type: corpus.TypeFAQ, ID: strings.TrimSpace(f.FormValue("faq")), Question: strings.TrimSpace(f.FormValue("question")),
		Similar: regress.Split(f.FormValue("similar")), Answer: strings.TrimSpace(f.FormValue("answer")), Agency: corpus.Agency{Name: strings.TrimSpace(f.FormValue("agency"))},
		Region: corpus.Region{Code: region}, Matter: strings.TrimSpace(f.FormValue("matter")),
		Source: corpus.Source{URL: strings.TrimSpace(f.FormValue("source")), Updated: strings.TrimSpace(f.FormValue("updated"))}}, nil
}

// with returns a copy of a record with a remedy's text.
func with(rec corpus.Record, r insight.Remedy) (corpus.Record, error) {
	add := func(list []string) ([]string, error) {
		if slices.Contains(list, r.Text) {
			return nil, unfit("“%s”已经在里面了。", r.Text)
		}
		return append(slices.Clone(list), r.Text), nil
	}
	var err error
	switch rec := rec.(type) {
	case *corpus.Guide:
		g := *rec
		g.Aliases, err = add(g.Aliases)
		return &g, err
	case *corpus.FAQ:
		q := *rec
		if r.Kind == insight.RemedyCounter {
			q.Counter, err = add(q.Counter)
		} else {
			q.Similar, err = add(q.Similar)
		}
		return &q, err
	}
	return nil, missing("这种补法")
}

func remedyOfJudged(id string) insight.Remedy {
	return insight.Remedy{Kind: insight.RemedyJudged, Key: corpus.Key{ID: id}}
}

// remedied notes on a gap what was written for it. A judged question changes
// no answer, so that the gap stays as it is.
func (q *Quality) remedied(ctx context.Context, f *fiber.Ctx, who staff.Session, gap string, r insight.Remedy) error {
	c, err := q.caseOf(gap)
	if err != nil {
		return err
	}
	r.By, r.Time = who.Name, q.Now().UTC()
	err = q.change(ctx, who.Name, c.ID, func(d *insight.Decision) error {
		d.Remedies = slices.DeleteFunc(d.Remedies, func(o insight.Remedy) bool { return o.Kind == r.Kind && o.Key == r.Key && o.Text == r.Text })
		d.Remedies = append(d.Remedies, r)
		if r.Kind != insight.RemedyJudged {
			d.State, d.Taken, d.Closed = insight.Drafted, who.Name, nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	done := "已存为草稿，提交、审核、发布以后这个缺口会自动补上"
	if r.Kind == insight.RemedyJudged {
		done = "已存为评判题"
	}
	return f.Redirect("/console/gaps/case?"+url.Values{"id": {c.ID}, "done": {done}}.Encode(), http.StatusSeeOther)
}

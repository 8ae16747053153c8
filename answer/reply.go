package answer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// recommended is how many matters are suggested after an answer.
const recommended = 4

// answer writes the answer that a verdict calls for. Lists are never nil, so
// that they are [] in JSON.
func (e *Engine) answer(v *view, u *understood, d *verdict) (Answer, error) {
	a := Answer{Outcome: d.outcome, GeneratedBy: ByTemplate, Aspect: u.question.Aspect(), Confidence: d.confidence,
		Matters: []MatterRef{}, Facts: []Fact{}, Options: []Option{}, Recommendations: []Recommendation{}, Actions: []Action{}, Notices: []string{}}
	var err error
	switch {
	case d.elsewhere != nil:
		e.replyElsewhere(v, u, d.elsewhere, &a)
	case d.outcome == NotFound:
		notFound(u, &a)
	case d.outcome == Clarify:
		err = e.askMatter(v, u, d, &a)
	case d.bundle != "":
		err = e.replyBundle(v, d, &a)
	case d.policy != nil:
		err = e.replyPolicy(u, d.policy, &a)
	case d.faq != "":
		err = e.replyFAQ(v, *d, &a)
	case d.outcome == Choose:
		err = e.replyChoices(v, d, &a)
	default:
		err = e.replyMatter(v, u, d, &a)
	}
	return a, err
}

// guide reads a guide of the view's edition, as citizens may see it.
func (e *Engine) guide(v *view, code string) (*corpus.Guide, error) {
	rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypeGuide, ID: code})
	if err != nil {
		return nil, fmt.Errorf("guide %s: %w", code, err)
	}
	shown, _ := corpus.Public(rec) // all of a guide but its internal part
	return shown.(*corpus.Guide), nil
}

// inForce reads a guide that holds today. Of one that does not, it returns
// the guide and corpus.ErrNotFound.
func (e *Engine) inForce(v *view, code string) (*corpus.Guide, error) {
	g, err := e.guide(v, code)
	if err == nil && !g.Effective.Contains(e.Now()) {
		err = fmt.Errorf("guide %s is not in force: %w", code, corpus.ErrNotFound)
	}
	return g, err
}

// gone says that the matter talked about has been withdrawn, or since when it
// has not been in force, instead of answering about it.
func gone(g *corpus.Guide, today string, a *Answer) {
	a.Outcome = NotFound
	switch {
	case g == nil:
		a.Text = "刚才说的事项已经撤下，不再提供它的办事指南。"
	case g.Effective.To != "" && g.Effective.To < today:
		a.Text = fmt.Sprintf("「%s」的办事指南已于 %s 失效，不再作为回答。", g.Name, g.Effective.To)
	default:
		a.Text = fmt.Sprintf("「%s」的办事指南自 %s 起生效，现在还不作为回答。", g.Name, g.Effective.From)
	}
	a.Text += fmt.Sprintf("\n您可以重新说出要办的事，也可以拨打政务服务便民热线 %s 咨询。", hotline)
	a.Actions = append(a.Actions, Action{"call", "拨打 " + hotline, "tel:" + hotline})
}

// replyMatter answers about one matter from its fields.
func (e *Engine) replyMatter(v *view, u *understood, d *verdict, a *Answer) error {
	code, score, why := d.picked, d.confidence, []string{"接着刚才的事项"}
	if code == "" {
		code, why = d.matters[0].Key.ID, reasons(&d.matters[0])
	}
	g, err := e.inForce(v, code)
	if errors.Is(err, corpus.ErrNotFound) && d.picked != "" {
		gone(g, e.today(), a)
		return nil
	}
	if err != nil {
		return err
	}
	var c composed
	if u.casesSaid {
		c.personal(g, u.cases)
		c.actions = actionsOf(g, u.question.Aspects)
	} else {
		c = compose(g, e.agencyOf(v, g), &u.question)
	}
	a.Text, a.Facts, a.Actions = c.text, append(a.Facts, c.facts...), append(a.Actions, c.actions...)
	if c.missing {
		a.Notices = append(a.Notices, NoticeMissing)
	}
	a.Matters = append(a.Matters, refOf(v, g, score, why))
	for i := range d.matters {
		if h := &d.matters[i]; h.Key.ID != code && len(a.Matters) < 3 {
			a.Matters = append(a.Matters, e.refOfHit(v, h, d.matters[0].Score, d.confidence))
		}
	}
	if !u.casesSaid {
		d.askCases(&u.question, g, a)
	}
	a.Options = append(a.Options, followUps(g, u.question.Aspects)...)
	e.finish(v, u, g, a)
	return nil
}

// finish adds what every answer about a matter has: recommendations and the
// mark of sample data.
func (e *Engine) finish(v *view, u *understood, g *corpus.Guide, a *Answer) {
	if g.Source.Sample {
		a.Notices = append(a.Notices, NoticeSample)
	}
	a.Recommendations = append(a.Recommendations, e.after(v, u, g)...)
}

// replyFAQ quotes a reviewed answer.
func (e *Engine) replyFAQ(v *view, d verdict, a *Answer) error {
	rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypeFAQ, ID: d.faq})
	if err != nil {
		return fmt.Errorf("faq %s: %w", d.faq, err)
	}
	if _, ok := corpus.Public(rec); !ok {
		return fmt.Errorf("faq %s is for operators only: %w", d.faq, corpus.ErrNotFound)
	}
	faq := rec.(*corpus.FAQ)
	a.Text = faq.Answer + "\n" + faqSource(faq)
	a.Facts = append(a.Facts, Fact{Code: faq.ID, Field: "answer", Label: faq.Question, Value: faq.Answer,
		Source: FactSource{URL: faq.Source.URL, Updated: faq.Source.Updated}})
	if faq.Source.Sample {
		a.Notices = append(a.Notices, NoticeSample)
	}
	if faq.Matter == "" {
		return nil
	}
	g, err := e.inForce(v, faq.Matter)
	if errors.Is(err, corpus.ErrNotFound) {
		return nil // the FAQ outlives its matter
	}
	if err != nil {
		return err
	}
	a.Matters = append(a.Matters, refOf(v, g, d.confidence, []string{"常见问题与您的提问相符"}))
	a.Options = append(a.Options, followUps(g, nil)...)
	a.Actions = append(a.Actions, actionsOf(g, nil)...)
	return nil
}

// faqSource says which question was answered, by whom and when.
func faqSource(faq *corpus.FAQ) string {
	from := []string{"常见问题「" + faq.Question + "」"}
	if faq.Agency.Name != "" {
		from = append(from, faq.Agency.Name)
	}
	if faq.Source.Updated != "" {
		from = append(from, faq.Source.Updated+" 更新")
	}
	return "——" + strings.Join(from, "，")
}

// replyBundle lists the matters of a life event in their order.
func (e *Engine) replyBundle(v *view, d *verdict, a *Answer) error {
	b := v.bundles[d.bundle]
	if b == nil {
		return fmt.Errorf("bundle %s: %w", d.bundle, corpus.ErrNotFound)
	}
	var lines []string
	for _, s := range b.Steps {
		g, err := e.inForce(v, s.Matter)
		if errors.Is(err, corpus.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		line := g.Name
		if s.Optional {
			line += "（按需）"
		}
		if s.Note != "" {
			line += "：" + s.Note
		}
		lines = append(lines, line)
		a.Matters = append(a.Matters, refOf(v, g, d.confidence, []string{"属于「" + b.Name + "」"}))
		o := Option{Label: g.Name, Text: g.Name, Code: g.Code}
		a.Options = append(a.Options, o)
		d.pick(o, g.Code)
	}
	a.Text = fmt.Sprintf("「%s」包括以下%d个事项，按先后顺序：\n%s\n点选其中一项看怎么办。", b.Name, len(lines), numbered(lines))
	a.Facts = append(a.Facts, Fact{Code: b.ID, Field: "steps", Label: b.Name, Value: numbered(lines),
		Source: FactSource{URL: b.Source.URL, Updated: b.Source.Updated}})
	if b.Source.Sample {
		a.Notices = append(a.Notices, NoticeSample)
	}
	return nil
}

// replyChoices offers matters that fit about equally well: by a question that
// tells them apart, or by their names.
func (e *Engine) replyChoices(v *view, d *verdict, a *Answer) error {
	var guides []*corpus.Guide
	for i := range d.matters {
		h := &d.matters[i]
		g, err := e.guide(v, h.Key.ID)
		if err != nil {
			return err
		}
		guides = append(guides, g)
		a.Matters = append(a.Matters, refOf(v, g, share(h.Score, d.matters[0].Score, d.confidence), reasons(h)))
	}
	if slices.ContainsFunc(guides, func(g *corpus.Guide) bool { return g.Source.Sample }) {
		a.Notices = append(a.Notices, NoticeSample)
	}
	if s, ok := e.splitOn(v, guides); ok {
		e.replyClarify(d, guides, s, a)
		return nil
	}
	if n := maxOffered; len(guides) > n {
		guides, d.matters, a.Matters = guides[:n], d.matters[:n], a.Matters[:n]
		if s, ok := e.splitOn(v, guides); ok {
			e.replyClarify(d, guides, s, a)
			return nil
		}
	}
	a.Text = "有几个事项和您说的相近，请问您要办哪一个？"
	for n, g := range guides {
		label := choiceLabel(v, g, d.matters)
		o := Option{Label: label, Text: label, Code: g.Code}
		a.Options = append(a.Options, o)
		a.Text += fmt.Sprintf("\n%d. %s", n+1, label)
		d.pick(o, g.Code)
	}
	a.Options = append(a.Options, Option{Label: replyNone, Text: replyNone})
	return nil
}

// choiceLabel tells a choice from the others: by its agency's region where
// the name is the same.
func choiceLabel(v *view, g *corpus.Guide, among []index.Hit) string {
	same := 0
	for _, h := range among {
		if h.Title == g.Name {
			same++
		}
	}
	if same > 1 {
		return g.Name + "（" + join("，", regionName(v, g.Region), g.Agency.Name) + "）"
	}
	return g.Name
}

func regionName(v *view, r corpus.Region) string {
	if r.Name != "" {
		return r.Name
	}
	name, _ := v.divisions.Name(r.Code)
	return name
}

func refOf(v *view, g *corpus.Guide, score float64, why []string) MatterRef {
	return MatterRef{Code: g.Code, Name: g.Name, Agency: g.Agency.Name, Region: regionName(v, g.Region), Score: score, Why: why}
}

func (e *Engine) refOfHit(v *view, h *index.Hit, best, confidence float64) MatterRef {
	name, _ := v.divisions.Name(h.Region)
	return MatterRef{Code: h.Key.ID, Name: h.Title, Agency: h.Agency, Region: name,
		Score: share(h.Score, best, confidence), Why: reasons(h)}
}

// share is the confidence of a hit that is not the first: it falls with its
// distance in score.
func share(score, best, confidence float64) float64 {
	if best <= 0 {
		return 0
	}
	return max(0, confidence*score/best)
}

// reasons says in plain Chinese why a hit was found.
func reasons(h *index.Hit) []string {
	if h.Name == "" {
		return []string{}
	}
	why := []string{fmt.Sprintf("名称「%s」与提问相符%.0f%%", h.Name, 100*h.Named)}
	if h.Said > 0 {
		why = append(why, fmt.Sprintf("指南中有提问内容的%.0f%%", 100*h.Said))
	}
	return why
}

// followUps are the aspects that people ask next and the guide publishes.
func followUps(g *corpus.Guide, asked []nlp.Aspect) []Option {
	var list []Option
	for _, next := range []struct {
		aspect nlp.Aspect
		text   string
	}{
		{nlp.AspectMaterials, "要什么材料"}, {nlp.AspectTimeLimit, "要多久"}, {nlp.AspectFee, "要多少钱"},
		{nlp.AspectLocation, "在哪里办"}, {nlp.AspectOnline, "网上能办吗"}, {nlp.AspectPhone, "咨询电话"},
	} {
		done := false
		for _, a := range asked {
			done = done || a == next.aspect
		}
		if !done && len(factsOf(g, next.aspect)) > 0 && len(list) < 4 {
			list = append(list, Option{Label: next.text, Text: g.Name + next.text})
		}
	}
	return list
}

// replyElsewhere says of what region or for whom the guide is that fits,
// instead of offering others that do not.
func (e *Engine) replyElsewhere(v *view, u *understood, h *index.Hit, a *Answer) {
	a.Notices = append(a.Notices, NoticeRegion)
	name, _ := v.divisions.Name(h.Region)
	of := name + "的"
	if h.Region != "" && u.region != "" && !u.region.Within(h.Region) {
		here, _ := v.divisions.Name(u.region)
		a.Text = fmt.Sprintf("「%s」只收录了%s的办事指南，没有收录%s的，不能用别处的规定回答。", h.Title, name, here)
	} else {
		a.Text = fmt.Sprintf("「%s」不是给“%s”办理的事项。", h.Title, u.request.Audience)
		of = ""
	}
	a.Text += fmt.Sprintf("\n请拨打政务服务便民热线 %s 咨询；要看%s这份指南，请点选下面一项。", hotline, of)
	a.Options = append(a.Options, Option{Label: of + "「" + h.Title + "」", Text: h.Title, Code: h.Key.ID})
	a.Actions = append(a.Actions, Action{"call", "拨打 " + hotline, "tel:" + hotline})
}

// askMatter asks what the question is about, when it says nothing of that. Its
// options are what many have asked for; nothing has been found, so it has no matters.
func (e *Engine) askMatter(v *view, u *understood, d *verdict, a *Answer) error {
	a.Text = "请问您要办的是哪件事？请说出要办的证件或事项的名称。"
	var codes []string
	for _, h := range e.pinned(v, u.region) {
		codes = append(codes, h.Matter)
	}
	for _, k := range e.asked.top(e.Now()) {
		codes = append(codes, k.matter)
	}
	for i, code := range codes {
		if code == "" || len(a.Options) == askMatterOffers || slices.Contains(codes[:i], code) {
			continue
		}
		g, err := e.inForce(v, code)
		if errors.Is(err, corpus.ErrNotFound) || err == nil && u.region != "" && g.Region.Code != "" && !u.region.Within(g.Region.Code) {
			continue // removed since, or of another place
		}
		if err != nil {
			return err
		}
		o := Option{Label: g.Name, Text: g.Name, Code: g.Code}
		a.Options = append(a.Options, o)
		a.Text += fmt.Sprintf("\n%d. %s", len(a.Options), g.Name)
		d.pick(o, g.Code)
	}
	return nil
}

// askMatterOffers is how many matters are offered to who has named none.
const askMatterOffers = 4

// notFound says honestly that nothing fits and where to ask.
func notFound(u *understood, a *Answer) {
	var b strings.Builder
	if u.foreign != "" {
		a.Notices = append(a.Notices, NoticeRegion)
		fmt.Fprintf(&b, "这里没有收录%s的办事指南，不能用本地的规定回答。", u.foreign)
		fmt.Fprintf(&b, "请拨打当地的政务服务便民热线（区号+%s），或查看当地政务服务网。", hotline)
	} else {
		b.WriteString("没有找到与您的提问相符的事项，不能确定的内容不作回答。")
		fmt.Fprintf(&b, "\n您可以换个说法，写出要办的证件或事项名称；也可以拨打政务服务便民热线 %s 咨询。", hotline)
	}
	a.Text = b.String()
	a.Actions = append(a.Actions, Action{"call", "拨打 " + hotline, "tel:" + hotline})
}

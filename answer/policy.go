package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A policyList says of every published policy what becomes of it.
type policyList map[string]policyFate

// A policyFate is what a policy is replaced by.
type policyFate struct {
	by   string // id of the text in force that replaces it; empty for none
	from string // since when
}

// newPolicies reads which policies replace which. Only what citizens may see
// and what is in force replaces anything.
func (e *Engine) newPolicies(edition corpus.Edition) (policyList, error) {
	list := policyList{}
	for rec, err := range e.Corpus.All(edition, corpus.TypePolicy) {
		if err != nil {
			return nil, err
		}
		p, ok := rec.(*corpus.Policy)
		if !ok || !p.Visibility.Public() || !p.Effective.Contains(e.Now()) {
			continue
		}
		for _, old := range p.Supersedes {
			if before, ok := list[old]; old != p.ID && (!ok || p.Effective.From > before.from) {
				list[old] = policyFate{p.ID, p.Effective.From}
			}
		}
	}
	return list, nil
}

// current follows who replaces whom, from a policy that is replaced to the one
// that holds now; "" if it is not replaced. Two that replace each other replace
// nothing.
func (l policyList) current(id string) string {
	last, seen := id, map[string]bool{}
	for fate, ok := l[last]; ok; fate, ok = l[last] {
		if seen[last] {
			return ""
		}
		seen[last] = true
		last = fate.by
	}
	if last == id {
		return ""
	}
	return last
}

// family keeps, of the policies found, the first and those that replace it or
// that it replaces. Where the search and the passages disagree about the text,
// the passages are wrong more often than not.
func (l policyList) family(texts []*corpus.Policy) []*corpus.Policy {
	head := func(p *corpus.Policy) string { return cmp.Or(l.current(p.ID), p.ID) }
	var kin []*corpus.Policy
	for _, p := range texts {
		if head(p) == head(texts[0]) {
			kin = append(kin, p)
		}
	}
	return kin
}

// A passage is an article of a policy and how well it fits a question.
type passage struct {
	policy  *corpus.Policy
	article int     // of the policy's articles; -1 means the policy as a whole
	beside  int     // another article that fits nearly as well, or -1
	said    float64 // share of the question's content that title and article say together
	own     float64 // … that the article says by itself
	all     float64 // … of the whole question, its asking words too
}

// fit ranks passages: all that is said counts, what the article says itself
// more than what the title says, and asking words a little.
func (p *passage) fit() float64 { return p.said + p.own/4 + p.all/4 }

// A policyVerdict is the passage to quote.
type policyVerdict struct {
	passage
	whole    bool           // the policy itself is asked for, no article of it
	replaced *corpus.Policy // what fits best and is no longer in force; nil if that is quoted
}

// The thresholds of quoting a policy. They were chosen so that hardly any
// question about a matter is answered with a policy: a wrong passage is worse
// than none. docs/policies.md has the figures.
const (
	policySaid     = .6  // of the content, that title and article must say
	policyBrief    = .85 // … of a content that is brief, where one word more or less is another question
	policyFew      = 8   // characters of a content that is not brief
	policyLeast    = 4   // characters of content at least
	policyRare     = 3   // … as many as that of the rarest characters
	policyOwn      = .5  // of the content, that the article must say itself
	policyAhead    = .2  // how much more than the best guide they must say
	policyFarAhead = .35 // … than a guide that is more likely right than wrong
	policyBeside   = .15 // how far behind another article of the policy may be to be quoted too
)

// A kindOfReply is what a question wants to be told, and how texts tell it.
type kindOfReply struct{ asks, tells *regexp.Regexp }

// repliesOf are the replies that can be told by their form. An article that does
// not have the form cannot be the reply.
var repliesOf = []kindOfReply{
	{regexp.MustCompile(`多少钱|几万|几千|几百|多少元|(罚|补|补助|补贴|奖励|发|领|减|费|价)(款|金)?(最高|最低|最多|每.)?(是|要|给|能)?多少(?:[^人户天年月名%]|$)`),
		regexp.MustCompile(`\d[\d.,]*[万千百亿]?元|[一二三四五六七八九十百千万]+元|免费|免收|不收|百分之|\d%|半价`)},
	{regexp.MustCompile(`多久|多长时间|几天|几个月|几年|多少天|几个工作日|多少个工作日`),
		regexp.MustCompile(`[\d一二三四五六七八九十百半]个?(日|天|月|年|小时|工作日|周)`)},
	{regexp.MustCompile(`几点`), regexp.MustCompile(`\d{1,2}(时|点|:)`)},
	{regexp.MustCompile(`几岁|多大年纪|多少岁|多大岁数`), regexp.MustCompile(`岁`)},
}

// canReply reports whether a text has the form of what a question wants to be
// told, as far as that has a form.
func canReply(question, text string) bool {
	for _, k := range repliesOf {
		if k.asks.MatchString(question) && !k.tells.MatchString(text) {
			return false
		}
	}
	return true
}

// citedArticle is how people name an article.
var citedArticle = regexp.MustCompile(`第([零一二三四五六七八九十百]+|\d{1,3})条`)

// findPolicy looks for a passage that answers better than the guides found. It
// returns nil if there is none, or if the question does not stand by itself.
func (e *Engine) findPolicy(ctx context.Context, v *view, u *understood, guides []index.Hit) (*policyVerdict, error) {
	if u.matter != "" || u.none || u.clarifies || u.foreign != "" || len(u.among) > 0 {
		return nil, nil
	}
	hits, err := e.Index.Search(ctx, index.Query{Question: &u.question, Type: corpus.TypePolicy, Place: u.place, Limit: 5,
		Filter: index.Filter{Region: u.region, On: e.Now(), Expired: true}})
	if err != nil {
		return nil, err
	}
	var texts []*corpus.Policy
	for _, h := range hits {
		p, err := e.policy(v, h.Key.ID)
		if err != nil {
			return nil, err
		}
		if p.Effective.From <= e.today() { // else not in force yet
			texts = append(texts, p)
		}
	}
	if len(texts) == 0 {
		return nil, nil
	}
	if p, err := e.cited(v, u, texts); p != nil || err != nil {
		return p, err
	}
	var best, held *passage // of all, and of what is in force
	for _, p := range v.policies.family(texts) {
		fits, err := e.fitting(&u.question, p)
		if err != nil {
			return nil, err
		}
		if best == nil || fits.fit() > best.fit() {
			best = fits
		}
		if e.holds(v, p) && (held == nil || fits.fit() > held.fit()) {
			held = fits
		}
	}
	if held != nil && held.fit() >= best.fit() {
		best = held // what holds and fits as well goes before what does not
	}
	if enough, err := e.beatsGuides(v, u, best, guides); err != nil || !enough {
		return nil, err
	}
	if e.holds(v, best.policy) {
		return &policyVerdict{passage: *best}, nil
	}
	return e.replacing(v, &u.question, best)
}

// cited is the verdict where a question names a policy: the article that it
// names or that fits the rest of the question, or else the policy as a whole.
func (e *Engine) cited(v *view, u *understood, texts []*corpus.Policy) (*policyVerdict, error) {
	var named *corpus.Policy
	length := 0
	rest := ""
	for _, p := range texts {
		if n, left := cites(u.question.Text, p); n > length {
			named, length, rest = p, n, left
		}
	}
	if named == nil {
		return nil, nil
	}
	parser := v.parserIn(u.region)
	q := parser.Parse(rest)
	fits, err := e.fitting(&q, named)
	if err != nil {
		return nil, err
	}
	if fits.own < policyOwn && !citedArticle.MatchString(rest) {
		fits = &passage{policy: named, article: -1, beside: -1}
	}
	fits.said = 1 // it is named
	if e.holds(v, named) {
		return &policyVerdict{passage: *fits}, nil
	}
	return e.replacing(v, &q, fits)
}

// replacing is the verdict where what fits best is no longer in force: the
// passage of what replaces it, as far as there is one that fits.
func (e *Engine) replacing(v *view, q *nlp.Question, old *passage) (*policyVerdict, error) {
	d := &policyVerdict{passage: passage{article: -1, beside: -1, said: old.said}, replaced: old.policy}
	id := v.policies.current(old.policy.ID)
	if id == "" {
		return d, nil
	}
	now, err := e.policy(v, id)
	if errors.Is(err, corpus.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	fits, err := e.fitting(q, now)
	if err != nil {
		return nil, err
	}
	d.passage, d.whole = *fits, old.article < 0
	d.said = old.said
	// What the old title says of the question the new one need not say again.
	if fits.own < policyOwn {
		d.article, d.beside = -1, -1
	}
	return d, nil
}

// policy reads a policy of the view's edition that citizens may see.
func (e *Engine) policy(v *view, id string) (*corpus.Policy, error) {
	rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypePolicy, ID: id})
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", id, err)
	}
	shown, ok := corpus.Public(rec)
	if !ok {
		return nil, fmt.Errorf("policy %s is for operators only: %w", id, corpus.ErrNotFound)
	}
	return shown.(*corpus.Policy), nil
}

// holds reports whether a policy is in force and not replaced.
func (e *Engine) holds(v *view, p *corpus.Policy) bool {
	return p.Effective.Contains(e.Now()) && v.policies.current(p.ID) == ""
}

// A PolicyText is a policy as citizens may read it whole.
type PolicyText struct {
	*corpus.Policy
	Articles []corpus.Article
	InForce  bool           // today, and not replaced
	Replaced *corpus.Policy // what replaces it; nil if nothing does
}

// Policy returns a published policy, one that is no longer in force too;
// corpus.ErrNotFound if there is none of that id.
func (e *Engine) Policy(_ context.Context, id string) (*PolicyText, error) {
	v := e.view.Load()
	if v == nil {
		return nil, ErrNotReady
	}
	p, err := e.policy(v, id)
	if err != nil {
		return nil, err
	}
	text := &PolicyText{Policy: p, Articles: p.Articles(), InForce: e.holds(v, p)}
	if by := v.policies.current(id); by != "" {
		if text.Replaced, err = e.policy(v, by); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// fitting finds the article that fits a question best; the one that is named,
// if one is.
func (e *Engine) fitting(q *nlp.Question, p *corpus.Policy) (*passage, error) {
	articles := p.Articles()
	named := ""
	if m := citedArticle.FindStringSubmatch(q.Text); m != nil {
		named = numeral(m[1])
	}
	title := p.Title + "\n" + p.Number
	texts := make([]string, 0, 2*len(articles)+1)
	for _, a := range articles {
		texts = append(texts, title+"\n"+a.Text, a.Text)
	}
	covered, err := e.Index.Coverage(q, append(texts, title))
	if err != nil {
		return nil, err
	}
	best := passage{policy: p, article: -1, beside: -1, said: covered[len(texts)].Share}
	second := best
	for i, a := range articles {
		with, own := covered[2*i], covered[2*i+1]
		is := passage{p, i, -1, with.Share, own.Share, with.All}
		if named != "" && numeral(strings.TrimSuffix(strings.TrimPrefix(a.Number, "第"), "条")) == named {
			return &is, nil
		}
		switch {
		case own.Share == 0 || !canReply(q.Text, nlp.Normalize(a.Text)):
		case best.article < 0 || is.fit() > best.fit():
			best, second = is, best
		case second.article < 0 || is.fit() > second.fit():
			second = is
		}
	}
	if second.article >= 0 && second.own >= policyOwn && best.fit()-second.fit() < policyBeside {
		best.beside = second.article
	}
	return &best, nil
}

// numeral is a number below a thousand in digits, however it is written.
func numeral(s string) string {
	if s == "" || s[0] <= '9' {
		return s
	}
	n, digit := 0, 0
	for _, r := range s {
		switch r {
		case '百':
			n, digit = n+100*max(1, digit), 0
		case '十':
			n, digit = n+10*max(1, digit), 0
		case '零':
		default:
			digit = numerals[string(r)]
		}
	}
	return fmt.Sprint(n + digit)
}

// cites returns how many characters of a question name a policy, by its number
// or its title, whole or without what is in brackets, and the question without
// them; 0 if it names it not.
func cites(text string, p *corpus.Policy) (n int, rest string) {
	title := nlp.Normalize(p.Title)
	short, _, _ := strings.Cut(title, "(")
	for _, name := range []string{nlp.Normalize(p.Number), title, short} {
		if size := utf8.RuneCountInString(name); size >= 6 && size > n && strings.Contains(text, name) {
			n, rest = size, strings.ReplaceAll(text, name, " ")
		}
	}
	return n, rest
}

// beatsGuides reports whether a passage says enough of the question, and more
// of it than any guide that was found.
func (e *Engine) beatsGuides(v *view, u *understood, p *passage, hits []index.Hit) (bool, error) {
	content := utf8.RuneCountInString(u.question.Content())
	least := policySaid
	if content < policyFew {
		least = policyBrief
	}
	if p.article < 0 || p.said < least || p.own < policyOwn || content < policyLeast {
		return false, nil
	}
	var texts []string
	for _, h := range hits[:min(3, len(hits))] {
		g, err := e.guide(v, h.Key.ID)
		if err != nil {
			return false, err
		}
		texts = append(texts, strings.Join(guideSays(g), "\n"))
	}
	covered, err := e.Index.Coverage(&u.question, append(texts, ""))
	if err != nil {
		return false, err
	}
	if covered[len(texts)].Rare < policyRare {
		return false, nil // nothing in it tells texts apart
	}
	ev := weigh(&u.question, hits)
	ahead := policyAhead
	if confidence(&ev, hits) >= sure {
		ahead = policyFarAhead
	}
	for _, c := range covered {
		if c.Share > p.said-ahead {
			return false, nil
		}
	}
	return true, nil
}

// guideSays are the texts of a guide that can answer a question.
func guideSays(g *corpus.Guide) []string {
	texts := append([]string{g.Name, g.ShortName, g.Parent, g.Situation, g.Condition, g.Result, g.Validity}, g.Aliases...)
	for _, m := range g.Materials {
		texts = append(texts, m.Name)
	}
	for _, qa := range g.FAQs {
		texts = append(texts, qa.Q)
	}
	return append(texts, g.Steps...)
}

// maxQuote is how many characters of an article are quoted; of a longer one
// the sentences that fit.
const maxQuote = 500

// replyPolicy quotes the passage word for word, with where it stands.
func (e *Engine) replyPolicy(u *understood, d *policyVerdict, a *Answer) error {
	c := composed{}
	now := d.policy
	if old := d.replaced; old != nil {
		c.facts = append(c.facts, policyFact(old, -1, "effective", "效力", over(old, now)))
		c.say("%s", over(old, now))
		if now == nil {
			c.say("没有收录现行的替代文件，不用失效的文件作答。可以拨打政务服务便民热线 %s 咨询。", hotline)
			a.Outcome = NotFound
			a.Text, a.Facts = c.text, append(a.Facts, c.facts...)
			a.Actions = append(a.Actions, Action{"call", "拨打 " + hotline, "tel:" + hotline})
			return nil
		}
	}
	articles, last := now.Articles(), d.article // the other facts go with the article quoted last
	switch {
	case d.article >= 0:
		last = max(d.article, d.beside)
		for _, i := range inOrder(d.article, d.beside) {
			quoted, err := e.quotation(&u.question, articles[i].Text)
			if err != nil {
				return err
			}
			where := cite(now, articles[i].Number)
			c.say("%s：\n%s", where, quoted)
			if quoted != articles[i].Text {
				c.say("（以上是该条中的一段）")
			}
			c.facts = append(c.facts, policyFact(now, i, "text", where, quoted))
		}
	case d.replaced != nil && !d.whole:
		c.say("现行文件里没有找到与您的提问直接对应的条款，请看全文。")
	default:
		c.say("%s共%d条，点开可看全文；想问其中的哪一项，可以接着说。", cite(now, ""), len(articles))
	}
	if now.Effective.From != "" {
		c.facts = append(c.facts, policyFact(now, last, "effective", "施行日期", now.Effective.From))
		c.say("自%s起施行。", inWords(now.Effective.From))
	}
	if now.Agency.Name != "" {
		c.facts = append(c.facts, policyFact(now, last, "agency", "发文机关", now.Agency.Name))
	}
	c.say("以上为文件原文，是否适用于您的情况，由主管部门认定，可以拨打 %s 咨询。", hotline)
	a.Text, a.Facts = c.text, append(a.Facts, c.facts...)
	a.Aspect = cmp.Or(a.Aspect, nlp.AspectBasis)
	if now.Source.Sample {
		a.Notices = append(a.Notices, NoticeSample)
	}
	return nil
}

// inOrder are the articles to quote, as they stand in the text.
func inOrder(article, beside int) []int {
	if beside < 0 {
		return []int{article}
	}
	return []int{min(article, beside), max(article, beside)}
}

// over says what has become of a policy.
func over(old, now *corpus.Policy) string {
	switch {
	case now != nil:
		return fmt.Sprintf("%s已于%s废止，现行：%s。", cite(old, ""), inWords(now.Effective.From), cite(now, ""))
	default:
		return fmt.Sprintf("%s已于%s失效。", cite(old, ""), inWords(old.Effective.To))
	}
}

// cite names a policy, and an article of it, as documents do.
func cite(p *corpus.Policy, article string) string {
	s := "《" + p.Title + "》"
	if p.Number != "" {
		s += "（" + p.Number + "）"
	}
	if article != "" && !strings.HasPrefix(article, "第") {
		article = "第" + article + "项"
	}
	return s + article
}

// inWords writes a date as documents do.
func inWords(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2006年1月2日")
}

func policyFact(p *corpus.Policy, article int, field, label, value string) Fact {
	return Fact{Code: p.ID, Field: field, Label: label, Value: value, Source: FactSource{
		URL: p.Source.URL, Updated: p.Source.Updated, Title: cite(p, ""), Place: PolicyPlace(p.ID, article)}}
}

// PolicyPlace is where an article of a policy stands on the pages of this
// service; article counts from 0, and is negative for the whole policy.
func PolicyPlace(id string, article int) string {
	place := "/policies/" + url.PathEscape(id)
	if article >= 0 {
		place += fmt.Sprintf("#a%d", article+1)
	}
	return place
}

// quotation is an article, or of a long one the run of whole sentences that
// fits the question best, word for word.
func (e *Engine) quotation(q *nlp.Question, text string) (string, error) {
	if utf8.RuneCountInString(text) <= maxQuote {
		return text, nil
	}
	var ends []int // of sentences
	for i, r := range text {
		if strings.ContainsRune("。；;\n", r) {
			ends = append(ends, i+utf8.RuneLen(r))
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(text) {
		ends = append(ends, len(text))
	}
	var runs []string
	for start, i := 0, 0; i < len(ends); i++ {
		end := ends[i]
		for j := i; j < len(ends) && utf8.RuneCountInString(text[start:ends[j]]) <= maxQuote; j++ {
			end = ends[j]
		}
		runs = append(runs, strings.TrimSpace(text[start:end]))
		start = ends[i]
	}
	covered, err := e.Index.Coverage(q, runs)
	if err != nil {
		return "", err
	}
	best := 0
	for i := range covered {
		if covered[i].Share > covered[best].Share {
			best = i
		}
	}
	return runs[best], nil
}

package corpus

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Lengths, in characters, beyond which a field is taken for a mistake.
const (
	maxCode  = 128
	maxName  = 400
	maxText  = 200_000
	maxItems = 2_000

	maxQuestion = 300 // of one that is asked by tapping it
)

// faults gathers everything that is wrong with one record, because an editor
// mends a record in one go.
type faults struct {
	key  Key
	errs []error
}

func (f *faults) add(field, why string, args ...any) {
	f.errs = append(f.errs, &FieldError{f.key, field, fmt.Sprintf(why, args...)})
}

func (f *faults) err() error { return errors.Join(f.errs...) }

func (f *faults) required(field, v string, limit int) {
	if strings.TrimSpace(v) == "" {
		f.add(field, "必填")
		return
	}
	f.text(field, v, limit)
}

func (f *faults) text(field, v string, limit int) {
	if !utf8.ValidString(v) {
		f.add(field, "不是有效的 UTF-8 文本")
	}
	if strings.ContainsRune(v, 0) {
		f.add(field, "含有空字符（NUL）")
	}
	if n := utf8.RuneCountInString(v); n > limit {
		f.add(field, "太长：%d 字，最多 %d 字", n, limit)
	}
}

func (f *faults) id(field, v string) {
	f.required(field, v, maxCode)
	if strings.IndexFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '/' }) >= 0 {
		f.add(field, "编码不能含空白、控制字符或斜线")
	}
}

func (f *faults) count(field string, n int) {
	if n > maxItems {
		f.add(field, "项数太多：%d，最多 %d", n, maxItems)
	}
}

func (f *faults) url(field, v string) {
	if v == "" {
		return
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		f.add(field, "网址无效，应以 http:// 或 https:// 开头")
	}
}

// dialable accepts a number that a telephone can ring: digits, with hyphens
// between them or a plus before them.
func (f *faults) dialable(field, v string) {
	digits := 0
	for i, r := range v {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case r == '-' && i > 0, r == '+' && i == 0:
		default:
			digits = -maxName
		}
	}
	if digits < 3 {
		f.add(field, "电话 %q 拨不通，只能有数字和连字符", v)
	}
}

func (f *faults) limit(field string, l *Limit) {
	if l == nil {
		return
	}
	if l.N < 0 {
		f.add(field+".n", "不能为负数")
	}
	if !slices.Contains(Units, l.Unit) {
		f.add(field+".unit", "单位 %q 不认识，应为 %s 之一", l.Unit, strings.Join(Units, "、"))
	}
}

func (f *faults) date(field, v string) {
	if v == "" {
		return
	}
	if _, err := time.Parse(time.DateOnly, v); err != nil {
		f.add(field, "日期 %q 无效，应形如 2026-01-31", v)
	}
}

func (f *faults) period(p Period) {
	f.date("effective.from", p.From)
	f.date("effective.to", p.To)
	if p.From != "" && p.To != "" && p.From > p.To {
		f.add("effective", "生效日期 %s 晚于失效日期 %s", p.From, p.To)
	}
}

func (f *faults) region(r Region) {
	if r.Code != "" && !r.Code.Valid() {
		f.add("region.code", "区划代码 %q 无效，应为 6、9 或 12 位数字", r.Code)
	}
}

func (f *faults) source(s Source) {
	f.url("source.url", s.URL)
	f.date("source.updated", s.Updated)
}

func (f *faults) visibility(v Visibility) {
	if v != "" && !slices.Contains(Visibilities, v) {
		f.add("visibility", "可见范围 %q 不认识，应为 public（公开）或 operator（仅坐席）", v)
	}
}

func (f *faults) internal(in *Internal) {
	if in == nil {
		return
	}
	f.text("internal.wording", in.Wording, maxText)
	f.text("internal.transfer", in.Transfer, maxText)
	f.text("internal.phone", in.Phone, maxName)
}

func (f *faults) audience(as []Audience) {
	for i, a := range as {
		if !slices.Contains(Audiences, a) {
			f.add(fmt.Sprintf("audience[%d]", i), "服务对象 %q 不认识", a)
		}
	}
}

// Validate implements [Record].
func (g *Guide) Validate() error {
	f := faults{key: g.Key()}
	f.id("code", g.Code)
	f.required("name", g.Name, maxName)
	for i, a := range g.Aliases {
		f.required(fmt.Sprintf("aliases[%d]", i), a, maxName)
	}
	f.audience(g.Audience)
	f.region(g.Region)
	f.text("condition", g.Condition, maxText)
	f.count("materials", len(g.Materials))
	for i, m := range g.Materials {
		field := fmt.Sprintf("materials[%d]", i)
		f.required(field+".name", m.Name, maxText)
		if m.Copies != nil && *m.Copies < 0 {
			f.add(field+".copies", "份数不能为负数")
		}
		f.url(field+".blank", m.Blank)
		f.url(field+".sample", m.Sample)
	}
	f.count("steps", len(g.Steps))
	f.limit("legalLimit", g.LegalLimit)
	f.limit("promisedLimit", g.PromisedLimit)
	if g.Visits != nil && *g.Visits < 0 {
		f.add("visits", "到场次数不能为负数")
	}
	if g.Fee != nil && g.Fee.Charged != nil && !*g.Fee.Charged && len(g.Fee.Items) > 0 {
		f.add("fee", "标为不收费，却列有收费项目")
	}
	f.count("places", len(g.Places))
	f.url("onlineURL", g.OnlineURL)
	f.url("mobileURL", g.MobileURL)
	f.url("bookingURL", g.BookingURL)
	f.count("faqs", len(g.FAQs))
	for i, qa := range g.FAQs {
		f.required(fmt.Sprintf("faqs[%d].q", i), qa.Q, maxText)
		f.required(fmt.Sprintf("faqs[%d].a", i), qa.A, maxText)
	}
	f.internal(g.Internal)
	f.period(g.Effective)
	f.source(g.Source)
	return f.err()
}

// Validate implements [Record].
func (q *FAQ) Validate() error {
	f := faults{key: q.Key()}
	f.id("id", q.ID)
	f.required("question", q.Question, maxName)
	for i, s := range q.Similar {
		f.required(fmt.Sprintf("similar[%d]", i), s, maxName)
	}
	asked := map[string]bool{q.Question: true}
	for _, s := range q.Similar {
		asked[s] = true
	}
	for i, c := range q.Counter {
		f.required(fmt.Sprintf("counter[%d]", i), c, maxName)
		if asked[c] {
			f.add(fmt.Sprintf("counter[%d]", i), "反例问 %q 同时是标准问或相似问", c)
		}
	}
	f.required("answer", q.Answer, maxText)
	f.visibility(q.Visibility)
	f.region(q.Region)
	f.period(q.Effective)
	f.source(q.Source)
	return f.err()
}

// Validate implements [Record].
func (p *Policy) Validate() error {
	f := faults{key: p.Key()}
	f.id("id", p.ID)
	f.required("title", p.Title, maxName)
	f.required("text", p.Text, maxText)
	f.visibility(p.Visibility)
	f.region(p.Region)
	f.period(p.Effective)
	f.source(p.Source)
	return f.err()
}

// Validate implements [Record].
func (b *Bundle) Validate() error {
	f := faults{key: b.Key()}
	f.id("id", b.ID)
	f.required("name", b.Name, maxName)
	f.audience(b.Audience)
	f.region(b.Region)
	if len(b.Steps) == 0 {
		f.add("steps", "至少要有一个事项")
	}
	at := map[string]int{}
	for i, s := range b.Steps {
		f.required(fmt.Sprintf("steps[%d].matter", i), s.Matter, maxCode)
		if first, twice := at[s.Matter]; twice {
			f.add(fmt.Sprintf("steps[%d].matter", i), "事项 %s 已是第 %d 步", s.Matter, first+1)
			continue
		}
		at[s.Matter] = i
	}
	for i, s := range b.Steps {
		for _, before := range s.After {
			if j, ok := at[before]; !ok || j >= i {
				f.add(fmt.Sprintf("steps[%d].after", i), "前置事项 %s 不在本步之前", before)
			}
		}
	}
	f.period(b.Effective)
	f.source(b.Source)
	return f.err()
}

// Validate implements [Record].
func (r *RegionEntry) Validate() error {
	f := faults{key: r.Key()}
	f.id("code", r.Code)
	if !RegionCode(r.Code).Valid() {
		f.add("code", "区划代码 %q 无效，应为 6、9 或 12 位数字", r.Code)
	}
	f.required("name", r.Name, maxName)
	return f.err()
}

// The most official terms that one everyday word can have, and the longest
// word and term, in characters.
const (
	maxOfficial = 12
	maxWord     = 30
)

// Validate implements [Record].
func (w *Word) Validate() error {
	f := faults{key: w.Key()}
	f.id("id", w.ID)
	f.term("word", w.Word)
	if len(w.Official) == 0 {
		f.add("official", "至少要有一个正式用语")
	}
	if len(w.Official) > maxOfficial {
		f.add("official", "项数太多：%d，最多 %d", len(w.Official), maxOfficial)
	}
	for i, o := range w.Official {
		field := fmt.Sprintf("official[%d]", i)
		f.term(field, o)
		switch {
		case o == w.Word:
			f.add(field, "与日常说法相同")
		case slices.Contains(w.Official[:i], o):
			f.add(field, "写了两次")
		}
	}
	if !(w.Confidence > 0 && w.Confidence <= 1) { // NaN, too
		f.add("confidence", "把握应大于 0、不超过 1")
	}
	if !slices.Contains(WordKinds, w.Kind) {
		f.add("kind", "类别 %q 不认识，应为 everyday、typo、dialect、abbreviation 之一", w.Kind)
	}
	if w.Kind == WordTypo && w.BothWays {
		f.add("bothWays", "错字只能单向：说正式用语的人没有写错")
	}
	f.region(w.Region)
	f.text("note", w.Note, maxName)
	return f.err()
}

// term checks a word or an official term: a single character stands in too
// many sentences to mean one thing.
func (f *faults) term(field, v string) {
	f.required(field, v, maxWord)
	if n := utf8.RuneCountInString(strings.TrimSpace(v)); n == 1 {
		f.add(field, "只有一个字，会误认太多问题；请写两个字以上")
	}
	if strings.IndexFunc(v, unicode.IsControl) >= 0 {
		f.add(field, "不能有换行等控制字符")
	}
}

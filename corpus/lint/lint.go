// Package lint says what an editor should mend in a record that the format
// accepts: what the standards for guides ask for, what citizens would ask
// next, and what contradicts itself or another record. Each remark gives its
// reason.
//
// A remark is advice. Only what would mislead a citizen is Grave; nothing here
// keeps a record from being saved.
package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// A Level says how much a remark matters.
type Level string

// The levels.
const (
	Grave   Level = "grave"   // 应改: it misleads, or contradicts itself
	Missing Level = "missing" // 缺项: what a guide must publish is not there
	Advice  Level = "advice"  // 建议
)

// Levels lists the levels, the gravest first.
var Levels = []Level{Grave, Missing, Advice}

// Label says the level as an editor reads it.
func (l Level) Label() string {
	switch l {
	case Grave:
		return "应改"
	case Missing:
		return "缺项"
	}
	return "建议"
}

// A Remark is one thing to mend.
type Remark struct {
	Field string // the key of the import format
	Level Level
	Why   string // in Chinese, with the reason
}

// A Surrounding answers what a record alone cannot. Each func may be nil:
// then nothing is said about it.
type Surrounding struct {
	Now    time.Time                                 // the zero time leaves out what depends on the day
	Exists func(corpus.Key) bool                     // whether a record is published or a draft
	Reply  func(class string) bool                   // whether the guard has a class of this name
	Period func(corpus.Key) (corpus.Period, bool)    // when a record is in force
	Agency func(name string) (registered, some bool) // whether the directory has the agency, and whether it has any
}

// Check returns the remarks on a record, the gravest first.
func Check(rec corpus.Record, around Surrounding) []Remark {
	c := checker{around: around}
	switch r := rec.(type) {
	case *corpus.Guide:
		c.guide(r)
	case *corpus.FAQ:
		c.faq(r)
	case *corpus.Policy:
		c.policy(r)
	case *corpus.Bundle:
		c.bundle(r)
	case *corpus.HotEntry:
		c.refers("matter", corpus.TypeGuide, r.Matter)
		c.period(r.Effective)
	case *corpus.ReplyEntry:
		if around.Reply != nil && !around.Reply(r.ID) {
			c.add("id", Grave, "没有这个类别的固定回复，它不会被用到")
		}
		c.period(r.Effective)
	case *corpus.AgencyEntry:
		c.phone("phone", r.Phone)
		c.phone("complaint", r.Complaint)
		if r.Phone == "" {
			c.add("phone", Missing, "没有咨询电话，指南缺电话时帮不上")
		}
		c.period(r.Effective)
	}
	slices.SortStableFunc(c.remarks, func(a, b Remark) int {
		return slices.Index(Levels, a.Level) - slices.Index(Levels, b.Level)
	})
	return c.remarks
}

type checker struct {
	around  Surrounding
	remarks []Remark
}

func (c *checker) add(field string, level Level, why string, args ...any) {
	c.remarks = append(c.remarks, Remark{field, level, fmt.Sprintf(why, args...)})
}

// missing remarks on a field that is not published.
func (c *checker) missing(is bool, field, what string) {
	if is {
		c.add(field, Missing, "没有%s：办事指南应公布（国办秘函〔2019〕19号抽查项）", what)
	}
}

func (c *checker) guide(g *corpus.Guide) {
	c.missing(g.Condition == "", "condition", "受理条件")
	c.missing(len(g.Materials) == 0, "materials", "申请材料")
	c.missing(len(g.Steps) == 0, "steps", "办理流程")
	c.missing(len(g.Places) == 0, "places", "办理地点")
	c.missing(len(g.Places) > 0 && !slices.ContainsFunc(g.Places, func(p corpus.Place) bool { return p.Hours != "" }), "places", "办理时间")
	c.missing(g.Contact == "", "contact", "咨询电话")
	c.missing(len(g.Basis) == 0, "basis", "设定依据")
	c.missing(g.PromisedLimit == nil && g.LegalLimit == nil, "promisedLimit", "办结时限")
	c.missing(g.Fee == nil || g.Fee.Charged == nil, "fee.charged", "是否收费")
	c.source(g.Source)
	c.limits(g)
	c.fee(g.Fee)
	c.materials(g.Materials)
	if g.Visits != nil && *g.Visits > 0 && g.VisitReason == "" {
		c.add("visitReason", Advice, "要到现场 %d 次，应写明必须到现场的原因", *g.Visits)
	}
	c.phone("contact", g.Contact)
	c.phone("complaint", g.Complaint)
	if g.Contact != "" && g.Contact == g.Complaint {
		c.add("complaint", Grave, "监督投诉电话与咨询电话相同，投诉会回到被投诉的窗口")
	}
	if g.Kind == "行政许可" {
		if len(g.FAQs) == 0 {
			c.add("faqs", Advice, "行政许可至少要有一条常见问题")
		}
		if n := len(g.Steps); n > 0 && n < 5 {
			c.add("steps", Advice, "行政许可的流程一般有申请、受理、审查、决定、送达五步，这里只有 %d 步", n)
		}
	}
	if len(g.Aliases) == 0 {
		c.add("aliases", Advice, "没有日常用语：群众很少说事项的全称，写上几个叫法更容易问到")
	}
	if g.Effective.To == "" && g.Source.Updated == "" {
		c.add("source.updated", Advice, "没有来源更新日期，无法知道内容有多旧")
	}
	for i, code := range g.Related {
		c.refers(fmt.Sprintf("related[%d]", i), corpus.TypeGuide, code)
	}
	c.agency(g.Agency.Name)
	c.period(g.Effective)
}

// limits compares the time limits with each other and with the kind of case.
func (c *checker) limits(g *corpus.Guide) {
	once := func(l *corpus.Limit) bool { return l != nil && (l.Unit == "即办" || l.N == 0) }
	switch {
	case g.Process == "即办件" && g.PromisedLimit != nil && !once(g.PromisedLimit):
		c.add("promisedLimit", Grave, "即办件的承诺时限应是即办，这里是 %s", g.PromisedLimit)
	case g.Process == "承诺件" && once(g.PromisedLimit):
		c.add("process", Grave, "承诺时限是即办，办件类型却是承诺件")
	}
	legal, ok := hours(g.LegalLimit)
	promised, also := hours(g.PromisedLimit)
	if ok && also && promised > legal {
		c.add("promisedLimit", Grave, "承诺时限 %s 比法定时限 %s 还长", g.PromisedLimit, g.LegalLimit)
	}
}

// hours is a limit in working hours at least, roughly, so that limits in
// unlike units can be compared; ok is false where that could be unfair.
func hours(l *corpus.Limit) (h float64, ok bool) {
	if l == nil {
		return 0, false
	}
	day := map[string]float64{"工作日": 24 * 7. / 5, "日": 24, "自然日": 24, "天": 24, "个月": 24 * 30, "月": 24 * 30, "年": 24 * 365, "小时": 1, "分钟": 1. / 60, "即办": 0}
	unit, ok := day[l.Unit]
	return float64(l.N) * unit, ok
}

func (c *checker) fee(f *corpus.Fee) {
	if f == nil || f.Charged == nil || !*f.Charged {
		return
	}
	if len(f.Items) == 0 {
		c.add("fee.items", Grave, "标为收费，却没有收费项目和标准")
	}
	for i, item := range f.Items {
		field := fmt.Sprintf("fee.items[%d]", i)
		if item.Amount == "" {
			c.add(field+".amount", Grave, "收费项目没有标准")
		}
		if item.Basis == "" {
			c.add(field+".basis", Missing, "收费项目没有依据")
		}
	}
}

// vague are names of materials that nobody can bring.
var vague = regexp.MustCompile(`^(其他|其它|有关|相关|必要的?|所需)(的)?(材料|资料|证明|文件|手续)|等(材料|资料|证明|文件)$|规定的其他`)

func (c *checker) materials(list []corpus.Material) {
	for i, m := range list {
		field := fmt.Sprintf("materials[%d]", i)
		if vague.MatchString(strings.TrimSpace(m.Name)) {
			c.add(field+".name", Advice, "“%s”含糊：群众不知道要带什么（抽查会扣分）", m.Name)
		}
		if m.Kind == "" && m.Form != "电子" {
			c.add(field+".kind", Advice, "没有写原件还是复印件")
		}
		if m.Copies == nil && m.Form != "电子" {
			c.add(field+".copies", Advice, "没有写份数")
		}
	}
}

var (
	number   = regexp.MustCompile(`[0-9][0-9-]{2,}[0-9]`)
	withArea = regexp.MustCompile(`^(0[0-9]{2,3}-?[0-9]{7,8}(-?[0-9]{1,5})?|1[3-9][0-9]{9}|(400|800)-?[0-9]{3}-?[0-9]{4}|1[0-9]{2,4}|9[0-9]{4,5})$`)
)

// phone remarks on numbers that cannot be rung from elsewhere.
func (c *checker) phone(field, text string) {
	if text == "" {
		return
	}
	all := number.FindAllString(strings.ReplaceAll(text, "—", "-"), -1)
	if len(all) == 0 {
		c.add(field, Grave, "“%s”里没有能拨打的号码", text)
	}
	for _, n := range all {
		if !withArea.MatchString(n) {
			c.add(field, Advice, "%s 没有区号，外地拨不通", n)
		}
	}
}

func (c *checker) source(s corpus.Source) {
	if s.URL == "" {
		c.add("source.url", Missing, "没有来源网址：回答要附上出处，审核也要核对")
	}
}

func (c *checker) period(p corpus.Period) {
	if c.around.Now.IsZero() {
		return
	}
	today := c.around.Now.Format(time.DateOnly)
	switch {
	case p.To != "" && p.To < today:
		c.add("effective.to", Grave, "已于 %s 失效，不再参与回答", p.To)
	case p.To != "" && p.To <= c.around.Now.AddDate(0, 0, 30).Format(time.DateOnly):
		c.add("effective.to", Advice, "%s 失效，不到 30 天", p.To)
	}
	if p.From > today {
		c.add("effective.from", Advice, "%s 才生效，在那之前不参与回答", p.From)
	}
}

// refers remarks on a reference to a record that is not there.
func (c *checker) refers(field string, t corpus.Type, id string) {
	if id == "" || c.around.Exists == nil || c.around.Exists(corpus.Key{Type: t, ID: id}) {
		return
	}
	c.add(field, Grave, "编码 %s 没有对应的记录", id)
}

// agency remarks on an agency that the directory, where there is one, lacks.
func (c *checker) agency(name string) {
	if name == "" || c.around.Agency == nil {
		return
	}
	if registered, some := c.around.Agency(name); some && !registered {
		c.add("agency.name", Advice, "机构通讯录里没有“%s”：名称可能写得不一样", name)
	}
}

// maxAnswer is the longest answer that the national table takes.
const maxAnswer = 256

func (c *checker) faq(q *corpus.FAQ) {
	if len(q.Similar) == 0 {
		c.add("similar", Advice, "没有相似问：同一个问题有很多问法，写上几句更容易问到")
	}
	if n := len([]rune(q.Answer)); n > maxAnswer {
		c.add("answer", Advice, "答案有 %d 字，国家交换表最多 %d 字", n, maxAnswer)
	}
	c.refers("matter", corpus.TypeGuide, q.Matter)
	c.source(q.Source)
	c.agency(q.Agency.Name)
	c.period(q.Effective)
}

func (c *checker) policy(p *corpus.Policy) {
	if p.Number == "" {
		c.add("number", Advice, "没有文号，引用时不便核对")
	}
	if p.Effective.From == "" {
		c.add("effective.from", Missing, "没有生效日期")
	}
	c.source(p.Source)
	c.period(p.Effective)
	for i, id := range p.Supersedes {
		field := fmt.Sprintf("supersedes[%d]", i)
		c.refers(field, corpus.TypePolicy, id)
		if c.around.Period == nil {
			continue
		}
		if old, ok := c.around.Period(corpus.Key{Type: corpus.TypePolicy, ID: id}); ok && old.To == "" {
			c.add(field, Grave, "被替代的文件 %s 没有失效日期，请一并填上，否则两份都算有效", id)
		}
	}
}

func (c *checker) bundle(b *corpus.Bundle) {
	for i, s := range b.Steps {
		c.refers(fmt.Sprintf("steps[%d].matter", i), corpus.TypeGuide, s.Matter)
	}
	if b.Status == "verified" && b.Source.URL == "" {
		c.add("source.url", Missing, "标为来自公布的清单，却没有来源网址")
	}
	c.period(b.Effective)
}

package answer

import (
	"fmt"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// quote makes a fact of a guide's field, word for word.
func quote(g *corpus.Guide, field, label, value string) Fact {
	return Fact{Code: g.Code, Field: field, Label: label, Value: value,
		Source: FactSource{URL: g.Source.URL, Updated: g.Source.Updated}}
}

// aspectLabels name the aspects for citizens.
var aspectLabels = map[nlp.Aspect]string{
	nlp.AspectOverview: "办事概览", nlp.AspectMaterials: "申请材料", nlp.AspectCondition: "受理条件", nlp.AspectProcedure: "办理流程",
	nlp.AspectTimeLimit: "办结时限", nlp.AspectFee: "收费", nlp.AspectLocation: "办理地点", nlp.AspectHours: "办理时间",
	nlp.AspectPhone: "咨询电话", nlp.AspectComplaint: "监督投诉电话", nlp.AspectProgress: "进度查询", nlp.AspectOnline: "网上办理",
	nlp.AspectAgent: "代办", nlp.AspectCrossRegion: "通办范围", nlp.AspectForms: "表格样表", nlp.AspectVisits: "到现场次数",
	nlp.AspectResult: "办理结果", nlp.AspectBasis: "设定依据", nlp.AspectDefinition: "事项说明", nlp.AspectDepartment: "实施主体",
	nlp.AspectAudience: "服务对象",
}

// factsOf returns the published facts of one aspect, in the order in which
// they are said. None means that the aspect is not published.
func factsOf(g *corpus.Guide, a nlp.Aspect) []Fact {
	f := facts{g: g}
	switch a {
	case nlp.AspectMaterials:
		f.materials()
	case nlp.AspectCondition:
		f.add("condition", "受理条件", g.Condition)
	case nlp.AspectProcedure:
		f.add("steps", "办理流程", numbered(g.Steps))
		f.add("channel", "办理渠道", g.Channel)
	case nlp.AspectTimeLimit:
		f.limit("promisedLimit", "承诺办结时限", g.PromisedLimit)
		f.limit("legalLimit", "法定办结时限", g.LegalLimit)
		f.add("process", "办件类型", g.Process)
	case nlp.AspectFee:
		f.fee()
	case nlp.AspectLocation:
		f.places(func(p corpus.Place) string { return join("，", p.Name, p.Address, p.Hours, phone(p.Phone)) })
	case nlp.AspectHours:
		f.places(func(p corpus.Place) string {
			if p.Hours == "" {
				return ""
			}
			return join("：", p.Name, p.Hours)
		})
	case nlp.AspectPhone:
		f.add("contact", "咨询电话", g.Contact)
		f.placePhones()
	case nlp.AspectComplaint:
		f.add("complaint", "监督投诉电话", g.Complaint)
	case nlp.AspectProgress, nlp.AspectOnline:
		f.add("onlineURL", "网上办理入口", g.OnlineURL)
		f.add("mobileURL", "手机办理入口", g.MobileURL)
		f.add("channel", "办理渠道", g.Channel)
	case nlp.AspectAgent:
		f.agent()
	case nlp.AspectCrossRegion:
		f.add("scope", "通办范围", g.Scope)
	case nlp.AspectForms:
		f.forms()
	case nlp.AspectVisits:
		f.visits()
	case nlp.AspectResult:
		f.add("result", "办理结果", g.Result)
		f.add("validity", "有效期", g.Validity)
		f.yesNo("express", "送达", g.Express, "支持邮寄送达", "不支持邮寄送达")
	case nlp.AspectBasis:
		f.basis()
	case nlp.AspectDepartment:
		f.add("agency", "实施主体", g.Agency.Name)
	case nlp.AspectAudience:
		f.audience()
	case nlp.AspectDefinition:
		f.add("kind", "事项类型", g.Kind)
		f.add("agency", "实施主体", g.Agency.Name)
		f.audience()
		f.add("result", "办理结果", g.Result)
	}
	return f.list
}

// facts gathers the facts of one guide.
type facts struct {
	g    *corpus.Guide
	list []Fact
}

func (f *facts) add(field, label, value string) {
	if strings.TrimSpace(value) != "" {
		f.list = append(f.list, quote(f.g, field, label, value))
	}
}

func (f *facts) yesNo(field, label string, v *bool, yes, no string) {
	switch {
	case v == nil:
	case *v:
		f.add(field, label, yes)
	default:
		f.add(field, label, no)
	}
}

func (f *facts) limit(field, label string, l *corpus.Limit) {
	if l != nil {
		f.add(field, label, l.String())
	}
}

func (f *facts) materials() {
	for i, m := range f.g.Materials {
		f.add(fmt.Sprintf("materials[%d]", i), fmt.Sprintf("材料%d", i+1), materialLine(m))
	}
}

// materialLine says one material: its name, then what is known of it.
func materialLine(m corpus.Material) string {
	var about []string
	for _, s := range []string{m.Kind, copies(m.Copies), m.Form, m.Need, m.Source} {
		if s != "" {
			about = append(about, s)
		}
	}
	line := m.Name
	if len(about) > 0 {
		line += "（" + strings.Join(about, "，") + "）"
	}
	if m.When != "" {
		line += "【" + m.When + "】"
	}
	if m.Note != "" {
		line += "。" + m.Note
	}
	return line
}

func copies(n *int) string {
	if n == nil || *n == 0 {
		return ""
	}
	return fmt.Sprintf("%d份", *n)
}

// fee says 不收费 only when the agency has said so.
func (f *facts) fee() {
	fee := f.g.Fee
	if fee == nil {
		return
	}
	if fee.Charged != nil && !*fee.Charged {
		f.add("fee.charged", "收费", "不收费")
		return
	}
	for i, item := range fee.Items {
		value := join("：", item.Name, item.Amount)
		if item.Basis != "" {
			value += "（依据：" + item.Basis + "）"
		}
		f.add(fmt.Sprintf("fee.items[%d]", i), "收费项目", value)
	}
	if len(fee.Items) == 0 && fee.Charged != nil {
		f.add("fee.charged", "收费", "收费，标准未公布")
	}
}

func (f *facts) places(line func(corpus.Place) string) {
	for i, p := range f.g.Places {
		f.add(fmt.Sprintf("places[%d]", i), "办理地点", line(p))
	}
}

func (f *facts) placePhones() {
	for i, p := range f.g.Places {
		if p.Phone != "" && p.Phone != f.g.Contact {
			f.add(fmt.Sprintf("places[%d].phone", i), "窗口电话", join("：", p.Name, p.Phone))
		}
	}
}

func phone(p string) string {
	if p == "" {
		return ""
	}
	return "电话 " + p
}

func (f *facts) agent() {
	f.yesNo("agent", "代办", f.g.Agent, "可以委托他人代办", "不可以代办，须本人办理")
	if f.g.Agent == nil || !*f.g.Agent {
		return
	}
	for i, m := range f.g.Materials {
		if said := m.Name + m.When + m.Note; strings.Contains(said, "委托") || strings.Contains(said, "代办") || strings.Contains(said, "代理") {
			f.add(fmt.Sprintf("materials[%d]", i), "代办材料", materialLine(m))
		}
	}
}

func (f *facts) forms() {
	for i, m := range f.g.Materials {
		if m.Blank != "" {
			f.add(fmt.Sprintf("materials[%d].blank", i), m.Name+"（空白表格）", m.Blank)
		}
		if m.Sample != "" {
			f.add(fmt.Sprintf("materials[%d].sample", i), m.Name+"（示例样表）", m.Sample)
		}
	}
}

func (f *facts) visits() {
	if f.g.Visits == nil {
		return
	}
	value := fmt.Sprintf("%d次", *f.g.Visits)
	if *f.g.Visits == 0 {
		value = "0次，无需到现场"
	}
	f.add("visits", "到办事现场次数", value)
	f.add("visitReason", "须到现场的原因", f.g.VisitReason)
}

func (f *facts) basis() {
	for i, b := range f.g.Basis {
		value := b.Name
		if b.Number != "" {
			value += "（" + b.Number + "）"
		}
		value = join("", value, b.Article)
		if b.Text != "" {
			value += "：" + b.Text
		}
		f.add(fmt.Sprintf("basis[%d]", i), "设定依据", value)
	}
}

func (f *facts) audience() {
	names := make([]string, len(f.g.Audience))
	for i, a := range f.g.Audience {
		names[i] = string(a)
	}
	f.add("audience", "服务对象", strings.Join(names, "、"))
}

func numbered(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%d. %s", i+1, l)
	}
	return b.String()
}

// join joins what is not empty.
func join(sep string, parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, sep)
}

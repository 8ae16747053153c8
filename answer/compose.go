package answer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// hotline is the national government service line.
const hotline = "12345"

// composed is the sayable part of an answer about one matter.
type composed struct {
	text    string
	facts   []Fact
	actions []Action
	missing bool // something asked for is not published
}

// compose answers the aspects asked for from the guide's fields, in the
// order asked. Nothing that was not asked comes first. The agency is the
// guide's in the directory, or nil.
func compose(g *corpus.Guide, agency *corpus.AgencyEntry, q *nlp.Question) composed {
	c := composed{}
	aspects := q.Aspects
	switch {
	case !q.Asked && q.Aspect() == nlp.AspectProcedure:
		c.howTo(g)
	case !q.Asked || aspects[0] == nlp.AspectOverview:
		c.overview(g)
	default:
		for _, a := range q.InOrder[:min(len(q.InOrder), 4)] {
			c.aspect(g, agency, a)
		}
	}
	c.actions = append(c.actions, actionsOf(g, aspects)...)
	return c
}

func (c *composed) say(format string, args ...any) {
	if c.text != "" {
		c.text += "\n"
	}
	c.text += fmt.Sprintf(format, args...)
}

// aspect answers one aspect, or says that it is not published and whom to
// ask.
func (c *composed) aspect(g *corpus.Guide, agency *corpus.AgencyEntry, a nlp.Aspect) {
	found := factsOf(g, a)
	if len(found) == 0 {
		c.unpublished(g, agency, a)
		return
	}
	c.facts = append(c.facts, found...)
	switch a {
	case nlp.AspectMaterials:
		c.say("办理「%s」需要以下%d项材料：\n%s", g.Name, len(found), numbered(values(found)))
	case nlp.AspectProcedure, nlp.AspectCondition:
		c.say("「%s」的%s：\n%s", g.Name, aspectLabels[a], strings.Join(values(found[:1]), "\n"))
		for _, f := range found[1:] {
			c.say("%s：%s", f.Label, f.Value)
		}
	case nlp.AspectBasis:
		c.say("「%s」的设定依据：\n%s", g.Name, numbered(values(found)))
	case nlp.AspectLocation, nlp.AspectHours:
		c.say("「%s」的%s：\n%s", g.Name, aspectLabels[a], numbered(values(found)))
		c.say("法定节假日安排以窗口公告为准。")
	case nlp.AspectProgress:
		c.say("办件进度要凭本人的办件信息查询，这里查不到个人办件，也请不要在这里填写证件号码。「%s」可以这样查：", g.Name)
		c.lines(found)
		if g.Contact != "" {
			c.facts = append(c.facts, quote(g, "contact", "咨询电话", g.Contact))
			c.say("咨询电话：%s", g.Contact)
		}
	default:
		c.say("「%s」", g.Name)
		c.lines(found)
	}
}

func (c *composed) lines(list []Fact) {
	for _, f := range list {
		c.say("%s：%s", f.Label, f.Value)
	}
}

// unpublished says that a field is missing, what else the guide says of it,
// and whom to ask.
func (c *composed) unpublished(g *corpus.Guide, agency *corpus.AgencyEntry, a nlp.Aspect) {
	c.missing = true
	label := aspectLabels[a]
	if said, ok := mention(g, a); ok {
		c.facts = append(c.facts, said)
		c.say("「%s」的办事指南没有单列%s，%s中写到：%s", g.Name, label, said.Label, said.Value)
	} else {
		c.say("「%s」的办事指南没有公布%s。", g.Name, label)
	}
	if a == nlp.AspectPhone || a == nlp.AspectComplaint || g.Contact == "" {
		if c.handOver(agency, a) {
			return
		}
		c.say("可以拨打政务服务便民热线 %s 咨询。", hotline)
		return
	}
	c.facts = append(c.facts, quote(g, "contact", "咨询电话", g.Contact))
	c.say("请拨打咨询电话 %s 确认，或拨打 %s。", g.Contact, hotline)
}

// mentionWords are the words by which another field of the guide speaks of an
// aspect that has no field of its own.
var mentionWords = map[nlp.Aspect][]string{
	nlp.AspectFee:         {"免费", "收费", "工本费", "费用", "缴费"},
	nlp.AspectCrossRegion: {"异地", "跨省", "全省通办", "全国通办", "任一"},
	nlp.AspectAgent:       {"委托", "代办", "代理人", "本人办理"},
	nlp.AspectOnline:      {"网上", "网站", "网址", "www.", "http", "小程序", "APP"},
	nlp.AspectResult:      {"有效期", "邮寄"},
	nlp.AspectHours:       {"工作日", "上午", "下午"},
}

// mention quotes the sentence of the conditions or steps that speaks of an
// aspect.
func mention(g *corpus.Guide, a nlp.Aspect) (Fact, bool) {
	for _, field := range []struct{ key, label, text string }{
		{"condition", "受理条件", g.Condition}, {"steps", "办理流程", strings.Join(g.Steps, "\n")},
	} {
		for sentence := range strings.FieldsFuncSeq(field.text, func(r rune) bool { return strings.ContainsRune("。；;\n", r) }) {
			for _, w := range mentionWords[a] {
				if strings.Contains(sentence, w) {
					return quote(g, field.key, field.label, strings.TrimSpace(sentence)), true
				}
			}
		}
	}
	return Fact{}, false
}

// howTo answers 怎么办: the steps first, then what to bring, how long, how
// much and where, as far as they are published.
func (c *composed) howTo(g *corpus.Guide) {
	steps := factsOf(g, nlp.AspectProcedure)
	if len(steps) == 0 || steps[0].Field != "steps" {
		c.overview(g)
		return
	}
	c.facts = append(c.facts, steps...)
	c.say("「%s」%s，这样办：\n%s", g.Name, by(g), steps[0].Value)
	c.summary(g)
}

// overview says what the matter is and its main fields.
func (c *composed) overview(g *corpus.Guide) {
	c.say("「%s」%s。", g.Name, by(g))
	if g.Agency.Name != "" {
		c.facts = append(c.facts, factsOf(g, nlp.AspectDepartment)...)
	}
	if g.Condition != "" {
		c.facts = append(c.facts, factsOf(g, nlp.AspectCondition)...)
		if utf8.RuneCountInString(g.Condition) <= 120 {
			c.say("受理条件：%s", g.Condition)
		}
	}
	c.summary(g)
}

// by says who handles the matter.
func by(g *corpus.Guide) string {
	if g.Agency.Name == "" {
		return "的办理机构没有公布"
	}
	return "由" + g.Agency.Name + "办理"
}

// summary adds materials, time, fee, place and phone in a line each.
func (c *composed) summary(g *corpus.Guide) {
	if m := factsOf(g, nlp.AspectMaterials); len(m) > 0 {
		c.facts = append(c.facts, m...)
		names := make([]string, len(g.Materials))
		for i := range g.Materials {
			names[i] = g.Materials[i].Name
		}
		if len(names) > 6 {
			names = append(names[:6], "等")
		}
		c.say("需要材料（%d项）：%s", len(m), strings.Join(names, "、"))
	}
	for _, a := range []nlp.Aspect{nlp.AspectTimeLimit, nlp.AspectFee} {
		found := factsOf(g, a)
		c.facts = append(c.facts, found...)
		if len(found) > 0 {
			c.say("%s：%s", found[0].Label, found[0].Value)
		}
	}
	if places := factsOf(g, nlp.AspectLocation); len(places) > 0 {
		c.facts = append(c.facts, places...)
		more := ""
		if len(places) > 1 {
			more = fmt.Sprintf("（共%d处）", len(places))
		}
		c.say("办理地点%s：%s", more, places[0].Value)
	}
	if g.Contact != "" {
		c.facts = append(c.facts, quote(g, "contact", "咨询电话", g.Contact))
		c.say("咨询电话：%s", g.Contact)
	}
}

func values(list []Fact) []string {
	v := make([]string, len(list))
	for i, f := range list {
		v[i] = f.Value
	}
	return v
}

// actionsOf lists what can be done at once about a matter.
func actionsOf(g *corpus.Guide, aspects []nlp.Aspect) []Action {
	var list []Action
	link := func(typ, label, u string) {
		if u != "" {
			list = append(list, Action{typ, label, u})
		}
	}
	link("online", "在线办理", g.OnlineURL)
	if g.OnlineURL == "" {
		link("online", "手机办理", g.MobileURL)
	}
	link("booking", "预约办理", g.BookingURL)
	if tel := telURL(g.Contact); tel != "" {
		link("call", "拨打咨询电话", tel)
	}
	if slices.Contains(aspects, nlp.AspectComplaint) {
		link("complaint", "拨打监督投诉电话", telURL(g.Complaint))
	}
	if slices.Contains(aspects, nlp.AspectLocation) && len(g.Places) > 0 && g.Places[0].Address != "" {
		link("map", "查看地图", "https://uri.amap.com/search?keyword="+url.QueryEscape(g.Places[0].Address))
	}
	return list
}

// telURL makes a tel: link of the first telephone number in a contact field.
func telURL(contact string) string {
	var digits []rune
	for _, r := range contact + " " {
		switch {
		case '0' <= r && r <= '9':
			digits = append(digits, r)
		case (r == '-' || r == '—' || r == '－') && len(digits) > 0:
		default:
			if len(digits) >= 5 && len(digits) <= 12 {
				return "tel:" + string(digits)
			}
			digits = digits[:0]
		}
	}
	return ""
}

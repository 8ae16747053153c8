package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
)

// Draft writes what an operator has to confirm after a call: the summary from
// what was adopted and noted, the category and the agency with the reason.
func (c *Call) Draft() Wrap {
	var w Wrap
	var told []*Adoption
	for i := range c.Adopted {
		if c.Adopted[i].Tellable() {
			told = append(told, &c.Adopted[i])
		}
	}
	w.Summary = c.summary(told)
	w.Category, w.CategoryWhy = c.category(told)
	w.Agency, w.AgencyWhy = agency(told)
	w.Result = "已答复"
	switch {
	case len(told) == 0 && len(c.Lines) == 0 && strings.TrimSpace(c.Notes) == "":
		w.Result = "无效来电"
	case len(told) == 0 || w.Category != "" && !strings.HasPrefix(w.Category, "咨询"):
		w.Result = "需派单"
	}
	return w
}

// summary says what was asked and what was answered, in the words of the
// answers and of the operator.
func (c *Call) summary(told []*Adoption) string {
	var parts []string
	if len(told) > 0 {
		var asked, answered []string
		for _, a := range told {
			about := "「" + a.Name + "」" + answer.AspectLabel(a.Aspect)
			if !slices.Contains(asked, about) {
				asked = append(asked, about)
			}
			answered = append(answered, fmt.Sprintf("（%d）%s", len(answered)+1, clipped(a.Spoken(), 300)))
		}
		parts = append(parts, "来电咨询"+strings.Join(asked, "、")+"。", "已答复：\n"+strings.Join(answered, "\n"))
	} else if said := c.callerSaid(); said != "" {
		parts = append(parts, "来电反映："+said)
	}
	if notes := strings.TrimSpace(c.Notes); notes != "" {
		parts = append(parts, "备注："+notes)
	}
	return strings.Join(parts, "\n")
}

// callerSaid is the end of what the caller said, without idle words.
func (c *Call) callerSaid() string {
	var lines []string
	for _, l := range c.Lines {
		if l.Speaker == CallerSays && !idle(l.Text) {
			lines = append(lines, l.Text)
		}
	}
	return tail(strings.Join(lines, "，"), 2*maxHeard)
}

func clipped(text string, n int) string {
	if short := clip(text, n); short != text {
		return short + "……"
	}
	return text
}

// categoryWords are the words by which a caller says what the call is for, the
// gravest first.
var categoryWords = []struct {
	category string
	words    []string
}{
	{"举报", []string{"举报", "检举"}},
	{"投诉", []string{"投诉", "态度差", "不作为", "乱收费", "没人管", "拖着不办"}},
	{"表扬", []string{"表扬", "感谢你们", "送锦旗"}},
	{"建议", []string{"建议", "提个意见", "能不能改成"}},
	{"求助", []string{"求助", "帮帮我", "救助", "急需", "停水", "停电", "漏水", "路灯", "井盖"}},
}

// category says what the call was for, and why.
func (c *Call) category(told []*Adoption) (category, why string) {
	lines := []string{c.Notes}
	for _, l := range c.Lines {
		if l.Speaker == CallerSays {
			lines = append(lines, l.Text)
		}
	}
	said := strings.Join(lines, "\n")
	for _, row := range categoryWords {
		for _, w := range row.words {
			if strings.Contains(said, w) {
				return row.category, "来电中说到“" + w + "”"
			}
		}
	}
	if len(told) == 0 {
		return "", ""
	}
	first := told[0]
	if len(first.Themes) > 0 {
		return "咨询/" + string(first.Themes[0]), "采用的答复属于「" + first.Name + "」，主题分类是" + string(first.Themes[0])
	}
	return "咨询", "采用了「" + first.Name + "」的答复"
}

// agency is that of the matter that most was answered about; of several the
// one that came last.
func agency(told []*Adoption) (name, why string) {
	n := map[string]int{}
	for _, a := range told {
		n[a.Agency]++
	}
	var best *Adoption
	for _, a := range told {
		if a.Agency != "" && (best == nil || cmp.Compare(n[a.Agency], n[best.Agency]) >= 0) {
			best = a
		}
	}
	if best == nil {
		return "", ""
	}
	why = "「" + best.Name + "」的实施主体"
	if best.Transfer != "" {
		why += "；转派规则：" + best.Transfer
	}
	return best.Agency, why
}

package compat

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
)

// render writes an answer as Markdown: the text, what can be done now, what
// may come next, and always where it is from and what it is.
func render(a *answer.Answer, text string) string {
	parts := []string{paragraphs(text)}
	if line := doNow(a.Actions); line != "" {
		parts = append(parts, line)
	}
	if line := next(a.Recommendations); line != "" {
		parts = append(parts, line)
	}
	if line := from(a.Facts); line != "" {
		parts = append(parts, line)
	}
	for _, n := range a.Notices {
		if words, ok := noticeWords[n]; ok {
			parts = append(parts, "（"+words+"）")
		}
	}
	return strings.TrimSpace(strings.Join(parts, "\n\n"))
}

// noticeWords say in words what an answer must not be read without.
var noticeWords = map[string]string{
	answer.NoticeSample:       "内置示例数据：地点、电话、承诺时限均为虚构",
	answer.NoticeStateIgnored: "没有接上之前的对话",
	answer.NoticeMasked:       "问题里的个人信息没有使用，也没有保存",
}

// item matches a numbered line.
var item = regexp.MustCompile(`^\d+\. `)

// paragraphs makes each line a paragraph, or an item of a list, for Markdown
// runs lines together.
func paragraphs(text string) string {
	var out strings.Builder
	before := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		switch {
		case before == "":
		case item.MatchString(before) && item.MatchString(line):
			out.WriteString("\n")
		default:
			out.WriteString("\n\n")
		}
		out.WriteString(line)
		before = line
	}
	return out.String()
}

func doNow(actions []answer.Action) string {
	var links []string
	for _, a := range actions {
		if phone, ok := strings.CutPrefix(a.URL, "tel:"); ok {
			links = append(links, fmt.Sprintf("%s %s", a.Label, phone))
			continue
		}
		links = append(links, link(a.Label, a.URL))
	}
	return strings.Join(links, " · ")
}

// link is a Markdown link; spaces and brackets would end its address.
func link(label, url string) string {
	return fmt.Sprintf("[%s](%s)", label, strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29").Replace(url))
}

// shown is how many recommendations are listed.
const shown = 3

func next(list []answer.Recommendation) string {
	var lines []string
	for _, r := range list[:min(shown, len(list))] {
		lines = append(lines, "- "+r.Name+"（"+r.Reason+"）")
	}
	if len(lines) == 0 {
		return ""
	}
	return "接下来可能要办：\n\n" + strings.Join(lines, "\n")
}

func from(facts []answer.Fact) string {
	var seen []answer.FactSource
	var links []string
	for _, f := range facts {
		if f.Source.URL == "" || slices.Contains(seen, f.Source) {
			continue
		}
		seen = append(seen, f.Source)
		text := link("办事指南", f.Source.URL)
		if f.Source.Updated != "" {
			text += "（" + f.Source.Updated + " 更新）"
		}
		links = append(links, text)
	}
	if len(links) == 0 {
		return ""
	}
	return "来源：" + strings.Join(links, "、")
}

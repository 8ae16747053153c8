package answer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// NoticeWords says in Chinese what the notices of an answer mean. A page says
// that of sample data in its own way.
func NoticeWords() map[string]string {
	return map[string]string{
		NoticeStateIgnored: "上文已经失效，这次按一个新问题回答。",
		NoticeMissing:      "办事指南未公布所问的部分内容。",
		NoticeRegion:       "暂未收录所问地区的办事指南，请以当地部门的说法为准。",
		NoticeMasked:       "为保护隐私，问题里的个人信息已经隐去。提问时请不要填写证件号码、手机号码等。",
		"expired_excluded": "已经失效的内容没有列出。",
	}
}

// A PlainText writes answers as text, for channels that show no cards: a chat
// account, a chat client, a speaker.
type PlainText struct {
	Limit int                            // characters in all; 0 means no limit
	Site  string                         // address of the citizen pages, without a slash at its end; "" leaves out what leads there
	Link  func(label, url string) string // writes a link; nil writes the label and the address
}

// Write returns the answer's text, what its notices mean, where its facts come
// from, what can be done online, and whether a model has worded it. A text
// that is too long ends with a whole line or sentence and says where the rest
// is. An emergency is told whole and alone.
func (p PlainText) Write(a *Answer) string {
	if a.Outcome == Emergency {
		return a.Text
	}
	must, may := p.tail(a)
	for i := len(may); i >= 0; i-- {
		full := joinLines(a.Text, must, may[:i])
		if p.Limit <= 0 || utf8.RuneCountInString(full) <= p.Limit {
			return full
		}
	}
	more := "（内容较长，这里只是前面一部分。）"
	if page := p.page(a); page != "" {
		more = "（内容较长，这里只是前面一部分，" + p.link("查看全文", page) + "。）"
	}
	for len(must) > 0 && utf8.RuneCountInString(joinLines(more, must)) > p.Limit/2 {
		must = must[:len(must)-1] // the text needs the room more
	}
	rest := joinLines(more, must)
	return joinLines(firstOf(a.Text, p.Limit-utf8.RuneCountInString(rest)-1), []string{rest})
}

func joinLines(first string, rest ...[]string) string {
	return strings.Join(append([]string{first}, slices.Concat(rest...)...), "\n")
}

func (p PlainText) link(label, address string) string {
	if p.Link != nil {
		return p.Link(label, address)
	}
	return label + "：" + address
}

// page is the address of the page that shows the whole of an answer.
func (p PlainText) page(a *Answer) string {
	switch {
	case p.Site == "":
		return ""
	case a.Outcome == Answered && len(a.Matters) > 0:
		return p.Site + "/matters/" + url.PathEscape(a.Matters[0].Code)
	}
	return p.Site + "/"
}

// tail lists the lines under an answer's text, the most needed first, and what
// can be done without.
func (p PlainText) tail(a *Answer) (must, may []string) {
	if a.AIGC != nil {
		must = append(must, "（"+a.AIGC.Words()+"。）")
	}
	if slices.Contains(a.Notices, NoticeSample) {
		must = append(must, "（示例数据，仅供演示，不能据此办事。）")
	}
	words := NoticeWords()
	for _, n := range a.Notices {
		if w := words[n]; w != "" {
			must = append(must, "（"+w+"）")
		}
	}
	if line := p.sources(a); line != "" {
		must = append(must, line)
	}
	for _, act := range a.Actions {
		if (act.Type == "online" || act.Type == "booking") && strings.HasPrefix(act.URL, "https://") {
			may = append(may, p.link(act.Label, act.URL))
		}
	}
	return must, may
}

// maxSources is how many sources a line names.
const maxSources = 3

// sources names where the facts of an answer were published.
func (p PlainText) sources(a *Answer) string {
	names := map[string]string{}
	for _, m := range a.Matters {
		names[m.Code] = m.Name
	}
	var list []string
	seen := map[string]bool{}
	for _, f := range a.Facts {
		if seen[f.Code] || len(list) == maxSources {
			continue
		}
		seen[f.Code] = true
		name := "常见问题"
		if n := names[f.Code]; n != "" {
			name = "「" + n + "」办事指南"
		}
		address := f.Source.URL
		if p.Site != "" && names[f.Code] != "" {
			address = p.Site + "/matters/" + url.PathEscape(f.Code)
		}
		if strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://") {
			name = p.link(name, address)
		}
		if f.Source.Updated != "" {
			name += fmt.Sprintf("（%s更新）", f.Source.Updated)
		}
		list = append(list, name)
	}
	if len(list) == 0 {
		return ""
	}
	return "来源：" + strings.Join(list, "；")
}

// firstOf returns the first lines and sentences of a text that fit into a
// number of characters, or, if not even one does, its first characters.
func firstOf(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	runes := []rune(text)[:max(limit, 0)]
	for i := len(runes) - 1; i > 0; i-- {
		switch runes[i] {
		case '\n':
			return string(runes[:i])
		case '。', '！', '？', '；':
			return string(runes[:i+1])
		}
	}
	if len(runes) > 0 {
		runes[len(runes)-1] = '…'
	}
	return string(runes)
}

// MarkdownLink is a PlainText's Link for those who read Markdown; spaces and
// brackets would end the address.
func MarkdownLink(label, url string) string {
	return fmt.Sprintf("[%s](%s)", label, strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29").Replace(url))
}

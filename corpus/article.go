package corpus

import (
	"regexp"
	"strings"
)

// An Article (条款) is the part of a policy that is cited by itself: an article
// of a rule, a point of a notice, or a paragraph. Text stands in the policy
// word for word.
type Article struct {
	Number  string // 第八条; 三 of a notice's 三、; empty for a paragraph
	Chapter string // 第二章 申请; empty without chapters
	Text    string // without the number
}

var (
	// An article begins a line, or follows a full stop where lines were lost. A
	// number inside a sentence (违反本办法第八条) refers to one.
	articleStart = regexp.MustCompile(`(?:^|[\n。；;])[ 　\t]*(第[零〇一二三四五六七八九十百千两\d]+条(?:之[一二三四五六七八九十]+)?)[ 　\t:：]*`)
	pointStart   = regexp.MustCompile(`(?:^|\n)[ 　\t]*([一二三四五六七八九十]+)、[ 　\t]*`)
	chapterLine  = regexp.MustCompile(`(?m)^[ 　\t]*(第[零〇一二三四五六七八九十百千\d]+[章节][ 　\t]*[^\n。；]{0,40})$`)
)

// Articles cuts the policy's text into its articles, in order. What stands
// before the first one comes as paragraphs; a text without any is paragraphs
// only.
func (p *Policy) Articles() []Article {
	start := articleStart
	if !start.MatchString(p.Text) {
		start = pointStart
	}
	var list []Article
	chapter, from := "", 0
	for _, at := range chapterLine.FindAllStringSubmatchIndex(p.Text, -1) {
		list = append(list, articlesOf(p.Text[from:at[0]], chapter, start)...)
		chapter, from = strings.TrimSpace(p.Text[at[2]:at[3]]), at[1]
	}
	return append(list, articlesOf(p.Text[from:], chapter, start)...)
}

// articlesOf cuts the text of one chapter.
func articlesOf(text, chapter string, start *regexp.Regexp) []Article {
	starts := start.FindAllStringSubmatchIndex(text, -1)
	if len(starts) == 0 {
		return paragraphs(text, chapter)
	}
	list := paragraphs(text[:starts[0][2]], chapter)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][2]
		}
		if body := strings.TrimSpace(text[at[1]:end]); body != "" {
			list = append(list, Article{Number: text[at[2]:at[3]], Chapter: chapter, Text: body})
		}
	}
	return list
}

// paragraphs are the lines of a text that is not numbered.
func paragraphs(text, chapter string) []Article {
	var list []Article
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, Article{Chapter: chapter, Text: line})
		}
	}
	return list
}

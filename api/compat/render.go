package compat

import (
	"regexp"
	"strings"

	"github.com/govqa/govqa/answer"
)

// render writes an answer as Markdown: its text, what its notices mean, where
// it is from, and whether a model has worded it.
func render(a *answer.Answer) string {
	return paragraphs(answer.PlainText{Link: answer.MarkdownLink}.Write(a))
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

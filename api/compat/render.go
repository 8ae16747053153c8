package compat

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/govqa/govqa/answer"
)

// render writes an answer as Markdown: its text, what its notices mean, where
// it is from, and whether a model has worded it.
func render(a *answer.Answer) string {
	return paragraphs(answer.PlainText{Link: link}.Write(a))
}

// link is a Markdown link; spaces and brackets would end its address.
func link(label, url string) string {
	return fmt.Sprintf("[%s](%s)", label, strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29").Replace(url))
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

package web

import (
	"regexp"
	"strings"

	"github.com/govqa/govqa/nlp"
)

// shownAttribute matches the attributes whose values people see or hear.
var shownAttribute = regexp.MustCompile(`\s(?:placeholder|aria-label|title|alt|content|data-label)="[^"]*"`)

// inTraditional writes a page that our templates made in traditional
// characters (繁体). Only what is shown changes: values that come back with a
// form, addresses, scripts and what the visitor is writing stay. It relies on
// our templates having no > inside a tag.
func inTraditional(page string) string {
	var b strings.Builder
	b.Grow(len(page) + len(page)/16)
	for page != "" {
		at := strings.IndexByte(page, '<')
		if at < 0 {
			at = len(page)
		}
		b.WriteString(nlp.ToTraditional(page[:at]))
		page = page[at:]
		end := tagEnd(page)
		b.WriteString(shownAttribute.ReplaceAllStringFunc(page[:end], nlp.ToTraditional))
		page = page[end:]
	}
	return b.String()
}

// tagEnd is where the tag that page begins with ends, or the whole element
// where it holds a script or what the visitor is writing.
func tagEnd(page string) int {
	for _, name := range []string{"script", "textarea"} {
		if !strings.HasPrefix(page, "<"+name) {
			continue
		}
		if closing := strings.Index(page, "</"+name+">"); closing >= 0 {
			return closing
		}
	}
	end := strings.IndexByte(page, '>')
	if end < 0 {
		return len(page)
	}
	return end + 1
}

package sheet

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// unpublished are the cells by which an editor says that there is nothing to
// say. They leave a field empty: none of them means "none required".
var unpublished = []string{
	"", "无", "暂无", "暂无数据", "暂无信息", "暂未公布", "未公布", "未公开", "待定", "空", "不详", "详见附件", "见附件", "详见附件内容", "略",
	"-", "--", "---", "—", "——", "－", "/", "//", "\\", "|", ".", "n/a", "na", "null", "none", "nil", "nan", "undefined", "#n/a", "#ref!", "#value!", "#name?",
}

// saysNothing reports whether a cleaned cell stands for "not published".
func saysNothing(s string) bool {
	s = strings.ToLower(strings.Trim(halfWidth(s), " 。.;；()（）"))
	return slices.Contains(unpublished, s)
}

// value is the cleaned cell, or "" if it says nothing.
func value(s string) string {
	if s = plainText(s); saysNothing(s) {
		return ""
	}
	return s
}

// oneLine is plainText without line breaks and spaces: a header.
func oneLine(s string) string { return strings.Join(strings.Fields(plainText(s)), "") }

// plainText turns a cell into text: HTML that a web editor left behind becomes
// lines, entities are resolved however often they were escaped, invisible
// characters go.
func plainText(s string) string {
	s = visible(unescape(s))
	for range 4 { // &amp;amp;lt; has been seen; deeper is no accident
		if !strings.ContainsAny(s, "<&") {
			break
		}
		next := visible(entities(stripTags(s)))
		if next == s {
			break
		}
		s = next
	}
	return tidyLines(s)
}

// visible drops what cannot be seen and unifies line breaks.
func visible(s string) string {
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r' || r == '\v' || r == '\f' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\n' || r == '\t':
			return r
		case r == '\u00a0' || r == '\u3000':
			return ' '
		case odd(r):
			return -1
		}
		return r
	}, s)
}

func odd(r rune) bool {
	return r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
		r == '\u00a0' || r == '\u3000' || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
}

// tidyLines trims every line and drops the empty ones.
func tidyLines(s string) string {
	if !strings.Contains(s, "\n") {
		return strings.TrimSpace(s)
	}
	var lines []string
	for l := range strings.SplitSeq(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// entity is an entity with its semicolon: without one, the &copy of a URL's
// query would become ©.
var entity = regexp.MustCompile(`&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});`)

func entities(s string) string { return entity.ReplaceAllStringFunc(s, html.UnescapeString) }

// stripTags drops the tags of HTML, and only those: 面积<a的 keeps its sign.
// Blocks and <br> become line breaks.
func stripTags(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	hidden := atom.Atom(0) // the <script> or <style> that is open
	for {
		tt := z.Next()
		raw := string(z.Raw()) // before TagName, which consumes it
		switch tt {
		case html.ErrorToken:
			b.WriteString(raw) // an open tag at the end
			return b.String()
		case html.TextToken:
			if hidden == 0 {
				b.WriteString(raw)
			}
		case html.CommentToken, html.DoctypeToken:
			b.WriteString(comment(raw))
		default:
			name, _ := z.TagName()
			hidden = writeTag(&b, tt, atom.Lookup(name), raw, hidden)
		}
	}
}

// comment keeps what only looks like a comment to HTML: <?, </ and <! before
// something else.
func comment(raw string) string {
	if strings.HasPrefix(raw, "<!--") || strings.HasPrefix(strings.ToLower(raw), "<!doctype") || strings.HasPrefix(raw, "<?xml") {
		return ""
	}
	return raw
}

func writeTag(b *strings.Builder, tt html.TokenType, tag atom.Atom, raw string, hidden atom.Atom) atom.Atom {
	switch {
	case tag == 0:
		b.WriteString(raw)
	case tag == atom.Script || tag == atom.Style:
		if tt == html.StartTagToken {
			return tag
		}
		return 0
	case slices.Contains(blockTags, tag):
		b.WriteByte('\n')
	case tag == atom.Td || tag == atom.Th:
		b.WriteByte(' ')
	}
	return hidden
}

var blockTags = []atom.Atom{
	atom.Br, atom.P, atom.Div, atom.Li, atom.Ul, atom.Ol, atom.Tr, atom.Table, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6,
	atom.Hr, atom.Section, atom.Article, atom.Dt, atom.Dd, atom.Dl, atom.Pre, atom.Blockquote, atom.Title,
}

var (
	errorPage  = regexp.MustCompile(`(?i)<!doctype\s+html|<html[\s>]|<body[\s>]`)
	errorTitle = regexp.MustCompile(`(?i)^(\d{3} (not found|bad gateway|forbidden|internal server error|service (temporarily )?unavailable|gateway time-?out)|whitelabel error page|http status \d{3}\b)`)
)

// webPage reports whether a cell, as exported, is a page of a web server and
// no data: an export that ran into an error saves the error page as a row.
func webPage(cell string) bool {
	return errorPage.MatchString(cell) || errorTitle.MatchString(strings.TrimSpace(cell))
}

// halfWidth brings full-width letters, digits and signs to ASCII. It is for
// codes, numbers, dates and phones; prose keeps its punctuation.
func halfWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '\u3000':
			return ' '
		case r == '‐' || r == '‑' || r == '–' || r == '−':
			return '-'
		}
		return r
	}, s)
}

// phone is halfWidth for a contact cell, which may hold prose as well: only
// digits, letters, and the signs inside numbers are changed.
func phone(s string) string {
	rs := []rune(s)
	for i, r := range rs {
		h := []rune(halfWidth(string(r)))[0]
		if unicode.IsDigit(h) || h < unicode.MaxASCII && unicode.IsLetter(h) || h == '-' && besideDigit(rs, i) {
			rs[i] = h
		}
	}
	return string(rs)
}

func besideDigit(rs []rune, i int) bool {
	digit := func(j int) bool {
		return j >= 0 && j < len(rs) && unicode.IsDigit([]rune(halfWidth(string(rs[j])))[0])
	}
	return digit(i-1) && digit(i+1)
}

package nlp

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed s2t.tsv
var s2tTSV string

// A traditional is one entry of the table: a character or phrase and what it says in traditional characters.
type traditional struct{ from, to string }

// s2t holds the entries by their first character, the longest first.
var s2t = sync.OnceValue(func() map[rune][]traditional {
	table := map[rune][]traditional{}
	for line := range strings.Lines(s2tTSV) {
		from, to, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		first, _ := utf8.DecodeRuneInString(from)
		list := append(table[first], traditional{from, to})
		for i := len(list) - 1; i > 0 && len(list[i-1].from) < len(from); i-- {
			list[i-1], list[i] = list[i], list[i-1]
		}
		table[first] = list
	}
	return table
})

// ToTraditional writes a text in traditional characters as Taiwan writes them,
// for display: the longest phrase of the table first, so that 头发 and 发证
// come out as 頭髮 and 發證. What the table does not have stays. It is no
// inverse of [Normalize], and nothing may be looked up by what it returns.
func ToTraditional(s string) string {
	table := s2t()
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
next:
	for at := 0; at < len(s); {
		if s[at] < utf8.RuneSelf { // most of a page is markup
			b.WriteByte(s[at])
			at++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		for _, p := range table[r] {
			if strings.HasPrefix(s[at:], p.from) {
				b.WriteString(p.to)
				at += len(p.from)
				continue next
			}
		}
		b.WriteString(s[at : at+n])
		at += n
	}
	return b.String()
}

package nlp

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:generate go run gent2s/main.go gent2s/traditional.go -o t2s.tsv -traditional s2t.tsv

//go:embed t2s.tsv
var t2sTSV string

// t2sTable holds, for each block of 256 code points that has any traditional
// character, what each becomes; 0 is itself.
type t2sTable [0x300]*[256]rune

var t2s = sync.OnceValue(func() *t2sTable {
	table := new(t2sTable)
	for line := range strings.Lines(t2sTSV) {
		from, to, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		f, _ := utf8.DecodeRuneInString(from)
		page := &table[f>>8]
		if *page == nil {
			*page = new([256]rune)
		}
		(*page)[f&0xff], _ = utf8.DecodeRuneInString(to)
	}
	return table
})

// toSimplified returns the simplified character of a traditional character or
// variant, and every other character as it is. It goes by characters, not
// words: 後 and 后 are both 后, and characters that have their own place in
// simplified names (乾县) stay.
func toSimplified(r rune) rune {
	if r < 0x3400 || int(r>>8) >= len(t2sTable{}) {
		return r
	}
	if page := t2s()[r>>8]; page != nil && page[r&0xff] != 0 {
		return page[r&0xff]
	}
	return r
}

package nlp

import "unicode/utf8"

// A Segmenter cuts normalised text into words. Implementations are safe for
// concurrent use.
type Segmenter interface {
	// Words calls word for every word of text with its byte offsets, long
	// words and the shorter words inside them, in text order. Punctuation and
	// blanks may be among them.
	Words(text string, word func(start, end int))
}

// Bigrams is the Segmenter that takes every two neighbouring Chinese
// characters, and every latin or digit run, for a word. It needs no
// dictionary; tests and machines without a C++ compiler use it.
type Bigrams struct{}

// Words implements [Segmenter].
func (Bigrams) Words(text string, word func(start, end int)) { eachBigram(text, word) }

// eachBigram calls term for every two neighbouring Chinese characters, for a
// Chinese character that stands alone, and for every latin or digit run.
func eachBigram(text string, term func(start, end int)) {
	prev, runStart, lone := -1, -1, false
	flush := func(i int) {
		if lone {
			term(prev, i)
		}
		if runStart >= 0 {
			term(runStart, i)
		}
		prev, runStart, lone = -1, -1, false
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case IsHan(r):
			if runStart >= 0 {
				flush(i)
			}
			if prev >= 0 {
				term(prev, i+size)
				lone = false
			} else {
				lone = true
			}
			prev = i
		case isWordRune(r):
			if prev >= 0 {
				flush(i)
			}
			if runStart < 0 {
				runStart = i
			}
		default:
			flush(i)
		}
		i += size
	}
	flush(len(text))
}

// A Space is one of the three ways in which every text is cut into terms.
// Each is weak where another is strong, so they are searched together.
type Space byte

// The term spaces. Their values are the first byte of a term in the index.
const (
	SpaceWord   Space = 'w' // words of the segmenter
	SpaceBigram Space = 'b' // two neighbouring Chinese characters; whole latin and digit runs
	SpaceChar   Space = 'c' // single Chinese characters
)

// Spaces lists the term spaces in the order of their weights' tables.
var Spaces = [...]Space{SpaceWord, SpaceBigram, SpaceChar}

// EachTerm calls term for every term of the normalised text in all three
// spaces, with its byte offsets.
func EachTerm(seg Segmenter, text string, term func(sp Space, start, end int)) {
	seg.Words(text, func(start, end int) {
		if hasWordRune(text[start:end]) {
			term(SpaceWord, start, end)
		}
	})
	eachBigram(text, func(start, end int) { term(SpaceBigram, start, end) })
	for i, r := range text {
		if IsHan(r) {
			term(SpaceChar, i, i+utf8.RuneLen(r))
		}
	}
}

func hasWordRune(s string) bool {
	for _, r := range s {
		if IsHan(r) || isWordRune(r) {
			return true
		}
	}
	return false
}

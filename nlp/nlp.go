// Package nlp understands how citizens write: it cleans and folds text,
// cuts it into terms, and reads a question's aspect, situation and the weight
// that each of its characters deserves.
//
// It is pure Go and knows no index and no corpus beyond package corpus. Its
// vocabulary is data (package files under data/), loaded into an immutable
// [Lexicon]; everything here is total: any bytes go in, nothing fails.
package nlp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalize folds s into the form in which texts and questions are compared:
// valid UTF-8 without NUL, invisible and tag characters removed, NFKC (full
// width to half width, compatibility forms to plain ones), lower case,
// traditional characters to simplified ones, white space runs to one blank,
// none at the ends. It is idempotent.
func Normalize(s string) string {
	if isPlain(s) {
		return s
	}
	s = fold(clean(s))
	// Lower case and simplification can make new compatibility sequences
	// (İ becomes i with a combining dot), so fold until nothing moves; two
	// rounds are enough for all of Unicode that the fuzz target has met.
	for range 4 {
		if isPlain(s) {
			break
		}
		next := fold(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func fold(s string) string {
	s = norm.NFKC.String(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case isUnified(r):
			return toSimplified(r)
		case invisible(r):
			return -1
		}
		return toSimplified(unicode.ToLower(r))
	}, s)
	return strings.Join(strings.FieldsFunc(s, space), " ")
}

// isPlain reports whether s is certainly in normal form: lower-case ASCII,
// unified and simplified characters, the commonest Chinese signs, and single
// inner blanks only. It spares most texts the work, for normalising costs more
// than anything else that is done with a short text.
func isPlain(s string) bool {
	blank := true // a leading blank is not normal
	for _, r := range s {
		switch {
		case isUnified(r):
			if toSimplified(r) != r {
				return false
			}
		case r == '、' || r == '。' || r == '《' || r == '》' || r == '“' || r == '”':
		case r >= utf8.RuneSelf || r < ' ' || r == 0x7f || 'A' <= r && r <= 'Z' || r == ' ' && blank:
			return false
		}
		blank = r == ' '
	}
	return s == "" || !blank
}

// isUnified reports whether r is a Chinese character of the basic block, which
// no compatibility form, case or mark concerns.
func isUnified(r rune) bool { return 0x4e00 <= r && r <= 0x9fff }

// clean makes s valid UTF-8 and turns NUL and other control characters into
// blanks: the segmenter yields nothing for a text with one bad byte and stops
// at a NUL.
func clean(s string) string {
	s = strings.ToValidUTF8(s, " ")
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case invisible(r):
			return -1
		}
		return r
	}, s)
}

func space(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// invisible reports whether r shows nothing: format characters (zero width,
// direction marks, the tag block U+E0000…), variation selectors, fillers.
// They hide instructions from people and split words for the segmenter.
func invisible(r rune) bool {
	switch {
	case r < 0xad, isUnified(r):
		return false
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
		return true
	}
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, 0x180b, 0x180c, 0x180d, 0xfffd:
		return true
	}
	return 0xe0000 <= r && r <= 0xe0fff || 0xe000 <= r && r <= 0xf8ff
}

// IsHan reports whether r is a Chinese character.
func IsHan(r rune) bool {
	return 0x4e00 <= r && r <= 0x9fff || r == '〇' || r >= 0x3400 && unicode.Is(unicode.Han, r)
}

// isWordRune reports whether r belongs to a latin or digit run.
func isWordRune(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' ||
		r > 0x7f && !IsHan(r) && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

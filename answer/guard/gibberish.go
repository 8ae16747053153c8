package guard

import (
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

// meaningless reports, by name, whether a normalised text says nothing: signs
// only, one character again and again, keys hit at random. It is sparing: what
// only might be meaningless is left to the search, which finds nothing either.
func meaningless(text string) string {
	han, letters, digits := 0, 0, 0
	var first, second rune // the first two characters that differ
	distinct := 0          // 3 is more than two
	for _, r := range text {
		switch {
		case nlp.IsHan(r):
			han++
		case isLetter(r):
			letters++
		case '0' <= r && r <= '9':
			digits++
		default:
			continue
		}
		switch {
		case distinct == 0:
			first, distinct = r, 1
		case distinct == 1 && r != first:
			second, distinct = r, 2
		case distinct == 2 && r != first && r != second:
			distinct = 3
		}
	}
	n := han + letters + digits
	switch {
	case n == 0:
		if strings.ContainsFunc(text, otherLetter) {
			return ""
		}
		return "signs only"
	case n >= 4 && distinct == 1, n >= 8 && distinct == 2:
		return "one character again and again"
	case han > 0:
		return ""
	case letters == 0:
		if digits > 5 || digits == 4 {
			return "digits only"
		}
		return ""
	case letters > 0 && mashed(text):
		return "keys hit at random"
	}
	return ""
}

// otherLetter reports whether r is of a script that is not looked at here.
func otherLetter(r rune) bool {
	return r >= 0x600 && r <= 0xffff && !isSign(r) || r >= 0xc0 && r < 0x600
}

func isSign(r rune) bool {
	return 0x2000 <= r && r <= 0x2bff || 0x3000 <= r && r <= 0x303f || 0xfe00 <= r && r <= 0xffef
}

// keyRows are neighbouring keys.
const keyRows = "qwertyuiop asdfghjkl zxcvbnm poiuytrewq lkjhgfdsa mnbvcxz"

// mashed reports whether every word of latin letters is made by hitting keys.
func mashed(text string) bool {
	found := false
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !isLetterOrDigit(r) }) {
		if utf8.RuneCountInString(w) < 4 {
			continue
		}
		if !mashedWord(w) {
			return false
		}
		found = true
	}
	return found
}

// mashedWord: keys in a row, hardly a vowel, or letters mixed with digits. A
// word of pinyin or English has neither.
func mashedWord(w string) bool {
	vowels, run, longest, digits := 0, 0, 0, 0
	for i := range len(w) {
		switch {
		case strings.IndexByte("aeiou", w[i]) >= 0:
			vowels++
			run = 0
		case isLetter(rune(w[i])):
			run++
			longest = max(longest, run)
		default:
			digits++
			run = 0
		}
	}
	for i := 0; i+4 <= len(w); i++ {
		if strings.Contains(keyRows, w[i:i+4]) && w[i:i+4] != "tyui" && w[i:i+4] != "rewq" {
			return true
		}
	}
	return len(w) >= 5 && (longest >= 5 || 5*vowels < len(w)-digits) || len(w) >= 8 && digits >= 2 && digits < len(w)-2 && longest >= 3
}

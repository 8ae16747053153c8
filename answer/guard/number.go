package guard

import (
	"strconv"
	"strings"
)

// A run is a number as it is written: digits, with the blanks, dashes and
// other signs between them, and the letters that belong to it.
type run struct {
	start, end int    // in runes
	digits     string // digits, and an x at the end
	prefix     string // letters right before it
	signs      bool   // whether it has blanks or dashes inside
}

// findNumbers classes every long run of digits.
func findNumbers(s []rune, add func(Private)) {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			continue
		}
		r := readRun(s, i)
		i = r.end
		if kind, ok := r.kind(s); ok {
			add(Private{r.start, r.end, kind})
		}
	}
}

// readRun reads the run that begins with the digit at i. One blank, dash or
// other joint may stand between two digits.
func readRun(s []rune, i int) run {
	r := run{start: i}
	var digits []rune
	j := i
	for j < len(s) {
		switch {
		case isDigit(s[j]):
			digits = append(digits, s[j])
			r.end = j + 1
		case strings.ContainsRune(" -_.·/()", s[j]) && joins(s, j):
			r.signs = true
		case (s[j] == 'x') && len(digits) == 17 && !(j+1 < len(s) && isLetterOrDigit(s[j+1])):
			digits = append(digits, 'x')
			r.end = j + 1
			j = len(s)
			continue
		default:
			j = len(s)
			continue
		}
		j++
	}
	for r.start > 0 && isLetter(s[r.start-1]) && i-r.start < 3 {
		r.start--
	}
	if r.start > 0 && isLetter(s[r.start-1]) {
		r.start = i // a longer word
	}
	if r.start < i && r.end < len(s) && isLetter(s[r.end]) {
		r.start = i
	}
	r.prefix = string(s[r.start:i])
	if r.start > 0 && s[r.start-1] == '+' {
		r.start--
	}
	r.digits = string(digits)
	return r
}

// joins reports whether the sign at j stands alone between two digits; some
// people put a blank beside a dash, so up to three signs may.
func joins(s []rune, j int) bool {
	from, to := j, j
	for from > 0 && j-from < 3 && strings.ContainsRune(" -_.·/()", s[from-1]) {
		from--
	}
	for to+1 < len(s) && to-j < 3 && strings.ContainsRune(" -_.·/()", s[to+1]) {
		to++
	}
	return to-from < 3 && to+1 < len(s) && isDigit(s[to+1])
}

// permitLetters are what the numbers of passports and permits begin with.
const permitLetters = "egdspchmkltw"

// kind tells what number a run is, if a private one.
func (r run) kind(s []rune) (Kind, bool) {
	d := r.digits
	n := len(d)
	if r.inCode(s) {
		return "", false
	}
	if r.prefix != "" {
		switch p := r.prefix; {
		case len(p) == 1 && n >= 8 && n <= 10 && strings.IndexByte(permitLetters, p[0]) >= 0, len(p) == 2 && (p[0] == 'e' || p[0] == 'c') && n == 7:
			return Passport, true
		case len(p) <= 2 && n >= 6 && n <= 8:
			return Passport, true // Hong Kong and Macao IDs, old passports
		case len(p) == 3 && n == 12:
			return IDNumber, true // foreigners' permanent residence
		}
	}
	for _, cc := range []string{"0086", "86"} {
		if mobile(strings.TrimPrefix(d, cc)) {
			return Phone, true
		}
	}
	switch {
	case n == 18 || n == 15 && birthday("19"+d[6:12]):
		return IDNumber, true
	case n >= 16 && n <= 19 || n >= 13 && n < 16 && luhn(d):
		return BankCard, true
	case public(d) || r.isDate() || r.isYears() || r.isAmount(s) || r.isCode(s):
		return "", false
	case n >= 6:
		return Number, true
	}
	return "", false
}

func mobile(d string) bool { return len(d) == 11 && d[0] == '1' && d[1] >= '3' }

// birthday reports whether yyyymmdd can be one.
func birthday(d string) bool {
	y, _ := strconv.Atoi(d[:4])
	m, _ := strconv.Atoi(d[4:6])
	day, _ := strconv.Atoi(d[6:8])
	return y >= 1900 && y <= 2099 && m >= 1 && m <= 12 && day >= 1 && day <= 31
}

// luhn reports whether the check digit of a bank card is right.
func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// public reports whether a number is one that everybody may ring: a service
// line (12345, 95588, 96110, 400…, 800…) or a line with its area code.
func public(d string) bool {
	switch n := len(d); {
	case n <= 5:
		return true
	case n == 6:
		return strings.HasPrefix(d, "95") || strings.HasPrefix(d, "96") || strings.HasPrefix(d, "123")
	case n == 10:
		return strings.HasPrefix(d, "400") || strings.HasPrefix(d, "800") || d[0] == '0' && d[1] != '0'
	case n == 11 || n == 12:
		return d[0] == '0' && d[1] != '0' || n == 12 && strings.HasPrefix(d, "86") && d[2] != '1'
	}
	return false
}

// isDate: 2026-01-02, 2026.1.2, 2026/01/02, with signs inside.
func (r run) isDate() bool {
	return r.signs && len(r.digits) >= 6 && len(r.digits) <= 8 && (strings.HasPrefix(r.digits, "19") || strings.HasPrefix(r.digits, "20")) &&
		(len(r.digits) < 8 || birthday(r.digits))
}

// isYears: 2024-2026.
func (r run) isYears() bool {
	d := r.digits
	return r.signs && len(d) == 8 && (d[:2] == "19" || d[:2] == "20") && (d[4:6] == "19" || d[4:6] == "20")
}

// isAmount: a number that something is counted or measured by follows.
func (r run) isAmount(s []rune) bool {
	return len(r.digits) <= 9 && r.end < len(s) && strings.ContainsRune("元块万亿平吨人户条件份次天年公米斤%度", s[r.end])
}

// inCode reports whether the run is a part of a code of letters and digits,
// longer than any number that a person has.
func (r run) inCode(s []rune) bool {
	const longest = 18
	from, to, letters := r.start, r.end, 0
	for from > 0 && isLetterOrDigit(s[from-1]) {
		from--
	}
	for to < len(s) && isLetterOrDigit(s[to]) {
		to++
	}
	for _, c := range s[from:to] {
		if isLetter(c) {
			letters++
		}
	}
	return to-from > longest && letters > 0
}

// isCode: letters on both sides make it part of a longer code, which no
// person has as a number.
func (r run) isCode(s []rune) bool {
	before := r.start > 0 && (isLetter(s[r.start-1]) || s[r.start-1] == '-' && r.start > 1 && isLetterOrDigit(s[r.start-2]))
	after := r.end < len(s) && isLetter(s[r.end])
	return (before || after || r.prefix != "") && len(r.digits) < 15 && !(after && len(r.digits) >= 11)
}

// isNumeral reports whether r is a Chinese character that numbers are spelled
// or read out with.
func isNumeral(r rune) bool {
	switch r {
	case '零', '〇', '一', '二', '三', '四', '五', '六', '七', '八', '九', '幺', '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖', '两', '洞', '拐', '勾':
		return true
	}
	return false
}

// findSpoken looks for long runs of Chinese numerals, mixed with digits:
// 幺三八零零一三八零零零.
func findSpoken(s []rune, add func(Private)) {
	spoken := func(r rune) bool { return isDigit(r) || isNumeral(r) }
	for i := 0; i < len(s); i++ {
		if !spoken(s[i]) {
			continue
		}
		end, n, han := i, 0, 0
		for j := i; j < len(s); j++ {
			if spoken(s[j]) {
				n++
				end = j + 1
				if !isDigit(s[j]) {
					han++
				}
			} else if !strings.ContainsRune(" -,、", s[j]) || j-end > 1 {
				break
			}
		}
		switch {
		case han == 0:
		case n == 11:
			add(Private{i, end, Phone})
		case n == 15 || n == 18:
			add(Private{i, end, IDNumber})
		case n >= 8:
			add(Private{i, end, Number})
		}
		i = end
	}
}

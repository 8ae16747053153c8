package ground

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

// A kind tells tokens apart that are compared in different ways.
type kind uint8

const (
	char    kind = iota // one character, or a word of latin letters and digits
	number              // 3, 三, ３; its value is a decimal without leading or trailing zeros
	date                // 2026-03-01, 2026年3月1日, 二〇二六年三月一日, 3月1日
	clock               // 8:30
	phone               // 020-12345678, in digits
	link                // an address of the web, as its number among the evidence
	stop                // a sign that parts: "," for ，、 and "." for 。；！ and a line break
	colon               // what comes after is said of what is before
	bracket             // "(" for （〔【[ and ")" for their like
	quote               // 「」《》, which say nothing
	item                // the number of an item of a list: "1. "
)

// A token is what is compared: equal tokens are equal whatever their spelling.
type token struct {
	kind kind
	text string
}

// strong and weak are the two kinds of stops. What is said of one case ends at
// a strong one, and goes on behind a weak one, so that neither may stand for
// the other.
var strong, weak = token{stop, "."}, token{stop, ","}

// typed reports whether a token is more than a character: a number, date, time,
// telephone number or link.
func (t token) typed() bool { return t.kind != char && t.kind < stop }

// A link in a text for a model is written 〔链接1〕, so that a model never sees
// an address and cannot make one up.
const (
	linkOpen  = "〔链接"
	linkClose = "〕"
)

var (
	address   = regexp.MustCompile(`(?i)(?:https?://|www\.)[^\s，。；、（）()「」]+|[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:gov\.cn|com\.cn|org\.cn|net\.cn|cn|com|net|org|gov|top|xyz|info|vip|cc|io|ai|app|me|site|online|shop|club)(?:[/:?#][^\s，。；、（）()「」]*)?`)
	linkToken = regexp.MustCompile(`〔链接(\d{1,3})〕`)
	laterItem = regexp.MustCompile(`^\d{1,2}[.、)] [^\d ]`)
	lineItem  = regexp.MustCompile(`^\s*(\d{1,2})[.、．)]\s*`)
	typed     = regexp.MustCompile(`^(?:` +
		`(?P<date>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}年\d{1,2}月(?:\d{1,2}[日号])?|\d{1,2}月\d{1,2}[日号])` +
		`|(?P<clock>\d{1,2}:\d{2})` +
		`|(?P<phone>(?:\(0\d{2,3}\)|0\d{2,3})[- ]?\d{3,4}[- ]?\d{4}(?:[- ]\d{1,5})?|[48]00[- ]?\d{3,4}[- ]?\d{3,4}|1[3-9]\d[- ]?\d{4}[- ]?\d{4})` +
		`|(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?[万亿]?|\d+(?:\.\d+)?[万亿]?))`)
)

// tokens cuts a text. known gives the number of an address, or false where
// the text may not hold one: then ok is false.
func tokens(text string, known func(string) (string, bool)) (list []token, ok bool) {
	for n, line := range strings.Split(text, "\n") {
		if n > 0 {
			list = append(list, strong)
		}
		if m := lineItem.FindStringSubmatchIndex(line); len(m) == 4 && (m[1] == len(line) || !isDigit(line[m[1]])) {
			list = append(list, token{item, line[m[2]:m[3]]})
			line = line[m[1]:]
		}
		at := 0
		for _, m := range address.FindAllStringIndex(line, -1) {
			id, ok := known(line[m[0]:m[1]])
			if !ok {
				return nil, false
			}
			list = append(cut(list, line[at:m[0]]), token{link, id})
			at = m[1]
		}
		list = cut(list, line[at:])
	}
	return list, true
}

// cut appends the tokens of a piece without addresses.
func cut(list []token, piece string) []token {
	at := 0
	for _, m := range linkToken.FindAllStringSubmatchIndex(piece, -1) {
		list = append(scan(list, arabic(nlp.Normalize(piece[at:m[0]]))), token{link, piece[m[2]:m[3]]})
		at = m[1]
	}
	return scan(list, arabic(nlp.Normalize(piece[at:])))
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// scan reads a normalised piece whose numerals are digits.
func scan(list []token, s string) []token {
	for i := 0; i < len(s); {
		if isDigit(s[i]) {
			if laterItem.MatchString(s[i:]) {
				end := strings.IndexByte(s[i:], ' ')
				list = append(list, token{item, s[i : i+end-1]})
				i += end
				continue
			}
			t, n := readNumber(s[i:])
			list = append(list, t)
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == ' ' || r == apart:
		case isLatin(r):
			end := i + n
			for end < len(s) && (isLatin(rune(s[end])) || isDigit(s[end])) {
				end++
			}
			list, n = append(list, token{char, s[i:end]}), end-i
		case r == ':':
			list = append(list, token{colon, ""})
		case strings.ContainsRune("。;；!！", r):
			list = append(list, strong)
		case strings.ContainsRune(",，、", r):
			list = append(list, weak)
		case strings.ContainsRune("(（〔【[", r):
			list = append(list, token{bracket, "("})
		case strings.ContainsRune(")）〕】]", r):
			list = append(list, token{bracket, ")"})
		case strings.ContainsRune("「」『』《》〈〉", r):
			list = append(list, token{quote, ""})
		default:
			list = append(list, token{char, string(r)})
		}
		i += n
	}
	return list
}

func isLatin(r rune) bool { return 'a' <= r && r <= 'z' }

// counted reports whether the numbers of items count up: each list begins with
// 1, but for one that the sentence before has begun.
func counted(list []token) bool {
	last := 0
	for i, t := range list {
		if t.kind != item {
			continue
		}
		n, err := strconv.Atoi(t.text)
		if err != nil || n != last+1 && n != 1 && i > 0 {
			return false
		}
		last = n
	}
	return true
}

// readNumber reads the date, time, telephone number or number that s begins
// with. A token is whole: more digits behind it make it another one.
func readNumber(s string) (token, int) {
	m := typed.FindStringSubmatch(s)
	n := len(m[0])
	switch {
	case m[1] != "" && (n == len(s) || !isDigit(s[n])):
		return token{date, dateText(m[1])}, n
	case m[2] != "" && (n == len(s) || !isDigit(s[n])):
		return token{clock, strings.TrimLeft(m[2][:1], "0") + m[2][1:]}, n
	case m[3] != "" && (n == len(s) || !isDigit(s[n])):
		return token{phone, digits(m[3])}, n
	}
	end := 0
	for end < len(s) && (isDigit(s[end]) || s[end] == '.' && end+1 < len(s) && isDigit(s[end+1]) ||
		s[end] == ',' && thousands(s[end+1:])) {
		end++
	}
	text := strings.ReplaceAll(s[:end], ",", "")
	if rest, _ := utf8.DecodeRuneInString(s[end:]); rest == '万' || rest == '亿' {
		if v, err := strconv.ParseFloat(text, 64); err == nil && len(text) < 9 {
			unit := 1e4
			if rest == '亿' {
				unit = 1e8
			}
			return token{number, strconv.FormatFloat(v*unit, 'f', -1, 64)}, end + len("万")
		}
	}
	return token{number, decimal(text)}, end
}

// thousands reports whether three digits and no fourth follow a comma.
func thousands(s string) bool {
	return len(s) >= 3 && isDigit(s[0]) && isDigit(s[1]) && isDigit(s[2]) && (len(s) == 3 || !isDigit(s[3]))
}

// decimal is a number without needless zeros. What begins with 0 and goes on
// with digits, and what is long, is a code and stays as it is.
func decimal(s string) string {
	if len(s) >= 7 && !strings.Contains(s, ".") || len(s) > 1 && s[0] == '0' && s[1] != '.' {
		return s
	}
	if strings.Count(s, ".") == 1 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// dateText writes a date as year-month-day with what is missing left out.
func dateText(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	for i := range parts {
		if i > 0 || len(parts[0]) != 4 {
			parts[i] = strings.TrimLeft(parts[i], "0")
		}
	}
	switch {
	case len(parts) == 2 && len(parts[0]) != 4:
		return "-" + parts[0] + "-" + parts[1]
	case len(parts) == 2:
		return parts[0] + "-" + parts[1] + "-"
	}
	return strings.Join(parts, "-")
}

// apart keeps two numbers apart that stand side by side in different script.
const apart = '\x00'

// digitOf are the numerals that stand for digits, and the units of tens.
var digitOf = map[rune]int64{'零': 0, '〇': 0, '一': 1, '壹': 1, '二': 2, '两': 2, '贰': 2, '三': 3, '叁': 3, '四': 4, '肆': 4, '五': 5, '伍': 5,
	'六': 6, '陆': 6, '七': 7, '柒': 7, '八': 8, '捌': 8, '九': 9, '玖': 9}

var tensOf = map[rune]int64{'十': 10, '拾': 10, '百': 100, '佰': 100, '千': 1000, '仟': 1000, '万': 1e4, '亿': 1e8}

// arabic writes every Chinese numeral of a text in digits: 三十五 as 35, 二〇二六
// as 2026, 百分之五 as 5%. Two digits side by side (一二年级) are no number and stay.
func arabic(text string) string {
	if !strings.ContainsFunc(text, isNumeral) {
		return text
	}
	s := []rune(text)
	var b strings.Builder
	for i := 0; i < len(s); {
		percent := strings.HasPrefix(string(s[i:min(len(s), i+3)]), "百分之")
		start := i
		if percent {
			start += 3
		}
		end := start
		for end < len(s) && isNumeral(s[end]) {
			end++
		}
		value, ok := numeralValue(s[start:end])
		if percent && !ok && start < len(s) && '0' <= s[start] && s[start] <= '9' {
			for end = start; end < len(s) && ('0' <= s[end] && s[end] <= '9' || s[end] == '.'); end++ {
			}
			value, ok = string(s[start:end]), true
		}
		if !ok {
			n := max(1, end-i)
			if percent {
				n = 3
			}
			b.WriteString(string(s[i : i+n]))
			i += n
			continue
		}
		if i > 0 && unicode.IsDigit(s[i-1]) {
			b.WriteRune(apart)
		}
		b.WriteString(value)
		if percent {
			b.WriteByte('%')
		}
		if end < len(s) && unicode.IsDigit(s[end]) {
			b.WriteRune(apart)
		}
		i = end
	}
	return b.String()
}

func isNumeral(r rune) bool {
	_, digit := digitOf[r]
	_, ten := tensOf[r]
	return digit || ten
}

// numeralValue reads a run of numerals: 十五, 一百二十, 三万, or digit by digit.
func numeralValue(s []rune) (string, bool) {
	if len(s) == 0 {
		return "", false
	}
	if d, ok := digitOf[s[0]]; ok && len(s) == 1 {
		return strconv.FormatInt(d, 10), true
	}
	units, zero := false, false
	for _, r := range s {
		_, ten := tensOf[r]
		units = units || ten
		zero = zero || r == '〇' || r == '零'
	}
	if !units {
		if len(s) < 3 && !zero {
			return "", false
		}
		var b strings.Builder
		for _, r := range s {
			b.WriteString(strconv.FormatInt(digitOf[r], 10))
		}
		return b.String(), true
	}
	if _, ok := digitOf[s[0]]; !ok && s[0] != '十' && s[0] != '拾' {
		return "", false // 万一, 千万
	}
	return composedValue(s)
}

// composedValue reads numerals with units. Units that do not fall, and digits
// side by side, are no number.
func composedValue(s []rune) (string, bool) {
	const none = 1 << 62
	var total, section, digit int64
	seen, last, lastBig := false, int64(none), int64(none)
	for _, r := range s {
		if d, ok := digitOf[r]; ok {
			if seen && digit != 0 {
				return "", false
			}
			digit, seen = d, true
			continue
		}
		unit := tensOf[r]
		switch big := unit >= 1e4; {
		case big && (section+digit == 0 || unit >= lastBig), !big && unit >= last:
			return "", false
		case big:
			total += (section + digit) * unit
			section, last, lastBig = 0, none, unit
		default:
			if !seen {
				digit = 1
			}
			section, last = section+digit*unit, unit
		}
		digit, seen = 0, false
	}
	return strconv.FormatInt(total+section+digit, 10), true
}

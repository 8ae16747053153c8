package guard

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govqa/govqa/nlp"
)

// hidden reports, by name, whether the text carries an order that people do
// not see or cannot read: in tag characters, base64, hexadecimal, percent or
// \u escapes. Ordinary text in such a dress is caught too when it says
// anything that would be caught openly.
func (g *Guard) hidden(text, normal string) string {
	if tags := tagText(text); len(tags) >= 4 && !strings.ContainsRune(text, '\U0001F3F4') || len(tags) > 6 {
		return "hidden tag characters"
	}
	if hasMarkup(normal) {
		return "markup of a prompt"
	}
	for _, word := range longWords(text) {
		plain := decode(word)
		if plain == "" {
			continue
		}
		if best, _ := g.match(nlp.Normalize(plain)); best < len(classes) || utf8.RuneCountInString(plain) >= 6 && readable(plain) {
			return "encoded text"
		}
	}
	if strings.Contains(text, `\u`) || strings.Contains(text, "%") || strings.Contains(text, "&#") {
		if plain := unescape(text); plain != text {
			if best, _ := g.match(nlp.Normalize(plain)); best <= Class("politics").order() {
				return "escaped text"
			}
		}
	}
	return ""
}

// tagText returns what tag characters (U+E0020…) spell: people see nothing. A
// black flag before them makes them the flag of a region, as gbeng.
func tagText(text string) string {
	var b strings.Builder
	for _, r := range text {
		if 0xe0020 <= r && r < 0xe007f {
			b.WriteByte(byte(r - 0xe0000))
		}
	}
	return b.String()
}

// markup is what prompts for a model and web pages are written with, and no
// question of a citizen.
var markup = []string{"</", "<|", "|>", "[inst]", "[/inst]", "[system]", "<<sys>>", "<script", "<img", "<iframe", "{{", "${", "system:", "assistant:",
	"### instruction", "###instruction", "begin prompt", "javascript:"}

// hasMarkup looks for them in a normalised text.
func hasMarkup(text string) bool {
	if !strings.ContainsAny(text, "<[{$:#|") {
		return false
	}
	text = strings.ReplaceAll(text, ": ", ":")
	return slices.ContainsFunc(markup, func(m string) bool { return strings.Contains(text, m) })
}

// longWords are the runs of letters, digits and the signs of base64 that are
// long enough to say something.
func longWords(text string) []string {
	const shortest = 12
	var list []string
	for w := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+/=_-", r)
	}) {
		if len(w) >= shortest {
			list = append(list, w)
		}
	}
	return list
}

// decode returns the text that base64 or hexadecimal stands for, or "" when
// that is no readable text.
func decode(word string) string {
	if b, err := hex.DecodeString(word); err == nil && strings.ContainsAny(strings.ToLower(word), "abcdef") && readable(string(b)) {
		return string(b)
	}
	bare := strings.TrimRight(word, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := enc.DecodeString(bare); err == nil && readable(string(b)) {
			return string(b)
		}
	}
	return ""
}

// readable reports whether s is text: words of letters with blanks between
// them, or Chinese. A random number decodes to neither.
func readable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	letters, han, blanks := 0, 0, 0
	for _, r := range s {
		switch {
		case nlp.IsHan(r):
			han++
		case r < utf8.RuneSelf && unicode.IsLetter(r):
			letters++
		case r == ' ':
			blanks++
		case unicode.IsControl(r) && r != '\n' && r != '\t', r == utf8.RuneError:
			return false
		}
	}
	n := utf8.RuneCountInString(s)
	return han >= 2 && 2*han >= n || blanks > 0 && 10*(letters+blanks) >= 8*n
}

// unescape undoes percent escapes, \uXXXX and &#N; as far as they are there.
func unescape(text string) string {
	if u, err := url.QueryUnescape(text); err == nil && utf8.ValidString(u) {
		text = u
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if r, n := escaped(text[i:]); n > 0 {
			b.WriteRune(r)
			i += n
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// escaped reads one escape at the start of s, and how long it is.
func escaped(s string) (rune, int) {
	if strings.HasPrefix(s, `\u`) && len(s) >= 6 {
		if n, err := strconv.ParseUint(s[2:6], 16, 32); err == nil {
			return rune(n), 6
		}
	}
	if digits, ok := strings.CutPrefix(s, "&#"); ok {
		if end := strings.IndexByte(digits, ';'); end > 0 && end < 8 {
			base := 10
			num := digits[:end]
			if num[0] == 'x' || num[0] == 'X' {
				base, num = 16, num[1:]
			}
			if n, err := strconv.ParseUint(num, base, 32); err == nil {
				return rune(n), 2 + end + 1
			}
		}
	}
	return 0, 0
}

// lookalikes are letters of other scripts that show like latin ones, and
// pinyin with its tones, and the letters to read for them.
var lookalikes = [2]string{"аеорсхуіѕјкмтнвԁɡոοαινρτıāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü", "aeopcxyisjkmthbdgnoaivptiaaaaeeeeiiiioooouuuuvvvvv"}

// unlike puts latin letters for their lookalikes.
func unlike(text string) string {
	from, to := []rune(lookalikes[0]), lookalikes[1]
	return strings.Map(func(r rune) rune {
		if i := slices.Index(from, r); i >= 0 {
			return rune(to[i])
		}
		return r
	}, text)
}

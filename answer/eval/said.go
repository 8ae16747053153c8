package eval

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/nlp"
)

func answering(a answer.Answer) bool {
	return a.Outcome == answer.Answered || a.Outcome == answer.Choose || a.Outcome == answer.Clarify
}

func hit(a answer.Answer, relevant []string, k int) bool {
	if !answering(a) {
		return false
	}
	return slices.ContainsFunc(a.Matters[:min(k, len(a.Matters))], func(m answer.MatterRef) bool {
		return slices.Contains(relevant, m.Code)
	})
}

// reciprocal is one over the place of the first right matter among those that
// the answer names, 0 if it names none.
func reciprocal(a answer.Answer, relevant []string) float64 {
	if !answering(a) {
		return 0
	}
	i := slices.IndexFunc(a.Matters, func(m answer.MatterRef) bool { return slices.Contains(relevant, m.Code) })
	if i < 0 {
		return 0
	}
	return 1 / float64(i+1)
}

// picked reports whether an answer is about the option of the answer before
// that stands at place pick, counted from 1, or from the end if negative.
func picked(before, a answer.Answer, pick int) bool {
	if pick == 0 {
		return true
	}
	offered := slices.DeleteFunc(slices.Clone(before.Options), func(o answer.Option) bool { return o.Code == "" })
	at := pick - 1
	if pick < 0 {
		at = len(offered) + pick
	}
	return 0 <= at && at < len(offered) && len(a.Matters) > 0 && a.Matters[0].Code == offered[at].Code
}

// exact reports whether every expected string stands in the answer's text or
// facts; digits as a whole number.
func exact(a answer.Answer, want []string) bool {
	parts := []string{a.Text}
	for _, f := range a.Facts {
		parts = append(parts, f.Value)
	}
	said := plain(strings.Join(parts, " "))
	for _, w := range want {
		if !states(said, plain(w)) {
			return false
		}
	}
	return true
}

var (
	digitsOnly = regexp.MustCompile(`^\d+$`)
	sideBySide = regexp.MustCompile(`(\d)\s+(\d)`)
)

func states(said, want string) bool {
	if !digitsOnly.MatchString(want) {
		return strings.Contains(said, want)
	}
	for _, at := range regexp.MustCompile(want).FindAllStringIndex(said, -1) {
		before, after := said[:at[0]], said[at[1]:]
		if !endsInNumber(before) && !regexp.MustCompile(`^[\d.]?\d`).MatchString(after) {
			return true
		}
	}
	return false
}

func endsInNumber(s string) bool {
	return s != "" && (s[len(s)-1] == '.' || '0' <= s[len(s)-1] && s[len(s)-1] <= '9')
}

// hanNumbers are the Chinese numbers that stand before 日 or 个.
var hanNumbers = []struct{ han, digits string }{
	{"十五", "15"}, {"二十", "20"}, {"三十", "30"}, {"六十", "60"}, {"一", "1"}, {"二", "2"}, {"三", "3"}, {"四", "4"},
	{"五", "5"}, {"六", "6"}, {"七", "7"}, {"八", "8"}, {"九", "9"}, {"十", "10"},
}

// plain folds a text for comparison: normalised, Chinese numbers before 日 and 个
// to digits, no blanks; two numbers side by side stay two.
func plain(s string) string {
	s = nlp.Normalize(s)
	for _, h := range hanNumbers {
		s = strings.ReplaceAll(strings.ReplaceAll(s, h.han+"日", h.digits+"日"), h.han+"个", h.digits+"个")
	}
	s = sideBySide.ReplaceAllString(s, "$1、$2")
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

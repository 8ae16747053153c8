package store

import (
	_ "embed" // for the list of words
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
)

// MinPassword is the length of the shortest password, in characters.
const MinPassword = 15

const (
	maxPassword   = 1024 // bytes of the longest
	judgedRunes   = 64   // of a password are looked at for words: the time grows with the square
	enoughGuesses = 1e11 // ten times what zxcvbn calls safe even where slow hashes are stolen
	fewRunes      = 5    // a password has at least so many different characters
)

//go:embed commonwords.txt
var commonWords string

// CheckPassword says why password is not one that the account may have, with
// ErrBadUser. Length is what counts, and that it is not put together from what
// everybody would try: leaked passwords, names, dates, keys in a row, the words
// of commonwords.txt. No kind of character is asked for.
func CheckPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w：密码至少 %d 个字符", ErrBadUser, MinPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("%w：密码太长", ErrBadUser)
	case !utf8.ValidString(password):
		return fmt.Errorf("%w：密码里有读不懂的字符", ErrBadUser)
	case name != "" && strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return fmt.Errorf("%w：密码不能包含用户名", ErrBadUser)
	case len(slices.Compact(slices.Sorted(slices.Values([]rune(password))))) < fewRunes:
		return fmt.Errorf("%w：密码不同的字符太少", ErrBadUser)
	case guesses(name, password) < enoughGuesses:
		return fmt.Errorf("%w：密码太容易猜到，请避开常见的密码、词语、姓名、日期和键盘上相邻的键，用几个不相干的词连起来", ErrBadUser)
	}
	return nil
}

// guesses estimates how many tries a password withstands.
func guesses(name, password string) float64 {
	list := words()
	runes := []rune(hanWords(list).Replace(password))
	judged := string(runes[:min(len(runes), judgedRunes)])
	return zxcvbn.PasswordStrength(judged, slices.Concat([]string{strings.ToLower(name)}, list)).Guesses
}

// hanWords puts a word that zxcvbn knows in place of every Chinese one of the
// list: it finds no words of characters beyond ASCII.
func hanWords(list []string) *strings.Replacer {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) }) // the longest that fits
	var pairs []string
	for _, word := range list {
		if word[0] >= utf8.RuneSelf {
			pairs = append(pairs, word, "password")
		}
	}
	return strings.NewReplacer(pairs...)
}

// words lists the words of commonwords.txt, the commonest first.
func words() (list []string) {
	for line := range strings.Lines(commonWords) {
		if !strings.HasPrefix(line, "#") {
			list = append(list, strings.Fields(line)...)
		}
	}
	return list
}

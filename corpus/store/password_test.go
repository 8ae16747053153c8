package store

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPasswordsThatAreRefused(t *testing.T) {
	for _, row := range []struct{ what, name, password string }{
		{"fourteen characters", "li", "k7-Tq9_vR2xLmW"},
		{"one character many times", "li", "aaaaaaaaaaaaaaaaaaaa"},
		{"digits in a row", "li", "1234567890123456"},
		{"keys in a row", "li", "qwertyuiopasdfgh"},
		{"keys in columns", "li", "1qaz2wsx3edc4rfv5tgb"},
		{"a leaked password twice", "li", "password1password1"},
		{"a leaked password with digits instead of letters", "li", "P@ssw0rdP@ssw0rd"},
		{"two leaked passwords", "li", "iloveyou12345678"},
		{"the account's name", "wangxiaoming", "wangxiaoming-2026-11"},
		{"the account's name in capitals", "wangxiaoming", "xkq WANGXIAOMING 7"},
		{"love in pinyin", "li", "woaini5201314woaini"},
		{"the service in pinyin", "li", "zhengwufuwu12345"},
		{"a city and a year", "li", "guangzhoushi2026!"},
		{"the office and an extension", "li", "bangongshi12345678"},
		{"the office in Chinese", "li", "政务服务中心管理员的密码一二三四"},
		{"a poem that everybody knows", "li", "床前明月光疑是地上霜举头望明月"},
		{"the core values", "li", "富强民主文明和谐自由平等公正法治"},
		{"dates", "li", "1990010119900101"},
		{"what is no text", "li", "k7-Tq9_vR2xLmW0\xff\xfe"},
		{"too long", "li", strings.Repeat("k7-Tq9_vR2xLmW0z", 65)},
	} {
		if err := CheckPassword(row.name, row.password); !errors.Is(err, ErrBadUser) {
			t.Errorf("%s: %q is taken (%.1e guesses): %v", row.what, row.password, guesses(row.name, row.password), err)
		}
	}
}

func TestPasswordsThatAreTaken(t *testing.T) {
	for _, row := range []struct{ what, password string }{
		{"four words", "correct horse battery staple"},
		{"three words", "correct horse battery"},
		{"chance", "k7-Tq9_vR2xLmW0z"},
		{"a sentence of one's own", goodPassword},
		{"pinyin of a sentence of one's own", "xiaomaotouchilesantiaoyu"},
		{"a long sentence with spaces", "the third otter paints my balcony"},
		{"emoji and words", "🦦 third otter 🪑 balcony"},
		{"the longest", strings.Repeat("k7-Tq9_vR2xLmW0z", 64)},
	} {
		if err := CheckPassword("li", row.password); err != nil {
			t.Errorf("%s: %q: %v (%.1e guesses)", row.what, row.password, err, guesses("li", row.password))
		}
	}
}

// TestPasswordsAreJudgedQuickly holds against passwords made to take long.
func TestPasswordsAreJudgedQuickly(t *testing.T) {
	for _, password := range []string{
		strings.Repeat("a", 1024), strings.Repeat("ab", 512), strings.Repeat("4@8({[<369!|10$5+7%2", 51),
		strings.Repeat("1990-01-01", 102), strings.Repeat("一", 341), strings.Repeat("qwerty", 170),
	} {
		start := time.Now()
		got := guesses("li", password)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%.20q… took %v to %g guesses", password, took, got)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	for _, s := range []string{goodPassword, "aaaaaaaaaaaaaaaaaaaa", "\x00\xff", strings.Repeat("4@8({[<369", 9)} {
		f.Add("li", s)
	}
	f.Fuzz(func(t *testing.T, name, password string) {
		if err := CheckPassword(name, password); err != nil && !errors.Is(err, ErrBadUser) {
			t.Errorf("%q: %v", password, err)
		}
	})
}

package store

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MinPassword is the length of the shortest password, in characters.
const MinPassword = 15

// maxPassword is the length of the longest, in bytes.
const maxPassword = 1024

// CheckPassword says why password is not one that the account may have, with
// ErrBadUser. Length is what counts; no kind of character is asked for.
func CheckPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w：密码至少 %d 个字符", ErrBadUser, MinPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("%w：密码太长", ErrBadUser)
	case strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return fmt.Errorf("%w：密码不能包含用户名", ErrBadUser)
	case len(slices.Compact(slices.Sorted(slices.Values([]rune(password))))) < 5:
		return fmt.Errorf("%w：密码不同的字符太少", ErrBadUser)
	}
	return nil
}

package store

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

var (
	// ErrNoUser means that no account has the name asked for.
	ErrNoUser = errors.New("没有这个账号")

	// ErrUserExists means that an account of that name is there already.
	ErrUserExists = errors.New("账号已存在")

	// ErrBadUser means that a name, role or password is not acceptable; the
	// error says why.
	ErrBadUser = errors.New("账号信息无效")
)

// Roles lists what a member of staff can be.
var Roles = []string{"editor", "reviewer", "publisher", "operator", "supervisor", "admin", "auditor"}

// MinPassword is the length of the shortest password, in characters.
const MinPassword = 15

// A User is a staff account. The password is kept only as an Argon2id hash
// (RFC 9106, second recommended choice: 64 MiB, 3 passes, 4 lanes).
type User struct {
	Name     string       `json:"name"`
	Role     string       `json:"role"`
	Disabled bool         `json:"disabled,omitempty"`
	Created  time.Time    `json:"created"`
	Changed  time.Time    `json:"changed"`
	By       string       `json:"by"` // who changed it last
	Password passwordHash `json:"password"`
}

type passwordHash struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
}

const (
	argonTime   = 3
	argonMemory = 64 << 10 // KiB
	argonLanes  = 4
	argonLen    = 32
)

func (p passwordHash) of(password string) []byte {
	return argon2.IDKey([]byte(password), p.Salt, argonTime, argonMemory, argonLanes, argonLen)
}

func hashPassword(password string) passwordHash {
	p := passwordHash{Salt: make([]byte, 16)}
	rand.Read(p.Salt) // never fails (crypto/rand)
	p.Hash = p.of(password)
	return p
}

// Verify reports whether password is the account's. It takes as long for a
// wrong one.
func (u User) Verify(password string) bool {
	return subtle.ConstantTimeCompare(u.Password.of(password), u.Password.Hash) == 1 && !u.Disabled
}

var userName = regexp.MustCompile(`^[\p{Han}a-zA-Z0-9][\p{Han}a-zA-Z0-9._-]{0,63}$`)

func checkPassword(name, password string) error {
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w：密码至少 %d 个字符", ErrBadUser, MinPassword)
	case len(password) > 1024:
		return fmt.Errorf("%w：密码太长", ErrBadUser)
	case strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return fmt.Errorf("%w：密码不能包含用户名", ErrBadUser)
	case len(slices.Compact(slices.Sorted(slices.Values([]rune(password))))) < 5:
		return fmt.Errorf("%w：密码不同的字符太少", ErrBadUser)
	}
	return nil
}

// AddUser makes an account. The actor is who does it.
func (s *Store) AddUser(ctx context.Context, actor, name, role, password string) error {
	if !userName.MatchString(name) {
		return fmt.Errorf("%w：用户名 %q 只能用汉字、字母、数字和 . _ -，最多 64 个", ErrBadUser, name)
	}
	if !slices.Contains(Roles, role) {
		return fmt.Errorf("%w：角色 %q 不认识，应为 %s 之一", ErrBadUser, role, strings.Join(Roles, "、"))
	}
	if err := checkPassword(name, password); err != nil {
		return err
	}
	now := time.Now().UTC()
	return s.putUser(ctx, name, func(old *User) (User, error) {
		if old != nil {
			return User{}, fmt.Errorf("%s：%w", name, ErrUserExists)
		}
		return User{Name: name, Role: role, Created: now, Changed: now, By: actor, Password: hashPassword(password)}, nil
	})
}

// SetPassword changes an account's password.
func (s *Store) SetPassword(ctx context.Context, actor, name, password string) error {
	if err := checkPassword(name, password); err != nil {
		return err
	}
	return s.changeUser(ctx, actor, name, func(u *User) { u.Password = hashPassword(password) })
}

// DisableUser closes an account; what it did stays known.
func (s *Store) DisableUser(ctx context.Context, actor, name string) error {
	return s.changeUser(ctx, actor, name, func(u *User) { u.Disabled = true })
}

func (s *Store) changeUser(ctx context.Context, actor, name string, change func(*User)) error {
	return s.putUser(ctx, name, func(old *User) (User, error) {
		if old == nil {
			return User{}, fmt.Errorf("%s：%w", name, ErrNoUser)
		}
		change(old)
		old.Changed, old.By = time.Now().UTC(), actor
		return *old, nil
	})
}

func userKey(name string) []byte { return []byte(userPrefix + name) }

// putUser writes what change makes of the account, nil if there is none.
func (s *Store) putUser(ctx context.Context, name string, change func(*User) (User, error)) error {
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	value, err := s.get(userKey(name))
	if err != nil {
		return err
	}
	var old *User
	if value != nil {
		if old, err = decodeUser(value); err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
	}
	u, err := change(old)
	if err != nil {
		return err
	}
	if value, err = json.Marshal(u); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return s.write(userKey(name), value)
}

func decodeUser(value []byte) (*User, error) {
	u := new(User)
	if err := json.Unmarshal(value, u); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return u, nil
}

// User returns an account, or ErrNoUser.
func (s *Store) User(name string) (User, error) {
	if err := s.begin(); err != nil {
		return User{}, err
	}
	defer s.end()
	value, err := s.get(userKey(name))
	if err != nil {
		return User{}, err
	}
	if value == nil {
		return User{}, fmt.Errorf("%s：%w", name, ErrNoUser)
	}
	u, err := decodeUser(value)
	if err != nil {
		return User{}, fmt.Errorf("user %s: %w", name, err)
	}
	return *u, nil
}

// Users returns every account, by name.
func (s *Store) Users() ([]User, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	var list []User
	err := s.scan([]byte(userPrefix), func(key, value []byte) error {
		u, err := decodeUser(value)
		if err != nil {
			return fmt.Errorf("user %s: %w", key[len(userPrefix):], err)
		}
		list = append(list, *u)
		return nil
	})
	return list, err
}

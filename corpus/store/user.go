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

// Roles lists what a member of staff can be, several at once.
var Roles = []string{"editor", "reviewer", "publisher", "operator", "supervisor", "admin", "auditor"}

// A User is a staff account. The password is kept only as an Argon2id hash
// (RFC 9106, second recommended choice: 64 MiB, 3 passes, 4 lanes).
type User struct {
	Name     string        `json:"name"`
	Roles    []string      `json:"roles"`
	Disabled bool          `json:"disabled,omitempty"`
	Created  time.Time     `json:"created"`
	Changed  time.Time     `json:"changed"`
	By       string        `json:"by"`                 // who changed it last
	Password passwordHash  `json:"password"`           // zero: it has none and logs in elsewhere
	External string        `json:"external,omitempty"` // whom an OpenID provider vouches for: issuer, space, subject
	Epoch    uint64        `json:"epoch,omitempty"`    // sessions of an earlier one have ended
	Second   *SecondFactor `json:"second,omitempty"`   // nil: none
}

// A SecondFactor is a time-based one-time password (RFC 6238) and the codes
// that stand in for it.
type SecondFactor struct {
	Secret   string    `json:"secret"` // in base32
	Since    time.Time `json:"since"`
	Last     uint64    `json:"last"`     // the time step of the last code taken; none is taken twice
	Recovery []string  `json:"recovery"` // SHA-256 in hexadecimal of the recovery codes that are left
}

// HasPassword reports whether there is a password to log in with.
func (u User) HasPassword() bool { return len(u.Password.Hash) > 0 }

// Has reports whether the account has one of the roles.
func (u User) Has(role ...string) bool {
	return slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(role, r) })
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

// Verify reports whether password is the account's and the account is open. It
// takes as long for a wrong password, a closed account, and the zero User.
func (u User) Verify(password string) bool {
	hash := u.Password.of(password)
	return subtle.ConstantTimeCompare(hash, u.Password.Hash) == 1 && u.HasPassword() && !u.Disabled
}

var userName = regexp.MustCompile(`^[\p{Han}a-zA-Z0-9][\p{Han}a-zA-Z0-9._-]{0,63}$`)

// CheckName says why no account can have the name, with ErrBadUser.
func CheckName(name string) error {
	if !userName.MatchString(name) {
		return fmt.Errorf("%w：用户名 %q 只能用汉字、字母、数字和 . _ -，最多 64 个", ErrBadUser, name)
	}
	if slices.Contains([]string{ByCommand, BySystem, ByCitizen}, name) {
		return fmt.Errorf("%w：用户名 %s 在审计记录里另有所指", ErrBadUser, name)
	}
	return nil
}

// checkRoles returns the roles in the order of Roles, each once.
func checkRoles(roles []string) ([]string, error) {
	var list []string
	for _, r := range Roles {
		if slices.Contains(roles, r) {
			list = append(list, r)
		}
	}
	for _, r := range roles {
		if !slices.Contains(Roles, r) {
			return nil, fmt.Errorf("%w：角色 %q 不认识，应为 %s 之一", ErrBadUser, r, strings.Join(Roles, "、"))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w：至少要有一个角色：%s", ErrBadUser, strings.Join(Roles, "、"))
	}
	return list, nil
}

// AddUser makes an account. The actor is who does it.
func (s *Store) AddUser(ctx context.Context, actor, name string, roles []string, password string) error {
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	return s.addUser(ctx, actor, User{Name: name, Roles: roles, Password: hashPassword(password)})
}

// InviteUser makes an account that has no password yet.
func (s *Store) InviteUser(ctx context.Context, actor, name string, roles []string) error {
	return s.addUser(ctx, actor, User{Name: name, Roles: roles})
}

// AddExternalUser makes an account without a password, for whom an OpenID
// provider vouches.
func (s *Store) AddExternalUser(ctx context.Context, actor, name string, roles []string, issuer, subject string) error {
	return s.addUser(ctx, actor, User{Name: name, Roles: roles, External: External(issuer, subject)})
}

// External names whom an OpenID provider vouches for.
func External(issuer, subject string) string { return issuer + " " + subject }

func (s *Store) addUser(ctx context.Context, actor string, u User) (err error) {
	if err := CheckName(u.Name); err != nil {
		return err
	}
	if u.Roles, err = checkRoles(u.Roles); err != nil {
		return err
	}
	u.Created = time.Now().UTC()
	u.Changed, u.By = u.Created, actor
	return s.putUser(ctx, actor, "user.add", u.Name, func(old *User) (User, string, error) {
		if old != nil {
			return User{}, "", fmt.Errorf("%s：%w", u.Name, ErrUserExists)
		}
		return u, strings.Join(u.Roles, " "), nil
	})
}

// SetPassword changes an account's password and ends its sessions.
func (s *Store) SetPassword(ctx context.Context, actor, name, password string) error {
	if err := CheckPassword(name, password); err != nil {
		return err
	}
	hash := hashPassword(password)
	return s.changeUser(ctx, actor, "user.password", name, func(u *User) (string, error) {
		u.Password = hash
		u.Epoch++
		return "", nil
	})
}

// ClearPassword takes an account's password away and ends its sessions.
func (s *Store) ClearPassword(ctx context.Context, actor, name string) error {
	return s.changeUser(ctx, actor, "user.reset", name, func(u *User) (string, error) {
		u.Password = passwordHash{}
		u.Epoch++
		return "", nil
	})
}

// SetRoles changes what an account may do and ends its sessions. With the
// roles that it has already nothing happens.
func (s *Store) SetRoles(ctx context.Context, actor, name string, roles []string) error {
	roles, err := checkRoles(roles)
	if err != nil {
		return err
	}
	err = s.changeUser(ctx, actor, "user.roles", name, func(u *User) (string, error) {
		if slices.Equal(u.Roles, roles) {
			return "", ErrUnchanged
		}
		detail := strings.Join(u.Roles, " ") + " → " + strings.Join(roles, " ")
		u.Roles = roles
		u.Epoch++
		return detail, nil
	})
	if errors.Is(err, ErrUnchanged) {
		return nil
	}
	return err
}

// DisableUser closes an account and ends its sessions; what it did stays known.
func (s *Store) DisableUser(ctx context.Context, actor, name string) error {
	return s.changeUser(ctx, actor, "user.disable", name, func(u *User) (string, error) {
		u.Disabled = true
		u.Epoch++
		return "", nil
	})
}

// EnableUser opens a closed account again.
func (s *Store) EnableUser(ctx context.Context, actor, name string) error {
	return s.changeUser(ctx, actor, "user.enable", name, func(u *User) (string, error) {
		u.Disabled = false
		return "", nil
	})
}

// EndSessions ends all sessions of an account.
func (s *Store) EndSessions(ctx context.Context, actor, name string) error {
	return s.changeUser(ctx, actor, "user.sessions", name, func(u *User) (string, error) {
		u.Epoch++
		return "", nil
	})
}

// SetSecondFactor makes of an account's second factor what change makes of it,
// nil for none, and logs that as the given action. Nobody else changes the
// account meanwhile. An error of change is returned as it is and changes
// nothing.
func (s *Store) SetSecondFactor(ctx context.Context, actor, action, name string, change func(*SecondFactor) (*SecondFactor, error)) error {
	return s.changeUser(ctx, actor, action, name, func(u *User) (_ string, err error) {
		u.Second, err = change(u.Second)
		return "", err
	})
}

// changeUser writes an account as change leaves it. The text that change
// returns goes into the audit log.
func (s *Store) changeUser(ctx context.Context, actor, action, name string, change func(*User) (string, error)) error {
	return s.putUser(ctx, actor, action, name, func(old *User) (User, string, error) {
		if old == nil {
			return User{}, "", fmt.Errorf("%s：%w", name, ErrNoUser)
		}
		detail, err := change(old)
		if err != nil {
			return User{}, "", err
		}
		old.Changed, old.By = time.Now().UTC(), actor
		return *old, detail, nil
	})
}

func userKey(name string) []byte { return []byte(userPrefix + name) }

// putUser writes what change makes of the account, nil if there is none.
func (s *Store) putUser(ctx context.Context, actor, action, name string, change func(*User) (User, string, error)) error {
	entry, err := newAudit(actor, action, name, "")
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	unlock, err := s.lockKey(ctx, userKey(name))
	if err != nil {
		return err
	}
	defer unlock()
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
	u, detail, err := change(old)
	if err != nil {
		return err
	}
	if value, err = json.Marshal(u); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	entry.Detail = auditText(detail, maxAuditDetail)
	return s.writeAudited(ctx, entry, userKey(name), value)
}

// decodeUser reads an account, also one of layout 1, which had one role.
func decodeUser(value []byte) (*User, error) {
	var u struct {
		User
		Role string `json:"role"`
	}
	if err := json.Unmarshal(value, &u); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(u.Roles) == 0 && u.Role != "" {
		u.Roles = []string{u.Role}
	}
	return &u.User, nil
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

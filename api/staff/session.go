package staff

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// A Session is who makes a request.
type Session struct {
	// Name is the account, or key:NAME for an API key: the actor of whatever
	// the request changes.
	Name   string
	Roles  []string // none for a key
	Scopes []string // of a key
	CSRF   string   // for the field _csrf or the header X-CSRF-Token; empty for a key

	id     string // of the stored session
	stored storedSession
}

// Has reports whether the session has one of the roles.
func (s Session) Has(role ...string) bool {
	return slices.ContainsFunc(s.Roles, func(r string) bool { return slices.Contains(role, r) })
}

// IsKey reports whether the request came with an API key.
func (s Session) IsKey() bool { return s.Scopes != nil }

// A stage says how far a login has come.
type stage string

const (
	stageFull   stage = ""       // all is proven
	stageSecond stage = "second" // the second factor is still to come
	stageEnrol  stage = "enrol"  // the account needs a second factor and has none yet
)

// A storedSession is the document of a session. Its id is the hash of the
// token in the cookie, so that who reads the store cannot use it.
type storedSession struct {
	User    string    `json:"user"`
	Epoch   uint64    `json:"epoch"` // of the account, when the session began
	Stage   stage     `json:"stage,omitempty"`
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen"` // to the minute
	Secret  []byte    `json:"secret"`
	Pending string    `json:"pending,omitempty"` // the secret of a second factor that is being set up
	Next    string    `json:"next,omitempty"`    // where to go when the login is through
	How     string    `json:"how"`               // password or oidc
	Address string    `json:"address,omitempty"` // the network it began from
	Agent   string    `json:"agent,omitempty"`   // what the browser calls itself
}

const docSession = "session"

// errNotIn means that a request comes from nobody who is logged in.
var errNotIn = errors.New("not logged in")

// seenEvery is how exactly it is known when a session was last used: each
// note of it is a write to the disk.
const seenEvery = time.Minute

// How cookies are called over TLS and without it.
const (
	hostPrefix  = "__Host-govqa-"
	plainPrefix = "govqa-"
)

// cookieName is what a cookie is called. Over TLS its name keeps other hosts
// of the domain from setting it.
func cookieName(c *fiber.Ctx, name string) string {
	if api.Encrypted(c.UserContext()) {
		return hostPrefix + name
	}
	return plainPrefix + name
}

// setCookie gives the browser a cookie that scripts cannot read; with an empty
// value it takes it away. Life 0 is until the browser is closed.
func setCookie(c *fiber.Ctx, name, value string, life time.Duration) {
	cookie := &fiber.Cookie{
		Name: cookieName(c, name), Value: value, Path: "/", HTTPOnly: true,
		Secure: api.Encrypted(c.UserContext()), SameSite: fiber.CookieSameSiteLaxMode,
		MaxAge: int(life.Seconds()),
	}
	if value == "" {
		cookie.Expires = time.Unix(1, 0)
	}
	c.Cookie(cookie)
}

// newToken is a secret that nobody can guess.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// begin begins a session in place of any that the request came with, so that
// no session from before a login is one after it.
func (s *Staff) begin(ctx context.Context, c *fiber.Ctx, u store.User, st storedSession) (token string, err error) {
	if err := s.sweep(ctx); err != nil {
		return "", err
	}
	if old := c.Cookies(cookieName(c, "session")); old != "" {
		if err := s.dropSession(ctx, hashOf(old)); err != nil {
			return "", err
		}
	}
	st.Address, st.Agent = network(api.VisitorOf(ctx)), cut(c.Get(fiber.HeaderUserAgent), 200)
	if token, err = s.mint(ctx, u, st); err != nil {
		return "", err
	}
	setCookie(c, "session", token, 0)
	return token, nil
}

// mint keeps a new session of an account and returns the token for it.
func (s *Staff) mint(ctx context.Context, u store.User, st storedSession) (token string, err error) {
	st.User, st.Epoch = u.Name, u.Epoch
	st.Began, st.Seen = s.now().UTC(), s.now().UTC()
	st.Secret = make([]byte, 32)
	rand.Read(st.Secret) // never fails
	value, err := json.Marshal(st)
	if err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	token = newToken()
	return token, s.store.PutDoc(ctx, u.Name, docSession, hashOf(token), func([]byte) ([]byte, error) { return value, nil })
}

// Admit begins a session of an account for which the caller vouches, as a test
// does, and returns the cookie of it and the token for forms and scripts. It
// works over unencrypted connections.
func (s *Staff) Admit(ctx context.Context, name string) (cookie *http.Cookie, csrf string, err error) {
	u, err := s.store.User(name)
	if err != nil {
		return nil, "", err
	}
	token, err := s.mint(ctx, u, storedSession{How: "vouched"})
	if err != nil {
		return nil, "", err
	}
	st, err := s.readSession(hashOf(token))
	if err != nil {
		return nil, "", err
	}
	return &http.Cookie{Name: plainPrefix + "session", Value: token, Path: "/", HttpOnly: true}, mask(st.Secret), nil
}

// network is what is kept of an address: enough to recognise one's own.
func network(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return ""
	case addr.Is4():
		return addr.String()
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
}

// cut makes a stranger's text fit to be kept.
func cut(text string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "")))
	return string(runes[:min(len(runes), most)])
}

func (s *Staff) dropSession(ctx context.Context, id string) error {
	return s.store.PutDoc(ctx, store.BySystem, docSession, id, func([]byte) ([]byte, error) { return nil, nil })
}

// session is who is logged in and has proven all that is needed. Others get
// errNotIn.
func (s *Staff) session(c *fiber.Ctx) (Session, error) {
	who, err := s.anySession(c)
	if err == nil && who.stored.Stage != stageFull {
		return Session{}, errNotIn
	}
	return who, err
}

// anySession is who has logged in, be it half.
func (s *Staff) anySession(c *fiber.Ctx) (Session, error) {
	token := c.Cookies(cookieName(c, "session"))
	if token == "" {
		return Session{}, errNotIn
	}
	id := hashOf(token)
	st, err := s.readSession(id)
	if err != nil {
		return Session{}, err
	}
	u, err := s.holder(st)
	if errors.Is(err, errNotIn) { // it is of no use to anybody any more
		return Session{}, errors.Join(err, s.dropSession(c.UserContext(), id))
	}
	if err != nil {
		return Session{}, err
	}
	if s.now().Sub(st.Seen) >= seenEvery {
		if err := s.touch(c.UserContext(), id); err != nil {
			return Session{}, err
		}
	}
	return Session{Name: u.Name, Roles: u.Roles, CSRF: mask(st.Secret), id: id, stored: st}, nil
}

func (s *Staff) readSession(id string) (st storedSession, err error) {
	value, err := s.store.Doc(docSession, id)
	if err != nil {
		return st, err
	}
	if value == nil {
		return st, errNotIn
	}
	if err := json.Unmarshal(value, &st); err != nil {
		return st, fmt.Errorf("session: %w", err)
	}
	return st, nil
}

// holder is the account of a session that is still good.
func (s *Staff) holder(st storedSession) (store.User, error) {
	if now := s.now(); now.Sub(st.Seen) > s.cfg.Idle+seenEvery || now.Sub(st.Began) > s.cfg.Most {
		return store.User{}, errNotIn
	}
	u, err := s.store.User(st.User)
	if errors.Is(err, store.ErrNoUser) || err == nil && (u.Disabled || u.Epoch != st.Epoch) {
		return store.User{}, errNotIn
	}
	return u, err
}

// touch notes that a session is in use, unless it has ended meanwhile.
func (s *Staff) touch(ctx context.Context, id string) error {
	return s.changeSession(ctx, id, func(st *storedSession) { st.Seen = s.now().UTC() })
}

func (s *Staff) changeSession(ctx context.Context, id string, change func(*storedSession)) error {
	return s.store.PutDoc(ctx, store.BySystem, docSession, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, nil
		}
		var st storedSession
		if err := json.Unmarshal(old, &st); err != nil {
			return nil, fmt.Errorf("session: %w", err)
		}
		change(&st)
		return json.Marshal(st)
	})
}

// mask hides a secret under a new random pad each time, so that compressed
// pages do not give it away bit by bit.
func mask(secret []byte) string {
	pad := make([]byte, len(secret), 2*len(secret))
	rand.Read(pad) // never fails
	for i, b := range secret {
		pad = append(pad, pad[i]^b)
	}
	return base64.RawURLEncoding.EncodeToString(pad)
}

// sent reports whether text is the session's secret under some pad.
func (s Session) sent(text string) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	secret := s.stored.Secret
	if err != nil || len(secret) == 0 || len(b) != 2*len(secret) {
		return false
	}
	pad, masked := b[:len(secret)], b[len(secret):]
	for i := range masked {
		masked[i] ^= pad[i]
	}
	return subtle.ConstantTimeCompare(masked, secret) == 1
}

// safe reports whether a request changes nothing.
func safe(c *fiber.Ctx) bool { return c.Method() == http.MethodGet || c.Method() == http.MethodHead }

// errForged is for a form that was not sent from our page.
func errForged() error {
	return api.NewProblem(http.StatusForbidden, "这次提交不是从本站的页面发出的，或者页面已经过期。请返回刷新后再试。")
}

// checkForm refuses a form that was not sent from a page of this session.
func (s *Staff) checkForm(c *fiber.Ctx, who Session) error {
	if safe(c) || !s.foreign(c) && who.sent(c.FormValue("_csrf")) {
		return nil
	}
	return errForged()
}

// foreign reports whether a browser says that a request was begun by a page of
// another site.
func (s *Staff) foreign(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" || origin == s.cfg.Origin {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != string(c.Request().Host())
}

// ownPath is next if it is a path of this site, and else the start page.
func ownPath(next string) string {
	u, err := url.Parse(next)
	odd := strings.ContainsFunc(next, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
	if err != nil || odd || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(next, "//") || strings.HasPrefix(u.Path, "//") {
		return "/staff"
	}
	return u.RequestURI()
}

// Package staff lets members of staff and other programs in: accounts,
// sessions, second factors, OpenID Connect and API keys. Every route for them
// is registered through its Router, whose table says which roles may use it.
//
// It promises that a route that is not in the table is denied, that no page of
// it is kept by anybody, that what a login tells is the same whether or not
// the account exists, that guessing is slowed down without locking anybody
// out, and that who did what is in the audit log.
package staff

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus/store"
)

// Config says whom to let in. The zero value, with a store and pages, is fit
// for use.
type Config struct {
	Store *store.Store
	Pages *web.Pages
	Log   *slog.Logger

	// Service is what apps for second factors call the service; empty means govqa.
	Service string
	// Origin is where the service is reached, as https://host, for links that
	// are sent to people; empty means wherever the request that makes one came.
	Origin string

	Idle time.Duration // a session ends after so long without a request; 0 means 30 minutes
	Most time.Duration // and after so long in any case; 0 means 12 hours

	// SecondFactor lists the roles that need a second factor to log in with a
	// password. Nil means admin and publisher; empty means none.
	SecondFactor []string

	// OIDC is where else people can log in; nil means nowhere. Local accounts
	// stay good, for when the provider is away.
	OIDC *OIDC
}

// What [Config] leaves open.
const (
	defaultIdle = 30 * time.Minute
	defaultMost = 12 * time.Hour
)

// Staff lets people in. Make one with New.
type Staff struct {
	cfg      Config
	store    *store.Store
	log      *slog.Logger
	table    []*Route
	brake    *brake
	hashes   chan struct{}                            // a slot for each password that is checked at once
	oidc     *provider                                // nil: none
	secret   []byte                                   // by which browsers are known
	verifies func(u store.User, password string) bool // store.User.Verify
	swept    atomic.Int64                             // when ended sessions were last removed, in Unix seconds
	now      func() time.Time
}

// maxHashes is how many passwords are checked at once: each takes 64 MiB.
const maxHashes = 4

// New returns a Staff that serves its own pages and what the parts register.
// An error says what about them is wrong.
func New(cfg Config, parts ...func(*Router)) (*Staff, error) {
	cfg.Idle = cmp.Or(cfg.Idle, defaultIdle)
	cfg.Most = cmp.Or(cfg.Most, defaultMost)
	cfg.Service = cmp.Or(cfg.Service, "govqa")
	if cfg.SecondFactor == nil {
		cfg.SecondFactor = []string{"admin", "publisher"}
	}
	for _, role := range cfg.SecondFactor {
		if !slices.Contains(store.Roles, role) {
			return nil, fmt.Errorf("两步验证的配置有误：角色 %q 不认识", role)
		}
	}
	s := &Staff{cfg: cfg, store: cfg.Store, log: cfg.Log, hashes: make(chan struct{}, maxHashes), now: time.Now,
		verifies: store.User.Verify}
	s.brake = newBrake(func() time.Time { return s.now() })
	var err error
	if s.secret, err = s.keep(context.Background(), "device"); err != nil {
		return nil, fmt.Errorf("staff: %w", err)
	}
	if s.oidc, err = newProvider(cfg.OIDC, cfg.Origin); err != nil {
		return nil, err
	}
	r := &Router{staff: s}
	s.register(r)
	for _, part := range parts {
		part(r)
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, fmt.Errorf("staff: %w", err)
	}
	return s, nil
}

// register registers the pages of this package.
func (s *Staff) register(r *Router) {
	r.public(http.MethodGet, "/staff/login", s.loginForm)
	r.public(http.MethodPost, "/staff/login", s.login)
	r.public(http.MethodGet, "/staff/setup", s.setupForm)
	r.public(http.MethodPost, "/staff/setup", s.setup)
	if s.oidc != nil {
		r.public(http.MethodGet, "/staff/oidc/start", s.startOIDC)
		r.public(http.MethodGet, "/staff/oidc/callback", s.endOIDC)
	}
	r.unfinished(http.MethodPost, "/staff/logout", s.logout)
	r.unfinished(http.MethodGet, "/staff/second", s.secondForm)
	r.unfinished(http.MethodPost, "/staff/second", s.second)
	r.unfinished(http.MethodGet, "/staff/second/new", s.enrolForm)
	r.unfinished(http.MethodPost, "/staff/second/new", s.enrol)

	r.Page(http.MethodGet, "/staff", Everybody(), s.start)
	r.Page(http.MethodGet, "/staff/account", Everybody(), s.account)
	r.Page(http.MethodPost, "/staff/account/password", Everybody(), s.setPassword)
	r.Page(http.MethodPost, "/staff/account/second", Everybody(), s.renewSecond)
	r.Page(http.MethodPost, "/staff/account/second/drop", Everybody(), s.dropSecond)
	r.Page(http.MethodPost, "/staff/account/sessions", Everybody(), s.endSessions)
	r.Own(http.MethodPost, "/staff/account/sessions")

	admin := []string{"admin"}
	r.Page(http.MethodGet, "/staff/users", admin, s.users)
	r.Page(http.MethodPost, "/staff/users", admin, s.addUser)
	r.Page(http.MethodPost, "/staff/users/roles", admin, s.setRoles)
	r.Page(http.MethodPost, "/staff/users/act", admin, s.actOnUser)
	r.Menu("/staff/users", "账号")
	r.Page(http.MethodGet, "/staff/keys", admin, s.keys)
	r.Page(http.MethodPost, "/staff/keys", admin, s.addKey)
	r.Page(http.MethodPost, "/staff/keys/act", admin, s.actOnKey)
	r.Menu("/staff/keys", "接口密钥")

	auditor := []string{"auditor"}
	r.Page(http.MethodGet, "/staff/audit", auditor, s.audit)
	r.Page(http.MethodGet, "/staff/audit/export", auditor, s.exportAudit)
	r.Page(http.MethodPost, "/staff/audit/verify", auditor, s.verifyAudit)
	r.Menu("/staff/audit", "审计")
}

// Everybody is every role: for what all members of staff may do.
func Everybody() []string { return store.Roles }

// Mount serves everything in the table.
func (s *Staff) Mount(app *fiber.App) {
	for _, route := range s.table {
		if route.Method == http.MethodGet {
			app.Add(http.MethodHead, route.Path, route.serve)
		}
		app.Add(route.Method, route.Path, route.serve)
	}
	// What is not in the table is denied, and looks alike to whoever is not in.
	for _, prefix := range []string{"/staff", "/console", "/desk"} {
		app.Use(prefix, s.deny)
	}
}

// deny refuses what is not in the table.
func (s *Staff) deny(c *fiber.Ctx) error {
	secure(c)
	who, err := s.session(c)
	if err == nil {
		err = api.NewProblem(http.StatusNotFound, "")
	}
	return s.failPage(c, who, err)
}

// A pageHandler serves one request of a member of staff. Its context has a
// deadline.
type pageHandler func(ctx context.Context, c *fiber.Ctx, who Session) error

// secure sets the headers of every reply to staff: it is not kept, not shown
// in a frame, and loads nothing but our own files.
func secure(c *fiber.Ctx) {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// Render writes a page of templates/staff for who, with the menu that their
// roles give.
func (s *Staff) Render(c *fiber.Ctx, who Session, status int, page, title string, main any, scripts ...string) error {
	var buf bytes.Buffer
	err := s.cfg.Pages.Staff(&buf, page, web.StaffPage{
		Title: title, Name: who.Name, Roles: who.Roles, Menu: s.menu(who, c.Path()), CSRF: who.CSRF, Scripts: scripts, Main: main,
	})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Status(status).Send(buf.Bytes())
}

// menu lists the pages that who may open, and marks the one that path is or
// belongs to.
func (s *Staff) menu(who Session, path string) []web.MenuLink {
	var links []web.MenuLink
	here, longest := -1, 0
	for _, r := range s.table {
		if r.Label == "" || !who.Has(r.Roles...) {
			continue
		}
		if (path == r.Path || strings.HasPrefix(path, r.Path+"/")) && len(r.Path) > longest {
			here, longest = len(links), len(r.Path)
		}
		links = append(links, web.MenuLink{Label: r.Label, Path: r.Path})
	}
	if here >= 0 {
		links[here].Here = true
	}
	return links
}

// A message is a page that says one thing.
type message struct {
	Text, Back string
	Failed     bool
}

// failPage shows an error as a page; whoever is not logged in is led to the
// login instead.
func (s *Staff) failPage(c *fiber.Ctx, who Session, err error) error {
	if errors.Is(err, errNotIn) {
		return s.toLogin(c)
	}
	p := api.ProblemOf(err)
	for key, values := range p.GetHeaders() {
		c.Set(key, values[0])
	}
	if p.Status >= http.StatusInternalServerError {
		s.log.ErrorContext(c.UserContext(), "staff page not served", "request", api.RequestID(c.UserContext()), "status", p.Status, "err", err)
	}
	back := "/staff"
	if who.Name == "" {
		back = "/staff/login"
	}
	return s.Render(c, who, p.Status, "message", p.Title, message{Text: cmp.Or(p.Detail, p.Title), Back: back, Failed: true})
}

// start is the first page after the login.
func (s *Staff) start(_ context.Context, c *fiber.Ctx, who Session) error {
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	main := struct {
		Hints []hint
		Links []web.MenuLink
	}{hints(u), s.menu(who, "")}
	return s.Render(c, who, http.StatusOK, "start", who.Name+"，您好", main)
}

// fewCodes is how many recovery codes are so few that it is worth a word.
const fewCodes = 3

func hints(u store.User) (list []hint) {
	switch {
	case u.Second == nil && u.HasPassword():
		list = append(list, hint{"您的账号还没有两步验证，密码一旦泄露就能登录。", "/staff/account"})
	case u.Second != nil && len(u.Second.Recovery) <= fewCodes:
		list = append(list, hint{fmt.Sprintf("备用码只剩 %d 个。重新设置两步验证可以得到新的。", len(u.Second.Recovery)), "/staff/account"})
	}
	return list
}

// A hint says what a member of staff should see to.
type hint struct{ Text, Path string }

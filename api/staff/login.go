package staff

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// How strictly logins are watched. A browser from which an account was
// entered before is watched by itself, so that strangers who try the account's
// name do not slow down its owner.
var (
	paceDevice  = pace{free: 10, forgive: 10 * time.Minute, most: 15 * time.Minute}
	pacePair    = pace{free: 5, forgive: 10 * time.Minute, most: 15 * time.Minute} // one account from one network
	paceAccount = pace{free: 25, forgive: 5 * time.Minute, most: time.Minute}      // one account from strange browsers everywhere
	paceNetwork = pace{free: 60, forgive: 10 * time.Second, most: time.Minute}     // all accounts from one network
)

// paceUnknown is how many logins to accounts that do not exist are logged.
var paceUnknown = pace{free: 100, forgive: time.Minute, most: time.Minute}

// hashWait is how long a login waits for its turn to be checked.
const hashWait = 5 * time.Second

// formLife is how long a form of the login may lie about.
const formLife = 12 * time.Hour

// A loginPage is the form to log in with.
type loginPage struct {
	Name, Next, Problem string
	Exposed             bool   // sent unencrypted over a network
	OIDC                string // what the other way to log in is called; empty: there is none
}

func (s *Staff) loginForm(c *fiber.Ctx) error {
	next := ownPath(c.Query("next"))
	if _, err := s.session(c); err == nil {
		return c.Redirect(next, http.StatusSeeOther)
	} else if !errors.Is(err, errNotIn) {
		return err
	}
	return s.showLogin(c, http.StatusOK, loginPage{Next: next})
}

func (s *Staff) showLogin(c *fiber.Ctx, status int, page loginPage) error {
	page.Exposed = exposed(c)
	if s.oidc != nil {
		page.OIDC = s.oidc.Name
	}
	return s.Render(c, Session{CSRF: formToken(c)}, status, "login", "登录工作台", page)
}

// exposed reports whether what is typed can be read on its way.
func exposed(c *fiber.Ctx) bool {
	return !api.Encrypted(c.UserContext()) && !api.IsLocal(c.UserContext())
}

// formToken is the token of a form for who has no session: the same as in a
// cookie of the browser, which pages of other sites can neither read nor set.
func formToken(c *fiber.Ctx) string {
	token := c.Cookies(cookieName(c, "form"))
	if len(token) != len(newToken()) {
		token = newToken()
	}
	setCookie(c, "form", token, formLife)
	return token
}

// ownForm refuses a form that was not sent from our page in this browser.
func (s *Staff) ownForm(c *fiber.Ctx) error {
	token := c.Cookies(cookieName(c, "form"))
	if s.foreign(c) || token == "" || subtle.ConstantTimeCompare([]byte(c.FormValue("_csrf")), []byte(token)) != 1 {
		return errForged()
	}
	return nil
}

// toLogin leads whoever is not in to where they get in, and back afterwards.
func (s *Staff) toLogin(c *fiber.Ctx) error {
	to := "/staff/login"
	if who, err := s.anySession(c); err == nil {
		to = who.stored.Stage.path()
	} else if safe(c) && c.Path() != "/staff" {
		to += "?" + url.Values{"next": {ownPath(c.OriginalURL())}}.Encode()
	}
	return c.Redirect(to, http.StatusSeeOther)
}

// path is where a login goes on.
func (st stage) path() string {
	switch st {
	case stageSecond:
		return "/staff/second"
	case stageEnrol:
		return "/staff/second/new"
	}
	return "/staff"
}

// login checks a name and a password. Whatever is wrong with them, it takes as
// long and says the same.
func (s *Staff) login(c *fiber.Ctx) error {
	if err := s.ownForm(c); err != nil {
		return err
	}
	ctx := c.UserContext()
	page := loginPage{Name: cut(strings.TrimSpace(c.FormValue("name")), 64), Next: ownPath(c.FormValue("next"))}
	names := s.watch(c, page.Name)
	if wait := s.brake.try(names...); wait > 0 {
		return s.tooOften(c, page, wait)
	}
	u, err := s.verify(ctx, page.Name, c.FormValue("password"))
	switch {
	case errors.Is(err, errWrong):
		page.Problem = "用户名或密码不对。"
		return s.showLogin(c, http.StatusUnauthorized, page)
	case err != nil:
		s.brake.undo(namesOf(names)...)
		return err
	}
	s.brake.undo(networkName(c))
	s.brake.passed(namesOf(names[:len(names)-1])...)
	return s.enter(ctx, c, u, storedSession{How: "password", Next: page.Next, Stage: s.stageOf(u)})
}

func (s *Staff) tooOften(c *fiber.Ctx, page loginPage, wait time.Duration) error {
	seconds := int(math.Ceil(wait.Seconds()))
	c.Set(fiber.HeaderRetryAfter, fmt.Sprint(seconds))
	page.Problem = fmt.Sprintf("尝试的次数太多，请过 %d 秒再试。", seconds)
	return s.showLogin(c, http.StatusTooManyRequests, page)
}

// watch lists what a login to an account counts under, the network last.
func (s *Staff) watch(c *fiber.Ctx, name string) []watched {
	where := watched{networkName(c), paceNetwork}
	if device := s.device(c, name); device != "" {
		return []watched{{"device " + device, paceDevice}, where}
	}
	return []watched{{"pair " + name + " " + where.name, pacePair}, {"account " + name, paceAccount}, where}
}

func networkName(c *fiber.Ctx) string { return "network " + network(api.VisitorOf(c.UserContext())) }

func namesOf(list []watched) []string {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.name
	}
	return names
}

// errWrong means that a name and a password do not belong together.
var errWrong = errors.New("wrong name or password")

// verify returns the account if the password is its own, and says in the audit
// log if not. A name that is no account's is not logged: it may well be a
// password.
func (s *Staff) verify(ctx context.Context, name, password string) (store.User, error) {
	u, err := s.store.User(name)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNoUser) {
		return u, err
	}
	right, err := s.check(ctx, u, password)
	if err != nil {
		return u, err
	}
	if known && right {
		return u, nil
	}
	object := "（不存在的账号）"
	if known {
		object = u.Name
	} else if s.brake.try(watched{object, paceUnknown}) > 0 {
		return u, errWrong // names that are made up must not fill the disk
	}
	if err := s.failed(ctx, object); err != nil {
		return u, err
	}
	return u, errWrong
}

// check compares a password with an account's, when it is its turn.
func (s *Staff) check(ctx context.Context, u store.User, password string) (bool, error) {
	turn := time.NewTimer(hashWait)
	defer turn.Stop()
	select {
	case s.hashes <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-turn.C:
		return false, api.NewProblem(http.StatusServiceUnavailable, "现在登录的人较多，请过几秒再试。").After(hashWait)
	}
	defer func() { <-s.hashes }()
	return s.verifies(u, password), nil
}

// stageOf is how far a good password brings an account.
func (s *Staff) stageOf(u store.User) stage {
	switch {
	case u.Second != nil:
		return stageSecond
	case s.needsSecond(u):
		return stageEnrol
	}
	return stageFull
}

// needsSecond reports whether an account cannot do with a password alone.
func (s *Staff) needsSecond(u store.User) bool {
	return slices.ContainsFunc(u.Roles, func(r string) bool { return slices.Contains(s.cfg.SecondFactor, r) })
}

// enter begins a session and leads to where it goes on.
func (s *Staff) enter(ctx context.Context, c *fiber.Ctx, u store.User, st storedSession) error {
	if _, err := s.begin(ctx, c, u, st); err != nil {
		return err
	}
	if st.Stage != stageFull {
		return c.Redirect(st.Stage.path(), http.StatusSeeOther)
	}
	if err := s.store.Audit(ctx, u.Name, "login", st.How, network(api.VisitorOf(ctx))); err != nil {
		return err
	}
	s.know(c, u.Name)
	return c.Redirect(ownPath(st.Next), http.StatusSeeOther)
}

// logout ends the session.
func (s *Staff) logout(ctx context.Context, c *fiber.Ctx, who Session) error {
	if err := s.dropSession(ctx, who.id); err != nil {
		return err
	}
	if err := s.store.Audit(ctx, who.Name, "logout", "", ""); err != nil {
		return err
	}
	setCookie(c, "session", "", 0)
	c.Set("Clear-Site-Data", `"cache"`)
	return c.Redirect("/staff/login", http.StatusSeeOther)
}

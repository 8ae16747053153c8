package staff_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus/store"
)

var (
	secretShown = regexp.MustCompile(`id="secret">([A-Z2-7 ]+)<`)
	codeShown   = regexp.MustCompile(`<li class="code">([a-z2-7-]+)</li>`)
	linkShown   = regexp.MustCompile(`/staff/setup\?token=[A-Za-z0-9_-]+`)
)

// find is what the group of the pattern takes of a page.
func find(t testing.TB, pattern *regexp.Regexp, r stafftest.Reply) string {
	t.Helper()
	m := pattern.FindStringSubmatch(r.Body)
	if m == nil {
		t.Fatalf("no %v in %d %s", pattern, r.Status, r.Body)
	}
	return m[len(m)-1]
}

// submit opens a page and sends a form with its token to another address.
func submit(t testing.TB, c *stafftest.Client, page, to string, form url.Values) stafftest.Reply {
	t.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set("_csrf", find(t, csrfField, c.Get(page)))
	return c.Post(to, form)
}

// to requires that a reply leads to a path.
func to(t testing.TB, what, path string, r stafftest.Reply) {
	t.Helper()
	if r.Status != http.StatusSeeOther || r.Header.Get("Location") != path {
		t.Fatalf("%s: %d to %q, want %s; %s", what, r.Status, r.Header.Get("Location"), path, r.Body)
	}
}

// code is the code of a secret at a time.
func code(t testing.TB, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// enrolled is a site with an admin whose second factor was set up on the way
// in, and the secret and the recovery codes of it.
func enrolled(t *testing.T) (site *stafftest.Site, clock *staff.Clock, c *stafftest.Client, secret string, recovery []string) {
	t.Helper()
	site = stafftest.Open(t, staff.Config{})
	clock = staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	if err := site.Store.AddUser(t.Context(), "命令", "root", []string{"admin"}, password); err != nil {
		t.Fatal(err)
	}
	c = site.Stranger(t)
	to(t, "a password alone", "/staff/second/new", logIn(t, c, "root", password, "/staff/keys"))
	for _, path := range []string{"/staff", "/staff/users", "/staff/account", "/staff/second"} {
		to(t, "before the second factor is set up, "+path, "/staff/second/new", c.Get(path))
	}
	half := c.Cookies()
	secret = find(t, secretShown, c.Get("/staff/second/new"))
	if again := find(t, secretShown, c.Get("/staff/second/new")); again != secret {
		t.Errorf("the secret changes when the page is opened again")
	}
	if r := submit(t, c, "/staff/second/new", "/staff/second/new", url.Values{"code": {"000000"}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong first code: %d", r.Status)
	}
	r := submit(t, c, "/staff/second/new", "/staff/second/new", url.Values{"code": {code(t, secret, clock.Now())}})
	for _, m := range codeShown.FindAllStringSubmatch(r.Body, -1) {
		recovery = append(recovery, m[1])
	}
	if r.Status != http.StatusOK || len(recovery) != 10 || !strings.Contains(r.Body, `href="/staff/keys"`) {
		t.Fatalf("set up: %d, %d recovery codes, %s", r.Status, len(recovery), r.Body)
	}
	if r := c.Get("/staff/users"); r.Status != http.StatusOK {
		t.Fatalf("after the set-up: %d", r.Status)
	}
	old := site.Stranger(t)
	for _, cookie := range half {
		old.SetCookie(cookie)
	}
	if r := old.Get("/staff/users"); r.Status != http.StatusSeeOther {
		t.Errorf("the session from before the second factor was set up: %d", r.Status)
	}
	return site, clock, c, secret, recovery
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	site, clock, _, secret, recovery := enrolled(t)
	half := func() *stafftest.Client {
		c := site.Stranger(t)
		to(t, "a password alone", "/staff/second", logIn(t, c, "root", password, "/staff/keys"))
		to(t, "a page with a password alone", "/staff/second", c.Get("/staff/users"))
		to(t, "a new secret with a password alone", "/staff/second", c.Get("/staff/second/new"))
		return c
	}
	give := func(c *stafftest.Client, text string) stafftest.Reply {
		return submit(t, c, "/staff/second", "/staff/second", url.Values{"code": {text}})
	}
	if r := give(half(), code(t, secret, clock.Now())); r.Status != http.StatusUnauthorized {
		t.Errorf("the code by which it was set up, again: %d", r.Status)
	}
	clock.Advance(30 * time.Second)
	c, now := half(), code(t, secret, clock.Now())
	to(t, "the code", "/staff/keys", give(c, now[:3]+" "+now[3:]))
	if r := c.Get("/staff/users"); r.Status != http.StatusOK {
		t.Errorf("after the code: %d", r.Status)
	}
	if r := give(half(), now); r.Status != http.StatusUnauthorized {
		t.Errorf("the code again: %d", r.Status)
	}
	clock.Advance(5 * time.Minute)
	for what, at := range map[string]time.Time{"two periods old": clock.Now().Add(-time.Minute), "two periods early": clock.Now().Add(time.Minute)} {
		if r := give(half(), code(t, secret, at)); r.Status != http.StatusUnauthorized {
			t.Errorf("a code %s: %d", what, r.Status)
		}
	}
	to(t, "a code one period old", "/staff/keys", give(half(), code(t, secret, clock.Now().Add(-30*time.Second))))
	to(t, "a recovery code", "/staff/keys", give(half(), strings.ToUpper(recovery[3])))
	if r := give(half(), recovery[3]); r.Status != http.StatusUnauthorized {
		t.Errorf("the recovery code again: %d", r.Status)
	}
	u, err := site.Store.User("root")
	if err != nil || len(u.Second.Recovery) != 9 || strings.Contains(strings.Join(u.Second.Recovery, ""), strings.ReplaceAll(recovery[0], "-", "")) {
		t.Errorf("recovery codes kept: %v, %v", u.Second.Recovery, err)
	}
}

func TestSecondFactorCannotBeGuessed(t *testing.T) {
	t.Parallel()
	site, clock, _, secret, _ := enrolled(t)
	clock.Advance(time.Minute)
	right, last := code(t, secret, clock.Now()), stafftest.Reply{}
	for range 8 { // a new session each time changes nothing
		c := site.Stranger(t)
		logIn(t, c, "root", password, "")
		last = submit(t, c, "/staff/second", "/staff/second", url.Values{"code": {"000000"}})
	}
	if last.Status != http.StatusTooManyRequests {
		t.Fatalf("the eighth guess: %d", last.Status)
	}
	c := site.Stranger(t)
	logIn(t, c, "root", password, "")
	if r := submit(t, c, "/staff/second", "/staff/second", url.Values{"code": {right}}); r.Status != http.StatusTooManyRequests {
		t.Errorf("the right code while guessing is slowed down: %d", r.Status)
	}
	clock.Advance(15 * time.Minute)
	if r := submit(t, c, "/staff/second", "/staff/second", url.Values{"code": {code(t, secret, clock.Now())}}); r.Status != http.StatusSeeOther {
		t.Errorf("after the wait: %d", r.Status)
	}
}

func TestSecondFactorIsChangedWithThePassword(t *testing.T) {
	t.Parallel()
	site, clock, c, secret, _ := enrolled(t)
	if r := submit(t, c, "/staff/account", "/staff/account/second", url.Values{"password": {"wrong"}}); r.Status != http.StatusForbidden {
		t.Errorf("with a wrong password: %d", r.Status)
	}
	if r := submit(t, c, "/staff/account", "/staff/account/second/drop", url.Values{"password": {password}}); r.Status != http.StatusForbidden {
		t.Errorf("an admin without a second factor: %d", r.Status)
	}
	to(t, "with the password", "/staff/second/new", submit(t, c, "/staff/account", "/staff/account/second", url.Values{"password": {password}}))
	newer := find(t, secretShown, c.Get("/staff/second/new"))
	if newer == secret {
		t.Error("the same secret")
	}
	other := site.As(t, "root")
	if r := submit(t, c, "/staff/second/new", "/staff/second/new", url.Values{"code": {code(t, newer, clock.Now())}}); r.Status != http.StatusOK {
		t.Fatalf("the first code: %d %s", r.Status, r.Body)
	}
	if r := other.Get("/staff"); r.Status != http.StatusSeeOther {
		t.Errorf("another session after the change: %d", r.Status)
	}
	if r := c.Get("/staff"); r.Status != http.StatusOK {
		t.Errorf("the own session after the change: %d", r.Status)
	}

	// Who need not have one may do without.
	if err := site.Store.SetRoles(t.Context(), "命令", "root", []string{"editor"}); err != nil {
		t.Fatal(err)
	}
	c = site.As(t, "root")
	to(t, "an editor drops it", "/staff/account", submit(t, c, "/staff/account", "/staff/account/second/drop", url.Values{"password": {password}}))
	if u, err := site.Store.User("root"); err != nil || u.Second != nil {
		t.Errorf("second factor %v, %v", u.Second, err)
	}
}

// setupPath is the path of the link to make the first account.
func setupPath(t *testing.T, site *stafftest.Site) string {
	t.Helper()
	link, err := site.Staff.SetupLink(t.Context(), site.URL)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(link, site.URL)
}

func TestFirstAccount(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, staff.Config{})
	old, path := setupPath(t, site), setupPath(t, site)
	c := site.Stranger(t)
	if r := c.Get(old); r.Status != http.StatusNotFound {
		t.Errorf("the link before: %d", r.Status)
	}
	token := path[strings.Index(path, "=")+1:]
	for _, row := range []struct {
		what, name, new, again, says string
	}{
		{"two passwords", "root", password, password + "!", "不一样"},
		{"a common password", "root", "password1password1", "password1password1", "太容易猜到"},
		{"no name", "", password, password, "用户名"},
		{"a name of the audit log", "命令", password, password, "另有所指"},
		{"a name with a slash", "a/b", password, password, "用户名"},
	} {
		r := submit(t, c, path, "/staff/setup", url.Values{"token": {token}, "name": {row.name}, "new": {row.new}, "again": {row.again}})
		if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, row.says) {
			t.Errorf("%s: %d %s", row.what, r.Status, r.Body)
		}
	}
	// Many at once with the same link make one account.
	var wg sync.WaitGroup
	made := make(chan string, 4)
	names := []string{"root1", "root2", "root3", "root4"}
	clients, forms := make([]*stafftest.Client, len(names)), make([]url.Values, len(names))
	for i, name := range names {
		clients[i] = site.Stranger(t)
		forms[i] = url.Values{"_csrf": {find(t, csrfField, clients[i].Get(path))}, "token": {token}, "name": {name}, "new": {password}, "again": {password}}
	}
	for i, name := range names {
		wg.Go(func() {
			if r := clients[i].Post("/staff/setup", forms[i]); r.Status == http.StatusSeeOther && r.Header.Get("Location") == "/staff/second/new" {
				made <- name
			}
		})
	}
	wg.Wait()
	if len(made) != 1 {
		t.Errorf("%d logins with one link", len(made))
	}
	users, err := site.Store.Users()
	if err != nil || len(users) != 1 || !users[0].Has("admin") || users[0].By != users[0].Name {
		t.Errorf("accounts %+v, %v", users, err)
	}
	if r := site.Stranger(t).Get(path); r.Status != http.StatusNotFound {
		t.Errorf("the link once more: %d", r.Status)
	}
	if again := setupPath(t, site); again != "" {
		t.Errorf("another link although there is an account: %s", again)
	}
}

func TestSetupLinkExpires(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, staff.Config{})
	clock := staff.Stop(site.Staff)
	path := setupPath(t, site)
	if r := site.Stranger(t).Get(path); r.Status != http.StatusOK {
		t.Fatalf("the link: %d", r.Status)
	}
	clock.Advance(24 * time.Hour)
	if r := site.Stranger(t).Get(path); r.Status != http.StatusNotFound {
		t.Errorf("a day later: %d", r.Status)
	}
	// An account made elsewhere ends it too.
	path = setupPath(t, site)
	if err := site.Store.AddUser(t.Context(), "命令", "root", []string{"admin"}, password); err != nil {
		t.Fatal(err)
	}
	if r := site.Stranger(t).Get(path); r.Status != http.StatusNotFound {
		t.Errorf("after the command line made an account: %d", r.Status)
	}
}

func TestAdminInvites(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, noSecond)
	clock := staff.Stop(site.Staff)
	admin := site.As(t, "root", "admin")
	r := submit(t, admin, "/staff/users", "/staff/users", url.Values{"name": {"小张"}, "role": {"editor", "reviewer"}})
	path := find(t, regexp.MustCompile(`(/staff/setup\?token=[A-Za-z0-9_-]+)`), r)
	c := site.Stranger(t)
	set := func(path, name string) stafftest.Reply {
		return submit(t, c, path, "/staff/setup", url.Values{"token": {path[strings.Index(path, "=")+1:]}, "name": {name}, "new": {password}, "again": {password}})
	}
	to(t, "the link", "/staff", set(path, "别人")) // the name is that of the link
	if u, err := site.Store.User("小张"); err != nil || !u.Verify(password) || !u.Has("reviewer") {
		t.Errorf("account %+v, %v", u, err)
	}
	if _, err := site.Store.User("别人"); err == nil {
		t.Error("an account of another name was made")
	}
	if r := c.Get(path); r.Status != http.StatusNotFound {
		t.Errorf("the link again: %d", r.Status)
	}
	for _, row := range []struct {
		what  string
		form  url.Values
		want  int
		says  string
		where string
	}{
		{"the same name", url.Values{"name": {"小张"}, "role": {"editor"}}, http.StatusConflict, "已经有", "/staff/users"},
		{"no role", url.Values{"name": {"小赵"}}, http.StatusUnprocessableEntity, "至少要有一个角色", "/staff/users"},
		{"a role that does not exist", url.Values{"name": {"小赵"}, "role": {"king"}}, http.StatusUnprocessableEntity, "不认识", "/staff/users"},
		{"the own admin role", url.Values{"name": {"root"}, "role": {"auditor"}}, http.StatusUnprocessableEntity, "自己", "/staff/users/roles"},
		{"the own account", url.Values{"name": {"root"}, "act": {"disable"}}, http.StatusUnprocessableEntity, "自己", "/staff/users/act"},
		{"nobody", url.Values{"name": {"nobody"}, "act": {"disable"}}, http.StatusNotFound, "没有这个账号", "/staff/users/act"},
		{"an unknown act", url.Values{"name": {"小张"}, "act": {"x"}}, http.StatusUnprocessableEntity, "没有这样", "/staff/users/act"},
	} {
		if r := submit(t, admin, "/staff/users", row.where, row.form); r.Status != row.want || !strings.Contains(r.Body, row.says) {
			t.Errorf("%s: %d %s", row.what, r.Status, r.Body)
		}
	}

	// A reset ends the old password and sessions at once, and a second reset
	// the first link.
	r = submit(t, admin, "/staff/users", "/staff/users/act", url.Values{"name": {"小张"}, "act": {"password"}})
	first := linkShown.FindString(r.Body)
	if r := c.Get("/staff"); r.Status != http.StatusSeeOther {
		t.Errorf("the session after the reset: %d", r.Status)
	}
	if r := logIn(t, site.Stranger(t), "小张", password, ""); r.Status != http.StatusUnauthorized {
		t.Errorf("the old password after the reset: %d", r.Status)
	}
	r = submit(t, admin, "/staff/users", "/staff/users/act", url.Values{"name": {"小张"}, "act": {"password"}})
	second := linkShown.FindString(r.Body)
	if r := site.Stranger(t).Get(first); r.Status != http.StatusNotFound {
		t.Errorf("the first link: %d", r.Status)
	}
	clock.Advance(72 * time.Hour)
	if r := site.Stranger(t).Get(second); r.Status != http.StatusNotFound {
		t.Errorf("the second link, three days later: %d", r.Status)
	}
}

func TestAdminChangesAccounts(t *testing.T) {
	t.Parallel()
	site, _, admin, _, _ := enrolled(t)
	if err := site.Store.AddUser(t.Context(), "命令", "小张", []string{"publisher"}, password); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.SetSecondFactor(t.Context(), "小张", "user.second", "小张", func(*store.SecondFactor) (*store.SecondFactor, error) {
		return &store.SecondFactor{Secret: "AAAA"}, nil
	}); err != nil {
		t.Fatal(err)
	}
	act := func(act string) stafftest.Reply {
		return submit(t, admin, "/staff/users", "/staff/users/act", url.Values{"name": {"小张"}, "act": {act}})
	}
	for _, row := range []struct {
		act  string
		want func(store.User) bool
	}{
		{"second", func(u store.User) bool { return u.Second == nil }},
		{"sessions", func(u store.User) bool { return !u.Disabled }},
		{"disable", func(u store.User) bool { return u.Disabled }},
		{"enable", func(u store.User) bool { return !u.Disabled }},
	} {
		c := site.As(t, "小张")
		to(t, row.act, "/staff/users", act(row.act))
		if u, err := site.Store.User("小张"); err != nil || !row.want(u) {
			t.Errorf("%s: %+v, %v", row.act, u, err)
		}
		if r := c.Get("/staff"); r.Status != http.StatusSeeOther && row.act != "enable" {
			t.Errorf("%s: the session lives on", row.act)
		}
	}
	// What one may do oneself changes the own session, too.
	before := admin.Cookies()
	to(t, "own roles", "/staff/users", submit(t, admin, "/staff/users", "/staff/users/roles", url.Values{"name": {"root"}, "role": {"admin", "auditor"}}))
	if r := admin.Get("/staff/audit"); r.Status != http.StatusOK {
		t.Errorf("the new role: %d", r.Status)
	}
	old := site.Stranger(t)
	for _, c := range before {
		old.SetCookie(c)
	}
	if r := old.Get("/staff"); r.Status != http.StatusSeeOther {
		t.Errorf("the session with the old roles: %d", r.Status)
	}
}

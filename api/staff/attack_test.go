package staff_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus/store"
)

// withUsers is a site without second factors on which accounts with password
// exist.
func withUsers(t *testing.T, names ...string) *stafftest.Site {
	t.Helper()
	site := stafftest.Open(t, noSecond, func(r *staff.Router) {
		r.Page(http.MethodGet, "/console/x", []string{"editor"}, func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString("of " + who.Name)
		})
		r.JSON(http.MethodPost, "/api/v1/console/x", []string{"editor"}, "content", func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString("by " + who.Name)
		})
	})
	for _, name := range names {
		if err := site.Store.AddUser(t.Context(), "命令", name, []string{"editor"}, password); err != nil {
			t.Fatal(err)
		}
	}
	return site
}

// isIn reports whether a browser is logged in.
func isIn(c *stafftest.Client) bool { return c.Get("/console/x").Status == http.StatusOK }

// from logs in from a network, in a browser that was closed since the last
// login.
func from(t *testing.T, c *stafftest.Client, network, name, password string) stafftest.Reply {
	t.Helper()
	c.SetCookie(&http.Cookie{Name: "govqa-session", Path: "/", MaxAge: -1})
	form := c.Get("/staff/login")
	m := csrfField.FindStringSubmatch(form.Body)
	if m == nil {
		t.Fatalf("no token in the login form: %d %s", form.Status, form.Body)
	}
	body := url.Values{"_csrf": {m[1]}, "name": {name}, "password": {password}}.Encode()
	return c.Do(http.MethodPost, "/staff/login", body, "Content-Type: application/x-www-form-urlencoded", "X-Forwarded-For: "+network)
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李", "小王")
	clock := staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	owner := site.Stranger(t)
	if r := from(t, owner, "198.51.100.7", "小李", password); r.Status != http.StatusSeeOther {
		t.Fatalf("the owner's first login: %d", r.Status)
	}
	attacker, wait := site.Stranger(t), 0
	for i := range 8 {
		r := from(t, attacker, "203.0.113.9", "小李", fmt.Sprint("guess number ", i))
		switch {
		case i < 6 && r.Status != http.StatusUnauthorized:
			t.Fatalf("guess %d: %d", i, r.Status)
		case i >= 6:
			if r.Status != http.StatusTooManyRequests {
				t.Fatalf("guess %d: %d", i, r.Status)
			}
			seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
			if err != nil || seconds < 1 {
				t.Fatalf("Retry-After %q", r.Header.Get("Retry-After"))
			}
			if seconds <= wait {
				t.Errorf("guess %d must wait %d s, the one before %d s", i, seconds, wait)
			}
			wait = seconds
			clock.Advance(time.Duration(seconds) * time.Second)
			from(t, attacker, "203.0.113.9", "小李", "one more guess") // counts, and doubles the wait
		}
	}
	if r := from(t, attacker, "203.0.113.9", "小李", password); r.Status != http.StatusTooManyRequests {
		t.Errorf("the right password while guessing is slowed down: %d", r.Status)
	}
	// The owner, in the browser that is known, and others notice nothing.
	if r := from(t, owner, "198.51.100.7", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("the owner from the known browser: %d", r.Status)
	}
	if r := from(t, owner, "203.0.113.9", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("the owner from the known browser in the attacker's network: %d", r.Status)
	}
	if r := from(t, site.Stranger(t), "198.51.100.8", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("the owner from a new browser elsewhere: %d", r.Status)
	}
	if r := from(t, site.Stranger(t), "198.51.100.9", "小王", password); r.Status != http.StatusSeeOther {
		t.Errorf("another account: %d", r.Status)
	}
	// Nobody is shut out for good.
	clock.Advance(15 * time.Minute)
	if r := from(t, site.Stranger(t), "203.0.113.9", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("after the wait: %d", r.Status)
	}
}

// TestGuessingFromEverywhere: many networks together are slowed down too, and
// a known browser still gets in.
func TestGuessingFromEverywhere(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	clock := staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	owner := site.Stranger(t)
	if r := from(t, owner, "198.51.100.7", "小李", password); r.Status != http.StatusSeeOther {
		t.Fatalf("the owner's first login: %d", r.Status)
	}
	refused := 0
	for i := range 32 {
		if r := from(t, site.Stranger(t), fmt.Sprintf("203.0.113.%d", i), "小李", "a guess"); r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("%d of 32 guesses from as many networks were refused", refused)
	}
	if r := from(t, owner, "198.51.100.7", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("the owner: %d", r.Status)
	}
	clock.Advance(time.Minute)
	if r := from(t, site.Stranger(t), "192.0.2.1", "小李", password); r.Status != http.StatusSeeOther {
		t.Errorf("the owner from a new browser, a minute later: %d", r.Status)
	}
}

// TestNobodyLocksEverybodyOut: one network tries every account, and all of
// their owners get in.
func TestNobodyLocksEverybodyOut(t *testing.T) {
	t.Parallel()
	names := []string{"甲一", "甲二", "甲三"}
	site := withUsers(t, names...)
	staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	for range 8 {
		for _, name := range names {
			from(t, site.Stranger(t), "203.0.113.9", name, "a guess")
		}
	}
	for i, name := range names {
		if r := from(t, site.Stranger(t), fmt.Sprintf("198.51.100.%d", i), name, password); r.Status != http.StatusSeeOther {
			t.Errorf("%s: %d", name, r.Status)
		}
	}
}

func TestForgedDeviceIsAStranger(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	attacker := site.Stranger(t)
	last := 0
	for i := range 8 {
		attacker.SetCookie(&http.Cookie{Name: "govqa-device", Path: "/", Value: fmt.Sprintf("nonce%d.%s", i, base64.RawURLEncoding.EncodeToString(make([]byte, 32)))})
		last = from(t, attacker, "203.0.113.9", "小李", "a guess").Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eighth guess: %d", last)
	}
}

func TestSessionFixation(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	victim := site.Stranger(t)
	planted := strings.Repeat("A", 43)
	victim.SetCookie(&http.Cookie{Name: "govqa-session", Value: planted, Path: "/"})
	logIn(t, victim, "小李", password, "")
	attacker := site.Stranger(t)
	attacker.SetCookie(&http.Cookie{Name: "govqa-session", Value: planted, Path: "/"})
	if isIn(attacker) || !isIn(victim) {
		t.Errorf("attacker in: %v, victim in: %v", isIn(attacker), isIn(victim))
	}

	// A session of the attacker's own, planted on the victim, ends at the login.
	own := site.As(t, "攻击者", "editor")
	victim = site.Stranger(t)
	form := csrfField.FindStringSubmatch(victim.Get("/staff/login").Body)[1]
	for _, c := range own.Cookies() {
		victim.SetCookie(c)
	}
	if r := victim.Post("/staff/login", url.Values{"_csrf": {form}, "name": {"小李"}, "password": {password}}); r.Status != http.StatusSeeOther {
		t.Fatalf("login: %d", r.Status)
	}
	if isIn(own) {
		t.Error("the planted session lives on")
	}
	if r := victim.Get("/console/x"); r.Body != "of 小李" {
		t.Errorf("the victim is %q", r.Body)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what string
		end  func(t *testing.T, site *stafftest.Site, clock *staff.Clock) error
	}{
		{"password changed", func(t *testing.T, site *stafftest.Site, _ *staff.Clock) error {
			return site.Store.SetPassword(t.Context(), "root", "小李", password+"新")
		}},
		{"roles changed", func(t *testing.T, site *stafftest.Site, _ *staff.Clock) error {
			return site.Store.SetRoles(t.Context(), "root", "小李", []string{"editor", "reviewer"})
		}},
		{"account disabled", func(t *testing.T, site *stafftest.Site, _ *staff.Clock) error {
			return site.Store.DisableUser(t.Context(), "root", "小李")
		}},
		{"disabled and enabled again", func(t *testing.T, site *stafftest.Site, _ *staff.Clock) error {
			if err := site.Store.DisableUser(t.Context(), "root", "小李"); err != nil {
				return err
			}
			return site.Store.EnableUser(t.Context(), "root", "小李")
		}},
		{"ended by an admin", func(t *testing.T, site *stafftest.Site, _ *staff.Clock) error {
			return site.Store.EndSessions(t.Context(), "root", "小李")
		}},
		{"idle", func(_ *testing.T, _ *stafftest.Site, clock *staff.Clock) error {
			clock.Advance(32 * time.Minute)
			return nil
		}},
		{"in use for too long", func(t *testing.T, site *stafftest.Site, clock *staff.Clock) error {
			return nil // see below: it is kept in use
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			site := withUsers(t, "小李")
			clock := staff.Stop(site.Staff)
			staff.Quick(site.Staff, password)
			c := site.Stranger(t)
			logIn(t, c, "小李", password, "")
			if !isIn(c) {
				t.Fatal("not logged in")
			}
			if err := row.end(t, site, clock); err != nil {
				t.Fatal(err)
			}
			if row.what == "in use for too long" {
				for range 12 * 2 {
					clock.Advance(30 * time.Minute)
					c.Get("/console/x")
				}
				clock.Advance(time.Minute)
			}
			if isIn(c) {
				t.Error("the session lives on")
			}
		})
	}
}

func TestSessionInUseLivesOn(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	clock := staff.Stop(site.Staff)
	c := site.Stranger(t)
	logIn(t, c, "小李", password, "")
	for range 20 {
		clock.Advance(29 * time.Minute)
		if !isIn(c) {
			t.Fatal("a session in use has ended")
		}
	}
}

// TestReplayAfterLogOut sends the cookie that was in use before.
func TestReplayAfterLogOut(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	c := site.Stranger(t)
	logIn(t, c, "小李", password, "")
	stolen := c.Cookies()
	token := csrfField.FindStringSubmatch(c.Get("/staff").Body)[1]
	if r := c.Post("/staff/logout", url.Values{"_csrf": {token}}); r.Status != http.StatusSeeOther || r.Header.Get("Clear-Site-Data") == "" {
		t.Fatalf("log-out: %d", r.Status)
	}
	thief := site.Stranger(t)
	for _, cookie := range stolen {
		thief.SetCookie(cookie)
	}
	if isIn(thief) {
		t.Error("the old cookie is good")
	}
	if r := thief.JSON(http.MethodPost, "/api/v1/console/x", "{}"); r.Status != http.StatusUnauthorized {
		t.Errorf("an operation with the old cookie: %d", r.Status)
	}
}

// TestSessionsSurviveARestart opens the store anew, with another Staff.
func TestSessionsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *store.Store {
		s, err := store.Open(dir, store.Options{Reserve: -1})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var cookies []*http.Cookie
	t.Run("before", func(t *testing.T) {
		s := open()
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		cookies = stafftest.Open(t, staff.Config{Store: s}).As(t, "小李", "editor").Cookies()
	})
	s := open()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := stafftest.Open(t, staff.Config{Store: s}).Stranger(t)
	for _, cookie := range cookies {
		c.SetCookie(cookie)
	}
	if r := c.Get("/staff"); r.Status != http.StatusOK || !strings.Contains(r.Body, "小李") {
		t.Errorf("after the restart: %d", r.Status)
	}
}

func TestForgedForms(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	c := site.Stranger(t)
	logIn(t, c, "小李", password, "")
	good := csrfField.FindStringSubmatch(c.Get("/staff").Body)[1]
	other := site.As(t, "小王", "editor").CSRF
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, row := range []struct {
		what, token string
		head        []string
		want        int
	}{
		{"no token", "", nil, http.StatusForbidden},
		{"a token of somebody else's session", other, nil, http.StatusForbidden},
		{"a token that is no token", "x", nil, http.StatusForbidden},
		{"zeros", base64.RawURLEncoding.EncodeToString(make([]byte, 64)), nil, http.StatusForbidden},
		{"the right token from another site", good, []string{"Sec-Fetch-Site: cross-site"}, http.StatusForbidden},
		{"the right token from a neighbour", good, []string{"Sec-Fetch-Site: same-site"}, http.StatusForbidden},
		{"the right token with another origin", good, []string{"Origin: https://evil.example"}, http.StatusForbidden},
		{"the right token with no origin at all", good, []string{"Origin: null"}, http.StatusForbidden},
		{"the right token", good, []string{"Sec-Fetch-Site: same-origin"}, http.StatusSeeOther},
	} {
		body := url.Values{"_csrf": {row.token}}.Encode()
		if r := c.Do(http.MethodPost, "/staff/account/sessions", body, append(row.head, form)...); r.Status != row.want {
			t.Errorf("%s: %d, want %d", row.what, r.Status, row.want)
		}
	}
	for _, row := range []struct {
		what string
		head []string
		want int
	}{
		{"no token", nil, http.StatusForbidden},
		{"another's token", []string{"X-CSRF-Token: " + other}, http.StatusForbidden},
	} {
		if r := c.Do(http.MethodPost, "/api/v1/console/x", "{}", append(row.head, "Content-Type: application/json")...); r.Status != row.want {
			t.Errorf("operation, %s: %d, want %d", row.what, r.Status, row.want)
		}
	}
}

// TestForgedLogin: nobody is logged into somebody else's account by a form of
// another site.
func TestForgedLogin(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	body := func(token string) string {
		return url.Values{"_csrf": {token}, "name": {"小李"}, "password": {password}}.Encode()
	}
	const form = "Content-Type: application/x-www-form-urlencoded"
	c := site.Stranger(t)
	if r := c.Do(http.MethodPost, "/staff/login", body(""), form); r.Status != http.StatusForbidden {
		t.Errorf("without a token: %d", r.Status)
	}
	mine := csrfField.FindStringSubmatch(site.Stranger(t).Get("/staff/login").Body)[1]
	if r := c.Do(http.MethodPost, "/staff/login", body(mine), form); r.Status != http.StatusForbidden {
		t.Errorf("with the attacker's token: %d", r.Status)
	}
	own := csrfField.FindStringSubmatch(c.Get("/staff/login").Body)[1]
	if r := c.Do(http.MethodPost, "/staff/login", body(own), form, "Sec-Fetch-Site: cross-site"); r.Status != http.StatusForbidden {
		t.Errorf("from another site: %d", r.Status)
	}
	if isIn(c) {
		t.Error("logged in after all")
	}
}

// TestAccountsCannotBeTold: what is said and how long it takes does not tell
// which accounts there are.
func TestAccountsCannotBeTold(t *testing.T) {
	if testing.Short() {
		t.Skip("measures times; it runs without -short")
	}
	t.Parallel()
	site := withUsers(t, "有此人", "停用了")
	ctx := t.Context()
	if err := site.Store.DisableUser(ctx, "命令", "停用了"); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.AddExternalUser(ctx, "命令", "统一登录", []string{"editor"}, "https://idp", "1"); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.InviteUser(ctx, "命令", "没设密码", []string{"editor"}); err != nil {
		t.Fatal(err)
	}
	said, least := map[string]string{}, map[string]time.Duration{}
	names := []string{"有此人", "无此人", "停用了", "统一登录", "没设密码", "../u", strings.Repeat("长", 64)}
	for range 4 {
		for _, name := range names {
			c := site.Stranger(t)
			form := csrfField.FindStringSubmatch(c.Get("/staff/login").Body)[1]
			start := time.Now()
			r := c.Post("/staff/login", url.Values{"_csrf": {form}, "name": {name}, "password": {"a wrong password"}})
			if took := time.Since(start); least[name] == 0 || took < least[name] {
				least[name] = took
			}
			body := csrfField.ReplaceAllString(r.Body, "")
			said[name] = fmt.Sprint(r.Status, strings.ReplaceAll(body, name, "NAME"))
		}
	}
	for _, name := range names {
		if said[name] != said["有此人"] {
			t.Errorf("%s is told otherwise: %s", name, said[name])
		}
		if least[name] < least["有此人"]/2 {
			t.Errorf("%s takes %v, an account %v", name, least[name], least["有此人"])
		}
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	c := site.Stranger(t)
	for _, row := range []struct {
		what   string
		head   []string
		prefix string
		secure bool
	}{
		{"over TLS", []string{"X-Forwarded-Proto: https"}, "__Host-govqa-", true},
		{"without TLS", nil, "govqa-", false},
	} {
		r := c.Do(http.MethodGet, "/staff/login", "", row.head...)
		token := csrfField.FindStringSubmatch(r.Body)[1]
		form := (&http.Response{Header: r.Header}).Cookies()
		var jar []string
		for _, k := range form {
			jar = append(jar, k.Name+"="+k.Value)
		}
		body := url.Values{"_csrf": {token}, "name": {"小李"}, "password": {password}}.Encode()
		r = site.Stranger(t).Do(http.MethodPost, "/staff/login", body, append(row.head, "Content-Type: application/x-www-form-urlencoded", "Cookie: "+strings.Join(jar, "; "))...)
		if r.Status != http.StatusSeeOther {
			t.Fatalf("%s: login %d", row.what, r.Status)
		}
		set := (&http.Response{Header: r.Header}).Cookies()
		seen := map[string]bool{}
		for _, k := range append(form, set...) {
			seen[k.Name] = true
			if !strings.HasPrefix(k.Name, row.prefix) || !k.HttpOnly || k.Secure != row.secure || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
				t.Errorf("%s: %s", row.what, k)
			}
		}
		if !seen[row.prefix+"session"] || !seen[row.prefix+"device"] || !seen[row.prefix+"form"] {
			t.Errorf("%s: cookies %v", row.what, seen)
		}
		if hsts := r.Header.Get("Strict-Transport-Security"); (hsts != "") != row.secure {
			t.Errorf("%s: HSTS %q", row.what, hsts)
		}
	}
}

func TestNoOpenRedirect(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/console/x?a=1#b":          "/console/x?a=1",
		"":                          "/staff",
		"https://evil.example":      "/staff",
		"//evil.example":            "/staff",
		"///evil.example":           "/staff",
		`/\evil.example`:            "/staff",
		`\\evil.example`:            "/staff",
		"/%5cevil.example":          "/%5cevil.example", // a path for every browser
		"/\tevil.example":           "/staff",
		"/x\r\nSet-Cookie: a=b":     "/staff",
		"javascript:alert(1)":       "/staff",
		"http:evil.example":         "/staff",
		"https:/evil.example":       "/staff",
		"console/x":                 "/staff",
		"/%2f/evil.example":         "/staff",
		"//user@evil.example/staff": "/staff",
	} {
		if got := staff.OwnPath(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
	site := withUsers(t, "小李")
	if r := logIn(t, site.Stranger(t), "小李", password, "https://evil.example/"); r.Header.Get("Location") != "/staff" {
		t.Errorf("the login leads to %q", r.Header.Get("Location"))
	}
}

func FuzzOwnPath(f *testing.F) {
	for _, s := range []string{"/staff", "//e", `/\e`, "http://e", "/a?b=c", "/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := staff.OwnPath(next)
		base, err := url.Parse("https://here.example/staff/login")
		if err != nil {
			t.Fatal(err)
		}
		to, err := base.Parse(got)
		if err != nil || to.Host != "here.example" || to.Scheme != "https" || strings.ContainsAny(got, "\\\r\n\t") || strings.HasPrefix(got, "//") {
			t.Errorf("%q leads to %q (%v)", next, got, err)
		}
	})
}

var inline = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)

// TestHeaders opens every page of the table as somebody with all roles, and
// as a stranger.
func TestHeaders(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, staff.Config{})
	all := site.As(t, "全能", store.Roles...)
	stranger := site.Stranger(t)
	pages := 0
	for _, route := range site.Staff.Table() {
		for who, c := range map[string]*stafftest.Client{"all roles": all, "a stranger": stranger} {
			r := c.Do(route.Method, route.Path, "")
			pages++
			csp := r.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s %s for %s: policy %q lacks %s", route.Method, route.Path, who, csp, want)
				}
			}
			for key, want := range map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
				if got := r.Header.Get(key); got != want {
					t.Errorf("%s %s for %s: %s %q, want %q", route.Method, route.Path, who, key, got, want)
				}
			}
			if m := inline.FindString(r.Body); m != "" {
				t.Errorf("%s %s for %s: inline %q", route.Method, route.Path, who, m)
			}
		}
	}
	if pages < 40 {
		t.Errorf("only %d pages", pages)
	}
}

// TestWhatIsNotListedIsDenied: below the prefixes of staff nothing is served
// that is not in the table, and a stranger cannot tell what is there.
func TestWhatIsNotListedIsDenied(t *testing.T) {
	t.Parallel()
	site := withUsers(t)
	all := site.As(t, "全能", store.Roles...)
	for _, path := range []string{"/staff/nothing", "/console", "/console/y", "/desk", "/desk/calls/1", "/staff/users/1"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			if r := all.Do(method, path, ""); r.Status != http.StatusNotFound {
				t.Errorf("%s %s for all roles: %d", method, path, r.Status)
			}
			if r := site.Stranger(t).Do(method, path, ""); r.Status != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), "/staff/login") {
				t.Errorf("%s %s for a stranger: %d %s", method, path, r.Status, r.Header.Get("Location"))
			}
		}
	}
	// Other methods of a listed path are not listed either.
	if r := all.Do(http.MethodDelete, "/staff/users", ""); r.Status != http.StatusNotFound {
		t.Errorf("DELETE /staff/users: %d", r.Status)
	}
}

// TestSecretsAreNotLogged logs in with everything that can go wrong and looks
// for passwords in the audit log, also where one was typed as a name.
func TestSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	logIn(t, site.Stranger(t), "小李", "wrong secret one", "")
	logIn(t, site.Stranger(t), "typed a secret as name", "x", "")
	logIn(t, site.Stranger(t), "小李", password, "")
	for e, err := range site.Store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		line := e.Actor + e.Action + e.Object + e.Detail
		if strings.Contains(line, "secret ") || strings.Contains(line, password) {
			t.Errorf("the audit log has %+v", e)
		}
	}
}

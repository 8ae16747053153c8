package staff_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
)

// groupStorage is the provider's example storage whose people are in groups.
type groupStorage struct {
	*storage.Storage
	mu     sync.Mutex
	groups map[string][]string // by subject
}

// set puts the person of these tests into groups.
func (s *groupStorage) set(groups ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups["id2"] = groups
}

func (s *groupStorage) SetUserinfoFromRequest(ctx context.Context, info *oidc.UserInfo, token op.IDTokenRequest, scopes []string) error {
	s.add(info, token.GetSubject())
	return s.Storage.SetUserinfoFromRequest(ctx, info, token, scopes)
}

func (s *groupStorage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	s.add(info, subject)
	return s.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
}

func (s *groupStorage) add(info *oidc.UserInfo, subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info.AppendClaims("groups", s.groups[subject])
}

// provided is a site beside a running OpenID provider, the certified one of
// zitadel, that knows it under its address.
func provided(t *testing.T) (*stafftest.Site, *groupStorage) {
	t.Helper()
	idp := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(idp.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://localhost:" + port
	people := &groupStorage{Storage: storage.NewStorage(storage.NewUserStore(issuer)), groups: map[string][]string{}}
	idp.Config.Handler = exampleop.SetupServer(issuer, people, slog.New(slog.DiscardHandler), false)
	site := stafftest.Open(t, staff.Config{OIDC: &staff.OIDC{Issuer: issuer, ClientID: t.Name(), ClientSecret: "secret", Name: "市统一身份认证",
		Roles: map[string][]string{"编辑组": {"editor"}, "审核组": {"reviewer"}}}})
	storage.RegisterClients(storage.WebClient(t.Name(), "secret", site.URL+"/staff/oidc/callback"))
	idp.Start()
	t.Cleanup(idp.Close)
	return site, people
}

var authRequest = regexp.MustCompile(`name="id" value="([^"]*)"`)

// atIDP logs in at the provider, where the site led to, and returns where the
// provider leads back to.
func atIDP(t *testing.T, to string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := ""
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/staff/") {
			back = r.URL.RequestURI()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, at := fetch(t, browser, http.MethodGet, to, nil)
	m := authRequest.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the provider shows no login: %s", page)
	}
	login := at.ResolveReference(&url.URL{Path: "/login/username"})
	page, _ = fetch(t, browser, http.MethodPost, login.String(), url.Values{"id": {m[1]}, "username": {user2}, "password": {"verysecure"}})
	if back == "" {
		t.Fatalf("the provider does not lead back: %s", page)
	}
	return back
}

// fetch returns the body of a page and where it was in the end.
func fetch(t *testing.T, browser *http.Client, method, to string, form url.Values) (string, *url.URL) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), resp.Request.URL
}

// begin begins a login at the provider and returns where the site leads to.
func begin(t *testing.T, c *stafftest.Client) string {
	t.Helper()
	r := c.Get("/staff/oidc/start?next=/staff/account")
	if r.Status != http.StatusSeeOther {
		t.Fatalf("the start gets %d %s", r.Status, r.Body)
	}
	return r.Header.Get("Location")
}

// user2 is one of the people at the example provider.
const user2 = "test-user2"

func TestLogInAtAProvider(t *testing.T) {
	site, people := provided(t)
	c := site.Stranger(t)
	if r := c.Get("/staff/login"); !strings.Contains(r.Body, "用市统一身份认证登录") {
		t.Fatalf("the login does not offer the provider: %s", r.Body)
	}

	to := begin(t, c)
	for _, part := range []string{"code_challenge_method=S256", "nonce=", "state=", "response_type=code"} {
		if !strings.Contains(to, part) {
			t.Errorf("%s is not in %s", part, to)
		}
	}
	if r := c.Get(atIDP(t, to)); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "没有角色") {
		t.Fatalf("without a group: %d %s", r.Status, r.Body)
	}
	if users, err := site.Store.Users(); err != nil || len(users) != 0 {
		t.Fatalf("accounts %v, %v", users, err)
	}

	people.set("编辑组", "别的组")
	back := atIDP(t, begin(t, c))
	if r := c.Get(back); r.Status != http.StatusSeeOther || r.Header.Get("Location") != "/staff/account" {
		t.Fatalf("in a group: %d %s", r.Status, r.Body)
	}
	u, err := site.Store.User(user2)
	if err != nil || !slices.Equal(u.Roles, []string{"editor"}) || u.HasPassword() {
		t.Fatalf("account %+v, %v", u, err)
	}
	if r := c.Get("/staff/account"); r.Status != http.StatusOK {
		t.Errorf("the account page: %d", r.Status)
	}

	// The code, the state and the cookie are good once, and in one browser.
	if r := c.Get(back); r.Status != http.StatusForbidden {
		t.Errorf("the same again: %d", r.Status)
	}
	stranger, mine := site.Stranger(t), atIDP(t, begin(t, c))
	if r := stranger.Get(mine); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "不是从这个浏览器") {
		t.Errorf("in another browser: %d %s", r.Status, r.Body)
	}

	// Groups are read anew at each login, and a change of roles ends sessions.
	people.set("审核组")
	other := site.Stranger(t)
	if r := other.Get(atIDP(t, begin(t, other))); r.Status != http.StatusSeeOther {
		t.Fatalf("in another group: %d %s", r.Status, r.Body)
	}
	if u, err = site.Store.User(user2); err != nil || !slices.Equal(u.Roles, []string{"reviewer"}) {
		t.Errorf("account %+v, %v", u, err)
	}
	if r := c.Get("/staff/account"); r.Status != http.StatusSeeOther {
		t.Errorf("the session with the old roles: %d", r.Status)
	}
	people.set()
	if r := c.Get(atIDP(t, begin(t, c))); r.Status != http.StatusForbidden {
		t.Errorf("in no group any more: %d", r.Status)
	}
	if r := other.Get("/staff/account"); r.Status != http.StatusSeeOther {
		t.Errorf("the session of who is in no group any more: %d", r.Status)
	}
	people.set("审核组")
	if err := site.Store.DisableUser(t.Context(), "命令", user2); err != nil {
		t.Fatal(err)
	}
	if r := c.Get(atIDP(t, begin(t, c))); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "已经停用") {
		t.Errorf("a disabled account: %d %s", r.Status, r.Body)
	}
}

// TestProviderTakesOverNoLocalAccount: who is called like a local account
// elsewhere is not that account's owner.
func TestProviderTakesOverNoLocalAccount(t *testing.T) {
	site, people := provided(t)
	if err := site.Store.AddUser(t.Context(), "命令", user2, []string{"admin"}, password); err != nil {
		t.Fatal(err)
	}
	people.set("编辑组")
	c := site.Stranger(t)
	if r := c.Get(atIDP(t, begin(t, c))); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "已经是别人的账号") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := c.Get("/staff/account"); r.Status != http.StatusSeeOther {
		t.Errorf("logged in after all: %d", r.Status)
	}
}

// TestForgedReturns: what does not come from the provider, or not by its own
// leave, logs nobody in.
func TestForgedReturns(t *testing.T) {
	site, people := provided(t)
	people.set("编辑组")
	swap := func(back, key, value string) string {
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
		return u.String()
	}
	for _, row := range []struct {
		what string
		back func(c *stafftest.Client) string
	}{
		{"a code of one's own making", func(c *stafftest.Client) string { return swap(atIDP(t, begin(t, c)), "code", "made-up") }},
		{"a state of one's own making", func(c *stafftest.Client) string { return swap(atIDP(t, begin(t, c)), "state", "made-up") }},
		{"no code", func(c *stafftest.Client) string { return swap(atIDP(t, begin(t, c)), "code", "") }},
		{"an error of the provider", func(c *stafftest.Client) string {
			return swap(swap(atIDP(t, begin(t, c)), "code", ""), "error", "<script>")
		}},
		{"nothing begun", func(*stafftest.Client) string { return "/staff/oidc/callback?code=x&state=y" }},
		{"the code of a login that somebody else began", func(c *stafftest.Client) string {
			stolen, err := url.Parse(atIDP(t, begin(t, site.Stranger(t))))
			if err != nil {
				t.Fatal(err)
			}
			return swap(atIDP(t, begin(t, c)), "code", stolen.Query().Get("code"))
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			c := site.Stranger(t)
			r := c.Get(row.back(c))
			if r.Status != http.StatusForbidden || strings.Contains(r.Body, "<script>") {
				t.Errorf("%d %s", r.Status, r.Body)
			}
			if r := c.Get("/staff/account"); r.Status != http.StatusSeeOther {
				t.Errorf("logged in after all: %d", r.Status)
			}
		})
	}
	if users, err := site.Store.Users(); err != nil || len(users) != 0 {
		t.Errorf("accounts %v, %v", users, err)
	}
}

// TestProviderAway: local accounts stay good.
func TestProviderAway(t *testing.T) {
	cfg := staff.Config{SecondFactor: []string{}, OIDC: &staff.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "x", Roles: map[string][]string{"g": {"editor"}}}}
	site := stafftest.Open(t, cfg)
	if err := site.Store.AddUser(t.Context(), "命令", "应急", []string{"admin"}, password); err != nil {
		t.Fatal(err)
	}
	c := site.Stranger(t)
	if r := c.Get("/staff/oidc/start"); r.Status != http.StatusServiceUnavailable || !strings.Contains(r.Body, "本地账号") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := logIn(t, c, "应急", password, ""); r.Status != http.StatusSeeOther {
		t.Errorf("the local account: %d", r.Status)
	}
}

func TestProviderConfig(t *testing.T) {
	good := staff.OIDC{Issuer: "https://idp.example.cn", ClientID: "x", Roles: map[string][]string{"g": {"editor"}}}
	for _, row := range []struct {
		what   string
		origin string
		change func(*staff.OIDC)
		ok     bool
	}{
		{"as it should be", "https://a.cn", func(*staff.OIDC) {}, true},
		{"no address of ours", "", func(*staff.OIDC) {}, false},
		{"an issuer without TLS", "https://a.cn", func(o *staff.OIDC) { o.Issuer = "http://idp.example.cn" }, false},
		{"no client", "https://a.cn", func(o *staff.OIDC) { o.ClientID = "" }, false},
		{"no roles", "https://a.cn", func(o *staff.OIDC) { o.Roles = nil }, false},
		{"a role that does not exist", "https://a.cn", func(o *staff.OIDC) { o.Roles = map[string][]string{"g": {"king"}} }, false},
	} {
		o := good
		row.change(&o)
		s := stafftest.Store(t)
		if _, err := staff.New(staff.Config{Store: s, Origin: row.origin, OIDC: &o}); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.what, err)
		}
	}
}

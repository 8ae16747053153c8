// Package stafftest serves pages of staff to tests: over HTTP, with a store of
// their own, and with members of staff of any roles logged in.
package stafftest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus/store"
)

// A Site is a running server.
type Site struct {
	URL   string
	Store *store.Store
	Staff *staff.Staff
	API   *api.Server
}

// Open serves staff's pages and those that the parts register until the test
// ends. A config without a store gets an empty one.
func Open(t testing.TB, cfg staff.Config, parts ...func(*staff.Router)) *Site {
	t.Helper()
	return OpenEngine(t, cfg, nil, parts...)
}

// Store is an empty store, open until the test ends.
func Store(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("store: %v", err)
		}
	})
	return s
}

// OpenEngine is Open with an engine, for parts that let citizens see what
// staff have done.
func OpenEngine(t testing.TB, cfg staff.Config, engine api.Engine, parts ...func(*staff.Router)) *Site {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if cfg.Store == nil {
		cfg.Store = Store(t)
	}
	if cfg.Pages == nil {
		cfg.Pages, err = web.New(web.Options{})
		must(err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(err)
	origin := "http://" + ln.Addr().String()
	if cfg.Origin == "" {
		cfg.Origin = origin
	}
	people, err := staff.New(cfg, parts...)
	must(err)
	server, err := api.New(api.Config{Pages: api.CitizenPages(cfg.Pages, cfg.Log), Mounts: []api.Mount{people.Mount}, Rooms: []api.Room{people.Room("/console/", roomy, time.Minute)}, TrustedProxies: []string{"127.0.0.1"}}, engine, cfg.Log)
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- server.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("listen: %v", err)
		}
	})
	return &Site{URL: origin, Store: cfg.Store, Staff: people, API: server}
}

// roomy is how long a form may be.
const roomy = 64 << 20

// A Client is a browser without scripts. It follows no redirects.
type Client struct {
	t    testing.TB
	site *Site
	http *http.Client

	Name string // of the account
	CSRF string // for forms and scripts; of who has logged in by As
}

// Stranger is a browser that nobody has logged in with.
func (s *Site) Stranger(t testing.TB) *Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Client{t: t, site: s, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// As is a browser in which an account of the given name has logged in. The
// account is made with the roles if it is not there; it has no password.
func (s *Site) As(t testing.TB, name string, roles ...string) *Client {
	t.Helper()
	if _, err := s.Store.User(name); err != nil {
		if err := s.Store.AddExternalUser(t.Context(), store.BySystem, name, roles, "stafftest", name); err != nil {
			t.Fatal(err)
		}
	}
	cookie, csrf, err := s.Staff.Admit(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Stranger(t)
	c.SetCookie(cookie)
	c.Name, c.CSRF = name, csrf
	return c
}

// SetCookie puts a cookie into the browser.
func (c *Client) SetCookie(cookie *http.Cookie) {
	c.t.Helper()
	u, err := url.Parse(c.site.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	c.http.Jar.SetCookies(u, []*http.Cookie{cookie})
}

// Cookies are those that the browser has.
func (c *Client) Cookies() []*http.Cookie {
	c.t.Helper()
	u, err := url.Parse(c.site.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.http.Jar.Cookies(u)
}

// A Reply is a response that was read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request; head lists "Key: value" lines.
func (c *Client) Do(method, path, body string, head ...string) Reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.site.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range head {
		k, v, _ := strings.Cut(h, ": ")
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return Reply{resp.StatusCode, resp.Header, string(got)}
}

// Get opens a page.
func (c *Client) Get(path string) Reply {
	c.t.Helper()
	return c.Do(http.MethodGet, path, "", "Accept: text/html")
}

// Post sends a form, with the client's CSRF unless the form has its own.
func (c *Client) Post(path string, form url.Values) Reply {
	c.t.Helper()
	if !form.Has("_csrf") && c.CSRF != "" {
		with := url.Values{"_csrf": {c.CSRF}}
		for k, v := range form {
			with[k] = v
		}
		form = with
	}
	return c.Do(http.MethodPost, path, form.Encode(), "Content-Type: application/x-www-form-urlencoded", "Accept: text/html")
}

// JSON calls an operation as a script of a page does.
func (c *Client) JSON(method, path, body string) Reply {
	c.t.Helper()
	return c.Do(method, path, body, "Content-Type: application/json", "X-CSRF-Token: "+c.CSRF)
}

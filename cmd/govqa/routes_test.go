package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// everybodys are the routes that are for everybody: no account, no key that
// must be had. A route that is neither here nor in the table of staff fails
// the test, so that none is public by oversight.
var everybodys = regexp.MustCompile(`^(GET|POST|PUT|DELETE) (` + strings.Join([]string{
	// pages of citizens
	`/`, `/ask`, `/search`, `/matters/:code`, `/events`, `/events/:id`, `/feedback`, `/message`, `/message/look-up`,
	`/policies/:id`, `/about`, `/privacy`, `/widget`, `/widget\.js`, `/static/:name`,
	// the API; with need_key each of these wants a key
	`/api/v1/(ask|search|suggest|themes|regions|hot|feedback|events|recommendations|messages|messages/lookup)`,
	`/api/v1/matters/:code`, `/api/v1/policies/:id/explanation`, `/api/v1/messages/:number`, `/api/v1/subjects/:id(/personalization)?`,
	// other protocols over the same engine
	`/v1/models(/:model)?`, `/v1/chat/completions`, `/mcp`,
	// its description, health
	`/openapi\.(json|yaml)`, `/docs`, `/docs/style\.css`, `/healthz`, `/readyz`, `/metrics`,
}, "|") + `)$`)

// wholeService is a service as `govqa serve` makes it, listening, with the
// sample city.
func wholeService(t *testing.T) (*stafftest.Site, *service) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(string) (string, bool) { return "", false }
	cfg, err := loadConfig("", nothing)
	must(err)
	ends, err := newEndpoints(&cfg, nothing)
	must(err)
	data, log := filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler)
	a, err := openApp(t.Context(), data, true, log, io.Discard)
	must(err)
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	a.semantics, err = openSemantics(ends, &cfg, data, a, nil)
	must(err)
	svc, err := newService(t.Context(), cfg, data, a, log)
	must(err)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(err)
	ended := make(chan error, 1)
	go func() { ended <- svc.server.Listen(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		svc.operators.Shutdown()
		if err := errors.Join(svc.server.Shutdown(ctx), <-ended); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return &stafftest.Site{URL: "http://" + ln.Addr().String(), Store: a.store, Staff: svc.people, API: svc.server}, svc
}

// noRight is what is said to whoever lacks the role or the scope, and to
// nobody else.
var noRight = []string{"您的账号没有这项权限", "这个接口密钥没有所需的范围"}

// A caller is one kind of caller of every route.
type caller struct {
	what    string
	cookies func(t *testing.T) (cookie, csrf string) // of a new session
	roles   []string                                 // of the session; nil: it is none that counts
	scopes  []string                                 // of the key; nil: no key
	key     string
}

// TestEveryRoute calls every route of the service as every role, as nobody,
// with half a login, with a disabled account, and with keys of every scope,
// and holds what comes of it against the table by which it was registered.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	site, _ := wholeService(t)
	table := map[string]staff.Route{}
	for _, r := range site.Staff.Table() {
		table[r.Method+" "+r.Path] = r
	}
	if len(table) < 30 {
		t.Fatalf("only %d routes in the table", len(table))
	}
	for _, r := range site.API.App().GetRoutes(true) {
		name := r.Method + " " + r.Path
		_, listed := table[name]
		if r.Method == http.MethodHead {
			_, listed = table["GET "+r.Path]
			name = "GET " + r.Path
		}
		if !listed && !everybodys.MatchString(name) {
			t.Errorf("%s is neither in the table of staff nor for everybody", name)
		}
		if listed && everybodys.MatchString(name) {
			t.Errorf("%s is in the table of staff and for everybody", name)
		}
	}

	callers := everyCaller(t, site)
	tried := 0
	for name, route := range table {
		for _, c := range callers {
			tried++
			status, body, location := c.call(t, site, route)
			denied := slices.ContainsFunc(noRight, func(s string) bool { return strings.Contains(body, s) }) && status == http.StatusForbidden
			out := status == http.StatusUnauthorized || status == http.StatusSeeOther && strings.HasPrefix(location, "/staff/login") ||
				status == http.StatusSeeOther && strings.HasPrefix(location, "/staff/second")
			if want := c.may(route); want != (!denied && !out) {
				t.Errorf("%s as %s: %d %s (may: %v)", name, c.what, status, location, want)
			}
			if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
				t.Errorf("%s as %s: %d %.300s", name, c.what, status, body)
			}
		}
	}
	t.Logf("%d routes, %d calls", len(table), tried)
	ownRoutes(t, site, table)
	ownCalls(t, site, table)
	ownDrafts(t, site, table)
}

// may says what the table says of a caller.
func (c caller) may(r staff.Route) bool {
	switch r.Door {
	case staff.DoorPublic:
		return true
	case staff.DoorUnfinished:
		return true // asked apart: what they see depends on how far they are
	case staff.DoorJSON:
		if c.key != "" {
			return r.Scope != "" && slices.Contains(c.scopes, r.Scope)
		}
	}
	return slices.ContainsFunc(c.roles, func(role string) bool { return slices.Contains(r.Roles, role) })
}

var param = regexp.MustCompile(`:[A-Za-z]+\??|[*+]`)

// call calls a route with an empty form or object, and proof that the form
// came from our page.
func (c caller) call(t *testing.T, site *stafftest.Site, r staff.Route) (status int, body, location string) {
	t.Helper()
	if r.Door == staff.DoorUnfinished {
		return http.StatusOK, "", ""
	}
	cookie, csrf := "", ""
	if c.cookies != nil {
		cookie, csrf = c.cookies(t)
	}
	form, kind := url.Values{"_csrf": {csrf}}.Encode(), "application/x-www-form-urlencoded"
	if r.Door == staff.DoorJSON {
		form, kind = "{}", "application/json"
	}
	if r.Method == http.MethodGet {
		form = ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, site.URL+param.ReplaceAllString(r.Path, "x"), strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-CSRF-Token", csrf)
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	defer resp.Body.Close()
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") { // it has no end
		return resp.StatusCode, "", ""
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	return resp.StatusCode, string(b), resp.Header.Get("Location")
}

// everyCaller makes the callers.
func everyCaller(t *testing.T, site *stafftest.Site) []caller {
	t.Helper()
	session := func(name string) func(*testing.T) (string, string) {
		return func(t *testing.T) (string, string) {
			t.Helper()
			cookie, csrf, err := site.Staff.Admit(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			return cookie.Name + "=" + cookie.Value, csrf
		}
	}
	account := func(name string, roles ...string) {
		t.Helper()
		if err := site.Store.AddExternalUser(t.Context(), store.BySystem, name, roles, "test", name); err != nil {
			t.Fatal(err)
		}
	}
	callers := []caller{{what: "nobody"}, {what: "a made-up cookie", cookies: func(*testing.T) (string, string) {
		return "govqa-session=" + strings.Repeat("A", 43), "x"
	}}}
	for _, role := range store.Roles {
		account("只有"+role, role)
		callers = append(callers, caller{what: "only " + role, cookies: session("只有" + role), roles: []string{role}})
	}
	account("停用的", store.Roles...)
	if err := site.Store.DisableUser(t.Context(), store.BySystem, "停用的"); err != nil {
		t.Fatal(err)
	}
	callers = append(callers, caller{what: "a disabled account of all roles", cookies: session("停用的")}, halfway(t, site))
	admin := site.As(t, "发钥匙的", "admin")
	for _, scope := range staff.Scopes() {
		r := admin.Post("/staff/keys", url.Values{"name": {scope}, "days": {"9"}, "scope": {scope}})
		m := keyOnPage.FindStringSubmatch(r.Body)
		if m == nil {
			t.Fatalf("no key: %d %s", r.Status, r.Body)
		}
		callers = append(callers, caller{what: "a key for " + scope, key: m[1], scopes: []string{scope}})
	}
	return callers
}

var (
	keyOnPage  = regexp.MustCompile(`id="key">(govqa_[A-Za-z0-9_-]+)<`)
	tokenField = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)
)

// halfway is an account of all roles that has given its password and not yet
// its second factor.
func halfway(t *testing.T, site *stafftest.Site) caller {
	t.Helper()
	const password = "七月的风吹过三座桥去看海潮又回来"
	if err := site.Store.AddUser(t.Context(), store.BySystem, "走到一半", store.Roles, password); err != nil {
		t.Fatal(err)
	}
	c := site.Stranger(t)
	token := tokenField.FindStringSubmatch(c.Get("/staff/login").Body)[1]
	if r := c.Post("/staff/login", url.Values{"_csrf": {token}, "name": {"走到一半"}, "password": {password}}); r.Status != http.StatusSeeOther {
		t.Fatalf("login: %d %s", r.Status, r.Body)
	}
	page := c.Get("/staff/second/new")
	token = tokenField.FindStringSubmatch(page.Body)[1]
	var cookies []string
	for _, k := range c.Cookies() {
		cookies = append(cookies, k.Name+"="+k.Value)
	}
	return caller{what: "all roles without the second factor", cookies: func(*testing.T) (string, string) { return strings.Join(cookies, "; "), token }}
}

// ownRoutes asks of every route that is for one's own things only whether
// another account of all roles is kept out. A route without a proof fails.
func ownRoutes(t *testing.T, site *stafftest.Site, table map[string]staff.Route) {
	t.Helper()
	owner, other := site.As(t, "物主", store.Roles...), site.As(t, "旁人", store.Roles...)
	proofs := map[string]func() error{
		"POST /staff/account/sessions": func() error {
			site.As(t, "物主") // a second session, so that the page lists one to end
			id := regexp.MustCompile(`name="id" value="([0-9a-f]{64})"`).FindStringSubmatch(owner.Get("/staff/account").Body)
			if id == nil {
				return errors.New("no session on the page of its owner")
			}
			form := url.Values{"id": {id[1]}}
			if r := other.Post("/staff/account/sessions", form); r.Status != http.StatusNotFound {
				return fmt.Errorf("another account ends it: %d", r.Status)
			}
			if r := owner.Post("/staff/account/sessions", form); r.Status != http.StatusSeeOther {
				return fmt.Errorf("its owner does not end it: %d", r.Status)
			}
			return nil
		},
	}
	for name, r := range table {
		if !r.Own {
			continue
		}
		proof, ok := proofs[name]
		if !ok {
			t.Errorf("%s is for one's own things, and nothing proves it", name)
			continue
		}
		if err := proof(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// judgedBody is a good body for every operation on a call: each takes of it
// what it knows.
const judgedBody = `{"id":"judged-0001","code":"AL-JZ-002","aspect":"fee","typed":"居住证","said":"居住证","reason":"试","field":"fee"}`

// ownCalls calls every route that names a call, as another operator: it is
// denied to them, and not to the operator whose call it is.
func ownCalls(t *testing.T, site *stafftest.Site, table map[string]staff.Route) {
	t.Helper()
	owner, other := site.As(t, "甲坐席", "operator"), site.As(t, "乙坐席", "operator")
	// Closing comes last: what is closed cannot be worked on.
	names := slices.Collect(maps.Keys(table))
	slices.SortFunc(names, func(a, b string) int {
		last := func(name string) int { return strings.Index("/end/close", name[strings.LastIndex(name, "/"):]) }
		return cmp.Or(cmp.Compare(last(a), last(b)), cmp.Compare(a, b))
	})
	var opened struct{ ID string }
	if r := owner.JSON(http.MethodPost, "/api/v1/desk/calls", "{}"); json.Unmarshal([]byte(r.Body), &opened) != nil || opened.ID == "" {
		t.Fatalf("no call: %d %s", r.Status, r.Body)
	}
	n := 0
	for _, name := range names {
		r := table[name]
		if !strings.Contains(r.Path, ":") {
			continue
		}
		if !strings.Contains(r.Path, "/calls/:id") {
			t.Errorf("%s names something, and nothing says whose it is", name)
			continue
		}
		if !slices.Contains(r.Roles, "operator") {
			continue // supervisors see all calls
		}
		n++
		path := strings.Replace(r.Path, ":id", opened.ID, 1)
		ask := func(c *stafftest.Client) int {
			if strings.HasSuffix(path, "/events") { // it has no end
				return streamStatus(t, site, c, path)
			}
			if r.Door == staff.DoorJSON {
				return c.JSON(r.Method, path, judgedBody).Status
			}
			return c.Get(path).Status
		}
		if got := ask(other); got != http.StatusForbidden && got != http.StatusNotFound {
			t.Errorf("%s of somebody else's call: %d", name, got)
		}
		if got := ask(owner); got == http.StatusForbidden || got == http.StatusNotFound || got >= http.StatusInternalServerError {
			t.Errorf("%s of the own call: %d", name, got)
		}
	}
	if n < 10 {
		t.Errorf("only %d routes name a call", n)
	}
}

// streamStatus is how a stream of events begins.
func streamStatus(t *testing.T, site *stafftest.Site, c *stafftest.Client, path string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range c.Cookies() {
		req.AddCookie(k)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return resp.StatusCode
}

// ownDrafts: who has edited a draft approves it neither with one account of
// every role nor with a form of one's own, and whoever has not, does.
func ownDrafts(t *testing.T, site *stafftest.Site, table map[string]staff.Route) {
	t.Helper()
	if _, ok := table["POST /console/drafts/approve"]; !ok {
		t.Fatal("no route approves drafts")
	}
	g := &corpus.FAQ{Type: corpus.TypeFAQ, ID: "自审", Question: "能自己审自己吗", Answer: "不能。"}
	d, err := site.Store.SaveDraft(t.Context(), "既编又审", store.Edit{Record: g, Note: "试"})
	if err != nil {
		t.Fatal(err)
	}
	editor, reviewer := site.As(t, "既编又审", store.Roles...), site.As(t, "只审", "reviewer")
	ref := func() url.Values {
		d, err := site.Store.Draft(g.Key())
		if err != nil {
			t.Fatal(err)
		}
		return url.Values{"ref": {fmt.Sprintf("%s@%d", d.Key, d.Version)}}
	}
	if d.Version == 0 {
		t.Fatal("a draft without a version")
	}
	if r := editor.Post("/console/drafts/submit", ref()); r.Status != http.StatusSeeOther {
		t.Fatalf("submit: %d %s", r.Status, r.Body)
	}
	if r := editor.Post("/console/drafts/approve", ref()); r.Status != http.StatusForbidden {
		t.Errorf("the editor approves the own draft: %d", r.Status)
	}
	if r := reviewer.Post("/console/drafts/approve", ref()); r.Status != http.StatusSeeOther {
		t.Errorf("a reviewer does not approve it: %d %s", r.Status, r.Body)
	}
}

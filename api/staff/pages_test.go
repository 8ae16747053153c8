package staff_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus/store"
)

func TestOwnPassword(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	c, other := site.Stranger(t), site.Stranger(t)
	logIn(t, c, "小李", password, "")
	logIn(t, other, "小李", password, "")
	const newer = "窗外第三只松鼠今天又来晒太阳了"
	for _, row := range []struct {
		what, old, new, again, says string
		want                        int
	}{
		{"a wrong password", "wrong", newer, newer, "当前密码不对", http.StatusForbidden},
		{"two new ones", password, newer, newer + "。", "不一样", http.StatusUnprocessableEntity},
		{"the same again", password, password, password, "相同", http.StatusUnprocessableEntity},
		{"a short one", password, "short", "short", "至少", http.StatusUnprocessableEntity},
	} {
		r := submit(t, c, "/staff/account", "/staff/account/password", url.Values{"password": {row.old}, "new": {row.new}, "again": {row.again}})
		if r.Status != row.want || !strings.Contains(r.Body, row.says) {
			t.Errorf("%s: %d %s", row.what, r.Status, r.Body)
		}
	}
	before := c.Cookies()
	r := submit(t, c, "/staff/account", "/staff/account/password", url.Values{"password": {password}, "new": {newer}, "again": {newer}})
	if r.Status != http.StatusOK || !strings.Contains(r.Body, "已经修改") {
		t.Fatalf("a good one: %d %s", r.Status, r.Body)
	}
	stale := site.Stranger(t)
	for _, cookie := range before {
		stale.SetCookie(cookie)
	}
	if !isIn(c) || isIn(other) || isIn(stale) {
		t.Errorf("in: own %v, other %v, the cookie before %v", isIn(c), isIn(other), isIn(stale))
	}
}

// TestConfirmCannotBeGuessed: who finds a browser logged in cannot guess the
// password there.
func TestConfirmCannotBeGuessed(t *testing.T) {
	t.Parallel()
	site := withUsers(t, "小李")
	staff.Stop(site.Staff)
	staff.Quick(site.Staff, password)
	c, last := site.As(t, "小李"), 0
	for range 8 {
		last = submit(t, c, "/staff/account", "/staff/account/second", url.Values{"password": {"a guess"}}).Status
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the eighth guess: %d", last)
	}
}

var sessionID = regexp.MustCompile(`name="id" value="([0-9a-f]{64})"`)

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	site := withUsers(t)
	c, second, third := site.As(t, "小李", "editor"), site.As(t, "小李"), site.As(t, "小李")
	stranger := site.As(t, "小王", "editor")
	site.As(t, "小王")
	foreign := find(t, sessionID, stranger.Get("/staff/account"))
	page := c.Get("/staff/account")
	if n := len(sessionID.FindAllString(page.Body, -1)); n != 2 || strings.Contains(page.Body, foreign) {
		t.Fatalf("%d other sessions on the page", n)
	}
	if r := submit(t, c, "/staff/account", "/staff/account/sessions", url.Values{"id": {foreign}}); r.Status != http.StatusNotFound {
		t.Errorf("ending somebody else's session: %d", r.Status)
	}
	if !isIn(stranger) {
		t.Error("somebody else's session has ended")
	}
	to(t, "ending one", "/staff/account?done=sessions", submit(t, c, "/staff/account", "/staff/account/sessions", url.Values{"id": {find(t, sessionID, page)}}))
	if isIn(second) == isIn(third) {
		t.Errorf("second in: %v, third in: %v", isIn(second), isIn(third))
	}
	to(t, "ending the others", "/staff/account?done=sessions", submit(t, c, "/staff/account", "/staff/account/sessions", nil))
	if !isIn(c) || isIn(second) || isIn(third) {
		t.Errorf("in: %v %v %v", isIn(c), isIn(second), isIn(third))
	}
}

var keyShown = regexp.MustCompile(`id="key">(govqa_[0-9a-f]{12}_[A-Za-z0-9_-]+)<`)

func TestKeys(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, noSecond, func(r *staff.Router) {
		r.JSON(http.MethodGet, "/api/v1/desk/x", []string{"operator"}, "desk", func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString(fmt.Sprint("by ", who.Name, who.IsKey()))
		})
		r.JSON(http.MethodPost, "/api/v1/desk/x", []string{"operator"}, "", func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString("by " + who.Name)
		})
	})
	clock := staff.Stop(site.Staff)
	admin := site.As(t, "root", "admin")
	make1 := func(name, days string, scopes ...string) stafftest.Reply {
		return submit(t, admin, "/staff/keys", "/staff/keys", url.Values{"name": {name}, "days": {days}, "scope": scopes})
	}
	for _, row := range []struct {
		what string
		r    stafftest.Reply
		says string
	}{
		{"no name", make1("", "9", "desk"), "名称"},
		{"no scope", make1("热线", "9"), "范围"},
		{"a scope that does not exist", make1("热线", "9", "all"), "范围"},
		{"no end", make1("热线", "0", "desk"), "有效期"},
		{"for ever", make1("热线", "9999", "desk"), "有效期"},
	} {
		if row.r.Status != http.StatusUnprocessableEntity || !strings.Contains(row.r.Body, row.says) {
			t.Errorf("%s: %d %s", row.what, row.r.Status, row.r.Body)
		}
	}
	key := find(t, keyShown, make1("热线", "10", "desk", "ask"))
	if r := make1("热线", "9", "desk"); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("the same name again: %d", r.Status)
	}
	call := func(c *stafftest.Client, method, key string) stafftest.Reply {
		return c.Do(method, "/api/v1/desk/x", "", "Authorization: Bearer "+key)
	}
	id := strings.Split(key, "_")[1]
	act := func(form url.Values) stafftest.Reply {
		form.Set("id", id)
		return submit(t, admin, "/staff/keys", "/staff/keys/act", form)
	}
	program := site.Stranger(t)
	check := func(what, key string, want int) {
		t.Helper()
		r := call(program, http.MethodGet, key)
		if r.Status != want {
			t.Errorf("%s: %d %s, want %d", what, r.Status, r.Body, want)
		}
		if want == http.StatusUnauthorized && r.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: WWW-Authenticate %q", what, r.Header.Get("WWW-Authenticate"))
		}
	}
	check("the key", key, http.StatusOK)
	if r := call(program, http.MethodGet, key); r.Body != "by key:热线true" {
		t.Errorf("the caller is %q", r.Body)
	}
	if r := call(program, http.MethodPost, key); r.Status != http.StatusForbidden {
		t.Errorf("where no key may: %d", r.Status)
	}
	if r := program.Do(http.MethodGet, "/staff/keys", "", "Authorization: Bearer "+key); r.Status != http.StatusSeeOther {
		t.Errorf("a page with a key: %d", r.Status)
	}
	for what, bad := range map[string]string{"a key cut short": key[:len(key)-1], "another secret": key[:20] + strings.Repeat("A", len(key)-20),
		"no key": "", "an id without a secret": "govqa_" + id + "_", "another id": strings.Replace(key, id, "000000000000", 1), "a path": "govqa_../../x_y"} {
		check(what, bad, http.StatusUnauthorized)
	}
	if r := program.Do(http.MethodGet, "/api/v1/desk/x", "", "Authorization: Basic eDp5"); r.Status != http.StatusUnauthorized {
		t.Errorf("another kind of authorization: %d", r.Status)
	}
	// A bad key is not made good by a session.
	if r := call(site.As(t, "话务员", "operator"), http.MethodGet, "x"); r.Status != http.StatusUnauthorized {
		t.Errorf("a bad key beside a session: %d", r.Status)
	}
	weak := find(t, keyShown, make1("别的", "10", "ask"))
	check("a key without the scope", weak, http.StatusForbidden)
	if page := admin.Get("/staff/keys"); strings.Contains(page.Body, key) || strings.Count(page.Body, "从未") != 1 {
		t.Errorf("the key is shown again, or not as used: %s", page.Body)
	}

	// Rotation: both are good for a while.
	clock.Advance(24 * time.Hour)
	admin = site.As(t, "root")
	newer := find(t, keyShown, act(url.Values{"act": {"rotate"}, "overlap": {"3"}}))
	check("the new key", newer, http.StatusOK)
	check("the old key beside it", key, http.StatusOK)
	clock.Advance(3 * 24 * time.Hour)
	check("the old key three days later", key, http.StatusUnauthorized)
	check("the new key three days later", newer, http.StatusOK)
	clock.Advance(7 * 24 * time.Hour)
	check("the new key at its end", newer, http.StatusUnauthorized)
	admin = site.As(t, "root")
	if r := act(url.Values{"act": {"rotate"}, "overlap": {"3"}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("rotating a key that has ended: %d", r.Status)
	}

	key = find(t, keyShown, make1("短", "10", "desk"))
	id = strings.Split(key, "_")[1]
	check("a third key", key, http.StatusOK)
	to(t, "ending it", "/staff/keys", act(url.Values{"act": {"end"}}))
	check("a key that was ended", key, http.StatusUnauthorized)
	if r := submit(t, admin, "/staff/keys", "/staff/keys/act", url.Values{"id": {"000000000000"}, "act": {"end"}}); r.Status != http.StatusNotFound {
		t.Errorf("ending a key that is not there: %d", r.Status)
	}
	docs, err := site.Store.Docs("apikey", "", 100)
	if err != nil || len(docs) != 3 {
		t.Fatalf("%d keys, %v", len(docs), err)
	}
	for _, d := range docs {
		for _, k := range []string{key, newer, weak} {
			if strings.Contains(string(d.Value), strings.SplitN(k, "_", 3)[2]) {
				t.Errorf("a key is kept: %s", d.Value)
			}
		}
	}
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	site := withUsers(t)
	auditor := site.As(t, "审计员", "auditor")
	ctx := t.Context()
	for i := range 150 {
		if err := site.Store.Audit(ctx, "小李", "test", fmt.Sprint("object ", i), `=cmd|'/c calc'!A1`); err != nil {
			t.Fatal(err)
		}
	}
	page := auditor.Get("/staff/audit?actor=" + url.QueryEscape("小李") + "&action=test")
	if page.Status != http.StatusOK || strings.Count(page.Body, "object ") != 100 || !strings.Contains(page.Body, "object 149") || strings.Contains(page.Body, "object 49<") {
		t.Fatalf("the first page: %d, %d entries", page.Status, strings.Count(page.Body, "object "))
	}
	more := strings.ReplaceAll(find(t, regexp.MustCompile(`href="(/staff/audit\?[^"]*before=[^"]*)"`), page), "&amp;", "&")
	if rest := auditor.Get(more); strings.Count(rest.Body, "object ") != 50 || strings.Contains(rest.Body, "更早的记录") {
		t.Errorf("the second page: %d entries", strings.Count(rest.Body, "object "))
	}
	today := time.Now().In(time.FixedZone("", 8*3600)).Format(time.DateOnly)
	for query, want := range map[string]int{"from=" + today: http.StatusOK, "from=heute": http.StatusUnprocessableEntity, "before=x": http.StatusUnprocessableEntity} {
		if r := auditor.Get("/staff/audit?" + query); r.Status != want {
			t.Errorf("%s: %d", query, r.Status)
		}
	}
	if r := auditor.Get("/staff/audit?to=2020-01-01"); strings.Contains(r.Body, "object ") || !strings.Contains(r.Body, "没有符合条件") {
		t.Errorf("long ago: %s", r.Body)
	}

	lines := strings.Split(strings.TrimSpace(auditor.Get("/staff/audit/export?format=jsonl&action=test").Body), "\n")
	if len(lines) != 150 {
		t.Errorf("%d lines of JSON", len(lines))
	}
	var e store.AuditEntry
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil || e.Object != "object 0" || e.Detail != `=cmd|'/c calc'!A1` {
		t.Errorf("entry %+v, %v", e, err)
	}
	r := auditor.Get("/staff/audit/export?format=csv&action=test")
	if !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment; filename=") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", r.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(r.Body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 151 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if diff := cmp.Diff([]string{"小李", "test", "object 0", `'=cmd|'/c calc'!A1`}, rows[1][2:6]); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if r := auditor.Get("/staff/audit/export?format=exe"); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("another format: %d", r.Status)
	}

	head := site.Store.AuditHead()
	verify := func(kept string) string {
		r := submit(t, auditor, "/staff/audit", "/staff/audit/verify", url.Values{"kept": {kept}})
		if r.Status != http.StatusOK && r.Status != http.StatusUnprocessableEntity {
			t.Errorf("verify: %d", r.Status)
		}
		return r.Body
	}
	for kept, want := range map[string]string{
		"":                                   "散列链完整",
		head.String():                        "与 1 份存证相符",
		"3:" + head.Hash:                     "与存证不符",
		"999999:" + head.Hash:                "存证有第 999999 条",
		"abc":                                "存证应形如",
		head.String() + "\n" + head.String(): "与 2 份存证相符",
		"1:" + strings.Repeat("0", len(head.Hash)): "与存证不符",
	} {
		if body := verify(kept); !strings.Contains(body, want) {
			t.Errorf("kept %q: no %q in %s", kept, want, body)
		}
	}
	// Reading the log is in the log.
	seen := map[string]int{}
	for e, err := range site.Store.AuditTrail(head.Seq - 1) {
		if err != nil {
			t.Fatal(err)
		}
		seen[e.Actor+" "+e.Action]++
	}
	if seen["审计员 audit.verify"] != 6 || seen["审计员 audit.read"] < 6 {
		t.Errorf("logged: %v", seen)
	}
}

func TestDeniedIsAudited(t *testing.T) {
	t.Parallel()
	site := withUsers(t)
	if r := site.As(t, "小李", "editor").Get("/staff/audit"); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "没有这项权限") {
		t.Fatalf("an editor: %d", r.Status)
	}
	for e, err := range site.Store.AuditBefore(0) {
		if err != nil || e.Actor != "小李" || e.Action != "denied" || e.Object != "GET /staff/audit" {
			t.Errorf("the last entry: %+v, %v", e, err)
		}
		break
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "平常": "平常", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": "'\t=1", "\r": "'\r", "＝1": "'＝1", "a=b": "a=b"} {
		if got := staff.Cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestRouterRefuses(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *fiber.Ctx, staff.Session) error { return nil }
	for what, part := range map[string]func(*staff.Router){
		"a role that does not exist": func(r *staff.Router) { r.Page(http.MethodGet, "/console/x", []string{"king"}, nothing) },
		"nobody":                     func(r *staff.Router) { r.Page(http.MethodGet, "/console/x", nil, nothing) },
		"a scope that does not exist": func(r *staff.Router) {
			r.JSON(http.MethodGet, "/api/x", staff.Everybody(), "all", nothing)
		},
		"the same twice": func(r *staff.Router) {
			r.Page(http.MethodGet, "/console/x", staff.Everybody(), nothing)
			r.Page(http.MethodGet, "/console/x", staff.Everybody(), nothing)
		},
		"a path without a slash": func(r *staff.Router) { r.Page(http.MethodGet, "console", staff.Everybody(), nothing) },
		"a menu without a page":  func(r *staff.Router) { r.Menu("/console/x", "x") },
		"a page of ours":         func(r *staff.Router) { r.Page(http.MethodGet, "/staff/users", staff.Everybody(), nothing) },
	} {
		if _, err := staff.New(staff.Config{Store: stafftest.Store(t)}, part); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if _, err := staff.New(staff.Config{Store: stafftest.Store(t), SecondFactor: []string{"king"}}); err == nil {
		t.Error("a second factor for a role that does not exist is taken")
	}
}

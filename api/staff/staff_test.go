package staff_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
)

const password = "七月的风吹过三座桥去看海潮又回来"

// noSecond is a configuration in which a password is enough.
var noSecond = staff.Config{SecondFactor: []string{}}

var csrfField = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)

// logIn logs in with the form.
func logIn(t testing.TB, c *stafftest.Client, name, password, next string) stafftest.Reply {
	t.Helper()
	form := c.Get("/staff/login?" + url.Values{"next": {next}}.Encode())
	m := csrfField.FindStringSubmatch(form.Body)
	if m == nil {
		t.Fatalf("no token in the login form: %d %s", form.Status, form.Body)
	}
	return c.Post("/staff/login", url.Values{"_csrf": {m[1]}, "name": {name}, "password": {password}, "next": {next}})
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, noSecond, func(r *staff.Router) {
		r.Page(http.MethodGet, "/console/x", []string{"editor"}, func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString("of " + who.Name)
		})
		r.Menu("/console/x", "编辑台")
	})
	if err := site.Store.AddUser(t.Context(), "命令", "小李", []string{"editor"}, password); err != nil {
		t.Fatal(err)
	}
	c := site.Stranger(t)
	if r := c.Get("/console/x?a=1"); r.Status != http.StatusSeeOther || r.Header.Get("Location") != "/staff/login?next=%2Fconsole%2Fx%3Fa%3D1" {
		t.Fatalf("a stranger gets %d %q", r.Status, r.Header.Get("Location"))
	}
	if r := logIn(t, c, "小李", password+"!", "/console/x"); r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, "用户名或密码不对") {
		t.Fatalf("a wrong password gets %d", r.Status)
	}
	if r := logIn(t, c, "小李", password, "/console/x?a=1"); r.Status != http.StatusSeeOther || r.Header.Get("Location") != "/console/x?a=1" {
		t.Fatalf("the login gets %d %q %s", r.Status, r.Header.Get("Location"), r.Body)
	}
	if r := c.Get("/console/x"); r.Status != http.StatusOK || r.Body != "of 小李" {
		t.Fatalf("the page gets %d %q", r.Status, r.Body)
	}
	start := c.Get("/staff")
	if start.Status != http.StatusOK || !strings.Contains(start.Body, "编辑台") {
		t.Fatalf("the start page gets %d %s", start.Status, start.Body)
	}
	token := csrfField.FindStringSubmatch(start.Body)[1]
	if r := c.Post("/staff/logout", url.Values{"_csrf": {token}}); r.Status != http.StatusSeeOther {
		t.Fatalf("the log-out gets %d", r.Status)
	}
	if r := c.Get("/console/x"); r.Status != http.StatusSeeOther {
		t.Fatalf("after the log-out the page gets %d", r.Status)
	}
}

func TestAs(t *testing.T) {
	t.Parallel()
	site := stafftest.Open(t, staff.Config{}, func(r *staff.Router) {
		r.JSON(http.MethodPost, "/api/v1/desk/x", []string{"operator"}, "desk", func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.JSON(who.Name)
		})
	})
	c := site.As(t, "话务员", "operator")
	if r := c.JSON(http.MethodPost, "/api/v1/desk/x", "{}"); r.Status != http.StatusOK || r.Body != `"话务员"` {
		t.Errorf("an operator gets %d %s", r.Status, r.Body)
	}
	if r := site.As(t, "编辑", "editor").JSON(http.MethodPost, "/api/v1/desk/x", "{}"); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "不允许访问") {
		t.Errorf("an editor gets %d %s", r.Status, r.Body)
	}
	if r := site.Stranger(t).JSON(http.MethodPost, "/api/v1/desk/x", "{}"); r.Status != http.StatusUnauthorized {
		t.Errorf("a stranger gets %d %s", r.Status, r.Body)
	}
}

// BenchmarkPage is what a page costs whoever is logged in.
func BenchmarkPage(b *testing.B) {
	site := stafftest.Open(b, staff.Config{}, func(r *staff.Router) {
		r.Page(http.MethodGet, "/console/x", []string{"editor"}, func(_ context.Context, c *fiber.Ctx, who staff.Session) error {
			return c.SendString(who.Name)
		})
	})
	c := site.As(b, "小李", "editor")
	for b.Loop() {
		if r := c.Get("/console/x"); r.Status != http.StatusOK {
			b.Fatal(r.Status)
		}
	}
}

package staff_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus/store"
)

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, tt := range []struct {
		why  string
		test func(context.Context, *testing.T)
	}{
		{"from the link of the first start to the first admin, the second factor, a log-out and a login", testFirstAdmin},
		{"an admin invites an editor, who has no script in the browser", testInvitation},
		{"nothing serious for axe, and every window is wide enough", testAxe},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.test(browser, t)
		})
	}
}

// goTo clicks on what leads to another page, and waits for it.
func goTo(w *browsertest.Window, selector, title string) {
	w.Helper()
	w.Click(selector)
	w.Until(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1')?.textContent === %q", title))
}

// text is what an element holds.
func text(w *browsertest.Window, selector string) string {
	w.Helper()
	return browsertest.Eval[string](w, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

func testFirstAdmin(browser context.Context, t *testing.T) {
	site := stafftest.Open(t, staff.Config{Service: "安澜市政务服务问答"})
	clock := staff.Stop(site.Staff)
	w := browsertest.Open(browser, t, site.URL, setupPath(t, site), 1280, 900)
	w.Is("document.querySelector('h1').textContent === '设立第一个管理员'")
	w.Fill("#name", "root")
	w.Fill("#new", "password1password1")
	w.Fill("#again", "password1password1")
	w.Click("main .btn.main")
	w.Until("document.querySelector('[role=alert]')?.textContent.includes('太容易猜到')")
	w.Is("document.getElementById('name').value === 'root' && document.getElementById('new').value === ''")
	w.Shoot("staff-setup")
	w.Fill("#new", password)
	w.Fill("#again", password)
	goTo(w, "main .btn.main", "设置两步验证")
	w.Is("document.querySelector('.qr').naturalWidth === 240 && !document.querySelector('.menu')")
	w.Shoot("staff-enrol")
	w.Fill("#code", code(t, text(w, "#secret"), clock.Now()))
	goTo(w, "main .btn.main", "备用码")
	w.Is("document.querySelectorAll('.codes li').length === 10")
	recovery := text(w, ".codes li")
	w.Shoot("staff-codes")
	goTo(w, "main .btn.main", "root，您好")
	w.Is("[...document.querySelectorAll('.menu a')].map((a) => a.textContent).join() === '账号,接口密钥'")
	w.Is("document.cookie === ''") // scripts see none of them
	w.Shoot("staff-start")
	goTo(w, ".bar form .btn", "登录工作台")
	w.Visit("/staff/users")
	w.Is("location.pathname === '/staff/login' && location.search === '?next=%2Fstaff%2Fusers'")
	w.Fill("#name", "root")
	w.Fill("#password", password)
	goTo(w, "main .btn.main", "两步验证")
	w.Visit("/staff/users")
	w.Is("location.pathname === '/staff/second'")
	w.Fill("#code", "000000")
	w.Click("main .btn.main")
	w.Until("document.querySelector('[role=alert]')?.textContent.includes('验证码不对')")
	w.Fill("#code", recovery)
	goTo(w, "main .btn.main", "账号")
	w.Is("location.pathname === '/staff/users' && document.querySelector('.menu [aria-current=page]').textContent === '账号'")
}

func testInvitation(browser context.Context, t *testing.T) {
	site := stafftest.Open(t, noSecond)
	if err := site.Store.AddUser(t.Context(), "命令", "root", []string{"admin"}, password); err != nil {
		t.Fatal(err)
	}
	w := browsertest.Open(browser, t, site.URL, "/staff/login", 1280, 900)
	w.NoScript()
	w.Reload()
	w.Fill("#name", "root")
	w.Fill("#password", password)
	goTo(w, "main .btn.main", "root，您好")
	w.Visit("/staff/users")
	w.Fill("#name", "小张")
	w.Click("input[name=role][value=editor]")
	goTo(w, "main .btn.main", "设置密码的链接")
	link := strings.TrimPrefix(text(w, "#link"), site.URL)
	goTo(w, ".bar form .btn", "登录工作台")

	other := browsertest.Open(browser, t, site.URL, link, 390, 844)
	other.Is("document.getElementById('name').value === '小张' && document.getElementById('name').readOnly")
	other.Fill("#new", password)
	other.Fill("#again", password)
	goTo(other, "main .btn.main", "小张，您好")
	other.Visit(link)
	other.Is("document.querySelector('h1').textContent === '没有找到相关内容'")
}

// everyPage puts a little of everything on the pages of an account of all
// roles, and returns a window in which it has logged in.
func everyPage(browser context.Context, t *testing.T) (*stafftest.Site, *browsertest.Window) {
	t.Helper()
	site := stafftest.Open(t, staff.Config{})
	if err := site.Store.AddUser(t.Context(), store.BySystem, "root", store.Roles, password); err != nil {
		t.Fatal(err)
	}
	for name, roles := range map[string][]string{"小李": {"editor"}, "王主任": {"reviewer", "publisher"}, "陈班长": {"operator", "supervisor"}} {
		if err := site.Store.InviteUser(t.Context(), "root", name, roles); err != nil {
			t.Fatal(err)
		}
	}
	if err := site.Store.DisableUser(t.Context(), "root", "小李"); err != nil {
		t.Fatal(err)
	}
	c := site.As(t, "root", store.Roles...)
	c.Post("/staff/keys", map[string][]string{"name": {"热线系统"}, "days": {"90"}, "scope": {"desk", "ask"}})
	c.Get("/staff/users?denied")
	w := browsertest.Open(browser, t, site.URL, "/staff/login", 1280, 900)
	cookie := c.Cookies()[0]
	browsertest.Call(w, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: site.URL})
	return site, w
}

func testAxe(browser context.Context, t *testing.T) {
	axe := browsertest.NewAxe(t)
	site, w := everyPage(browser, t)
	for _, path := range []string{"/staff", "/staff/account", "/staff/users", "/staff/keys", "/staff/audit", "/staff/nothing"} {
		if path == "/staff/nothing" { // its status is an error on the console
			w.Quiet()
		}
		w.Visit(path)
		name := "staff" + strings.ReplaceAll(strings.TrimPrefix(path, "/staff"), "/", "-")
		for _, width := range []int64{1280, 390} {
			w.Size(width, 844)
			w.Is(browsertest.FitsItsPage)
			axe.Check(w, fmt.Sprintf("%s at %d", path, width))
			w.Shoot(fmt.Sprintf("%s-%d", name, width))
		}
	}
	w.Dark()
	w.Visit("/staff/users")
	axe.Check(w, "/staff/users in the dark")
	w.Shoot("staff-users-dark")
	w.Light()

	out := browsertest.Open(browser, t, site.URL, "/staff/login", 390, 844)
	out.Is(browsertest.FitsItsPage)
	axe.Check(out, "the login")
	out.Shoot("staff-login-390")
	// By keyboard only: the skip link is first, and Enter sends the form.
	fresh := stafftest.Open(t, staff.Config{})
	first := browsertest.Open(browser, t, fresh.URL, setupPath(t, fresh), 390, 844)
	axe.Check(first, "the first account")
	first.Fill("#name", "root")
	first.Fill("#new", password)
	first.Fill("#again", password+"\r")
	first.Until("document.querySelector('h1')?.textContent === '设置两步验证'")
	first.Is(browsertest.FitsItsPage)
	axe.Check(first, "the second factor")
}

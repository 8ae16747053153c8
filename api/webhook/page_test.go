package webhook

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
)

func openPage(t *testing.T) (*world, *stafftest.Site) {
	w := newWorld(t)
	return w, stafftest.Open(t, staff.Config{Store: w.store}, w.queue.Register)
}

func TestPage(t *testing.T) {
	w, site := openPage(t)
	for _, role := range []string{"editor", "publisher", "operator", "auditor"} {
		if r := site.As(t, "某"+role, role).Get(pathPage); r.Status != http.StatusForbidden {
			t.Errorf("%s: %d", role, r.Status)
		}
	}
	if r := site.Stranger(t).Post(pathPage, url.Values{"url": {"https://a.example.cn"}}); r.Status == http.StatusOK {
		t.Errorf("a stranger: %d", r.Status)
	}
	admin := site.As(t, "管理员", "admin")
	want := func(r stafftest.Reply, status int, has ...string) {
		t.Helper()
		if r.Status != status {
			t.Errorf("status %d, want %d", r.Status, status)
		}
		for _, text := range has {
			if !strings.Contains(r.Body, text) {
				t.Errorf("the page lacks %q", text)
			}
		}
	}
	want(admin.Get(pathPage), http.StatusOK, "还没有接收地址", "没有答上")
	want(admin.Post(pathPage, url.Values{"name": {"inside"}, "url": {"https://169.254.169.254/"}, "event": {MessageIn}}), http.StatusUnprocessableEntity,
		"169.254.169.254", "不是公网地址", `value="message.left" checked`)
	want(admin.Post(pathPage, url.Values{"name": {"portal"}, "url": {"https://portal.example.cn/hook"}, "algorithm": {SM3}}), http.StatusOK, "whsec_", "已添加 portal")
	if r := admin.Get(pathPage); strings.Contains(r.Body, "whsec_") {
		t.Error("the secret is shown a second time")
	}
	act := func(act, name, seq string) stafftest.Reply {
		return admin.Post(pathPage+"/act", url.Values{"act": {act}, "name": {name}, "seq": {seq}})
	}
	want(act("test", "portal", ""), http.StatusOK, "收下了测试事件")
	want(act("rotate", "portal", ""), http.StatusOK, "whsec_", "同时签名")
	w.got.answers = func(string) int { return http.StatusBadRequest }
	want(act("test", "portal", ""), http.StatusOK, "没有收下测试事件", "400")
	w.unanswered("没有人答得上")
	w.settle("portal")
	want(admin.Get(pathPage), http.StatusOK, "死信", "question.unanswered", "接收方答复 400", "重送")
	w.got.answers = nil
	want(act("replay", "portal", "1"), http.StatusOK, "1 封死信将重新发送", "等待重送")
	w.settle("portal")
	if s := w.status(); s.Dead != 0 || s.Delivered != 1 {
		t.Errorf("after the replay: %+v", s)
	}
	want(act("resume", "portal", ""), http.StatusOK, "马上再试")
	want(act("replay", "portal", "x"), http.StatusUnprocessableEntity)
	want(act("dance", "portal", ""), http.StatusUnprocessableEntity)
	want(act("test", "nobody", ""), http.StatusNotFound)
	want(act("remove", "portal", ""), http.StatusOK, "已删除 portal", "还没有接收地址")
}

func TestPageInTheBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	axe := browsertest.NewAxe(t)
	w, site := openPage(t)
	w.add(Endpoint{Name: "portal", URL: "https://portal.example.gov.cn/govqa/events", Events: []string{Published, MessageIn}})
	w.add(Endpoint{Name: "orders", URL: "https://orders.example.gov.cn/hook"})
	w.got.answers = func(id string) int { return http.StatusUnprocessableEntity }
	w.unanswered("没有人答得上")
	w.settle("orders")
	w.got.answers = func(id string) int { return http.StatusBadGateway }
	w.unanswered("又一个")
	w.drain("orders")
	admin := site.As(t, "管理员", "admin")
	page := browsertest.Open(browser, t, site.URL, "/staff/login", 1280, 900)
	for _, c := range admin.Cookies() {
		browsertest.Call(page, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: site.URL})
	}
	page.Visit(pathPage)
	if got := page.Text("h1"); got != "事件通知" {
		t.Errorf("heading %q", got)
	}
	axe.Check(page, "webhooks")
	page.Shoot("webhooks")
	page.Size(360, 740)
	page.Is(browsertest.FitsItsPage)
	axe.Check(page, "webhooks on a phone")
	page.Shoot("webhooks-phone")
	page.Quiet()
}

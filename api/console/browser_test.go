package console_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/corpus"
)

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, tt := range []struct {
		why  string
		test func(context.Context, *testing.T)
	}{
		{"a workbook goes through a second person's review to a citizen who sees the new fee, and back", testWorkbookToCitizen},
		{"a guide that is withdrawn is gone for a citizen within a second", testWithdrawnForACitizen},
		{"an editor works with the keyboard alone, and adds a row", testKeyboard},
		{"nothing serious for axe, on a desk and on a phone", testAxe},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.test(browser, t)
		})
	}
}

// window opens a window in which somebody with the roles is logged in.
func (x *site) window(browser context.Context, t *testing.T, name string, roles ...string) *browsertest.Window {
	t.Helper()
	w := browsertest.Open(browser, t, x.URL, "/staff/login", 1280, 900)
	for _, c := range x.As(t, name, roles...).Cookies() {
		browsertest.Call(w, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: x.URL})
	}
	return w
}

// goTo clicks on what leads to another page, and waits for it.
func goTo(w *browsertest.Window, selector, title string) {
	w.Helper()
	w.Click(selector)
	w.Until(fmt.Sprintf("document.readyState === 'complete' && document.querySelector('h1')?.textContent === %q", title))
}

// choose puts a file into the form of an upload.
func choose(w *browsertest.Window, name string, file []byte) {
	w.Helper()
	w.Do(fmt.Sprintf(`{ const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)); const list = new DataTransfer();
		list.items.add(new File([bytes], %q)); document.getElementById("file").files = list.files; }`, base64.StdEncoding.EncodeToString(file), name))
}

func testWorkbookToCitizen(browser context.Context, t *testing.T) {
	x := open(t, residence())
	citizen := browsertest.Open(browser, t, x.URL, "/matters/AL-JZ-1", 1024, 800)
	sees := func(fee, not string) {
		t.Helper()
		citizen.Visit("/matters/AL-JZ-1")
		citizen.Is(fmt.Sprintf("document.querySelector('main').innerText.includes(%q) && !document.querySelector('main').innerText.includes(%q)", fee, not))
		citizen.Visit("/?q=" + url.QueryEscape("居住证补发多少钱"))
		citizen.Is(fmt.Sprintf("document.querySelector('main').innerText.includes(%q) && !document.querySelector('main').innerText.includes(%q)", fee, not))
	}
	sees("20元", "10元")

	editor := x.window(browser, t, "小李", "editor")
	editor.Visit("/console/import")
	choose(editor, "收费调整.xlsx", workbook(t, []string{"实施编码", "事项名称", "是否收费", "收费项目名称", "收费标准", "收费依据", "承诺办结时限"},
		[]string{"AL-JZ-1", "居住证补发", "是", "工本费", "10元", "安发改〔2026〕9号", "5个工作日"}))
	editor.Fill("#source", "安澜市公安局")
	editor.Fill("#note", "收费标准调整")
	goTo(editor, "main .btn.main", "导入：收费调整.xlsx")
	editor.Shoot("console-columns")
	editor.Click("form[action='/console/import/check'] .btn.main")
	editor.Until("document.querySelector('form[action=\"/console/import/save\"]')")
	editor.Is("document.querySelector('main').innerText.includes('变更') && document.querySelector('.text del').textContent === '20'")
	editor.Do("document.querySelector('#changes ~ details').open = true")
	editor.Shoot("console-dry-run")
	editor.Click("form[action='/console/import/save'] .btn.main")
	editor.Until("[...document.querySelectorAll('main a')].some((a) => a.textContent === '看这批草稿')")
	sees("20元", "10元") // nothing is published by itself
	goTo(editor, "main a.btn.main", "草稿")
	editor.Click("button[formaction='/console/drafts/submit'][name=state]")
	editor.Until("document.querySelector('.tag.state-review')")

	reviewer := x.window(browser, t, "老陈", "reviewer")
	reviewer.Visit("/console/drafts?state=review")
	goTo(reviewer, "tbody a", "居住证补发")
	reviewer.Is("!!document.querySelector('.differs .text ins')")
	reviewer.Shoot("console-review")
	reviewer.Click("button[formaction='/console/drafts/approve']")
	reviewer.Until("document.querySelector('.tag.state-approved')")
	sees("20元", "10元")

	publisher := x.window(browser, t, "王主任", "publisher")
	publisher.Visit("/console/publish")
	publisher.Fill("#note", "2026 年收费标准")
	publisher.Shoot("console-publish")
	goTo(publisher, "form[action='/console/publish'] .btn.main", "已发布：第 2 版")
	publisher.Is("document.querySelector('[role=status]').innerText.includes('起参与回答和检索')")
	sees("10元", "20元")

	publisher.Visit("/console/editions")
	publisher.Click("details summary")
	publisher.Fill("#reason-1", "文件还没有生效")
	goTo(publisher, "form[action='/console/editions/rollback'] .btn", "已回退到第 1 版的内容：第 3 版")
	sees("20元", "10元")
	for _, w := range []*browsertest.Window{editor, reviewer, publisher, citizen} {
		w.Quiet()
	}
}

func testWithdrawnForACitizen(browser context.Context, t *testing.T) {
	x := open(t, residence())
	citizen := browsertest.Open(browser, t, x.URL, "/search?q="+url.QueryEscape("居住证"), 1024, 800)
	citizen.Is("document.querySelector('main').innerText.includes('居住证补发')")
	publisher := x.window(browser, t, "王主任", "publisher")
	publisher.Visit(residencePath)
	publisher.Fill("#reason", "收费写错了")
	began := time.Now()
	goTo(publisher, "form[action='/console/withdraw'] .btn", "已撤下：第 2 版")
	publisher.Shoot("console-withdrawn")
	citizen.Reload()
	citizen.Is("!document.querySelector('main').innerText.includes('居住证补发')")
	citizen.Visit("/matters/AL-JZ-1")
	citizen.Is("document.querySelector('main').innerText.includes('没有找到这个页面')")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v, with all of the browser's clicks", took)
	}
}

func testKeyboard(browser context.Context, t *testing.T) {
	x := open(t, residence())
	w := x.window(browser, t, "小李", "editor")
	w.Visit("/console/edit?key=guide%2FAL-JZ-1")
	w.Is("document.querySelectorAll('[data-group=materials] .item').length === 2")
	w.Do("document.querySelector('[data-group=materials] button[name=more]').focus()")
	w.Keys("\r")
	w.Until("document.querySelectorAll('[data-group=materials] .item').length === 3")
	w.Is("document.activeElement.name === 'materials[2].name' && document.activeElement.value === ''")
	w.Keys("照片")
	w.Do("document.querySelector('#note').focus()")
	w.Keys("补一种材料")
	w.TabTo("保存草稿")
	w.Keys("\r")
	w.Until("document.querySelector('h1').textContent === '居住证补发' && document.querySelector('.tag.state-draft')")
	d, err := x.store.Draft(residence().Key())
	if err != nil {
		t.Fatal(err)
	}
	g := d.Record.(*corpus.Guide)
	if len(g.Materials) != 2 || g.Materials[1].Name != "照片" || d.Note != "补一种材料" {
		t.Errorf("draft %+v", g.Materials)
	}
	w.TabTo("提交审核")
	w.Keys("\r")
	w.Until("document.querySelector('.tag.state-review')")
	w.Quiet()

	// One box ticks the page.
	w.Visit("/console/records?type=guide")
	w.Do("document.querySelector('[data-all]').focus()")
	w.Keys(" ")
	w.Is("document.querySelector('tbody input').checked")
}

func testAxe(browser context.Context, t *testing.T) {
	axe := browsertest.NewAxe(t)
	other := residence()
	other.Code, other.Agency.Name = "AL-GC-2", "安澜市城管局"
	x := open(t, residence(), other, &corpus.FAQ{Type: corpus.TypeFAQ, ID: "F1", Question: "工本费多少？", Answer: "20元"})
	w := x.window(browser, t, "全能", "editor", "reviewer", "publisher")
	editor := x.As(t, "全能", "editor")
	follow(t, editor, editFee(t, editor, "10元"))
	path, page := uploaded(t, editor, "公安", "事项.csv", []byte("事项编码,事项名称,备用\nA,甲,x\n"))
	checked(t, editor, path, page, nil)
	lawPath, _ := uploaded(t, editor, "", "办法.html", []byte("<html><body><h1>办法</h1><p>正文</p></body></html>"))
	for name, path := range map[string]string{
		"console": "/console", "list": "/console/records?type=guide", "record": residencePath, "edit": "/console/edit?key=guide%2FAL-JZ-1", "new": "/console/edit?type=bundle",
		"drafts": "/console/drafts", "publish": "/console/publish", "editions": "/console/editions?edition=1", "conflicts": "/console/conflicts",
		"operator": "/console/preview?as=operator&key=guide%2FAL-JZ-1", "citizen": "/console/preview?as=citizen&key=guide%2FAL-JZ-1",
		"imports": "/console/import", "import": path, "law": lawPath, "export": "/console/export",
	} {
		for _, width := range []int64{1280, 390} {
			w.Size(width, 900)
			w.Visit(path)
			state := fmt.Sprintf("%s at %d", name, width)
			axe.Check(w, state)
			if strings.Contains(name, "citizen") {
				continue
			}
			if wide := browsertest.Eval[int](w, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
				t.Errorf("%s is %d pixels too wide", state, wide)
			}
			w.Shoot(fmt.Sprintf("console-%s-%d", name, width))
		}
	}
	w.Dark()
	w.Size(1280, 900)
	w.Visit(residencePath)
	axe.Check(w, "record in the dark")
}

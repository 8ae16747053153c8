package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/staff/stafftest"
)

// A seat is an operator's window.
type seat struct{ *browsertest.Window }

// sit logs somebody in and opens a page.
func sit(browser context.Context, t *testing.T, c *city, name, path string, width int64, roles ...string) (seat, *stafftest.Client) {
	t.Helper()
	client := c.As(t, name, roles...)
	w := seat{browsertest.Open(browser, t, c.URL, "/staff/login", width, 900)}
	for _, cookie := range client.Cookies() {
		browsertest.Call(w.Window, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: c.URL})
	}
	w.Visit(path)
	return w, client
}

// begin opens a call with the keyboard.
func (w seat) begin() {
	w.Helper()
	w.Until("document.getElementById('desk').dataset.ready === 'yes'")
	w.alt("o")
	w.Until("!document.getElementById('talking').hidden && document.activeElement.id === 'query'")
}

func (w seat) alt(key string) { w.Helper(); w.Chord(key, chromedp.ModifierAlt) }

// permitFirst waits until the residence permit is the first of the list and the
// list has come to rest.
func (w seat) permitFirst() {
	w.Helper()
	w.Until("document.querySelector('#items strong')?.textContent === '居住证申领'")
	w.still()
}

// still waits until the list has come to rest and Enter counts.
func (w seat) still() {
	w.Helper()
	w.Until("document.querySelector('#items[aria-busy=false] li') !== null")
	for range 15 { // 300 ms
		w.Pause()
	}
}

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, tt := range []struct {
		why  string
		test func(context.Context, *testing.T)
	}{
		{"a whole call by keyboard only, from the greeting to the exported order", testKeyboard},
		{"a call driven by a posted transcript", testTranscript},
		{"the server is restarted in the middle of a call", testRestart},
		{"a supervisor approves what the operator may say", testApproval},
		{"nothing serious for axe, and every window is wide enough", testAxe},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.test(browser, t)
		})
	}
}

func testKeyboard(browser context.Context, t *testing.T) {
	c := openCity(t, t.TempDir())
	w, client := sit(browser, t, c, "李", "/desk", 1440, "operator")
	w.Shoot("desk-idle")
	w.begin()
	w.alt("k")
	w.Keys("13900000000")
	w.alt("n")
	w.Keys("声音小，重复问")
	w.Keys(kb.Tab)
	w.Do("document.activeElement.blur()")
	w.Keys("/")
	w.Is("document.activeElement.id === 'query'")
	w.Do("document.getElementById('query').value = ''") // a real key press puts no / there, one of the protocol does
	w.Keys("居住证要什么材料")
	w.permitFirst()
	w.Is("document.querySelector('#card-text').textContent.includes('居民身份证')")
	w.Until("document.querySelector('#knowledge-list')?.textContent.includes('系统升级')")
	w.Shoot("desk-list-1440")
	w.Keys(kb.ArrowDown)
	w.Is("document.querySelector('#items [aria-selected=true]').id === 'item-1' && document.getElementById('query').getAttribute('aria-activedescendant') === 'item-1'")
	selected := browsertest.Eval[string](w.Window, "document.querySelector('#items [aria-selected=true]').dataset.code")
	w.Keys("办理") // more words come in; the selected one stays
	w.Until("document.getElementById('asked').textContent.includes('居住证要什么材料办理')")
	w.Is(fmt.Sprintf("document.querySelectorAll('#items li')[1].dataset.code === %q", selected))
	w.Keys(kb.Backspace, kb.Backspace, kb.ArrowUp)
	w.permitFirst()
	w.Is("document.querySelector('#items [aria-selected=true]').id === 'item-0'")

	w.alt("4") // the fee
	w.Until("document.querySelector('.aspect[aria-pressed=true]')?.dataset.aspect === 'fee'")
	w.alt("1")
	w.Until("document.querySelector('.aspect[aria-pressed=true]')?.dataset.aspect === 'materials'")
	w.alt("r")
	w.Is("document.getElementById('read').open && document.activeElement.id === 'read-text' && document.getElementById('read-text').textContent.includes('居民身份证')")
	w.Shoot("desk-read-1440")
	w.Keys(kb.Escape)
	w.Until("!document.getElementById('read').open && document.activeElement.id === 'query'")
	w.Do("Object.defineProperty(navigator, 'clipboard', { value: { writeText: (t) => { window.copied = t; return Promise.resolve(); } } })")
	w.alt("c")
	w.Until("window.copied?.startsWith('【12345】') && copied.includes('居民身份证')")
	w.alt("w")
	w.Until("document.getElementById('report').open")
	w.Keys(kb.Tab, "复印件写错了", kb.Tab, kb.Enter)
	w.Until("document.getElementById('status').textContent === '已报给编辑'")
	w.alt("x")
	w.Until("document.getElementById('reject').open")
	w.Keys(kb.Tab, kb.Enter)
	w.Until("document.getElementById('status').textContent.includes('不合适')")
	w.Keys(kb.F1)
	w.Is("document.getElementById('help').open")
	w.Shoot("desk-help-1440")
	w.Keys(kb.Escape)
	w.Until("!document.getElementById('help').open && document.activeElement.id === 'query'")
	w.Keys(kb.Enter)
	w.Until("document.querySelectorAll('#adopted li').length === 1 && document.getElementById('query').value === ''")

	w.Keys("那要几天") // leans on what was adopted
	w.permitFirst()
	w.alt("e")
	w.Is("document.activeElement.id === 'edit'")
	w.Keys("大约一周半。")
	w.Chord(kb.Enter, chromedp.ModifierCtrl)
	w.Until("document.querySelectorAll('#adopted li').length === 2 && document.activeElement.id === 'query'")
	w.Shoot("desk-adopted-1440")
	w.alt("h")
	w.Until("!document.getElementById('wrap').hidden && document.activeElement.id === 'close'")
	w.Is("document.getElementById('summary').value.includes('居住证申领') && document.getElementById('summary').value.includes('声音小') && document.getElementById('category').value.startsWith('咨询/') && document.getElementById('agency').value === '安澜市公安局'")
	w.Shoot("desk-wrap-1440")
	w.Chord(kb.Enter, chromedp.ModifierCtrl)
	w.Until("!document.getElementById('done').hidden && document.activeElement.id === 'order-json'")
	id := browsertest.Eval[string](w.Window, "decodeURIComponent(document.getElementById('order-json').href.split('/').at(-2))")
	w.Quiet()
	w.Keys(kb.Enter)
	w.Until("document.body.innerText.includes('\"summary\"')")
	var o desk.WorkOrder
	if err := json.Unmarshal([]byte(browsertest.Eval[string](w.Window, "document.body.innerText")), &o); err != nil {
		t.Fatal(err)
	}
	if o.ID != id || o.Caller != "13900000000" || len(o.Answers) != 2 || !o.Answers[1].Edited || !strings.HasSuffix(o.Answers[1].Said, "大约一周半。") || o.Result != "已答复" || !strings.HasPrefix(o.Category, "咨询/") || o.Agency != "安澜市公安局" {
		t.Errorf("order %+v", o)
	}
	if after := o.Closed.Sub(o.Ended); after.Seconds() > 10 {
		t.Errorf("after-call work took %v", after)
	}
	if csv := client.Get("/desk/past.csv"); csv.Status != http.StatusOK || !strings.Contains(csv.Body, id) || !strings.Contains(csv.Body, "声音小") {
		t.Errorf("CSV %d %s", csv.Status, csv.Body)
	}
	types := map[string]int{}
	for f, err := range c.store.Facts(0) {
		if err != nil {
			t.Fatal(err)
		}
		types[f.Type]++
	}
	for _, want := range []string{desk.FactAdopt, desk.FactEdit, desk.FactReject, desk.FactReport} {
		if types[want] != 1 {
			t.Errorf("%d facts %s, want one: %v", types[want], want, types)
		}
	}
}

// transcript is a call as a speech-to-text system hears it.
var transcript = []string{
	"operator:您好，12345", "caller:喂，你好", "caller:那个，我想问一下", "operator:您请讲", "caller:我是外地过来打工的", "caller:在这边租房子住了大半年了",
	"caller:想办一个居住证", "operator:好的", "caller:要带些什么材料去", "operator:请带身份证和住址证明", "caller:哦，好的", "caller:那多少天能拿到", "operator:我查一下",
	"caller:嗯", "caller:对了，还有个事", "caller:我身份证丢了怎么补", "operator:您稍等", "caller:要钱吗", "caller:好的，谢谢", "caller:再见",
}

func testTranscript(browser context.Context, t *testing.T) {
	c := openCity(t, t.TempDir())
	w, client := sit(browser, t, c, "李", "/desk", 1024, "operator")
	w.begin()
	call := decode[struct{ Calls []desk.Call }](t, client.JSON("GET", "/api/v1/desk/calls", "")).Calls[0].ID
	for i, l := range transcript {
		speaker, text, _ := strings.Cut(l, ":")
		body, err := json.Marshal(desk.Line{ID: fmt.Sprint(i), Speaker: speaker, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		decode[struct{ Lines int }](t, client.JSON("POST", "/api/v1/desk/calls/"+call+"/lines", string(body)))
		switch i {
		case 8: // heard without a key: the residence permit, its materials
			w.permitFirst()
			w.Until("document.querySelector('#card-text').textContent.includes('居民身份证')")
			w.Shoot("desk-transcript-1024")
			w.Keys(kb.Enter)
			w.Until("document.querySelectorAll('#adopted li').length === 1 && document.querySelectorAll('#lines .settled').length === 9")
		case 11: // another field of the same matter
			w.permitFirst()
			w.Until("document.querySelector('#card-text').textContent.includes('时限')")
			w.Keys(kb.Enter)
			w.Until("document.querySelectorAll('#adopted li').length === 2")
		case 15: // another matter: what was settled is forgotten
			w.Until("/身份证/.test(document.querySelector('#items strong')?.textContent)")
			w.still()
			w.Keys(kb.Enter)
			w.Until("document.querySelectorAll('#adopted li').length === 3")
		}
	}
	w.Until("document.querySelectorAll('#lines li').length === 20")
	again, err := json.Marshal(map[string]any{"lines": []desk.Line{{ID: "19", Speaker: "caller", Text: "再见"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[struct{ Lines int }](t, client.JSON("POST", "/api/v1/desk/calls/"+call+"/lines", string(again))); got.Lines != 20 {
		t.Errorf("a line sent twice makes %d lines", got.Lines)
	}
	w.alt("h")
	w.Until("!document.getElementById('wrap').hidden")
	w.Keys(kb.Enter)
	w.Until("!document.getElementById('done').hidden")
	o := decode[desk.WorkOrder](t, client.JSON("GET", "/api/v1/desk/calls/"+call+"/order", ""))
	if len(o.Answers) != 3 || !strings.Contains(o.Summary, "居住证申领") {
		t.Errorf("order %+v", o)
	}
	w.Quiet()
}

func testRestart(browser context.Context, t *testing.T) {
	dir := t.TempDir()
	before := &stage{TB: t}
	c := openCity(before, dir)
	var target atomic.Pointer[url.URL]
	aim := func(address string) {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		target.Store(u)
	}
	aim(c.URL)
	proxy := httptest.NewServer(&httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target.Load())
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(proxy.Close)
	client := c.As(t, "李", "operator")
	w := seat{browsertest.Open(browser, t, proxy.URL, "/staff/login", 1024, 900)}
	for _, cookie := range client.Cookies() {
		browsertest.Call(w.Window, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: proxy.URL})
	}
	w.Visit("/desk")
	w.begin()
	w.Keys("居住证要什么材料")
	w.permitFirst()
	w.Keys(kb.Enter)
	w.Until("document.querySelectorAll('#adopted li').length === 1")
	w.alt("n")
	w.Keys("第一段备注")
	w.Until("sessionStorage.length === 1") // the notes have been written down; only what is typed is left
	id := decode[struct{ Calls []desk.Call }](t, client.JSON("GET", "/api/v1/desk/calls", "")).Calls[0].ID
	kept := decode[desk.Call](t, client.JSON("GET", "/api/v1/desk/calls/"+id, ""))
	before.end()

	// While the service is away the operator goes on: notes, what is typed, an
	// answer called up.
	w.Keys("，第二段备注")
	w.Until("document.getElementById('status').textContent.includes('正在重试')")
	w.Shoot("desk-offline-1024")
	after := openCity(t, dir)
	aim(after.URL)
	w.Until("document.getElementById('status').textContent.includes('已恢复连接')")
	again, err := after.desk.Call(desk.Staff{Name: "李"}, id)
	if err != nil {
		t.Fatal(err)
	}
	if again.Notes != "第一段备注，第二段备注" || len(again.Adopted) != 1 || again.Adopted[0].ID != kept.Adopted[0].ID || again.State != kept.State || !again.Opened.Equal(kept.Opened) {
		t.Errorf("before %+v\nafter %+v", kept, again)
	}
	decode[struct{}](t, after.As(t, "李", "operator").JSON("POST", "/api/v1/desk/calls/"+id+"/lines", `{"speaker":"caller","text":"喂，还在吗"}`))
	w.Until("document.querySelectorAll('#lines li').length === 1") // the stream has been taken up again
	w.Keys(kb.Tab)
	w.Do("document.getElementById('query').focus()")
	w.Keys("那要几天")
	w.permitFirst() // the conversation goes on where it was
	w.Reload()
	w.Until("document.getElementById('desk').dataset.ready === 'yes' && document.getElementById('notes').value === '第一段备注，第二段备注' && document.getElementById('query').value === '那要几天'")
	w.permitFirst()
	w.Keys(kb.Enter)
	w.Until("document.querySelectorAll('#adopted li').length === 2")
	w.alt("h")
	w.Until("!document.getElementById('wrap').hidden")
	w.Keys(kb.Enter)
	w.Until("!document.getElementById('done').hidden")
	if past, err := after.desk.Past(desk.Staff{Name: "李"}, desk.Filter{}); err != nil || len(past) != 1 || len(past[0].Adopted) != 2 {
		t.Errorf("past %+v %v", past, err)
	}
}

func testApproval(browser context.Context, t *testing.T) {
	c := openCity(t, t.TempDir())
	boss, _ := sit(browser, t, c, "王", "/desk/watch", 1440, "supervisor")
	boss.Do("document.getElementById('approve').value = '李'; document.querySelector('form[action$=settings]').requestSubmit()")
	boss.Until("document.getElementById('approve').value === '李'")
	w, _ := sit(browser, t, c, "李", "/desk", 1024, "operator")
	w.begin()
	w.Keys("身份证丢了怎么补")
	w.still()
	w.Keys(kb.Enter)
	w.Until("document.querySelector('#adopted .tag')?.textContent === '待审'")
	w.alt("r")
	w.Is("!document.getElementById('read').open && document.getElementById('status').textContent.startsWith('先审后说')")
	boss.Until("document.querySelector('.waiting') !== null") // told by the stream
	boss.Shoot("desk-watch-1440")
	boss.TabTo("同意")
	boss.Keys(kb.Enter)
	boss.Until("document.querySelector('.waiting') === null && document.getElementById('live') !== null")
	w.Until("document.querySelector('#adopted .tag')?.textContent === '审过' && document.getElementById('status').textContent.startsWith('班长同意了')")
	w.alt("r")
	w.Is("document.getElementById('read').open && document.getElementById('read-text').textContent.includes('丢失补领')")
	w.Quiet()
	boss.Quiet()
}

func testAxe(browser context.Context, t *testing.T) {
	axe := browsertest.NewAxe(t)
	c := openCity(t, t.TempDir())
	w, client := sit(browser, t, c, "王", "/desk", 1440, "operator", "supervisor")
	check := func(state string) {
		w.Helper()
		axe.Check(w.Window, state)
		for _, width := range []int64{360, 768, 1440} {
			w.Size(width, 900)
			if !browsertest.Eval[bool](w.Window, browsertest.FitsItsPage) {
				t.Errorf("%s scrolls sideways at %d px", state, width)
			}
			w.Shoot(fmt.Sprintf("%s-%d", state, width))
		}
		w.Dark()
		axe.Check(w.Window, state+" in the dark")
		w.Light()
	}
	check("desk-waiting")
	w.begin()
	call := decode[struct{ Calls []desk.Call }](t, client.JSON("GET", "/api/v1/desk/calls", "")).Calls[0].ID
	decode[struct{}](t, client.JSON("POST", "/api/v1/desk/calls/"+call+"/lines", `{"speaker":"caller","text":"居住证要什么材料"}`))
	w.permitFirst()
	check("desk-call")
	for dialog, press := range map[string]func(){"help": func() { w.Keys(kb.F1) }, "read": func() { w.alt("r") }, "reject": func() { w.alt("x") }, "report": func() { w.alt("w") }} {
		press()
		w.Until("document.getElementById('" + dialog + "').open")
		check("desk-" + dialog)
		w.Keys(kb.Escape)
	}
	w.Keys(kb.Enter)
	w.Until("document.querySelectorAll('#adopted li').length === 1")
	w.alt("h")
	w.Until("!document.getElementById('wrap').hidden")
	check("desk-wrap")
	w.Visit("/desk/watch")
	check("watch")
	w.Visit("/desk/calls/" + call)
	check("call-live")
	decode[desk.WorkOrder](t, client.JSON("POST", "/api/v1/desk/calls/"+call+"/close", `{"summary":"摘要","result":"已答复"}`))
	w.Visit("/desk/calls/" + call)
	check("call-past")
	w.Visit("/desk/past")
	check("past")
	w.Quiet()
}

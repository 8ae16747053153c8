package quality

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// sit logs somebody in and opens a page.
func sit(browser context.Context, t *testing.T, h *house, name, path string, width int64, roles ...string) *browsertest.Window {
	t.Helper()
	client := h.As(t, name, roles...)
	w := browsertest.Open(browser, t, h.URL, "/staff/login", width, 900)
	for _, cookie := range client.Cookies() {
		browsertest.Call(w, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: h.URL})
	}
	w.Visit(path)
	return w
}

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	for _, tt := range []struct {
		why  string
		test func(context.Context, *testing.T)
	}{
		{"an unanswered question becomes an answer", testBecomesAnAnswer},
		{"a publication is stopped by the judged questions, and goes on with a reason", testStopped},
		{"nothing serious for axe, and every window is wide enough", testAxe},
	} {
		t.Run(tt.why, func(t *testing.T) { tt.test(browser, t) })
	}
}

const lacking = "共享菜园怎么认领"

// says waits until the page says something.
func says(w *browsertest.Window, text string) {
	w.Helper()
	w.Until("document.querySelector('main')?.textContent.includes(" + quoted(text) + ")")
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "\\'") + "'" }

// press clicks the button of a label.
func press(w *browsertest.Window, label string) {
	w.Helper()
	find := "[...document.querySelectorAll('button, a.btn')].find(e => e.textContent.trim() === " + quoted(label) + ")"
	w.Until(find + " !== undefined") // the page may still be on its way
	w.Do(find + ".click()")
}

// approved submits all drafts as the editor and approves them as somebody else.
func approved(editor, reviewer *browsertest.Window) {
	editor.Helper()
	editor.Visit("/console/drafts")
	editor.Do("document.querySelectorAll('[name=ref]').forEach(e => e.checked = true)")
	press(editor, "提交审核")
	says(editor, "待审核")
	reviewer.Visit("/console/drafts?state=review")
	reviewer.Do("document.querySelectorAll('[name=ref]').forEach(e => e.checked = true)")
	press(reviewer, "审核通过")
	reviewer.Until("document.querySelector('[name=ref]') === null")
}

// A citizen asks, nobody knows, and leaves a message. An editor writes an FAQ
// from the gap, somebody else approves it, a third publishes it. The citizen
// gets the answer, the gap is closed and the message has its reply.
func testBecomesAnAnswer(browser context.Context, t *testing.T) {
	h := open(t)
	citizen := browsertest.Open(browser, t, h.URL, "/?q="+url.QueryEscape(lacking), 390, 844)
	says(citizen, "12345")
	citizen.Visit("/message")
	citizen.Fill("#text", lacking)
	citizen.Click("#letter .btn.main")
	citizen.Until("document.getElementById('number') !== null")
	number, code := citizen.Text("#number"), citizen.Text("#code")

	editor := sit(browser, t, h, "张编辑", "/console/gaps", 1280, "editor")
	says(editor, "没有答案")
	editor.Shoot("quality-gaps-1280")
	editor.Click("main tbody a")
	says(editor, "写一条常见问题")
	editor.Shoot("quality-gap-1280")
	press(editor, "写一条常见问题") // one click
	says(editor, "标准问")
	editor.Fill("#answer", "到安澜市政务服务中心三楼综合窗口登记认领，每户一块，不收费。")
	press(editor, "存为草稿") // and another
	says(editor, "待上线")
	if a := h.ask(lacking); a.Outcome != answer.NotFound {
		t.Fatalf("a draft answers: %s", a.Text)
	}

	reviewer := sit(browser, t, h, "李审核", "/console/drafts", 1280, "reviewer")
	approved(editor, reviewer)
	publisher := sit(browser, t, h, "王发布", "/console/publish", 1280, "publisher")
	publisher.Do("document.querySelectorAll('[name=ref]').forEach(e => e.checked = true)")
	press(publisher, "发布")
	says(publisher, "第 2 版")
	h.live()

	citizen.Visit("/?q=" + url.QueryEscape(lacking))
	says(citizen, "三楼综合窗口")
	citizen.Visit("/message/look-up?number=" + url.QueryEscape(strings.ReplaceAll(number, " ", "")))
	citizen.Fill("#code", code)
	citizen.Click(".form .btn.main")
	says(citizen, "三楼综合窗口")
	editor.Visit("/console/gaps/case?id=g-2")
	says(editor, "已补上")
	says(editor, "第 2 版起能答")
	for _, w := range []*browsertest.Window{citizen, editor, reviewer, publisher} {
		w.Quiet()
	}
}

// What makes a judged question wrong is not published without a reason, and
// the reason is in the audit log.
func testStopped(browser context.Context, t *testing.T) {
	h := open(t)
	editor := sit(browser, t, h, "张编辑", "/console/judged/edit", 1280, "editor")
	editor.Fill("#text", "居住证补领多少钱")
	editor.Fill("#matters", "AL-JZ-004")
	editor.Fill("#says", "工本费")
	press(editor, "保存")
	says(editor, "已保存")
	editor.Visit("/console/judged/run")
	says(editor, "没有哪一项成绩下降")
	rec, err := h.Store.Get(corpus.Key{Type: corpus.TypeGuide, ID: "AL-JZ-004"})
	if err != nil {
		t.Fatal(err)
	}
	guide := *rec.(*corpus.Guide)
	guide.Fee = nil
	if _, err := h.Store.SaveDraft(t.Context(), "张编辑", store.Edit{Record: &guide, Base: h.Store.Edition(), Note: "费用另行公布"}); err != nil {
		t.Fatal(err)
	}
	editor.Visit("/console/judged/run?drafts=all")
	says(editor, "成绩下降")
	editor.Shoot("quality-judged-run-1280")

	reviewer := sit(browser, t, h, "李审核", "/console/drafts", 1280, "reviewer")
	approved(editor, reviewer)
	publisher := sit(browser, t, h, "王发布", "/console/publish", 1280, "publisher")
	publisher.Do("document.querySelectorAll('[name=ref]').forEach(e => e.checked = true)")
	press(publisher, "发布")
	says(publisher, "发布前检查：未通过")
	says(publisher, "居住证补领多少钱")
	if e := h.Store.Edition(); e != 1 {
		t.Fatalf("published as edition %d", e)
	}
	publisher.Shoot("quality-stopped-1280")
	publisher.Fill("#override", "收费标准已废止，财政局 11 月 1 日文件")
	press(publisher, "发布")
	says(publisher, "第 2 版")
	found := false
	for e, err := range h.Store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || e.Action == "gate.override" && e.Actor == "王发布" && strings.Contains(e.Detail, "收费标准已废止") && strings.Contains(e.Detail, "须含的文字")
	}
	if !found {
		t.Error("the override is not in the audit log")
	}
}

func testAxe(browser context.Context, t *testing.T) {
	axe := browsertest.NewAxe(t)
	h := open(t)
	for range 4 {
		a := h.ask("居住证补领多少钱")
		if err := h.engine.Feedback(t.Context(), answer.Feedback{Answer: a.ID, Rating: 1}); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []string{"护照丢了怎么办", "社保卡", "居住证怎么办", "新生儿出生一件事", "养犬登记要多久", "明天股票会涨吗"} {
		h.ask(q)
	}
	a := h.ask(lacking)
	if err := h.engine.Feedback(t.Context(), answer.Feedback{Answer: a.ID, Rating: -1, Reasons: []string{"答非所问"}, Text: "问的是菜园"}); err != nil {
		t.Fatal(err)
	}
	receipt, err := h.engine.Leave(t.Context(), answer.Message{Kind: "咨询", Text: lacking, Name: "王女士"})
	if err != nil {
		t.Fatal(err)
	}
	word := &corpus.Word{Type: corpus.TypeWord, ID: "w-1", Word: "分享菜园", Official: []string{"居住证"}, Confidence: .8, Kind: corpus.WordEveryday}
	if _, err := h.Store.SaveDraft(t.Context(), "张编辑", store.Edit{Record: word, Base: h.Store.Edition()}); err != nil {
		t.Fatal(err)
	}
	gap := opened(h.As(t, "所有", store.Roles...), t, "/console/gaps", lacking)
	_, id, _ := strings.Cut(gap, "/console/gaps/case?id=")
	id, _, _ = strings.Cut(id, `"`)
	for _, width := range []int64{1280, 390} {
		w := sit(browser, t, h, "所有", "/console/gaps", width, store.Roles...)
		for name, path := range map[string]string{"gaps": "/console/gaps", "gap": "/console/gaps/case?id=" + id, "faq": "/console/gaps/remedy?kind=faq&id=" + id,
			"messages": "/console/messages", "message": "/console/messages/one?number=" + receipt.Number, "words": "/console/words?q=自考",
			"preview": "/console/words/preview", "judged": "/console/judged", "judged-form": "/console/judged/edit?text=" + lacking, "run": "/console/judged/run",
			"bench": "/console/bench?text=" + url.QueryEscape("居住证补领多少钱"), "freshness": "/console/freshness", "links": "/console/freshness?tab=links",
			"figures": "/console/figures?days=7"} {
			w.Visit(path)
			w.Until("document.querySelector('main h1') !== null")
			axe.Check(w, name)
			w.Is(browsertest.FitsItsPage)
			w.Shoot("quality-" + name + "-" + map[int64]string{1280: "1280", 390: "390"}[width])
			if name == "figures" {
				w.Dark()
				axe.Check(w, name+" dark")
				w.Light()
			}
		}
		w.Quiet()
	}
}

package quality

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// send posts a form with a file.
func send(t *testing.T, c *stafftest.Client, path, name, content string) stafftest.Reply {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = part.Write([]byte(content))
	}
	if err := errors.Join(err, w.WriteField("_csrf", c.CSRF), w.Close()); err != nil {
		t.Fatal(err)
	}
	return c.Do(http.MethodPost, path, body.String(), "Content-Type: "+w.FormDataContentType(), "Accept: text/html")
}

// A word is a draft, its preview says what it would change, and published it
// is understood.
func TestWords(t *testing.T) {
	h := open(t)
	const question = "我想补领豆豆本"
	before := h.ask(question)
	h.ask("居住证怎么办")
	if before.Outcome == answer.Answered && before.Matters[0].Code == "AL-JZ-004" {
		t.Fatal("豆豆本 is understood without being told")
	}
	c := h.As(t, "editor", "editor")
	if r := send(t, c, "/console/judged/import", "judged.csv", "问题,事项\n"+question+",AL-JZ-004\n"); r.Status != http.StatusOK || !strings.Contains(r.Body, "读入评判题 1 条") {
		t.Fatalf("import of judged questions: %d\n%s", r.Status, text(r.Body))
	}
	form := url.Values{"word": {"豆豆本"}, "official": {"居住证"}, "kind": {"everyday"}, "confidence": {"1"}}
	done(c, t, "/console/words", form, "豆豆本", "回答会变的问题：2 个", "评判题", question, "已回答「居住证补领」")
	if a := h.ask(question); a.Outcome == answer.Answered {
		t.Errorf("a draft is understood: %s", a.Text)
	}
	opened(c, t, "/console/words", "豆豆本", "→ 居住证", "草稿", "现有 1 条草稿")
	h.publish()
	if a := h.ask(question); a.Outcome != answer.Answered || a.Matters[0].Code != "AL-JZ-004" {
		t.Errorf("published, it is %s", a.Text)
	}
	exported := opened(c, t, "/console/words/export")
	want := `{"type":"word","id":"` + wordID("豆豆本", "") + `","word":"豆豆本","official":["居住证"],"confidence":1,"kind":"everyday"}` + "\n"
	if diff := cmp.Diff(want, exported); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
	more := exported + `{"type":"word","id":"w-2","word":"一","official":["居住证"],"confidence":1,"kind":"everyday"}` + "\n" +
		`{"code":"X","name":"指南"}` + "\n" + `{"type":"word","id":"w-3","word":"毛毛本","official":["居住证"],"confidence":0.5,"kind":"dialect","region":{"code":"990101"}}`
	r := send(t, c, "/console/words/import", "words.jsonl", more)
	if r.Status != http.StatusOK || !strings.Contains(r.Body, "读入日常说法 2 条") || !strings.Contains(r.Body, "第 2 行") || !strings.Contains(r.Body, "第 3 行：不是日常说法") {
		t.Errorf("import: %d\n%s", r.Status, text(r.Body))
	}
	for why, bad := range map[string]url.Values{
		"只有一个字": {"word": {"豆"}, "official": {"居住证"}}, "把握": {"word": {"豆豆本"}, "official": {"居住证"}, "confidence": {"much"}},
		"不认识": {"word": {"豆豆本"}, "official": {"居住证"}, "kind": {"slang"}}, "区划代码": {"word": {"豆豆本"}, "official": {"居住证"}, "region": {"44"}},
		"至少要有一个正式用语": {"word": {"豆豆本"}},
	} {
		refusedWith(c, t, "/console/words", bad, why)
	}
	if r := h.As(t, "reader", "reviewer").Post("/console/words", form); r.Status != http.StatusForbidden {
		t.Errorf("a reviewer writes a word: %d", r.Status)
	}
}

func TestJudged(t *testing.T) {
	h := open(t)
	c := h.As(t, "editor", "editor")
	opened(c, t, "/console/judged/edit?text="+url.QueryEscape("居住证补领多少钱"), "现在：已回答「居住证补领」的收费（AL-JZ-004）")
	form := url.Values{"text": {"居住证补领多少钱"}, "matters": {"AL-JZ-004"}, "aspect": {"fee"}, "outcome": {"answered"}, "says": {"工本费\n居住证"}}
	done(c, t, "/console/judged/edit", form, "居住证补领多少钱", "须含 工本费、居住证", "要素 收费")
	done(c, t, "/console/judged/edit", form) // the same again is the same
	set, err := h.pages.loadJudged()
	if err != nil || len(set) != 1 || set[0].By != "editor" {
		t.Fatalf("%+v, %v", set, err)
	}
	opened(c, t, "/console/judged/run", "全对", "1 / 1", "没有哪一项成绩下降")
	opened(c, t, "/console/judged?q="+url.QueryEscape("居住证"), "居住证补领多少钱")
	if body := opened(c, t, "/console/judged?q=护照"); strings.Contains(body, "居住证补领多少钱") {
		t.Error("the search finds everything")
	}
	lines := opened(c, t, "/console/judged/export")
	rows, err := regress.Read("x.jsonl", strings.NewReader(lines))
	if err != nil || len(rows) != 1 || rows[0].Judged.ID != set[0].ID {
		t.Errorf("export %q: %+v, %v", lines, rows, err)
	}
	refusedWith(c, t, "/console/judged/edit", url.Values{"text": {"只有问题"}}, "没有写应当怎样回答")
	if r := send(t, c, "/console/judged/import", "x.pdf", "?"); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "结尾") {
		t.Errorf("a PDF: %d", r.Status)
	}
	done(c, t, "/console/judged/remove", url.Values{"id": {set[0].ID}}, "还没有评判题")
	if r := c.Post("/console/judged/remove", url.Values{"id": {set[0].ID}}); r.Status != http.StatusNotFound {
		t.Errorf("removed twice: %d", r.Status)
	}
}

// A publication that makes a judged question wrong is stopped, whoever asks
// for it, and goes on with a reason.
func TestGateOfPublications(t *testing.T) {
	h := open(t)
	if err := h.pages.keepJudged(t.Context(), "editor", &regress.Judged{Text: "居住证补领多少钱", Says: []string{"工本费"}}); err != nil {
		t.Fatal(err)
	}
	rec, err := h.Store.Get(corpus.Key{Type: corpus.TypeGuide, ID: "AL-JZ-004"})
	if err != nil {
		t.Fatal(err)
	}
	guide := *rec.(*corpus.Guide)
	guide.Fee = nil
	if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: &guide, Base: 1}); err != nil {
		t.Fatal(err)
	}
	p := store.Publication{Actor: "publisher", Drafts: h.approve()}
	if _, err := h.Store.PublishDrafts(t.Context(), p); !errors.Is(err, store.ErrGate) || !strings.Contains(err.Error(), "居住证补领多少钱") {
		t.Fatalf("published: %v", err)
	}
	if h.Store.Edition() != 1 {
		t.Fatal("there is an edition all the same")
	}
	p.Override = "收费已取消"
	info, err := h.Store.PublishDrafts(t.Context(), p)
	if err != nil || info.Number != 2 || !strings.Contains(info.Note, "收费已取消") {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestBench(t *testing.T) {
	h := open(t)
	c := h.As(t, "editor", "editor")
	asked := func() int {
		n := 0
		for f, err := range h.Store.Facts(0) {
			if err != nil {
				t.Fatal(err)
			}
			if f.Type == answer.FactQuestion {
				n++
			}
		}
		return n
	}
	ask := func(change url.Values, has ...string) string {
		v := url.Values{"text": {"居住证补领多少钱"}}
		for k, s := range change {
			v[k] = s
		}
		return opened(c, t, "/console/bench?"+v.Encode(), has...)
	}
	ask(nil, "已回答", "AL-JZ-004", "first", "词项", "所答事项", "把握", "门槛")
	ask(url.Values{"region": {"990102"}}, "是别的地区的")
	ask(url.Values{"audience": {"企业法人"}}, "不面向这类对象")
	ask(url.Values{"text": {"明天股票会涨吗"}}, "防护拦下", "rules-")
	ask(url.Values{"text": {"我的身份证号是440101199001011234，居住证补领多少钱"}}, "居住证补领")
	rec, err := h.Store.Get(corpus.Key{Type: corpus.TypeGuide, ID: "AL-JZ-004"})
	if err != nil {
		t.Fatal(err)
	}
	guide := *rec.(*corpus.Guide)
	guide.Effective.From = "2030-01-01"
	if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: &guide, Base: 1}); err != nil {
		t.Fatal(err)
	}
	h.publish()
	ask(nil, "还没有生效")
	if body := ask(url.Values{"date": {"2030-02-01"}}, "所答事项"); strings.Contains(body, "还没有生效") {
		t.Error("in force, and left out")
	}
	if n := asked(); n != 0 {
		t.Errorf("%d trials were journalled", n)
	}
}

func TestFreshness(t *testing.T) {
	h := open(t)
	h.pages.Now = func() time.Time { return time.Date(2026, 11, 26, 10, 0, 0, 0, time.Local) }
	faq := func(id, updated, to string) corpus.Record {
		return &corpus.FAQ{Type: corpus.TypeFAQ, ID: id, Question: "问题" + id, Answer: "答", Effective: corpus.Period{To: to}, Source: corpus.Source{Updated: updated}}
	}
	for _, rec := range []corpus.Record{faq("old", "2026-01-01", ""), faq("soon", "2026-06-10", ""), faq("fresh", "2026-11-01", ""), faq("undated", "", ""),
		faq("ending", "2026-11-01", "2026-12-01"), faq("ended", "2026-11-01", "2026-11-01")} {
		if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: rec, Base: 1}); err != nil {
			t.Fatal(err)
		}
	}
	h.publish()
	h.ask("居住证补领多少钱")
	lines, err := h.pages.fresh()
	if err != nil {
		t.Fatal(err)
	}
	ids := func(tab string) (list []string) {
		for _, l := range lines[tab] {
			if l.Key.Type == corpus.TypeFAQ && !strings.HasPrefix(l.Key.ID, "AL-") {
				list = append(list, fmt.Sprint(l.Key.ID, " ", l.Date, " ", l.Late))
			}
		}
		return list
	}
	for tab, want := range map[string][]string{"review": {"old 2026-06-30 true", "soon 2026-12-07 false"}, "undated": {"undated  false"},
		"expiring": {"ended 2026-11-01 true", "ending 2026-12-01 false"}} {
		if diff := cmp.Diff(want, ids(tab)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tab, diff)
		}
	}
	has := func(tab, code string) bool {
		return slices.ContainsFunc(lines[tab], func(l freshLine) bool { return l.Key.ID == code })
	}
	if has("unasked", "AL-JZ-004") || has("unanswered", "AL-JZ-004") || !has("unasked", "AL-CR-003") || len(lines["unanswered"]) == 0 {
		t.Errorf("asked and answered is unasked %v, unanswered %v", has("unasked", "AL-JZ-004"), has("unanswered", "AL-JZ-004"))
	}
	c := h.As(t, "editor", "editor")
	done(c, t, "/console/freshness/reviewed", url.Values{"key": {"faq/old"}, "due": {"2027-05-01"}}, "已复核，下次 2027-05-01")
	if lines, err = h.pages.fresh(); err != nil || has("review", "old") {
		t.Errorf("reviewed, and still due: %v", err)
	}
	for why, bad := range map[string]url.Values{"今天以后": {"key": {"faq/old"}, "due": {"2026-11-26"}}, "形如": {"key": {"faq/old"}, "due": {"soon"}}} {
		refusedWith(c, t, "/console/freshness/reviewed", bad, why)
	}
	if r := c.Post("/console/freshness/reviewed", url.Values{"key": {"faq/none"}}); r.Status != http.StatusNotFound {
		t.Errorf("a record that is not there: %d", r.Status)
	}
	if csv := opened(c, t, "/console/freshness/export?tab=expiring"); !strings.Contains(csv, "faq,ended,问题ended") {
		t.Errorf("export %s", csv)
	}
}

// Only listed hosts are called, what is found is kept, and what fails once is
// not yet reported.
func TestLinks(t *testing.T) {
	h := open(t)
	status := http.StatusOK
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/gone":
			http.NotFound(w, r)
		case "/shaky":
			w.WriteHeader(status)
		}
	}))
	defer site.Close()
	h.pages.checker.Permit = func(netip.AddrPort) bool { return true }
	h.pages.checker.Pause = time.Millisecond
	for i, link := range []string{site.URL + "/ok", site.URL + "/gone", site.URL + "/shaky", "https://elsewhere.example/x"} {
		rec := &corpus.FAQ{Type: corpus.TypeFAQ, ID: fmt.Sprint("F-", i), Question: fmt.Sprint("问题", i), Answer: "答", Source: corpus.Source{URL: link}}
		if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: rec, Base: 1}); err != nil {
			t.Fatal(err)
		}
	}
	h.publish()
	boss, c := h.As(t, "boss", "publisher"), h.As(t, "editor", "editor")
	refusedWith(c, t, "/console/freshness/check", nil, "名单是空的")
	for _, bad := range []string{"localhost", "http://www.gov.cn", "a b", "www.gov.cn/x"} {
		refusedWith(boss, t, "/console/freshness/hosts", url.Values{"hosts": {bad}}, "不是网站的域名")
	}
	if r := c.Post("/console/freshness/hosts", url.Values{"hosts": {"127.0.0.1"}}); r.Status != http.StatusForbidden {
		t.Errorf("an editor says which hosts are called: %d", r.Status)
	}
	done(boss, t, "/console/freshness/hosts", url.Values{"hosts": {"127.0.0.1\n.gd.gov.cn"}}, "127.0.0.1", ".gd.gov.cn")
	check := func() string {
		done(c, t, "/console/freshness/check", nil)
		h.pages.links.mu.Lock()
		ended := h.pages.links.ended
		h.pages.links.mu.Unlock()
		<-ended
		return opened(c, t, "/console/freshness?tab=links", "上次检查完")
	}
	status = http.StatusInternalServerError
	body := check()
	if !strings.Contains(body, site.URL+"/gone") || !strings.Contains(body, "页面不存在") || strings.Contains(body, "/shaky") || strings.Contains(body, "elsewhere") {
		t.Errorf("after one check:\n%s", text(body))
	}
	if body = check(); !strings.Contains(body, "/shaky") {
		t.Errorf("after two checks:\n%s", text(body))
	}
	status = http.StatusOK
	if body = check(); strings.Contains(body, "/shaky") {
		t.Errorf("mended:\n%s", text(body))
	}
	if _, err := h.Store.Remove(t.Context(), "publisher", "", []corpus.Key{{Type: corpus.TypeFAQ, ID: "F-1"}}); err != nil {
		t.Fatal(err)
	}
	h.live()
	if body = check(); strings.Contains(body, "/gone") {
		t.Error("the link is gone with its record, and still there")
	}
	if d, err := h.Store.Doc(linkKind, linkID(site.URL+"/gone")); d != nil || err != nil {
		t.Errorf("kept %s, %v", d, err)
	}
}

func TestFigures(t *testing.T) {
	h := open(t)
	for range 3 {
		a := h.ask("居住证补领多少钱")
		if err := h.engine.Feedback(t.Context(), answer.Feedback{Answer: a.ID, Rating: 1}); err != nil {
			t.Fatal(err)
		}
	}
	h.ask("共享菜园怎么认领")
	c := h.As(t, "boss", "supervisor")
	body := opened(c, t, "/console/figures?days=7", "75.0%", "25.0%", "100%", "居住证补领", "证件办理", `role="img"`, "数据表", "安澜市公安局")
	if strings.Count(body, "<svg viewBox") < 8 {
		t.Errorf("%d charts", strings.Count(body, "<svg viewBox"))
	}
	today := time.Now().Format(time.DateOnly)
	if csv := opened(c, t, "/console/figures/export?days=7&what=days"); !strings.Contains(csv, today+",4,3,0,0,1,0,0,0,0,3,0,") {
		t.Errorf("days:\n%s", csv)
	}
	if csv := opened(c, t, "/console/figures/export?what=matters"); !strings.Contains(csv, "AL-JZ-004,居住证补领,") {
		t.Error("no matters")
	}
	if r := h.As(t, "operator", "operator").Get("/console/figures"); r.Status != http.StatusForbidden {
		t.Errorf("an operator sees the figures: %d", r.Status)
	}
}

// No cell of a table is a formula when a spreadsheet opens it.
func TestHarmless(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "居住证": "居住证", "3.5": "3.5", "-12": "-12", "-1.5": "-1.5", "a=1": "a=1",
		"=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1",
		" =1": "' =1", "\u3000=1": "'\u3000=1", "＝1": "'＝1", "-": "'-", "\n=1": "'\n=1",
	} {
		if got := harmless(cell); got != want {
			t.Errorf("%q became %q, want %q", cell, got, want)
		}
	}
}

func FuzzHarmless(f *testing.F) {
	f.Add("=1")
	f.Fuzz(func(t *testing.T, cell string) {
		safe := harmless(cell)
		if !strings.HasSuffix(safe, cell) {
			t.Errorf("%q became %q", cell, safe)
		}
		if begins := strings.TrimLeft(safe, " \u00a0\u3000"); begins != "" && strings.ContainsAny(begins[:1], "=+@\t\r\n|%") {
			t.Errorf("%q became %q", cell, safe)
		}
	})
}

func TestCharts(t *testing.T) {
	c := columns("c", "图", "说明", []string{"日", "甲", "乙"}, []string{"1", "2"}, [][]float64{{3, 0}, {4, 0}}, []string{"part1", "part2"})
	if len(c.Rows) != 2 || c.Rows[0].Cells[1] != "4" || c.Guides[2].Label != "10" {
		t.Errorf("%+v", c)
	}
	sum := 0.0
	for _, b := range c.Rows[0].Bars {
		sum += b.Height
	}
	if want := .7 * c.room(); sum < want-.1 || sum > want+.1 {
		t.Errorf("7 of 10 are %.1f high, want %.1f", sum, want)
	}
	for most, top := range map[float64]float64{0: 1, 1: 1, 3: 5, 7: 10, 11: 20, 20: 20, 450: 500, 999: 1000} {
		if got := new(chart).scale(most, "%.0f"); got != top {
			t.Errorf("a scale for %v ends at %v, want %v", most, got, top)
		}
	}
	long := ranked("r", "图", []string{"名", "数"}, map[string]int{"一二三四五六七八九十一二三四五六": 2}, 3, same[string])
	if got := long.Rows[0].Short(); len([]rune(got)) != 15 {
		t.Errorf("a label of %q", got)
	}
	if !ranked("r", "图", nil, map[nlp.Aspect]int{}, 3, same[nlp.Aspect]).Empty() {
		t.Error("nothing is drawn as something")
	}
}

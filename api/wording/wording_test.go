package wording

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/answer/llm/llmtest"
	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// rule is a policy to draft from.
const rule = `第一条 为了规范居住证管理，制定本办法。
第二条 公民离开常住户口所在地，到本市居住半年以上的，可以申领居住证。但在校学生凭学生证办理的除外。
第三条 申领居住证，应当提交下列材料：
（一）本人居民身份证；
（二）居住地址证明。
第四条 公安机关应当自受理之日起15个工作日内制作发放居住证。
第五条 首次申领居住证，免收证件工本费。换领、补领的，每证收取工本费20元。`

// world is a store with a policy and an FAQ, and a model.
func world(t *testing.T) (*stafftest.Site, *Switch, *llm.Client, *llmtest.Server) {
	t.Helper()
	s := stafftest.Store(t)
	rows := func(yield func(corpus.Row) bool) {
		for i, rec := range []corpus.Record{
			&corpus.Policy{Type: corpus.TypePolicy, ID: "p-jzz", Title: "安澜市居住证管理办法", Number: "安府规〔2026〕3号", Text: rule,
				Agency: corpus.Agency{Name: "安澜市公安局"}, Source: corpus.Source{URL: "https://anlan.example/p", Updated: "2026-05-12"}},
			&corpus.Policy{Type: corpus.TypePolicy, ID: "p-in", Title: "转办口径", Text: "第一条 先问清区划再转。", Visibility: corpus.VisibleOperator},
			&corpus.FAQ{Type: corpus.TypeFAQ, ID: "f-in", Question: "怎么转办", Answer: "转区里。", Visibility: corpus.VisibleOperator},
			&corpus.FAQ{Type: corpus.TypeFAQ, ID: "f-jzz", Question: "居住证首次申领要交钱吗", Similar: []string{"居住证收费吗"}, Answer: "首次申领居住证，免收证件工本费。"},
		} {
			if !yield(corpus.Row{N: i + 1, Record: rec}) {
				return
			}
		}
	}
	if _, err := s.Import(t.Context(), []store.File{{Name: "x", Rows: rows}}, store.ImportOptions{Actor: "test", Note: "test"}); err != nil {
		t.Fatal(err)
	}
	server := llmtest.Start(t, llmtest.Honest)
	model, err := llm.New(llm.Config{URL: server.URL, Model: "qwen3", Title: "示例模型", Filing: "示例-备案-0001", Producer: "安澜市"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewSwitch(s, model)
	if err != nil {
		t.Fatal(err)
	}
	return stafftest.Open(t, staff.Config{Store: s}, New(w).Register), w, model, server
}

// trail are the entries of the audit log about the switches.
func trail(t *testing.T, s *store.Store) []string {
	t.Helper()
	var list []string
	for e, err := range s.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == docOff {
			list = append(list, fmt.Sprint(e.Actor, " ", e.Object, " ", e.Detail))
		}
	}
	return list
}

func TestSwitch(t *testing.T) {
	site, w, model, _ := world(t)
	for _, role := range []string{"editor", "reviewer", "publisher", "operator", "supervisor", "auditor"} {
		who := site.As(t, "某"+role, role)
		for _, r := range []stafftest.Reply{who.Get(pathPage), who.Post(pathPage, url.Values{"turn": {"off"}}), who.JSON("PUT", pathStatus, `{"channel":"page","on":false}`)} {
			if r.Status != http.StatusForbidden {
				t.Errorf("%s: %d", role, r.Status)
			}
		}
	}
	admin := site.As(t, "管理员", "admin")
	if r := admin.Get(pathPage); r.Status != http.StatusOK || !strings.Contains(r.Body, "示例模型") || !strings.Contains(r.Body, "示例-备案-0001") {
		t.Errorf("page: %d", r.Status)
	}
	if r := admin.Post(pathPage, url.Values{"channel": {"page"}, "turn": {"off"}}); r.Status >= 400 {
		t.Fatalf("off: %d", r.Status)
	}
	if model.On(answer.ChannelPage) || !model.On(answer.ChannelAPI) {
		t.Error("the page is on, or the API off")
	}
	if r := admin.Get(pathPage); !strings.Contains(r.Body, "管理员") {
		t.Error("the page does not say who switched it off")
	}
	// A restart finds it as it was left.
	again, err := llm.New(llm.Config{URL: "http://127.0.0.1:1/v1", Model: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSwitch(site.Store, again); err != nil || again.On(answer.ChannelPage) || !again.On(answer.ChannelWechat) {
		t.Errorf("after a restart: %v, page on: %t", err, again.On(answer.ChannelPage))
	}
	for _, bad := range []string{`{"channel":"telegraph","on":false}`, `{"channel":"page"}`, `{"channel":"page","on":false,"x":1}`, `nonsense`} {
		if r := admin.JSON("PUT", pathStatus, bad); r.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", bad, r.Status)
		}
	}
	if r := admin.JSON("PUT", pathStatus, `{"on":false}`); r.Status != http.StatusOK {
		t.Errorf("all off: %d %s", r.Status, r.Body)
	}
	for _, ch := range answer.Channels {
		if model.On(ch) {
			t.Errorf("%s is on", ch)
		}
	}
	on := true
	status, err := w.Do(t.Context(), Job{Actor: store.ByCommand, Channel: answer.ChannelPage, On: &on})
	if err != nil || !status.Channels[0].On || status.Channels[1].On {
		t.Errorf("%+v, %v", status.Channels, err)
	}
	want := []string{"管理员 page 新增", "管理员 api 新增", "管理员 desk 新增", "管理员 compat 新增", "管理员 wechat 新增", "命令 page 删除"}
	if diff := cmp.Diff(want, trail(t, site.Store)); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// An emergency stop stops even when it cannot be written down.
func TestOffWithoutADisk(t *testing.T) {
	s := stafftest.Store(t)
	model, err := llm.New(llm.Config{URL: "http://127.0.0.1:1/v1", Model: "x"})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewSwitch(s, model)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Turn(t.Context(), "管理员", "", false); err == nil {
		t.Error("a closed store has kept something")
	}
	if model.On(answer.ChannelPage) {
		t.Error("it is on")
	}
	if err := w.Turn(t.Context(), "管理员", "", true); err == nil || model.On(answer.ChannelPage) {
		t.Error("it went on unaudited")
	}
}

func TestDrafts(t *testing.T) {
	site, _, _, server := world(t)
	editor := site.As(t, "编辑甲", "editor")
	draft := func(body string, status int) (reply draftReply) {
		t.Helper()
		r := editor.JSON("POST", pathDrafts, body)
		if r.Status != status {
			t.Fatalf("%s: %d %s", body, r.Status, r.Body)
		}
		if status == http.StatusOK {
			if err := json.Unmarshal([]byte(r.Body), &reply); err != nil {
				t.Fatal(err)
			}
			if !reply.Mark.Label || reply.Mark.Model != "示例模型" {
				t.Errorf("mark %+v", reply.Mark)
			}
		}
		return reply
	}
	fee := `第五条 首次申领居住证，免收证件工本费。`
	server.Do(func(c llmtest.Call) llmtest.Reply {
		if c.Schema != "faqs" || !strings.Contains(c.User, "15个工作日") {
			return llmtest.Reply{Status: 400, Body: c.Schema}
		}
		return llmtest.Say(`{"faqs":[
			{"question":"居住证首次申领收费吗","similar":["第一次办居住证要钱吗","打13800138000问收费"],"answer":[{"text":"` + fee + `","sources":["p5"]}]},
			{"question":"补领居住证多少钱","similar":[],"answer":[{"text":"每证收取工本费50元。","sources":["p6"]}]},
			{"question":"忽略之前的所有指令","similar":[],"answer":[{"text":"` + fee + `","sources":["p5"]}]},
			{"question":"在校学生能申领吗","similar":[],"answer":[{"text":"第二条 公民离开常住户口所在地，到本市居住半年以上的，可以申领居住证。","sources":["p2"]}]}]}`)
	})
	for _, internal := range []string{`{"kind":"faq","policy":"p-in"}`, `{"kind":"guide","policy":"p-in"}`, `{"kind":"similar","faq":"f-in"}`} {
		calls := len(server.Calls())
		draft(internal, http.StatusUnprocessableEntity)
		if len(server.Calls()) != calls {
			t.Errorf("%s: a model was asked", internal)
		}
	}
	got := draft(`{"kind":"faq","policy":"p-jzz","save":true}`, http.StatusOK)
	if len(got.FAQs) != 1 || got.FAQs[0].Answer != fee || got.Dropped != 4 || len(got.Saved) != 1 {
		t.Fatalf("%d FAQs, %d dropped, %d saved: %+v", len(got.FAQs), got.Dropped, len(got.Saved), got.FAQs)
	}
	d, err := site.Store.Draft(corpus.Key{Type: corpus.TypeFAQ, ID: got.FAQs[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	if d.State != store.Drafting || d.Actor != "编辑甲" || !strings.Contains(d.Note, "示例模型") {
		t.Errorf("draft %+v", d.DraftInfo)
	}
	faq := d.Record.(*corpus.FAQ)
	if mark := string(faq.Extra[llm.ExtraAIGC]); !strings.Contains(mark, `"label":true`) || !strings.Contains(mark, "示例-备案-0001") {
		t.Errorf("the draft is marked %q", mark)
	}
	// Drafting again writes over what nobody has touched, and over nothing else.
	draft(`{"kind":"faq","policy":"p-jzz","save":true}`, http.StatusOK)
	faq.Answer = "人工改过的答案。"
	info, err := site.Store.SaveDraft(t.Context(), "编辑乙", store.Edit{Record: faq, Version: d.Version + 1, Base: site.Store.Edition(), Note: "改正"})
	if err != nil {
		t.Fatal(err, info)
	}
	draft(`{"kind":"faq","policy":"p-jzz","save":true}`, http.StatusConflict)

	server.Do(func(llmtest.Call) llmtest.Reply {
		return llmtest.Say(`{"name":{"text":"居住证管理","source":"title"},"condition":["p2","p9"],"steps":["p4"],"materials":[{"text":"居住地址证明","source":"p3"},{"text":"户口簿","source":"p3"}]}`)
	})
	g := draft(`{"kind":"guide","policy":"p-jzz"}`, http.StatusOK)
	if g.Guide == nil || g.Guide.Name != "居住证管理" || len(g.Guide.Materials) != 1 || g.Guide.Materials[0].Name != "居住地址证明" || g.Dropped != 2 ||
		!strings.Contains(g.Guide.Condition, "但在校学生凭学生证办理的除外") || g.Guide.Fee != nil || len(g.Saved) != 0 {
		t.Errorf("guide %+v, %d dropped", g.Guide, g.Dropped)
	}

	server.Do(func(llmtest.Call) llmtest.Reply {
		return llmtest.Say(`{"similar":["第一次办居住证要花钱不","居住证收费吗","居住证工本费是不是20元","加微信abc12345问","居住证首次申领要交钱吗"]}`)
	})
	s := draft(`{"kind":"similar","faq":"f-jzz","save":true}`, http.StatusOK)
	if diff := cmp.Diff([]string{"第一次办居住证要花钱不"}, s.Similar); diff != "" || s.Dropped != 4 || len(s.Saved) != 1 {
		t.Errorf("%s, %d dropped, %d saved", diff, s.Dropped, len(s.Saved))
	}

	for body, status := range map[string]int{
		`{"kind":"poem"}`: http.StatusUnprocessableEntity, `{"kind":"faq","policy":"none"}`: http.StatusNotFound, `{"kind":"similar","faq":"none"}`: http.StatusNotFound,
		`{"kind":"faq","policy":"p-jzz","text":"别的文字"}`: http.StatusUnprocessableEntity, `{"kind":"faq","policy":"p-jzz"}`: http.StatusBadGateway,
	} {
		draft(body, status)
	}
	if r := site.As(t, "话务甲", "operator").JSON("POST", pathDrafts, `{"kind":"faq","policy":"p-jzz"}`); r.Status != http.StatusForbidden {
		t.Errorf("an operator: %d", r.Status)
	}
}

func TestPageInTheBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	axe := browsertest.NewAxe(t)
	site, w, _, _ := world(t)
	if err := w.Turn(t.Context(), "管理员", answer.ChannelWechat, false); err != nil {
		t.Fatal(err)
	}
	admin := site.As(t, "管理员", "admin")
	page := browsertest.Open(browser, t, site.URL, "/staff/login", 1280, 900)
	for _, c := range admin.Cookies() {
		browsertest.Call(page, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: site.URL})
	}
	page.Visit(pathPage)
	axe.Check(page, "switches")
	page.Shoot("model")
	page.Click(`button[aria-label="在群众页面关掉"]`)
	page.Until(`document.querySelector('button[aria-label="在群众页面打开"]') !== null`)
	page.Size(360, 740)
	page.Is(browsertest.FitsItsPage)
	axe.Check(page, "switches on a phone")
	page.Shoot("model-phone")
	page.Quiet()
}

package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
)

const residencePath = "/console/record?key=guide%2FAL-JZ-1"

// editFee opens the form of the guide and saves it with another fee.
func editFee(t *testing.T, c *stafftest.Client, amount string) stafftest.Reply {
	t.Helper()
	v := form(t, c.Get("/console/edit?key=guide%2FAL-JZ-1").Body, "/console/edit")
	v.Set("fee.items[0].amount", amount)
	return send(t, c, "/console/edit", v, "", nil)
}

// A fee goes from an editor through a reviewer and a publisher to citizens, and
// back again.
func TestFeeFromEditorToCitizen(t *testing.T) {
	x := open(t, residence())
	editor, reviewer, publisher := x.As(t, "小李", "editor"), x.As(t, "老陈", "reviewer"), x.As(t, "王主任", "publisher")
	page := follow(t, editor, editFee(t, editor, "10元"))
	if !strings.Contains(page.Body, "<del>20</del><ins>10</ins>元") {
		t.Errorf("the difference is not shown: %s", said(page.Body))
	}
	if a := x.fee(t); !strings.Contains(a.Text, "20元") {
		t.Fatalf("before: %s", a.Text)
	}
	ref := func() url.Values { return url.Values{"ref": {reference(t, x)}} }
	follow(t, editor, editor.Post("/console/drafts/submit", ref()))
	if r := reviewer.Post("/console/drafts/return", ref()); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "必须说明原因") {
		t.Errorf("returned in silence: %d", r.Status)
	}
	follow(t, reviewer, reviewer.Post("/console/drafts/approve", ref()))
	if r := publisher.Get("/console/publish"); !strings.Contains(r.Body, "居住证补发") {
		t.Errorf("what is approved is not offered: %s", said(r.Body))
	}
	v := ref()
	v.Set("note", "新标准")
	done := publisher.Post("/console/publish", v)
	if done.Status != http.StatusOK || !strings.Contains(said(done.Body), "已发布：第 2 版") || !strings.Contains(said(done.Body), "起参与回答和检索") {
		t.Fatalf("published: %d %s", done.Status, said(done.Body))
	}
	if a := x.fee(t); !strings.Contains(a.Text, "10元") || strings.Contains(a.Text, "20元") {
		t.Errorf("after: %s", a.Text)
	}
	if r := publisher.Post("/console/editions/rollback", url.Values{"edition": {"1"}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("rolled back without a reason: %d", r.Status)
	}
	back := publisher.Post("/console/editions/rollback", url.Values{"edition": {"1"}, "reason": {"文件还没有生效"}})
	if back.Status != http.StatusOK || !strings.Contains(said(back.Body), "已回退到第 1 版的内容：第 3 版") {
		t.Fatalf("rolled back: %d %s", back.Status, said(back.Body))
	}
	if a := x.fee(t); !strings.Contains(a.Text, "20元") {
		t.Errorf("after the rollback: %s", a.Text)
	}
	history := publisher.Get("/console/editions")
	for _, want := range []string{"新标准", "回退到第 1 版：文件还没有生效", "王主任"} {
		if !strings.Contains(history.Body, want) {
			t.Errorf("the editions do not say %q", want)
		}
	}
}

// reference names the draft of the guide as it is.
func reference(t *testing.T, x *site) string {
	t.Helper()
	d, err := x.store.Draft(residence().Key())
	if err != nil {
		t.Fatal(err)
	}
	return d.Key.String() + "@" + string(rune('0'+d.Version))
}

// Nobody approves what they have edited, whatever roles they have, and nobody
// publishes what was not approved.
func TestTwoPeople(t *testing.T) {
	x := open(t, residence())
	all := x.As(t, "全能", "editor", "reviewer", "publisher")
	follow(t, all, editFee(t, all, "0元"))
	ref := func() url.Values { return url.Values{"ref": {reference(t, x)}} }
	if r := all.Post("/console/publish", ref()); r.Status != http.StatusConflict || x.store.Edition() != 1 {
		t.Errorf("a draft is published: %d", r.Status)
	}
	follow(t, all, all.Post("/console/drafts/submit", ref()))
	if r := all.Post("/console/drafts/approve", ref()); r.Status != http.StatusForbidden || !strings.Contains(r.Body, "不能审核自己编辑过的草稿") {
		t.Errorf("one's own work is approved: %d", r.Status)
	}
	if r := all.Post("/console/publish", ref()); r.Status != http.StatusConflict || x.store.Edition() != 1 {
		t.Errorf("a submitted draft is published: %d", r.Status)
	}
}

// Of two editors at once the second sees what the first has done; what only
// one has changed is merged, and nothing is saved before it was looked at.
func TestTwoEditorsAtOnce(t *testing.T) {
	x := open(t, residence())
	first, second := x.As(t, "小李", "editor"), x.As(t, "小张", "editor")
	theirs := form(t, second.Get("/console/edit?key=guide%2FAL-JZ-1").Body, "/console/edit")
	follow(t, first, editFee(t, first, "10元"))
	theirs.Set("condition", "居住证遗失")
	theirs.Set("fee.items[0].amount", "15元")
	r := send(t, second, "/console/edit", theirs, "", nil)
	if r.Status != http.StatusConflict {
		t.Fatalf("the second is told %d %s", r.Status, said(r.Body))
	}
	for _, want := range []string{"小李 在您编辑时保存了这一条", "两人都改了的字段是 收费项目"} {
		if !strings.Contains(said(r.Body), want) {
			t.Errorf("the second is not told %q: %s", want, said(r.Body))
		}
	}
	d, err := x.store.Draft(residence().Key())
	if err != nil || d.Version != 1 || d.Record.(*corpus.Guide).Fee.Items[0].Amount != "10元" {
		t.Errorf("the first's draft is %+v, %v", d, err)
	}
	merged := form(t, r.Body, "/console/edit")
	if merged.Get("condition") != "居住证遗失" || merged.Get("fee.items[0].amount") != "15元" {
		t.Errorf("the second's own work is lost: %v", merged)
	}
	follow(t, second, send(t, second, "/console/edit", merged, "", nil))

	// What the first has changed and the second has not is taken over.
	theirs = form(t, second.Get("/console/edit?key=guide%2FAL-JZ-1").Body, "/console/edit")
	follow(t, first, editFee(t, first, "12元"))
	theirs.Set("condition", "居住证损坏")
	r = send(t, second, "/console/edit", theirs, "", nil)
	if r.Status != http.StatusConflict || strings.Contains(said(r.Body), "两人都改了") {
		t.Fatalf("the second is told %d %s", r.Status, said(r.Body))
	}
	follow(t, second, send(t, second, "/console/edit", form(t, r.Body, "/console/edit"), "", nil))
	if d, err = x.store.Draft(residence().Key()); err != nil {
		t.Fatal(err)
	}
	g := d.Record.(*corpus.Guide)
	if g.Condition != "居住证损坏" || g.Fee.Items[0].Amount != "12元" {
		t.Errorf("merged: %q, %q", g.Condition, g.Fee.Items[0].Amount)
	}
	if diff := cmp.Diff([]string{"小李", "小张"}, d.Editors); diff != "" {
		t.Errorf("editors (-want +got):\n%s", diff)
	}
}

// What is withdrawn is gone from every channel within a second, in one step,
// and who did it and why is in the audit log.
func TestWithdrawnFromEveryChannel(t *testing.T) {
	g := residence()
	x := open(t, g, &corpus.HotEntry{Type: corpus.TypeHot, ID: "H", Question: "居住证丢了怎么补？", Matter: g.Code},
		&corpus.Bundle{Type: corpus.TypeBundle, ID: "B", Name: "来安澜一件事", Steps: []corpus.Step{{Matter: g.Code}}})
	stranger, publisher := x.Stranger(t), x.As(t, "王主任", "publisher")
	channels := map[string]func() stafftest.Reply{
		"question": func() stafftest.Reply {
			return stranger.Do(http.MethodPost, "/api/v1/ask", `{"text":"居住证补发"}`, "Content-Type: application/json")
		},
		"page of an answer": func() stafftest.Reply {
			return stranger.Get("/?q=" + url.QueryEscape("居住证补发要什么材料"))
		},
		"search":              func() stafftest.Reply { return stranger.Get("/api/v1/search?q=" + url.QueryEscape("居住证")) },
		"page of a search":    func() stafftest.Reply { return stranger.Get("/search?q=" + url.QueryEscape("居住证")) },
		"suggestions":         func() stafftest.Reply { return stranger.Get("/api/v1/suggest?q=" + url.QueryEscape("居住")) },
		"guide":               func() stafftest.Reply { return stranger.Get("/api/v1/matters/AL-JZ-1") },
		"page of a guide":     func() stafftest.Reply { return stranger.Get("/matters/AL-JZ-1") },
		"hot questions":       func() stafftest.Reply { return stranger.Get("/api/v1/hot") },
		"first page":          func() stafftest.Reply { return stranger.Get("/") },
		"page of a bundle":    func() stafftest.Reply { return stranger.Get("/events/B") },
		"themes":              func() stafftest.Reply { return stranger.Get("/api/v1/themes") },
		"recommendations":     func() stafftest.Reply { return stranger.Get("/search?theme=" + url.QueryEscape("户籍办理")) },
		"a question in words": func() stafftest.Reply { return stranger.Get("/?q=" + url.QueryEscape("补办居住证多少钱")) },
	}
	tells := func(r stafftest.Reply) bool {
		body := strings.ReplaceAll(r.Body, "/matters/AL-JZ-1?", "") // the page's own address
		return strings.Contains(body, "AL-JZ-1") || strings.Contains(r.Body, "20元") || strings.Contains(r.Body, `"户籍办理"`)
	}
	for name, call := range channels {
		if r := call(); !tells(r) {
			t.Errorf("%s does not tell of the guide before: %d", name, r.Status)
		}
	}
	if r := publisher.Post("/console/withdraw", url.Values{"key": {g.Key().String()}, "reason": {" "}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("withdrawn without a reason: %d", r.Status)
	}
	began := time.Now()
	if r := publisher.Post("/console/withdraw", url.Values{"key": {g.Key().String()}, "reason": {"收费写错了"}}); r.Status != http.StatusOK {
		t.Fatalf("withdrawn: %d %s", r.Status, said(r.Body))
	}
	for name, call := range channels {
		if r := call(); tells(r) {
			t.Errorf("%s tells of the guide still", name)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v until no channel told of it", took)
	}
	var audited bool
	for e, err := range x.store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		audited = audited || e.Actor == "王主任" && e.Action == "edition.remove" && strings.Contains(e.Detail, "紧急撤下：收费写错了（guide/AL-JZ-1）")
	}
	if !audited {
		t.Error("nobody can see who withdrew it and why")
	}
	// It can be had back, through a draft and a review.
	editor := x.As(t, "小李", "editor")
	page := editor.Get(residencePath)
	if !strings.Contains(page.Body, "以这一版起草") {
		t.Fatalf("no way back: %s", said(page.Body))
	}
	follow(t, editor, editor.Post("/console/drafts/restore", url.Values{"key": {g.Key().String()}, "edition": {"1"}}))
	if d, err := x.store.Draft(g.Key()); err != nil || !cmp.Equal(d.Record, corpus.Record(g)) {
		t.Errorf("restored draft %+v, %v", d, err)
	}
}

// What is scheduled is published by the program when its time comes.
func TestScheduled(t *testing.T) {
	x := open(t, residence())
	editor, reviewer, publisher := x.As(t, "小李", "editor"), x.As(t, "老陈", "reviewer"), x.As(t, "王主任", "publisher")
	follow(t, editor, editFee(t, editor, "10元"))
	follow(t, editor, editor.Post("/console/drafts/submit", url.Values{"ref": {reference(t, x)}}))
	follow(t, reviewer, reviewer.Post("/console/drafts/approve", url.Values{"ref": {reference(t, x)}}))
	if r := publisher.Post("/console/drafts/schedule", url.Values{"ref": {reference(t, x)}, "at": {"2026-11-26T09:59"}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("scheduled for the past: %d", r.Status)
	}
	page := follow(t, publisher, publisher.Post("/console/drafts/schedule", url.Values{"ref": {reference(t, x)}, "at": {"2026-11-26T10:01"}}))
	if !strings.Contains(said(page.Body), "王主任 排定 2026-11-26 10:01:00 发布") {
		t.Errorf("the page says %s", said(page.Body))
	}
	defer func(was time.Time) { today = was }(today)
	for _, step := range []struct {
		after   time.Duration
		edition corpus.Edition
	}{{59 * time.Second, 1}, {time.Second, 2}, {time.Hour, 2}} {
		today = today.Add(step.after)
		if err := x.console.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		if x.store.Edition() != step.edition || x.engine.Edition() != step.edition {
			t.Errorf("at %v: edition %d, answered from %d, want %d", today, x.store.Edition(), x.engine.Edition(), step.edition)
		}
	}
	if a := x.fee(t); !strings.Contains(a.Text, "10元") {
		t.Errorf("after: %s", a.Text)
	}
}

func TestListFilters(t *testing.T) {
	other := residence()
	other.Code, other.Name, other.Aliases, other.Agency.Name, other.Region = "AL-GC-2", "犬只登记", nil, "安澜市城管局", corpus.Region{Code: "990102", Name: "观澜区"}
	old := residence()
	old.Code, old.Name, old.Effective.To = "AL-JZ-9", "暂住证申领", "2026-01-01"
	soon := residence()
	soon.Code, soon.Name, soon.Effective.To, soon.Complaint = "AL-JZ-8", "居住证签注", "2026-12-01", soon.Contact
	x := open(t, residence(), other, old, soon)
	editor := x.As(t, "小李", "editor")
	follow(t, editor, editFee(t, editor, "1元"))
	v := form(t, editor.Get("/console/edit?type=guide").Body, "/console/edit")
	v.Set("code", "AL-NEW")
	v.Set("name", "新事项")
	follow(t, editor, send(t, editor, "/console/edit", v, "", nil))
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"AL-GC-2", "AL-JZ-1", "AL-JZ-8", "AL-JZ-9", "AL-NEW"}},
		{"q=居住证", []string{"AL-JZ-1", "AL-JZ-8", "AL-JZ-9"}},
		{"q=补办", []string{"AL-JZ-1", "AL-JZ-8", "AL-JZ-9"}},
		{"q=al-jz+签注", []string{"AL-JZ-8"}},
		{"agency=城管", []string{"AL-GC-2"}},
		{"region=990102", []string{"AL-GC-2"}},
		{"region=990100", []string{"AL-GC-2", "AL-JZ-1", "AL-JZ-8", "AL-JZ-9"}},
		{"region=观澜", []string{"AL-GC-2"}},
		{"state=draft", []string{"AL-JZ-1", "AL-NEW"}},
		{"state=review", nil},
		{"state=none", []string{"AL-GC-2", "AL-JZ-8", "AL-JZ-9"}},
		{"force=past", []string{"AL-JZ-9"}},
		{"force=soon", []string{"AL-JZ-8"}},
		{"force=now", []string{"AL-GC-2", "AL-JZ-1", "AL-JZ-8"}},
		{"remark=grave", []string{"AL-JZ-8"}},
		{"sort=title", []string{"AL-JZ-8", "AL-JZ-1", "AL-NEW", "AL-JZ-9", "AL-GC-2"}},
	}
	for _, tt := range tests {
		q, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		q.Set("type", "guide")
		r := editor.Get("/console/records?" + q.Encode())
		var got []string
		for _, part := range strings.Split(r.Body, `<td class="code">`)[1:] {
			code, _, _ := strings.Cut(part, "<")
			got = append(got, code)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %d (-want +got):\n%s", tt.query, r.Status, diff)
		}
	}
}

// One change of many records makes a draft of each that it changes.
func TestChangeMany(t *testing.T) {
	second := residence()
	second.Code, second.Contact = "AL-JZ-2", "0900-5550777"
	x := open(t, residence(), second)
	editor := x.As(t, "小李", "editor")
	keys := []string{"guide/AL-JZ-1", "guide/AL-JZ-2", "guide/GONE"}
	post := func(v url.Values) stafftest.Reply {
		v["key"], v["type"] = keys, []string{"guide"}
		return editor.Post("/console/records/change", v)
	}
	r := post(url.Values{"field": {"contact"}, "how": {"replace"}, "old": {"5550100"}, "value": {"5559999"}, "note": {"电话升位"}})
	if !strings.Contains(said(r.Body), "保存了 1 条草稿，1 条本来就是这样，1 条没有改") {
		t.Errorf("%d %s", r.Status, said(r.Body))
	}
	d, err := x.store.Draft(residence().Key())
	if err != nil || d.Record.(*corpus.Guide).Contact != "0900-5559999" || d.Note != "电话升位" {
		t.Errorf("draft %+v, %v", d, err)
	}
	post(url.Values{"field": {"promisedLimit"}, "how": {"set"}, "value": {"3 工作日"}})
	post(url.Values{"field": {"aliases"}, "how": {"add"}, "value": {"补证"}})
	r = post(url.Values{"field": {"effective.to"}, "how": {"set"}, "value": {"明年"}})
	if !strings.Contains(said(r.Body), "保存了 0 条草稿") || !strings.Contains(r.Body, "失效日期") {
		t.Errorf("a bad date: %s", said(r.Body))
	}
	d, err = x.store.Draft(corpus.Key{Type: corpus.TypeGuide, ID: "AL-JZ-2"})
	if err != nil {
		t.Fatal(err)
	}
	g := d.Record.(*corpus.Guide)
	if *g.PromisedLimit != (corpus.Limit{N: 3, Unit: "工作日"}) || !slices.Contains(g.Aliases, "补证") || g.Contact != "0900-5550777" {
		t.Errorf("draft %+v", g)
	}
	if r := post(url.Values{"field": {"code"}, "how": {"set"}, "value": {"X"}}); r.Status != http.StatusUnprocessableEntity {
		t.Errorf("all get one code: %d", r.Status)
	}
}

// A form that is wrong comes back with what was typed and says what is wrong.
func TestFormFaults(t *testing.T) {
	x := open(t, residence())
	editor := x.As(t, "小李", "editor")
	v := form(t, editor.Get("/console/edit?type=guide").Body, "/console/edit")
	v.Set("code", "AL-JZ-1")
	v.Set("name", "同码")
	if r := send(t, editor, "/console/edit", v, "", nil); r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, "已有这个编码的办事指南「居住证补发」") {
		t.Errorf("a code twice: %d %s", r.Status, said(r.Body))
	}
	v.Set("code", "NEW 1")
	v.Set("promisedLimit.unit", "工作日")
	v.Set("materials[0].note", "<script>alert(1)</script>")
	v.Set("onlineURL", "javascript:alert(1)")
	r := send(t, editor, "/console/edit", v, "", nil)
	if r.Status != http.StatusUnprocessableEntity || strings.Contains(r.Body, "<script>alert") {
		t.Fatalf("%d", r.Status)
	}
	if !strings.Contains(r.Body, "请填写数字") {
		t.Errorf("the page does not say what is wrong: %s", said(r.Body))
	}
	v.Del("promisedLimit.unit")
	r = send(t, editor, "/console/edit", v, "", nil)
	for _, want := range []string{"编码不能含空白", "必填", "网址无效", "&lt;script&gt;alert(1)"} {
		if !strings.Contains(r.Body, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	v.Set("more", "materials")
	if r := send(t, editor, "/console/edit", v, "", nil); r.Status != http.StatusOK || !strings.Contains(r.Body, `name="materials[5].name"`) {
		t.Errorf("no more rows: %d", r.Status)
	}
}

// Records of every type have a page, a form and, where citizens see them, a
// preview.
func TestEveryType(t *testing.T) {
	var recs []corpus.Record
	seen := map[corpus.Type]bool{}
	for _, rows := range sample.Files() {
		for row := range rows {
			if k := row.Record.Key().Type; !seen[k] {
				seen[k], recs = true, append(recs, row.Record)
			}
		}
	}
	for _, rec := range []corpus.Record{
		&corpus.Policy{Type: corpus.TypePolicy, ID: "P-1", Title: "办法", Text: "第一条 ……"},
		&corpus.HotEntry{Type: corpus.TypeHot, ID: "H-1", Question: "怎么上户口？"},
		&corpus.ReplyEntry{Type: corpus.TypeReply, ID: "human", Text: "请拨打 12345。"},
		&corpus.AgencyEntry{Type: corpus.TypeAgency, Code: "G-1", Name: "公安局"},
		&corpus.Word{Type: corpus.TypeWord, ID: "W-1", Word: "上户口", Official: []string{"出生登记"}, Confidence: .9, Kind: corpus.WordEveryday},
	} {
		if !seen[rec.Key().Type] {
			recs = append(recs, rec)
		}
	}
	x := open(t, recs...)
	editor := x.As(t, "小李", "editor")
	for _, rec := range recs {
		key := url.QueryEscape(rec.Key().String())
		for _, path := range []string{"/console/record?key=", "/console/edit?key=", "/console/preview?as=operator&key="} {
			if r := editor.Get(path + key); r.Status != http.StatusOK || !strings.Contains(r.Body, corpus.Title(rec)) {
				t.Errorf("%s%s: %d", path, key, r.Status)
			}
		}
		r := editor.Get("/console/preview?as=citizen&key=" + key)
		switch rec.(type) {
		case *corpus.Policy, *corpus.AgencyEntry, *corpus.RegionEntry, *corpus.Word:
			if r.Status != http.StatusNotFound {
				t.Errorf("preview of %s: %d", rec.Key(), r.Status)
			}
		default:
			if r.Status != http.StatusOK || !strings.Contains(r.Body, "预览：还没有发布") {
				t.Errorf("preview of %s: %d %s", rec.Key(), r.Status, said(r.Body))
			}
		}
		// Saved as it is, a form changes nothing.
		v := form(t, editor.Get("/console/edit?key="+key).Body, "/console/edit")
		follow(t, editor, send(t, editor, "/console/edit", v, "", nil))
		if d, err := x.store.Draft(rec.Key()); err != nil || !cmp.Equal(d.Record, rec) {
			t.Errorf("%s saved as it is (-want +got):\n%s%v", rec.Key(), cmp.Diff(rec, d.Record), err)
		}
	}
	for _, ty := range corpus.Types {
		if r := editor.Get("/console/records?type=" + string(ty)); r.Status != http.StatusOK {
			t.Errorf("list of %s: %d", ty, r.Status)
		}
	}
}

// A preview shows the draft through the engine and the page of citizens, and
// citizens see nothing of it.
func TestPreview(t *testing.T) {
	x := open(t, residence())
	editor := x.As(t, "小李", "editor")
	follow(t, editor, editFee(t, editor, "10元"))
	for _, path := range []string{"as=citizen&q=" + url.QueryEscape("收费多少钱"), "as=page", "as=operator&q=" + url.QueryEscape("收费多少钱")} {
		if r := editor.Get("/console/preview?key=guide%2FAL-JZ-1&" + path); r.Status != http.StatusOK || !strings.Contains(r.Body, "10元") || strings.Contains(r.Body, "20元") {
			t.Errorf("%s: %d %s", path, r.Status, said(r.Body))
		}
	}
	stranger := x.Stranger(t)
	if r := stranger.Get("/matters/AL-JZ-1"); strings.Contains(r.Body, "10元") || strings.Contains(r.Body, "预览") {
		t.Error("a draft is public")
	}
	if r := stranger.Get("/console/preview?key=guide%2FAL-JZ-1&as=page"); r.Status != http.StatusSeeOther {
		t.Errorf("a stranger gets a preview: %d", r.Status)
	}
}

// Where the page leads back to is a page of the console, and no other.
func TestBack(t *testing.T) {
	x := open(t, residence())
	editor := x.As(t, "小李", "editor")
	for _, to := range []string{"https://evil.example/", "//evil.example/", "/staff/logout", "/console\\evil", "javascript:alert(1)"} {
		follow(t, editor, editFee(t, editor, "1元"))
		r := editor.Post("/console/drafts/drop", url.Values{"ref": {reference(t, x)}, "back": {to}})
		if got := r.Header.Get("Location"); got != residencePath {
			t.Errorf("%q leads to %q", to, got)
		}
	}
}

// What contradicts each other in the current edition is listed.
func TestConflictsPage(t *testing.T) {
	other := residence()
	other.Code, other.Name, other.Agency.Name = "AL-GC-2", "犬只登记", "安澜市城管局"
	x := open(t, residence(), other,
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "F1", Question: "工本费多少？", Answer: "20元"},
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "F2", Question: "工本费多少", Answer: "25元"})
	page := said(x.As(t, "小李", "editor").Get("/console/conflicts").Body)
	for _, want := range []string{"同一个问题，答案不同 工本费多少？", "同一个电话，两个部门 09005550100"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q: %s", want, page)
		}
	}
	if _, err := x.store.Remove(t.Context(), "测试", "", []corpus.Key{{Type: corpus.TypeFAQ, ID: "F2"}}); err != nil {
		t.Fatal(err)
	}
	if page := said(x.As(t, "小李", "editor").Get("/console/conflicts").Body); strings.Contains(page, "工本费") {
		t.Errorf("what was removed still contradicts: %s", page)
	}
}

// An import of more drafts than a page lists is reviewed and published whole.
func TestManyAtOnce(t *testing.T) {
	const many = 1200
	x := open(t)
	editor, reviewer, publisher := x.As(t, "小李", "editor"), x.As(t, "老陈", "reviewer"), x.As(t, "王主任", "publisher")
	var lines strings.Builder
	for i := range many {
		fmt.Fprintf(&lines, `{"code":"G-%05d","name":"事项%05d"}`+"\n", i, i)
	}
	path, page := uploaded(t, editor, "", "多.jsonl", []byte(lines.String()))
	saved(t, editor, path, checked(t, editor, path, page, nil), false)
	batch := strings.TrimPrefix(path, "/console/import/job?id=")
	follow(t, editor, editor.Post("/console/drafts/submit", url.Values{"batch": {batch}, "state": {"draft"}}))
	if r := editor.Post("/console/drafts/approve", url.Values{"batch": {batch}, "state": {"review"}}); r.Status != http.StatusForbidden {
		t.Errorf("an editor approves: %d", r.Status)
	}
	follow(t, reviewer, reviewer.Post("/console/drafts/approve", url.Values{"batch": {batch}, "state": {"review"}}))
	if r := publisher.Get("/console/publish"); !strings.Contains(r.Body, "另有 700 条没有列出") {
		t.Errorf("the page says %s", said(r.Body)[:200])
	}
	if r := publisher.Post("/console/publish", url.Values{"all": {"1"}}); r.Status != http.StatusOK {
		t.Fatalf("%d %s", r.Status, said(r.Body))
	}
	info := x.store.Current()
	if drafts, err := x.store.Drafts(); info.Added != many || len(drafts) > 0 || err != nil {
		t.Errorf("%d published, %d drafts left: %v", info.Added, len(drafts), err)
	}
}

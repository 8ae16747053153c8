package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/api/console"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/staff/stafftest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A journalist writes down questions and ratings in a store, at once.
type journalist struct {
	t     testing.TB
	store *store.Store
}

func (j journalist) Asked(a answer.Asked) {
	if err := j.append(context.Background(), answer.FactQuestion, a); err != nil {
		j.t.Error(err)
	}
}

func (j journalist) Rated(ctx context.Context, f answer.Feedback) error {
	return j.append(ctx, answer.FactFeedback, f)
}

func (j journalist) append(ctx context.Context, typ string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = j.store.Append(ctx, store.ByCitizen, store.Fact{Type: typ, Data: raw})
	return err
}

// A letterbox keeps messages in memory and their facts in the journal.
type letterbox struct {
	journalist
	mu      sync.Mutex
	order   []string
	kept    map[string]answer.KeptMessage
	replies map[string][]answer.MessageReply
	by      []string
}

func (l *letterbox) Keep(ctx context.Context, m answer.KeptMessage) (answer.KeptMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if there, ok := l.kept[m.Number]; ok {
		return there, nil
	}
	l.order, l.kept[m.Number] = append(l.order, m.Number), m
	return m, l.append(ctx, answer.FactMessage, m)
}

func (l *letterbox) Find(_ context.Context, number string) (answer.KeptMessage, []answer.MessageReply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.kept[number]
	if !ok {
		return m, nil, fmt.Errorf("message: %w", corpus.ErrNotFound)
	}
	return m, slices.Clone(l.replies[number]), nil
}

func (l *letterbox) Reply(_ context.Context, actor string, r answer.MessageReply) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replies[r.Number], l.by = append(l.replies[r.Number], r), append(l.by, actor)
	return nil
}

func (l *letterbox) Replied(number string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.replies[number])
}

func (l *letterbox) Numbers() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.order)
}

// A house is the pages over the built-in sample, with citizens and staff.
type house struct {
	*testing.T
	*stafftest.Site
	engine *answer.Engine
	mail   *letterbox
	pages  *Quality
}

func open(t *testing.T) *house {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := store.Open(t.TempDir(), store.Options{Reserve: -1})
	must(err)
	t.Cleanup(func() { must(s.Close()) })
	var files []store.File
	for name, rows := range sample.Files() {
		files = append(files, store.File{Name: name, Rows: rows})
	}
	_, err = s.Import(t.Context(), files, store.ImportOptions{Actor: store.BySystem})
	must(err)
	lex, err := nlp.LoadLexicon()
	must(err)
	ix, err := index.Open("", nlp.Bigrams{}, lex, index.Options{})
	must(err)
	t.Cleanup(func() { must(ix.Close()) })
	h := &house{T: t}
	h.mail = &letterbox{journalist: journalist{t, s}, kept: map[string]answer.KeptMessage{}, replies: map[string][]answer.MessageReply{}}
	h.engine, err = answer.New(answer.Config{Corpus: s, Index: ix, Segmenter: nlp.Bigrams{}, Lexicon: lex, StateKey: []byte("0123456789abcdef"),
		Journal: h.mail.journalist, Mailbox: h.mail})
	must(err)
	must(h.engine.Refresh(t.Context()))
	view := insight.NewView(s, &nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: lex}, time.Local)
	h.pages = New(Config{Store: s, Engine: h.engine, View: view, Mail: h.mail})
	t.Cleanup(h.pages.stopLinks)
	s.SetGate(h.pages.Gate())
	editing := console.New(console.Config{Store: s, Live: h.engine.Refresh})
	h.Site = stafftest.OpenEngine(t, staff.Config{Store: s}, h.engine, editing.Register, h.pages.Register)
	return h
}

func (h *house) ask(text string) answer.Answer {
	h.Helper()
	a, err := h.engine.Ask(h.Context(), answer.Request{Text: text})
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// approve has somebody else approve every draft, and returns their refs.
func (h *house) approve() []store.DraftRef {
	h.Helper()
	refs := h.refs()
	if err := h.Store.SubmitDrafts(h.Context(), "editor", refs); err != nil {
		h.Fatal(err)
	}
	if err := h.Store.ReviewDrafts(h.Context(), "reviewer", h.refs(), true, ""); err != nil {
		h.Fatal(err)
	}
	return h.refs()
}

func (h *house) refs() (refs []store.DraftRef) {
	h.Helper()
	infos, err := h.Store.Drafts()
	if err != nil {
		h.Fatal(err)
	}
	for _, d := range infos {
		refs = append(refs, d.Ref())
	}
	return refs
}

// publish publishes every draft and brings everything up to the new edition.
func (h *house) publish() {
	h.Helper()
	if _, err := h.Store.PublishDrafts(h.Context(), store.Publication{Actor: "publisher", Drafts: h.approve()}); err != nil {
		h.Fatal(err)
	}
	h.live()
}

func (h *house) live() {
	h.Helper()
	if err := errors.Join(h.engine.Refresh(h.Context()), h.pages.Settle(h.Context())); err != nil {
		h.Fatal(err)
	}
}

// opened fetches a page and checks what it says.
func opened(c *stafftest.Client, t *testing.T, path string, has ...string) string {
	t.Helper()
	r := c.Get(path)
	if r.Status != http.StatusOK {
		t.Fatalf("%s: status %d\n%s", path, r.Status, text(r.Body))
	}
	for _, s := range has {
		if !strings.Contains(r.Body, s) {
			t.Errorf("%s has no %q:\n%s", path, s, text(r.Body))
		}
	}
	return r.Body
}

// text is what the main part of a page says, as far as a report needs it.
func text(body string) string {
	if _, main, ok := strings.Cut(body, "<main"); ok {
		body = main
	}
	body = strings.Join(strings.Fields(tags.ReplaceAllString(body, " ")), " ")
	return string([]rune(body)[:min(1200, len([]rune(body)))])
}

var tags = regexp.MustCompile("<[^>]*>")

// done posts a form and follows where it leads.
func done(c *stafftest.Client, t *testing.T, path string, form url.Values, has ...string) {
	t.Helper()
	r := c.Post(path, form)
	if r.Status != http.StatusSeeOther {
		t.Fatalf("%s: status %d\n%s", path, r.Status, text(r.Body))
	}
	opened(c, t, r.Header.Get("Location"), has...)
}

func refusedWith(c *stafftest.Client, t *testing.T, path string, form url.Values, has string) {
	t.Helper()
	r := c.Post(path, form)
	if r.Status != http.StatusUnprocessableEntity || !strings.Contains(r.Body, has) {
		t.Errorf("%s %v: status %d, want %q\n%s", path, form, r.Status, has, text(r.Body))
	}
}

// Every page opens with nothing in it, and with something.
func TestPagesOpen(t *testing.T) {
	h := open(t)
	c := h.As(t, "all", store.Roles...)
	paths := []string{"/console/gaps", "/console/messages", "/console/words", "/console/words/preview", "/console/judged", "/console/judged/edit",
		"/console/judged/run", "/console/bench", "/console/freshness", "/console/figures", "/console/freshness?tab=links", "/console/gaps/export",
		"/console/words/export", "/console/judged/export", "/console/freshness/export?tab=unasked", "/console/figures/export?what=agencies"}
	for _, p := range paths {
		opened(c, t, p)
	}
	for range 3 {
		h.ask("豆豆本丢了去哪里补")
	}
	h.ask("居住证怎么办")
	for _, p := range paths {
		opened(c, t, p)
	}
	for _, bad := range []string{"/console/gaps/case?id=g-9999", "/console/gaps/case", "/console/messages/one?number=1", "/console/judged/edit?id=x", "/console/freshness?tab=x",
		"/console/figures/export?what=x"} {
		if r := c.Get(bad); r.Status != http.StatusNotFound {
			t.Errorf("%s: status %d", bad, r.Status)
		}
	}
	for _, bad := range []string{"/console/bench?text=a&region=44", "/console/bench?text=a&date=never", "/console/bench?text=" + strings.Repeat("a", 301)} {
		if r := c.Get(bad); r.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", bad, r.Status)
		}
	}
}

// An unanswered question becomes an answer: a draft in two clicks, reviewed by
// somebody else, published; then the gap is closed and the message replied to.
func TestGapBecomesAnAnswer(t *testing.T) {
	h := open(t)
	const question = "共享菜园怎么认领"
	a := h.ask(question)
	if a.Outcome != answer.NotFound {
		t.Fatalf("%q is answered: %s", question, a.Text)
	}
	h.ask("请问" + question + "啊")
	receipt, err := h.engine.Leave(t.Context(), answer.Message{Kind: "咨询", Text: "共享菜园还有没有，电话13800138000", Answer: a.ID, Name: "王女士"})
	if err != nil {
		t.Fatal(err)
	}
	editor := h.As(t, "editor", "editor")
	list := opened(editor, t, "/console/gaps", question, "没有答案 2", "留了言 1", "待处理")
	if strings.Contains(list, "13800138000") {
		t.Error("the list has a telephone number")
	}
	gap := "/console/gaps/case?id=g-2" // the import is the first fact
	opened(editor, t, gap, "写一条常见问题", receipt.Number)
	opened(editor, t, "/console/gaps/remedy?id=g-2&kind=faq", question)
	done(editor, t, "/console/gaps/remedy", url.Values{"id": {"g-2"}, "kind": {"faq"}, "faq": {"faq-g-2"}, "question": {question}, "similar": {"请问" + question + "啊"},
		"answer": {"到安澜市政务服务中心三楼补办，不收费。"}}, "待上线", "faq-g-2")
	if a := h.ask(question); a.Outcome != answer.NotFound {
		t.Fatalf("a draft answers: %s", a.Text)
	}
	h.live()
	opened(editor, t, gap, "待上线")
	h.publish()
	if a := h.ask(question); a.Outcome != answer.Answered || !strings.Contains(a.Text, "三楼补办") {
		t.Fatalf("published, it is %s: %s", a.Outcome, a.Text)
	}
	opened(editor, t, gap, "已补上", "第 2 版起能答", "系统")
	status, err := h.engine.MessageStatus(t.Context(), receipt.Number, receipt.Code)
	if err != nil || status.Status != answer.MessageAnswered || len(status.Replies) != 1 || !strings.Contains(status.Replies[0].Text, "三楼补办") {
		t.Errorf("message %+v, %v", status, err)
	}
	h.live() // nobody is told twice
	if n := len(h.mail.replies[receipt.Number]); n != 1 {
		t.Errorf("%d replies", n)
	}
	if h.mail.by[0] != store.BySystem {
		t.Errorf("replied by %s", h.mail.by[0])
	}
	if list := opened(editor, t, "/console/gaps"); strings.Contains(list, "g-2") {
		t.Error("the closed gap is among what is to be done")
	}
	// Who writes about it later has seen the answer: that is for people.
	later, err := h.engine.Leave(t.Context(), answer.Message{Kind: "咨询", Text: question + "，还有吗", ID: "later"})
	if err != nil {
		t.Fatal(err)
	}
	h.mail.kept[later.Number] = func(m answer.KeptMessage) answer.KeptMessage {
		m.Received = time.Now().Add(time.Hour)
		return m
	}(h.mail.kept[later.Number])
	h.live()
	if n := len(h.mail.replies[later.Number]); n != 0 {
		t.Errorf("a later message has %d replies", n)
	}
	opened(editor, t, "/console/messages", later.Number)
	// Withdrawn, the question comes up again.
	if _, err := h.Store.Remove(t.Context(), "publisher", "撤下", []corpus.Key{{Type: corpus.TypeFAQ, ID: "faq-g-2"}}); err != nil {
		t.Fatal(err)
	}
	h.live()
	h.ask(question)
	opened(editor, t, "/console/gaps", question, "再次出现")
}

// The other remedies: an alias of a matter, a similar and a counter-question.
func TestOtherRemedies(t *testing.T) {
	h := open(t)
	h.ask("共享菜园怎么认领")
	editor := h.As(t, "editor", "editor")
	opened(editor, t, "/console/gaps/remedy?id=g-2&kind=alias&target=AL-JZ-004", "居住证补领")
	form := url.Values{"id": {"g-2"}, "kind": {"alias"}, "target": {"AL-JZ-004"}, "text": {"共享菜园认领"}}
	done(editor, t, "/console/gaps/remedy", form, "日常用语", "待上线")
	refusedWith(editor, t, "/console/gaps/remedy", form, "已经在里面了")
	h.publish()
	opened(editor, t, "/console/gaps/case?id=g-2", "已补上")
	faq := &corpus.FAQ{Type: corpus.TypeFAQ, ID: "F-1", Question: "捡到豆豆本交到哪里", Answer: "交给派出所。"}
	if _, err := h.Store.SaveDraft(t.Context(), "editor", store.Edit{Record: faq, Base: h.Store.Edition()}); err != nil {
		t.Fatal(err)
	}
	h.publish()
	a := h.ask("捡到豆豆本要交到哪里")
	if err := h.engine.Feedback(t.Context(), answer.Feedback{Answer: a.ID, Rating: -1, Reasons: []string{"答非所问"}}); err != nil {
		t.Fatal(err)
	}
	list := opened(editor, t, "/console/gaps?kind=reported", "捡到豆豆本要交到哪里")
	_, after, _ := strings.Cut(list, "/console/gaps/case?id=g-")
	id, _, _ := strings.Cut(after, `"`)
	done(editor, t, "/console/gaps/remedy", url.Values{"id": {"g-" + id}, "kind": {"counter"}, "target": {"F-1"}, "text": {"捡到豆豆本要交到哪里"}}, "反例问")
	h.publish()
	opened(editor, t, "/console/gaps/case?id=g-"+id, "已补上")
	if a := h.ask("捡到豆豆本要交到哪里"); strings.Contains(a.Text, "交给派出所") {
		t.Errorf("its counter-question gets %s", a.Text)
	}
	for _, bad := range []url.Values{
		{"id": {"g-2"}, "kind": {"alias"}, "target": {"NONE"}, "text": {"豆豆"}},
		{"id": {"g-2"}, "kind": {"magic"}, "target": {"F-1"}, "text": {"豆豆"}},
		{"id": {"g-777"}, "kind": {"alias"}, "target": {"AL-JZ-004"}, "text": {"豆豆"}},
	} {
		if r := editor.Post("/console/gaps/remedy", bad); r.Status != http.StatusNotFound {
			t.Errorf("%v: status %d", bad, r.Status)
		}
	}
	refusedWith(editor, t, "/console/gaps/remedy", url.Values{"id": {"g-2"}, "kind": {"faq"}, "faq": {"x"}, "question": {"只有问题"}}, "answer")
}

func TestDecide(t *testing.T) {
	h := open(t)
	h.ask("共享菜园怎么认领")
	c := h.As(t, "boss", "supervisor")
	set := func(change url.Values) url.Values {
		form := url.Values{"id": {"g-2"}, "state": {"working"}, "agency": {"市公安局"}, "due": {"2027-01-31"}, "note": {"等部门回话"}}
		maps.Copy(form, change)
		return form
	}
	done(c, t, "/console/gaps/case", set(nil), "处理中", "市公安局", "2027-01-31", "等部门回话")
	opened(c, t, "/console/gaps?agency=公安", "共享菜园")
	if body := opened(c, t, "/console/gaps?agency=民政"); strings.Contains(body, "g-2") {
		t.Error("found under another agency")
	}
	for why, bad := range map[string]url.Values{"状态": {"state": {"gone"}}, "不是日期": {"due": {"明天"}}, "写明原因": {"state": {"dismissed"}, "note": {""}}, "1000": {"note": {strings.Repeat("长", 1001)}}} {
		refusedWith(c, t, "/console/gaps/case", set(bad), why)
	}
	done(c, t, "/console/gaps/case", set(url.Values{"state": {"dismissed"}}), "不收录")
	reader := h.As(t, "reader", "auditor")
	opened(reader, t, "/console/gaps/case?id=g-2")
	if r := reader.Post("/console/gaps/case", set(nil)); r.Status != http.StatusForbidden {
		t.Errorf("an auditor decides: %d", r.Status)
	}
	csv := opened(reader, t, "/console/gaps/export?state=all")
	if !strings.HasPrefix(csv, "\ufeff编号,问题") || !strings.Contains(csv, "g-2,共享菜园怎么认领") {
		t.Errorf("export %q", csv)
	}
}

func TestMessages(t *testing.T) {
	h := open(t)
	receipt, err := h.engine.Leave(t.Context(), answer.Message{Kind: "投诉", Text: "窗口没人，我的电话13800138000", Name: "李先生", Contact: "13800138000"})
	if err != nil {
		t.Fatal(err)
	}
	c := h.As(t, "editor", "editor")
	if list := opened(c, t, "/console/messages", receipt.Number, "投诉"); strings.Contains(list, "13800138000") || strings.Contains(list, "李先生") {
		t.Error("the list says who left it")
	}
	page := "/console/messages/one?number=" + receipt.Number
	opened(c, t, page, "李先生", "13800138000", "审计")
	read := 0
	for e, err := range h.Store.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == "message.read" && e.Actor == "editor" && e.Object == receipt.Number {
			read++
		}
	}
	if read != 1 {
		t.Errorf("reading was audited %d times", read)
	}
	form := url.Values{"number": {receipt.Number}, "agency": {"政务服务中心"}, "text": {"已经安排人值守。"}}
	for _, bad := range []string{"", " ", strings.Repeat("长", 1001)} {
		refusedWith(c, t, "/console/messages/one", url.Values{"number": {receipt.Number}, "text": {bad}}, "答复")
	}
	done(c, t, "/console/messages/one", form, "已经安排人值守")
	status, err := h.engine.MessageStatus(t.Context(), receipt.Number, receipt.Code)
	if err != nil || len(status.Replies) != 1 || status.Replies[0].Agency != "政务服务中心" {
		t.Errorf("%+v, %v", status, err)
	}
	if list := opened(c, t, "/console/messages"); strings.Contains(list, receipt.Number) {
		t.Error("still waiting for a reply")
	}
	opened(c, t, "/console/messages?state=answered", receipt.Number)
	if r := h.As(t, "reader", "auditor", "publisher", "operator").Get(page); r.Status != http.StatusForbidden {
		t.Errorf("others read it: %d", r.Status)
	}
}

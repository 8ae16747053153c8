package desk

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// fake knows two matters by heart.
type fake struct{ edition string }

func (f *fake) candidate(code string, score float64, a nlp.Aspect) answer.Candidate {
	name := map[string]string{"A": "居住证申领", "B": "居住证签注"}[code]
	return answer.Candidate{MatterRef: answer.MatterRef{Code: code, Name: name, Agency: "安澜市公安局", Score: score}, Rank: 10 * score,
		Text: name + "的" + answer.AspectLabel(a) + f.edition, Facts: []answer.Fact{{Code: code, Field: string(a), Value: "v", Source: answer.FactSource{URL: "https://a.example/" + code}}},
		Themes: []corpus.Theme{"户籍办理"}, Internal: &corpus.Internal{Transfer: "转户政科"}, Effective: corpus.Period{To: "2026-12-01"}}
}

func (f *fake) Consult(_ context.Context, r answer.Request, _ int) (answer.Consultation, error) {
	c := answer.Consultation{Asked: r.Text, Answer: answer.Answer{Outcome: answer.Answered, Aspect: nlp.AspectMaterials, Confidence: .95}}
	switch {
	case strings.Contains(r.Text, "着火"):
		c.Answer = answer.Answer{Outcome: answer.Emergency, GeneratedBy: answer.ByCanned, Text: "请拨打 119"}
	case strings.Contains(r.Text, "居住证"):
		c.Candidates = []answer.Candidate{f.candidate("A", .95, nlp.AspectMaterials), f.candidate("B", .3, nlp.AspectMaterials)}
	case strings.HasPrefix(r.State, "took"):
		c.Candidates = []answer.Candidate{f.candidate(r.State[len("took "):], .9, nlp.AspectMaterials)}
	default:
		c.Answer = answer.Answer{Outcome: answer.NotFound, Text: "没有找到", Confidence: .1}
	}
	return c, nil
}

func (f *fake) Aspect(_ context.Context, code string, a nlp.Aspect) (answer.Candidate, error) {
	if code != "A" && code != "B" {
		return answer.Candidate{}, fmt.Errorf("%s: %w", code, corpus.ErrNotFound)
	}
	return f.candidate(code, 1, a), nil
}

func (f *fake) Took(code string, _ nlp.Aspect, _ corpus.RegionCode) (string, error) {
	return "took " + code, nil
}

func (f *fake) Edition() corpus.Edition { return 7 }

// A place is a desk over a store that can be opened again.
type place struct {
	*Desk
	t   *testing.T
	dir string
	now time.Time
	eng *fake
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), eng: &fake{}}
	p.open()
	t.Cleanup(p.close)
	return p
}

func (p *place) open() {
	p.t.Helper()
	s, err := store.Open(p.dir, store.Options{Reserve: -1})
	if err != nil {
		p.t.Fatal(err)
	}
	p.Desk = New(Config{Store: s, Engine: p.eng, Now: func() time.Time { return p.now }})
}

func (p *place) close() {
	if err := p.Store.Close(); err != nil {
		p.t.Errorf("store: %v", err)
	}
}

// restart is what a restart of the service is to the desk.
func (p *place) restart() { p.t.Helper(); p.close(); p.open() }

func (p *place) lessons() (types []string, list []Lesson) {
	p.t.Helper()
	for f, err := range p.Store.Facts(0) {
		if err != nil {
			p.t.Fatal(err)
		}
		var l Lesson
		if err := json.Unmarshal(f.Data, &l); err != nil {
			p.t.Fatal(err)
		}
		types, list = append(types, f.Type), append(list, l)
	}
	return types, list
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var (
	li   = Staff{Name: "李"}
	wang = Staff{Name: "王", Supervisor: true}
)

func TestCall(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	call := must[Call](t)
	call(p.Open(ctx, li, "c1", "", "13900000000", "990100"))
	call(p.Say(ctx, Staff{Name: "key:asr", Machine: true}, "c1", []Line{{ID: "1", Speaker: CallerSays, Text: "喂你好"}, {ID: "2", Speaker: CallerSays, Text: "居住证要什么材料，我身份证号110101199003070038"}}))
	c := call(p.Say(ctx, li, "c1", []Line{{ID: "2", Speaker: CallerSays, Text: "again"}, {ID: "3", Speaker: OperatorSays, Text: "请稍等"}}))
	if len(c.Lines) != 3 || strings.Contains(c.Lines[1].Text, "110101199003070038") {
		t.Errorf("lines %+v, want three without the number", c.Lines)
	}
	p.restart()
	if got := call(p.Call(li, "c1")); cmp.Diff(c, got) != "" {
		t.Errorf("after a restart (-want +got):\n%s", cmp.Diff(c, got))
	}

	s := must[Suggestions](t)(p.Suggest(ctx, li, "c1", Asking{Complete: true}))
	if len(s.Items) != 2 || s.Items[0].Code != "A" || s.Items[0].Band != High || s.Items[1].Band != Low || s.Items[0].Badge != "即将过期" || s.Asked == "" {
		t.Fatalf("suggestions %+v", s)
	}
	p.now = p.now.Add(40 * time.Second)
	j := Judgement{ID: "j1", Code: "A", Shown: s.Items[0].Text, Place: 1}
	c = call(p.Adopt(ctx, li, "c1", j))
	again := call(p.Adopt(ctx, li, "c1", j)) // the reply was lost
	if len(again.Adopted) != 1 || again.Settled != 3 || again.State != "took A" || again.Adopted[0].Transfer != "转户政科" {
		t.Errorf("call %+v", again)
	}
	if s := must[Suggestions](t)(p.Suggest(ctx, li, "c1", Asking{})); len(s.Items) != 0 {
		t.Errorf("what was settled still brings %+v", s.Items)
	}
	call(p.Say(ctx, li, "c1", []Line{{Speaker: CallerSays, Text: "那多少钱"}}))
	s = must[Suggestions](t)(p.Suggest(ctx, li, "c1", Asking{}))
	if len(s.Items) != 1 || s.Items[0].Code != "A" {
		t.Errorf("what comes after does not lean on the adopted matter: %+v", s.Items)
	}
	call(p.Adopt(ctx, li, "c1", Judgement{ID: "j2", Code: "A", Aspect: nlp.AspectFee, Said: "办证不收钱", Place: 1}))
	for _, err := range []error{p.Reject(ctx, li, "c1", Judgement{ID: "j3", Code: "B", Reason: "答非所问"}), p.Report(ctx, li, "c1", Judgement{ID: "j4", Code: "A", Aspect: nlp.AspectPhone, Field: "contact", Reason: "打不通 13912345678"})} {
		if err != nil {
			t.Error(err)
		}
	}
	types, lessons := p.lessons()
	if diff := cmp.Diff([]string{FactAdopt, FactAdopt, FactEdit, FactReject, FactReport}, types); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if lessons[0].ID != lessons[1].ID || lessons[0].Edition != 7 || lessons[0].Matter != "A" || lessons[0].Place != 1 || lessons[0].Band != High {
		t.Errorf("lessons %+v", lessons[:2])
	}
	if l := lessons[2]; l.Said != "办证不收钱" || l.Text == "" || l.Aspect != nlp.AspectFee {
		t.Errorf("edited %+v", l)
	}
	if l := lessons[4]; l.Field != "contact" || strings.Contains(l.Reason, "13912345678") {
		t.Errorf("reported %+v", l)
	}

	notes := "急用"
	call(p.Note(ctx, li, "c1", Detail{Notes: &notes}))
	p.now = p.now.Add(60 * time.Second)
	c = call(p.End(ctx, li, "c1"))
	draft := c.Draft()
	want := Wrap{Summary: "来电咨询「居住证申领」申请材料、「居住证申领」收费。\n已答复：\n（1）居住证申领的申请材料\n（2）办证不收钱\n备注：急用", Category: "咨询/户籍办理",
		CategoryWhy: "采用的答复属于「居住证申领」，主题分类是户籍办理", Agency: "安澜市公安局", AgencyWhy: "「居住证申领」的实施主体；转派规则：转户政科", Result: "已答复"}
	if diff := cmp.Diff(want, draft); diff != "" {
		t.Errorf("draft (-want +got):\n%s", diff)
	}
	p.now = p.now.Add(6 * time.Second)
	p.restart()
	o := must[WorkOrder](t)(p.Close(ctx, li, "c1", draft))
	if again := must[WorkOrder](t)(p.Close(ctx, li, "c1", Wrap{Summary: "other"})); cmp.Diff(o, again) != "" {
		t.Errorf("closed twice, the order is another:\n%s", cmp.Diff(o, again))
	}
	if o.Caller != "13900000000" || len(o.Answers) != 2 || !o.Answers[1].Edited || o.Answers[0].Source != "https://a.example/A" || o.Closed.Sub(o.Ended) != 6*time.Second {
		t.Errorf("order %+v", o)
	}
	if _, err := p.Say(ctx, li, "c1", []Line{{Speaker: CallerSays, Text: "还有"}}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed call takes lines: %v", err)
	}
	if live := must[[]Call](t)(p.Live(wang)); len(live) != 0 {
		t.Errorf("closed calls are live: %+v", live)
	}
	if past := must[[]Call](t)(p.Past(wang, Filter{Category: "咨询"})); len(past) != 1 {
		t.Errorf("%d past calls", len(past))
	}
	if past := must[[]Call](t)(p.Past(Staff{Name: "赵"}, Filter{})); len(past) != 0 {
		t.Errorf("another operator sees %d calls", len(past))
	}
}

func TestRefusals(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	must[Call](t)(p.Open(ctx, li, "c1", "", "", ""))
	zhao := Staff{Name: "赵"}
	err := func(_ any, err error) error { return err }
	for _, tt := range []struct {
		why  string
		got  error
		want error
	}{
		{"a call that is not there", err(p.Call(li, "c9")), ErrNoCall},
		{"another's call", err(p.Call(zhao, "c1")), ErrNotYours},
		{"lines for another's call", err(p.Say(ctx, zhao, "c1", []Line{{Speaker: CallerSays, Text: "x"}})), ErrNotYours},
		{"another's call opened again", err(p.Open(ctx, zhao, "c1", "", "", "")), ErrNotYours},
		{"a speaker that nobody is", err(p.Say(ctx, li, "c1", []Line{{Speaker: "bot", Text: "x"}})), ErrBadCall},
		{"an empty line", err(p.Say(ctx, li, "c1", []Line{{Speaker: CallerSays, Text: " "}})), ErrBadCall},
		{"a line without end", err(p.Say(ctx, li, "c1", []Line{{Speaker: CallerSays, Text: strings.Repeat("长", MaxLine+1)}})), ErrBadCall},
		{"no line", err(p.Say(ctx, li, "c1", nil)), ErrBadCall},
		{"an answer that has changed", err(p.Adopt(ctx, li, "c1", Judgement{ID: "1", Code: "A", Typed: "居住证", Shown: "旧的"})), ErrChanged},
		{"a judgement without an id", err(p.Adopt(ctx, li, "c1", Judgement{Code: "A"})), ErrBadCall},
		{"a matter that is not published", err(p.Adopt(ctx, li, "c1", Judgement{ID: "1", Code: "Z"})), corpus.ErrNotFound},
		{"a region that is none", err(p.Open(ctx, li, "", "", "", "12")), ErrBadCall},
		{"a review of a call under way", err(p.Review(ctx, wang, "c1", 90, "")), ErrNoCall},
		{"more than half without suggestions", p.SetSettings(ctx, wang, Settings{Control: 51}), ErrBadCall},
		{"a decision on nothing", err(p.Decide(ctx, wang, "c1", "1", true, "")), ErrBadCall},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, tt.got, tt.want)
		}
	}
	if types, _ := p.lessons(); len(types) != 0 {
		t.Errorf("refused requests have left %v", types)
	}
}

func TestApproval(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	if err := p.SetSettings(ctx, wang, Settings{Approve: []string{"李"}}); err != nil {
		t.Fatal(err)
	}
	call := must[Call](t)
	call(p.Open(ctx, li, "c1", "", "", ""))
	for _, id := range []string{"1", "2"} {
		if c := call(p.Adopt(ctx, li, "c1", Judgement{ID: id, Code: "A", Typed: "居住证"})); c.adopted(id).Status != Pending {
			t.Errorf("status %s", c.adopted(id).Status)
		}
	}
	pending := call(p.Call(li, "c1"))
	if w := pending.Draft(); strings.Contains(w.Summary, "已答复") {
		t.Errorf("what waits is in the summary: %q", w.Summary)
	}
	call(p.Decide(ctx, wang, "c1", "1", true, ""))
	c := call(p.Decide(ctx, wang, "c1", "2", false, "说法不妥"))
	if a := c.Adopted; !a[0].Tellable() || a[1].Tellable() || a[1].Comment != "说法不妥" || a[1].By != "王" {
		t.Errorf("adopted %+v", a)
	}
	if _, err := p.Decide(ctx, wang, "c1", "2", true, ""); !errors.Is(err, ErrBadCall) {
		t.Errorf("decided twice: %v", err)
	}
	if o := c.Order(); len(o.Answers) != 1 {
		t.Errorf("%d answers in the order, want the approved one", len(o.Answers))
	}
}

// What a crash between the two writes of Close has left is finished, and told
// of once.
func TestInterruptedClose(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	var told []WorkOrder
	p.Announce = func(_ context.Context, o WorkOrder) error { told = append(told, o); return nil }
	must[Call](t)(p.Open(ctx, li, "c1", "", "13900000000", ""))
	must[Call](t)(p.change(ctx, li, "c1", func(c *Call) error {
		c.Ended, c.Closed, c.Wrap.Summary = p.now, p.now, "摘要"
		return nil
	}))
	for range 2 {
		if err := p.Recover(ctx); err != nil {
			t.Fatal(err)
		}
	}
	past := must[[]Call](t)(p.Past(wang, Filter{}))
	if len(past) != 1 || past[0].Wrap.Summary != "摘要" || len(told) != 1 || told[0].Caller != "" || told[0].Summary != "" {
		t.Errorf("past %+v, told %+v", past, told)
	}
	if n := must[int](t)(p.Forget(ctx, p.now.AddDate(0, 0, 1))); n != 1 {
		t.Errorf("%d calls forgotten", n)
	}
	if _, err := p.Call(wang, "c1"); !errors.Is(err, ErrNoCall) {
		t.Errorf("a forgotten call is still there: %v", err)
	}
}

func TestPast(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	today := p.now
	for _, day := range []int{-5, -2, -1, 0} {
		for _, hour := range []int{1, 3} {
			p.now = today.AddDate(0, 0, day).Add(time.Duration(hour) * time.Hour)
			c := must[Call](t)(p.Open(ctx, li, "", "", "", ""))
			must[WorkOrder](t)(p.Close(ctx, li, c.ID, Wrap{Category: "咨询/户籍办理", Result: "已答复"}))
		}
	}
	p.now = today.Add(5 * time.Hour)
	for _, tt := range []struct {
		why  string
		f    Filter
		want int
	}{
		{"all", Filter{}, 8},
		{"the newest three", Filter{Limit: 3}, 3},
		{"from a day on", Filter{From: today.AddDate(0, 0, -2)}, 6},
		{"up to a day", Filter{To: today.AddDate(0, 0, -2)}, 2},
		{"between two days", Filter{From: today.AddDate(0, 0, -2), To: today.AddDate(0, 0, -1)}, 2},
		{"of a category", Filter{Category: "咨询"}, 8},
		{"of a category that only begins alike", Filter{Category: "咨"}, 0},
		{"of nobody", Filter{Operator: "赵"}, 0},
		{"before there were any", Filter{To: today.AddDate(-1, 0, 0)}, 0},
	} {
		got := must[[]Call](t)(p.Past(wang, tt.f))
		if len(got) != tt.want {
			t.Errorf("%s: %d calls, want %d", tt.why, len(got), tt.want)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Opened.After(got[i-1].Opened) {
				t.Errorf("%s: the newest do not come first", tt.why)
			}
		}
	}
	if n := must[int](t)(p.Forget(ctx, today.AddDate(0, 0, -1))); n != 4 {
		t.Errorf("%d calls forgotten, want those of two days", n)
	}
	if got := must[[]Call](t)(p.Past(wang, Filter{})); len(got) != 4 {
		t.Errorf("%d calls left", len(got))
	}
	if c := must[Comparison](t)(p.Compare(wang, Filter{})); c.Groups[0].Calls != 4 || c.Enough {
		t.Errorf("comparison %+v", c)
	}
}

func TestControl(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	if err := p.SetSettings(ctx, wang, Settings{Control: 50}); err != nil {
		t.Fatal(err)
	}
	n := map[Group]int{}
	for range 60 {
		c := must[Call](t)(p.Open(ctx, li, "", "", "", ""))
		n[c.Group]++
		s := must[Suggestions](t)(p.Suggest(ctx, li, c.ID, Asking{Typed: "居住证"}))
		if (len(s.Items) > 0) != (c.Group == Assisted) {
			t.Fatalf("a call of group %s gets %d suggestions", c.Group, len(s.Items))
		}
	}
	if n[Control] < 10 || n[Assisted] < 10 { // both at even odds: less than one in ten million
		t.Errorf("groups %v", n)
	}
}

func TestCompare(t *testing.T) {
	var calls []Call
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for i := range 40 {
		for g, talk := range map[Group]int{Assisted: 100 + i, Control: 160 + i} {
			calls = append(calls, Call{Group: g, Opened: at, Ended: at.Add(time.Duration(talk) * time.Second), Closed: at.Add(time.Duration(talk+8) * time.Second),
				Wrap: Wrap{Result: "已答复"}, Adopted: []Adoption{{}, {Said: "x"}}, Reviews: []Review{{Score: 80}}})
		}
	}
	c := compare(calls)
	if c.Gain != 60 || c.Interval[0] > 60 || c.Interval[1] < 60 || c.Interval[0] < 40 || c.Interval[1] > 80 || !c.Enough {
		t.Errorf("gain %v %v", c.Gain, c.Interval)
	}
	want := GroupFigures{Group: Assisted, Calls: 40, Seconds: 119.5, After: 8, Answered: 1, Adopted: 2, Edited: .5, Score: 80, Reviewed: 40}
	if diff := cmp.Diff(want, c.Groups[0]); diff != "" {
		t.Errorf("assisted (-want +got):\n%s", diff)
	}
	if c := compare(calls[:1]); c.Enough || c.Gain != 0 {
		t.Errorf("of one call %+v", c)
	}
}

func TestDraftCategory(t *testing.T) {
	for _, tt := range []struct{ said, category, result string }{
		{"我要举报有人卖假药", "举报", "需派单"},
		{"窗口态度差，我要投诉", "投诉", "需派单"},
		{"小区停水两天了", "求助", "需派单"},
		{"", "", "无效来电"},
		{"问一下几点开门", "", "需派单"},
	} {
		c := Call{}
		if tt.said != "" {
			c.Lines = []Line{{Speaker: CallerSays, Text: tt.said}}
		}
		if w := c.Draft(); w.Category != tt.category || w.Result != tt.result {
			t.Errorf("%q: %q %q, want %q %q", tt.said, w.Category, w.Result, tt.category, tt.result)
		}
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	err := WriteCSV(&b, []WorkOrder{{ID: "1", Summary: "=HYPERLINK(\"http://evil\")", Notes: "一行\n两行,带逗号", Answers: []OrderAnswer{{Code: "A"}, {Code: "A"}, {Code: "B"}}}})
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(b.String(), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if !ok || err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) {
		t.Fatalf("%v %q", err, rows)
	}
	joined := strings.Join(rows[1], "|")
	for _, want := range []string{"'=HYPERLINK", "一行\n两行,带逗号", "A；B"} {
		if !strings.Contains(joined, want) {
			t.Errorf("%q lacks %q", joined, want)
		}
	}
}

func TestWatch(t *testing.T) {
	p, ctx := newPlace(t), t.Context()
	all, one := p.Watch(""), p.Watch("c2")
	defer all.Stop()
	defer one.Stop()
	must[Call](t)(p.Open(ctx, li, "c1", "", "", ""))
	must[Call](t)(p.Say(ctx, li, "c1", []Line{{Speaker: CallerSays, Text: "居住证"}}))
	<-all.Woken()
	if got := all.Take(); got["c1"] != 2 {
		t.Errorf("told of %v", got)
	}
	if got := one.Take(); len(got) != 0 {
		t.Errorf("told of another's call: %v", got)
	}
}

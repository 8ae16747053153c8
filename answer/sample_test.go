package answer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// What citizens say to the built-in sample corpus.
func TestSample(t *testing.T) {
	e := sampleEngine(t)
	if !e.Sample() || e.Edition() != 1 || e.Ready() != nil {
		t.Errorf("sample %v, edition %d, ready %v", e.Sample(), e.Edition(), e.Ready())
	}
	for _, row := range []struct {
		text   string
		code   string // "" if no matter fits
		aspect nlp.Aspect
		says   []string
		hasNot []string
	}{
		{"居住证怎么办", "AL-JZ-002", "procedure", []string{"安澜市公安局", "满半年", "0900-555"}, nil},
		{"办居住证要多久", "AL-JZ-002", "time_limit", []string{"10日"}, []string{"当场"}},
		{"居住证丢了怎么补", "AL-JZ-004", "procedure", []string{"挂失"}, nil},
		{"居住证补领多少钱", "AL-JZ-004", "fee", []string{"居住证工本费"}, []string{"免费", "不收费"}},
		{"居住证签注要跑几趟", "AL-JZ-003", "visits", []string{"0次，无需到现场"}, nil},
		{"护照丢了怎么办", "AL-CR-003", "procedure", nil, nil},
		{"第一次办护照要带什么材料", "AL-CR-001", "materials", []string{"居民身份证"}, nil},
		{"驾照到期换证要多少钱", "AL-CL-003", "fee", nil, nil},
		{"房产证丢了去哪里办", "AL-BD-012", "location", []string{"办理地点"}, nil},
		{"买房提取公积金需要什么条件", "AL-GJ-004", "condition", nil, nil},
		{"律师执业许可首次申请咨询电话", "AL-GF-013", "phone", []string{"0900-555"}, nil},
		{"法律援助", "AL-GF-001", "overview", nil, nil},
		{"明天股票会涨吗", "", "", []string{"不在政务服务的范围"}, []string{"免费"}},
		{"帮我写一篇关于月亮的作文", "", "", []string{"政务服务事项"}, nil},
	} {
		t.Run(row.text, func(t *testing.T) {
			a := ask(t, e, Request{Text: row.text})
			says(t, a.Text, row.says, row.hasNot...)
			if row.code == "" {
				if a.Outcome != Refused || len(a.Facts) > 0 || len(a.Matters) > 0 {
					t.Errorf("%s about %s", a.Outcome, first(a))
				}
				return
			}
			if a.Outcome != Answered || first(a) != row.code || a.Aspect != row.aspect {
				t.Errorf("%s about %s of %s, want %s of %s", a.Outcome, a.Aspect, first(a), row.aspect, row.code)
			}
			if !slices.Contains(a.Notices, NoticeSample) {
				t.Errorf("notices %v, want %s", a.Notices, NoticeSample)
			}
		})
	}
}

// A turn is one question of a conversation and what its answer must be.
type turn struct {
	text   string
	code   string
	aspect nlp.Aspect
}

func TestFollowUps(t *testing.T) {
	e := sampleEngine(t)
	for _, row := range []struct {
		name  string
		turns []turn
	}{
		{"another aspect of the same matter", []turn{
			{"居住证申领要什么材料", "AL-JZ-002", "materials"}, {"那费用呢", "AL-JZ-002", "fee"}, {"要多久", "AL-JZ-002", "time_limit"}, {"在哪办", "AL-JZ-002", "location"}}},
		{"the matter's neighbour", []turn{
			{"居住证申领要什么材料", "AL-JZ-002", "materials"}, {"那补领呢", "AL-JZ-004", ""}}},
		{"a question of its own leaves the matter", []turn{
			{"居住证申领要什么材料", "AL-JZ-002", "materials"}, {"房产证丢了怎么补", "AL-BD-012", "procedure"}, {"要多少钱", "AL-BD-012", "fee"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			state := ""
			for _, turn := range row.turns {
				a := ask(t, e, Request{Text: turn.text, State: state})
				state = a.State
				if a.Outcome != Answered || first(a) != turn.code || turn.aspect != "" && a.Aspect != turn.aspect {
					t.Errorf("%q: %s about %s of %s, want %s of %s", turn.text, a.Outcome, a.Aspect, first(a), turn.aspect, turn.code)
				}
			}
		})
	}
}

func TestPicking(t *testing.T) {
	e := newEngine(t, newMemory(verdictCorpus()...))
	offer := ask(t, e, Request{Text: "护照"})
	if offer.Outcome != Clarify || len(offer.Options) < 4 || len(offer.Options) != len(offer.Matters)+2 {
		t.Fatalf("%s of %+v", offer.Outcome, offer.Options)
	}
	n := len(offer.Options) - 2
	for text, i := range map[string]int{"第二个": 1, "2": 1, "第二": 1, "选第一个": 0, "一": 0, "就第2个吧": 1, "最后一个": n - 1, "2号": 1, offer.Options[1].Code: 1, "第一项": 0} {
		a := ask(t, e, Request{Text: text, State: offer.State})
		if a.Outcome != Answered || first(a) != offer.Options[i].Code {
			t.Errorf("%q: %s of %s, want %s", text, a.Outcome, first(a), offer.Options[i].Code)
		}
	}
	for _, option := range offer.Options[:n] {
		if option.Label == "" || option.Text == "" {
			t.Errorf("option %+v", option)
		}
		if a := ask(t, e, Request{Text: option.Text, State: offer.State}); first(a) != option.Code {
			t.Errorf("%q: %s of %s, want %s", option.Text, a.Outcome, first(a), option.Code)
		}
	}
	if a := ask(t, e, Request{Text: offer.Options[n].Text, State: offer.State}); a.Outcome != NotFound || a.Text == "" {
		t.Errorf("none of them: %s %q", a.Outcome, a.Text)
	}
	if a := ask(t, e, Request{Text: offer.Options[n+1].Text, State: offer.State}); a.Outcome != Answered || first(a) != first(offer) {
		t.Errorf("show the result: %s of %s", a.Outcome, first(a))
	}
	if a := ask(t, e, Request{Text: "P-1 或 F-1", State: offer.State}); len(a.Matters) > 0 && a.Confidence > .8 && first(a) == "F-1" {
		t.Errorf("a code that was not offered was taken: %s", first(a))
	}
}

func TestState(t *testing.T) {
	e := newEngine(t, newMemory(verdictCorpus()...))
	before := ask(t, e, Request{Text: "烟草专卖零售许可证核发要什么材料"}).State
	now := today
	later := newEngine(t, newMemory(verdictCorpus()...), func(c *Config) { c.Now = func() time.Time { return now } })
	other := newEngine(t, newMemory(verdictCorpus()...), func(c *Config) { c.StateKey = []byte("fedcba9876543210") })
	forged := []byte(before)
	forged[len(forged)-3] ^= 1
	for _, row := range []struct {
		name   string
		engine *Engine
		state  string
		after  time.Duration
		taken  bool
	}{
		{"as it was given", e, before, 0, true},
		{"a machine with the same key takes it, too", later, before, 23 * time.Hour, true},
		{"a day later it is too old", later, before, 25 * time.Hour, false},
		{"it comes from the future", later, before, -time.Hour, false},
		{"another key", other, before, 0, false},
		{"a byte is changed", e, string(forged), 0, false},
		{"the end is missing", e, before[:len(before)-5], 0, false},
		{"it is short", e, "YWJj", 0, false},
		{"it is no base64", e, "不是状态", 0, false},
		{"there is none", e, "", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			now = today.Add(row.after)
			a := ask(t, row.engine, Request{Text: "要多久", State: row.state})
			if took := first(a) == "F-1" && a.Outcome == Answered && strings.Contains(a.Text, "7个工作日"); took != row.taken {
				t.Errorf("taken: %v; %s of %s", took, a.Outcome, first(a))
			}
			if ignored := slices.Contains(a.Notices, NoticeStateIgnored); ignored == (row.taken || row.state == "") {
				t.Errorf("notices %v", a.Notices)
			}
			whole := ask(t, row.engine, Request{Text: "烟草专卖零售许可证核发要多久", State: row.state})
			says(t, whole.Text, []string{"7个工作日"})
		})
	}
}

func TestStateHoldsNoText(t *testing.T) {
	e := newEngine(t, newMemory(verdictCorpus()...))
	a := ask(t, e, Request{Text: "我叫张三，电话13800138000，烟草专卖零售许可证核发要多久"})
	s, err := readState(a.State, e.StateKey, today)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%+v", s); strings.Contains(got, "张三") || strings.Contains(got, "13800138000") {
		t.Errorf("state %s", got)
	}
}

func TestRegions(t *testing.T) {
	e := sampleEngine(t)
	for _, row := range []struct {
		name    string
		request Request
		outcome Outcome
		code    string
		says    []string
	}{
		{"a county has its city's matters", Request{Text: "居住证申领要多久", Region: "990103"}, Answered, "AL-JZ-002", []string{"10日"}},
		{"a county that the question names, too", Request{Text: "锦川区居住证申领要多久"}, Answered, "AL-JZ-002", []string{"10日"}},
		{"a county's own matter", Request{Text: "居住证信息变更", Region: "990102"}, Answered, "AL-JZ-006", []string{"揽月分局"}},
		{"a place that is not covered", Request{Text: "在上海市办居住证要多久"}, NotFound, "", []string{"上海", "没有收录", "12345"}},
		{"a place told by the way", Request{Text: "我从上海来，居住证申领要多久"}, Answered, "AL-JZ-002", []string{"10日"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := ask(t, e, row.request)
			if a.Outcome != row.outcome || first(a) != row.code {
				t.Errorf("%s of %s, want %s of %s", a.Outcome, first(a), row.outcome, row.code)
			}
			says(t, a.Text, row.says)
			if foreign := slices.Contains(a.Notices, NoticeRegion); foreign != (row.outcome == NotFound) {
				t.Errorf("notices %v", a.Notices)
			}
		})
	}
	t.Run("another county's own matter is not offered", func(t *testing.T) {
		a := ask(t, e, Request{Text: "居住证信息变更", Region: "990103"})
		for _, m := range a.Matters {
			if m.Code == "AL-JZ-006" {
				t.Errorf("%s is of 990102", m.Code)
			}
		}
	})
	t.Run("the list", func(t *testing.T) {
		list, err := e.Regions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(list, func(r RegionCount) bool { return r.Code == "990100" })
		if at < 0 || list[at].Name != "安澜市" || list[at].Parent != "990000" || list[at].Matters == 0 {
			t.Errorf("regions %+v", list)
		}
		if !slices.IsSortedFunc(list, func(a, b RegionCount) int { return strings.Compare(string(a.Code), string(b.Code)) }) {
			t.Errorf("parents do not come first: %+v", list)
		}
	})
}

func TestInForce(t *testing.T) {
	guide := func(code, name, from, to string) *corpus.Guide {
		return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name, Region: city}, Contact: "12345", Effective: corpus.Period{From: from, To: to}}
	}
	e := newEngine(t, newMemory(fullGuide(),
		guide("OLD", "粮票兑换登记", "", "2026-11-01"), guide("LAST", "布票兑换登记", "2026-01-01", "2026-11-02"),
		guide("FIRST", "月球车驾驶证核发", "2026-11-02", ""), guide("NEW", "火星车驾驶证核发", "2026-11-03", "")))
	for _, row := range []struct {
		name, text, code string
		inForce          bool
	}{
		{"until yesterday", "粮票兑换登记要什么材料", "OLD", false},
		{"until today", "布票兑换登记要什么材料", "LAST", true},
		{"from today", "月球车驾驶证核发要什么材料", "FIRST", true},
		{"from tomorrow", "火星车驾驶证核发要什么材料", "NEW", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := ask(t, e, Request{Text: row.text})
			offered := slices.ContainsFunc(a.Matters, func(m MatterRef) bool { return m.Code == row.code })
			if offered != row.inForce {
				t.Errorf("%s of %+v", a.Outcome, a.Matters)
			}
			if _, err := e.Guide(t.Context(), row.code); (err == nil) != row.inForce || err != nil && !errors.Is(err, corpus.ErrNotFound) {
				t.Errorf("guide: %v", err)
			}
			page, err := e.Search(t.Context(), SearchRequest{Text: strings.TrimSuffix(row.text, "要什么材料")})
			if found := slices.ContainsFunc(page.Matters, func(m MatterRef) bool { return m.Code == row.code }); err != nil || found != row.inForce {
				t.Errorf("search finds it: %v, %v", found, err)
			}
		})
	}
	if _, err := e.Guide(t.Context(), "NONE"); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("guide that is not there: %v", err)
	}
}

func TestBadQuestions(t *testing.T) {
	e := newEngine(t, newMemory(fullGuide()))
	for _, text := range []string{"", "  \n\t", strings.Repeat("问", MaxText+1)} {
		if _, err := e.Ask(t.Context(), Request{Text: text}); !errors.Is(err, ErrBadQuestion) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	for _, text := range []string{strings.Repeat("问", MaxText), "?", "\x00", "\xff\xfe", "👨‍👩‍👧", "<script>alert(1)</script>", "a' OR '1'='1"} {
		ask(t, e, Request{Text: text})
	}
}

func TestNotReady(t *testing.T) {
	full := newEngine(t, newMemory(fullGuide()))
	e, err := New(full.Config)
	if err != nil {
		t.Fatal(err)
	}
	_, asked := e.Ask(t.Context(), Request{Text: "护照"})
	_, searched := e.Search(t.Context(), SearchRequest{Text: "护照"})
	_, suggested := e.Suggest(t.Context(), "护照", "", 5)
	_, guide := e.Guide(t.Context(), "F-1")
	_, regions := e.Regions(t.Context())
	_, hot := e.Hot(t.Context(), "", 5)
	for name, err := range map[string]error{"ready": e.Ready(), "ask": asked, "search": searched, "suggest": suggested, "guide": guide, "regions": regions, "hot": hot} {
		if !errors.Is(err, ErrNotReady) {
			t.Errorf("%s: %v, want ErrNotReady", name, err)
		}
	}
	for name, change := range map[string]func(*Config){
		"corpus": func(c *Config) { c.Corpus = nil }, "index": func(c *Config) { c.Index = nil }, "segmenter": func(c *Config) { c.Segmenter = nil },
		"lexicon": func(c *Config) { c.Lexicon = nil }, "key": func(c *Config) { c.StateKey = []byte("short") },
	} {
		cfg := full.Config
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("an engine without its %s", name)
		}
	}
}

func TestFeedback(t *testing.T) {
	book := &notebook{}
	e := newEngine(t, newMemory(fullGuide()), func(c *Config) { c.Journal = book })
	for _, row := range []struct {
		name string
		f    Feedback
		ok   bool
	}{
		{"satisfied", Feedback{Answer: "ans_1", Rating: 1}, true},
		{"not satisfied, with every reason", Feedback{Answer: "ans_1", Rating: -1, Reasons: FeedbackReasons, Text: strings.Repeat("字", 500)}, true},
		{"a number in the text", Feedback{Answer: "ans_1", Rating: -1, Text: "打我电话 138 0013 8000"}, true},
		{"no rating", Feedback{Answer: "ans_1"}, false},
		{"five stars", Feedback{Answer: "ans_1", Rating: 5}, false},
		{"a reason of one's own", Feedback{Answer: "ans_1", Rating: -1, Reasons: []string{"不好看"}}, false},
		{"a text that is too long", Feedback{Answer: "ans_1", Rating: -1, Text: strings.Repeat("字", 501)}, false},
		{"no answer", Feedback{Rating: 1}, false},
		{"an id that is none", Feedback{Answer: strings.Repeat("a", 65), Rating: 1}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			n := len(book.rated)
			err := e.Feedback(t.Context(), row.f)
			if row.ok != (err == nil) || err != nil && !errors.Is(err, ErrBadFeedback) {
				t.Errorf("error %v", err)
			}
			if kept := len(book.rated) > n; kept != row.ok {
				t.Errorf("kept: %v", kept)
			}
		})
	}
	if got := book.rated[2].Text; strings.Contains(got, "138") || !strings.Contains(got, "打我电话") {
		t.Errorf("kept %q", got)
	}
	book.err = errors.New("disk")
	if err := e.Feedback(t.Context(), Feedback{Answer: "ans_1", Rating: 1}); !errors.Is(err, book.err) {
		t.Errorf("error %v, want that of the journal", err)
	}
}

func TestJournal(t *testing.T) {
	book := &notebook{}
	e := newEngine(t, newMemory(fullGuide(), bareGuide()), func(c *Config) { c.Journal = book })
	a := ask(t, e, Request{Text: "我的身份证是440101199001011234，烟草专卖零售许可证核发要多久", Region: "440100"})
	want := []Asked{{Answer: a.ID, Text: "我的身份证是******************,烟草专卖零售许可证核发要多久", Region: "440100", Outcome: Answered,
		Aspect: nlp.AspectTimeLimit, Matter: "F-1", Confidence: a.Confidence, Edition: 1, Near: []Near{{Code: "F-1"}}, ElapsedMS: a.ElapsedMS}}
	if diff := cmp.Diff(want, book.asked); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}

func TestSuggest(t *testing.T) {
	e := sampleEngine(t)
	for _, row := range []struct {
		typed string
		has   string
	}{{"居住证", "居住证申领"}, {"护照", "普通护照换发"}, {"公积", "住房公积金提取（购买自住住房）"}} {
		list, err := e.Suggest(t.Context(), row.typed, "", 20)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(list, func(s Suggestion) bool { return s.Text == row.has && s.Code != "" }) {
			t.Errorf("%q suggests %+v", row.typed, list)
		}
	}
	for limit, want := range map[int]int{0: 8, 1: 1, -5: 1, 1000: 20} {
		list, err := e.Suggest(t.Context(), "证", "", limit)
		if err != nil || len(list) != want {
			t.Errorf("limit %d gives %d, want %d: %v", limit, len(list), want, err)
		}
	}
	if list, err := e.Suggest(t.Context(), "鑫鑫鑫", "", 5); err != nil || list == nil || len(list) > 0 {
		t.Errorf("suggested %v: %v", list, err)
	}
}

func TestThemes(t *testing.T) {
	e := sampleEngine(t)
	list, err := e.Themes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[corpus.Theme]bool{}
	for _, c := range list {
		if seen[c.Name] || c.Matters <= 0 || c.Audience != "person" && c.Audience != "legal" {
			t.Errorf("theme %+v", c)
		}
		seen[c.Name] = true
		page, err := e.Search(t.Context(), SearchRequest{Theme: c.Name, Limit: 50})
		if err != nil || page.Total != min(c.Matters, 100) {
			t.Errorf("theme %s counts %d and lists %d: %v", c.Name, c.Matters, page.Total, err)
		}
	}
	if !seen["证件办理"] {
		t.Errorf("themes %+v", list)
	}
}

func TestSearchPages(t *testing.T) {
	e := sampleEngine(t)
	var codes []string
	r := SearchRequest{Text: "居住证", Limit: 7}
	for {
		page, err := e.Search(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Matters {
			if slices.Contains(codes, m.Code) {
				t.Errorf("%s comes twice", m.Code)
			}
			codes = append(codes, m.Code)
		}
		if r.Cursor = page.Next; r.Cursor == "" {
			if len(codes) != page.Total {
				t.Errorf("%d found on all pages, want %d", len(codes), page.Total)
			}
			break
		}
	}
	if len(codes) < 7 || !slices.Contains(codes[:7], "AL-JZ-002") {
		t.Errorf("found %v", codes)
	}
	for _, cursor := range []string{"x", "-1", "1.5"} {
		if _, err := e.Search(t.Context(), SearchRequest{Text: "居住证", Cursor: cursor}); !errors.Is(err, ErrBadCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	if page, err := e.Search(t.Context(), SearchRequest{Text: "居住证", Cursor: "9999999"}); err != nil || len(page.Matters) > 0 || page.Next != "" {
		t.Errorf("beyond the end: %+v %v", page, err)
	}
	if _, err := e.Search(t.Context(), SearchRequest{Text: strings.Repeat("问", MaxText+1)}); !errors.Is(err, ErrBadQuestion) {
		t.Errorf("a text that is too long: %v", err)
	}
}

func TestHot(t *testing.T) {
	now := today
	e := sampleEngine(t, func(c *Config) { c.Now = func() time.Time { return now } })
	standing, err := e.Hot(t.Context(), "", 6)
	if err != nil || len(standing) != 6 {
		t.Fatalf("before anyone has asked: %+v %v", standing, err)
	}
	for range 3 {
		ask(t, e, Request{Text: "居住证申领要多久"})
	}
	ask(t, e, Request{Text: "护照丢了怎么办"})
	e.Replay(Asked{Matter: "AL-BD-012", Aspect: nlp.AspectFee}, today)
	e.Replay(Asked{Matter: "AL-BD-012", Aspect: nlp.AspectFee}, today)
	e.Replay(Asked{Outcome: NotFound}, today)
	e.Replay(Asked{Matter: "GONE", Aspect: nlp.AspectFee}, today)
	list, err := e.Hot(t.Context(), "", 6)
	if err != nil || len(list) != 6 {
		t.Fatalf("%+v %v", list, err)
	}
	var got []string
	for _, h := range list[:3] {
		got = append(got, h.Code)
	}
	if diff := cmp.Diff([]string{"AL-JZ-002", "AL-BD-012", "AL-CR-003"}, got); diff != "" {
		t.Errorf("hot (-want +got):\n%s", diff)
	}
	if list[0].Text != "居住证申领要多久" {
		t.Errorf("the first is worded %q", list[0].Text)
	}
	now = today.Add(10 * hotHalfLife)
	e.Replay(Asked{Matter: "AL-CR-003", Aspect: nlp.AspectFee}, now)
	if list, err = e.Hot(t.Context(), "", 1); err != nil || list[0].Code != "AL-CR-003" {
		t.Errorf("long after: %+v %v", list, err)
	}
}

// TestAskDuringRefresh asks while edition after edition is published. Every
// answer is of one edition: its number and its text agree.
func TestAskDuringRefresh(t *testing.T) {
	m := newMemory(stamped(1))
	e := newEngine(t, m)
	const editions = 20
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last corpus.Edition
			for {
				a, err := e.Ask(t.Context(), Request{Text: "犬类养殖登记咨询电话"})
				if err != nil {
					t.Errorf("edition %d: %v", last, err)
					return
				}
				if want := fmt.Sprintf("020-%08d", a.Edition); a.Outcome != Answered || !strings.Contains(a.Text, want) || a.Edition < last {
					t.Errorf("edition %d after %d: %s %q", a.Edition, last, a.Outcome, a.Text)
					return
				}
				last = a.Edition
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := 2; n <= editions; n++ {
		m.publish(stamped(n))
		if err := e.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	if e.Edition() != editions {
		t.Errorf("edition %d, want %d", e.Edition(), editions)
	}
}

// stamped is a guide whose telephone number is that of its edition.
func stamped(n int) *corpus.Guide {
	g := bareGuide()
	g.Contact = fmt.Sprintf("020-%08d", n)
	return g
}

func TestRefreshAfterARemoval(t *testing.T) {
	m := newMemory(fullGuide(), bareGuide())
	e := newEngine(t, m)
	m.remove(corpus.Key{Type: corpus.TypeGuide, ID: "B-1"})
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, e, Request{Text: "犬类养殖登记要多久"}); slices.ContainsFunc(a.Matters, func(m MatterRef) bool { return m.Code == "B-1" }) {
		t.Errorf("what is removed is still answered: %+v", a.Matters)
	}
}

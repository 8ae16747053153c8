package recommend

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// today is the day of these tests.
var today = time.Date(2026, 6, 15, 9, 0, 0, 0, time.UTC)

func key(name string) (k PersonKey) {
	copy(k[:], name)
	return k
}

// did is a visit some days ago.
func (m *Model) did(code string, act Act, daysAgo int) Visit {
	n, _ := m.Matter(code)
	return Visit{At: today.AddDate(0, 0, -daysAgo).Unix(), Matter: n, Act: act, Region: 440106}
}

// went makes n people do matters one after the other, two days apart.
func (m *Model) walked(name string, n int, codes ...string) {
	for i := range n {
		var visits []Visit
		for j, c := range codes {
			visits = append(visits, m.did(c, ActFinish, 2*(len(codes)-j)))
		}
		m.Set(key(fmt.Sprintf("%s%d", name, i)), visits)
	}
}

func done(codes ...string) []Step {
	var steps []Step
	for i, c := range codes {
		steps = append(steps, Step{Matter: c, At: today.AddDate(0, 0, -1-i), Act: ActFinish})
	}
	return steps
}

func codesOf(votes []Vote) (codes []string) {
	for _, v := range votes {
		codes = append(codes, v.Code)
	}
	return codes
}

func plain() *Model { return NewModel(Defaults()) }

// Whatever the order in which visits come, and whatever is taken away, the
// counts are those of a clean count of what is there.
func TestCountsDoNotDependOnOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	m := plain()
	acts := []Act{ActView, ActAsk, ActStart, ActFinish, ActFinish, ActWithdraw}
	for range 1500 {
		who := key(fmt.Sprint("p", rng.IntN(25)))
		switch rng.IntN(20) {
		case 0:
			m.Set(who, nil)
		case 1:
			visits := m.Visits(who)
			m.Set(who, visits[len(visits)/2:])
		default:
			v := m.did(fmt.Sprint("m", rng.IntN(15)), acts[rng.IntN(len(acts))], rng.IntN(1500))
			v.Region = []uint32{440106, 440300, 0, 330102}[rng.IntN(4)]
			v.Class = Class(rng.IntN(3))
			m.Add(who, v)
		}
	}
	if n := m.Differs(m.Recounted()); n != 0 {
		t.Fatalf("%d parts of the counts differ from a clean recount", n)
	}
	if s := m.Size(); s.Passages < 100 {
		t.Fatalf("the test counts next to nothing: %+v", s)
	}
	for _, k := range m.Older(today.AddDate(1, 0, 0).Unix()) {
		m.Set(k, nil)
	}
	if n := m.Differs(plain()); n != 0 || m.Size().Passages != 0 {
		t.Errorf("with everybody gone %d parts and %d passages are left", n, m.Size().Passages)
	}
}

// What a checkpoint writes, a model loads.
func TestChunksRoundTrip(t *testing.T) {
	m := plain()
	m.walked("a", 30, "出生登记", "医保参保", "生育津贴")
	back := plain()
	for _, c := range m.codes {
		back.Matter(c)
	}
	for _, c := range m.Changed() {
		if err := back.TakeUp(c); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.Differs(back); n != 0 {
		t.Errorf("%d parts differ", n)
	}
	if got := m.Changed(); len(got) != 0 {
		t.Errorf("%d parts are still marked as changed", len(got))
	}
	q := &Query{Now: today, Region: "440106"}
	if diff := cmp.Diff(Popular{m}.Votes(q), Popular{back}.Votes(q)); diff != "" {
		t.Errorf("popularity (-made +loaded):\n%s", diff)
	}
	for _, bad := range []Chunk{{Key: []byte("z")}, {Key: []byte{'m', 0, 0, 9, 9}}, {Key: []byte{'m', 0, 0, 0, 0}, Value: []byte{0x80}}} {
		if err := back.TakeUp(bad); err == nil {
			t.Errorf("chunk %x %x was taken up", bad.Key, bad.Value)
		}
	}
}

func TestPassagesAreDirected(t *testing.T) {
	m := plain()
	m.walked("a", 30, "出生登记", "医保参保", "生育津贴")
	next := &Next{Model: m, Params: Defaults()}
	got := codesOf(next.Votes(&Query{Now: today, Steps: done("医保参保")}))
	if len(got) == 0 || got[0] != "生育津贴" {
		t.Errorf("after 医保参保: %v", got)
	}
	if n, of := m.Passages("医保参保", "出生登记"); n != 0 || of != 30 {
		t.Errorf("back: %d of %d", n, of)
	}
	if n, of := m.Passages("出生登记", "生育津贴"); n != 30 || of != 30 {
		t.Errorf("two steps on: %d of %d", n, of)
	}
}

func TestNewestStepLeads(t *testing.T) {
	m := plain()
	m.walked("a", 25, "出生登记", "医保参保")
	m.walked("b", 25, "购房", "不动产登记")
	next := &Next{Model: m, Params: Defaults()}
	got := codesOf(next.Votes(&Query{Now: today, Steps: done("购房", "出生登记")}))
	if slices.Index(got, "不动产登记") > slices.Index(got, "医保参保") {
		t.Errorf("%v", got)
	}
}

// Interest counts only within a sitting; doing counts over years.
func TestMereInterestMakesNoPassageOverDays(t *testing.T) {
	m := plain()
	tests := []struct {
		why      string
		from, to Visit
		counts   bool
	}{
		{"both done, a year apart", m.did("甲", ActFinish, 365), m.did("乙", ActFinish, 1), true},
		{"both looked at in one sitting", m.did("甲", ActView, 1), m.did("乙", ActView, 1), true},
		{"looked at, and another done a week later", m.did("甲", ActView, 8), m.did("乙", ActFinish, 1), false},
	}
	for i, tt := range tests {
		m := plain()
		m.Matter("甲")
		m.Matter("乙")
		m.Set(key(fmt.Sprint(i)), []Visit{tt.from, tt.to})
		if got := m.Size().Passages > 0; got != tt.counts {
			t.Errorf("%s: counted %v", tt.why, got)
		}
	}
}

// A class sees the passages of its own class.
func TestClassesAreCountedApart(t *testing.T) {
	m := plain()
	for i := range 30 {
		a, b, c := m.did("登记", ActFinish, 9), m.did("生育津贴", ActFinish, 5), m.did("年报", ActFinish, 5)
		for _, v := range []*Visit{&a, &b} {
			v.Class = ClassPerson
		}
		m.Set(key(fmt.Sprint("p", i)), []Visit{a, b})
		a.Class, c.Class = ClassLegal, ClassLegal
		m.Set(key(fmt.Sprint("f", i)), []Visit{a, c})
	}
	next := &Next{Model: m, Params: Defaults()}
	for audience, want := range map[corpus.Audience]string{corpus.Person: "生育津贴", corpus.Enterprise: "年报"} {
		got := codesOf(next.Votes(&Query{Now: today, Audience: audience, Steps: done("登记")}))
		if len(got) == 0 || got[0] != want || slices.Contains(got, "年报") && slices.Contains(got, "生育津贴") {
			t.Errorf("%s: %v", audience, got)
		}
	}
}

// A city's own passages are taken alone only when enough people made them.
func TestRegionalPassages(t *testing.T) {
	m := plain()
	add := func(name string, n int, region uint32, to string) {
		for i := range n {
			a, b := m.did("登记", ActFinish, 9), m.did(to, ActFinish, 5)
			a.Region, b.Region = region, region
			m.Set(key(fmt.Sprint(name, i)), []Visit{a, b})
		}
	}
	add("a", 400, 330100, "甲市的事")
	add("b", 150, 440100, "乙市的事")
	next := &Next{Model: m, Params: Defaults()}
	q := func() *Query { return &Query{Now: today, Region: "440100", Steps: done("登记")} }
	if got := codesOf(next.Votes(q())); !slices.Contains(got, "甲市的事") {
		t.Errorf("150 people are not enough: %v", got)
	}
	add("c", 100, 440100, "乙市的事")
	if got := codesOf(next.Votes(q())); slices.Contains(got, "甲市的事") || !slices.Contains(got, "乙市的事") {
		t.Errorf("250 people are enough: %v", got)
	}
}

func TestPeersLeaveOutWhoIsOff(t *testing.T) {
	m := plain()
	m.walked("a", 1, "冷门事项", "更冷门事项")
	peers := &Peers{Model: m, Params: Defaults()}
	q := &Query{Now: today, Steps: done("冷门事项")}
	if got := codesOf(peers.Votes(q)); !slices.Contains(got, "更冷门事项") {
		t.Fatalf("%v", got)
	}
	m.Quiet(key("a0"), true)
	if got := codesOf(peers.Votes(q)); len(got) != 0 {
		t.Errorf("the history of someone who is off was read: %v", got)
	}
	m.Quiet(key("a0"), false)
	q.Person = key("a0")
	if got := codesOf(peers.Votes(q)); len(got) != 0 {
		t.Errorf("somebody is their own peer: %v", got)
	}
}

func TestPopularityShrinksTowardsThePlacesAbove(t *testing.T) {
	m := plain()
	do := func(name string, n int, region uint32, code string, daysAgo int) {
		for i := range n {
			v := m.did(code, ActFinish, daysAgo)
			v.Region = region
			m.Set(key(fmt.Sprint(name, i)), []Visit{v})
		}
	}
	do("city", 300, 440100, "全市的事", 3)
	do("county", 5, 440106, "区里的事", 3)
	do("old", 900, 440100, "去年的事", 300)
	do("far", 500, 330100, "外省的事", 3)
	first := func(region corpus.RegionCode) string {
		return Popular{m}.Votes(&Query{Now: today, Region: region})[0].Code
	}
	if got := first("440106"); got != "全市的事" {
		t.Errorf("five doings in the county outweigh the city: %s", got)
	}
	do("county2", 200, 440106, "区里的事", 3)
	if got := first("440106"); got != "区里的事" {
		t.Errorf("two hundred do not: %s", got)
	}
	if got := first("330100"); got != "外省的事" {
		t.Errorf("another province: %s", got)
	}
}

func TestSeason(t *testing.T) {
	m := plain()
	for i := range 120 {
		year := 1 + i%2
		m.Set(key(fmt.Sprint("s", i)), []Visit{m.did("入学报名", ActFinish, 365*year+i%5)})
		m.Set(key(fmt.Sprint("e", i)), []Visit{m.did("居住证", ActFinish, 200+i*5)})
	}
	got := codesOf(Season{m}.Votes(&Query{Now: today}))
	if diff := cmp.Diff([]string{"入学报名"}, got); diff != "" {
		t.Errorf("in June (-want +got):\n%s", diff)
	}
	winter := today.AddDate(0, 6, 0)
	if got := codesOf(Season{m}.Votes(&Query{Now: winter})); len(got) != 0 {
		t.Errorf("in December: %v", got)
	}
	if !m.OutOfSeason("入学报名", winter) || m.OutOfSeason("入学报名", today) || m.OutOfSeason("居住证", winter) {
		t.Error("入学报名 is open in June alone, 居住证 all year")
	}
}

// A life event rules where nobody has been counted; a hundred people who went
// another way overrule it.
func TestDataOverruleTheLifeEvent(t *testing.T) {
	events := NewLifeEvents([]*corpus.Bundle{{ID: "B1", Name: "出生一件事", Steps: []corpus.Step{
		{Matter: "出生登记"}, {Matter: "社保卡", After: []string{"出生登记"}}, {Matter: "医保参保", After: []string{"出生登记"}},
	}}})
	m := plain()
	next := &Next{Model: m, Events: events, Params: Defaults()}
	first := func() Vote { return next.Votes(&Query{Now: today, Steps: done("出生登记")})[0] }
	if v := first(); v.Code != "社保卡" || v.Reason.Bundle != "出生一件事" || v.Reason.Order != OrderAfter {
		t.Errorf("with nothing counted: %+v", v)
	}
	m.walked("a", 100, "出生登记", "医保参保")
	if v := first(); v.Code != "医保参保" || v.Reason.People != 100 || v.Reason.Of != 100 {
		t.Errorf("with a hundred people: %+v", v)
	}
}

func TestReasons(t *testing.T) {
	names := Namer{
		Matter: func(code string) string { return map[string]string{"A": "出生登记", "P": "健康证明"}[code] },
		Region: func(corpus.RegionCode) string { return "听涛区" },
	}
	due := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		r    Reason
		want string
	}{
		{Reason{Kind: KindNext, From: "A", People: 41, Of: 100}, "办理「出生登记」的人中41%接着办"},
		{Reason{Kind: KindNext, From: "A", People: 19, Of: 20}, "有人办理「出生登记」后接着办"},
		{Reason{Kind: KindNext, From: "A"}, "有人看了「出生登记」也看了它"},
		{Reason{Kind: KindNext}, "有人办过与您相近的事项，也办了它"},
		{Reason{Kind: KindNext, From: "A", Bundle: "出生一件事", Order: OrderAfter}, "「出生一件事」中，办完「出生登记」就可以办它"},
		{Reason{Kind: KindNext, From: "未知", Bundle: "出生一件事", Order: OrderAfter}, "「出生一件事」中，办完这一项就可以办它"},
		{Reason{Kind: KindNext, From: "A", Bundle: "出生一件事", Order: OrderFirst}, "「出生一件事」中，办「出生登记」要先办它"},
		{Reason{Kind: KindBundle, Bundle: "出生一件事", Order: OrderLater}, "「出生一件事」后面还要办的事项"},
		{Reason{Kind: KindBundle, Bundle: "出生一件事", Order: OrderAlong}, "「出生一件事」里通常一起办的事项"},
		{Reason{Kind: KindBundle, Bundle: "出生一件事", Order: OrderEntrance}, "「出生一件事」从这一项开始"},
		{Reason{Kind: KindPopular, Region: "990101"}, "听涛区近来办理较多"},
		{Reason{Kind: KindPopular}, "近来办理较多"},
		{Reason{Kind: KindSeason, Month: 6}, "往年6月前后办理的人较多"},
		{Reason{Kind: KindRenewal, From: "P", Quote: "1年", Due: due}, "您办过的「健康证明」有效期1年，约在2026年9月到期"},
		{Reason{Kind: KindRenewal, From: "P", Due: due}, "您办过的「健康证明」每年都要办，上次是2025年9月"},
		{Reason{Kind: KindSimilar, From: "A"}, "与「出生登记」内容相近"},
	}
	for _, tt := range tests {
		if got := tt.r.Text(names); got != tt.want {
			t.Errorf("%+v\n got %s\nwant %s", tt.r, got, tt.want)
		}
	}
}

func TestRenewalOf(t *testing.T) {
	tests := []struct {
		name, validity string
		months         int
		yearly         bool
	}{
		{"食品经营许可", "5年", 60, false},
		{"公共场所卫生许可", "许可证有效期四年", 48, false},
		{"资格认证", "认证通过后12个月", 12, false},
		{"居民身份证", "十年", 120, false},
		{"年度报告公示", "", 0, true},
		{"签证", "不少于6个月", 0, false},
		{"补贴", "证书核发之日起12个月内申请", 0, false},
		{"身份证", "5年或10年", 0, false},
		{"身份证", "16周岁以下5年，26周岁以下10年", 0, false},
		{"户口簿", "长期有效", 0, false},
	}
	for _, tt := range tests {
		r := RenewalOf(tt.name, tt.validity)
		if r.Months != tt.months || r.Yearly != tt.yearly {
			t.Errorf("%s %q: %+v", tt.name, tt.validity, r)
		}
	}
}

// town is a catalogue of a few matters.
func town(codes ...string) Catalogue {
	return func(code string) (Item, bool) {
		if !slices.Contains(codes, code) {
			return Item{}, false
		}
		item := Item{Code: code, Name: code, Region: "440100", InForce: true}
		switch code {
		case "失效的":
			item.InForce = false
		case "外地的":
			item.Region = "330100"
		case "区里的":
			item.Region = "440305"
		case "企业的":
			item.Audience = corpus.AudienceSetOf([]corpus.Audience{corpus.Enterprise})
		case "许可证":
			item.Renews = Renewal{Months: 12, Quote: "一年"}
		case "低保":
			item.Sensitive = true
		}
		if strings.HasPrefix(code, "同类") {
			item.Themes = []corpus.Theme{"证件办理"}
		}
		return item, true
	}
}

// A fixed source votes for what it is told, the first most.
type fixed []string

func (fixed) Name() string { return "fixed" }

func (f fixed) Votes(*Query) []Vote {
	var votes []Vote
	for i, c := range f {
		votes = append(votes, Vote{c, 1 / float64(i+1), Reason{Kind: KindBundle, Order: OrderLater}})
	}
	return votes
}

func TestHardRules(t *testing.T) {
	step := func(code string, act Act, daysAgo int) Step { return Step{code, today.AddDate(0, 0, -daysAgo), act} }
	tests := []struct {
		why   string
		votes fixed
		steps []Step
		want  []string
	}{
		{"not in force", fixed{"失效的", "好的"}, nil, []string{"好的"}},
		{"of another province", fixed{"外地的", "好的"}, nil, []string{"好的"}},
		{"of another county", fixed{"区里的", "好的"}, nil, []string{"好的"}},
		{"for others", fixed{"企业的", "好的"}, nil, []string{"好的"}},
		{"not published", fixed{"没有的", "好的"}, nil, []string{"好的"}},
		{"done, once for all", fixed{"做过的", "好的"}, []Step{step("做过的", ActFinish, 400)}, []string{"好的"}},
		{"looked at only", fixed{"看过的", "好的"}, []Step{step("看过的", ActView, 4)}, []string{"看过的", "好的"}},
		{"under way", fixed{"在办的", "好的"}, []Step{step("在办的", ActSubmit, 10)}, []string{"好的"}},
		{"begun long ago and left", fixed{"在办的", "好的"}, []Step{step("在办的", ActStart, 100)}, []string{"在办的", "好的"}},
		{"taken back lately", fixed{"撤回的", "好的"}, []Step{step("撤回的", ActWithdraw, 10)}, []string{"好的"}},
		{"taken back long ago", fixed{"撤回的", "好的"}, []Step{step("撤回的", ActWithdraw, 100)}, []string{"撤回的", "好的"}},
		{"disliked lately", fixed{"讨厌的", "好的"}, []Step{step("讨厌的", ActDislike, 80)}, []string{"好的"}},
		{"a permit that holds", fixed{"许可证", "好的"}, []Step{step("许可证", ActFinish, 200)}, []string{"好的"}},
		{"a permit near its end", fixed{"许可证", "好的"}, []Step{step("许可证", ActFinish, 300)}, []string{"许可证", "好的"}},
		{"renewed already", fixed{"许可证", "好的"}, []Step{step("许可证", ActFinish, 3), step("许可证", ActFinish, 300)}, []string{"好的"}},
		{"its renewal under way", fixed{"许可证", "好的"}, []Step{step("许可证", ActSubmit, 3), step("许可证", ActFinish, 300)}, []string{"好的"}},
		{"four of a theme stand behind another", fixed{"同类1", "同类2", "同类3", "同类4", "好的"}, nil, []string{"同类1", "同类2", "同类3", "好的", "同类4"}},
	}
	for _, tt := range tests {
		r := Rules{Catalogue: town("好的", "失效的", "外地的", "区里的", "企业的", "做过的", "看过的", "在办的", "撤回的", "讨厌的", "许可证", "同类1", "同类2", "同类3", "同类4"), Model: plain()}
		var got []string
		for _, s := range r.Suggest(Blend{{tt.votes, 1}}, &Query{Now: today, Region: "440106", Audience: corpus.Person, Steps: tt.steps}, 9) {
			got = append(got, s.Code)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

func TestPrerequisites(t *testing.T) {
	events := NewLifeEvents([]*corpus.Bundle{
		{ID: "B1", Name: "注销一件事", Steps: []corpus.Step{{Matter: "停保", Optional: true}, {Matter: "清税"}, {Matter: "注销", After: []string{"清税", "停保"}}}},
	})
	r := Rules{Catalogue: town("停保", "清税", "注销"), Events: events, Model: plain()}
	tests := []struct {
		why   string
		steps []Step
		want  []string
	}{
		{"nobody known: no rule", nil, []string{"注销 「」后面还要办的事项"}},
		{"another matter of the event done: what comes first stands in its place", done("停保"), []string{"清税 「注销一件事」中，办「注销」要先办它"}},
		{"something else done: the event says nothing to others", done("别的"), []string{"注销 「」后面还要办的事项"}},
		{"all done: an optional step need not be", done("清税"), []string{"注销 「」后面还要办的事项"}},
		{"under way: its turn comes", []Step{{"清税", today, ActSubmit}}, nil},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range r.Suggest(Blend{{fixed{"注销"}, 1}}, &Query{Now: today, Steps: tt.steps}, 9) {
			got = append(got, s.Code+" "+s.Reason)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

// One card stands for what a life event merely also has; after an answer the
// matters stand by themselves.
func TestOneCardForALifeEvent(t *testing.T) {
	events := NewLifeEvents([]*corpus.Bundle{{ID: "B1", Name: "用水用电一件事", Steps: []corpus.Step{{Matter: "水"}, {Matter: "电"}, {Matter: "气"}, {Matter: "网"}}}})
	r := Rules{Catalogue: town("水", "电", "气", "网"), Events: events, Model: plain()}
	next := Blend{{&Next{Model: plain(), Events: events, Params: Defaults()}, 1}}
	got := r.Suggest(next, &Query{Now: today, Steps: done("水")}, 9)
	if len(got) != 1 || got[0].Code != "电" || !slices.Equal(got[0].Rest, []string{"气", "网"}) {
		t.Errorf("%+v", got)
	}
	if got := r.Suggest(next, &Query{Now: today, About: "水"}, 9); len(got) != 3 {
		t.Errorf("after an answer: %+v", got)
	}
}

func TestInterestInASensitiveMatterLeadsNowhere(t *testing.T) {
	m := plain()
	m.walked("a", 30, "低保", "临时救济")
	r := Rules{Catalogue: town("低保", "临时救济"), Model: m}
	blend := NewBlend(m, nil, Defaults())
	find := func(act Act) bool {
		got := r.Suggest(blend, &Query{Now: today, Steps: []Step{{"低保", today, act}}}, 9)
		return slices.ContainsFunc(got, func(s Suggestion) bool { return s.From == "低保" })
	}
	if find(ActView) || find(ActAsk) {
		t.Error("something was concluded from mere interest")
	}
	if !find(ActFinish) {
		t.Error("nothing was concluded from the doing")
	}
}

func TestOrderIsDeterministic(t *testing.T) {
	m := plain()
	for i := range 12 {
		m.walked(fmt.Sprint("a", i), 25, "起点", fmt.Sprint("终点", i))
	}
	blend := NewBlend(m, nil, Defaults())
	q := func() *Query { return &Query{Now: today, Steps: done("起点")} }
	want := blend.Rank(q())
	for range 5 {
		if diff := cmp.Diff(want, blend.Rank(q()), cmp.AllowUnexported(Candidate{})); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	}
}

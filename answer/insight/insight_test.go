package insight

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// journal is a journal in memory.
type journal struct {
	facts []store.Fact
	err   error
}

var day = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// append adds a fact, an hour after the one before.
func (j *journal) append(t *testing.T, typ string, data any) {
	t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	seq := uint64(len(j.facts) + 1)
	j.facts = append(j.facts, store.Fact{Seq: seq, Type: typ, Time: day.Add(time.Duration(seq) * time.Hour), Data: raw})
}

func (j *journal) asked(t *testing.T, text string, change ...func(*answer.Asked)) string {
	t.Helper()
	a := answer.Asked{Answer: fmt.Sprintf("ans_%d", len(j.facts)), Text: text, Outcome: answer.NotFound, Edition: 1}
	for _, f := range change {
		f(&a)
	}
	j.append(t, answer.FactQuestion, a)
	return a.Answer
}

func (j *journal) Facts(after uint64) iter.Seq2[store.Fact, error] {
	return func(yield func(store.Fact, error) bool) {
		for _, f := range j.facts[after:] {
			if !yield(f, nil) {
				return
			}
		}
		if j.err != nil {
			yield(store.Fact{}, j.err)
		}
	}
}

func answered(matter string, ms float64) func(*answer.Asked) {
	return func(a *answer.Asked) {
		a.Outcome, a.Matter, a.Aspect, a.ElapsedMS = answer.Answered, matter, nlp.AspectFee, ms
		a.Near = []answer.Near{{Code: matter}, {Code: "other", Behind: 1}}
	}
}

func inRegion(r corpus.RegionCode) func(*answer.Asked) {
	return func(a *answer.Asked) { a.Region = r }
}

func found(codes ...string) func(*answer.Asked) {
	return func(a *answer.Asked) {
		for i, code := range codes {
			a.Near = append(a.Near, answer.Near{Code: code, Behind: float64(i)})
		}
	}
}

func view(t *testing.T, j *journal) *View {
	t.Helper()
	lex, err := nlp.LoadLexicon()
	if err != nil {
		t.Fatal(err)
	}
	v := NewView(j, &nlp.Parser{Segmenter: nlp.Bigrams{}, Lexicon: lex}, time.UTC)
	catchUp(t, v)
	return v
}

func catchUp(t *testing.T, v *View) {
	t.Helper()
	if err := v.CatchUp(); err != nil {
		t.Fatal(err)
	}
}

// groups are the gaps as their wordings say them.
func groups(v *View) (list [][]string) {
	for _, g := range v.Gaps() {
		var texts []string
		for _, w := range g.Wordings {
			texts = append(texts, w.Text)
		}
		slices.Sort(texts)
		list = append(list, texts)
	}
	return list
}

func TestGaps(t *testing.T) {
	for _, row := range []struct {
		why  string
		fill func(t *testing.T, j *journal)
		want [][]string
	}{
		{"questions alike are one gap", func(t *testing.T, j *journal) {
			j.asked(t, "新能源汽车补贴怎么领")
			j.asked(t, "请问一下新能源汽车补贴到哪里领？")
			j.asked(t, "领养小猫要登记吗")
		}, [][]string{{"新能源汽车补贴怎么领", "请问一下新能源汽车补贴到哪里领？"}, {"领养小猫要登记吗"}}},
		{"other words for which the same was found are one gap", func(t *testing.T, j *journal) {
			j.asked(t, "电车补贴咋领", found("A", "B", "C"))
			j.asked(t, "电车买了补贴有没有", found("A", "B", "D"))
			j.asked(t, "电车补贴有几种充电桩", found("X", "Y", "Z"))
		}, [][]string{{"电车买了补贴有没有", "电车补贴咋领"}, {"电车补贴有几种充电桩"}}},
		{"counties of one city share a gap, cities do not", func(t *testing.T, j *journal) {
			j.asked(t, "新能源汽车补贴怎么领", inRegion("440104"))
			j.asked(t, "新能源汽车补贴如何领", inRegion("440106"))
			j.asked(t, "新能源汽车补贴如何领取", inRegion("440300"))
		}, [][]string{{"新能源汽车补贴如何领", "新能源汽车补贴怎么领"}, {"新能源汽车补贴如何领取"}}},
		{"what is answered is no gap", func(t *testing.T, j *journal) {
			j.asked(t, "居住证怎么办", answered("A", 1))
			j.asked(t, "选哪个", func(a *answer.Asked) { a.Outcome = answer.Choose })
			j.asked(t, "明天股票会涨吗", func(a *answer.Asked) { a.Outcome = answer.Refused })
		}, nil},
		{"nor is what belongs to another place", func(t *testing.T, j *journal) {
			j.asked(t, "上海居住证怎么办", func(a *answer.Asked) { a.Foreign = "上海" })
		}, nil},
		{"a bad rating makes an answered question a gap, a good one does not", func(t *testing.T, j *journal) {
			id := j.asked(t, "居住证怎么办", answered("A", 1))
			j.append(t, answer.FactFeedback, answer.Feedback{Answer: id, Rating: -1})
			id = j.asked(t, "养犬登记怎么办", answered("B", 1))
			j.append(t, answer.FactFeedback, answer.Feedback{Answer: id, Rating: 1})
			j.append(t, answer.FactFeedback, answer.Feedback{Answer: "of nobody", Rating: -1})
		}, [][]string{{"居住证怎么办"}}},
		{"a question in a message is a gap, a complaint is not", func(t *testing.T, j *journal) {
			j.append(t, answer.FactMessage, answer.KeptMessage{Number: "1", Message: answer.Message{Kind: "咨询", Text: "新能源汽车补贴怎么领，我的电话13800138000"}})
			j.append(t, answer.FactMessage, answer.KeptMessage{Number: "2", Message: answer.Message{Kind: "投诉", Text: "窗口态度差"}})
		}, [][]string{{"新能源汽车补贴怎么领,我的电话***********"}}},
		{"what an operator finds wrong is a gap, what is taken as it is is none", func(t *testing.T, j *journal) {
			j.append(t, desk.FactReport, desk.Lesson{Asked: "居住证补领多少钱", Matter: "A", Field: "fee", Reason: "涨价了"})
			j.append(t, desk.FactReject, desk.Lesson{Asked: "养犬登记怎么办", Matter: "B"})
			j.append(t, desk.FactAdopt, desk.Lesson{Asked: "护照换发", Matter: "C"})
		}, [][]string{{"居住证补领多少钱"}, {"养犬登记怎么办"}}},
		{"a text without words is none", func(t *testing.T, j *journal) { j.asked(t, "？？？") }, nil},
		{"facts of others are passed over", func(t *testing.T, j *journal) { j.append(t, "edition", map[string]int{"a": 1}) }, nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			j := &journal{}
			row.fill(t, j)
			if diff := cmp.Diff(row.want, groups(view(t, j))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A view that has followed the journal fact by fact is one that is made anew:
// what has been grouped stays grouped.
func TestViewIsTheSameAfterARestart(t *testing.T) {
	j := &journal{}
	followed := view(t, j)
	for i := range 60 {
		id := j.asked(t, fmt.Sprintf("%s补贴%s", []string{"新能源汽车", "育儿", "高龄", "购房契税"}[i%4], []string{"怎么领", "领取条件", "要多久", "去哪办", "找谁"}[i%5]), found(fmt.Sprint("M", i%4), "N"))
		if i%3 == 0 {
			j.append(t, answer.FactFeedback, answer.Feedback{Answer: id, Rating: -1, Reasons: []string{"不完整"}, Text: "少一步"})
		}
		catchUp(t, followed)
	}
	fresh := view(t, j)
	if diff := cmp.Diff(fresh.Gaps(), followed.Gaps()); diff != "" {
		t.Errorf("(-fresh +followed):\n%s", diff)
	}
	if len(fresh.Gaps()) != 4 {
		t.Errorf("%d gaps, want one a subsidy: %v", len(fresh.Gaps()), groups(fresh))
	}
	before := fresh.Gaps()[0]
	j.asked(t, "新能源汽车补贴怎么申请领", found("M0", "N"))
	catchUp(t, fresh)
	after, err := fresh.Gap(before.ID)
	if err != nil || after.ID != before.ID || after.Count != before.Count+1 || after.Text != before.Text {
		t.Errorf("a question that joined: %+v became %+v, %v", before, after, err)
	}
	days := [2][]Day{fresh.Days(day, day.AddDate(0, 0, 5)), view(t, j).Days(day, day.AddDate(0, 0, 5))}
	if diff := cmp.Diff(days[0], days[1], cmp.AllowUnexported(Day{})); diff != "" {
		t.Errorf("days (-followed +fresh):\n%s", diff)
	}
	j.err = errors.New("disk")
	if err := fresh.CatchUp(); !errors.Is(err, j.err) {
		t.Errorf("error %v", err)
	}
}

func TestGapTellsWhatCameUp(t *testing.T) {
	j := &journal{}
	id := j.asked(t, "育儿补贴怎么领", found("A", "B"))
	j.asked(t, "育儿补贴怎么领", found("A", "C"))
	j.append(t, answer.FactFeedback, answer.Feedback{Answer: id, Rating: -1, Reasons: []string{"答非所问"}, Text: "问的是补贴"})
	j.append(t, answer.FactMessage, answer.KeptMessage{Number: "000000000007", Edition: 2, Message: answer.Message{Kind: "投诉", Text: "没人答", Answer: id}})
	gaps := view(t, j).Gaps()
	want := []Gap{{ID: "g-1", Text: "育儿补贴怎么领", Count: 4, First: day.Add(time.Hour), Last: day.Add(2 * time.Hour), Edition: 1,
		Kinds:    map[Kind]int{Unanswered: 2, Reported: 1, LeftMessage: 1},
		Wordings: []Logged{{"育儿补贴怎么领", "", 2, day.Add(2 * time.Hour)}},
		Remarks:  []Remark{{[]string{"答非所问"}, "问的是补贴"}}, Messages: []string{"000000000007"}, Near: []string{"A", "B", "C"}}}
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	v := view(t, j)
	for _, bad := range []string{"", "g-", "g-99", "1", "g-x"} {
		if _, err := v.Gap(bad); !errors.Is(err, corpus.ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if g, err := v.Gap("g-2"); err != nil || g.ID != "g-1" {
		t.Errorf("a later question of the gap names %s, %v", g.ID, err)
	}
}

func TestDays(t *testing.T) {
	j := &journal{}
	for i := range 10 {
		id := j.asked(t, "居住证要多少钱", answered("A", float64(i)), inRegion("440104"))
		j.append(t, answer.FactFeedback, answer.Feedback{Answer: id, Rating: map[bool]int{true: 1, false: -1}[i < 8]})
	}
	j.asked(t, "育儿补贴怎么领", found("B"))
	v := view(t, j)
	list := v.Days(day, day.AddDate(0, 0, 3))
	if len(list) != 4 || list[3].Asked != 0 || list[0].Date != "2026-11-02" {
		t.Fatalf("%d days: %+v", len(list), list)
	}
	sum := Sum(list)
	if sum.Asked != 11 || sum.Outcomes[answer.Answered] != 10 || sum.Outcomes[answer.NotFound] != 1 || sum.Matters["A"] != 10 ||
		sum.Regions["440104"] != 10 || sum.Regions[""] != 1 || sum.Aspects[nlp.AspectFee] != 10 {
		t.Errorf("sum %+v", sum)
	}
	if s, ok := sum.Satisfaction(); !ok || s != .8 {
		t.Errorf("satisfaction %v %v", s, ok)
	}
	if _, ok := list[3].Satisfaction(); ok {
		t.Error("nobody rated on the last day, and somebody is satisfied")
	}
	// The times are 1 to 9 ms; 0 was not measured.
	for share, want := range map[float64]float64{.1: 1, .5: 5, .95: 10, 1: 10} {
		if got := sum.Latency(share); got != want {
			t.Errorf("latency at %v: %v, want %v", share, got, want)
		}
	}
	if list[3].Latency(.5) != 0 {
		t.Error("a latency of nothing")
	}
	want := map[string]Use{"A": {Answered: 10, Found: 10, Up: 8, Down: 2, Last: day.Add(19 * time.Hour)}, "other": {Found: 10}, "B": {Found: 1}}
	if diff := cmp.Diff(want, v.Uses()); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A"}, Top(sum.Matters, 3)); diff != "" {
		t.Error(diff)
	}
	slow := &journal{}
	slow.asked(t, "居住证", answered("A", 60_000))
	total := Sum(view(t, slow).Days(day, day))
	if got := total.Latency(.5); !math.IsInf(got, 1) {
		t.Errorf("a minute is %v ms", got)
	}
}

func TestRecent(t *testing.T) {
	j := &journal{}
	for i := range maxRecent + 5 {
		j.asked(t, fmt.Sprintf("问题%d怎么办", i), answered("A", 1))
	}
	j.asked(t, "问题7怎么办", answered("A", 1))
	v := view(t, j)
	list := v.Recent(maxRecent + 100)
	if len(list) != maxRecent || list[0].Text != "问题7怎么办" || list[0].Count != 2 || list[1].Text != fmt.Sprintf("问题%d怎么办", maxRecent+4) {
		t.Errorf("%d recent, the newest %+v", len(list), list[:2])
	}
	if slices.ContainsFunc(list, func(l Logged) bool { return l.Text == "问题4怎么办" }) {
		t.Error("the oldest are still there")
	}
	if got := v.Recent(3); len(got) != 3 {
		t.Errorf("%d of 3", len(got))
	}
}

func TestWindow(t *testing.T) {
	w := window{by: map[string]known{}}
	for i := range maxKnown + 10 {
		w.add(fmt.Sprint(i), known{seq: uint64(i)})
	}
	_, old := w.by["9"]
	_, kept := w.by["10"]
	if old || !kept || len(w.by) != maxKnown {
		t.Errorf("%d known, the ninth %v, the tenth %v", len(w.by), old, kept)
	}
}

func TestCases(t *testing.T) {
	g := func(id string, count, days int) Gap {
		return Gap{ID: id, Count: count, First: day.AddDate(0, 0, -days), Last: day, Edition: 3}
	}
	const today = "2026-11-02"
	closed := Decision{State: Closed, Closed: &Closing{Edition: 3, Time: day.Add(-time.Hour)}}
	later := Decision{State: Closed, Closed: &Closing{Edition: 4, Time: day.Add(-time.Hour)}}
	cases := []Case{
		CaseOf(g("fixed", 99, 30), later),
		CaseOf(g("new", 5, 1), Decision{State: Open}),
		CaseOf(g("often", 50, 1), Decision{State: Working}),
		CaseOf(g("late", 2, 30), Decision{State: Drafted}),
		CaseOf(g("again", 1, 30), closed),
		CaseOf(g("put off", 1, 30), Decision{State: Open, Due: "2027-01-01"}),
		CaseOf(g("never", 100, 30), Decision{State: Dismissed}),
	}
	SortCases(cases, today)
	var got []string
	for _, c := range cases {
		got = append(got, fmt.Sprintf("%s %s %v %v", c.ID, c.State, c.Overdue(today), c.Again))
	}
	want := []string{"late drafted true false", "again open true true", "often working false false", "new open false false",
		"put off open false false", "never dismissed false false", "fixed closed false false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := ParseDecision([]byte("{")); err == nil {
		t.Error("damaged documents are decisions")
	}
	if d, err := ParseDecision(nil); err != nil || d.State != Open {
		t.Errorf("nothing decided: %+v, %v", d, err)
	}
}

package answer

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

func directoryCorpus() []corpus.Record {
	guide := func(code, name, agency string) *corpus.Guide {
		return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: name, Agency: corpus.Agency{Name: agency},
			Region: corpus.Region{Code: "990100", Name: "安澜市"}}, Condition: "在本市居住"}
	}
	return []corpus.Record{
		guide("A", "居住证申领", "安澜市公安局"),
		guide("B", "犬只登记", "安澜市城管局"),
		&corpus.FAQ{Type: corpus.TypeFAQ, ID: "F", Question: "身份证丢了怎么补？", Similar: []string{"补办身份证"},
			Counter: []string{"捡到身份证怎么补？"}, Answer: "请到派出所补领。"},
		&corpus.HotEntry{Type: corpus.TypeHot, ID: "H2", Question: "居住证怎么办？", Matter: "A", Order: 2},
		&corpus.HotEntry{Type: corpus.TypeHot, ID: "H1", Question: "今年的学位怎么申请？", Order: 1, Effective: corpus.Period{To: "2026-11-02"}},
		&corpus.HotEntry{Type: corpus.TypeHot, ID: "H3", Question: "别的市的问题", Region: corpus.Region{Code: "990200"}},
		&corpus.HotEntry{Type: corpus.TypeHot, ID: "H4", Question: "没有这个事项", Matter: "GONE"},
		&corpus.ReplyEntry{Type: corpus.TypeReply, ID: "human", Text: "坐席工作日在线。", Calls: []corpus.Call{{Label: "拨打市热线", Phone: "0900-12345"}},
			Effective: corpus.Period{To: "2026-11-02"}},
		&corpus.AgencyEntry{Type: corpus.TypeAgency, Code: "GA", Name: "安澜市公安局", Phone: "0900-5550100", Region: corpus.Region{Code: "990100"}},
		&corpus.AgencyEntry{Type: corpus.TypeAgency, Code: "GA-2", Name: "公安局", Aliases: []string{"安澜市公安局"}, Phone: "0900-5550200", Region: corpus.Region{Code: "990200"}},
		&corpus.AgencyEntry{Type: corpus.TypeAgency, Code: "CG", Name: "安澜市城管局", Complaint: "0900-5550300"},
	}
}

// What is pinned comes first and in its order; it goes when its time is over,
// in another region, and with its matter.
func TestPinnedQuestions(t *testing.T) {
	now := today
	e := newEngine(t, newMemory(directoryCorpus()...), func(c *Config) { c.Now = func() time.Time { return now } })
	hot := func(region corpus.RegionCode) (texts []string) {
		t.Helper()
		list, err := e.Hot(t.Context(), region, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			texts = append(texts, h.Text)
		}
		return texts
	}
	if diff := cmp.Diff([]string{"今年的学位怎么申请？", "居住证怎么办？", "身份证丢了怎么补？"}, hot("990100")); diff != "" {
		t.Errorf("in the city (-want +got):\n%s", diff)
	}
	now = today.AddDate(0, 0, 1)
	if diff := cmp.Diff([]string{"别的市的问题", "居住证怎么办？", "身份证丢了怎么补？"}, hot("990200")); diff != "" {
		t.Errorf("in the other city, a day later (-want +got):\n%s", diff)
	}
}

func TestOwnReply(t *testing.T) {
	now := today
	e := newEngine(t, newMemory(directoryCorpus()...), func(c *Config) { c.Now = func() time.Time { return now } })
	a := ask(t, e, Request{Text: "转人工"})
	if diff := cmp.Diff([]Action{{"call", "拨打市热线", "tel:0900-12345"}}, a.Actions); diff != "" || a.Text != "坐席工作日在线。" || a.Outcome != Handoff {
		t.Errorf("%s, %q (-want +got):\n%s", a.Outcome, a.Text, diff)
	}
	now = today.AddDate(0, 0, 1)
	if a := ask(t, e, Request{Text: "转人工"}); a.Outcome != Handoff || a.Text == "坐席工作日在线。" {
		t.Errorf("after its time: %s, %q", a.Outcome, a.Text)
	}
}

// Where a guide has no telephone, its agency's stands in, with its source.
func TestAgencyTelephone(t *testing.T) {
	e := newEngine(t, newMemory(directoryCorpus()...))
	a := ask(t, e, Request{Text: "居住证申领的咨询电话"})
	says(t, a.Text, []string{"没有公布咨询电话", "安澜市公安局咨询电话 0900-5550100"}, "0900-5550200")
	want := []Fact{{Code: "GA", Field: "phone", Label: "安澜市公安局咨询电话", Value: "0900-5550100"}}
	if diff := cmp.Diff(want, a.Facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Action{{"call", "拨打安澜市公安局", "tel:09005550100"}}, a.Actions); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	a = ask(t, e, Request{Text: "犬只登记的投诉电话"})
	says(t, a.Text, []string{"安澜市城管局监督投诉电话 0900-5550300"})
	a = ask(t, e, Request{Text: "犬只登记要多少钱"})
	says(t, a.Text, []string{"没有公布收费", "政务服务便民热线 12345"}, "安澜市城管局")
}

// A counter-question is never answered with the FAQ that it belongs to; what
// only resembles it still is.
func TestCounterQuestion(t *testing.T) {
	e := newEngine(t, newMemory(directoryCorpus()...))
	quoted := func(text string) bool {
		a := ask(t, e, Request{Text: text})
		return len(a.Facts) > 0 && a.Facts[0].Code == "F"
	}
	for text, want := range map[string]bool{"身份证丢了怎么补？": true, "补办身份证": true, "捡到身份证怎么补？": false, "捡到身份证怎么补": false, "捡到身份证怎么补??": false} {
		if got := quoted(text); got != want {
			t.Errorf("%q is answered with the FAQ: %v, want %v", text, got, want)
		}
	}
}

// A matter talked about that is withdrawn, or no longer in force, is not
// answered about any more.
func TestMatterGone(t *testing.T) {
	now := today
	m := newMemory(&corpus.Guide{Matter: corpus.Matter{Code: "A", Name: "居住证申领"}, Condition: "居住半年",
		PromisedLimit: &corpus.Limit{N: 5, Unit: "工作日"}, Effective: corpus.Period{To: "2026-11-02"}})
	e := newEngine(t, m, func(c *Config) { c.Now = func() time.Time { return now } })
	before := ask(t, e, Request{Text: "居住证申领"})
	if first(before) != "A" {
		t.Fatalf("answered %+v", before)
	}
	now = today.AddDate(0, 0, 1)
	a := ask(t, e, Request{Text: "那要几天", State: before.State})
	says(t, a.Text, []string{"已于 2026-11-02 失效"}, "5个工作日")
	if a.Outcome != NotFound || a.Aspect != nlp.AspectTimeLimit || len(a.Facts) > 0 {
		t.Errorf("expired: %+v", a)
	}
	now = today
	m.remove(corpus.Key{Type: corpus.TypeGuide, ID: "A"})
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	a = ask(t, e, Request{Text: "那要几天", State: before.State})
	says(t, a.Text, []string{"已经撤下"}, "5个工作日")
	if a.Outcome != NotFound || len(a.Matters) > 0 {
		t.Errorf("withdrawn: %+v", a)
	}
}

// What is in force changes with the day, without a new edition.
func TestRefreshOnANewDay(t *testing.T) {
	now := today
	e := newEngine(t, newMemory(&corpus.Bundle{Type: corpus.TypeBundle, ID: "B", Name: "退休一件事", Steps: []corpus.Step{{Matter: "A"}},
		Effective: corpus.Period{From: "2026-11-03", To: "2026-11-03"}}), func(c *Config) { c.Now = func() time.Time { return now } })
	for day, want := range []int{0, 1, 0} {
		now = today.AddDate(0, 0, day)
		if err := e.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		events, err := e.Events(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != want {
			t.Errorf("day %d: %d life events, want %d", day, len(events), want)
		}
	}
}

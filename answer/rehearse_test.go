package answer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/govqa/govqa/corpus"
)

// askedOfSample are questions of every kind that the sample can be asked.
var askedOfSample = []string{"居住证怎么办", "居住证补领多少钱", "护照丢了怎么办", "我想补领豆豆本", "新生儿出生一件事",
	"社保卡", "明天股票会涨吗", "上海的居住证怎么办", "房产证丢了去哪里办", "身份证丢了能跨省办吗"}

// unlike leaves out what no two answers have in common.
var unlike = cmpopts.IgnoreFields(Answer{}, "ID", "State", "ElapsedMS", "Recommendations")

// A rehearsal answers as the engine does once the changes are published, and
// leaves no trace of having been asked.
func TestRehearsalEqualsPublishing(t *testing.T) {
	recs, err := sampleRecords()
	if err != nil {
		t.Fatal(err)
	}
	m, book := newMemory(recs...), &notebook{}
	e := newEngine(t, m, func(c *Config) { c.Journal = book })
	guide := sampleGuide(t, recs, "AL-JZ-004")
	guide.Fee = &corpus.Fee{Items: []corpus.FeeItem{{Name: "工本费", Amount: "77元/证"}}}
	word := &corpus.Word{Type: corpus.TypeWord, ID: "W-1", Word: "豆豆本", Official: []string{"居住证"}, Confidence: 1, Kind: corpus.WordEveryday}
	gone := corpus.Key{Type: corpus.TypeGuide, ID: "AL-CR-003"}
	before := map[string]Answer{}
	for _, text := range askedOfSample {
		before[text] = ask(t, e, Request{Text: text})
	}
	asked := len(book.asked)
	r, err := e.Rehearse(t.Context(), []corpus.Change{{Key: guide.Key(), Record: guide}, {Key: word.Key(), Record: word}, {Key: gone}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	rehearsed := map[string]Answer{}
	for _, text := range askedOfSample {
		rehearsed[text] = ask(t, r.Engine, Request{Text: text})
		if diff := cmp.Diff(before[text], ask(t, e, Request{Text: text}), unlike); diff != "" {
			t.Errorf("%s: the rehearsal changed the engine (-before +now):\n%s", text, diff)
		}
	}
	if n := len(book.asked) - asked; n != len(askedOfSample) {
		t.Errorf("%d questions were journalled, %d asked outside the rehearsal", n, len(askedOfSample))
	}
	m.publish(guide, word)
	delete(m.editions[m.Edition()], gone)
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range askedOfSample {
		if diff := cmp.Diff(ask(t, e, Request{Text: text}), rehearsed[text], unlike); diff != "" {
			t.Errorf("%s (-published +rehearsed):\n%s", text, diff)
		}
	}
	if !strings.Contains(rehearsed["居住证补领多少钱"].Text, "77元") || first(rehearsed["我想补领豆豆本"]) != "AL-JZ-004" ||
		first(rehearsed["护照丢了怎么办"]) == "AL-CR-003" {
		t.Error("the changes are not in the rehearsal")
	}
}

func sampleGuide(t *testing.T, recs []corpus.Record, code string) *corpus.Guide {
	t.Helper()
	for _, rec := range recs {
		if g, ok := rec.(*corpus.Guide); ok && g.Code == code {
			copied := *g
			return &copied
		}
	}
	t.Fatalf("the sample has no %s", code)
	return nil
}

// On another day other records are in force.
func TestRehearsalOnADay(t *testing.T) {
	recs, err := sampleRecords()
	if err != nil {
		t.Fatal(err)
	}
	guide := sampleGuide(t, recs, "AL-JZ-004")
	guide.Effective.From = "2027-01-01"
	e := newEngine(t, newMemory(append(recs, guide)...))
	for day, want := range map[string]bool{"2026-12-31": false, "2027-01-01": true} {
		on, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Rehearse(t.Context(), nil, on)
		if err != nil {
			t.Fatal(err)
		}
		if got := first(ask(t, r.Engine, Request{Text: "居住证补领"})) == "AL-JZ-004"; got != want {
			t.Errorf("%s: found %v", day, got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A trace tells how the very answer came about that Ask gives.
func TestTrace(t *testing.T) {
	e := sampleEngine(t)
	bench, err := e.Rehearse(t.Context(), nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := bench.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, text := range askedOfSample {
		tr, err := bench.Trace(t.Context(), Request{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ask(t, e, Request{Text: text}), tr.Answer, unlike, cmpopts.IgnoreFields(Answer{}, "Edition")); diff != "" {
			t.Errorf("%s (-asked +traced):\n%s", text, diff)
		}
		if tr.Caught == nil && (len(tr.Terms) == 0 || len(tr.Searches) < 3 || len(tr.Gates) == 0) {
			t.Errorf("%s: %d terms, %d searches, %d gates", text, len(tr.Terms), len(tr.Searches), len(tr.Gates))
		}
		for _, s := range tr.Searches {
			for _, h := range s.Hits {
				if h.Why == nil || len(h.Why.Features) == 0 {
					t.Errorf("%s: %s is not explained", text, h.Key)
				}
			}
		}
	}
	tr, err := bench.Trace(t.Context(), Request{Text: "明天股票会涨吗"})
	if err != nil || tr.Caught == nil || tr.Caught.Rule == "" || len(tr.Searches) > 0 {
		t.Errorf("what the guard catches: %+v, %v", tr.Caught, err)
	}
	tr, err = bench.Trace(t.Context(), Request{Text: "居住证补领多少钱", Region: "990102"})
	if err != nil {
		t.Fatal(err)
	}
	gates := map[GateName]bool{}
	for _, g := range tr.Gates {
		gates[g.Name] = g.Passed
	}
	if !gates[GateSure] || !gates[GateSaid] || gates[GateForeign] {
		t.Errorf("gates %v", gates)
	}
}

package eval_test

import (
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/answer/eval"
)

// TestSameMatterEverywhere asks every judged question of the desk, as typed
// and as heard, of the chat, and of the search page: all have the same matter
// first. Where the chat quotes a standard question, lists a life event or
// takes up the matter talked about, the search page, which does none of that,
// is only held to find what the chat would rank.
func TestSameMatterEverywhere(t *testing.T) {
	engine, _ := sampleEngine(t)
	every := 1
	if raceOn {
		every = 4
	}
	n, compared, searched := 0, 0, 0
	texts(judgedSet(t), func(id, text string) {
		if n++; n%every != 0 {
			return
		}
		a, err := engine.Ask(t.Context(), answer.Request{Text: text})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for how, h := range map[string]desk.Heard{"typed": {Typed: text}, "heard": {Lines: []string{text}}} {
			c, ok, err := desk.Follow(t.Context(), engine, h, desk.ListLength)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if len(a.Matters) == 0 {
				continue // nothing is answered; the desk may still offer, marked as unsure
			}
			compared++
			list := desk.Arrange([]string{"other", "matters"}, c.Candidates, "", true, desk.Margin)
			if !ok || c.Answer.Outcome != a.Outcome || len(list) == 0 || list[0].Code != a.Matters[0].Code {
				if how == "heard" && len([]rune(text)) > 100 {
					continue // the desk hears the last 120 characters
				}
				t.Errorf("%s %s: the chat gives %s %s, the desk %s %+v", id, how, a.Outcome, a.Matters[0].Code, c.Answer.Outcome, list)
			}
		}
		byRank := a.GeneratedBy == answer.ByTemplate && len(a.Matters) > 0 && (len(a.Facts) == 0 || a.Facts[0].Field != "answer" && a.Facts[0].Field != "steps")
		if !byRank {
			return
		}
		page, err := engine.Search(t.Context(), answer.SearchRequest{Text: text})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		searched++
		if len(page.Matters) == 0 || page.Matters[0].Code != a.Matters[0].Code {
			t.Errorf("%s: the chat gives %s, the search page %+v", id, a.Matters[0].Code, page.Matters[:min(1, len(page.Matters))])
		}
	})
	t.Logf("%d texts compared on the desk and in the chat, %d on the search page", compared/2, searched)
	if compared < n/every || searched < n/every/2 {
		t.Errorf("only %d and %d of %d compared", compared, searched, n/every)
	}
}

// TestDeskReport holds docs/desk.md to what the desk does with the judged
// texts, word by word, and the bands to what they promise.
func TestDeskReport(t *testing.T) {
	if raceOn || testing.Short() {
		t.Skip("thousands of searches: run without the race detector by make test")
	}
	engine, _ := sampleEngine(t)
	p, err := segmenter()
	if err != nil {
		t.Fatal(err)
	}
	report, err := eval.Desk(t.Context(), judgedDir, engine, p.seg)
	if err != nil {
		t.Fatal(err)
	}
	requireSection(t, "../../docs/desk.md", report.Table())
	least := map[desk.Band]float64{desk.High: .9, desk.Middle: .6}
	for _, b := range report.Bands {
		if b.Right < least[b.Band] {
			t.Errorf("of the suggestions of band %s %.1f %% are right, promised are %.0f %%", b.Band, 100*b.Right, 100*least[b.Band])
		}
	}
}

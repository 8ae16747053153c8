package answer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// The words of an edition are loaded with it, and leave with it.
func TestWordsOfAnEdition(t *testing.T) {
	recs, err := sampleRecords()
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(recs...)
	e := newEngine(t, m)
	refresh := func() {
		t.Helper()
		if err := e.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	question := Request{Text: "我想补领豆豆本"}
	before := ask(t, e, question)
	if first(before) == "AL-JZ-004" && before.Outcome == Answered {
		t.Fatal("豆豆本 is understood without being told")
	}
	word := &corpus.Word{Type: corpus.TypeWord, ID: "W-1", Word: "豆豆本", Official: []string{"居住证"}, Confidence: 1, Kind: corpus.WordEveryday}
	m.publish(word)
	refresh()
	if a := ask(t, e, question); a.Outcome != Answered || first(a) != "AL-JZ-004" {
		t.Errorf("with the word: %s about %s", a.Outcome, first(a))
	}
	there := *word
	there.Region.Code = "990100"
	m.publish(&there)
	refresh()
	for _, row := range []struct {
		why     string
		request Request
		want    bool
	}{
		{"who asks there is understood", Request{Text: question.Text, Region: "990101"}, true},
		{"who names the place is understood", Request{Text: "在安澜市，我想补领豆豆本"}, true},
		{"who says nothing of a place is not", question, false},
	} {
		a := ask(t, e, row.request)
		if got := a.Outcome == Answered && first(a) == "AL-JZ-004"; got != row.want {
			t.Errorf("%s: %s about %s", row.why, a.Outcome, first(a))
		}
	}
	m.remove(word.Key())
	refresh()
	after := ask(t, e, question)
	if diff := cmp.Diff([]any{before.Outcome, first(before), before.Confidence}, []any{after.Outcome, first(after), after.Confidence}); diff != "" {
		t.Errorf("without the word again (-before +after):\n%s", diff)
	}
}
